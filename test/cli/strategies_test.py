#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The patches of an epoch, as training draws them. Usage: strategies_test.py COMMAND [TEST...]

Patches are compared with those cut here, one pixel after the other, at the places of --coords.
"""

import csv
import json
import math
import os
import signal
import struct
import subprocess
import sys
import time
import unittest
from pathlib import Path

import command_test
from command_test import read_npy, read_png, write_npy


def single(value):
    """The nearest float32. Sums, products and quotients of float32 rounded once from float64 are those of float32."""
    return struct.unpack("f", struct.pack("f", value))[0]


def turn(rows, symmetry):
    """Bit 0 flips Y, bit 1 flips X, bit 2 then swaps them."""
    if symmetry & 1:
        rows = rows[::-1]
    if symmetry & 2:
        rows = [row[::-1] for row in rows]
    return [list(column) for column in zip(*rows)] if symmetry & 4 else rows


class Image:
    """Pixels of an image of samples, channels, (planes,) rows and columns."""

    def __init__(self, shape, values):
        self.shape, self.values = shape, list(values)

    def pixel(self, *index):
        at = 0
        for size, i in zip(self.shape, index):
            at = at * size + i
        return self.values[at]

    def patch(self, sample, channel, coords, size):
        """Rows of columns; 0 outside the image."""
        return [
            [
                self.pixel(sample, channel, y, x) if 0 <= y < self.shape[2] and 0 <= x < self.shape[3] else 0
                for x in range(coords[1], coords[1] + size[1])
            ]
            for y in range(coords[0], coords[0] + size[0])
        ]


class Cut(command_test.Command):
    """Cuts patches, and says what they should be."""

    SHAPE = (2, 2, 37, 45)

    def noise(self, shape, name="image.npy", seed=1, code="H", descr="<u2"):
        """An image of pixels without a pattern, from a linear congruential generator."""
        values = []
        for _ in range(math.prod(shape)):
            seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
            values.append((seed >> 33) % (251 if code == "B" else 4099))
        write_npy(self.path(name), shape, values, code, descr)
        return Image(shape, values)

    def cut(self, *options, strategy="stratified", axes="SCYX", image="image.npy", size="8x8", name="out", status=0):
        """Cuts patches into NAME.npy and NAME.csv, and returns what the command prints."""
        sizes = ["--size", size] if size else []
        return self.run_it(
            *["patches", self.path(image), "--axes", axes, *sizes, "--strategy", strategy, *options, "--force"],
            *["--out", self.path(f"{name}.npy"), "--coords", self.path(f"{name}.csv")],
            status=status,
        )

    def rows(self, name="out"):
        with Path(self.path(f"{name}.csv")).open(newline="") as file:
            return list(csv.DictReader(file))

    def bytes(self, name="out"):
        return Path(self.path(f"{name}.npy")).read_bytes() + Path(self.path(f"{name}.csv")).read_bytes()

    def expected(self, image, channels, normalized=lambda value, channel: value):
        """The values of all patches of 8 x 8 pixels, at the places and with the symmetries in the list."""
        values = []
        for row in self.rows():
            for channel in channels:
                rows = image.patch(int(row["sample"]), channel, (int(row["y"]), int(row["x"])), (8, 8))
                for pixels in turn(rows, int(row.get("symmetry", 0))):
                    values += [normalized(pixel, channel) for pixel in pixels]
        return values

    def check_values(self, values, wanted):
        """As assertEqual, which takes minutes to describe how long lists differ."""
        self.assertEqual(len(values), len(wanted))
        self.assertEqual([(i, a, b) for i, (a, b) in enumerate(zip(values, wanted)) if a != b][:5], [])

    @staticmethod
    def moments(images, channel):
        """Mean and deviation with its epsilon in float32."""
        pixels = []
        for image in images:
            area = image.shape[2] * image.shape[3]
            for s in range(image.shape[0]):
                first = (s * image.shape[1] + channel) * area
                pixels += image.values[first : first + area]
        mean = sum(pixels) / len(pixels)
        std = math.sqrt(sum((p - mean) ** 2 for p in pixels) / len(pixels))
        return single(mean), single(single(std) + single(1e-6))


class Epochs(Cut):
    def test_each_strategy_cuts_the_patches_of_its_list(self):
        image = self.noise(self.SHAPE)
        counts = {"stratified": 54, "random": 60, "fixed_random": 60, "tiled": 60, "sequential": 60}
        for strategy, count in counts.items():
            with self.subTest(strategy=strategy):
                self.cut(strategy=strategy)
                header, values = read_npy(self.path("out.npy"))
                self.assertEqual(header["descr"], "<u2")
                self.assertEqual(header["shape"], (count, 2, 8, 8))
                self.assertEqual([row["patch"] for row in self.rows()], [str(i) for i in range(count)])
                self.check_values(values, self.expected(image, (0, 1)))

    def test_whole_samples(self):
        image = self.noise(self.SHAPE)
        self.cut(strategy="whole", size=None)
        self.assertEqual(read_npy(self.path("out.npy"))[0]["shape"], self.SHAPE)
        self.check_values(read_npy(self.path("out.npy"))[1], image.values)
        self.noise((1, 2, 37, 46), "other.npy")
        line = self.refuse(
            *["patches", self.path("image.npy"), self.path("other.npy"), "--axes", "SCYX", "--strategy", "whole"],
            status=1,
        )
        self.assertIn("37 x 45 pixels", line)
        self.assertIn("37 x 46", line)

    def test_planes(self):
        image = self.noise((2, 6, 20, 21))
        self.cut("--augment", "d4", axes="SZYX", size="3x8x8")
        header, values = read_npy(self.path("out.npy"))
        rows = self.rows()
        self.assertEqual(header["shape"], (len(rows), 1, 3, 8, 8))
        wanted = []
        for row in rows:
            for z in range(int(row["z"]), int(row["z"]) + 3):
                patch = image.patch(int(row["sample"]), z, (int(row["y"]), int(row["x"])), (8, 8))
                wanted += sum(turn(patch, int(row["symmetry"])), [])
        self.check_values(values, wanted)

    def test_crops_of_tiles_cover_the_image(self):
        image = self.noise(self.SHAPE)
        self.cut("--overlap", "4x2", strategy="tiled", size="12x10")
        values, found = read_npy(self.path("out.npy"))[1], [None] * len(image.values)
        for i, row in enumerate(self.rows()):
            (cy, cx, ch, cw, sy, sx) = (
                int(row[name]) for name in "crop_y crop_x crop_size_y crop_size_x stitch_y stitch_x".split()
            )
            for c in range(2):
                for y in range(ch):
                    for x in range(cw):
                        at = ((int(row["sample"]) * 2 + c) * 37 + sy + y) * 45 + sx + x
                        self.assertIsNone(found[at])
                        found[at] = values[((i * 2 + c) * 12 + cy + y) * 10 + cx + x]
        self.check_values(found, image.values)

    def test_the_same_epoch_for_any_threads_and_cache(self):
        self.noise(self.SHAPE)
        options = ["--augment", "flip,rotate90", "--normalize", "min-max", "--seed", "9", "--epoch", "4"]
        self.cut(*options)
        first = self.bytes()
        for more in (["--threads", "1"], ["--threads", "3"], ["--cache", "0"]):
            self.cut(*options, *more)
            self.assertEqual(self.bytes(), first)
        self.cut(*options[:-1], "5")
        self.assertNotEqual(self.bytes(), first)
        self.cut(*options[:-4], "--seed", "8", "--epoch", "4")
        self.assertNotEqual(self.bytes(), first)

    def test_seeds(self):
        self.noise(self.SHAPE)
        for strategy in ("stratified", "random", "fixed_random"):
            found = set()
            for seed in ("0", "1", "18446744073709551615"):
                self.cut("--seed", seed, strategy=strategy)
                found.add(self.bytes())
            self.assertEqual(len(found), 3)

    def test_fixed_places(self):
        self.noise(self.SHAPE)
        for strategy, is_fixed in (("fixed_random", True), ("sequential", True), ("random", False)):
            self.cut("--epoch", "0", strategy=strategy)
            first = self.bytes()
            self.cut("--epoch", "7", strategy=strategy)
            self.assertEqual(self.bytes() == first, is_fixed, strategy)

    def test_count_takes_the_first(self):
        self.noise(self.SHAPE)
        self.cut("--augment", "d4")
        everything, rows = read_npy(self.path("out.npy"))[1], self.rows()
        self.assertEqual(self.cut("--augment", "d4", "--count", "5").stderr, "")
        self.check_values(read_npy(self.path("out.npy"))[1], everything[: 5 * 128])
        self.assertEqual(self.rows(), rows[:5])
        self.assertIn("the epoch has 54 patches, fewer than --count 55", self.cut("--count", "55").stderr)
        self.assertEqual(len(self.rows()), 54)

    def test_symmetries(self):
        image = self.noise(self.SHAPE)
        for names, wanted in (("flip", {0, 1, 2}), ("rotate90", {0, 6, 3, 5}), ("d4", set(range(8)))):
            with self.subTest(names=names):
                self.cut("--augment", names, "--epoch", "3")
                self.check_values(read_npy(self.path("out.npy"))[1], self.expected(image, (0, 1)))
                self.assertEqual({int(row["symmetry"]) for row in self.rows()}, wanted)

    def test_labels_are_turned_alike(self):
        self.noise(self.SHAPE)
        labels = self.noise((2, 1, 37, 45), "labels.npy", 5, "B", "|u1")
        self.cut(
            *["--augment", "d4", "--normalize", "mean-std", "--filter", "max:4000"],
            *["--labels", self.path("labels.npy"), "--labels-axes", "SCYX"],
        )
        header, values = read_npy(self.path("out.labels.npy"), "B")
        self.assertEqual((header["descr"], header["shape"]), ("|u1", (len(self.rows()), 1, 8, 8)))
        self.check_values(values, self.expected(labels, (0,)))

    def test_a_sheet_shows_the_patches_as_written(self):
        self.noise((1, 1, 37, 45))
        picture = ["--sheet", self.path("sheet.png"), "--contrast", "0,4000"]
        self.cut("--augment", "d4", *picture)
        sheet = read_png(self.path("sheet.png"))
        cut = ["patches", self.path("out.npy"), "--axes", "SCYX", "--size", "8x8", "--grid", "--force"]
        self.run_it(*cut, *picture)
        self.assertEqual(read_png(self.path("sheet.png")), sheet)
        self.cut(*picture)
        self.assertNotEqual(read_png(self.path("sheet.png")), sheet)
        self.cut("--augment", "d4", *picture[:2], "--colors", "labels")
        colored = read_png(self.path("sheet.png"))
        self.cut("--augment", "d4")
        self.run_it(*cut, *picture[:2], "--colors", "labels")
        self.assertEqual(read_png(self.path("sheet.png")), colored)

    def test_several_images(self):
        images = {self.path(f"{name}.npy"): self.noise(shape, f"{name}.npy", 3)
                  for name, shape in (("a", (1, 2, 20, 30)), ("b", (3, 2, 16, 17)))}  # fmt: skip
        self.cut("--normalize", "mean-std", image="*.npy", strategy="random", name="cut")
        values, wanted = read_npy(self.path("cut.npy"), "f")[1], []
        moments = [self.moments(images.values(), c) for c in (0, 1)]
        for row in self.rows("cut"):
            for c in (0, 1):
                rows = images[row["image"]].patch(int(row["sample"]), c, (int(row["y"]), int(row["x"])), (8, 8))
                wanted += [single(single(v - moments[c][0]) / moments[c][1]) for v in sum(rows, [])]
        self.assertEqual({row["image"] for row in self.rows("cut")}, set(images))
        self.check_values(values, wanted)


class Normalizations(Cut):
    def check(self, image, options, subtract, divide, channels=(0, 1)):
        self.cut("--augment", "flip", *options)
        header, values = read_npy(self.path("out.npy"), "f")
        self.assertEqual(header["descr"], "<f4")
        self.check_values(
            values,
            self.expected(image, channels, lambda v, c: single(single(v - subtract[c]) / divide[c])),
        )

    def test_kinds(self):
        image = self.noise(self.SHAPE)
        moments = [self.moments([image], c) for c in (0, 1)]
        self.check(image, ["--normalize", "mean-std"], *zip(*moments))
        self.check(image, ["--normalize", "mean-std", "--channels", "1"], *zip(*moments), channels=(1,))
        sides = []
        for c in (0, 1):
            area, values = 37 * 45, image.values
            sides.append(sorted(values[c * area : (c + 1) * area] + values[(2 + c) * area : (3 + c) * area]))
        for options, low, high in (
            (["--normalize", "min-max"], 0, 1),
            (["--normalize", "quantile"], 0.01, 0.99),
            (["--normalize", "quantile:0.2,0.7"], 0.2, 0.7),
        ):
            ends = [[single(self.quantile(pixels, q)) for pixels in sides] for q in (low, high)]
            divide = [single(single(b - a) + single(1e-8)) for a, b in zip(*ends)]
            self.check(image, options, ends[0], divide)

    @staticmethod
    def quantile(pixels, q):
        at = q * (len(pixels) - 1)
        i = min(int(at), len(pixels) - 2)
        return pixels[i] + (at - i) * (pixels[i + 1] - pixels[i])

    def test_statistics_of_a_file(self):
        self.noise(self.SHAPE)
        other = self.noise((1, 2, 16, 16), "other.npy", 77)
        found = self.run_it("stats", self.path("other.npy"), "--axes", "SCYX", "--json").stdout
        Path(self.path("s.json")).write_text(found)
        self.assertEqual(json.loads(found)["quantiles"], [0.01, 0.99])
        image = Image(self.SHAPE, read_npy(self.path("image.npy"))[1])
        moments = list(zip(*[self.moments([other], c) for c in (0, 1)]))
        self.check(image, ["--normalize", self.path("s.json")], *moments)
        self.check(image, ["--normalize", f"mean-std@{self.path('s.json')}"], *moments)
        self.cut("--normalize", f"quantile@{self.path('s.json')}")
        options = ["patches", self.path("image.npy"), "--axes", "SCYX", "--size", "8x8", "--normalize"]
        line = self.refuse(*options, f"quantile:0.1,0.9@{self.path('s.json')}", status=1)
        self.assertIn("quantile", line)
        self.assertIn("No such file", self.refuse(*options, self.path("none.json"), status=1))
        Path(self.path("bad.json")).write_text("{}")
        self.assertIn("bad.json", self.refuse(*options, self.path("bad.json"), status=1))
        self.run_it("stats", self.path("other.npy"), "--axes", "SCYX")
        write_npy(self.path("one.npy"), (8, 8), range(64))
        Path(self.path("one.json")).write_text(self.run_it("stats", self.path("one.npy"), "--json").stdout)
        self.assertIn("1 channel, and", self.refuse(*options, self.path("one.json"), status=1))

    def test_without_a_strategy(self):
        image = self.noise((1, 1, 20, 20))
        subtract, divide = self.moments([image], 0)
        self.run_it(
            *["patches", self.path("image.npy"), "--axes", "SCYX", "--size", "8x8", "--at", "-2,15"],
            *["--normalize", "mean-std", "--out", self.path("out.npy")],
        )
        rows = image.patch(0, 0, (-2, 15), (8, 8))
        self.check_values(
            read_npy(self.path("out.npy"), "f")[1],
            [single(single(v - subtract) / divide) for v in sum(rows, [])],
        )

    def test_none_changes_nothing(self):
        self.noise(self.SHAPE)
        self.cut()
        first = self.bytes()
        self.cut("--normalize", "none")
        self.assertEqual(self.bytes(), first)

    def test_constant_images_are_refused(self):
        write_npy(self.path("flat.npy"), (20, 20), [7] * 400)
        flat = ["patches", self.path("flat.npy"), "--size", "8x8", "--strategy", "random", "--normalize"]
        for kind in ("mean-std", "min-max", "quantile"):
            self.assertIn(
                "the spread of its values is 0 (at 7)",
                self.refuse(*flat, kind, "--out", self.path("out.npy"), status=1),
            )
        self.assertEqual(os.listdir(self.dir), ["flat.npy"])


class Filters(Cut):
    def windows(self, image):
        """The pixels that patches of each region can reach, by sample and region."""
        found = {}
        for s in range(image.shape[0]):
            for gy in range((image.shape[2] + 1) // 8):
                for gx in range((image.shape[3] + 1) // 8):
                    found[s, gy, gx] = sum(image.patch(s, 0, (gy * 8, gx * 8), (16, 16)), [])
        return found

    def spots(self):
        """Bright squares on a dark ground."""
        image = self.noise(self.SHAPE)
        for at in range(len(image.values)):
            y, x = at // 45 % 37, at % 45
            image.values[at] = image.values[at] % 50 + (1000 if 10 <= y < 18 and 20 <= x < 31 else 0)
        write_npy(self.path("image.npy"), self.SHAPE, image.values)
        return image

    def check(self, options, background, regions):
        """No patch starts in background, and the count of regions is told."""
        done = self.cut(*options, "--probability", "0")
        n = sum(background.values())
        self.assertTrue(0 < n < regions)
        rows = self.rows()
        self.assertTrue(rows)
        self.assertIn(
            f"filtered: {n} of {regions} regions are background; {len(rows)} patches in an epoch\n", done.stdout
        )
        for row in rows:
            self.assertFalse(background[int(row["sample"]), int(row["y"]) // 8, int(row["x"]) // 8], row)
        return len(rows)

    def test_filters_keep_patches_out_of_background(self):
        image = self.spots()
        windows = self.windows(image)

        def mean(w):
            return sum(w) / len(w)

        def std(w):
            return math.sqrt(sum((p - mean(w)) ** 2 for p in w) / len(w))

        def entropy(w):
            return -sum(n / len(w) * math.log2(n / len(w)) for n in (w.count(v) for v in set(w)))

        for text, is_background in (
            ("max:1020,0", lambda w: max(w) < 1020),
            ("mean-std:80", lambda w: mean(w) < 80),
            ("mean-std:0,200", lambda w: std(w) < 200),
            ("shannon:5.3", lambda w: entropy(w) < 5.3),
        ):
            with self.subTest(filter=text):
                background = {key: is_background(w) for key, w in windows.items()}
                self.check(["--filter", text], background, len(windows))

    def test_the_first_channel_is_judged(self):
        image = self.spots()
        half = len(image.values) // 4
        for c, first in ((1, half), (1, 3 * half)):
            image.values[first : first + half] = [c * 5] * half
        write_npy(self.path("image.npy"), self.SHAPE, image.values)
        done = self.cut("--filter", "max:1000", "--channels", "1,0")
        self.assertIn("filtered: 40 of 40 regions", done.stdout)
        done = self.cut("--filter", "max:1000", "--channels", "0,1")
        self.assertNotIn("filtered: 40 of 40 regions", done.stdout)

    def test_masks(self):
        self.noise(self.SHAPE)
        mask = Image((2, 1, 37, 45), [int(i % 45 < 20) for i in range(2 * 37 * 45)])
        write_npy(self.path("mask.npy"), mask.shape, mask.values, "B", "|u1")
        windows = self.windows(mask)
        for coverage, text in ((0.25, ""), (0.6, ",0.6")):
            background = {key: sum(w) / len(w) < coverage for key, w in windows.items()}
            options = ["--filter", f"mask:{self.path('mask.npy')}{text}", "--mask-axes", "SCYX"]
            self.check(options, background, len(windows))

    def test_filters_add_up(self):
        image = self.spots()
        windows = self.windows(image)
        background = {key: max(w) < 1010 or sum(w) / len(w) < 200 for key, w in windows.items()}
        self.check(["--filter", "max:1010,0", "--filter", "mean-std:200"], background, len(windows))

    def test_probability(self):
        self.spots()
        counts = []
        for probability in ("0", "0.1", "0.5", "1"):
            self.cut("--filter", "max:1000", "--probability", probability)
            counts.append(len(self.rows()))
        self.assertEqual(counts, sorted(counts))
        self.assertEqual(counts[3], 54)
        self.cut("--filter", "max:1000")
        self.assertEqual(len(self.rows()), counts[1])
        options = ["patches", self.path("image.npy"), "--axes", "SCYX", "--size", "8x8", "--strategy", "stratified"]
        done = self.run_it(*options, "--filter", "max:9999", "--probability", "0", status=1)
        self.assertIn("the epoch has no patches", done.stderr)

    def test_inputs_are_not_overwritten(self):
        self.noise((1, 1, 37, 45))
        mask = self.path("mask.npy")
        write_npy(mask, (37, 45), [1] * (37 * 45))
        options = ["patches", self.path("image.npy"), "--axes", "SCYX", "--size", "8x8", "--strategy", "stratified"]
        line = self.refuse(*options, "--filter", f"mask:{mask}", "--out", mask, "--force", status=1)
        self.assertIn("is an input", line)

    def test_masks_must_fit(self):
        self.noise((1, 1, 37, 45))
        options = ["patches", self.path("image.npy"), "--axes", "SCYX", "--size", "8x8", "--strategy", "stratified"]
        write_npy(self.path("mask.npy"), (30, 45), [1] * 1350)
        self.assertIn("the mask has 30", self.refuse(*options, "--filter", f"mask:{self.path('mask.npy')}", status=1))
        line = self.refuse(*options, "--filter", f"mask:{self.path('*.npy')}", "--mask-axes", "YX", status=1)
        self.assertIn("stands for 2 images, but there is 1", line)
        self.assertIn("none.npy", self.refuse(*options, "--filter", f"mask:{self.path('none.npy')}", status=1))


class Refusals(Cut):
    def test_wrong_options(self):
        image = self.image()
        strategy = ["--size", "8x8", "--strategy"]
        for options, words in (
            ([*strategy, "stratifed"], "(did you mean 'stratified'?)"),
            ([*strategy, "random", "--augment", "flip,rotat90"], "(did you mean 'rotate90'?)"),
            ([*strategy, "random", "--augment", ""], "unknown augmentation ''"),
            ([*strategy, "random", "--augment", "flip,"], "unknown augmentation ''"),
            ([*strategy, "random", "--augment", "d4,flip"], "stands alone"),
            (["--size", "8x9", "--strategy", "random", "--augment", "d4"], "square"),
            ([*strategy, "stratified", "--filter", "maks:m.tif"], "(did you mean 'mask'?)"),
            ([*strategy, "stratified", "--filter", "max"], "max:THRESHOLD"),
            ([*strategy, "stratified", "--filter", "max:"], "max:THRESHOLD"),
            ([*strategy, "stratified", "--filter", "max:nan"], "max:THRESHOLD"),
            ([*strategy, "stratified", "--filter", "max:1,2"], "from 0 to 1"),
            ([*strategy, "stratified", "--filter", "max:1,0.2,3"], "max:THRESHOLD"),
            ([*strategy, "stratified", "--filter", "mean-std:-1"], "mean-std:MEAN"),
            ([*strategy, "stratified", "--filter", "shannon:1,2"], "shannon:BITS"),
            ([*strategy, "stratified", "--filter", "mask:"], "mask:IMAGE"),
            ([*strategy, "random", "--filter", "max:1"], "--strategy stratified"),
            ([*strategy, "stratified", "--filter", "max:1", "--probability", "2"], "from 0 to 1"),
            ([*strategy, "stratified", "--filter", "max:1", "--probability", "x"], "from 0 to 1"),
            ([*strategy, "stratified", "--probability", "0"], "need --filter"),
            ([*strategy, "stratified", "--overlap", "2x2"], "--strategy tiled or sequential"),
            ([*strategy, "tiled", "--overlap", "8x8"], "smaller than --size"),
            ([*strategy, "random", "--sample", "0"], "takes no --sample"),
            ([*strategy, "random", "--grid"], "exclude each other"),
            ([*strategy, "random", "--at", "0,0"], "exclude each other"),
            ([*strategy, "random", "--epoch", "-1"], "--epoch"),
            ([*strategy, "whole"], "takes no --size"),
            (["--strategy", "random"], "--size is required"),
            (["--size", "8x8", "--augment", "flip"], "--augment needs --strategy"),
            (["--size", "8x8", "--epoch", "1"], "--epoch needs --strategy"),
            (["--size", "8x8", "--normalize", "min_max"], "(did you mean 'min-max'?)"),
            (["--size", "8x8", "--normalize", "min-max:1"], "takes no numbers"),
            (["--size", "8x8", "--normalize", "quantile:0.5,0.5"], "quantile:LOW,HIGH"),
            (["--size", "8x8", "--normalize", "quantile:0.5"], "quantile:LOW,HIGH"),
            (["--size", "8x8", "--normalize", "quantile:0.1,0.9x"], "quantile:LOW,HIGH"),
        ):
            with self.subTest(options=options):
                self.assertIn(words, self.refuse("patches", image, *options))

    def test_what_does_not_fit_the_image(self):
        self.noise((1, 2, 37, 45))
        options = ["patches", self.path("image.npy"), "--axes", "SCYX"]
        self.assertIn(
            "even", self.refuse(*options, "--size", "8x8", "--strategy", "tiled", "--overlap", "3x3", status=1)
        )
        self.assertIn("square", self.refuse(*options, "--strategy", "whole", "--augment", "d4", status=1))
        self.refuse(*options, "--size", "2x8x8", "--strategy", "random", status=1)
        self.noise((1, 1, 37, 45), "one.npy")
        line = self.refuse(*options, self.path("one.npy"), "--size", "8x8", "--strategy", "random", status=1)
        self.assertIn("channels", line)

    def test_small_images_are_padded(self):
        image = self.noise((1, 1, 5, 45))
        for strategy in ("stratified", "random", "sequential", "tiled"):
            self.cut(strategy=strategy)
            self.check_values(read_npy(self.path("out.npy"))[1], self.expected(image, (0,)))

    def test_interruption_leaves_nothing_behind(self):
        image = Path(self.path("sparse.zarr"))
        image.mkdir()
        (image / ".zarray").write_text(
            '{"zarr_format": 2, "shape": [9000, 9000], "chunks": [1000, 1000], "dtype": "|u1", "fill_value": 7,'
            ' "compressor": null, "filters": null, "order": "C"}'
        )
        options = ["--size", "1x1", "--strategy", "random", "--augment", "d4", "--out", self.path("out.npy")]
        running = subprocess.Popen(
            [command_test.COMMAND, "patches", image, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            while running.poll() is None and not any(name.startswith("out.npy.") for name in os.listdir(self.dir)):
                time.sleep(0.01)
            running.send_signal(signal.SIGINT)
            self.assertEqual(running.wait(60), 130)
        finally:
            running.kill()
            running.communicate()
        self.assertEqual(os.listdir(self.dir), ["sparse.zarr"])


if __name__ == "__main__":
    command_test.COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
