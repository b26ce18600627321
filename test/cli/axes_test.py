#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Axes that files do not name. Usage: axes_test.py COMMAND [TEST...]"""

import json
import os
import sys
import unittest

import command_test
from command_test import DATA, read_npy


class Axes(command_test.Command):
    def test_info_works_without_axes(self):
        image = self.image((6, 7, 8))
        told = self.run_it("info", image).stdout
        self.assertIn("axes        ??? (unknown: the file does not name them)\n", told)
        self.assertIn("shape       6 x 7 x 8\n", told)
        self.assertIn("name them, a letter of STCZYX each, such as --axes ZYX", told)
        self.assertNotIn("SCYX", told)
        self.assertNotIn("channels", told)
        (found,) = json.loads(self.run_it("info", "--json", image).stdout)
        self.assertEqual((found["axes"], found["axes_source"], found["shape"]), ("???", "unknown", [6, 7, 8]))
        self.assertIsNone(found["data_shape"])
        self.assertIn("--axes ZYX", found["warnings"][-1])
        (found,) = json.loads(self.run_it("info", "--json", "--axes", "TYX", image).stdout)
        self.assertEqual((found["axes"], found["axes_source"], found["data_shape"]), ("TYX", "caller", [6, 1, 7, 8]))
        self.assertEqual(found["warnings"], [])

    def test_lines_mark_what_is_not_named(self):
        images = [self.image((6, 7), "a.npy"), self.image((6, 7, 8), "b.npy")]
        done = self.run_it("info", *images)
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 3)
        self.assertIn(" YX* ", lines[1])
        self.assertIn(" ??? ", lines[2])
        self.assertRegex(done.stderr, r"marked \* are assumed.*\n.*marked \? are unknown.* --axes\n$")
        done = self.run_it("info", "--axes", "TYX", *images)
        self.assertNotIn("*", done.stdout)
        self.assertEqual(done.stderr, "")

    def test_what_needs_axes_asks(self):
        image = self.image((6, 7, 8))
        for command in ["view", "--out", self.path("a.png")], ["patches", "--size", "4x4", "--out", self.path("b.npy")]:
            self.assertIn("--axes ZYX", self.refuse(command[0], image, *command[1:], status=1))
        self.assertIn("--axes ZYX", self.run_it("info", "--checksum", image, status=1).stderr)
        self.assertEqual(self.refuse("info", "--depth-axis", "Z", image, status=1).count("--axes ZYX"), 1)

    def test_patches_are_read_again(self):
        image, out = self.image(), self.path("patches.npy")
        self.run_it("patches", image, "--size", "4x5", "--at", "0,0", "--at", "8,9", "--out", out)
        self.assertIn("--axes CZYX", self.run_it("info", out).stdout)
        again = self.path("again.npy")
        self.run_it("patches", out, "--axes", "SCYX", "--size", "4x5", "--at", "0,0", "--sample", "1", "--out", again)
        self.assertEqual(read_npy(again)[1], read_npy(out)[1][20:])

    def test_sizes_of_a_flat_run(self):
        image, out = self.image((6, 7, 8)), self.path("patches.npy")
        (found,) = json.loads(self.run_it("info", "--json", "--axes", "TC2YX", image).stdout)
        self.assertEqual((found["axes"], found["shape"], found["data_shape"]), ("TCYX", [3, 2, 7, 8], [3, 2, 7, 8]))
        self.run_it(
            "patches", image, "--axes", "T3C2YX", "--sample", "1", "--channels", "1", "--size", "7x8", "--at", "0,0",
            "--out", out,
        )  # fmt: skip
        self.assertEqual(list(read_npy(out)[1]), [i * 7 % 65521 for i in range(3 * 56, 4 * 56)])
        self.assertIn("do not fit", self.refuse("info", "--axes", "T4C2YX", image, status=1))
        self.assertIn("several ways", self.refuse("info", "--axes", "TCYX", image, status=1))

    def test_raw_pixels(self):
        raw = self.path("a.raw")
        with open(raw, "wb") as file:
            file.write(bytes(range(24)))
        self.assertIn("???", self.run_it("info", raw, "--raw", "uint8:2x3x4").stdout)
        self.assertIn(" YX", self.run_it("info", raw, "--raw", "uint8:6x4").stdout)
        (found,) = json.loads(self.run_it("info", "--json", raw, "--raw", "uint8:6x2x2", "--axes", "T3C2YX").stdout)
        self.assertEqual(found["data_shape"], [3, 2, 2, 2])

    @unittest.skipUnless(DATA.is_dir(), "no test data")
    def test_pages_of_a_tiff_are_assumed(self):
        image = DATA / "cases/B13_scanimage/B13_scanimage.tif"
        (found,) = json.loads(self.run_it("info", "--json", "--axes", "TC2YX", image).stdout)
        self.assertEqual((found["axes"], found["shape"]), ("TCYX", [4, 2, 16, 20]))
        pages = DATA / "tiff/misc/test_two_ifds.tif"
        (found,) = json.loads(self.run_it("info", "--json", pages).stdout)
        self.assertEqual((found["axes"][0], found["axes_source"]), ("S", "assumed"))
        self.assertIn("(assumed: the file does not name them)", self.run_it("info", pages).stdout)

    @unittest.skipUnless(DATA.is_dir(), "no test data")
    def test_tiles_are_merged_on_request(self):
        scan = f"{DATA}/lif/syn_v2_multi.lif#tiles"
        (found,) = json.loads(self.run_it("info", "--json", scan).stdout)
        self.assertEqual((found["axes"], found["shape"]), ("SYX", [3, 16, 16]))
        for command in ["info"], ["patches", "--size", "4x4", "--out", self.path("b.npy")]:  # it tells no places
            told = self.run_it(*command, "--merge-tiles", scan, status=1).stderr
            self.assertIn("the tiles cannot be merged", told)

    @unittest.skipUnless(DATA.is_dir(), "no test data")
    def test_channel_last(self):
        for name, axes in [("rgb", "YXC"), ("nhwc", "ZYXC")]:
            told = self.run_it("info", DATA / f"cases/npy-channel-last/{name}.npy").stdout
            self.assertIn(f"--axes {axes} (in Python", told)


if __name__ == "__main__":
    command_test.COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
