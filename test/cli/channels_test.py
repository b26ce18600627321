#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Channels by number and by name. Usage: channels_test.py COMMAND [TEST...]"""

import json
import os
import sys
import unittest
from pathlib import Path

import command_test
from command_test import read_npy, read_png


class Channels(command_test.Command):
    def named(self, names, file="c.zarr"):
        """An OME-Zarr image of 4 x 4 pixels whose channel c has the value of its name's first byte."""
        folder = Path(self.path(file))
        (folder / "0").mkdir(parents=True)
        axes = [{"name": "c", "type": "channel"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
        multiscales = [{"version": "0.4", "axes": axes, "datasets": [{"path": "0"}]}]
        omero = {"channels": [{"label": name, "color": "FFFFFF"} for name in names]}
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
        (folder / ".zattrs").write_text(json.dumps({"multiscales": multiscales, "omero": omero}))
        array = {"zarr_format": 2, "shape": [len(names), 4, 4], "chunks": [1, 4, 4], "dtype": "|u1", "order": "C"}
        (folder / "0/.zarray").write_text(json.dumps({**array, "fill_value": 0, "compressor": None, "filters": None}))
        for i, name in enumerate(names):
            (folder / f"0/{i}.0.0").write_bytes(name.encode()[:1] * 16)
        return str(folder)

    def cut(self, *arguments):
        """The first byte of the name of each channel of each patch."""
        out = self.path("out.npy")
        self.run_it("patches", *arguments, "--size", "4x4", "--at", "0,0", "--out", out, "--force")
        return "".join(map(chr, read_npy(out, "B")[1][::16]))

    def test_names_in_any_case_and_numbers(self):
        image = self.named(["DAPI", "gfp", "488", "éa", "Éa"])
        for channels, expected in (
            ("DAPI", "D"),
            ("dapi,GFP", "Dg"),
            ("GFP,0,gfp", "gDg"),
            ("1,0", "gD"),
            ("488,2", "44"),
            ("éa", "\xc3"),
        ):
            with self.subTest(channels=channels):
                self.assertEqual(self.cut(image, "--channels", channels), expected)
        out = self.path("v.png")
        self.run_it("view", image, "--channels", "Gfp", "--contrast", "0,255", "--max-size", "4", "--out", out)
        self.assertEqual(read_png(out)[2][0][0], ord("g"))

    def test_names_that_are_not_there(self):
        image, size = self.named(["DAPI", "a", "A"]), ["--size", "4x4"]
        for channels, message in (
            ("DAP", 'there is no channel "DAP": the image has DAPI, a, A'),
            ("3", "there is no channel 3; the image has 3, counted from 0"),
            ("DAPI,b", 'there is no channel "b"'),
        ):
            with self.subTest(channels=channels):
                self.assertIn(message, self.refuse("patches", image, *size, "--channels", channels, status=1))
                self.assertIn(
                    message, self.refuse("view", image, "--out", self.path("v.png"), "--channels", channels, status=1)
                )
        for channels in ("", "DAPI,", ",0", "0,,1"):
            self.assertIn("or names, separated by commas", self.refuse("patches", image, *size, "--channels", channels))
        self.assertEqual(self.cut(image, "--channels", "a,A"), "aA")
        both = self.named(["x1", "X1"], "both.zarr")
        self.assertEqual(self.cut(both, "--channels", "X1"), "X")
        twice = self.named(["x1", "X1", "Y", "Y"], "twice.zarr")
        for name, message in (("y", "channels 2 (Y) and 3 (Y)"), ("Y", "channels 2 (Y) and 3 (Y)")):
            self.assertIn(message, self.refuse("patches", twice, *size, "--channels", name, status=1))
        names = self.refuse("patches", self.image(), *size, "--channels", "DAPI", status=1)
        self.assertIn("have no names", names)

    def test_names_are_looked_up_in_each_image(self):
        images = [self.named(["DAPI", "gfp"]), self.named(["x", "GFP", "dapi"], "d.zarr")]
        self.assertEqual(self.cut(*images, "--channels", "gfp,DAPI"), "gDGd")
        self.assertEqual(self.cut(*images, "--channels", "0,1"), "DgxG")
        message = self.refuse("patches", *images, "--size", "4x4", "--channels", "x", status=1)
        self.assertIn('c.zarr: there is no channel "x": the image has DAPI, gfp', message)
        self.assertIn("the image has 2", self.refuse("patches", *images, "--size", "4x4", "--channels", "2", status=1))

    def test_a_sheet_shows_the_channels_of_each_image(self):
        images = [self.named(["DAPI", "gfp"]), self.named(["GFP", "dapi"], "d.zarr")]
        for channels, expected in (("dapi,gfp", "Dd"), ("0,1", "DG")):
            sheet = self.path("sheet.png")
            place = ["--size", "4x4", "--at", "0,0", "--force", "--contrast", "0,255", "--contrast", "254,255"]
            self.run_it("patches", *images, *place, "--channels", channels, "--sheet", sheet)
            row = read_png(sheet)[2][0]
            self.assertEqual(chr(row[0]) + chr(row[-1]), expected)


if __name__ == "__main__":
    command_test.COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
