# SPDX-License-Identifier: BSD-3-Clause
"""Processor time of lateral context: microtome beside CAREamics' rule with scikit-image, in turns, same pixels.

Needs scikit-image (tools/careamics.sh). Usage: python bench/python/lateral.py
"""

import time

import microtome
import numpy as np
from skimage.transform import resize

SCALES = 3
ROUNDS = 5
PATCHES = 8


def resized(image, coords, size):
    """Context of one patch by numpy.pad and skimage.transform.resize, as CAREamics makes it."""
    scales = []
    for k in range(SCALES):
        extent = np.array(size) * 2**k
        first = np.array(coords) + np.array(size) // 2 - extent // 2
        low, high = np.clip(first, 0, image.shape), np.clip(first + extent, 0, image.shape)
        part = image[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].astype(np.float32)
        part = np.pad(part, list(zip(low - first, first + extent - high, strict=True)), mode="reflect")
        scales.append(resize(part, size))
    return np.stack(scales)


def processor_ms(function):
    start = time.process_time()
    result = function()
    return 1e3 * (time.process_time() - start), result


def measure(shape, size):
    random = np.random.default_rng(1)
    image = random.integers(0, 60000, shape, np.uint16)
    context = microtome.Context(threads=1)
    stack = microtome.from_array(image, "ZYX"[-len(shape) :], context=context)
    coords = [[int(random.integers(n - p)) for n, p in zip(shape, size, strict=True)] for _ in range(PATCHES)]
    ours, theirs = [], []
    for _ in range(ROUNDS):
        took, got = processor_ms(lambda: microtome.lateral_context([stack], 0, 0, None, coords, size, SCALES))
        ours.append(took / PATCHES)
        took, expected = processor_ms(lambda: [resized(image, c, size) for c in coords])
        theirs.append(took / PATCHES)
        np.testing.assert_allclose(got[:, 0], expected, atol=1e-6 * 60000, rtol=0)
    name = " x ".join(map(str, size))
    print(f"{name}, {SCALES} scales: microtome {min(ours):.3f} ms, scikit-image {min(theirs):.1f} ms of processor time")


if __name__ == "__main__":
    measure((2048, 2048), (64, 64))
    measure((64, 512, 512), (8, 64, 64))
