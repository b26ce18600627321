# SPDX-License-Identifier: BSD-3-Clause
"""Beside CAREamics' own image stacks: the same requests, for all orders of the axes."""

import numpy as np
import pytest
import tifffile
import zarr
from careamics.dataset.image_stack_loader import load_arrays, load_tiffs, load_zarrs
from differential import ALL_AXES, Comparison, compare, make_requests
from microtome.axes import reshape_array
from microtome.careamics import load

SHAPES = {2: (9, 11), 3: (3, 9, 8), 4: (2, 3, 7, 8), 5: (2, 3, 2, 7, 6), 6: (2, 3, 2, 4, 6, 5)}
TYPES = {2: "u2", 3: "u1", 4: "i2", 5: "f4", 6: "u2"}
EACH = 9  # requests for each order of the axes


@pytest.fixture(scope="module")
def arrays():
    random = np.random.default_rng(5)
    return {n: random.integers(1, 100, SHAPES[n]).astype(TYPES[n]) for n in SHAPES}


def check(done, minimum=10_000):
    print(f"{done.format}: {done.total} requests, {done.same} alike ({done.errors} errors), {dict(done.on_purpose)}")
    assert done.total >= minimum and done.errors > 30
    assert done.theirs_differ == set(done.on_purpose), "a difference is listed that is none"


def test_there_are_all_orders():
    assert len(ALL_AXES) == 1370


def test_arrays(arrays):
    done, random = Comparison("array"), np.random.default_rng(1)
    for axes in ALL_AXES:
        array = arrays[len(axes)]
        (theirs,), (ours,) = load_arrays([array], axes), load([array], axes)
        assert_same_properties(theirs, ours)
        compare(done, theirs, ours, as_pixels(array, axes), make_requests(ours.data_shape, EACH, random))
    check(done)


def test_tiff(arrays, tmp_path):
    for n, array in arrays.items():
        tifffile.imwrite(tmp_path / f"{n}.tif", array, compression="zlib" if n % 2 else None)
    done, random = Comparison("tiff"), np.random.default_rng(2)
    for axes in ALL_AXES:
        path = tmp_path / f"{len(axes)}.tif"
        (theirs,), (ours,) = load_tiffs([path], axes), load(path, axes)
        assert_same_properties(theirs, ours)
        requests = make_requests(ours.data_shape, EACH, random)
        compare(done, theirs, ours, as_pixels(arrays[len(axes)], axes), requests)
    check(done)


def test_zarr(arrays, tmp_path):
    done, random = Comparison("zarr"), np.random.default_rng(3)
    for version in (2, 3):
        path = tmp_path / f"version{version}.zarr"
        group = zarr.open_group(path, mode="w", zarr_format=version).create_group("some")
        for n, array in arrays.items():
            chunks = tuple(min(size, 4) for size in array.shape)
            shards = tuple(2 * size for size in chunks) if version == 3 and n % 2 else None
            group.create_array(f"array{n}", data=array, chunks=chunks, shards=shards)
        for axes in ALL_AXES:
            uri = f"file://{path}/some/array{len(axes)}"
            (theirs,), (ours,) = load_zarrs([uri], axes), load(uri, axes)
            assert_same_properties(theirs, ours)
            assert ours.chunks == theirs.chunks and ours.shards == theirs.shards
            requests = make_requests(ours.data_shape, 5, random)
            compare(done, theirs, ours, as_pixels(arrays[len(axes)], axes), requests)
    check(done)


def test_all_arrays_of_a_group(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    for name in ("b", "a", "c"):
        group.create_array(name, data=np.full((4, 5), ord(name), "u1"))
    theirs, ours = load_zarrs([tmp_path / "a.zarr"], "YX"), load(tmp_path / "a.zarr", "YX")
    assert [s.source for s in theirs] == [s.source for s in ours]
    assert [s.extract_patch(0, None, (0, 0), (1, 1)).item() for s in ours] == [97, 98, 99]


def test_files_that_are_not_there(tmp_path):
    for theirs, path in ((load_tiffs, tmp_path / "no.tif"), (load_zarrs, f"file://{tmp_path}/no.zarr/a")):
        with pytest.raises(FileNotFoundError):
            theirs([path], "YX")
        with pytest.raises(FileNotFoundError):
            load([path], "YX")


def test_axes_that_do_not_fit(arrays):
    for axes in ("ZYX", "YY", "QX", "Y"):
        for make in (load_arrays, load):
            with pytest.raises(ValueError, match=r".+"):
                make([arrays[2]], axes)


def as_pixels(array, axes):
    return np.ascontiguousarray(reshape_array(array, axes), dtype=np.float32)


def assert_same_properties(theirs, ours):
    assert str(theirs.source) == str(ours.source)
    assert np.dtype(theirs.data_dtype) == ours.data_dtype
    assert theirs.original_axes == ours.original_axes
    assert tuple(theirs.original_data_shape) == ours.original_data_shape
