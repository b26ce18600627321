#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes what follows from the list of formats, src/format/formats.h. Usage: formats.py [--check] [ROOT]

Every page docs/formats/NAME.md begins with a table of what the format is; README.md and docs/formats/index.md get the rows
of all pages, in the order of the list, and the manifest for napari gets all suffixes. With --check nothing is written: a
line is printed for each file that differs, and for what a format lacks, and the command fails if there is any.
"""

import re
import sys
from pathlib import Path

LIST = "src/format/formats.h"
TABLES = {"README.md": "docs/formats/", "docs/formats/index.md": ""}  # where the links to the pages begin
MANIFEST = "python/microtome/napari.yaml"


def names(root):
    return re.findall(r"^MT_FORMAT\((\w+)\)$", (root / LIST).read_text(), re.M)


def rows(root, name):
    """Return the rows of the table at the head of a page, which may be absent."""
    page = root / f"docs/formats/{name}.md"
    match = page.exists() and re.match(r"# .*\n\n\| format \| what \|\n\|---\|---\|\n((?:\|.*\|\n)+)", page.read_text())
    return match[1].splitlines() if match else []


def suffixes(root, name):
    """Return the suffixes in the definition of a format; None if there is none."""
    folder = root / "src/format"
    text = "".join(path.read_text() for path in [folder / f"{name}.c", *folder.glob(f"{name}/*.c")] if path.exists())
    match = re.search(rf'^const mt_format mt_format_{name} = {{[^;]*?\.suffixes = "([^"]*)"', text, re.M)
    return [suffix for suffix in match[1].split(",") if suffix] if match else None


def table(root, folder):
    lines = ["", "| format | what | more |", "|---|---|---|"]
    for name in names(root):
        lines += [f"{row} [{name}]({folder}{name}.md) |" for row in rows(root, name)]
    return "\n".join([*lines, "", ""])


def patterns(root):
    found = dict.fromkeys(suffix for name in names(root) for suffix in suffixes(root, name) or [])
    letters = [re.sub("[a-z]", lambda m: f"[{m[0]}{m[0].upper()}]", suffix) for suffix in found]
    return "".join(f'        - "*.{suffix}"\n' for suffix in letters)


def fill(path, begin, end, content):
    """Return the text of a file with new content between two lines."""
    text, found = re.subn(f"({begin}\n).*?( *{end}\n)", lambda m: m[1] + content + m[2], path.read_text(), flags=re.S)
    if found != 1:
        sys.exit(f"{path}: must have the lines {begin} and {end} once")
    return text


def generated(root):
    """Yield each file that has a generated part: its path, and its text as it must be."""
    for name, folder in TABLES.items():
        yield name, fill(root / name, "<!-- formats -->", "<!-- end formats -->", table(root, folder))
    yield MANIFEST, fill(root / MANIFEST, "# formats", "# end of formats", patterns(root))


def lacking(root):
    for name in names(root):
        if suffixes(root, name) is None:
            yield f"src/format/{name}: no mt_format_{name} with suffixes"
        if not rows(root, name):
            yield f"docs/formats/{name}.md: does not begin with a title and a table of formats"
        if not any((root / f"test/samples/{name}").glob("*")):
            yield f"test/samples/{name}: no image for the contract test and the fuzzer"


def main():
    arguments = sys.argv[1:]
    check = "--check" in arguments
    root = Path(next((a for a in arguments if a != "--check"), Path(__file__).resolve().parent.parent))
    faults = list(lacking(root))
    for name, text in generated(root):
        if text == (root / name).read_text():
            continue
        if check:
            faults.append(f"{name}: is not what tools/formats.py writes")
        else:
            (root / name).write_text(text)
    print("\n".join(faults), end="\n" if faults else "")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
