# SPDX-License-Identifier: BSD-3-Clause
"""Lateral context against its definition, written with NumPy."""

import microtome
import numpy as np
import pytest
from images import write_ome_zarr


def smooth(array, axis, sigma):
    """As scipy.ndimage.gaussian_filter1d with mode="mirror"."""
    radius = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    width = [(0, 0)] * array.ndim
    width[axis] = (radius, radius)
    padded = np.moveaxis(np.pad(array, width, mode="reflect"), axis, -1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1, axis=-1)
    return np.moveaxis(windows @ (weights / weights.sum()), -1, axis)


def reduce(array, factor):
    """Reduce all axes but the first, as skimage.transform.resize does."""
    for axis in range(1, array.ndim) if factor > 1 else ():
        array = smooth(array, axis, (factor - 1) / 2)
        first = array.take(np.arange(factor // 2 - 1, array.shape[axis], factor), axis)
        array = (first + array.take(np.arange(factor // 2, array.shape[axis], factor), axis)) / 2
    return array


def naive(pixels, corner, patch_size, n_scales):
    """Context of pixels CZYX or CYX, padded by numpy.pad."""
    scales = []
    for k in range(n_scales):
        size = np.array(patch_size) * 2**k
        first = np.array(corner) + np.array(patch_size) // 2 - size // 2
        before, after = np.maximum(-first, 0), np.maximum(first + size - pixels.shape[1:], 0)
        padded = np.pad(pixels, [(0, 0), *zip(before, after, strict=True)], mode="reflect")
        where = tuple(slice(a, a + n) for a, n in zip(first + before, size, strict=True))
        scales.append(reduce(padded[(slice(None), *where)].astype(np.float64), 2**k))
    return np.stack(scales, 1)


@pytest.mark.parametrize(
    ("shape", "patch_size"),
    [((3, 70, 90), (16, 16)), ((2, 33, 21), (7, 5)), ((2, 9, 6), (8, 8)), ((1, 12, 40, 30), (4, 8, 6))],
)
def test_definition(shape, patch_size):
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 65535, shape, np.uint16)
    stack = microtome.from_array(pixels, "CZYX"[-len(shape) :] if len(shape) == 4 else "CYX")
    coords = [[rng.integers(-2, max(n - p, 0) + 3) for n, p in zip(shape[1:], patch_size)] for _ in range(8)]
    got = microtome.lateral_context([stack], 0, 0, None, coords, patch_size, 3)
    assert got.shape == (8, shape[0], 3, *patch_size)
    assert got.dtype == np.float32
    for patch, corner in zip(got, coords, strict=True):
        expected = naive(pixels, corner, patch_size, 3)
        np.testing.assert_array_equal(patch[:, 0], expected[:, 0])
        np.testing.assert_allclose(patch, expected, atol=1e-6 * 65535, rtol=0)


def test_several_stacks_into_out():
    rng = np.random.default_rng(2)
    images = [rng.random((2, 40, 50), np.float32), rng.random((2, 60, 30), np.float32)]
    stacks = [microtome.from_array(image, "CYX") for image in images]
    out = np.zeros((3, 2, 4, 8, 16), np.float32)[..., ::2]
    scaled = {"scale": [2, 3], "offset": [0.5, 0.25], "divide": True}
    got = microtome.lateral_context(
        stacks, [1, 0, 1], 0, [1, 0], [(0, 0), (20, 33), (52, 1)], (8, 8), 4, out=out, **scaled
    )
    assert got is out
    for patch, k, corner in zip(out, [1, 0, 1], [(0, 0), (20, 33), (52, 1)], strict=True):
        normalized = (images[k][::-1] - np.float32([0.5, 0.25])[:, None, None]) / np.float32([2, 3])[:, None, None]
        np.testing.assert_allclose(patch, naive(normalized, corner, (8, 8), 4), atol=1e-6)


def test_one_scale_is_the_patch():
    stack = microtome.from_array(np.arange(400.0).reshape(20, 20), "YX")
    context = microtome.lateral_context([stack], 0, 0, None, [(-3, 15)], (6, 8), 1, padding=-1)
    np.testing.assert_array_equal(context[:, :, 0], stack.extract_patches(0, None, [(-3, 15)], (6, 8), padding=-1))


def test_levels():
    rng = np.random.default_rng(3)
    pixels = rng.random((64, 64), np.float32)
    stacks = [microtome.from_array(pixels, "YX"), microtome.from_array(pixels, "YX")]
    half = microtome.from_array(rng.random((32, 32), np.float32), "YX")
    context = microtome.lateral_context(stacks, [0, 1], 0, None, [(20, 28)] * 2, (8, 8), 2, levels=[[half], []])
    np.testing.assert_array_equal(context[0, :, 1], half.extract_patch(0, None, (8, 12), (8, 8)))
    plain = microtome.lateral_context(stacks, 0, 0, None, [(20, 28)], (8, 8), 2)
    np.testing.assert_array_equal(context[1], plain[0])


class Failing:
    """A stack that has an object's error in one corner."""

    data_shape = original_data_shape = (1, 1, 40, 40)
    original_axes = "SCYX"
    data_dtype = np.dtype("float32")
    source = "failing"
    parallel = True

    def extract_patch(self, sample_idx, channels, coords, patch_size):
        if coords[0] + patch_size[0] > 30:
            raise RuntimeError("row 30")
        return np.ones((1, *patch_size), np.float32)


def test_errors():
    stack = microtome.from_object(Failing())
    np.testing.assert_allclose(microtome.lateral_context([stack], 0, 0, None, [(6, 8)], (8, 8), 2), 1, rtol=1e-6)
    with pytest.raises(RuntimeError, match="row 30"):
        microtome.lateral_context([stack], 0, 0, None, [(6, 8), (20, 8)], (8, 8), 3)
    array = microtome.from_array(np.zeros((20, 20)), "YX")
    for n_scales in (0, 17, 2**40):
        with pytest.raises(ValueError, match="n_scales must be from 1 to 16"):
            microtome.lateral_context([array], 0, 0, None, [(6, 8)], (8, 8), n_scales)
    with pytest.raises(ValueError, match="one sequence of levels for each of 1"):
        microtome.lateral_context([array], 0, 0, None, [(6, 8)], (8, 8), 2, levels=[])
    for level in (stack, 7):
        with pytest.raises(TypeError, match="levels must be image stacks of files or arrays"):
            microtome.lateral_context([array], 0, 0, None, [(6, 8)], (8, 8), 2, levels=[[array, level]])
    with pytest.raises(ValueError, match="float32, not as float64"):
        out = np.zeros((1, 1, 2, 8, 8))
        microtome.lateral_context([array], 0, 0, None, [(6, 8)], (8, 8), 2, out=out)
    with pytest.raises(ValueError, match=r"\(1, 1, 2, 8, 8\), not \(1, 1, 8, 8\)"):
        microtome.lateral_context([array], 0, 0, None, [(6, 8)], (8, 8), 2, out=np.zeros((1, 1, 8, 8), np.float32))
    with pytest.raises(IndexError):
        microtome.lateral_context([array], 0, 1, None, [(6, 8)], (8, 8), 2)
    array.close()
    with pytest.raises(ValueError, match="closed"):
        microtome.lateral_context([array], 0, 0, None, [(6, 8)], (8, 8), 2)


def test_chunks(tmp_path):
    """Each chunk is decoded once for all scales of all patches; a level of the pyramid needs fewer."""
    pixels = np.random.default_rng(7).integers(0, 60000, (256, 256), np.uint16)
    write_ome_zarr(tmp_path / "a.zarr", pixels, "YX", (32, 32), levels=2)
    context = microtome.Context(cache_bytes=1 << 20)
    stack = microtome.open(tmp_path / "a.zarr", context=context)
    half = microtome.open(tmp_path / "a.zarr", level=1, context=context)
    coords = [(120 + 2 * i, 128) for i in range(8)]
    context.reset_counters()
    batch = microtome.lateral_context([stack], 0, 0, None, coords, (16, 16), 3)
    assert context.counters()["chunks_decoded"] == 3 * 3  # rows 96 to 173, columns 104 to 167
    array = microtome.from_array(pixels, "YX")
    np.testing.assert_array_equal(batch, microtome.lateral_context([array], 0, 0, None, coords, (16, 16), 3))
    context.drop_cache()
    context.reset_counters()
    batch = microtome.lateral_context([stack], 0, 0, None, coords[:1], (16, 16), 3, levels=[[half]])
    assert context.counters()["chunks_decoded"] == 2 + 2 * 2  # of the image; of the level
    np.testing.assert_array_equal(batch[0, 0, 1], pixels[::2, ::2][56:72, 60:76])
