# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of interrupted conversions share: images, digests of outputs, libraries for LD_PRELOAD."""

import hashlib
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # where a sync costs nothing
SOURCES = Path(__file__).resolve().parents[1] / "write"


def write_image(path, shape, seed=1):
    """A NPY file of uint16 that compresses a little, and of which some chunks are zeros."""
    count = 1
    for n in shape:
        count *= n
    rows, width = count // shape[-1], shape[-1]
    state, data = seed, bytearray()
    for y in range(rows):
        state = (state * 1103515245 + 12345) % 2**31
        base = 0 if y // 64 % 4 == 3 else 1 + state % 5000
        data += struct.pack(f"<{width}H", *[base and (base + x * (y % 7 + 1)) % 65536 for x in range(width)])
    header = f"{{'descr': '<u2', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    Path(path).write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + data)


def digest(path):
    """The SHA-256 of each file of an output, which must be complete: nothing of a writer is left in it or beside it."""
    path = Path(path)
    if path.is_file():
        found = {"": hashlib.sha256(path.read_bytes()).hexdigest()}
    else:
        found = {
            str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(path.rglob("*"))
            if file.is_file()
        }
    left = [name for name in found if ".microtome" in name or name.endswith(".partial")]
    left += [name for name in os.listdir(path.parent) if name.startswith(path.name) and name != path.name]
    assert not left, f"left behind: {left}"
    return found


def remove(path):
    """Removes an output, also an unfinished one."""
    for name in (path, path + ".partial"):
        if os.path.isdir(name):
            shutil.rmtree(name)
        elif os.path.exists(name):
            os.remove(name)


def grid(out):
    """Options of an image of some tens of pixels, so that it has several chunks."""
    return ["--chunks", "16x0"] if out.endswith(".npy") else ["--chunks", "32x32", "--pyramid", "2"]


def is_there_already(out, code, words):
    """Whether a conversion found the finished file of an earlier one, which may have left an empty folder beside it. NPY
    does not keep the request, by which others tell."""
    found = code == 1 and "out.npy: the file exists" in words
    if found:
        assert not os.path.exists(out + ".partial/.microtome/plan.json") and not os.path.exists(out + ".partial/data")
        shutil.rmtree(out + ".partial", ignore_errors=True)
    return found


def build_library(name, folder):
    """Compiles a library for LD_PRELOAD; None if that is not possible here."""
    if not sys.platform.startswith("linux") or not shutil.which(os.environ.get("CC", "cc")):
        return None
    out = str(Path(folder) / f"{name}.so")
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, "-O1", "-Wall", "-shared", "-fPIC", "-o", out, SOURCES / f"{name}.c", "-ldl"], check=True)
    return out


def preloaded(library, **variables):
    """The environment of a command with a library. Sanitizers, which want to be first, allow it."""
    before = os.environ.get("ASAN_OPTIONS")
    options = "verify_asan_link_order=0" + (":" + before if before else "")
    return {**os.environ, "LD_PRELOAD": library, "ASAN_OPTIONS": options, **{k: str(v) for k, v in variables.items()}}
