# SPDX-License-Identifier: BSD-3-Clause
"""What microtome.careamics.load makes of sources; its stacks in torch's DataLoader."""

import os
import pickle

import h5py
import microtome
import numpy as np
import pytest
import tifffile
import torch
import zarr
from careamics import CAREamist as Original
from careamics import ImageStackLoading
from careamics.lightning import CareamicsDataModule
from microtome._prediction_names import name_of
from microtome.careamics import CAREamist, load, loading
from patches import Patches
from test_training import make_config, write_hdf5, write_ome_tiff, write_ome_zarr

PIXELS = np.arange(4 * 48 * 40, dtype=np.uint16).reshape(4, 48, 40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Images of several formats, and a broken one."""
    folder = tmp_path_factory.mktemp("mixed")
    write_ome_zarr(folder, PIXELS)
    os.makedirs(folder / "more/deep")
    np.save(folder / "more/deep/a.npy", PIXELS)
    with h5py.File(folder / "more/b.h5", "w") as file:
        file["images"] = PIXELS
    tifffile.imwrite(folder / "more/c.tif", PIXELS)
    (folder / "more/d.tif").write_bytes(b"II*\0\x08\0\0\0")
    (folder / "more/notes.txt").write_text("no image")
    return folder


def all_alike(stacks):
    for stack in stacks:
        np.testing.assert_array_equal(stack.extract_patch(3, None, (-2, 30), (20, 20))[0, 2:, :10], PIXELS[3, :18, 30:])
    return len(stacks)


def test_a_mixed_folder(folder):
    with pytest.warns(UserWarning, match=r"files are left out: .*d\.tif: .*; .*notes\.txt: ") as warned:
        stacks = load(folder, "TYX")
    assert len(warned) == 1 and warned[0].filename == __file__
    assert all_alike(stacks) == 4
    names = ["images.ome.zarr", "more/b.h5", "more/c.tif", "more/deep/a.npy"]
    assert [s.path for s in stacks] == [str(folder / name) for name in names]


def test_lists_and_globs(folder):
    paths = [
        folder / "more/b.h5",
        f"{folder}/more/b.h5#/images",
        f"{folder}/*.zarr",
        f"file://{folder}/images.ome.zarr/0",
    ]
    assert all_alike(load(paths, "TYX")) == 4
    assert all_alike(load(iter(paths[:2]), "TYX")) == 2
    assert all_alike(load(os.fsencode(paths[0]), "TYX")) == 1


def test_arrays_and_stacks(folder):
    native = microtome.open(folder / "more/c.tif", "TYX")
    with h5py.File(folder / "more/b.h5") as file:
        lazy = zarr.open_array(folder / "images.ome.zarr/0", mode="r")
        stacks = load([PIXELS, native, microtome.ArrayStack(PIXELS, "TYX"), file["images"], lazy], "TYX")
        assert all_alike(stacks) == 5 and stacks[1] is native
        assert all_alike(load(PIXELS, "TYX") + load(native, "TYX") + load(file["images"], "TYX")) == 3


def test_nothing_is_an_error(folder, tmp_path):
    for nothing in ([], tmp_path):
        with pytest.raises(ValueError, match="no image was found in"):
            load(nothing, "TYX")
    with pytest.raises(FileNotFoundError, match="no file matches"):
        load(f"{folder}/*.czi", "TYX")
    with pytest.raises(FileNotFoundError):
        load([folder / "more/c.tif", folder / "no.tif"], "TYX")
    with pytest.raises(ValueError, match="axes"):
        load(folder / "more/c.tif", "YX")


def test_sources(folder):
    (stack,) = load(folder / "images.ome.zarr", "TYX")
    assert stack.source == f"file://{folder}/images.ome.zarr" and stack.path == str(folder / "images.ome.zarr")
    (stack,) = load(f"file://{folder}/images.ome.zarr/0", "TYX")
    assert stack.source == f"file://{folder}/images.ome.zarr/0" and stack.path == f"{folder}/images.ome.zarr#0"
    assert load(f"{folder}/more/b.h5#/images", "TYX")[0].source == f"{folder}/more/b.h5#/images"
    assert load(PIXELS, "TYX")[0].source == "array"


def test_pickled(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.warns(UserWarning, match="left out"):
        stacks = load([".", "file://images.ome.zarr/0"], "TYX")
    content = pickle.dumps(stacks)
    monkeypatch.chdir("/")
    again = pickle.loads(content)
    assert all_alike(again) == 5
    assert [s.source for s in again[:1] + again[4:]] == [s.source for s in stacks[:1] + stacks[4:]]
    assert [type(s) for s in again] == [type(s) for s in stacks]


@pytest.mark.parametrize(("workers", "start"), [(0, None), (2, "fork"), (2, "spawn")])
def test_data_loader(workers, start, tmp_path):
    sources = [write(tmp_path, PIXELS) for write in (write_ome_zarr, write_hdf5, write_ome_tiff)]
    patches = Patches(load([*sources, PIXELS], "TYX"))
    expected = [patches[i] for i in range(len(patches))]  # the pool is running
    batches = torch.utils.data.DataLoader(patches, batch_size=5, num_workers=workers, multiprocessing_context=start)
    np.testing.assert_array_equal(np.concatenate([batch.numpy() for batch in batches]), expected)


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_careamics_with_workers(start, tmp_path):
    path = write_ome_zarr(tmp_path, PIXELS)
    config = make_config("custom").data_config
    params = {"shuffle": True, "num_workers": 2, "multiprocessing_context": start}
    config = config.model_copy(update={"train_dataloader_params": params, "batch_size": 3})
    module = CareamicsDataModule(config, train_data=path, loading=loading())
    module.setup("fit")
    seen = 0
    for (batch,) in module.train_dataloader():
        assert batch.data.shape[1:] == (1, 32, 32) and set(batch.source) == {f"file://{path}"}
        seen += len(batch.data)
    assert seen == len(module.train_dataset)


def test_loading_is_careamics_own():
    made = loading(depth_axis="T")
    assert isinstance(made, ImageStackLoading)
    assert made.image_stack_loader is load and made.image_stack_loader_kwargs == {"depth_axis": "T"}


def test_careamist(tmp_path):
    for data_type in ("zarr", "tiff", "custom"):
        careamist = CAREamist(make_config(data_type), work_dir=tmp_path, enable_progress_bar=False)
        assert isinstance(careamist, Original)
        assert careamist.config.data_config.data_type == "custom" and careamist.config.data_config.in_memory


def test_only_these_names():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        microtome.careamics.nothing


@pytest.mark.parametrize("write_type", ["tiff", "zarr"])
def test_prediction_to_disk(write_type, tmp_path):
    """Each source gets a separate file, and no source is modified."""
    for name in ("a", "b"):
        os.makedirs(tmp_path / name)
    sources = [write_ome_zarr(tmp_path / "a", PIXELS), write_hdf5(tmp_path / "b", PIXELS)]
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    careamist = CAREamist(make_config("custom", num_steps=1), work_dir=tmp_path / "work", enable_progress_bar=False)
    careamist.train(train_data=sources[0])
    options = {"tile_size": (32, 32), "tile_overlap": (8, 8), "write_type": write_type}
    careamist.predict_to_disk(sources, prediction_dir=tmp_path / "out", **options)
    expected, _ = careamist.predict(sources, tile_size=(32, 32), tile_overlap=(8, 8))
    written = [microtome.open(path)[...] for path in sorted((tmp_path / "out").glob(f"*/*.{write_type}"))]
    assert len(written) == len(sources)
    for got, want in zip(written, expected, strict=True):
        np.testing.assert_allclose(np.squeeze(got), np.squeeze(want), rtol=1e-6)
    assert all(p.stat().st_mtime_ns == time for p, time in before.items())


def predict(tmp_path, sources, **options):
    """Predictions of sources on disk, by path below their folder; nothing else is written or changed."""
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    work, out = tmp_path.with_name("work"), tmp_path.with_name("out")
    careamist = CAREamist(make_config("custom", num_steps=1), work_dir=work, enable_progress_bar=False)
    careamist.train(train_data=PIXELS)
    careamist.predict_to_disk(sources, prediction_dir=out, **options)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()} == before
    expected, _ = careamist.predict(sources, **{k: v for k, v in options.items() if k.startswith("tile")})
    suffix = options.get("write_type", "tiff")
    found = {str(p.relative_to(out)): microtome.open(p)[...] for p in out.rglob(f"*.{suffix}")}
    return found, expected


def write_parts(folder):
    """Two parts of an HDF5 file, two arrays of a Zarr group, and two images of one name in two folders."""
    with h5py.File(folder / "parts.h5", "w") as file:
        file["raw/a"], file["raw/b"] = PIXELS, PIXELS[:, ::-1]
    group = zarr.open_group(folder / "group.zarr", mode="w")
    for name in ("0", "1"):
        group.create_array(name, data=PIXELS + int(name), chunks=(1, 16, 16))
    for name in ("x", "y"):
        (folder / name).mkdir()
        np.save(folder / name / "cell.npy", PIXELS + ord(name))
    return [
        f"{folder}/parts.h5#/raw/a",
        f"{folder}/parts.h5#raw/b",
        f"file://{folder}/group.zarr/0",
        f"file://{folder}/group.zarr/1",
        folder / "x/cell.npy",
        folder / "y/cell.npy",
    ]


@pytest.mark.parametrize("write_type", ["tiff", "zarr"])
def test_names_of_predictions(write_type, tmp_path):
    (tmp_path / "data").mkdir()
    sources = write_parts(tmp_path / "data")
    found, expected = predict(
        tmp_path / "data", sources, write_type=write_type, tile_size=(32, 32), tile_overlap=(8, 8)
    )
    names = ["parts_raw_a", "parts_raw_b", "group_0", "group_1", "x/cell", "y/cell"]
    assert set(found) == {f"{name}.{write_type}" for name in names}
    for name, want in zip(names, expected, strict=True):
        np.testing.assert_array_equal(np.squeeze(found[f"{name}.{write_type}"]), np.squeeze(want))


def test_names_of_scenes_and_series():
    names = {
        "/data/a.ome.tif#series=1": "a.ome_series1",
        "/data/a.czi@1": "a_scene1",
        "/data/a.czi": "a",
        "file:///data/a.ome.zarr": "a.ome",
        "file:///data/a.zarr/b/0": "a_b_0",
        "https://host/b/a.zarr?token=x#labels/n": "a_labels_n",
        "/data/zellen ö.h5#/a b/ö": "zellen ö_a_b_ö",
    }
    assert {source: name_of(source) for source in names} == names


def test_chunks_are_in_the_order_of_careamics(folder):
    (stack,) = load(folder / "images.ome.zarr", "TYX")
    assert stack.chunks == stack.original_chunks == (1, 32, 32) and stack.shards == (1, 64, 64)
    assert microtome.open(folder / "images.ome.zarr").chunks == (1, 1, 32, 32)
    assert stack.axes == "TYX"
