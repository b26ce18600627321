# SPDX-License-Identifier: BSD-3-Clause
"""CZI beside CAREamics' stack, which reads with pylibCZIrw."""

import re

import microtome
import numpy as np
import pytest
from careamics.dataset.image_stack_loader import load_czis
from differential import Comparison, compare, make_requests
from microtome.careamics import load
from pylibCZIrw import czi as pylib

# Name: sizes along T, Z, C; scenes as (row, column, height, width); element type; compression.
FILES = {
    "plain": ((1, 1, 1), [None], "u1", "uncompressed:"),
    "channels": ((1, 1, 3), [None], "u2", "zstd1:ExplicitLevel=2"),
    "times": ((4, 1, 2), [None], "u2", "zstd0:ExplicitLevel=2"),
    "planes": ((1, 5, 2), [None], "u1", "zstd1:ExplicitLevel=2;PreProcess=HiLoByteUnpack"),
    "both": ((2, 3, 2), [None], "f4", "uncompressed:"),
    "scenes": ((2, 1, 1), [(0, 0), (3, 60), (50, 5)], "u2", "zstd1:ExplicitLevel=2"),
    "scenes and planes": ((2, 3, 1), [(-20, -30), (40, 10)], "u1", "uncompressed:"),
}
SIZE = (23, 31)
VIEWS = [
    (name, axes)
    for name, ((t, z, _), *_) in FILES.items()
    for axes, there in (("SCYX", True), ("SCZYX", z > 1), ("SCTYX", t > 1))
    if there
]


def write(path, counts, scenes, dtype, compression, random):
    """Write a file; give its pixels, by scene, along TZCYX."""
    pixels = random.integers(1, 250, (len(scenes), *counts, *SIZE)).astype(dtype)
    with pylib.create_czi(str(path), compression_options=compression) as file:
        for scene, corner in enumerate(scenes):
            for t, z, c in np.ndindex(counts):
                row, column = corner or (0, 0)
                where = {} if corner is None else {"scene": scene}
                plane = pixels[scene, t, z, c][..., None]
                file.write(plane, location=(column, row), plane={"T": t, "Z": z, "C": c}, **where)
    return pixels


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("czi"), np.random.default_rng(9)
    return {name: (folder / f"{name}.czi", write(folder / f"{name}.czi", *how, random)) for name, how in FILES.items()}


def seen_as(pixels, axes):
    """SC(Z)YX of pixels along TZCYX."""
    if axes == "SCYX":
        return pixels.reshape(-1, *pixels.shape[2:]).astype(np.float32)
    depth = pixels if axes == "SCZYX" else pixels.swapaxes(0, 1)
    return depth.swapaxes(1, 2).astype(np.float32)


def test_czi(files):
    done, random = Comparison("czi"), np.random.default_rng(4)
    for name, axes in VIEWS:
        path, pixels = files[name]
        theirs, ours = load_czis([path], axes), load(path, axes)
        sources = [str(s.source) for s in theirs]
        assert [s.source for s in ours] == (sources if len(sources) > 1 else [str(path)])
        assert [s.data_shape for s in load(sources, axes)] == [s.data_shape for s in ours]
        for one, other, scene in zip(theirs, ours, pixels, strict=True):
            assert one.axes == other.axes == other.original_axes == axes
            requests = make_requests(other.data_shape, 520, random, smallest=1)
            compare(done, one, other, seen_as(scene, axes), requests)
    print(f"czi: {done.total} requests, {done.same} alike ({done.errors} errors), {dict(done.on_purpose)}")
    assert done.total >= 10_000 and done.errors > 30
    assert done.theirs_differ == set(done.on_purpose), "a difference is listed that is none"


def test_types_are_those_of_the_file(files):
    for name, (path, pixels) in files.items():
        assert {s.data_dtype for s in load(path, "SCYX")} == {pixels.dtype}
        assert load_czis([path], "SCYX")[0].data_dtype == np.float32, name


def test_scenes_by_careamics_names(files):
    path, pixels = files["scenes"]
    (stack,) = load(f"{path}@1", "SCYX")
    assert stack.source == f"{path}@1"
    np.testing.assert_array_equal(stack.extract_patch(0, None, (0, 0), SIZE), pixels[1, 0, 0])


def test_depth(files):
    path, pixels = files["both"]
    (stack,) = load(path, "SCZYX", depth_axis="T")
    assert stack.original_axes == "SCTYX" and stack.data_shape == (3, 2, 2, *SIZE)
    np.testing.assert_array_equal(stack.extract_patch(1, [0], (0, 0, 0), (2, *SIZE))[0], pixels[0, :, 1, 0])
    for axes, name in (("SCZYX", "times"), ("SCTYX", "planes")):
        with pytest.raises(RuntimeError, match="does not contain a") as theirs:
            load_czis([files[name][0]], axes)
        with pytest.raises(RuntimeError, match=str(theirs.value).partition("does")[2].partition("(")[0][:30]) as ours:
            load(files[name][0], axes)
        assert isinstance(ours.value, microtome.ArgumentError) and ours.value.path == str(files[name][0])
    with pytest.raises(FileNotFoundError):
        load(files["times"][0].parent / "none.czi", "SCZYX")


def test_channels_that_are_not_there(files):
    """CAREamics' users match its message."""
    path, _ = files["channels"]
    (theirs,), (ours,) = load_czis([path], "SCYX"), load(path, "SCYX")
    (array,) = load(np.zeros((3, 40, 50)), "CYX")
    for channels in ([0, 4], [3]):
        with pytest.raises(ValueError, match="Channel index") as expected:
            theirs.extract_patch(0, channels, (0, 0), (8, 8))
        for stack in (ours, array):
            with pytest.raises(ValueError, match=re.escape(str(expected.value))) as caught:
                stack.extract_patch(0, channels, (0, 0), (8, 8))
            assert isinstance(caught.value, IndexError) and isinstance(caught.value, microtome.RangeError)
    with pytest.raises(microtome.RangeError, match="sample 9"):
        ours.extract_patch(9, None, (0, 0), (8, 8))


def test_a_folder_of_czi_and_others(files, tmp_path):
    folder = files["plain"][0].parent
    np.save(folder / "images.npy", files["times"][1][0, :, 0])
    stacks = load(folder, "SCYX")
    names = [str(s.path).partition("#")[0].rpartition("/")[2] for s in stacks]
    assert names == sorted(names) and names.count("scenes.czi") == 3 and "images.npy" in names
    assert len(stacks) == sum(len(scenes) for _, scenes, *_ in FILES.values()) + 1
    assert [s.source for s in load(f"{folder}/s*.czi", "SCYX")] == [s.source for s in stacks if "scenes" in s.path]
    assert all(s.original_axes == "SCYX" for s in stacks)
