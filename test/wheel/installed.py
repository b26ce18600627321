# SPDX-License-Identifier: BSD-3-Clause
"""Tests microtome as it is installed in the environment that runs this, with nothing but NumPy beside it.

Reads a file of each format: those that NumPy can write are made here; HDF5 and CZI come from MICROTOME_TEST_DATA.
"""

import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import time
import zlib
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np

start = time.perf_counter()
import microtome  # noqa: E402

FIRST_IMPORT = time.perf_counter() - start
MOST_OF_NUMPY = 0.6  # processor time of an import, as a part of that of NumPy


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def check_import_time():
    timed = """
import time
start = time.process_time()
import numpy
between = time.process_time()
import microtome
print((time.process_time() - between) / (between - start))
"""
    best = min(float(run(sys.executable, "-c", timed)) for _ in range(7))
    print(f"  import: {best:.2f} of the processor time of NumPy's; the first one took {FIRST_IMPORT * 1e3:.1f} ms")
    assert best < MOST_OF_NUMPY, f"importing microtome takes {best:.2f} of the processor time of NumPy's import"


def check_command():
    version = run(Path(sys.executable).parent / "microtome", "--version")
    assert microtome.__version__ in version, version
    assert run(sys.executable, "-m", "microtome", "--version") == version
    assert "zarr" in run(sys.executable, "-m", "microtome", "formats").lower()
    print(f"  {version.strip()}: the command and python -m microtome")


def check_napari():
    """What napari looks for: the manifest, through the entry point, and in it the reader."""
    [point] = entry_points(group="napari.manifest", name="microtome")
    package, _, file = point.value.partition(":")
    manifest = (Path(import_module(package).__file__).parent / file).read_text()
    module, _, name = re.search(r"python_name: (\S+)", manifest)[1].partition(":")
    get_reader = getattr(import_module(module), name)
    assert callable(get_reader("a.tif")) and get_reader("a.raw") is None
    print("  napari: the manifest and its reader")


def write_zarr(path, pixels):
    path.mkdir()
    metadata = {
        "zarr_format": 2,
        "shape": pixels.shape,
        "chunks": pixels.shape,
        "dtype": pixels.dtype.str,
        "order": "C",
        "compressor": {"id": "zlib", "level": 1},
        "fill_value": 0,
        "filters": None,
    }
    (path / ".zarray").write_text(json.dumps(metadata))
    (path / "0.0").write_bytes(zlib.compress(pixels.tobytes()))


def write_tiff(path, pixels):
    """One deflated strip. Tags: width, length, bits, compression, photometric, offset, rows of a strip, bytes of it."""
    strip = zlib.compress(pixels.astype("<u2").tobytes())
    height, width = pixels.shape
    tags = [(256, width), (257, height), (258, 16), (259, 8), (262, 1), (273, 8), (278, height), (279, len(strip))]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    path.write_bytes(struct.pack("<2sHI", b"II", 42, 8 + len(strip)) + strip + directory + bytes(4))


def check_made(folder):
    pixels = np.random.default_rng(1).integers(0, 60000, (50, 70), np.uint16)
    np.save(folder / "a.npy", pixels)
    pixels.tofile(folder / "a.raw")
    write_zarr(folder / "a.zarr", pixels)
    write_tiff(folder / "a.tif", pixels)
    raw = {"format": "raw", "dtype": "uint16", "shape": pixels.shape}
    for name in "a.npy", "a.raw", "a.zarr", "a.tif":
        with microtome.open(folder / name, "YX", **(raw if name == "a.raw" else {})) as stack:
            assert np.array_equal(stack[0, 0], pixels), name
            patch = stack.extract_patch(0, None, (-1, 2), (4, 5))
            assert np.array_equal(patch[0, 1:], pixels[:3, 2:7]) and not patch[0, 0].any(), name
        print(f"  {name}: read")


def check_given(data):
    expected = json.loads((data / "hdf5/expected_h5py.json").read_text())["filters/compressed.hdf5"]["/dataset1"]
    with microtome.open(data / "hdf5/filters/compressed.hdf5#/dataset1", "YX") as stack:
        assert hashlib.md5(stack[0, 0].tobytes()).hexdigest() == expected["md5_C_LE"]
    print("  HDF5: read")
    y, x = np.mgrid[:45, :67]  # the formula of these files is in the folder's index
    for coding in "raw", "zstd1_hilo", "jxr":
        with microtome.open(data / f"czi/generated/px_gray16_{coding}.czi") as stack:
            assert np.array_equal(stack[0, 0], ((x * 7 + y * 131 + 1009) * 17) & 65535), coding
    print("  CZI: read, raw, Zstandard and JPEG XR")


def main():
    assert "site-packages" in microtome._core.__file__, microtome._core.__file__
    check_import_time()
    check_command()
    check_made(Path.cwd())
    check_napari()
    data = Path(os.environ["MICROTOME_TEST_DATA"])
    if data.is_dir():
        check_given(data)
    else:
        print(f"  there is no folder of test data at {data}: HDF5 and CZI are not read")


if __name__ == "__main__":
    main()
