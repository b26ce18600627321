#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the command refuses or warns of, with images that do not fit together. Usage: refusals_test.py COMMAND [TEST...]"""

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

import channels_test
import command_test
from command_test import read_png, write_npy
from info_test import ome, write_tiff


class Images(command_test.Command):
    named = channels_test.Channels.named

    def zarr(self, name, axes, shape, attributes=None):
        """An OME-Zarr image without chunks, which reads as 7."""
        folder = Path(self.path(name))
        (folder / "0").mkdir(parents=True)
        chunks = [min(n, 64) for n in shape]
        kinds = {"c": "channel", "z": "space", "y": "space", "x": "space"}
        multiscales = [
            {"version": "0.4", "axes": [{"name": a, "type": kinds[a]} for a in axes], "datasets": [{"path": "0"}]}
        ]
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
        (folder / ".zattrs").write_text(json.dumps({"multiscales": multiscales, **(attributes or {})}))
        array = {"zarr_format": 2, "shape": shape, "chunks": chunks, "dtype": "<u2", "order": "C", "fill_value": 7}
        (folder / "0/.zarray").write_text(json.dumps({**array, "compressor": None, "filters": None}))
        return str(folder)


class Several(Images):
    def test_planes_and_volumes(self):
        flat, deep = self.image(), self.zarr("deep.zarr", "zyx", [4, 40, 50])
        for paths in ([flat, deep], [deep, flat]):
            size = "8x8" if paths[0] == flat else "2x8x8"
            line = self.refuse("patches", *paths, "--size", size, status=1)
            self.assertIn(f"{deep} has planes along Z, and {flat} does not", line)

    def test_channels_of_other_numbers(self):
        images = [self.named(["A", "B"]), self.named(["B", "A"], "d.zarr")]
        cut = ["patches", *images, "--size", "4x4", "--channels", "A", "--out", self.path("o.npy")]
        line = self.refuse(*cut, "--normalize", "mean-std", status=1)
        self.assertIn("the channels of --channels have other numbers in", line)
        self.assertIn("--normalize needs the same in all images", line)
        self.assertIn("--strategy needs the same", self.refuse(*cut, "--strategy", "random", status=1))

    def test_labels_of_other_channels(self):
        images = [self.named(["A"], f"{i}.zarr") for i in range(2)]
        labels = [self.named(["A"], "one.zarr"), self.named(["A", "B"], "two.zarr")]
        pairs = [option for path in labels for option in ("--labels", path)]
        line = self.refuse("patches", *images, *pairs, "--size", "4x4", "--out", self.path("o.npy"), status=1)
        self.assertRegex(line, r"one\.zarr.* and .*two\.zarr.* differ in channels")

    def test_a_saved_map_is_of_one_image(self):
        image, saved = self.image(), self.path("saved.map")
        self.run_it("info", image, "--map", saved)
        for command in (["patches", "--size", "4x4"], ["stats"]):
            self.assertIn("--use-map takes one image", self.refuse(*command, image, image, "--use-map", saved))
        write_npy(self.path("b.npy"), (2, 2), range(4))
        line = self.run_it("info", self.path("*.npy"), "--map", self.path("two.map"), status=1).stderr
        self.assertIn("there are 2 images, and a map is of one: name it", line)
        self.assertFalse(Path(self.path("two.map")).exists())

    def test_absent_images(self):
        absent = self.path("absent.npy")
        for command in (["bench", "--patch", "4x4"], ["stats"], ["stats", self.image(), "--mask"]):
            with self.subTest(command=command):
                self.assertIn("absent.npy", self.refuse(*command, absent, status=1))


class One(Images):
    def test_images_without_pixels(self):
        empty = self.path("empty.npy")
        write_npy(empty, (0, 5), [])
        out = self.path("out.png")
        self.assertIn("has no pixels", self.refuse("patches", empty, "--size", "4x4", status=1))
        self.assertIn("has no pixels", self.refuse("view", empty, "--out", out, status=1))

    def test_more_places_than_can_be_counted(self):
        huge = self.zarr("huge.zarr", "zyx", [2**20, 2**20, 2**20])  # 2^61 bytes
        line = self.refuse("patches", *[huge] * 8, "--size", "1x1x1", "--grid", status=1)
        self.assertIn("more than can be counted", line)
        line = self.refuse("patches", huge, "--size", "2147483647x2147483647x2147483647", status=1)
        self.assertIn("patches of this size do not fit into memory", line)

    def test_nan_counts_as_0_for_a_filter(self):
        image = self.path("nan.npy")
        write_npy(image, (32, 32), [float("nan") if i < 5 else 9.0 for i in range(1024)], "f", "<f4")
        cut = ["patches", image, "--size", "8x8", "--strategy", "stratified", "--filter", "max:3"]
        done = self.run_it(*cut, "--out", self.path("o.npy"))
        self.assertIn("5 pixels are NaN and count as 0 for the filter", done.stderr)

    def test_warnings_of_an_image_are_told_once(self):
        image = self.path("a.ome.tif")
        write_tiff(image, ome([("", 1, ["A.OME.TIF"])]), 1)
        done = self.run_it("patches", image, "--size", "4x4", "--count", "1")
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertIn('found under another name: a.ome.tif for "A.OME.TIF"', done.stderr)

    def test_a_chunk_that_cannot_be_decoded(self):
        image = Path(self.zarr("broken.zarr", "yx", [64, 64]))
        meta = json.loads((image / "0/.zarray").read_text())
        (image / "0/.zarray").write_text(json.dumps({**meta, "compressor": {"id": "zlib", "level": 1}}))
        (image / "0/0.0").write_bytes(b"not a zlib stream")
        for command in (
            ["bench", "--patch", "8x8", "--seconds", "1"],
            ["stats"],
            ["info", "--checksum"],
            ["patches", "--size", "8x8", "--strategy", "stratified", "--filter", "max:3"],
            ["patches", "--size", "8x8", "--normalize", "mean-std"],
            ["patches", "--size", "8x8", "--strategy", "random", "--out", self.path("o.npy")],
            ["patches", "--size", "8x8", "--sheet", self.path("s.png")],
        ):
            with self.subTest(command=command):
                done = self.run_it(*command, image, status=1)
                self.assertRegex(done.stderr, r"broken\.zarr.*zlib")
        self.assertEqual(sorted(os.listdir(self.dir)), ["broken.zarr"])

    def test_statistics_that_are_no_file_of_statistics(self):
        cut = ["patches", self.image(), "--size", "4x4", "--out", self.path("o.npy"), "--normalize"]
        os.mkdir(self.path("folder.json"))
        self.assertIn("folder.json", self.refuse(*cut, self.path("folder.json"), status=1))
        Path(self.path("large.json")).write_bytes(b"[" + b" " * 200_000 + b"]")
        self.assertIn("large.json", self.refuse(*cut, self.path("large.json"), status=1))
        done = self.run_it("stats", self.image(), "--json")
        Path(self.path("padded.json")).write_text(done.stdout + " " * 200_000)
        self.run_it(*cut, self.path("padded.json"))
        padded = Path(self.path("o.npy")).read_bytes()
        Path(self.path("short.json")).write_text(done.stdout)
        self.run_it(*cut, self.path("short.json"), "--force")
        self.assertEqual(Path(self.path("o.npy")).read_bytes(), padded)

    def test_a_sheet_of_turned_labels(self):
        image = self.zarr("labels.zarr", "yx", [32, 32], {"image-label": {"version": "0.4"}})
        sheet = self.path("s.png")
        cut = ["patches", image, "--size", "8x8", "--strategy", "random", "--augment", "d4", "--sheet", sheet]
        self.assertIn("a label image", self.run_it(*cut).stdout)
        self.assertNotIn("a label image", self.run_it(*cut, "--colors", "channels", "--force").stdout)
        self.assertNotIn("a label image", self.run_it(*cut, "--contrast", "0,9", "--force").stdout)

    def test_sheets_of_turned_colours(self):
        image = self.path("rgb.npy")
        write_npy(image, (8, 8, 3), [0, 0, 200] * 64, "B", "|u1")
        sheet = self.path("s.png")
        cut = ["patches", image, "--axes", "YXC", "--strategy", "random", "--augment", "d4", "--sheet", sheet]
        self.run_it(*cut, "--size", "8x8", "--count", "1")
        _height, width, rows = read_png(sheet)
        self.assertEqual({row for row in rows}, {bytes([0, 0, 200]) * width})
        write_npy(image, (2, 8, 8, 3), [200, 0, 0] * 128, "B", "|u1")
        cut[3] = "ZYXC"
        self.run_it(*cut, "--size", "2x8x8", "--count", "1", "--force")
        self.assertEqual({row for row in read_png(sheet)[2]}, {bytes([200, 0, 0]) * width})


class Words(Images):
    def test_arguments_after_two_hyphens_are_paths(self):
        os.rename(self.image(), self.path("-x.npy"))
        done = subprocess.run(
            [command_test.COMMAND, "info", "--", "-x.npy"], capture_output=True, text=True, cwd=self.dir, timeout=300
        )
        self.assertEqual(done.stderr, "")
        self.assertTrue(done.stdout.startswith("-x.npy\n"))

    def test_arguments_that_are_too_many_or_too_long(self):
        self.assertIn("unexpected argument 'b.npy'", self.refuse("view", self.image(), "b.npy", "--out", "c.png"))
        self.assertRegex(self.refuse("info", "--" + 300 * "a"), r"unknown option '--a+';")
        self.assertIn("long", self.refuse("info", self.path(300 * "a"), status=1).lower())
        cut = ["patches", self.path(5000 * "a"), "--size", "4x4", "--out", self.path("o.npy")]
        self.assertIn("aaaa", self.refuse(*cut, status=1))

    def test_lists_and_numbers(self):
        image = self.image()
        for arguments, message in (
            (["--at", "1,x"], "'1,x' is not a list of integers; see"),
            (["--at", "1;2"], "'1;2' is not a list of integers; see"),
            (["--grid", "--overlap=-1x1"], "is not a list of integers from 0 on"),
            (["--size", "0x1"], "is not a list of integers above 0"),
            (["--count", "99999999999999999999"], "--count"),
            (["--cache", "9223372036854775807K"], "--cache takes a number of bytes"),
            (["--raw", "uint16"], "is not TYPE:SHAPE"),
            (["--raw", "uint17:4x4"], "is not TYPE:SHAPE"),
            (["--raw", "a_very_long_name_of_a_type:4x4"], "is not TYPE:SHAPE"),
            (["--raw", "uint16:4x-4"], "is not TYPE:SHAPE"),
            (["--raw", "uint16:" + "2x" * 40 + "2"], "is not TYPE:SHAPE"),
            (["--raw", "uint16:4x4:-1"], "is not TYPE:SHAPE"),
            (["--raw", "uint16:4x4:x"], "is not TYPE:SHAPE"),
            (["--raw", "uint16:4x4:0:little"], "is not TYPE:SHAPE"),
            (["--axes", "YY"], "--axes"),
            (["--axes", 40 * "Y"], "--axes"),
            (["--depth-axis", "X"], "--depth-axis is none, Z or T, not 'X'"),
        ):
            with self.subTest(arguments=arguments):
                size = [] if "--size" in arguments else ["--size", "4x4"]
                self.assertIn(message, self.refuse("patches", image, *size, *arguments))


if __name__ == "__main__":
    command_test.COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
