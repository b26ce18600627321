# SPDX-License-Identifier: BSD-3-Clause
"""Predictions of CAREamics' networks by microtome.predict: the same bits as CAREamics', in one file for each image."""

import os
import signal
import subprocess
import sys

import lightning
import microtome
import numpy as np
import pytest
import tifffile
import torch
import zarr
from careamics import CAREamist as Original
from careamics.config.factories import create_advanced_care_config
from careamics.lightning.modules import CAREModule
from microtome._prediction_names import name_predictions
from microtome.careamics import CAREamist, DataModule, PredictionWriter, loading

TILES = {"tile_size": (32, 32), "tile_overlap": (8, 8), "batch_size": 1}
QUIET = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}


def make_pixels(shape, seed=1):
    random = np.random.default_rng(seed)
    return random.poisson(np.linspace(20, 90, shape[-1]), shape).astype(np.uint16)


def make_config(axes, n_in, n_out, **more):
    return create_advanced_care_config(
        experiment_name="predict",
        data_type="array",
        axes=axes,
        patch_size=[16] * (2 + ("Z" in axes)),
        batch_size=2,
        num_epochs=1,
        num_steps=1,
        n_channels_in=n_in,
        n_channels_out=n_out,
        seed=3,
        model_params={"depth": 2, "num_channels_init": 8},
        **more,
    )


def train(folder, axes="SCYX", n_in=3, n_out=2, scale=1, **more):
    """One step of CAREamics' own training, and its checkpoint."""
    size = (16, 32, 32) if "Z" in axes else (32, 32)
    careamist = Original(make_config(axes, n_in, n_out, **more), work_dir=folder, enable_progress_bar=False)
    shapes = [(2, n, *size) if "C" in axes else size for n in (n_in, n_out)]
    data = [make_pixels(shape, seed) * scale for seed, shape in enumerate(shapes, 1)]
    careamist.train(train_data=data[0], train_data_target=data[1], val_data=data[0], val_data_target=data[1])
    return careamist, careamist.get_checkpoints()[-1]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train(tmp_path_factory.mktemp("train"))


def ours(checkpoint, folder):
    return CAREamist(checkpoint_path=checkpoint, work_dir=folder, enable_progress_bar=False)


@pytest.mark.parametrize("tiles", [TILES, {"batch_size": 1}])
def test_the_same_bits_as_careamics(trained, tmp_path, tiles):
    pixels = [make_pixels((2, 3, 64, 88)), make_pixels((1, 3, 40, 48), 5)]
    expected, _ = trained[0].predict(pixels, checkpoint=trained[1], **tiles)
    careamist = ours(trained[1], tmp_path)
    got, sources = careamist.predict(pixels, **tiles)
    assert sources == [] and len(got) == 2
    for one, other in zip(got, expected, strict=True):
        assert one.dtype == other.dtype and np.array_equal(one, other)


@pytest.mark.parametrize("normalization", ["mean_std", "min_max", "quantile", "none"])
def test_normalizations(tmp_path, normalization):
    """Of pixels that are so small that the epsilon counts."""
    scale = np.float32(1e-5)
    careamist, checkpoint = train(tmp_path, "YX", 1, 1, scale, normalization=normalization)
    image = make_pixels((64, 88)) * scale
    (expected,), _ = careamist.predict(image, checkpoint=checkpoint, **TILES)
    (got,), _ = ours(checkpoint, tmp_path / "ours").predict(image, **TILES)
    assert np.array_equal(got, expected)


def test_volumes(tmp_path):
    careamist, checkpoint = train(tmp_path, "SCZYX", 1, 2)
    volumes = make_pixels((2, 1, 24, 40, 56))
    tiles = {"tile_size": (16, 32, 32), "tile_overlap": (4, 8, 8), "batch_size": 1}
    (expected,), _ = careamist.predict(volumes, checkpoint=checkpoint, **tiles)
    (got,), _ = ours(checkpoint, tmp_path / "ours").predict(volumes, **tiles)
    assert got.shape == (2, 2, 24, 40, 56) and np.array_equal(got, expected)


# -- on disk -----------------------------------------------------------------------------------------------------------


def write_sources(folder):
    """Images of several formats, two of them of one name."""
    pixels = [make_pixels((2, 3, 64, 88), seed) for seed in range(4)]
    (folder / "x").mkdir()
    tifffile.imwrite(folder / "x/cell.tif", pixels[0], photometric="minisblack")
    np.save(folder / "x/cell.npy", pixels[1])
    zarr.open_group(folder / "group.zarr", mode="w").create_array("raw/0", data=pixels[2], chunks=(1, 1, 32, 32))
    return [f"{folder}/x/cell.tif", f"{folder}/x/cell.npy", f"file://{folder}/group.zarr/raw/0", pixels[3]], pixels


@pytest.mark.parametrize("write_type", ["tiff", "zarr"])
def test_on_disk(trained, tmp_path, write_type):
    """Outputs of other channels than the input, from all formats to one image each, with its samples along T."""
    (tmp_path / "data").mkdir()
    sources, pixels = write_sources(tmp_path / "data")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "data").rglob("*") if p.is_file()}
    options = {"pyramid": 2} if write_type == "zarr" else {}
    careamist = ours(trained[1], tmp_path)
    careamist.predict_to_disk(sources, prediction_dir="out", write_type=write_type, **TILES, **options)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "data").rglob("*") if p.is_file()} == before
    expected, _ = trained[0].predict(pixels, checkpoint=trained[1], **TILES)
    for name, want in zip(["x/cell", "x/cell_1", "group_raw_0", "array_3"], expected, strict=True):
        path = tmp_path / f"out/{name}.{write_type}"
        with microtome.open(path) as written:
            assert written.original_axes == "TCYX" and np.array_equal(written[...], want)
        if write_type == "zarr":
            assert microtome.open(f"{path}#level=1").data_shape == (2, 2, 32, 44)
        else:
            assert np.array_equal(tifffile.imread(path), want)
    assert len(list((tmp_path / "out").rglob(f"*.{write_type}"))) == 4


def test_names_are_unique():
    sources = ["/d/a.tif", "/d/A.npy", "/d/a_1.h5", "/d/a.h5#1", "array", "/d/array_4.npy"]
    names = name_predictions(sources)
    assert names == ["a", "A_1", "a_1_2", "a_1_3", "array_4", "array_4_5"]


KILLED = """
import os, signal, sys
from microtome.careamics import CAREamist
checkpoint, folder, image, call = sys.argv[1:]
careamist = CAREamist(checkpoint_path=checkpoint, work_dir=folder + "-work", enable_progress_bar=False)
batches = []
def count(module, inputs):
    batches.append(inputs[0].shape)
    if len(batches) == 100:
        os.kill(os.getpid(), signal.SIGKILL)
careamist.model.model.register_forward_pre_hook(count)
careamist.predict_to_disk(image, prediction_dir=folder, **eval(call))
"""


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def count_batches(careamist):
    batches = []
    careamist.model.model.register_forward_pre_hook(lambda module, inputs: batches.append(len(inputs[0])))
    return batches


def test_resumed_after_a_kill(trained, tmp_path):
    """The same files as without the kill, from fewer tiles; and nothing is left to do for a third call."""
    image = tmp_path / "image.tif"
    tifffile.imwrite(image, make_pixels((2, 3, 200, 240)), photometric="minisblack")
    call = {"write_type": "zarr", "chunks": {"Y": 32, "X": 32}, **TILES}
    careamist = ours(trained[1], tmp_path)
    careamist.predict_to_disk(image, prediction_dir="whole", **call)
    arguments = [sys.executable, "-c", KILLED, trained[1], tmp_path / "killed", image, repr(call)]
    killed = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert content(tmp_path / "killed") != content(tmp_path / "whole")
    batches = count_batches(careamist)
    with pytest.warns(microtome.ImageWarning, match="continues an unfinished image"):
        careamist.predict_to_disk(image, prediction_dir="killed", **call)
    n = 2 * 8 * 10
    assert n - 100 <= len(batches) < n - 50
    assert content(tmp_path / "killed") == content(tmp_path / "whole")
    batches.clear()
    careamist.predict_to_disk(image, prediction_dir="killed", **call)
    assert batches == [1]  # tells the number of channels


def test_another_network_does_not_continue(trained, tmp_path):
    class Stop(Exception):
        pass

    image = make_pixels((1, 3, 64, 88))
    careamist = ours(trained[1], tmp_path)
    call = {"write_type": "zarr", "chunks": {"Y": 32, "X": 32}, **TILES}
    calls = []

    def stop(module, inputs):
        calls.append(len(inputs[0]))
        if len(calls) == 8:
            raise Stop

    handle = careamist.model.model.register_forward_pre_hook(stop)
    with pytest.raises(Stop):
        careamist.predict_to_disk(image, **call)
    handle.remove()
    saved = torch.load(trained[1], weights_only=False)
    name, weights = next((n, w) for n, w in saved["state_dict"].items() if w.is_floating_point())
    saved["state_dict"][name] = weights + 1
    torch.save(saved, tmp_path / "other.ckpt")
    with pytest.raises(microtome.ArgumentError, match="another input or call"):
        careamist.predict_to_disk(image, checkpoint=tmp_path / "other.ckpt", **call)
    with pytest.warns(microtome.ImageWarning, match="continues an unfinished image"):
        careamist.predict_to_disk(image, checkpoint=trained[1], **call)


def test_interrupted(trained, tmp_path, capsys):
    """Lightning ends the process without a traceback, so that how to continue is printed."""

    def interrupt(module, inputs):
        if len(batches) == 8:
            raise KeyboardInterrupt

    careamist, image = ours(trained[1], tmp_path), make_pixels((1, 3, 64, 88))
    batches = count_batches(careamist)
    careamist.model.model.register_forward_pre_hook(interrupt)
    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit):
            careamist.predict_to_disk(image, write_type="zarr", chunks={"Y": 32, "X": 32}, **TILES)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert "array_0.zarr is unfinished, with" in (told := capsys.readouterr().err)
    assert "of 12 chunks done: the same call continues it." in told


def test_custom_files(trained, tmp_path):
    written = {}

    def write(file_path, img, scale):
        written[file_path.name] = scale * img

    careamist, pixels = ours(trained[1], tmp_path), make_pixels((2, 3, 64, 88))
    custom = {"write_type": "custom", "write_extension": ".raw", "write_func_kwargs": {"scale": 2}}
    careamist.predict_to_disk([pixels], write_func=write, **custom, **TILES)
    (expected,), _ = careamist.predict(pixels, **TILES)
    assert list(written) == ["array_0.raw"] and np.array_equal(written["array_0.raw"], 2 * expected)
    with pytest.raises(ValueError, match="needs write_extension and write_func"):
        careamist.predict_to_disk([pixels], **custom, **TILES)


def test_arguments(trained, tmp_path):
    careamist, image = ours(trained[1], tmp_path), make_pixels((1, 3, 64, 88))
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        careamist.predict_to_disk(image, nonsense=1, **TILES)
    with pytest.raises(ValueError, match='"tiff", "zarr" or "custom", not'):
        careamist.predict_to_disk(image, write_type="png", **TILES)
    with pytest.warns(UserWarning, match="pred_data_target is not used"):
        careamist.predict_to_disk(image, pred_data_target=image, **TILES)
    with pytest.raises(ValueError, match="channel"):
        careamist.predict(image[:, :2], **TILES)
    blended, _ = careamist.predict(image, blend="hann", tta=4, **TILES)
    assert blended[0].shape == (1, 2, 64, 88)


def test_parts(trained, tmp_path):
    """Two processes share the work; the call without a part finishes."""
    careamist, image = ours(trained[1], tmp_path), make_pixels((1, 3, 64, 88))
    call = {"write_type": "zarr", "chunks": {"Y": 32, "X": 32}, **TILES}
    for k in range(2):
        careamist.predict_to_disk(image, part=(k, 2), **call)
    with pytest.warns(microtome.ImageWarning, match="continues an unfinished image"):
        careamist.predict_to_disk(image, **call)
    (expected,), _ = careamist.predict(image, **TILES)
    assert np.array_equal(microtome.open(tmp_path / "predictions/array_0.zarr")[...], expected)


# -- with Lightning alone ----------------------------------------------------------------------------------------------


def test_prediction_writer(trained, tmp_path):
    config, pixels = trained[0].config, make_pixels((2, 3, 64, 88))
    predicting = config.data_config.convert_mode("predicting", (32, 32), (8, 8), new_batch_size=1)
    network = CAREModule(config.algorithm_config)
    network.load_state_dict(torch.load(trained[1], weights_only=False)["state_dict"])
    writer = PredictionWriter(tmp_path / "out", "zarr", pyramid=False)
    module = DataModule(predicting, pred_data=pixels)
    lightning.Trainer(callbacks=[writer], **QUIET).predict(network, datamodule=module, return_predictions=False)
    (expected,), _ = trained[0].predict(pixels, checkpoint=trained[1], **TILES)
    assert os.listdir(tmp_path / "out") == ["array_0.zarr"]
    assert np.array_equal(microtome.open(tmp_path / "out/array_0.zarr")[...], expected)
    batches = lightning.Trainer(**QUIET).predict(network, datamodule=module)
    assert len(batches) == 2 * 3 * 4  # without the writer there are batches again


def test_prediction_writer_needs_our_data_module(trained, tmp_path):
    network = CAREModule(trained[0].config.algorithm_config)
    theirs = trained[0]._build_predict_datamodule(make_pixels((1, 3, 64, 88)), **TILES)
    with pytest.raises(microtome.ArgumentError, match=r"come from microtome\.careamics\.DataModule"):
        lightning.Trainer(callbacks=[PredictionWriter(tmp_path)], **QUIET).predict(network, datamodule=theirs)


def test_precision(trained, tmp_path):
    network, module = (
        CAREModule(trained[0].config.algorithm_config),
        DataModule(
            trained[0].config.data_config.convert_mode("predicting", (32, 32), (8, 8)),
            pred_data=make_pixels((1, 3, 64, 88)),
            loading=loading(),
        ),
    )
    trainer = lightning.Trainer(callbacks=[PredictionWriter(tmp_path)], precision="64-true", **QUIET)
    with pytest.raises(microtome.ArgumentError, match="precision '64-true'"):
        trainer.predict(network, datamodule=module)
