#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Files that tifffile writes now, read by the command and compared. Usage: tiff_oracle.py COMMAND

Element types, byte orders, chunks, compressions and predictors; packed bits; ImageJ, OME-TIFF and shaped metadata.
"""

import itertools
import unittest

import numpy as np
import tifffile
from common import Oracle, choices, pixels

NUMBERS = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]
# What each compression keeps exactly: types, samples a pixel, arguments.
COMPRESSIONS = {
    None: (NUMBERS, (1, 2, 3, 4), {}),
    "packbits": (NUMBERS, (1, 3), {}),
    "lzw": (NUMBERS, (1, 2, 3, 4), {}),
    "zlib": (NUMBERS, (1, 2, 3, 4), {}),
    "zstd": (NUMBERS, (1, 3), {}),
    "lzma": (NUMBERS, (1, 3), {}),
    "lerc": (["u1", "i2", "u2", "f4"], (1, 3), {}),
    "jpeg": (["u1"], (1, 3), {"level": 95}),
    "jpeg2000": (["u1", "u2"], (1, 3), {"level": 0}),
    "jpegxr": (["u1", "u2"], (1, 3), {"level": 1.0}),
    "webp": (["u1"], (3, 4), {"lossless": True}),
}
NATIVE_ONLY = ("lerc", "jpegxr")


class Tiff(Oracle):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "file.tif"

    def write(self, array, **options):
        tifffile.imwrite(self.path, array, **options)

    def test_pages(self):
        """What tifffile reads back is what is expected: JPEG is not exact."""
        options = choices(
            1,
            compression=list(COMPRESSIONS),
            order="<>",
            big=[False, False, True],
            pages=[1, 2, 4],
            planar=[False, True],
            chunk=["page", "strip", "tile"],
            predict=[False, True],
            size=[(17, 16), (40, 70), (64, 64), (33, 91)],
            shaped=[False, True],
        )
        for seed, o in enumerate(itertools.islice(options, 250)):
            types, samples, arguments = COMPRESSIONS[o["compression"]]
            dtype, n = np.dtype(types[seed % len(types)]), samples[seed % len(samples)]
            order = "<" if o["compression"] in NATIVE_ONLY else o["order"]
            planar = o["planar"] and n > 1 and o["compression"] != "webp"
            axes = ("S" if o["pages"] > 1 else "") + ("CYX" if planar else "YXC" if n > 1 else "YX")
            sizes = {"S": o["pages"], "C": n, "Y": o["size"][0], "X": o["size"][1]}
            write = {
                "photometric": "minisblack" if n < 3 else "rgb",
                "byteorder": order,
                "bigtiff": o["big"],
                "metadata": {} if o["shaped"] else None,
            }
            if n > 1:
                write |= {"planarconfig": "separate" if planar else "contig", "extrasamples": [0] * (n % 2 == 0)}
            if o["chunk"] != "page":
                write |= {"tile": (32, 48)} if o["chunk"] == "tile" else {"rowsperstrip": 16}
            if o["compression"]:
                write |= {"compression": o["compression"], "compressionargs": dict(arguments)}
            if o["predict"] and o["compression"] in ("lzw", "zlib", "zstd", "lzma"):
                write |= {"predictor": 3 if dtype.kind == "f" else 2}
            with self.subTest(dtype=dtype, sizes=sizes, **write):
                self.write(pixels([sizes[axis] for axis in axes], dtype.newbyteorder(order), seed), **write)
                expected = tifffile.imread(self.path).reshape([sizes[axis] for axis in axes])
                self.check_image(self.path, expected, axes, name=True)

    def test_noise(self):
        """Encoders make noise larger."""
        noise = np.random.default_rng(0).integers(0, 256, (1000, 1000)).astype("u1")
        for compression, arguments in (("lzw", {}), ("packbits", {}), ("jpeg", {"level": 100})):
            for array in (noise, noise // 128 * 255):
                with self.subTest(compression):
                    self.write(array, compression=compression, compressionargs=dict(arguments), rowsperstrip=1000)
                    self.check_image(self.path, tifffile.imread(self.path), "YX")

    def test_bits(self):
        array = pixels((37, 41), "?")
        self.write(array, photometric="minisblack")
        self.check_image(self.path, array, "YX")
        array = np.random.default_rng(0).integers(0, 4096, (37, 41)).astype("u2")
        self.write(array, compression="jpeg2000", compressionargs={"level": 0, "bitspersample": 12})
        self.check_image(self.path, array, "YX")

    def test_subsampled_jpeg(self):
        array = np.kron(pixels((8, 12, 3), "u1"), np.ones((8, 8, 1), "u1"))
        for by, chunks in itertools.product([(1, 1), (2, 1), (2, 2)], [{"tile": (32, 32)}, {"rowsperstrip": 16}, {}]):
            with self.subTest(by=by, **chunks):
                self.write(array, compression="jpeg", photometric="rgb", subsampling=by, **chunks)
                self.check_image(self.path, tifffile.imread(self.path), "YXC")

    def test_described(self):
        """ImageJ, and the axes of shaped files."""
        for axes, order, compression in itertools.product(
            ["TZCYX", "ZCYX", "TYX", "ZYX", "CYX", "YX"], "<>", [None, "zlib"]
        ):
            for dtype, options in (("u1", {"imagej": True}), ("f4", {"imagej": True}), ("i4", {})):
                with self.subTest(axes=axes, order=order, compression=compression, **options):
                    array = pixels((3, 4, 2, 20, 30)[-len(axes) :], dtype)
                    self.write(
                        array,
                        byteorder=order,
                        compression=compression,
                        metadata={"axes": axes},
                        photometric="minisblack",
                        **options,
                    )
                    self.check_image(self.path, array, axes)

    def test_ome(self):
        orders = ["".join(order) + "YX" for order in itertools.permutations("TZC")] + ["ZYX", "CYX", "TYX", "YX"]
        for axes, (compression, order, chunks) in itertools.product(
            orders, [(None, "<", {}), ("zlib", ">", {}), ("lzw", "<", {"tile": (16, 16)})]
        ):
            for dtype in ("u1", "i2", "f8"):
                with self.subTest(axes=axes, compression=compression, dtype=dtype):
                    array = pixels((3, 4, 2, 20, 30)[-len(axes) :], dtype)
                    self.write(
                        array,
                        ome=True,
                        metadata={"axes": axes},
                        compression=compression,
                        byteorder=order,
                        photometric="minisblack",
                        **chunks,
                    )
                    self.check_image(self.path, array, axes)
        array = pixels((2, 4, 20, 30, 3), "u1")
        self.write(array, ome=True, metadata={"axes": "TZYXS"}, photometric="rgb")
        self.check_image(self.path, array, "TZYXC")

    def test_pyramid(self):
        array = pixels((2, 64, 96), "u2")
        with tifffile.TiffWriter(self.path, ome=True) as file:
            file.write(array, subifds=2, tile=(16, 16), compression="zlib", metadata={"axes": "CYX"})
            for by in (2, 4):
                file.write(array[:, ::by, ::by], subfiletype=1, tile=(16, 16), compression="zlib")
        for level in range(3):
            self.check_image(f"{self.path}#level={level}", array[:, :: 2**level, :: 2**level], "CYX")


if __name__ == "__main__":
    unittest.main()
