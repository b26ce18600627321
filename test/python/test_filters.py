# SPDX-License-Identifier: BSD-3-Clause
"""Filters against NumPy, for every element type; what is read for them; maps, pictures, progress, errors."""

import itertools
import pickle
import sys
import types

import microtome
import numpy as np
import pytest
from images import write_array
from microtome import MaskFilter, MaxFilter, MeanStdFilter, ShannonFilter

TYPES = ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]


def windows(pixels, patch):
    """The window of each region: an array of the shape (*grid, *window)."""
    grid = [(n + 1) // p for n, p in zip(pixels.shape, patch, strict=True)]
    extra = [(0, 2 * p) for p in patch]
    padded = np.pad(pixels.astype(np.float32), extra)
    out = np.empty((*grid, *(2 * p for p in patch)), np.float32)
    for region in np.ndindex(*grid):
        out[region] = padded[tuple(slice(g * p, (g + 2) * p) for g, p in zip(region, patch, strict=True))]
    return out


def maximum(window, patch):
    """A maximum filter of the patch size, zero outside."""
    for axis, p in enumerate(patch):
        pad = [(p // 2, p - 1 - p // 2) if a == axis else (0, 0) for a in range(window.ndim)]
        window = np.lib.stride_tricks.sliding_window_view(np.pad(window, pad), p, axis).max(-1)
    return window


def entropy(window):
    _, n = np.unique(window, return_counts=True)
    return -((n / window.size) * np.log2(n / window.size)).sum()


def each(function, pixels, patch):
    """A function of each window."""
    all_windows = windows(pixels, patch)
    grid = all_windows.shape[: pixels.ndim]
    return np.array([function(all_windows[region]) for region in np.ndindex(*grid)]).reshape(grid)


def make_pixels(dtype, shape, random):
    pixels = random.integers(0, 2 if dtype == "?" else 100, shape).astype(dtype)
    spots = random.random(shape) < 0.02
    return np.where(spots, np.array(1 if dtype == "?" else 120, dtype), pixels)


@pytest.mark.parametrize(("shape", "patch"), [((70, 95), (16, 24)), ((63, 64), (8, 7)), ((9, 40, 33), (4, 8, 11))])
@pytest.mark.parametrize("dtype", TYPES)
def test_decisions_are_those_of_numpy(dtype, shape, patch):
    pixels = make_pixels(dtype, shape, np.random.default_rng(len(shape) + ord(dtype[0])))
    stack = microtome.from_array(pixels, "ZYX"[-len(shape) :])
    threshold = 0.5 if dtype == "?" else 110
    share = each(lambda w: (maximum(w, patch) > np.float32(threshold)).mean(), pixels, patch)
    is_bright = each(np.max, pixels, patch) >= threshold
    for coverage in (0.0, None, 0.5, 1.0):
        wanted = is_bright & (share >= (0.5 ** len(shape) if coverage is None else coverage))
        got = MaxFilter(threshold, coverage).apply(stack, patch)
        assert got.dtype == np.bool_
        np.testing.assert_array_equal(got, wanted)
    means = each(lambda w: w.astype(float).mean(), pixels, patch)
    stds = each(lambda w: w.astype(float).std(), pixels, patch)
    middles = np.median(means) + 1e-3, np.median(stds) + 1e-3
    np.testing.assert_allclose(MeanStdFilter(*middles).values(stack, patch), [means, stds], rtol=1e-6)
    np.testing.assert_array_equal(
        MeanStdFilter(*middles).apply(stack, patch), (means >= middles[0]) & (stds >= middles[1])
    )
    np.testing.assert_array_equal(MeanStdFilter(middles[0]).apply(stack, patch), means >= middles[0])
    entropies = each(entropy, pixels, patch)
    middle = np.median(entropies) + 1e-3
    np.testing.assert_allclose(ShannonFilter(middle).values(stack, patch), entropies, rtol=1e-6)
    np.testing.assert_array_equal(ShannonFilter(middle).apply(stack, patch), entropies >= middle)
    mask = microtome.from_array((pixels > threshold).astype(np.uint8), "ZYX"[-len(shape) :])
    np.testing.assert_array_equal(
        MaskFilter(mask, 0.02).apply(stack, patch), each(lambda w: (w > threshold).mean(), pixels, patch) >= 0.02
    )


class Own:
    """A stack of one's own, over an array YX."""

    source, original_axes, data_dtype = "own", "YX", np.dtype(np.float32)

    def __init__(self, pixels, parallel=False, broken=False):
        self.pixels, self.parallel, self.broken, self.read = pixels, parallel, broken, 0
        self.original_data_shape, self.data_shape = pixels.shape, (1, 1, *pixels.shape)

    def extract_patch(self, sample_idx, channels, coords, patch_size):
        if self.broken:
            raise KeyError("no such patch")
        self.read += patch_size[0] * patch_size[1]
        return self.pixels[None, *(slice(c, c + n) for c, n in zip(coords, patch_size, strict=True))]


@pytest.mark.parametrize("parallel", [False, True])
def test_own_stacks_are_read_once(parallel):
    pixels = make_pixels("f4", (301, 290), np.random.default_rng(1))
    own = Own(pixels, parallel)
    got = MaxFilter(110).values(microtome.from_object(own), (32, 16))
    np.testing.assert_array_equal(got, MaxFilter(110).values(microtome.from_array(pixels, "YX"), (32, 16)))
    assert own.read == pixels.size


def test_what_an_own_stack_raises_is_raised():
    with pytest.raises(KeyError, match="no such patch"):
        MaxFilter(1).apply(microtome.from_object(Own(np.ones((50, 50), np.float32), broken=True)), (8, 8))


@pytest.mark.parametrize("patch", [(16, 16), (64, 64), (24, 40)])
def test_each_chunk_is_decoded_once(tmp_path, patch):
    pixels = make_pixels("u2", (300, 500), np.random.default_rng(2))
    write_array(tmp_path / "a.zarr", pixels, (64, 64))
    context = microtome.Context(threads=2, cache_bytes=16 << 20)
    with microtome.open(tmp_path / "a.zarr", context=context) as stack:
        got = ShannonFilter(6).values(stack, patch)
        assert context.counters()["chunks_decoded"] == 5 * 8
        assert context.counters()["bytes_delivered"] == pixels.nbytes
    np.testing.assert_array_equal(got, ShannonFilter(6).values(microtome.from_array(pixels, "YX"), patch))


def test_a_broken_chunk_is_an_error(tmp_path):
    write_array(tmp_path / "a.zarr", np.ones((100, 100), np.uint16), (32, 32))
    (tmp_path / "a.zarr/2.1").write_bytes(b"broken")
    with microtome.open(tmp_path / "a.zarr") as stack, pytest.raises(microtome.CorruptError, match="chunk 2/1"):
        MaxFilter(1).apply(stack, (16, 16))


@pytest.mark.parametrize("factor", [(1, 4), (4, 4), (3, 2)])
def test_masks_may_be_smaller(factor):
    random, shape, patch = np.random.default_rng(3), (203, 160), (24, 17)
    small = random.random([-(-n // f) for n, f in zip(shape, factor, strict=True)]) < 0.2
    large = small.repeat(factor[0], 0).repeat(factor[1], 1)[: shape[0], : shape[1]]
    stack = microtome.from_array(np.zeros(shape, np.uint8), "YX")
    mask = MaskFilter(microtome.from_array(small, "YX"), 0.2, factor=factor)
    np.testing.assert_array_equal(mask.apply(stack, patch), each(np.mean, large, patch) >= 0.2)


def test_channels_and_samples():
    pixels = np.zeros((2, 3, 32, 32), np.uint8)
    pixels[1, 2] = 9
    stack = microtome.from_array(pixels, "SCYX")
    assert not MaxFilter(5).apply(stack, (16, 16), 1).any()
    assert not MaxFilter(5, ref_channel=2).apply(stack, (16, 16), 0).any()
    assert MaxFilter(5, ref_channel=2).apply(stack, (16, 16), 1)[0, 0]
    with pytest.raises(microtome.RangeError, match="channel 3"):
        MaxFilter(5, ref_channel=3).apply(stack, (16, 16))
    with pytest.raises(microtome.RangeError, match="sample 2"):
        MaxFilter(5).apply(stack, (16, 16), 2)


def test_nan_warns():
    pixels = np.full((40, 40), 5, np.float32)
    pixels[3, 4] = pixels[20, 21] = np.nan
    stack = microtome.from_array(pixels, "YX", "specks")
    with pytest.warns(microtome.ImageWarning, match="specks: 2 pixels are NaN") as caught:
        means = MeanStdFilter(0).values(stack, (16, 16))[0]
    assert caught[0].filename == __file__
    np.testing.assert_allclose(means, each(lambda w: np.nan_to_num(w).mean(), pixels, (16, 16)), rtol=1e-6)


def naive_map(values, patch, shape):
    """The largest value of the regions with a patch over each pixel."""
    out = np.full(shape, -np.inf, np.float32)
    for region in np.ndindex(*values.shape):
        window = tuple(slice(g * p, (g + 2) * p) for g, p in zip(region, patch, strict=True))
        out[window] = np.maximum(out[window], values[region])
    return out


@pytest.mark.parametrize(("shape", "patch"), [((70, 95), (16, 24)), ((9, 40, 33), (4, 8, 11))])
def test_maps_have_the_values_of_the_best_region(shape, patch):
    pixels = -make_pixels("i4", shape, np.random.default_rng(4))  # negative: CAREamics' maps show zero
    stack = microtome.from_array(pixels, "ZYX"[-len(shape) :])
    for kind in (MaxFilter(0), MeanStdFilter(0), ShannonFilter(0)):
        values = kind.values(stack, patch)
        if isinstance(kind, MeanStdFilter):
            wanted = np.stack([naive_map(v, patch, shape) for v in values])
        else:
            wanted = naive_map(values, patch, shape)
        got = kind.map(stack, patch)
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, wanted)
    assert (MeanStdFilter(0).map(stack, patch)[0] < 0).all()


def test_values_are_thresholds():
    pixels = make_pixels("u2", (90, 90), np.random.default_rng(6))
    stack = microtome.from_array(pixels, "YX")
    values = MaxFilter(0).values(stack, (16, 16))
    for threshold in np.unique(values):
        np.testing.assert_array_equal(MaxFilter(threshold - 0.5).apply(stack, (16, 16)), values > threshold - 0.5)
        np.testing.assert_array_equal(MaxFilter(threshold).apply(stack, (16, 16)), values > threshold)


def test_pictures_show_what_is_kept():
    pixels = np.zeros((2, 128, 192), np.uint8)
    pixels[1] = np.arange(192) % 16
    pixels[1, 30:40, 140:150] = 200
    stack = microtome.from_array(pixels, "CYX")
    picture = MaxFilter(100, ref_channel=1).picture(stack, (32, 32))
    assert isinstance(picture, microtome.Picture) and picture.size == (384, 256)
    assert len(picture.contrast) == 2 and picture.contrast[0] == picture.contrast[1]
    low, high = picture.contrast[0]
    keep = MaxFilter(100, ref_channel=1).map(stack, (32, 32)) > 100
    assert 0 < keep.mean() < 1
    image = pixels[1].astype(np.float32)
    green = np.where(keep, image, low + 0.25 * (high - low) + 0.75 * (image - low))
    magenta = np.where(keep, image, low)
    both = microtome.from_array(np.stack([green, magenta]).astype(np.float32), "CYX")
    assert picture.png == both.view(contrast=(low, high)).png
    volume = microtome.from_array(np.repeat(pixels[1:], 5, 0), "ZYX")
    assert MaxFilter(100).picture(volume, (2, 32, 32), z=0, max_size=64).size == (64, 43)


def test_a_picture_of_a_mask_filter_shows_the_image():
    stack = microtome.from_array(np.eye(64), "YX")
    mask = microtome.from_array(np.zeros((2, 16, 16), np.uint8), "CYX")
    assert MaskFilter(mask, ref_channel=1).picture(stack, (16, 16)).size == (512, 512)


def test_an_image_smaller_than_a_patch_is_padded():
    stack = microtome.from_array(np.ones((20, 100)), "YX")
    values = MeanStdFilter(0).values(stack, (32, 32))[0]
    np.testing.assert_allclose(values, [[20 / 64, 20 / 64, 20 * 36 / 64**2]], rtol=1e-6)
    np.testing.assert_array_equal(
        MeanStdFilter(0).map(stack, (32, 32))[0, :, ::32], np.repeat(values[:, [0, 0, 1, 2]], 20, 0)
    )
    patching = microtome.Stratified([stack], (32, 32), pad=True)
    assert patching.downweight(MeanStdFilter(0.2), 0) == 1


def test_progress():
    stack, told = microtome.from_array(np.ones((200, 300)), "YX"), []
    MaxFilter(0).apply(stack, (16, 16), progress=lambda done, total: told.append((done, total)))
    assert told[0] == (0, 12 * 18) and told[-1] == (12 * 18, 12 * 18)
    assert told == sorted(told)

    def fail(done, total):
        raise RuntimeError(f"{done} of {total}")

    with pytest.raises(RuntimeError, match="0 of 216"):
        MaxFilter(0).apply(stack, (16, 16), progress=fail)


class Bar:
    """Stands in for tqdm."""

    made = ()

    def __init__(self, **options):
        self.options, self.n, self.total = options, 0, None
        Bar.made = (*Bar.made, self)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.closed = True

    def update(self, n):
        self.n += n


def test_a_bar_if_there_is_tqdm(monkeypatch):
    stack = microtome.from_array(np.ones((200, 300)), "YX")
    tqdm = types.ModuleType("tqdm.auto")
    tqdm.tqdm = Bar
    monkeypatch.setitem(sys.modules, "tqdm", types.ModuleType("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", tqdm)
    MaxFilter(0).apply(stack, (16, 16), progress=False)
    assert not Bar.made
    MaxFilter(0).apply(stack, (16, 16))
    (bar,) = Bar.made
    assert bar.n == bar.total == 216 and bar.closed and bar.options["delay"] > 0
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)  # it is not installed
    assert MaxFilter(0).apply(stack, (16, 16)).all()


def test_wrong_arguments():
    stack = microtome.from_array(np.ones((64, 64)), "YX")
    wrong = [
        (MaxFilter(0), (16, 16, 16), microtome.ArgumentError, "3 patch sizes"),
        (MaxFilter(0), (16, 0), microtome.ArgumentError, "a patch size of 0 along X is not positive"),
        (MaxFilter(0, 1.5), (16, 16), microtome.ArgumentError, "coverage of 1.5"),
        (MaxFilter(float("nan")), (16, 16), microtome.ArgumentError, "not a number"),
        (MaxFilter("high"), (16, 16), TypeError, "real number"),
        (MeanStdFilter(-1), (16, 16), microtome.ArgumentError, "negative"),
        (ShannonFilter(-1), (16, 16), microtome.ArgumentError, "negative"),
        (MaskFilter(np.ones((64, 64))), (16, 16), TypeError, "must be an ImageStack"),
        (MaskFilter(stack, factor=[1]), (16, 16), ValueError, "one number for each"),
        (MaskFilter(microtome.from_array(np.ones((64, 50)), "YX")), (16, 16), microtome.ArgumentError, "50 pixels"),
    ]
    for kind, patch, error, text in wrong:
        with pytest.raises(error, match=text):
            kind.apply(stack, patch)
    mask = microtome.from_array(np.ones((64, 64)), "YX")
    mask.close()
    with pytest.raises(ValueError, match="closed"):
        MaskFilter(mask).apply(stack, (16, 16))


def test_background_is_drawn_less_often():
    random = np.random.default_rng(8)
    pixels = random.poisson(5, (2, 200, 300)).astype(np.uint16)
    pixels[0, 50:120, 60:100] = 100
    stack, other = microtome.from_array(pixels, "SYX"), microtome.from_array(pixels[0], "YX")
    patching, told = microtome.Stratified([stack, other], (32, 32), seed=1), []
    whole, grids = len(patching), [patching.grid(*where) for where in ((0, 0), (0, 1), (1, 0))]
    bright = MaxFilter(50, 0.1)
    kept = [bright.apply(stack, (32, 32), 0), bright.apply(stack, (32, 32), 1), bright.apply(other, (32, 32))]
    n = patching.downweight(bright, 0.25, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert n == sum(k.size - k.sum() for k in kept)
    assert len(patching) == pytest.approx(whole - 0.75 * n, abs=3)
    for grid, keep, where in zip(grids, kept, ((0, 0), (0, 1), (1, 0)), strict=True):
        after = patching.grid(*where)
        np.testing.assert_allclose(after.probabilities * after.bin_size, grid.areas * np.where(keep, 1, 0.25))
    assert pickle.loads(pickle.dumps(patching))[5] == patching[5]
    # a second filter leaves the weights of what it keeps; one filter for each stack
    mask = np.zeros((200, 300), np.uint8)
    mask[:, :150] = 1
    inside = MaskFilter(microtome.from_array(mask, "YX"), 0.5)
    patching.downweight([inside, MaxFilter(0, 0)], 0)
    after = patching.grid(0, 1)
    wanted = grids[1].areas * np.where(inside.apply(stack, (32, 32)), np.where(kept[1], 1, 0.25), 0)
    np.testing.assert_allclose(after.probabilities * after.bin_size, wanted)
    after = patching.grid(1, 0)
    np.testing.assert_allclose(after.probabilities * after.bin_size, grids[2].areas * np.where(kept[2], 1, 0.25))


def test_downweighting_changes_nothing_if_it_fails():
    stack = microtome.from_array(np.ones((2, 100, 100)), "SYX")
    broken = microtome.from_object(Own(np.ones((100, 100), np.float32), broken=True))
    patching = microtome.Stratified([stack, broken], (16, 16))
    before = len(patching)
    with pytest.raises(KeyError):
        patching.downweight(MaxFilter(2))
    with pytest.raises(TypeError, match=r"such as microtome\.MaxFilter\(120\), not 120"):
        patching.downweight(120)
    with pytest.raises(microtome.ArgumentError, match="1 filters for 2 stacks"):
        patching.downweight([MaxFilter(2)])
    with pytest.raises(microtome.ArgumentError, match=r"probability of 1\.5"):
        patching.downweight(MaxFilter(2), 1.5)
    assert len(patching) == before


def test_filters_pickle_and_compare():
    for kind in (MaxFilter(3, 0.5), MeanStdFilter(1, 2), ShannonFilter(4, ref_channel=1)):
        assert pickle.loads(pickle.dumps(kind)) == kind
    for one, other in itertools.pairwise([MaxFilter(3), MaxFilter(4), MeanStdFilter(4), ShannonFilter(4)]):
        assert one != other
