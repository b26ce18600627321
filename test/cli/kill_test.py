#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Kills microtome convert and predict, and continues them. Usage: kill_test.py COMMAND [--runs N] [TEST...]

The output of each run that was interrupted must equal that of one that was not: the SHA-256 of every file.
"""

import contextlib
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from outputs import MEMORY, digest, is_there_already, remove, write_image

COMMAND = ""
RUNS = 5

FORMATS = {
    "zarr": ("out.zarr", ["--chunks", "32x32", "--pyramid", "3"]),
    "shards": ("out.zarr", ["--chunks", "32x32", "--shards", "128x64", "--pyramid", "3", "--codec", "zstd"]),
    "npy": ("out.npy", ["--chunks", "10x0"]),
    "tiff": ("out.tif", ["--chunks", "32x32", "--pyramid", "3"]),
    "series": ("out.zarr", ["--chunks", "32x32", "--join", "S"]),  # a collection of two images
    "labels": ("out.zarr", ["--chunks", "64x64", "--label-images", "all"]),  # an image with two label images
}
ALONE = ("tiff", "npy")  # one process writes these

TILES = {
    "crop": ["--tile", "2x64x64", "--overlap", "0x16x16", "--batch-size", "3"],
    "hann": ["--tile", "64x64", "--overlap", "16x32", "--batch-size", "4", "--blend", "hann"],
}

# A network whose answer changes with the number of a batch, with each of its tiles, and with their order: it moves all
# values on. Neighbouring tiles disagree where they overlap.
NETWORK = """
import sys

source, target = sys.stdin.buffer, sys.stdout.buffer
while line := source.readline():
    number, shape = line.split(b":")
    size = 4
    for n in shape.split():
        size *= int(n)
    data = source.read(size)
    at = 4 * (1 + 37 * int(number)) % size
    target.write(line + data[at:] + data[:at])
    target.flush()
"""


class Killed(unittest.TestCase):
    """Starts, kills and continues what the method work of a class starts."""

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="microtome-kill-", dir=MEMORY))
        self.addCleanup(shutil.rmtree, self.dir)
        self.image = str(self.dir / "in.npy")
        write_image(self.image, (2, 3, 250, 200))
        self.random = random.Random(7)

    def start(self, *arguments):
        return subprocess.Popen([COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self, process, status=0):
        """Waits for the end. What an earlier run has completed may be found complete."""
        out, err = process.communicate(timeout=120)
        if is_there_already(str(self.dir / "out.npy"), process.returncode, err):
            return "already complete", err
        if process.returncode != 0 or not out.endswith("already complete\n"):
            self.assertEqual(process.returncode, status, err)
        return out, err

    def steps(self, out, options, threads, processes):
        """Each step starts processes at once, and returns them with the exit code of each."""
        if processes == 1:
            return [lambda: [(self.work(out, options, threads), 0)]]
        parts = [f"{k}/{processes}" for k in range(1, processes + 1)]
        return [
            lambda: [(self.work(out, options, threads, "--part", part), 3) for part in parts],
            lambda: [(self.start("finish", out, "--threads", str(threads)), 0)],
        ]

    def run_steps(self, steps, out=""):
        """Runs all steps to their end; returns what was said, and the seconds since the output appeared."""
        said, begin = [], None
        for step in steps:
            started = step()
            while begin is None and any(process.poll() is None for process, _ in started):
                begin = time.monotonic() if self.is_begun(out) else None
                time.sleep(0.0005)
            said += [self.end(*one) for one in started]
        return said, time.monotonic() - (begin or time.monotonic())

    def kill_within(self, steps, out, seconds, number=signal.SIGKILL):
        """Runs the steps, and kills what runs some time after the output appeared. Returns the exit code and the
        words of each process that was killed."""
        begin = None
        for step in steps:
            started = [process for process, _ in step()]
            while any(process.poll() is None for process in started):
                begin = begin or (time.monotonic() if self.is_begun(out) else None)
                if begin and time.monotonic() - begin >= seconds:
                    alive = [process for process in started if process.poll() is None]
                    for process in alive:
                        process.send_signal(number)
                    said = {process: process.communicate() for process in started}
                    return [(process.returncode, *said[process]) for process in alive]
                time.sleep(0.0005)
            for process in started:
                process.communicate()
        return []

    @staticmethod
    def is_begun(out):
        """Whether it is time to kill: the output has appeared."""
        return os.path.exists(out) or os.path.exists(out + ".partial")

    def stored(self, out):
        """Published units of the full resolution."""
        return sum(1 for file in Path(out).glob("0/c/**/*") if file.is_file() and not file.name.endswith(".partial"))

    def resumed(self, said):
        """The largest number of units that one of the processes found done."""
        return max([int(n) for _, err in said for n in re.findall(r"resuming: (\d+) of", err)], default=0)

    def check_row(self, title, name, threads, processes, *more):
        file, options = FORMATS[name]
        options = [*options, *more]
        out, whole = str(self.dir / file), str(self.dir / ("whole-" + file))
        remove(whole)  # of another row
        self.run_steps(self.steps(whole, options, threads, processes))
        steps = self.steps(out, options, threads, processes)
        wanted, seconds = digest(whole), []
        for _ in range(2):
            remove(out)
            seconds.append(self.run_steps(steps, out)[1])
        self.assertEqual(digest(out), wanted)
        hits, resumed, again, latest = 0, 0, 0, min(seconds)
        for _ in range(RUNS):
            remove(out)
            killed = self.kill_within(steps, out, self.random.uniform(0, latest))
            is_hit = any(code == -signal.SIGKILL for code, _, _ in killed)
            latest = min(seconds) if is_hit else latest / 2  # so that some hit even a short run
            before = self.stored(out) if name in ("zarr", "shards") and is_hit else 0
            said, _ = self.run_steps(steps)
            hits += is_hit
            if not any("already complete" in text for text, _ in said):
                resumed += is_hit and self.resumed(said) > 0
                again = max(again, before - self.resumed(said))
            self.assertEqual(digest(out), wanted)
        print(
            f"{title} {name:7} {threads} threads, {processes} processes: {hits} of {RUNS} kills hit one at work, "
            f"{resumed} after its first unit; at most {again} units were written again",
            flush=True,
        )
        self.assertGreater(hits, 0)
        self.assertLessEqual(again, 2 * threads * processes)


class Interrupted(Killed):
    def labelled(self):
        """An OME-Zarr image with two label images."""
        image = self.dir / "labelled.zarr"
        if not image.exists():
            self.end(self.start("convert", self.image, str(image), "--axes", "CZYX"))
            write_image(self.dir / "labels.npy", (3, 250, 200))
            (image / "labels").mkdir()
            listed = {"ome": {"version": "0.5", "labels": ["cells", "nuclei"]}}
            group = {"zarr_format": 3, "node_type": "group", "attributes": listed}
            (image / "labels/zarr.json").write_text(json.dumps(group))
            for name in listed["ome"]["labels"]:
                to = str(image / "labels" / name)
                options = ["--axes", "ZYX", "--format", "zarr", "--labels"]
                self.end(self.start("convert", str(self.dir / "labels.npy"), to, *options))
        return str(image)

    def work(self, out, options, threads, *more):
        is_labelled = "--label-images" in options
        return self.start(
            "convert",
            self.labelled() if is_labelled else self.image,
            out,
            *(() if is_labelled else ("--axes", "SZYX" if "S" in options else "CZYX")),
            "--threads",
            str(threads),
            *options,
            *more,
        )

    def test_kill(self):
        if RUNS > 5:
            rows = [(f, t, p) for f in FORMATS for t in (1, 2, 8) for p in ((1,) if f in ALONE else (1, 3))]
        else:
            rows = [("zarr", 2, 1), ("shards", 8, 1), ("zarr", 1, 3), ("tiff", 2, 1), ("npy", 2, 1), ("series", 2, 3)]
            rows.append(("labels", 2, 3))
        for row in rows:
            with self.subTest(row=row):
                self.check_row("conversion", *row)

    def test_a_process_that_shares_the_work_is_killed(self):
        """The others do its work, too, without being started again."""
        for name in ("zarr", "shards", "labels"):
            with self.subTest(name=name):
                file, options = FORMATS[name]
                out, whole = str(self.dir / file), str(self.dir / ("whole-" + file))
                remove(whole)
                self.run_steps(self.steps(whole, options, 1, 1))
                wanted, hits, attempts = digest(whole), 0, 0
                while hits < 2 and attempts < 20:
                    attempts += 1
                    remove(out)
                    processes = [self.work(out, options, 1, "--claim") for _ in range(3)]
                    while not list(Path(out).glob(".microtome/claim-*")) and processes[0].poll() is None:
                        time.sleep(0.0005)
                    time.sleep(self.random.uniform(0, 0.03))
                    processes[0].kill()
                    hits += processes[0].wait() == -signal.SIGKILL
                    processes[0].communicate()
                    for process in processes[1:]:
                        told, _ = self.end(process, 3)
                        self.assertIn("all is done; when the other processes have ended: microtome finish", told)
                    self.end(self.start("finish", out))
                    self.assertEqual(digest(out), wanted)
                print(f"shared {name:7}: {hits} of {attempts} kills hit one at work", flush=True)
                self.assertGreater(hits, 0)

    def test_any_number_of_threads_and_processes_writes_the_same_bytes(self):
        for name in ("zarr", "shards", "tiff", "npy"):
            file, options = FORMATS[name]
            out, found = str(self.dir / file), []
            for threads, processes in ((1, 1), (8, 1), (2, 3)):
                if processes == 1 or name in ("zarr", "shards"):
                    self.run_steps(self.steps(out, options, threads, processes))
                    found.append(digest(out))
                    remove(out)
            self.assertTrue(all(one == found[0] for one in found[1:]), name)

    def test_terminate(self):
        """Ctrl-C and SIGTERM end in order, and the command that continues is printed."""
        for name, number in (("zarr", signal.SIGTERM), ("tiff", signal.SIGINT)):
            file, options = FORMATS[name]
            out, whole = str(self.dir / file), str(self.dir / ("whole-" + file))
            _, seconds = self.run_steps(self.steps(whole, options, 2, 1), whole)
            steps, hits = self.steps(out, options, 2, 1), 0
            for attempt in range(20):
                remove(out)
                for code, _, err in self.kill_within(steps, out, seconds * 0.15 * (attempt % 6), number):
                    if code == -number or code == 0:
                        continue  # before the signal was caught, or too late
                    self.assertEqual(code, 130, err)
                    self.assertRegex(err, r"interrupted\n.* of \d+ chunks are done; to continue:\n  microtome convert ")
                    again = re.search(r"\n  microtome (.*)\n", err).group(1).split(" ")
                    self.end(self.start(*again))
                    self.assertEqual(digest(out), digest(whole))
                    hits += 1
                if hits >= 2:
                    break
            self.assertGreater(hits, 0)

    def test_a_journal_cut_at_every_byte(self):
        image, out, kept, whole = (str(self.dir / n) for n in ("small.npy", "cut.zarr", "kept.zarr", "small.zarr"))
        write_image(image, (60, 50))
        arguments = [image, out, "--chunks", "16x16"]
        self.end(self.start("convert", image, whole, *arguments[2:]))
        self.end(self.start("convert", *arguments, "--part", "1/8"), 3)
        os.rename(out, kept)
        (journal,) = Path(kept).glob(".microtome/journal-*")
        bytes_ = journal.read_bytes()
        records = len(bytes_) // 32 - 1
        self.assertEqual((len(bytes_) % 32, records), (0, 2))
        for size in range(len(bytes_) + 1):
            shutil.copytree(kept, out)
            (Path(out) / ".microtome" / journal.name).write_bytes(bytes_[:size])
            _, err = self.end(self.start("convert", *arguments))
            done = size // 32 - 1 if size >= 64 else 0
            self.assertEqual(self.resumed([("", err)]), done, size)
            self.assertEqual(digest(out), digest(whole))
            remove(out)

    def test_two_writers_at_once(self):
        """Both write the same bytes; a process may find that the other has finished."""
        file, options = FORMATS["zarr"]
        out, whole = str(self.dir / file), str(self.dir / "whole.zarr")
        self.run_steps(self.steps(whole, options, 1, 1))
        for _ in range(3):
            remove(out)
            both = [self.work(out, options, 1), self.work(out, options, 1)]
            codes = [(process.communicate(), process.returncode)[1] for process in both]
            self.assertTrue(set(codes) <= {0, 1}, codes)
            self.run_steps(self.steps(out, options, 1, 1))
            self.assertEqual(digest(out), digest(whole))
        out = str(self.dir / "part.zarr")
        both = [self.work(out, options, 1, "--part", "1/2") for _ in range(2)]
        for process in both:
            self.end(process, 3)
        self.end(self.work(out, options, 1, "--part", "2/2"), 3)
        self.end(self.start("finish", out))
        self.assertEqual(digest(out), digest(whole))


class Predicted(Killed):
    def setUp(self):
        super().setUp()
        network = self.dir / "network.py"
        network.write_text(NETWORK)
        command = f"exec {shlex.quote(sys.executable)} -S {shlex.quote(str(network))}"
        self.networks = {"identity": ["--identity"], "pipe": ["--pipe", command]}

    @staticmethod
    def is_begun(out):
        """A unit is written and in a journal: most of the time before belongs to the start of the network."""
        for place in (out, out + ".partial"):
            with contextlib.suppress(FileNotFoundError):  # journals go at the end
                if any(file.stat().st_size > 64 for file in Path(place).glob(".microtome/journal-*")):
                    return True
        return False

    def work(self, out, options, threads, *more):
        return self.start("predict", self.image, out, "--axes", "CZYX", "--threads", str(threads), *options, *more)

    def test_kill(self):
        formats = [name for name in FORMATS if name not in ("series", "labels")]
        if RUNS > 5:
            rows = [
                (f, t, p, "pipe", b)
                for b in TILES
                for f in formats
                for t in (1, 2, 8)
                for p in ((1,) if f in ALONE else (1, 3))
            ]
        else:
            rows = [
                ("zarr", 2, 1, "pipe", "crop"),
                ("shards", 8, 1, "identity", "hann"),
                ("zarr", 1, 3, "identity", "hann"),
                ("tiff", 2, 1, "identity", "crop"),
                ("npy", 2, 1, "pipe", "hann"),
            ]
        for *row, network, tiles in rows:
            with self.subTest(row=row, network=network, tiles=tiles):
                self.check_row(f"prediction, {tiles}", *row, *self.networks[network], *TILES[tiles])


if __name__ == "__main__":
    COMMAND = os.path.abspath(sys.argv.pop(1))
    if "--runs" in sys.argv:
        at = sys.argv.index("--runs")
        RUNS = int(sys.argv[at + 1])
        del sys.argv[at : at + 2]
    unittest.main()
