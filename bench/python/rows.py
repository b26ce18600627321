# SPDX-License-Identifier: BSD-3-Clause
"""What is measured: rows, each with its readers, its limit and what is demanded of it."""

from dataclasses import dataclass, field

import limits
import microtome
import numpy as np
from files import CUBE, INNER, SHARD, TILE
from readers import (
    Careamics,
    First,
    Microtome,
    Nd2,
    Nibabel,
    PylibCZIrw,
    Sliced,
    TensorStore,
    h5py_dataset,
    hdf5_memmap,
    liffile_memmap,
    mrcfile_mmap,
    nibabel_memmap,
    numpy_memmap,
    tifffile_memmap,
    tifffile_zarr,
    zarr_python,
    zarrs_python,
)

PATCHES = {"plane": (64, 64), "volume": (16, 64, 64)}
ONE, MANY, FIRST = "one call each", "one batch", "the first patch, opening included"
MAPPED, MAPPED_BATCH = "one call each, allow_mmap", "one batch, allow_mmap"
GATHER = "bare gather loop, 16 x 64 x 64"  # a row of the C program


@dataclass
class Row:
    """The first way is ours. Demands: times CAREamics, times the best other, part of the limit."""

    title: str
    image: str
    mode: str
    cached: bool
    ways: list  # (name, reader, how: "one" by one, one by one into a "batch", or "many" in one call)
    limit: tuple = None  # name, and a function that does the same work, or patches a second
    demands: dict = field(default_factory=dict)


def ways_of(readers, mode):
    """Ours as the mode says; of the others each way that they have, where the mode allows to choose. What is one batch of
    ours is a batch of the others, too: one array of all patches."""
    ours, *others = readers
    batch = mode in (MANY, MAPPED_BATCH)
    ways = [(ours.name, ours, "many" if batch else "one")]
    for reader in others:
        ways.append((reader.name, reader, "batch" if batch else "one"))
        if mode == MANY and hasattr(reader, "many"):
            way = "whole image first" if isinstance(reader, Sliced | Nibabel) else "one batch"
            ways.append((f"{reader.name}, {way}", reader, "many"))
    return ways


def file_rows(title, image, path, others, cached_others=(), limit=None, times=2, part=0.8):
    """One call each and in a batch, with nothing cached and by default. Others that cache nothing stand beside both. What
    is demanded is demanded of the default, but that a codec binds only shows where nothing is cached. times: the best other,
    one call each; part: of the codec."""
    size = PATCHES[image]
    anew, again = Microtome.open(path, size, False), Microtome.open(path, size, True)
    single = {"careamics": 10, "best": times}
    yield Row(title, image, ONE, False, ways_of([anew, *others], ONE))
    yield Row(title, image, ONE, True, ways_of([again, *others, *cached_others], ONE), None, single)
    yield Row(title, image, MANY, False, ways_of([anew, *others], MANY), limit, {"limit": part} if limit else {})
    yield Row(title, image, MANY, True, ways_of([again, *others, *cached_others], MANY), None, {"best": 3})


def array_rows(plane, bare):
    """bare: patches a second of the C program, by name of its row."""
    size = PATCHES["plane"]
    ours = Microtome(microtome.from_array(plane, "YX"), size)
    numpy = Sliced("numpy", plane, size)
    careamics = Careamics.array(plane, size)
    call = ("the C call", bare["one call each"])
    cores = ("bare gather, all cores", bare["bare gather loop"] * limits.CORES)
    yield Row("array in memory", "plane", ONE, False, ways_of([ours, careamics, numpy], ONE), call, {"over": 2.5e-6})
    yield Row("array in memory", "plane", MANY, False, ways_of([ours, careamics, numpy], MANY), cores, {"best": 3})


def zarr_rows(folder, work):
    def rows(title, image, name, limit=None):
        path, size = folder / name, PATCHES[image]
        others = [Careamics.zarr(path, size), zarr_python(path, size), zarrs_python(path, size)]
        others.append(TensorStore.zarr(path, size, False))
        return file_rows(title, image, path / "image", others, [TensorStore.zarr(path, size, True)], limit)

    def codec(name, image, codec, chunk):
        corners, size = work[image].corners, PATCHES[image]
        chunks = limits.zarr_chunks(folder / name, limits.touched(corners, size, chunk))
        return "bare codec, all cores", limits.bare_codec(codec, chunks, 2 * chunk ** len(size))

    yield from rows("Zarr raw 256²", "plane", "raw.zarr")
    yield from rows("Zarr zstd 256²", "plane", "zstd.zarr", codec("zstd.zarr", "plane", "zstd", TILE))
    yield from rows("Zarr blosc-lz4 256²", "plane", "blosc.zarr", codec("blosc.zarr", "plane", "blosc", TILE))
    places = limits.touched(work["plane"].corners, PATCHES["plane"], INNER)
    inner = limits.bare_codec("zstd", limits.shard_chunks(folder / "shards.zarr", places, INNER, SHARD), 2 * INNER**2)
    yield from rows("Zarr zstd 64², shards", "plane", "shards.zarr", ("bare codec, all cores", inner))
    yield from rows("Zarr raw 64³", "volume", "raw3.zarr")
    yield from rows("Zarr zstd 64³", "volume", "zstd3.zarr", codec("zstd3.zarr", "volume", "zstd", CUBE))
    yield from rows("Zarr blosc-lz4 64³", "volume", "blosc3.zarr", codec("blosc3.zarr", "volume", "blosc", CUBE))


def n5_rows(folder, work):
    size = PATCHES["volume"]
    for codec in "raw", "zstd", "blosc":
        path, title, limit = folder / f"{codec}.n5", f"N5 {codec} 64³", None
        if codec != "raw":
            places = limits.touched(work["volume"].corners, size, CUBE)
            limit = ("bare codec, all cores", limits.bare_codec(codec, limits.n5_chunks(path, places), 2 * CUBE**3))
        others, cached = [TensorStore.n5(path, size, False)], [TensorStore.n5(path, size, True)]
        yield from file_rows(title, "volume", path, others, cached, limit, 3, 0.85)
        yield first_row(title, "volume", First.microtome(path, size), First.tensorstore(path, size))


def other_rows(folder, work):
    size = PATCHES["plane"]
    yield from file_rows("NPY", "plane", folder / "plane.npy", [numpy_memmap(folder / "plane.npy", size)])
    careamics = Careamics.tiff(folder / "raw.tif", size)
    memmap = tifffile_memmap(folder / "strips.tif", size)
    yield from file_rows("TIFF raw strips", "plane", folder / "strips.tif", [memmap], [careamics])
    for title, name, codec in (("raw", "raw.tif", None), ("deflate", "zlib.tif", "zlib"), ("LZW", "lzw.tif", "lzw")):
        path = folder / name
        limit = codec and ("bare codec, all cores", limits.bare_codec(codec, limits.tiff_chunks(path), 2 * TILE**2))
        yield from file_rows(f"TIFF {title} 256²", "plane", path, [tifffile_zarr(path, size)], [careamics], limit)


def first_row(title, image, *readers):
    return Row(title, image, FIRST, False, ways_of(readers, ONE), None, {"best": 1})


def given_rows(folder, work):
    """Files of others: HDF5 and CZI."""
    for title, image, name, chunk in (
        ("HDF5 contiguous", "plane", "plane.h5#contiguous", 0),
        ("HDF5 raw 256²", "plane", "plane.h5#raw", 0),
        ("HDF5 gzip 256²", "plane", "plane.h5#gzip", TILE),
        ("HDF5 raw 64³", "volume", "volume.h5#raw", 0),
        ("HDF5 shuffle, gzip 64³", "volume", "volume.h5#shuffle", CUBE),
    ):
        path, size, limit = folder / name, PATCHES[image], None
        if chunk:
            places = limits.touched(work[image].corners, size, chunk)
            chunks = limits.hdf5_chunks(path, places, chunk)
            limit = ("bare codec, all cores", limits.bare_codec("zlib", chunks, 2 * chunk ** len(size)))
        yield from file_rows(title, image, path, [h5py_dataset(path, size)], [], limit)
        yield first_row(title, image, First.microtome(path, size), First.h5py(path, size))
    for title, name in ("CZI raw", "raw.czi"), ("CZI zstd", "zstd.czi"), ("CZI JPEG XR", "jpegxr.czi"):
        path, size = folder / name, PATCHES["plane"]
        yield from file_rows(title, "plane", path, [PylibCZIrw(path, size), Careamics.czi(path, size)])
        yield first_row(title, "plane", First.microtome(path, size), First.czi(path, size))


def raw_rows(title, path, work, bare, others, mapped, preads=True):
    """A file of raw planes. Its limits are the bare loops: what copies a patch has to read and write its pixels."""
    size = PATCHES["volume"]
    one, again, *batches = file_rows(title, "volume", path, others, times=3)
    if preads:
        one.limit = ("bare preads", limits.bare_preads(path, work["volume"].pixels, work["volume"].corners, size))
    again.limit = ("bare gather", bare[GATHER])
    ours = Microtome.open(path, size, True, allow_mmap=True)
    single = Row(title, "volume", MAPPED, False, ways_of([ours, mapped], MAPPED), again.limit)
    batches.append(Row(title, "volume", MAPPED_BATCH, False, ways_of([ours, mapped], MAPPED_BATCH)))
    for row in batches:
        row.limit = ("bare gather, all cores", bare[GATHER] * limits.CORES)
    yield from (one, again, single, *batches)


def volume_rows(folder, work, bare):
    """MRC and NIfTI. nibabel decodes a gzip file anew for each patch: there only its whole image is fast."""
    size = PATCHES["volume"]
    mrc, nii, packed = folder / "volume.mrc", folder / "volume.nii", folder / "volume.nii.gz"
    mapped = mrcfile_mmap(mrc, size)
    yield from raw_rows("MRC", mrc, work, bare, [mapped], mapped)
    yield first_row("MRC", "volume", First.microtome(mrc, size), First.mrcfile(mrc, size))
    mapped = nibabel_memmap(nii, size)
    yield from raw_rows("NIfTI", nii, work, bare, [Nibabel(nii, size), mapped], mapped)
    yield first_row("NIfTI", "volume", First.microtome(nii, size), First.nibabel(nii, size))
    ours, other = Microtome.open(packed, size, True), Nibabel(packed, size)
    ways = [(ours.name, ours, "many"), ("nibabel, whole image first", other, "many")]
    yield Row("NIfTI gzip", "volume", MANY, True, ways, None, {"best": 3})


def frame_rows(folder, work, bare):
    """ND2 and LIF: a frame is a plane of the volume."""
    size, planes = PATCHES["volume"], work["volume"].pixels
    raw, packed, lif = folder / "raw.nd2", folder / "zlib.nd2", folder / "raw.lif"
    mapped = Nd2(raw, size)
    yield from raw_rows("ND2 raw", raw, work, bare, [mapped], mapped, preads=False)
    yield first_row("ND2 raw", "volume", First.microtome(raw, size), First.nd2(raw, size))
    codec = ("bare codec, all cores", limits.bare_codec("zlib", limits.nd2_chunks(packed), 2 * planes[0].size))
    yield from file_rows("ND2 zlib", "volume", packed, [Nd2(packed, size)], [], codec, 3, 0.85)
    yield first_row("ND2 zlib", "volume", First.microtome(packed, size), First.nd2(packed, size))
    mapped = liffile_memmap(lif, size)
    yield from raw_rows("LIF", lif, work, bare, [mapped], mapped)
    yield first_row("LIF", "volume", First.microtome(lif, size), First.liffile(lif, size))
    for title, name, other in ("ND2", "long.nd2", First.nd2), ("LIF", "long.lif", First.liffile):
        path = folder / name
        yield first_row(f"{title} of 100,000 frames", "volume", First.microtome(path, size), other(path, size))


def mapped_rows(folder, work):
    """Files that are mapped, as the option allows, beside what else maps them."""
    size = PATCHES["plane"]
    for title, name, other in (
        ("NPY", "plane.npy", numpy_memmap),
        ("TIFF raw strips", "strips.tif", tifffile_memmap),
        ("HDF5 contiguous", "plane.h5#contiguous", hdf5_memmap),
    ):
        path = folder / name
        ours = Microtome.open(path, size, True, allow_mmap=True)
        yield Row(title, "plane", MAPPED, False, ways_of([ours, other(path, size)], ONE), None, {"best": 1.3})


def groups(folder, work, bare):
    """Each is made only when it is its turn: readers hold files and memory."""
    return {
        "array": lambda: array_rows(work["plane"].pixels, bare),
        "zarr": lambda: zarr_rows(folder, work),
        "n5": lambda: n5_rows(folder, work),
        "other": lambda: other_rows(folder, work),
        "given": lambda: given_rows(folder, work),
        "volumes": lambda: volume_rows(folder, work, bare),
        "frames": lambda: frame_rows(folder, work, bare),
        "mapped": lambda: mapped_rows(folder, work),
    }


@dataclass
class Work:
    """An image, where its patches lie, and what they are."""

    pixels: np.ndarray
    corners: np.ndarray
    expected: np.ndarray


def make_work(pixels, size, n):
    corners = np.random.default_rng(1).integers(0, np.array(pixels.shape) - size + 1, (n, len(size)))
    expected = np.stack(
        [pixels[tuple(slice(a, a + s) for a, s in zip(c, size, strict=True))] for c in corners.tolist()]
    )
    return Work(pixels, corners, expected.astype(np.float32))
