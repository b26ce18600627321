# SPDX-License-Identifier: BSD-3-Clause
"""Values that a file declares its pixels to stand for, told and read."""

import pickle
import struct

import microtome
import numpy as np
import pytest

STORED = np.arange(-10, 50, dtype="<i2").reshape(3, 4, 5)


@pytest.fixture
def nifti(tmp_path):
    """Return a function that writes STORED with a slope and an intercept."""

    def write(name, slope, inter):
        head = bytearray(352)
        struct.pack_into("<i", head, 0, 348)
        struct.pack_into("<8h", head, 40, 3, 5, 4, 3, 1, 1, 1, 1)
        struct.pack_into("<2h", head, 70, 4, 16)
        struct.pack_into("<3f", head, 108, 352, slope, inter)
        head[344:347] = b"n+1"
        path = tmp_path / name
        path.write_bytes(bytes(head) + STORED.tobytes())
        return path

    return write


def test_stored_pixels_are_the_default(nifti):
    stack = microtome.open(nifti("a.nii", 0.5, -2))
    assert (stack.data_dtype, stack.value_scaling) == (np.int16, (0.5, -2))
    np.testing.assert_array_equal(stack[0, 0], STORED)


def test_scaled(nifti):
    path = nifti("a.nii", 0.1, 3)
    stack = microtome.open(path, scaled=True)
    expected = (STORED * float(np.float32(0.1)) + 3).astype(np.float32)
    assert (stack.data_dtype, stack.value_scaling) == (np.float32, None)
    np.testing.assert_array_equal(stack[0, 0], expected)
    np.testing.assert_array_equal(stack.extract_patch(0, None, (1, -1, 2), (1, 3, 2))[0, 0, 1:], expected[1, :2, 2:4])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(stack))[0, 0], expected)
    (found,) = microtome.open_all(path.parent, scaled=True)
    np.testing.assert_array_equal(found[0, 0], expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found))[0, 0], expected)
    assert microtome.statistics([found]).mean[0] == pytest.approx(expected.mean())


def test_nothing_declared(nifti):
    stack = microtome.open(nifti("a.nii", 0, 3), scaled=True)
    assert (stack.data_dtype, stack.value_scaling) == (np.int16, None)
    assert microtome.from_array(STORED, "ZYX").value_scaling is None
