# SPDX-License-Identifier: BSD-3-Clause
"""Saved maps: opened without reading the image, refused when it has changed."""

import os
import pickle

import microtome
import numpy as np
import pytest


@pytest.fixture
def saved(tmp_path):
    image = tmp_path / "a.npy"
    np.save(image, np.arange(24 * 30, dtype=np.uint16).reshape(24, 30))
    with microtome.open(image) as stack:
        stack.save_map(tmp_path / "a.map")
    return image, tmp_path / "a.map"


def test_opens_and_pickles(saved):
    image, path = saved
    stack = microtome.open(image, map=path)
    assert np.array_equal(stack[0, 0], np.load(image))
    again = pickle.loads(pickle.dumps(stack))
    assert np.array_equal(again[0, 0], np.load(image))
    assert sorted(os.listdir(image.parent)) == ["a.map", "a.npy"]


def test_changed(saved):
    image, path = saved
    os.utime(image, ns=(5, 5))
    stack = microtome.open(image, map=path)  # nothing is read yet
    with pytest.raises(microtome.ChangedError, match=r"a\.npy has changed since its map was saved"):
        stack[0, 0]


def test_refused(saved):
    image, path = saved
    with pytest.raises(microtome.UnsupportedError, match="copy that"):
        microtome.open(image, map=path).save_map(path)
    with pytest.raises(microtome.UnsupportedError, match="only images in files"):
        microtome.from_array(np.zeros((2, 2), np.uint8), "YX").save_map(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(microtome.CorruptError, match="its checksum is wrong"):
        microtome.open(image, map=path)
