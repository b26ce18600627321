#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Patches a second of other libraries, beside those of microtome, on the same files in the same run.

Usage: bench/peers.py BENCH [--runs N] [--only GROUP], with numpy, tensorstore, zarr, tifffile, imagecodecs, h5py and
pylibCZIrw to be imported; what cannot be imported is left out. BENCH is the program that `make bench` builds.

The work: 1,024 random patches of 64 x 64 out of a uint16 image of 4096 x 4096, to float32. Peers get their fastest way
that is documented: TensorStore all patches in one batch, with all threads and, where said, a cache that holds the
image; zarr-python and tifffile one call a patch (tifffile through its Zarr store).
"""

import argparse
import re
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

SIZE, PATCH, BATCH = 4096, 64, 1024


def best_rate(run, runs):
    run()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return BATCH / min(times)


def microtome(bench, folder, group):
    """The rates that bench prints, by what they are of."""
    text = subprocess.run([bench, "--keep", folder, group], check=True, capture_output=True, text=True).stdout
    return {m[1].strip(): float(m[2]) for m in re.finditer(r"^  (\S.*?)\s{2,}(\d+) patches/s", text, re.MULTILINE)}


class Peers:
    def __init__(self, folder, runs):
        self.folder, self.runs = Path(folder), runs
        self.corners = np.random.default_rng(1).integers(0, SIZE - PATCH + 1, (BATCH, 2))
        self.out = np.empty((BATCH, PATCH, PATCH), np.float32)

    def one_by_one(self, array):
        def run():
            for i, (y, x) in enumerate(self.corners):
                self.out[i] = array[y : y + PATCH, x : x + PATCH]

        return best_rate(run, self.runs)

    def numpy_memmap(self, name):
        return self.one_by_one(np.load(self.folder / name, mmap_mode="r"))

    def zarr(self, name):
        import zarr

        return self.one_by_one(zarr.open_array(self.folder / name, mode="r"))

    def tifffile(self, name):
        import tifffile
        import zarr

        return self.one_by_one(zarr.open_array(tifffile.imread(self.folder / name, aszarr=True), mode="r"))

    def tensorstore(self, name, cached=False):
        import tensorstore as ts

        driver = "zarr3" if (self.folder / name / "zarr.json").exists() else "zarr"
        spec = {"driver": driver, "kvstore": {"driver": "file", "path": str(self.folder / name)}}
        context = ts.Context({"cache_pool": {"total_bytes_limit": 1 << 30}} if cached else {})
        store = ts.open(spec, read=True, context=context).result()

        def run():
            with ts.Batch() as batch:
                reads = [store[y : y + PATCH, x : x + PATCH].read(batch=batch) for y, x in self.corners]
            for i, read in enumerate(reads):
                self.out[i] = read.result()

        return best_rate(run, self.runs)

    def write_all(self):
        for write in self.write_hdf5, self.write_czi:
            try:
                write()
            except ImportError as missing:
                print(f"left out: {missing}")

    def write_hdf5(self):
        import h5py

        for name, chunks in ("plane", (256, 256)), ("volume", (64, 64, 64)):
            array = np.load(self.folder / f"{name}.npy")
            with h5py.File(self.folder / f"{name}.h5", "w") as file:
                file.create_dataset("contiguous", data=array)
                file.create_dataset("raw", data=array, chunks=chunks)
                file.create_dataset("gzip", data=array, chunks=chunks, compression="gzip", shuffle=name == "volume")
                file.create_dataset("shuffle", data=array, chunks=chunks, compression="gzip", shuffle=True)

    def write_czi(self):
        from pylibCZIrw import czi

        array = np.load(self.folder / "plane.npy")
        for name, options in ("raw", "uncompressed:"), ("zstd", "zstd1:ExplicitLevel=1;PreProcess=HiLoByteUnpack"):
            with czi.create_czi(str(self.folder / f"{name}.czi"), exist_ok=True, compression_options=options) as file:
                for y, x in ((y, x) for y in range(0, SIZE, 256) for x in range(0, SIZE, 256)):
                    tile = np.ascontiguousarray(array[y : y + 256, x : x + 256, None])
                    file.write(tile, plane={"C": 0, "Z": 0, "T": 0}, location=(x, y))

    def h5py(self, name):
        import h5py

        path, part = name.split("#")
        with h5py.File(self.folder / path) as file:
            if path == "plane.h5":
                return self.one_by_one(file[part])
            corners = np.random.default_rng(2).integers(0, [241, 449, 449], (256, 3))

            def run():
                for z, y, x in corners:
                    file[part][z : z + 16, y : y + PATCH, x : x + PATCH].astype(np.float32)

            return best_rate(run, self.runs) * len(corners) / BATCH

    def czi(self, name):
        from pylibCZIrw import czi

        with czi.open_czi(str(self.folder / name)) as file:

            def run():
                for i, (y, x) in enumerate(self.corners):
                    self.out[i] = file.read(roi=(int(x), int(y), PATCH, PATCH), plane={"C": 0, "Z": 0, "T": 0})[..., 0]

            return best_rate(run, self.runs)


ROWS = [
    # group, what bench calls it, peers as (name, method, file, arguments)
    ("layouts", "NPY, in the cache", [("numpy.memmap", "numpy_memmap", "plane.npy", {})]),
    ("layouts", "Zarr chunks, in the cache, one batch", [("TensorStore, cached", "tensorstore", "raw.zarr", {"cached": True})]),
    ("codings", "Zarr zlib, 2 threads", [("TensorStore", "tensorstore", "zlib.zarr", {}), ("zarr-python", "zarr", "zlib.zarr", {})]),
    ("codings", "Zarr zstd, 2 threads", [("TensorStore", "tensorstore", "zstd.zarr", {}), ("zarr-python", "zarr", "zstd.zarr", {})]),
    ("codings", "Zarr blosc-lz4, 2 threads", [("TensorStore", "tensorstore", "blosc.zarr", {}), ("zarr-python", "zarr", "blosc.zarr", {})]),
    ("codings", "TIFF deflate, 2 threads", [("tifffile", "tifffile", "zlib.tif", {})]),
    ("codings", "TIFF LZW, 2 threads", [("tifffile", "tifffile", "lzw.tif", {})]),
    *(("given", f"{what}, one batch, 2 threads", [("h5py", "h5py", file, {})]) for what, file in [
        ("HDF5 contiguous", "plane.h5#contiguous"), ("HDF5 raw chunks", "plane.h5#raw"), ("HDF5 gzip", "plane.h5#gzip"),
        ("HDF5 shuffle, gzip", "plane.h5#shuffle"), ("HDF5 raw cubes", "volume.h5#raw"),
        ("HDF5 shuffle, gzip cubes", "volume.h5#gzip")]),
    *(("given", f"{what}, one batch, 2 threads", [("pylibCZIrw", "czi", file, {})]) for what, file in [
        ("CZI raw", "raw.czi"), ("CZI zstd", "zstd.czi")]),
    ("shards", "shards, one batch, 2 threads", [("TensorStore", "tensorstore", "shards.zarr", {}), ("zarr-python", "zarr", "shards.zarr", {})]),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", help="the program that `make bench` builds")
    parser.add_argument("--only", help="a group of rows")
    parser.add_argument("--runs", type=int, default=3, help="the best of so many runs is reported")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        peers = Peers(folder, args.runs)
        done = {}
        print(f"{'':40}{'microtome':>12}  {'peer':24}{'patches/s':>12}{'times':>8}")
        for group, what, others in ROWS:
            if args.only not in (None, group):
                continue
            if group == "given" and group not in done: # once for the images, once for the files that peers write of them
                microtome(args.bench, folder, group)
                peers.write_all()
            if group not in done:
                done[group] = microtome(args.bench, folder, group)
            ours = done[group].get(what)
            if ours is None:
                continue
            for name, method, file, arguments in others:
                try:
                    rate = getattr(peers, method)(file, **arguments)
                except ImportError as missing:
                    print(f"{what:40}{ours:12,.0f}  {name:24} left out: {missing}")
                    continue
                print(f"{what:40}{ours:12,.0f}  {name:24}{rate:12,.0f}{ours / rate:8.1f}", flush=True)


if __name__ == "__main__":
    main()
