# SPDX-License-Identifier: BSD-3-Clause
"""What becomes of each of many patches; which threads call objects."""

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback

import microtome
import numpy as np
import pytest


class Rows:
    """Each pixel is the row in which its patch begins; odd rows cannot be read."""

    source = "rows"
    data_dtype = np.dtype("uint16")
    data_shape = original_data_shape = (1, 1, 400, 4)
    original_axes = "SCYX"
    parallel = False

    def __init__(self, parallel=False, delay=0.0, good=False):
        self.parallel, self.delay, self.good = parallel, delay, good
        self.threads = set()

    def extract_patch(self, sample_idx, channels, coords, patch_size):
        self.threads.add(threading.get_ident())
        time.sleep(self.delay)
        if coords[0] % 2 and not self.good:
            raise KeyError("odd", coords[0])
        return np.full((len(channels), *patch_size), coords[0])


def corners(n):
    return [(row, 0) for row in range(n)]


@pytest.fixture
def damaged(tmp_path):
    """An array of sevens with one bad chunk, that of rows 16 to 31, columns 0 to 15."""
    metadata = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [64, 64],
        "data_type": "uint8",
        "fill_value": 7,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [16, 16]}},
        "chunk_key_encoding": {"name": "default"},
        "codecs": [{"name": "bytes"}, {"name": "crc32c"}],
    }
    (tmp_path / "a.zarr/c/1").mkdir(parents=True)
    (tmp_path / "a.zarr/zarr.json").write_text(json.dumps(metadata))
    (tmp_path / "a.zarr/c/1/0").write_bytes(b"x" * 260)
    return microtome.open(tmp_path / "a.zarr")


def test_errors_are_returned(damaged):
    coords = [(0, 0), (10, 10), (40, 8), (20, -3), (20, 20)]
    out = np.empty((5, 1, 8, 8), np.float32)
    patches, errors = damaged.extract_patches(0, None, coords, (8, 8), out=out, errors="return")
    assert patches is out
    kinds = [None if e is None else type(e) for e in errors]
    assert kinds == [None, microtome.CorruptError, None, microtome.CorruptError, None]
    assert errors[1].path == damaged.source and "1/0" in errors[1].reason
    assert (patches[[0, 2, 4]] == 7).all()
    assert (patches[1, 0, :6] == 7).all() and (patches[1, 0, :, 6:] == 7).all() and not patches[1, 0, 6:, :6].any()
    assert not patches[3].any()
    with pytest.raises(microtome.CorruptError, match="1/0"):
        damaged.extract_patches(0, None, coords, (8, 8))
    whole, errors = damaged.extract_patches(0, None, coords[:1], (8, 8), dtype="uint8", errors="return")
    assert whole.dtype == np.uint8 and errors == [None]
    none, errors = damaged.extract_patches(0, None, [], (8, 8), errors="return")
    assert none.shape == (0, 1, 8, 8) and errors == []


def test_arguments_that_do_not_fit_are_raised(damaged):
    with pytest.raises(IndexError):
        damaged.extract_patches(1, None, [(0, 0)], (8, 8), errors="return")
    with pytest.raises(ValueError, match="errors"):
        damaged.extract_patches(0, None, [(0, 0)], (8, 8), errors="ignore")
    out = np.full((1, 1, 8, 8), -1, np.float32)
    with pytest.raises(ValueError, match="channel"):
        damaged.extract_patches(0, [7], [(0, 0)], (8, 8), out=out, errors="return")
    assert (out == -1).all()


@pytest.mark.parametrize("parallel", [False, True])
def test_errors_of_an_object_leave_other_patches_right(parallel):
    stack = microtome.from_object(Rows(parallel), context=microtome.Context(threads=4))
    for n in [1, 2, 40]:
        patches, errors = stack.extract_patches(0, None, corners(n), (2, 3), errors="return", offset=1)
        for row, error in enumerate(errors):
            if row % 2:
                assert type(error) is KeyError and error.args == ("odd", row)
                assert traceback.extract_tb(error.__traceback__)[-1].name == "extract_patch"
                assert not patches[row].any()
            else:
                assert error is None and (patches[row] == row + 1).all()
        assert len(errors) == n


@pytest.mark.parametrize("parallel", [False, True])
def test_an_exception_reaches_the_caller_whole(parallel):
    stack = microtome.from_object(Rows(parallel, delay=0.001), context=microtome.Context(threads=4))
    for _ in range(20):
        with pytest.raises(KeyError) as caught:
            stack.extract_patches(0, None, [(row, 0) for row in [0, 2, 4, 6, 8, 11, 10]], (1, 1))
        assert caught.value.args == ("odd", 11)
        assert [entry.name for entry in caught.traceback][-3:] == ["extract_patches", "read_batch", "extract_patch"]
    assert caught.value.__context__ is None


def test_a_bad_shape_is_an_error_of_its_patch():
    class Bad(Rows):
        def extract_patch(self, sample_idx, channels, coords, patch_size):
            return (
                np.zeros((1, 2, 2))
                if coords[0] == 2
                else super().extract_patch(sample_idx, channels, coords, patch_size)
            )

    for parallel in [False, True]:
        stack = microtome.from_object(Bad(parallel, good=True))
        patches, errors = stack.extract_patches(0, None, corners(4), (1, 1), errors="return")
        assert [e is None for e in errors] == [True, True, False, True] and "whose shape is not" in str(errors[2])
        assert patches.ravel().tolist() == [0, 1, 0, 3]


def test_a_parallel_object_is_called_from_the_threads_of_the_context():
    own = Rows(parallel=True, delay=0.01, good=True)
    stack = microtome.from_object(own, context=microtome.Context(threads=8))
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        patches = stack.extract_patches(0, None, corners(32), (2, 2))
        best = min(best, time.perf_counter() - start)
        np.testing.assert_array_equal(patches[:, 0, 0, 0], np.arange(32))
    assert len(own.threads) > 4
    assert best < 0.1  # 0.32 s in one thread


@pytest.mark.parametrize("parallel", [False, None, 1, "yes", lambda: True])
def test_other_objects_are_called_in_the_thread_of_the_call(parallel):
    own = Rows(parallel, delay=0.001, good=True)
    stack = microtome.from_object(own, context=microtome.Context(threads=8))
    stack.extract_patches(0, None, corners(32), (2, 2))
    assert own.threads == {threading.get_ident()}


def test_arrays_of_other_libraries_may_be_parallel():
    pixels = np.arange(400.0).reshape(20, 20)
    stack = microtome.from_object(microtome.ArrayStack(pixels, "YX", parallel=True))
    np.testing.assert_array_equal(stack.extract_patches(0, None, corners(16), (3, 3))[:, 0, 0, 0], pixels[:16, 0])
    assert not microtome.ArrayStack(pixels, "YX").parallel


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_an_object_may_read_other_stacks(damaged, parallel, threads):
    """In the context whose threads call it, singly and in batches, from several threads at once."""
    context = microtome.Context(threads=threads)
    inner = microtome.open(damaged.source, context=context)

    class Outer(Rows):
        def extract_patch(self, sample_idx, channels, coords, patch_size):
            patch = inner.extract_patch(0, channels, (32, 32), patch_size)
            many = inner.extract_patches(0, channels, [(40, 40)] * 20, patch_size)
            return patch + many.mean(axis=0) + super().extract_patch(sample_idx, channels, coords, patch_size)

    stack = microtome.from_object(Outer(parallel), context=context)
    results = []

    def read():
        for _ in range(5):
            patches, errors = stack.extract_patches(0, None, corners(30), (2, 3), errors="return")
            good = patches[::2, 0, 0, 0].tolist() == [14 + row for row in range(0, 30, 2)]
            results.append(good and [e.args for e in errors[1::2]] == [("odd", row) for row in range(1, 30, 2)])
            context.drop_cache()

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(60)
    assert results == [True] * 15


def test_calls_at_once_keep_their_exceptions_apart():
    stack = microtome.from_object(Rows(parallel=True), context=microtome.Context(threads=4))
    results = []

    def read(row):
        for _ in range(100):
            try:
                stack.extract_patches(0, None, [(0, 0), (2, 0), (row, 0), (4, 0)], (1, 1))
            except KeyError as error:
                results.append(error.args == ("odd", row))

    readers = [threading.Thread(target=read, args=(row,)) for row in range(1, 13, 2)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(60)
    assert results == [True] * 600


@pytest.mark.parametrize("errors", ["raise", "return"])
def test_references_are_given_back(errors):
    own = Rows(parallel=True)
    stack = microtome.from_object(own)

    def count():
        try:
            stack.extract_patches(0, None, corners(20), (1, 1), errors=errors)
        except KeyError:
            pass
        gc.collect()
        return sys.getrefcount(own)

    assert count() == count() == count()


@pytest.mark.unsanitized
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_parallel_object_survives_fork():
    stack = microtome.from_object(Rows(parallel=True, delay=0.001, good=True), context=microtome.Context(threads=4))
    expected = stack.extract_patches(0, None, corners(20), (2, 2))
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # a deadlock ends the child
        os._exit(0 if (stack.extract_patches(0, None, corners(20), (2, 2)) == expected).all() else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert (stack.extract_patches(0, None, corners(20), (2, 2)) == expected).all()


@pytest.mark.unsanitized
@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("errors", ["raise", "return"])
def test_ctrl_c_ends_a_batch_of_an_object(parallel, errors):
    code = f"""
import sys, time, numpy as np, microtome
sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_outcomes import Rows
stack = microtome.from_object(Rows({parallel}, 0.05, True), context=microtome.Context(threads=2))
print("ready", flush=True)
stack.extract_patches(0, None, [(row, 0) for row in range(390)], (1, 1), errors={errors!r})
print("finished", flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.3)
    start = time.perf_counter()
    process.send_signal(signal.SIGINT)
    output, text = process.communicate(timeout=60)
    assert time.perf_counter() - start < 5  # 10 s or more otherwise
    assert output == "" and text.rstrip().endswith("KeyboardInterrupt")
