# SPDX-License-Identifier: BSD-3-Clause
"""What becomes of the results of slow.py: the tables of docs/benchmarks.md between their marks."""

import re

from report import fill, number, run_of


def missed(results):
    """Of all groups: what is demanded and not reached."""
    rows = [*results.get("cold", []), *results.get("remote", [])]
    found = [f"{r['title']}, {r['mode']}: {d['what']}" for r in rows for d in r["demands"] if not d["reached"]]
    for group, printed in results.get("c", {}).items():
        name = ""
        for line in printed.splitlines():
            if re.match(r"  \S", line):
                name = line.split("  ")[1]
            if line.endswith("MISSED"):
                what = re.sub(r"\s+", " ", line.removesuffix("MISSED")).strip().removeprefix(name).strip()
                found.append(f"{group}, {name}: {what}")
    return found


def limit_in_c(results, title):
    """What the C program says of a row: "0.80 of bare preads"."""
    name = re.escape(title.replace("²", "^2").replace("³", "^3"))
    found = re.search(rf"^  {name}\s+\d+ patches/s\s+(\S+ of .*?)\s\s", results["c"].get("cold", ""), re.MULTILINE)
    return found[1] if found else ""


def peer_cells(row):
    return f"| {number(row['rates'][row['best']])} | {row['times']:.1f} |"


def summary(results):
    """Three rows: warm, cold, slow."""
    cold = {r["mode"]: r for r in results["cold"] if r["title"] == "Zarr zstd 256²"}
    remote = next(r for r in results["remote"] if r["title"] == "HTTP, 50 ms, 128 in flight" and "limit" in r)
    limit = f"{remote['rates']['microtome'] / remote['limit']:.2f} of in flight / delay"
    yield "| | patches/s of | microtome | of its limit | TensorStore, batches | times |"
    yield "|---|---|---|---|---|---|"
    for name, what, row, part in (
        ("warm: files in the page cache", "64 x 64 out of Zarr zstd 256²", cold["warm"], ""),
        ("cold: files not in the page cache", "the same", cold["cold"], limit_in_c(results, "Zarr zstd 256²")),
        ("slow: HTTP, 50 ms before the first byte", "32³ out of Zarr zstd 32³", remote, limit),
    ):
        yield f"| {name} | {what} | {number(row['rates']['microtome'])} | {part} {peer_cells(row)}"


def cold(results):
    yield "| patches/s | microtome | of its limit | A/A | TensorStore, one batch | times |"
    yield "|---|---|---|---|---|---|"
    for r in results["cold"]:
        part = limit_in_c(results, r["title"]) if r["mode"] == "cold" else ""
        yield (
            f"| {r['title']}, {r['mode']} | {number(r['rates']['microtome'])} | {part} | {r['again']:.2f} {peer_cells(r)}"
        )


def remote(results):
    yield "| patches/s | | microtome | of in flight / delay | A/A | TensorStore | times |"
    yield "|---|---|---|---|---|---|---|"
    for r in results["remote"]:
        ours = r["rates"]["microtome"]
        part = f"{ours / r['limit']:.2f}" if "limit" in r else ""
        yield f"| {r['title']} | {r['mode']} | {number(ours)} | {part} | {r['again']:.2f} {peer_cells(r)}"


def printed(results, group):
    """The lines of the C program, as it prints them."""
    lines = results["c"][group].splitlines()[1:-1]
    return ["```", *[line[2:] if line.startswith("  ") else line for line in map(str.rstrip, lines) if line], "```"]


def write_docs(results, root):
    """Fills what there are results of."""
    blocks = {"bench-slow run": [f"{run_of(results)} Medians of {results['pairs']} turns."]}
    if "cold" in results and "remote" in results:
        blocks["bench-slow summary"] = ["", *summary(results), ""]
    for name, table in (("cold", cold), ("remote", remote)):
        if name in results:
            blocks[f"bench-slow {name}"] = ["", *table(results), ""]
    for group in results.get("c", {}):
        blocks[f"bench-slow c {group}"] = ["", *printed(results, group), ""]
    not_reached = missed(results)
    blocks["bench-slow demands"] = ["", *([f"- {what}" for what in not_reached] or ["All demands are reached."]), ""]
    fill(root / "docs/benchmarks.md", blocks)
