# SPDX-License-Identifier: BSD-3-Clause
"""Batches over several stacks, channels by name, padding with pixels of the image, arrays that patches are written to."""

import array
import ctypes
import mmap

import microtome
import numpy as np
import pytest
from images import write_ome_zarr
from test_life import Constant

CHANNELS = [("DAPI", "0000FF"), ("GFP", "00FF00"), ("", "FF0000")]


@pytest.fixture
def named(tmp_path):
    """An image with names of channels, and its pixels TCZYX."""
    pixels = np.random.default_rng(1).integers(0, 60000, (2, 3, 4, 30, 41), np.uint16)
    return pixels, write_ome_zarr(tmp_path / "named.ome.zarr", pixels, "TCZYX", (1, 1, 2, 16, 16), CHANNELS)


# -- several stacks ------------------------------------------------------------------


def test_a_batch_over_several_stacks(tmp_path):
    random = np.random.default_rng(2)
    arrays = [random.integers(0, 255, (n, 2, 30, 40), np.uint8) for n in (2, 3, 1)]
    np.save(tmp_path / "a.npy", arrays[0])
    stacks = [microtome.open(tmp_path / "a.npy", "SCYX"), *(microtome.from_array(a, "SCYX") for a in arrays[1:])]
    which = random.integers(0, 3, 60)
    samples = random.integers(0, [len(arrays[k]) for k in which])
    corners = random.integers(-9, 40, (60, 2))
    batch = microtome.extract_patches(stacks, which, samples, [1, 0, 1], corners, (7, 8), scale=2, padding="edge")
    assert batch.shape == (60, 3, 7, 8)
    for patch, k, sample, corner in zip(batch, which, samples, corners, strict=True):
        expected = stacks[k].extract_patches(sample, [1, 0, 1], [corner], (7, 8), scale=2, padding="edge")
        np.testing.assert_array_equal(patch, expected[0])
    stored = microtome.extract_patches(stacks, 2, 0, None, corners, (7, 8), dtype=np.uint8)
    np.testing.assert_array_equal(stored, stacks[2].extract_patches(0, None, corners, (7, 8), dtype=np.uint8))
    assert microtome.extract_patches(stacks, [], [], None, [], (7, 8)).shape == (0, 2, 7, 8)


def test_chunks_shared_by_a_batch_are_decoded_once(named):
    context, path = microtome.Context(cache_bytes=0, threads=1), named[1]
    stacks = [microtome.open(path, context=context), microtome.open(path, context=context)]
    context.reset_counters()
    microtome.extract_patches(stacks, [0, 1] * 10, 0, [0], [(0, 0, 0)] * 20, (1, 16, 16))
    assert context.counters()["chunks_decoded"] == 2


def test_objects_in_a_batch():
    native = microtome.from_array(np.full((5, 2, 30, 40), 9, np.uint16), "SCYX")
    stacks = [microtome.from_object(Constant()), native, microtome.from_object(Constant())]
    batch = microtome.extract_patches(stacks, [0, 1, 2, 0], [1, 0, 2, 0], [0], [(0, 0)] * 4, (3, 3))
    assert batch[:, 0, 0, 0].tolist() == [1, 9, 2, 0]
    with pytest.raises(KeyError) as caught:
        microtome.extract_patches(stacks, [1, 2], [0, 4], None, [(0, 0)] * 2, (3, 3))
    assert caught.value.args == ("whole", "constant")
    batch, errors = microtome.extract_patches(stacks, [0, 2, 1], [4, 4, 0], None, [(0, 0)] * 3, (3, 3), errors="return")
    assert [type(e) for e in errors] == [KeyError, KeyError, type(None)] and errors[0] is not errors[1]
    assert not batch[:2].any() and (batch[2] == 9).all()


def test_errors_name_their_stack(tmp_path):
    paths = [
        write_ome_zarr(tmp_path / name, np.ones((64, 64), np.uint16), "YX", (32, 32)) for name in ("a.zarr", "b.zarr")
    ]
    (paths[1] / "0/1.0").write_bytes(b"broken")
    stacks = [microtome.open(path) for path in paths]
    where = (0, None, [(50, 0)] * 2, (8, 8))
    with pytest.raises(microtome.CorruptError) as caught:
        microtome.extract_patches(stacks, [0, 1], *where)
    assert caught.value.path == str(paths[1])
    _, errors = microtome.extract_patches(stacks, [0, 1], *where, errors="return")
    assert errors[0] is None and errors[1].path == str(paths[1])


def test_stacks_that_do_not_fit():
    flat, deep = microtome.from_array(np.zeros((9, 9)), "YX"), microtome.from_array(np.zeros((3, 9, 9)), "ZYX")
    two = microtome.from_array(np.zeros((2, 9, 9)), "CYX")
    corners, size = [(0, 0)], (2, 2)
    for stacks, which, error, text in [
        ([flat, deep], 0, ValueError, "spatial axes"),
        ([flat, two], 0, ValueError, "number of channels"),
        ([flat], 1, IndexError, "stack 1 is out of bounds for 1 stacks"),
        ([flat], -1, IndexError, "stack -1"),
        ([flat], [0, 0], ValueError, "stack_idx must be"),
        ([flat], 0.5, TypeError, "stack_idx"),
        ([], 0, ValueError, "at least one"),
        (flat, 0, TypeError, "put the one in a list"),
        ([flat, Constant()], 0, TypeError, "image stacks of microtome"),
        ([flat, microtome.from_array(np.zeros((9, 9)), "YX", context=microtome.Context())], [1], ValueError, None),
    ]:
        if text is None:  # of two contexts: only what is asked for counts
            assert microtome.extract_patches(stacks, which, 0, None, corners, size).shape == (1, 1, 2, 2)
            continue
        with pytest.raises(error, match=text):
            microtome.extract_patches(stacks, which, 0, None, corners, size)
    assert microtome.extract_patches([flat, two], 0, 0, [0], corners, size).shape == (1, 1, 2, 2)
    deep.close()
    with pytest.raises(ValueError, match="closed"):
        microtome.extract_patches([deep], 0, 0, None, [(0, 0, 0)], (1, 1, 1))


# -- names ---------------------------------------------------------------------------


def test_channels_by_name(named):
    pixels, path = named
    stack = microtome.open(path)
    where = ((0, 0, 0), (4, 30, 41))
    for channels, numbers in [(["GFP"], [1]), ("DAPI", [0]), (["GFP", 2, "DAPI", "GFP"], [1, 2, 0, 1])]:
        np.testing.assert_array_equal(stack.extract_patch(1, channels, *where), pixels[1, numbers])
        many = stack.extract_patches(1, channels, [where[0]], where[1], scale=np.ones(len(numbers)))
        np.testing.assert_array_equal(many[0], pixels[1, numbers])
        assert stack.view(channels=channels).png == stack.view(channels=numbers).png
        assert (
            stack.view_patches(0, channels, [(0, 0, 0)], (1, 8, 8)).png
            == stack.view_patches(0, numbers, [(0, 0, 0)], (1, 8, 8)).png
        )
    np.testing.assert_array_equal(stack[:, "GFP"], pixels[:, 1])
    np.testing.assert_array_equal(stack[0, ["GFP", "DAPI"], 1:3], pixels[0, [1, 0], 1:3])
    np.testing.assert_array_equal(stack.extract_patch(1, ["gfp", "Dapi"], *where), pixels[1, [1, 0]])
    with pytest.raises(ValueError, match='no channel "GF": the image has DAPI, GFP'):
        stack.extract_patch(0, ["GF"], *where)
    with pytest.raises(IndexError, match='no channel "X"'):
        stack[:, "X"]
    with pytest.raises(ValueError, match="have no names"):
        microtome.from_array(pixels, "TCZYX").extract_patch(0, ["GFP"], *where)


def test_names_are_looked_up_in_each_stack(named, tmp_path):
    pixels, path = named
    other = write_ome_zarr(tmp_path / "b.zarr", pixels[:, ::-1], "TCZYX", (1, 3, 4, 30, 41), CHANNELS[::-1])
    stacks = [microtome.open(path), microtome.open(other)]
    batch = microtome.extract_patches(stacks, [0, 1], 0, ["GFP", "DAPI"], [(0, 0, 0)] * 2, (4, 30, 41))
    np.testing.assert_array_equal(batch[0], batch[1])
    np.testing.assert_array_equal(batch[0], pixels[0, [1, 0]])


def test_a_name_of_two_channels(tmp_path):
    path = write_ome_zarr(tmp_path / "a.zarr", np.zeros((2, 8, 8), np.uint8), "CYX", (1, 8, 8), [("A", "FF0000")] * 2)
    with pytest.raises(ValueError, match=r'channels 0 \(A\) and 1 \(A\) both match "A": use numbers'):
        microtome.open(path).extract_patch(0, "A", (0, 0), (1, 1))


# -- padding -------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["reflect", "edge"])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_padding_is_that_of_numpy(named, mode, dtype):
    """Of a chunked file; reflections of reflections, too."""
    pixels, path = named
    small = pixels[:, :, :, :5, :7]
    images = [(microtome.open(path), pixels, 25), (microtome.from_array(small, "TCZYX"), small, 100)]
    random = np.random.default_rng(4)
    for stack, image, margin in images:
        reference = np.pad(image, ((0, 0), (0, 0), *[(margin, margin)] * 3), mode)
        sizes = random.integers(1, 20, 3)
        corners = random.integers(-margin, np.array(image.shape[2:]) + margin - sizes + 1, (40, 3))
        samples = random.integers(0, 2, 40)
        patches = stack.extract_patches(samples, [2, 0, 0], corners, sizes, dtype=dtype, padding=mode)
        for patch, sample, corner in zip(patches, samples, corners, strict=True):
            box = tuple(slice(margin + c, margin + c + n) for c, n in zip(corner, sizes, strict=True))
            np.testing.assert_array_equal(patch, reference[sample][[2, 0, 0]][(slice(None), *box)])
            one = stack.extract_patch(sample, [2, 0, 0], corner, sizes, dtype=dtype, padding=mode)
            np.testing.assert_array_equal(one, patch)


def test_padding_of_objects_and_ways_that_there_are_not(volume):
    pixels, stack = volume
    own = microtome.from_object(microtome.ArrayStack(pixels, "TCZYX"))
    corners, size = np.random.default_rng(5).integers(-30, 30, (30, 3)), (5, 6, 7)
    for padding in ("reflect", "edge", 3):
        np.testing.assert_array_equal(
            own.extract_patches(1, None, corners, size, padding=padding),
            stack.extract_patches(1, None, corners, size, padding=padding),
        )
    assert (stack.extract_patch(0, [0], (9, 0, 0), (1, 1, 1), padding=7) == 7).all()
    for call in (stack.extract_patch, stack.extract_patches):
        with pytest.raises(ValueError, match='padding is a number, "reflect" or "edge", not "wrap"'):
            call(0, None, [(0, 0, 0)] if call == stack.extract_patches else (0, 0, 0), (1, 1, 1), padding="wrap")


# -- out -----------------------------------------------------------------------------


class Tensor:
    """An array that can be had through DLPack only, of version 1 if that is asked for."""

    def __init__(self, array, device=(1, 0), versioned=True):
        self.array, self.device, self.versioned = array, device, versioned

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **keywords):
        if keywords and not (self.versioned and np.lib.NumpyVersion(np.__version__) >= "2.1.0"):
            raise TypeError("unexpected keyword argument")
        return self.array.__dlpack__(**keywords)


@pytest.mark.parametrize("versioned", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_out_through_dlpack(volume, versioned, dtype):
    pixels, stack = volume
    whole = np.zeros((3, 4, 22, 26), dtype)
    tensor = Tensor(whole[:, :, ::2, 1::2], versioned=versioned)
    assert stack.extract_patch(1, None, (0, 0, 0), (4, 11, 13), out=tensor) is tensor
    np.testing.assert_array_equal(whole[:, :, ::2, 1::2], pixels[1])
    assert not whole[:, :, 1::2].any() and not whole[..., ::2].any()
    many = np.zeros((2, 1, 2, 2, 2), dtype)
    stack.extract_patches([0, 1], [1], [(0, 0, 0), (1, 1, 1)], (2, 2, 2), out=Tensor(many, versioned=versioned))
    np.testing.assert_array_equal(many[1, 0], pixels[1, 1, 1:3, 1:3, 1:3])


def test_tensors_that_are_refused(volume):
    stack, good = volume[1], np.zeros((3, 1, 1, 1), np.float32)
    fixed = good.copy()
    fixed.setflags(write=False)
    refused = [
        (Tensor(good, device=(2, 0)), TypeError, "memory of a device"),
        (Tensor(np.zeros((3, 1, 1), np.float32)), ValueError, r"\(3, 1, 1, 1\), not \(3, 1, 1\)"),
        (Tensor(np.zeros((1,) * 7, np.float32)), ValueError, "7 dimensions"),
        (Tensor(np.zeros((3, 1, 1, 1), np.complex64)), TypeError, "not supported"),
        (Tensor(np.zeros((3, 1, 1, 1), np.float64)), TypeError, "float64"),
        (Tensor(fixed), (BufferError, TypeError), None),
    ]
    for tensor, error, text in refused:
        with pytest.raises(error, match=text):
            stack.extract_patch(0, None, (0, 0, 0), (1, 1, 1), out=tensor)
    assert not fixed.any()


def test_out_of_any_buffer():
    pixels = np.arange(12, dtype=np.float32).reshape(3, 4)
    stack = microtome.from_array(pixels, "YX")
    memory = mmap.mmap(-1, 48)
    buffers = [
        (ctypes.c_float * 4 * 3 * 1)(),
        memoryview(array.array("f", bytes(48))).cast("B").cast("f", (1, 3, 4)),
        memoryview(memory).cast("f", (1, 3, 4)),
    ]
    for out in buffers:
        assert stack.extract_patch(0, None, (0, 0), (3, 4), out=out) is out
        np.testing.assert_array_equal(np.asarray(out)[0], pixels)
    with pytest.raises(ValueError, match=r"\(1, 3, 4\), not \(12\)"):
        stack.extract_patch(0, None, (0, 0), (3, 4), out=array.array("f", bytes(48)))
