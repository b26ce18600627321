#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Files that h5py writes now, read by the command and compared. Usage: hdf5_oracle.py COMMAND

Layouts, chunk indices, versions of the library, filters, element types, groups and attributes as h5py can write them.
"""

import io
import itertools
import json
import unittest

import h5py
import hdf5plugin
import numpy as np
from common import pixels
from h5case import VERSIONS, Case
from h5edges import leave_edges_raw
from PIL import Image

TYPES = ["u1", "i1", "<u2", ">u2", "<i2", ">i2", "<u4", ">i4", "<i8", ">u8", "<f2", "<f4", ">f4", "<f8", ">f8", "?"]


class Oracle(Case):
    def check_all(self, datasets, **file_options):
        """Writes datasets {name: (array, options)} and compares each."""
        with h5py.File(self.path, "w", **file_options) as file:
            for name, (array, options) in datasets.items():
                file.create_dataset(name, data=array, **options)
        for name, (array, _) in datasets.items():
            with self.subTest(name, **file_options):
                self.check(name, array)

    def test_types(self):
        self.check_all(
            {
                f"{i}{'chunks' if chunks else ''}": (pixels((5, 7), dtype), {"chunks": chunks})
                for i, dtype in enumerate(TYPES)
                for chunks in (None, (2, 3))
            }
        )

    def test_indices(self):
        shapes = {
            "single": ((9, 11), (9, 11), None),
            "fixed": ((9, 11), (2, 3), None),
            "limited": ((9, 11), (2, 3), (30, 40)),
            "extensible": ((9, 11), (2, 3), (None, 40)),
            "extensible2": ((9, 11), (2, 3), (40, None)),
            "tree": ((9, 11), (2, 3), (None, None)),
            "larger_limits": ((3, 4), (8, 8), (20, 20)),
            "paged": ((200, 150), (3, 2), None),
            "long": ((200, 150), (1, 2), (None, 150)),
            "wide": ((40, 3000), (1, 4), (40, None)),
            "deep": ((200, 150), (3, 2), (None, None)),
            "three": ((7, 9, 11), (2, 3, 4), (None, 9, 11)),
            "middle": ((7, 9, 11), (2, 3, 4), (7, None, 20)),
        }
        for version in VERSIONS:
            for gzip in (None, "gzip"):
                self.check_all(
                    {
                        name: (pixels(shape, "<u2"), {"chunks": chunks, "maxshape": most, "compression": gzip})
                        for name, (shape, chunks, most) in shapes.items()
                    },
                    libver=version,
                )

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
            leave_edges_raw(plist)
            h5py.h5d.create(file.id, b"d", h5py.h5t.STD_U16LE, h5py.h5s.create_simple((10, 13)), plist)
            file["d"][()] = expected = pixels((10, 13), "<u2")
        self.check("d", expected)

    def test_filters(self):
        array = pixels((40, 50), "<u2")
        chunks = {"chunks": (16, 20)}
        filters = {
            "gzip": {"compression": "gzip"},
            "shuffle": {"shuffle": True, "compression": "gzip"},
            "fletcher": {"fletcher32": True},
            "lzf": {"compression": "lzf"},
            "lzf_shuffle": {"compression": "lzf", "shuffle": True},
            "scale": {"scaleoffset": 0},
            "all": {"shuffle": True, "compression": "gzip", "fletcher32": True},
            "zstd": hdf5plugin.Zstd(),
            "lz4": hdf5plugin.LZ4(),
            "lz4_small": hdf5plugin.LZ4(nbytes=128),
            "bzip2": hdf5plugin.BZip2(),
            "bits": hdf5plugin.Bitshuffle(cname="none"),
            "bits_lz4": hdf5plugin.Bitshuffle(),
            "bits_zstd": hdf5plugin.Bitshuffle(cname="zstd"),
            "bits_small": hdf5plugin.Bitshuffle(nelems=64),
        }
        for codec in ("blosclz", "lz4", "lz4hc", "zlib", "zstd"):
            for shuffle in range(3):
                filters[f"blosc_{codec}_{shuffle}"] = hdf5plugin.Blosc(cname=codec, shuffle=shuffle)
        if h5py.h5z.filter_avail(h5py.h5z.FILTER_SZIP):
            filters["szip"] = {"compression": "szip"}
        self.check_all({name: (array, {**chunks, **options}) for name, options in filters.items()})
        self.check_all({name: (array.astype(">i4") - 500, {**chunks, **options}) for name, options in filters.items()})
        noise = np.random.default_rng(1).integers(0, 65536, (40, 50)).astype("<u2")
        self.check_all({name: (noise, {**chunks, **options}) for name, options in filters.items()})

    def test_jpeg(self):
        """Chunks that Pillow writes, gray and in colours."""
        y, x = np.mgrid[:40, :50]
        colors = np.stack([4 * y + x, 200 - 3 * y, 2 * x + y], -1).astype("u1")
        for array in colors, colors[..., 0]:
            gray = array.ndim == 2
            stream = io.BytesIO()
            Image.fromarray(array).save(stream, "JPEG", quality=90)
            with h5py.File(self.path, "w") as file:
                plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                plist.set_chunk(array.shape)
                plist.set_filter(32019, h5py.h5z.FLAG_OPTIONAL, (90, 50, 40, 0 if gray else 1))
                space = h5py.h5s.create_simple(array.shape)
                data = h5py.h5d.create(file.id, b"d", h5py.h5t.STD_U8LE, space, plist)
                data.write_direct_chunk((0,) * array.ndim, stream.getvalue())
            out = self.folder / "out.npy"
            self.run_command(
                "patches",
                f"{self.path}#d",
                "--axes",
                "YX" if gray else "YXC",
                "--size",
                "40x50",
                "--at",
                "0,0",
                "--out",
                out,
                "--force",
            )
            expected = np.asarray(Image.open(stream))
            np.testing.assert_array_equal(np.load(out)[0], expected[None] if gray else np.moveaxis(expected, -1, 0))

    def test_scaled_floats(self):
        array = pixels((40, 50), "<f4")
        with h5py.File(self.path, "w") as file:
            file.create_dataset("d", data=array, chunks=(16, 20), scaleoffset=3)
            expected = file["d"][()]
        self.check("d", expected)

    def test_few_bits(self):
        """Integers of fewer bits, packed by nbit."""
        for kind, bits in ("U16LE", 8), ("U16LE", 12), ("I16BE", 9), ("I16BE", 12), ("I32LE", 16), ("I32LE", 27):
            with h5py.File(self.path, "w") as file:
                dtype = getattr(h5py.h5t, f"STD_{kind}").copy()
                dtype.set_precision(bits)
                plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                plist.set_chunk((8, 8))
                plist.set_filter(h5py.h5z.FILTER_NBIT, 0, ())
                space = h5py.h5s.create_simple((20, 30))
                data = h5py.h5d.create(file.id, b"d", dtype, space, plist)
                low = -(1 << bits - 1) if kind[0] == "I" else 0
                values = np.random.default_rng(2).integers(low, low + (1 << bits), (20, 30)).astype("<i4")
                data.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
            with self.subTest(kind, bits=bits):
                np.testing.assert_array_equal(self.read("d", values.shape).astype("<i4"), values)

    def test_few_bits_of_another_type(self):
        """Parameters of nbit that contradict the type are refused, as libhdf5 refuses the impossible ones."""
        with h5py.File(self.path, "w") as file:
            twelve = h5py.h5t.STD_U16LE.copy()
            twelve.set_precision(12)
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_chunk((4, 5))
            plist.set_filter(h5py.h5z.FILTER_NBIT, 0, ())
            made = h5py.h5d.create(file.id, b"d", twelve, h5py.h5s.create_simple((4, 5)), plist)
            h5py.Dataset(made)[...] = pixels((4, 5), "<u2") & 0xFFF
        good = self.path.read_bytes()
        values = np.array([8, 0, 20, 1, 2, 0, 12, 0], "<u4")
        at = good.index(values.tobytes())
        self.run_command("info", self.path)
        for i, wrong in (0, 9), (1, 1), (3, 2), (4, 1), (4, 4), (5, 1), (6, 0), (6, 11), (6, 17), (6, 2**31), (7, 1):
            changed = values.copy()
            changed[i] = wrong
            self.path.write_bytes(good[:at] + changed.tobytes() + good[at + 32 :])
            with self.subTest(parameter=i, value=wrong):
                self.assertIn("nbit", self.run_command("info", self.path, status=1).stderr)

    def test_marks_in_names(self):
        arrays = {"a#b": pixels((4, 5), "u1"), "g#h/c": pixels((5, 4), "u1"), "#": pixels((3, 4), "u1")}
        with h5py.File(self.path, "w") as file:
            for name, array in arrays.items():
                file[name] = array
        for name, array in arrays.items():
            self.check(name, array)
        listed = self.run_command("info", self.path, status=1).stderr
        self.assertIn("/g#h/c (5, 4)", listed)

    def test_links_to_one_object(self):
        """However many hard links lead to it, a dataset is one image, and a group is looked through once."""
        with h5py.File(self.path, "w") as file:
            groups = [file.create_group(f"g{i}") for i in range(12)]
            for a in groups:
                for i, b in enumerate(groups):
                    a[f"to{i}"] = b
            groups[5]["d"] = pixels((4, 5), "<u2")
            file["again"] = groups[5]["d"]
        self.assertIn("4 x 5", self.run_command("info", self.path).stdout)

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

    def test_scales(self):
        """Names and values of dimension scales; the dimensions of NetCDF, with and without variables."""
        for version, chunked in itertools.product(VERSIONS, (False, True)):
            with h5py.File(self.path, "w", libver=version) as file:
                group = file.create_group("g/h")
                data = group.create_dataset("named", data=pixels((3, 4, 5, 6), "u1"))
                scales = {
                    "time": np.arange(3) * 2.5,
                    "z": np.arange(4) * 0.5 + 7,
                    "row": np.array([0, 1, 2, 9, 4.0]),
                    "x": np.arange(6, dtype=">i4") * -3,
                }
                for (name, values), dimension in zip(scales.items(), data.dims):
                    scale = group.create_dataset(
                        f"scale {name}",
                        data=values,
                        chunks=(10,) if chunked else None,
                        maxshape=(None,) if chunked else None,
                    )
                    scale.make_scale(name)
                    scale.attrs["units"] = "seconds since 1970" if name == "time" else "um"
                    dimension.attach_scale(scale)
                netcdf = file.create_dataset("g/netcdf", data=pixels((4, 5, 6), "u1"))
                for name, parent, size, dimension in zip(
                    ("Z", "north", "x"), (file, group, file["g"]), (4, 5, 6), netcdf.dims
                ):
                    scale = parent.create_dataset(name, data=np.zeros(size, "f4"))
                    scale.make_scale(f"This is a netCDF dimension but not a netCDF variable. {size:9}")
                    if name == "north":
                        scale.attrs["axis"] = "Y"
                    dimension.attach_scale(scale)
                unclear = file.create_dataset("unclear", data=pixels((4, 5, 6), "u1"))
                for dimension, name in zip(unclear.dims, ("x", "thing", "y")):
                    scale = file.create_dataset(f"u{name}", data=np.zeros(9))
                    scale.make_scale(name)
                    dimension.attach_scale(scale)
                twice = file.create_dataset("twice", data=pixels((4, 5, 6), "u1"))
                for dimension in twice.dims:
                    dimension.attach_scale(file["ux"])
            with self.subTest(version=version, chunked=chunked):
                info = json.loads(self.run_command("info", "--json", f"{self.path}#g/h/named").stdout)[0]
                self.assertEqual(info["axes"], "TZYX")
                self.assertEqual(
                    info["pixel_size"],
                    {
                        "T": {"size": 2.5, "unit": "second"},
                        "Z": {"size": 0.5, "unit": "micrometer"},
                        "X": {"size": 3, "unit": "micrometer"},
                    },
                )
                info = json.loads(self.run_command("info", "--json", f"{self.path}#g/netcdf").stdout)[0]
                self.assertEqual((info["axes"], info["pixel_size"]), ("ZYX", {}))
                for part in "unclear", "twice":
                    self.assertIn("name them", self.run_command("info", f"{self.path}#{part}").stdout)

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
                self.run_command(
                    "patches",
                    f"{self.path}#level={level}",
                    "--size",
                    "7x41x47",
                    "--at",
                    "0,0,0",
                    "--sample",
                    t,
                    "--out",
                    out,
                    "--force",
                )
                z, y, x = shapes[level]
                for c in range(2):
                    patch = np.load(out)[0, c]
                    np.testing.assert_array_equal(patch[:z, :y, :x], pixels((z, y, x), "<u2", 4 * level + 2 * t + c))
                    self.assertEqual(patch[z:].sum() + patch[:, y:].sum() + patch[:, :, x:].sum(), 0)

    def test_members_differ(self):
        """Chunks that were not written show their own dataset's fill value: one for all, or none."""
        for version, raw, fills in itertools.product(("v110", "latest"), (False, True), ((5, 5), (5, 6))):
            with h5py.File(self.path, "w", libver=version) as file:
                for t, fill in enumerate(fills):
                    group = file.create_group(f"DataSet/ResolutionLevel 0/TimePoint {t}/Channel 0")
                    for name in "ZYX":
                        group.attrs["ImageSize" + name] = np.array([b"3"], "S1")
                    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                    plist.set_chunk((2, 2, 2))
                    plist.set_deflate(1)
                    plist.set_fill_value(np.array(fill, "<u2"))
                    if raw and t == 1:
                        leave_edges_raw(plist)
                    space = h5py.h5s.create_simple((3, 3, 3))
                    made = h5py.h5d.create(group.id, b"Data", h5py.h5t.STD_U16LE, space, plist)
                    h5py.Dataset(made)[0, 0, 0] = 9
                file.create_group("DataSetInfo/Image")
            out = self.folder / "out.npy"
            read = ("patches", self.path, "--size", "3x3x3", "--at", "0,0,0", "--out", out, "--force", "--sample")
            expected = np.full((3, 3, 3), 5)
            expected[0, 0, 0] = 9
            for t in range(2):
                differs = t == 1 and (raw or fills[0] != fills[1])
                message = self.run_command(*read, t, status=1 if differs else 0).stderr
                if differs:
                    self.assertIn("differs from the first dataset", message)
                else:
                    np.testing.assert_array_equal(np.load(out)[0, 0], expected)

    def test_deep_groups(self):
        """Up to 64 groups in one another, the root counted, are looked through; a loop is not gone round."""
        for n, status in (63, 0), (64, 1):
            with h5py.File(self.path, "w") as file:
                path = "/".join("g" * n)
                file[f"{path}/image"] = np.zeros((4, 5), "u1")
                file[f"{path}/loop"] = file["g"]
            for part in "", "#g" if status == 0 else "#/":
                message = self.run_command("info", f"{self.path}{part}", status=status).stderr
                self.assertEqual("name the dataset" in message, status == 1, message)
            self.run_command("info", f"{self.path}#{path}/image")

    def test_references(self):
        with h5py.File(self.path, "w") as file:
            image = file.create_dataset("image", data=np.zeros((4, 5), "u1"))
            file.create_dataset("objects", data=[[image.ref] * 3] * 2, dtype=h5py.ref_dtype)
            file.create_dataset("regions", data=[[image.regionref[1:3]] * 3] * 2, dtype=h5py.regionref_dtype)
            image.attrs["object"], image.attrs["region"] = file.ref, image.regionref[:2]
        self.assertIn("4 x 5", self.run_command("info", self.path).stdout)
        for part in "objects", "regions":
            self.assertIn("type reference", self.run_command("info", f"{self.path}#{part}", status=1).stderr)

    def test_being_written(self):
        """A file that grows under SWMR is read in its last flushed state; an inconsistent one gives an error."""
        with h5py.File(self.path, "w", libver="latest") as file:
            sizes = {"one": (0, 8, 9), "two": (0, 0, 9)}
            data = {
                name: file.create_dataset(
                    name, size, "<u2", chunks=(2, 4, 5), compression="gzip", maxshape=[n or None for n in size]
                )
                for name, size in sizes.items()
            }
            file.swmr_mode = True
            for n in (1, 2, 7, 8, 40):
                expected = pixels((n, 8, 9), "<u2")
                for d in data.values():
                    d.resize((n, 8, 9))
                    d[...] = expected
                    d.flush()
                for name in data:
                    self.check(name, expected)
            torn = bytearray(self.path.read_bytes())
        at = torn.index(b"OHDR")
        torn[at + 20] ^= 0xFF
        self.path.write_bytes(torn)
        self.assertIn("marked as being written", self.run_command("info", f"{self.path}#one", status=1).stderr)
        self.path.write_bytes(torn[:300])
        self.assertIn("marked as being written", self.run_command("info", f"{self.path}#one", status=1).stderr)

    def test_candidates(self):
        with h5py.File(self.path, "w") as file:
            file.create_dataset("table", data=np.arange(9))
            file.create_dataset("g/only", data=np.zeros((4, 5), "u1"))
            file.create_dataset("names", data=np.array([[b"a", b"b"], [b"c", b"d"]]))
        self.assertIn("g/only", self.run_command("info", self.path).stdout)
        with h5py.File(self.path, "a") as file:
            file.create_dataset("h/other", data=np.zeros((3, 4, 5), "u1"))
        self.assertIn("name them", self.run_command("info", f"{self.path}#h/other").stdout)
        self.run_command("info", f"{self.path}#h/other", "--axes", "ZYX")
        message = self.run_command("info", self.path, status=1).stderr
        self.assertIn("/g/only (4, 5)", message)
        self.assertIn("/h/other (3, 4, 5)", message)
        self.run_command("info", f"{self.path}#g")


if __name__ == "__main__":
    unittest.main()
