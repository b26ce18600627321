#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs microtome stats as a user would. Usage: stats_test.py COMMAND [TEST...]"""

import json
import os
import struct
import sys
import unittest

import command_test
from command_test import Command, write_npy


class Stats(Command):
    def floats(self, values, shape, name="floats.npy"):
        write_npy(self.path(name), shape, values, "f", "<f4")
        return self.path(name)

    def table(self, *arguments):
        lines = self.run_it("stats", *arguments).stdout.splitlines()
        return [line.split() for line in lines]

    def test_table(self):
        write_npy(self.path("a.npy"), (2, 2, 3), [1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60])
        head, first, second, overall = self.table(self.path("a.npy"), "--axes", "CYX", "--quantiles", "0.5,1")
        self.assertEqual(head, ["channel", "pixels", "mean", "std", "min", "max", "q0.5", "q1"])
        self.assertEqual(first, ["0", "6", "3.5", "1.70783", "1", "6", "3.5", "6"])
        self.assertEqual(second, ["1", "6", "35", "17.0783", "10", "60", "35", "60"])
        self.assertEqual(overall[:4], ["all", "12", "19.25", "19.8835"])

    def test_several_images_count_together(self):
        one, two = self.floats([1, 2], (1, 2), "one.npy"), self.floats([3, 6], (1, 2), "two.npy")
        _, row = self.table(one, two)
        self.assertEqual(row[:6], ["0", "4", "3", "1.87083", "1", "6"])
        _, again = self.table(self.dir)
        self.assertEqual(row, again)

    def test_json(self):
        found = json.loads(self.run_it("stats", self.image(), "--json", "--quantiles", "0.25").stdout)
        values = sorted(i * 7 % 65521 for i in range(2000))
        self.assertEqual(found["overall"]["mean"], sum(values) / 2000)
        self.assertEqual(found["quantiles"], [0.25])
        self.assertEqual(found["channels"][0]["quantiles"], [values[499] + 0.75 * (values[500] - values[499])])
        self.assertEqual(sum(found["overall"]["histogram"]), 2000)

    def test_mask(self):
        path = self.floats([1, 2, 3, 4], (2, 2))
        mask = self.floats([0, 1, -1, 0.5], (2, 2), "mask.npy")
        _, row = self.table(path, "--mask", mask)
        self.assertEqual(row[:6], ["0", "2", "3", "1", "2", "4"])
        wrong = self.floats([1, 1], (1, 2), "wrong.npy")
        self.assertIn(
            "does not have the samples and the size of", self.refuse("stats", path, "--mask", wrong, status=1)
        )
        text = self.refuse("stats", path, "--mask", mask, "--mask", mask, status=1)
        self.assertIn("--mask stands for 2 images, but there is 1", text)

    def test_sample(self):
        path = self.image((3, 256, 1024))
        lines = self.run_it("stats", path, "--axes", "TYX", "--sample", "50%", "--seed", "3").stdout.splitlines()
        self.assertTrue(lines[0].endswith("mean error"))
        self.assertEqual(lines[-1], "a sample of 6 of 12 chunks, seed 3")
        self.assertGreater(float(lines[1].split()[-1]), 0)
        again = self.run_it("stats", path, "--axes", "TYX", "--sample", "6", "--seed", "3").stdout.splitlines()
        self.assertEqual(lines, again)

    def test_nan_is_told(self):
        path = self.floats([1, float("nan"), float("inf"), 4], (2, 2))
        self.assertEqual(self.run_it("stats", path).stdout.splitlines()[-1], "left out: 1 NaN, 1 infinite")
        path = self.floats([float("nan")] * 4, (2, 2), "nan.npy")
        self.assertIn("no finite pixel", self.refuse("stats", path, status=1))

    def test_wrong_options(self):
        path = self.image()
        for arguments, words in (
            (["--quantiles", "2"], "numbers from 0 to 1"),
            (["--quantiles", ""], "numbers from 0 to 1"),
            (["--quantiles", "0.1;0.2"], "numbers from 0 to 1"),
            (["--quantiles", "0.5," * 70 + "1"], "at most 64"),
            (["--sample", "0%"], "a share such as 5%"),
            (["--sample", "1"], "at least 2"),
            (["--sample", "x%"], "a share such as 5%"),
            (["--missing", "ignore"], "--missing is error or fill"),
        ):
            self.assertIn(words, self.refuse("stats", path, *arguments))
        write_npy(self.path("wide.npy"), (1, 1), [1], "d", "<f8")
        self.assertIn("dtype float64", self.refuse("stats", path, self.path("wide.npy"), status=1))

    def test_several_types(self):
        _, row = self.table(self.image(), self.floats([1e6], (1, 1)))
        self.assertEqual(row[5], "1e+06")

    def test_missing_files_are_refused(self):
        folder = self.dir / "set"
        folder.mkdir()
        text = (
            b'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            b'UUID="urn:uuid:a"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" '
            b'SizeX="2" SizeY="1" SizeZ="1" SizeC="1" SizeT="2"><TiffData FirstT="0" IFD="0" PlaneCount="1"/>'
            b'<TiffData FirstT="1" IFD="0" PlaneCount="1"><UUID FileName="gone.ome.tif">urn:uuid:b</UUID></TiffData>'
            b"</Pixels></Image></OME>\0"
        )
        pixels, start = b"\7\x09", 8
        tags = [(256, 3, 1, 2), (257, 3, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
        data_at = start + 2 + 12 * 9 + 4
        tags += [(270, 2, len(text), data_at + len(pixels)), (273, 4, 1, data_at), (278, 3, 1, 1), (279, 4, 1, 2)]
        directory = struct.pack("<H", 9) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
        (folder / "here.ome.tif").write_bytes(b"II*\0" + struct.pack("<I", start) + directory + pixels + text)
        path = folder / "here.ome.tif"
        done = self.run_it("stats", path, status=1)
        self.assertIn("lacks 1 file", done.stderr)
        self.assertEqual(done.stdout, "")
        row = self.run_it("stats", path, "--missing", "fill").stdout.splitlines()[1].split()
        self.assertEqual(row[:6], ["0", "4", "4", "4.06202", "0", "9"])


if __name__ == "__main__":
    command_test.COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
