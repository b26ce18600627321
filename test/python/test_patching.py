# SPDX-License-Identifier: BSD-3-Clause
"""Patching strategies: specs, weights, exclusions, splits, pickles; what is random is tested in C."""

import gc
import multiprocessing
import pickle
import weakref
from copy import copy as copy_shallow

import microtome
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from microtome import PatchSpec


@pytest.fixture
def stacks():
    pixels = np.random.default_rng(1).integers(0, 9, (2, 3, 100, 200), np.uint16)
    return [microtome.from_array(pixels, "TCYX"), microtome.from_array(pixels[0, :, :64, :70], "CYX")]


class Own:
    """A stack in Python."""

    source, data_dtype, original_axes, original_data_shape = "own", np.float32, "ZYX", (16, 40, 40)

    def extract_patch(self, sample_idx, channels, coords, patch_size):
        return np.zeros((1, *patch_size), np.float32)


def every_strategy(stacks):
    boxes = [(1, 0, (0, 6), (64, 64)), (0, 1, (3, 4), (10, 11))]
    return [
        microtome.Random(stacks, (32, 32), seed=3),
        microtome.FixedRandom(stacks, (32, 32), seed=3),
        microtome.Stratified(stacks, (32, 32), seed=3),
        microtome.Sequential(stacks, (32, 32), overlap=(4, 3)),
        microtome.Tiled(stacks, (32, 32), overlap=8),
        microtome.Whole(stacks),
        microtome.Coords(stacks, boxes),
    ]


def test_patches_lie_in_their_images(stacks):
    for patching in every_strategy(stacks):
        assert len(patching) == len(list(patching)) > 0
        for spec in patching:
            _, _, *shape = stacks[spec.stack].data_shape
            assert 0 <= spec.sample < stacks[spec.stack].data_shape[0]
            for at, size, n in zip(spec.coords, spec.patch_size, shape, strict=True):
                assert 0 <= at <= n - size
            assert stacks[spec.stack].extract_patch(spec.sample, None, spec.coords, spec.patch_size).shape[0] == 3


def test_indices(stacks):
    patching = microtome.Random(stacks, (32, 32), seed=3)
    n = len(patching)
    assert n == 2 * 4 * 7 + 2 * 3
    assert patching[-1] == patching[np.int64(n - 1)] == patching.spec(n - 1)
    assert patching.specs(range(n)) == list(patching)
    assert patching.specs([5, 2], epoch=4) == [patching.spec(5, 4), patching.spec(2, epoch=4)]
    for index in (n, -n - 1, 2**62):
        with pytest.raises(IndexError, match=rf"is out of bounds for {n} patches"):
            patching[index]
    with pytest.raises(ValueError, match="epochs count from 0"):
        patching.spec(0, -1)
    for wrong in (1.0, "1", None):
        with pytest.raises(TypeError):
            patching[wrong]
    with pytest.raises(TypeError):
        patching.specs([0.5])


def test_epochs_differ_where_they_should(stacks):
    differ = [type(p).__name__ for p in every_strategy(stacks) if p.specs(range(2)) != p.specs(range(2), epoch=1)]
    assert differ == ["Random", "Stratified"]


def test_the_seed_counts(stacks):
    make = microtome.Stratified
    assert list(make(stacks, (32, 32), seed=3)) == list(make(stacks, (32, 32), seed=np.uint64(3)))
    assert list(make(stacks, (32, 32), seed=3)) != list(make(stacks, (32, 32), seed=2**64 - 1))
    for seed in (-1, 2**64):
        with pytest.raises(ValueError, match=r"seed must be from 0 to 2\*\*64 - 1"):
            make(stacks, (32, 32), seed=seed)
    with pytest.raises(TypeError):
        make(stacks, (32, 32), seed=0.5)


def test_tiles(stacks):
    (tile, *_), n = microtome.Tiled(stacks[0], (64, 200), overlap=(16, 0)), 4
    assert tile == PatchSpec(0, 0, (0, 0), (64, 200), (0, 0), (56, 200), (0, 0), n)
    result = np.zeros((2, 3, 100, 200), np.float32)
    for t in microtome.Tiled(stacks[0], (64, 48), overlap=16):
        pixels = stacks[0].extract_patch(t.sample, None, t.coords, t.patch_size)
        (y, x), (cy, cx), (h, w) = t.stitch_coords, t.crop_coords, t.crop_size
        result[t.sample, :, y : y + h, x : x + w] += pixels[:, cy : cy + h, cx : cx + w]
    np.testing.assert_array_equal(result, np.asarray(stacks[0]))
    with pytest.raises(microtome.ArgumentError, match="must be even"):
        microtome.Tiled(stacks, (64, 64), overlap=15)
    with pytest.raises(ValueError, match="overlap has 3 values and patch_size 2"):
        microtome.Tiled(stacks, (64, 64), overlap=(2, 2, 2))


def test_given_patches(stacks):
    tiles = list(microtome.Tiled(stacks[0], (64, 64), overlap=16))
    assert list(microtome.Coords(stacks, tiles[5:2:-1])) == tiles[5:2:-1]
    assert microtome.Coords(stacks, [(0, 0, np.array([1, 2]), [3, 4])])[0] == PatchSpec(
        0, 0, (1, 2), (3, 4), (0, 0), (3, 4), (1, 2)
    )
    assert len(microtome.Coords(stacks, [])) == 0
    assert microtome.Coords(stacks, [(0, 0, (-1, 0), (3, 4))], pad=True)[0].coords == (-1, 0)
    with pytest.raises(microtome.ArgumentError, match="padding is not allowed"):
        microtome.Coords(stacks, [(0, 0, (-1, 0), (3, 4))])
    with pytest.raises(IndexError, match="stack 2 is out of bounds"):
        microtome.Coords(stacks, [(2, 0, (0, 0), (3, 4))])
    with pytest.raises(IndexError):
        microtome.Coords(stacks, [(-1, 0, (0, 0), (3, 4))])
    with pytest.raises(ValueError, match="a patch has 2 coordinates"):
        microtome.Coords(stacks, [(0, 0, (0, 0, 0), (3, 4, 5))])
    with pytest.raises(TypeError, match="must be integers"):
        microtome.Coords(stacks, [(0, 0, (0.5, 0), (3, 4))])


def test_images_that_do_not_fit(stacks):
    with pytest.raises(microtome.ArgumentError, match="64 pixels along Y are less than a patch of 65"):
        microtome.Stratified(stacks, (65, 64))
    assert {s.coords[0] for s in microtome.Stratified(stacks[1], (65, 64), pad=True)} == {0}
    with pytest.raises(microtome.ArgumentError, match="no images"):
        microtome.Random([], (8, 8))
    with pytest.raises(ValueError, match="3 patch sizes for images with the spatial axes YX"):
        microtome.Random(stacks, (8, 8, 8))
    with pytest.raises(microtome.ArgumentError, match="spatial axes"):
        microtome.Random([*stacks, microtome.from_object(Own())], (8, 8))
    pixels = np.zeros((9, 9))
    for wrong in (["a.tif"], "a.tif", pixels, [pixels], 5):
        with pytest.raises(
            TypeError, match=r"stacks must be an image stack, or a list of them, not .*: microtome.open"
        ):
            microtome.Random(wrong, (8, 8))
    stacks[0].close()
    with pytest.raises(ValueError, match="closed"):
        microtome.Random(stacks, (8, 8))


def test_stacks_in_python():
    own = Own()
    for patching in (microtome.Stratified(own, (8, 16, 16)), microtome.Stratified([own], (8, 16, 16))):
        assert len(patching) == 13 and len(patching[0].coords) == 3
    gone = weakref.ref(own)
    del own
    gc.collect()
    assert gone() is not None and patching.stacks[0].source == "own"
    del patching
    gc.collect()
    assert gone() is None


def test_weights(stacks):
    patching = microtome.Stratified(stacks, (32, 32))
    grid = patching.grid(0, 1)
    assert grid.areas.shape == (3, 6) and grid.n_patches == 20 and grid.bin_size == 1024
    assert grid.areas.sum() == 69 * 169
    mask = np.zeros((3, 6), bool)
    mask[:, 3:] = True
    patching.weigh(mask, 0, 1)
    assert patching.grid(0, 1).n_patches == 11 and patching.grid(0, 0).n_patches == 20
    assert all(spec.coords[1] >= 96 for spec in patching if spec.sample == 1)
    with pytest.raises(ValueError, match=r"weights must have the shape of the grid, \(3, 6\), not \(6, 3\)"):
        patching.weigh(mask.T)
    for wrong in (np.nan, -1e-9, 1.1):
        with pytest.raises(microtome.ArgumentError, match="is not between 0 and 1"):
            patching.weigh(np.full((3, 6), wrong))
    for stack, sample in ((2, 0), (-1, 0), (0, 2), (0, -1)):
        with pytest.raises(IndexError, match="out of bounds"):
            patching.grid(stack, sample)


def test_background():
    image = np.zeros((2, 64, 96), np.uint8)
    image[0, 40, 70] = image[1, 5, 5] = 9
    stacks = [microtome.from_array(image, "TYX"), microtome.from_array(image[1], "YX")]
    patching = microtome.Stratified(stacks, (32, 32))
    bright = microtome.MaxFilter(5, coverage=0)
    patching.downweight(bright, 0.25)
    for i, j, kept in ((0, 0, [[0, 1, 1], [0, 1, 1]]), (0, 1, [[1, 0, 0], [0, 0, 0]]), (1, 0, [[1, 0, 0], [0, 0, 0]])):
        grid = patching.grid(i, j)
        np.testing.assert_array_equal(grid.probabilities * grid.bin_size, grid.areas * np.where(kept, 1, 0.25))
    assert len(pickle.loads(pickle.dumps(patching))) == len(patching)
    mask = microtome.from_array(np.kron([[1, 0, 0], [0, 0, 0]], np.ones((32, 32), np.uint8)), "YX")
    patching.downweight([bright, microtome.MaskFilter(mask)], 0)
    assert {spec.coords < (32, 32) for spec in patching if spec.stack == 1} == {True}
    with pytest.raises(ValueError, match="1 filters for 2 stacks"):
        patching.downweight([bright])
    with pytest.raises(microtome.ArgumentError, match="not between 0 and 1"):
        patching.downweight(bright, -1)
    microtome.Loader(patching)
    samples = []
    with pytest.raises(microtome.ArgumentError, match="a loader uses this patching"):
        patching.downweight(bright, progress=lambda *done: samples.append(done))
    assert samples == []  # it did not read the images first


def test_splits(stacks):
    patching = microtome.Stratified(stacks, (32, 32), seed=3)
    train, val = patching.split(6)
    assert train is patching and isinstance(val, microtome.Coords) and len(val) == 6
    for epoch in range(5):
        for spec in train.specs(range(len(train)), epoch):
            assert not any(
                (spec.stack, spec.sample) == (v.stack, v.sample)
                and all(abs(a - b) < 32 for a, b in zip(spec.coords, v.coords, strict=True))
                for v in val
            )
    assert len(microtome.Stratified(stacks, (32, 32)).split()[1]) == 8
    assert list(microtome.Stratified(stacks, (32, 32)).split(seed=3)[1]) != list(
        microtome.Stratified(stacks, (32, 32)).split(seed=4)[1]
    )
    with pytest.raises(microtome.ArgumentError, match="the number of validation patches is too large"):
        train.split(50)
    with pytest.raises(ValueError, match="at least 1"):
        train.split(0)
    assert len(train.split(3)[1]) == 3


def send(patching, queue):
    queue.put(patching.specs(range(len(patching)), 7))


def test_pickles_and_processes(stacks):
    every = every_strategy(stacks)
    every[2].weigh(np.linspace(0.5, 1, 18).reshape(3, 6), 0, 1)
    every[2].exclude([(0, 0, (40, 40), (1, 1))])
    every += every[2].split(4)
    for patching in every:
        copy = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(patching))))
        assert type(copy) is type(patching) and repr(copy) == repr(patching)
        assert copy.specs(range(len(copy)), 7) == patching.specs(range(len(patching)), 7)
    twin = copy_shallow(every[2])
    twin.weigh(np.zeros((3, 6)), 0, 0)
    assert len(pickle.loads(pickle.dumps(every[2]))) == len(every[2]) > len(twin)
    for how in ("fork", "spawn"):
        context = multiprocessing.get_context(how)
        queue = context.Queue()
        process = context.Process(target=send, args=(every[2], queue))
        process.start()
        assert queue.get() == every[2].specs(range(len(every[2])), 7)
        process.join()
        assert process.exitcode == 0


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_visits(data):
    """A pixel is in one patch an epoch on average, and an excluded one in none."""
    shape = data.draw(st.tuples(st.integers(8, 60), st.integers(8, 60)))
    stack = microtome.from_array(np.zeros(shape, np.uint8), "YX")
    patching = microtome.Stratified(stack, (8, 8), seed=data.draw(st.integers(0, 2**64 - 1)))
    free = np.ones(shape, bool)
    if data.draw(st.booleans()) and len(patching) > 20:
        y, x = (data.draw(st.integers(0, n - 1)) for n in shape)
        patching.exclude([(0, 0, (y, x), (1, 1))])
        free[y // 8 * 8 : y // 8 * 8 + 8, x // 8 * 8 : x // 8 * 8 + 8] = False
    visits = np.zeros(shape)
    for epoch in range(30):
        for spec in patching.specs(range(len(patching)), epoch):
            y, x = spec.coords
            visits[y : y + 8, x : x + 8] += 1 / 30
    assert visits[~free].sum() == 0
    rounding = 64 / free.sum()  # the number of patches is rounded up
    assert abs(visits[free].mean() - 1) <= rounding


def test_what_was_not_made():
    with pytest.raises(ValueError, match="not initialized"):
        len(microtome.Random.__new__(microtome.Random))
