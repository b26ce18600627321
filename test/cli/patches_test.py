#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Patches of several images, of labels, and lists of places. Usage: patches_test.py COMMAND [TEST...]"""

import csv
import os
import subprocess
import sys
import unittest
from pathlib import Path

import command_test
from command_test import read_npy, read_png, write_npy


class Several(command_test.Command):
    """Images whose pixels tell the image and the place."""

    def numbered(self, name, shape, first):
        path = Path(self.path(name))
        path.parent.mkdir(exist_ok=True)
        count = 1
        for n in shape:
            count *= n
        write_npy(path, shape, [first + i for i in range(count)])
        return str(path)

    def places(self, name="places.csv"):
        with Path(self.path(name)).open(newline="") as file:
            return list(csv.DictReader(file))

    def check_places(self, header, values, rows, images, size):
        """Each patch has the pixels at the place in its row of the list."""
        self.assertEqual(len(rows), header["shape"][0])
        area = size[0] * size[1]
        for i, row in enumerate(rows):
            self.assertEqual(row["patch"], str(i))
            width, first = images[row["image"]]
            y, x = int(row["y"]), int(row["x"])
            wanted = [first + (y + dy) * width + x + dx for dy in range(size[0]) for dx in range(size[1])]
            self.assertEqual(list(values[i * area : (i + 1) * area]), wanted)

    def test_files_folders_and_globs(self):
        a = self.numbered("a.npy", (20, 30), 0)
        b = self.numbered("in/b.npy", (12, 10), 1000)
        c = self.numbered("in/c.npy", (40, 40), 2000)
        (self.dir / "in/notes.txt").write_text("not an image")
        images = {a: (30, 0), b: (10, 1000), c: (40, 2000)}
        out, places = self.path("out.npy"), self.path("places.csv")
        for paths in ([a, b, c], [a, self.path("in")], [a, self.path("in/*.npy")]):
            done = self.run_it(
                "patches", *paths, "--size", "4x5", "--count", "200", "--out", out, "--coords", places, "--force"
            )
            self.assertIn("from 3 images", done.stdout)
            self.assertEqual("skipped 1 file that is not an image" in done.stderr, paths[-1].endswith("in"))
            rows = self.places()
            self.check_places(*read_npy(out), rows, images, (4, 5))
            # All positions are equally likely: 17 * 26, 9 * 6 and 37 * 36 of them.
            counts = [sum(row["image"] == path for row in rows) for path in (a, b, c)]
            self.assertTrue(counts[2] > counts[0] > counts[1] > 0, counts)

    def test_one_image_of_several_is_cut_as_before(self):
        a, out, again = self.numbered("a.npy", (20, 30), 0), self.path("out.npy"), self.path("again.npy")
        self.run_it("patches", a, "--size", "4x5", "--seed", "3", "--out", out)
        self.run_it("patches", self.path("a*.npy"), "--size", "4x5", "--seed", "3", "--out", again)
        self.assertEqual(read_npy(out), read_npy(again))
        # As version 0.1 cut it: the same seed gives the same patches.
        self.assertEqual(read_npy(out)[1][0], 143)

    def test_grid_goes_through_all_images(self):
        a, b = self.numbered("a.npy", (4, 6), 0), self.numbered("b.npy", (6, 5), 1000)
        self.run_it(
            "patches", a, b, "--size", "4x3", "--grid", "--out", self.path("o.npy"), "--coords", self.path("p.csv")
        )
        rows = self.places("p.csv")
        self.assertEqual([(r["image"], r["y"], r["x"]) for r in rows[:2]], [(a, "0", "0"), (a, "0", "3")])
        self.assertEqual([(r["image"], r["y"], r["x"]) for r in rows[2:]], [(b, y, x) for y in "02" for x in "02"])
        self.check_places(*read_npy(self.path("o.npy")), rows, {a: (6, 0), b: (5, 1000)}, (4, 3))

    def test_places_are_cut_out_of_each_image(self):
        a, b, out = self.numbered("a.npy", (4, 6), 0), self.numbered("b.npy", (6, 5), 1000), self.path("out.npy")
        self.run_it("patches", a, b, "--size", "1x2", "--at", "0,0", "--at", "3,1", "--out", out)
        self.assertEqual(read_npy(out)[1], (0, 1, 19, 20, 1000, 1001, 1016, 1017))

    def test_images_that_are_not_alike_are_refused(self):
        a = self.numbered("a.npy", (4, 6), 0)
        write_npy(self.path("bytes.npy"), (4, 6), range(24), "B", "|u1")
        line = self.refuse("patches", a, self.path("bytes.npy"), "--size", "2x2", status=1)
        self.assertIn("uint16", line)
        self.assertIn("--float", line)
        out = self.path("out.npy")
        self.run_it("patches", a, self.path("bytes.npy"), "--size", "1x2", "--at", "1,0", "--float", "--out", out)
        self.assertEqual(read_npy(out, "f")[1], (6, 7, 6, 7))
        (self.dir / "broken.npy").write_bytes(b"\x93NUMPY\1\0\xff\xff{")
        self.assertIn("broken.npy", self.refuse("patches", a, self.path("broken.npy"), "--size", "2x2", status=1))

    def test_a_broken_image_of_a_folder_is_told_and_the_others_are_cut(self):
        self.numbered("in/a.npy", (4, 6), 0)
        (self.dir / "in/broken.npy").write_bytes(b"\x93NUMPY\1\0\xff\xff{")
        done = self.run_it("patches", self.path("in"), "--size", "2x2", "--out", self.path("out.npy"), status=1)
        self.assertIn("broken.npy", done.stderr)
        self.assertEqual(read_npy(self.path("out.npy"))[0]["shape"], (64, 1, 2, 2))

    def test_a_sheet_of_several_images(self):
        a, b, sheet = self.numbered("a.npy", (4, 6), 0), self.numbered("b.npy", (6, 5), 1000), self.path("sheet.png")
        done = self.run_it("patches", a, b, "--size", "4x4", "--at", "0,0", "--sheet", sheet)
        self.assertIn("patches/s; not written (no --out)\n", done.stdout)
        self.assertGreater(read_png(sheet)[1], 2 * 64)

    def test_coordinates_of_planes_and_samples(self):
        write_npy(self.path("v.npy"), (2, 3, 6, 7), range(252))
        places = self.path("places.csv")
        self.run_it("patches", self.path("v.npy"), "--axes", "SZYX", "--size", "2x4x4", "--grid", "--coords", places)
        with Path(places).open(newline="") as file:
            lines = list(csv.reader(file))
        self.assertEqual(lines[0], ["patch", "image", "sample", "z", "y", "x"])
        self.assertEqual(lines[-1], ["15", self.path("v.npy"), "1", "1", "2", "3"])

    def test_names_in_lists_of_places_are_quoted(self):
        name = self.numbered('a, "b".npy', (4, 6), 0)
        self.run_it("patches", name, "--size", "2x2", "--count", "1", "--coords", self.path("places.csv"))
        self.assertEqual(self.places()[0]["image"], name)
        self.assertIn(".csv", self.refuse("patches", name, "--size", "2x2", "--coords", self.path("places.txt")))

    def test_labels(self):
        image, labels = self.numbered("a.npy", (20, 30), 0), self.path("mask.npy")
        write_npy(labels, (20, 30), [(i * 7) % 251 for i in range(600)], "B", "|u1")
        out, other = self.path("out.npy"), self.path("other.npy")
        cut = ["patches", image, "--size", "4x5", "--labels", labels, "--force", "--float"]
        self.run_it(*cut, "--out", out)
        pixels, found = read_npy(out, "f")[1], read_npy(self.path("out.labels.npy"), "B")
        self.assertEqual(found[0], {"descr": "|u1", "fortran_order": False, "shape": (64, 1, 4, 5)})
        self.assertEqual([int(p) * 7 % 251 for p in pixels], list(found[1]))
        done = self.run_it(*cut, "--out", out, "--labels-out", other, "--coords", self.path("places.csv"))
        self.assertIn("other.npy", done.stdout)
        self.assertEqual(read_npy(other, "B"), found)
        self.assertEqual({row["labels"] for row in self.places()}, {labels})

    def test_labels_must_fit(self):
        image, labels = self.numbered("a.npy", (20, 30), 0), self.numbered("mask.npy", (20, 31), 0)
        out = ["--size", "4x5", "--out", self.path("out.npy")]
        line = self.refuse("patches", image, "--labels", labels, *out, status=1)
        self.assertIn("1 x 1 x 20 x 31", line)
        self.assertIn("stands for 2 images", self.refuse("patches", image, *2 * ["--labels", image], *out, status=1))
        self.refuse("patches", image, "--labels", image, "--size", "4x5")
        self.refuse("patches", image, "--labels", image, "--size", "4x5", "--out", "-")
        self.refuse("patches", image, "--labels-out", self.path("l.npy"), *out)
        self.refuse("patches", image, "--labels", labels, "--labels-out", labels, "--force", *out, status=1)
        self.assertEqual(sorted(os.listdir(self.dir)), ["a.npy", "mask.npy"])

    def test_labels_have_axes_of_their_own(self):
        write_npy(self.path("image.npy"), (2, 3, 4, 5), range(120))
        write_npy(self.path("mask.npy"), (3, 4, 5), range(60))
        out = self.path("out.npy")
        self.run_it(
            *["patches", self.path("image.npy"), "--axes", "CZYX", "--size", "2x2x2", "--at", "1,1,1", "--out", out],
            *["--labels", self.path("mask.npy"), "--labels-axes", "ZYX"],
        )
        self.assertEqual(read_npy(self.path("out.labels.npy"))[1], (26, 27, 31, 32, 46, 47, 51, 52))

    def test_a_search_leaves_out_what_is_not_an_image(self):
        image = self.numbered("in/a.npy", (20, 30), 0)
        for name, shape in (("scalar", ()), ("line", (7,)), ("none", (0, 4))):
            self.numbered(f"in/{name}.npy", shape, 0)
        done = self.run_it("patches", self.path("in"), "--size", "4x4", "--at", "0,0", "--out", self.path("out.npy"))
        self.assertIn("out.npy: 1 patch of 1 channel", done.stdout)
        self.assertIn("skipped 3 files that are not images", done.stderr)
        self.assertEqual(read_npy(self.path("out.npy"))[0]["shape"], (1, 1, 4, 4))
        self.assertIn(image, self.run_it("info", self.path("in/*.npy")).stdout)
        self.assertIn("shape       7\n", self.run_it("info", self.path("in/line.npy")).stdout)  # who names it gets it

    def test_cache(self):
        image = self.numbered("a.npy", (20, 30), 0)
        for size in ("0", "1048576", "64K", "512M", "2G", "2GiB", "1GB"):
            self.run_it("patches", image, "--size", "4x4", "--cache", size)
        for size in ("", "-1", "2X", "1.5G", "G", "99999999T"):
            self.assertIn("--cache", self.refuse("patches", image, "--size", "4x4", "--cache", size))

    def test_missing_chunks_are_an_error_if_asked(self):
        folder = self.dir / "absent.zarr"
        folder.mkdir()
        (folder / ".zarray").write_text(
            '{"zarr_format": 2, "shape": [8, 8], "chunks": [4, 4], "dtype": "<u2", "compressor": null, '
            '"filters": null, "fill_value": 7, "order": "C"}'
        )
        for command in (["info", "--checksum"], ["patches", "--size", "8x8"], ["view", "--out", self.path("v.png")]):
            self.run_it(*command, folder, "--missing", "fill")
            self.assertIn(
                "0.0", self.run_it(*command, folder, "--missing", "error", *["--force"], status=1).stderr, command
            )
            self.assertIn("--missing", self.refuse(*command, folder, "--missing", "none", "--force"))


class Streams(command_test.Command):
    def test_patches_go_to_standard_output(self):
        image, out = self.image(), self.path("out.npy")
        cut = [command_test.COMMAND, "patches", image, "--size", "4x4", "--explain", "--sheet", self.path("s.png")]
        done = subprocess.run([*cut, "--out", "-"], capture_output=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        Path(out).write_bytes(done.stdout)
        self.assertEqual(read_npy(out)[0]["shape"], (64, 1, 4, 4))
        self.assertIn(b"amplification", done.stderr)
        self.assertIn(b"standard output: 64 patches", done.stderr)
        for option in ("--sheet", "--coords"):
            self.refuse("patches", image, "--size", "4x4", option, "-")

    def test_a_picture_goes_to_standard_output(self):
        done = subprocess.run(
            [command_test.COMMAND, "view", self.image((4, 5)), "--out", "-"], capture_output=True, timeout=300
        )
        Path(self.path("out.png")).write_bytes(done.stdout)
        self.assertEqual(read_png(self.path("out.png"))[:2], (4 * 102, 5 * 102))
        self.assertIn(b": 510 x 408 pixels (width x height)", done.stderr)


if __name__ == "__main__":
    command_test.COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
