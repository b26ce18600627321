# SPDX-License-Identifier: BSD-3-Clause
"""Each of Python's allocations fails in turn, in patchings, loaders and statistics."""

import numpy as np
from microtome import _core
from nomemory import exhaust
from test_sampling_arguments import PATCHING, PLACES, STACK, loader, noise, statistics

ROWS = np.empty((2, 18), np.int64)
FLOATS = np.ones(3)


def check(condition):
    assert condition


def test_patchings():
    def make():
        patching = _core.Patching()
        patching._start((STACK, STACK), "stratified", (5, 5), None, 3, True, None)
        return patching

    assert exhaust(make, lambda patching: check(patching._count() == 2 * 2 * 16))
    patching = make()
    index = np.array([0, 63])
    wanted = ROWS.copy()
    patching._rows(index, 1, wanted)

    def rows():
        patching._rows(index, 1, ROWS)
        return ROWS

    exhaust(rows, lambda got: np.testing.assert_array_equal(got, wanted))
    grid = patching._grid(1, 1)
    exhaust(lambda: patching._grid(1, 1), lambda got: check(got == grid))
    arrays = [np.empty(grid[0][0] * grid[0][1], dtype) for _, dtype in PLACES]
    patching._regions(0, 0, *arrays)
    areas = arrays[0].copy()

    def regions():
        patching._regions(0, 0, *arrays)
        return arrays[0]

    exhaust(regions, lambda got: np.testing.assert_array_equal(got, areas))

    def split():
        validation = _core.Patching()
        make()._split(4, 7, validation)
        return validation

    assert exhaust(split, lambda validation: check(validation._count() == 4))


def test_loaders():
    plain = loader(divide=np.full(3, 2, np.float32), subtract=np.zeros(3, np.float32), channels=(0, 1, 2), block=(1, 1))
    wanted = np.asarray(plain().next().array(0)).copy()

    def first():
        made = plain()
        batch = made.next()
        made.close()
        return batch

    assert exhaust(first, lambda batch: np.testing.assert_array_equal(np.asarray(batch.array(0)), wanted))
    assert exhaust(noise(FLOATS, FLOATS), lambda made: check(made.count() == PATCHING._count() // 2))
    made = plain()
    positions = np.arange(2, dtype=np.uint64)
    batch = made.read(0, positions)
    failed = exhaust(
        lambda: made.read(0, positions), lambda got: np.testing.assert_array_equal(np.asarray(got.array(0)), wanted)
    )
    assert failed
    state, report = made.state(), set(made.report())
    assert exhaust(made.state, lambda got: check(got == state))
    assert exhaust(made.report, lambda got: check(set(got) == report))
    exhaust(made.tell, lambda got: check(got == (0, 0)))
    exhaust(lambda: batch.array(0), lambda got: check(np.asarray(got).shape == (2, 3, 5, 5)))
    exhaust(lambda: batch.column("coords"), lambda got: check(np.asarray(got).shape == (2, 2)))
    exhaust(lambda: batch.bad, lambda got: check(got == []))


def test_statistics():
    compute = statistics(quantiles=np.array([0.25, 0.5]), bins=4, masks=(STACK,))
    assert exhaust(compute, lambda got: check(got.info()[2] == (0.25, 0.5)))
    found = compute()
    for call in (found.json, found.info, lambda: found.channel(0), lambda: found.quantile(0, 0.5),
                 lambda: found.histogram(0), lambda: found.normalization(1, 0, 0.0, 1.0)):  # fmt: skip
        wanted = call()
        exhaust(call, lambda got, wanted=wanted: check(got == wanted))
    text = found.json().encode()
    assert exhaust(lambda: _core.parse_statistics(text, "text"), lambda got: check(got.json() == found.json()))
    calls = []
    followed = statistics(progress=lambda done, total: calls.append((done, total)))
    exhaust(followed, lambda _: check(calls[-1][0] == calls[-1][1]))


def test_filters():
    keep, values = np.zeros(16, bool), np.zeros(16, np.float32)

    def judge():
        return STACK._filter("max", (5, 5), 1, 1500.0, None, 0.5, 1, None, None, keep, values, lambda done, total: None)

    wanted = judge()
    kept = keep.copy()
    assert 0 < wanted[0] == kept.sum() < 16
    assert exhaust(judge, lambda got: check(got == wanted and (keep == kept).all()))
