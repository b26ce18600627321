# SPDX-License-Identifier: BSD-3-Clause
"""The random numbers of the library, from NumPy's implementation of the same generator."""

import numpy as np

GAUSSIAN, POISSON, INTENSITY, MASK, REPLACE = 9, 10, 11, 12, 13  # mt_stream


class Numbers:
    """The sequence of one item: 64 bits each."""

    def __init__(self, seed, stream, step, item, part=0):
        # NumPy counts before it computes a block, in 256 bits.
        counter = (item << 64 | step << 128 | part << 192) - 1
        self.generator = np.random.Philox(key=seed | stream << 64, counter=counter % 2**256)

    def take(self, n):
        return self.generator.random_raw(n)

    def doubles(self, n):
        return (self.take(n) >> 11) * 2.0**-53


def places(numbers, n_boxes, ndim):
    """Uniform numbers of the boxes, as the library draws them: 21 bits an axis."""
    drawn = numbers.take(n_boxes)[:, np.newaxis]
    return ((drawn >> 21 * np.arange(ndim, dtype=np.uint64) & 0x1FFFFF) * 2.0**-21).astype(np.float32)


def digits(numbers, n, ndim, side):
    """Uniform integers from 0 to side - 1, one for each axis: digits of a fraction of 59 bits."""
    fraction, columns = numbers.take(n) >> 5, []
    for _ in range(ndim):
        fraction *= side
        columns.append(fraction >> 59)
        fraction &= 2**59 - 1
    return np.stack(columns, 1).astype(np.int64)
