# SPDX-License-Identifier: BSD-3-Clause
"""Writing images: any box in any order by any thread, and continuing what was left unfinished."""

import contextlib
import copy
import gc
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import microtome
import numpy as np
import pytest
from tilings import halve, random_options, random_options_of, random_pixels, random_tiling, read_plain

SUFFIXES = ["zarr", "tif", "zarr", "npy"]

PLANE = {"axes": "YX", "shape": (100, 130), "dtype": "uint16", "chunks": (32, 32)}


def read(path, axes, level=0):
    """The pixels of an image in its own axes."""
    if path.suffix == ".npy":
        return np.load(path)
    stack = microtome.open(path, level=level)
    sizes = dict(zip(stack.original_axes, stack.original_data_shape, strict=True))
    assert stack.original_axes == axes or path.suffix == ".tif"  # OME-TIFF has all axes
    return stack[...].reshape([sizes.get(axis, 1) for axis in axes])


def files(folder):
    """The content of a file, or of all files of a folder."""
    if folder.is_file():
        return folder.read_bytes()
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("seed", range(60))
def test_any_boxes_by_several_threads(tmp_path, seed):
    random = np.random.default_rng(seed)
    suffix = SUFFIXES[seed % 4]
    options = random_options_of(random, suffix)
    pixels = random_pixels(random, options["shape"], options["dtype"])
    boxes = random_tiling(random, pixels.shape, int(random.integers(1, 30)))
    with (
        microtome.create(tmp_path / f"a.{suffix}", **options, memory="100 MiB") as out,
        ThreadPoolExecutor(3) as threads,
    ):
        list(threads.map(lambda box: out.__setitem__(box, pixels[box]), boxes))
        out.flush()
        assert out.progress.n_done == out.progress.n_units
        assert out.progress.bytes_put == pixels.nbytes
    np.testing.assert_array_equal(read(tmp_path / f"a.{suffix}", options["axes"]), pixels)
    with microtome.create(tmp_path / f"b.{suffix}", **options) as out:
        out[...] = pixels
    assert files(tmp_path / f"a.{suffix}") == files(tmp_path / f"b.{suffix}")


@pytest.mark.parametrize("seed", range(40))
def test_continued_halfway(tmp_path, seed):
    random = np.random.default_rng(1000 + seed)
    suffix = SUFFIXES[seed % 4]
    options = random_options_of(random, suffix)
    pixels = random_pixels(random, options["shape"], options["dtype"])
    boxes = random_tiling(random, pixels.shape, 12)
    with microtome.create(tmp_path / f"whole.{suffix}", **options) as out:
        out[...] = pixels
    out = microtome.create(tmp_path / f"parts.{suffix}", **options)
    assert not out.resumed
    for box in boxes[: random.integers(len(boxes) + 1)]:
        out[box] = pixels[box]
    out.close()
    n_done = out.progress.n_done
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        out = microtome.create(tmp_path / f"parts.{suffix}", **options)
    assert out.resumed == (n_done > 0) and out.progress.n_resumed == n_done == out.progress.n_done
    assert [str(w.message).partition(": ")[2].split(" are done")[0] for w in told] == [
        f"continues an unfinished image: {out._count()}"
    ] * (n_done > 0)
    with out:
        for box in boxes:
            out.flush()
            assert out.done(box) == all(not _meet(box, unit) for unit in out.units())
            out[box] = pixels[box]
    assert files(tmp_path / f"parts.{suffix}") == files(tmp_path / f"whole.{suffix}")


def _meet(a, b):
    return all(x.start < y.stop and y.start < x.stop for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("shards", [False, (64, 96)])
def test_units_resume_a_loop(tmp_path, shards):
    pixels = random_pixels(np.random.default_rng(3), (100, 130), "u2") | 1
    out = microtome.create(tmp_path / "a.zarr", **PLANE, shards=shards)
    boxes = list(out.units())
    assert len(boxes) == out.progress.n_units == (4 if shards else 20)
    seen = np.zeros(pixels.shape, int)
    for box in boxes:
        seen[box] += 1
    assert (seen == 1).all()
    parts = [list(out.units((k, 3))) for k in range(3)]
    assert sum(parts, []) == boxes and max(map(len, parts)) - min(map(len, parts)) <= 1
    for box in parts[1]:
        out[box] = pixels[box]
    out.flush()
    assert list(out.units()) == parts[0] + parts[2] and not list(out.units((1, 3)))
    out.close()
    with pytest.warns(
        microtome.ImageWarning, match=f"{len(parts[1])} of {len(boxes)} {'shards' if shards else 'chunks'}"
    ):
        out = microtome.create(tmp_path / "a.zarr", **PLANE, shards=shards)
    with out:
        for box in out.units():
            out[box] = pixels[box]
        assert out.progress.n_skipped == 0
    np.testing.assert_array_equal(read(tmp_path / "a.zarr", "YX"), pixels)
    with pytest.raises(ValueError, match="part 3 of 3"):
        list(microtome.create(tmp_path / "b.zarr", **PLANE).units((3, 3)))


def test_assignment_is_that_of_numpy(tmp_path):
    random = np.random.default_rng(5)
    shape = (3, 5, 40, 30)
    expected = np.zeros(shape, np.int32)
    index = np.s_[
        (0,),
        (1, -1),
        (1, 0, slice(5, 25)),
        (1, 1, ..., slice(-4, None)),
        (2, slice(0, 2), 7, 9),
        (2, slice(2, 900), slice(None), slice(0, 0)),
        (2, slice(2, 4), slice(0, 3)),
        (-1, 4, slice(30, None, 1), 3),
    ]
    values = [
        random.integers(0, 9, n, np.int32)
        for n in [shape[1:], shape[2:], (20, 1), (4,), (), (1, 3, 40, 0), (1, 1, 2, 3, 1), (10,)]
    ]
    with microtome.create(tmp_path / "a.zarr", axes="TCYX", shape=shape, dtype="int32", chunks=(2, 2, 16, 16)) as out:
        for at, value in zip(index, values, strict=True):
            out[at] = expected[at] = value
        for at in [(0, 0, 0, 0, 0), (slice(0, 2, 2),), (slice(None, None, -1),), ([0, 1],), (3,), (-4,), (True,), "C"]:
            with pytest.raises(IndexError):
                out[at] = 1
        with pytest.raises(ValueError, match=r"shape \(3,\) does not fit into a box of \(40, 30\)"):
            out[1, 3] = np.zeros(3)
        with pytest.raises(TypeError):
            out[1, 3] = "text"
        with pytest.raises(TypeError):
            out[1, 3] = np.zeros((40, 30), complex)
    np.testing.assert_array_equal(read(tmp_path / "a.zarr", "TCYX"), expected)


def test_write_takes_any_array(tmp_path):
    pixels = np.arange(40 * 30, dtype=np.int16).reshape(40, 30)
    views = [pixels, pixels.T[::-1].copy().T[:, ::-1], np.asfortranarray(pixels), pixels.astype(">i2")]
    views += [pixels.astype(t) for t in ("<i8", ">f4", "f2", "u4")] + [
        pixels.tolist(),
        np.lib.stride_tricks.as_strided(pixels, writeable=False),
    ]
    pixels.flags.writeable = False
    for i, view in enumerate(views):
        with microtome.create(tmp_path / f"{i}.zarr", axes="YX", shape=(44, 30), dtype="int16") as out:
            out.write((4, 0), view)
        np.testing.assert_array_equal(read(tmp_path / f"{i}.zarr", "YX")[4:], pixels)
    out = microtome.create(tmp_path / "x.zarr", axes="YX", shape=(44, 30), dtype="int16")
    with pytest.raises(ValueError, match="2 axes"):
        out.write((0, 0), pixels[0])
    with pytest.raises(ValueError, match="2 axes"):
        out.write((0, 0, 0), pixels)
    with pytest.raises(TypeError, match="start must be an integer"):
        out.write((0, 0.5), pixels)
    for start in [(5, 0), (-1, 0), (0, 1), (2**62, 0)]:
        with pytest.raises(microtome.RangeError, match=r"x\.zarr: pixels"):
            out.write(start, pixels)
    with pytest.raises(ValueError, match="64 bits"):
        out.write((2**64, 0), pixels)
    out.close()


@pytest.mark.parametrize("dtype", ["uint16", "int8", "float32"])
@pytest.mark.parametrize("method", ["mean", "nearest"])
def test_pyramid(tmp_path, dtype, method):
    random = np.random.default_rng(7)
    pixels = random_pixels(random, (2, 70, 9, 101), dtype)
    options = {"axes": "CZYX", "shape": pixels.shape, "dtype": dtype, "chunks": (1, 16, 4, 16), "codec": "none"}
    with microtome.create(tmp_path / "a.zarr", **options, shards=False, pyramid=True, downsample=method) as out:
        for box in random_tiling(random, pixels.shape, 20):
            out[box] = pixels[box]
        assert out.levels == 4
    for level in range(4):
        found = read_plain(tmp_path / f"a.zarr/{level}")
        if dtype == "float32" and method == "mean":
            np.testing.assert_allclose(found, pixels, 1e-4, 1e-3)
        else:
            np.testing.assert_array_equal(found, pixels)
        np.testing.assert_array_equal(read(tmp_path / "a.zarr", "CZYX", level), found)
        pixels = halve(found, [d for d in (1, 2, 3) if found.shape[d] > 1], method)


def test_metadata_travels(tmp_path):
    channels = ["DAPI", {"name": "GFP", "color": (0, 255, 0), "window": (10, 200.5)}]
    with microtome.create(
        tmp_path / "a.zarr",
        axes="TCYX",
        shape=(2, 2, 8, 9),
        dtype="uint16",
        pixel_size={"T": 1.5, "Y": 0.25, "X": 0.5},
        unit={"T": "second", "Y": "micrometer", "X": "micrometer"},
        channels=channels,
    ) as out:
        out[...] = 5
    for how in ({}, {"ome": "0.4"}, {"pixel_size": {"X": 2.0}, "unit": {"X": "nanometer"}}, {"dtype": "float32"}):
        stack = microtome.open(tmp_path / "a.zarr")
        path = tmp_path / f"{how}.zarr"
        with microtome.create(path, like=stack, **how) as out:
            assert (out.axes, out.shape) == ("TCYX", (2, 2, 8, 9))
        copy = microtome.open(path)
        assert copy.pixel_size == {**stack.pixel_size, **how.get("pixel_size", {})}
        assert copy.units == {**stack.units, **how.get("unit", {})}
        assert copy.channel_names == ["DAPI", "GFP"] and copy.channel_colors[1] == (0, 255, 0)
        assert copy.data_dtype == how.get("dtype", "uint16")
    attributes = json.loads((tmp_path / "a.zarr/zarr.json").read_text())["attributes"]["ome"]
    assert attributes["omero"]["channels"][1]["window"] == {"min": 0, "max": 65535, "start": 10, "end": 200.5}
    order = microtome.from_array(np.zeros((5, 6, 3), np.uint8), "YXC")
    with microtome.create(tmp_path / "b.zarr", like=order) as out:
        assert (out.axes, out.shape, out.dtype) == ("CYX", (3, 5, 6), np.uint8)
    with microtome.create(tmp_path / "l.zarr", axes="YX", shape=(4, 4), dtype="u4", labels=True) as out:
        out[...] = 3
    with microtome.create(tmp_path / "m.zarr", like=microtome.open(tmp_path / "l.zarr")):
        pass
    assert "image-label" in json.loads((tmp_path / "m.zarr/zarr.json").read_text())["attributes"]["ome"]


def test_defaults_and_sizes(tmp_path):
    def shapes(**options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out = microtome.create(tmp_path / f"{len(list(tmp_path.iterdir()))}.zarr", **options)
        out.close()
        return out.chunks, out.shards

    volume = {"axes": "CZYX", "shape": (2, 100, 1000, 1000), "dtype": "u1"}
    assert shapes(**volume) == ((1, 64, 64, 64), None)
    assert shapes(**volume, chunks=(2, None, 100, -1)) == ((2, 64, 100, 1000), None)
    assert shapes(**volume, chunks={"Z": 10}, shards={"Z": 20, "X": -1}) == ((1, 10, 64, 64), (1, 20, 64, 1024))
    assert shapes(axes="YX", shape=(30000, 30000), dtype="u1", chunks=(64, 64))[1] is not None
    assert shapes(axes="YX", shape=(30000, 30000), dtype="u1", chunks=(64, 64), shards=False)[1] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"axes": "XY"}, "TCZYX in this order"),
        ({"axes": None}, "give axes=, such as"),
        ({"axes": "SYX", "shape": (1, 5, 5), "chunks": None}, "letters of TCZYX"),
        ({"shape": None}, "give shape=, or like="),
        ({"shape": (5,)}, "shape needs 2 sizes, for the axes 'YX', not 1"),
        ({"shape": (0, 5)}, "0 pixels along Y"),
        ({"dtype": None}, "no valid dtype"),
        ({"chunks": (1, 2, 3)}, "chunks needs 2 sizes, for the axes 'YX', not 3"),
        ({"chunks": (0, 2)}, "count from 1"),
        ({"chunks": {"Z": 2}}, "names Z"),
        ({"shards": (100, 100)}, "does not consist of chunks"),
        ({"codec": "jpeg"}, "is not one of zstd"),
        ({"codec": "zstd", "shuffle": "bit"}, "belongs to a blosc codec"),
        ({"ome": "0.3"}, "is not one of 0.5"),
        ({"ome": "0.4", "shards": (64, 64)}, "has no shards"),
        ({"pyramid": 0}, "number of levels"),
        ({"pyramid": 20}, "one pixel"),
        ({"downsample": "max"}, "is not one of mean"),
        ({"pixel_size": {"Z": 1}}, "names Z"),
        ({"pixel_size": {"X": float("nan")}}, "a pixel size of nan"),
        ({"channels": ["a", "b"]}, "2 channels"),
        ({"channels": "a"}, "a sequence"),
        ({"channels": [{"colour": 1}]}, "not colour"),
        ({"channels": [{"color": (1, 2)}]}, "red, green and blue"),
        ({"channels": [{"color": (1, 2, 256)}]}, "red, green and blue"),
        ({"channels": [{"window": (2, 1)}]}, "a window is"),
        ({"durability": "always"}, "durability must be"),
        ({"memory": "some"}, "number of bytes"),
        ({"memory": -1}, "not be negative"),
        ({"format": "png"}, "is not one of zarr, tiff, npy"),
    ],
)
def test_options_are_checked(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        microtome.create(tmp_path / "a.zarr", **{**PLANE, **options})
    assert not (tmp_path / "a.zarr").exists()


def test_arguments_are_explained(tmp_path):
    with pytest.raises(TypeError, match="pixel_size is a dict with an entry for each axis"):
        microtome.create(tmp_path / "a.zarr", **PLANE, pixel_size=0.1)
    for chunks in (32, "32"):
        with pytest.raises(TypeError, match="chunks is a size for each axis of 'YX'"):
            microtome.create(tmp_path / "a.zarr", **{**PLANE, "chunks": chunks})
    with pytest.raises(microtome.NotFoundError) as caught:
        microtome.create(tmp_path / "none/a.tif", axes="YX", shape=(9, 9), dtype="uint8")
    assert str(caught.value) == f"{tmp_path}/none/a.tif: there is no folder {tmp_path}/none; create it first"


def test_types_are_checked(tmp_path):
    for options in ({"dtype": "c8"}, {"like": 3}, {"context": 3}, {"unit": {"X": 3}}):
        with pytest.raises((TypeError, AttributeError)):
            microtome.create(tmp_path / "a.zarr", **{**PLANE, **options})
    with pytest.raises(ValueError, match="null"):
        microtome.create(tmp_path / "a.zarr", **PLANE, identity="a\0b")


def test_each_pixel_is_put_once(tmp_path):
    with microtome.create(tmp_path / "a.zarr", **PLANE) as out:
        out[:40, :40] = 1
        for index in np.s_[0, 0], np.s_[39, 39], np.s_[30:41, 39:41]:
            with pytest.raises(microtome.ArgumentError, match=r"a\.zarr: .*were put before"):
                out[index] = 2
    assert read(tmp_path / "a.zarr", "YX").sum() == 1600


def test_what_does_not_fit_into_memory_is_refused(tmp_path):
    out = microtome.create(tmp_path / "a.zarr", **PLANE, memory=5000)
    out[:32, :16] = 1
    out[:32, 16:32] = 1
    out[0, 40] = out[0, 70] = 1
    with pytest.raises(microtome.LimitError, match="memory budget"):
        out[0, 100] = 1
    assert out.progress.waiting_bytes <= 5000
    out.close()


@pytest.mark.parametrize("seed", range(20))
def test_little_memory(tmp_path, seed):
    """An order that fits is accepted, and a pyramid is built whatever is dropped meanwhile."""
    random = np.random.default_rng(2000 + seed)
    options = {**random_options(random), "pyramid": True}
    pixels = random_pixels(random, options["shape"], options["dtype"])
    with microtome.create(tmp_path / "a.zarr", **options) as out:
        out[...] = pixels
        shape = out.shards or out.chunks
    memory = 3 * int(np.prod(shape)) * pixels.itemsize
    with microtome.create(tmp_path / "b.zarr", **options, memory=memory, durability="never") as out:
        for box in out.units():
            out[box] = pixels[box]
    assert files(tmp_path / "a.zarr") == files(tmp_path / "b.zarr")


def test_values_are_converted_and_counted(tmp_path):
    values = np.array([[np.nan, 0.5, 1.5, 254.5, -3, 300, np.inf, 2.4999]])
    with pytest.warns(microtome.ImageWarning) as told:
        with microtome.create(tmp_path / "a.zarr", axes="YX", shape=(2, 8), dtype="uint8") as out:
            out[0] = out[1] = values
    assert [str(w.message).split("zarr: ")[1] for w in told] == [
        "2 NaN became 0 and 6 values were clipped to the range of uint8"
    ]
    assert told[0].filename == __file__
    assert read(tmp_path / "a.zarr", "YX")[1].tolist() == [0, 0, 2, 254, 0, 255, 255, 2]


def test_finish_tells_its_progress(tmp_path):
    told = []
    out = microtome.create(tmp_path / "a.zarr", axes="YX", shape=(64, 64), dtype="uint8", chunks=(8, 8), pyramid=2)
    out[:8] = 1
    with pytest.raises(microtome.ArgumentError, match="56 of 64 chunks are missing"):
        out.finish(all_required=True, progress=lambda *now: told.append(now))
    assert told == []
    out.finish(progress=lambda *now: told.append(now))
    assert told[-1] == (17, 17)  # a unit each of the second level, and that the image is complete
    out.finish(progress=lambda *now: told.append(now))
    assert told[-1] == (1, 1)
    out.close()


def test_an_exception_leaves_an_unfinished_image(tmp_path):
    with pytest.raises(RuntimeError, match="network") as raised:
        with microtome.create(tmp_path / "a.zarr", **PLANE) as out:
            out[:32] = 1
            raise RuntimeError("the network failed")
    assert raised.value.__notes__ == [
        f"{tmp_path}/a.zarr is unfinished, with 5 of 20 chunks done: the same call continues it."
    ]
    assert out.closed and out.progress.n_done == 5 and "closed" in repr(out)
    with pytest.raises(ValueError, match="closed"):
        out[50] = 1
    with pytest.warns(microtome.ImageWarning, match="the image is not finished"):
        microtome.open(tmp_path / "a.zarr")
    with pytest.warns(microtome.ImageWarning, match="5 of 20"):
        out = microtome.create(tmp_path / "a.zarr", **PLANE)
    with pytest.raises(microtome.ArgumentError, match="15 of 20 chunks are missing"):
        out.finish(all_required=True)
    out[32:] = 2
    out.finish(all_required=True)
    out.finish()
    with pytest.raises(microtome.ArgumentError, match="finished"):
        out[0] = 1
    out.close()
    out.close()


def test_nothing_that_exists_is_touched(tmp_path):
    for name in ("finished.zarr", "foreign.zarr", "other.zarr"):
        (tmp_path / name).mkdir()
    (tmp_path / "finished.zarr").rmdir()
    (tmp_path / "other.zarr").rmdir()
    (tmp_path / "foreign.zarr/notes.txt").write_text("mine")
    with microtome.create(tmp_path / "finished.zarr", **PLANE) as out:
        out[...] = 1
    microtome.create(tmp_path / "other.zarr", **PLANE, identity="network 1").close()
    before = files(tmp_path)
    for name, options, message in [
        ("finished.zarr", {}, "exists and is not an unfinished image"),
        ("foreign.zarr", {}, 'has "notes.txt"'),
        ("other.zarr", {"identity": "network 2"}, 'of "network 1", not "network 2"'),
        ("other.zarr", {"identity": "network 1", "codec": "gzip"}, "its codec"),
        ("other.zarr", {"identity": "network 1", "chunks": (16, 16)}, "its chunk_shape"),
        ("foreign.zarr/notes.txt", {"format": "zarr"}, "notes"),
    ]:
        with pytest.raises(microtome.Error, match=message) as raised:
            microtome.create(tmp_path / name, **{**PLANE, **options})
        assert str(tmp_path / name) in str(raised.value)
    assert {k: v for k, v in files(tmp_path).items() if "journal" not in k} == {
        k: v for k, v in before.items() if "journal" not in k
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(microtome.ReadError, match=r"[Pp]ermission"):
        microtome.create(tmp_path / "a.zarr", **PLANE)
    tmp_path.chmod(0o700)


def test_failure_to_publish(tmp_path):
    out = microtome.create(tmp_path / "a.zarr", **PLANE)
    out[:32] = 1
    out.flush()
    (tmp_path / "a.zarr/0/c/1").write_text("in the way of a folder")
    with contextlib.suppress(OSError):  # the first of several chunks may fail before the last is put
        out[32:64] = 2
    for call in (out.flush, lambda: out.write((64, 0), np.ones((1, 1))), out.finish):
        with pytest.raises(OSError, match=r"a\.zarr"):
            call()
    out.close()
    (tmp_path / "a.zarr/0/c/1").unlink()
    with pytest.warns(microtome.ImageWarning, match="5 of 20"):
        out = microtome.create(tmp_path / "a.zarr", **PLANE)
    with out:
        for box in out.units():
            out[box] = 2
    assert read(tmp_path / "a.zarr", "YX").sum() == 32 * 130 + 68 * 130 * 2


def test_lost_units_are_written_again(tmp_path):
    out = microtome.create(tmp_path / "a.zarr", **PLANE)
    out[:32] = 1
    out.close()
    (tmp_path / "a.zarr/0/c/0/1").unlink()
    (tmp_path / "a.zarr/0/c/0/2").write_bytes(b"short")
    with pytest.warns(microtome.ImageWarning, match="3 of 20 chunks are done; 2 were recorded and are missing"):
        out = microtome.create(tmp_path / "a.zarr", **PLANE)
    with out:
        out[...] = 1
    assert (read(tmp_path / "a.zarr", "YX") == 1).all()


# -- processes -----------------------------------------------------------------------


def test_pickles_and_copies_are_refused(tmp_path):
    out = microtome.create(tmp_path / "a.zarr", **PLANE)
    for make in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="a writer is not pickled"):
            make(out)
    out.close()


def _in_child(out, queue):
    found = []
    for call in (lambda: out.write((0, 0), np.ones((1, 1))), lambda: out.progress, out.finish, out.close):
        try:
            call()
            found.append(None)
        except RuntimeError as error:
            found.append(str(error))
    queue.put(found)


def test_fork(tmp_path):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with microtome.create(tmp_path / "a.zarr", **PLANE) as out:
        out[:50] = 1
        child = context.Process(target=_in_child, args=(out, queue))
        child.start()
        found = queue.get()
        child.join()
        assert child.exitcode == 0
        assert all("belongs to the process that made it" in text for text in found[:3]) and found[3] is None
        out[50:] = 1
    assert (read(tmp_path / "a.zarr", "YX") == 1).all()


CHILD = """
import sys, microtome, numpy as np, warnings
warnings.simplefilter("ignore")
out = microtome.create(sys.argv[1], axes="YX", shape=(100, 130), dtype="uint16", chunks=(32, 32), shards=(32, 64))
for box in out.units((int(sys.argv[2]), 3)):
    out[box] = int(sys.argv[2]) + 1
out.close()
"""


def test_several_processes_write_one_image(tmp_path):
    children = [subprocess.Popen([sys.executable, "-c", CHILD, tmp_path / "a.zarr", str(k)]) for k in range(3)]
    assert [child.wait() for child in children] == [0] * 3
    with pytest.warns(microtome.ImageWarning, match="12 of 12 shards"):
        out = microtome.create(tmp_path / "a.zarr", **PLANE, shards=(32, 64))
    out.finish(all_required=True)
    pixels = read(tmp_path / "a.zarr", "YX")
    assert sorted(np.unique(pixels)) == [1, 2, 3]


def test_forgotten_writer_warns(tmp_path):
    out = microtome.create(tmp_path / "a.zarr", **PLANE)
    with pytest.warns(ResourceWarning, match="was not finished"):
        del out
        gc.collect()


def test_close_while_others_write(tmp_path):
    options = {"axes": "YX", "shape": (10**8, 300), "dtype": "u1", "chunks": (100, 300), "shards": False}
    pixels = np.random.default_rng(1).integers(0, 255, (100, 300), np.uint8)
    out = microtome.create(tmp_path / "a.zarr", **options, durability="never", memory="1 MiB")

    def work(k):
        for i in range(k, 10**6, 4):
            try:
                out.write((100 * i, 0), pixels)
            except ValueError as error:
                return str(error)

    with ThreadPoolExecutor(4) as threads:
        results = [threads.submit(work, k) for k in range(4)]
        while out.progress.n_done < 40:
            time.sleep(0.01)
        out.close()
        assert {result.result() for result in results} == {"the writer is closed"}
    with pytest.warns(microtome.ImageWarning, match="continues"):
        again = microtome.create(tmp_path / "a.zarr", **options)
    assert again.progress.n_done >= out.progress.n_done >= 40
    again.close()
