#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Prints line and branch coverage per folder, after the tests ran in a build with --coverage.

Usage: tools/coverage.py BUILD [--files] [--lines PERCENT] [--branches PERCENT]. --files adds a row for each file
with unreached lines, and their numbers. Status 1 if the total coverage is below PERCENT. `make coverage` builds and runs
the tests first.
"""

import argparse
import collections
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("src", "cli", "python/src")


def gcov(data):
    """Return the counts of gcov, {source: {line: (count, [branch counts])}}, the maximum over all objects."""
    command = ["gcov", "--json-format", "--branch-probabilities", "--stdout", *map(str, data)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = {}
    for document in map(json.loads, filter(None, text.splitlines())):
        for file in document["files"]:
            path = Path(document["current_working_directory"], file["file"]).resolve()
            if not path.is_relative_to(ROOT) or not str(path.relative_to(ROOT)).startswith(FOLDERS):
                continue
            lines = found.setdefault(str(path.relative_to(ROOT)), {})
            for line in file["lines"]:
                count, branches = lines.get(line["line_number"], (0, []))
                new = [branch["count"] for branch in line["branches"]]
                if len(new) == len(branches):
                    new = [a + b for a, b in zip(branches, new, strict=True)]
                lines[line["line_number"]] = (count + line["count"], new or branches)
    return found


def merge(build):
    data = sorted(Path(build).rglob("*.gcda"))
    found = {}
    for i in range(0, len(data), 50):
        for path, lines in gcov(data[i : i + 50]).items():
            mine = found.setdefault(path, {})
            for number, (count, branches) in lines.items():
                old, was = mine.get(number, (0, []))
                same = len(was) == len(branches)
                both = [a + b for a, b in zip(was, branches, strict=True)] if same else branches or was
                mine[number] = (old + count, both)
    return found


def totals(lines):
    branches = [count for _, counts in lines.values() for count in counts]
    reached = sum(count > 0 for count, _ in lines.values())
    return collections.Counter(
        lines=len(lines), lines_reached=reached, branches=len(branches), branches_reached=sum(c > 0 for c in branches)
    )


def percent(count, what):
    return 100.0 * count[what + "_reached"] / count[what] if count[what] else 100.0


def ranges(numbers):
    """Return "3-5, 9" for 3, 4, 5, 9."""
    runs = []
    for n in sorted(numbers):
        if runs and runs[-1][1] == n - 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path, help="the build folder, in which the tests have run")
    parser.add_argument("--files", action="store_true", help="a row for each file, too")
    parser.add_argument("--lines", type=float, default=0, help="the least percentage of lines")
    parser.add_argument("--branches", type=float, default=0, help="the least percentage of branches")
    args = parser.parse_args()
    found = merge(args.build)
    if not found:
        sys.exit(f"coverage: no data below {args.build}: build with the preset coverage and run the tests")
    folders, everything = collections.defaultdict(collections.Counter), collections.Counter()
    for path, lines in found.items():
        folders[os.path.dirname(path)] += totals(lines)
        everything += totals(lines)
    print(f"{'':40} {'lines':>7} {'%':>6} {'branches':>9} {'%':>6}")
    rows = sorted(folders.items())
    if args.files:
        rows = sorted(rows + [(path, totals(lines)) for path, lines in found.items()])
    for name, count in [*rows, ("all", everything)]:
        shown = f"{name:40} {count['lines']:7} {percent(count, 'lines'):6.1f}"
        print(f"{shown} {count['branches']:9} {percent(count, 'branches'):6.1f}")
        if name in found:
            print("    not reached: " + ranges(n for n, (reached, _) in found[name].items() if not reached))
    sys.exit(percent(everything, "lines") < args.lines or percent(everything, "branches") < args.branches)


if __name__ == "__main__":
    main()
