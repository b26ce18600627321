#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs microtome predict as a user would, with programs of all kinds. Usage: predict_test.py COMMAND [TEST...]"""

import array
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

import command_test
from command_test import Command, read_npy, write_npy
from outputs import MEMORY, digest, remove, write_image

# A network of the standard library alone. It misbehaves as its first argument says; the second is a folder that the
# processes of one prediction share.
NETWORK = """
import array, fcntl, os, sys, termios, time

how, folder = sys.argv[1:3]
source, target = sys.stdin.buffer, sys.stdout.buffer


def once(name):
    try:
        os.close(os.open(os.path.join(folder, name), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


while line := source.readline():
    number, shape = line.split(b":")
    shape = [int(n) for n in shape.split()]
    count = 1
    for n in shape:
        count *= n
    x = array.array("f", source.read(4 * count))
    assert len(x) == count
    answer = array.array("f", [v * 2 + 1 for v in x])
    if os.path.exists(os.path.join(folder, "slow")):
        time.sleep(0.05)
    if how == "crash" and int(number) == 2 and once("crashed"):
        raise SystemExit("out of memory, for example")
    if how == "always" and int(number) == 1:
        print("line 1\\nline 2", file=sys.stderr)
        sys.exit(7)
    if how == "overtaken" and int(number) == 1 and "OVERTAKE" in os.environ:
        if once("overtaken"):
            assert os.system("env -u OVERTAKE " + os.environ["OVERTAKE"] + " >&2") == 0
        sys.exit(7)
    if how == "kill":
        os.kill(os.getpid(), 11)
    if how == "nan":
        answer[0] = answer[-1] = float("nan")
    if how == "two":
        size = count // shape[0]
        answer = array.array("f")
        for i in range(shape[0]):
            tile = x[i * size : (i + 1) * size]
            answer += tile + array.array("f", [-v for v in tile])
        shape[1] *= 2
    if how == "half":
        shape[-1] //= 2
        shape[-2] //= 2
        answer = array.array("f", [x[2 * ((i // shape[-1]) * 2 * shape[-1] + i % shape[-1])] for i in range(count // 4)])
    if how == "valid":
        shape[-1] -= 8
    text = b"%s: %s\\n" % (number, b" ".join(b"%d" % n for n in shape))
    data = answer.tobytes()
    if how == "long":
        data += b"1234"
    if how == "chatty":
        text = b"Epoch 1 of 10\\n" + text
    if how == "other":
        text = b"7: " + text.split(b": ")[1]
    if how == "endless":
        text = b"1" * 1000
    if how == "hangs":
        target.write(text + data[:10])
        target.flush()
        while any(fcntl.ioctl(1, termios.FIONREAD, bytes(4))):  # until the reader has taken them
            time.sleep(0.01)
        with open(os.path.join(folder, "written"), "w") as file:
            file.write(str(os.getpid()))
        os.rename(file.name, os.path.join(folder, "number"))
        time.sleep(60)
    if how == "closes":
        os.close(1)
        time.sleep(60)
    target.write(text + data)
    target.flush()
    if how == "single":
        break
if how == "last":
    target.write(b"bye")
    sys.exit(5)
"""


class Predict(Command):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="microtome-predict-", dir=MEMORY))
        self.addCleanup(shutil.rmtree, self.dir)
        (self.dir / "network.py").write_text(NETWORK)

    def pipe(self, how="good"):
        words = [sys.executable, "-S", self.path("network.py"), how, self.path("")]
        return ["--pipe", "exec " + " ".join(map(shlex.quote, words))]  # the shell would outlive its closed pipes

    def predict(self, image, out, *options, status=0):
        return self.run_it("predict", image, self.path(out), *options, status=status)

    def pixels(self, path, size, code="f"):
        """The pixels from the origin on, C(Z)YX."""
        out = self.path("pixels.npy")
        at = ",".join("0" for _ in size)
        self.run_it("patches", path, "--size", "x".join(map(str, size)), f"--at={at}", "--out", out, "--force")
        return list(read_npy(out, code)[1])

    def values(self, count):
        return [i * 7 % 65521 for i in range(count)]

    def check_same(self, found, wanted):
        """As assertEqual, which takes minutes to show how long lists differ."""
        self.assertEqual(len(found), len(wanted))
        self.assertEqual([(i, a, b) for i, (a, b) in enumerate(zip(found, wanted)) if a != b][:5], [])


class Identity(Predict):
    def test_output_equals_input(self):
        image = self.path("image.npy")
        write_image(image, (2, 3, 50, 70))
        for i, (out, options) in enumerate(
            (
                ("out.zarr", ["--axes", "TZYX", "--tile", "2x16x16", "--overlap", "0x4x4"]),
                ("out.zarr", ["--axes", "CZYX", "--tile", "3x32x32", "--overlap", "2x8x8", "--blend", "linear"]),
                ("out.zarr", ["--axes", "TCYX", "--tile", "16x16", "--overlap", "4", "--blend", "hann"]),
                ("out.tif", ["--axes", "TCYX", "--tile", "32x0", "--overlap", "25%", "--blend", "gaussian"]),
                ("out.npy", ["--axes", "CZYX", "--tile", "16x16", "--overlap", "4", "--batch-size", "5"]),
                ("out.zarr", ["--axes", "CZYX", "--pyramid", "2", "--chunks", "16x16", "--shards", "32x32"]),
                ("out.zarr", ["--axes", "CZYX", "--tile", "128x128", "--overlap", "0", "--pad", "reflect"]),
                (
                    "out.zarr",
                    ["--axes", "CZYX", "--tile-memory", "512K", "--batch-size", "1", "--overlap", "8", "--align", "4"],
                ),
                ("out.zarr", ["--axes", "CZYX", "--tile", "32x32", "--overlap", "8", "--normalize", "mean-std"]),
            )
        ):
            with self.subTest(options=options):
                done = self.predict(image, f"{i}{out}", "--identity", "--verify", "--durability", "never", *options)
                self.assertIn("verified, checksum", done.stdout)

    def test_samples_channels_levels_and_types(self):
        image = self.image((2, 3, 40, 50))
        tile = ["--tile", "16x16", "--identity"]
        self.predict(image, "out.zarr", "--axes", "SCYX", *tile, "--sample", "1", "--channels", "2,0")
        want = self.values(12000)
        self.check_same(self.pixels(self.path("out.zarr"), (40, 50), "H"), want[10000:] + want[6000:8000])
        self.predict(image, "all.zarr", "--axes", "SCYX", *tile)
        self.assertIn('"axes": "TCYX"', self.run_it("info", "--json", self.path("all.zarr")).stdout)
        self.predict(image, "float.npy", "--axes", "TZYX", *tile, "--dtype", "float32")
        self.check_same(list(read_npy(self.path("float.npy"), "f")[1]), want)
        self.run_it("convert", image, self.path("pyramid.zarr"), "--axes", "CZYX", "--pyramid", "2")
        self.predict(self.path("pyramid.zarr"), "level.zarr", *tile, "--level", "1", "--verify")
        self.assertIn(
            "no level 2", self.predict(self.path("pyramid.zarr"), "x", *tile, "--level", "2", status=1).stderr
        )


class Pipe(Predict):
    def test_values_and_shapes(self):
        image = self.image((3, 40, 50))
        common = ["--axes", "ZYX", "--tile", "2x16x32", "--overlap", "0x4x8", "--batch-size", "5"]
        done = self.predict(image, "out.npy", *common, *self.pipe())
        self.assertRegex(done.stdout, r"out.npy: 12 tiles, \d+ chunks, .* tiles/s\n")
        self.check_same(list(read_npy(self.path("out.npy"), "f")[1]), [v * 2 + 1 for v in self.values(6000)])
        self.predict(image, "source.npy", *common, "--dtype", "source", *self.pipe())
        self.check_same(list(read_npy(self.path("source.npy"))[1]), [min(v * 2 + 1, 65535) for v in self.values(6000)])
        self.predict(image, "two.zarr", *common, "--output-channels", "2", *self.pipe("two"))
        found = self.pixels(self.path("two.zarr"), (3, 40, 50))
        self.check_same(found, [float(v) for v in self.values(6000)] + [-float(v) for v in self.values(6000)])
        planes = [
            "--axes",
            "ZYX",
            "--tile",
            "16x32",
            "--overlap",
            "0",
            "--align",
            "2",
            "--dtype",
            "uint16",
            "--scale",
            "1/2",
        ]
        self.predict(image, "half.npy", *planes, *self.pipe("half"))
        header, found = read_npy(self.path("half.npy"), "H")
        self.assertEqual(header["shape"], (3, 20, 25))
        want = self.values(6000)
        self.check_same(
            list(found), [want[z * 2000 + 2 * y * 50 + 2 * x] for z in range(3) for y in range(20) for x in range(25)]
        )
        self.predict(image, "cat.npy", *planes[:-2], "--pipe", "cat")
        self.check_same(list(read_npy(self.path("cat.npy"), "H")[1]), want)
        self.predict(image, "head.npy", *planes[:-2], *self.pipe("single"))  # it ends after each answer
        self.check_same(list(read_npy(self.path("head.npy"), "H")[1]), [min(2 * v + 1, 65535) for v in want])

    def test_normalization_and_its_inverse(self):
        image, stats = self.path("image.npy"), self.path("stats.json")
        write_npy(image, (2, 16, 16), [3.0 + i % 5 + (i // 256) * 100 for i in range(512)], "f", "<f4")
        Path(stats).write_text(self.run_it("stats", image, "--axes", "CYX", "--json").stdout)
        common = ["--axes", "CYX", "--tile", "16x16", "--overlap", "0", *self.pipe()]
        normal = self.path("normal.npy")
        self.run_it(
            "patches", image, "--axes", "CYX", "--size", "16x16", "--at=0,0", "--normalize", stats, "--out", normal
        )
        x = read_npy(normal, "f")[1]
        self.predict(image, "none.npy", *common, "--stats", stats, "--inverse", "none")
        self.check_same(read_npy(self.path("none.npy"), "f")[1], array.array("f", [2 * v + 1 for v in x]))
        for i, options in enumerate((["--stats", stats], ["--normalize", "mean-std"])):
            self.predict(image, f"{i}.npy", *common, *options)
            back = read_npy(self.path(f"{i}.npy"), "f")[1]
            values = read_npy(image, "f")[1]
            for c in range(2):
                mine = values[256 * c : 256 * (c + 1)]
                mean = sum(mine) / 256
                std = (sum((v - mean) ** 2 for v in mine) / 256) ** 0.5
                for got, v in zip(back[256 * c : 256 * (c + 1)], mine):
                    self.assertAlmostEqual(got, 2 * v - mean + std, delta=1e-4)
        self.predict(image, "file.npy", *common, "--stats", stats, "--inverse", stats)
        self.assertEqual((self.dir / "file.npy").read_bytes(), (self.dir / "0.npy").read_bytes())
        two = [
            "--axes",
            "CYX",
            "--tile",
            "16x16",
            "--overlap",
            "0",
            "--output-channels",
            "4",
            *self.pipe("two"),
            "--stats",
            stats,
        ]
        self.assertIn("--inverse none leaves", self.predict(image, "x.npy", *two, status=2).stderr)

    def test_programs_that_misbehave(self):
        image = self.image((40, 50))
        common = ["--tile", "16x16", "--overlap", "0", "--batch-size", "2"]
        for how, words in (
            (
                "always",
                "ended 3 times in a row on batch 1, the last time with exit status 7\nmicrotome: the last lines",
            ),
            ("kill", "the last time with signal 11"),
            ("valid", "an array of 2 1 16 8 (tiles, channels, rows, columns), not of 2 1 16 16"),
            ("long", "wrote more than its answer to batch 0"),
            ("chatty", "with the line 'Epoch 1 of 10', where its number"),
            ("other", "with the line '7: 2 1 16 16', where its number and the shape of the answer were expected, '0:"),
            ("endless", "11111...', where"),
        ):
            with self.subTest(how=how):
                done = self.predict(image, f"{how}.zarr", *common, *self.pipe(how), status=1)
                self.assertIn(words, done.stderr)
                is_created = how == "always"
                left = "0 of 1 chunks are done; to continue:\n  microtome predict "
                self.assertIn(left if is_created else f"{how}.zarr: nothing was written\n", done.stderr)
                self.assertEqual((self.dir / f"{how}.zarr").exists(), is_created)
        self.assertIn(
            "  line 1\n  line 2\n", self.predict(image, "always.zarr", *common, *self.pipe("always"), status=1).stderr
        )
        done = self.predict(image, "x.zarr", *common, "--pipe", "no-such-program 1", status=1)
        self.assertIn("could not be run (exit status 127): no-such-program 1", done.stderr)
        self.predict(image, "x.zarr", *common, *self.pipe())  # the mistake left nothing behind
        self.check_same(self.pixels(self.path("x.zarr"), (40, 50)), [v * 2 + 1 for v in self.values(2000)])
        part = self.predict(image, "part.zarr", *common, "--part", "2/2", *self.pipe("always"), status=3)
        self.assertIn("0 tiles, 0 chunks", part.stdout)
        done = self.predict(image, "last.zarr", *common, *self.pipe("last"))
        self.assertIn(
            "wrote 3 bytes after its last answer\nmicrotome: the program ended with exit status 5", done.stderr
        )

    def test_another_process_finishes_the_output(self):
        arguments = ["predict", self.image((40, 50)), self.path("out.zarr"), "--tile", "16x16", "--overlap", "0"]
        arguments += ["--batch-size", "2", "--chunks", "16x16", *self.pipe("overtaken")]
        self.addCleanup(os.environ.pop, "OVERTAKE")
        os.environ["OVERTAKE"] = shlex.join(map(str, [command_test.COMMAND, *arguments]))
        done = self.run_it(*arguments, status=1)
        self.assertIn("out.zarr: another process has finished it\n", done.stderr)
        self.assertNotIn("to continue", done.stderr)
        self.check_same(self.pixels(self.path("out.zarr"), (40, 50)), [v * 2 + 1 for v in self.values(2000)])

    def test_a_program_that_closes_its_output_but_stays(self):
        image = self.image((40, 50))
        command = [command_test.COMMAND, "predict", image, self.path("out.zarr"), "--tile", "64x64", "--overlap", "0"]
        running = subprocess.Popen([*command, *self.pipe("closes")], stderr=subprocess.PIPE, text=True)
        words = running.stderr.readline()
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=20)
        self.assertEqual(running.returncode, 130)
        self.assertIn("on batch 0 (its standard input or output closed, but still running); it is started again", words)

    def test_nan(self):
        image = self.image((40, 50))
        common = ["--tile", "16x16", "--overlap", "0", "--batch-size", "3", *self.pipe("nan")]
        self.assertIn("pixels are NaN\n", self.predict(image, "float.zarr", *common).stderr)
        done = self.predict(image, "int.zarr", *common, "--dtype", "uint8")
        self.assertRegex(done.stderr, r"\d+ pixels were NaN and became 0\n.* \d+ pixels were beyond the range of uint8")

    def test_a_program_that_dies_once(self):
        image = self.image((40, 50))
        common = ["--tile", "16x16", "--overlap", "4", "--batch-size", "2"]
        done = self.predict(image, "out.zarr", *common, *self.pipe("crash"))
        self.assertEqual(
            done.stderr,
            "out of memory, for example\n"
            "microtome: the program ended on batch 2 (exit status 1); it is started again\n",
        )
        self.check_same(self.pixels(self.path("out.zarr"), (40, 50)), [v * 2 + 1 for v in self.values(2000)])

    def test_a_program_that_hangs_is_interrupted(self):
        image, out = self.image((40, 50)), self.path("out.zarr")
        command = [
            command_test.COMMAND,
            "predict",
            image,
            out,
            "--tile",
            "16x16",
            "--overlap",
            "0",
            *self.pipe("hangs"),
        ]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        number = self.dir / "number"
        while not number.exists() and running.poll() is None:
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        words = running.communicate(timeout=10)[1]
        self.assertEqual(running.returncode, 130, words)
        self.assertRegex(
            words,
            r"interrupted while the program worked on batch 0: 10 of the \d+ bytes of its answer had arrived\n"
            r"microtome: .*out.zarr: nothing was written\n",
        )
        with self.assertRaises(ProcessLookupError):
            os.kill(int(number.read_text()), 0)


class Resumed(Predict):
    """24 tiles in 8 batches, to 70 chunks."""

    OPTIONS = ["--axes", "CZYX", "--tile", "64x64", "--overlap", "16", "--batch-size", "3", "--dtype", "uint16"]

    def setUp(self):
        super().setUp()
        self.input = self.path("in.npy")
        write_image(self.input, (1, 2, 200, 150))

    def arguments(self, out, *options):
        chunks = [] if out.endswith(".npy") else ["--chunks", "32x32"]
        return ["predict", self.input, out, *self.OPTIONS, *chunks, *options]

    def start(self, out, *options, slow=True):
        """The program takes 50 ms for a batch."""
        if slow:
            (self.dir / "slow").touch()
        command = [command_test.COMMAND, *self.arguments(out, *options)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def stop(self, out, number, *options):
        """Sends a signal to a prediction a moment after some of it is written; returns its exit code and words."""
        running = self.start(out, *options)
        end = time.monotonic() + 20
        while running.poll() is None and time.monotonic() < end:
            if any(file.stat().st_size > 64 for file in self.dir.glob(Path(out).name + "*/.microtome/journal-*")):
                break
            time.sleep(0.002)
        time.sleep(self.random.uniform(0, 0.1))
        running.send_signal(number)
        words = running.communicate(timeout=20)[1]
        (self.dir / "slow").unlink()
        return running.returncode, words

    random = random.Random(7)

    def check_digests(self, out, whole):
        found, wanted = digest(out), digest(whole)
        self.assertEqual([name for name in wanted if found.get(name) != wanted[name]], [])
        self.assertEqual(len(found), len(wanted))
        remove(out)
        remove(whole)

    def test_killed_and_continued(self):
        for name, options in (
            ("out.zarr", ["--pyramid", "2"]),
            ("out.zarr", ["--blend", "hann", "--threads", "1"]),
            ("out.tif", ["--blend", "linear"]),
            ("out.npy", ["--chunks", "16x0"]),
        ):
            with self.subTest(name=name, options=options):
                out, whole = self.path(name), self.path("whole-" + name)
                self.run_it(*self.arguments(whole, *options, *self.pipe()))
                code, _ = self.stop(out, signal.SIGKILL, *options, *self.pipe())
                self.assertEqual(code, -signal.SIGKILL)
                done = self.run_it(*self.arguments(out, *options, *self.pipe()))
                self.assertRegex(done.stderr, r"resuming: [1-9]\d* of \d+ chunks are done")
                self.check_digests(out, whole)

    def test_interrupted_and_continued(self):
        out, whole = self.path("out.zarr"), self.path("whole.zarr")
        self.run_it(*self.arguments(whole, *self.pipe()))
        code, words = self.stop(out, signal.SIGTERM, *self.pipe())
        self.assertEqual(code, 130, words)
        again = re.search(r"to continue:\n  microtome (.*)\n", words).group(1)
        self.run_it(*shlex.split(again))
        self.check_digests(out, whole)

    def test_parts(self):
        for blend in ("crop", "gaussian"):
            out, whole = self.path("out.zarr"), self.path("whole.zarr")
            options = ["--blend", blend, "--pyramid", "2", *self.pipe()]
            self.run_it(*self.arguments(whole, *options))
            at_once = [self.start(out, *options, "--part", f"{k}/4", slow=False) for k in (3, 1, 4)]
            for k, process in zip((3, 1, 4), at_once):
                said, words = process.communicate()
                self.assertEqual(process.returncode, 3, words)
                self.assertIn(f"part {k} of 4 is done; when all are: microtome finish", said)
            self.assertIn("18 of 70 chunks are missing: repeat", self.run_it("finish", out, status=3).stderr)
            self.assertIn('"left": 18', self.run_it("status", out, "--json", status=3).stdout)
            self.run_it(*self.arguments(out, *options, "--part", "2/4"), status=3)
            self.run_it("finish", out)
            self.assertIn("complete", self.run_it("status", out).stdout)
            self.assertIn("already complete", self.run_it(*self.arguments(out, *options)).stdout)
            self.check_digests(out, whole)

    def test_what_has_changed_is_named(self):
        out, file = self.path("out.zarr"), self.path("weights")
        same = ["--network", file, *self.pipe()]
        Path(file).write_text("1")
        self.assertEqual(self.stop(out, signal.SIGKILL, *same)[0], -signal.SIGKILL)
        for options, words in (
            (["--blend", "hann", *same], 'of "blend crop'),
            (["--normalize", "min-max", *same], 'not "normalized (x - '),
            (["--network", file, *self.pipe("nan")], 'not "command exec '),
        ):
            done = self.run_it(*self.arguments(out, *options), status=1)
            self.assertIn(words, done.stderr)
        Path(file).write_text("2")
        self.assertIn('of "file weights of 1 bytes', self.run_it(*self.arguments(out, *same), status=1).stderr)
        Path(file).write_text("1")
        self.run_it(*self.arguments(out, *same))


class Refusals(Predict):
    def test_options(self):
        image, out = self.image((40, 50)), self.path("out.zarr")
        pipe = ["--pipe", "cat"]
        for options, words in (
            ([], "--pipe 'COMMAND' names"),
            (["--pipe", "cat", "--identity"], "exclude each other"),
            (["--identity", "--scale", "2"], "--identity gives what it gets"),
            (["--identity", "--verify", "--dtype", "uint8"], "not with --dtype"),
            ([*pipe, "--verify", "--tile", "8x8"], "not with --pipe"),
            (pipe, "--tile is required"),
            ([*pipe, "--tile", "8"], "--tile takes the sizes along Y and X"),
            ([*pipe, "--tile", "8x8", "--tile-memory", "1M"], "exclude each other"),
            ([*pipe, "--tile-memory", "1M", "--overlap", "10%"], "takes an --overlap in pixels"),
            ([*pipe, "--tile", "8x8", "--overlap", "1x2x3"], "--overlap takes one number"),
            ([*pipe, "--tile", "8x8", "--overlap", "95%"], "--overlap: '95%' is not"),
            ([*pipe, "--tile", "8x8", "--overlap", "0", "--scale", "3/2"], "--scale takes"),
            ([*pipe, "--tile", "8x8", "--overlap", "0", "--blend", "han"], "did you mean 'hann'"),
            ([*pipe, "--tile", "8x8", "--overlap", "0", "--pad", "wrap"], "unknown padding"),
            ([*pipe, "--tile", "8x8", "--overlap", "0", "--pad", "mean"], "--pad mean needs"),
            ([*pipe, "--tile", "8x8", "--overlap", "0", "--inverse", "none"], "--inverse needs"),
            ([*pipe, "--tile", "8x8", "--overlap", "0", "--part", "5/4"], "--part takes"),
            ([*pipe, "--tile", "8x0"], "--overlap is required"),
            ([*pipe, "--tile-memory", "1M"], "--overlap is required"),
        ):
            with self.subTest(options=options):
                self.assertIn(words, self.refuse("predict", image, out, *options))
        for options, words in (
            (["--tile", "8x8", "--overlap", "3"], "overlap"),
            (["--tile", "8x8", "--overlap", "8"], "overlap"),
            (["--tile", "8x8", "--overlap", "0", "--align", "16"], "must be multiples of 16"),
            (["--tile", "8x8", "--overlap", "0", "--scale", "1/2"], "aligned to multiples"),
            (["--tile", "8x8", "--overlap", "0", "--network", "none.pt"], "--network: none.pt"),
            (["--tile", "8x8", "--overlap", "0", "--stats", "none.json"], "none.json"),
            (["--tile-memory", "100", "--overlap", "0"], "does not fit in 100 bytes"),
            (["--tile", "8x8", "--overlap", "0", "--sample", "1"], "there is no sample 1"),
        ):
            with self.subTest(options=options):
                done = self.predict(image, "out.zarr", *pipe, *options, status=1)
                self.assertIn(words, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertFalse(os.path.exists(out))
        self.assertIn("is an input", self.refuse("predict", image, image, "--identity", status=1))
        done = self.predict(image, "out.zarr", "--tile", "8x8", "--overlap", "0", "--memory", "100", *pipe, status=1)
        self.assertRegex(done.stderr, r"--memory of 100 bytes is too small .*: at least \d+M are needed")


if __name__ == "__main__":
    command_test.COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
