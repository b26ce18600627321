# SPDX-License-Identifier: BSD-3-Clause
"""What the extension says of arguments that it cannot take."""

import microtome
import numpy as np
import pytest
from microtome import _core

PIXELS = np.arange(2 * 3 * 8 * 9, dtype=np.uint16).reshape(2, 3, 8, 9)
STACK = _core.Stack._from_array(PIXELS, "SCYX", "pixels")
VOLUME = _core.Stack._from_array(PIXELS, "CZYX", "volume")
CLOSED = _core.Stack._from_array(PIXELS, "SCYX", "closed")
CLOSED.close()
ONE, COORDS, PLAIN = np.zeros(1, np.int64), np.zeros((1, 2), np.int64), (0, 0, 0, 0, 0)


class Bad:
    """Raises RuntimeError whatever is asked of it."""

    def fail(self, *_):
        raise RuntimeError("asked")

    __index__ = __iter__ = __bool__ = __float__ = __fspath__ = fail


class Tensor:
    """Only DLPack, without the buffer protocol."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **keywords):
        return self.array.__dlpack__(**keywords)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class NoDevice(Tensor):
    def __dlpack_device__(self):
        return [1, 0]


def read_only(array):
    array.flags.writeable = False
    return array


def patch(sample=0, channels=None, coords=(0, 0), size=(2, 2), **others):
    return lambda: STACK.extract_patch(sample, channels, coords, size, **others)


def many(stacks=(STACK,), stack_idx=None, sample=ONE, channels=None, coords=COORDS, size=(2, 2), out=None, dtype=None,
         scale=None, offset=None, padding=0, errors=False):  # fmt: skip
    return lambda: _core.extract_many(
        stacks,
        stack_idx,
        sample,
        channels,
        coords,
        size,
        out,
        dtype,
        scale,
        offset,
        False,
        padding,
        False,
        errors,
        0,
        None,
    )


def ahead(stacks=(STACK,), stack_idx=None, sample=ONE, channels=None, coords=COORDS, size=(2, 2), padding=0):
    return lambda: _core.prefetch(stacks, stack_idx, sample, channels, coords, size, padding)


def plane(sample=0, channels=None, z=None, region=None, max_size=64, contrast=None, choices=PLAIN):
    return lambda: STACK._draw_plane(sample, channels, z, region, max_size, contrast, choices)


def sheet(sample=ONE, channels=None, coords=COORDS, size=(2, 2), max_size=64, contrast=None, choices=PLAIN):
    return lambda: STACK._draw_patches(sample, channels, coords, size, max_size, contrast, choices)


def opened(path="absent.npy", **others):
    return lambda: _core.Stack._open(path, **others)


def custom(object=None, source="s", dtype="uint8", axes="YX", shape=(4, 4), **others):
    return lambda: _core.Stack._from_object(object, source, dtype, axes, shape, **others)


def context(**options):
    return lambda: _core.Context(**options)


REFUSED = [
    (lambda: STACK.extract_patch(0, None, (0, 0)), TypeError, "misses the argument 'patch_size'"),
    (lambda: STACK.extract_patch(0, None, (0, 0), (2, 2), None), TypeError, "at most 4 positional arguments, 5"),
    (lambda: STACK.extract_patch(0, None, (0, 0), (2, 2), size=1), TypeError, "unexpected keyword argument 'size'"),
    (
        lambda: STACK.extract_patch(0, None, (0, 0), (2, 2), coords=1),
        TypeError,
        "multiple values for argument 'coords'",
    ),
    (patch(sample="0"), TypeError, "sample_idx must be an integer, not str"),
    (patch(sample=2**80), ValueError, "sample_idx does not fit into 64 bits"),
    (patch(sample=Bad()), RuntimeError, "asked"),
    (patch(channels=5), TypeError, "channels must be a sequence of integers and names"),
    (patch(channels=Bad()), RuntimeError, "asked"),
    (patch(channels=[]), ValueError, "cannot be empty"),
    (patch(channels="red"), ValueError, "the channels of this image have no names"),
    (patch(channels=["a\0b"]), ValueError, "a channel contains a null character"),
    (patch(channels=["\ud800"]), UnicodeEncodeError, "surrogates"),
    (patch(channels=["a", Bad()]), ValueError, "there is no channel"),
    (patch(coords=5), TypeError, "coords must be a sequence of integers"),
    (patch(coords=Bad()), RuntimeError, "asked"),
    (patch(coords=(0, "0")), TypeError, "coords must be an integer, not str"),
    (patch(coords=range(1000)), ValueError, "coords has 1000 values and patch_size 2"),
    (patch(size=(2, 2, 2)), ValueError, "patch_size has 3 sizes for an image with the spatial axes YX"),
    (patch(size=(2, None)), TypeError, "patch_size must be an integer, not NoneType"),
    (patch(padding="mirror"), ValueError, 'padding is a number, "reflect" or "edge", not "mirror"'),
    (patch(padding=Bad()), RuntimeError, "asked"),
    (patch(dtype="no dtype"), TypeError, "no dtype"),
    (patch(dtype=np.uint8), TypeError, "patches of uint16 come as uint16 or float32, not as uint8"),
    (patch(out=np.empty((3, 2, 3), np.float32)), ValueError, r"\(3, 2, 2\), not \(3, 2, 3\)"),
    (patch(out=np.empty((3, 2, 2), np.float32), dtype=np.float32), TypeError, "dtype is that of out"),
    (patch(out=np.empty((3, 2, 2), np.complex64)), TypeError, "elements of the format 'Zf' are not supported"),
    (patch(out=np.empty((1,) * 20, np.float32)), ValueError, "out has 20 dimensions"),
    (patch(out=read_only(np.empty((3, 2, 2), np.float32))), (ValueError, BufferError), "read-only"),
    (patch(out=5), TypeError, "out must be an array, .* not 5"),
    (
        patch(out=NoDevice(np.empty((3, 2, 2), np.uint16))),
        TypeError,
        r"__dlpack_device__\(\) must be a tuple, not list",
    ),
    (patch(out=Tensor(np.empty((3, 2, 2), bool))), TypeError, "not as bool"),
    (patch(out=Tensor(np.empty((3, 2, 2), np.complex64))), TypeError, "elements of 64 bits of kind 5"),
    (patch(out=Tensor(np.empty((3, 2, 2), np.complex128))), TypeError, "elements of 128 bits of kind 5"),
    (patch(out=Tensor(np.empty((1,) * 20, np.float32))), ValueError, "out has 20 dimensions"),
    (patch(out=Tensor(read_only(np.empty((3, 2, 2), np.float32)))), BufferError, "out is read-only"),
    (many(stacks=()), ValueError, "at least one image stack"),
    (many(stacks=[STACK]), ValueError, "at least one image stack"),
    (many(stacks=(5,)), TypeError, "must be image stacks of microtome"),
    (many(stacks=(STACK, VOLUME)), ValueError, "volume has other spatial axes"),
    (many(stacks=(CLOSED,)), ValueError, "the image stack is closed"),
    (many(sample=np.zeros(1, np.int32)), ValueError, "sample_idx must be an array of int64"),
    (many(sample=5), TypeError, "int"),
    (many(stack_idx=np.zeros(2, np.int64)), ValueError, "stack_idx must be an array of int64, 1 of them"),
    (many(stack_idx=np.ones(1, np.int64)), IndexError, "stack 1 is out of bounds for 1 stacks"),
    (many(stack_idx=-np.ones(1, np.int64)), IndexError, "stack -1 is out of bounds"),
    (many(coords=COORDS[:, :1].copy()), ValueError, "coords must be an array of int64, 2 of them"),
    (many(scale=np.ones(3)), ValueError, "scale must be an array of float32, 3 of them"),
    (many(offset=np.ones(2, np.float32)), ValueError, "offset must be an array of float32, 3 of them"),
    (many(channels=[0, 7]), IndexError, "channel"),
    (many(padding="mirror", errors=True), ValueError, 'not "mirror"'),
    (many(errors=Bad()), RuntimeError, "asked"),
    (many(size=5), TypeError, "patch_size must be a sequence of integers"),
    (many(size=(2,)), ValueError, "patch_size has 1 sizes"),
    (ahead(stacks=()), ValueError, "at least one image stack"),
    (ahead(sample=ONE[:0]), ValueError, "coords must be an array of int64, 0 of them"),
    (ahead(stack_idx=np.ones(1, np.int64)), IndexError, "stack 1 is out of bounds"),
    (ahead(sample=ONE + 9), IndexError, "sample 9 is out of bounds"),
    (ahead(padding="mirror"), ValueError, 'not "mirror"'),
    (lambda: _core.prefetch((STACK,)), TypeError, "misses the argument"),
    (plane(sample="0"), TypeError, "sample must be an integer"),
    (plane(channels=5), TypeError, "channels must be a sequence of integers"),
    (plane(z="0"), TypeError, "z must be an integer"),
    (plane(region=(1, 2, 3)), ValueError, "region is first row and column, height and width"),
    (plane(region=5), TypeError, "region must be a sequence of integers"),
    (plane(max_size=Bad()), RuntimeError, "asked"),
    (plane(contrast=np.ones(2, np.float32)), ValueError, "contrast must be an array of float64"),
    (plane(choices=(0, 0)), ValueError, "choices are five numbers"),
    (plane(choices=None), TypeError, "choices must be a sequence of integers"),
    (sheet(size=5), TypeError, "patch_size must be a sequence of integers"),
    (sheet(channels=5), TypeError, "channels must be a sequence of integers"),
    (sheet(coords=ONE), ValueError, "coords has 1 numbers for 1 patches of 2 axes"),
    (sheet(sample=np.zeros(100000, np.int64)), ValueError, "a sheet has at most 64 patches, not 100000"),
    (sheet(sample=5), TypeError, "int"),
    (sheet(coords=COORDS.astype(np.int32)), ValueError, "coords must be an array of int64"),
    (sheet(sample=ONE + 9), IndexError, "sample 9 is out of bounds"),
    (opened(5), TypeError, "path must be a path, not 5"),
    (
        lambda: _core.statistics((STACK,), np.zeros(0), 0, [0, 1], None, 1.0, 0, 0, False, None),
        TypeError,
        "range must be a tuple, not list",
    ),
    (opened("a\0b"), ValueError, "null"),
    (opened(Bad()), RuntimeError, "asked"),
    (opened(), microtome.NotFoundError, "absent.npy"),
    (opened(axes=5), TypeError, "axes must be a string"),
    (opened(axes="Y\0X"), ValueError, "axes contains a null character"),
    (opened(context=5), TypeError, "Context"),
    (opened(use_masks=Bad()), RuntimeError, "asked"),
    (opened(scaled=Bad()), RuntimeError, "asked"),
    (opened(merge_tiles=Bad()), RuntimeError, "asked"),
    (opened(missing_is_error=Bad()), RuntimeError, "asked"),
    (opened(raw=5), TypeError, "raw must be a tuple, not int"),
    (opened(raw=("uint8",)), TypeError, "1"),
    (opened(raw=("uint8", 5, 0, False)), TypeError, "sequence of integers"),
    (opened(external_folder=5), TypeError, "external_folder must be a path, not 5"),
    (lambda: _core.Stack._open_all(5), TypeError, "int"),
    (lambda: _core.Stack._open_all(["a", 5]), TypeError, "path must be a path, not 5"),
    (lambda: _core.Stack._open_all(["absent.npy"]), microtome.NotFoundError, "absent.npy"),
    (lambda: _core.list_parts("absent.npy"), microtome.NotFoundError, "absent.npy"),
    (lambda: _core.list_parts(5), TypeError, "path must be a path, not 5"),
    (lambda: _core.Stack._from_array(5, "YX"), TypeError, "int"),
    (lambda: _core.Stack._from_array(np.zeros((2, 2), np.complex64), "YX"), TypeError, "'Zf' are not supported"),
    (lambda: _core.Stack._from_array(np.zeros((2, 2)), "X"), ValueError, "axes"),
    (lambda: _core.Stack(), TypeError, "are made by microtome.open"),
    (custom(shape=(1,) * 7, axes="STCZYX"), ValueError, "at most 6 axes"),
    (custom(shape=5), TypeError, "shape must be a sequence of integers"),
    (custom(dtype=5), TypeError, "dtype must be a string"),
    (custom(dtype="complex"), ValueError, "dtype"),
    (custom(parallel=Bad()), RuntimeError, "asked"),
    (custom(context=5), TypeError, "Context"),
    (context(threads="1"), TypeError, "threads must be an integer"),
    (context(threads=-1), ValueError, "threads"),
    (context(cache_bytes="1"), TypeError, "cache_bytes must be an integer"),
    (context(allow_mmap=Bad()), RuntimeError, "asked"),
    (context(limits=5), TypeError, "limits must be a dict"),
    (context(limits={"no limit": 1}), ValueError, "there is no limit 'no limit'"),
    (context(limits={5: 1}), ValueError, "there is no limit 5"),
    (context(limits={"max_pages": "1"}), TypeError, "max_pages must be an integer"),
    (context(limits={"max_pages": -1}), ValueError, "max_pages"),
    (context(http=5), TypeError, "http must be a dict"),
    (context(http={"tries": 1}), ValueError, "there is no option 'tries' of http"),
    (context(http={5: 1}), ValueError, "there is no option 5 of http"),
    (context(http={"retries": -1}), ValueError, "retries must be between 0"),
    (context(http={"retries": "1"}), TypeError, "retries must be an integer"),
    (context(http={"ca_file": 5}), TypeError, "ca_file must be a string"),
    (context(http={"headers": "X: 1"}), ValueError, "headers_prefix"),
    (context(s3={"anonymous": Bad()}), RuntimeError, "asked"),
    (context(disk_cache=5), TypeError, "disk_cache must be a path, not 5"),
    (lambda: _core.run_command(5), TypeError, ""),
    (lambda: _core.run_command(["formats", 5]), TypeError, ""),
    (lambda: CLOSED._find_channels([0]), ValueError, "the image stack is closed"),
    (lambda: CLOSED._checksum(), ValueError, "the image stack is closed"),
    (lambda: CLOSED._map(), ValueError, "the image stack is closed"),
    (lambda: CLOSED._draw_plane(0, None, None, None, 64, None, PLAIN), ValueError, "the image stack is closed"),
    (lambda: CLOSED._draw_patches(ONE, None, COORDS, (2, 2), 64, None, PLAIN), ValueError, "the image stack is closed"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[2] or "other")
def test_refused(case):
    call, kind, message = case
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize(
    "name",
    sorted(n for n in dir(_core.Stack) if isinstance(getattr(_core.Stack, n), property | type(_core.Stack.source))),
)
def test_properties_of_a_closed_stack(name):
    if name == "closed":
        assert CLOSED.closed
    else:
        with pytest.raises(ValueError, match="the image stack is closed"):
            getattr(CLOSED, name)


def test_pictures_are_saved_as_png(tmp_path):
    picture = microtome.from_array(np.eye(8, dtype=np.uint8), "YX").view()
    picture.save(tmp_path / "a.PNG")
    assert (tmp_path / "a.PNG").read_bytes() == picture.png
    for name in ("a.tif", "png"):
        with pytest.raises(microtome.ArgumentError, match=r"ends in \.png"):
            picture.save(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["a.PNG"]
