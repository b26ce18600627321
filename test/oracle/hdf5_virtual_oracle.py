#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Virtual datasets, external links and external raw data, as h5py writes and reads them. Usage: ... COMMAND"""

import itertools
import unittest

import h5py
import numpy as np
from common import pixels
from h5case import VERSIONS, Case

STORAGE = {"raw": {}, "chunks": {"chunks": True}, "gzip": {"chunks": True, "compression": "gzip", "shuffle": True}}


def create(file, name, array, storage, chunks=None):
    options = dict(STORAGE[storage])
    if options:
        options["chunks"] = tuple(min(c, n) for c, n in zip(chunks or (3, 4, 5)[-array.ndim :], array.shape))
    return file.create_dataset(name, data=array, **options)


class Virtual(Case):
    def write(self, name, array, storage="gzip", dataset="d", chunks=None, **options):
        with h5py.File(self.folder / name, "w", **options) as file:
            create(file, dataset, array, storage, chunks)

    def check_virtual(self, layouts, boxes=2, mode="w", version="latest", fill=0):
        """Writes layouts {name: layout}, and compares each with what h5py reads."""
        with h5py.File(self.path, mode, libver=version) as file:
            for name, layout in layouts.items():
                file.create_virtual_dataset(name, layout, fillvalue=fill)
        with h5py.File(self.path) as file:
            expected = {name: file[name][()] for name in layouts}
        for name, array in expected.items():
            with self.subTest(name, version=version):
                self.check(name, array, boxes)
        return expected

    def test_planes(self):
        """Planes of several files, stored in all ways; one file and one dataset is missing."""
        for version, storage in itertools.product(VERSIONS, STORAGE):
            for i in range(5):
                if i != 2:
                    self.write(
                        f"plane{i}.h5", pixels((17, 23), "<u2", i), storage, "other" if i == 3 else "d", libver=version
                    )
            layout = h5py.VirtualLayout((5, 17, 23), "<u2")
            for i in range(5):
                layout[i] = h5py.VirtualSource(f"plane{i}.h5", "d", (17, 23))
            found = self.check_virtual({"d": layout}, version=version, fill=7)
            self.assertEqual({int(found["d"][i].min()) for i in (2, 3)}, {7})

    def test_nested_in_many_parts(self):
        """Mappings that show what lies between those of another dataset, which all have to be looked at."""
        n, width = 8200, 3
        with h5py.File(self.path, "w", libver="latest") as file:
            file["d"] = np.arange(width, dtype="<u2")[None]

            def create(name, source, shape, rows):
                plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                to, of = h5py.h5s.create_simple(shape), h5py.h5s.create_simple(file[source].shape)
                for row, of_row in rows:
                    to.select_hyperslab((row, 0), (1, width))
                    of.select_hyperslab((of_row, 0), (1, width))
                    plist.set_virtual(to, b".", source.encode(), of)
                h5py.h5d.create(file.id, name.encode(), h5py.h5t.STD_U16LE, h5py.h5s.create_simple(shape), plist)

            create("ends", "d", (3, width), ((i % 2 * 2, 0) for i in range(n)))
            create("between", "ends", (n, width), ((i, 1) for i in range(n)))
            create("few", "ends", (9, width), ((i, i % 3) for i in range(9)))
            create("rows", "d", (n, width), ((i, 0) for i in range(n)))
            create("again", "rows", (n, width), ((i, n - 1 - i) for i in range(n)))
        self.assertIn("steps to find", self.run_command("info", f"{self.path}#between", status=1).stderr)
        self.check("few", np.array([[0, 1, 2], [0, 0, 0], [0, 1, 2]] * 3, "<u2"))
        self.check("again", np.array([[0, 1, 2]] * n, "<u2"))

    def test_without_dimensions(self):
        """A virtual dataset of one element without dimensions, in another one."""
        with h5py.File(self.path, "w", libver="latest") as file:
            file["d"] = np.zeros((1, 1, 1), "<u2")
            one, scalar = h5py.h5s.create_simple((1, 1)), h5py.h5s.create(h5py.h5s.SCALAR)
            for name, to, source, of in (
                (b"s", scalar, b"d", h5py.h5s.create_simple((1, 1, 1))),
                (b"o", one, b"s", scalar),
            ):
                plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                plist.set_virtual(to, b".", source, of)
                h5py.h5d.create(file.id, name, h5py.h5t.STD_U16LE, to, plist)
        for name in "s", "o":
            message = self.run_command("info", f"{self.path}#{name}", "--axes", "YX", status=1).stderr
            self.assertIn("without dimensions", message)

    def test_selections(self):
        """Strides, blocks, dimensions that one side lacks, overlaps, gaps, the file itself as its source."""
        for storage in STORAGE:
            big, row = pixels((11, 17, 23), "<i4"), pixels((40,), "<i4", 1)
            deep = pixels((3, 5, 7, 4), "<i4", 2)
            with h5py.File(self.path, "w", libver="latest") as file:
                create(file, "big", big, storage)
                create(file, "row", row, storage)
                create(file, "deep", deep, storage, (2, 3, 4, 2))
            big, row = (h5py.VirtualSource(".", n, a.shape) for n, a in (("big", big), ("row", row)))
            deep = h5py.VirtualSource(".", "deep", deep.shape)
            layouts = {}

            def layout(name, shape):
                layouts[name] = h5py.VirtualLayout(shape, "<i4")
                return layouts[name]

            layout("all", (11, 17, 23))[...] = big
            layout("crop", (4, 9, 8))[...] = big[3:7, 2:11, 10:18]
            layout("into", (9, 20, 30))[2:6, 3:12, 11:19] = big[3:7, 2:11, 10:18]
            layout("strided", (4, 6, 8))[...] = big[0:11:3, 1:17:3, 0:23:3]
            layout("spread", (22, 20, 23))[1:22:2, 1:18, :] = big
            interleaved = layout("interleaved", (11, 17, 23))
            interleaved[0::2] = big[0:6]
            interleaved[1::2] = big[6:11]
            layout("plane", (17, 23))[...] = big[4]
            layout("other plane", (11, 23))[...] = big[:, 5]
            layout("last plane", (11, 17))[...] = big[:, :, 6]
            layout("line", (3, 17))[1] = big[2, :, 3]
            layout("cross", (4, 11))[2] = big[:, 2, 3]
            layout("one", (3, 4))[1, 2] = big[5, 6, 7]
            layout("rows", (2, 40))[1] = row
            layout("inner", (3, 5))[...] = deep[:, :, 5, 2]
            layout("outer", (7, 4))[...] = deep[1, 3]
            layout("middle", (3, 7))[...] = deep[:, 2, :, 3]
            painted = layout("painted", (20, 25))
            painted[0:17, 0:23] = big[0]
            painted[5:20, 2:25] = big[1, 0:15, 0:23]
            painted[3:9, 3:9] = big[2, 3:9, 4:10]
            self.check_virtual(layouts, mode="a")

    def low_level(self, name, shape, mappings, dtype="<u2", most=None, fill=None):
        """A virtual dataset of selections that h5py's layouts do not make: (space, file, dataset, source space)."""
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        if fill is not None:
            plist.set_fill_value(np.array(fill, dtype))
        for to, source, path, space in mappings:
            plist.set_virtual(to, source.encode(), path.encode(), space)
        space = h5py.h5s.create_simple(shape, most or shape)
        with h5py.File(self.path, "a", libver="latest") as file:
            h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(np.dtype(dtype)), space, plist)
        with h5py.File(self.path) as file:
            return file[name][()]

    @staticmethod
    def select(shape, most=None, **slab):
        space = h5py.h5s.create_simple(shape, most or shape)
        if slab:
            space.select_hyperslab(**slab)
        return space

    @staticmethod
    def blocks(shape, blocks):
        space = h5py.h5s.create_simple(shape)
        for i, (start, size) in enumerate(blocks):
            space.select_hyperslab(
                start, (1,) * len(shape), block=size, op=h5py.h5s.SELECT_OR if i else h5py.h5s.SELECT_SET
            )
        return space

    def test_blocks(self):
        """Lists of blocks: products, and selections that are not products."""
        for storage in STORAGE:
            self.path.unlink(missing_ok=True)
            self.write("a.h5", pixels((20, 30), "<u2"), storage)
            product = [((y, x), (h, w)) for y, h in ((0, 2), (5, 3)) for x, w in ((1, 4), (7, 2), (20, 9))]
            corner = [((0, 0), (4, 3)), ((6, 5), (2, 11)), ((9, 20), (5, 4))]
            moved = [((y + 2, x + 3), size) for (y, x), size in corner]
            stairs = [((0, 0), (3, 3)), ((3, 0), (3, 9))]
            cases = {
                "product": (self.blocks((20, 30), product), self.select((5, 15))),
                "both": (
                    self.blocks((20, 30), product),
                    self.blocks((25, 40), [((y + 1, 1 + x), s) for (y, x), s in product]),
                ),
                "corner": (self.blocks((20, 30), corner), self.blocks((25, 40), moved)),
                "stairs": (self.blocks((20, 30), stairs), self.blocks((25, 40), stairs)),
            }
            for name, (source, to) in cases.items():
                expected = self.low_level(name, to.shape, [(to, "a.h5", "d", source)], fill=9)
                self.check(name, expected, 2)
            line = self.blocks((40, 30), [((0, 0), (1, 30))])
            self.low_level(
                "refused",
                (40, 30),
                [(line, "a.h5", "d", self.blocks((20, 30), [((0, 0), (1, 11)), ((1, 0), (1, 19))]))],
            )
            self.assertIn("irregular", self.run_command("info", f"{self.path}#refused", status=1).stderr)

    def test_refused(self):
        self.write("a.h5", pixels((20, 30), "<u2"))
        self.low_level("shapes", (10, 60), [(self.select((10, 60)), "a.h5", "d", self.select((20, 30)))])
        self.low_level("ranks", (600,), [(self.select((600,)), "a.h5", "d", self.select((20, 30)))])
        for part, message in ("shapes", "20 elements along dimension 0"), ("ranks", "elements along|different shapes"):
            self.assertRegex(self.run_command("info", f"{self.path}#{part}", status=1).stderr, message)

    def test_types(self):
        """Sources in the other byte order, of narrower types, with another fill value; those that would lose."""
        for source, virtual in (
            (">u2", "<u2"),
            ("<f4", ">f4"),
            ("u1", "<u2"),
            ("u1", "<i2"),
            ("i1", ">i4"),
            (">u2", "<u4"),
            ("<f4", "<f8"),
            ("<u4", "<i8"),
        ):
            for storage in STORAGE:
                self.write("a.h5", pixels((13, 11), source), storage)
                with h5py.File(self.folder / "b.h5", "w") as file:
                    data = file.create_dataset("d", (13, 11), source, chunks=(4, 5), fillvalue=3)
                    data[5, 6] = 1
                    file.create_dataset("never", (13, 11), source, fillvalue=5)
                layout = h5py.VirtualLayout((4, 13, 11), virtual)
                layout[0] = h5py.VirtualSource("a.h5", "d", (13, 11))
                layout[1] = h5py.VirtualSource("b.h5", "d", (13, 11))
                layout[2, 3:] = h5py.VirtualSource("b.h5", "never", (13, 11))[3:]
                self.check_virtual({"d": layout}, fill=8)
        self.write("a.h5", pixels((13, 11), "<i4"))
        layout = h5py.VirtualLayout((13, 11), "<u2")
        layout[...] = h5py.VirtualSource("a.h5", "d", (13, 11))
        with h5py.File(self.path, "w", libver="latest") as file:
            file.create_virtual_dataset("d", layout)
        self.assertIn("int32", self.run_command("info", f"{self.path}#d", status=1).stderr)

    def test_smaller_sources(self):
        """Sources that end before the selection does are refused: HDF5 fails, or reads what lies behind their pixels."""
        for shape, key in ((15, 20), ...), ((5, 6), np.s_[6:11, 3:9]):
            self.write("a.h5", pixels((9, 11), "<u2"))
            layout = h5py.VirtualLayout(shape, "<u2")
            layout[...] = h5py.VirtualSource("a.h5", "d", (15, 20))[key]
            with h5py.File(self.path, "w", libver="latest") as file:
                file.create_virtual_dataset("d", layout)
            self.assertIn("a.h5", self.run_command("info", f"{self.path}#d", status=1).stderr)

    def test_unlimited(self):
        """The virtual dataset grows with its sources, in blocks and strides."""
        unlimited = h5py.h5s.UNLIMITED
        for n, storage in itertools.product((1, 6, 7, 20), ("chunks", "gzip")):
            self.path.unlink(missing_ok=True)
            options = {
                "chunks": (2, 3, 4),
                "maxshape": (None, 7, 9),
                "compression": None if storage == "chunks" else "gzip",
            }
            for i in range(2):
                with h5py.File(self.folder / f"s{i}.h5", "w", libver="latest") as file:
                    file.create_dataset("d", data=pixels((n + i, 7, 9), "<u2", i), **options)
            most = (unlimited, 7, 9)
            source = self.select((3, 7, 9), most, start=(0, 0, 0), count=(unlimited, 1, 1), block=(1, 7, 9))
            whole = self.select((3, 7, 9), most, start=(0, 0, 0), count=(1, 1, 1), block=(unlimited, 7, 9))
            to = [
                self.select(
                    (3, 7, 9), most, start=(i, 0, 0), stride=(2, 1, 1), count=(unlimited, 1, 1), block=(1, 7, 9)
                )
                for i in range(2)
            ]
            found = self.low_level(
                "interleaved", (3, 7, 9), [(to[i], f"s{i}.h5", "d", source) for i in range(2)], most=most
            )
            self.check("interleaved", found, 2)
            found = self.low_level("whole", (3, 7, 9), [(whole, "s0.h5", "d", whole)], most=most)
            self.check("whole", found, 2)
            some = self.select(
                (3, 7, 9), most, start=(1, 0, 0), stride=(3, 1, 1), count=(unlimited, 1, 1), block=(2, 7, 9)
            )
            found = self.low_level("blocks", (3, 7, 9), [(whole, "s0.h5", "d", some)], most=most)
            if found.shape[0]:
                self.check("blocks", found, 2)
            found = self.low_level(
                "missing", (3, 7, 9), [(to[0], "none.h5", "d", source), (to[1], "s1.h5", "d", source)], most=most
            )
            self.check("missing", found, 2)

    def test_numbered(self):
        """Names of files and of datasets with a number."""
        unlimited = h5py.h5s.UNLIMITED
        for n in (1, 4, 11):
            self.path.unlink(missing_ok=True)
            for i in range(n):
                self.write(f"t%{i}.h5", pixels((3, 7, 9), "<u2", i))
            with h5py.File(self.folder / "many.h5", "w") as file:
                for i in range(n):
                    file[f"g/{i}x"] = pixels((7, 9), "<u2", i)
            most = (unlimited, 7, 9)
            to = self.select(
                (3, 7, 9), most, start=(2, 0, 0), stride=(4, 1, 1), count=(unlimited, 1, 1), block=(3, 7, 9)
            )
            found = self.low_level(
                "files", (3, 7, 9), [(to, "t%%%b.h5", "d", self.select((3, 7, 9)))], most=most, fill=6
            )
            self.assertEqual(found.shape[0], 2 + 4 * n - 1)
            self.check("files", found, 2)
            self.write("50%", pixels((3, 7, 9), "<u2"), dataset="%b")
            space = self.select((3, 7, 9))
            self.check("percent", self.low_level("percent", (3, 7, 9), [(space, "50%%", "%%b", space)]), 1)
            to = self.select((1, 7, 9), most, start=(0, 0, 0), count=(unlimited, 1, 1), block=(1, 7, 9))
            found = self.low_level("datasets", (1, 7, 9), [(to, "many.h5", "g/%bx", self.select((7, 9)))], most=most)
            self.assertEqual(found.shape[0], n)
            self.check("datasets", found, 2)

    def test_nested(self):
        """Virtual datasets in virtual datasets, with strides on all ways; one that shows itself."""
        for storage in STORAGE:
            for i in range(2):
                self.write(f"a{i}.h5", pixels((9, 10, 11), "<u2", i), storage)
            inner = h5py.VirtualLayout((18, 10, 14), "<u2")
            for i in range(2):
                inner[i::2, :, 2:13] = h5py.VirtualSource(f"a{i}.h5", "d", (9, 10, 11))
            with h5py.File(self.folder / "inner.h5", "w", libver="latest") as file:
                file.create_virtual_dataset("v", inner)
            source = h5py.VirtualSource("inner.h5", "v", (18, 10, 14))
            outer = h5py.VirtualLayout((12, 10, 20), "<u2")
            outer[0:6, :, 0:14] = source[1:18:3]
            outer[3:12, 0:5, 5:19] = source[0:9, 0:10:2]
            plane = h5py.VirtualLayout((10, 14), "<u2")
            plane[...] = source[7]
            across = h5py.VirtualLayout((18, 14), "<u2")
            across[...] = source[:, 3]
            along = h5py.VirtualLayout((18, 10), "<u2")
            along[...] = source[:, :, 4]
            self.check_virtual({"outer": outer, "plane": plane, "across": across, "along": along})
            loop = h5py.VirtualLayout((10, 14), "<u2")
            loop[...] = h5py.VirtualSource(".", "loop", (10, 14))
            with h5py.File(self.path, "a", libver="latest") as file:
                file.create_virtual_dataset("loop", loop)
            self.assertIn("contains itself", self.run_command("info", f"{self.path}#loop", status=1).stderr)

    def test_failures(self):
        """A source that is there but cannot be read is a failure, not a gap."""
        (self.folder / "a.h5").write_bytes(b"no HDF5")
        layout = h5py.VirtualLayout((13, 11), "<u2")
        layout[...] = h5py.VirtualSource("a.h5", "d", (13, 11))
        with h5py.File(self.path, "w", libver="latest") as file:
            file.create_virtual_dataset("d", layout)
        self.assertIn("a.h5", self.run_command("info", f"{self.path}#d", status=1).stderr)


class Outside(Case):
    """Other folders, links and raw data: only if allowed."""

    def setUp(self):
        super().setUp()
        self.top = self.folder / "top"
        for name in ("main", "data/deep", "main/below"):
            (self.top / name).mkdir(parents=True)
        self.path = self.top / "main" / "file.h5"
        self.array = pixels((7, 9, 11), "<u2")
        for name in ("main/beside.h5", "main/below/b.h5", "data/deep/d.h5", "../secret.h5"):
            with h5py.File(self.top / name, "w") as file:
                file["g/d"] = self.array
                file["back"] = h5py.ExternalLink("../../main/file.h5", "/own")
                file["g/soft"] = h5py.SoftLink("/g/d")

    def check_folders(self, parts):
        """parts: {name: the least folder with which it is read}; None: with none, "never": with none of these."""
        for folder, name in itertools.product((None, self.top / "main", self.top), parts):
            least = parts[name]
            self.options = ("--external-folder", folder) if folder else ()
            allowed = least is None or (least != "never" and folder and str(least).startswith(str(folder)))
            with self.subTest(name, folder=folder):
                if allowed:
                    self.check(name, self.array, 1)
                else:
                    done = self.run_command("info", f"{self.path}#{name}", *self.options, status=1)
                    self.assertRegex(done.stderr, "external_folder|outside of the folder|does not exist")

    def test_links(self):
        main = self.top / "main"
        with h5py.File(self.path, "w", libver="latest") as file:
            file["own"] = self.array
            links = {
                "beside": ("beside.h5", "/g/d"),
                "group": ("beside.h5", "/g"),
                "soft": ("below/b.h5", "g/soft"),
                "below": ("./below/b.h5", "/g/d"),
                "up": ("../data/deep/d.h5", "/g/d"),
                "round": ("../data/deep/d.h5", "/back"),
                "dots": ("below/../beside.h5", "/g/d"),
                "secret": ("../../secret.h5", "/g/d"),
                "absolute": (str(main / "beside.h5"), "/g/d"),
                "far": (str(self.folder / "secret.h5"), "/g/d"),
                "nothing": ("none.h5", "/d"),
            }
            for name, (target, path) in links.items():
                file[name] = h5py.ExternalLink(target, path)
        self.check_folders(
            {
                "own": None,
                "beside": main,
                "group/d": main,
                "soft": main,
                "below": main,
                "up": self.top,
                "round": self.top,
                "dots": main,
                "secret": "never",
                "absolute": main,
                "far": "never",
                "nothing": "never",
            }
        )

    def test_sources(self):
        main = self.top / "main"
        with h5py.File(self.path, "w", libver="latest") as file:
            for name, source in {
                "beside": "beside.h5",
                "dotted": "./beside.h5",
                "below": "below/b.h5",
                "up": "../data/deep/d.h5",
                "secret": "../../secret.h5",
                "absolute": str(main / "beside.h5"),
            }.items():
                layout = h5py.VirtualLayout(self.array.shape, "<u2")
                layout[...] = h5py.VirtualSource(source, "g/d", self.array.shape)
                file.create_virtual_dataset(name, layout)
        self.check_folders(
            {"beside": None, "dotted": None, "below": main, "up": self.top, "secret": "never", "absolute": main}
        )

    def test_partitions(self):
        """BigDataViewer can split setups and time points into separate files, linked from the first."""
        main = self.top / "main"
        expected = pixels((2, 3, 7, 9, 11), "<i2")
        with h5py.File(self.path, "w") as file:
            for s, t in itertools.product(range(2), range(3)):
                with h5py.File(main / f"part{s}{t}.h5", "w") as part:
                    part.create_dataset(
                        f"t{t:05}/s{s:02}/0/cells", data=expected[s, t], chunks=(4, 4, 4), compression="gzip"
                    )
                file[f"t{t:05}/s{s:02}"] = h5py.ExternalLink(f"part{s}{t}.h5", f"t{t:05}/s{s:02}")
            for s in range(2):
                file[f"s{s:02}/resolutions"] = np.ones((1, 3))
        for s in range(2):
            self.assertIn("external_folder", self.run_command("info", f"{self.path}#series={s}", status=1).stderr)
            out = self.folder / "out.npy"
            for t in range(3):
                self.run_command(
                    "patches",
                    f"{self.path}#series={s}",
                    "--external-folder",
                    main,
                    "--size",
                    "7x9x11",
                    "--at=0,0,0",
                    "--sample",
                    t,
                    "--out",
                    out,
                    "--force",
                )
                np.testing.assert_array_equal(np.load(out)[0, 0], expected[s, t].view("<u2"))
        (main / "part12.h5").unlink()
        self.assertIn(
            "part12.h5",
            self.run_command(
                "patches",
                f"{self.path}#series=1",
                "--external-folder",
                main,
                "--size",
                "7x9x11",
                "--at=0,0,0",
                "--sample",
                2,
                "--out",
                self.folder / "x.npy",
                status=1,
            ).stderr,
        )

    def test_raw_data(self):
        """In one file, in several, in parts of rows."""
        main, data = self.top / "main", self.array.tobytes()
        cases = {
            "one": [100],
            "planes": [0, 2 * 198, 5 * 198],
            "rows": [3, 22 * 7, 22 * 30],
            "parts": [0, 22 * 3 + 8, 22 * 7 + 4],
            "odd": [0, 3],
        }
        with h5py.File(self.path, "w") as file:
            for name, starts in cases.items():
                files = []
                for i, start in enumerate(starts):
                    begin = start if i else 0
                    end = starts[i + 1] if i + 1 < len(starts) else len(data)
                    (main / f"{name}{i}.raw").write_bytes(b"x" * 5 + data[begin:end])
                    files.append((f"{name}{i}.raw", 5, end - begin if end < len(data) else h5py.h5f.UNLIMITED))
                file.create_dataset(name, self.array.shape, "<u2", external=files)
            file.create_dataset("up", self.array.shape, "<u2", external=[("../data/up.raw", 0, h5py.h5f.UNLIMITED)])
            file.create_dataset("none", self.array.shape, "<u2", external=[("none.raw", 0, h5py.h5f.UNLIMITED)])
        (self.top / "data/up.raw").write_bytes(data)
        self.check_folders({"one": main, "planes": main, "rows": main, "parts": main, "up": self.top})
        self.options = ("--external-folder", main)
        self.assertIn(
            "two external files", self.run_command("info", f"{self.path}#odd", *self.options, status=1).stderr
        )
        self.assertIn(
            "none.raw",
            self.run_command(
                "patches",
                f"{self.path}#none",
                "--size",
                "7x9x11",
                "--at=0,0,0",
                "--axes",
                "ZYX",
                "--out",
                self.folder / "x.npy",
                *self.options,
                status=1,
            ).stderr,
        )


if __name__ == "__main__":
    unittest.main()
