# SPDX-License-Identifier: BSD-3-Clause
"""The images of the benchmark in files of all formats, written by the libraries that they are read with."""

import struct
import sys
from pathlib import Path

import h5py
import imagecodecs
import mrcfile
import nibabel
import numpy as np
import tensorstore
import tifffile
import zarr
from pylibCZIrw import czi

sys.path.append(str(Path(__file__).resolve().parents[2] / "test/oracle"))
import lifcase
import nd2case

TILE, CUBE, SHARD, INNER = 256, 64, 1024, 64
LONG = 100_000  # frames of a file most of which is a hole
CODECS = {
    "raw": None,
    "zstd": zarr.codecs.ZstdCodec(level=3),
    "blosc": zarr.codecs.BloscCodec(cname="lz4", clevel=5, shuffle="shuffle"),
}


def write_zarr(folder, name, array, chunks, shards=None, codec="zstd"):
    group = zarr.open_group(folder / name, mode="w")
    group.create_array("image", data=array, chunks=chunks, shards=shards, compressors=CODECS[codec])


def write_tiff(folder, plane):
    tifffile.imwrite(folder / "strips.tif", plane)
    for compression in None, "zlib", "lzw":
        options = {"tile": (TILE, TILE), "compression": compression, "photometric": "minisblack"}
        tifffile.imwrite(folder / f"{compression or 'raw'}.tif", plane, **options)


def write_hdf5(folder, name, array, chunks):
    with h5py.File(folder / name, "w") as file:
        file.create_dataset("raw", data=array, chunks=chunks)
        file.create_dataset("shuffle", data=array, chunks=chunks, compression="gzip", shuffle=True)
        if array.ndim == 2:
            file.create_dataset("contiguous", data=array)
            file.create_dataset("gzip", data=array, chunks=chunks, compression="gzip")


def tiles(plane):
    for y in range(0, plane.shape[0], TILE):
        for x in range(0, plane.shape[1], TILE):
            yield y, x, np.ascontiguousarray(plane[y : y + TILE, x : x + TILE])


def write_czi(path, plane, options):
    with czi.create_czi(str(path), exist_ok=True, compression_options=options) as file:
        for y, x, tile in tiles(plane):
            file.write(tile[..., None], plane={"C": 0, "Z": 0, "T": 0}, location=(x, y))


def segment(name, *parts):
    data = b"".join(parts)
    return struct.pack("<16sqq", name, len(data), len(data)) + data


def write_czi_jpegxr(path, plane):
    """pylibCZIrw does not write JPEG XR. The least that is a CZI file: header, subblocks, their directory."""
    gray16, jpegxr, header_bytes, entries = 1, 4, 544, []
    with path.open("wb") as file:
        file.write(bytes(header_bytes))
        for y, x, tile in tiles(plane):
            dims = [(b"X", x, TILE), (b"Y", y, TILE), (b"C", 0, 1), (b"Z", 0, 1), (b"T", 0, 1)]
            entry = struct.pack("<2siqii6xi", b"DV", gray16, file.tell(), 0, jpegxr, len(dims))
            entry += b"".join(struct.pack("<4siifi", name, at, size, at, size) for name, at, size in dims)
            coded = imagecodecs.jpegxr_encode(tile)  # without loss
            head = struct.pack("<iiq", 0, 0, len(coded)) + entry
            file.write(segment(b"ZISRAWSUBBLOCK", head.ljust(256, b"\0"), coded))
            entries.append(entry)
        directory = file.tell()
        file.write(segment(b"ZISRAWDIRECTORY", struct.pack("<i124x", len(entries)), *entries))
        file.seek(0)
        guid = bytes(range(16))
        file.write(
            segment(
                b"ZISRAWFILE",
                struct.pack("<iiq16s16siqqiq", 1, 0, 0, guid, guid, 0, directory, 0, 0, 0).ljust(512, b"\0"),
            )
        )


def write_n5(folder, name, volume, compression):
    """Its dimensions are X, Y, Z."""
    metadata = {
        "dimensions": volume.shape[::-1],
        "blockSize": [CUBE] * 3,
        "dataType": volume.dtype.name,
        "compression": compression,
    }
    kvstore = {"driver": "file", "path": str(folder / name)}
    spec = {"driver": "n5", "kvstore": kvstore, "metadata": metadata}
    tensorstore.open(spec, create=True, delete_existing=True).result().T.write(volume).result()


def write_mrc(path, volume):
    with mrcfile.new(path) as file:
        file.set_data(volume)
        file.set_volume()


def write_nifti(folder, volume):
    """nibabel's axes are X, Y, Z."""
    image = nibabel.Nifti1Image(volume.T, np.eye(4))
    nibabel.save(image, folder / "volume.nii")
    nibabel.save(image, folder / "volume.nii.gz")


def write_nd2(folder, volume):
    """A frame for each plane; and the same frames before many that are holes of the file."""
    frames, most = volume[..., None], LONG
    nd2case.write(folder / "raw.nd2", frames, [(nd2case.Z_STACK, len(frames), None)])
    nd2case.write(folder / "zlib.nd2", frames, [(nd2case.Z_STACK, len(frames), None)], lossless=True)
    nd2case.write(folder / "long.nd2", frames, [(nd2case.Z_STACK, most, None)], holes=most - len(frames))


def write_lif(folder, volume):
    lifcase.write_planes(folder / "raw.lif", volume, len(volume))
    lifcase.write_planes(folder / "long.lif", volume, LONG)


def write_all(folder, plane, volume):
    for codec in CODECS:
        write_zarr(folder, f"{codec}.zarr", plane, (TILE, TILE), codec=codec)
        write_zarr(folder, f"{codec}3.zarr", volume, (CUBE, CUBE, CUBE), codec=codec)
    write_zarr(folder, "shards.zarr", plane, (INNER, INNER), (SHARD, SHARD))
    write_tiff(folder, plane)
    write_hdf5(folder, "plane.h5", plane, (TILE, TILE))
    write_hdf5(folder, "volume.h5", volume, (CUBE, CUBE, CUBE))
    write_n5(folder, "raw.n5", volume, {"type": "raw"})
    write_n5(folder, "zstd.n5", volume, {"type": "zstd", "level": 3})
    write_n5(folder, "blosc.n5", volume, {"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1})
    write_mrc(folder / "volume.mrc", volume)
    write_nifti(folder, volume)
    write_czi(folder / "raw.czi", plane, "uncompressed:")
    write_czi(folder / "zstd.czi", plane, "zstd1:ExplicitLevel=1;PreProcess=HiLoByteUnpack")
    write_czi_jpegxr(folder / "jpegxr.czi", plane)
    write_nd2(folder, volume)
    write_lif(folder, volume)
