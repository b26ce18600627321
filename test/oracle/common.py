# SPDX-License-Identifier: BSD-3-Clause
"""What the oracles share: random pixels, and the command that reads a file."""

import itertools
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np

COMMAND = sys.argv.pop(1)


def pixels(shape, dtype, seed=0):
    random = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype == bool:
        return random.integers(0, 2, shape).astype(bool)
    if dtype.kind == "f":
        return random.normal(size=shape).astype(dtype)
    info = np.iinfo(dtype)
    return random.integers(max(info.min, -1000), min(info.max, 1000), shape, endpoint=True).astype(dtype)


class Oracle(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_command(self, *arguments, status=0):
        done = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def check_image(self, path, expected, axes, name=None):
        """Compares a whole image; axes are those of expected, and named to the command where name is True."""
        order = [axis for axis in "STCZYX" if axis in axes]
        expected = expected.transpose([axes.index(axis) for axis in order])
        size = dict(zip(order, expected.shape))
        shape = [size.get("S", 1) * size.get("T", 1), size.get("C", 1)] + [size[axis] for axis in "ZYX" if axis in size]
        out = self.folder / "out.npy"
        self.run_command(
            "patches",
            path,
            "--grid",
            "--size",
            "x".join(map(str, shape[2:])),
            "--out",
            out,
            "--force",
            *(["--axes", axes] if name else []),
        )
        found = np.load(out)
        self.assertEqual(found.dtype.newbyteorder("="), expected.dtype.newbyteorder("="))
        np.testing.assert_array_equal(found, expected.reshape(shape))


def choices(seed, **options):
    """Endless combinations, the same at each run, in which every value of an option comes up often."""
    random = np.random.default_rng(seed)
    for _ in itertools.count():
        yield {name: values[random.integers(len(values))] for name, values in options.items()}
