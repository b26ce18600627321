#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Power cuts of a real disk during microtome convert. Usage: shutdown_test.py COMMAND [TEST...]

An ext4 file system in a file is shut down at random moments, without its journal: what was not forced to the disk is
lost. Needs root and loop devices. All is mounted in a namespace of its own, so that the system unmounts it however the
test ends.
"""

import contextlib
import fcntl
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from outputs import MEMORY, digest, is_there_already, remove, write_image

COMMAND = ""
CUTS = 10  # of each format, at least

# Of Linux, fs/ext4/ext4.h: the ioctl, and its argument that loses what the journal of ext4 has not stored.
SHUTDOWN, WITHOUT_THE_LOG = 0x8004587D, 2

FORMATS = {
    "zarr": ("out.zarr", ["--chunks", "32x32", "--pyramid", "3"]),
    "shards": ("out.zarr", ["--chunks", "32x32", "--shards", "64x64", "--pyramid", "3", "--codec", "zstd"]),
    "at the end": ("out.zarr", ["--chunks", "32x32", "--pyramid", "3", "--durability", "end"]),
    "npy": ("out.npy", ["--chunks", "10x0"]),
    "tiff": ("out.tif", ["--chunks", "32x32", "--pyramid", "3"]),
}


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


class Disk:
    """An ext4 file system in a file, whose power is cut."""

    def __init__(self, folder):
        self.image, self.root = str(folder / "disk.img"), folder / "disk"
        self.root.mkdir()
        with open(self.image, "wb") as file:
            file.truncate(64 << 20)
        self.is_mounted, self.refusal = False, ""
        # Contents of files are written in no order with the journal: the least that ext4 promises.
        self.options = "loop,data=writeback,noauto_da_alloc"

    def make(self):
        """False, with a reason, if that is not possible here."""
        if os.geteuid() != 0 or not os.environ.get(OWN_MOUNTS):
            self.refusal = "needs root, and a mount namespace"
        elif not shutil.which("mkfs.ext4"):
            self.refusal = "needs mkfs.ext4"
        else:
            made = run("mkfs.ext4", "-q", "-F", self.image)
            self.refusal = made.stderr.strip() if made.returncode else self.mount()
        return not self.refusal

    def mount(self):
        done = run("mount", "-t", "ext4", "-o", self.options, self.image, str(self.root))
        self.is_mounted = done.returncode == 0
        return done.stderr.strip()

    def unmount(self):
        if self.is_mounted:
            subprocess.run(["umount", str(self.root)], check=True)
            self.is_mounted = False

    def shut_down(self):
        file = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(file, SHUTDOWN, struct.pack("I", WITHOUT_THE_LOG))
        finally:
            os.close(file)

    def start_again(self):
        self.unmount()
        refusal = self.mount()
        assert not refusal, refusal


def read_journals(out, sync=False):
    """The number of records in the journals of an output (src/write/journal.h)."""
    found = 0
    for folder in (out / ".microtome", Path(f"{out}.partial/.microtome")):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # finishing removes them
            for name in os.listdir(folder):
                if name.startswith("journal-"):
                    with open(folder / name, "rb") as file:
                        data = file.read()
                        if sync:
                            os.fsync(file.fileno())
                    found += sum(any(data[at : at + 32]) for at in range(32, len(data), 32))
    return found


class Shutdown(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="microtome-shutdown-", dir=MEMORY))
        self.addCleanup(shutil.rmtree, self.dir)
        self.disk = Disk(self.dir)
        self.addCleanup(self.disk.unmount)
        if not self.disk.make():
            print(f"[  SKIPPED ] a_disk_that_loses_power\n{self.disk.refusal}", flush=True)  # as .ci/run looks for
            self.skipTest(self.disk.refusal)
        self.image = str(self.dir / "in.npy")
        write_image(self.image, (2, 2, 250, 200))
        self.random = random.Random(5)

    def start(self, out, options):
        command = [COMMAND, "convert", self.image, str(out), "--axes", "CZYX", "--threads", "2", *options]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, out, options):
        """Runs a conversion to its end, and returns what was said."""
        process = self.start(out, options)
        told, err = process.communicate(timeout=120)
        if not is_there_already(str(out), process.returncode, err):
            self.assertEqual(process.returncode, 0, err)
        return told + err

    def cut(self, out, options, units):
        """Cuts the power when some of the units are done. Returns whether the conversion was at work."""
        wanted, process = self.random.randrange(units), self.start(out, options)
        while process.poll() is None and read_journals(out) < wanted:
            time.sleep(0.0001)
        process.send_signal(signal.SIGSTOP)
        synced = self.random.choice(("nothing", "journals", "all"))  # as the system does after some time
        if synced == "journals":
            read_journals(out, sync=True)
        elif synced == "all":
            run("sync", "-f", str(self.disk.root))
        process.send_signal(signal.SIGCONT)
        time.sleep(self.random.choice((0, 0.0003, 0.003)))
        was_at_work = process.poll() is None
        self.disk.shut_down()
        process.communicate(timeout=120)
        self.disk.start_again()
        return was_at_work

    def check_left(self, out, whole, is_synced):
        """What a power cut leaves has its final name only if it is whole."""
        for file in [out, *out.rglob("*")] if is_synced else ():
            path = file.relative_to(out)
            is_own = path.parts[:1] == (".microtome",) or file.name.endswith(".partial")
            if file.is_file() and not is_own and str(path) != "zarr.json":  # which finishing replaces
                self.assertEqual(file.read_bytes(), (whole / path).read_bytes(), path)

    def check(self, name):
        file, options = FORMATS[name]
        remove(str(self.disk.root / file))  # of a format that failed
        whole, out = self.dir / f"{name}-{file}", self.disk.root / file
        units = int(re.search(r"(\d+) (chunk|shard)", self.finish(whole, options)).group(1))
        wanted, cuts, hits, recorded, resumed = digest(whole), 0, 0, 0, 0
        while cuts < CUTS or (resumed == 0 and cuts < 20 * CUTS):
            for _ in range(2):  # the second while the first is made good
                cuts += 1
                hits += self.cut(out, options, units)
                self.check_left(out, whole, "end" not in options)
                recorded += read_journals(out)
            resumed += bool(re.search("resuming: [1-9]", self.finish(out, options)))
            self.assertEqual(digest(out), wanted)
            remove(str(out))
        print(
            f"{name:10}: {hits} of {cuts} power cuts hit a conversion at work, and left {recorded} records; "
            f"{resumed} of {cuts // 2} outputs were resumed after their first unit",
            flush=True,
        )
        self.assertGreater(hits, 0)
        self.assertGreater(resumed, 0)

    def test_a_power_cut_loses_what_was_not_synced(self):
        """Of the test itself: otherwise it would show nothing."""
        for name, is_synced in (("kept", True), ("lost", False)):
            with open(self.disk.root / name, "wb") as file:
                file.write(b"contents")
                if is_synced:
                    file.flush()
                    os.fsync(file.fileno())
        self.disk.shut_down()
        with self.assertRaises(OSError):
            (self.disk.root / "later").touch()
        self.disk.start_again()
        self.assertEqual((self.disk.root / "kept").read_bytes(), b"contents")
        self.assertFalse((self.disk.root / "lost").exists() and (self.disk.root / "lost").read_bytes())

    def test_power_cuts(self):
        for name in FORMATS:
            with self.subTest(name=name):
                self.check(name)


OWN_MOUNTS = "MICROTOME_TEST_OWN_MOUNTS"


def take_own_mounts():
    """Starts this program again in a mount namespace of its own, where that is allowed."""
    if not os.environ.get(OWN_MOUNTS) and shutil.which("unshare") and run("unshare", "--mount", "true").returncode == 0:
        os.environ[OWN_MOUNTS] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])


if __name__ == "__main__":
    take_own_mounts()
    COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
