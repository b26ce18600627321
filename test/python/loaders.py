# SPDX-License-Identifier: BSD-3-Clause
"""Loaders that tests use, and what identifies their batches."""

import hashlib

import microtome
import numpy as np

RANDOM = np.random.default_rng(1)
PIXELS = RANDOM.integers(0, 60000, (2, 2, 150, 200), np.uint16)  # SCYX
LABELS = RANDOM.integers(0, 9, (2, 1, 150, 200), np.uint8)
SIZE = (32, 32)


def make(patch_size=SIZE, strategy=microtome.Stratified, context=None, target=True, **options):
    stack = microtome.from_array(PIXELS, "SCYX", context=context)
    labels = [microtome.from_array(LABELS, "SCYX", "labels", context=context)] if target else None
    options = {"batch_size": 6, "seed": 3, "augment": "d4", **options}
    return microtome.Loader(strategy([stack], patch_size, seed=7), labels, **options)


def turned(patch, symmetry):
    """Apply a symmetry to the last two axes."""
    patch = patch[..., ::-1, :] if symmetry & 1 else patch
    patch = patch[..., ::-1] if symmetry & 2 else patch
    return np.swapaxes(patch, -1, -2) if symmetry & 4 else patch


def digest(batches):
    result = hashlib.sha256()
    for batch in batches:
        for array in (*batch.arrays, batch.index, batch.coords, batch.sample, batch.symmetry):
            result.update(np.ascontiguousarray(array))
    return result.hexdigest()


def make_of(path, context=None, **options):
    stack = microtome.open(path, "YX", context=context)
    patching = microtome.Stratified([stack], (24, 24), seed=5)
    options = {"batch_size": 8, "augment": "d4", "window": 3, "block": (2, 2), "normalize": (2500, 1400), **options}
    return microtome.Loader(patching, **options)


def three_epochs(loader):
    return [digest(loader) for _ in range(3)]


class Own:
    """An image that fails where it is told to."""

    source, data_dtype, original_axes, original_data_shape = "own", np.float32, "YX", (128, 128)
    data_shape = (1, 1, 128, 128)

    def __init__(self, parallel=False, fail=None):
        self.parallel, self.fail, self.calls = parallel, fail, 0

    def extract_patch(self, sample_idx, channels, coords, patch_size):
        self.calls += 1
        if self.fail:
            self.fail(self, coords)
        return np.full((len(channels), *patch_size), coords[0] * 1000 + coords[1], np.float32)


def of_object(own, **options):
    return microtome.Loader(microtome.Random([own], (16, 16)), **{"batch_size": 4, **options})
