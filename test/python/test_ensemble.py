# SPDX-License-Identifier: BSD-3-Clause
"""Mean and spread of several outputs: the extension's own, beside NumPy."""

import threading
import time

import microtome
import numpy as np
import pytest
from microtome import _core
from nomemory import exhaust

SHAPE = (2, 3, 20, 37)


def turn(array, symmetry):
    """Flip Y, flip X, then swap them, as a loader does."""
    if symmetry & 1:
        array = array[..., ::-1, :]
    if symmetry & 2:
        array = array[..., ::-1]
    return np.ascontiguousarray(array.swapaxes(-1, -2) if symmetry & 4 else array)


@pytest.mark.parametrize("shape", [SHAPE, (1, 2, 3, 70, 5)])
def test_mean_and_spread(shape):
    rng = np.random.default_rng(1)
    outputs = rng.normal(100, 10, (8, *shape)).astype(np.float32)
    ensemble = _core.Ensemble(None, shape)
    for round_ in range(2):  # take forgets
        for symmetry, output in enumerate(outputs):
            ensemble.add(turn(output, symmetry), symmetry)
        mean, spread = ensemble.take(round_ == 0)
        assert mean.dtype == np.float32 and mean.shape == shape
        np.testing.assert_allclose(mean, outputs.mean(0, np.float64), rtol=1e-6)
    assert spread is None
    ensemble.add(outputs[0], 0)
    ensemble.add(outputs[1], 0)
    mean, spread = ensemble.take(True)
    np.testing.assert_allclose(spread, outputs[:2].std(0, dtype=np.float64), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint64", "float16", "float32", "float64"])
def test_dtypes(dtype):
    output = np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(dtype)
    ensemble = _core.Ensemble(microtome.Context(threads=1), SHAPE)
    ensemble.add(output, 0)
    mean, spread = ensemble.take(True)
    assert np.array_equal(mean, output.astype(np.float32))
    assert not spread.any()


def test_arguments():
    for arguments, error in [
        ((None,), TypeError),
        ((None, 3), TypeError),
        ((None, (1, 2, 3)), microtome.ArgumentError),
        ((None, (1,) * 20), microtome.ArgumentError),
        ((None, (1, 1, -1, 3)), microtome.ArgumentError),
        (("context", SHAPE), TypeError),
    ]:
        with pytest.raises(error):
            _core.Ensemble(*arguments)
    ensemble = _core.Ensemble(None, SHAPE)
    output = np.zeros(SHAPE, np.float32)
    with pytest.raises(microtome.ArgumentError, match="no output was added"):
        ensemble.take(False)
    with pytest.raises(ValueError, match=r"an array of the shape \(2, 3, 20, 37\) where \(2, 3, 37, 20\) is needed"):
        ensemble.add(output, 4)
    with pytest.raises(ValueError, match=r"the shape \(3, 20, 37\) where \(2, 3, 20, 37\)"):
        ensemble.add(output[0], 0)
    with pytest.raises(ValueError, match="contiguous"):
        ensemble.add(output[..., ::-1], 0)
    with pytest.raises(TypeError, match="elements of the format"):
        ensemble.add(output.astype(complex), 0)
    with pytest.raises(microtome.ArgumentError, match="symmetry 8 is not one of 0 to 7"):
        ensemble.add(output, 8)
    with pytest.raises(TypeError):
        ensemble.add(output)
    with pytest.raises(TypeError):
        ensemble.add(3, 0)


def test_one_thread_at_a_time():
    shape = (8, 1, 1024, 1024)
    ensemble, output = _core.Ensemble(None, shape), np.ones(shape, np.float32)
    end, refusals = time.monotonic() + 60, []
    while not refusals and time.monotonic() < end:
        thread = threading.Thread(target=ensemble.add, args=(output, 0))
        thread.start()
        try:
            ensemble.add(output, 0)
        except RuntimeError as error:
            refusals.append(str(error))
        thread.join()
    assert refusals == ["another thread uses the ensemble"]


def test_allocations_may_fail():
    output = np.ones((1, 1, 4, 4), np.float32)

    def run():
        ensemble = _core.Ensemble(None, (1, 1, 4, 4))
        ensemble.add(output, 0)
        return ensemble.take(True)

    def check(taken):
        assert (taken[0] == 1).all()

    assert exhaust(run, check)
