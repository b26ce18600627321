#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Changes one token of the sources at a time, and checks whether a test fails.

Usage: tools/mutants.py [--count N] [--seed S] [--folder FOLDER] [--skip N]. The tests run under AddressSanitizer and
UBSan, in a clone of HEAD in FOLDER (build/mutants), which later runs reuse; the checkout is not changed. Surviving mutants
are listed with file and line. Files are drawn with a probability proportional to their size. Only the tests that reach the
changed line are built and run, the most specific first; a first run of each test records the lines that it reaches.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SWAPS = {
    "==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "&&": "||", "||": "&&",
    "true": "false", "false": "true", " + 1": "", " - 1": "", " + ": " - ", " - ": " + ", "++": "--",
    "!": "",
}  # fmt: skip
TOKEN = re.compile(
    r"(?P<swap>==|!=|<=|>=|&&|\|\||\btrue\b|\bfalse\b| \+ 1\b| - 1\b| \+ | - |\+\+| [<>] |!(?=[a-z(]))"
    r"|(?P<fail>return mt_fail\()"
)
HIDDEN = re.compile(
    r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*|^[ \t]*#(?:\\\n|[^\n])*', re.S | re.M
)


def blank(text):
    """Blank out strings, comments and directives; positions are unchanged."""
    return HIDDEN.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def end_of_call(text, start):
    depth = 0
    for i in range(start, len(text)):
        depth += (text[i] == "(") - (text[i] == ")")
        if depth == 0 and text[i] == ";":
            return i
    return len(text)


def places(text):
    """Return all (start, end, replacement) of a source."""
    plain = blank(text)
    found = []
    for match in TOKEN.finditer(plain):
        if match["fail"]:
            found.append((match.start(), end_of_call(plain, match.start()), "return MT_OK"))
            continue
        token = match["swap"]
        new = SWAPS.get(token, SWAPS.get(token.strip()))
        found.append((match.start(), match.end(), f" {new} " if token.strip() in "<>" else new))
    return found


class Tree:
    """A clone with two builds: one measures which lines each test reaches, the other tests mutants."""

    def __init__(self, folder):
        self.path = Path(folder).resolve()
        data = os.environ.get("MICROTOME_TEST_DATA", ROOT.parent / "shared" / "data")
        self.env = dict(os.environ, MICROTOME_TEST_DATA=str(Path(data).resolve()))
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["git", "clone", "-q", str(ROOT), str(self.path)], check=True)
            (self.path / ".venv").symlink_to(ROOT / ".venv")
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.strip()
        self.run("git", "fetch", "-q", str(ROOT), head, check=True)
        self.run("git", "checkout", "-q", "-f", "--detach", head, check=True)
        self.head = head

    def run(self, *command, **options):
        return subprocess.run(command, cwd=self.path, env={**self.env, **options.pop("env", {})}, **options)

    def build(self, preset, *targets):
        if not (self.path / "build" / preset / "build.ninja").exists():
            self.run("cmake", "--preset", preset, check=True, stdout=subprocess.DEVNULL)
        command = ["cmake", "--build", "--preset", preset, *(["--target", *targets] if targets else [])]
        return self.run(*command, capture_output=True, text=True)

    def tests(self, preset):
        """Return {test: targets that it runs}, [] if it may run any."""
        shown = self.run("ctest", "--preset", preset, "--show-only=json-v1", check=True, capture_output=True, text=True)
        wanted, build = {}, self.path / "build" / preset
        for test in json.loads(shown.stdout)["tests"]:
            if not test["name"].startswith("check_"):
                paths = [Path(word) for word in test["command"] if Path(word).is_relative_to(build)]
                files = [str(path.relative_to(build)) for path in paths if path.is_file()]
                wanted[test["name"]] = ["microtome_cli" if file == "microtome" else file for file in files]
        return wanted

    def test(self, preset, names, seconds):
        """Run tests until one fails; return its name, or None, and the duration in seconds."""
        start = time.monotonic()
        wanted = "^(" + "|".join(map(re.escape, names)) + ")$"
        options = ["--timeout", str(int(seconds)), "--stop-on-failure", "-j1"]
        command = ["ctest", "--preset", preset, "-R", wanted, *options]
        done = self.run(*command, capture_output=True, text=True, errors="replace")
        failed = re.search(r"^\s*\d+/\d+ Test +#\d+: (\S+) \.+.*\*\*\*(?!Skipped)", done.stdout, re.M)
        if done.returncode and not failed:
            sys.exit(done.stdout + done.stderr)
        return failed and failed[1], time.monotonic() - start


def find_reached(tree):
    """Return {test: [seconds, {file: [lines]}]}, cached in a file per commit."""
    kept = tree.path / "build" / f"reached-{tree.head}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    sys.path.insert(0, str(tree.path / "tools"))
    import coverage  # the clone's coverage.py, whose ROOT is the clone

    built = tree.build("coverage")
    if built.returncode:
        sys.exit(built.stdout + built.stderr)
    reached = {}
    for name in tree.tests("coverage"):
        for old in (tree.path / "build" / "coverage").rglob("*.gcda"):
            old.unlink()
        failed, took = tree.test("coverage", [name], 1200)
        if failed:
            sys.exit(f"mutants: {name} fails without a change")
        lines = coverage.merge(tree.path / "build" / "coverage")
        reached[name] = took, {path: [n for n, (count, _) in found.items() if count] for path, found in lines.items()}
        print(f"{name}: {took:.1f} s", file=sys.stderr, flush=True)
    kept.write_text(json.dumps(reached))
    return reached


def order(reached, file, line):
    """Return the tests that reach a line, first those that are fast and reach little beside its file.

    Coverage counts no lines of tables: for these, and for code that no test reaches, the tests that reach the file.
    """
    tests = []
    for name, (took, files) in reached.items():
        if lines := files.get(file):
            share = len(lines) / sum(map(len, files.values()))
            tests.append(((took + 0.3) / share, took, name, line in lines))
    is_reached = any(reaches for *_, reaches in tests)
    return [(took, name) for _, took, name, reaches in sorted(tests) if reaches or not is_reached]


def try_mutant(tree, targets, reached, file, line):
    """Return the test that fails, "" if none does, None if the change does not compile."""
    tests = order(reached, file, line)
    if tree.build("asan", "libmicrotome.a").returncode:
        return None
    at, n = 0, 1
    while at < len(tests):  # groups of growing size: most mutants fail early, and a survivor needs few builds
        group = tests[at : at + n]
        if tree.build("asan", *{target for _, name in group for target in targets[name] or ["all"]}).returncode:
            return None
        failed = tree.test("asan", [name for _, name in group], 60 + 20 * max(group)[0])[0]
        if failed:
            return failed
        at, n = at + n, 2 * n
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skip", type=int, default=0, help="draw so many mutants first without trying them")
    parser.add_argument("--folder", default=ROOT / "build" / "mutants")
    args = parser.parse_args()
    tree = Tree(args.folder)
    built = tree.build("asan")
    if built.returncode:
        sys.exit(built.stdout + built.stderr)
    reached = find_reached(tree)
    targets = tree.tests("asan")
    reached = {name: what for name, what in reached.items() if name in targets}
    sources = {str(p.relative_to(tree.path)): p.read_text() for p in sorted((tree.path / "src").rglob("*.c"))}
    draw = random.Random(args.seed)
    tried = noticed = 0
    survivors = []
    while tried < args.count + args.skip:
        file = draw.choices(list(sources), [len(text) for text in sources.values()])[0]
        text, found = sources[file], places(sources[file])
        if not found:
            continue
        start, end, new = draw.choice(found)
        line = text.count("\n", 0, start) + 1
        if tried < args.skip:
            tried += 1
            continue
        (tree.path / file).write_text(text[:start] + new + text[end:])
        by = try_mutant(tree, targets, reached, file, line)
        (tree.path / file).write_text(text)
        if by is None:
            continue
        tried += 1
        noticed += by != ""
        what = f"{file}:{line}: {' '.join(text[start:end].split())[:60]} -> {new.strip() or 'nothing'}"
        print(f"{tried:4} {'killed by ' + by if by else 'SURVIVES':28} {what}", flush=True)
        if not by:
            survivors.append(what)
    print(
        f"\n{noticed} of {tried - args.skip} noticed, {100 * noticed / max(tried - args.skip, 1):.0f} %; survivors:",
        *survivors,
        sep="\n  ",
    )


if __name__ == "__main__":
    main()
