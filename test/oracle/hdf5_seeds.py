#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the small files of fuzz/corpus/fuzz_hdf5, which are also those whose mutations are read. The
name under which they are read is fuzz.h5. Needs HDF5 2.0 (h5py 3.16). Usage: hdf5_seeds.py FOLDER"""

import sys
from pathlib import Path

import h5py
import numpy as np
from h5edges import leave_edges_raw

FOLDER = Path(sys.argv[1])
UNLIMITED = h5py.h5s.UNLIMITED


def space(shape, most=None, blocks=(), **slab):
    made = h5py.h5s.create_simple(shape, most or shape)
    if slab:
        made.select_hyperslab(**slab)
    for i, (start, size) in enumerate(blocks):
        made.select_hyperslab(start, (1, 1), block=size, op=h5py.h5s.SELECT_OR if i else h5py.h5s.SELECT_SET)
    return made


def virtual(file, name, shape, mappings, most=None):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    for to, path, source in mappings:
        plist.set_virtual(to, b".", path, source)
    h5py.h5d.create(file.id, name, h5py.h5t.STD_U16LE, h5py.h5s.create_simple(shape, most or shape), plist)


# "latest" was that of HDF5 1.14
for name, version in ("v110", "v110"), ("latest", ("v114", "v114")):
    with h5py.File(FOLDER / f"virtual_{name}.h5", "w", libver=version) as file:
        most = (UNLIMITED, 6)
        file.create_dataset(
            "a", data=np.arange(54).reshape(9, 6), dtype="u2", chunks=(2, 4), maxshape=(None, 6), compression="gzip"
        )
        file.create_dataset("b0", data=np.arange(24).reshape(4, 6), dtype=">u2")
        file.create_dataset("b1", data=np.arange(24).reshape(4, 6), dtype="u1", fillvalue=3, chunks=(3, 3))
        open_source = space((9, 6), most, start=(0, 0), count=(UNLIMITED, 1), block=(1, 6))
        open_target = space((9, 6), most, start=(1, 0), stride=(3, 1), count=(UNLIMITED, 1), block=(2, 6))
        virtual(file, b"open", (9, 6), [(open_target, b"a", open_source)], most)
        virtual(
            file,
            b"numbered",
            (9, 6),
            [
                (
                    space((9, 6), most, start=(0, 0), stride=(5, 1), count=(UNLIMITED, 1), block=(4, 6)),
                    b"b%b",
                    space((4, 6)),
                )
            ],
            most,
        )
        corner = [((0, 0), (2, 3)), ((3, 4), (4, 2))]
        virtual(file, b"blocks", (9, 6), [(space((9, 6), blocks=corner), b"a", space((9, 6), most, blocks=corner))])
        virtual(
            file,
            b"nested",
            (5, 6),
            [(space((5, 6)), b"open", space((14, 6), most, start=(1, 0), stride=(2, 1), count=(5, 6)))],
        )

with h5py.File(FOLDER / "virtual_scalar.h5", "w", libver="latest") as file:
    file["d"] = np.zeros((1, 1, 1), "<u2")
    scalar = h5py.h5s.create(h5py.h5s.SCALAR)
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_virtual(scalar, b".", b"d", space((1, 1, 1)))
    h5py.h5d.create(file.id, b"s", h5py.h5t.STD_U16LE, scalar, plist)
    virtual(file, b"o", (2, 2), [(space((2, 2), start=(1, 1), count=(1, 1)), b"s", scalar)])

with h5py.File(FOLDER / "outside.h5", "w") as file:
    file.create_dataset("raw", (5, 6), "<u2", external=[("fuzz.h5", 8, 24), ("fuzz.h5", 100, UNLIMITED)])
    file["soft"] = h5py.SoftLink("/raw")
# Attributes of electron microscopy.
with h5py.File(FOLDER / "voxels.h5", "w", libver="v110") as file:
    voxels = {
        "cremi": ((3, 4, 5), {"resolution": [40.0, 4.0, 5.0], "offset": [80.0, 0.0, 0.0]}),
        "marked": (
            (2, 3, 4, 5),
            {"axis_names": ["c^", "z", "y", "x"], "voxel_size": [40, 4, 5], "units": ["nm", "nm", "nm"]},
        ),
        "offset": ((3, 4, 5), {"offset": [80, 0, 0]}),
        "one_unit": ((4, 5), {"resolution": [4, 5], "units": "um"}),
        "named": ((4, 5), {"axis_names": ["height", "width"], "resolution": [4, 5], "units": ["nm", "nm"]}),
        "too_many": ((4, 5), {"resolution": [40, 4, 5]}),
    }
    for name, (shape, attributes) in voxels.items():
        file[name] = np.zeros(shape, "u1")
        file[name].attrs.update(attributes)

with h5py.File(FOLDER / "scales.h5", "w", libver="latest") as file:
    file["link"] = h5py.ExternalLink("fuzz.h5", "/image")
    image = file.create_dataset("image", data=np.zeros((3, 4, 5), "u1"))
    for name, size, dimension in zip("zyx", image.shape, image.dims):
        file[name] = np.arange(size) * 0.5
        file[name].make_scale(name)
        dimension.attach_scale(file[name])

# Dimensions of NetCDF-4, named by their links in the groups above the image.
with h5py.File(FOLDER / "netcdf.h5", "w", libver="latest") as file:
    image = file.create_dataset("upper/lower/image", data=np.zeros((3, 4, 5), "u1"))
    for path, size, dimension in zip(("z", "upper/y", "upper/lower/x"), image.shape, image.dims):
        file[path] = 3 + 0.5 * np.arange(size)
        file[path].make_scale("This is a netCDF dimension but not a netCDF variable.")
        dimension.attach_scale(file[path])


def ramp(shape, first=0):
    return np.arange(first, first + np.prod(shape), dtype="<u2").reshape(shape)


# Chunked layouts of version 5, a list of mappings of version 1: long names that are shared, short ones, the same file.
with h5py.File(FOLDER / "version_2.h5", "w", libver="latest") as file:
    limits = {"single": None, "fixed": None, "extensible": (None, 6), "tree": (None, None)}
    for name, most in limits.items():
        chunks = (9, 6) if name == "single" else (2, 4)
        file.create_dataset(name, data=ramp((9, 6)), chunks=chunks, maxshape=most, compression="gzip")
    file["a_long_name_0"], file["a_long_name_1"], file["b"] = ramp((1, 6), 10), ramp((1, 6), 20), ramp((1, 6), 30)
    sources = [("fuzz.h5", "a_long_name_0"), ("fuzz.h5", "a_long_name_1"), ("fuzz.h5", "a_long_name_0")]
    sources += [("fuzz.h5", "b"), (".", "a_long_name_1"), (".", "b"), ("not_there.h5", "a_long_name_1")]
    sources += [("not_there.h5", "a_long_name_1"), ("fuzz.h5", "a_long_name_1")]
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    for i, (name, path) in enumerate(sources):
        target = space((9, 6), start=(i, 0), count=(1, 6))
        plist.set_virtual(target, name.encode(), path.encode(), space((1, 6)))
    plist.set_fill_value(np.array(7, "<u2"))
    h5py.h5d.create(file.id, b"virtual", h5py.h5t.STD_U16LE, space((9, 6)), plist)

with h5py.File(FOLDER / "edges.h5", "w", libver="latest") as file:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((2, 4))
    plist.set_deflate(1)
    leave_edges_raw(plist)
    h5py.h5d.create(file.id, b"d", h5py.h5t.STD_U16LE, space((5, 6)), plist)
    file["d"][()] = ramp((5, 6))

# What is an image, and what is not.
with h5py.File(FOLDER / "images.h5", "w", libver="v110") as file:
    modes = {"pixel": (4, 5, 3), "line": (4, 3, 5), "plane": (3, 4, 5)}
    for name, shape in modes.items():
        picture = file.create_dataset(f"pictures/{name}", data=ramp(shape).astype("u1"))
        picture.attrs["CLASS"], picture.attrs["IMAGE_SUBCLASS"] = np.bytes_("IMAGE"), np.bytes_("IMAGE_TRUECOLOR")
        picture.attrs["INTERLACE_MODE"] = np.bytes_(f"INTERLACE_{name.upper()}")
    file["one/a#b"] = ramp((4, 5))
    file["one/c#d"] = file["one/a#b"]
    file["one/again"] = file["one"]
    file["none/scalar"], file["none/line"] = 1, np.arange(5)
    file.create_dataset("none/empty", (0, 4, 5), "u1", maxshape=(None, 4, 5), chunks=(1, 4, 5))
    volume = file.create_dataset("sized", data=ramp((2, 3, 4)))
    volume.attrs["element_size_um"] = [0.5, 0.25, 0.125]

with h5py.File(FOLDER / "nwb.h5", "w", libver="v110") as file:
    file.attrs["nwb_version"] = "2.5.0"
    file["acquisition/movie/external_file"] = np.array([b"movie.avi"])
    file.create_dataset("acquisition/movie/data", (0, 0, 0), "u1", maxshape=(None, None, None), chunks=(1, 1, 1))
    file["timestamps_reference_time"] = "2026-01-01"

with h5py.File(FOLDER / "bdv.h5", "w", libver="v110") as file:
    for setup, times in {"s00": (2, 4), "s02": (1, 2)}.items():
        file[f"{setup}/resolutions"] = np.ones((1, 3))
        for time in times:
            file.create_dataset(
                f"t{time:05}/{setup}/0/cells", data=ramp((2, 3, 4), 100 * time).astype("<i2"), chunks=(2, 3, 4)
            )
    file["s02"].attrs["dataType"] = "int16"

with h5py.File(FOLDER / "bdv_setups.h5", "w", libver="v110") as file:
    for setup in "s00", "s10", "s09", "s100", "s100001":
        file.create_dataset(f"t00000/{setup}/0/cells", data=ramp((1, 2, 3)).astype("<i2"), chunks=(1, 2, 3))
        file.create_group(setup)

# The second channel of the second time point is missing.
with h5py.File(FOLDER / "imaris.h5", "w", libver="v110") as file:
    for time, channel in (0, 0), (0, 1), (1, 0):
        group = file.create_group(f"DataSet/ResolutionLevel 0/TimePoint {time}/Channel {channel}")
        group.create_dataset("Data", data=ramp((1, 3, 4), 100 * channel + 1000 * time), chunks=(1, 3, 4))
        for axis, size in zip("ZYX", (1, 3, 4)):
            group.attrs[f"ImageSize{axis}"] = np.array(list(str(size)), "S1")
    for channel, name in enumerate(("nuclei", "membranes")):
        file.create_group(f"DataSetInfo/Channel {channel + 1}").attrs["Name"] = np.array(list(name), "S1")
