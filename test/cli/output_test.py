#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The files that the command writes, whole or not at all. Usage: output_test.py COMMAND [TEST...]"""

import os
import resource
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

import command_test
from command_test import read_npy, write_npy


class Output(command_test.Command):
    def test_nothing_is_overwritten_without_force(self):
        image, out = self.image(), self.path("out.npy")
        Path(out).write_text("precious")
        for option in ("--out", "--sheet"):
            self.assertIn("--force", self.refuse("patches", image, "--size", "4x4", option, out, status=1))
        self.assertIn("--force", self.refuse("view", image, "--out", out, status=1))
        self.assertEqual(Path(out).read_text(), "precious")
        self.run_it("patches", image, "--size", "4x4", "--out", out, "--force")
        self.assertEqual(read_npy(out)[0]["shape"], (64, 1, 4, 4))

    def test_only_regular_files_are_replaced(self):
        image, target, link, pipe = self.image(), self.path("target"), self.path("link.npy"), self.path("pipe.npy")
        Path(target).write_text("precious")
        os.symlink(target, link)
        os.mkfifo(pipe)
        for out in (link, pipe):
            self.assertIn("regular", self.refuse("view", image, "--out", out, "--force", status=1))
        self.assertEqual(Path(target).read_text(), "precious")
        self.assertTrue(Path(link).is_symlink() and Path(pipe).is_fifo())
        both = self.path("both")
        self.assertIn("same file", self.refuse("patches", image, "--size", "4x4", "--out", both, "--sheet", both))

    def test_names_say_what_is_written(self):
        image = self.image()
        self.assertIn(".png", self.refuse("view", image, "--out", self.path("plane.jpg")))
        for option, name, suffix in [("--out", "tiles.tif", ".npy"), ("--sheet", "sheet.npy", ".png")]:
            self.assertIn(suffix, self.refuse("patches", image, "--size", "4x4", option, self.path(name)))
        wrong = ["view", image, "--out", image, "--force"]
        self.assertIn(".png", self.refuse(*wrong))
        for name in ["plane", "a.b/plane.PNG"]:
            Path(self.path(name)).parent.mkdir(exist_ok=True)
            self.run_it("view", image, "--out", self.path(name))

    def test_more_patches_than_a_file_holds(self):
        count = str(2**63 - 1)
        error = self.refuse(
            "patches", self.image(), "--size", "4x4", "--count", count, "--out", self.path("o"), status=1
        )
        self.assertIn("larger than any file", error)
        self.assertEqual(os.listdir(self.dir), ["image.npy"])

    def test_a_limit_of_file_size(self):
        limited = subprocess.run(
            [
                command_test.COMMAND,
                "patches",
                self.image(),
                "--size",
                "64x64",
                "--count",
                "100",
                "--out",
                self.path("out.npy"),
            ],
            capture_output=True,
            text=True,
            timeout=300,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        )
        self.assertEqual((limited.returncode, limited.stdout), (1, ""))
        self.assertIn("File too large", limited.stderr)
        self.assertEqual(os.listdir(self.dir), ["image.npy"])

    def hang_up(self, handler):
        """Starts a long run that inherits a handler of SIGHUP, and hangs up on it."""
        running = subprocess.Popen(
            [
                command_test.COMMAND,
                "patches",
                self.image(),
                "--size",
                "64x64",
                "--count",
                "1000000000",
                "--out",
                self.path("out.npy"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, handler),
        )
        while running.poll() is None and not any(name.startswith("out.npy.") for name in os.listdir(self.dir)):
            time.sleep(0.01)
        running.send_signal(signal.SIGHUP)
        return running

    def test_hanging_up_leaves_nothing_behind(self):
        running = self.hang_up(signal.SIG_DFL)
        running.communicate(timeout=60)
        self.assertEqual(running.returncode, 130)
        self.assertEqual(os.listdir(self.dir), ["image.npy"])

    def test_nohup_is_heeded(self):
        running = self.hang_up(signal.SIG_IGN)
        with self.assertRaises(subprocess.TimeoutExpired):
            running.wait(0.5)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=60)
        self.assertEqual(running.returncode, 130)

    def test_failures_leave_nothing_behind(self):
        bad = self.path("bad.npy")
        write_npy(bad, (100, 100), range(10000))
        good = Path(bad).read_bytes()
        Path(bad).write_bytes(good[:-5000])
        self.refuse("patches", bad, "--size", "100x100", "--out", self.path("out.npy"), status=1)
        self.refuse("view", bad, "--out", self.path("out.png"), status=1)
        self.refuse("patches", bad, "--size", "4x4", "--out", self.path("no/such/out.npy"), status=1)
        self.assertEqual(os.listdir(self.dir), ["bad.npy"])

    def test_interruption_leaves_nothing_behind(self):
        for signals in (1, 2):
            image = self.image((300, 300))
            running = subprocess.Popen(
                [
                    command_test.COMMAND,
                    "patches",
                    image,
                    "--size",
                    "256x256",
                    "--count",
                    "1000000000",
                    "--out",
                    self.path("out.npy"),
                ],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            try:
                while running.poll() is None and not any(name.startswith("out.npy.") for name in os.listdir(self.dir)):
                    time.sleep(0.01)
                for _ in range(signals):
                    running.send_signal(signal.SIGINT)
                self.assertEqual(running.wait(60), 130)
            finally:
                running.kill()
                running.communicate()
            self.assertEqual(os.listdir(self.dir), ["image.npy"])

    def test_one_long_patch_is_interrupted(self):
        image = Path(self.path("sparse.zarr"))
        image.mkdir()
        (image / ".zarray").write_text(
            '{"zarr_format": 2, "shape": [8000, 8000], "chunks": [1, 1], "dtype": "|u1", "fill_value": 7,'
            ' "compressor": {"id": "lz4"}, "filters": null, "order": "C"}'
        )
        running = subprocess.Popen(
            [
                command_test.COMMAND,
                "patches",
                image,
                "--size",
                "8000x8000",
                "--count",
                "1",
                "--out",
                self.path("out.npy"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            while running.poll() is None and not any(name.startswith("out.npy.") for name in os.listdir(self.dir)):
                time.sleep(0.01)
            running.send_signal(signal.SIGINT)
            self.assertEqual(running.wait(20), 130)
        finally:
            running.kill()
            output, errors = running.communicate()
        self.assertEqual(output + errors, "")
        self.assertEqual(os.listdir(self.dir), ["sparse.zarr"])


if __name__ == "__main__":
    command_test.COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
