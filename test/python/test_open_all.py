# SPDX-License-Identifier: BSD-3-Clause
"""Opening many images: folders, globs, files of several images."""

import json
import os
import pickle
import zipfile

import h5py
import microtome
import numpy as np
import pytest
from images import write_array


def write_npy(folder, name="a.npy", shape=(3, 64, 64)):
    pixels = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    np.save(folder / name, pixels)
    return folder / name, pixels


def test_open_all(tmp_path):
    for name in ["b.npy", "a.npy"]:
        write_npy(tmp_path, name)
    (tmp_path / "notes.npy").write_text("no image")
    stacks = microtome.open_all(tmp_path, "CYX")
    assert [os.path.basename(s.source) for s in stacks] == ["a.npy", "b.npy"]
    assert [os.path.basename(path) for path, _ in stacks.skipped] == ["notes.npy"]
    assert len(microtome.open_all([tmp_path / "a.npy", str(tmp_path / "b*")], "CYX")) == 2
    copy = pickle.loads(pickle.dumps(stacks[0]))
    np.testing.assert_array_equal(copy[0], stacks[0][0])
    with pytest.raises(FileNotFoundError):
        microtome.open_all([tmp_path / "c.npy"])


def test_each_path_gives_an_image(tmp_path):
    write_npy(tmp_path, "a.npy", (4, 5))
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "notes2.txt").write_text("no image")
    for name, words in [
        ("none*", r"none\*: no file matches$"),
        ("empty", r"empty: no image found$"),
        ("*s.txt", r"\*s.txt: no image found; 1 file is skipped: .*notes.txt: neither content nor name"),
        ("*.txt", r"\*.txt: no image found; 2 files are skipped, such as .*notes.txt: neither content nor name"),
    ]:
        with pytest.raises(microtome.Error, match=words) as raised:
            microtome.open_all([tmp_path / "a.npy", tmp_path / name])
        assert isinstance(raised.value, FileNotFoundError if name == "none*" else microtome.NotAnImageError)
        assert raised.value.path == str(tmp_path / name)
        assert raised.value.reason.startswith("no ")
    with pytest.raises(
        microtome.NotAnImageError, match=r"known format; microtome\.open_all opens the images"
    ) as raised:
        microtome.open(tmp_path)
    assert raised.value.path == str(tmp_path) and raised.value.reason.startswith("the folder")
    stacks = microtome.open_all([tmp_path, tmp_path / "*.npy"])
    assert len(stacks) == 2
    assert len(stacks.skipped) == 2


def write_zarr(path, codec):
    path.mkdir(parents=True)
    array = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [4, 5],
        "data_type": "uint8",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 5]}},
        "chunk_key_encoding": {"name": "default"},
        "fill_value": 0,
        "codecs": [{"name": "bytes"}, *([{"name": codec}] if codec else [])],
    }
    (path / "zarr.json").write_text(json.dumps(array))


def test_open_all_of_a_group(tmp_path):
    """Images of a store are opened independently; a store that cannot be opened gives the reason."""
    group = tmp_path / "group.zarr"
    write_zarr(group / "a", None)
    write_zarr(group / "b", "unheard-of")
    write_zarr(group / "c", None)
    (group / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group"}')
    write_zarr(tmp_path / "single.zarr", "unheard-of")
    stacks = microtome.open_all(group)
    assert [s.source for s in stacks] == [f"{group}#a", f"{group}#c"]
    assert [path for path, _ in stacks.skipped] == [f"{group}#b"]
    assert "unheard-of" in stacks.skipped[0][1]
    with pytest.raises(microtome.UnsupportedError, match="unheard-of") as caught:
        microtome.open_all(tmp_path / "single.zarr")
    assert str(caught.value).startswith(f"{tmp_path}/single.zarr: zarr: ")
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(microtome.NotAnImageError, match="known format"):
        microtome.open_all(tmp_path / "notes.txt")
    everything = microtome.open_all(tmp_path)
    assert [s.source for s in everything] == [f"{group}#a", f"{group}#c"]
    names = ["group.zarr#b", "notes.txt", "single.zarr"]
    assert [path for path, _ in everything.skipped] == [str(tmp_path / name) for name in names]


def test_view_setups_of_any_number(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for setup in 100001, 20:
            file.create_group(f"s{setup}")
            cells = np.full((2, 3, 4), setup % 10 + 5, np.int16)
            file.create_dataset(f"t00000/s{setup}/0/cells", data=cells, chunks=(2, 3, 4))
    assert microtome.list_parts(tmp_path / "a.h5") == ["series=20", "series=100001"]
    assert (np.asarray(microtome.open(f"{tmp_path}/a.h5#series=100001")) == 6).all()
    with pytest.raises(FileNotFoundError, match="there is no series=100002"):
        microtome.open(f"{tmp_path}/a.h5#series=100002")


def test_names_with_signs(tmp_path):
    """Names that the file chose are listed and opened as they are, in archives, too."""
    pixels = np.arange(20, dtype=np.uint8).reshape(4, 5)
    names = ["R&D", "a#b", "c&d&e#f"]
    group = tmp_path / "a#b.zarr"
    for i, name in enumerate(names):
        write_array(group / name, pixels + i, (4, 5))
    (group / ".zgroup").write_text('{"zarr_format": 2}')
    with zipfile.ZipFile(tmp_path / "c#d.zip", "w") as archive:
        for path in sorted(group.rglob("*")):
            archive.write(path, f"x#y/{path.relative_to(tmp_path)}")
    for root in (group, tmp_path / "c#d.zip/x#y/a#b.zarr"):
        assert sorted(microtome.list_parts(root)) == names
        for i, name in enumerate(names):
            named, parted = microtome.open(f"{root}#{name}"), microtome.open(root, part=name)
            np.testing.assert_array_equal(named[0, 0], pixels + i)
            assert named.source == parted.source == f"{root}#{name}"
            np.testing.assert_array_equal(pickle.loads(pickle.dumps(named))[0, 0], pixels + i)
        assert sorted(stack.source for stack in microtome.open_all(root)) == [f"{root}#{name}" for name in names]
    with pytest.raises(microtome.NotFoundError, match="no member or folder"):
        microtome.open(tmp_path / "c#d.zip/x#z#R&D")


def test_files_without_an_image_are_not_images(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "times.h5", "w") as file:
        file["timestamps"] = np.arange(5.0)
        file["group/number"] = 3
    (tmp_path / "group.zarr").mkdir()
    (tmp_path / "group.zarr/.zgroup").write_text('{"zarr_format": 2}')
    (tmp_path / "group.zarr/notes.txt").write_text("not searched")
    for name in ("times.h5", "group.zarr"):
        with pytest.raises(microtome.NotAnImageError, match=f"{name}: "):
            microtome.open(tmp_path / name)
        with pytest.raises(microtome.NotAnImageError, match=f"{name}: "):
            microtome.open_all(tmp_path / name)
    with pytest.raises(microtome.NotFoundError, match="no dataset of /group can be an image"):
        microtome.open(tmp_path / "times.h5", part="group")
    np.save(tmp_path / "image.npy", np.zeros((4, 5), np.uint8))
    stacks = microtome.open_all(tmp_path)
    assert [os.path.basename(s.source) for s in stacks] == ["image.npy"]
    assert [os.path.basename(path) for path, _ in stacks.skipped] == ["group.zarr", "times.h5"]
    assert "no dataset of the file can be an image" in stacks.skipped[1][1]


def test_files_of_one_image_open_once(tmp_path, monkeypatch):
    """Sources of virtual datasets and external raw data are not opened as separate images."""
    h5py = pytest.importorskip("h5py")
    monkeypatch.chdir(tmp_path)  # where HDF5 writes external raw data
    pixels = np.arange(48, dtype=np.uint16).reshape(8, 6)
    layout = h5py.VirtualLayout(shape=(8, 6), dtype="u2")
    for i in range(2):
        with h5py.File(tmp_path / f"part{i}.h5", "w") as file:
            file["data"] = pixels[4 * i : 4 * i + 4]
        layout[4 * i : 4 * i + 4] = h5py.VirtualSource(f"part{i}.h5", "data", shape=(4, 6))
    with h5py.File(tmp_path / "whole.h5", "w") as file:
        file.create_virtual_dataset("data", layout)
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file.create_dataset("data", (4, 6), "u2", external=[("pixels.raw", 0, 48)])
        file["data"][:] = pixels[:4]
    stacks = microtome.open_all(tmp_path)
    assert [os.path.basename(s.source) for s in stacks] == ["whole.h5"]
    assert sorted(os.path.basename(path) for path, _ in stacks.skipped) == ["pixels.raw", "raw.h5"]  # not followed
    np.testing.assert_array_equal(np.squeeze(stacks[0][:]), pixels)
    assert len(microtome.open_all([tmp_path / "part0.h5", tmp_path / "whole.h5"])) == 2


def test_a_glob_without_a_folder(tmp_path, monkeypatch):
    """Names are those that the shell would give."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()
    for name in ("a.npy", "a#b.npy", "below/c.npy"):
        np.save(name, np.eye(4, dtype=np.uint8))
    assert [s.source for s in microtome.open_all("*.npy")] == ["a#b.npy", "a.npy"]
    assert [s.source for s in microtome.open_all("b*/*.npy")] == ["below/c.npy"]
    assert [s.source for s in microtome.open_all("**/*.npy")] == ["a#b.npy", "a.npy", "below/c.npy"]
    assert microtome.open_all("*")[2].source == "below/c.npy"
