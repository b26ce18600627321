#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Datasets that TensorStore and z5py write now, read by the command and compared. Usage: n5_oracle.py COMMAND

TensorStore pads blocks at the border, z5py cuts them, and packs LZ4 without a frame.
"""

import itertools
import shutil
import unittest

import numpy as np
import tensorstore
import z5py
from common import Oracle, choices, pixels

NUMBERS = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]
COMPRESSIONS = [
    {"type": "raw"},
    {"type": "gzip"},
    {"type": "gzip", "useZlib": True, "level": 9},
    {"type": "bzip2"},
    {"type": "xz"},
    {"type": "zstd", "level": 3},
    {"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1},
    {"type": "blosc", "cname": "zstd", "clevel": 3, "shuffle": 2},
]
Z5 = ["raw", "gzip", "bzip2", "xz", "lz4", "blosc", "zstd"]
SHAPES = [(40, 33), (7, 12, 9), (2, 7, 6, 8), (2, 3, 4, 6, 5)]


class N5(Oracle):
    def check(self, write, dtype, shape, ragged, seed):
        """Writes all of a dataset, or a corner, in blocks of its sides divided by ragged, and compares the whole."""
        path = self.folder / "a.n5"
        shutil.rmtree(path, ignore_errors=True)
        corner = tuple(slice(size if seed % 3 else max(1, size // 2)) for size in shape)
        expected = np.zeros(shape, dtype)
        expected[corner] = pixels(shape, dtype, seed)[corner]
        write(path, expected, corner, tuple(size // ragged + 1 for size in shape))
        self.check_image(path / "x", expected, "TCZYX"[-len(shape) :], name=True)

    def test_tensorstore(self):
        options = choices(1, dtype=NUMBERS, shape=SHAPES, ragged=[1, 2, 3], compression=COMPRESSIONS)
        for seed, o in enumerate(itertools.islice(options, 40)):

            def write(path, expected, corner, block, o=o):
                metadata = {
                    "dimensions": expected.shape[::-1],
                    "blockSize": block[::-1],
                    "dataType": expected.dtype.name,
                    "compression": o["compression"],
                }
                spec = {"driver": "n5", "kvstore": f"file://{path}/x/", "metadata": metadata}
                array = tensorstore.open(spec, create=True).result()
                array.T[corner].write(expected[corner]).result()

            with self.subTest(**o):
                self.check(write, o["dtype"], o["shape"], o["ragged"], seed)

    def test_z5py(self):
        options = choices(2, dtype=NUMBERS, shape=SHAPES, ragged=[1, 2, 3], compression=Z5)
        for seed, o in enumerate(itertools.islice(options, 40)):

            def write(path, expected, corner, block, o=o):
                with z5py.File(str(path), mode="w", use_zarr_format=False) as file:
                    array = file.create_dataset(
                        "x",
                        shape=expected.shape,
                        chunks=tuple(map(min, block, expected.shape)),
                        dtype=expected.dtype.name,
                        compression=o["compression"],
                    )
                    array[corner] = expected[corner]

            with self.subTest(**o):
                self.check(write, o["dtype"], o["shape"], o["ragged"], seed)


if __name__ == "__main__":
    unittest.main()
