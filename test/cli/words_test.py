#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Output of the command: suggestions, exit codes, tables, reasons. Usage: words_test.py COMMAND [TEST...]"""

import json
import os
import resource
import struct
import subprocess
import sys
import unittest
import zipfile
from pathlib import Path

import command_test
from command_test import write_npy


class Suggestions(command_test.Command):
    def test_a_mistyped_word_suggests_the_nearest(self):
        image = self.image()
        for arguments, meant in (
            (["inof", image], "info"),
            (["patch", image], "patches"),
            (["Info", image], "info"),
            (["help", "veiw"], "view"),
            (["man", "paches"], "patches"),
            (["info", image, "--jsn"], "--json"),
            (["info", image, "--depth"], "--depth-axis"),
            (["patches", image, "--szie", "8x8"], "--size"),
            (["patches", image, "--size", "8x8", "--chanels", "0"], "--channels"),
            (["view", image, "--maxsize=5"], "--max-size"),
            (["patches", image, "--patch-size", "8x8"], "--size"),
            (["formats", "tif"], "tiff"),
            (["formats", "hfd5"], "hdf5"),
            (["codecs", "zstdd"], "zstd"),
            (["codecs", "jpg"], "jpeg"),
        ):
            with self.subTest(arguments=arguments):
                self.assertIn(f"(did you mean '{meant}'?)", self.refuse(*arguments))
        for arguments in (["slice"], ["info", image, "--what"], ["codecs", "unheard-of"], ["info", image, "--x"]):
            with self.subTest(arguments=arguments):
                self.assertNotIn("mean", self.refuse(*arguments))

    def test_one_option_for_channels(self):
        image = self.image((3, 20, 30))
        for name in ("--channel", "--channels"):
            self.run_it("patches", image, "--axes", "CYX", "--size", "4x4", name, "0,2")
            self.run_it("view", image, "--axes", "CYX", name, "0,2", "--out", self.path("v.png"), "--force")
        self.assertIn("twice", self.refuse("patches", image, "--size", "4x4", "--channel", "0", "--channels", "1"))
        for command in ("patches", "view"):
            self.assertRegex(self.run_it(command, "--help").stdout, r"\n  --channels C,...")

    def test_formats_and_codecs_are_those_of_users(self):
        formats, codecs = self.run_it("formats").stdout, self.run_it("codecs").stdout
        self.assertRegex(formats, r"(?m)^tiff  ")
        self.assertEqual(formats.count("\n"), len(formats.splitlines()))
        self.assertRegex(codecs, r"(?m)^zstd +Zstandard: Zarr, TIFF, HDF5, CZI")
        names = [line.split()[0] for line in codecs.splitlines()]
        self.assertTrue({"zlib", "lz4", "blosc", "lzw", "jpeg", "szip", "shuffle", "fletcher32"} <= set(names))
        self.assertFalse(
            {"fit", "bgr", "constant", "byteswap", "zstd1", "lz4_blocks", "reverse_bits", "n5_block"} & set(names)
        )
        self.assertTrue(all(len(line.split()) > 1 for line in codecs.splitlines()))
        self.assertEqual(self.run_it("codecs", "zstd").stdout.count("\n"), 1)
        self.assertIn("zarr", self.run_it("formats", "zarr").stdout)


class Exits(command_test.Command):
    def test_what_does_not_fit_the_image_is_1(self):
        image, out = self.image(), ["--out", self.path("a.png")]
        for arguments in (
            ["patches", image, "--size", "64"],
            ["patches", image, "--size", "4x8x8"],
            ["patches", image, "--size", "8x8", "--channels", "1"],
            ["patches", image, "--size", "8x8", "--sample", "1"],
            ["patches", image, "--size", "8x8", "--at", "1,2,3"],
            ["patches", image, "--size", "8x8", "--grid", "--overlap", "1"],
            ["patches", image, "--size", "8x8", "--axes", "Z3YX"],
            ["info", image, "--axes", "Z3YX"],
            ["view", image, "--z", "0", *out],
            ["view", image, "--level", "1", *out],
            ["view", image, "--sample", "1", *out],
            ["view", image, "--channels", "0,1", *out],
            ["view", image, "--region", "0,0,41,50", *out],
        ):
            with self.subTest(arguments=arguments):
                line = self.refuse(*arguments, status=1)
                self.assertIn("image.npy: ", line)
        self.assertEqual(os.listdir(self.dir), ["image.npy"])

    def test_what_fits_no_image_is_2(self):
        image, out = self.image(), ["--out", self.path("a.png")]
        for arguments in (
            ["patches", image, "--size", "8x8", "--channels", "-1"],
            ["patches", image, "--size", "8x8", "--sample", "one"],
            ["view", self.image((3, 4, 5), name="z.npy"), "--axes", "ZYX", "--z", "-1", *out],
            ["view", image, "--level", "x", *out],
            ["view", image, "--region", "0,0,5", *out],
            ["info", image, "--axes", "QX"],
            ["info", image, "--axes", "ZYYX"],
            ["info", image, "--depth-axis", "C"],
            ["info", image, "--missing", "maybe"],
            ["patches", image, "--size", "8x8", "--labels", image, "--labels-axes", "YZ", "--out", self.path("a.npy")],
        ):
            with self.subTest(arguments=arguments):
                self.refuse(*arguments)


class Tables(command_test.Command):
    def test_columns_align_whatever_the_longest_path(self):
        images = [self.image(name=name) for name in ("a.npy", "für.npy", f"{'l' * 150}.npy")]
        lines = self.run_it("info", *images).stdout.splitlines()
        column = lines[0].index("format")
        for line in lines[1:]:
            self.assertEqual(line[column - 2 : column + 3], "  npy", lines)
        self.assertEqual(len({line.index("uint16") for line in lines[1:]}), 1)

    def test_an_archive_is_searched_as_a_folder_is(self):
        folder = self.dir / "archives"
        folder.mkdir()
        with zipfile.ZipFile(folder / "run.zip", "w") as archive:
            for name in ("a.npy", "b.npy"):
                archive.write(self.image(name=name), f"run/run/{name}")
        listed = [self.run_it("info", path).stdout for path in (folder, folder / "run.zip", folder / "run.zip/run")]
        self.assertIn(f"{folder}/run.zip/run/run/b.npy  npy", listed[0])
        self.assertEqual(len(set(listed)), 1, listed)

    def test_a_folder_with_what_is_not_an_image(self):
        folder = self.dir / "folder"
        (folder / "deep").mkdir(parents=True)
        write_npy(folder / "a.npy", (4, 5), range(20))
        write_npy(folder / "b.npy", (4, 5), range(20))
        (folder / "group.zarr").mkdir()
        (folder / "group.zarr/.zgroup").write_text('{"zarr_format": 2}')
        for name in ("notes.txt", "deep/table.csv", "empty", "picture.png"):
            (folder / name).write_bytes(b"" if name == "empty" else b"\x89PNG\r\n\x1a\n" if "png" in name else b"text")
        done = self.run_it("info", folder)
        told = f"microtome: {folder}: skipped 5 files that are not images, such as {folder}/group.zarr: zarr: no image"
        self.assertEqual(done.stderr.splitlines()[0][: len(told)], told)
        self.assertEqual(done.stdout.count("\n"), 3)
        self.assertEqual(len(json.loads(self.run_it("info", "--json", folder).stdout)), 2)
        done = self.run_it("info", folder / "deep", status=1)
        self.assertIn("no image found", done.stderr)
        for command in (["info"], ["stats"], ["patches", "--size", "2x2", "--out", self.dir / "p.npy"], ["convert"]):
            outputs = [self.dir / "o.zarr"] if command == ["convert"] else []
            done = self.run_it(command[0], folder / "none*", *outputs, *command[1:], status=1)
            self.assertEqual(done.stderr, f"microtome: {folder}/none*: no file matches\n")
        (folder / "deep/cells.TIF").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
        first = self.run_it("info", folder / "deep", status=1).stderr.splitlines()[0]
        self.assertEqual(first.partition("images, such as ")[2].partition(": ")[0], f"{folder}/deep/cells.TIF")
        self.assertIn("git lfs pull", first)
        (folder / "deep/table.csv").unlink()
        first = self.run_it("info", folder / "deep", status=1).stderr.splitlines()[0]
        self.assertIn(f"skipped 1 file that is not an image: {folder}/deep/cells.TIF: ", first)

    def test_channels_and_parts_without_names_are_shown(self):
        image = self.image((3, 4, 5))
        text = self.run_it("info", image, "--axes", "CYX").stdout
        self.assertRegex(text, r"\n  channels +3, without names\n")
        self.assertNotIn("channels", self.run_it("info", self.image(name="one.npy")).stdout)
        omero = {"channels": [{"label": "DAPI", "color": "0000FF"}, {"color": "00FF00"}, {"label": ""}]}
        folder = self.dir / "c.zarr"
        (folder / "0").mkdir(parents=True)
        axes = [{"name": "c", "type": "channel"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
        multiscales = [{"version": "0.4", "axes": axes, "datasets": [{"path": "0"}]}]
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
        (folder / ".zattrs").write_text(json.dumps({"multiscales": multiscales, "omero": omero}))
        (folder / "0/.zarray").write_text(
            '{"zarr_format": 2, "shape": [3, 4, 5], "chunks": [3, 4, 5], "dtype": "|u1", "compressor": null, '
            '"filters": null, "fill_value": 0, "order": "C"}'
        )
        text = self.run_it("info", folder).stdout
        self.assertRegex(text, r"channels +3\n +0: DAPI  #0000ff\n +1: no name  #00ff00\n +2: no name")

    def test_pictures_are_width_by_height(self):
        done = self.run_it("view", self.image((4, 5)), "--out", self.path("v.png"))
        self.assertIn(": 510 x 408 pixels (width x height), enlarged 102 times", done.stdout)


class Reasons(command_test.Command):
    def test_files_that_are_not_what_their_name_says(self):
        pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
        klb = struct.pack("<B5I", 2, 10, 10, 10, 1, 1)
        entries = ((256, 3, 1, 4), (257, 3, 1, 4), (258, 3, 1, 8), (270, 2, 40, 5000), (273, 4, 1, 8), (279, 4, 1, 16))
        cut = struct.pack("<2sHIH", b"II", 42, 8, 6) + b"".join(struct.pack("<HHII", *e) for e in entries) + bytes(4)
        for name, content, words in (
            ("x.tif", b"", "the file is empty"),
            ("x.npy", b"", "the file is empty"),
            ("x.tif", pointer, "a Git LFS pointer, not the file itself: run git lfs pull"),
            ("x.czi", pointer, "git lfs pull"),
            ("x.klb", klb, "KLB is not supported"),
            ("X.KLB", klb, "KLB is not supported"),
            ("x.nd2", b"\0\0\0\x0cjP  " + bytes(100), "Nikon ND2 of version 1 (a container of JPEG 2000) is not"),
            ("x.xlef", b"<LMSDataContainerHeader/>", "Leica XLEF is not supported"),
            (
                "x.ndpis",
                b"[NanoZoomer Digital Pathology Image Set]\r\nNoImages=2\r\n",
                "Hamamatsu NDPIS (a list of NDPI",
            ),
            ("x.mrc", bytes(208) + b"MAP " + bytes(100), "mrc: the file ends inside its header of 1024 bytes"),
            ("x.nii", b"\x5c\1\0\0" + bytes(340) + b"n+1\0" + bytes(100), "nifti: dim[0] is 0, not 1 to 7"),
            ("x.hdr", b"\x5c\1\0\0" + bytes(344), "Analyze 7.5 is not supported"),
            ("x.dcm", bytes(128) + b"DICM" + bytes(100), "DICOM is not supported"),
            ("x.jpg", b"\xff\xd8\xff\xe0" + bytes(100), "JPEG is not supported"),
            ("x.tif", b"II*\0" + bytes(20), "tiff: the file has no page: it is damaged"),
            ("x.tif", cut, "tiff: the file is cut or damaged: it ends before the 40 bytes at 5000"),
            ("x.txt", b"text", "neither content nor name is of a known format"),
        ):
            with self.subTest(name=name, words=words):
                Path(self.path(name)).write_bytes(content)
                line = self.refuse("info", self.path(name), status=1)
                self.assertIn(f"{name}: {words}" if words[0] != "g" else words, line)

    def test_folders_that_are_not_images(self):
        folder = self.dir / "precomputed"
        folder.mkdir()
        (folder / "info").write_text(
            '{"@type": "neuroglancer_multiscale_volume", "type": "image", "data_type": "uint8", "num_channels": 1,'
            ' "scales": []}'
        )
        self.assertIn("precomputed is not supported", self.refuse("info", folder, status=1))
        (self.dir / "n5").mkdir()
        (self.dir / "n5/attributes.json").write_text('{"n5": "2.5.1"}')
        self.assertIn("n5: no image", self.refuse("info", self.dir / "n5", status=1))
        self.image()
        done = self.run_it("info", self.dir, status=1)
        self.assertEqual(done.stderr.count("not supported"), 1)

    def test_a_map_that_does_not_keep_the_axes(self):
        volume, axes = self.image((3, 4, 5), name="volume.npy"), self.path("axes.map")
        done = self.run_it("info", volume, "--axes", "ZYX", "--map", axes)
        self.assertIn(f"does not keep the axes: open it with --use-map {axes} --axes ZYX\n", done.stderr)
        self.assertIn("name them", self.run_it("view", volume, "--use-map", axes, "--out", "-", status=1).stderr)
        self.run_it("view", volume, "--use-map", axes, "--axes", "ZYX", "--out", self.path("axes.png"))

    def test_a_folder_is_not_drawn(self):
        self.image()
        line = self.refuse("view", self.dir, "--out", self.path("v.png"), status=1)
        self.assertIn("the folder is not an image of a known format; 'microtome info", line)
        os.mkdir(self.path("folder"))
        os.rename(self.path("image.npy"), self.path("folder/image.npy"))
        line = self.refuse("view", self.path("folder"), "--out", self.path("v.png"), status=1)
        self.assertIn("the folder is not an image of a known format; 'microtome info", line)

    def test_names_inside_a_folder(self):
        folder = self.dir / "v.zarr"
        folder.mkdir()
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
        for part in ("../other", "a//b"):
            line = self.refuse("info", f"{folder}#{part}", status=1)
            self.assertNotIn("no name", line)

    def test_running_out_of_descriptors(self):
        """The system's own reason, whatever is tried first."""
        folder = self.dir / "v.zarr"
        folder.mkdir()
        (folder / ".zarray").write_text(
            '{"zarr_format": 2, "shape": [8, 8], "chunks": [8, 8], "dtype": "|u1", "fill_value": 7,'
            ' "compressor": null, "filters": null, "order": "C"}'
        )
        holder = self.dir / "holder"
        holder.mkdir()
        write_npy(holder / "a.npy", (4, 5), range(20))
        for path in (self.image(), folder, holder, self.path("*.npy")):
            for most in (4, 5, 6):
                done = subprocess.run(
                    [command_test.COMMAND, "info", path],
                    capture_output=True,
                    text=True,
                    preexec_fn=lambda most=most: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)),
                )
                if done.returncode:
                    self.assertIn("Too many open files", done.stderr, (path, most))


if __name__ == "__main__":
    command_test.COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
