# SPDX-License-Identifier: BSD-3-Clause
"""Tile scans of LIF files: as samples, and merged into one plane."""

import pickle

import microtome
import numpy as np
import pytest
from images import write_tile_scan

CORNERS = [(0, 4), (3, 0), (2, 7)]
TILES = np.random.default_rng(1).integers(1, 255, (3, 6, 5), np.uint8)


@pytest.fixture
def path(tmp_path):
    return write_tile_scan(tmp_path / "a.lif", TILES, CORNERS)


def painted():
    plane = np.zeros((9, 12), np.uint8)
    for tile, (y, x) in zip(TILES, CORNERS, strict=True):
        plane[y : y + 6, x : x + 5] = tile
    return plane


def test_tiles_are_samples(path):
    stack = microtome.open(path)
    assert stack.original_axes == "SYX" and stack.metadata["format"] == "lif"
    np.testing.assert_array_equal(np.asarray(stack), TILES[:, None])
    assert [p[0] for p in stack.sample_positions] == [None] * 3
    np.testing.assert_allclose([p[1:] for p in stack.sample_positions], CORNERS)


def test_tiles_are_merged(path):
    stack = microtome.open(path, merge_tiles=True)
    assert stack.original_axes == "YX" and stack.pixel_size == pytest.approx({"Y": 1, "X": 1})
    np.testing.assert_array_equal(np.asarray(stack)[0, 0], painted())
    again = pickle.loads(pickle.dumps(stack))
    np.testing.assert_array_equal(np.asarray(again)[0, 0], painted())


def test_a_map_remembers_how(path, tmp_path):
    saved = tmp_path / "map"
    microtome.open(path, merge_tiles=True).save_map(saved)
    np.testing.assert_array_equal(np.asarray(microtome.open(path, map=saved, merge_tiles=True))[0, 0], painted())
    with pytest.raises(microtome.ArgumentError, match="with merge_tiles"):
        microtome.open(path, map=saved)
