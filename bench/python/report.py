# SPDX-License-Identifier: BSD-3-Clause
"""What becomes of the results: a chart, and the tables of the documentation between their marks."""

import math
import re
from html import escape

ROWS = [
    "array in memory",
    "NPY",
    "Zarr raw 256²",
    "Zarr zstd 256²",
    "Zarr blosc-lz4 256²",
    "Zarr zstd 64², shards",
    "Zarr zstd 64³",
    "TIFF raw 256²",
    "TIFF deflate 256²",
    "HDF5 raw 256²",
    "HDF5 gzip 256²",
    "CZI zstd",
]
OWN = "numpy, tifffile, h5py, pylibCZIrw"
COLORS = {
    "microtome": "#0b5fa5",
    "CAREamics": "#e07b00",
    "TensorStore": "#2a9d4a",
    "zarrs": "#8e44ad",
    "zarr-python": "#d6337c",
    OWN: "#8a8f98",
}
PANELS = [
    ("one call each", True, "One patch a call, default settings"),
    ("one batch", False, "All patches in one call, nothing cached"),
]
LOW, HIGH = 2, 6.2  # powers of ten
LEFT, WIDTH, GAP, TOP, STEP = 180, 370, 142, 118, 34


def library(way):
    name = way.split(",")[0].split(" ")[0]
    return name if name in COLORS else OWN


def pick(results, title, mode, cached):
    """The row of a panel; an array has nothing that could be cached."""
    rows = [r for r in results["rows"] if (r["title"], r["mode"]) == (title, mode)]
    return next((r for r in rows if r["cached"] == cached), rows[0] if rows else None)


def best_of_each(row):
    """The best way of each library; TensorStore's cache counts where ours does."""
    rates = {"microtome": row["microtome"]}
    for way, rate in row["others"].items():
        rates[library(way)] = max(rate, rates.get(library(way), 0))
    return rates


def short(rate):
    return f"{rate / 1e6:.2f} M" if rate >= 1e6 else f"{rate / 1e3:.3g} k" if rate >= 1e3 else f"{rate:.0f}"


def text(x, y, content, size=13, color="#222", anchor="start", weight="normal"):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{color}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{escape(content)}</text>'
    )


def draw_row(row, left, y):
    def at(rate):
        return left + WIDTH * (min(max(math.log10(rate), LOW), HIGH) - LOW) / (HIGH - LOW)

    rates = best_of_each(row)
    xs = [at(rate) for rate in rates.values()]
    yield f'<line x1="{min(xs):.1f}" y1="{y}" x2="{max(xs):.1f}" y2="{y}" stroke="#c8ccd2" stroke-width="2"/>'
    if row["limit"] and "codec" in row["limit_name"]:
        x = at(row["limit"])
        yield f'<line x1="{x:.1f}" y1="{y - 11}" x2="{x:.1f}" y2="{y + 11}" stroke="#222" stroke-width="2"/>'
    for name in reversed(COLORS):  # ours last, on top
        if name in rates:
            radius = 7.5 if name == "microtome" else 5.5
            yield f'<circle cx="{at(rates[name]):.1f}" cy="{y}" r="{radius}" fill="{COLORS[name]}" stroke="#fff"/>'
    best = max(rate for name, rate in rates.items() if name != "microtome")
    yield text(left + WIDTH + 12, y + 4.5, f"{short(row['microtome'])}/s", 12.5, COLORS["microtome"], weight="bold")
    yield text(left + WIDTH + 126, y + 4.5, f"{row['microtome'] / best:.1f}×", 12.5, "#555", "end")


def draw_panel(results, titles, left, mode, cached, heading):
    bottom = TOP + STEP * len(titles)
    yield text(left, TOP - 46, heading, 15, weight="bold")
    yield text(left + WIDTH + 12, TOP - 22, "microtome", 11, COLORS["microtome"])
    yield text(left + WIDTH + 126, TOP - 22, "× best", 11, "#666", "end")
    for power in range(LOW, math.ceil(HIGH)):
        x = left + WIDTH * (power - LOW) / (HIGH - LOW)
        yield f'<line x1="{x:.1f}" y1="{TOP - 16}" x2="{x:.1f}" y2="{bottom}" stroke="#e6e8eb"/>'
        yield text(x, TOP - 22, ["100", "1 k", "10 k", "100 k", "1 M"][power - 2], 11, "#666", "middle")
    for i, title in enumerate(titles):
        row = pick(results, title, mode, cached)
        if row:
            yield from draw_row(row, left, TOP + STEP * i + STEP // 2)


def chart(results):
    """A chart of points: patches a second, on a logarithmic scale."""
    titles = [title for title in ROWS if pick(results, title, *PANELS[0][:2])]
    height, width = TOP + STEP * len(titles) + 62, LEFT + 2 * WIDTH + 2 * GAP + 4
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="Helvetica, Arial, sans-serif">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        text(
            20,
            32,
            "Patches a second from Python: 64×64 (16×64×64 of 64³ chunks) of uint16, to float32",
            17,
            weight="bold",
        ),
    ]
    for i, title in enumerate(titles):
        y = TOP + STEP * i
        if i % 2 == 0:
            parts.append(f'<rect x="10" y="{y}" width="{width - 20}" height="{STEP}" fill="#f6f7f9"/>')
        parts.append(text(LEFT - 18, y + STEP / 2 + 4.5, title, 13, anchor="end"))
    for i, panel in enumerate(PANELS):
        parts += draw_panel(results, titles, LEFT + i * (WIDTH + GAP), *panel)
    x, y = 30, height - 34
    for name, color in COLORS.items():
        parts += [f'<circle cx="{x}" cy="{y - 4}" r="6" fill="{color}"/>', text(x + 11, y, name, 12.5)]
        x += 46 + 7.2 * len(name)
    parts += [
        f'<line x1="{x}" y1="{y - 14}" x2="{x}" y2="{y + 6}" stroke="#222" stroke-width="2"/>',
        text(x + 9, y, "bare codec, all cores", 12.5),
    ]
    machine = f"{results['machine']['cores']} cores, {results['machine']['cpu']}. Each library in its best way, the best of several turns; logarithmic scale."
    parts.append(text(30, height - 12, machine, 11.5, "#666"))
    return "\n".join([*parts, "</svg>\n"])


def number(value):
    digits = 0 if value < 100 else 1 - math.floor(math.log10(value)) + 1
    return f"{round(value, min(digits, 0)):,.0f}"


def all_rows(results):
    yield "| | | microtome | best other | | times | CAREamics, times | of its limit |"
    yield "|---|---|---|---|---|---|---|---|"
    for r in results["rows"]:
        mode = r["mode"] + (", cached" if r["cached"] else "")
        careamics = f"{r['microtome'] / r['careamics']:,.0f}" if r["careamics"] else ""
        limit = f"{r['microtome'] / r['limit']:.2f} of {r['limit_name']}" if r["limit"] else ""
        yield (
            f"| {r['title']} | {mode} | {number(r['microtome'])} | {r['best_name']} | {number(r['best'])} | "
            f"{r['microtome'] / r['best']:.1f} | {careamics} | {limit} |"
        )


def demands(results):
    missed = [(r, d) for r in results["rows"] for d in r["demands"] if not d["reached"]]
    n = sum(len(r["demands"]) for r in results["rows"])
    yield f"Of {n} demands {n - len(missed)} are reached" + (". Missed:" if missed else ".")
    if missed:
        yield ""
    for r, d in missed:
        yield f"- {r['title']}, {r['mode']}{', cached' if r['cached'] else ''}: {d['what']}"


def run_of(results):
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    machine = results["machine"]
    busy = f" The load of the machine was {machine['load']} when it began: figures are low, ratios vary."
    return f"One run on {machine['cores']} cores of {machine['cpu']}, Python {machine['python']}, with {versions}." + (
        busy if machine["load"] >= machine["cores"] else ""
    )


def summary(results):
    """The table of the README."""
    yield "| | one call each, default settings | | one batch, nothing cached | |"
    yield "|---|---|---|---|---|"
    for title in ROWS:
        cells = []
        for mode, cached, _ in PANELS:
            r = pick(results, title, mode, cached)
            cells += [number(r["microtome"]), f"{r['best_name']} {number(r['best'])}"] if r else ["", ""]
        yield f"| {title} | " + " | ".join(cells) + " |"


def compiled(results):
    """The lines of the C program, as it prints them."""
    lines = results["c"].splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith("  HDF5")), len(lines))
    return ["```", *[line[2:].rstrip() for line in lines[start:] if line.startswith("  ")], "```"]


def fill(path, blocks):
    """Replaces what stands between <!-- name --> and <!-- end -->."""
    content = path.read_text()
    for name, lines in blocks.items():
        mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not mark.search(content):
            raise SystemExit(f"{path} has no <!-- {name} -->")
        content = mark.sub(lambda m: m[1] + "\n".join(lines) + "\n" + m[2], content)
    path.write_text(content)


def write_docs(results, root):
    (root / "docs/images/benchmark.svg").write_text(chart(results))
    fill(root / "README.md", {"bench-python summary": ["", *summary(results), ""]})
    blocks = {
        "bench-python run": [run_of(results)],
        "bench-python rows": ["", *all_rows(results), ""],
        "bench-python demands": ["", *demands(results), ""],
        "bench-python c": ["", *compiled(results), ""],
    }
    fill(root / "docs/benchmarks.md", blocks)
