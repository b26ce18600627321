#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""microtome bench. Usage: bench_test.py COMMAND [TEST...]"""

import json
import os
import re
import sys
import unittest

import command_test
from command_test import write_npy

LIMITS = ("reading", "decoding", "copying", "neither reading nor the processors")


class Bench(command_test.Command):
    """Figures of a small image: their form, not their size."""

    def setUp(self):
        super().setUp()
        self.image = self.path("image.npy")
        write_npy(self.image, (96, 100), [i % 251 for i in range(96 * 100)])

    def test_a_table(self):
        done = self.run_it("bench", self.image, "--patch", "16x16", "--batch", "8", "--seconds", "1")
        self.assertIn("1 image, patches of 16 x 16 pixels, batches of 8, shuffled as a whole", done.stdout)
        for row in ("patches", "first batch", "fetched", "decoded", "limited by", "processors"):
            self.assertRegex(done.stdout, rf"(?m)^  {row} +\S")
        limit, busy = re.search(r"limited by +(.*)\n  processors +busy (\d+) %", done.stdout).groups()
        self.assertIn(limit, LIMITS)
        # Processors that are idle limit nothing; 70 % is the border, and the figure is rounded.
        if limit in LIMITS[1:3]:
            self.assertGreaterEqual(int(busy), 70)
        else:
            self.assertLessEqual(int(busy), 70)

    def test_json(self):
        done = self.run_it("bench", self.image, "--patch", "16x20", "--seconds", "1", "--window", "4", "--json")
        figures = json.loads(done.stdout)
        self.assertEqual(figures["batch"], 64)
        self.assertEqual(figures["window"], 4)
        self.assertGreater(figures["patches"], 0)
        self.assertAlmostEqual(
            figures["patches_per_second"],
            figures["patches"] / figures["seconds"],
            delta=figures["patches_per_second"] / 100,
        )
        self.assertIn(figures["limited_by"], LIMITS)

    def test_several_images(self):
        other = self.path("other.npy")
        write_npy(other, (64, 64), [1] * (64 * 64))
        done = self.run_it("bench", self.image, other, "--patch", "16x16", "--seconds", "1", "--strategy", "random")
        self.assertIn("2 images", done.stdout)

    def test_errors(self):
        for arguments, status, message in (
            ([], 2, "--patch is required"),
            (["--patch", "16"], 1, "1 patch sizes for images with the spatial axes YX"),
            (["--patch", "100x100"], 1, "96 pixels along Y are less than a patch of 100"),
            (["--patch", "8x8", "--strategy", "none"], 2, 'random, tiled or sequential, not "none"'),
            (["--patch", "8x8", "--strategy", "whole"], 2, 'random, tiled or sequential, not "whole"'),
            (["--patch", "8x8", "--batch", "0"], 2, "--batch"),
        ):
            self.assertIn(message, self.refuse("bench", self.image, *arguments, status=status))


if __name__ == "__main__":
    command_test.COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
