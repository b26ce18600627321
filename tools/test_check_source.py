#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""check_source.py finds each planted violation, and nothing in a clean tree."""

import subprocess
import sys
import tempfile
from pathlib import Path

CHECK = Path(__file__).with_name("check_source.py")
SPDX = "/* SPDX-License-Identifier: BSD-3-Clause */\n"
MARK = "TO" + "DO"
HOME = "/" + "home/someone/x"

GOOD = {
    "src/base/a.h": "",
    "src/format/npy.c": '#include "base/a.h"\n#include <microtome/x.h>\n#include <stdio.h>\n/* free(x) */\n'
    'void f(void) { release(s->free(1), "malloc(1)"); }\n',
    "src/platform/file.c": "#include <unistd.h>\n",
    "include/microtome/x.h": "/* Says. */\nMT_API int f(void);\nMT_API int g(int a,\n             int b); /* Says. */\n",
}
BAD = [
    ("src/base/b.c", '#include "engine/plan.h"\n', "src/base lies below src/engine"),
    ("src/extra/b.c", "", "is no layer"),
    ("src/format/b.c", "#include <unistd.h>\n", "no place in this folder"),
    ("src/format/b.c", "#include <zstd.h>\n", "no place in this folder"),
    ("cli/b.c", '#include "base/a.h"\n', "only public headers"),
    ("examples/b.c", '#include "stack/a.h"\n', "only public headers"),
    ("src/codec/b.c", "void *f(void) { return malloc(1); }\n", "calls malloc"),
    ("src/codec/b.c", "void f(char *a) { strcpy (a, a); }\n", "calls strcpy"),
    ("src/format/b.c", "double f(char *a) { return strtod(a, 0); }\n", "the point of the locale"),
    ("src/base/b.c", 'void f(void) { printf("x"); }\n', "prints nothing"),
    ("src/base/b.c", "int x;\n" * 601, "longer than"),
    ("src/base/b.c", f"/* {MARK} */\n", "left for later"),
    ("docs/b.md", f"See {HOME}.\n", "of one machine"),
    ("src/base/b.h", "int only_here(int a);\n", "only_here is used by one file only"),
    ("include/microtome/b.h", "#define X 1\n\nMT_API int f(void);\n", "without a comment"),
]


def run(tree):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in tree.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text((SPDX if name.endswith((".c", ".h")) else "") + text)
        done = subprocess.run([sys.executable, CHECK, folder], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout


def main():
    failures = []
    if run(GOOD) != (0, ""):
        failures.append(f"a good tree: {run(GOOD)}")
    for name, text, expected in BAD:
        code, output = run({**GOOD, name: text})
        if code != 1 or expected not in output or output.count("\n") != 1:
            failures.append(f"{name} {text[:40]!r}: expected {expected!r}, got {code} {output!r}")
    print("\n".join(failures))
    sys.exit(len(failures) > 0)


if __name__ == "__main__":
    main()
