# SPDX-License-Identifier: BSD-3-Clause
"""Converting images: everything that is read to everything that is written."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings

import microtome
import numpy as np
import pytest
from images import write_array, write_ome_zarr
from tilings import DTYPES, random_options, random_pixels

QUIET = {"progress": False, "durability": "never"}


def read(path, axes):
    """The pixels of an image in its own axes."""
    stack = microtome.open(path)
    assert stack.original_axes == axes
    return stack[...].reshape(stack.original_data_shape)


@pytest.mark.parametrize("seed", range(60))
def test_any_image(tmp_path, seed):
    random = np.random.default_rng(seed)
    axes = list("".join(axis for axis in "STCZ" if random.integers(2)) + "YX")
    axes = "".join(random.permutation(axes))
    shape = [int(random.integers(1, 40 if axis in "YX" else 4)) for axis in axes]
    pixels = random_pixels(random, shape, random.choice(DTYPES))
    options = random_options(random)
    for name in ("axes", "shape", "chunks", "shards", "dtype"):
        del options[name]
    order = [axis for axis in "TCZYX" if axis in axes]
    options["chunks"] = {axis: 2 * int(random.integers(1, 9)) for axis in order}
    if random.integers(2):
        stack = microtome.from_array(pixels, axes)
    else:
        np.save(tmp_path / "a.npy", pixels if random.integers(2) else np.asfortranarray(pixels))
        stack = microtome.open(tmp_path / "a.npy", axes)
    region = {}
    expected = pixels
    if "S" in axes:
        sample = int(random.integers(pixels.shape[axes.index("S")]))
        region["S"] = sample
        expected = expected.take(sample, axes.index("S"))
    left = [axis for axis in axes if axis != "S"]
    expected = expected.transpose([left.index(axis) for axis in order])
    for d, axis in enumerate(order):
        n = expected.shape[d]
        if random.integers(3) == 0:
            start = int(random.integers(n))
            stop = int(random.integers(start + 1, n + 1))
            region[axis] = [slice(start, stop), (start, stop), slice(start - n, stop)][random.integers(3)]
            expected = expected.take(range(start, stop), d)
    assert microtome.convert(stack, tmp_path / "a.zarr", region=region, **options, **QUIET).n_nan == 0
    np.testing.assert_array_equal(read(tmp_path / "a.zarr", "".join(order)), expected)
    assert microtome.convert(tmp_path / "a.zarr", tmp_path / "b.npy", verify=True, **QUIET).n_done
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), expected)
    if expected.dtype.name in ("uint8", "int16", "float32"):
        assert microtome.convert(tmp_path / "a.zarr", tmp_path / "c.tif", verify=True, **QUIET).n_done


def test_every_format(tmp_path, data):
    seen = {}
    for file in sorted(data.rglob("*")):
        if file.suffix not in (".tif", ".czi", ".h5", ".lsm", ".npy") or file.stat().st_size > 2e6:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                stack = microtome.open(file)
        except (microtome.Error, microtome.ImageWarning):
            continue
        kind = (stack.format, stack.codecs, stack.data_dtype, stack.original_axes)
        if kind in seen or "S" in stack.original_axes or not 0 < stack.nbytes < 1e7:
            continue
        seen[kind] = file
        out = tmp_path / f"{len(seen)}.zarr"
        microtome.convert(stack, out, verify=True, pyramid=True, **QUIET)
        sizes = {axis: size for axis, size in stack.pixel_size.items() if axis != "C"}
        copy = microtome.open(out)
        assert {axis: copy.pixel_size.get(axis) for axis in sizes} == pytest.approx(sizes), file
        shutil.rmtree(out)
    assert len(seen) > 20 and {kind[0] for kind in seen} >= {"tiff", "czi"}


def test_metadata_of_selected_channels(tmp_path):
    pixels = np.arange(3 * 20 * 30, dtype=np.uint16).reshape(3, 20, 30)
    channels = [("DAPI", "0000FF"), ("GFP", "00FF00"), ("Cy5", "FF0000")]
    units = {"Y": "micrometer", "X": "micrometer"}
    write_ome_zarr(tmp_path / "a.zarr", pixels, "CYX", (1, 10, 10), channels, scale=[1, 0.25, 0.5], units=units)
    for chosen, numbers in [
        (["Cy5", "DAPI"], [2, 0]),
        ([0, "GFP", 0], [0, 1, 0]),
        ("GFP", [1]),
        (2, [2]),
        (slice(1, None), [1, 2]),
    ]:
        out = tmp_path / f"{len(list(tmp_path.iterdir()))}.zarr"
        microtome.convert(tmp_path / "a.zarr", out, region={"C": chosen}, **QUIET)
        copy = microtome.open(out)
        np.testing.assert_array_equal(copy[0], pixels[numbers])
        assert copy.channel_names == [channels[i][0] for i in numbers]
        assert copy.channel_colors == [tuple(bytes.fromhex(channels[i][1])) for i in numbers]
        assert [window for _, _, window in copy._channels] == [(0, 255)] * len(numbers)
        assert copy.pixel_size == {"C": 1, "Y": 0.25, "X": 0.5} or copy.pixel_size == {"Y": 0.25, "X": 0.5}
        assert copy.units == units
    microtome.convert(
        tmp_path / "a.zarr", tmp_path / "named.zarr", channels=["a", "b", "c"], pixel_size={"X": 2}, **QUIET
    )
    copy = microtome.open(tmp_path / "named.zarr")
    assert copy.channel_names == ["a", "b", "c"] and (copy.pixel_size["X"], copy.pixel_size["Y"]) == (2, 0.25)


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("a.zarr", []),
        ("a.tif", ["display windows, the mark of label images"]),
        ("a.npy", ["pixel sizes, names of channels, display windows, the mark of label images"]),
    ],
)
def test_lost_metadata_are_told_once(tmp_path, name, lost):
    source = microtome.from_array(np.ones((1, 20, 30), np.uint16), "CYX")
    more = {"channels": [{"name": "DAPI", "window": (0, 9)}], "pixel_size": {"X": 0.5}, "labels": True}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        microtome.convert(source, tmp_path / name, **more, **QUIET)
    assert [str(one.message).partition("cannot keep it: ")[2] for one in told] == lost
    assert all(one.category is microtome.ImageWarning and one.filename == __file__ for one in told)


@pytest.mark.parametrize("join", "TCZ")
def test_joined(tmp_path, join):
    random = np.random.default_rng(4)
    images = [random.integers(0, 999, (2, n, 20, 30), np.uint16) for n in (3, 1, 4)]
    axes = {"T": "CTYX", "C": "TCYX", "Z": "CZYX"}[join]
    stacks = [microtome.from_array(image, axes) for image in images]
    joined = np.concatenate(images, axes.index(join))
    order = [axis for axis in "TCZYX" if axis in axes]
    joined = joined.transpose([axes.index(axis) for axis in order])
    microtome.convert(stacks, tmp_path / "a.zarr", join=join, chunks={join: 3}, **QUIET)
    np.testing.assert_array_equal(read(tmp_path / "a.zarr", "".join(order)), joined)
    planes = [microtome.from_array(image[0, 0], "YX") for image in images]
    microtome.convert(planes, tmp_path / "b.zarr", join=join, region={"Y": (3, 9)}, **QUIET)
    np.testing.assert_array_equal(read(tmp_path / "b.zarr", join + "YX"), [image[0, 0, 3:9] for image in images])
    with pytest.raises(microtome.ArgumentError, match="cannot be joined"):
        microtome.convert([planes[0], microtome.from_array(images[0][0, 0, 1:], "YX")], tmp_path / "c.zarr", join=join)


def test_joined_types(tmp_path):
    planes = [np.full((20, 30), 7, np.uint8), np.full((20, 30), 0.5, np.float32)]
    stacks = [microtome.from_array(plane, "YX") for plane in planes]
    for order in (stacks, stacks[::-1]):
        with pytest.raises(microtome.ArgumentError, match=r"(uint8.*float32|float32.*uint8).*the type with dtype="):
            microtome.convert(order, tmp_path / "a.zarr", join="Z", **QUIET)
        assert not (tmp_path / "a.zarr").exists()
    microtome.convert(stacks, tmp_path / "a.zarr", join="Z", dtype="float32", **QUIET)
    np.testing.assert_array_equal(read(tmp_path / "a.zarr", "ZYX"), planes)
    big = microtome.from_array(planes[0].astype(">u2"), "YX")
    microtome.convert(
        [big, microtome.from_array(planes[0].astype("<u2"), "YX")], tmp_path / "b.zarr", join="Z", **QUIET
    )
    assert (read(tmp_path / "b.zarr", "ZYX") == 7).all()


def test_objects_are_converted(tmp_path):
    class Own:
        source, data_shape, data_dtype = "own", (1, 1, 40, 50), np.dtype("float32")
        original_data_shape, original_axes = (40, 50), "YX"

        def extract_patch(self, sample_idx, channels, coords, patch_size):
            if self.fails:
                raise KeyError("no such frame")
            y, x = (np.arange(c, c + n) for c, n in zip(coords, patch_size, strict=True))
            return (y[:, None] * 100 + x)[None].astype(np.float32)

    own = Own()
    own.fails = True
    with pytest.raises(KeyError, match="no such frame"):
        microtome.convert(own, tmp_path / "a.zarr", **QUIET)
    own.fails = False
    microtome.convert(own, tmp_path / "a.zarr", **QUIET)
    np.testing.assert_array_equal(read(tmp_path / "a.zarr", "YX"), np.arange(40)[:, None] * 100 + np.arange(50))


def test_values_are_converted(tmp_path):
    pixels = np.array([[np.nan, 0.5, 1.5, -4, 70000, 2.5]], np.float32)
    stack = microtome.from_array(pixels, "YX")
    with pytest.warns(
        microtome.ImageWarning, match="1 NaN became 0 and 2 values were clipped to the range of uint16"
    ) as told:
        done = microtome.convert(stack, tmp_path / "a.zarr", dtype="uint16", **QUIET)
    assert told[0].filename == __file__ and (done.n_nan, done.n_clipped) == (1, 2)
    assert read(tmp_path / "a.zarr", "YX").tolist() == [[0, 0, 2, 0, 65535, 2]]


# -- continuing ----------------------------------------------------------------------


@pytest.fixture
def large(tmp_path):
    """An image of 60 x 60 chunks whose conversion takes a while."""
    path = tmp_path / "large.zarr"
    pixels = np.random.default_rng(2).integers(0, 5000, (1200, 1200), np.uint16)
    write_array(path, pixels, (200, 200))
    return path, pixels


def options(**more):
    return {"chunks": (32, 32), "codec": "gzip", "pyramid": True, **QUIET, **more}


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_ctrl_c_leaves_an_image_that_is_continued(tmp_path, large):
    path, _ = large
    microtome.convert(path, tmp_path / "whole.zarr", **options())
    code = f"""
import microtome
def tell(done, total):
    print(done, flush=True)
microtome.convert({str(path)!r}, {str(tmp_path / "a.zarr")!r}, chunks=(32, 32), codec="gzip", pyramid=True, progress=tell,
                  memory="1 MiB")
"""
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        child.stdout.readline()
        time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        _, error = child.communicate()
        if child.returncode == 0:
            break
        assert b"KeyboardInterrupt" in error and b"a.zarr is unfinished, with" in error, error
    if not child.returncode:
        assert microtome.convert(path, tmp_path / "a.zarr", **options()) is None
    else:
        with pytest.warns(microtome.ImageWarning, match="continues an unfinished image"):
            assert microtome.convert(path, tmp_path / "a.zarr", **options()).n_resumed > 0
    assert tree(tmp_path / "a.zarr") == tree(tmp_path / "whole.zarr")


def test_a_failing_callback_ends_the_call(tmp_path, large):
    def fail(done, total):
        raise ZeroDivisionError("in the callback")

    with pytest.raises(ZeroDivisionError, match="in the callback") as raised:
        microtome.convert(large[0], tmp_path / "a.zarr", **options(progress=fail))
    assert "unfinished" in raised.value.__notes__[0]


def test_progress_ends_with_all(tmp_path, large):
    calls = []
    microtome.convert(large[0], tmp_path / "a.zarr", **options(progress=lambda *call: calls.append(call)))
    assert calls[-1] == (38**2, 38**2) and calls == sorted(calls)


@pytest.mark.filterwarnings("ignore:.*continues an unfinished image")
def test_claims(tmp_path, large):
    """Three processes take what no other is at; one is killed, and the others do its work."""
    path, _ = large
    out = tmp_path / "a.zarr"
    code = f"import microtome; microtome.convert({str(path)!r}, {str(out)!r}, claim=True, lease=30, **{options()!r})"
    command = [sys.executable, "-W", "ignore", "-c", code]
    processes = [subprocess.Popen(command) for _ in range(3)]
    while not list(out.glob(".microtome/claim-*")) and processes[0].poll() is None:
        time.sleep(0.001)
    processes[0].kill()
    assert [process.wait() for process in processes][1:] == [0, 0]
    done = microtome.convert(path, out, **options())
    assert done.n_done == done.n_resumed == 38**2
    microtome.convert(path, tmp_path / "whole.zarr", **options())
    assert tree(out) == tree(tmp_path / "whole.zarr")


@pytest.mark.filterwarnings("ignore:.*continues an unfinished image")
def test_refused_claims(tmp_path, large):
    path, _ = large
    refused = [
        ({"part": (0, 2)}, "claim shares one image"),
        ({"join": "S"}, "claim shares one image"),
        ({"verify": True}, "verify needs the finished image"),
        ({"lease": 0.5}, "a lease of 0.5 seconds"),
        ({"lease": float("nan")}, "a lease of nan seconds"),
        ({"claim": 30}, "lease= has the seconds"),
        ({"claim": False, "lease": 9}, "lease needs claim=True"),
    ]
    for more, message in refused:
        with pytest.raises(microtome.ArgumentError, match=message):
            microtome.convert(path, tmp_path / "a.zarr", **{"claim": True, **options(**more)})
    with pytest.raises(microtome.ArgumentError, match="claim shares an OME-Zarr image"):
        microtome.convert(path, tmp_path / "a.npy", claim=True, **QUIET)
    assert not any(tmp_path.glob("a.*"))


@pytest.mark.filterwarnings("ignore:.*continues an unfinished image")
def test_parts(tmp_path, large):
    path, _ = large
    microtome.convert(path, tmp_path / "whole.zarr", **options(shards=(96, 128)))
    for k in (2, 0, 3, 1):
        done = microtome.convert(path, tmp_path / "a.zarr", part=(k, 4), **options(shards=(96, 128)))
        assert done.n_done - done.n_resumed in (32, 33)
        with pytest.warns(microtome.ImageWarning, match="not finished"):
            microtome.open(tmp_path / "a.zarr")
    done = microtome.convert(path, tmp_path / "a.zarr", **options(shards=(96, 128)))
    assert done.n_done == done.n_resumed == 130
    assert tree(tmp_path / "a.zarr") == tree(tmp_path / "whole.zarr")
    assert microtome.convert(path, tmp_path / "a.zarr", **options(shards=(96, 128))) is None
    for part in [(4, 4), (-1, 4), (0, 0)]:
        with pytest.raises(microtome.ArgumentError, match="counted from 0"):
            microtome.convert(path, tmp_path / "b.zarr", part=part, **options())


def test_only_the_same_call_continues(tmp_path, large):
    path, _ = large
    region = {"X": (0, 1100)}
    microtome.convert(path, tmp_path / "a.zarr", part=(0, 2), **options(region=region))
    for more, message in [
        ({"region": {"X": (1, 1101)}}, "another input"),
        ({"codec": "zstd"}, "codec"),
        ({"pyramid": 2}, "n_levels"),
        ({"identity": "another"}, "another input"),
    ]:
        with pytest.raises(microtome.ArgumentError, match=message):
            microtome.convert(path, tmp_path / "a.zarr", **options(**{"region": region, **more}))
    os.utime(path / ".zarray", (1, 1))
    with pytest.raises(microtome.ArgumentError, match="another input"):
        microtome.convert(path, tmp_path / "a.zarr", **options(region=region))


@pytest.mark.parametrize(
    ("names", "opened", "options", "words"),
    [
        ("a", "YX", {"region": {"Y": slice(10, 50), "X": 5}}, ["--region", "Y=10:40,X=5"]),
        ("c", "CYX", {"region": {"C": [2, 0]}, "pyramid": 2}, ["--channels", "2,0", "--pyramid", "2"]),
        ("ab", "YX", {"join": "Z"}, ["--join", "Z"]),
        ("c", "TYX", {"dtype": "uint8"}, ["--dtype", "uint8"]),
    ],
)
def test_the_command_continues(tmp_path, names, opened, options, words):
    rng = np.random.default_rng(4)
    for name, shape in ("a", (64, 70)), ("b", (64, 70)), ("c", (3, 64, 70)):
        np.save(tmp_path / f"{name}.npy", rng.integers(0, 200, shape, np.uint16))
    files, out = [tmp_path / f"{name}.npy" for name in names], tmp_path / "out.zarr"
    sources = [microtome.open(file, axes=opened) for file in files]
    microtome.convert(sources, out, part=(0, 2), chunks={"Y": 16, "X": 16}, **options, **QUIET)
    command = [sys.executable, "-m", "microtome", "convert", *files, out, "--chunks", "16x16", "--axes", opened, *words]
    assert (
        "resuming"
        in subprocess.run(
            [*command, "--part", "2/2"], capture_output=True, text=True, check=False, env=os.environ
        ).stderr
    )
    with pytest.warns(microtome.ImageWarning, match=r"continues an unfinished image: (\d+) of \1 "):
        assert microtome.convert(sources, out, chunks={"Y": 16, "X": 16}, **options, **QUIET).n_done


def test_codec_level(tmp_path, chunked_image):
    for level in 1, 9:
        microtome.convert(chunked_image, tmp_path / f"{level}.zarr", codec="gzip", codec_level=level, **QUIET)
        codecs = json.loads((tmp_path / f"{level}.zarr/0/zarr.json").read_text())["codecs"]
        assert {"name": "gzip", "configuration": {"level": level}} in codecs


# -- refusals ------------------------------------------------------------------------


def test_verify(tmp_path, chunked_image):
    assert microtome.convert(chunked_image, tmp_path / "a.zarr", verify=True, **QUIET).n_done
    chunk = tmp_path / "a.zarr/0/c/0/0"
    stack = microtome.open(chunked_image)
    other = stack[0, 0].copy()
    other[0, 0] += 1
    with microtome.create(tmp_path / "other.zarr", like=stack) as out:
        out[...] = other
    shutil.copy(tmp_path / "other.zarr/0/c/0/0", chunk)
    with pytest.raises(microtome.CorruptError, match="differs from that of"):
        microtome.convert(chunked_image, tmp_path / "a.zarr", verify=True, **QUIET)
    for more in ({"region": {"Y": (0, 9)}}, {"part": (0, 2)}, {"dtype": "float32"}):
        with pytest.raises(microtome.ArgumentError, match="verify compares"):
            microtome.convert(chunked_image, tmp_path / "b.zarr", verify=True, **more, **QUIET)
    assert not (tmp_path / "b.zarr").exists()


def test_missing_frames(tmp_path, data):
    path = data / "cases/D4/x.companion.ome"
    with pytest.raises(microtome.NotFoundError, match=r"files or frames are missing.*missing='fill'"):
        microtome.convert(path, tmp_path / "a.zarr", **QUIET)
    with pytest.warns(microtome.ImageWarning, match="missing"):
        stack = microtome.open(path)
    with pytest.raises(microtome.NotFoundError, match="missing"):
        microtome.convert(stack, tmp_path / "a.zarr", **QUIET)
    with pytest.warns(microtome.ImageWarning, match="missing"):
        microtome.convert(path, tmp_path / "a.zarr", missing="fill", **QUIET)
    with pytest.warns(microtome.ImageWarning, match="1 file or frame was missing when the image was converted"):
        copy = microtome.open(tmp_path / "a.zarr")
    np.testing.assert_array_equal(copy[...], stack[...])
    assert (
        "1 file or frame was missing when the image was converted and has the fill value, the first: "
        in (tmp_path / "a.zarr/zarr.json").read_text()
    )
    with pytest.warns(microtome.ImageWarning, match="missing"):
        microtome.convert(path, tmp_path / "a.tif", missing="fill", **QUIET)
    assert b"1 file or frame was missing when the image was converted" in (tmp_path / "a.tif").read_bytes()
    for name, note in ("b.zarr", "Of the first run."), ("c.zarr", "long " * 100):
        with pytest.warns(microtome.ImageWarning, match="missing"):
            microtome.convert(path, tmp_path / name, missing="fill", note=note, **QUIET)
        with pytest.warns(microtome.ImageWarning, match=rf"the fill value, the first: .*\. {note[:20]}"):
            microtome.open(tmp_path / name)
        assert f". {note}" in (tmp_path / name / "zarr.json").read_text()
    with pytest.raises(microtome.ArgumentError, match="missing is 'no'"):
        microtome.convert(path, tmp_path / "d.zarr", missing="no")


def test_absent_chunks_are_no_missing_files(tmp_path, chunked_image):
    shutil.copytree(chunked_image, tmp_path / "sparse.zarr")
    (tmp_path / "sparse.zarr/0.0").unlink()
    microtome.convert(tmp_path / "sparse.zarr", tmp_path / "a.zarr", **QUIET)
    assert not microtome.open(tmp_path / "a.zarr")[0, 0, :32, :32].any()


def test_paths(tmp_path, chunked_image):
    before = tree(chunked_image)
    for out in (chunked_image, chunked_image / "b.zarr", chunked_image / "x/y.zarr", chunked_image.parent):
        with pytest.raises(microtome.ArgumentError, match="contain one another"):
            microtome.convert(chunked_image, out, format="zarr", **QUIET)
    (tmp_path / "link").symlink_to(chunked_image)
    with pytest.raises(microtome.ArgumentError, match="contain one another"):
        microtome.convert(chunked_image, tmp_path / "link/b.zarr", **QUIET)
    assert tree(chunked_image) == before
    with pytest.raises(microtome.NotFoundError):
        microtome.convert(tmp_path / "none.tif", tmp_path / "a.zarr")
    with pytest.raises(microtome.ArgumentError, match="suffix"):
        microtome.convert(chunked_image, tmp_path / "a.png")
    with pytest.raises(microtome.ArgumentError, match="no image"):
        microtome.convert([], tmp_path / "a.zarr")
    with pytest.raises(microtome.ArgumentError, match="2 images: join"):
        microtome.convert([chunked_image] * 2, tmp_path / "a.zarr")
    with pytest.raises(microtome.ArgumentError, match="joined along T, C, Z or S, not 'X'"):
        microtome.convert([chunked_image] * 2, tmp_path / "a.zarr", join="X")


def test_unknown_options_are_refused(tmp_path, chunked_image):
    for name in "level", "units", "like", "shape":
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
            microtome.convert(chunked_image, tmp_path / "a.zarr", **{name: None})
    for name in "level", "units":
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
            microtome.create(tmp_path / "a.zarr", like=microtome.open(chunked_image), **{name: None})


def test_urls_are_no_paths(monkeypatch, chunked_image):
    """A bucket is not in the working folder, though realpath says so."""
    context = microtome.Context(s3={"endpoint": "http://127.0.0.1:1", "anonymous": True}, http={"retries": 0})
    monkeypatch.chdir(chunked_image)
    with pytest.raises(microtome.ReadError, match="bucket"):
        microtome.convert(chunked_image, "s3://bucket/a.zarr", context=context, progress=False)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ({"Q": 1}, "no axis Q"),
        ({"Z": 1}, "no axis Z"),
        ({"S": 2}, "has 2"),
        ({}, "2 images along S"),
        ({"S": 0, "Y": 20}, "selects 20 along Y"),
        ({"S": 0, "Y": (5, 21)}, "along Y"),
        ({"S": 0, "Y": (5, 5)}, "along Y"),
        ({"S": 0, "Y": slice(0, 9, 2)}, "step"),
        ({"S": 0, "C": []}, "cannot be empty"),
        ({"S": 0, "C": ["GFP"]}, "GFP"),
    ],
)
def test_regions_are_checked(tmp_path, region, message):
    stack = microtome.from_array(np.zeros((2, 3, 20, 30), np.uint8), "SCYX")
    with pytest.raises(ValueError, match=message):
        microtome.convert(stack, tmp_path / "a.zarr", region=region, **QUIET)
    assert not (tmp_path / "a.zarr").exists()


def test_damaged_input(tmp_path, chunked_image):
    shutil.copytree(chunked_image, tmp_path / "bad.zarr")
    good = (tmp_path / "bad.zarr/3.2").read_bytes()
    (tmp_path / "bad.zarr/3.2").write_bytes(good[:20])
    with pytest.raises(microtome.CorruptError, match=r"bad\.zarr: zarr: chunk 3/2") as raised:
        microtome.convert(tmp_path / "bad.zarr", tmp_path / "a.zarr", **QUIET)
    assert "unfinished" in raised.value.__notes__[0]
    (tmp_path / "bad.zarr/3.2").write_bytes(good)
    microtome.convert(tmp_path / "bad.zarr", tmp_path / "a.zarr", **QUIET)
    assert microtome.open(tmp_path / "a.zarr").checksum() == microtome.open(chunked_image).checksum()
