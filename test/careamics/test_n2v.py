# SPDX-License-Identifier: BSD-3-Clause
"""N2V manipulation equals CAREamics' for the same random numbers: its calls of torch get ours."""

import itertools
import sys
from pathlib import Path

import microtome
import numpy as np
import pytest
import torch
from careamics.config.algorithms.n2v_manipulation import N2VManipulateConfig
from careamics.lightning.modules.n2v_utils import N2VManipulate, pixel_manipulation

sys.path.append(str(Path(__file__).resolve().parents[1] / "python"))
import philox

SEED, STEP, FIRST = 11, 22, 33


class Torch:
    """torch, but for random numbers: those of one item and channel after the other."""

    def __init__(self, roi):
        self.roi, self.channel = roi, -1

    def __getattr__(self, name):
        return getattr(torch, name)

    def rand(self, size, **_):
        """One call for each channel, of all boxes of all items."""
        self.channel += 1
        where = [
            (SEED, stream, STEP, FIRST + i, self.channel) for stream in (philox.MASK, philox.REPLACE) for i in (0, 1)
        ]
        *masks, first, second = (philox.Numbers(*w) for w in where)
        self.values, self.filled = [first, second], 0
        return torch.from_numpy(np.concatenate([philox.places(m, size[0] // 2, size[1]) for m in masks]))

    def randint(self, low, high, size, **_):
        """One call for each channel, of all chosen pixels of all items."""
        assert (low, high) == (-(self.roi // 2), self.roi // 2 + 1)
        assert sum(self.chosen) == size[0]
        drawn = [philox.digits(v, n, size[1], self.roi) for v, n in zip(self.values, self.chosen, strict=True)]
        return torch.from_numpy(np.concatenate(drawn) + int(low))

    def empty(self, n, **_):
        """Return the pixels of the pattern of one item, which uniform_ fills."""
        numbers = self.values[self.filled]
        self.filled += 1
        return Filled(numbers, n)


class Filled:
    def __init__(self, numbers, n):
        self.numbers, self.n = numbers, n

    def uniform_(self, low, high, **_):
        return torch.from_numpy((low + self.numbers.doubles(self.n) * (high - low)).astype(np.float32))


def theirs(monkeypatch, batch, config):
    """CAREamics' result, and the coordinates it chose."""
    shim, choose = Torch(config.roi_size), pixel_manipulation._get_stratified_coords

    def count(*arguments):
        coords = choose(*arguments)
        shim.chosen = [int((coords[:, 0] == i).sum()) for i in (0, 1)]
        return coords

    with monkeypatch.context() as patch:
        patch.setattr(pixel_manipulation, "torch", shim)
        patch.setattr(pixel_manipulation, "_get_stratified_coords", count)
        return N2VManipulate(config, device="cpu")(torch.from_numpy(batch))


def ours(batch, config):
    struct = config.struct_mask and (config.struct_mask.axes, config.struct_mask.span)
    arguments = config.masked_pixel_percentage, config.roi_size, config.strategy, struct
    return microtome.n2v(batch, *arguments, seed=SEED, step=STEP, first=FIRST)


@pytest.fixture(autouse=True)
def in_one_thread():
    """Then torch keeps the order of two values for one pixel: the later one wins."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


STRUCTS = [None, ("horizontal", 5), ("vertical", 3), ("cross", 11), ("square", 7), ("square", 15)]
SHAPES = [(64, 64), (37, 90), (1, 5), (9, 24, 31)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("struct", STRUCTS)
@pytest.mark.parametrize(("percentage", "roi"), [(0.05, 21), (0.2, 11), (1.7, 3), (10, 11)])
def test_uniform_is_equal(monkeypatch, shape, struct, percentage, roi):
    config = make_config("uniform", struct, percentage, roi)
    batch = np.random.default_rng(4).normal(size=(2, 2, *shape)).astype(np.float32)
    masked, _, mask = theirs(monkeypatch, batch, config)
    got = ours(batch, config)
    np.testing.assert_array_equal(got[0], masked.numpy())
    np.testing.assert_array_equal(got[2], mask.numpy())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("percentage", "roi", "struct"),
    [(10, 3, None), (10, 3, ("vertical", 3)), (0.2, 11, None), (0.2, 11, ("horizontal", 5)), (3, 11, ("cross", 11))],
)
def test_median_is_equal_away_from_borders(monkeypatch, shape, percentage, roi, struct):
    """At borders, CAREamics' median sees the blind pixels, whose coordinates are clamped."""
    config = make_config("median", struct, percentage, roi)
    batch = np.random.default_rng(4).normal(size=(2, 2, *shape)).astype(np.float32)
    masked, _, mask = (array.numpy() for array in theirs(monkeypatch, batch, config))
    got = ours(batch, config)
    is_inside = np.zeros(shape, bool)
    is_inside[(slice(roi // 2, -(roi // 2)),) * len(shape)] = True
    compared = is_inside & ~beside(mask, struct)  # the pattern has values in the range of the plane
    np.testing.assert_array_equal(got[0][compared], masked[compared])
    if min(shape) > 1:  # else the pattern may cover all pixels of the region
        np.testing.assert_array_equal(got[2], mask)


def beside(mask, struct):
    """Return where the pattern of a chosen pixel, or more, lies."""
    found, reach = np.zeros(mask.shape, bool), range(-(struct[1] // 2), struct[1] // 2 + 1) if struct else ()
    for y, x in itertools.product(reach, reach):
        found |= np.roll(mask, (y, x), (-2, -1)).astype(bool) & (y != 0 or x != 0)
    return found


def test_the_median_at_a_border_is_the_one_of_the_other_pixels(monkeypatch):
    """The corner of a region of 3: CAREamics sees the centre in 3 of 8 values, here there are 5 others."""
    config = make_config("median", None, 10, 3)
    batch = np.zeros((2, 1, 3, 3), np.float32)
    batch[...] = [[-9, 1, 2], [3, 4, 5], [6, 7, 8]]
    masked, _, mask = theirs(monkeypatch, batch, config)
    for item in np.flatnonzero(mask[:, 0, 0, 0].numpy()):
        assert masked[item, 0, 0, 0] == 1  # of -9 -9 -9 1 1 3 3 4
        assert ours(batch, config)[0][item, 0, 0, 0] == 3  # of 1 1 3 3 4
    assert mask[:, 0, 0, 0].any()


def make_config(strategy, struct, percentage, roi):
    mask = struct and {"axes": struct[0], "span": struct[1]}
    return N2VManipulateConfig(
        strategy=strategy, struct_mask=mask, masked_pixel_percentage=percentage, roi_size=roi, seed=1
    )


def test_every_option_of_careamics_is_there():
    assert set(N2VManipulateConfig.model_fields) == {
        "name",
        "roi_size",
        "masked_pixel_percentage",
        "strategy",
        "struct_mask",
        "seed",
    }
