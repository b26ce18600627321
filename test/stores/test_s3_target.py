# SPDX-License-Identifier: BSD-3-Clause
"""Outputs in buckets of real servers, through build/*/test/target_command."""

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from servers import READ_ONLY, READ_ONLY_SECRET, request

PROGRAM = Path(os.environ["MICROTOME_COMMAND"]).parent / "test/target_command"
TARGET = "s3://lab/out folder.zarr"


def start(*words, target=TARGET, **options):
    words = [str(word) for word in (PROGRAM, target, *words)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def ask(*words, target=TARGET):
    """Status of the program, and what it printed."""
    process = start(*words, target=target)
    out, error = process.communicate(timeout=120)
    return process.returncode, out + error


def ok(*words, target=TARGET):
    status, out = ask(*words, target=target)
    assert status == 0, out
    return out


@pytest.fixture
def big(tmp_path):
    """A file of 32 MB, and its bytes."""
    content = np.random.default_rng(5).bytes(32_000_001)
    path = tmp_path / "big"
    path.write_bytes(content)
    return path, content


@pytest.mark.parametrize("which", ["seaweed", "rclone"])
def test_objects_are_published_replaced_listed_and_removed(which, as_lab, tmp_path, request):
    as_lab(request.getfixturevalue(which))
    small, empty = tmp_path / "small", tmp_path / "empty"
    small.write_bytes(b"the first")
    empty.write_bytes(b"")
    for key in ("c/0/1", "c/0/2", "c/ä +%41", "zarr.json"):
        ok("put", key, small)
        assert ok("get", key, 100) == b"the first"
        assert ok("size", key) == b"9\n"
    small.write_bytes(b"another")
    ok("put", "c/0/1", small)
    assert ok("get", "c/0/1", 100) == b"another"
    ok("put", "c/0/3", empty)
    assert ok("size", "c/0/3") == b"0\n"
    assert ok("get", "c/0/3", 100) == b""
    assert ok("list", "").split() == [b"c", b"zarr.json"]
    assert ok("list", "c/0").split() == [b"1", b"2", b"3"]
    assert ok("list", "d") == b""
    status, out = ask("get", "c/0/1", 6)
    assert (status, out.split()[0]) == (1, b"MT_E_LIMIT")
    for _ in range(2):
        ok("remove", "c/0/1")
        status, out = ask("size", "c/0/1")
        assert (status, out.split()[0]) == (1, b"MT_E_NOT_FOUND")
    for key in ("c/0/2", "c/0/3", "c/ä +%41", "zarr.json"):
        ok("remove", key)
    assert ok("list", "c/0") == b""


def test_large_objects(seaweed, as_lab, big):
    as_lab(seaweed)
    ok("put", "large", big[0])
    assert request(f"{seaweed.filer}/buckets/lab/out%20folder.zarr/large") == (200, big[1])
    ok("remove", "large")


def test_objects_in_parts(seaweed, as_lab, big):
    as_lab(seaweed)
    for _ in range(2):  # the second in place of the first
        ok("parts", "parts", big[0], 5 << 20)  # the least that S3 takes, of all but the last
        assert ok("size", "parts") == b"32000001\n"
        assert request(f"{seaweed.filer}/buckets/lab/out%20folder.zarr/parts") == (200, big[1])
    ok("remove", "parts")
    assert b"parts" not in ok("list", "").split()


def test_new_objects_replace_nothing(seaweed, as_lab):
    as_lab(seaweed)
    assert ok("new", "plan", "one") == b"made\n"
    assert ok("new", "plan", "two") == b"exists\n"
    assert ok("get", "plan", 100) == b"one"
    for i in range(5):
        racing = [start("new", f"race{i}", f"text {k}") for k in range(8)]
        outs = [process.communicate(timeout=60) for process in racing]
        assert sorted(out for out, _ in outs) == 7 * [b"exists\n"] + [b"made\n"], outs


def test_a_killed_writer_leaves_an_object_whole_or_none(seaweed, as_lab, big):
    as_lab(seaweed)
    began = time.monotonic()
    ok("put", "timed", big[0])
    seconds = time.monotonic() - began
    sizes = []
    for i in range(10):
        process = start("put", f"killed{i}", big[0])
        time.sleep(seconds * (i + 1) / 11)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        status, out = ask("size", f"killed{i}")
        sizes.append(int(out) if status == 0 else 0)
        assert status == 0 or out.startswith(b"MT_E_NOT_FOUND")
    assert set(sizes) <= {0, len(big[1])}
    assert 0 in sizes


def test_journals_of_several_processes(seaweed, as_lab):
    as_lab(seaweed)
    writers = [start("add", 77, 1200 * k, 1200) for k in range(2)]
    for writer in writers:
        _, error = writer.communicate(timeout=120)
        assert writer.returncode == 0, error
    lines = [tuple(map(int, line.split())) for line in ok("read", 77).splitlines()]
    assert lines == [(i, 10 * i, 7 * i, 2) for i in range(2400)]
    status, out = ask("read", 78)
    assert status == 1
    assert out.startswith(b"MT_E_ARGUMENT s3://lab/out folder.zarr/.microtome/unit-")
    ok("forget")
    assert ok("read", 78) == b""


def test_refusals(seaweed, as_lab, tmp_path):
    (tmp_path / "x").write_bytes(b"x")
    as_lab(seaweed, key=READ_ONLY, secret=READ_ONLY_SECRET)
    status, out = ask("put", "a", tmp_path / "x")
    assert status == 1
    assert out.startswith(b"MT_E_IO s3://lab/out folder.zarr/a: the server answered 403")
    as_lab(seaweed, secret="x" * 40)
    assert ask("put", "a", tmp_path / "x")[1].startswith(b"MT_E_IO")
    as_lab(seaweed)
    assert ask("size", "a")[1].startswith(b"MT_E_NOT_FOUND")
