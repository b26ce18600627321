# SPDX-License-Identifier: BSD-3-Clause
"""Missing data and repairs are reported, and can be made errors."""

import warnings

import microtome
import numpy as np
import pytest


@pytest.fixture
def alone(data):
    """One file of a set of eight, the others of which are not there."""
    return data / "cases/real_prairie_alone/TSeries-camp-005_Cycle00001_Ch1_000001.ome.tif"


def test_missing_files_are_named(alone):
    with pytest.warns(microtome.ImageWarning, match="TSeries-camp-005_Cycle00001_Ch2_000001"):
        stack = microtome.open(alone)
    assert stack.n_missing == 7
    assert stack.missing[0] == "TSeries-camp-005_Cycle00001_Ch2_000001.ome.tif"
    assert "2 more images" in stack.warnings[0]
    assert stack[0, 0].any()
    assert not np.asarray(stack)[1:].any()


def test_one_missing_file_is_told_in_the_singular(data):
    with pytest.warns(microtome.ImageWarning, match=r"1 file or frame is missing and reads as .*: p1\.tif"):
        microtome.open(data / "cases/D4/x.companion.ome")


def test_missing_files_are_refused(alone):
    with pytest.raises(microtome.NotFoundError, match="7 of its files or frames are missing"):
        microtome.open(alone, missing="error")


def test_a_folder_of_renamed_files(data):
    folder = data / "cases/F3"
    expected = np.load(folder / "img_C0.ome.tif.expected.npy")
    with pytest.warns(microtome.ImageWarning, match="IMG_C0"):
        stack = microtome.open(folder / "img_C1.ome.tif")
    assert np.array_equal(np.asarray(stack)[0], expected)
    assert stack.missing == []


def test_a_whole_set_is_silent(data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stack = microtome.open(data / "cases/real_ome_master/multifile-Z3.ome.tiff")
    assert stack.shape == (1, 1, 5, 24, 18)
    assert not stack.warnings
