#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Pictures that the command draws. Usage: picture_test.py COMMAND [TEST...]"""

import json
import os
import struct
import sys
import unittest
from pathlib import Path

import command_test
from command_test import read_png, write_npy


class Pictures(command_test.Command):
    def draw(self, *arguments):
        """What was printed, and height, width and rows of the picture."""
        out = self.path("picture.png")
        name = "--sheet" if arguments[0] == "patches" else "--out"
        done = self.run_it(*arguments, name, out, "--force")
        return done.stdout, *read_png(out)

    def zarr(self, name, pixels, shape, attributes, chunk):
        """A group with one array of bytes, in raw chunks of this shape."""
        folder = Path(self.path(name))
        (folder / "0").mkdir(parents=True)
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
        (folder / ".zattrs").write_text(json.dumps(attributes))
        array = {"zarr_format": 2, "shape": shape, "chunks": chunk, "dtype": "|u1", "order": "C", "fill_value": 0}
        (folder / "0/.zarray").write_text(json.dumps({**array, "compressor": None, "filters": None}))
        counts = [-(-n // k) for n, k in zip(shape, chunk, strict=True)]
        for z in range(counts[0]):
            for y in range(counts[1]):
                for x in range(counts[2]):
                    chunk_pixels = bytes(
                        pixels(c, i, j) if c < shape[0] and i < shape[1] and j < shape[2] else 0
                        for c in range(z * chunk[0], (z + 1) * chunk[0])
                        for i in range(y * chunk[1], (y + 1) * chunk[1])
                        for j in range(x * chunk[2], (x + 1) * chunk[2])
                    )
                    (folder / f"0/{z}.{y}.{x}").write_bytes(chunk_pixels)
        return str(folder)

    @staticmethod
    def multiscale(axes, **more):
        kinds = {"c": "channel", "t": "time"}
        named = [{"name": axis, "type": kinds.get(axis, "space")} for axis in axes]
        return {"multiscales": [{"version": "0.4", "axes": named, "datasets": [{"path": "0"}]}], **more}

    def test_small_planes_are_enlarged_and_large_ones_averaged_to_the_pixel(self):
        text, height, width, rows = self.draw("view", self.image((4, 5)))
        self.assertEqual((height, width), (408, 510))
        self.assertIn("510 x 408 pixels (width x height), enlarged 102 times", text)
        self.assertEqual(rows[0], rows[101])
        text, height, width, _rows = self.draw("view", self.image((300, 700)), "--max-size", "299")
        self.assertEqual((height, width), (128, 299))
        self.assertIn("shrunk to 42.7 %", text)
        self.assertEqual(self.draw("view", self.image((4, 5)), "--max-size", "5")[1:3], (4, 5))

    def test_chunks_do_not_show(self):
        """Chunks whose borders lie inside pixels of the picture, of all kinds of pictures."""
        shape = [3, 61, 83]

        def pixel(c, y, x):
            return (c * 31 + y * 7 + x * 3 + (y * x) % 11) % 251

        chunked = self.zarr("a.zarr", pixel, shape, self.multiscale("zyx"), [2, 7, 9])
        plain = self.path("plain.npy")
        values = [pixel(c, y, x) for c in range(3) for y in range(61) for x in range(83)]
        write_npy(plain, shape, values, "B", "|u1")
        for options in ([], ["--project", "max"], ["--project", "mean"], ["--project", "sum"], ["--colors", "labels"]):
            for size in ("83", "50", "17", "166"):
                arguments = [*options, "--max-size", size, "--region", "3,2,55,80"]
                with self.subTest(arguments=arguments):
                    wanted = self.draw("view", plain, "--axes", "ZYX", *arguments)[1:]
                    self.assertEqual(self.draw("view", chunked, *arguments)[1:], wanted)

    def test_contrast(self):
        image = self.path("ramp.npy")
        write_npy(image, (1, 100), list(range(100)))
        text, _height, _width, rows = self.draw("view", image, "--max-size", "100", "--contrast", "20,70")
        self.assertEqual([rows[0][3 * x] for x in (0, 20, 45, 70, 99)], [0, 0, 128, 255, 255])
        self.assertIn("contrast: 20 to 70\n", text)
        text, _height, _width, rows = self.draw("view", image, "--max-size", "100")
        self.assertIn("contrast: 0 to 99 (percentiles 0.1 and 99.9)\n", text)
        two = self.path("two.npy")
        write_npy(two, (2, 1, 4), [0, 10, 20, 30, 0, 10, 20, 30])
        both = ["view", two, "--axes", "CYX", "--max-size", "4"]
        text, _height, _width, rows = self.draw(*both, "--contrast", "0,30", "--contrast=-10,10")
        self.assertEqual(rows[0], bytes([128, 0, 128, 255, 85, 255, 255, 170, 255, 255, 255, 255]))
        self.assertIn("contrast: channel 0 0 to 30; channel 1 -10 to 10\n", text)
        for wrong in ("20", "70,20", "20,20", "a,b", "1,2,3", "nan,3", "0,inf", ""):
            self.assertIn(
                "--contrast takes two numbers", self.refuse("view", image, "--out", "x.png", "--contrast", wrong)
            )
        three = [*both, "--contrast", "0,1", "--contrast", "0,1", "--contrast", "0,1", "--out", self.path("c.png")]
        self.assertIn("for 3 channels, and 2 are drawn", self.refuse(*three, status=1))

    def test_windows_and_colours_of_omero(self):
        channels = [
            {"label": "DAPI", "color": "0000FF", "window": {"min": 0, "max": 255, "start": 10, "end": 60}},
            {"label": "GFP", "color": "00FF00", "window": {"min": 0, "max": 255, "start": 0, "end": 255}},
        ]
        attributes = self.multiscale("cyx", omero={"channels": channels})
        image = self.zarr("w.zarr", lambda c, _y, x: x + 5 * c, [2, 2, 100], attributes, [1, 2, 50])
        text, _height, _width, rows = self.draw("view", image, "--max-size", "100")
        self.assertIn("contrast: DAPI 10 to 60; GFP 5 to 104 (of the file)", text)
        self.assertEqual([rows[0][3 * x + 2] for x in (10, 35, 60, 99)], [0, 128, 255, 255])
        self.assertEqual(rows[0][0::3], bytes(100))
        text = self.draw("view", image, "--contrast", "auto")[0]
        self.assertIn("contrast: DAPI 0 to 99; GFP 5 to 104 (percentiles", text)
        saved = self.path("saved.map")
        self.run_it("info", image, "--map", saved)
        self.assertIn("DAPI 10 to 60", self.draw("view", image, "--use-map", saved)[0])

    def test_label_images_are_drawn_as_such(self):
        attributes = self.multiscale("zyx", **{"image-label": {"version": "0.4"}})
        image = self.zarr("l.zarr", lambda _c, y, x: (y // 2) * 3 + x // 2, [1, 6, 6], attributes, [1, 6, 6])
        text, _height, _width, rows = self.draw("view", image, "--max-size", "6")
        self.assertIn("contrast: none, a label image", text)
        colors = {rows[y][3 * x : 3 * x + 3] for y in (0, 2, 4) for x in (0, 2, 4)}
        self.assertEqual(len(colors), 9)
        self.assertEqual(rows[0][:3], bytes(3))
        text = self.draw("view", image, "--colors", "channels")[0]
        self.assertIn("contrast: 0 to 8", text)
        saved = self.path("saved.map")
        self.run_it("info", image, "--map", saved)
        self.assertIn("a label image", self.draw("view", image, "--use-map", saved)[0])
        sheet = self.draw("patches", image, "--size", "1x6x6", "--at", "0,0,0")
        self.assertIn("a label image", sheet[0])
        self.assertEqual(sheet[3][0][:3], bytes(3))

    def test_several_channels_are_no_labels(self):
        attributes = self.multiscale("cyx", **{"image-label": {}})
        image = self.zarr("c.zarr", lambda c, y, x: c + y + x, [2, 6, 6], attributes, [1, 6, 6])
        self.assertIn("percentiles", self.draw("view", image)[0])
        self.assertIn("a label image", self.draw("view", image, "--channel", "1")[0])

    def test_labels_in_the_other_byte_order(self):
        values = [0, 1, 256, 257, 512, 65535]
        pictures = []
        for order, code in (("", "<6H"), (":0:big", ">6H")):
            raw = self.path("labels.raw")
            Path(raw).write_bytes(struct.pack(code, *values))
            options = ["--axes", "YX", "--colors", "labels", "--max-size", "3"]
            pictures.append(self.draw("view", raw, "--raw", f"uint16:2x3{order}", *options)[3])
        self.assertEqual(pictures[0], pictures[1])
        self.assertEqual(len({row[i : i + 3] for row in pictures[0] for i in (0, 3, 6)}), 6)

    def test_absent_chunks_count_in_projections(self):
        """The absent plane is 0, more than what is stored."""
        image = self.zarr("n.zarr", lambda _c, _y, _x: 246, [2, 4, 4], self.multiscale("zyx"), [1, 4, 4])
        array = Path(image) / "0/.zarray"
        array.write_text(array.read_text().replace("|u1", "|i1"))
        (Path(image) / "0/1.0.0").unlink()
        text, _height, _width, rows = self.draw(
            "view", image, "--project", "max", "--contrast=-10,0", "--max-size", "4"
        )
        self.assertEqual(set(rows), {bytes([255]) * 12}, text)
        rows = self.draw("view", image, "--project", "mean", "--contrast=-10,0", "--max-size", "4")[3]
        self.assertEqual(set(rows), {bytes([128]) * 12})

    def test_scale_bar_and_legend(self):
        scale = [{"type": "scale", "scale": [1, 0.5, 0.5]}]
        attributes = self.multiscale("zyx")
        attributes["multiscales"][0]["axes"] = [
            {"name": axis, "type": "space", "unit": "micrometer"} for axis in ("z", "y", "x")
        ]
        attributes["multiscales"][0]["datasets"][0]["coordinateTransformations"] = scale
        image = self.zarr("s.zarr", lambda _c, y, x: y + x, [1, 100, 100], attributes, [1, 100, 100])
        plain = self.draw("view", image)
        text, height, width, rows = self.draw("view", image, "--scale-bar")
        self.assertIn("  scale bar: 10 \u00b5m\n", text)
        self.assertEqual((height, width), plain[1:3])
        self.assertNotEqual(rows, plain[3])
        self.assertTrue(any(bytes([255]) * 3 * 100 in row for row in rows))  # 20 pixels of the image, 5 times enlarged
        text, height, width, rows = self.draw("view", image, "--legend")
        self.assertGreater(height, plain[1])
        self.assertEqual(rows[: plain[1]], plain[3])
        text = self.draw("view", self.image(), "--scale-bar")[0]
        self.assertIn("scale bar: 10 px (the pixel size is not known)", text)

    def test_sheets_take_the_options_too(self):
        image = self.image((40, 50))
        text, height, width, rows = self.draw(
            "patches", image, "--size", "8x8", "--count", "5", "--contrast", "0,14000", "--legend", "--scale-bar"
        )
        self.assertEqual(width, 3 * 128 + 2 * 2)
        self.assertGreater(height, 2 * 128 + 2)
        self.assertEqual(rows[128][: 3 * 128], bytes([128]) * 3 * 128)
        self.assertIn("contrast: 0 to 14000", text)
        self.assertIn("scale bar: ", text)
        self.assertIn("--legend needs --sheet", self.refuse("patches", image, "--size", "8x8", "--legend"))
        done = self.run_it("patches", image, "--size", "8x8", "--count", "65", "--sheet", self.path("many.png"))
        self.assertIn("the first 64 of 65 patches", done.stderr)

    def test_alpha_is_not_drawn(self):
        image = self.path("rgba.npy")
        write_npy(image, (1, 2, 4), [10, 20, 30, 255, 200, 100, 50, 0], "B", "|u1")
        self.assertEqual(
            self.draw("view", image, "--max-size", "2", "--axes", "YXC")[3][0], bytes([10, 20, 30, 200, 100, 50])
        )

    def test_two_channels_are_green_and_magenta(self):
        image = self.path("two.npy")
        write_npy(image, (2, 1, 4), [0, 9, 0, 9, 0, 0, 9, 9])
        self.assertEqual(
            self.draw("view", image, "--max-size", "4", "--axes", "CYX")[3][0], b"\0\0\0\0\xff\0\xff\0\xff\xff\xff\xff"
        )

    def test_three_channels_are_red_green_and_blue(self):
        image = self.path("three.npy")
        write_npy(image, (3, 1, 3), [9, 0, 0, 0, 9, 0, 0, 0, 9])
        self.assertEqual(
            self.draw("view", image, "--max-size", "3", "--axes", "CYX")[3][0], b"\xff\0\0\0\xff\0\0\0\xff"
        )

    def test_interleaved_bytes_are_true_color(self):
        image = self.path("rgb.npy")
        pixels = [10, 20, 30, 200, 100, 50]
        write_npy(image, (1, 2, 3), pixels, "B", "|u1")
        self.assertEqual(self.draw("view", image, "--max-size", "2", "--axes", "YXC")[3][0], bytes(pixels))
        self.assertEqual(
            self.draw("view", image, "--max-size", "2", "--axes", "YXC", "--channel", "2,0")[3][0],
            bytes([10, 0, 30, 200, 0, 50]),
        )

    def test_what_does_not_fit_is_refused(self):
        image, out = self.image((2, 4, 5)), self.path("x.png")
        volume = ["view", image, "--axes", "ZYX", "--out", out]
        self.assertIn("--project is max, mean or sum, not 'min'", self.refuse(*volume, "--project", "min"))
        self.assertIn("exclude each other", self.refuse(*volume, "--project", "max", "--z", "1"))
        self.assertIn("auto, channels or labels", self.refuse(*volume, "--colors", "gray"))
        flat = ["view", image, "--axes", "CYX", "--out", out]
        self.assertIn("has no Z", self.refuse(*flat, "--project", "max", status=1))
        self.assertIn("labels are drawn of one channel", self.refuse(*flat, "--colors", "labels", status=1))
        self.assertFalse(Path(out).exists())


if __name__ == "__main__":
    command_test.COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
