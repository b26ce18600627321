#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the command as a user would. Usage: command_test.py COMMAND [TEST...]

Needs nothing but Python's standard library. Images are written here as NPY and Zarr; pixels and pictures are read
back by code of its own.
"""

import gzip
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile
import zlib
from pathlib import Path

COMMAND = ""
COMMANDS = [
    "info",
    "patches",
    "view",
    "stats",
    "convert",
    "tiles",
    "predict",
    "status",
    "finish",
    "formats",
    "codecs",
    "completion",
    "man",
    "help",
]
DATA = Path(os.environ.get("MICROTOME_TEST_DATA", Path(__file__).resolve().parents[2] / "../shared/data"))


def write_npy(path, shape, values, code="H", descr="<u2"):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    Path(path).write_bytes(
        b"\x93NUMPY\1\0"
        + struct.pack("<H", len(header))
        + header.encode()
        + struct.pack(f"<{len(values)}{code}", *values)
    )


def read_npy(path, code="H"):
    data = Path(path).read_bytes()
    assert data[:8] == b"\x93NUMPY\1\0" and (10 + struct.unpack("<H", data[8:10])[0]) % 64 == 0
    start = 10 + struct.unpack("<H", data[8:10])[0]
    header = eval(data[10:start].decode(), {})  # a dictionary that the command under test has written
    count = 1
    for n in header["shape"]:
        count *= n
    assert len(data) - start == count * struct.calcsize(code)
    return header, struct.unpack(f"<{count}{code}", data[start:])


def unfilter(kind, row, above, step):
    for i in range(len(row)):
        left = row[i - step] if i >= step else 0
        corner = above[i - step] if i >= step else 0
        up = above[i]
        if kind == 4:
            p = left + up - corner
            guess = min((abs(p - left), 0, left), (abs(p - up), 1, up), (abs(p - corner), 2, corner))[2]
        else:
            guess = (0, left, up, (left + up) // 2)[kind]
        row[i] = (row[i] + guess) & 255


def read_png(path):
    """Height, width and rows of RGB bytes of a PNG with 8 bits; checksums are verified."""
    data = Path(path).read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    position, packed, kinds = 8, b"", []
    while position < len(data):
        n, kind = struct.unpack(">I4s", data[position : position + 8])
        body = data[position + 8 : position + 8 + n]
        assert struct.unpack(">I", data[position + 8 + n : position + 12 + n])[0] == zlib.crc32(kind + body)
        kinds.append(kind)
        if kind == b"IHDR":
            width, height, bits, color = struct.unpack(">IIBB", body[:10])
            assert (bits, color) == (8, 2)
        elif kind == b"IDAT":
            packed += body
        position += 12 + n
    assert kinds[-1] == b"IEND"
    plain, rows, above = zlib.decompress(packed), [], bytearray(3 * width)
    for y in range(height):
        row = bytearray(plain[y * (3 * width + 1) + 1 : (y + 1) * (3 * width + 1)])
        unfilter(plain[y * (3 * width + 1)], row, above, 3)
        rows.append(bytes(row))
        above = row
    return height, width, rows


class Command(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="microtome-test-"))
        self.addCleanup(shutil.rmtree, self.dir)

    def path(self, name):
        return str(self.dir / name)

    def run_it(self, *arguments, status=0):
        done = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def refuse(self, *arguments, status=2):
        """The command fails with one line that is returned, and nothing on standard output."""
        done = self.run_it(*arguments, status=status)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def image(self, shape=(40, 50), name="image.npy", **kinds):
        count = 1
        for n in shape:
            count *= n
        write_npy(self.path(name), shape, [i * 7 % 65521 for i in range(count)], **kinds)
        return self.path(name)

    def expected(self, shape, coords, size):
        """The patch of an image() of rows and columns, with zeros outside."""
        return [
            (y * shape[1] + x) * 7 % 65521 if 0 <= y < shape[0] and 0 <= x < shape[1] else 0
            for y in range(coords[0], coords[0] + size[0])
            for x in range(coords[1], coords[1] + size[1])
        ]


class Usage(Command):
    def test_help_of_each_has_examples(self):
        for name in COMMANDS:
            text = self.run_it(name, "--help").stdout
            self.assertIn("examples:\n  microtome " + name, text)
            self.assertEqual(text, self.run_it("help", name).stdout)
        self.assertTrue(all(name in self.run_it("--help").stdout for name in COMMANDS))

    def test_version(self):
        self.assertRegex(self.run_it("--version").stdout, r"^microtome \d+\.\d+\.\d+\n$")

    def test_formats_and_codecs(self):
        self.assertIn("npy", self.run_it("formats").stdout)
        self.assertIn("zstd", self.run_it("codecs").stdout)

    def test_bad_arguments_are_one_line(self):
        image = self.image()
        for arguments in [
            [],
            ["slice"],
            ["--nothing"],
            ["info"],
            ["info", image, "--what"],
            ["info", image, "-x"],
            ["info", image, "--json=1"],
            ["info", image, "--axes"],
            ["patches", image],
            ["patches", image, "--size", "8x8", "--size", "8x8"],
            ["patches", image, "--size", "8x8", "--grid", "--seed", "1"],
            ["patches", image, "--size", "8x8", "--overlap", "2x2"],
            ["patches", image, "--size", "8x8", "--grid", "--overlap", "8x2"],
            ["help", "slice"],
            ["man", "slice"],
            ["completion", "fish"],
            ["formats", "npyy"],
            ["view", image],
            ["view", image, "--out", self.path("a.png"), "--region", "0,0,0,5"],
        ]:
            with self.subTest(arguments=arguments):
                self.refuse(*arguments)
        self.assertEqual(os.listdir(self.dir), ["image.npy"])
        self.assertIn("PATH... is missing", self.refuse("info"))
        self.assertIn("only 'a.npy' is given, not IN... OUT", self.refuse("convert", "a.npy"))

    def test_numbers_are_strict(self):
        image = self.image()
        for size in [
            "64x",
            "x64",
            "64x64x",
            "0x8",
            "-8x8",
            "8 x8",
            "8x8 ",
            "8x 8",
            "+8x8",
            "8.0x8",
            "8x8x8x8",
            "99999999999999999999x8",
            "",
            "0x10x8",
            "8;8",
        ]:
            with self.subTest(size=size):
                self.refuse("patches", image, "--size", size)
        for count in ["0", "-1", "1k", "", "1e3", " 1", "9223372036854775808"]:
            with self.subTest(count=count):
                self.refuse("patches", image, "--size", "8x8", "--count", count)
        for seed in ["-1", "18446744073709551616", "x"]:
            with self.subTest(seed=seed):
                self.refuse("patches", image, "--size", "8x8", "--seed", seed)
        self.run_it("patches", image, "--size", "8x8", "--seed", "18446744073709551615")

    def test_wrong_number_of_dimensions_says_what_the_image_has(self):
        line = self.refuse("patches", self.image(), "--size", "4x8x8", status=1)
        self.assertIn("Y and X only: 40 x 50", line)
        line = self.refuse("patches", self.image((3, 20, 30)), "--axes", "ZYX", "--size", "8x8", status=1)
        self.assertIn("Z, Y and X: 3 x 20 x 30", line)

    def test_completion_parses_and_knows_options(self):
        script = self.run_it("completion", "bash").stdout
        self.assertIn("--overlap", script)
        if shutil.which("bash"):
            done = subprocess.run(
                [
                    "bash",
                    "-c",
                    script + "COMP_WORDS=(microtome patches --ov) COMP_CWORD=2\n_microtome\necho ${COMPREPLY[@]}",
                ],
                capture_output=True,
                text=True,
            )
            self.assertEqual((done.stdout, done.stderr), ("--overlap\n", ""))
        self.assertIn("#compdef microtome\n", self.run_it("completion", "zsh").stdout)

    def test_man_pages_name_each_option(self):
        for name in COMMANDS:
            self.assertIn(".SH EXAMPLES", self.run_it("man", name).stdout)
        self.assertIn("\\-\\-overlap", self.run_it("man", "patches").stdout)
        self.assertIn("130", self.run_it("man").stdout)


class Info(Command):
    def test_table(self):
        text = self.run_it("info", self.image()).stdout
        self.assertRegex(text, r"shape +40 x 50\n")
        self.assertRegex(text, r"type +uint16\n")
        self.assertLess(text.count("\n"), 25)

    def test_one_line_for_each_of_many(self):
        paths = [self.image(name="a.npy"), self.image((3, 4, 5), name="b.npy")]
        self.assertEqual(self.run_it("info", *paths).stdout.count("\n"), 3)
        self.assertEqual(self.run_it("info", self.dir).stdout.count("\n"), 3)

    def test_json(self):
        zarr = self.dir / "v.zarr"
        zarr.mkdir()
        (zarr / ".zarray").write_text(
            json.dumps(
                {
                    "zarr_format": 2,
                    "shape": [30, 20],
                    "chunks": [16, 8],
                    "dtype": "<f4",
                    "compressor": {"id": "zlib", "level": 1},
                    "fill_value": 0,
                    "order": "C",
                    "filters": None,
                }
            )
        )
        name = 'odd "name"\\.npy'
        found = json.loads(self.run_it("info", "--json", self.image(name=name), zarr).stdout)
        self.assertEqual(found[0]["path"], self.path(name))
        self.assertEqual(
            (found[0]["format"], found[0]["shape"], found[0]["dtype"], found[0]["data_shape"]),
            ("npy", [40, 50], "uint16", [1, 1, 40, 50]),
        )
        self.assertEqual((found[1]["format"], found[1]["chunk_shape"], found[1]["dtype"]), ("zarr", [16, 8], "float32"))
        self.assertIn("zlib", found[1]["codecs"])

    def test_json_of_real_files(self):
        if not DATA.is_dir():
            self.skipTest(f"{DATA} is absent")
        paths = [
            *DATA.glob("denoise/*.tif*"),
            *DATA.glob("tiff/imagej/*.tif"),
            *DATA.glob("tiff/ome/*.tif*"),
            *DATA.glob("npy/*.npy"),
        ]
        done = subprocess.run([COMMAND, "info", "--json", *paths], capture_output=True, text=True)
        self.assertIn(done.returncode, (0, 1))
        found = json.loads(done.stdout)
        self.assertEqual(len(found) + done.stderr.count("\n"), len(paths))

    def test_scenes_and_attachments_of_a_real_file(self):
        if not DATA.is_dir():
            self.skipTest(f"{DATA} is absent")
        image = DATA / "czi/real/S3_1Pos_2Mosaic_T2_Z3_CH2_sm.czi"
        text = self.run_it("info", image).stdout
        self.assertRegex(text, r"scenes +3, this is the first\n +scene=0  TR1  122 x 295\n")
        self.assertRegex(text, r"attachments TimeStamps  CZTIMS  24 bytes\n +Thumbnail  JPG  7.6 KiB\n")
        self.assertRegex(text, r"pixel size +T 33.412 second, Z 1 micrometer")
        found = json.loads(self.run_it("info", "--json", image).stdout)[0]
        self.assertEqual(found["titles"], ["TR1", "P1", "TR2"])
        self.assertEqual(
            found["attachments"][1], {"part": "attachment=Thumbnail", "name": "Thumbnail", "type": "JPG", "size": 7784}
        )
        thumbnail = f"{image}#attachment=Thumbnail"
        self.run_it("view", thumbnail, "--max-size", "256", "--out", self.path("thumbnail.png"))
        self.assertEqual(read_png(self.path("thumbnail.png"))[:2], (204, 256))
        found = json.loads(self.run_it("info", "--json", image, "--depth-axis", "T").stdout)[0]
        self.assertEqual((found["axes"], found["shape"]), ("SCTYX", [3, 2, 2, 122, 295]))
        self.assertIn("no axis Z", self.refuse("info", self.image(), "--depth-axis", "Z", status=1))

    def test_saved_map(self):
        image, saved, out = self.image(), self.path("image.map"), self.path("out.npy")
        self.assertRegex(self.run_it("info", image, "--map", saved).stdout, r"shape +40 x 50\n")
        self.assertIn("--force replaces it", self.refuse("info", image, "--map", saved, status=1))
        self.run_it("info", image, "--map", saved, "--force")
        self.assertRegex(self.run_it("info", image, "--use-map", saved).stdout, r"shape +40 x 50\n")
        patch = ["patches", image, "--size", "9x11", "--at=-3,-5", "--out", out, "--use-map", saved]
        self.run_it(*patch)
        self.assertEqual(list(read_npy(out)[1]), self.expected((40, 50), (-3, -5), (9, 11)))
        self.run_it("view", image, "--use-map", saved, "--out", self.path("view.png"))
        self.refuse("info", image, self.image(name="b.npy"), "--map", self.path("two.map"))
        os.utime(image, (5, 5))
        self.assertIn("has changed since its map was saved", self.refuse(*patch, "--force", status=1))

    def test_broken_files_are_a_line_each_and_the_others_are_shown(self):
        good, bad = self.image(), self.path("bad.npy")
        Path(bad).write_bytes(Path(good).read_bytes()[:70])
        Path(self.path("worse.npy")).write_bytes(b"\x93NUMPY\1\0\xff\xff{")
        done = self.run_it("info", bad, good, self.path("absent.tif"), self.path("worse.npy"), status=1)
        self.assertEqual(done.stderr.count("\n"), 3, done.stderr)
        self.assertIn("40 x 50", done.stdout)
        self.refuse("info", bad, status=1)
        self.assertEqual(json.loads(self.run_it("info", "--json", bad, status=1).stdout), [])


class Patches(Command):
    def test_at_equals_the_file_and_is_padded(self):
        shape, out = (40, 50), self.path("out.npy")
        places = [(0, 0), (-3, -5), (35, 45), (1000, 0), (7, -100), (-2, 20)]
        self.run_it("patches", self.image(shape), "--size", "9x11", "--out", out, *[f"--at={y},{x}" for y, x in places])
        header, values = read_npy(out)
        self.assertEqual(header, {"descr": "<u2", "fortran_order": False, "shape": (6, 1, 9, 11)})
        self.assertEqual(list(values), sum((self.expected(shape, place, (9, 11)) for place in places), []))

    def test_grid_covers_the_image_exactly(self):
        shape, out = (40, 50), self.path("out.npy")
        self.run_it("patches", self.image(shape), "--size", "16x25", "--grid", "--out", out)
        places = [(y, x) for y in (0, 16, 24) for x in (0, 25)]
        self.assertEqual(list(read_npy(out)[1]), sum((self.expected(shape, p, (16, 25)) for p in places), []))
        self.run_it(
            "patches", self.image(shape), "--size", "16x20", "--grid", "--overlap", "4x5", "--out", out, "--force"
        )
        places = [(y, x) for y in (0, 12, 24) for x in (0, 15, 30)]
        self.assertEqual(list(read_npy(out)[1]), sum((self.expected(shape, p, (16, 20)) for p in places), []))

    def test_grid_goes_through_samples(self):
        out = self.path("out.npy")
        image = self.image((3, 4, 5))
        self.run_it("patches", image, "--axes", "SYX", "--size", "4x5", "--grid", "--out", out)
        self.assertEqual(read_npy(out)[1], read_npy(image)[1])
        self.run_it(
            "patches", image, "--axes", "SYX", "--sample", "1", "--size", "4x5", "--grid", "--out", out, "--force"
        )
        self.assertEqual(read_npy(out)[1], read_npy(image)[1][20:40])

    def test_axes_planes_and_channels(self):
        image, out = self.image((2, 3, 6, 7)), self.path("out.npy")
        pixels = read_npy(image)[1]
        self.run_it(
            "patches", image, "--axes", "CZYX", "--size", "2x4x5", "--channels", "1,0,1", "--at", "1,2,1", "--out", out
        )
        header, values = read_npy(out)
        self.assertEqual(header["shape"], (1, 3, 2, 4, 5))
        self.assertEqual(
            list(values),
            [
                pixels[((c * 3 + z) * 6 + y) * 7 + x]
                for c in (1, 0, 1)
                for z in (1, 2)
                for y in range(2, 6)
                for x in range(1, 6)
            ],
        )

    def test_random_patches_lie_inside_and_follow_the_seed(self):
        image, outs = self.image((100, 90)), [self.path(f"{i}.npy") for i in range(4)]
        for out, seed, count in zip(outs, (5, 5, 6, 5), (300, 300, 300, 7)):
            self.run_it("patches", image, "--size", "4x4", "--seed", seed, "--count", count, "--out", out)
        first, again, other, fewer = (read_npy(out)[1] for out in outs)
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)
        self.assertEqual(first[: 7 * 16], fewer)
        inside = {tuple(self.expected((100, 90), (y, x), (4, 4))) for y in range(97) for x in range(87)}
        patches = [first[i : i + 16] for i in range(0, len(first), 16)]
        self.assertTrue(all(patch in inside for patch in patches))
        self.assertGreater(len(set(patches)), 280)

    def test_all_samples_are_drawn(self):
        image, out = self.path("s.npy"), self.path("out.npy")
        write_npy(image, (5, 4, 4), [s for s in range(5) for _ in range(16)])
        self.run_it("patches", image, "--axes", "SYX", "--size", "2x2", "--count", "200", "--out", out)
        self.assertEqual(set(read_npy(out)[1]), set(range(5)))

    def test_a_small_image_is_padded(self):
        out = self.path("out.npy")
        image = self.image((3, 4))
        done = self.run_it("patches", image, "--size", "8x8", "--count", "2", "--out", out)
        self.assertEqual(list(read_npy(out)[1]), 2 * self.expected((3, 4), (0, 0), (8, 8)))
        self.assertEqual(done.stderr, f"microtome: {image} is smaller than a patch: padded with zeros\n")
        for places in (["--size", "3x4"], ["--size", "8x8", "--at", "0,0"]):
            self.assertEqual(self.run_it("patches", image, *places).stderr, "")

    def test_float(self):
        out = self.path("out.npy")
        self.run_it("patches", self.image(), "--size", "4x4", "--at", "1,2", "--float", "--out", out)
        header, values = read_npy(out, "f")
        self.assertEqual(header["descr"], "<f4")
        self.assertEqual(list(values), self.expected((40, 50), (1, 2), (4, 4)))

    def test_explain(self):
        text = self.run_it("patches", self.image(), "--size", "8x8", "--count", "10", "--explain").stdout
        self.assertRegex(text, r"requests +10\n")
        self.assertRegex(text, r"amplification +\d+\.\d\d")

    def test_sheet(self):
        sheet = self.path("sheet.png")
        self.run_it(
            "patches", self.image((3, 200, 200)), "--axes", "CYX", "--size", "32x16", "--count", "100", "--sheet", sheet
        )
        height, width, rows = read_png(sheet)
        self.assertEqual((height, width), (8 * 128 + 7 * 2, 8 * 64 + 7 * 2))
        self.assertEqual(rows[128], bytes([128]) * 3 * width)
        self.assertTrue(any(rows[0]))


class View(Command):
    def view(self, image, *options):
        """Height, width and rows of the picture, as they were before it was enlarged."""
        done = self.run_it("view", image, "--out", self.path("view.png"), "--force", *options)
        k = int((re.search(r"enlarged (\d+) times", done.stdout) or [0, 1])[1])
        height, width, rows = read_png(self.path("view.png"))
        return (
            height // k,
            width // k,
            [b"".join(row[i : i + 3] for i in range(0, 3 * width, 3 * k)) for row in rows[::k]],
        )

    def test_gray_is_stretched(self):
        height, width, rows = self.view(self.image((4, 5)))
        self.assertEqual((height, width), (4, 5))
        self.assertEqual((rows[0][:3], rows[3][-3:]), (b"\0\0\0", b"\xff\xff\xff"))

    def test_percentiles_leave_single_outliers_out(self):
        image = self.path("spot.npy")
        values = [i % 100 for i in range(10000)]
        values[5000] = 65535
        write_npy(image, (100, 100), values)
        self.assertEqual(self.view(image)[2][0][3 * 50], round(50 / 99 * 255))

    def test_region_sample_and_plane(self):
        image = self.path("v.npy")
        write_npy(
            image,
            (2, 3, 20, 20),
            [
                255 if (s, z, y, x) == (1, 2, 12, 5) else 0
                for s in range(2)
                for z in range(3)
                for y in range(20)
                for x in range(20)
            ],
        )
        height, width, rows = self.view(image, "--axes", "SZYX", "--sample", "1", "--z", "2", "--region", "10,4,6,8")
        self.assertEqual((height, width), (6, 8))
        self.assertEqual([(y, x) for y in range(6) for x in range(8) if rows[y][3 * x]], [(2, 1)])
        self.assertFalse(any(map(any, self.view(image, "--axes", "SZYX", "--sample", "1", "--z", "1")[2])))

    def test_large_planes_are_averaged(self):
        image = self.path("wide.npy")
        write_npy(image, (3, 5000), [100 * (x // 1000) + (x + y) % 2 for y in range(3) for x in range(5000)])
        height, width, rows = self.view(image, "--max-size", "5")
        self.assertEqual((height, width), (1, 5))
        self.assertEqual([rows[0][3 * x] for x in range(5)], [0, 64, 128, 191, 255])

    def test_tiles_meet_inside_a_square_of_the_average(self):
        image = self.path("wide.npy")
        write_npy(image, (1, 9000), [x // 3000 * 100 for x in range(9000)])
        row = self.view(image, "--max-size", "3")[2][0]
        self.assertEqual((row[0], row[6]), (0, 255))
        self.assertAlmostEqual(row[3], 127.5, delta=1)

    def test_raw(self):
        Path(self.path("r.bin")).write_bytes(b"head" + struct.pack(">24H", *range(24)))
        raw = [self.path("r.bin"), "--axes", "TYX", "--raw", "uint16:2x3x4:4:big"]
        info = json.loads(self.run_it("info", "--json", *raw).stdout)[0]
        self.assertEqual((info["format"], info["data_shape"], info["dtype"]), ("raw", [2, 1, 3, 4], "uint16"))
        self.run_it("patches", *raw, "--size", "2x2", "--at", "1,2", "--sample", "1", "--out", self.path("r.npy"))
        self.assertEqual(read_npy(self.path("r.npy"))[1], (18, 19, 22, 23))
        self.run_it("view", *raw, "--out", self.path("r.png"))
        for wrong in "uint16", "uint16:", "uint17:3x4", "uint16:3xy", "uint16:3x4:-1", "uint16:3x4:0:bigger", ":3x4":
            self.assertIn("--raw", self.refuse("info", raw[0], "--raw", wrong))
        self.assertIn("too few for 96 bytes of pixels", self.refuse("info", raw[0], "--raw", "uint16:3x4x4", status=1))

    def test_absent_chunks_and_empty_files_are_told(self):
        folder = Path(self.path("absent.zarr"))
        folder.mkdir()
        (folder / ".zarray").write_text(
            '{"zarr_format": 2, "shape": [8, 8], "chunks": [4, 4], "dtype": "<u2", "compressor": null, '
            '"filters": null, "fill_value": 7, "order": "C"}'
        )
        for command in (["info", "--checksum"], ["patches", "--size", "8x8"]):
            self.assertIn("all chunks read (4) are absent", self.run_it(*command, str(folder)).stderr)
        (folder / "1.0").write_bytes(bytes(32))
        self.assertEqual(self.run_it("info", "--checksum", str(folder)).stderr, "")
        empty = self.path("empty.tif")
        Path(empty).touch()
        self.assertIn("the file is empty", self.run_it("info", empty, status=1).stderr)

    def test_checksums_of_the_same_pixels_are_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            values = list(range(6 * 7))
            write_npy(f"{folder}/a.npy", (6, 7), values)
            write_npy(f"{folder}/b.npy", (6, 7), values)
            Path(f"{folder}/c.raw").write_bytes(struct.pack(">42H", *values))
            Path(f"{folder}/d.raw").write_bytes(struct.pack(">42H", 9, *values[1:]))
            found = json.loads(self.run_it("info", "--checksum", "--json", f"{folder}/a.npy", f"{folder}/b.npy").stdout)
            wanted = found[0]["checksum"]
            self.assertRegex(wanted, "^[0-9a-f]{32}$")
            self.assertEqual(found[1]["checksum"], wanted)
            raw = ["--raw", "uint16:6x7:0:big", "--checksum"]
            self.assertIn(f"checksum    {wanted}", self.run_it("info", f"{folder}/c.raw", *raw).stdout)
            self.assertNotIn(wanted, self.run_it("info", f"{folder}/d.raw", *raw).stdout)
            lines = self.run_it("info", "--checksum", f"{folder}/a.npy", f"{folder}/b.npy").stdout.splitlines()
            self.assertTrue(all(line.endswith(wanted) for line in lines[1:]))
            self.assertNotIn("checksum", self.run_it("info", "--json", f"{folder}/a.npy").stdout)

    def test_info_of_a_folder_tells_what_is_skipped(self):
        folder = self.path("folder")
        array = {
            "zarr_format": 3,
            "node_type": "array",
            "shape": [4, 5],
            "data_type": "uint8",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 5]}},
            "chunk_key_encoding": {"name": "default"},
            "fill_value": 0,
        }
        for name, codecs in ("a", ["bytes"]), ("b", ["bytes", "unheard-of"]), ("c", ["bytes"]):
            path = Path(folder) / "group.zarr" / name
            path.mkdir(parents=True)
            (path / "zarr.json").write_text(json.dumps({**array, "codecs": [{"name": codec} for codec in codecs]}))
        (Path(folder) / "group.zarr" / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group"}')
        (Path(folder) / "notes.txt").write_text("no image")
        done = self.run_it("info", "--json", folder, status=1)
        infos = json.loads(done.stdout)
        self.assertEqual([info["source"] for info in infos], [f"{folder}/group.zarr#{name}" for name in "ac"])
        first, second = done.stderr.splitlines()
        self.assertIn(f"{folder}/group.zarr#b: zarr: ", first)
        self.assertIn("unheard-of", first)
        self.assertEqual(second, f"microtome: {folder}: skipped 1 file that is not an image")
        self.assertIn("known format", self.refuse("info", f"{folder}/notes.txt", status=1))

    def test_colours_of_a_real_file(self):
        if not DATA.is_dir():
            self.skipTest(f"{DATA} is absent")
        _height, width, rows = self.view(DATA / "czi/real/nuc_small_new_red.czi")
        self.assertEqual({bytes(row[k::3]).count(0) for row in rows for k in (1, 2)}, {width})  # one channel, red
        done = self.run_it("view", DATA / "czi/real/RGB-multichannel.czi", "--out", self.path("colours.png"))
        self.assertIn("the first 3 of 21 channels", done.stderr)


class Archives(Command):
    def setUp(self):
        super().setUp()
        image = self.image()
        with zipfile.ZipFile(self.path("a.zip"), "w") as archive:
            archive.write(image, "stored/image.npy")
            archive.write(image, "deflated.npy", zipfile.ZIP_DEFLATED)
        Path(self.path("image.npy.gz")).write_bytes(gzip.compress(Path(image).read_bytes()))

    def test_patches_of_members_and_compressed_files(self):
        for path in ["a.zip/stored/image.npy", "a.zip/deflated.npy", "image.npy.gz"]:
            out = self.path("out.npy")
            self.run_it("patches", self.path(path), "--size", "8x9", "--at", "5,-3", "--out", out, "--force")
            self.assertEqual(list(read_npy(out)[1]), self.expected((40, 50), (5, -3), (8, 9)))
            self.assertIn("40 x 50", self.run_it("info", self.path(path)).stdout)

    def test_what_is_not_there(self):
        self.assertIn('no member or folder "b.npy"', self.refuse("info", self.path("a.zip/b.npy"), status=1))
        self.assertIn("name a member", self.refuse("view", self.path("a.zip"), "--out", self.path("a.png"), status=1))


if __name__ == "__main__":
    COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
