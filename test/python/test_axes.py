# SPDX-License-Identifier: BSD-3-Clause
"""microtome.axes beside plain NumPy, for all orders of the axes."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from conftest import naive_patch
from hypothesis import given, settings
from hypothesis import strategies as st
from microtome.axes import (
    AxesTransform,
    channel_slice,
    get_patch_slices,
    pad_patch,
    reshape_array,
    reshape_patch,
    restore_array,
    restore_tile,
)

ALL_AXES = [
    "".join(order)
    for n in range(5)
    for more in itertools.combinations("STCZ", n)
    for order in itertools.permutations((*more, "Y", "X"))
]
some_axes = st.sampled_from(ALL_AXES)


@st.composite
def images(draw, axes=some_axes):
    """Axes, and an array of them whose elements are all different."""
    letters = draw(axes)
    shape = tuple(draw(st.integers(1, 4)) for _ in letters)
    return letters, np.arange(np.prod(shape)).reshape(shape)


@st.composite
def requests(draw):
    """An image, and what to cut out of it; often outside."""
    axes, array = draw(images())
    n, n_channels, *spatial = AxesTransform(axes, array.shape).transformed_shape
    sample = draw(st.integers(-n, n - 1))
    some_channels = st.lists(st.integers(-n_channels, n_channels - 1), min_size=1, max_size=4 if "C" in axes else 1)
    channels = draw(st.none() | some_channels)
    coords = [draw(st.integers(-7, 7)) for _ in spatial]
    size = [draw(st.integers(0, 6)) for _ in spatial]
    return axes, array, sample, channels, coords, size


def canonical(array, axes):
    """SC(Z)YX, element by element."""
    sizes = {**dict.fromkeys("STCZYX", 1), **dict(zip(axes, array.shape, strict=True))}
    out = np.empty([sizes["S"] * sizes["T"], *(sizes[a] for a in "CZYX")], array.dtype)
    for s, t, c, z, y, x in np.ndindex(*(sizes[a] for a in "STCZYX")):
        place = {"S": s, "T": t, "C": c, "Z": z, "Y": y, "X": x}
        out[s * sizes["T"] + t, c, z, y, x] = array[tuple(place[a] for a in axes)]
    return out if "Z" in axes else out[:, :, 0]


def take(array, index):
    """Index an array along each axis by itself, as h5py and Zarr do."""
    for axis in reversed(range(array.ndim)):
        entry = index[axis]
        if isinstance(entry, slice):
            array = array[(slice(None),) * axis + (entry,)]
        elif entry is not Ellipsis:
            array = array.take(entry, axis)
    return array


def test_there_are_all_orders():
    assert len(ALL_AXES) == 1370 and {"YX", "XY", "XCTZYS"} <= set(ALL_AXES)


@given(images())
@settings(max_examples=400, deadline=None)
def test_arrays_there_and_back(image):
    axes, array = image
    transform = AxesTransform(axes, array.shape)
    reshaped = reshape_array(array, axes)
    assert reshaped.shape == transform.transformed_shape
    np.testing.assert_array_equal(reshaped, canonical(array, axes))
    assert np.shares_memory(reshaped, array) or len(transform.sample_dims) == 2
    np.testing.assert_array_equal(restore_array(reshaped, axes, array.shape), array)


@given(requests())
@settings(max_examples=1000, deadline=None)
def test_patches(request):
    axes, array, sample, channels, coords, size = request
    patch = reshape_patch(take(array, get_patch_slices(axes, array.shape, *request[2:])), axes)
    patch = pad_patch(coords, size, AxesTransform(axes, array.shape).transformed_shape, patch)
    assert patch.dtype == np.float32 and patch.flags.c_contiguous
    np.testing.assert_array_equal(patch, naive_patch(canonical(array, axes), sample, channels, coords, size))


@given(requests())
@settings(max_examples=300, deadline=None)
def test_slices_stay_inside(request):
    index = get_patch_slices(request[0], request[1].shape, *request[2:])
    for entry, n in zip(index, request[1].shape, strict=True):
        if isinstance(entry, slice):
            assert 0 <= entry.start <= entry.stop <= n
        elif isinstance(entry, int):
            assert 0 <= entry < n


@given(images(), st.integers(-40, 40))
@settings(max_examples=300, deadline=None)
def test_samples_never_wrap(image, sample):
    axes, array = image
    n = AxesTransform(axes, array.shape).transformed_shape[0]
    spatial = 3 if "Z" in axes else 2
    if -n <= sample < n:
        index = get_patch_slices(axes, array.shape, sample, None, [0] * spatial, [1] * spatial)
        s, t = (index[axes.index(a)] if a in axes else 0 for a in "ST")
        assert s * (array.shape[axes.index("T")] if "T" in axes else 1) + t == sample % n
    else:
        with pytest.raises(IndexError, match=rf"Sample index {sample} out of bounds for S axes with size {n}\."):
            get_patch_slices(axes, array.shape, sample, None, [0] * spatial, [1] * spatial)


@given(images(), st.randoms(use_true_random=False), st.integers(1, 3), st.booleans())
@settings(max_examples=400, deadline=None)
def test_restoring_to_other_axes(image, random, n_channels, with_channels):
    axes, array = image
    n_channels = n_channels if with_channels else 1
    pixels = np.arange(np.prod((*array.shape, n_channels))).reshape(*array.shape, n_channels)
    kept = axes.replace("C", "")
    if "C" in axes:
        pixels = pixels.take(0, axes.index("C"))
    target = list(kept + "C") if with_channels else list(kept)
    random.shuffle(target)
    expected = pixels.transpose([(kept + "C").index(a) for a in target] + ([] if with_channels else [pixels.ndim - 1]))
    expected = expected if with_channels else expected[..., 0]
    current = reshape_array(pixels, kept + "C")
    restored = restore_array(current, axes, array.shape, "".join(target))
    np.testing.assert_array_equal(restored, expected)
    tile = restore_tile(current[-1], axes, array.shape, "".join(target))
    last = tuple(-1 if a in "ST" else slice(None) for a in target)
    np.testing.assert_array_equal(tile, restored[last])


def test_the_transform_of_an_axes_string():
    transform = AxesTransform("XSYTC", (5, 2, 6, 3, 4))
    assert transform.original_axes == "XSYTC" and transform.original_shape == (5, 2, 6, 3, 4)
    assert transform.sample_dims == ["S", "T"]
    assert not transform.c_added_to_original and not transform.original_has_z
    assert transform.original_dim_sizes == {"X": 5, "S": 2, "Y": 6, "T": 3, "C": 4}
    assert transform.transformed_axes == "SCYX" and transform.transformed_shape == (6, 4, 6, 5)
    assert transform.order_permutation == [1, 3, 4, 2, 0]
    assert [transform.calc_original_S_idx(i) for i in range(-6, 6)] == [0, 0, 0, 1, 1, 1] * 2
    assert [transform.calc_original_T_idx(i) for i in range(-6, 6)] == [0, 1, 2, 0, 1, 2] * 2
    assert AxesTransform("ZYX", (1, 2, 3)).c_added_to_original and AxesTransform("ZYX", (1, 2, 3)).original_has_z
    assert AxesTransform("TYX", [4, 2, 3]) == AxesTransform("TYX", [4, 2, 3]) != AxesTransform("SYX", [4, 2, 3])
    with pytest.raises(AttributeError):
        transform.original_axes = "YX"


def test_time_as_depth():
    array = np.arange(2 * 1 * 3 * 4 * 5).reshape(2, 1, 3, 4, 5)
    np.testing.assert_array_equal(restore_array(array, "SCTYX", array.shape), array)
    np.testing.assert_array_equal(restore_array(array, "SCTYX", array.shape, "SCTYX"), array)
    assert restore_array(array[:, 0, :].reshape(6, 1, 4, 5), "SCTYX", array.shape).shape == (2, 1, 3, 4, 5)


def test_channel_slices():
    channels = (2, 0, 2)
    assert channel_slice(None) is Ellipsis and channel_slice(channels) is channels
    with pytest.raises(ValueError, match=r"Channel index sequence cannot be empty\."):
        channel_slice([])


VOLUME = np.zeros((6, 2, 4, 5))
BAD = [
    (ValueError, "Invalid axis names: Q", lambda: AxesTransform("QYX", (1, 2, 3))),
    (ValueError, "Invalid axis names: y", lambda: AxesTransform("yX", (2, 3))),
    (ValueError, "Duplicate axes in 'YXY'", lambda: AxesTransform("YXY", (1, 2, 3))),
    (ValueError, "Axes must contain Y and X", lambda: AxesTransform("ZX", (1, 2))),
    (ValueError, r"Axes 'YX' length \(2\) does not match shape \(1, 2, 3\)", lambda: AxesTransform("YX", (1, 2, 3))),
    (ValueError, "No 'T' axis specified", lambda: AxesTransform("SYX", (2, 4, 5)).calc_original_T_idx(0)),
    (ValueError, "No 'S' axis specified", lambda: AxesTransform("TYX", (2, 4, 5)).calc_original_S_idx(0)),
    (IndexError, "Sample index 7", lambda: AxesTransform("TYX", (3, 4, 5)).calc_original_T_idx(7)),
    (IndexError, "Sample index 0", lambda: get_patch_slices("TYX", (0, 4, 5), 0, None, (0, 0), (1, 1))),
    (ValueError, "does not match shape", lambda: reshape_array(np.zeros((2, 3)), "ZYX")),
    (ValueError, "does not match shape", lambda: reshape_patch(np.zeros((2, 3, 4)), "SYX")),
    (
        ValueError,
        r"Channel index 2 is out of bounds for data with 2 channels\. Check the provided `channels` parameter in the "
        "configuration for erroneous channel indices",
        lambda: get_patch_slices("CYX", (2, 4, 5), 0, [0, 2], (0, 0), (1, 1)),
    ),
    (ValueError, "with 1 channels", lambda: get_patch_slices("YX", (4, 5), 0, [1], (0, 0), (1, 1))),
    (IndexError, "Channel index -3", lambda: get_patch_slices("CYX", (2, 4, 5), 0, [-3], (0, 0), (1, 1))),
    (ValueError, "cannot be empty", lambda: get_patch_slices("YX", (4, 5), 0, [], (0, 0), (1, 1))),
    (ValueError, "cannot be repeated", lambda: get_patch_slices("YX", (4, 5), 0, [0, 0], (0, 0), (1, 1))),
    (ValueError, "3 spatial axes", lambda: get_patch_slices("ZYX", (4, 5, 6), 0, None, (0, 0), (1, 1))),
    (ValueError, "2 spatial axes", lambda: get_patch_slices("YX", (4, 5), 0, None, (0, 0), (1, 1, 1))),
    (ValueError, "negative", lambda: get_patch_slices("YX", (4, 5), 0, None, (0, 0), (1, -1))),
    (TypeError, "float", lambda: get_patch_slices("YX", (4, 5), 0, None, (0.5, 0), (1, 1))),
    (TypeError, "float", lambda: get_patch_slices("YX", (4, 5), 0.0, None, (0, 0), (1, 1))),
    (ValueError, "do not cover", lambda: pad_patch((-2, 0), (4, 4), (1, 1, 9, 9), np.zeros((1, 0, 4)))),
    (ValueError, "do not fit", lambda: pad_patch((-2, 0), (4, 4), (1, 1, 9, 9), np.zeros((1, 4, 4)))),
    (ValueError, "do not cover", lambda: pad_patch((0, 0), (4, 4), (1, 1, 9, 9), np.zeros((4, 4)))),
    (ValueError, "2 spatial axes", lambda: pad_patch((0, 0, 0), (4, 4), (1, 1, 9, 9), np.zeros((1, 4, 4)))),
    (ValueError, r"Expected 4D \(SCYX\) or 5D \(SCZYX\), got 3D", lambda: restore_array(VOLUME[0], "CYX", (2, 4, 5))),
    (ValueError, r"Expected 3D \(CYX\) or 4D \(CZYX\), got 2D", lambda: restore_tile(VOLUME[0, 0], "YX", (4, 5))),
    (ValueError, "same sample axes", lambda: restore_array(VOLUME, "SCYX", VOLUME.shape, "TCYX")),
    (ValueError, "same spatial axes", lambda: restore_array(VOLUME, "SCYX", VOLUME.shape, "SCZYX")),
    (ValueError, "must both contain Z", lambda: restore_array(VOLUME, "SCZYX", (6, 2, 1, 4, 5))),
    (ValueError, "must both contain Z", lambda: restore_tile(VOLUME, "SCYX", VOLUME.shape)),
    (ValueError, r"Cannot drop C dimension from shape \(6, 2, 4, 5\)", lambda: restore_array(VOLUME, "SYX", (6, 4, 5))),
    (ValueError, "6 samples cannot be restored", lambda: restore_array(VOLUME, "TCYX", (5, 2, 4, 5))),
    (ValueError, "6 samples cannot be restored", lambda: restore_array(VOLUME, "CYX", (2, 4, 5))),
]


@pytest.mark.parametrize(("error", "message", "call"), BAD)
def test_what_makes_no_sense(error, message, call):
    with pytest.raises(error, match=message):
        call()


def test_more_than_the_image_may_be_given():
    """A reader that pads by itself, and a plain cut at one end, both give the patch."""
    whole = pad_patch((7, 7), (4, 4), (1, 1, 9, 9), np.ones((1, 4, 4)))
    cut = pad_patch((7, 7), (4, 4), (1, 1, 9, 9), np.ones((1, 2, 2)))
    assert whole.sum() == 16 and cut.sum() == 4 and cut[0, :2, :2].all()


def test_the_module_needs_only_numpy():
    code = (
        "import importlib.util, sys, numpy, numpy.typing; before = set(sys.modules)\n"
        f"spec = importlib.util.spec_from_file_location('axes', {sys.modules['microtome.axes'].__file__!r})\n"
        "module = importlib.util.module_from_spec(spec); sys.modules['axes'] = module; spec.loader.exec_module(module)\n"
        "print({n.partition('.')[0] for n in set(sys.modules) - before} - set(sys.stdlib_module_names) - {'axes'})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
