#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Adds the licences of the bundled libraries to a wheel, as licenses/PACKAGE.txt in its dist-info.

Usage: tools/wheel_licenses.py RAW WHEEL. RAW is the wheel before auditwheel added the
libraries; the libraries that its extension module links to identify the Debian packages, which have the licences.
"""

import base64
import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def stem(name):
    """Return "liblber-2.5" for "liblber-2-1a2b3c4d.5.so.0.1" (auditwheel's name of it) and "liblber-2.5.so.0"."""
    return re.sub(r"-[0-9a-f]{8}(?=\.)|\.so.*", "", name)


def linked(raw):
    """Return the libraries that the extension module loads: stem to path."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(raw) as archive:
        [module] = [name for name in archive.namelist() if re.search(r"_core\b.*\.so$", name)]
        found = re.findall(r"=> (/\S+)", output("ldd", archive.extract(module, folder)))
    return {stem(Path(path).name): Path(path) for path in found}


def package_of(path):
    """Return the package of a library. With a merged /usr, dpkg may know it under the other path."""
    real = str(path.resolve())
    for name in (real, real.removeprefix("/usr"), f"/usr{real}"):
        run = subprocess.run(["dpkg", "-S", name], capture_output=True, text=True, check=False)
        if run.returncode == 0:
            return run.stdout.split(":")[0]
    raise SystemExit(f"wheel: no package has {path}, whose licence the wheel must carry")


def licenses(raw, wheel):
    paths = linked(raw)
    with zipfile.ZipFile(wheel) as archive:
        inside = [Path(name).name for name in archive.namelist() if "microtome.libs/lib" in name]
    packages = {package_of(paths[stem(name)]) for name in inside}
    return {name: Path(f"/usr/share/doc/{name}/copyright").read_bytes() for name in sorted(packages)}


def add(wheel, texts):
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(wheel.with_suffix(".new"), "w", zipfile.ZIP_DEFLATED) as new:
        [record] = [name for name in old.namelist() if name.endswith(".dist-info/RECORD")]
        lines = old.read(record).decode()
        for entry in old.infolist():
            if entry.filename != record:
                new.writestr(entry, old.read(entry))
        for package, text in texts.items():
            name = f"{record.removesuffix('RECORD')}licenses/{package}.txt"
            digest = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()
            lines += f"{name},sha256={digest},{len(text)}\n"
            new.writestr(name, text)
        new.writestr(record, lines)
    wheel.with_suffix(".new").replace(wheel)


def main():
    raw, wheel = map(Path, sys.argv[1:])
    texts = licenses(raw, wheel)
    add(wheel, texts)
    print(f"wheel: licences of {len(texts)} packages")


if __name__ == "__main__":
    main()
