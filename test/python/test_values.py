# SPDX-License-Identifier: BSD-3-Clause
"""Whole files by value: what other readers made of them is in expected.json beside them."""

import hashlib
import json

import microtome
import numpy as np
import pytest


def stored(stack):
    """Return all pixels in the stored order of their axes."""
    pixels, letters = stack[:], "SCZYX" if stack[:].ndim == 5 else "SCYX"
    axes = stack.original_axes.replace("T", "S")
    kept = [i for i, letter in enumerate(letters) if letter in axes]
    pixels = pixels.reshape([pixels.shape[i] for i in kept])
    order = "".join(letters[i] for i in kept)
    return np.ascontiguousarray(pixels.transpose([order.index(letter) for letter in axes]))


def check(path, expected):
    if expected["dtype"] == "rgb":
        expected |= {"axes": expected["axes"] + "C", "shape": [*expected["shape"], 3], "dtype": "uint8"}
    stack = microtome.open(path)
    assert (stack.original_axes, list(stack.original_data_shape)) == (expected["axes"], expected["shape"])
    assert stack.data_dtype == expected["dtype"]
    pixels = stored(stack)
    assert pixels.shape == tuple(expected["shape"])
    little = pixels.astype(pixels.dtype.newbyteorder("<"))
    assert hashlib.sha256(little.tobytes()).hexdigest() == expected["sha256_c_le"]
    for axis, size in zip("XYZT", expected.get("voxel", expected.get("pixdim")), strict=False):
        if axis in stack.original_axes and size:
            assert stack.pixel_size[axis] == pytest.approx(size, rel=1e-6)


REFUSED = {"mrc": {"m4_c64.mrc": "complex"}, "nifti": {}}


@pytest.mark.parametrize("folder", REFUSED)
def test_values_of_other_readers(data, folder):
    for name, expected in json.loads((data / folder / "expected.json").read_text()).items():
        why = REFUSED[folder].get(name, "." if "error" in expected else None)
        if why is None:
            check(data / folder / name, expected)
        else:
            with pytest.raises(microtome.Error, match=why):
                microtome.open(data / folder / name)
