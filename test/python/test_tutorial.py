# SPDX-License-Identifier: BSD-3-Clause
"""CAREamics' tutorial "Implementing an image stack": its code on microtome's functions, beside the HDF5 reader.

The code is read from MICROTOME_REFERENCE/tutorial and run with nothing changed but the modules that it imports from.
"""

import os
from pathlib import Path

import microtome
import numpy as np
import pytest
from conftest import ROOT
from microtome.axes import AxesTransform, get_patch_slices, pad_patch, reshape_patch

h5py = pytest.importorskip("h5py", reason="the tutorial's stack reads HDF5 with h5py")

MODULES = {
    "careamics.utils.reshape_array": "microtome.axes",
    "careamics.dataset.image_stack.image_utils": "microtome.axes",
}
CASES = {
    "YX": (40, 50),
    "XY": (40, 50),
    "SYX": (3, 40, 50),
    "YXC": (40, 50, 3),
    "TYXS": (2, 40, 50, 3),
    "SCYX": (2, 3, 40, 50),
    "STCYX": (2, 3, 2, 30, 40),
    "ZYX": (9, 30, 40),
    "CXYZ": (2, 30, 40, 9),
    "TZCYXS": (2, 5, 3, 20, 24, 2),
}


@pytest.fixture(scope="module")
def tutorial():
    """The class that the tutorial's code defines."""
    folder = Path(os.environ.get("MICROTOME_REFERENCE", ROOT / "../shared/reference"))
    file = folder / "tutorial/hdf5_image_stack.py"
    if not file.is_file():
        pytest.skip(f"there is no tutorial at {file}")
    lines = file.read_text(encoding="utf-8").splitlines()
    for module, ours in MODULES.items():
        lines = [line.replace(f"from {module} import", f"from {ours} import") for line in lines]
    assert not any("careamics" in line for line in lines)
    names = {}
    exec(compile("\n".join(lines), str(file), "exec"), names)
    return names["HDF5ImageStack"]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """An HDF5 file with an image for each axes string."""
    path = tmp_path_factory.mktemp("tutorial") / "hdf5_dataset.h5"
    random = np.random.default_rng(2)
    with h5py.File(path, "w") as file:
        for i, (axes, shape) in enumerate(CASES.items()):
            layout = {} if i % 2 else {"chunks": tuple(min(n, 16) for n in shape), "compression": "gzip"}
            file.create_dataset(f"image_{i}", data=random.integers(1, 60000, shape, np.uint16), **layout)
            file[f"image_{i}"].attrs["axes"] = axes
    with h5py.File(path) as file:
        yield path, file


@pytest.fixture
def stacks(tutorial, images):
    """The tutorial's stack of an image, and ours."""

    def make(axes):
        path, file = images
        name = f"image_{list(CASES).index(axes)}"
        return tutorial(file[name], axes), microtome.open(f"{path}#/{name}", axes)

    return make


def boxes(axes, data_shape, count, seed=3):
    """Random samples, channels that h5py takes (increasing, no two alike), corners and sizes."""
    random = np.random.default_rng(seed)
    n, n_channels, *spatial = data_shape
    for _ in range(count):
        channels = None
        if random.integers(2):
            n_chosen = random.integers(1, n_channels + 1)
            channels = sorted(int(c) for c in random.choice(n_channels, n_chosen, replace=False))
        coords = [int(random.integers(-12, size + 6)) for size in spatial]
        yield int(random.integers(n)), channels, coords, [int(random.integers(1, 30)) for _ in spatial]


@pytest.mark.parametrize("axes", CASES)
def test_its_patches_are_those_of_the_native_reader(stacks, axes):
    theirs, ours = stacks(axes)
    outside = 0
    for request in boxes(axes, ours.data_shape, 150):
        expected = theirs.extract_patch(*request)
        patch = ours.extract_patch(*request)
        assert patch.dtype == expected.dtype == np.float32 and patch.shape == expected.shape
        np.testing.assert_array_equal(patch, expected)
        outside += any(c < 0 or c + s > n for c, s, n in zip(*request[2:], ours.data_shape[2:], strict=True))
    assert outside > 30


def test_required_attribute_source(stacks):
    """'It should be unique for each image stack instance'."""
    for k in range(2):
        sources = [stacks(axes)[k].source for axes in CASES]
        assert all(isinstance(source, str) for source in sources) and len(set(sources)) == len(CASES)


def test_required_attribute_data_shape(stacks):
    """'The shape of the data after it has been transformed to the SC(Z)YX axes order', and its example."""
    assert AxesTransform("YXC", (512, 620, 2)).transformed_shape == (1, 2, 512, 620)
    assert stacks("TZCYXS")[0].data_shape == stacks("TZCYXS")[1].data_shape == (4, 3, 5, 20, 24)


def test_required_attribute_data_dtype(stacks):
    """'The data type of the data as its equivalent NumPy representation'."""
    theirs, ours = stacks("SYX")
    assert theirs.data_dtype == ours.data_dtype == np.dtype("uint16")


def test_statement_1_original_axes(stacks):
    """'original_axes is implemented as an instance attribute.'"""
    for axes in CASES:
        theirs, ours = stacks(axes)
        assert vars(theirs)["original_axes"] == ours.original_axes == axes


def test_statement_2_original_data_shape(stacks):
    """'original_data_shape is implemented as an instance attribute.'"""
    for axes, shape in CASES.items():
        theirs, ours = stacks(axes)
        assert vars(theirs)["original_data_shape"] == ours.original_data_shape == shape


def test_statement_3_data_shape(stacks):
    """'data_shape is implemented as an instance attribute', computed by AxesTransform."""
    for axes, shape in CASES.items():
        theirs, ours = stacks(axes)
        expected = AxesTransform(axes, shape).transformed_shape
        assert vars(theirs)["data_shape"] == ours.data_shape == expected


def test_statement_4_source(stacks, images):
    """'The source is the file path followed by a # followed by the internal dataset path': it opens the image again."""
    theirs, ours = stacks("SYX")
    assert theirs.source == ours.source == f"{images[0]}#/image_2"
    again = microtome.open(theirs.source, "SYX")
    np.testing.assert_array_equal(again.extract_patch(2, None, (3, 0), (30, 26)), ours[2, :, 3:33, :26])


def test_statement_5_slicing(images):
    """'HDF5 data can be sliced just like NumPy arrays.'"""
    file = images[1]
    for i, (axes, shape) in enumerate(CASES.items()):
        pixels = file[f"image_{i}"][()]
        n_spatial = len(AxesTransform(axes, shape).transformed_shape) - 2
        index = get_patch_slices(axes, shape, 0, None, [-3] * n_spatial, [8] * n_spatial)
        np.testing.assert_array_equal(file[f"image_{i}"][index], pixels[index])


def test_a_patch_has_the_axes_czyx(stacks):
    """'The patch needs to be transformed to have C(Z)YX axes.'"""
    for axes in CASES:
        theirs, ours = stacks(axes)
        size = (2, 4, 5)[-len(ours.data_shape) + 2 :]
        for stack in (theirs, ours):
            assert stack.extract_patch(0, None, [1] * len(size), size).shape == (ours.data_shape[1], *size)


def test_a_patch_out_of_bounds_is_padded_with_zeros(stacks):
    """'For the feature of predicting with a tile size that is larger than the image', on all sides."""
    for stack in stacks("YX"):
        tile = stack.extract_patch(0, None, (0, 0), (64, 64))
        assert tile.shape == (1, 64, 64) and tile[:, :40, :50].all()
        assert not tile[:, 40:].any() and not tile[:, :, 50:].any()
        tile = stack.extract_patch(0, None, (-8, -8), (64, 64))
        assert tile[:, 8:48, 8:58].all() and np.count_nonzero(tile) == 40 * 50
        assert not stack.extract_patch(0, None, (100, -100), (8, 8)).any()


def test_the_functions_by_themselves(images):
    """The three useful functions, in the order in which the tutorial calls them, on a NumPy array."""
    pixels = images[1]["image_3"][()]
    coords, size = (-2, 47), (6, 6)
    index = get_patch_slices("YXC", pixels.shape, 0, [1], coords, size)
    assert index == (slice(0, 4), slice(47, 50), [1])
    patch = reshape_patch(pixels[index], "YXC")
    assert patch.shape == (1, 4, 3)
    padded = pad_patch(coords, size, (1, 3, 40, 50), patch)
    np.testing.assert_array_equal(padded[:, 2:, :3], pixels[None, :4, 47:, 1])
    assert np.count_nonzero(padded) == np.count_nonzero(patch)
