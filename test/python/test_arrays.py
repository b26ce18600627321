# SPDX-License-Identifier: BSD-3-Clause
"""Stacks of arrays that lie outside of memory, stacks as arrays of dask and xarray, chunks along SC(Z)YX."""

import itertools
import pickle
import sys

import microtome
import numpy as np
import pytest
from images import write_array, write_ome_zarr
from microtome.axes import reshape_array

PIXELS = np.random.default_rng(1).integers(0, 60000, (2, 3, 4, 30, 41), np.uint16)
CHANNELS = [("DAPI", "0000FF"), ("GFP", "00FF00"), ("RFP", "FF0000")]
SIZES = {"S": 4, "T": 6, "C": 3, "Z": 5, "Y": 20, "X": 24}


@pytest.fixture
def path(tmp_path):
    """An OME-Zarr with all that it may say, of PIXELS along TCZYX."""
    scale, units = (0.5, 1, 2, 0.325, 0.325), {"T": "second", "Z": "micrometer", "Y": "micrometer", "X": "micrometer"}
    return write_ome_zarr(tmp_path / "a.zarr", PIXELS, "TCZYX", (1, 1, 2, 16, 16), CHANNELS, scale, units, levels=2)


# -- chunks --------------------------------------------------------------------------


def chunk_cases():
    for n in range(5):
        for more in itertools.combinations("STCZ", n):
            yield "".join((*more, "Y", "X"))
    yield from ("XYCTS", "TSYX", "YXCZT")


@pytest.mark.parametrize("axes", list(chunk_cases()))
@pytest.mark.parametrize("whole_times", [False, True])
def test_chunks_are_boxes_of_the_shape(axes, whole_times, tmp_path):
    sizes = {"S": 2, "T": 6 if whole_times else 3, "C": 2, "Z": 9, "Y": 16, "X": 8}
    pixels = np.zeros([SIZES[a] for a in axes], np.uint8)
    write_array(tmp_path / "a.zarr", pixels, [sizes[a] for a in axes])
    stack = microtome.open(tmp_path / "a.zarr", axes)
    assert stack.original_chunks == tuple(sizes[a] for a in axes)
    clipped = {a: min(sizes[a], SIZES[a]) for a in axes}
    samples = clipped.get("T", 1) * clipped.get("S", 1)
    if "S" in axes and "T" in axes and not whole_times:
        samples = 3
    expected = {**clipped, "S": samples}
    seen = "SCZYX" if "Z" in axes else "SCYX"
    assert stack.chunks == tuple(expected.get(a, 1) for a in seen)
    assert len(stack.chunks) == stack.ndim and stack.shards is None and stack.original_shards is None
    assert stack.metadata["original_chunks"] == list(stack.original_chunks)


def test_chunks_of_a_view(path):
    stack = microtome.open(path, depth_axis="T")
    assert stack.original_axes == "SCTYX" and stack.chunks == stack.original_chunks == (2, 1, 1, 16, 16)
    assert microtome.from_array(PIXELS, "TCZYX").chunks is None


def test_pixel_sizes_are_rounded_for_notebooks(tmp_path):
    scale = (1.9999999, 0.16249999403953552, 1 / 3)
    path = write_ome_zarr(tmp_path / "a.zarr", PIXELS[0, 0], "ZYX", (4, 30, 41), scale=scale)
    stack = microtome.open(path)
    assert "<td style='text-align:left'>Z 2, Y 0.1625, X 0.3333</td>" in stack._repr_html_()
    assert stack.pixel_size["Y"] == scale[1]


# -- arrays of other libraries ---------------------------------------------------------


class Lazy:
    """An array that counts the elements read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.read = array, array.shape, array.dtype, 0

    def __getitem__(self, index):
        part = self.array[index]
        self.read += part.size
        return part

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("all of it is read")


def check_lazy(array, axes="TCZYX"):
    """A stack of it gives what one of the array in memory gives."""
    stack, native = microtome.from_array(array, axes, "mine"), microtome.from_array(PIXELS, axes)
    assert stack.source == "mine" and stack.data_shape == native.data_shape and stack.data_dtype == np.uint16
    corners = np.random.default_rng(2).integers(-5, 20, (20, 3))
    for channels in (None, [2, 0, 2]):
        got = stack.extract_patches(1, channels, corners, (3, 8, 9))
        np.testing.assert_array_equal(got, native.extract_patches(1, channels, corners, (3, 8, 9)))
    assert stack.dtype == np.float32 and stack[0, :, 1].dtype == np.float32
    np.testing.assert_array_equal(np.asarray(stack), native[...])
    return stack


def test_a_lazy_array_is_not_read():
    array = Lazy(PIXELS)
    stack = microtome.from_array(array, "TCZYX")
    stack.extract_patch(0, [1], (0, 0, 0), (1, 5, 5))
    assert array.read == 25
    check_lazy(array)


def test_h5py(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        check_lazy(file.create_dataset("a", data=PIXELS, chunks=True))


def test_zarr(tmp_path):
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(tmp_path / "b.zarr", data=PIXELS, chunks=(1, 1, 2, 16, 16))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(check_lazy(array)))[0], PIXELS[0])


def test_dask():
    array = pytest.importorskip("dask.array")
    read = []

    def block(block_info=None):
        read.append(block_info)
        where = block_info[None]["array-location"]
        return PIXELS[tuple(slice(*w) for w in where)]

    lazy = array.map_blocks(block, chunks=((1, 1), (3,), (2, 2), (30,), (41,)), dtype=np.uint16, meta=PIXELS[:0])
    stack = microtome.from_array(lazy, "TCZYX")
    stack.extract_patch(0, [1], (0, 0, 0), (1, 5, 5))
    assert len(read) == 1
    check_lazy(lazy)


def test_tensorstore(tmp_path):
    tensorstore = pytest.importorskip("tensorstore")
    check_lazy(tensorstore.array(PIXELS))


def test_xarray_is_adapted():
    xarray = pytest.importorskip("xarray")
    check_lazy(xarray.DataArray(PIXELS, dims=tuple("TCZYX")))


def test_what_lies_in_memory_is_native():
    for array in (PIXELS, memoryview(PIXELS), np.ma.array(PIXELS)):
        stack = microtome.from_array(array, "TCZYX")
        assert stack.format != "custom" and stack.dtype == np.uint16
        np.testing.assert_array_equal(stack[1], PIXELS[1])
    assert microtome.from_array([[1.0, 2.0]], "YX")[0, 0].tolist() == [[1.0, 2.0]]


# -- dask and xarray -------------------------------------------------------------------


def test_dask_from_array(path):
    """As any user would, and block by block."""
    array = pytest.importorskip("dask.array")
    stack = microtome.open(path)
    for made in (
        array.from_array(stack),
        array.from_array(stack, chunks=stack.chunks),
        stack.to_dask(),
        stack.to_dask(stack.chunks),
        stack.to_dask((1, -1, 1, "auto", "auto")),
    ):
        assert made.shape == stack.shape and made.dtype == np.uint16
        np.testing.assert_array_equal(made.compute(scheduler="synchronous"), PIXELS)
        np.testing.assert_array_equal(made[1, :, 2:, ::3, 5].compute(), PIXELS[1, :, 2:, ::3, 5])
        np.testing.assert_array_equal(made[:, [2, 0], 1].compute(), PIXELS[:, [2, 0], 1])
    assert stack.to_dask(stack.chunks).chunksize == stack.chunks == (1, 1, 2, 16, 16)
    assert stack.to_dask().name != stack.to_dask().name


@pytest.mark.parametrize("axes", ["YX", "TYX", "XYCTS", "SCZYX", "YXC"])
def test_dask_of_any_axes(axes):
    array = pytest.importorskip("dask.array")
    sizes = {"S": 2, "T": 3, "C": 2, "Z": 4, "Y": 9, "X": 8}
    pixels = np.random.default_rng(3).integers(0, 255, [sizes[a] for a in axes], np.uint8)
    for stack in (microtome.from_array(pixels, axes), microtome.from_object(microtome.ArrayStack(pixels, axes))):
        made = array.from_array(stack)
        assert made.dtype == stack.dtype == made.compute().dtype
        np.testing.assert_array_equal(made.compute(), reshape_array(pixels, axes))


def test_dask_only_reads_what_is_wanted(path):
    pytest.importorskip("dask.array")
    context = microtome.Context(cache_bytes=0)
    lazy = microtome.open(path, context=context).to_dask((1, 1, 1, 16, 16))
    context.reset_counters()
    lazy[0, 0, 0, :16, :16].compute()
    assert context.counters()["chunks_decoded"] == 1


def test_dask_in_other_processes(path):
    array = pytest.importorskip("dask.array")
    made = array.from_array(microtome.open(path))
    assert made.sum().compute(scheduler="processes", num_workers=1) == PIXELS.sum()


def test_xarray(path):
    pytest.importorskip("xarray")
    made = microtome.open(path).to_xarray()
    assert made.dims == tuple("TCZYX") and made.attrs["source"] == str(path)
    np.testing.assert_array_equal(made.values, PIXELS)
    assert made["C"].values.tolist() == ["DAPI", "GFP", "RFP"]
    np.testing.assert_allclose(made["Z"], [0, 2, 4, 6])
    np.testing.assert_allclose(made["X"], np.arange(41) * 0.325)
    assert [made[a].attrs.get("units") for a in "TCZYX"] == ["second", None, *["micrometer"] * 3]
    np.testing.assert_array_equal(made.sel(C="GFP").isel(T=1), PIXELS[1, 1])
    lower = microtome.open(path, level=1).to_xarray()
    np.testing.assert_allclose(lower["X"], np.arange(21) * 0.65)


@pytest.mark.parametrize(("axes", "dims"), [("YX", "SCYX"), ("TSYX", "STCYX"), ("TYX", "TCYX"), ("ZYXC", "SCZYX")])
def test_xarray_of_other_axes(axes, dims):
    pytest.importorskip("xarray")
    sizes = {"S": 2, "T": 3, "C": 2, "Z": 4, "Y": 9, "X": 8}
    pixels = np.arange(np.prod([sizes[a] for a in axes])).reshape([sizes[a] for a in axes])
    made = microtome.from_array(pixels, axes).to_xarray()
    assert made.dims == tuple(dims) and not made.coords
    np.testing.assert_array_equal(made.transpose(*axes, ...).values.reshape(pixels.shape), pixels)


def test_what_is_missing_is_named(monkeypatch):
    stack = microtome.from_array(PIXELS, "TCZYX")
    for module in ("dask", "dask.array", "xarray"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r'needs dask: pip install "dask\[array\]"'):
        stack.to_dask()
    with pytest.raises(ImportError, match="needs xarray: pip install xarray"):
        stack.to_xarray()
