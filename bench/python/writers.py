#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Megabytes of pixels written a second of processor time, beside other libraries: 4096 x 4096 pixels, chunks 256 x 256.

Usage: bench/python/writers.py FOLDER [--runs N] [--json FILE]. Each figure is the median of N runs, libraries in turns,
each in a process of its own. Files go to FOLDER and are removed. Libraries that are not installed are named and left out.

Files of a run are emptied, and removed when all is done: for some minutes after files were removed, ext4 takes a
millisecond of processor time to make another one, because it passes over their inodes.
"""

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SIZE, CHUNK, SHARD = 4096, 256, 2048


def image(folder, dtype):
    """A smooth scene with noise; floats are real values, not integers. Made once, and kept in the folder."""
    kept = folder / f"{dtype}.npy"
    if kept.exists():
        return np.load(kept)
    random = np.random.default_rng(1)
    y, x = np.mgrid[:SIZE, :SIZE].astype("float32")
    scene = 300 + 200 * np.sin(x / 97) * np.cos(y / 61) + random.normal(0, 12, (SIZE, SIZE)).astype("float32")
    np.save(kept, scene.astype(dtype) if dtype == "float32" else np.clip(scene, 0, 65535).astype(dtype))
    return np.load(kept)


def tiles(side):
    for y in range(0, SIZE, side):
        for x in range(0, SIZE, side):
            yield np.s_[y : min(y + side, SIZE), x : min(x + side, SIZE)]


# name: (dtype, codec, shard, tile, fsync)
ROWS = {
    "raw shards of 16 MB": ("float32", "none", SHARD, SHARD, False),
    "raw shards of 16 MB, fsync": ("float32", "none", SHARD, SHARD, True),
    "zstd": ("float32", "zstd", None, SIZE, False),
    "blosc-lz4 and shuffle": ("float32", "blosc-lz4", None, SIZE, False),
    "uint16, blosc-zstd and shuffle": ("uint16", "blosc-zstd", None, SIZE, False),
    "tiles of 208, zstd": ("float32", "zstd", None, 208, False),
    "tiles of 256 to shards of 2048, zstd": ("float32", "zstd", SHARD, CHUNK, False),
}


def microtome(path, pixels, codec, shard, tile, fsync):
    import microtome as mt

    with mt.create(
        path,
        axes="YX",
        shape=pixels.shape,
        dtype=str(pixels.dtype),
        chunks=(CHUNK, CHUNK),
        shards=(shard, shard) if shard else False,
        codec=codec,
        durability="units" if fsync else "never",
    ) as out:
        for box in tiles(tile):
            out[box] = pixels[box]


def zarr_codecs(codec):
    from zarr.codecs import BloscCodec, ZstdCodec

    if codec.startswith("blosc-"):
        return BloscCodec(cname=codec[6:], clevel=5, shuffle="shuffle")
    return ZstdCodec(level=3) if codec == "zstd" else None


def zarr_python(path, pixels, codec, shard, tile, fsync):
    import zarr

    if fsync:
        raise NotImplementedError
    array = zarr.create_array(
        path,
        shape=pixels.shape,
        dtype=pixels.dtype,
        chunks=(CHUNK, CHUNK),
        shards=(shard, shard) if shard else None,
        compressors=zarr_codecs(codec),
    )
    for box in tiles(tile):
        array[box] = pixels[box]


def zarrs(path, pixels, codec, shard, tile, fsync):
    import zarr

    importlib.import_module("zarrs")
    zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})
    zarr_python(path, pixels, codec, shard, tile, fsync)


def tensorstore(path, pixels, codec, shard, tile, fsync):
    import tensorstore as ts

    inner = [{"name": "bytes", "configuration": {"endian": "little"}}]
    if codec == "zstd":
        inner.append({"name": "zstd", "configuration": {"level": 3}})
    elif codec != "none":
        inner.append({"name": "blosc", "configuration": {"cname": codec[6:], "clevel": 5, "shuffle": "shuffle"}})
    grid = shard or CHUNK
    codecs = inner
    if shard:
        codecs = [{"name": "sharding_indexed", "configuration": {"chunk_shape": [CHUNK, CHUNK], "codecs": inner}}]
    spec = {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": str(path), "file_io_sync": fsync},
        "metadata": {
            "shape": list(pixels.shape),
            "data_type": str(pixels.dtype),
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [grid, grid]}},
            "codecs": codecs,
        },
    }
    array = ts.open(spec, create=True).result()
    with ts.Transaction() as transaction:
        for box in tiles(tile):
            array.with_transaction(transaction)[box] = pixels[box]


def acquire_zarr(path, pixels, codec, shard, tile, fsync):
    import acquire_zarr as aqz

    if fsync or (tile != SIZE and tile != SHARD):
        raise NotImplementedError  # it appends whole frames
    one = aqz.DimensionType
    settings = aqz.StreamSettings(
        store_path=str(path),
        arrays=[
            aqz.ArraySettings(
                data_type=getattr(aqz.DataType, str(pixels.dtype).upper()),
                compression=None
                if codec == "none"
                else aqz.CompressionSettings(
                    compressor=aqz.Compressor.BLOSC1,
                    codec=aqz.CompressionCodec.BLOSC_LZ4 if "lz4" in codec else aqz.CompressionCodec.BLOSC_ZSTD,
                    level=5,
                    shuffle=1,
                ),
                dimensions=[
                    aqz.Dimension(name="t", kind=one.TIME, array_size_px=0, chunk_size_px=1, shard_size_chunks=1),
                    *(
                        aqz.Dimension(
                            name=name,
                            kind=one.SPACE,
                            array_size_px=SIZE,
                            chunk_size_px=CHUNK,
                            shard_size_chunks=(shard or CHUNK) // CHUNK,
                        )
                        for name in "yx"
                    ),
                ],
            )
        ],
    )
    stream = aqz.ZarrStream(settings)
    stream.append(pixels[None])
    stream.close()


def tifffile(path, pixels, codec, shard, tile, fsync):
    import tifffile as tf

    if fsync or shard or tile != SIZE or codec.startswith("blosc"):
        raise NotImplementedError
    tf.imwrite(
        str(path) + ".tif",
        pixels,
        tile=(CHUNK, CHUNK),
        compression=None if codec == "none" else "zstd",
        compressionargs=None if codec == "none" else {"level": 3},
        bigtiff=True,
    )


LIBRARIES = [microtome, zarr_python, zarrs, tensorstore, acquire_zarr, tifffile]
NEEDS = {"zarr_python": "zarr.codecs"}


def run_one(folder, library, row):
    """Print the processor time of one run, of all threads."""
    dtype, codec, shard, tile, fsync = ROWS[row]
    pixels = image(folder.parent, dtype)
    importlib.import_module(NEEDS.get(library, library))
    start = time.process_time()
    try:
        globals()[library](folder / "out.zarr", pixels, codec, shard, tile, fsync)
    except NotImplementedError:
        print("null")
        return
    print(json.dumps({"seconds": time.process_time() - start, "bytes": pixels.nbytes}))


def measure(folder, library, row):
    run = Path(tempfile.mkdtemp(dir=folder))
    done = subprocess.run(
        [sys.executable, __file__, str(run), "--one", library, "--row", row], capture_output=True, text=True
    )
    for path in run.rglob("*"):
        if path.is_file():
            os.truncate(path, 0)
    if done.returncode:
        print(f"{library}, {row}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    told = json.loads(done.stdout.splitlines()[-1])
    return told and told["bytes"] / told["seconds"] / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--row", choices=ROWS, help="measure this row only")
    options = parser.parse_args()
    if options.one:
        run_one(options.folder, options.one, options.row)
        return
    names = [f.__name__ for f in LIBRARIES if importlib.util.find_spec(NEEDS.get(f.__name__, f.__name__).split(".")[0])]
    if absent := sorted({f.__name__ for f in LIBRARIES} - set(names)):
        print(f"not installed: {', '.join(absent)}")
    print(f"{'MB a second of processor time':40}" + "".join(f"{name:>14}" for name in names))
    figures = {}
    runs_folder = options.folder / "runs"
    runs_folder.mkdir(parents=True, exist_ok=True)
    for row in [options.row] if options.row else ROWS:
        runs = {name: [] for name in names}
        for _ in range(options.runs):
            for name in names:
                if (figure := measure(runs_folder, name, row)) is not None:
                    runs[name].append(figure)
        figures[row] = {name: statistics.median(values) if values else None for name, values in runs.items()}
        print(f"{row:40}" + "".join(f"{figures[row][n]:14.0f}" if figures[row][n] else f"{'-':>14}" for n in names))
    shutil.rmtree(runs_folder, ignore_errors=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
