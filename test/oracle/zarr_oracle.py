#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Arrays that zarr-python writes now, read by the command and compared. Usage: zarr_oracle.py COMMAND

Both versions: element types, orders, ragged edges, missing chunks, fill values, filters, compressors, shards in shards.
"""

import itertools
import shutil
import unittest
import warnings

import numcodecs
import numcodecs.zarr3 as extra
import numpy as np
import zarr
from common import Oracle, choices, pixels
from zarr import codecs

NUMBERS = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "?"]
BLOSC = list(itertools.product(["lz4", "zstd", "zlib", "blosclz", "lz4hc"], [0, 1, 2], [0, 1, 9], [0, 128]))
COMPRESSORS = [
    None,
    numcodecs.Zlib(),
    numcodecs.GZip(),
    numcodecs.BZ2(),
    numcodecs.LZ4(),
    numcodecs.LZMA(),
    numcodecs.LZMA(format=2),
    numcodecs.LZMA(format=3, filters=[{"id": 0x21, "preset": 3}]),
    numcodecs.Zstd(checksum=True),
] + [numcodecs.Blosc(name, level, shuffle, blocksize=block) for name, shuffle, level, block in BLOSC[::7]]


def fills(dtype):
    if dtype.kind == "f":
        return [0, float("nan"), float("inf"), -1.5]
    return [True, False] if dtype == bool else [0, 7, int(np.iinfo(dtype).max)]


def filters(dtype, pick):
    """Names and parameters of filters of numcodecs that take elements of a type; none more often than any."""
    name, wide = dtype.str, dtype.kind in "fiu" and dtype.itemsize > 2
    known = [None, None]
    if dtype.kind in "iu":
        known += [("Delta", {"dtype": name})]
        known += [("AsType", {"encode_dtype": "<f8", "decode_dtype": name})] if dtype.itemsize > 1 else []
    if dtype.kind == "f":
        known += [("BitRound", {"keepbits": 5})] if dtype.isnative else []
        known += [("Quantize", {"digits": 2, "dtype": name})] if wide else []
    if wide:
        known += [("FixedScaleOffset", {"offset": 5, "scale": 10, "dtype": name, "astype": "<i4"})]
    if dtype == bool:
        known += [("PackBits", {})]
    return known[pick % len(known)]


class Zarr(Oracle):
    def check(self, dtype, shape, seed, fill, **options):
        """Writes all of an array, or a corner, and compares with what zarr-python reads."""
        path = self.folder / "a.zarr"
        shutil.rmtree(path, ignore_errors=True)
        corner = tuple(slice(size if seed % 3 else max(1, size // 2)) for size in shape)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numcodecs in version 3, which its specification does not know yet
            array = zarr.Array.create(store=str(path), shape=shape, dtype=dtype, fill_value=fill, **options)
            array[corner] = pixels(shape, dtype, seed)[corner]
            expected = zarr.open_array(str(path), mode="r")[...]
        self.check_image(path, expected, "TCZYX"[-len(shape) :], name=True)

    def options(self, seed, **more):
        return choices(
            seed,
            dtype=NUMBERS,
            shape=[(40, 33), (7, 12, 9), (2, 7, 6, 8), (2, 3, 4, 6, 5)],
            ragged=[1, 2],
            pick=range(60),
            separator="./",
            **more,
        )

    def test_version_2(self):
        options = self.options(
            1,
            compressor=COMPRESSORS,
            byteorder="<>",
            order="CF",
            checksum=[None] * 4 + ["CRC32", "CRC32C", "Adler32", "Fletcher32", "Shuffle"],
        )
        for seed, o in enumerate(itertools.islice(options, 100)):
            dtype = np.dtype(o["dtype"]).newbyteorder(o["byteorder"])
            name = filters(dtype, o["pick"])
            chain = [getattr(numcodecs, name[0])(**name[1])] if name else []
            chain += [getattr(numcodecs, o["checksum"])()] if o["checksum"] else []
            with self.subTest(**o):
                self.check(
                    dtype,
                    o["shape"],
                    seed,
                    fills(dtype)[o["pick"] % 2],
                    zarr_format=2,
                    filters=chain or None,
                    compressor=o["compressor"],
                    order=o["order"],
                    dimension_separator=o["separator"],
                    chunks=tuple(size // o["ragged"] + 1 for size in o["shape"]),
                )

    def test_version_3(self):
        options = self.options(
            2,
            shards=[0, 0, 1, 2],
            location=["start", "end"],
            key=["default", "v2"],
            endian=["little", "big"],
            transposed=[False, True],
            bytes=range(60),
            sum=range(6),
        )
        for seed, o in enumerate(itertools.islice(options, 100)):
            dtype, ndim = np.dtype(o["dtype"]), len(o["shape"])
            inner = tuple(size // 2 // o["ragged"] + 1 for size in o["shape"])
            name = filters(dtype, o["pick"])
            endian = "little" if name else o["endian"]  # numcodecs takes what it is given for little-endian
            chain = [codecs.TransposeCodec(order=np.roll(range(ndim), o["pick"]).tolist())] if o["transposed"] else []
            chain += [getattr(extra, name[0])(**name[1])] if name else []
            chain += [codecs.BytesCodec(endian=endian)]
            blosc = dict(zip(("cname", "shuffle", "clevel", "blocksize"), BLOSC[seed % len(BLOSC)]))
            blosc["shuffle"] = ["noshuffle", "shuffle", "bitshuffle"][blosc["shuffle"]]
            kinds = [
                [],
                [codecs.GzipCodec()],
                [codecs.ZstdCodec(checksum=True)],
                [extra.Zlib()],
                [extra.BZ2()],
                [extra.LZ4()],
                [extra.LZMA()],
                [codecs.BloscCodec(typesize=dtype.itemsize, **blosc)],
                [codecs.BloscCodec(typesize=3, **blosc)],
                [extra.Shuffle(elementsize=dtype.itemsize), extra.Zstd(level=1)],
            ]
            chain += kinds[o["bytes"] % len(kinds)]
            sums = [None, codecs.Crc32cCodec(), extra.CRC32(), extra.Adler32(), extra.Fletcher32(), None]
            chain += [sums[o["sum"]]] if sums[o["sum"]] else []
            shape = inner
            nested = o["shards"] == 2 and ndim == 2
            for level in range(2 if nested else min(o["shards"], 1)):
                index = [codecs.BytesCodec(endian=o["endian"])] + ([codecs.Crc32cCodec()] if seed % 2 else [])
                chain = [
                    codecs.ShardingCodec(
                        chunk_shape=shape, codecs=chain, index_codecs=index, index_location=o["location"]
                    )
                ]
                shape = tuple(size * (2 + level) for size in shape)
            whole = shape if nested else o["shape"]  # zarr-python does not read parts of shards in shards
            with self.subTest(**o):
                self.check(
                    dtype,
                    whole,
                    1 if nested else seed,
                    fills(dtype)[o["pick"] % 2],
                    zarr_format=3,
                    codecs=chain,
                    chunk_shape=shape,
                    chunk_key_encoding=(o["key"], o["separator"]),
                )


if __name__ == "__main__":
    unittest.main()
