# SPDX-License-Identifier: BSD-3-Clause
"""Beside CAREamics' filters: the same regions are background, and maps agree where its maps are right."""

import microtome
import numpy as np
import pytest
from careamics.config.data.patch_filter import (
    MaskPatchFilterConfig,
    MaxPatchFilterConfig,
    MeanStdPatchFilterConfig,
    ShannonPatchFilterConfig,
)
from careamics.dataset.factory.filter_bg import filter_background, filter_background_with_mask
from careamics.dataset.image_stack_loader import load_arrays
from careamics.dataset.patch_extractor import PatchExtractor
from careamics.dataset.patch_filter import MeanStdPatchFilter, ShannonPatchFilter
from careamics.dataset.patching import StratifiedPatching

CASES = [
    ((200, 333), (64, 64)),
    ((127, 127), (64, 64)),
    ((90, 95), (16, 16)),
    ((70, 61), (7, 7)),
    ((20, 90, 80), (8, 16, 16)),
]


def make_pixels(shape, dtype, random):
    """Bright spots on noise, brighter to one side."""
    pixels = random.poisson(np.linspace(1, 30, shape[-1]), shape).astype(dtype)
    for _ in range(np.prod(shape) // 2000):
        corner = [random.integers(0, max(n - 4, 1)) for n in shape]
        pixels[tuple(slice(c, c + 4) for c in corner)] += np.array(random.integers(20, 60), dtype)
    return pixels


class Decisions(StratifiedPatching):
    """Records what is background, instead of packing bins for it, which fails for some sets of regions."""

    def set_region_probs(self, data_idx, sample_idx, probs):
        keep = np.ones(self.image_patching[data_idx][sample_idx].grid_shape, bool)
        for region in probs:
            keep[region] = False
        self.keep = [*getattr(self, "keep", []), keep]


def their_decisions(run, config, pixels, axes, patch):
    """The regions that CAREamics keeps, for each sample."""
    (stack,) = stacks = load_arrays([pixels], axes)
    patching = Decisions([stack.data_shape], patch)
    run(config, patching, PatchExtractor(stacks))
    return patching.keep


def compare(filter_, run, config, pixels, axes, patch):
    stack = microtome.from_array(pixels, axes)
    theirs = their_decisions(run, config, pixels, axes, patch)
    assert len(theirs) == stack.data_shape[0]
    for sample, wanted in enumerate(theirs):
        np.testing.assert_array_equal(filter_.apply(stack, patch, sample), wanted)
    return np.mean(theirs)


@pytest.mark.parametrize(("shape", "patch"), CASES)
@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f4", "f8"])
def test_max(shape, patch, dtype):
    pixels, axes = make_pixels(shape, dtype, np.random.default_rng(1)), "ZYX"[-len(shape) :]
    shares = []
    for threshold in (*np.unique(pixels)[::15].tolist(), 33.3, -1.0):
        for coverage in (0.0, 0.25, 0.6):
            config = MaxPatchFilterConfig(threshold=threshold, coverage=coverage)
            ours = microtome.MaxFilter(threshold, coverage)
            shares.append(compare(ours, filter_background, config, pixels, axes, patch))
    assert min(shares) < 0.1 and max(shares) == 1


def test_max_of_negative_pixels():
    pixels = -make_pixels((90, 95), "f4", np.random.default_rng(2))
    for threshold in (-60.0, -30.0, -5.0, -0.5, 0.0):
        config = MaxPatchFilterConfig(threshold=threshold, coverage=0.25)
        compare(microtome.MaxFilter(threshold, 0.25), filter_background, config, pixels, "YX", (16, 16))


def gaps(values, n):
    """Thresholds halfway between neighbours that are further apart than rounding errors."""
    values = np.unique(values.astype(float))
    middles, widths = (values[1:] + values[:-1]) / 2, np.diff(values)
    middles = middles[widths > 4e-6 * np.abs(middles)]
    return middles[:: max(len(middles) // n, 1)].tolist()


@pytest.mark.parametrize(("shape", "patch"), CASES)
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_mean_std(shape, patch, dtype):
    pixels, axes = make_pixels(shape, dtype, np.random.default_rng(3)), "ZYX"[-len(shape) :]
    means, stds = microtome.MeanStdFilter(0).values(microtome.from_array(pixels, axes), patch)
    for mean, std in [(m, None) for m in gaps(means, 6)] + [(0.0, s) for s in gaps(stds, 6)]:
        config = MeanStdPatchFilterConfig(mean_threshold=mean, std_threshold=std)
        compare(microtome.MeanStdFilter(mean, std), filter_background, config, pixels, axes, patch)


@pytest.mark.parametrize(("shape", "patch"), CASES)
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_shannon(shape, patch, dtype):
    pixels, axes = make_pixels(shape, dtype, np.random.default_rng(4)), "ZYX"[-len(shape) :]
    entropies = microtome.ShannonFilter(0).values(microtome.from_array(pixels, axes), patch)
    for threshold in gaps(entropies, 6):
        config = ShannonPatchFilterConfig(threshold=threshold)
        compare(microtome.ShannonFilter(threshold), filter_background, config, pixels, axes, patch)


@pytest.mark.parametrize(("shape", "patch"), CASES)
def test_mask(shape, patch):
    random, axes = np.random.default_rng(5), "ZYX"[-len(shape) :]
    mask = make_pixels(shape, "u1", random) > 40
    image = microtome.from_array(np.zeros(shape, "u1"), axes)
    for coverage in (0.0, 0.01, 0.02, 0.1, 1.0):
        config = MaskPatchFilterConfig(coverage=coverage)
        (wanted,) = their_decisions(filter_background_with_mask, config, mask, axes, patch)
        ours = microtome.MaskFilter(microtome.from_array(mask, axes), coverage)
        np.testing.assert_array_equal(ours.apply(image, patch), wanted)


def test_samples_and_channels():
    pixels = np.stack([make_pixels((3, 90, 70), "u2", np.random.default_rng(seed)) for seed in range(4)])
    for channel in range(3):
        config = MaxPatchFilterConfig(threshold=40, coverage=0.3, ref_channel=channel)
        compare(microtome.MaxFilter(40, 0.3, channel), filter_background, config, pixels, "SCYX", (16, 16))


@pytest.mark.parametrize(("shape", "patch"), CASES[:4])
def test_maps(shape, patch):
    pixels = make_pixels(shape, "u2", np.random.default_rng(6))
    stack = microtome.from_array(pixels, "YX")
    theirs = ShannonPatchFilter.filter_map(pixels, patch)
    np.testing.assert_allclose(microtome.ShannonFilter(0).map(stack, patch), theirs, rtol=1e-6)
    theirs = MeanStdPatchFilter.filter_map(pixels, patch)
    np.testing.assert_allclose(microtome.MeanStdFilter(0).map(stack, patch), theirs, rtol=1e-6)
