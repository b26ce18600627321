#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tests the wheel of tools/wheel.sh in empty environments.

With the oldest and the newest supported CPython of this machine, and the oldest and the newest NumPy. Then tests
`pip install .` and `pip install -e .` in the same way.

Usage: tools/check_wheel.py
"""

import glob
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST = (3, 11)
# Besides PATH: the distribution, pyenv, uv, conda and CI caches.
PLACES = [
    "/usr/bin",
    "/usr/local/bin",
    "/opt/*/bin",
    "/opt/*/*/bin",
    "~/.pyenv/versions/*/bin",
    "~/.local/share/uv/python/*/bin",
    "~/*conda*/envs/*/bin",
    "/opt/hostedtoolcache/Python/*/*/bin",
]
WHO = "import sys, ensurepip, venv; print(sys.implementation.name, *sys.version_info[:3])"


def interpreters():
    """Return the CPythons that the wheel supports and that can create environments, oldest first: version to program."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    folders += [folder for place in PLACES for folder in sorted(glob.glob(os.path.expanduser(place)))]
    found = {}
    for folder in dict.fromkeys(folders):
        for program in sorted(glob.glob(os.path.join(folder or ".", "python3*"))):
            if not re.fullmatch(r"python3(\.\d+)?", os.path.basename(program)):
                continue
            run = subprocess.run([program, "-c", WHO], capture_output=True, text=True, check=False)
            name, *version = run.stdout.split() or [""]
            version = tuple(map(int, version))
            if run.returncode == 0 and name == "cpython" and version >= OLDEST:
                found.setdefault(version, program)
    return dict(sorted(found.items()))


def check(program, numpy, what, name):
    """Install the given pip arguments and numpy, and run the test of the installed package."""
    print(f"{name}, {program}, {numpy}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "-m", "venv", f"{folder}/env"], check=True)
        python = f"{folder}/env/bin/python"
        for arguments in [numpy], what:
            subprocess.run(
                [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *arguments], check=True
            )
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        environment.setdefault("MICROTOME_TEST_DATA", str(ROOT / "../shared/data"))
        subprocess.run([python, ROOT / "test/wheel/installed.py"], check=True, cwd=folder, env=environment)


def check_licenses(wheel):
    """Check that the wheel has the licence of each library inside (tools/wheel_licenses.py adds them)."""
    with zipfile.ZipFile(wheel) as archive:
        libraries = [name for name in archive.namelist() if "microtome.libs/lib" in name]
        texts = [archive.read(name) for name in archive.namelist() if "/licenses/lib" in name]
    if libraries and not (texts and all(b"opyright" in text for text in texts)):
        sys.exit(f"{wheel}: {len(libraries)} libraries, and the licences of {len(texts)} packages")


def main():
    [wheel] = (ROOT / "build/dist").glob("microtome-*.whl")
    check_licenses(wheel)
    found = list(interpreters().values())
    if not found:
        sys.exit(f"there is no CPython of {'.'.join(map(str, OLDEST))} or later")
    requirement = re.search(r'"numpy>=([0-9.]+)"', (ROOT / "pyproject.toml").read_text())[1]
    numpys = [f"numpy=={requirement}.*", "numpy"]
    for program, numpy in zip([found[0], found[-1]], numpys, strict=True):
        check(program, numpy, ["--no-deps", str(wheel)], "the wheel")
    check(found[0], "numpy", [str(ROOT)], "pip install .")
    check(found[-1], "numpy", ["-e", str(ROOT)], "pip install -e .")


if __name__ == "__main__":
    main()
