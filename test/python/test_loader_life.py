# SPDX-License-Identifier: BSD-3-Clause
"""The loader: memory, Python objects, and its end in all circumstances."""

import gc
import io
import itertools
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import weakref

import microtome
import numpy as np
import pytest
from images import write_array
from loaders import PIXELS, SIZE, Own, digest, make, of_object, three_epochs

# -- memory ------------------------------------------------------------------------------------------


def test_arrays_keep_their_batch():
    loader = make()
    batches = iter(loader)
    data = next(batches).data
    copy, view = data.copy(), data[2:, 0, ::3]
    del data
    list(batches)
    list(loader)
    loader.close()
    del loader, batches
    gc.collect()
    np.testing.assert_array_equal(view, copy[2:, 0, ::3])


def test_protocols():
    batch = next(iter(make()))
    data = batch.data
    assert (
        memoryview(data).c_contiguous and data.flags.writeable and np.from_dlpack(data).ctypes.data == data.ctypes.data
    )
    assert batch.data is data and np.shares_memory(batch.coords, batch.coords)
    assert not batch.coords.flags.writeable and not batch.index.flags.writeable
    with pytest.raises(TypeError, match=r"a batch cannot be pickled.* pickle the arrays"):
        pickle.dumps(batch)
    assert memoryview(batch._core.column("sample")).tolist() == batch.sample.tolist()
    with pytest.raises(BufferError):  # not contiguous
        io.BytesIO().write(batch._core.column("sample"))
    with pytest.raises(TypeError, match="read-write"):
        io.BytesIO(bytes(99)).readinto(batch._core.column("index"))
    with pytest.raises(IndexError):
        batch._core.array(2)
    for kind in (type(batch._core), type(batch._core.array(0))):
        with pytest.raises(TypeError):
            kind()


def test_memory_is_flat():
    context = microtome.Context()
    loader = make(context=context, batch_size=12)
    for _ in range(100):
        for batch in loader:
            size = sum(array.nbytes for array in batch.arrays)
    assert context.counters()["memory_peak"] < 20 * size  # of 500 batches


def test_batches_in_memory_of_the_caller():
    live, made = [], []

    def allocate(size):
        array = np.empty(size, np.uint8)
        live.append(weakref.ref(array))
        made.append((array.ctypes.data, size))
        return array

    loader = make()
    wanted = three_epochs(make())
    loader._change(allocate)
    batch = next(iter(loader))
    assert any(start <= batch.data.ctypes.data < start + size for start, size in made)
    del batch
    loader.set_epoch(0)
    assert three_epochs(loader) == wanted
    assert 0 < sum(ref() is not None for ref in live) <= 2 * 6  # 3 batches ahead, 2 in use, 1 in the making
    loader.close()
    gc.collect()
    assert all(ref() is None for ref in live)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("allocate", [lambda size: bytearray(size // 2), lambda size: 1 / 0, lambda size: bytes(size)])
def test_memory_that_is_refused(allocate):
    loader = make()
    loader._change(allocate)
    with pytest.raises(microtome.OutOfMemoryError):
        next(iter(loader))


# -- Python objects ----------------------------------------------------------------------------------


@pytest.mark.parametrize("parallel", [False, True])
def test_objects(parallel):
    for batch in of_object(Own(parallel), target=Own(parallel)):
        np.testing.assert_array_equal(batch.data[:, 0, 3, 3], batch.coords @ [1000, 1])
        np.testing.assert_array_equal(batch.data, batch.target)


@pytest.mark.parametrize("parallel", [False, True])
def test_what_objects_raise(parallel):
    def fail(self, coords):
        if self.calls >= 30:
            raise KeyError(f"call {self.calls}") from ZeroDivisionError("cause")

    own = Own(parallel, fail)
    loader = of_object(own)
    with pytest.raises(KeyError) as raised:
        for _batch in loader:
            pass
    assert "extract_patch" in [entry.name for entry in raised.traceback] and own.calls >= 30
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    own.fail, own.calls = None, 0
    (again,) = itertools.islice(loader, 1)  # the next epoch: the loop was left
    assert again.epoch == 1
    with pytest.raises(KeyError):
        own.fail, own.calls = fail, 30
        loader.read([0, 1])


@pytest.mark.parametrize(
    "source", ["x" * 2000, "ä€" * 300, " (exception 7", "extract_patch of the object failed (exception 1)"]
)
def test_what_objects_with_odd_names_raise(source):
    def fail(self, coords):
        raise KeyError(coords)

    own = Own(True, fail)
    own.source = source
    loader = of_object(own)
    for _ in range(2):
        with pytest.raises(KeyError):
            next(iter(loader))
        with pytest.raises(KeyError):
            loader.read([0])


def test_what_objects_raise_in_two_threads():
    is_inside, go_on, results = threading.Event(), threading.Event(), []

    def read():
        try:
            loader.read([0, 1])
        except Exception as error:
            results.append(error)

    class Slow(Own):  # its second patch fails after the first, while another call raises
        def extract_patch(self, *arguments):
            if threading.current_thread() is reader and not is_inside.is_set():
                is_inside.set()
                raise KeyError("first")
            if threading.current_thread() is reader:
                assert go_on.wait(30)
            raise KeyError("other")

    loader = of_object(Slow())
    reader = threading.Thread(target=read)
    reader.start()
    assert is_inside.wait(30)
    for _ in range(3):
        with pytest.raises(KeyError, match="other"):
            next(iter(loader))
    go_on.set()
    reader.join(30)
    assert [error.args for error in results] == [("first",)]


def test_many_exceptions_of_objects():
    class Failure(Exception):
        pass

    def fail(self, coords):
        error = Failure(coords)
        self.raised.append(weakref.ref(error))
        raise error

    own = Own()
    own.raised = []
    loader = of_object(own, batch_size=64)
    next(iter(loader))
    own.fail = fail
    for epoch in range(1, 301):  # batches that fail ahead of time, and that nobody asks for
        loader.set_epoch(epoch)
        while len(own.raised) < 64 * epoch:
            time.sleep(0.001)
    with pytest.raises(Failure):
        next(iter(loader))
    gc.collect()
    assert len(own.raised) == 64 * 300 and not any(reference() for reference in own.raised)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, MemoryError])
def test_other_exceptions_of_objects(kind):
    def fail(self, coords):
        raise kind

    with pytest.raises(kind):
        next(iter(of_object(Own(True, fail))))


@pytest.mark.parametrize("parallel", [False, True])
def test_close_while_objects_are_called(parallel):
    entered = threading.Event()

    def fail(self, coords):
        entered.set()
        time.sleep(0.01)

    for _ in range(5):
        loader = of_object(Own(parallel, fail), prefetch=4)
        batches = iter(loader)
        next(batches)
        assert entered.wait(10)
        loader.close()
        with pytest.raises(ValueError, match="closed"):
            next(batches)


def test_objects_that_use_their_loader():
    errors, box = [], []

    def fail(self, coords):
        try:
            box[0].state_dict()
        except RuntimeError as error:
            errors.append(str(error))

    box.append(of_object(Own(fail=fail)))
    list(box[0])
    assert set(errors) == {"extract_patch of an object cannot use the loader that reads the object"}
    own = Own(True)
    loader = of_object(own)
    own.fail = lambda self, coords: loader.close()
    with pytest.raises(ValueError, match="closed"):
        list(loader)


@pytest.mark.parametrize("parallel", [False, True])
def test_the_last_reference_is_dropped_in_a_thread_of_the_loader(parallel):
    begun, go_on, ended, box = threading.Event(), threading.Event(), threading.Event(), []

    def drop(self, coords):
        if self.calls > 4:  # in the second batch, while nobody waits for it
            begun.set()
            go_on.wait(30)
            box.clear()
            ended.set()

    own = Own(parallel, drop)
    box.append(of_object(own, prefetch=1))
    gone = weakref.ref(own)
    del own
    first = next(iter(box[0]))
    assert begun.wait(30)
    go_on.set()
    assert ended.wait(30)
    for _ in range(100):
        time.sleep(0.01)  # the main thread frees the loader at a moment of its own
        gc.collect()
        if gone() is None:
            break
    assert gone() is None and first.data.shape == (4, 1, 16, 16)


@pytest.mark.unsanitized
def test_forks_while_objects_are_called():
    loader = of_object(Own(True), prefetch=4)
    for _ in range(200):
        next(iter(loader))
        pid, begin = os.fork(), time.monotonic()
        if pid == 0:
            os._exit(0)
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            assert time.monotonic() - begin < 30
            time.sleep(0.001)


def test_cycles_are_collected():
    own = Own()
    loader = own.loader = of_object(own)
    next(iter(loader))
    gone = weakref.ref(own)
    del own, loader
    gc.collect()
    assert gone() is None


# -- the end -----------------------------------------------------------------------------------------


def test_close():
    with make() as loader:
        batch = next(iter(loader))
    assert repr(loader) == "<microtome.Loader, closed>" and batch.data.shape[0] == 6
    loader.close()
    for use in (
        lambda: next(iter(loader)),
        lambda: len(loader),
        loader.state_dict,
        lambda: loader.read([0]),
        loader.report,
    ):
        with pytest.raises(ValueError, match="the loader is closed"):
            use()


def test_stacks_that_are_closed_early():
    stack = microtome.from_array(PIXELS.copy(), "SCYX")
    loader = microtome.Loader(microtome.Random([stack], SIZE), batch_size=6, augment="d4")
    wanted = digest(
        microtome.Loader(microtome.Random([microtome.from_array(PIXELS, "SCYX")], SIZE), batch_size=6, augment="d4")
    )
    stack.close()
    gc.collect()
    assert digest(loader) == wanted  # it holds them open
    with pytest.raises(ValueError, match="closed"):
        pickle.dumps(loader)


def test_close_while_a_thread_waits():
    release = threading.Event()
    loader = of_object(Own(fail=lambda self, coords: release.wait(30)))
    errors = []

    def wait():
        try:
            next(iter(loader))
        except ValueError as error:
            errors.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.2)
    loader.close()
    release.set()
    thread.join(30)
    assert not thread.is_alive()
    assert errors and "closed" in errors[0]


def test_two_threads_cannot_take_at_once():
    release = threading.Event()
    loader = of_object(Own(fail=lambda self, coords: release.wait(30)))
    batches = iter(loader)
    thread = threading.Thread(target=next, args=(batches,))
    thread.start()
    time.sleep(0.2)
    with pytest.raises(RuntimeError, match="another thread"):
        next(batches)
    release.set()
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.unsanitized
@pytest.mark.unsanitized
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_fork_while_a_thread_waits():
    begun, go_on = threading.Event(), threading.Event()

    def wait(self, coords):
        begun.set()
        assert go_on.wait(30)

    own = Own(True, wait)
    loader = of_object(own)
    waiting = threading.Thread(target=lambda: next(iter(loader)))
    waiting.start()
    assert begun.wait(30)
    child = os.fork()
    if child == 0:
        own.fail = None
        good = [batch.number for batch in loader] == list(range(16))
        owners = sys.getrefcount(loader.patching)
        loader.close()
        os._exit(not good or sys.getrefcount(loader.patching) != owners - 1)
    go_on.set()
    waiting.join(30)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    loader.close()


@pytest.mark.unsanitized
@pytest.mark.parametrize("is_left", [False, True])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_copies_continue_the_epoch(method, is_left):
    loader, wanted = make(), [(0, n) for n in range(3, 10)]
    batches = iter(loader)
    for _ in range(3):
        next(batches)
    if is_left:
        del batches
    methods = multiprocessing.get_context(method)
    here, there = methods.Pipe()
    process = methods.Process(target=send_numbers, args=(loader, there))
    process.start()
    assert here.poll(60) and here.recv() == wanted
    process.join(60)
    assert {batch.epoch for batch in loader} == {1}  # the original begins the next one


def send_numbers(loader, pipe):
    pipe.send([(batch.epoch, batch.number) for batch in loader])


def test_ctrl_c():
    loader = of_object(Own(fail=lambda self, coords: time.sleep(0.5)))
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        next(iter(loader))
    assert time.monotonic() - begin < 1.5  # the batch takes two seconds
    loader.close()


@pytest.mark.unsanitized
@pytest.mark.parametrize("end", ["", "import sys; sys.exit(3)", "raise OSError('end')"])
def test_the_end_of_the_interpreter(end):
    code = f"""
import atexit
atexit.register(lambda: print(loader))  # called last
import time, numpy, microtome
class Own:
    source, data_dtype, original_axes, original_data_shape = "own", numpy.float32, "YX", (64, 64)
    data_shape, parallel = (1, 1, 64, 64), True
    def extract_patch(self, sample_idx, channels, coords, patch_size):
        time.sleep(0.02)
        return numpy.zeros((1, *patch_size), numpy.float32)
loader = microtome.Loader(microtome.Random([Own()], (16, 16)), batch_size=2, prefetch=8)
batches = iter(loader)
first = next(batches)
{end}
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == (3 if "exit" in end else 1 if end else 0), run.stderr
    assert "OSError" in run.stderr if "OSError" in end else run.stderr == ""
    assert run.stdout == "<microtome.Loader, closed>\n"  # its threads do not outlive the interpreter


def test_files_that_are_damaged_or_vanish(tmp_path):
    path = tmp_path / "a.zarr"
    write_array(path, np.ones((128, 128), np.uint16), (32, 32))
    (path / "1.1").write_bytes(b"damaged")
    stack = microtome.open(path, "YX")
    patching = microtome.Random([stack], (16, 16))
    with pytest.raises(microtome.CorruptError, match=r"epoch 0, batch \d+: .*chunk 1/1"):
        for _ in microtome.Loader(patching, batch_size=4):
            pass
    zeros = [b for b in microtome.Loader(patching, batch_size=4, on_corrupt="zero")]
    bad = [(b, one) for b in zeros for one in b.bad]
    assert bad and all(one.redraws == 0 and one.error is microtome.CorruptError for _, one in bad)
    assert all((b.data[one.position] == 0).any() for b, one in bad)
    drawn = [b for b in microtome.Loader(patching, batch_size=4, on_corrupt="redraw")]
    assert all((b.data == 1).all() for b in drawn) and any(one.redraws for b in drawn for one in b.bad)


@pytest.mark.parametrize("is_replaced", [False, True])
def test_files_that_are_repaired(tmp_path, is_replaced):
    path = tmp_path / "a.zarr"
    write_array(path, np.ones((64, 64), np.uint16), (64, 64))
    good = (path / "0.0").read_bytes()
    (path / "0.0").write_bytes(b"damaged")
    loader = microtome.Loader(microtome.Random(microtome.open(path, "YX"), (16, 16)))
    with pytest.raises(microtome.CorruptError):
        next(iter(loader))
    if is_replaced:
        (path / "new").write_bytes(good)
        (path / "new").replace(path / "0.0")
        loader = pickle.loads(pickle.dumps(loader))  # opens the image again
    else:
        (path / "0.0").write_bytes(good)
    assert all((batch.data == 1).all() and not batch.bad for batch in loader)
