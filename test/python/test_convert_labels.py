# SPDX-License-Identifier: BSD-3-Clause
"""Converting images with label images, and collections of images."""

import hashlib
import json
import shutil

import microtome
import numpy as np
import pytest

QUIET = {"progress": False, "durability": "never"}
IMAGE = np.random.default_rng(1).integers(0, 60000, (2, 40, 50), dtype=np.uint16)
LABELS = {
    name: np.random.default_rng(seed).integers(0, 99, (40, 50), dtype=np.uint32) for seed, name in enumerate("ab")
}


@pytest.fixture
def labelled(tmp_path):
    """An image with two label images, of two levels each."""
    path = tmp_path / "in.zarr"
    units = {"pixel_size": {"Y": 0.25, "X": 0.5}, "unit": {"Y": "micrometer", "X": "micrometer"}}
    options = {**QUIET, **units, "pyramid": 2}
    microtome.convert(microtome.from_array(IMAGE, "CYX"), path, channels=["one", "two"], **options)
    (path / "labels").mkdir()
    ome = {"version": "0.5", "labels": list(LABELS)}
    (path / "labels/zarr.json").write_text(
        json.dumps({"zarr_format": 3, "node_type": "group", "attributes": {"ome": ome}})
    )
    for name, pixels in LABELS.items():
        stack = microtome.from_array(pixels, "YX")
        microtome.convert(stack, path / "labels" / name, labels=True, format="zarr", **options)
    return path


def read(path):
    with microtome.open(path) as stack:
        return stack[...].reshape(stack.original_data_shape)


def tree(path):
    return {
        str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


@pytest.mark.parametrize("ome", ["0.4", "0.5"])
def test_label_images_are_written_with_their_image(tmp_path, labelled, ome):
    out = tmp_path / "out.zarr"
    options = {"chunks": (1, 16, 8), "pyramid": 2, "ome": ome, "downsample": "mean", "verify": True, **QUIET}
    assert microtome.convert(labelled, out, **options).n_done == 42
    assert microtome.list_parts(out) == ["", "labels/a", "labels/b"]
    for name, pixels in LABELS.items():
        with microtome.open(f"{out}#labels/{name}") as stack:
            assert (stack.original_axes, stack.original_chunks, stack.data_dtype) == ("YX", (16, 8), np.uint32)
            assert stack.pixel_size == {"Y": 0.25, "X": 0.5}
        np.testing.assert_array_equal(read(f"{out}#labels/{name}"), pixels)
        np.testing.assert_array_equal(read(f"{out}#labels/{name}&level=1"), pixels[::2, ::2])
    before = tree(out)
    assert microtome.convert(labelled, out, **options) is None
    assert tree(out) == before


def test_a_region_cuts_label_images_too(tmp_path, labelled):
    out = tmp_path / "out.zarr"
    microtome.convert(labelled, out, region={"C": ["two"], "Y": slice(-30, -10)}, dtype="float32", **QUIET)
    np.testing.assert_array_equal(read(out), IMAGE[1:, 10:30].astype(np.float32))
    np.testing.assert_array_equal(read(f"{out}#labels/b"), LABELS["b"][10:30])


def test_a_level_has_that_of_its_label_images(tmp_path, labelled):
    with microtome.open(labelled, level=1) as stack:
        microtome.convert(stack, tmp_path / "out.zarr", label_images=["b"], **QUIET)
    assert microtome.list_parts(tmp_path / "out.zarr") == ["", "labels/b"]
    np.testing.assert_array_equal(read(tmp_path / "out.zarr#labels/b"), LABELS["b"][::2, ::2])


def test_label_images_that_are_left_out(tmp_path, labelled):
    microtome.convert(labelled, tmp_path / "none.zarr", label_images=False, **QUIET)
    assert not (tmp_path / "none.zarr/labels").exists()
    with pytest.warns(microtome.ImageWarning, match="label images are not converted: only OME-Zarr has them"):
        microtome.convert(labelled, tmp_path / "out.tif", **QUIET)
    with pytest.warns(microtome.ImageWarning, match="they have no channels to be joined"):
        microtome.convert([labelled] * 2, tmp_path / "c.zarr", join="C", **QUIET)
    microtome.convert(labelled, tmp_path / "one.zarr", label_images="a", **QUIET)
    with pytest.warns(microtome.ImageWarning, match="one.zarr has no label image 'b', and other sources have one"):
        microtome.convert([labelled, tmp_path / "one.zarr"], tmp_path / "z.zarr", join="Z", **QUIET)
    np.testing.assert_array_equal(read(tmp_path / "z.zarr#labels/a"), np.stack([LABELS["a"]] * 2))
    with pytest.raises(microtome.ArgumentError, match="has no label image 'c': it has a, b"):
        microtome.convert(labelled, tmp_path / "no.zarr", label_images=["a", "c"], **QUIET)


def test_a_label_image_of_another_size(tmp_path, labelled):
    shutil.rmtree(labelled / "labels/b")
    microtome.convert(
        microtome.from_array(LABELS["b"][::2, ::2], "YX"), labelled / "labels/b", labels=True, format="zarr", **QUIET
    )
    microtome.convert(labelled, tmp_path / "out.zarr", **QUIET)
    np.testing.assert_array_equal(read(tmp_path / "out.zarr#labels/b"), LABELS["b"][::2, ::2])
    with pytest.raises(microtome.ArgumentError, match="another size along X than its image"):
        microtome.convert(labelled, tmp_path / "part.zarr", region={"X": slice(0, 9)}, **QUIET)


@pytest.mark.filterwarnings("ignore::microtome.ImageWarning")  # each continues an unfinished image
def test_parts_of_label_images(tmp_path, labelled):
    whole, out = tmp_path / "whole.zarr", tmp_path / "out.zarr"
    options = {"chunks": (1, 8, 8), "pyramid": 2, **QUIET}
    microtome.convert(labelled, whole, **options)
    for k in range(3):
        microtome.convert(labelled, out, part=(k, 3), **options)
        assert "ome" not in json.loads((out / "labels/zarr.json").read_text())["attributes"]
    assert microtome.convert(labelled, out, **options).n_resumed == 70
    assert tree(out) == tree(whole)


def test_images_become_a_collection(tmp_path, labelled):
    out = tmp_path / "out.zarr"
    samples = microtome.from_array(np.stack([IMAGE[0]] * 3), "SYX")
    done = microtome.convert([labelled, samples], out, join="S", pyramid=2, chunks={"Y": 16, "X": 16}, **QUIET)
    assert done.n_done == 12 * 2 + 12 * 3
    assert microtome.list_parts(out) == ["0", "1", "2", "3"]
    np.testing.assert_array_equal(read(f"{out}#0"), IMAGE)
    np.testing.assert_array_equal(read(f"{out}#0/labels/b"), LABELS["b"])
    np.testing.assert_array_equal(read(f"{out}#3"), IMAGE[0])
    assert (out / "OME/METADATA.ome.xml").exists()
    before = tree(out)
    assert microtome.convert([labelled, samples], out, join="S", pyramid=2, chunks={"Y": 16, "X": 16}, **QUIET) is None
    assert tree(out) == before
    copy = tmp_path / "copy.zarr"
    microtome.convert(out, copy, join="S", region={"Y": (0, 10)}, **QUIET)  # all images of a collection
    assert microtome.list_parts(copy) == ["0", "1", "2", "3"]
    np.testing.assert_array_equal(read(f"{copy}#0/labels/a"), LABELS["a"][:10])
    with pytest.raises(microtome.ArgumentError, match="OME-Zarr collection: a path that ends with"):
        microtome.convert(labelled, tmp_path / "out.tif", join="S", **QUIET)
    with pytest.raises(microtome.ArgumentError, match="is a collection of 4 images, not 1"):
        microtome.convert(labelled, out, join="S", **QUIET)


@pytest.mark.filterwarnings("ignore::microtome.ImageWarning")
def test_parts_of_a_collection(tmp_path, labelled):
    whole, out = tmp_path / "whole.zarr", tmp_path / "out.zarr"
    options = {"join": "S", "chunks": {"Y": 8, "X": 8}, **QUIET}
    microtome.convert([labelled, labelled], whole, **options)
    for k in range(2):
        microtome.convert([labelled, labelled], out, part=(k, 2), **options)
    microtome.convert([labelled, labelled], out, **options)
    assert tree(out) == tree(whole)
    shutil.copytree(whole, tmp_path / "killed.zarr")  # as after a kill between the last image and the collection
    root = json.loads((whole / "zarr.json").read_text())
    del root["attributes"]["ome"]
    (tmp_path / "killed.zarr/zarr.json").write_text(json.dumps(root))
    assert microtome.convert([labelled, labelled], tmp_path / "killed.zarr", **options) is None
    assert tree(tmp_path / "killed.zarr") == tree(whole)


def test_a_plate_becomes_a_plate(tmp_path, labelled):
    """What is not one is made one of its fields."""
    plate, out = tmp_path / "plate.zarr", tmp_path / "out.zarr"
    for field in "C/03/0", "C/03/1", "D/11/0":
        shutil.copytree(labelled, plate / field)
    root = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"version": "0.5"}}}
    (plate / "zarr.json").write_text(json.dumps(root))
    microtome.convert(plate, out, join="S", plate=True, ome="0.4", **QUIET)
    assert microtome.list_parts(out) == ["C/03/0", "C/03/1", "D/11/0"]
    attributes = json.loads((out / ".zattrs").read_text())
    assert attributes["plate"]["wells"] == [
        {"path": "C/03", "rowIndex": 0, "columnIndex": 0},
        {"path": "D/11", "rowIndex": 1, "columnIndex": 1},
    ]
    assert json.loads((out / "C/03/.zattrs").read_text())["well"] == {
        "images": [{"path": "0"}, {"path": "1"}],
        "version": "0.4",
    }
    np.testing.assert_array_equal(read(f"{out}#D/11/0"), IMAGE)
    np.testing.assert_array_equal(read(f"{out}#D/11/0/labels/a"), LABELS["a"])
    with pytest.raises(microtome.ArgumentError, match="ROW/COLUMN/FIELD"):
        microtome.convert(labelled, tmp_path / "no.zarr", join="S", plate=True, **QUIET)
    with pytest.raises(microtome.ArgumentError, match="needs join='S'"):
        microtome.convert(labelled, tmp_path / "no.zarr", plate=True, **QUIET)


def test_label_images_that_are_named_without_their_image_are_images(tmp_path, labelled):
    out = tmp_path / "out.zarr"
    other = microtome.from_array(IMAGE[0], "YX")
    microtome.convert([f"{labelled}#labels/a", other], out, join="S", **QUIET)
    assert microtome.list_parts(out) == ["0", "1"]
    np.testing.assert_array_equal(read(f"{out}#0"), LABELS["a"])


def test_joined_label_images_lie_where_their_images_do(tmp_path, labelled):
    deep = tmp_path / "deep.zarr"
    microtome.convert(microtome.from_array(np.stack([IMAGE[0]] * 3), "ZYX"), deep, **QUIET)
    shutil.copytree(labelled / "labels", deep / "labels")  # without Z
    with pytest.raises(microtome.ArgumentError, match="another size along Z than its image"):
        microtome.convert([deep, deep], tmp_path / "out.zarr", join="Z", **QUIET)
    assert not (tmp_path / "out.zarr").exists()
    microtome.convert([deep, deep], tmp_path / "out.zarr", join="Z", label_images=False, **QUIET)
