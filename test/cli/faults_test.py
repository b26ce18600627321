#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Conversions to disks that fail, are full or cannot be written. Usage: faults_test.py COMMAND [TEST...]

After a failure the same command must go on, and the output must equal that of a run without failures.
"""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from outputs import MEMORY, build_library, digest, grid, is_there_already, preloaded, remove, write_image

COMMAND = ""


class Faults(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="microtome-faults-", dir=MEMORY))
        self.addCleanup(shutil.rmtree, self.dir)
        self.image = str(self.dir / "in.npy")
        write_image(self.image, (70, 60))

    def run_it(self, *arguments, **options):
        return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, timeout=120, **options)

    def convert(self, out, options, **more):
        return self.run_it("convert", self.image, out, "--threads", "2", *grid(out), *options, **more)

    def whole(self, name, options):
        done = self.convert(str(self.dir / name), options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return digest(self.dir / name)

    def go_on(self, out, options, wanted):
        """The same command again ends well."""
        done = self.convert(out, options)
        if not is_there_already(out, done.returncode, done.stderr):
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(digest(out), wanted)

    def check_calls(self, library, name, options, call, code, stays=0):
        """Lets each call of a kind fail in turn, until a run has fewer calls."""
        out, told = str(self.dir / name), self.dir / "told"
        wanted, n = self.whole("whole-" + name, options), 0
        while n == 0 or told.exists():
            n += 1
            told.unlink(missing_ok=True)
            remove(out)
            variables = {"CALL": call, "AT": n, "ERRNO": code, "STAY": stays, "UNDER": out, "TOLD": told}
            variables = {f"FAULTS_{key}": value for key, value in variables.items()}
            done = self.convert(out, options, env=preloaded(library, **variables))
            if code == 0:
                self.assertEqual(done.returncode, 0, done.stderr)
            elif done.returncode != 0:
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(os.strerror(code), done.stderr)
                self.assertIn(name, done.stderr)
            elif told.exists():  # of what is not needed: what is left to remove, syncs of folders
                self.assertIn(call, ("unlink", "write", "sync", "link", "mkdir"))
            self.go_on(out, options, wanted)
        self.assertGreater(n, 1)
        remove(str(self.dir / ("whole-" + name)))

    def test_each_call_fails_once(self):
        library = build_library("faults", self.dir)
        if not library:
            self.skipTest("needs Linux and a C compiler")
        rows = [
            ("out.zarr", ["--durability", "end"]),
            ("out.zarr", ["--shards", "64x64"]),
            ("out.tif", []),
            ("out.npy", []),
        ]
        for name, options in rows:
            for call in ("write", "sync", "rename", "open", "mkdir", "link", "unlink"):
                if name == "out.zarr" or call != "rename":  # a file gets its name by link and unlink
                    with self.subTest(name=name, options=options, call=call):
                        self.check_calls(library, name, options, call, errno.EIO)

    def test_a_disk_that_stays_broken(self):
        library = build_library("faults", self.dir)
        if not library:
            self.skipTest("needs Linux and a C compiler")
        for name, code in (("out.zarr", errno.EDQUOT), ("out.tif", errno.EIO)):
            with self.subTest(name=name, code=code):
                self.check_calls(library, name, [], "write", code, stays=1)

    def test_short_writes(self):
        library = build_library("faults", self.dir)
        if not library:
            self.skipTest("needs Linux and a C compiler")
        for name in ("out.zarr", "out.tif", "out.npy"):
            with self.subTest(name=name):
                self.check_calls(library, name, [], "write", 0)

    def test_another_process_finishes_the_same_image(self):
        """While one process finishes an image, at each of its calls, another one finishes it, too: both end well."""
        library = build_library("faults", self.dir)
        if not library:
            self.skipTest("needs Linux and a C compiler")
        out, begun, told = str(self.dir / "out.zarr"), str(self.dir / "begun.zarr"), self.dir / "told"
        wanted = self.whole("whole.zarr", [])
        for part in ("1/2", "2/2"):
            self.assertIn(self.convert(begun, ["--part", part]).returncode, (0, 3))  # 3: not complete
        for call in ("open", "write", "sync", "rename", "unlink"):
            n = 0
            while n == 0 or told.exists():
                n += 1
                told.unlink(missing_ok=True)
                remove(out)
                shutil.copytree(begun, out)
                variables = {"CALL": call, "AT": n, "UNDER": out, "TOLD": told, "RUN": f"{COMMAND} finish {out}"}
                variables = {f"FAULTS_{key}": value for key, value in variables.items()}
                done = self.run_it("finish", out, env=preloaded(library, **variables))
                with self.subTest(call=call, n=n):
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertEqual(digest(out), wanted)
            self.assertGreater(n, 1)

    def mount(self, folder, options):
        """Mounts memory as a disk; skips the test where that is not allowed."""
        os.mkdir(folder)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"no tmpfs can be mounted: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", folder])

    def test_a_full_disk(self):
        folder = str(self.dir / "disk")
        self.mount(folder, "size=64k")
        write_image(self.image, (4, 200, 200))
        for name, options in (("out.zarr", ["--codec", "none"]), ("out.zarr", ["--shards", "64x64"]), ("out.tif", [])):
            out, options = f"{folder}/{name}", [*options, "--axes", "ZYX"]
            wanted = self.whole("whole-" + name, options)
            done = self.convert(out, options)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stderr, rf"{name}.*No space left on device; free some space")
            self.assertIn("to continue:", done.stderr)
            subprocess.run(["mount", "-o", "remount,size=10M", folder], check=True)
            self.go_on(out, options, wanted)
            remove(out)
            remove(str(self.dir / ("whole-" + name)))
            subprocess.run(["mount", "-o", "remount,size=64k", folder], check=True)

    def test_a_folder_that_cannot_be_written(self):
        folder = str(self.dir / "folder")
        if os.geteuid() == 0:
            self.mount(folder, "ro")
        else:
            os.mkdir(folder, 0o500)
        for name in ("out.zarr", "out.tif"):
            done = self.convert(f"{folder}/{name}", [])
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, rf"{name}: (.*: )?cannot be .*(Read-only file system|Permission denied); ch")
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_status_of_an_output_that_cannot_be_written(self):
        """Looking writes nothing."""
        out = str(self.dir / "out.zarr")
        self.convert(out, ["--part", "1/2"])
        before = {path: path.stat().st_mtime_ns for path in Path(out).rglob("*")}
        self.assertEqual(self.run_it("status", out).returncode, 3)
        self.assertEqual(self.run_it("info", out).returncode, 0)
        self.assertEqual({path: path.stat().st_mtime_ns for path in Path(out).rglob("*")}, before)


if __name__ == "__main__":
    COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
