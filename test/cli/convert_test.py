#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs microtome convert, status and finish as a user would. Usage: convert_test.py COMMAND [TEST...]"""

import hashlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import unittest
from pathlib import Path

import command_test
import info_test
from command_test import Command, read_npy, write_npy


def tree(folder):
    """The SHA-256 of each file below a folder."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


class Convert(Command):
    def values(self, shape):
        count = 1
        for n in shape:
            count *= n
        return [i * 7 % 65521 for i in range(count)]

    def info(self, path, *options):
        return json.loads(self.run_it("info", "--json", path, *options).stdout)[0]

    def plane(self, path, size, code="H"):
        """The pixels from the origin on, C(Z)YX."""
        out = self.path("plane.npy")
        at = ",".join("0" for _ in size)
        self.run_it("patches", path, "--size", "x".join(map(str, size)), f"--at={at}", "--out", out, "--force")
        return list(read_npy(out, code)[1])

    def test_stored_chunks_are_those_of_the_image(self):
        out = self.path("out.zarr")
        done = self.run_it("convert", self.image((40, 50)), out, "--codec", "none", "--chunks", "16x32")
        self.assertRegex(done.stdout, r"out.zarr: 6 chunks, 3.9 KiB of pixels, 6.0 KiB written, ")
        stored = (self.dir / "out.zarr/0/c/1/1").read_bytes()
        found = struct.unpack("<512H", stored)
        self.assertEqual(
            [list(found[32 * y : 32 * y + 18]) for y in range(16)],
            [self.expected((40, 50), (16 + y, 32), (1, 18)) for y in range(16)],
        )
        self.assertEqual(set(found[18:32]), {0})
        self.assertEqual(
            sorted(tree(out)),
            ["0/c/" + c for c in ("0/0", "0/1", "1/0", "1/1", "2/0", "2/1")] + ["0/zarr.json", "zarr.json"],
        )

    def test_options_reach_the_output(self):
        image = self.image((2, 40, 50))
        for options, found in (
            ([], {"chunk_shape": [1, 40, 50], "codecs": "blosc", "dtype": "uint16", "levels": 1}),
            (["--codec", "zstd", "--codec-level", "1"], {"codecs": "zstd"}),
            (["--codec", "blosc-lz4", "--shuffle", "bit"], {"codecs": "blosc"}),
            (["--codec", "gzip", "--ome", "0.4"], {"codecs": "gzip"}),
            (["--chunks", "2x8x0"], {"chunk_shape": [2, 8, 50]}),
            (["--chunks", "8x8", "--shards", "16x40"], {"chunk_shape": [1, 8, 8], "shard_shape": [1, 16, 40]}),
            (["--dtype", "float32"], {"dtype": "float32"}),
            (["--dtype", "source"], {"dtype": "uint16"}),
            (["--pyramid", "auto", "--chunks", "16x16"], {"levels": 3}),
            (["--pyramid", "2", "--downsample", "nearest"], {"levels": 2}),
            (["--durability", "never", "--memory", "64M", "--threads", "2"], {"shape": [2, 40, 50]}),
        ):
            with self.subTest(options=options):
                out = self.path(f"out{len(os.listdir(self.dir))}.zarr")
                self.run_it("convert", image, out, "--axes", "CYX", *options)
                self.assertLessEqual(found.items(), self.info(out).items())
                code = "f" if "float32" in options else "H"
                self.assertEqual(self.plane(out, (40, 50), code), self.values((2, 40, 50)))

    def test_regions_and_channels(self):
        image, out = self.image((3, 4, 20, 30)), self.path("out.zarr")
        self.run_it("convert", image, out, "--axes", "CZYX", "--region", "Z=1:2,Y=5:,X=7", "--channels", "2,0")
        self.assertEqual(self.info(out)["shape"], [2, 2, 15, 1])
        want = [((c * 4 + z) * 20 + y) * 30 + 7 for c in (2, 0) for z in (1, 2) for y in range(5, 20)]
        self.assertEqual(self.plane(out, (2, 15, 1)), [i * 7 % 65521 for i in want])
        out = self.path("sample.zarr")
        self.run_it("convert", image, out, "--axes", "SZYX", "--region", "S=1")
        self.assertEqual(self.info(out)["axes"], "ZYX")
        self.assertEqual(self.plane(out, (4, 20, 30)), self.values((3, 4, 20, 30))[2400:4800])

    def test_levels(self):
        pyramid, out = self.path("pyramid.zarr"), self.path("out.zarr")
        self.run_it("convert", self.image((64, 64)), pyramid, "--pyramid", "3")
        self.run_it("convert", pyramid, out, "--level", "2")
        self.assertEqual(self.info(out)["shape"], [16, 16])
        self.assertEqual(self.plane(out, (16, 16)), self.plane(pyramid + "#level=2", (16, 16)))
        self.assertIn(
            "no level 3; the image has", self.refuse("convert", pyramid, self.path("x.zarr"), "--level", "3", status=1)
        )

    def test_inputs_are_joined(self):
        names = [self.path(f"{i}.npy") for i in range(3)]
        for i, name in enumerate(names):
            write_npy(name, (10, 12), [1000 * i + k for k in range(120)])
        for axis, axes in (("Z", "ZYX"), ("T", "TYX"), ("C", "CYX")):
            for chunks in ("2x4x8", "1x10x12"):
                out = self.path(f"{axis}{chunks}.zarr")
                self.run_it("convert", *names, out, "--join", axis, "--chunks", chunks)
                found = self.info(out)
                self.assertEqual((found["axes"], found["shape"]), (axes, [3, 10, 12]))
                if axis != "T":
                    size = (3, 10, 12) if axis == "Z" else (10, 12)
                    self.assertEqual(self.plane(out, size), [1000 * i + k for i in range(3) for k in range(120)])
        out = self.path("glob.zarr")
        self.run_it("convert", self.path("?.npy"), out, "--join", "Z", "--region", "Y=2:3")
        self.assertEqual(self.plane(out, (3, 3, 12)), [1000 * i + k for i in range(3) for k in range(24, 60)])
        self.assertIn("--join names the axis", self.refuse("convert", *names, self.path("x.zarr")))
        text = self.refuse("convert", names[0], self.image((9, 12)), self.path("x.zarr"), "--join", "Z", status=1)
        self.assertIn("has 9 along Y, and", text)
        write_npy(self.path("f.npy"), (10, 12), [0.0] * 120, "f", "<f4")
        text = self.refuse("convert", names[0], self.path("f.npy"), self.path("x.zarr"), "--join", "Z", status=1)
        self.assertIn("choose the type with --dtype", text)
        self.assertFalse(Path(self.path("x.zarr")).exists())

    def test_collections(self):
        image, other = self.image((3, 20, 30)), self.image((40, 50), name="other.npy")
        whole, out = self.path("whole.zarr"), self.path("out.zarr")
        options = ["--join", "S", "--chunks", "8x8", "--pyramid", "2", "--axes"]
        self.run_it("convert", image, whole, *options, "SYX")
        for i in range(3):
            self.assertEqual(self.plane(f"{whole}#{i}", (20, 30)), self.values((3, 20, 30))[600 * i : 600 * (i + 1)])
        root = json.loads((self.dir / "whole.zarr/zarr.json").read_text())["attributes"]["ome"]
        self.assertEqual(root, {"version": "0.5", "bioformats2raw.layout": 3})
        listed = json.loads((self.dir / "whole.zarr/OME/zarr.json").read_text())["attributes"]["ome"]
        self.assertEqual(listed, {"version": "0.5", "series": ["0", "1", "2"]})
        self.assertEqual(self.info(whole)["parts"], ["0", "1", "2"])
        done = self.run_it("convert", image, whole, *options, "SYX")
        self.assertEqual(done.stdout.split("\n")[-2], f"{whole}: already complete")

        done = self.run_it("convert", image, out, *options, "SYX", "--part", "1/2", status=3)
        self.assertEqual(
            done.stdout.split("\n")[-2], f"{out}: part 1 of 2 is done; when all are: microtome finish {out}"
        )
        self.assertIn("incomplete, 0 of 3 images, 18 of 36 chunks", self.run_it("status", out, status=3).stdout)
        self.assertIn("18 of 36 chunks are missing", self.run_it("finish", out, status=3).stderr)
        self.run_it("convert", image, out, *options, "SYX", "--part", "2/2", status=3)
        self.assertEqual(self.run_it("finish", out).stdout, f"{out}: complete\n")
        self.assertEqual(self.run_it("status", out).stdout, f"{out}: complete\n")
        self.assertEqual(tree(out), tree(whole))

        out = self.path("two.zarr")
        self.run_it("convert", self.image((9, 9), name="a.npy"), other, out, "--join", "S", "--ome", "0.4")
        self.assertEqual([self.info(f"{out}#{i}")["shape"] for i in range(2)], [[9, 9], [40, 50]])
        self.assertEqual(json.loads((self.dir / "two.zarr/.zattrs").read_text())["bioformats2raw.layout"], 3)
        text = self.refuse("convert", other, out, "--join", "S", "--ome", "0.4", status=1)
        self.assertIn("is a collection of 2 images, not 1", text)
        self.assertIn("OUT ends with .zarr", self.refuse("convert", other, self.path("x.tif"), "--join", "S"))
        (self.dir / "foreign.zarr/mine").mkdir(parents=True)
        text = self.refuse("convert", other, self.path("foreign.zarr"), "--join", "S", status=1)
        self.assertIn('is not a collection that was begun by the same command (it has "mine")', text)

    def labelled(self):
        """An image of two channels with two label images, of two levels each."""
        image = self.dir / "labelled.zarr"
        self.run_it("convert", self.image((2, 20, 30)), image, "--axes", "CYX", "--pyramid", "2")
        (image / "labels/deep").mkdir(parents=True)
        group = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"version": "0.5"}}}
        (image / "labels/deep/zarr.json").write_text(json.dumps(group))
        group["attributes"]["ome"]["labels"] = ["nuclei", "deep/cells"]
        (image / "labels/zarr.json").write_text(json.dumps(group))
        for name in group["attributes"]["ome"]["labels"]:
            to = image / "labels" / name
            self.run_it(
                "convert",
                self.image((20, 30), name="labels.npy"),
                to,
                *("--format", "zarr", "--labels", "--pyramid", "2"),
                *("--codec", "none", "--chunks", "10x30"),
            )
        return str(image)

    def test_label_images_are_written_with_their_image(self):
        image, out = self.labelled(), self.path("out.zarr")
        done = self.run_it("convert", image, out, "--chunks", "1x8x16", "--pyramid", "2", "--verify")
        self.assertEqual(done.stdout.count("verified"), 3)
        self.assertEqual(self.info(out)["parts"], ["", "labels/nuclei", "labels/deep/cells"])
        for name in ("nuclei", "deep/cells"):
            info = self.info(f"{out}#labels/{name}")
            self.assertEqual((info["axes"], info["chunk_shape"], info["levels"]), ("YX", [8, 16], 2))
            self.assertEqual(self.plane(f"{out}#labels/{name}", (20, 30)), self.values((20, 30)))
            nearest = [self.values((20, 30))[60 * y + 2 * x] for y in range(10) for x in range(15)]
            self.assertEqual(self.plane(f"{out}#labels/{name}&level=1", (10, 15)), nearest)
        root = json.loads((self.dir / "out.zarr/labels/zarr.json").read_text())["attributes"]["ome"]
        self.assertEqual(root, {"version": "0.5", "labels": ["nuclei", "deep/cells"]})
        again = self.run_it("convert", image, out, "--chunks", "1x8x16", "--pyramid", "2", "--verify")
        self.assertEqual(again.stdout.count("already complete"), 3)
        self.assertEqual(again.stdout.count("verified"), 3)

    def test_regions_and_levels_of_label_images(self):
        image = self.labelled()
        out = self.path("part.zarr")
        options = ["--region", "Y=5:10", "--channels", "1", "--dtype", "float32", "--ome", "0.4"]
        self.run_it("convert", image, out, *options)
        self.assertEqual(self.plane(f"{out}#labels/nuclei", (10, 30)), self.values((20, 30))[150:450])
        self.assertEqual(self.info(f"{out}#labels/nuclei")["dtype"], "uint16")
        attributes = json.loads((self.dir / "part.zarr/labels/nuclei/.zattrs").read_text())
        self.assertEqual(attributes["image-label"], {"version": "0.4"})
        out = self.path("level.zarr")
        self.run_it("convert", image, out, "--level", "1", "--label-images", "deep/cells")
        self.assertEqual(self.info(out)["parts"], ["", "labels/deep/cells"])
        self.assertEqual(self.info(f"{out}#labels/deep/cells")["shape"], [10, 15])
        out = self.path("volume.zarr")
        self.run_it("convert", image, image, out, "--join", "Z")
        self.assertEqual(self.plane(f"{out}#labels/nuclei", (2, 20, 30)), 2 * self.values((20, 30)))

    def test_label_images_that_are_left_out(self):
        image, other = self.labelled(), self.path("other.zarr")
        self.run_it("convert", image, other, "--label-images", "nuclei")
        self.assertEqual(self.info(other)["parts"], ["", "labels/nuclei"])
        out = self.path("out.zarr")
        self.run_it("convert", image, out, "--label-images", "none")
        self.assertEqual(sorted(os.listdir(out)), ["0", "zarr.json"])
        done = self.run_it("convert", image, self.path("out.tif"))
        self.assertIn("label images are not converted: only OME-Zarr has them", done.stderr)
        done = self.run_it("convert", image, image, self.path("c.zarr"), "--join", "C")
        self.assertIn("they have no channels to be joined", done.stderr)
        done = self.run_it("convert", image, other, self.path("z.zarr"), "--join", "Z")
        self.assertIn("other.zarr has no label image 'deep/cells', and other inputs have one", done.stderr)
        self.assertEqual(self.info(self.path("z.zarr"))["parts"], ["", "labels/nuclei"])
        text = self.refuse("convert", image, self.path("no.zarr"), "--label-images", "nuclei,deep", status=1)
        self.assertIn("has no label image 'deep'", text)
        text = self.refuse("convert", image, out, status=1)  # with other label images than before
        self.assertIn("out.zarr", text)

    def test_parts_of_label_images(self):
        image, whole, out = self.labelled(), self.path("whole.zarr"), self.path("out.zarr")
        options = ["--chunks", "1x8x8", "--pyramid", "2"]
        self.run_it("convert", image, whole, *options)
        self.run_it("convert", image, out, *options, "--part", "1/2", status=3)
        self.assertIn("incomplete, 24 of 48 chunks", self.run_it("status", out, status=3).stdout)
        self.assertIn("24 of 48 chunks are missing", self.run_it("finish", out, status=3).stderr)
        self.run_it("convert", image, out, *options, "--part", "2/2", status=3)
        shutil.copytree(out, self.path("absent.zarr"))
        shutil.rmtree(self.path("absent.zarr") + "/labels/nuclei")
        self.assertIn("and      1 image not begun", self.run_it("status", self.path("absent.zarr"), status=3).stdout)
        self.assertIn("images are missing", self.run_it("finish", self.path("absent.zarr"), status=3).stderr)
        os.mkdir(self.path("absent.zarr") + "/labels/nuclei")  # as a process leaves it that is killed when it begins
        self.assertIn("images are missing", self.run_it("finish", self.path("absent.zarr"), status=3).stderr)
        self.assertEqual(self.run_it("finish", out).stdout, f"{out}: complete\n")
        self.assertEqual(tree(out), tree(whole))

    def test_collections_have_label_images(self):
        image, out = self.labelled(), self.path("out.zarr")
        self.run_it("convert", image, self.image((9, 9), name="a.npy"), image, out, "--join", "S")
        self.assertEqual(self.info(out)["parts"], ["0", "1", "2"])
        self.assertEqual(self.info(f"{out}#2")["parts"], ["2", "2/labels/nuclei", "2/labels/deep/cells"])
        self.assertEqual(self.plane(f"{out}#0/labels/nuclei", (20, 30)), self.values((20, 30)))

    def test_label_images_that_are_named_without_their_image_are_images(self):
        image, out = self.labelled(), self.path("out.zarr")
        self.run_it("convert", f"{image}#labels/nuclei", self.image((9, 9), name="a.npy"), out, "--join", "S")
        self.assertEqual(self.info(out)["parts"], ["0", "1"])
        self.assertEqual(self.plane(f"{out}#0", (20, 30)), self.values((20, 30)))

    def test_joined_label_images_lie_where_their_images_do(self):
        image, deep, out = self.labelled(), self.path("deep.zarr"), self.path("out.zarr")
        self.run_it("convert", self.image((3, 20, 30), name="deep.npy"), deep, "--axes", "ZYX")
        shutil.copytree(os.path.join(image, "labels"), os.path.join(deep, "labels"))  # without Z
        text = self.refuse("convert", deep, deep, out, "--join", "Z", status=1)
        self.assertIn("another size along Z than its image", text)
        self.assertFalse(os.path.exists(out))
        self.run_it("convert", deep, deep, out, "--join", "Z", "--label-images", "none")

    def test_plates(self):
        """A plate becomes a plate, also in parts."""
        plate, out, parts = (self.path(n) for n in ("plate.zarr", "out.zarr", "parts.zarr"))
        fields = ["A/1/0", "A/1/1", "B/12/0"]
        wells = [{"path": "A/1", "rowIndex": 0, "columnIndex": 0}, {"path": "B/12", "rowIndex": 1, "columnIndex": 1}]
        written = {"rows": [{"name": "A"}, {"name": "B"}], "columns": [{"name": "1"}, {"name": "12"}], "wells": wells}
        for i, field in enumerate(fields):
            (self.dir / "plate.zarr" / field).parent.mkdir(parents=True, exist_ok=True)
            image = self.image((9, 8 + i), name=f"{i}.npy")
            self.run_it("convert", image, f"{plate}/{field}", "--format", "zarr")
        for folder, attributes in (
            ("A/1", {"well": {"images": [{"path": "0"}, {"path": "1"}]}}),
            ("B/12", {"well": {"images": [{"path": "0"}]}}),
            ("", {"plate": written}),
        ):
            document = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"version": "0.5", **attributes}}}
            (self.dir / "plate.zarr" / folder / "zarr.json").write_text(json.dumps(document))
        options = ["--join", "S", "--plate", "--chunks", "4x4"]
        self.run_it("convert", plate, out, *options)
        self.assertEqual(self.info(out)["parts"], fields)
        root = json.loads((self.dir / "out.zarr/zarr.json").read_text())["attributes"]["ome"]
        self.assertEqual(root, {"version": "0.5", "plate": {**written, "field_count": 2}})
        for i, field in enumerate(fields):
            self.assertEqual(self.plane(f"{out}#{field}", (9, 8 + i)), self.values((9, 8 + i)))
        for part in ("1/2", "2/2"):
            self.run_it("convert", plate, parts, *options, "--part", part, status=3)
        self.assertIn("incomplete, 0 of 3 images", self.run_it("status", parts, status=3).stdout)
        self.run_it("finish", parts)
        self.assertEqual(tree(parts), tree(out))
        text = self.refuse("convert", self.image((9, 8)), self.path("no.zarr"), *options, status=1)
        self.assertIn("is not ROW/COLUMN/FIELD", text)
        self.assertIn("it needs --join S", self.refuse("convert", plate, out, "--plate"))

    def test_scenes_become_a_collection(self):
        scenes, out = command_test.DATA / "czi/real/S3_1Pos_2Mosaic_T2_Z3_CH2_sm.czi", self.path("out.zarr")
        if not scenes.is_file():
            self.skipTest(f"{scenes} is absent")
        self.run_it("convert", scenes, out, "--join", "S")
        for i in range(3):
            texts = [self.run_it("info", "--checksum", path).stdout for path in (f"{scenes}#scene={i}", f"{out}#{i}")]
            sums = [re.search("checksum +([0-9a-f]{32})", text).group(1) for text in texts]
            self.assertEqual(sums[0], sums[1])

    def test_verify(self):
        image, out = self.image((3, 40, 50)), self.path("out.zarr")
        done = self.run_it("convert", image, out, "--axes", "ZYX", "--verify", "--pyramid", "2")
        self.assertRegex(done.stdout, "verified, checksum [0-9a-f]{32}\n")
        chunk = next(Path(out).glob("0/c/*/*/*"))
        chunk.unlink()
        text = self.run_it("convert", image, out, "--axes", "ZYX", "--verify", "--pyramid", "2", status=1).stderr
        self.assertIn("differs from that of the input", text)
        text = self.refuse("convert", image, out, "--verify", "--region", "Z=0")
        self.assertIn("not with --region", text)

    def test_verify_of_files(self):
        """NPY does not name its axes, and TIFF drops a Z of one plane."""
        image = self.image((2, 1, 40, 50))
        for suffix in ("npy", "tif"):
            done = self.run_it("convert", image, self.path(f"out.{suffix}"), "--axes", "CZYX", "--verify")
            self.assertIn("verified, checksum", done.stdout)

    def test_a_finished_output_is_told_from_another(self):
        image, out = self.image(), self.path("out.zarr")
        self.run_it("convert", image, out)
        before = tree(out)
        self.assertEqual(self.run_it("convert", image, out).stdout, f"{out}: already complete\n")
        self.assertIn("choose another path", self.refuse("convert", image, out, "--codec", "gzip", status=1))
        os.utime(image, (5, 5))
        self.assertIn("choose another path", self.refuse("convert", image, out, status=1))
        self.assertEqual(tree(out), before)

    def test_parts(self):
        image, whole, out = self.image((3, 64, 64)), self.path("whole.zarr"), self.path("out.zarr")
        options = ["--axes", "ZYX", "--chunks", "1x16x16", "--pyramid", "3"]
        self.run_it("convert", image, whole, *options)
        for part in (2, 3):
            done = self.run_it("convert", image, out, *options, "--part", f"{part}/3", status=3)
            self.assertIn(f"part {part} of 3 is done; when all are: microtome finish {out}\n", done.stdout)
        done = self.run_it("status", out, status=3)
        self.assertEqual(done.stdout.split("\n")[0], f"{out}: incomplete, 32 of 48 chunks")
        found = json.loads(self.run_it("status", out, "--json", status=3).stdout)
        self.assertEqual((found["complete"], found["units"], found["done"], found["left"]), (False, 48, 32, 16))
        before = tree(out)
        text = self.run_it("finish", out, status=3).stderr
        self.assertIn("16 of 48 chunks are missing", text)
        self.assertEqual(tree(out), before)
        self.assertRegex(self.run_it("info", out).stdout, "incomplete, 32 of 48 chunks")
        self.assertEqual(self.info(out)["writing"], {"unit": "chunk", "units": 48, "done": 32})
        done = self.run_it("convert", image, out, *options, "--part", "1/3", status=3)
        self.assertIn("resuming: 32 of 48 chunks are done", done.stderr)
        self.assertIn("next     microtome finish", self.run_it("status", out, status=3).stdout)
        self.assertEqual(self.run_it("finish", out).stdout, f"{out}: complete\n")
        self.assertEqual(self.run_it("finish", out).stdout, f"{out}: already complete\n")
        self.assertEqual(self.run_it("status", out).stdout, f"{out}: complete\n")
        self.assertEqual(json.loads(self.run_it("status", out, "--json").stdout), {"path": out, "complete": True})
        self.assertEqual(tree(out), tree(whole))

    def test_finish_is_interrupted(self):
        image, whole, out = self.image((3, 64, 64)), self.path("whole.zarr"), self.path("out.zarr")
        options = ["--axes", "ZYX", "--chunks", "1x8x8", "--pyramid", "3", "--durability", "never"]
        self.run_it("convert", image, whole, *options)
        for part in (1, 2, 3):
            self.run_it("convert", image, out, *options, "--part", f"{part}/3", status=3)
        with subprocess.Popen(
            [command_test.COMMAND, "finish", out], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as child:
            while len(list(Path(out).glob(".microtome/journal-*"))) < 4 and child.poll() is None:
                time.sleep(0.001)
            child.send_signal(signal.SIGINT)
            said = child.communicate(timeout=60)
        self.assertIn(child.returncode, (0, 130))
        if child.returncode == 130:
            self.assertEqual(said, (b"", b"microtome: interrupted; the same command goes on\n"))
        self.assertRegex(self.run_it("finish", out).stdout, "complete\n")
        self.assertEqual(tree(out), tree(whole))

    def test_an_unfinished_tiff_is_told(self):
        image, out = self.image((64, 64)), self.path("out.tif")
        self.run_it("convert", image, out, "--chunks", "16x16", "--part", "1/2", status=3)
        self.assertEqual(
            self.run_it("status", out, status=3).stdout.split("\n")[0], f"{out}: incomplete, 8 of 16 chunks"
        )
        self.assertIn("out.tif: incomplete, 8 of 16 chunks are written", self.refuse("info", out, status=1))
        self.run_it("convert", image, out, "--chunks", "16x16", "--part", "2/2", status=3)
        self.run_it("finish", out)
        self.assertEqual(self.plane(out, (64, 64)), self.values((64, 64)))
        self.assertIn("already complete", self.run_it("convert", image, out, "--chunks", "16x16").stdout)

    def test_an_output_of_other_options_is_not_continued(self):
        image, out = self.image((64, 64)), self.path("out.zarr")
        part = ["--part", "1/2", "--chunks", "16x16", "--region"]
        self.run_it("convert", image, out, *part, "Y=0:32", status=3)
        for options, words in (
            (["Y=0:32", "--codec", "lz4"], 'its codec is "blosc-zstd", not "lz4"'),
            (["Y=32:32"], 'not "from 32,0, pixels 32,64, to 0,0"'),
        ):
            self.assertIn(words, self.refuse("convert", image, out, *part, *options, status=1))
        part += ["Y=0:32,X=0:64"]  # the same pixels
        os.utime(image, (5, 5))
        text = self.refuse("convert", image, out, *part, status=1)
        self.assertRegex(
            text, r'another input .*"changed at \d+ ns, sample 0.*", not "changed at 5000000000 ns, sample 0'
        )

    def test_all_files_of_an_input_count(self):
        for name in ("pair.hdr", "pair.img"):
            shutil.copy(Path(__file__).parents[1] / "samples/nifti" / name, self.dir)
        part = ["convert", self.path("pair.hdr"), self.path("out.zarr"), "--part", "1/2"]
        self.run_it(*part, status=3)
        self.run_it(*part, status=3)
        os.utime(self.path("pair.img"), (5, 5))
        self.assertIn("of another input exists: input changed: pair.img.", self.refuse(*part, status=1))

    def test_outputs_and_inputs_are_apart(self):
        image, folder = self.image(), self.path("folder.zarr")
        self.run_it("convert", image, folder)
        self.assertIn("is an input", self.refuse("convert", folder, folder, status=1))
        self.assertIn("lies inside", self.refuse("convert", folder, folder + "/a.zarr", status=1))
        self.assertIn("contains", self.refuse("convert", image, self.dir, "--format", "zarr", status=1))

    def test_missing_files(self):
        image, out = self.path("a.ome.tif"), self.path("out.zarr")
        info_test.write_tiff(image, info_test.ome([("", 2, ["a.ome.tif", "absent.tif"])]), 1)
        done = self.run_it("convert", image, out, status=1)
        self.assertIn("files or frames are missing; --missing fill reads them", done.stderr)
        self.run_it("convert", image, self.path("strict.zarr"), "--missing", "error", status=1)
        for version in ("0.5", "0.4"):
            out = self.path(version + ".zarr")
            self.run_it("convert", image, out, "--missing", "fill", "--ome", version)
            words = (
                "1 file or frame was missing when the image was converted and has the fill value, the first: .*absent"
            )
            self.assertRegex(self.info(out)["warnings"][0], words)

    def test_missing_planes(self):
        array = self.dir / "sparse.zarr"
        self.run_it("convert", self.image((32, 32)), array, "--chunks", "16x16")
        (array / "0/c/1/0").unlink()
        done = self.run_it("convert", array, self.path("a.zarr"))
        self.assertIn("1 chunks are not stored in the input", done.stderr)
        done = self.run_it("convert", array, self.path("b.zarr"), "--missing", "error", status=1)
        self.assertIn("sparse.zarr: zarr: chunk 1/0", done.stderr)

    def test_values_are_counted(self):
        write_npy(self.path("f.npy"), (2, 3), [float("nan"), -1, 0.5, 1.5, 300, 7], "f", "<f4")
        done = self.run_it("convert", self.path("f.npy"), self.path("f.zarr"), "--dtype", "uint8")
        self.assertIn("1 pixels were NaN", done.stderr)
        self.assertIn("2 pixels were beyond the range of uint8", done.stderr)

    def test_lost_metadata_are_told_once(self):
        first, out = self.path("a.zarr"), self.path("a.tif")
        self.run_it("convert", self.image(), first, "--labels")
        done = self.run_it("convert", first, out)
        self.assertEqual(
            done.stderr, f"microtome: {out}: left out, because format tiff cannot keep it: the mark of label images\n"
        )
        self.assertNotIn("left out", self.run_it("convert", first, out).stderr)

    def test_wrong_options(self):
        image, out = self.image(), self.path("out.zarr")
        for options, words in (
            (["--part", "0/3"], "--part takes"),
            (["--part", "4/3"], "--part takes"),
            (["--part", "1/3x"], "--part takes"),
            (["--claim", "--part", "1/3"], "--part and --claim exclude each other"),
            (["--claim", "--format", "tiff"], "--claim shares an OME-Zarr image"),
            (["--claim", "--join", "S"], "--claim shares one image"),
            (["--claim", "--verify"], "not with --claim"),
            (["--claim", "--lease", "0"], "--lease takes"),
            (["--lease", "9"], "--lease needs --claim"),
            (["--region", "C=0"], "--region takes"),
            (["--region", "Y=0:0"], "--region takes"),
            (["--region", "Y=0,Y=1"], "--region takes"),
            (["--region", "Y=-1"], "--region takes"),
            (["--region", "Y=1:2:3"], "--region takes"),
            (["--region", "Y=1,"], "--region takes"),
            (["--dtype", "uint13"], "--dtype takes a type, such as uint16, or source, not 'uint13'"),
            (["--durability", "forever"], "unknown durability 'forever' (did you mean 'never'?)"),
            (["--codec", "zst"], "unknown codec 'zst' (did you mean 'zstd'?)"),
            (
                ["--codec", "jpeg2000"],
                "unknown codec 'jpeg2000', not one of zstd, blosc-zstd, blosc-lz4, gzip, lz4, none",
            ),
            (["--format", "png"], "unknown format 'png'"),
            (["--shuffle", "bits"], "unknown shuffle 'bits' (did you mean 'bit'?)"),
            (["--downsample", "maximum"], "unknown downsampling 'maximum', not one of mean, nearest, mode"),
            (["--ome", "1.0"], "unknown version of OME-Zarr '1.0'"),
            (["--pyramid", "0"], "--pyramid takes"),
            (["--join", "X"], "--join takes"),
            (["--join", "C", "--channels", "0"], "exclude each other"),
            (["--join", "Z", "--region", "Z=0"], "--region cannot cut"),
            (["--chunks", "16"], "--chunks takes 2 to 2"),
            (["--shards", "16x16", "--no-shards"], "exclude each other"),
            (["--missing", "maybe"], "--missing is"),
        ):
            with self.subTest(options=options):
                self.assertIn(words, self.refuse("convert", image, out, *options))
        for options, words in (
            (["--region", "Z=0"], "has no axis Z"),
            (["--region", "Y=30:11"], "reaches beyond"),
            (["--region", "Y=40"], "reaches beyond"),
            (["--shards", "100x100", "--chunks", "16x16"], "shard"),
        ):
            with self.subTest(options=options):
                self.assertIn(words, self.refuse("convert", image, out, *options, status=1))
        self.assertIn("the suffix is not one of .zarr", self.refuse("convert", image, self.path("out.png"), status=1))
        self.assertFalse(Path(out).exists())


if __name__ == "__main__":
    command_test.COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
