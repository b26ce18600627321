# SPDX-License-Identifier: BSD-3-Clause
"""Chunks ahead of time."""

import gc
import threading

import microtome
import numpy as np
import pytest
from images import write_array

CORNERS = [(y, x) for y in (0, 64, 128) for x in (0, 192)]


@pytest.fixture
def stacks(tmp_path):
    """Two images of 16 chunks each, in a context of their own."""
    pixels = np.random.default_rng(1).integers(0, 999, (256, 256), np.uint16)
    write_array(tmp_path / "a.zarr", pixels, (64, 64))
    write_array(tmp_path / "b.zarr", pixels[::-1], (64, 64))
    context = microtome.Context(cache_bytes=16 << 20)
    yield [microtome.open(tmp_path / name, context=context) for name in ("a.zarr", "b.zarr")], context


def test_what_was_fetched_is_in_the_cache(stacks):
    stacks, context = stacks
    arguments = stacks, [0, 1] * 3, 0, None, CORNERS, (64, 64)
    with microtome.prefetch(*arguments) as ahead:
        ahead.wait()
        assert ahead.chunks == len(CORNERS) and not ahead.is_full
        decoded = context.counters()["chunks_decoded"]
        assert decoded == len(CORNERS)
        batch = microtome.extract_patches(*arguments)
        assert context.counters()["chunks_decoded"] == decoded
    for patch, k, (y, x) in zip(batch, [0, 1] * 3, CORNERS, strict=True):
        np.testing.assert_array_equal(patch[0], stacks[k][0, 0, y : y + 64, x : x + 64])


def test_padding_is_fetched_too(stacks):
    stacks, _ = stacks
    arguments = stacks, 0, 0, None, [(-70, 0)], (8, 8)
    with microtome.prefetch(*arguments) as constant, microtome.prefetch(*arguments, padding="reflect") as reflect:
        assert (constant.chunks, reflect.chunks) == (0, 2)


def test_the_end(stacks):
    stacks, _ = stacks
    ahead = microtome.prefetch(stacks, 0, 0, None, CORNERS, (64, 64))
    ahead.end()
    ahead.end()
    with pytest.raises(ValueError, match="has ended"):
        ahead.wait()
    microtome.prefetch(stacks, 0, 0, None, CORNERS, (64, 64))  # ended by the collector
    gc.collect()
    with pytest.raises(TypeError):
        type(ahead._core)()


def test_waiting_in_several_threads_while_it_ends(stacks):
    stacks, _ = stacks
    for _ in range(20):
        ahead = microtome.prefetch(stacks, 0, 0, None, CORNERS, (64, 64))
        errors = []

        def wait(ahead=ahead, errors=errors):
            try:
                ahead.wait()
            except ValueError as e:
                errors.append(str(e))

        threads = [threading.Thread(target=wait) for _ in range(3)]
        for thread in threads:
            thread.start()
        ahead.end()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)
        assert set(errors) <= {"the prefetch has ended"}


def test_a_damaged_chunk(stacks, tmp_path):
    stacks, _ = stacks
    (tmp_path / "a.zarr" / "0.0").write_bytes(b"damaged")
    with microtome.prefetch(stacks, 0, 0, None, [(0, 0)], (8, 8)) as ahead:
        with pytest.raises(microtome.CorruptError, match="chunk 0/0"):
            ahead.wait()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (([], 0, 0, None, [(0, 0)], (8, 8)), ValueError),
        ((None, 2, 0, None, [(0, 0)], (8, 8)), IndexError),
        ((None, 0, 1, None, [(0, 0)], (8, 8)), microtome.RangeError),
        ((None, 0, 0, None, [(0, 0)], (8, 8, 8)), ValueError),
        ((None, 0, 0, None, [], (8, 8)), microtome.ArgumentError),
    ],
)
def test_arguments(stacks, arguments, error):
    stacks, _ = stacks
    with pytest.raises(error):
        microtome.prefetch(stacks if arguments[0] is None else arguments[0], *arguments[1:])
