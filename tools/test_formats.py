#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""formats.py writes tables and suffixes that its check accepts, and the check finds whatever is changed or taken away."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOOL = Path(__file__).with_name("formats.py")
LIST = "src/format/formats.h"
TREE = {
    LIST: "MT_FORMAT(a)\nMT_FORMAT(b)\n",
    "src/format/a.c": 'const mt_format mt_format_a = {\n    .name = "a", .suffixes = "a,aa", .probe = probe\n};\n',
    "src/format/b/b.c": 'const mt_format mt_format_b = { .name = "b",\n    .suffixes = "" };\n',
    "docs/formats/a.md": "# A\n\n| format | what |\n|---|---|\n| A | letters |\n| A1 | digits |\n\nMore.\n",
    "docs/formats/b.md": "# B\n\n| format | what |\n|---|---|\n| B | none |\n",
    "docs/formats/index.md": "# Formats\n<!-- formats -->\n<!-- end formats -->\nMore.\n",
    "README.md": "<!-- formats -->\nold\n<!-- end formats -->\n<!-- end -->\n",
    "python/microtome/napari.yaml": "x:\n        # formats\n        # end of formats\n        - z\n",
    "test/samples/a/x.a": "",
    "test/samples/b/x.b/0": "",
}
# A file, what of it is replaced by what (None: the file is removed), and what the check says then.
FAULTS = [
    ("README.md", "| A1 | digits |", "| A1 | figures |", "README.md: is not what"),
    ("docs/formats/index.md", "[b](b.md)", "[b](a.md)", "index.md: is not what"),
    ("python/microtome/napari.yaml", "aA", "AA", "napari.yaml: is not what"),
    ("docs/formats/a.md", "| A | letters |", "| A | words |", "README.md: is not what"),
    ("docs/formats/b.md", "# B\n", "# B\n\nFirst.\n", "docs/formats/b.md: does not begin"),
    ("docs/formats/b.md", None, None, "docs/formats/b.md: does not begin"),
    ("src/format/b/b.c", "mt_format_b", "mt_format_c", "src/format/b: no mt_format_b"),
    ("src/format/a.c", '"a,aa"', '"a,ab"', "napari.yaml: is not what"),
    ("test/samples/a/x.a", None, None, "test/samples/a: no image"),
    ("README.md", "<!-- formats -->\n", "", "README.md: must have the lines"),
    (LIST, "MT_FORMAT(b)\n", "MT_FORMAT(b)\nMT_FORMAT(c)\n", "test/samples/c: no image"),
]


def run(root, *options):
    done = subprocess.run([sys.executable, TOOL, *options, root], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def plant(root, name, old, new):
    path = root / name
    if old is None:
        path.unlink()
        return
    text = path.read_text()
    assert old in text, (name, old)
    path.write_text(text.replace(old, new))


def main():
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "good")
        for name, text in TREE.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        if (0, "") != run(root) or (0, "") != run(root, "--check"):
            failures.append(f"a good tree: {run(root)}, {run(root, '--check')}")
        readme = (root / "README.md").read_text()
        if "| A1 | digits | [a](docs/formats/a.md) |\n| B | none | [b](docs/formats/b.md) |\n\n<!-- end" not in readme:
            failures.append(f"README.md: {readme}")
        for i, (name, old, new, expected) in enumerate(FAULTS):
            bad = Path(folder, str(i))
            shutil.copytree(root, bad)
            plant(bad, name, old, new)
            code, output = run(bad, "--check")
            if code != 1 or expected not in output:
                failures.append(f"{name} {old!r}: expected {expected!r}, got {code} {output!r}")
    print("\n".join(failures))
    sys.exit(len(failures) > 0)


if __name__ == "__main__":
    main()
