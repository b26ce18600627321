# SPDX-License-Identifier: BSD-3-Clause
"""Beside CAREamics' patching strategies, which draw the numbers of our generator: the same patches.

NumPy has the same generator, Philox4x64-10, so the numbers do not come from our code.
"""

import itertools

import microtome
import numpy as np
import pytest
from careamics.dataset.factory.val_split import create_val_split
from careamics.dataset.patching.random_patching import FixedRandomPatching, RandomPatching
from careamics.dataset.patching.sequential_patching import SequentialPatching
from careamics.dataset.patching.stratified_patching import StratifiedPatching
from careamics.dataset.patching.tiled_patching import TiledPatching
from careamics.dataset.patching.whole_sample_patching import WholeSamplePatching

PATCH, SPLIT = 1, 7  # streams
SEED = 0x9ABC_DEF0_1234_5678


class Numbers:
    """Stands in for numpy.random.Generator, and draws the numbers of one patch."""

    def start(self, stream, epoch, index):
        counter = index << 64 | epoch << 128  # NumPy counts before it draws
        self.bits = np.random.Philox(key=stream << 64 | SEED, counter=(counter - 1) % 2**256)

    def random(self):
        return (int(self.bits.random_raw()) >> 11) * 2.0**-53

    def below(self, n):
        if n == 1:
            return 0
        while True:
            product = int(self.bits.random_raw()) * n
            if product % 2**64 >= 2**64 % n:
                return product >> 64

    def choice(self, a, p):
        cdf = np.cumsum(p)
        return a[np.searchsorted(cdf / cdf[-1], self.random(), side="right")]

    def integers(self, low, high, endpoint=False, dtype=None):
        return np.array([a + self.below(int(b - a + endpoint)) for a, b in zip(low, high, strict=True)])


class InTurn(Numbers):
    """Draws the numbers of the next patch in each call."""

    def __init__(self):
        self.index = 0

    def integers(self, *args, **kwargs):
        self.start(PATCH, 0, self.index)
        self.index += 1
        return super().integers(*args, **kwargs)


class NoPixels:
    """An image stack of any shape."""

    source, data_dtype = "image", "uint8"

    def __init__(self, shape):
        self.original_axes = "SCZYX" if len(shape) == 5 else "SCYX"
        self.original_data_shape = shape

    def extract_patch(self, *args):
        raise NotImplementedError


@pytest.fixture
def numbers(monkeypatch):
    numbers = Numbers()
    monkeypatch.setattr(np.random, "default_rng", lambda seed=None: numbers)
    return numbers


RANDOM = np.random.default_rng(11)  # before it is replaced


def some_shapes(largest):
    """Two stacks, and a patch size, that fit each other."""
    ndim = int(RANDOM.integers(2, 4))
    patch = RANDOM.integers(1, 9, ndim).tolist()
    most = largest if ndim == 2 else 3
    shapes = [
        (int(RANDOM.integers(1, 3)), 1, *(int(p * RANDOM.integers(1, most + 1) + RANDOM.integers(0, p)) for p in patch))
        for _ in range(2)
    ]
    return shapes, tuple(patch)


def stacks(shapes):
    return [NoPixels(shape) for shape in shapes]


def assert_same_spec(theirs, ours):
    assert (theirs["data_idx"], theirs["sample_idx"]) == (ours.stack, ours.sample)
    for name in {"coords", "patch_size", "crop_coords", "crop_size", "stitch_coords"} & set(theirs):
        assert tuple(theirs[name]) == getattr(ours, name), (name, theirs, ours)
    assert theirs.get("total_tiles", 0) == ours.total_tiles


def assert_same_specs(theirs, ours):
    assert theirs.n_patches == len(ours)
    for i in range(len(ours)):
        assert_same_spec(theirs.get_patch_spec(i), ours[i])


def samples(shapes):
    return [(d, s) for d, shape in enumerate(shapes) for s in range(shape[0])]


def assert_same_regions(theirs, ours, shapes):
    """Compare the grids, areas, bins and probabilities of all samples."""
    for d, s in samples(shapes):
        image, grid = theirs.image_patching[d][s], ours.grid(d, s)
        assert tuple(image.grid_shape) == grid.areas.shape
        assert [int(a) for a in image.areas.values()] == grid.areas.ravel().tolist()
        assert image.n_patches == grid.n_patches
        assert image.region_bins.bin_size == grid.bin_size
        assert image.region_bins.probs.tolist() == grid.probabilities.ravel().tolist()
        bins = {int(r): b for b, members in enumerate(image.region_bins.bins) for r in members}
        assert not bins or [bins[r] for r in range(grid.bins.size)] == grid.bins.ravel().tolist()


def assert_same_draws(theirs, ours, numbers, epochs=3):
    assert theirs.n_patches == len(ours)
    for epoch in range(epochs):
        for i in range(len(ours)):
            numbers.start(PATCH, epoch, i)
            assert_same_spec(theirs.get_patch_spec(i), ours.spec(i, epoch))


def test_random(numbers):
    for _ in range(60):
        shapes, patch = some_shapes(6)
        ours = microtome.Random(stacks(shapes), patch, seed=SEED)
        assert_same_draws(RandomPatching(shapes, patch), ours, numbers)


def test_fixed_random(monkeypatch):
    for _ in range(60):
        shapes, patch = some_shapes(6)
        monkeypatch.setattr(np.random, "default_rng", lambda seed=None: InTurn())
        assert_same_specs(FixedRandomPatching(shapes, patch), microtome.FixedRandom(stacks(shapes), patch, seed=SEED))


def test_sequential_tiled_and_whole():
    for _ in range(200):
        shapes, patch = some_shapes(6)
        overlap = tuple(int(RANDOM.integers(0, p)) for p in patch)
        ours = microtome.Sequential(stacks(shapes), patch, overlap=overlap)
        assert_same_specs(SequentialPatching(shapes, patch, overlap), ours)
        overlap = tuple(o // 2 * 2 for o in overlap)
        tiles = tuple(p * int(RANDOM.integers(1, 4)) for p in patch)  # some larger than the image
        assert_same_specs(
            TiledPatching(shapes, tiles, overlap), microtome.Tiled(stacks(shapes), tiles, overlap=overlap)
        )
        assert_same_specs(WholeSamplePatching(shapes), microtome.Whole(stacks(shapes)))


def test_stratified(numbers):
    for _ in range(60):
        shapes, patch = some_shapes(9)
        theirs, ours = StratifiedPatching(shapes, patch), microtome.Stratified(stacks(shapes), patch, seed=SEED)
        assert_same_regions(theirs, ours, shapes)
        assert_same_draws(theirs, ours, numbers)


WEIGHTS = {
    "two": lambda shape: RANDOM.choice([0.1, 1.0], shape, p=[0.6, 0.4]),
    "three": lambda shape: RANDOM.choice([0.6, 0.65, 0.7], shape),
    "mask": lambda shape: RANDOM.choice([0.0, 1.0], shape),
    "any": lambda shape: RANDOM.random(shape),
    "almost equal": lambda shape: RANDOM.uniform(0.25, 0.35, shape),
    "small": lambda shape: RANDOM.random(shape) * 1e-3,
}


def change_both(theirs, ours, shapes, patch, kind):
    """Weigh and exclude the same regions. All weights are given to CAREamics, as floats: it mixes up integers else."""
    for d, s in samples(shapes):
        shape = ours.grid(d, s).areas.shape
        if RANDOM.random() < 0.3:
            inside = np.minimum(shape, -(-np.array(shapes[d][2:]) // patch))  # patches of 1 pixel: one cell less
            cells = [tuple(int(RANDOM.integers(0, n)) for n in inside) for _ in range(RANDOM.integers(1, 4))]
            theirs.exclude_patches(d, s, cells)
            ours.exclude([(d, s, tuple(np.multiply(cell, patch).tolist()), patch) for cell in cells])
        weights = WEIGHTS[kind](shape)
        places = itertools.product(*map(range, shape))
        theirs.set_region_probs(d, s, {p: float(weights[p]) for p in places})
        ours.weigh(weights, d, s)


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weights_and_exclusions(numbers, kind):
    compared = 0
    for _ in range(60):
        shapes, patch = some_shapes(9)
        theirs, ours = StratifiedPatching(shapes, patch), microtome.Stratified(stacks(shapes), patch, seed=SEED)
        try:
            change_both(theirs, ours, shapes, patch, kind)
        except ValueError:  # no patch is left: CAREamics cannot pack that
            continue
        if any(ours.grid(d, s).probabilities.sum() == 0 for d, s in samples(shapes)):
            continue
        compared += 1
        assert_same_regions(theirs, ours, shapes)
        assert_same_draws(theirs, ours, numbers, 1)
    assert compared > 10


class Choices(Numbers):
    """Draws the numbers of a split. Cells are drawn by their number until one is new and lies in the image."""

    def __init__(self, theirs):
        self.start(SPLIT, 0, 0)
        self.patch = theirs.patch_size
        self.samples = iter(
            [(theirs.data_shapes[d], cells) for (d, _), cells in theirs.get_included_grid_coords().items()]
        )

    def choice(self, a, size_or_p=None, p=None, replace=True):
        if replace:
            return super().choice(a, p)
        shape, included = next(self.samples)
        assert a == len(included)
        inside = [n // p for n, p in zip(shape[2:], self.patch, strict=True)]
        cells = []
        while len(cells) < size_or_p:
            cell = tuple(int(i) for i in np.unravel_index(self.below(int(np.prod(inside))), inside))
            if cell in included and cell not in cells:
                cells.append(cell)
        return [included.index(cell) for cell in cells]


def test_split(numbers):
    compared = 0
    for _ in range(60):
        shapes, patch = some_shapes(9)
        theirs, ours = StratifiedPatching(shapes, patch), microtome.Stratified(stacks(shapes), patch, seed=SEED)
        n = int(RANDOM.integers(1, max(2, len(ours) // 3)))
        if any(np.prod(np.floor_divide(shape[2:], patch)) < n for shape in shapes):
            continue  # CAREamics may choose more cells than there are, or cells that reach outside
        compared += 1
        theirs, fixed = create_val_split(theirs, n, Choices(theirs))
        ours, validation = ours.split(n)
        assert_same_specs(fixed, validation)
        assert_same_regions(theirs, ours, shapes)
        assert_same_draws(theirs, ours, numbers, 1)
    assert compared > 10
