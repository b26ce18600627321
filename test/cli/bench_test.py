#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""microtome bench. Usage: bench_test.py COMMAND [TEST...]"""

import json
import os
import re
import subprocess
import sys
import unittest
import zlib

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

    def compressed(self, side, chunk):
        """A Zarr image of bytes of one value, in compressed chunks."""
        folder = self.dir / f"{side}-{chunk}.zarr"
        folder.mkdir()
        meta = {"zarr_format": 2, "shape": [side, side], "chunks": [chunk, chunk], "dtype": "|u1", "order": "C"}
        meta |= {"fill_value": 0, "filters": None, "compressor": {"id": "zlib", "level": 1}}
        (folder / ".zarray").write_text(json.dumps(meta))
        for y in range(side // chunk):
            for x in range(side // chunk):
                (folder / f"{y}.{x}").write_bytes(zlib.compress(b"\7" * chunk**2))
        return str(folder)

    def test_advice(self):
        many = [
            "bench",
            self.compressed(512, 128),
            "--patch",
            "16x16",
            "--seconds",
            "1",
            "--cache",
            "0",
            "--axes",
            "YX",
        ]
        text = self.run_it(*many, "--window", "0").stdout
        self.assertIn("windows would decode fewer chunks: --window 16", text)
        self.assertNotIn("smaller chunks", text)
        text = self.run_it(*many, "--window", "2").stdout
        self.assertRegex(text, r"in windows\n")
        self.assertRegex(text, r"a batch mixes +[12]\.\d blocks, \d+ at least\n")
        self.assertRegex(text, r"the chunks of a window need about [\d.]+ KiB of cache: --cache\n")
        large = ["bench", self.compressed(1024, 1024), "--patch", "8x8", "--seconds", "1", "--axes", "YX"]
        text = self.run_it(*large).stdout
        self.assertRegex(text, r"smaller chunks would suit these patches, such as \d+ x \d+ pixels\n")

    def test_a_bar_shows_the_progress_on_a_terminal(self):
        leader, terminal = os.openpty()
        bench = [command_test.COMMAND, "bench", self.image, "--patch", "16x16", "--seconds", "2"]
        with subprocess.Popen(bench, stdout=subprocess.PIPE, stderr=terminal) as running:
            os.close(terminal)
            shown = b""
            try:
                while more := os.read(leader, 1 << 16):
                    shown += more
            except OSError:  # the terminal is closed
                pass
            os.close(leader)
            running.communicate(timeout=60)
        self.assertEqual(running.returncode, 0)
        bars = re.findall(rb"\r\[(#*)(\.*)\] +(\d+) %, (\d+) s left", shown)
        self.assertGreater(len(bars), 0)
        for done, left, percent, seconds in bars:
            self.assertEqual(len(done) + len(left), 40)
            self.assertLessEqual(abs(len(done) - int(percent) * 0.4), 1.5)
            self.assertLessEqual(int(seconds), 1)
        self.assertTrue(shown.endswith(b"\r\x1b[K"))

    def test_errors(self):
        for arguments, status, message in (
            ([], 2, "--patch is required"),
            (["--patch", "16"], 1, "1 patch sizes for images with the spatial axes YX"),
            (["--patch", "100x100"], 1, "96 pixels along Y are less than a patch of 100"),
            (["--patch", "8x8", "--strategy", "none"], 2, 'random, tiled or sequential, not "none"'),
            (["--patch", "8x8", "--strategy", "whole"], 2, 'random, tiled or sequential, not "whole"'),
            (["--patch", "8x8", "--batch", "0"], 2, "--batch"),
            (["--patch", "8x8", "--threads", "0"], 2, "--threads"),
            (["--patch", "8x8", "--missing", "what"], 2, "--missing is error or fill, not 'what'"),
        ):
            self.assertIn(message, self.refuse("bench", self.image, *arguments, status=status))


if __name__ == "__main__":
    command_test.COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
