# SPDX-License-Identifier: BSD-3-Clause
"""The disk cache for remote objects, with nginx counting requests."""

import os
import signal
import subprocess
import sys
import time

import microtome
import numpy as np
import pytest
from conftest import read_all


@pytest.fixture(scope="module")
def big(tmp_path_factory, nginx):
    """A file of 8 MiB, and its pixels."""
    pixels = np.random.default_rng(3).integers(0, 255, (2048, 4096), np.uint8)
    np.save(nginx.data / "big.npy", pixels)
    return pixels


def open_with(folder, url, **options):
    """Without a cache of decoded chunks, so that all is read from the disk or the server."""
    return microtome.open(url, context=microtome.Context(disk_cache=folder, cache_bytes=0, **options))


def read_somewhere(stack, pixels, seed):
    places = np.random.default_rng(seed).integers(0, 128 - 16, (300, 2))
    patches = stack.extract_patches(0, None, places, (16, 16), dtype=np.uint16)
    for patch, (y, x) in zip(patches, places, strict=True):
        assert np.array_equal(patch[0], pixels[y : y + 16, x : x + 16])


def test_a_second_pass_needs_no_requests(nginx, volume, tmp_path):
    stack = open_with(tmp_path / "cache", f"{nginx.http}/plain/volume.zarr")
    nginx.requests()
    read_somewhere(stack, volume[1], 1)
    first = nginx.requests()
    assert first >= 60
    read_somewhere(stack, volume[1], 2)
    assert nginx.requests() <= first / 100


def test_another_process_asks_once(nginx, big, tmp_path):
    url = f"{nginx.http}/plain/big.npy"
    read_all(open_with(tmp_path / "cache", url))
    nginx.requests()
    assert np.array_equal(read_all(open_with(tmp_path / "cache", url))[0, 0], big)
    assert nginx.requests() == 1


def test_an_object_that_has_changed_is_read_again(nginx, tmp_path):
    path, url = nginx.data / "changes.npy", f"{nginx.http}/plain/changes.npy"
    for value in 1, 2:
        np.save(path, np.full((64, 64), value, np.uint8))
        os.utime(path, (value * 1000, value * 1000))
        assert (read_all(open_with(tmp_path / "cache", url)) == value).all()


def files_of(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_broken_files_are_read_again(nginx, big, tmp_path):
    url = f"{nginx.http}/plain/big.npy"
    read_all(open_with(tmp_path / "cache", url))
    files = sorted(files_of(tmp_path / "cache"))
    assert len(files) >= 30
    for i, path in enumerate(files):
        content = bytearray(path.read_bytes())
        if i % 3 == 0:
            content = content[: len(content) // 2]
        elif i % 3 == 1:
            content[len(content) // 2] ^= 1
        path.write_bytes(content)
    assert np.array_equal(read_all(open_with(tmp_path / "cache", url))[0, 0], big)


def test_s3(seaweed, plane, as_lab, tmp_path):
    as_lab(seaweed)
    for _ in range(2):
        assert np.array_equal(read_all(open_with(tmp_path / "cache", "s3://lab/plane.npy"))[0, 0], plane[1])
    assert files_of(tmp_path / "cache")


def test_the_folder_stays_within_its_bytes(nginx, tmp_path):
    most = 16 << 20
    for i in range(3):
        np.save(nginx.data / f"part{i}.npy", np.full((2048, 4096), i, np.uint8))
        stack = open_with(tmp_path / "cache", f"{nginx.http}/plain/part{i}.npy", disk_cache_bytes=most)
        assert (read_all(stack) == i).all()
    assert 8 << 20 < sum(path.stat().st_size for path in files_of(tmp_path / "cache")) <= most


READER = """
import sys, microtome, numpy as np
context = microtome.Context(disk_cache=sys.argv[1], cache_bytes=0)
stack = microtome.open(sys.argv[2], context=context)
print("open", flush=True)
for seed in range(int(sys.argv[3])):
    places = np.random.default_rng(seed).integers(0, (2016, 4064), (100, 2))
    patches = stack.extract_patches(0, None, places, (32, 32), dtype=np.uint8)
    print(int(patches.sum()), flush=True)
"""


def start_reader(folder, url, n):
    return subprocess.Popen([sys.executable, "-c", READER, folder, url, str(n)], stdout=subprocess.PIPE)


def test_several_processes_and_kills(nginx, big, tmp_path):
    """Processes that share the folder, some of them killed while they fill it, leave nothing that is wrong."""
    folder, url = tmp_path / "cache", f"{nginx.http}/plain/big.npy"
    for i in range(4):
        victim = start_reader(folder, url, 50)
        victim.stdout.readline()
        time.sleep(0.01 * i)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    told = [reader.communicate()[0] for reader in [start_reader(folder, url, 4) for _ in range(3)]]
    assert len(set(told)) == 1
    assert np.array_equal(read_all(open_with(folder, url))[0, 0], big)


def test_a_folder_that_cannot_be_made(tmp_path):
    with pytest.raises(microtome.ReadError, match="cannot be made a folder"):
        microtome.Context(disk_cache=tmp_path / "none" / "cache")
    with pytest.raises(ValueError, match="negative"):
        microtome.Context(disk_cache=tmp_path, disk_cache_bytes=-1)
