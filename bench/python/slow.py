#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Files that are not in the page cache, stores that answer late, files larger than the cache: beside limits and TensorStore.

Usage: bench/python/slow.py BENCH [GROUP ...] [--pairs N] [--files FOLDER] [--json FILE [--from-json]] [--write]. BENCH is
the program of `make bench`, GROUP cold, delays, remote, single, large or strips; without, all. `make bench GROUP=cold`
and `make bench-slow` set up the libraries and run it.

Every pixel is compared. All ways of a row take turns, and medians count. Beside ours stands the same once more (A/A): as far
as the two differ, figures mean nothing. Groups that were not run are taken from --json, if it is there.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import report_slow
from files import write_hdf5, write_zarr
from peers import machine, microtome_in_c, versions
from readers import Microtome, TensorStore
from server import serve
from turns import drop_pages, rate, take_turns, times_as_fast

PLANE, VOLUME, CUBE = (64, 64), (16, 64, 64), (32, 32, 32)
TILE = 256
IN_C = ("cold", "delays", "single", "large", "strips")
COLD = [  # what TensorStore reads: of TIFF it reads uint8 only
    ("Zarr zstd 256²", "zstd.zarr", "zarr", PLANE),
    ("Zarr raw 256²", "raw.zarr", "zarr", PLANE),
    ("Zarr zstd 64², shards", "shards.zarr", "zarr3", PLANE),
    ("Zarr zstd 64³", "zstd3.zarr", "zarr", VOLUME),
]
AGAIN = "A/A: microtome once more"


def cut(pixels, corners, size):
    parts = [pixels[tuple(slice(a, a + n) for a, n in zip(c, size, strict=True))] for c in corners.tolist()]
    return np.stack(parts).astype(np.float32)


class Read:
    """All patches by a reader, so many a call; the pixels are compared once, before anything is timed."""

    def __init__(self, reader, corners, expected, a_call):
        self.reader, self.corners, self.a_call = reader, corners, a_call
        self.out = np.zeros_like(expected)
        self()
        if not np.array_equal(self.out, expected):
            raise SystemExit(f"{reader.name}: wrong pixels")

    def __call__(self):
        for i in range(0, len(self.corners), self.a_call):
            self.reader.many(self.corners[i : i + self.a_call], self.out[i : i + self.a_call])


def measure(title, mode, ours, others, pairs, before, demands):
    """A row: rates of all, and how they compare. demands: what is asked of the rate, or of the times of the best other."""
    ways = {"microtome": ours, AGAIN: ours, **{read.reader.name: read for read in others}}
    took = take_turns(ways, pairs, before)
    n = len(ours.corners)
    row = {"title": title, "mode": mode, "rates": {name: rate(n, seconds) for name, seconds in took.items()}}
    row["again"] = times_as_fast(took["microtome"], took[AGAIN])
    times = {r.reader.name: times_as_fast(took["microtome"], took[r.reader.name]) for r in others}
    row["best"] = min(times, key=times.get)
    row["times"] = times[row["best"]]
    reached = {"rate": row["rates"]["microtome"], "times": row["times"]}
    units = {"rate": "patches/s", "times": "times TensorStore"}
    row["demands"] = [
        {"what": f"{reached[kind]:.4g} {units[kind]}, {least:.4g} demanded", "reached": reached[kind] >= least}
        for kind, least in demands.items()
    ]
    show(row)
    return row


def show(row):
    print(f"{row['title']}, {row['mode']}: {row['rates']['microtome']:,.0f} patches/s", flush=True)
    for name, value in row["rates"].items():
        if name != "microtome":
            print(f"    {name:44}{value:12,.0f}")
    print(f"    {'times ' + row['best']:44}{row['times']:12.2f}")
    for demand in row["demands"]:
        print(f"    {'reached' if demand['reached'] else 'MISSED '}: {demand['what']}")


def cold_rows(folder, pairs):
    images = {PLANE: np.load(folder / "plane.npy"), VOLUME: np.load(folder / "volume.npy")}
    for title, name, driver, size in COLD:
        path = folder / name
        corners = np.fromfile(folder / f"corners{len(size)}.i64", np.int64).reshape(-1, len(size))
        expected = cut(images[size], corners, size)
        reader = Microtome.open(path, size, False)
        ours = Read(reader, corners, expected, len(corners))
        spec = {"driver": driver, "kvstore": {"driver": "file", "path": str(path)}}
        contexts = {
            "TensorStore, one batch": {},
            "TensorStore, one batch, 64 files": {"file_io_concurrency": {"limit": 64}},
        }
        others = [
            Read(TensorStore(name, spec, size, context), corners, expected, len(corners))
            for name, context in contexts.items()
        ]

        def drop(path=path, reader=reader):
            reader.context.drop_cache()
            drop_pages(path)

        yield measure(title, "cold", ours, others, pairs, drop, {"times": 1.2})
        if title == COLD[0][0]:
            yield measure(title, "warm", ours, others, pairs, reader.context.drop_cache, {})


def corners_without_reuse():
    """Of cubes of 32³ that touch eight chunks of 32³ each, and no chunk twice, in 256 x 512 x 512."""
    blocks = np.stack(np.meshgrid(range(4), range(8), range(8), indexing="ij"), -1).reshape(-1, 3)
    generator = np.random.default_rng(5)
    return generator.permutation(blocks * 64 + 32 - generator.integers(1, 32, blocks.shape))


def remote_rows(folder, pairs):
    volume = np.load(folder / "volume.npy")
    write_zarr(folder, "cubes.zarr", volume, CUBE)
    apart, near = corners_without_reuse(), np.random.default_rng(6).integers(0, 256 - 32 + 1, (256, 3))
    with serve(folder, folder / "nginx") as url:
        for delay, in_flight, a_call, corners, least in (
            (20, 128, 16, apart, 250),
            (50, 128, 16, apart, 200),
            (50, 128, 256, near, 500),
            (20, 32, 16, apart, None),
            (50, 32, 16, apart, None),
        ):
            at, expected = f"{url}/{delay}/cubes.zarr/image", cut(volume, corners, CUBE)
            try:
                reader = Microtome.open(at, CUBE, False, in_flight=in_flight)
            except Exception as error:
                raise SystemExit(f"{at}: {error}") from None
            ours = Read(reader, corners, expected, a_call)
            spec = {"driver": "zarr3", "kvstore": {"driver": "http", "base_url": f"{at}/"}}
            context = {"http_request_concurrency": {"limit": in_flight}}
            others = [Read(TensorStore("TensorStore", spec, CUBE, context), corners, expected, a_call)]
            demands = {"rate": least or 0.85 * in_flight / (delay / 1000) / 8}
            if least and a_call == 16:
                demands["times"] = 1.1
            title = f"HTTP, {delay} ms, {in_flight} in flight"
            mode = "256 patches over 512 chunks, one call" if a_call == 256 else "16 patches a call, no reuse"
            row = measure(title, mode, ours, others, pairs, lambda: None, demands)
            if a_call == 16:
                row["limit"] = in_flight / (delay / 1000) / 8
            yield row


def run_in_c(args, folder, group):
    command = [args.bench, "--keep", folder, "--pairs", str(args.pairs), "--large", args.files, group]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            lines.append(line)
            print(line, end="", flush=True)
    if process.returncode:
        raise SystemExit(f"{args.bench} {group}: status {process.returncode}")
    return "".join(lines)


def run(args, folder, results):
    results.update(machine=machine(), versions=versions(), pairs=args.pairs)
    microtome_in_c(args.bench, folder, "given")  # writes the images
    write_hdf5(folder, "plane.h5", np.load(folder / "plane.npy"), (TILE, TILE))
    for group in args.groups:
        if group in IN_C:
            results.setdefault("c", {})[group] = run_in_c(args, folder, group)
        if group in ("cold", "remote"):
            rows = cold_rows if group == "cold" else remote_rows
            results[group] = list(rows(folder, args.pairs))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", type=Path, help="the program that `make bench` builds")
    parser.add_argument("groups", nargs="*", help="cold, delays, remote, single, large or strips")
    parser.add_argument("--pairs", type=int, default=15, help="turns of each way; medians are reported")
    parser.add_argument("--files", type=Path, default=Path("build/bench-files"), help="where large files are kept")
    parser.add_argument("--json", type=Path, help="where the results go")
    parser.add_argument("--write", action="store_true", help="fill the tables of the documentation")
    parser.add_argument("--from-json", action="store_true", help="measure nothing: write what --json holds")
    args = parser.parse_args()
    unknown = set(args.groups) - {*IN_C, "remote"}
    if unknown:
        parser.error(f"no group {', '.join(sorted(unknown))}")
    args.groups = args.groups or [*IN_C, "remote"]
    args.bench, args.files = args.bench.resolve(), args.files.resolve()
    results = json.loads(args.json.read_text()) if args.json and args.json.exists() else {}
    if not args.from_json:
        args.files.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="microtome-bench-", dir=args.files) as folder:
            run(args, Path(folder), results)
        if args.json:
            args.json.write_text(json.dumps(results, indent=1))
    if args.write:
        report_slow.write_docs(results, Path(__file__).resolve().parents[2])
    missed = report_slow.missed(results)
    print(f"{len(missed)} demands missed", *missed, sep="\n    ")


if __name__ == "__main__":
    main()
