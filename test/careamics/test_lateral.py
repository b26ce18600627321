# SPDX-License-Identifier: BSD-3-Clause
"""Lateral context beside CAREamics' own: scale 0 bit for bit, the others within 1e-6 of the largest value."""

import microtome
import numpy as np
import pytest
from careamics.dataset.image_stack_loader import load_arrays
from careamics.dataset.normalization.mean_std_normalization import MeanStdNormalization
from careamics.dataset.patch_constructor.microsplit_patch_constructors import _extract_lc_patch
from careamics.dataset.patch_extractor import PatchExtractor
from skimage.transform import resize

# Image, axes, patch, scales: borders, odd sizes, images smaller than the context, and Z.
CASES = [
    ((100, 120), "YX", (16, 16), 3),
    ((2, 97, 131), "CYX", (17, 9), 4),
    ((2, 3, 60, 50), "SCYX", (32, 32), 3),
    ((19, 7), "YX", (16, 6), 4),
    ((20, 64, 70), "ZYX", (8, 16, 16), 3),
    ((2, 9, 31, 33), "CZYX", (5, 7, 11), 3),
    ((4, 20, 20), "ZYX", (4, 16, 16), 3),
]


def their_context(stacks, sample, coords, patch_size, n_scales):
    return _extract_lc_patch(
        PatchExtractor(stacks),
        data_idx=0,
        sample_idx=sample,
        channels=None,
        coords=coords,
        patch_size=patch_size,
        multiscale_count=n_scales,
    )


@pytest.mark.parametrize(("shape", "axes", "patch_size", "n_scales"), CASES)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_context(shape, axes, patch_size, n_scales, dtype):
    random = np.random.default_rng(4)
    pixels = (random.random(shape) * 200).astype(dtype)
    (theirs,), ours = load_arrays([pixels], axes), microtome.from_array(pixels, axes)
    space = ours.data_shape[2:]
    for _ in range(10):
        sample = int(random.integers(ours.data_shape[0]))
        coords = tuple(int(random.integers(n - p + 1)) for n, p in zip(space, patch_size, strict=True))
        expected = their_context([theirs], sample, coords, patch_size, n_scales)
        got = microtome.lateral_context([ours], 0, sample, None, [coords], patch_size, n_scales)[0]
        np.testing.assert_array_equal(got[:, 0], expected[:, 0])
        np.testing.assert_allclose(got, expected, atol=1e-6 * 200, rtol=0)
        # Their function takes our stack.
        np.testing.assert_array_equal(their_context([ours], sample, coords, patch_size, n_scales), expected)


@pytest.mark.parametrize("factor", [2, 4, 8, 16])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 4, 3), (16, 16)])
def test_resize(shape, factor):
    """A whole image, so that no other rule is involved."""
    image = np.random.default_rng(5).normal(size=[n * factor for n in shape]).astype(np.float32)
    stack = microtome.from_array(image, "ZYX"[-len(shape) :])
    coords = [n * factor // 2 - n // 2 for n in shape]
    n_scales = factor.bit_length()
    got = microtome.lateral_context([stack], 0, 0, None, [coords], shape, n_scales)[0, 0, -1]
    expected = resize(image, shape, order=1, anti_aliasing=True)
    np.testing.assert_allclose(got, expected, atol=1e-6 * np.abs(image).max(), rtol=0)


def test_normalized():
    """CAREamics normalizes after it has reduced."""
    pixels = np.random.default_rng(6).integers(0, 4000, (2, 90, 80), np.uint16)
    means, stds = [2001.25, 1990.5], [1155.0, 1149.75]
    (theirs,), ours = load_arrays([pixels], "CYX"), microtome.from_array(pixels, "CYX")
    expected = their_context([theirs], 0, (70, 3), (16, 16), 3)
    expected, _ = MeanStdNormalization(input_means=means, input_stds=stds)(expected)
    std = np.float32(stds) + np.float32(1e-6)
    got = microtome.lateral_context([ours], 0, 0, None, [(70, 3)], (16, 16), 3, scale=std, offset=means, divide=True)[0]
    np.testing.assert_array_equal(got[:, 0], expected[:, 0])
    np.testing.assert_allclose(got, expected, atol=1e-5, rtol=0)
