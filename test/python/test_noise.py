# SPDX-License-Identifier: BSD-3-Clause
"""Noise: the numbers it is made of, arrays, arguments. The distributions are tested in C."""

import math
from statistics import NormalDist

import microtome
import numpy as np
import philox
import pytest

BATCH = np.random.default_rng(1).random((3, 2, 70, 80), np.float32)
WHERE = {"seed": 1, "step": 2, "first": 5}


def test_gaussian_noise_is_the_inverse_of_the_distribution_at_each_word():
    run = 4096  # pixels of a plane with random numbers of their own
    noise = microtome.add_noise(np.zeros((2, 2, 70, 80), np.float32), gaussian=1, **WHERE).reshape(2, 2, -1)
    for item, channel, part in np.ndindex(2, 2, 2):
        numbers = philox.Numbers(1, philox.GAUSSIAN, 2, 5 + item, 2 * channel + part)
        got = noise[item, channel, part * run : (part + 1) * run]
        words = numbers.take((len(got) + 1) // 2).astype("<u8").view("<u4")[: len(got)]  # low halves first
        for word, value in zip(words.tolist(), got.tolist(), strict=True):
            tail = NormalDist().inv_cdf(((word >> 1) + 0.5) * 2.0**-32)
            assert value == pytest.approx(tail if word & 1 else -tail, abs=2e-6)


def test_intensity_is_drawn_for_each_item():
    got = microtome.add_noise(BATCH, scale=(0.5, 2), offset=(-1, 3), **WHERE)
    for item in range(3):
        numbers = philox.Numbers(1, philox.INTENSITY, 2, 5 + item)
        scale, offset = np.float32([0.5, -1] + [1.5, 4] * numbers.doubles(2))
        np.testing.assert_array_equal(got[item], BATCH[item] * scale + offset)


def test_photons_of_each_channel():
    batch = np.full((8, 2, 100, 100), 3, np.float32)
    for photons, scale, light in [
        (2.0, [2, 2], [6, 6]),
        (([2, 9], 0), [2, 9], [6, 27]),
        (np.array([2, 9]), [2, 9], [6, 27]),
        ((np.array([2, 9]), 4), [2, 9], [10, 31]),
        ((2, [400, 1000]), [2, 2], [406, 1006]),
    ]:
        got = microtome.add_noise(batch, photons=photons, **WHERE).astype(float)
        for channel in range(2):
            counts = (got[:, channel] - 3) * scale[channel] + light[channel]
            np.testing.assert_allclose(counts, np.rint(counts), atol=1e-3)
            assert counts.mean() == pytest.approx(light[channel], abs=4 * math.sqrt(light[channel] / counts.size))
            assert counts.var() == pytest.approx(light[channel], rel=0.03)


def test_arrays_of_the_caller():
    arguments = {"gaussian": 0.3, "photons": (50, 7), "scale": (0.9, 1.1), **WHERE}
    expected = microtome.add_noise(BATCH, **arguments)
    assert expected.dtype == np.float32 and not np.array_equal(expected, BATCH)
    out = BATCH.copy()
    assert microtome.add_noise(out, **arguments, out=out) is out
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(microtome.add_noise(memoryview(BATCH), **arguments), expected)
    np.testing.assert_array_equal(microtome.add_noise(BATCH, **WHERE), BATCH)
    assert microtome.add_noise(BATCH[:0], **arguments).shape == (0, 2, 70, 80)
    for threads in 1, 2, 7:
        context = microtome.Context(threads=threads)
        np.testing.assert_array_equal(microtome.add_noise(BATCH, **arguments, context=context), expected)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"gaussian": -1}, ValueError, "gaussian is -1"),
        ({"gaussian": math.nan}, ValueError, "gaussian is nan"),
        ({"photons": 0}, ValueError, "photons must be above 0, not 0"),
        ({"photons": ([1, 2, 3], 0)}, ValueError, "scale of photons must be an array of float64, 2 of them"),
        ({"photons": [1, 2]}, microtome.ArgumentError, r"may be the pair .* write \(\[1, 2\], 0\)"),
        ({"photons": (1, math.inf)}, ValueError, "photon_offset"),
        ({"photons": (None, 1)}, ValueError, "has no factor a"),
        ({"scale": (0, 0)}, ValueError, "scale from 0 is not positive"),
        ({"scale": (2, 1)}, ValueError, "scale from 2 to 1 is not a range"),
        ({"offset": (0, math.nan)}, ValueError, "offset from 0 to nan"),
        ({"seed": 2**64}, ValueError, "seed must be"),
        ({"batch": BATCH[0, 0]}, ValueError, "BCYX or BCZYX"),
        ({"batch": BATCH.astype(np.uint8)}, TypeError, "float32, not of uint8"),
        ({"out": BATCH[:2].copy()}, ValueError, "out must have the shape of the batch"),
    ],
)
def test_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        microtome.add_noise(**{"batch": BATCH, **WHERE, **arguments})
