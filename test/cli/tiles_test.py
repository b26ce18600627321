#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs microtome tiles as a user would. Usage: tiles_test.py COMMAND [TEST...]"""

import json
import os
import re
import sys
import unittest

import command_test
from command_test import Command, read_png, write_npy


def count_tiles(size, tile, overlap):
    """Of CAREamics: steps of tile - overlap until the end is reached."""
    return 1 if size <= tile else -(-(size - overlap) // (tile - overlap))


class Tiles(Command):
    def tiles(self, image, *options):
        return json.loads(self.run_it("tiles", image, "--json", *options).stdout)

    def test_text(self):
        image = self.image((2, 3, 100, 130))
        done = self.run_it("tiles", image, "--axes", "SCYX", "--tile", "64x64", "--overlap", "16", "--channels", "0,2")
        self.assertEqual(
            done.stdout,
            f"""{image}
  tiles    12 of 64 x 64 pixels, overlap 16 x 16
  grid     2 x 3 tiles of each of 2 samples
  kept     56 x 56 pixels of the first, 44 x 26 of the last
  batches  2 of 8 tiles, 256.0 KiB of float32 each
  output   zarr, TCYX 2 x 2 x 100 x 130 float32, 4 chunks of 1 x 1 x 100 x 130
  memory   at least {re.search(r"at least (.*) [(]", done.stdout).group(1)} (predict --memory)
""",
        )
        self.assertEqual(os.listdir(self.dir), ["image.npy"])

    def test_numbers(self):
        for shape, axes, tile, overlap in (
            ((100, 130), "YX", (64, 64), (16, 16)),
            ((100, 130), "YX", (200, 32), (0, 8)),
            ((3, 20, 50, 60), "TZYX", (8, 32, 0), (4, 8, 0)),
            ((5, 50, 60), "ZYX", (32, 32), (2, 2)),
        ):
            with self.subTest(shape=shape, tile=tile):
                image = self.image(shape)
                found = self.tiles(
                    image,
                    *["--axes", axes, "--tile", "x".join(map(str, tile)), "--overlap", "x".join(map(str, overlap))],
                )
                spatial = shape[-3:] if "Z" in axes else shape[-2:]
                planar = len(spatial) > len(tile)
                tile, overlap = ((1, *tile), (0, *overlap)) if planar else (tile, overlap)
                tile = [n or size for n, size in zip(tile, spatial)]
                grid = [count_tiles(*sizes) for sizes in zip(spatial, tile, overlap)]
                total = grid[0] * grid[1] * (grid[2] if len(grid) > 2 else 1) * (shape[0] if "T" in axes else 1)
                self.assertEqual((found["tile"], found["grid"], found["planar"]), (tile, grid, planar))
                self.assertEqual(found["tiles"], total)
                first = [min(t - (o // 2 if n > 1 else 0), s) for t, o, n, s in zip(tile, overlap, grid, spatial)]
                self.assertEqual(found["first_crop"], first)

    def test_shares_budgets_and_alignment(self):
        image = self.image((3, 300, 300))
        found = self.tiles(image, "--axes", "CYX", "--tile", "64x96", "--overlap", "25%")
        self.assertEqual(found["overlap"], [16, 24])
        found = self.tiles(image, "--axes", "CYX", "--tile", "64x96", "--overlap", "25%", "--align", "4")
        self.assertEqual((found["overlap"], found["align"]), ([16, 24], 4))
        for channels, side in ([], 128), (["--channels", "1"], 256):
            found = self.tiles(image, "--axes", "CYX", "--tile-memory", "2M", "--overlap", "16", *channels)
            self.assertEqual((found["tile"], found["overlap"]), ([side, side], [16, 16]))
            self.assertLessEqual(found["batch_bytes"], 2 << 20)

    def test_parts(self):
        image = self.image((2, 100, 130))
        common = ["--axes", "CYX", "--tile", "32x32", "--overlap", "8", "--chunks", "1x32x32"]
        found = self.tiles(image, *common, "--parts", "3")
        self.assertEqual([part["units"] for part in found["parts"]], [14, 14, 12])  # of 4 x 5 places, two channels each
        self.assertEqual([part["from"] for part in found["parts"]], [[0, 0, 0], [0, 32, 64], [0, 64, 128]])
        again = sum(part["tiles"] for part in found["parts"]) - found["tiles"]
        self.assertEqual(found["tiles_again"], again)
        self.assertGreater(again, 0)
        for k, part in enumerate(found["parts"], 1):  # predict does what is said
            done = self.run_it(
                *["predict", image, self.path("out.zarr"), *common, "--identity", "--part", f"{k}/3"], status=3
            )
            self.assertIn(f"out.zarr: {part['tiles']} tiles, {part['units']} chunks,", done.stdout)
        text = self.run_it("tiles", image, *common, "--parts", "3").stdout
        self.assertIn(f"  2/3                14{found['parts'][1]['tiles']:12}  Y=32  X=64\n", text)
        self.assertIn(f"  at the borders of parts, {again} tiles are predicted again\n", text)
        found = self.tiles(image, "--axes", "CYX", "--tile", "32x32", "--overlap", "0", "--parts", "3")
        self.assertEqual([part["units"] for part in found["parts"]], [2, 0, 0])
        self.assertEqual([part["from"] for part in found["parts"]][1:], [[], []])

    def test_least_memory_suffices(self):
        image = self.image((200, 230))
        for blend in ("crop", "hann"):
            common = ["--tile", "64x64", "--overlap", "16", "--chunks", "16x16", "--blend", blend, "--threads", "2"]
            least = self.tiles(image, *common)["least_memory"]
            self.run_it("predict", image, self.path(blend + ".zarr"), *common, "--identity", "--memory", str(least))
            low = self.run_it(
                *["predict", image, self.path("low.zarr"), *common, "--identity", "--memory", str(least - 1)], status=1
            )
            self.assertIn(f"at least {least >> 20}M are needed", low.stderr)
            self.assertFalse(os.path.exists(self.path("low.zarr")))
            self.assertIn("at least", self.refuse("tiles", image, *common, "--memory", str(least - 1), status=1))

    def test_output(self):
        image = self.image((3, 100, 130))
        common = ["--axes", "ZYX", "--tile", "2x32x32", "--overlap", "0", "--align", "2"]
        found = self.tiles(image, *common, "--scale", "1/2", "--output-channels", "2", "--format", "tiff")["output"]
        self.assertEqual((found["axes"], found["shape"]), ("CZYX", [2, 2, 50, 65]))
        self.assertEqual((found["format"], found["dtype"]), ("tiff", "float32"))
        found = self.tiles(image, *common, "--scale", "2", "--chunks", "16x16", "--shards", "64x64", "--dtype", "uint8")
        self.assertEqual(found["output"]["shape"], [6, 200, 260])
        self.assertEqual((found["output"]["shard_shape"], found["output"]["units"]), ([1, 64, 64], 6 * 4 * 5))

    def test_picture(self):
        image, out = self.path("image.npy"), self.path("tiles.png")
        write_npy(image, (3, 300, 400), [1000] * 360000)
        done = self.run_it(
            *["tiles", image, "--axes", "ZYX", "--tile", "100x100", "--overlap", "20", "--picture", out, "--z", "2"],
            *["--contrast", "0,2000"],
        )
        self.assertIn("tiles.png: 400 x 300 pixels", done.stdout)
        height, width, rows = read_png(out)
        self.assertEqual((height, width), (300, 400))

        def pixel(y, x):
            return tuple(rows[y][3 * x : 3 * x + 3])

        # tiles begin at 0, 80, 160, 200 and 0, 80, 160, 240, 300; crops end at 90, 170, 230
        orange, blue, gray = (255, 160, 0), (0, 220, 255), pixel(50, 50)
        self.assertEqual(gray[0], gray[1])
        found = {x: pixel(50, x) for x in range(85) if pixel(50, x) != gray}
        self.assertEqual(found, {0: blue, 80: orange})
        self.assertEqual({y: pixel(y, 50) for y in range(81, 98) if pixel(y, 50) != gray}, {89: blue, 90: blue})
        self.assertEqual((pixel(99, 50), pixel(299, 399)), (orange, blue))
        self.assertIn(
            "exists", self.refuse("tiles", image, "--tile", "100x100", "--overlap", "0", "--picture", out, status=1)
        )

    def test_refusals(self):
        image = self.image((40, 50))
        for options, words in (
            ([], "--tile is required"),
            (["--tile", "8x8", "--overlap", "0", "--parts", "0"], "--parts takes"),
            (["--tile", "8x8", "--overlap", "0", "--legend"], "--legend needs --picture"),
            (["--tile", "8x8", "--overlap", "0", "--picture", "a.jpg"], ".png"),
            (["--tile", "8x8x8"], "--tile takes the sizes along Y and X"),
        ):
            with self.subTest(options=options):
                self.assertIn(words, self.refuse("tiles", image, *options))
        chunks = ["--format", "tiff", "--chunks", "7x7"]
        self.assertIn(
            "a multiple of 16", self.refuse("tiles", image, "--tile", "8x8", "--overlap", "0", *chunks, status=1)
        )


if __name__ == "__main__":
    command_test.COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
