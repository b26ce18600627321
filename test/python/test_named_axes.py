# SPDX-License-Identifier: BSD-3-Clause
"""Axes that the caller names, with and without sizes, and those that need no names."""

import json
import pickle

import microtome
import numpy as np
import pytest
from conftest import naive_patch
from microtome.careamics import load

PIXELS = np.random.default_rng(3).integers(0, 60000, (24, 11, 13), np.uint16)


def write_zarr(path, pixels, pages):
    """Chunks of so many pages, uncompressed."""
    path.mkdir()
    document = {
        "zarr_format": 2,
        "shape": pixels.shape,
        "chunks": (pages, *pixels.shape[1:]),
        "dtype": pixels.dtype.str,
        "order": "C",
        "fill_value": 0,
        "compressor": None,
        "filters": None,
    }
    (path / ".zarray").write_text(json.dumps(document))
    for i in range(0, len(pixels), pages):
        chunk = np.zeros((pages, *pixels.shape[1:]), pixels.dtype)
        chunk[: len(pixels[i : i + pages])] = pixels[i : i + pages]
        (path / f"{i // pages}.0.0").write_bytes(chunk.tobytes())
    return path


@pytest.fixture
def npy(tmp_path):
    np.save(tmp_path / "pages.npy", PIXELS)
    return tmp_path / "pages.npy"


def test_arrays_without_names_are_asked_for(npy, tmp_path):
    with pytest.raises(microtome.ArgumentError, match=r"24 x 11 x 13 elements: name them.*axes=\"ZYX\""):
        microtome.open(npy)
    with pytest.raises(microtome.ArgumentError, match="name them"):
        microtome.open(write_zarr(tmp_path / "a.zarr", PIXELS, 5))
    (tmp_path / "a.raw").write_bytes(PIXELS.tobytes())
    with pytest.raises(microtome.ArgumentError, match="name them"):
        microtome.open(tmp_path / "a.raw", dtype="<u2", shape=PIXELS.shape)
    assert microtome.open(npy, "ZYX").metadata["axes_source"] == "caller"
    assert microtome.list_parts(npy) == [""] and microtome.list_parts(tmp_path / "a.zarr") == [""]
    with pytest.raises(
        microtome.NotAnImageError, match=r"no image found; 3 files are skipped, such as .*: .*name them"
    ):
        microtome.open_all(tmp_path)
    np.save(tmp_path / "plane.npy", PIXELS[0])
    skipped = microtome.open_all(tmp_path).skipped
    assert all("name them" in reason for path, reason in skipped if path.endswith(("npy", "zarr")))


def test_two_dimensions_are_rows_and_columns(tmp_path):
    np.save(tmp_path / "a.npy", PIXELS[:1, None])
    stack = microtome.open(tmp_path / "a.npy")
    assert (stack.original_axes, stack.original_data_shape, stack.axes_source) == ("YX", (11, 13), "assumed")
    np.testing.assert_array_equal(stack[0, 0], PIXELS[0])


def test_what_the_command_writes_is_asked_for(tmp_path):
    image = tmp_path / "image.npy"
    np.save(image, PIXELS[0])
    stack = microtome.open(image)
    patches = stack.extract_patches([0, 0], None, [(0, 0), (2, 2)], (4, 4), dtype=np.uint16)
    np.save(tmp_path / "patches.npy", patches)
    with pytest.raises(microtome.ArgumentError, match=r"2 x 1 x 4 x 4 elements"):
        microtome.open(tmp_path / "patches.npy")
    np.testing.assert_array_equal(microtome.open(tmp_path / "patches.npy", "SCYX")[:], patches)


@pytest.mark.parametrize(
    ("axes", "sizes", "shape"),
    [
        ("TCYX", {"C": 2}, (12, 2, 11, 13)),
        ("TCYX", {"T": 12}, (12, 2, 11, 13)),
        ("CTYX", {"C": 2}, (2, 12, 11, 13)),
        ("TZCYX", {"Z": 3, "C": 2}, (4, 3, 2, 11, 13)),
        ("ZCYX", {"Z": np.int64(6)}, (6, 4, 11, 13)),
        ("STZCYX", {"S": 2, "T": 2, "C": 3, "Y": 11}, (2, 2, 2, 3, 11, 13)),
        ("SZYX", {"S": 1}, (1, 24, 11, 13)),
    ],
)
def test_sizes_of_a_flat_run(npy, tmp_path, axes, sizes, shape):
    for path in [npy, write_zarr(tmp_path / "a.zarr", PIXELS, 5)]:
        stack = microtome.open(path, axes, sizes=sizes)
        assert (stack.original_axes, stack.original_data_shape) == (axes, shape)
        expected = microtome.axes.reshape_array(PIXELS.reshape(shape), axes)
        np.testing.assert_array_equal(stack[:], expected)
        rng = np.random.default_rng(5)
        n = expected.ndim - 2
        for _ in range(30):
            size = rng.integers(1, 8, n)
            place = tuple(int(rng.integers(-k - 1, m + 1)) for k, m in zip(size, expected.shape[2:], strict=True))
            sample, channel = int(rng.integers(expected.shape[0])), [int(rng.integers(expected.shape[1])), 0]
            np.testing.assert_array_equal(
                stack.extract_patch(sample, channel, place, tuple(size)),
                naive_patch(expected, sample, channel, place, tuple(size)),
            )
        assert stack.checksum() == microtome.from_array(PIXELS.reshape(shape), axes).checksum()
        assert stack.metadata["original_data_shape"] == list(shape)
        again = pickle.loads(pickle.dumps(stack))
        assert again.original_data_shape == shape
        np.testing.assert_array_equal(again[:], expected)


def test_sizes_in_the_axes(npy):
    assert microtome.open(npy, "T12C2YX").original_data_shape == (12, 2, 11, 13)
    (stack,) = microtome.open_all(npy, "TCYX", sizes={"C": 2})
    assert stack.data_shape == (12, 2, 11, 13)
    assert pickle.loads(pickle.dumps(stack)).data_shape == stack.data_shape


def test_sizes_that_make_no_sense(npy):
    for axes, sizes, words in [
        (None, {"C": 2}, "sizes requires axes"),
        ("TCYX", {"Z": 2}, "sizes names Z"),
        ("TC2YX", {"T": 12}, "have sizes already"),
        ("TCYX", {"C": 5}, "do not fit"),
        ("TCYX", {"C": 0}, "size of C is 0"),
        ("TCYX", {"C": -2}, "size of C is -2"),
        ("STCYX", {"C": 2}, "several ways"),
    ]:
        with pytest.raises(ValueError, match=words):
            microtome.open(npy, axes, sizes=sizes)
    with pytest.raises(TypeError):
        microtome.open(npy, "TCYX", sizes={"C": 2.5})


def test_axes_that_are_not_stored(npy, tmp_path):
    np.save(tmp_path / "plane.npy", PIXELS[0])
    stack = microtome.open(tmp_path / "plane.npy", "SCZYX")
    assert stack.original_data_shape == (1, 1, 1, 11, 13)
    patch = stack.extract_patch(0, [0, 0], (-1, 2, -3), (3, 4, 5))
    np.testing.assert_array_equal(patch, naive_patch(PIXELS[:1, None, None], 0, [0, 0], (-1, 2, -3), (3, 4, 5)))
    with pytest.raises(microtome.ArgumentError, match=r"several ways: give sizes, such as \"T24C1YX\" or \"T1C24YX\""):
        microtome.open(npy, "TCYX")


def test_chunks_of_a_flat_run(tmp_path):
    stack = microtome.open(write_zarr(tmp_path / "a.zarr", PIXELS, 4), "TCYX", sizes={"C": 2})
    assert stack.metadata["original_data_shape"] == [12, 2, 11, 13]
    assert stack.chunks == (2, 2, 11, 13)


def test_careamics_loads_flat_runs(npy, tmp_path):
    (stack,) = load(npy, "TCYX", sizes={"C": 2})
    assert (stack.original_axes, stack.original_data_shape) == ("TCYX", (12, 2, 11, 13))
    np.testing.assert_array_equal(stack.extract_patch(5, None, (0, 0), (11, 13)), PIXELS[10:12])
    assert pickle.loads(pickle.dumps(stack)).data_shape == (12, 2, 11, 13)
    np.save(tmp_path / "plane.npy", PIXELS[0])
    assert load(tmp_path / "plane.npy", "SCYX")[0].original_data_shape == (1, 1, 11, 13)
    with pytest.raises(ValueError, match="sizes are for files"):
        load(PIXELS, "TCYX", sizes={"C": 2})


def test_assumed_pages_of_a_tiff(data):
    stack = microtome.open(data / "cases/B13_scanimage/B13_scanimage.tif", "TCYX", sizes={"C": 2})
    expected = np.load(data / "cases/B13_scanimage/B13_scanimage.tif.expected.npy")
    np.testing.assert_array_equal(stack[:], expected)


def test_a_negative_level(npy):
    with pytest.raises(microtome.ArgumentError, match=r"\"level=-1\": levels, series and scenes count from 0"):
        microtome.open(npy, "ZYX", level=-1)
