# SPDX-License-Identifier: BSD-3-Clause
"""N2V manipulation against a plain implementation of its rules; arrays, arguments."""

import itertools
import math
import threading

import microtome
import numpy as np
import philox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def blind(struct):
    """Offsets (y, x) of the pattern, row by row, without the chosen pixel."""
    if struct is None:
        return []
    axes, span = struct
    reach = range(-(span // 2), span // 2 + 1)
    inside = {"horizontal": lambda y, x: y == 0, "vertical": lambda y, x: x == 0, "square": lambda y, x: True}
    inside["cross"] = lambda y, x: y == 0 or x == 0
    return [(y, x) for y in reach for x in reach if (y or x) and inside[axes](y, x)]


def choose(shape, percentage, numbers):
    """Chosen pixels of a plane, in single precision."""
    ndim = len(shape)
    side = np.float32((1 / (percentage / 100)) ** (1 / ndim))
    grid = [math.ceil(np.float32(n) / side) for n in shape]
    uniform = philox.places(numbers, math.prod(grid), ndim)
    for box, u in zip(itertools.product(*map(range, grid)), uniform, strict=True):
        at = tuple(int(np.float32(b) * side + u[d] * side) for d, b in enumerate(box))
        if all(a < n for a, n in zip(at, shape, strict=True)):
            yield at


def neighbour(at, shape, roi, with_center, numbers):
    radius = roi // 2
    offsets = [o for o in range(-radius, radius + 1) if o or with_center]
    drawn = philox.digits(numbers, 1, len(shape), roi)[0] - radius  # negative indices count from the end
    return tuple(min(max(a + offsets[d], 0), n - 1) for a, d, n in zip(at, drawn, shape, strict=True))


def median(plane, at, roi, struct):
    """Return the lower median of the pixels around, which are clamped to the plane, without blind ones; or None."""
    hidden = {at} | {(*at[:-2], at[-2] + y, at[-1] + x) for y, x in blind(struct)}
    reach = range(-(roi // 2), roi // 2 + 1)
    values = []
    for offsets in itertools.product(reach, repeat=plane.ndim):
        place = tuple(min(max(a + o, 0), n - 1) for a, o, n in zip(at, offsets, plane.shape, strict=True))
        if place not in hidden:
            values.append(plane[place])
    return sorted(values)[(len(values) - 1) // 2] if values else None


def manipulate(plane, percentage, roi, strategy, struct, where):
    """Return a manipulated plane and its mask."""
    seed, step, item, channel = where
    numbers = philox.Numbers(seed, philox.REPLACE, step, item, channel)
    masked, mask, chosen = plane.copy(), np.zeros(plane.shape, np.uint8), []
    for at in choose(plane.shape, percentage, philox.Numbers(seed, philox.MASK, step, item, channel)):
        if strategy == "median":
            value = median(plane, at, roi, struct)
        else:
            value = plane[neighbour(at, plane.shape, roi, strategy == "uniform_with_center", numbers)]
        if value is not None:
            chosen.append(at)
            masked[at], mask[at] = value, 1
    low, high = float(masked.min()), float(masked.max())
    for (y, x), at in itertools.product(blind(struct), chosen):
        place = (*at[:-2], at[-2] + y, at[-1] + x)
        if 0 <= place[-2] < plane.shape[-2] and 0 <= place[-1] < plane.shape[-1]:
            masked[place] = low + numbers.doubles(1)[0] * (high - low)
    return masked, mask


@settings(max_examples=150, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 24), st.integers(1, 24)) | st.tuples(*[st.integers(1, 9)] * 3),
    percentage=st.sampled_from([0.05, 0.2, 1, 3, 10, 55.5, 100]),
    roi=st.sampled_from([3, 5, 11]),
    strategy=st.sampled_from(["uniform", "uniform_with_center", "median"]),
    struct=st.none()
    | st.tuples(st.sampled_from(["horizontal", "vertical", "cross", "square"]), st.sampled_from([3, 5, 15])),
    seed=st.integers(0, 2**64 - 1),
    step=st.integers(0, 2**64 - 1),
)
def test_the_rules(shape, percentage, roi, strategy, struct, seed, step):
    batch = np.random.default_rng(3).integers(-9, 9, (2, 2, *shape)).astype(np.float32)
    masked, original, mask = microtome.n2v(batch, percentage, roi, strategy, struct, seed=seed, step=step, first=4)
    assert original is batch
    for item, channel in np.ndindex(2, 2):
        where = seed, step, 4 + item, channel
        expected = manipulate(batch[item, channel], percentage, roi, strategy, struct, where)
        np.testing.assert_array_equal(masked[item, channel], expected[0])
        np.testing.assert_array_equal(mask[item, channel], expected[1])


BATCH = np.random.default_rng(1).random((3, 2, 40, 50), np.float32)
EXPECTED = microtome.n2v(BATCH, 2, seed=1, step=2)


def check(masked, mask):
    np.testing.assert_array_equal(masked, EXPECTED[0])
    np.testing.assert_array_equal(mask, EXPECTED[2])


def test_the_defaults_are_those_of_careamics():
    values = 0.2, 11, "uniform"
    for a, b in zip(microtome.n2v(BATCH, seed=1, step=2), microtome.n2v(BATCH, *values, seed=1, step=2), strict=True):
        np.testing.assert_array_equal(a, b)
    a, b = (microtome.n2v(BATCH, struct=s, seed=1, step=2)[0] for s in ("cross", ("cross", 5)))
    np.testing.assert_array_equal(a, b)


def test_arrays_of_the_caller():
    masked, mask = np.empty_like(BATCH), np.empty(BATCH.shape, bool)
    got = microtome.n2v(BATCH, 2, seed=1, step=2, out=(masked, mask))
    assert got[0] is masked and got[2] is mask
    check(masked, mask)
    batch = BATCH.copy()
    check(*microtome.n2v(batch, 2, seed=1, step=2, out=(batch, mask))[::2])
    locked = BATCH.copy()
    locked.flags.writeable = False
    check(*microtome.n2v(locked, 2, seed=1, step=2)[::2])
    check(*microtome.n2v(memoryview(locked), 2, seed=1, step=2)[::2])


class DLPack:
    """An array that can only be had through DLPack."""

    def __init__(self, array):
        self.array, self.shape = array, array.shape

    def __dlpack__(self, **arguments):
        return self.array.__dlpack__(**arguments)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_dlpack():
    masked, mask = np.empty_like(BATCH), np.empty(BATCH.shape, np.uint8)
    check(*microtome.n2v(DLPack(BATCH), 2, seed=1, step=2)[::2])
    microtome.n2v(DLPack(BATCH), 2, seed=1, step=2, out=(DLPack(masked), DLPack(mask)))
    check(masked, mask)
    locked = masked.copy()
    locked.flags.writeable = False
    check(*microtome.n2v(DLPack(BATCH), 2, seed=1, step=2)[::2])
    with pytest.raises(BufferError, match="masked is read-only"):
        microtome.n2v(BATCH, seed=1, step=2, out=(DLPack(locked), mask))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"percentage": 0}, ValueError, "percentage of 0"),
        ({"percentage": 100.5}, ValueError, "percentage of 100.5"),
        ({"percentage": math.nan}, ValueError, "percentage of nan"),
        ({"roi": 0}, ValueError, "roi must be odd, from 3 to 21, not 0"),
        ({"roi": 4}, ValueError, "roi must be odd, from 3 to 21, not 4"),
        ({"strategy": "mean"}, ValueError, '"mean"'),
        ({"struct": "diagonal"}, ValueError, '"diagonal"'),
        ({"struct": ("cross", 0)}, ValueError, "width of struct must be odd, from 3 to 15, not 0"),
        ({"struct": ("cross", 4)}, ValueError, "width of struct must be odd, from 3 to 15, not 4"),
        ({"seed": -1}, ValueError, "seed must be"),
        ({"step": 2**64}, ValueError, "step must be"),
        ({"first": 1.5}, TypeError, "integer"),
        ({"batch": BATCH.astype(float)}, TypeError, "batch must be of float32, not of float64"),
        ({"batch": BATCH[..., ::2]}, ValueError, "batch must be in C order"),
        ({"batch": BATCH[0]}, ValueError, "BCYX or BCZYX"),
        ({"batch": BATCH[None, None, None]}, ValueError, "7 dimensions"),
        ({"out": (BATCH.copy(), np.empty(BATCH.shape, np.int32))}, TypeError, "mask must be of uint8"),
        ({"out": (BATCH[:1].copy(), np.empty(BATCH.shape, np.uint8))}, ValueError, "masked must have the shape"),
        ({"context": 3}, TypeError, "Context"),
    ],
)
def test_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        microtome.n2v(**{"batch": BATCH, "seed": 1, "step": 2, **arguments})


def test_seed_and_step_must_be_given():
    with pytest.raises(TypeError):
        microtome.n2v(BATCH, seed=1)


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_threads(threads):
    context = microtome.Context(threads=threads)
    got = [None] * 4

    def work(i):
        got[i] = microtome.n2v(BATCH, 2, seed=1, step=2, context=context)

    workers = [threading.Thread(target=work, args=[i]) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for masked, _, mask in got:
        check(masked, mask)
