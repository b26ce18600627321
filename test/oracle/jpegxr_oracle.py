#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Pictures that jxrlib encodes, read by the command and compared with what jxrlib decodes. Usage: jpegxr_oracle.py COMMAND

All pixel formats, sizes, overlaps, orders, tilings, quantisers, bands and subsamplings that JxrEncApp can write, in
combinations drawn by chance, the same ones each time. JPEGXR_CASES=N draws N, JPEGXR_SEED=N others,
JPEGXR_KEEP=FOLDER keeps the files.
"""

import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np

COMMAND = sys.argv.pop(1)
CASES = int(os.environ.get("JPEGXR_CASES", "600"))
KEEP = os.environ.get("JPEGXR_KEEP")
# Name: number of JxrEncApp, dtype, samples in a file, samples of a pixel, photometric interpretation of TIFF
FORMATS = {
    "gray8": (2, "u1", 1, 1, 1),
    "gray16": (3, "u2", 1, 1, 1),
    "grayfixed16": (4, "i2", 1, 1, 1),
    "grayhalf": (5, "f2", 1, 1, 1),
    "grayfixed32": (7, "i4", 1, 1, 1),
    "grayfloat": (8, "f4", 1, 1, 1),
    "rgb24": (9, "u1", 3, 3, 2),
    "rgb48": (10, "u2", 3, 3, 2),
    "rgbfixed16": (11, "i2", 3, 3, 2),
    "rgbhalf": (12, "f2", 3, 3, 2),
    "rgbfixed32": (14, "i4", 3, 3, 2),
    "rgbfloat": (15, "f4", 3, 3, 2),
    "rgba64": (23, "u2", 4, 4, 2),
    "rgbafixed16": (24, "i2", 4, 4, 2),
    "rgbahalf": (25, "f2", 4, 4, 2),
    "rgbafixed32": (27, "i4", 4, 4, 2),
    "rgbafloat": (28, "f4", 4, 4, 2),
    "bw": (1, "bits", 1, 1, 1),
    "bgr24": (0, "u1", 3, 3, 2),
}
SIZES = [(1, 1), (3, 2), (16, 16), (17, 5), (5, 33), (64, 48), (100, 77), (160, 16), (15, 130), (300, 200), (259, 18)]


def pixels(rng, width, height, dtype, samples):
    """Waves with noise, now and then extremes."""
    y, x = np.mgrid[0:height, 0:width]
    wave = sum(np.sin(x / rng.uniform(2, 40) + rng.uniform(0, 6)) * np.cos(y / rng.uniform(2, 40)) for _ in range(3))
    planes = [wave * rng.uniform(0.05, 0.4) + rng.uniform(-0.3, 0.3) for _ in range(samples)]
    noise = np.random.default_rng(rng.randrange(1 << 30)).normal(size=(height, width, samples))
    values = np.stack(planes, -1) + noise * rng.choice([0, 0.003, 0.05, 0.5])
    if dtype == "bits":
        return (values > 0).astype("u1")
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return (values * rng.choice([0.001, 1, 100])).astype(dtype)
    info = np.iinfo(dtype)
    # jxrlib itself overflows on 32 bits that are used to the full
    span = min(info.max / 2 - info.min / 2, 2**22)
    return np.clip(values * span + (info.max + info.min) / 2 * (info.bits < 32), info.min, info.max).astype(dtype)


def write_tiff(path, width, height, bits, samples, kind, photometric, data, compression=1):
    """One strip, little endian."""
    values = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, [bits] * samples),
        (259, 3, compression),
        (262, 3, photometric),
        (273, 4, 0),
        (277, 3, samples),
        (278, 4, height),
        (279, 4, len(data)),
        (282, 5, (96, 1)),
        (283, 5, (96, 1)),
        (284, 3, 1),
        (296, 3, 2),
    ]
    if samples == 4:
        values.append((338, 3, 2))
    values.append((339, 3, [{"u": 1, "i": 2, "f": 3}[kind]] * samples))
    extra, at = b"", 8 + 2 + 12 * len(values) + 4
    entries = []
    for tag, code, value in values:
        value = [value] if isinstance(value, int) else list(value)
        raw = struct.pack(f"<{len(value)}{'H' if code == 3 else 'I'}", *value)
        if len(raw) > 4:
            entries.append((tag, code, len(value) // (2 if code == 5 else 1), struct.pack("<I", at + len(extra))))
            extra += raw
        else:
            entries.append((tag, code, len(value), raw.ljust(4, b"\0")))
    body = b"".join(
        struct.pack("<HHI", tag, code, n) + (struct.pack("<I", at + len(extra)) if tag == 273 else raw)
        for tag, code, n, raw in entries
    )
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(4) + extra + data)


def read_tiff(path, dtype, stored, samples, width, height):
    """The pixels of a TIFF by JxrDecApp, which stand at its end."""
    if dtype == "bits":
        row = (width + 7) // 8
        raw = np.frombuffer(path.read_bytes()[-row * height :], "u1").reshape(height, row)
        return np.unpackbits(raw, axis=1)[:, :width, None]
    size = np.dtype(dtype).itemsize * stored * width * height
    return np.frombuffer(path.read_bytes()[-size:], dtype).reshape(height, width, stored)[..., :samples]


def choose(rng, name):
    """Options of JxrEncApp."""
    _, dtype, _, samples, _ = FORMATS[name]
    options = ["-l", str(rng.randrange(3))]
    if rng.random() < 0.5:
        options += ["-q", rng.choice(["0.95", "0.9", "0.8", "0.5", "0.3", "0.1", "2", "7", "20", "45", "90", "200"])]
    if rng.random() < 0.5:
        options += ["-f"]
    if rng.random() < 0.3:
        options += ["-p"]
    if samples == 3 and dtype in ("u1", "u2") and rng.random() < 0.5:
        options += ["-d", rng.choice(["0", "1", "2", "3"])]
    if rng.random() < 0.3:
        options += ["-s", str(rng.randrange(1, 4))]
    tiling = rng.random()
    if tiling < 0.2:
        options += ["-U", str(rng.randrange(1, 5)), str(rng.randrange(1, 5))]
    elif tiling < 0.35:
        options += ["-V", "1", "2", "-H", "2", "1"]
    with_alpha = samples == 4
    interleaved = rng.random() < 0.5
    if with_alpha:
        options += ["-a", "3" if interleaved else "2", "-Q", rng.choice(["1", "1", "30"])]
    # Of interleaved alpha with trimmed flexbits jxrlib forgets that they are trimmed.
    if rng.random() < 0.3 and not (with_alpha and interleaved):
        options += ["-F", str(rng.randrange(1, 16))]
    return options


class Oracle(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_tool(self, *arguments):
        return subprocess.run(list(map(str, arguments)), capture_output=True, check=False, timeout=60).returncode == 0

    def encode(self, name, rng, width, height, options):
        number, dtype, stored, _samples, photometric = FORMATS[name]
        data = pixels(rng, width, height, dtype, stored)
        source, encoded = self.folder / "in.tif", self.folder / "x.jxr"
        bits = 1 if dtype == "bits" else 8 * np.dtype(dtype).itemsize
        if name == "bgr24":
            source = self.folder / "in.bmp"
            rows = np.zeros((height, (3 * width + 3) // 4 * 4), "u1")
            rows[:, : 3 * width] = data[::-1].reshape(height, -1)
            source.write_bytes(
                struct.pack(
                    "<2sIIIIiiHHIIiiII",
                    b"BM",
                    54 + rows.size,
                    0,
                    54,
                    40,
                    width,
                    height,
                    1,
                    24,
                    0,
                    rows.size,
                    3780,
                    3780,
                    0,
                    0,
                )
                + rows.tobytes()
            )
        else:
            raw = np.packbits(data[..., 0], axis=1).tobytes() if dtype == "bits" else data.tobytes()
            write_tiff(
                source, width, height, bits, stored, "u" if dtype == "bits" else np.dtype(dtype).kind, photometric, raw
            )
        return encoded if self.run_tool("JxrEncApp", "-i", source, "-o", encoded, "-c", number, *options) else None

    def check(self, name, encoded, width, height):
        _, dtype, stored, samples, photometric = FORMATS[name]
        decoded, wrapped, out = self.folder / "y.tif", self.folder / "wrapped.tif", self.folder / "z.npy"
        alpha = ["-a", "2"] if samples == 4 else []
        if not self.run_tool(
            "JxrDecApp", "-i", encoded, "-o", decoded, *alpha, *(["-c", "9"] if name == "bgr24" else [])
        ):
            return False
        expected = read_tiff(decoded, dtype, stored, samples, width, height)
        kind, bits = ("u", 8) if dtype == "bits" else (np.dtype(dtype).kind, 8 * np.dtype(dtype).itemsize)
        write_tiff(
            wrapped, width, height, bits, samples, kind, photometric if samples > 1 else 1, encoded.read_bytes(), 22610
        )
        done = subprocess.run(
            [
                COMMAND,
                "patches",
                wrapped,
                "--size",
                f"{height}x{width}",
                "--at",
                "0,0",
                "--out",
                out,
                "--force",
                "--axes",
                "YX" if samples == 1 else "YXC",
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        found = np.load(out).reshape(samples, height, width).transpose(1, 2, 0)
        # Bits, as floats may be no numbers.
        np.testing.assert_array_equal(
            np.ascontiguousarray(found).view(f"u{found.itemsize}"),
            np.ascontiguousarray(expected).view(f"u{expected.itemsize}"),
        )
        return True

    def test_cases(self):
        rng, n = random.Random(int(os.environ.get("JPEGXR_SEED", "7"))), 0
        for i in range(CASES):
            name = list(FORMATS)[i % len(FORMATS)]
            width, height = rng.choice(SIZES)
            options = choose(rng, name)
            with self.subTest(name, i=i, width=width, height=height, options=" ".join(options)):
                encoded = self.encode(name, rng, width, height, options)
                if encoded and rng.random() < 0.1:  # HD Photo: what differs is what a decoder does
                    encoded.write_bytes(encoded.read_bytes().replace(b"WMPHOTO\0\x11", b"WMPHOTO\0\x10"))
                if encoded and KEEP:
                    shutil.copy(encoded, Path(KEEP) / f"{i:04d}_{name}_{width}x{height}_{'_'.join(options)}.jxr")
                n += bool(encoded) and self.check(name, encoded, width, height)
        print(f"{n} of {CASES} pictures were compared; jxrlib did not take the others")
        self.assertGreater(n, CASES * 3 // 4)


if __name__ == "__main__":
    if shutil.which("JxrEncApp") and shutil.which("JxrDecApp"):
        unittest.main()
    print("skipped: JPEG XR: there is no JxrEncApp (libjxr-tools)")
