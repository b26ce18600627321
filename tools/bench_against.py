#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares two builds of the benchmark program, run alternately: old, new, old, and so on.

Usage: tools/bench_against.py OLD NEW [--group GROUP ...] [--rounds N] [--least PART] [--keep FOLDER]. OLD and NEW are
programs built by `make bench`. For each row that both print, shows the median over all rounds of new / old (higher is
better) and of old / old (A/A). Status 1 if a row is below PART (0.97).
"""

import argparse
import re
import statistics
import subprocess
import sys
from pathlib import Path

GROUPS = ["memory", "layouts", "codings", "shards", "volume", "opening"]
LINE = re.compile(r"^  (\S.*?)\s{2,}([\d.]+) (patches/s|chunks/s|ms)")


def figures(program, group, keep):
    """Return the results by title, name and occurrence of the name; higher is better."""
    command = [program, *(["--keep", keep] if keep else []), group]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found, title = {}, ""
    for line in text.splitlines():
        match = LINE.match(line)
        if match and not match[1].startswith(("bare ", "copy ")):  # limits of the machine, not results
            value = float(match[2])
            nth = sum(key[:2] == (title, match[1]) for key in found)
            found[title, match[1], nth] = 1 / max(value, 1e-6) if match[3] == "ms" else value
        elif line and not line.startswith(" "):
            title = line.strip()
    return found


def compare(args, group):
    ratios, control = {}, {}
    for i in range(args.rounds):
        old, new, again = (figures(p, group, args.keep) for p in (args.old, args.new, args.old))
        for key in old.keys() & new.keys() & again.keys():
            # The old build ran before and after the new one: compare with both.
            ratios.setdefault(key, []).append(2 * new[key] / (old[key] + again[key]))
            control.setdefault(key, []).append(again[key] / old[key])
        print(f"{group}: round {i + 1} of {args.rounds}", file=sys.stderr, flush=True)
    return {key: (statistics.median(ratios[key]), statistics.median(control[key])) for key in ratios}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path, help="the program of the build before")
    parser.add_argument("new", type=Path, help="the program of this build")
    parser.add_argument("--group", action="append", help="of rows; may stand several times; default: all warm ones")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--least", type=float, default=0.97, help="what is demanded")
    parser.add_argument("--keep", type=Path, help="a folder with files of other programs, which is kept")
    args = parser.parse_args()
    args.old, args.new = args.old.resolve(), args.new.resolve()
    slower = 0
    print(f"{'new / old':>10} {'A/A':>6}")
    for group in args.group or GROUPS:
        for (title, name, _), (ratio, again) in sorted(compare(args, group).items()):
            low = ratio < args.least
            slower += low
            print(f"{ratio:10.3f} {again:6.3f}  {title[:40]}: {name}{'  SLOWER' if low else ''}", flush=True)
    print(f"{slower} rows below {args.least:g}")
    sys.exit(slower > 0)


if __name__ == "__main__":
    main()
