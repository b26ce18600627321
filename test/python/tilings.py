# SPDX-License-Identifier: BSD-3-Clause
"""Random boxes, pixels and options for tests of writing."""

import json

import numpy as np

DTYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "?"]
CODECS = ["zstd", "blosc-zstd", "blosc-lz4", "gzip", "lz4", "none", None]


def random_options_of(random, suffix):
    """Options for a path of a suffix."""
    return {"zarr": random_options, "tif": random_tiff_options, "npy": random_npy_options}[suffix](random)


def random_pixels(random, shape, dtype):
    """Pixels of the whole range of a type, some boxes of them 0."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        pixels = random.normal(0, 100, shape).astype(dtype)
    elif dtype == bool:
        pixels = random.integers(0, 2, shape).astype(bool)
    else:
        info = np.iinfo(dtype)
        pixels = random.integers(info.min, info.max, shape, dtype, endpoint=True)
    pixels[tuple(slice(0, random.integers(0, n + 1)) for n in shape)] = 0
    return pixels


def random_tiling(random, shape, n):
    """Cut a box into about n disjoint boxes of any sizes, in random order."""
    boxes = [tuple(slice(0, size) for size in shape)]
    for _ in range(n - 1):
        box = boxes.pop(random.integers(len(boxes)))
        d = random.integers(len(box))
        start, stop = box[d].start, box[d].stop
        at = random.integers(start, stop) if stop - start > 1 else start
        boxes.append(box)
        if start < at:
            boxes[-1:] = [(*box[:d], part, *box[d + 1 :]) for part in (slice(start, at), slice(at, stop))]
    return [boxes[i] for i in random.permutation(len(boxes))]


def random_options(random, most=40):
    """Axes, shape and everything else of an image of about 3 chunks along each axis."""
    axes = "".join(axis for axis in "TCZ" if random.integers(2)) + "YX"
    shape = tuple(int(random.integers(1, most if axis in "YX" else 6)) for axis in axes)
    chunks = tuple(int(min(n, 2 * random.integers(1, n // 3 + 2))) for n in shape)
    options = {"axes": axes, "shape": shape, "chunks": chunks, "dtype": np.dtype(random.choice(DTYPES)).name}
    options["shards"] = tuple(int(n * random.integers(1, 4)) for n in chunks) if random.integers(2) else False
    if not options["shards"] and random.integers(2):
        options["ome"] = "0.4"
    options["codec"] = CODECS[random.integers(len(CODECS))]
    if options["codec"] and options["codec"].startswith("blosc"):
        options["shuffle"] = [None, "none", "byte", "bit"][random.integers(4)]
    options["codec_level"] = int(random.integers(1, 6))
    options["pyramid"] = bool(random.integers(2))
    options["downsample"] = [None, "mean", "nearest", "mode"][random.integers(4)]
    return options


def random_tiff_options(random, most=70):
    """The same for a TIFF of about 4 tiles in a plane."""
    options = random_options(random, most)
    for name in ("shards", "ome", "shuffle"):
        options.pop(name, None)
    options["chunks"] = tuple(16 * int(random.integers(1, 4)) if axis in "YX" else 1 for axis in options["axes"])
    options["dtype"] = np.dtype(["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"][random.integers(8)]).name
    options["codec"] = ["zstd", "gzip", "none", None][random.integers(4)]
    return options


def random_npy_options(random):
    """The same for an array in a file, which has bands of whole rows."""
    options = {name: value for name, value in random_options(random).items() if name in ("axes", "shape", "dtype")}
    if random.integers(2):
        options["chunks"] = {"Y": int(random.integers(1, options["shape"][-2] + 1))}
    return options


def halve(pixels, halved, method):
    """The next level, the plain way: the mean or the first of each cell; `halved` are the axes."""
    if method == "nearest":
        return pixels[tuple(slice(None, None, 2 if d in halved else 1) for d in range(pixels.ndim))]
    sums = counts = None
    for corner in np.ndindex(*(2 if d in halved else 1 for d in range(pixels.ndim))):
        part = pixels[tuple(slice(at, None, 2 if d in halved else 1) for d, at in enumerate(corner))]
        sums = np.zeros(part.shape) if sums is None else sums
        counts = np.zeros(part.shape) if counts is None else counts
        inside = tuple(map(slice, part.shape))
        sums[inside] += part
        counts[inside] += 1
    mean = sums / counts
    return mean.astype(pixels.dtype) if pixels.dtype.kind == "f" else np.rint(mean).astype(pixels.dtype)


def read_plain(array):
    """Read an array of Zarr version 3 without codec and shards."""
    metadata = json.loads((array / "zarr.json").read_text())
    shape, chunk = metadata["shape"], metadata["chunk_grid"]["configuration"]["chunk_shape"]
    pixels = np.zeros(shape, metadata["data_type"])
    for position in np.ndindex(*(-(-n // c) for n, c in zip(shape, chunk, strict=True))):
        file = array.joinpath("c", *map(str, position))
        box = tuple(slice(i * c, i * c + c) for i, c in zip(position, chunk, strict=True))
        if file.exists():
            whole = np.fromfile(file, pixels.dtype.newbyteorder("<")).reshape(chunk)
            pixels[box] = whole[tuple(map(slice, pixels[box].shape))]
    return pixels
