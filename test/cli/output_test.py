#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The files that the command writes, whole or not at all. Usage: output_test.py COMMAND [TEST...]"""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import command_test
from command_test import read_npy, write_npy

LIBC = ctypes.CDLL(None)


class Output(command_test.Command):
    def test_nothing_is_overwritten_without_force(self):
        image, out, png = self.image(), self.path("out.npy"), self.path("out.png")
        for path in (out, png):
            Path(path).write_text("precious")
        for option, path in (("--out", out), ("--sheet", png)):
            self.assertIn("--force", self.refuse("patches", image, "--size", "4x4", option, path, status=1))
        self.assertIn("--force", self.refuse("view", image, "--out", png, status=1))
        self.assertEqual(Path(out).read_text() + Path(png).read_text(), 2 * "precious")
        self.run_it("patches", image, "--size", "4x4", "--out", out, "--force")
        self.assertEqual(read_npy(out)[0]["shape"], (64, 1, 4, 4))

    def test_only_regular_files_are_replaced(self):
        image, target, link, pipe = self.image(), self.path("target"), self.path("link.png"), self.path("pipe.png")
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
        self.assertIn("the largest size of a file", error)
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
        limited = subprocess.run(
            [command_test.COMMAND, "view", self.image((300, 400)), "--out", self.path("view.png")],
            capture_output=True,
            text=True,
            timeout=300,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        )
        self.assertEqual(limited.stderr, f"microtome: {self.path('view.png')}: cannot be written: File too large\n")

    @unittest.skipUnless(os.path.exists("/dev/full"), "needs /dev/full")
    def test_a_full_device(self):
        for arguments, message in (
            (["patches", self.image(), "--size", "4x4", "--out", "-"], "standard output: cannot be written: No space"),
            (
                ["patches", self.image(), "--size", "40x50", "--count", "999", "--out", "-"],
                "could not be written: No sp",
            ),
            (["view", self.image(), "--out", "-"], "No space left on device"),
            (["info", self.image()], "the output could not be written"),
        ):
            with self.subTest(arguments=arguments), open("/dev/full", "wb") as full:
                done = subprocess.run(
                    [command_test.COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=300
                )
                self.assertEqual(done.returncode, 1)
                self.assertIn(message, done.stderr)

    def test_a_terminal_gets_no_patches(self):
        leader, terminal = os.openpty()
        cut = [command_test.COMMAND, "patches", self.image(), "--size", "4x4", "--out", "-"]
        done = subprocess.run(cut, stdout=terminal, stderr=subprocess.PIPE, text=True, timeout=300)
        os.close(terminal)
        os.close(leader)
        self.assertEqual(done.returncode, 2)
        self.assertIn("standard output is a terminal", done.stderr)

    def test_names_without_a_folder(self):
        self.image()
        cut = [command_test.COMMAND, "patches", "image.npy", "--size", "4x4", "--out", "out.npy"]
        done = subprocess.run(cut, cwd=self.dir, capture_output=True, text=True, timeout=300)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(sorted(os.listdir(self.dir)), ["image.npy", "out.npy"])
        line = self.refuse("patches", self.image(), "--size", "4x4", "--out", "/dev/null/out.npy", status=1)
        self.assertIn("Not a directory", line)

    def hang_up(self, handler):
        """Starts a long run that inherits a handler of SIGHUP, and hangs up on it."""
        running = subprocess.Popen(
            [
                command_test.COMMAND,
                "patches",
                self.image(),
                "--size",
                "1x1",
                "--count",
                "100000000",
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
            image = self.image()
            running = subprocess.Popen(
                [
                    command_test.COMMAND,
                    "patches",
                    image,
                    "--size",
                    "1x1",
                    "--count",
                    "100000000",
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


def can_allocate(folder):
    with tempfile.TemporaryFile(dir=folder) as file:
        return hasattr(LIBC, "fallocate") and LIBC.fallocate(file.fileno(), 0, ctypes.c_long(0), ctypes.c_long(9)) == 0


class Inputs(command_test.Command):
    """Inputs are never overwritten, even with --force."""

    def zarr(self, name):
        folder = Path(self.path(name))
        folder.mkdir()
        (folder / ".zarray").write_text(
            '{"zarr_format": 2, "shape": [8, 8], "chunks": [8, 8], "dtype": "|u1", "fill_value": 7,'
            ' "compressor": null, "filters": null, "order": "C"}'
        )
        return str(folder)

    def test_the_image_is_not_replaced(self):
        image = self.image()
        before = Path(image).read_bytes()
        os.link(image, self.path("hard.npy"))
        os.symlink(self.dir, self.path("elsewhere"))
        for name in ("a b.npy", "c%zz.npy", "d,=.npy"):
            Path(self.path(name)).write_bytes(before)
        for given, out in (
            (image, image),
            (image, self.path("hard.npy")),
            (image, self.path("elsewhere/image.npy")),
            (self.path("im*.npy"), image),
            (f"file://{self.dir}/a%20b.npy", self.path("a b.npy")),
            (f"file://{self.dir}/c%zz.npy", self.path("c%zz.npy")),
            (f"file://{self.dir}/d%2C%3d.npy", self.path("d,=.npy")),
            (f"{image}#part", image),
        ):
            line = self.refuse("patches", given, "--size", "4x4", "--out", out, "--force", status=1)
            self.assertIn("an input", line)
        other = self.path("other.npy")
        Path(other).write_bytes(before)
        for options in (["--labels", image, "--out", image], ["--labels", image, "--labels-out", image]):
            self.assertIn("an input", self.refuse("patches", other, "--size", "4x4", *options, "--force", status=1))
        Path(self.path("image.map")).write_bytes(before)  # a map that is used is an input too
        os.link(self.path("image.map"), self.path("map.npy"))
        used = ["--use-map", self.path("image.map"), "--out", self.path("map.npy"), "--force"]
        self.assertIn("an input", self.refuse("patches", image, "--size", "4x4", *used, status=1))
        for path in (image, other, self.path("a b.npy")):
            self.assertEqual(Path(path).read_bytes(), before)

    def test_nothing_is_written_into_an_image(self):
        image = self.zarr("v.zarr")
        inside = Path(image) / "sub"
        inside.mkdir()
        for given in (image, f"{image}/", f"{self.dir}/./v.zarr"):
            for out in (f"{image}/out.npy", f"{inside}/out.npy", f"{inside}/../out"):
                line = self.refuse("patches", given, "--size", "4x4", "--out", out, "--force", status=1)
                self.assertIn("lies inside", line)
            line = self.refuse("view", given, "--out", f"{image}/out.png", status=1)
            self.assertIn("lies inside", line)
            self.assertIn("lies inside", self.refuse("info", given, "--map", f"{image}/v.map", status=1))
        folder = self.path("folder")
        os.mkdir(folder)
        os.rename(image, f"{folder}/v.zarr")
        for given in (folder, f"{folder}/*.zarr"):
            out = f"{folder}/v.zarr/out.npy"
            self.assertIn("lies inside", self.refuse("patches", given, "--size", "4x4", "--out", out, status=1))
        self.run_it("patches", f"{folder}/v.zarr", "--size", "4x4", "--out", f"{folder}/out.npy")

    def test_a_map_has_no_suffix_of_an_image(self):
        image = self.image()
        for name in ("a.tif", "a.npy", "a.PNG", "a.h5", "a.csv"):
            self.assertIn("does not write", self.refuse("info", image, "--map", self.path(name), "--force"))


class Room(command_test.Command):
    def test_space_is_checked_before_the_work(self):
        many = ["patches", self.image(), "--size", "4096x4096", "--count", "100000000000", "--out"]
        line = self.refuse(*many, self.path("out.npy"), status=1)
        self.assertRegex(line, r"out\.npy: no space: .* PiB|EiB needed, .* free")
        labels = [*many, self.path("out.npy"), "--labels", self.path("image.npy")]
        self.assertIn("no space", self.refuse(*labels, status=1))
        self.assertEqual(os.listdir(self.dir), ["image.npy"])

    def test_bad_paths_are_found_before_the_work(self):
        image = self.image()
        for option, name in (("--sheet", "no/such.png"), ("--coords", "no/such.csv"), ("--labels-out", "no/such.npy")):
            options = [option, self.path(name)] + (["--labels", image] if option == "--labels-out" else [])
            line = self.refuse("patches", image, "--size", "4x4", "--out", self.path("out.npy"), *options, status=1)
            self.assertIn("no/such", line)
            self.assertIn("No such file", line)
            self.assertEqual(os.listdir(self.dir), ["image.npy"])

    def end_by(self, number):
        running = subprocess.Popen(
            [
                command_test.COMMAND,
                *["patches", self.image(), "--size", "1x1", "--count", "100000000", "--out", self.path("out.npy")],
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
        )
        try:
            while running.poll() is None and not any(name.startswith("out.npy.") for name in os.listdir(self.dir)):
                time.sleep(0.01)
            time.sleep(0.2)
            if can_allocate(self.dir):
                sizes = [(self.dir / name).stat().st_size for name in os.listdir(self.dir) if "out" in name]
                self.assertEqual(sizes, [128 + 2 * 100000000])
            running.send_signal(number)
            self.assertEqual(running.wait(60), -number)
        finally:
            running.kill()
            running.communicate()
        self.assertEqual(os.listdir(self.dir), ["image.npy"])

    def test_a_closed_pipe_and_quitting_leave_nothing_behind(self):
        for number in (signal.SIGPIPE, signal.SIGQUIT):
            self.end_by(number)

    def test_a_closed_pipe_is_quiet(self):
        shell = f"'{command_test.COMMAND}' patches '{self.image()}' --size 2x2 --count 200000 --out - | head -c 100"
        done = subprocess.run(["sh", "-c", shell], capture_output=True, timeout=300)
        self.assertEqual((len(done.stdout), done.stderr), (100, b""))
        shell = f"'{command_test.COMMAND}' info --json {200 * (self.image() + ' ')} | true"
        done = subprocess.run(["sh", "-c", shell], capture_output=True, timeout=300)
        self.assertEqual((done.stdout, done.stderr), (b"", b""))


if __name__ == "__main__":
    command_test.COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
