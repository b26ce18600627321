# SPDX-License-Identifier: BSD-3-Clause
"""Predictions written to a bucket of a real server: whole, killed and continued, and in parts.

The network changes nothing. The objects must be those of an image that was written to a folder, byte for byte.
"""

import os
import signal
import subprocess
import sys

import microtome
import numpy as np
import pytest

SHAPE = (3, 200, 150)
TILES = {"tile": (64, 64), "overlap": 16, "batch_size": 4, "identity": "same", "dtype": "source", "progress": False}
TILES |= {"chunks": {"Y": 32, "X": 32}, "pyramid": 2}
RUN = f"""
import os, signal, sys, time
import microtome

image, axes, out, left = *sys.argv[1:4], int(sys.argv[4])

def network(batch):
    global left
    if left == 0:
        time.sleep(0.3)  # until something is written
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return batch

done = microtome.predict(network, microtome.open(image, axes=axes), out, blend=sys.argv[5], **{TILES!r})
print(done.tiles)
"""


@pytest.fixture
def lab(seaweed, as_lab):
    as_lab(seaweed)
    return seaweed


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A file, and its pixels."""
    pixels = np.random.default_rng(4).integers(0, 60000, SHAPE, np.uint16)
    path = tmp_path_factory.mktemp("image") / "in.npy"
    np.save(path, pixels)
    return path, pixels


def predict(image, axes, out, batches, blend):
    """The tiles that the network saw; None if it was killed after some batches."""
    command = [sys.executable, "-W", "ignore", "-c", RUN, image[0], axes, out, f"{batches}", blend]
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    assert done.returncode == (0 if done.stdout else -signal.SIGKILL)
    return int(done.stdout) if done.stdout else None


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("axes", "blend"), [("CYX", "crop"), ("ZYX", "hann"), ("SYX", "crop")])
def test_a_killed_prediction_continues(lab, image, tmp_path, axes, blend):
    """An image of several channels; planes, which are blended; and a collection of three images."""
    n = 12 if axes == "CYX" else 36
    assert predict(image, axes, tmp_path / "whole.zarr", 100, blend) == n
    url = f"s3://lab/predicted {axes}.zarr"
    assert predict(image, axes, url, 2, blend) is None
    assert predict(image, axes, url, 1, blend) is None
    assert 0 < predict(image, axes, url, 100, blend) < n
    assert lab.objects(f"lab/predicted {axes}.zarr") == files(tmp_path / "whole.zarr")
    assert predict(image, axes, url, 100, blend) == 0
    for i in range(3 if axes == "SYX" else 1):
        with microtome.open(f"{url}#{i}" if axes == "SYX" else url) as copy:
            found = np.asarray(copy[...]).reshape(-1, *SHAPE[1:])
            np.testing.assert_array_equal(found, image[1][i : i + 1] if axes == "SYX" else image[1])


def test_parts_of_a_plan(lab, image, tmp_path):
    """A plan is found in the bucket; a failure of a part is kept there."""
    predict(image, "SYX", tmp_path / "whole.zarr", 100, "crop")
    url = "s3://lab/planned.zarr"
    with microtome.open(image[0], axes="SYX") as stack:
        options = {name: value for name, value in TILES.items() if name != "progress"}
        microtome.prepare(np.copy, stack, url, **options)
    plan = microtome.Plan.open(url)
    assert plan.run(np.copy, part=(1, 2)).tiles > 0

    def failing(batch):
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        plan.run(failing, part=(0, 2))
    status = plan.status()
    assert 0 < status.n_done < status.n_units and list(status.failed) == ["0 of 2"]
    with pytest.raises(microtome.ArgumentError, match="missing"):
        plan.finish()
    plan.run(np.copy, part=(0, 2))
    plan.finish()
    assert plan.status().finished
    assert lab.objects("lab/planned.zarr") == files(tmp_path / "whole.zarr")


def test_several_outputs(lab, image, tmp_path):
    """The plan is kept with the first one."""
    outputs = {"a": microtome.Output(of=0), "b": microtome.Output(of=0, dtype="float32")}
    left = iter(range(2))

    def failing(batch):
        if next(left, None) is None:
            raise RuntimeError("no more")
        return batch

    with microtome.open(image[0], axes="CYX") as stack:
        whole = microtome.predict(np.copy, stack, tmp_path / "out.zarr", outputs=outputs, **TILES)
        with pytest.raises(RuntimeError, match="no more"):
            microtome.predict(failing, stack, "s3://lab/out.zarr", outputs=outputs, **TILES)
    plan = microtome.Plan.open("s3://lab/out_a.zarr")
    assert plan.run(np.copy).tiles < whole.tiles
    plan.finish()
    for name, path in whole.paths.items():
        assert plan.paths[name] == f"s3://lab/out_{name}.zarr"
        assert lab.objects(f"lab/out_{name}.zarr") == files(tmp_path / os.path.basename(path))
