#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Patches a second from Python, beside other libraries on the same files in the same run.

Usage: bench/python/peers.py BENCH [--only GROUP ...] [--runs N] [--json FILE [--from-json]] [--write]. BENCH is the program of
`make bench`, which makes the images and measures the C call. `make bench-python` sets up the libraries and runs it all.

Every pixel is compared before anything is timed. All ways of a row take turns, and the best of the runs counts, so that
what disturbs the machine disturbs all alike. Files lie in the page cache.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import report

TURN = 0.05  # seconds of a turn: what is fast runs several times in it, what is slow on fewer patches


def microtome_in_c(bench, folder, group):
    """The rates that the C program prints, by what they are of."""
    text = subprocess.run([bench, "--keep", folder, group], check=True, capture_output=True, text=True).stdout
    found = {}
    for match in re.finditer(r"^  (\S.*?)\s{2,}(\d+) patches/s", text, re.MULTILINE):
        found.setdefault(match[1].strip(), float(match[2]))
    return found, text


class Way:
    """One way to get all patches of a row: how is "one" by one, one by one into a "batch", or "many" in one call."""

    verified = set()

    def __init__(self, name, reader, how, work):
        self.name, self.reader, self.how, self.work = name, reader, how, work
        self.corners = [tuple(corner) for corner in work.corners.tolist()]
        self.out = np.zeros_like(work.expected)
        self.best = float("inf")
        self.verify()

    def verify(self):
        if (self.reader, self.how) in Way.verified:
            return
        if self.how == "many":
            self.reader.many(self.work.corners, self.out)
        elif self.how == "batch":
            self.fill(0, len(self.corners))
        else:
            for i, corner in enumerate(self.corners):
                self.out[i] = self.reader.one(corner)
        if not np.array_equal(self.out, self.work.expected):
            raise SystemExit(f"{self.name}: wrong pixels")
        Way.verified.add((self.reader, self.how))

    def fill(self, first, end):
        into, one = getattr(self.reader, "into", None), self.reader.one
        for i in range(first, end):
            if into:
                into(self.corners[i], self.out[i])
            else:
                self.out[i] = one(self.corners[i])

    def drop(self, first, end):
        one = self.reader.one
        for corner in self.corners[first:end]:
            one(corner)

    def run(self):
        """Runs on all patches, or on as many as fit into a turn; gives the seconds for all of them."""
        start = time.perf_counter()
        if self.how == "many":
            self.reader.many(self.work.corners, self.out)
            return time.perf_counter() - start
        work, done = self.fill if self.how == "batch" else self.drop, 0
        while done < len(self.corners):
            first, done = done, min(done + 32, len(self.corners))
            work(first, done)
            if time.perf_counter() - start > TURN:
                break
        return (time.perf_counter() - start) * len(self.corners) / done

    def take_turn(self):
        end = time.perf_counter() + TURN
        self.best = min(self.best, self.run())
        while time.perf_counter() < end:
            self.best = min(self.best, self.run())


class Limit:
    """Takes turns like a way, where it is a function."""

    def __init__(self, run):
        self.work_of_all, self.best = run, float("inf")

    def run(self):
        return timed(self.work_of_all)

    take_turn = Way.take_turn


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def measure(row, work, runs):
    """Rates of all ways, and of the limit where it is a function."""
    ways = [Way(*way, work) for way in row.ways]
    limit = row.limit[1] if row.limit else None
    limits = [Limit(limit)] if callable(limit) else []
    for _ in range(runs):
        for way in [*ways, *limits]:
            way.take_turn()
    n = len(work.corners)
    return {way.name: n / way.best for way in ways}, n / limits[0].best if limits else limit


def judge(row, result):
    """What is demanded, what is reached, and whether that is enough."""
    ours, said = result["microtome"], []
    for what, least in row.demands.items():
        if what == "over":
            over = 1 / ours - 1 / result["limit"]
            said.append((f"{over * 1e6:.2f} µs over {row.limit[0]}, {least * 1e6:g} at most", over <= least))
        elif what == "limit":
            part = ours / result["limit"]
            said.append((f"{part:.2f} of {row.limit[0]}, {least:g} demanded", part >= least))
        elif result.get(what):
            times = ours / result[what]
            name = "CAREamics" if what == "careamics" else result["best_name"]
            said.append((f"{times:.1f} x {name}, {least:g} demanded", times >= least))
    return said


def evaluate(row, rates, limit):
    """A record of the row, as it stands in the file of results."""
    others = {name: rate for name, rate in rates.items() if name != "microtome"}
    rest = {name: rate for name, rate in others.items() if not name.startswith("CAREamics")}
    best = max(rest, key=rest.get)
    result = {
        "title": row.title,
        "mode": row.mode,
        "cached": row.cached,
        "microtome": rates["microtome"],
        "best": rest[best],
        "best_name": best,
        "others": others,
        "careamics": max((rate for name, rate in others.items() if name.startswith("CAREamics")), default=None),
        "limit": limit,
        "limit_name": row.limit[0] if row.limit else None,
    }
    result["demands"] = [{"what": what, "reached": good} for what, good in judge(row, result)]
    return result


def show(result):
    cached = ", cached" if result["cached"] else ""
    print(f"{result['title']}, {result['mode']}{cached}: {result['microtome']:,.0f} patches/s", flush=True)
    for name, rate in sorted(result["others"].items(), key=lambda item: -item[1]):
        print(f"    {name:36}{rate:12,.0f}{result['microtome'] / rate:9.1f} x")
    if result["limit"]:
        print(
            f"    {result['limit_name']:36}{result['limit']:12,.0f}{result['microtome'] / result['limit']:9.2f} of it"
        )
    for demand in result["demands"]:
        print(f"    {'reached' if demand['reached'] else 'MISSED '}: {demand['what']}")


def machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "load": round(os.getloadavg()[0]),
        "cores": os.cpu_count(),
        "cpu": model[1] if model else platform.machine(),
        "python": platform.python_version(),
    }


def versions():
    from importlib.metadata import version

    names = [
        "careamics",
        "h5py",
        "liffile",
        "mrcfile",
        "nd2",
        "nibabel",
        "numpy",
        "pylibczirw",
        "tensorstore",
        "tifffile",
        "zarr",
        "zarrs",
    ]
    return {name: version(name) for name in names}


def run(args, folder):
    begun = machine()
    print("the images ...", flush=True)
    microtome_in_c(args.bench, folder, "given")
    plane, volume = np.load(folder / "plane.npy"), np.load(folder / "volume.npy")
    from files import write_all
    from rows import PATCHES, groups, make_work

    write_all(folder, plane, volume)
    os.sync()
    work = {"plane": make_work(plane, PATCHES["plane"], 1024), "volume": make_work(volume, PATCHES["volume"], 256)}
    compiled = microtome_in_c(args.bench, folder, "given")[1] if not args.only or "given" in args.only else ""
    bare, _ = microtome_in_c(args.bench, folder, "memory")
    results = []
    for group, rows in groups(folder, work, bare).items():
        if not args.only or group in args.only:
            for row in rows():
                rates, limit = measure(row, work[row.image], args.runs)
                results.append(evaluate(row, rates, limit))
                show(results[-1])
    return {"machine": begun, "versions": versions(), "rows": results, "c": compiled}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", type=Path, help="the program that `make bench` builds")
    parser.add_argument(
        "--only", nargs="+", help="groups of rows: array, zarr, n5, other, given, volumes, frames and mapped"
    )
    parser.add_argument("--runs", type=int, default=5, help="the best of so many runs is reported")
    parser.add_argument("--json", type=Path, help="where the results go")
    parser.add_argument("--write", action="store_true", help="draw the chart and fill the tables of the documentation")
    parser.add_argument("--from-json", action="store_true", help="measure nothing: write what --json holds")
    args = parser.parse_args()
    args.bench = args.bench.resolve()
    if args.from_json:
        results = json.loads(args.json.read_text())
    else:
        with tempfile.TemporaryDirectory(prefix="microtome-bench-") as folder:
            results = run(args, Path(folder))
        if args.json:
            args.json.write_text(json.dumps(results, indent=1))
    if args.write:
        report.write_docs(results, Path(__file__).resolve().parents[2])
    missed = [
        f"{r['title']}, {r['mode']}: {d['what']}" for r in results["rows"] for d in r["demands"] if not d["reached"]
    ]
    print(f"{len(missed)} demands missed", *missed, sep="\n    ")


if __name__ == "__main__":
    main()
