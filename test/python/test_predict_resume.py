# SPDX-License-Identifier: BSD-3-Clause
"""Predictions that were interrupted end as if they had not been."""

import shutil
import signal
import subprocess
import sys
import textwrap
import warnings
import weakref

import microtome
import numpy as np
import pytest
from microtome import ArgumentError
from microtome._models import Model
from predictions import Failing, digest

TILES = {
    "tile": (24, 32), "overlap": 8, "batch_size": 3, "chunks": {"Y": 32, "X": 32}, "progress": False,
    "durability": "never",
}  # fmt: skip


@pytest.fixture(autouse=True)
def continued():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*continues (an )?unfinished image")
        yield


@pytest.fixture(scope="module")
def stack():
    return microtome.from_array(np.random.default_rng(1).integers(0, 60000, (2, 70, 100), np.uint16), "CYX")


def network(batch):
    return batch[:, ::-1] * 0.5 + batch.mean((2, 3), keepdims=True)


@pytest.mark.parametrize(
    ("suffix", "blend"), [("ome.zarr", "crop"), ("zarr", "gaussian"), ("ome.tif", "hann"), ("npy", "crop")]
)
def test_a_failure_at_every_batch(tmp_path, stack, suffix, blend):
    options = {**TILES, "blend": blend, "pyramid": suffix != "npy"}
    if suffix == "npy":
        options["chunks"] = {"Y": 32}
    whole = tmp_path / f"whole.{suffix}"
    first = microtome.predict(network, stack, whole, identity="net 1", **options)
    n = -(-first.tiles // 3)
    least = first.tiles
    for after in range(n):
        path = tmp_path / f"{after}.{suffix}"
        with pytest.raises(RuntimeError, match="no more") as caught:
            microtome.predict(Failing(network, after), stack, path, **options)
        if after > 0:
            last = min(3 * after + 2, first.tiles - 1)
            assert any(f"tiles {3 * after} to {last}" in note for note in caught.value.__notes__)
            assert any("the same call continues it" in note for note in caught.value.__notes__)
        done = microtome.predict(network, stack, path, identity="net 1", **options)
        assert digest(path) == digest(whole)
        least = min(least, done.tiles)
        if after == 0:
            assert done.tiles == first.tiles  # nothing was begun
    assert least < first.tiles


def test_again_and_again(tmp_path, stack):
    """A few batches at each call, the first of which tells the channels."""
    options = {**TILES, "chunks": {"Y": 16, "X": 32}}
    microtome.predict(network, stack, tmp_path / "whole.zarr", identity="net 1", **options)
    calls = 1
    while calls < 10:
        try:
            microtome.predict(Failing(network, 4), stack, tmp_path / "out.zarr", **options)
            break
        except RuntimeError:
            calls += 1
    assert 1 < calls < 10
    assert digest(tmp_path / "out.zarr") == digest(tmp_path / "whole.zarr")


def test_ctrl_c_and_kill(tmp_path, monkeypatch):
    """A network that hangs is interrupted; a process that is killed leaves what it has written."""
    np.save(tmp_path / "in.npy", np.random.default_rng(1).integers(0, 60000, (2, 70, 100), np.uint16))
    program = textwrap.dedent(f"""
        import sys, time, microtome
        def network(batch):
            network.left -= 1
            if network.left == 0:
                print("here", flush=True)
                time.sleep(100)
            return batch * 2
        network.left = int(sys.argv[1])
        microtome.predict(network, microtome.open("in.npy", axes="CYX"), "out.zarr", identity="net 1", **{TILES})
    """)
    (tmp_path / "run.py").write_text(program)
    for after, kind in ((4, signal.SIGINT), (5, signal.SIGKILL)):
        run = subprocess.Popen(
            [sys.executable, "run.py", str(after)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert run.stdout.readline() == "here\n"
        run.send_signal(kind)
        _, errors = run.communicate(timeout=20)
        assert run.returncode != 0
        if kind == signal.SIGINT:
            assert "KeyboardInterrupt" in errors and "the same call continues it" in errors
    monkeypatch.chdir(tmp_path)
    with microtome.open("in.npy", axes="CYX") as image:
        done = microtome.predict(lambda batch: batch * 2, image, "whole.zarr", identity="net 1", **TILES)
    subprocess.run([sys.executable, "-W", "ignore", "run.py", "-1"], cwd=tmp_path, check=True)
    assert digest(tmp_path / "out.zarr") == digest(tmp_path / "whole.zarr") and done.tiles == 16


def test_what_is_finished_is_not_done_again(tmp_path, stack):
    first = microtome.predict(network, stack, tmp_path / "out.zarr", identity="net 1", **TILES)
    again = microtome.predict(network, stack, tmp_path / "out.zarr", identity="net 1", **TILES)
    assert again.tiles == 0 and again.skipped == first.tiles
    with pytest.raises(ArgumentError, match="exists"):
        microtome.predict(network, stack, tmp_path / "out.zarr", identity="net 2", **TILES)


TWO = {"a": microtome.Output(of=0), "b": microtome.Output(of=0)}


@pytest.mark.parametrize(("suffix", "outputs"), [("zarr", None), ("zarr", TWO), ("tif", TWO), ("npy", TWO)])
def test_a_failure_between_the_ends_of_images(tmp_path, monkeypatch, suffix, outputs):
    """Several outputs, or several images of a collection: the same call finishes what is left."""
    image = np.random.default_rng(2).random((2, 70, 100), np.float32)
    stack = microtome.from_array(image, "SYX" if outputs is None else "CYX")
    options = {**TILES, "outputs": outputs, "identity": "net 1"}
    options["chunks"] = {"Y": 32} if suffix == "npy" else {"Y": 32, "X": 32}
    whole = microtome.predict(lambda batch: batch, stack, tmp_path / f"whole.{suffix}", **options)
    real, left = microtome.Writer.finish, [1]

    def finish(self, all_required=False):
        if left[0] == 0:
            raise OSError("the disk is gone")
        left[0] -= 1
        real(self, all_required)

    monkeypatch.setattr(microtome.Writer, "finish", finish)
    with pytest.raises(OSError, match="gone"):
        microtome.predict(lambda batch: batch, stack, tmp_path / f"out.{suffix}", **options)
    monkeypatch.setattr(microtome.Writer, "finish", real)
    plan = microtome.Plan.open(tmp_path / f"out.{suffix}", stack)  # what is kept is still there
    assert plan.status().failed == {"all": "OSError: the disk is gone"}
    done = microtome.predict(lambda batch: batch, stack, tmp_path / f"out.{suffix}", **options)
    assert done.tiles == 0 and len(whole.paths) == (1 if outputs is None else 2)
    for name, path in whole.paths.items():
        assert digest(done.paths[name]) == digest(path)


def test_an_image_of_a_collection_that_was_lost(tmp_path):
    """It is made again, beside those that are finished."""
    stack = microtome.from_array(np.random.default_rng(2).random((3, 70, 100), np.float32), "SYX")
    first = microtome.predict(np.negative, stack, tmp_path / "out.zarr", identity="net 1", **TILES)
    whole = digest(tmp_path / "out.zarr")
    for i in range(3):
        shutil.rmtree(tmp_path / "out.zarr" / f"{i}")
        done = microtome.predict(np.negative, stack, tmp_path / "out.zarr", identity="net 1", **TILES)
        assert done.tiles == first.tiles // 3
        assert digest(tmp_path / "out.zarr") == whole


MANY = """
import os, resource, sys
import numpy as np, microtome

part, batches, ends = eval(sys.argv[1]), iter(range(int(sys.argv[2]))), iter(range(int(sys.argv[3])))
finish = microtome.Writer.finish

def network(batch):
    next(batches, None) is None and os._exit(9)
    return batch

def counted(self, all_required=False):
    finish(self, all_required)
    next(ends, None) is None and os._exit(9)

microtome.Writer.finish = counted
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
stack = microtome.from_array(np.random.default_rng(2).random((100, 20, 30), np.float32), "SYX")
done = microtome.predict(network, stack, "out.zarr", tile=(20, 20), overlap=4, batch_size=8, identity="net 1",
                         durability="never", codec="none", progress=False, part=part)
print(done.tiles)
"""


def test_many_images_of_a_collection(tmp_path):
    """A few of them are open at once. Killed in a part, and between the ends of images, it is continued."""
    (tmp_path / "run.py").write_text(MANY)
    out = tmp_path / "out.zarr"

    def run(part, batches=30, ends=100, code=0):
        command = [sys.executable, "-W", "ignore", "run.py", f"{part}", f"{batches}", f"{ends}"]
        done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        assert done.returncode == code
        return int(done.stdout or 0)

    run((0, 2), batches=8, code=9)
    assert 20 < len(list(out.glob("[0-9]*"))) <= 50
    run(None, ends=25, code=9)
    shutil.rmtree(out / "3")  # images from 74 on are finished
    assert 0 < run(None) <= 16
    images = microtome.open_all(out)
    pixels = np.random.default_rng(2).random((100, 20, 30), np.float32)
    assert len(images) == 100
    assert all(np.array_equal(image[0, 0], expected) for image, expected in zip(images, pixels, strict=True))


def test_a_file_of_another_call_is_not_taken_for_an_output(tmp_path, stack):
    """Of NPY, which does not tell how it was made."""
    options = {**TILES, "outputs": TWO, "identity": "net 1", "chunks": {"Y": 32}}
    with pytest.raises(RuntimeError):
        microtome.predict(Failing(network, 4), stack, tmp_path / "out.npy", **options)
    (tmp_path / "out_b.npy.partial").rename(tmp_path / "elsewhere")
    np.save(tmp_path / "out_b.npy", np.zeros((2, 70, 100), np.float32))
    with pytest.raises(ArgumentError, match=r"out_b\.npy: the file exists"):
        microtome.predict(network, stack, tmp_path / "out.npy", **options)


@pytest.fixture
def unfinished(tmp_path, stack):
    with pytest.raises(RuntimeError):
        microtome.predict(Failing(network, 4), stack, tmp_path / "out.zarr", **TILES)
    return tmp_path / "out.zarr"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"identity": "net 2"}, '"network: net 1", not "network: net 2"'),
        ({"blend": "hann"}, '"blend: crop", not "blend: hann"'),
        ({"batch_size": 4}, '"batches: 3 tiles", not "batches: 4 tiles"|"batches: 3 tiles, .*", not "batches: 4 tiles'),
        ({"overlap": 10}, "share 8x8.* share 10x10"),
        ({"normalize": (1.0, 2.0), "inverse": None}, r"none.*1\.0"),
        ({"seed": 5}, "seed 0.*seed 5"),
        ({"dtype": "uint16"}, "dtype is .*float32"),
        ({"resume": False}, "resume=True"),
    ],
)
def test_another_call_does_not_continue(stack, unfinished, changes, message):
    with pytest.raises(ArgumentError, match=message):
        microtome.predict(network, stack, unfinished, **{**TILES, "identity": "net 1", **changes})
    microtome.predict(network, stack, unfinished, **{**TILES, "identity": "net 1"})


def test_another_call_does_not_continue_a_collection(tmp_path):
    stack = microtome.from_array(np.random.default_rng(2).random((3, 70, 100), np.float32), "SYX")
    options = {**TILES, "identity": "net 1"}
    with pytest.raises(RuntimeError):
        microtome.predict(Failing(np.negative, 4), stack, tmp_path / "out.zarr", **options)
    with pytest.raises(ArgumentError, match="resume=True"):
        microtome.predict(np.negative, stack, tmp_path / "out.zarr", **options, resume=False)
    microtome.predict(np.negative, stack, tmp_path / "out.zarr", **options)
    with pytest.raises(ArgumentError, match="exists and is not an unfinished image") as caught:
        microtome.predict(np.negative, stack, tmp_path / "out.zarr", **{**options, "overlap": 6})
    assert not hasattr(caught.value, "__notes__")  # that another call continues it


def test_a_network_without_a_name_does_not_continue(stack, unfinished, tmp_path):
    with pytest.raises(ArgumentError, match="identity="):
        microtome.predict(network, stack, unfinished, **TILES)
    with pytest.raises(RuntimeError):
        microtome.predict(Failing(network, 4, identity=None), stack, tmp_path / "other.zarr", **TILES)
    with pytest.raises(ArgumentError, match="identity="):
        microtome.predict(network, stack, tmp_path / "other.zarr", **TILES)
    with pytest.raises(ArgumentError, match="identity="):
        microtome.predict(network, stack, tmp_path / "parts.zarr", part=(0, 2), **TILES)


def test_a_network_without_a_name_is_continued_by_the_plan(tmp_path, stack):
    with pytest.raises(RuntimeError) as caught:
        microtome.predict(Failing(network, 4, identity=None), stack, tmp_path / "out.zarr", **TILES)
    (note,) = (note for note in caught.value.__notes__ if "unfinished" in note)
    assert "without identity=, the same call cannot continue it; Plan.open('" in note
    plan = microtome.Plan.open(tmp_path / "out.zarr", stack)
    with pytest.raises(RuntimeError) as caught:
        plan.run(Failing(network, 1, identity=None))
    assert any("the same call continues it" in note for note in caught.value.__notes__)
    with pytest.raises(ArgumentError, match="missing") as caught:
        plan.finish()
    assert any("run what is missing" in note for note in caught.value.__notes__)
    plan.run(network)
    plan.finish()
    with microtome.open(tmp_path / "out.zarr") as out:
        assert np.array_equal(out[0], microtome.predict(network, stack, **TILES).array)


def test_another_input_does_not_continue(tmp_path):
    path = tmp_path / "in.npy"
    np.save(path, np.zeros((70, 100), np.uint16))
    with pytest.raises(RuntimeError):
        microtome.predict(Failing(lambda b: b, 4), path, tmp_path / "out.zarr", **TILES)
    np.save(path, np.ones((70, 100), np.uint16))
    with pytest.raises(ArgumentError, match="changed at"):
        microtome.predict(Failing(lambda b: b, -1), path, tmp_path / "out.zarr", **TILES)


# -- networks that break -------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda batch: batch[..., 1:], r"\(3, 2, 24, 31\).*tiles 9 to 11.*\(3, 2, 24, 32\)"),
        (lambda batch: batch[:, :1], r"\(3, 1, 24, 32\)"),
        (lambda batch: batch[:1], "has the shape"),
        (lambda batch: [], "no outputs"),
        (lambda batch: "text", "array"),
        (lambda batch: batch.astype(complex), "real numbers"),
    ],
)
def test_a_network_that_changes(tmp_path, stack, broken, message):
    def network(batch):
        network.calls += 1
        return broken(batch) if network.calls == 4 else batch * 2

    network.identity = "net 1"
    for network.calls in (0, 10):
        if network.calls == 0:
            with pytest.raises(ArgumentError, match=message):
                microtome.predict(network, stack, tmp_path / "out.zarr", **TILES)
    microtome.predict(network, stack, tmp_path / "out.zarr", **TILES)
    with microtome.open(tmp_path / "out.zarr") as out:
        assert np.array_equal(out[0], stack[0] * 2.0)


def test_fewer_outputs(tmp_path, stack):
    network = Failing(lambda batch: [batch, batch], -1)

    def fewer(batch):
        fewer.calls += 1
        return [batch, batch] if fewer.calls < 4 else batch

    fewer.calls, fewer.identity = 0, "net 1"
    with pytest.raises(ArgumentError, match="1 outputs for tiles 9 to 11, fewer than before"):
        microtome.predict(fewer, stack, tmp_path / "out.zarr", **TILES)
    done = microtome.predict(network, stack, tmp_path / "out.zarr", **TILES)
    assert sorted(done.paths) == ["0", "1"] and digest(done.paths["0"])


def test_batches_are_halved_when_memory_runs_out(tmp_path, stack):
    """In the run that met it and in those that continue; the batches before remain as they were."""
    options = {**TILES, "batch_size": 6}
    sizes = []

    def hungry(batch):
        sizes.append(len(batch))
        if len(batch) > 3 and len(sizes) == 3:
            raise MemoryError("too much")
        if len(sizes) == hungry.stop:
            raise RuntimeError("stop")
        return batch * len(batch)

    hungry.identity, hungry.stop = "net 1", 0
    with pytest.warns(microtome.ImageWarning, match="memory with batches of 6 tiles: from tile 12 on, they have 3"):
        done = microtome.predict(hungry, stack, tmp_path / "whole.zarr", **options)
    assert sizes == [6, 6, 4, 3, 1] and done.batch_size == 3 and done.tiles == 16
    sizes.clear()
    hungry.stop = 4
    with pytest.warns(microtome.ImageWarning), pytest.raises(RuntimeError, match="stop"):
        microtome.predict(hungry, stack, tmp_path / "out.zarr", **options)
    assert sizes == [6, 6, 4, 3]
    sizes[:], hungry.stop = [], 0
    microtome.predict(hungry, stack, tmp_path / "out.zarr", **options)
    assert sizes[0] == 6 and set(sizes[1:]) <= {6, 3, 1}
    assert digest(tmp_path / "out.zarr") == digest(tmp_path / "whole.zarr")


@pytest.mark.parametrize("fits", [0, 1])
def test_memory_that_never_suffices(tmp_path, stack, fits):
    """Not even for the first batch, which tells the channels, or for one after it."""

    def hungry(batch):
        hungry.calls += 1
        if len(batch) > 1 or hungry.calls > 2:
            if hungry.calls > fits:
                raise MemoryError("too much")
        return batch

    hungry.calls = 0
    with pytest.warns(microtome.ImageWarning, match="they have 1"), pytest.raises(MemoryError, match="too much"):
        microtome.predict(hungry, stack, tmp_path / "out.zarr", **TILES)


def test_exceptions_keep_their_causes(tmp_path, stack):
    def broken(batch):
        raise RuntimeError("outer") from KeyError("inner")

    with pytest.raises(RuntimeError) as caught:
        microtome.predict(broken, stack, outputs=microtome.Output(channels=2), **TILES)
    assert isinstance(caught.value.__cause__, KeyError) and "tiles 0 to 2" in caught.value.__notes__[0]


def test_batches_in_flight_are_kept_when_memory_runs_out(stack):
    """Those that were started before are put, and nothing of them is alive when memory is given back."""

    class Ahead(Model):
        in_flight, identity, calls, outputs = 2, "net 1", 0, ()

        def __call__(self, batch, seed=None):
            return self.start(batch, seed)()

        def start(self, batch, seed=None):
            self.calls += 1
            if self.calls == 4:
                raise MemoryError("too much")
            array = batch * 2
            self.outputs += (weakref.ref(array),)
            return lambda: [array]

        def free_memory(self):
            assert not any(output() is not None for output in self.outputs[1:])  # the first batch is kept

    with pytest.warns(microtome.ImageWarning, match="from tile 9 on, they have 1"):
        done = microtome.predict(Ahead(), stack, **TILES)
    assert np.array_equal(done.array, stack[0] * 2.0) and done.tiles == 16
