#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Rows of the table of microtome info. Usage: info_test.py COMMAND [TEST...]"""

import json
import os
import struct
import sys
import unittest
from pathlib import Path

import command_test
import pyramid_test


def write_tiff(path, description, pages):
    """A little-endian TIFF of pages of 4 x 6 bytes, all of the value of their number."""
    data = bytearray(b"II*\0\0\0\0\0" + description.encode() + b"\0")
    link = 4
    for page in range(pages):
        pixels = len(data)
        data += bytes([page]) * 24
        data += b"\0" * (len(data) % 2)
        data[link : link + 4] = struct.pack("<I", len(data))
        tags = [(256, 4, 1, 6), (257, 4, 1, 4), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
        tags += [(270, 2, len(description.encode()) + 1, 8)] if page == 0 else []
        tags += [(273, 4, 1, pixels), (277, 3, 1, 1), (278, 4, 1, 4), (279, 4, 1, 24)]
        data += struct.pack("<H", len(tags))
        for tag in tags:
            data += struct.pack("<HHII", *tag)
        link = len(data)
        data += b"\0\0\0\0"
    Path(path).write_bytes(data)


def ome(images):
    """OME-XML of images, each (name, times, [file of each time])."""
    text = '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    ifd = 0
    for i, (name, times, files) in enumerate(images):
        text += f'<Image ID="Image:{i}" Name="{name}"><Pixels ID="Pixels:{i}" DimensionOrder="XYZCT" Type="uint8" '
        text += f'SizeX="6" SizeY="4" SizeZ="1" SizeC="1" SizeT="{times}"><Channel ID="Channel:{i}:0"/>'
        for t in range(times):
            where = f'<UUID FileName="{files[t]}">urn:uuid:{i}-{t}</UUID>' if files else ""
            text += f'<TiffData IFD="{0 if files else ifd}" FirstT="{t}" PlaneCount="1">{where}</TiffData>'
            ifd += 1
        text += "</Pixels></Image>"
    return text + "</OME>"


class Rows(command_test.Command):
    zarr_array = pyramid_test.Pyramid.zarr_array
    pyramid = pyramid_test.Pyramid.pyramid

    def table(self, *arguments):
        return self.run_it("info", *arguments).stdout

    def test_missing_files_are_listed(self):
        image = self.path("a.ome.tif")
        write_tiff(image, ome([("", 2, ["a.ome.tif", "absent.tif"])]), 1)
        text = self.table(image)
        self.assertRegex(text, r"missing +1 file or frame, which reads as the fill value\n +.*absent\.tif")
        write_tiff(image, ome([("", 20, ["a.ome.tif"] + [f"absent{t}.tif" for t in range(1, 20)])]), 1)
        text = self.table(image)
        self.assertRegex(text, r"missing +19 files or frames, which read as the fill value\n")
        self.assertIn("absent12.tif", text)
        self.assertNotIn("absent13.tif", text)
        self.assertIn("and 7 more", text)
        found = json.loads(self.run_it("info", "--json", image).stdout)[0]
        self.assertEqual((found["n_missing"], len(found["missing"])), (19, 19))

    def test_missing_files_of_one_of_several_images_are_told(self):
        image, other = self.path("a.ome.tif"), self.image()
        write_tiff(image, ome([("", 2, ["a.ome.tif", "absent.tif"])]), 1)
        done = self.run_it("info", image, other)
        self.assertEqual(done.stdout.count("\n"), 3)
        self.assertRegex(done.stderr, r"a\.ome\.tif: .*absent\.tif")

    def test_declared_values(self):
        image = self.path("a.nii")
        head = bytearray(352)
        struct.pack_into("<i", head, 0, 348)
        struct.pack_into("<8h", head, 40, 2, 3, 2, 1, 1, 1, 1, 1)
        struct.pack_into("<2h", head, 70, 2, 8)
        struct.pack_into("<3f", head, 108, 352, 0.5, -2)
        head[344:347] = b"n+1"
        Path(image).write_bytes(bytes(head) + bytes(range(6)))
        self.assertRegex(self.table(image), r"type +uint8\n +value +pixel \* 0\.5 - 2\n")
        self.assertRegex(self.table(image, "--scaled"), r"type +float32\n +chunks")
        found = json.loads(self.run_it("info", "--json", image).stdout)[0]
        self.assertEqual((found["value_scale"], found["value_offset"]), (0.5, -2))
        found = json.loads(self.run_it("info", "--json", "--scaled", image).stdout)[0]
        self.assertNotIn("value_scale", found)

    def test_parts_and_titles(self):
        image = self.path("many.ome.tif")
        write_tiff(image, ome([(f"well {i}", 1, None) for i in range(15)]), 15)
        text = self.table(image)
        self.assertRegex(text, r"parts +15, this is the first\n +series=0 +well 0\n")
        self.assertIn("well 11", text)
        self.assertNotIn("well 12", text)
        self.assertIn("and 3 more", text)
        text = self.table(f"{image}#series=2")
        self.assertRegex(text, r"part +series=2\n")
        self.assertRegex(text, r"parts +15\n")
        write_tiff(image, ome([("the only one", 1, None)]), 1)
        self.assertRegex(self.table(image), r"title +the only one\n")

    def test_levels(self):
        pyramid = self.pyramid()
        self.assertRegex(self.table(pyramid), r"levels +3, this is 0\n")
        self.assertRegex(self.table(f"{pyramid}#level=2"), r"levels +3, this is 2\n")

    def test_control_characters_of_names_are_not_printed(self):
        image = self.path("esc\x1b[7m\x7f.npy")
        os.rename(self.image(), image)
        self.assertTrue(self.table(image).startswith(self.path("esc?[7m?.npy") + "\n"))


if __name__ == "__main__":
    command_test.COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
