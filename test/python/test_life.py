# SPDX-License-Identifier: BSD-3-Clause
"""Opening, closing, pickling, threads, fork, memory; stacks of arrays and of Python objects."""

import gc
import multiprocessing
import os
import pickle
import re
import resource
import signal
import struct
import subprocess
import sys
import threading
import time
import weakref

import microtome
import numpy as np
import pytest
from conftest import ROOT


class Constant:
    """A custom stack: all pixels have the sample's number."""

    source = "constant"
    data_dtype = np.dtype("uint16")
    data_shape = (5, 2, 30, 40)
    original_data_shape = (5, 2, 30, 40)
    original_axes = "SCYX"

    def extract_patch(self, sample_idx, channels, coords, patch_size):
        if sample_idx == 4:
            raise KeyError("whole", self.source)
        if sample_idx == 3:
            return np.zeros((1, 1, 1))
        return np.full((len(channels), *patch_size), sample_idx, np.float64)


def write_npy(folder, name="a.npy", shape=(3, 64, 64)):
    pixels = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    np.save(folder / name, pixels)
    return folder / name, pixels


def test_open(tmp_path):
    path, pixels = write_npy(tmp_path)
    for given in [path, str(path), os.fsencode(path)]:
        with microtome.open(given, "CYX") as stack:
            assert stack.data_shape == (1, 3, 64, 64) and stack.source == str(path)
            np.testing.assert_array_equal(stack[0], pixels)
    assert stack.closed and "closed" in repr(stack)
    with pytest.raises(ValueError, match="closed"):
        stack.extract_patch(0, None, (0, 0), (1, 1))
    with pytest.raises(ValueError, match="closed"):
        _ = stack.data_shape
    stack.close()


def test_errors_are_standard_exceptions_too(tmp_path):
    path, _ = write_npy(tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        microtome.open(tmp_path / "missing.tif")
    assert isinstance(caught.value, microtome.Error)
    assert caught.value.path == str(tmp_path / "missing.tif") and caught.value.reason == "no such file or folder"
    assert str(caught.value) == f"{caught.value.path}: {caught.value.reason}"
    with pytest.raises(ValueError, match="axes"):
        microtome.open(path, "QYX")
    (tmp_path / "text.txt").write_text("no image")
    with pytest.raises(microtome.NotAnImageError) as caught_text:
        microtome.open(tmp_path / "text.txt")
    assert isinstance(caught_text.value, ValueError)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(microtome.CorruptError):
        microtome.open(path, "CYX").extract_patch(0, None, (0, 0), (64, 64))
    with pytest.raises(microtome.LimitError, match="max_json_bytes"):
        (tmp_path / "b.zarr").mkdir()
        (tmp_path / "b.zarr/zarr.json").write_text('{"zarr_format": 3, "node_type": "group"}' + " " * 100)
        microtome.open(tmp_path / "b.zarr", context=microtome.Context(limits={"max_json_bytes": 50}))
    error = pickle.loads(pickle.dumps(caught.value))
    assert type(error) is microtome.NotFoundError and error.path == caught.value.path


def test_raw(tmp_path):
    pixels = np.arange(2 * 8 * 9, dtype=">u2").reshape(2, 8, 9)
    (tmp_path / "a.bin").write_bytes(b"header" + pixels.tobytes())
    stack = microtome.open(tmp_path / "a.bin", "CYX", dtype=">u2", shape=pixels.shape, offset=6)
    np.testing.assert_array_equal(stack[0], pixels)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(stack))[0], pixels)
    with pytest.raises(ValueError, match="shape"):
        microtome.open(tmp_path / "a.bin", dtype="u2")
    with pytest.raises(ValueError, match="tiff"):
        microtome.open(tmp_path / "a.bin", "CYX", dtype=">u2", shape=pixels.shape, offset=6, format="tiff")


def test_a_relative_path_pickles(tmp_path, monkeypatch):
    write_npy(tmp_path)
    monkeypatch.chdir(tmp_path)
    text = pickle.dumps(microtome.open("a.npy", "CYX"))
    monkeypatch.chdir("/")
    assert pickle.loads(text).data_shape == (1, 3, 64, 64)


@pytest.mark.parametrize("folder", ["images", b"images", "", None])
def test_a_relative_folder_of_external_files_pickles(tmp_path, monkeypatch, folder):
    (tmp_path / "images").mkdir()
    _, pixels = write_npy(tmp_path / "images")
    monkeypatch.chdir(tmp_path)
    stack = microtome.open("images/a.npy", "CYX", external_folder=folder)
    monkeypatch.chdir("/")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(stack))[0], pixels)


def test_arrays_and_objects_pickle():
    stack = microtome.from_array(np.eye(5), "YX", "mine")
    copy = pickle.loads(pickle.dumps(stack))
    assert copy.source == "mine"
    np.testing.assert_array_equal(copy[0, 0], np.eye(5))
    copy = pickle.loads(pickle.dumps(microtome.from_object(Constant())))
    assert (copy.extract_patch(2, [0], (0, 0), (2, 2)) == 2).all()


def test_object():
    stack = microtome.from_object(Constant())
    assert stack.source == "constant" and stack.data_shape == Constant.data_shape and stack.format == "custom"
    patch = stack.extract_patch(1, None, (-5, 35), (7, 8))  # what lies outside is not asked of the object
    assert (patch[:, 5:, :5] == 1).all() and patch.sum() == 2 * 2 * 5
    many = stack.extract_patches([0, 2], [1], [(0, 0), (-1, -1)], (3, 3), scale=10, padding=7)
    assert (many[0] == 0).all() and many[1, 0, 0, 0] == 7 and (many[1, 0, 1:, 1:] == 20).all()
    assert stack[2, 1, 3, 4] == 2 and stack[1].dtype == np.float32  # float32 is what objects give
    assert not stack[0].any() and stack[0].shape == stack.shape[1:]


def test_an_object_is_only_asked_for_what_lies_inside():
    class Inside(Constant):
        def extract_patch(self, sample_idx, channels, coords, patch_size):
            for first, n, length in zip(coords, patch_size, self.data_shape[2:], strict=True):
                assert 0 <= first < first + n <= length
            return super().extract_patch(sample_idx, channels, coords, patch_size)

    stack = microtome.from_object(Inside())
    corners, size = [(-3, -3), (28, 38), (4, 4), (90, 0)], (5, 5)
    assert stack.extract_patches(1, [0], corners, size).sum() == 4 + 4 + 25
    assert stack.view_patches(1, [0], corners, size).png


@pytest.mark.parametrize(
    ("axes", "shape"), [("YX", (9, 11)), ("CZYX", (3, 4, 9, 11)), ("YXC", (9, 11, 3)), ("TSYX", (2, 3, 9, 11))]
)
def test_arrays_of_other_libraries(axes, shape):
    pixels = np.random.default_rng(5).integers(0, 200, shape, np.uint8)
    native = microtome.from_array(pixels, axes)
    own = microtome.ArrayStack(pixels, axes, "mine")
    stack = microtome.from_object(own)
    assert stack.source == own.source == "mine" and stack.data_shape == own.data_shape == native.data_shape
    assert stack.data_dtype == own.data_dtype == np.uint8
    rng = np.random.default_rng(6)
    for _ in range(50):
        coords, size = rng.integers(-6, 12, native.ndim - 2), rng.integers(1, 8, native.ndim - 2)
        channels = None if rng.random() < 0.3 else list(rng.integers(0, native.shape[1], rng.integers(1, 4)))
        sample = int(rng.integers(0, len(native)))
        expected = native.extract_patch(sample, channels, coords, size)
        np.testing.assert_array_equal(stack.extract_patch(sample, channels, coords, size), expected)
        np.testing.assert_array_equal(own.extract_patch(sample, channels, coords, size), expected)
        if channels is not None:
            channels = np.array(channels)
            np.testing.assert_array_equal(own.extract_patch(sample, channels, coords, size), expected)


def test_an_exception_of_an_object_reaches_the_caller_whole():
    stack = microtome.from_object(Constant())
    with pytest.raises(KeyError) as caught:
        stack.extract_patch(4, None, (0, 0), (1, 1))
    assert caught.value.args == ("whole", "constant")
    assert caught.traceback[-1].name == "extract_patch"
    with pytest.raises(KeyError):
        stack.extract_patches([0, 4, 3], None, [(0, 0)] * 3, (1, 1))
    with pytest.raises(ValueError, match="whose shape is not"):
        stack.extract_patch(3, None, (0, 0), (2, 2))
    failures = []

    def fail():
        try:
            stack.extract_patch(4, None, (0, 0), (1, 1))
        except KeyError as error:
            failures.append(error.args)

    threads = [threading.Thread(target=fail) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [("whole", "constant")] * 8


def test_stacks_are_collected():
    class Cycle(Constant):
        pass

    own = Cycle()
    own.stack = microtome.from_object(own)
    gone = weakref.ref(own)
    del own
    gc.collect()
    assert gone() is None
    pixels = np.zeros((9, 9))
    before = sys.getrefcount(pixels)
    stack = microtome.from_array(pixels, "YX")
    stack.extract_patch(0, None, (0, 0), (1, 1))
    del stack
    assert sys.getrefcount(pixels) == before


def test_stacks_are_made_by_functions():
    with pytest.raises(TypeError, match=r"microtome\.open"):
        microtome.ImageStack()


def test_context():
    context = microtome.Context(threads=2, cache_bytes=1 << 20, in_flight=3)
    stack = microtome.from_array(np.zeros((9, 9)), "YX", context=context)
    stack.extract_patch(0, None, (0, 0), (9, 9))
    assert context.counters()["patches"] == 1
    context.reset_counters()
    context.drop_cache()
    assert context.counters()["patches"] == 0
    bad_values = [{"threads": -1}, {"cache_bytes": -1}, {"in_flight": -1}, {"in_flight": 1 << 20}]
    for bad in [*bad_values, {"limits": {"no": 1}}, {"limits": {"max_pages": 0}}]:
        with pytest.raises(ValueError, match=r".+"):
            microtome.Context(**bad)
    limits = {}

    class Removed:
        def __index__(self):
            limits.clear()
            raise TypeError

    limits["max_pages"] = Removed()
    for bad in [{"threads": "x"}, {"in_flight": "x"}, {"limits": 3}, {"no": 1}, {"limits": limits}]:
        with pytest.raises(TypeError):
            microtome.Context(**bad)
    with pytest.raises(TypeError, match="Context"):
        microtome.from_array(np.zeros((9, 9)), "YX", context=3)


def test_encoded_tiles_are_kept_though_the_image_is_larger_than_the_cache(data):
    context = microtome.Context(cache_bytes=1 << 20)
    stack = microtome.open(data / "czi/real/CellDivision_T3_Z5_CH2_X240_Y170_comp1.czi", context=context)
    assert stack.nbytes > 1 << 20
    for _ in range(3):
        stack.extract_patch(0, [0], (0, 5, 5), (1, 9, 9))
    assert context.counters()["chunks_decoded"] == 1


def test_a_few_rows_of_a_large_raw_chunk_are_read_alone(tmp_path):
    (tmp_path / ".zarray").write_text(
        '{"zarr_format": 2, "shape": [4096, 4096], "chunks": [4096, 4096], "dtype": "<u2", "order": "C",'
        ' "compressor": null, "filters": null, "fill_value": 0}'
    )
    np.arange(4096 * 4096, dtype="<u2").tofile(tmp_path / "0.0")
    context = microtome.Context(cache_bytes=1 << 30)
    stack = microtome.open(tmp_path, context=context)
    np.testing.assert_array_equal(stack.extract_patch(0, None, (7, 9), (1, 2))[0], [[7 * 4096 + 9, 7 * 4096 + 10]])
    assert context.counters()["bytes_fetched"] < 1 << 20


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(700, 900), (20, 200, 300)])
def test_many_patches_of_a_file_in_one_piece_read_each_block_once(tmp_path, shape, order):
    pixels = np.random.default_rng(7).integers(0, 60000, shape, np.uint16)
    np.save(tmp_path / "a.npy", np.asarray(pixels, order=order))
    context = microtome.Context(cache_bytes=0)
    stack = microtome.open(tmp_path / "a.npy", "ZYX"[-len(shape) :], context=context)
    size = (5, 40, 50)[-len(shape) :]
    coords = np.random.default_rng(8).integers(-30, np.array(shape) + 10, (300, len(shape)))
    expected = microtome.from_array(pixels, "ZYX"[-len(shape) :]).extract_patches(0, None, coords, size)
    context.reset_counters()
    np.testing.assert_array_equal(stack.extract_patches(0, None, coords, size), expected)
    assert context.counters()["bytes_fetched"] <= pixels.nbytes
    context.reset_counters()
    np.testing.assert_array_equal(stack.extract_patches(0, None, coords[:2], size), expected[:2])
    assert context.counters()["bytes_fetched"] < pixels.nbytes / 4


def read_some(stack, seed, results):
    rng = np.random.default_rng(seed)
    for _ in range(50):
        coords = rng.integers(-8, 60, (20, 2))
        patches = stack.extract_patches(0, None, coords, (8, 8))
        for patch, (y, x) in zip(patches, coords, strict=True):
            results.append(patch.sum() == stack.extract_patch(0, None, (y, x), (8, 8)).sum())


def test_eight_threads(tmp_path):
    stack = microtome.open(write_npy(tmp_path)[0], "CYX")
    results: list[bool] = []
    threads = [threading.Thread(target=read_some, args=(stack, seed, results)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8000 and all(results)


def test_close_while_others_read(tmp_path):
    path, _ = write_npy(tmp_path)
    for _ in range(20):
        stack = microtome.open(path, "CYX")

        def read(stack=stack):
            while not stack.closed:
                try:
                    stack.extract_patches(0, None, [(0, 0)] * 50, (64, 64))
                except ValueError:
                    return

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        stack.close()
        for thread in threads:
            thread.join()


def child_reads(path, shared):
    with microtome.open(path, "CYX") as stack:
        shared.value = int(stack.extract_patch(0, [1], (3, 4), (1, 1)).item())


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes(tmp_path, method):
    path, pixels = write_npy(tmp_path)
    context = multiprocessing.get_context(method)
    shared = context.Value("q", -1)
    process = context.Process(target=child_reads, args=(str(path), shared))
    process.start()
    process.join(60)
    assert process.exitcode == 0 and shared.value == pixels[1, 3, 4]


@pytest.mark.unsanitized
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_while_the_pool_is_busy(data):
    stack = microtome.open(data / "zarr/v3/zstd" if (data / "zarr/v3/zstd").exists() else find_compressed(data))
    size = [min(n, 64) for n in stack.shape[2:]]
    expected = stack.extract_patch(0, None, [0] * len(size), size)
    stop = threading.Event()

    def read():
        while not stop.is_set():
            stack.extract_patches(0, None, [[0] * len(size)] * 64, size)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                signal.alarm(30)
                good = (stack.extract_patches(0, None, [[0] * len(size)] * 8, size) == expected).all()
                os._exit(0 if good else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert (stack.extract_patch(0, None, [0] * len(size), size) == expected).all()


def find_compressed(data):
    return next(p for p in sorted((data / "tiff").rglob("gray.tiled.u2.tif")))


@pytest.mark.unsanitized
def test_a_million_patches_leak_nothing():
    stack = microtome.from_array(np.zeros((64, 64), np.uint8), "YX")
    out = np.empty((100, 1, 4, 4), np.float32)
    coords = np.zeros((100, 2), np.int64)

    def extract(n):
        for _ in range(n):
            stack.extract_patch(0, [0], (1, 2), (8, 8))
            try:
                stack.extract_patch(9, None, (0, 0), (1, 1))
            except IndexError:
                pass
        for _ in range(n // 20):
            stack.extract_patches(0, None, coords, (4, 4), out=out)
            stack.extract_patches(0, None, coords[:3], (4, 4), scale=2.0)

    extract(2_000)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    extract(100_000)  # 100,000 single ones, 500,000 in batches
    extract(100_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4 * 1024  # KiB


@pytest.mark.unsanitized
def test_ctrl_c_ends_a_long_read():
    code = """
import numpy as np, microtome
stack = microtome.from_array(np.zeros((512, 512), np.uint8), "YX")
coords = np.zeros((3_000_000, 2), np.int64)
out = np.lib.stride_tricks.as_strided(np.empty((1, 1, 32, 32), np.float32), (3_000_000, 1, 32, 32), (0, 0, 128, 4))
print("ready", flush=True)
stack.extract_patches(0, None, coords, (32, 32), out=out)  # some seconds
print("finished", flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert output == "" and errors.rstrip().endswith("KeyboardInterrupt")


def test_opening_leaks_nothing(tmp_path):
    path, _ = write_npy(tmp_path)
    open_files = len(os.listdir("/proc/self/fd"))
    for i in range(300):
        stack = microtome.open(path, "CYX")
        stack.extract_patch(0, None, (0, 0), (4, 4))
        if i % 2:
            stack.close()
        del stack
    assert len(os.listdir("/proc/self/fd")) == open_files


@pytest.mark.unsanitized
def test_import_is_quick_and_light():
    code = (
        "import numpy, sys, time; before = set(sys.modules); start = time.perf_counter(); import microtome;"
        "print(time.perf_counter() - start); print(*[m for m in set(sys.modules) - before if 'microtome' not in m])"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ).stdout
        for _ in range(3)
    ]
    modules = runs[0].splitlines()[1].split()
    assert not [m for m in modules if m.split(".")[0] not in sys.stdlib_module_names]


def test_the_command():
    run = subprocess.run([sys.executable, "-m", "microtome", "--version"], capture_output=True, text=True, check=False)
    assert run.returncode == 0 and run.stdout == f"microtome {microtome.__version__}\n"
    run = subprocess.run([sys.executable, "-m", "microtome", "info", "no"], capture_output=True, text=True, check=False)
    assert run.returncode == 1 and "no such file" in run.stderr


def test_doctests():
    import doctest
    import importlib

    names = [p.stem for p in (ROOT / "python/microtome").glob("*.py") if p.stem not in ("__main__", "careamics")]
    tried = 0
    for name in names:
        module = importlib.import_module("microtome" if name == "__init__" else f"microtome.{name}")
        result = doctest.testmod(module)
        assert result.failed == 0
        tried += result.attempted
    assert tried > 10


def test_view(volume, data):
    picture = volume[1].view()
    assert picture.png.startswith(b"\x89PNG") and "base64" in picture._repr_html_()
    wide = microtome.from_array(np.zeros((50, 200)), "YX").view(max_size=100)
    assert wide.size == (100, 25) and re.fullmatch(
        r"<microtome\.Picture 100 x 25 pixels, \d+ bytes of PNG>", repr(wide)
    )
    assert volume[1].view_patches(0, None, [(0, 0, 0), (1, -2, 3)], (1, 5, 6)).png.startswith(b"\x89PNG")
    assert "<table>" in volume[1]._repr_html_()
    for bad in [{"sample": 5}, {"channels": [7]}, {"z": 9}, {"region": (0, 0, 99, 99)}, {"max_size": -1}]:
        with pytest.raises(ValueError, match=r".+"):
            volume[1].view(**bad)
    for bad in [
        {"contrast": (3, 1)},
        {"contrast": (1, 2, 3)},
        {"contrast": "best"},
        {"contrast": [(0, 1)] * 9},
        {"project": "min"},
        {"colors": "gray"},
        {"project": "max", "z": 0},
    ]:
        with pytest.raises(ValueError, match=r".+"):
            volume[1].view(**bad)
    with pytest.raises(ValueError, match="64"):
        volume[1].view_patches(0, None, [(0, 0, 0)] * 65, (1, 1, 1))
    with pytest.raises(ValueError, match="empty"):
        volume[1].view_patches(0, [], [(0, 0, 0)], (1, 1, 1))
    with pytest.raises(KeyError):
        microtome.from_object(Constant()).view(4)


def png_size(picture):
    """Height and width."""
    width, height = struct.unpack(">II", picture.png[16:24])
    return height, width


def test_styles_of_pictures():
    values = np.arange(3 * 300 * 300, dtype=np.uint16).reshape(3, 300, 300) % 1000
    stack = microtome.from_array(values, "ZYX")
    plain = stack.view(contrast=(100, 900))
    assert plain.contrast == [(100.0, 900.0)]
    assert plain.scale == 1.0
    assert not plain.scale_bar
    assert stack.view().contrast == [pytest.approx((0, 999), abs=5)]
    assert stack.view(project="sum").contrast[0][1] > 1500
    assert stack.view(project="max").png != stack.view(project="mean").png
    assert stack.view(max_size=100).scale == pytest.approx(1 / 3)
    assert stack.view(scale_bar=True).scale_bar == "50 px"
    assert stack.view(colors="labels").contrast == []
    assert png_size(stack.view(contrast=(100, 900), legend=True))[0] > png_size(plain)[0] == 300
    sheet = stack.view_patches(0, None, [(0, 0, 0), (1, -2, 3)], (1, 50, 60), contrast=[(0, 999)], max_size=30)
    assert sheet.contrast == [(0.0, 999.0)]
    assert sheet.scale == 0.5
    assert png_size(sheet) == (25, 62)
    two = microtome.from_array(values[:2], "CYX")
    assert two.view(contrast=[(0, 10), (5, 20)]).contrast == [(0.0, 10.0), (5.0, 20.0)]
    assert two.view(contrast="auto").contrast == two.view().contrast


class Asked(Constant):
    """A large plane of which no pixel can be read; keeps what was asked for."""

    original_data_shape = data_shape = (1, 40, 100_000, 50_000)
    asked = ()

    def extract_patch(self, sample_idx, channels, coords, patch_size):
        self.asked = len(channels), *coords
        raise RuntimeError("<unreadable>")


def test_a_notebook_shows_what_is_known():
    own = Asked()
    stack = microtome.from_object(own)
    text = stack._repr_html_()
    assert own.asked == (7, 50_000 - 2048, 25_000 - 2048)  # a part of the middle
    assert "&lt;unreadable&gt;" in text and "<table>" in text
    stack.close()
    assert "closed" in stack._repr_html_()


def test_a_sheet_shows_seven_channels_at_most():
    own = Asked()
    with pytest.raises(RuntimeError):
        microtome.from_object(own).view_patches(0, None, [(9, 8)], (2, 2))
    assert own.asked == (7, 9, 8)


def test_a_file_of_each_format(data):
    """Indexing, patches and what is known agree for files of each format."""
    for name in [
        "tiff/compression/gray.tiled.u2.tif",
        "czi/real/CellDivision_T3_Z5_CH2_X240_Y170.czi",
    ]:
        stack = microtome.open(data / name)
        pixels = np.asarray(stack)
        corner, size = [1] * (stack.ndim - 2), [min(n - 1, 9) for n in stack.shape[2:]]
        box = tuple(slice(c, c + n) for c, n in zip(corner, size, strict=True))
        np.testing.assert_array_equal(stack.extract_patch(0, None, corner, size), pixels[(0, slice(None), *box)])
        assert stack.metadata["data_shape"] == list(pixels.shape)


def test_depth_axis(data):
    path = data / "czi/real/S3_1Pos_2Mosaic_T2_Z3_CH2_sm.czi"
    natural = microtome.open(path)
    for axis, axes, shape in [("none", "SCYX", (6, 2)), ("Z", "SCZYX", (2, 2, 3)), ("T", "SCTYX", (3, 2, 2))]:
        stack = microtome.open(path, depth_axis=axis)
        assert stack.original_axes == axes and stack.data_shape == (*shape, *natural.shape[3:])
        assert np.asarray(stack).sum() == np.asarray(natural).sum()
        assert pickle.loads(pickle.dumps(stack)).data_shape == stack.data_shape
    assert len(microtome.open_all(path, depth_axis="Z")) == 3
    with pytest.raises(ValueError, match="depth"):
        microtome.open(path, depth_axis="Q")


def test_levels(data):
    stack = microtome.open(data / "czi/generated/pyramid2.czi")
    assert stack.levels == 3
    half = microtome.open(data / "czi/generated/pyramid2.czi", level=1)
    assert half.level == 1 and half.shape[-1] < stack.shape[-1]
    assert pickle.loads(pickle.dumps(half)).shape == half.shape
    scene = microtome.open(f"{data}/czi/generated/pyramid2.czi#scene=0", level=1)
    assert scene.part == "scene=0&level=1" and scene.shape == half.shape
    assert pickle.loads(pickle.dumps(scene)).source == scene.source
    with pytest.raises(FileNotFoundError):
        microtome.open(data / "czi/generated/pyramid2.czi", level=9)
    with pytest.raises(microtome.ArgumentError, match="names a part"):
        microtome.open(f"{data}/czi/generated/pyramid2.czi#scene=0", part="level=1")
