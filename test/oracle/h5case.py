# SPDX-License-Identifier: BSD-3-Clause
"""What the tests that write HDF5 files share: reading a dataset, and the comparison."""

import numpy as np
from common import Oracle

VERSIONS = ["earliest", "v108", "v110", "v114", "latest"]


class Case(Oracle):
    options = ()

    def setUp(self):
        super().setUp()
        self.path = self.folder / "file.h5"

    def read(self, part, shape, corners=None):
        """Boxes of a dataset of two or three dimensions, one for each corner; its whole without any."""
        out = self.folder / "out.npy"
        at = [f"--at={','.join(map(str, corner))}" for corner in corners or [[0] * len(shape)]]
        self.run_command(
            "patches",
            f"{self.path}#{part}",
            "--size",
            "x".join(map(str, shape)),
            *at,
            "--axes",
            "ZYX"[-len(shape) :],
            *self.options,
            "--out",
            out,
            "--force",
        )
        found = np.load(out)
        return found.reshape(shape) if corners is None else found.reshape(len(corners), *shape)

    def check(self, part, expected, boxes=0):
        """The whole, and random boxes across all borders."""
        found = self.read(part, expected.shape)
        self.assertEqual(found.dtype.newbyteorder("="), expected.dtype.newbyteorder("="), part)
        np.testing.assert_array_equal(found, expected, part)
        random = np.random.default_rng(boxes)
        for _ in range(boxes):
            size = [int(random.integers(1, n + 3)) for n in expected.shape]
            corners = [[int(random.integers(-3, n + 1)) for n in expected.shape] for _ in range(6)]
            padded = np.pad(expected, [(3, 3 + n) for n in size])
            for corner, box in zip(corners, self.read(part, size, corners)):
                np.testing.assert_array_equal(
                    box, padded[tuple(slice(3 + c, 3 + c + n) for c, n in zip(corner, size))], part
                )
