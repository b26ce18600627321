# SPDX-License-Identifier: BSD-3-Clause
"""Images written to a bucket of a real server: whole, killed and continued, in parts, and refused.

The objects must be those of an image that was written to a folder, byte for byte.
"""

import os
import random
import re
import subprocess
import time
from pathlib import Path

import microtome
import numpy as np
import pytest
from servers import READ_ONLY, READ_ONLY_SECRET

COMMAND = os.environ["MICROTOME_COMMAND"]
LAYOUTS = {
    "chunks": ["--chunks", "2x64x64"],
    "pyramid": ["--chunks", "2x64x64", "--pyramid", "3"],
    "shards": ["--chunks", "1x32x32", "--shards", "2x128x64", "--codec", "zstd"],
    "shards and pyramid": ["--chunks", "1x32x32", "--shards", "2x64x64", "--codec", "zstd", "--pyramid", "3"],
    "0.4": ["--chunks", "2x64x64", "--pyramid", "2", "--ome", "0.4"],
}
INCOMPLETE = 3


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A file of 4 planes, in which some chunks are zeros, and its pixels."""
    y, x = np.mgrid[:300, :260]
    pixels = np.stack([(y * 7 + x * (z + 3)) % 4001 for z in range(4)]).astype(np.uint16)
    pixels += np.random.default_rng(6).integers(0, 9, pixels.shape, np.uint16)
    pixels[:, 128:192, :130] = 0
    path = tmp_path_factory.mktemp("image") / "in.npy"
    np.save(path, pixels)
    return path, pixels


@pytest.fixture(scope="module")
def in_folder(image, tmp_path_factory):
    """The files of an image that was written to a folder, by layout."""
    folder, made = tmp_path_factory.mktemp("local"), {}

    def write(layout):
        if layout not in made:
            root = folder / f"{len(made)}.zarr"
            ok(*convert(image, root, layout))
            files = [path for path in root.rglob("*") if path.is_file()]
            made[layout] = {path.relative_to(root).as_posix(): path.read_bytes() for path in files}
        return made[layout]

    return write


@pytest.fixture
def lab(seaweed, as_lab):
    """The server, to whose bucket "lab" the command may write."""
    as_lab(seaweed)
    return seaweed


def start(*words):
    return subprocess.Popen([COMMAND, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process):
    """Exit status of the command, and what it said."""
    out, error = process.communicate(timeout=30)
    return process.returncode, out + error


def ok(*words, status=0):
    found, said = end(start(*words))
    assert found == status, (words, said)
    return said


def convert(image, out, layout, *more):
    """The words of a command."""
    return ["convert", image[0], out, "--axes", "ZYX", *LAYOUTS[layout], *more]


def objects(server, name):
    """The objects of an image without those of its journal, and the names of these."""
    found = server.objects(f"lab/{name}")
    journal = [key for key in found if key.startswith(".microtome/")]
    return {key: found[key] for key in found.keys() - set(journal)}, journal


def check(server, name, image, expected):
    """A complete image."""
    url = f"s3://lab/{name}"
    assert ok("status", url) == f"{url}: complete\n"
    with microtome.open(image[0], axes="ZYX") as source, microtome.open(url) as copy:
        assert copy.checksum() == source.checksum()
        np.testing.assert_array_equal(copy.extract_patch(0, [0], (0, 0, 0), image[1].shape)[0], image[1])
    assert objects(server, name)[0] == expected


@pytest.mark.parametrize("layout", LAYOUTS)
def test_objects_are_the_files_of_a_folder(layout, lab, image, in_folder):
    name = f"{layout}.zarr"
    words = convert(image, f"s3://lab/{name}", layout)
    ok(*words, "--verify")
    check(lab, name, image, in_folder(layout))
    assert objects(lab, name)[1] == []
    assert ok(*words) == f"s3://lab/{name}: already complete\n"
    other = convert(image, f"s3://lab/{name}", layout, "--level", "0", "--dtype", "float32")
    assert "exists and is not an unfinished image" in ok(*other, status=1)


@pytest.mark.parametrize("layout", ["pyramid", "shards and pyramid"])
def test_a_killed_conversion_continues(layout, lab, image, in_folder):
    chance = random.Random(11)
    began = time.monotonic()
    ok(*convert(image, f"s3://lab/timed {layout}.zarr", layout))
    seconds = time.monotonic() - began
    unfinished = []
    for i in range(5):
        name = f"killed {layout} {i}.zarr"
        words = convert(image, f"s3://lab/{name}", layout)
        process = start(*words)
        time.sleep(seconds * (i + chance.random()) / 5)
        process.kill()
        process.communicate()
        status, said = end(start("status", f"s3://lab/{name}"))
        done = n = 0
        if status == INCOMPLETE:
            done, n = map(int, re.search(r"incomplete, (\d+) of (\d+) (?:chunks|shards)\n", said).groups())
            unfinished.append(done)
        if 0 < done < n:  # with all units, only the removal of the journal may be missing
            with pytest.warns(microtome.ImageWarning, match="not finished"):
                microtome.open(f"s3://lab/{name}").close()
        said = ok(*words)
        if done:
            assert f"resuming: {done} of {n} " in said
        check(lab, name, image, in_folder(layout))
        assert objects(lab, name)[1] == [] or "already complete" in said
    assert any(unfinished), "no process was killed while it wrote"


def test_a_conversion_killed_again_and_again(lab, image, in_folder):
    chance = random.Random(5)
    words = convert(image, "s3://lab/again.zarr", "pyramid", "--threads", "2")
    for _ in range(5):
        process = start(*words)
        time.sleep(chance.uniform(0.03, 0.15))
        process.kill()
        process.communicate()
    ok(*words)
    check(lab, "again.zarr", image, in_folder("pyramid"))


@pytest.mark.parametrize("layout", ["pyramid", "shards and pyramid"])
def test_parts_at_once(layout, lab, image, in_folder):
    name = f"parts of {layout}.zarr"
    url = f"s3://lab/{name}"
    words = [convert(image, url, layout, "--part", part) for part in ("1/2", "2/2")]
    ok(*words[1], status=INCOMPLETE)
    assert re.search(r"incomplete, (\d+) of \d+ ", ok("status", url, status=INCOMPLETE)).group(1) != "0"
    assert "are missing: repeat the commands that write them" in ok("finish", url, status=INCOMPLETE)
    killed = start(*words[0])
    time.sleep(0.08)
    killed.kill()
    killed.communicate()
    both = [start(*one) for one in words]
    assert [end(process)[0] for process in both] == [INCOMPLETE, INCOMPLETE]
    assert ok("finish", url) == f"{url}: complete\n"
    check(lab, name, image, in_folder(layout))


def test_several_finish_at_once(lab, image, in_folder):
    """Wherever one process is when another begins, both end well."""
    for delay in np.arange(0, 0.08, 0.01):
        name = f"finished after {delay:.2f}.zarr"
        url = f"s3://lab/{name}"
        ok(*convert(image, url, "pyramid", "--part", "1/1"), status=INCOMPLETE)
        first = start("finish", url)
        time.sleep(delay)
        for process in (start("finish", url), first):
            assert end(process) in [(0, f"{url}: {state}\n") for state in ("complete", "already complete")]
        check(lab, name, image, in_folder("pyramid"))


def test_collections(lab, image):
    url = "s3://lab/several.zarr"
    words = ["convert", image[0], url, "--axes", "SYX", "--join", "S", "--chunks", "128x128"]
    process = start(*words)
    while not lab.objects("lab/several.zarr"):
        time.sleep(0.001)
    process.kill()
    process.communicate()
    assert re.search(r"incomplete, [0-3] of 4 images", ok("status", url, status=INCOMPLETE))
    assert "missing: repeat the commands that write them" in ok("finish", url, status=INCOMPLETE)
    ok(*words, "--part", "1/2", status=INCOMPLETE)
    ok(*words, "--part", "2/2", status=INCOMPLETE)
    assert "incomplete, 0 of 4 images, 36 of 36 chunks" in ok("status", url, status=INCOMPLETE)
    assert ok("finish", url) == f"{url}: complete\n"
    assert ok("status", url) == f"{url}: complete\n"
    for i, plane in enumerate(image[1]):
        with microtome.open(f"{url}#{i}") as copy:
            np.testing.assert_array_equal(copy.extract_patch(0, [0], (0, 0), plane.shape)[0], plane)


@pytest.mark.parametrize("shards", [False, (2, 128, 128)])
def test_python_writes(shards, lab, image):
    url = f"s3://lab/python {bool(shards)}.zarr"
    options = {"axes": "ZYX", "shape": image[1].shape, "dtype": "uint16", "chunks": (2, 64, 64), "shards": shards}
    options |= {"pyramid": 2}
    with pytest.raises(RuntimeError, match="stop"), microtome.create(url, **options) as out:
        out[:2] = image[1][:2]
        out.flush()
        raise RuntimeError("stop")
    with pytest.warns(microtome.ImageWarning, match="not finished"):
        microtome.open(url).close()
    with pytest.warns(microtome.ImageWarning, match="continues an unfinished"):
        again = microtome.create(url, **options)
    with again as out:
        assert 2 * out.progress.n_resumed == out.progress.n_units
        out[2:] = image[1][2:]
    with microtome.open(url) as copy:
        np.testing.assert_array_equal(copy.extract_patch(0, [0], (0, 0, 0), image[1].shape)[0], image[1])
    with microtome.open(url, level=1) as half:
        assert half.data_shape[3:] == (150, 130)
    assert objects(lab, Path(url).name)[1] == []


@pytest.mark.parametrize("name", ["a.tif", "a.npy"])
def test_files_are_refused(name, lab, image):
    said = ok("convert", image[0], f"s3://lab/{name}", "--axes", "ZYX", status=1)
    assert "cannot be written to an object store: write it to a folder, and copy the finished file" in said
    with pytest.raises(microtome.UnsupportedError, match="object store"):
        microtome.create(f"s3://lab/{name}", axes="YX", shape=(8, 8), dtype="uint8")
    assert lab.objects(f"lab/{name}.partial") == {}


def test_places_without_access_are_refused(seaweed, as_lab, image):
    def refused(url="s3://lab/refused.zarr"):
        with pytest.raises(microtome.Error) as error:
            microtome.create(url, axes="YX", shape=(8, 8), dtype="uint8")
        said = ok(*convert(image, url, "chunks"), status=1)
        assert said.startswith(f"microtome: {url}: ")
        assert said.count("\n") == 1
        return said, str(error.value)

    as_lab(seaweed)
    for said in refused("s3://absent/refused.zarr"):
        assert "404 NoSuchBucket" in said
    as_lab(seaweed, secret="x" * 40)
    for said in refused():
        assert "403 SignatureDoesNotMatch" in said
        assert "signed with the keys of the environment" in said
    as_lab(seaweed, key="x" * 20)
    for said in refused():
        assert "403 InvalidAccessKeyId" in said
    as_lab(seaweed, key=READ_ONLY, secret=READ_ONLY_SECRET)
    for said in refused():
        assert "403 AccessDenied" in said
    as_lab("http://127.0.0.1:1")
    for said in refused():
        assert "connect to 127.0.0.1 port 1" in said
    assert seaweed.objects("lab/refused.zarr") == {}


def test_outputs_and_inputs_are_apart(lab, image):
    url = "s3://lab/apart/in.zarr"
    ok(*convert(image, url, "chunks"))
    before = lab.objects("lab/apart")
    for out, words in ((url, "is an input"), (f"{url}/out.zarr", "lies inside"), ("s3://lab/apart", "contains")):
        for source in (url, f"{url}/", f"{url}#"):
            assert words in ok("convert", source, out, "--format", "zarr", status=1)
        with pytest.raises(microtome.ArgumentError, match="contain one another"):
            microtome.convert(url, out, format="zarr", progress=False)
    assert lab.objects("lab/apart") == before
    ok("convert", url, "s3://lab/apart/in.zarr2.zarr", "--verify")
