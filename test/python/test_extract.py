# SPDX-License-Identifier: BSD-3-Clause
"""Patches: values, padding, arguments, errors."""

import itertools

import microtome
import numpy as np
import pytest
from conftest import naive_patch
from hypothesis import given, settings
from hypothesis import strategies as st

DTYPES = ["bool", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]


def test_protocol(volume):
    pixels, stack = volume
    assert stack.source == "array"
    assert stack.data_shape == stack.shape == (2, 3, 4, 11, 13)
    assert stack.data_dtype == stack.dtype == np.uint16
    assert stack.original_axes == "TCZYX"
    assert stack.original_data_shape == pixels.shape
    assert (stack.ndim, len(stack), stack.size, stack.nbytes) == (5, 2, pixels.size, pixels.nbytes)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_box_equals_the_naive_answer(data):
    pixels = np.random.default_rng(2).integers(0, 60000, (2, 3, 4, 11, 13), np.uint16)
    stack = microtome.from_array(pixels, "TCZYX")
    coords = [data.draw(st.integers(-20, 30)) for _ in range(3)]
    size = [data.draw(st.integers(1, 15)) for _ in range(3)]
    sample = data.draw(st.integers(0, 1))
    channels = data.draw(st.none() | st.lists(st.integers(0, 2), min_size=1, max_size=5))
    patch = stack.extract_patch(sample, channels, coords, size)
    assert patch.dtype == np.float32 and patch.flags.c_contiguous and patch.flags.owndata
    np.testing.assert_array_equal(patch, naive_patch(pixels, sample, channels, coords, size))


@pytest.mark.parametrize("axes", ["".join(p) for n in range(5) for e in itertools.combinations("STCZ", n)
                                  for p in itertools.permutations((*e, "Y", "X"))][::7])  # fmt: skip
def test_axes_in_any_order(axes):
    sizes = {"S": 2, "T": 3, "C": 2, "Z": 3, "Y": 5, "X": 6}
    pixels = np.arange(np.prod([sizes[a] for a in axes]), dtype=np.int32).reshape([sizes[a] for a in axes])
    stack = microtome.from_array(pixels, axes)
    full = pixels
    for position, axis in enumerate("STCZYX"):  # missing axes of size 1 at the front, then in order
        if axis not in axes:
            full = full[np.newaxis]
            axes = axis + axes
    full = full.transpose([axes.index(a) for a in "STCZYX"])
    full = full.reshape(-1, *full.shape[2:])
    if stack.ndim == 4:
        full = full[:, :, 0]
    np.testing.assert_array_equal(np.asarray(stack), full)


@pytest.mark.parametrize("dtype", DTYPES)
def test_types(dtype):
    pixels = np.array([[0, 1, 2], [3, 100, 127]]).astype(dtype)
    stack = microtome.from_array(pixels, "YX")
    assert stack.dtype == pixels.dtype
    np.testing.assert_array_equal(stack.extract_patch(0, None, (0, 0), (2, 3))[0], pixels.astype(np.float32))
    stored = stack.extract_patch(0, None, (0, 0), (2, 3), dtype=dtype)
    assert stored.dtype == pixels.dtype
    np.testing.assert_array_equal(stored[0], pixels)


def test_bools_are_0_or_1(tmp_path):
    (tmp_path / "a.bin").write_bytes(bytes([0, 1, 2, 255, 0, 7]))
    stack = microtome.open(tmp_path / "a.bin", "YX", dtype=bool, shape=(2, 3))
    expected = np.array([[0, 1, 1], [1, 0, 1]], np.uint8)
    np.testing.assert_array_equal(stack[0, 0].view(np.uint8), expected)
    out = np.zeros((1, 3, 5), bool)[:, ::-1, 1::2]
    stack.extract_patch(0, None, (0, 0), (3, 2), out=out)
    np.testing.assert_array_equal(out[0, :2].copy().view(np.uint8), expected[:, :2])
    np.testing.assert_array_equal(stack.extract_patch(0, None, (0, 0), (2, 3))[0], expected)


def test_arrays_of_any_strides():
    pixels = np.arange(3 * 20 * 30, dtype=np.float32).reshape(3, 20, 30)
    for view in [
        pixels[:, ::-2, 1::3],
        pixels.transpose(1, 2, 0),
        pixels[:, 3:, :-4],
        np.broadcast_to(pixels[0], (3, 20, 30)),
    ]:
        axes = "CYX" if view.shape[0] == 3 else "YXC"
        np.testing.assert_array_equal(
            np.asarray(microtome.from_array(view, axes))[0], view if axes == "CYX" else view.transpose(2, 0, 1)
        )
    fixed = pixels.copy()
    fixed.setflags(write=False)
    np.testing.assert_array_equal(np.asarray(microtome.from_array(fixed, "CYX"))[0], pixels)
    np.testing.assert_array_equal(np.asarray(microtome.from_array(pixels.astype(">f4"), "CYX"))[0], pixels)


def test_arrays_are_not_copied():
    pixels = np.zeros((8, 8), np.uint8)
    stack = microtome.from_array(pixels, "YX")
    pixels[2, 3] = 7
    assert stack.extract_patch(0, None, (2, 3), (1, 1)) == 7


def test_out(volume):
    pixels, stack = volume
    whole = np.full((3, 4, 6, 8), -1, np.float32)
    part = whole[::-1, ::2, 1:4, ::-2]
    assert stack.extract_patch(1, None, (1, 2, 3), part.shape[1:], out=part) is part
    np.testing.assert_array_equal(part, naive_patch(pixels, 1, None, (1, 2, 3), part.shape[1:]))
    assert (whole[:, 1::2] == -1).all() and (whole[:, :, 4:] == -1).all()
    stored = np.empty((3, 1, 2, 2), np.uint16)
    stack.extract_patch(0, None, (0, 0, 0), (1, 2, 2), out=stored)
    np.testing.assert_array_equal(stored[:, 0], pixels[0, :, 0, :2, :2])


@pytest.mark.parametrize(
    ("out", "error"),
    [
        (np.empty((3, 1, 2, 3), np.float32), ValueError),
        (np.empty((3, 2, 2), np.float32), ValueError),
        (np.empty((3, 1, 2, 2), np.float64), TypeError),
        (np.empty((3, 1, 2, 2), ">f4"), TypeError),
        (np.empty((3, 1, 2, 2), object), (TypeError, ValueError, BufferError)),
        (np.broadcast_to(np.float32(0), (3, 1, 2, 2)), (ValueError, BufferError)),
        (b"\0" * 48, (TypeError, BufferError)),
        (7, TypeError),
    ],
)
def test_out_that_does_not_fit(volume, out, error):
    with pytest.raises(error):
        volume[1].extract_patch(0, None, (0, 0, 0), (1, 2, 2), out=out)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((2, None, (0, 0, 0), (1, 1, 1)), IndexError, "sample 2"),
        ((-1, None, (0, 0, 0), (1, 1, 1)), IndexError, "sample -1"),
        ((0, [3], (0, 0, 0), (1, 1, 1)), ValueError, "channel 3"),
        ((0, [-1], (0, 0, 0), (1, 1, 1)), IndexError, "channel -1"),
        ((0, [], (0, 0, 0), (1, 1, 1)), ValueError, "cannot be empty"),
        ((0, None, (0, 0), (1, 1, 1)), ValueError, "coords"),
        ((0, None, (0, 0), (1, 1)), ValueError, "ZYX"),
        ((0, None, (0, 0, 0), (1, -1, 1)), ValueError, "patch_size is -1 along Y"),
        ((0, None, (0, 0, 0.5), (1, 1, 1)), TypeError, "integer"),
        ((0.0, None, (0, 0, 0), (1, 1, 1)), TypeError, "sample_idx"),
        ((0, 1, (0, 0, 0), (1, 1, 1)), TypeError, "channels"),
        ((0, None, None, (1, 1, 1)), TypeError, "coords"),
        ((0, None, (0, 0, 2**70), (1, 1, 1)), ValueError, "64 bits"),
        ((0, None, (0, 0, 2**60), (1, 1, 1)), ValueError, "coords"),
        ((0, None, (0, 0, 0)), TypeError, "patch_size"),
        ((0, None, (0, 0, 0), (1, 1, 1), None), TypeError, "positional"),
    ],
)
def test_wrong_arguments(volume, arguments, error, text):
    with pytest.raises(error, match=text):
        volume[1].extract_patch(*arguments)
    assert volume[1].extract_patch(0, None, (0, 0, 0), (1, 1, 1)).shape == (3, 1, 1, 1)


def test_keywords(volume):
    pixels, stack = volume
    patch = stack.extract_patch(patch_size=[1, 2, 2], coords=np.array([0, 1, 1]), channels=(1,), sample_idx=np.int64(1))
    np.testing.assert_array_equal(patch[0, 0], pixels[1, 1, 0, 1:3, 1:3])
    with pytest.raises(TypeError, match="unexpected keyword argument 'channel'"):
        stack.extract_patch(0, channel=None, coords=(0, 0, 0), patch_size=(1, 1, 1))
    with pytest.raises(TypeError, match="multiple values"):
        stack.extract_patch(0, None, (0, 0, 0), (1, 1, 1), sample_idx=0)


def test_many(volume):
    pixels, stack = volume
    rng = np.random.default_rng(3)
    samples, coords = rng.integers(0, 2, 50), rng.integers(-10, 15, (50, 3))
    patches = stack.extract_patches(samples, [2, 0], coords, (2, 5, 6))
    for patch, sample, corner in zip(patches, samples, coords, strict=True):
        np.testing.assert_array_equal(patch, naive_patch(pixels, sample, [2, 0], corner, (2, 5, 6)))
    scaled = stack.extract_patches(1, None, [(0, 0, 0)], (4, 11, 13), scale=[2, 1, 0.5], offset=10, padding=-1)
    np.testing.assert_allclose(scaled[0], pixels[1] * np.float32([2, 1, 0.5])[:, None, None, None] + 10)
    outside = stack.extract_patches(1, None, [(0, 0, -13)], (4, 11, 13), scale=2, padding=-1)
    assert (outside == -1).all()
    assert stack.extract_patches(0, None, [], (1, 2, 3)).shape == (0, 3, 1, 2, 3)
    stored = stack.extract_patches([0, 1], [1], [(0, 0, 0), (1, 2, 3)], (1, 2, 3), dtype=np.uint16)
    np.testing.assert_array_equal(stored[1, 0], pixels[1, 1, 1:2, 2:4, 3:6])


def test_many_normalized(volume):
    """Equal to normalizing zero-padded patches with NumPy, bit for bit."""
    pixels, stack = volume
    rng = np.random.default_rng(4)
    coords = rng.integers(-10, 15, (50, 3))
    mean = pixels.mean((0, 2, 3, 4)).astype(np.float32)
    std = pixels.std((0, 2, 3, 4)).astype(np.float32) + np.float32(1e-6)
    plain = stack.extract_patches(0, None, coords, (3, 5, 6))
    normalized = stack.extract_patches(
        0, None, coords, (3, 5, 6), scale=std, offset=mean, divide=True, scale_padding=True
    )
    shape = (1, -1, 1, 1, 1)
    np.testing.assert_array_equal(normalized, (plain - mean.reshape(shape)) / std.reshape(shape))
    outside = stack.extract_patches(0, None, [(0, 0, -13)], (4, 11, 13), scale=std, offset=mean, divide=True, padding=7)
    assert (outside == 7).all()
    outside = stack.extract_patches(0, [1], [(0, 0, -13)], (4, 11, 13), scale=2, offset=1, padding=7, scale_padding=1)
    assert (outside == 15).all()


def test_many_into_strides(volume):
    pixels, stack = volume
    whole = np.zeros((5, 3, 2, 2, 9), np.float32)
    out = whole[::2, :, :, ::-1, 1::3]
    coords = [(0, 0, 0), (2, -1, 4), (3, 10, 12)]
    stack.extract_patches([0, 1, 1], None, coords, out.shape[2:], out=out)
    for patch, sample, corner in zip(out, [0, 1, 1], coords, strict=True):
        np.testing.assert_array_equal(patch, naive_patch(pixels, sample, None, corner, out.shape[2:]))
    assert not whole[1::2].any()


@pytest.mark.parametrize(
    ("arguments", "keywords", "error"),
    [
        ((0, None, (0, 0, 0), (1, 1, 1)), {}, ValueError),
        ((0, None, [(0, 0)], (1, 1, 1)), {}, ValueError),
        ((0, None, [(0, 0, 0.5)], (1, 1, 1)), {}, TypeError),
        ((0, None, np.zeros((5, 0), np.int64), (1, 1, 1)), {}, ValueError),
        ((0, None, np.array([[0, 0, 2**64 - 1]], np.uint64), (1, 1, 1)), {}, ValueError),
        (([0, 0], None, [(0, 0, 0)], (1, 1, 1)), {}, ValueError),
        ((2, None, [(0, 0, 0)], (1, 1, 1)), {}, IndexError),
        ((0, None, [(0, 0, 0)], (1, 1, 1)), {"scale": [1, 2]}, ValueError),
        ((0, None, [(0, 0, 0)], (1, 1, 1)), {"scale": 1, "dtype": "uint16"}, ValueError),
        ((0, None, [(0, 0, 0)], (1, 1, 1)), {"dtype": "int16"}, TypeError),
        ((0, None, [(0, 0, 0)], (1, 1, 1)), {"padding": "x"}, ValueError),
        ((0, None, [(0, 0, 0)], (1, 1, 1)), {"padding": None}, TypeError),
    ],
)
def test_many_wrong_arguments(volume, arguments, keywords, error):
    with pytest.raises(error):
        volume[1].extract_patches(*arguments, **keywords)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_indexing_equals_numpy(data):
    pixels = np.random.default_rng(4).integers(0, 255, (2, 3, 4, 5, 6), np.uint8)
    stack = microtome.from_array(pixels, "SCZYX")
    entry = st.integers(-7, 7) | st.slices(7)
    index = tuple(data.draw(st.lists(entry, max_size=5)))
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(index)))
        index = (*index[:at], ..., *index[at:])
    try:
        expected = pixels[index]
    except IndexError:
        with pytest.raises(IndexError):
            stack[index]
        return
    found = stack[index]
    assert found.dtype == np.uint8 and found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_one_list_in_an_index(data):
    """Its axis keeps its place, whatever stands before and behind it."""
    pixels = np.random.default_rng(4).integers(0, 255, (2, 3, 4, 5, 6), np.uint8)
    stack = microtome.from_array(pixels, "SCZYX")
    axis = data.draw(st.integers(0, 4))
    n = pixels.shape[axis]
    positions = data.draw(st.lists(st.integers(-n, n - 1), max_size=7))
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    index = [data.draw(st.integers(-k, k - 1) | st.slices(k)) for k in pixels.shape]
    index[axis] = slice(None)
    dropped = sum(isinstance(entry, int) for entry in index[:axis])
    taken = np.take(pixels[tuple(index)], np.array(positions, int), axis - dropped)
    masked = np.compress(mask, pixels[tuple(index)], axis - dropped)
    for entry, expected in (
        (positions, taken),
        (np.array(positions, np.int32), taken),
        (mask, masked),
        (mask.tolist(), masked),
    ):
        index[axis] = entry
        np.testing.assert_array_equal(stack[tuple(index)], expected)


@pytest.mark.parametrize(
    "index",
    [
        None,
        True,
        np.True_,
        1.0,
        "x",
        (..., ...),
        (0,) * 6,
        [0, 2],
        [0.5],
        [[0, 1]],
        ["x"],
        ([0], [0]),
        np.array([True, False, True]),
        np.zeros((2, 2), bool),
        (0, [None]),
    ],
)
def test_indices_that_are_refused(volume, index):
    with pytest.raises(IndexError):
        volume[1][index]


def test_asarray(volume):
    pixels, stack = volume
    assert np.asarray(stack, np.float64).dtype == np.float64
    np.testing.assert_array_equal(np.array(stack), pixels)
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        with pytest.raises(ValueError, match="copy"):
            np.asarray(stack, copy=False)


@pytest.mark.parametrize("size", [(0, 3), (3, 0), (-1, 3), (0, 0)])
def test_sizes_below_1(size):
    stack = microtome.from_array(np.ones((6, 7), np.uint16), "YX")
    for call in (
        lambda: stack.extract_patch(0, None, (0, 0), size),
        lambda: stack.extract_patches(0, None, [(0, 0)], size),
        lambda: microtome.extract_patches([stack], 0, 0, None, [(0, 0)], size),
    ):
        with pytest.raises(ValueError, match=r"patch_size is (0|-1) along [YX]: it must be at least 1"):
            call()
    assert stack[:, :, 0:0].shape == (1, 1, 0, 7)
    empty = microtome.from_array(np.ones((0, 7), np.uint16), "YX")
    assert empty.extract_patch(0, None, (0, 0), (0, 7)).shape == (1, 0, 7)


class Ramp:
    """An object with the protocol."""

    source, data_dtype, original_axes, original_data_shape = "ramp", np.uint16, "YX", (8, 9)

    def extract_patch(self, sample_idx, channels, coords, patch_size):
        return np.ones((1, *patch_size))


def test_words_for_dtype(tmp_path):
    """Every function takes a type, "source" and None."""
    stack = microtome.from_array(np.arange(72, dtype=np.uint16).reshape(8, 9), "YX")
    patching = microtome.Sequential([stack], (4, 4))

    def predicted(dtype):
        path = tmp_path / f"predicted-{dtype}.zarr"
        microtome.predict(lambda batch: batch, stack, path, tile=4, overlap=0, dtype=dtype, progress=False)
        return microtome.open(path)

    def converted(dtype):
        microtome.convert(stack, tmp_path / f"{dtype}.npy", dtype=dtype, progress=False)
        return microtome.open(tmp_path / f"{dtype}.npy")

    calls = {
        "extract_patch": lambda dtype: stack.extract_patch(0, None, (0, 0), (2, 2), dtype=dtype),
        "extract_patches": lambda dtype: stack.extract_patches(0, None, [(0, 0)], (2, 2), dtype=dtype),
        "of stacks": lambda dtype: microtome.extract_patches([stack] * 2, 1, 0, None, [(0, 0)], (2, 2), dtype=dtype),
        "Loader": lambda dtype: np.asarray(next(iter(microtome.Loader(patching, batch_size=2, dtype=dtype))).data),
        "Tiles": lambda dtype: np.asarray(next(microtome.Tiles(stack, tile=4, overlap=0, dtype=dtype).batches()).data),
        "predict": predicted,
        "convert": converted,
        "create": lambda dtype: microtome.create(tmp_path / f"created-{dtype}.zarr", like=stack, dtype=dtype),
    }
    for name, call in calls.items():
        default = "uint16" if name in ("convert", "create") else "float32"
        for dtype, expected in [("source", "uint16"), ("float32", "float32"), (np.uint16, "uint16"), (None, default)]:
            assert np.dtype(call(dtype).dtype) == expected, (name, dtype)
        with pytest.raises(TypeError, match="""dtype is a type, such as "uint16", or "source", not 'uint17'"""):
            call("uint17")
    with pytest.raises(ValueError, match='dtype="source" is the type of an image, and there is none'):
        microtome.create(tmp_path / "none.zarr", axes="YX", shape=(3, 3), dtype="source")
    assert microtome.from_object(Ramp()).extract_patch(0, None, (0, 0), (2, 2), dtype="source").dtype == np.float32


def test_arrays_that_are_none():
    for wrong, words in [
        ("a.npy", "array must be an array, not 'a.npy': microtome.open opens a path"),
        (np.ones((3, 4), complex), "arrays of complex128 are not supported"),
        (np.array([["a"]]), "arrays of <U1 are not supported"),
    ]:
        with pytest.raises(TypeError, match=words):
            microtome.from_array(wrong, "YX")
