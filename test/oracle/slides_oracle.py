#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Files as slide scanners write them, read by the command, tifffile and OpenSlide. Usage: slides_oracle.py COMMAND

SVS and QPTIFF are written by tifffile; NDPI here, with JPEG streams of Pillow.
"""

import io
import json
import struct
import unittest

import numpy as np
import openslide
import tifffile
from common import Oracle
from PIL import Image

APERIO = "Aperio Image Library v11.2.1\r\n"
QPI = "<?xml version='1.0' encoding='utf-16'?><PerkinElmer-QPI-ImageDescription>{}</PerkinElmer-QPI-ImageDescription>"


def smooth(height, width, seed=0, samples=3, dtype="u1"):
    """Return an image that JPEG keeps well."""
    y, x = np.mgrid[:height, :width]
    waves = [100 + 60 * np.sin((y + 3 * s) / 17 + seed) + 50 * np.cos((x - 5 * s) / 11) for s in range(samples)]
    return np.stack(waves, -1).astype(dtype).reshape((height, width, samples)[: 2 + (samples > 1)])


class Slides(Oracle):
    def describe(self, path):
        return json.loads(self.run_command("info", "--json", path).stdout)[0]

    def compare(self, path, titles):
        """Compare every image and level with tifffile's, and the titles, which tifffile gives in another case."""
        info = self.describe(path)
        self.assertEqual(info["titles"], ["", *titles])
        with tifffile.TiffFile(path) as file:
            self.assertEqual(len(file.series), len(info["parts"]))
            for i, series in enumerate(file.series):
                if i:
                    self.assertEqual(series.name.lower(), titles[i - 1].lower())
                self.assertEqual(len(series.levels), info["levels"] if i == 0 else 1)
                for k, level in enumerate(series.levels):
                    axes = level.axes.replace("S", "C").replace("I", "Z")
                    expected = level.asarray()
                    with self.subTest(path.name, series=i, level=k):
                        self.check_image(f"{path}#series={i}&level={k}", expected, axes)

    def compare_openslide(self, path, extra):
        """Compare the levels and the other images with OpenSlide's, and the size of a pixel.

        OpenSlide adds levels, decoded from JPEG at a smaller scale, after those that are stored.
        """
        with openslide.OpenSlide(path) as slide:
            info = self.describe(path)
            self.assertAlmostEqual(info["pixel_size"]["X"]["size"], float(slide.properties["openslide.mpp-x"]), 6)
            for k, (width, height) in enumerate(slide.level_dimensions[: info["levels"]]):
                with self.subTest(path.name, level=k):
                    expected = np.array(slide.read_region((0, 0), k, (width, height)))[..., :3]
                    self.check_image(f"{path}#level={k}", expected, "YXC")
            self.assertEqual(set(slide.associated_images), set(extra))
            for name, image in slide.associated_images.items():
                series = info["titles"].index(name)
                self.check_image(f"{path}#series={series}", np.array(image)[..., :3], "YXC")

    def write_svs(self, path, planes=1, compression=None, label=True):
        options = {"photometric": "rgb", "metadata": None}
        tiles = options | {"tile": (32, 32), "compression": compression}
        with tifffile.TiffWriter(path) as file:

            def write_level(by, size, first):
                for z in range(first, planes):
                    text = f"{APERIO}300x200 [0,0 300x200] (32x32){size} JPEG/RGB Q=70|AppMag = 20|MPP = 0.4990"
                    file.write(smooth(200 // by, 300 // by, by + z), description=text, **tiles)

            file.write(smooth(200, 300, 1), description=APERIO + "300x200|AppMag = 20|MPP = 0.4990", **tiles)
            file.write(smooth(25, 37), description=APERIO + "300x200 -> 37x25 - |AppMag = 20", **options)
            write_level(1, "", 1)
            write_level(2, " -> 150x100", 0)
            write_level(8, " -> 37x25", 0)
            if label:
                file.write(smooth(30, 20), subfiletype=1, description=APERIO + "label 20x30", **options)
                file.write(smooth(22, 60), subfiletype=9, description=APERIO + "macro 60x22", **options)

    def test_svs(self):
        path = self.folder / "slide.svs"
        for compression in (None, "jpeg", "lzw"):
            self.write_svs(path, compression=compression)
            self.compare(path, ["thumbnail", "label", "macro"])
            self.compare_openslide(path, ["thumbnail", "label", "macro"])
        self.write_svs(path, label=False)
        self.compare(path, ["thumbnail"])
        self.write_svs(path, planes=3)
        self.compare(path, ["thumbnail", "label", "macro"])

    def write_qptiff(self, path, channels, samples, dtype, described):
        def text(kind, name=None):
            name = f"<Name>{name}</Name><Color>1,2,{len(name)}</Color>" if name else ""
            return QPI.format(f"<ImageType>{kind}</ImageType>{name}") if described else None

        options = {"metadata": None, "resolution": (20000, 20000), "resolutionunit": 3, "software": "PerkinElmer-QPI"}
        pages = options | {"photometric": "rgb" if samples > 1 else "minisblack"}
        with tifffile.TiffWriter(path, bigtiff=True) as file:
            for by in (1, 2, 4):
                for c in range(channels):
                    kind = "FullResolution" if by == 1 else "ReducedResolution"
                    file.write(
                        smooth(160 // by, 240 // by, by + c, samples, dtype),
                        tile=(32, 32),
                        subfiletype=int(by > 1),
                        description=text(kind, "C" * (c + 1) if samples == 1 else None),
                        **pages,
                    )
                if by == 1:
                    file.write(smooth(20, 30), photometric="rgb", description=text("Thumbnail"), **options)
            file.write(smooth(30, 90), photometric="rgb", description=text("Macro"), **options)
            file.write(smooth(30, 20), photometric="rgb", description=text("Label"), **options)

    def test_qptiff(self):
        path = self.folder / "slide.qptiff"
        for channels, samples, dtype, described in (
            (4, 1, "u2", True),
            (3, 1, "u1", False),
            (2, 1, "f4", True),
            (1, 3, "u1", True),
        ):
            self.write_qptiff(path, channels, samples, dtype, described)
            if described:
                self.compare(path, ["Thumbnail", "Macro", "Label"])
            else:
                info = self.describe(path)
                self.assertEqual((info["levels"], info["titles"]), (3, ["", "Thumbnail", "", ""]))
                with tifffile.TiffFile(path) as file:
                    for k, level in enumerate(file.series[0].levels):
                        self.check_image(f"{path}#level={k}", level.asarray(), "CYX")

    def write_ndpi(self, path, pages, start=0):
        """Write pages: an image, its lens and tags, and the blocks of its restart intervals, 0 for none."""
        data = bytearray(b"II*\0" + struct.pack("<Q", start or 16))
        with open(path, "wb") as file:
            file.write(data.ljust(16, b"\0"))
            file.seek(start or 16)
            for i, (image, lens, depth, interval, subsampling) in enumerate(pages):
                stream = io.BytesIO()
                Image.fromarray(image).save(
                    stream, "JPEG", quality=90, subsampling=subsampling, restart_marker_blocks=interval
                )
                file.write(
                    self.directory(file.tell(), image, lens, depth, interval, stream.getvalue(), i + 1 < len(pages))
                )

    @staticmethod
    def directory(at, image, lens, depth, interval, stream, more):
        scan = stream.index(b"\xff\xda")
        starts = [scan + 2 + int.from_bytes(stream[scan + 2 : scan + 4], "big")]
        starts += [
            k + 2 for k in range(starts[0], len(stream) - 1) if stream[k] == 255 and 0xD0 <= stream[k + 1] < 0xD8
        ]
        height, width = image.shape[:2]
        tags = [
            (254, 4, [0]),
            (256, 4, [width]),
            (257, 4, [height]),
            (258, 3, [8, 8, 8]),
            (259, 3, [7]),
            (262, 3, [6]),
            (271, 2, b"Hamamatsu\0"),
            (273, 4, ["stream"]),
            (277, 3, [3]),
            (278, 4, [height]),
            (279, 4, [len(stream)]),
            (282, 5, [20000, 1]),
            (283, 5, [20000, 1]),
            (296, 3, [3]),
            (65420, 4, [1]),
            (65421, 11, [lens]),
            (65424, 9, [depth]),
        ]
        if interval:
            tags.append((65426, 4, starts))
        codes = {3: "H", 4: "I", 5: "I", 9: "i", 11: "f"}
        values_at = at + 2 + 16 * len(tags) + 8
        values, low, high = b"", b"", b""
        for tag, kind, value in tags:
            if value == ["stream"]:
                low += struct.pack("<HHI", tag, kind, 1) + b"STRM"
                high += b"HIGH"
                continue
            packed = value if kind == 2 else struct.pack(f"<{len(value)}{codes[kind]}", *value)
            count = len(value) // (2 if kind == 5 else 1)
            where = packed.ljust(8, b"\0")
            if len(packed) > 4:
                where = struct.pack("<Q", values_at + len(values))
                values += packed
            low += struct.pack("<HHI", tag, kind, count) + where[:4]
            high += where[4:8] if len(packed) > 4 else b"\0\0\0\0"
        place = struct.pack("<Q", values_at + len(values))
        end = values_at + len(values) + len(stream)
        low, high = low.replace(b"STRM", place[:4]), high.replace(b"HIGH", place[4:])
        return struct.pack("<H", len(tags)) + low + struct.pack("<Q", end if more else 0) + high + values + stream

    def ndpi_pages(self, height=128, subsampling=0, depths=(0,)):
        width = 16 if subsampling else 8
        pages = [
            (smooth(height // by, 384 // by, by + i), 20 / by, depth, 384 // by // width // 3, subsampling)
            for by in (1, 2, 4)
            for i, depth in enumerate(depths)
        ]
        return [*pages, (smooth(40, 96, 7), -1, 0, 0, subsampling)]

    def test_ndpi(self):
        path = self.folder / "slide.ndpi"
        for start in (0, 1 << 33):
            self.write_ndpi(path, self.ndpi_pages(), start)
            self.compare(path, ["macro"])
            self.compare_openslide(path, ["macro"])
        # Tiles of subsampled colours differ at their edges from those of the whole stream, which tifffile decodes.
        self.write_ndpi(path, self.ndpi_pages(subsampling="4:2:2"))
        self.compare_openslide(path, ["macro"])
        self.write_ndpi(path, self.ndpi_pages(height=130, depths=(-2000, 0, 2000)))
        self.compare(path, ["macro"])


if __name__ == "__main__":
    unittest.main()
