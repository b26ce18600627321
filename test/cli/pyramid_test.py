#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The command with pyramids, many channels and parts, odd names, --explain. Usage: pyramid_test.py COMMAND [TEST...]"""

import json
import os
import struct
import subprocess
import sys
import unittest
import zlib

import command_test
from command_test import read_png, write_npy


class Pyramid(command_test.Command):
    def zarr_array(self, path, shape, chunks, value, *, compress=False, dtype="<u2"):
        """An array of one value whose chunks are all stored."""
        path.mkdir(parents=True)
        meta = {"zarr_format": 2, "shape": shape, "chunks": chunks, "dtype": dtype, "fill_value": 0, "filters": None}
        meta |= {"order": "C", "compressor": {"id": "zlib", "level": 1} if compress else None}
        (path / ".zarray").write_text(json.dumps(meta))
        count, grid = 1, [[]]
        for size, chunk in zip(shape, chunks, strict=True):
            count *= chunk
            grid = [[*at, i] for at in grid for i in range(-(-size // chunk))]
        data = struct.pack(f"<{count}H", *[value] * count)
        for at in grid:
            (path / ".".join(map(str, at))).write_bytes(zlib.compress(data) if compress else data)

    def pyramid(self, name="p.zarr", channels=1, levels=3):
        """Levels of 128, 64 and 32 pixels a side, whose values are 1000, 2000 and 3000."""
        folder = self.dir / name
        for i in range(levels):
            side = 128 >> i
            self.zarr_array(folder / str(i), [channels, side, side], [1, 32, 32], 1000 * (i + 1))
        axes = [{"name": "c", "type": "channel"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
        levels = [
            {"path": str(i), "coordinateTransformations": [{"type": "scale", "scale": [1, 2.0**i, 2.0**i]}]}
            for i in range(levels)
        ]
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
        (folder / ".zattrs").write_text(
            json.dumps({"multiscales": [{"version": "0.4", "axes": axes, "datasets": levels}]})
        )
        return folder

    def view(self, *arguments):
        out = self.path("v.png")
        done = self.run_it("view", *arguments, "--out", out, "--force")
        return read_png(out), done.stderr + done.stdout

    def test_the_smallest_level_that_fills_the_picture_is_shown(self):
        folder = self.pyramid()
        for most, side in ((128, 128), (100, 100), (65, 65), (64, 64), (33, 33), (32, 32), (20, 20)):
            with self.subTest(most=most):
                (height, width, _), text = self.view(folder, "--max-size", most)
                self.assertEqual((height, width), (side, side))
                value = 1000 if most > 64 else 2000 if most > 32 else 3000
                self.assertIn(str(value), text)

    def test_levels_that_are_asked_for(self):
        folder = self.pyramid()
        for level in range(3):
            (height, _, _), _ = self.view(folder, "--level", level, "--max-size", 500, "--contrast", "0,5000")
            self.assertEqual(height % (128 >> level), 0)
            (same, _, rows), _ = self.view(f"{folder}#level={level}", "--max-size", 500, "--contrast", "0,5000")
            self.assertEqual(same, height)
            self.assertEqual(rows[0][0], round(1000 * (level + 1) / 5000 * 255))
        self.view(f"{folder}#level=1", "--level", 1)
        out = ["--out", self.path("a.png")]
        self.assertIn("no level 3; the image has 3", self.refuse("view", folder, "--level", 3, *out, status=1))
        self.assertIn(
            "the path names level 1 already", self.refuse("view", f"{folder}#level=1", "--level", 2, *out, status=2)
        )
        self.refuse("view", folder, "--level", "-1", *out)
        self.assertFalse(os.path.exists(self.path("a.png")))
        shown = json.loads(self.run_it("info", folder, "--json").stdout)
        self.assertIn("3", json.dumps(shown))

    def test_long_lists_are_cut(self):
        folder = self.pyramid(channels=15, levels=1)
        attrs = json.loads((folder / ".zattrs").read_text())
        names = [{"label": f"stain {i}", "color": "00FF00", "window": {"start": 0, "end": 9}} for i in range(15)]
        (folder / ".zattrs").write_text(json.dumps(attrs | {"omero": {"channels": names}}))
        text = self.run_it("info", folder).stdout
        self.assertIn("stain 11", text)
        self.assertNotIn("stain 12", text)
        self.assertIn("and 3 more", text)
        channels = json.loads(self.run_it("info", folder, "--json").stdout)
        self.assertIn("stain 14", json.dumps(channels))

    def test_names_that_are_not_utf_8(self):
        source = self.image()
        for name, shown in (
            (b"a\xff.npy", "a\ufffd.npy"),
            (b"\xc3\xa9.npy", "\u00e9.npy"),
            (b"\xe2\x82\xac.npy", "\u20ac.npy"),
            (b"\xf0\x9f\x94\xac.npy", "\U0001f52c.npy"),
            (b"\xc0\xaf.npy", "\ufffd\ufffd.npy"),
            (b"\xed\xa0\x80.npy", "\ufffd\ufffd\ufffd.npy"),
            (b"\xe0\x80\x80.npy", "\ufffd\ufffd\ufffd.npy"),
            (b"\xf4\x90\x80\x80.npy", "\ufffd\ufffd\ufffd\ufffd.npy"),
            (b"tab\t.npy", "tab\t.npy"),
            (b'q"\\.npy', 'q"\\.npy'),
        ):
            with self.subTest(name=name):
                path = os.path.join(os.fsencode(self.dir), name)
                try:
                    os.link(source, path)
                except OSError:
                    continue  # a file system that takes only UTF-8
                done = subprocess.run([command_test.COMMAND, "info", "--json", path], capture_output=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
                found = json.loads(done.stdout.decode("utf-8"))
                self.assertIn(json.dumps(shown)[1:-1], json.dumps(found))
                table = subprocess.run([command_test.COMMAND, "info", path], capture_output=True, timeout=60)
                self.assertEqual(table.returncode, 0)
                os.unlink(path)

    def test_what_was_read_is_explained(self):
        for name, chunks, compress, size, words in (
            ("raw.zarr", [64, 64], False, "8x8", "rows were read directly into the patches"),
            ("whole.zarr", [64, 64], True, "64x64", "The chunks suit these patches"),
            ("wide.zarr", [128, 128], True, "6x12", "Chunks of 8 x 16 pixels"),
        ):
            with self.subTest(name=name):
                self.zarr_array(self.dir / name, [128, 128], chunks, 7, compress=compress)
                text = self.run_it("patches", self.path(name), "--size", size, "--count", 2, "--explain").stdout
                self.assertIn(words, text)
                self.assertRegex(text, r"requests +2\n")
                self.assertRegex(text, r"chunks decoded +[1-9]" if compress else r"chunks decoded +0\n")
        text = self.run_it("patches", self.path("raw.zarr"), "--size", "8x8", "--count", 5000, "--explain")
        self.assertIn("The image is not compressed: whole blocks were read", text.stdout)
        text = self.run_it("patches", self.image((400, 500)), "--size", "6x6", "--count", 2, "--explain").stdout
        self.assertIn("Nothing had to be decoded", text)

    def test_patches_of_images_that_differ(self):
        flat, deep = self.image(), self.image((3, 40, 50), "deep.npy")
        write_npy(self.path("bytes.npy"), (40, 50), [1] * 2000, "B", "|u1")
        size, out = ["--size", "8x8"], ["--out", self.path("o.npy")]
        self.assertIn(
            "use --float to write float32", self.refuse("patches", flat, self.path("bytes.npy"), *size, *out, status=1)
        )
        self.run_it("patches", flat, self.path("bytes.npy"), *size, *out, "--float")
        many = self.pyramid("many.zarr", channels=3, levels=1)
        one = self.pyramid("one.zarr", channels=1, levels=1)
        self.assertIn(
            "use --channels to choose", self.refuse("patches", one, many, *size, "--out", self.path("p.npy"), status=1)
        )
        self.run_it("patches", one, many, *size, "--out", self.path("p.npy"), "--channels", 0)
        self.refuse("patches", flat, deep, *size, "--out", self.path("q.npy"), "--axes", "ZYX", status=1)

    def test_outputs_that_cannot_be_written(self):
        image, size = self.image(), ["--size", "8x8"]
        os.mkdir(self.path("folder.npy"))
        os.mkfifo(self.path("pipe.npy"))
        for path, words in (
            (self.path("folder.npy"), "is a folder"),
            (self.path("pipe.npy"), "is not a regular file"),
            (image, "image.npy"),
            (self.path("absent/a.npy"), "No such file"),
            (image.replace("image", "../" + self.dir.name + "/image"), "image.npy"),
        ):
            with self.subTest(path=path):
                self.assertIn(words, self.run_it("patches", image, *size, "--out", path, status=1).stderr)
        url = "file://" + image.replace("image", "im%61ge")
        line = self.run_it("patches", url, *size, "--out", image, "--force", status=1).stderr
        self.assertIn("image.npy", line)


if __name__ == "__main__":
    command_test.COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
