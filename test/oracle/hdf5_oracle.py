#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Files that h5py writes now, read by the command and compared. Usage: hdf5_oracle.py COMMAND

Layouts, chunk indices, versions of the library, filters, element types, groups and attributes as h5py can write them.
"""
import ctypes
import itertools
import json
import unittest
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
from common import Oracle, pixels

TYPES = ["u1", "i1", "<u2", ">u2", "<i2", ">i2", "<u4", ">i4", "<i8", ">u8", "<f2", "<f4", ">f4", "<f8", ">f8", "?"]
VERSIONS = ["earliest", "v108", "v110", "latest"]


class Hdf5(Oracle):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "file.h5"

    def read(self, part, shape):
        """The whole of a dataset of two or three dimensions."""
        out = self.folder / "out.npy"
        self.run_command("patches", f"{self.path}#{part}", "--size", "x".join(map(str, shape)), "--at",
                         ",".join("0" for _ in shape), "--axes", "ZYX"[-len(shape):], "--out", out, "--force")
        return np.load(out).reshape(shape)

    def check(self, part, expected):
        found = self.read(part, expected.shape)
        self.assertEqual(found.dtype.newbyteorder("="), expected.dtype.newbyteorder("="), part)
        np.testing.assert_array_equal(found, expected, part)

    def check_all(self, datasets, **file_options):
        """Writes datasets {name: (array, options)} and compares each."""
        with h5py.File(self.path, "w", **file_options) as file:
            for name, (array, options) in datasets.items():
                file.create_dataset(name, data=array, **options)
        for name, (array, _) in datasets.items():
            with self.subTest(name, **file_options):
                self.check(name, array)

    def test_types(self):
        self.check_all({f"{i}{'chunks' if chunks else ''}": (pixels((5, 7), dtype), {"chunks": chunks})
                        for i, dtype in enumerate(TYPES) for chunks in (None, (2, 3))})

    def test_indices(self):
        shapes = {"single": ((9, 11), (9, 11), None), "fixed": ((9, 11), (2, 3), None),
                  "limited": ((9, 11), (2, 3), (30, 40)), "extensible": ((9, 11), (2, 3), (None, 40)),
                  "extensible2": ((9, 11), (2, 3), (40, None)), "tree": ((9, 11), (2, 3), (None, None)),
                  "larger_limits": ((3, 4), (8, 8), (20, 20)),
                  "paged": ((200, 150), (3, 2), None), "long": ((200, 150), (1, 2), (None, 150)),
                  "wide": ((40, 3000), (1, 4), (40, None)), "deep": ((200, 150), (3, 2), (None, None)),
                  "three": ((7, 9, 11), (2, 3, 4), (None, 9, 11)), "middle": ((7, 9, 11), (2, 3, 4), (7, None, 20))}
        for version in VERSIONS:
            for gzip in (None, "gzip"):
                self.check_all({name: (pixels(shape, "<u2"), {"chunks": chunks, "maxshape": most, "compression": gzip})
                                for name, (shape, chunks, most) in shapes.items()}, libver=version)

    def test_sparse(self):
        """Chunks that were never written are the fill value; large ones of each index."""
        for version, most in itertools.product(VERSIONS, [None, (None, 900), (None, None)]):
            with h5py.File(self.path, "w", libver=version) as file:
                data = file.create_dataset("d", (1000, 900), "<i4", chunks=(7, 5), maxshape=most, fillvalue=-3)
                data[300:310, 400:410] = 5
                data[990, 899] = 6
                expected = data[()]
                file.create_dataset("never", (10, 12), "<f4", fillvalue=2.5)
            with self.subTest(version=version, most=most):
                self.check("d", expected)
                self.check("never", np.full((10, 12), 2.5, "<f4"))

    def test_early_allocation(self):
        with h5py.File(self.path, "w", libver="latest") as file:
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_chunk((3, 4))
            plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            space = h5py.h5s.create_simple((10, 13))
            h5py.h5d.create(file.id, b"implicit", h5py.h5t.STD_U16LE, space, plist)
            file["implicit"][()] = expected = pixels((10, 13), "<u2")
        self.check("implicit", expected)

    def test_raw_edges(self):
        with h5py.File(self.path, "w", libver="latest") as file:
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_chunk((4, 4))
            plist.set_deflate(4)
            library = next((Path(h5py.__file__).parents[1] / "h5py.libs").glob("libhdf5-*.so*"))
            self.assertEqual(ctypes.CDLL(library).H5Pset_chunk_opts(ctypes.c_int64(plist.id), 2), 0)
            h5py.h5d.create(file.id, b"d", h5py.h5t.STD_U16LE, h5py.h5s.create_simple((10, 13)), plist)
            file["d"][()] = expected = pixels((10, 13), "<u2")
        self.check("d", expected)

    def test_filters(self):
        array = pixels((40, 50), "<u2")
        chunks = {"chunks": (16, 20)}
        filters = {"gzip": {"compression": "gzip"}, "shuffle": {"shuffle": True, "compression": "gzip"},
                   "fletcher": {"fletcher32": True}, "lzf": {"compression": "lzf"},
                   "lzf_shuffle": {"compression": "lzf", "shuffle": True}, "scale": {"scaleoffset": 0},
                   "all": {"shuffle": True, "compression": "gzip", "fletcher32": True},
                   "zstd": hdf5plugin.Zstd(), "lz4": hdf5plugin.LZ4(), "lz4_small": hdf5plugin.LZ4(nbytes=128),
                   "bzip2": hdf5plugin.BZip2(), "bits": hdf5plugin.Bitshuffle(cname="none"),
                   "bits_lz4": hdf5plugin.Bitshuffle(), "bits_zstd": hdf5plugin.Bitshuffle(cname="zstd"),
                   "bits_small": hdf5plugin.Bitshuffle(nelems=64)}
        for codec in ("blosclz", "lz4", "lz4hc", "zlib", "zstd"):
            for shuffle in range(3):
                filters[f"blosc_{codec}_{shuffle}"] = hdf5plugin.Blosc(cname=codec, shuffle=shuffle)
        if h5py.h5z.filter_avail(h5py.h5z.FILTER_SZIP):
            filters["szip"] = {"compression": "szip"}
        self.check_all({name: (array, {**chunks, **options}) for name, options in filters.items()})
        self.check_all({name: (array.astype(">i4") - 500, {**chunks, **options}) for name, options in filters.items()})
        noise = np.random.default_rng(1).integers(0, 65536, (40, 50)).astype("<u2")
        self.check_all({name: (noise, {**chunks, **options}) for name, options in filters.items()})

    def test_scaled_floats(self):
        array = pixels((40, 50), "<f4")
        with h5py.File(self.path, "w") as file:
            file.create_dataset("d", data=array, chunks=(16, 20), scaleoffset=3)
            expected = file["d"][()]
        self.check("d", expected)

    def test_few_bits(self):
        """Integers of 12 and 5 bits, packed by nbit."""
        for kind, bits in itertools.product(["STD_U16LE", "STD_I16BE", "STD_I32LE"], [5, 12]):
            with h5py.File(self.path, "w") as file:
                dtype = getattr(h5py.h5t, kind).copy()
                dtype.set_precision(bits)
                plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                plist.set_chunk((8, 8))
                plist.set_filter(h5py.h5z.FILTER_NBIT, 0, ())
                space = h5py.h5s.create_simple((20, 30))
                data = h5py.h5d.create(file.id, b"d", dtype, space, plist)
                low = -(1 << bits - 1) if "I" in kind[4:5] else 0
                values = np.random.default_rng(2).integers(low, low + (1 << bits), (20, 30)).astype("<i4")
                data.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
            with self.subTest(kind, bits=bits):
                np.testing.assert_array_equal(self.read("d", values.shape).astype("<i4"), values)

    def test_groups(self):
        """Small and large groups of both kinds, soft links, user blocks."""
        for version, block in itertools.product(VERSIONS, (0, 512, 2048)):
            with h5py.File(self.path, "w", libver=version, userblock_size=block) as file:
                for i in range(400):
                    file.create_dataset(f"many/image {i:03}", data=np.full((2, 3), i, "<i4"))
                file.create_dataset("a/b/c/d", data=np.full((2, 3), -1, "<i4"))
                file["soft"] = h5py.SoftLink("/a/b")
                file["a/relative"] = h5py.SoftLink("b/c/d")
                file["hard"] = file["a/b/c/d"]
                file["loop"] = h5py.SoftLink("/loop")
                file["outside"] = h5py.ExternalLink("other.h5", "/x")
            with self.subTest(version=version, block=block):
                for i in (0, 1, 7, 8, 255, 399):
                    self.check(f"many/image {i:03}", np.full((2, 3), i, "<i4"))
                for part in ("a/b/c/d", "soft/c/d", "a/relative", "hard"):
                    self.check(part, np.full((2, 3), -1, "<i4"))
                for part, message in ("loop", "leads nowhere"), ("outside", "other.h5"), ("a/x", 'no "x"'):
                    self.assertIn(message, self.run_command("info", f"{self.path}#{part}", status=1).stderr)

    def test_axes(self):
        """ilastik's tags among few and many attributes; labels of dimensions; ImageJ's voxel sizes."""
        tags = json.dumps({"axes": [{"key": k, "typeFlags": 1} for k in "tzyxc"]})
        for version, others in itertools.product(VERSIONS, (0, 20)):
            with h5py.File(self.path, "w", libver=version, track_order=False) as file:
                tagged = file.create_dataset("tagged", data=np.zeros((2, 3, 4, 5, 2), "u1"))
                for i in range(others):
                    tagged.attrs[f"other {i}"] = np.arange(i)
                tagged.attrs["axistags"] = tags
                tagged.attrs["element_size_um"] = [2.0, 0.5, 0.25]
                labelled = file.create_dataset("labelled", data=np.zeros((2, 4, 5), "u1"))
                for dimension, label in zip(labelled.dims, "cyx"):
                    dimension.label = label
            with self.subTest(version=version, others=others):
                info = json.loads(self.run_command("info", "--json", f"{self.path}#tagged").stdout)[0]
                self.assertEqual(info["axes"], "TZYXC")
                self.assertEqual([info["pixel_size"][a]["size"] for a in "ZYX"], [2.0, 0.5, 0.25])
                info = json.loads(self.run_command("info", "--json", f"{self.path}#labelled").stdout)[0]
                self.assertEqual(info["axes"], "CYX")

    def test_imaris(self):
        """Two time points of two channels, padded to whole chunks, with a level more."""
        def text(value):
            return np.array([c.encode() for c in value], "S1")

        def write(group, shape, seed):
            padded = [-(-n // c) * c for n, c in zip(shape, (2, 16, 16))]
            array = np.zeros(padded, "<u2")
            array[tuple(slice(n) for n in shape)] = pixels(shape, "<u2", seed)
            for name, size in zip("ZYX", shape):
                group.attrs["ImageSize" + name] = text(str(size))
            group.create_dataset("Data", data=array, chunks=(2, 16, 16), compression="gzip")

        shapes = [(5, 37, 43), (5, 18, 21)]
        for version in VERSIONS:
            with h5py.File(self.path, "w", libver=version) as file:
                for level, t, c in itertools.product(range(2), range(2), range(2)):
                    group = file.create_group(f"DataSet/ResolutionLevel {level}/TimePoint {t}/Channel {c}")
                    write(group, shapes[level], 4 * level + 2 * t + c)
                image = file.create_group("DataSetInfo/Image")
                image.attrs["Unit"] = text("um")
                for d, size in enumerate(("8.6", "3.7", "10")):
                    image.attrs[f"ExtMin{d}"], image.attrs[f"ExtMax{d}"] = text("0"), text(size)
                for c in range(2):
                    channel = file.create_group(f"DataSetInfo/Channel {c}")
                    channel.attrs["Name"] = text(f"dye {c}")
                    channel.attrs["Color"] = text("1.000 0.500 0.000" if c else "0.000 0.000 1.000")
            info = json.loads(self.run_command("info", "--json", self.path).stdout)[0]
            self.assertEqual((info["axes"], info["shape"], info["levels"]), ("TCZYX", [2, 2, 5, 37, 43], 2))
            self.assertEqual([c["name"] for c in info["channels"]], ["dye 0", "dye 1"])
            self.assertAlmostEqual(info["pixel_size"]["X"]["size"], 0.2)
            self.assertEqual(info["pixel_size"]["Z"], {"size": 2, "unit": "micrometer"})
            out = self.folder / "out.npy"
            for level, t in itertools.product(range(2), range(2)):
                self.run_command("patches", f"{self.path}#level={level}", "--size", "7x41x47", "--at", "0,0,0",
                                 "--sample", t, "--out", out, "--force")
                z, y, x = shapes[level]
                for c in range(2):
                    patch = np.load(out)[0, c]
                    np.testing.assert_array_equal(patch[:z, :y, :x], pixels((z, y, x), "<u2", 4 * level + 2 * t + c))
                    self.assertEqual(patch[z:].sum() + patch[:, y:].sum() + patch[:, :, x:].sum(), 0)

    def test_candidates(self):
        with h5py.File(self.path, "w") as file:
            file.create_dataset("table", data=np.arange(9))
            file.create_dataset("g/only", data=np.zeros((4, 5), "u1"))
            file.create_dataset("names", data=np.array([[b"a", b"b"], [b"c", b"d"]]))
        self.assertIn("g/only", self.run_command("info", self.path).stdout)
        with h5py.File(self.path, "a") as file:
            file.create_dataset("h/other", data=np.zeros((3, 4, 5), "u1"))
        self.assertIn("name them", self.run_command("info", f"{self.path}#h/other", status=1).stderr)
        self.run_command("info", f"{self.path}#h/other", "--axes", "ZYX")
        message = self.run_command("info", self.path, status=1).stderr
        self.assertIn("/g/only (4, 5)", message)
        self.assertIn("/h/other (3, 4, 5)", message)
        self.run_command("info", f"{self.path}#g")


if __name__ == "__main__":
    unittest.main()
