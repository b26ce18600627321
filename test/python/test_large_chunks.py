# SPDX-License-Identifier: BSD-3-Clause
"""Chunks larger than the memory budget: decoded once a call, one at a time, and no buffer kept afterwards."""

import json
import zlib

import microtome
import pytest

SIDE = 2048  # of a chunk, 4 MiB
BUDGET = 1 << 20


@pytest.fixture
def tower(tmp_path):
    """Four chunks, each of one value."""
    compressor = {"id": "zlib", "level": 1}
    array = {"zarr_format": 2, "shape": [4 * SIDE, SIDE], "chunks": [SIDE, SIDE], "dtype": "|u1", "fill_value": 0}
    (tmp_path / ".zarray").write_text(json.dumps({**array, "compressor": compressor, "filters": None, "order": "C"}))
    for i in range(4):
        (tmp_path / f"{i}.0").write_bytes(zlib.compress(bytes([10 * i + 1]) * SIDE * SIDE, 1))
    return tmp_path


def check_memory(context):
    counters = context.counters()
    assert counters["memory_peak"] < SIDE * SIDE + 8 * BUDGET
    context.drop_cache()
    assert context.counters()["memory_bytes"] < BUDGET


@pytest.mark.parametrize("threads", [1, 4])
def test_patches(tower, threads):
    context = microtome.Context(threads=threads, cache_bytes=BUDGET)
    stack = microtome.open(tower, context=context)
    corners = [(SIDE * i + 100 * j, 50 * j) for j in range(8) for i in range(4)]
    batch = stack.extract_patches(0, None, corners, (64, 64))
    assert batch[:, 0, 5, 5].tolist() == [1, 11, 21, 31] * 8
    assert context.counters()["chunks_decoded"] == 4
    check_memory(context)


def test_pictures(tower):
    context = microtome.Context(threads=4, cache_bytes=BUDGET)
    stack = microtome.open(tower, context=context)
    picture = stack.view(max_size=512, contrast=(0, 255))
    assert "128 x 512" in repr(picture)
    assert context.counters()["chunks_decoded"] == 4
    check_memory(context)
