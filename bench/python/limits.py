# SPDX-License-Identifier: BSD-3-Clause
"""What no reader can beat where a codec binds: the bare libraries of the codecs, on all cores, on the same chunks. And
where rows are read from a file: the bare calls."""

import ctypes
import itertools
import os
from concurrent.futures import ThreadPoolExecutor

import h5py
import imagecodecs
import nd2
import numpy as np
import tifffile


def load(name, **functions):
    library = ctypes.CDLL(name)
    for function, result in functions.items():
        getattr(library, function).restype = result
    return library


CORES = os.cpu_count()
ZSTD = load("libzstd.so.1", ZSTD_createDCtx=ctypes.c_void_p, ZSTD_decompressDCtx=ctypes.c_size_t)
DEFLATE = load("libdeflate.so.0", libdeflate_alloc_decompressor=ctypes.c_void_p)
BLOSC = load("libblosc.so.1")


def decoder(codec, room):
    """A function that decodes one chunk into room, which is the thread's own."""
    size, address = ctypes.c_size_t(room.nbytes), ctypes.c_void_p(room.ctypes.data)
    if codec == "zstd":
        context = ctypes.c_void_p(ZSTD.ZSTD_createDCtx())
        return lambda c: ZSTD.ZSTD_decompressDCtx(context, address, size, c, ctypes.c_size_t(len(c)))
    if codec == "zlib":
        context = ctypes.c_void_p(DEFLATE.libdeflate_alloc_decompressor())
        return lambda c: DEFLATE.libdeflate_zlib_decompress(context, c, ctypes.c_size_t(len(c)), address, size, None)
    if codec == "blosc":
        return lambda c: BLOSC.blosc_decompress_ctx(c, address, size, 1)
    return lambda c: imagecodecs.lzw_decode(c, out=room)


def bare_codec(codec, chunks, chunk_bytes):
    """A function that decodes all chunks, shared among all cores."""
    threads = CORES
    pool = ThreadPoolExecutor(threads)
    rooms = [np.empty(chunk_bytes, np.uint8) for _ in range(threads)]  # decoders know only their addresses
    decoders = [decoder(codec, room) for room in rooms]

    def share(i):
        for chunk in chunks[i::threads]:
            decoders[i](chunk)
        return rooms[i]

    return lambda: list(pool.map(share, range(threads)))


def bare_preads(path, volume, corners, size):
    """A function that reads the rows of the patches, from the first to the last one of each plane in one call. The pixels
    are the end of the file."""
    file, start = os.open(path, os.O_RDONLY), path.stat().st_size - volume.nbytes
    plane, row, item = volume.strides
    depth, height, width = size
    room = bytearray((height - 1) * row + width * item)
    places = [start + (z + i) * plane + y * row + x * item for z, y, x in corners.tolist() for i in range(depth)]

    def read():
        for place in places:
            os.preadv(file, [room], place)

    return read


def touched(corners, size, chunk):
    """Grid positions of the chunks that any patch touches."""
    firsts, lasts = corners // chunk, (corners + np.array(size) - 1) // chunk
    places = set()
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        places.update(itertools.product(*[range(a, b + 1) for a, b in zip(first, last, strict=True)]))
    return sorted(places)


def zarr_chunks(path, places):
    return [path.joinpath("image", "c", *map(str, place)).read_bytes() for place in places]


def n5_chunks(path, places):
    """Blocks without their headers; the key has the fastest dimension first."""
    return [path.joinpath(*map(str, place[::-1])).read_bytes()[4 + 4 * len(place) :] for place in places]


def shard_chunks(path, places, inner, shard):
    """Of shards with their index at the end: offset and size of each inner chunk, then a checksum."""
    n = shard // inner
    found = []
    for y, x in places:
        data = path.joinpath("image", "c", str(y // n), str(x // n)).read_bytes()
        index = np.frombuffer(data[-16 * n * n - 4 : -4], "<u8").reshape(n, n, 2)
        offset, size = index[y % n, x % n].tolist()
        found.append(data[offset : offset + size])
    return found


def tiff_chunks(path):
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        data = path.read_bytes()
        return [data[at : at + n] for at, n in zip(page.dataoffsets, page.databytecounts, strict=True)]


def hdf5_chunks(path, places, chunk):
    file, part = str(path).split("#")
    with h5py.File(file) as opened:
        return [opened[part].id.read_direct_chunk(tuple(i * chunk for i in place))[1] for place in places]


def nd2_chunks(path):
    """What follows the time of each frame."""
    with nd2.ND2File(path) as file:
        n = file.attributes.sequenceCount
        return [file._rdr._load_chunk(b"ImageDataSeq|%d!" % i)[8:] for i in range(n)]
