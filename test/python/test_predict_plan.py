# SPDX-License-Identifier: BSD-3-Clause
"""Predictions that several processes do: prepare, run, status, finish."""

import pickle
import shutil
import subprocess
import sys
import textwrap
import threading

import microtome
import microtome.dask
import numpy as np
import pytest
from microtome import ArgumentError, LimitError, Output, Plan, _context
from predictions import Failing, digest

TILES = {"tile": (24, 32), "overlap": 8, "batch_size": 3, "chunks": {"Y": 32, "X": 32}, "durability": "never"}
SHAPE = (2, 70, 100)


@pytest.fixture
def image(tmp_path):
    """A file, which plans can open again."""
    pixels = np.random.default_rng(1).integers(0, 60000, SHAPE, np.uint16)
    np.save(tmp_path / "in.npy", pixels)
    with microtome.open(tmp_path / "in.npy", axes="CYX") as stack:
        yield stack


def network(batch):
    return batch[:, ::-1] * 0.5


@pytest.mark.parametrize(
    ("suffix", "blend"), [("zarr", "crop"), ("ome.zarr", "linear"), ("ome.tif", "crop"), ("npy", "hann")]
)
@pytest.mark.parametrize("n", [1, 3, 20])
def test_parts_are_the_whole(tmp_path, image, suffix, blend, n):
    options = {**TILES, "blend": blend, "identity": "net 1", **({"chunks": {"Y": 32}} if suffix == "npy" else {})}
    whole = microtome.predict(network, image, tmp_path / f"whole.{suffix}", progress=False, **options)
    plan = microtome.prepare(network, image, tmp_path / f"out.{suffix}", **options)
    total = 0
    for k in reversed(range(n)):
        with pytest.raises(ArgumentError, match="missing"):
            plan.finish()
        total += pickle.loads(pickle.dumps(plan)).run(network, part=(k, n)).tiles
    assert total >= whole.tiles
    assert plan.status() == (False, plan.status().n_units, plan.status().n_units, {})
    plan.finish()
    assert plan.status().finished
    assert digest(tmp_path / f"out.{suffix}") == digest(tmp_path / f"whole.{suffix}")
    if suffix != "npy":  # which does not tell how it was made
        assert plan.run(network).tiles == 0


def test_several_outputs_in_threads(tmp_path, image):
    """Parts at the same time, of outputs with other units."""

    def network(batch):
        return {"half": batch[:, :1, ::2, ::2], "same": batch}

    options = {**TILES, "align": 2, "identity": "net 1", "outputs": {"same": "source", "half": "float32"}}
    whole = microtome.predict(network, image, tmp_path / "whole.zarr", progress=False, **options)
    plan = microtome.prepare(network, image, tmp_path / "out.zarr", **options)
    threads = [threading.Thread(target=plan.run, args=(network, (k, 4))) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    plan.finish()
    for name in ("same", "half"):
        assert digest(plan.paths[name]) == digest(whole.paths[name])


def test_processes_open_the_plan(tmp_path, image):
    options = {**TILES, "blend": "gaussian", "normalize": (1000.0, 300.0), "pad": "mean", "samples": 2,
               "outputs": {"mean": "source", "std": "float32"}}  # fmt: skip
    whole = microtome.predict(network, image, tmp_path / "whole.ome.zarr", progress=False, identity="net 1", **options)
    plan = microtome.prepare(network, image, tmp_path / "out.ome.zarr", identity="net 1", **options)
    program = textwrap.dedent("""
        import sys, microtome
        plan = microtome.Plan.open(sys.argv[1])
        plan.run(lambda batch: batch[:, ::-1] * 0.5, part=(int(sys.argv[2]), 3))
    """)
    for k, path in enumerate((tmp_path / "out.ome.zarr", plan.paths["mean"], plan.paths["std"])):
        if k == 2:
            path = tmp_path / "out.ome.zarr"
        subprocess.run([sys.executable, "-W", "error", "-c", program, path, str(k)], check=True)
    again = Plan.open(tmp_path / "out.ome.zarr")
    assert again.paths == plan.paths
    again.finish()
    for name in whole.paths:
        assert digest(plan.paths[name]) == digest(whole.paths[name])
    with pytest.raises(microtome.NotFoundError, match="no unfinished output of a plan"):
        Plan.open(tmp_path / "out.ome.zarr")


def test_failures_are_told(tmp_path, image):
    plan = microtome.prepare(network, image, tmp_path / "out.zarr", identity="net 1", **TILES)
    assert plan.status().n_done == 0 and not plan.status().finished
    with pytest.raises(RuntimeError):
        plan.run(Failing(network, 1), part=(1, 3))
    with pytest.raises(KeyboardInterrupt):
        plan.run(Failing(network, 0, KeyboardInterrupt), part=(2, 3))
    plan.run(network, part=(0, 3))
    status = plan.status()
    assert status.failed == {"1 of 3": "RuntimeError: no more", "2 of 3": "KeyboardInterrupt: no more"}
    assert 0 < status.n_done < status.n_units
    with pytest.raises(ArgumentError, match="missing") as caught:
        plan.finish()
    assert any("part 1 of 3 failed: RuntimeError: no more" in note for note in caught.value.__notes__)
    plan.run(network, part=(1, 3))
    assert list(plan.status().failed) == ["2 of 3"]
    plan.run(network)
    plan.finish()
    assert plan.status() == (True, 0, 0, {})


def test_a_collection_that_is_finished_too_early(tmp_path):
    """No image of it is finished before all are complete."""
    stack = microtome.from_array(np.random.default_rng(3).random(SHAPE, np.float32), "SYX")
    options = {**TILES, "identity": "net 1"}
    microtome.predict(np.negative, stack, tmp_path / "whole.zarr", progress=False, **options)
    plan = microtome.prepare(np.negative, stack, tmp_path / "out.zarr", **options)
    plan.run(np.negative, part=(1, 2))
    with pytest.raises(ArgumentError, match=r"out\.zarr/0: 12 of 12 chunks are missing"):
        plan.finish()
    plan.run(np.negative, part=(0, 2))
    plan.finish()
    assert digest(tmp_path / "out.zarr") == digest(tmp_path / "whole.zarr")


def test_a_collection_within_a_budget_of_memory(tmp_path):
    """Before and after it is begun; with blending, whose least may be less than that of crops."""
    stack = microtome.from_array(np.random.default_rng(3).random((3, 300, 300), np.float32), "SYX")
    options = {**TILES, "identity": "net 1", "blend": "hann", "chunks": {"Y": 16, "X": 16}}
    whole = microtome.predict(np.negative, stack, tmp_path / "whole.zarr", **options)
    options["memory"] = whole.memory
    with pytest.raises(LimitError, match="MiB of memory are needed"):
        microtome.predict(np.negative, stack, tmp_path / "out.zarr", **{**options, "memory": "1 KiB"})
    with pytest.raises(RuntimeError, match="no more"):
        microtome.predict(Failing(np.negative, 8), stack, tmp_path / "out.zarr", **options)
    plan = microtome.prepare(np.negative, stack, tmp_path / "out.zarr", **options)
    with pytest.raises(ArgumentError, match="missing"):
        plan.finish()
    plan.run(np.negative)
    plan.finish()
    assert digest(tmp_path / "out.zarr") == digest(tmp_path / "whole.zarr")


def test_the_status_of_a_collection(tmp_path):
    """Also before it is begun, and if its first image is finished and others are not: the plan is kept with these."""
    stack = microtome.from_array(np.random.default_rng(3).random((3, 48, 64), np.float32), "SYX")
    plan = microtome.prepare(np.negative, stack, tmp_path / "out.zarr", identity="net 1", **TILES)
    n = plan.status().n_units
    assert plan.status() == (False, 0, n, {})
    plan.run(np.negative)
    assert plan.status() == (False, n, n, {})
    plan.finish()
    assert plan.status() == (True, 0, 0, {})
    shutil.rmtree(tmp_path / "out.zarr" / "2")
    plan.run(np.negative)
    found = Plan.open(tmp_path / "out.zarr", stack)
    assert found.status() == (False, n // 3, n // 3, {})
    found.finish()
    assert found.status().finished


def make_context():
    make_context.calls += 1
    return microtome.Context(threads=1)


def test_a_pickled_plan_writes_in_the_context_of_a_function(tmp_path, image):
    """So other processes have credentials for the output, too."""
    make_context.calls = 0
    plan = microtome.prepare(network, image, tmp_path / "out.zarr", context=make_context, **TILES)
    text = pickle.dumps(plan)
    _context._made.clear()  # as in another process
    made = make_context.calls
    pickle.loads(text).run(network)
    assert make_context.calls == made + 1


def test_a_plan_is_opened_by_its_own_paths_alone(tmp_path, image):
    """Not by one that only begins like them."""
    options = {**TILES, "identity": "net 1"}
    microtome.prepare(network, image, tmp_path / "out_mine.zarr", **options)
    several = microtome.prepare(lambda batch: [batch, batch], image, tmp_path / "out_two.zarr", **options)
    with pytest.raises(microtome.NotFoundError, match="no unfinished output"):
        Plan.open(tmp_path / "out.zarr")
    assert Plan.open(tmp_path / "out_mine.zarr").paths == {"": str(tmp_path / "out_mine.zarr")}
    assert Plan.open(tmp_path / "out_two.zarr").paths == several.paths


def test_without_a_network(tmp_path, image):
    """A plan may be made where the network cannot run."""
    with pytest.raises(ArgumentError, match="channels"):
        microtome.prepare(None, image, tmp_path / "out.zarr", **TILES)
    plan = microtome.prepare(None, image, tmp_path / "out.zarr", outputs=Output(channels=2, dtype="source"), **TILES)
    plan.run(lambda batch: batch)
    plan.finish()
    with microtome.open(tmp_path / "out.zarr") as out:
        assert np.array_equal(out[:], image[:])


def test_another_network_is_refused(tmp_path, image):
    plan = microtome.prepare(Failing(network, -1), image, tmp_path / "out.zarr", **TILES)
    with pytest.raises(ArgumentError, match="net 2, not net 1"):
        plan.run(Failing(network, -1, identity="net 2"))
    plan.run(network)  # has no name: the caller knows
    plan.finish()


def test_an_image_that_moved_or_changed(tmp_path, image):
    plan = microtome.prepare(network, image, tmp_path / "out.zarr", identity="net 1", **TILES)
    with pytest.raises(RuntimeError):
        plan.run(Failing(network, 4))
    (tmp_path / "in.npy").rename(tmp_path / "moved.npy")
    with microtome.open(tmp_path / "moved.npy", axes="CYX") as moved:
        Plan.open(tmp_path / "out.zarr", moved).run(network)
    np.save(tmp_path / "in.npy", np.zeros(SHAPE, np.uint16))
    with pytest.raises(ArgumentError, match="the image has changed since it was planned"):
        Plan.open(tmp_path / "out.zarr").run(network)
    plan.finish()


def test_arrays_are_given_again(tmp_path):
    stack = microtome.from_array(np.ones((70, 100), np.float32), "YX")
    microtome.prepare(network, stack, tmp_path / "out.zarr", identity="net 1", **TILES)
    with pytest.raises(ArgumentError, match="source="):
        Plan.open(tmp_path / "out.zarr")
    plan = Plan.open(tmp_path / "out.zarr", stack)
    plan.run(network)
    plan.finish()


def test_parts_by_predict(tmp_path, image):
    """The same call in each process, and once more to finish."""
    options = {**TILES, "identity": "net 1", "progress": False}
    microtome.predict(network, image, tmp_path / "whole.zarr", **options)
    for k in range(3):
        microtome.predict(network, image, tmp_path / "out.zarr", part=(k, 3), **options)
    with pytest.warns(microtome.ImageWarning, match="12 of 12 chunks|24 of 24 chunks"):
        done = microtome.predict(network, image, tmp_path / "out.zarr", **options)
    assert done.tiles == 0
    assert digest(tmp_path / "out.zarr") == digest(tmp_path / "whole.zarr")


@pytest.mark.parametrize("suffix", ["ome.zarr", "tif", "npy"])
def test_too_little_memory_leaves_nothing_behind(tmp_path, image, suffix):
    options = {**TILES, "blend": "hann", "chunks": {"Y": 32}}
    for call in (microtome.predict, microtome.prepare):
        with pytest.raises(LimitError, match="memory are needed"):
            call(network, image, tmp_path / f"out.{suffix}", memory="1 KiB", **options)
        assert [path.name for path in tmp_path.iterdir()] == ["in.npy"]
    done = microtome.predict(network, image, tmp_path / f"out.{suffix}", memory="64 MiB", **options)
    assert done.tiles == 16


def test_files_of_one_process(tmp_path, image):
    plan = microtome.prepare(network, image, tmp_path / "out.tif", **TILES)
    with pytest.raises(ArgumentError, match="one process at a time writes"):
        microtome.dask.predict(plan, network)
    with pytest.raises(ArgumentError, match="part 2 of 2: parts are counted from 0"):
        plan.run(network, part=(2, 2))


def test_plans_say_what_they_are(tmp_path, image):
    plan = microtome.prepare(network, image, tmp_path / "out.zarr", identity="net 1", **TILES)
    assert "16 of 24 x 32" in repr(plan) and "out.zarr" in repr(plan) and plan.is_named
    with pytest.raises(TypeError, match="parts"):
        microtome.prepare(network, image, tmp_path / "out.zarr", parts=3, **TILES)
