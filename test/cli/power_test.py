#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Power cuts during microtome convert. Usage: power_test.py COMMAND [TEST...]

A conversion is recorded, call by call. For each call, the folders are made that a power cut after it may leave: what
was not synced may be lost or kept, names and contents each on their own. From there the same command must go on, and the
output must equal that of a run without a power cut.

The model keeps what POSIX promises and nothing else: fsync of a file keeps its contents, fsync of a folder the names in
it. Names that were not synced may be kept in any order, and contents be lost, zeros, or torn. File systems in use allow
less: ext4, for one, keeps names in the order in which they were made.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from outputs import MEMORY, build_library, digest, grid, is_there_already, preloaded, remove, write_image

COMMAND = ""


class Disk:
    """The files below a folder: as they are, as they were synced, and what was done since then.

    Files are named by inodes. A change of names is a list of (folder, name, inode or None)."""

    def __init__(self, root):
        self.root, self.top = root, -1
        self.names = {self.top: {}}  # folder: {name: inode}
        self.synced_names = {self.top: {}}
        self.changes = {self.top: []}  # not synced, in order
        self.synced_bytes, self.writes = {}, {}
        self.own = set()  # files of the writer itself: its plan, its journal

    def place(self, path):
        """The folder of a path, and the name in it."""
        *folders, name = os.path.relpath(path, self.root).split("/")
        at = self.top
        for folder in folders:
            at = self.names[at][folder]
        return at, name

    def change(self, *changes):
        for folder, name, inode in changes:
            if inode is None:
                self.names[folder].pop(name, None)
            else:
                self.names[folder][name] = inode
        for folder in {folder for folder, _, _ in changes}:
            self.changes[folder].append([one for one in changes if one[0] == folder])

    def play(self, line):
        call, *rest = line.rstrip("\n").split("\t")
        if call == "create":
            inode = int(rest[0])
            self.synced_bytes[inode], self.writes[inode] = b"", []
            if "/.microtome/" in rest[1]:
                self.own.add(inode)
            self.change((*self.place(rest[1]), inode))
        elif call == "folder":
            inode = int(rest[0])
            self.names[inode], self.synced_names[inode], self.changes[inode] = {}, {}, []
            self.change((*self.place(rest[1]), inode))
        elif call == "rename":
            folder, name = self.place(rest[0])
            self.change((folder, name, None), (*self.place(rest[1]), self.names[folder][name]))
        elif call == "link":
            folder, name = self.place(rest[0])
            self.change((*self.place(rest[1]), self.names[folder][name]))
        elif call == "unlink":
            self.change((*self.place(rest[0]), None))
        elif call == "write":
            self.writes[int(rest[0])].append((int(rest[1]), bytes.fromhex(rest[2])))
        elif call == "truncate":
            self.writes[int(rest[0])].append((int(rest[1]), None))
        elif call == "sync" and int(rest[0]) in self.names:
            folder = int(rest[0])
            self.synced_names[folder], self.changes[folder] = dict(self.names[folder]), []
        elif call == "sync" and int(rest[0]) in self.writes:
            inode = int(rest[0])
            self.synced_bytes[inode], self.writes[inode] = self.contents(inode, lambda inode, write: write), []
        elif call == "sync":  # the folder that holds all
            self.synced_names[self.top], self.changes[self.top] = dict(self.names[self.top]), []

    def contents(self, inode, choose):
        """The bytes of a file, of whose writes choose returns what is kept, or None."""
        out = bytearray(self.synced_bytes[inode])
        for write in self.writes[inode]:
            kept = choose(inode, write)
            if kept is None:
                continue
            at, data = kept
            if data is None:
                del out[at:]
                out.extend(bytes(at - len(out)))
            else:
                out.extend(bytes(max(0, at + len(data) - len(out))))
                out[at : at + len(data)] = data
        return bytes(out)

    def state(self, keeps_name, choose):
        """{path: bytes, or None of a folder} after a power cut."""
        found = {}

        def visit(folder, path):
            names = dict(self.synced_names[folder])
            for change in self.changes[folder]:
                if keeps_name():
                    for _, name, inode in change:
                        if inode is None:
                            names.pop(name, None)
                        else:
                            names[name] = inode
            for name, inode in sorted(names.items()):
                below = f"{path}/{name}" if path else name
                is_folder = inode in self.names
                found[below] = None if is_folder else self.contents(inode, choose)
                if is_folder:
                    visit(inode, below)

        visit(self.top, "")
        return found


class Power(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="microtome-power-", dir=MEMORY))
        self.addCleanup(shutil.rmtree, self.dir)
        self.library = build_library("recorder", self.dir)
        if not self.library:
            self.skipTest("needs Linux and a C compiler")
        self.image = str(self.dir / "in.npy")
        write_image(self.image, (70, 50))
        self.random = random.Random(11)

    def convert(self, out, options, env=None):
        command = [COMMAND, "convert", self.image, out, "--threads", "2", *grid(out), *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)

    def record(self, name, options):
        folder, log = self.dir / "recorded", self.dir / "log"
        for old in (folder, log):
            remove(str(old))
        folder.mkdir()
        done = self.convert(str(folder / name), options, preloaded(self.library, RECORD_UNDER=folder, RECORD_TO=log))
        self.assertEqual(done.returncode, 0, done.stderr)
        return folder, log.read_text().splitlines()

    def states(self, disk):
        """What a power cut may leave now: the extremes, and others at random."""

        def lost(inode, write):
            return None

        def kept(inode, write):
            return write

        def zeros(inode, write):
            return write if write[1] is None else (write[0], bytes(len(write[1])))

        def only_journals(instead):
            return lambda inode, write: write if inode in disk.own else instead(inode, write)

        def maybe(inode, write):
            draw, (at, data) = self.random.random(), write
            if draw < 0.6 or data is None:
                return write if draw < 0.6 else None
            return None if draw < 0.7 else zeros(inode, write) if draw < 0.9 else (at, data[: len(data) // 2])

        for contents in (lost, kept):
            yield disk.state(lambda: False, contents)
        for contents in (lost, kept, zeros, only_journals(lost), only_journals(zeros)):
            yield disk.state(lambda: True, contents)
        share = self.random.choice((0.5, 0.9))
        yield disk.state(lambda: self.random.random() < share, maybe)

    def lay_out(self, state, folder):
        for path, data in state.items():
            if data is None:
                os.mkdir(folder / path)
            else:
                (folder / path).write_bytes(data)

    def check(self, name, options):
        recorded, lines = self.record(name, options)
        wanted, folder = digest(recorded / name), self.dir / "cut"
        disk, seen = Disk(recorded), set()
        for number, line in enumerate(lines):
            disk.play(line)
            for state in self.states(disk):
                key = hash(frozenset(state.items()))
                if key in seen:
                    continue
                seen.add(key)
                folder.mkdir()
                self.lay_out(state, folder)
                done = self.convert(str(folder / name), options)
                what = f"{name}, power cut after call {number}: {line[:200]}\n{sorted(state)}\n{done.stderr}"
                if not is_there_already(str(folder / name), done.returncode, done.stderr):
                    self.assertEqual(done.returncode, 0, what)
                self.assertEqual(digest(folder / name), wanted, what)
                shutil.rmtree(folder)
        self.assertEqual(
            {p: d for p, d in disk.state(lambda: False, lambda inode, write: None).items() if d is not None},
            {str(p.relative_to(recorded)): p.read_bytes() for p in recorded.rglob("*") if p.is_file()},
        )
        print(f"{name} {' '.join(options)}: {len(lines)} calls, {len(seen)} states", flush=True)

    def test_chunks_synced_one_by_one(self):
        self.check("out.zarr", [])

    def test_shards_synced_one_by_one(self):
        self.check("out.zarr", ["--shards", "64x64", "--codec", "zstd"])

    def test_all_synced_at_the_end(self):
        self.check("out.zarr", ["--durability", "end"])

    def test_tiff(self):
        self.check("out.tif", [])

    def test_npy(self):
        self.check("out.npy", [])
        self.check("out.npy", ["--durability", "end"])


if __name__ == "__main__":
    COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
