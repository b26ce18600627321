# SPDX-License-Identifier: BSD-3-Clause
"""CAREamics trains on what microtome reads, and predicts as from the array in memory."""

import h5py
import lightning
import numpy as np
import pytest
import tifffile
import zarr
from careamics import CAREamist as Original
from careamics.config.factories import create_advanced_n2v_config
from careamics.lightning.modules import N2VModule
from careamics.lightning.prediction import convert_prediction
from microtome.careamics import CAREamist, DataModule, load, loading

SHAPE = (4, 40, 96)  # samples, rows, columns
TILES = {"tile_size": (64, 64), "tile_overlap": (16, 16)}  # taller than the image


@pytest.fixture(scope="module")
def pixels():
    random = np.random.default_rng(7)
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
    clean = 100 + 40 * np.sin(y / 5) * np.cos(x / 7) + np.arange(SHAPE[0])[:, None, None]
    return random.poisson(clean).astype(np.uint16)


def write_ome_zarr(folder, pixels):
    path = folder / "images.ome.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=3)
    group.create_array("0", data=pixels, chunks=(1, 32, 32), shards=(1, 64, 64))
    axes = [{"name": "t", "type": "time"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    scale = [{"type": "scale", "scale": [1.0, 0.1, 0.1]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    return path


def write_hdf5(folder, pixels):
    path = folder / "images.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("raw/images", data=pixels, chunks=(1, 32, 32), compression="gzip", shuffle=True)
        file.create_dataset("raw/other", data=np.zeros((5, 6)))
    return f"{path}#/raw/images"


def write_ome_tiff(folder, pixels):
    """A file for each sample, each naming all of them in its OME-XML."""
    names = [f"images_t{t}.ome.tif" for t in range(len(pixels))]
    uuids = [f"urn:uuid:00000000-0000-0000-0000-00000000000{t}" for t in range(len(pixels))]
    planes = "".join(
        f'<TiffData FirstT="{t}" IFD="0" PlaneCount="1"><UUID FileName="{name}">{uuid}</UUID></TiffData>'
        for t, (name, uuid) in enumerate(zip(names, uuids, strict=True))
    )
    for plane, name, uuid in zip(pixels, names, uuids, strict=True):
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuid}"><Image ID="Image:0">'
            f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="{pixels.shape[2]}" '
            f'SizeY="{pixels.shape[1]}" SizeZ="1" SizeC="1" SizeT="{len(pixels)}">'
            f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
        )
        tifffile.imwrite(folder / name, plane, description=xml, metadata=None, compression="zlib", tile=(32, 32))
    return folder / names[0]


WRITERS = [write_ome_zarr, write_hdf5, write_ome_tiff]


def make_config(data_type, **more):
    config = create_advanced_n2v_config(
        experiment_name="test",
        data_type=data_type,
        axes="TYX",
        patch_size=[32, 32],
        batch_size=4,
        num_epochs=2,
        n_val_patches=2,
        seed=11,
        model_params={"depth": 2, "num_channels_init": 8},
        **more,
    )
    return config


@pytest.fixture(scope="module")
def from_memory(pixels, tmp_path_factory):
    """What CAREamics itself makes of the array: its checkpoint, and its prediction."""
    folder = tmp_path_factory.mktemp("array")
    careamist = Original(make_config("array"), work_dir=folder, enable_progress_bar=False)
    careamist.train(train_data=pixels)
    predicted, sources = careamist.predict(pixels, **TILES)
    assert sources == [] and predicted[0].shape == SHAPE
    return careamist, predicted[0]


def same_weights(one, other):
    ours = one.model.state_dict()
    for name, weights in other.model.state_dict().items():
        np.testing.assert_allclose(ours[name].numpy(), weights.numpy(), rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def ours_from_memory(pixels, tmp_path_factory):
    careamist = CAREamist(make_config("array"), work_dir=tmp_path_factory.mktemp("ours"), enable_progress_bar=False)
    careamist.train(train_data=pixels)
    return careamist


@pytest.mark.parametrize("write", WRITERS)
def test_training_and_prediction(write, pixels, from_memory, ours_from_memory, tmp_path):
    """With the same seed, training gives the same weights from all formats, for it sees the same patches."""
    path = write(tmp_path, pixels)
    careamist = CAREamist(make_config("array"), work_dir=tmp_path / "work", enable_progress_bar=False)
    careamist.train(train_data=path)
    assert careamist.trainer.current_epoch == 2 and isinstance(careamist.train_datamodule, DataModule)
    same_weights(careamist, ours_from_memory)
    saved = from_memory[0].get_checkpoints()[-1]
    careamist = CAREamist(checkpoint_path=saved, work_dir=tmp_path, enable_progress_bar=False)
    predicted, sources = careamist.predict(path, **TILES)
    np.testing.assert_array_equal(predicted[0], from_memory[1])
    assert sources == [str(load(path, "TYX")[0].source)]
    assert np.std(predicted[0] - pixels) < np.std(pixels) and np.isfinite(predicted[0]).all()


def test_training_of_careamics_itself(pixels, from_memory, tmp_path):
    """CAREamics' own data module sees the same patches through our stacks as in its arrays."""
    careamist = Original(make_config("custom"), work_dir=tmp_path / "work", enable_progress_bar=False)
    careamist.train(train_data=write_ome_zarr(tmp_path, pixels), loading=loading())
    same_weights(careamist, from_memory[0])


def test_statistics_are_saved(ours_from_memory, pixels, tmp_path):
    """In the configuration of the object, and with the checkpoint, from which CAREamics predicts."""
    normalization = ours_from_memory.config.data_config.normalization
    np.testing.assert_allclose(normalization.input_means, [pixels.mean()])
    saved = ours_from_memory.get_checkpoints()[-1]
    again = Original(checkpoint_path=saved, work_dir=tmp_path, enable_progress_bar=False)
    assert again.config.data_config.normalization == normalization
    (one,), _ = again.predict(pixels, data_type="array", **TILES)
    (other,), _ = ours_from_memory.predict(pixels, checkpoint=saved, **TILES)
    np.testing.assert_array_equal(one, other)


def test_prediction_from_the_data_module(pixels, from_memory):
    """The tiles of our loader, through CAREamics' network and stitching, give CAREamics' prediction."""
    config = from_memory[0].config
    predicting = config.data_config.convert_mode("predicting", (64, 64), (16, 16))
    module = DataModule(predicting, pred_data=pixels)
    regions = from_memory[0].trainer.predict(from_memory[0].model, datamodule=module)
    (predicted,), _ = convert_prediction(regions, tiled=True, restore_shape=True)
    expected, _ = from_memory[0].predict(pixels, **TILES)
    np.testing.assert_array_equal(predicted, expected[0])


# -- the data module with Lightning --------------------------------------------------------------------------------------


class Seen(lightning.Callback):
    """Notes the places of all patches."""

    def __init__(self):
        self.places = []

    def on_train_batch_start(self, trainer, module, batch, number):
        spec = batch[0].region_spec
        self.places.append([*spec["sample_idx"].tolist(), *spec["coords"][0].tolist(), *spec["coords"][1].tolist()])


def fit(pixels, steps, checkpoint=None):
    config = make_config("array", train_dataloader_params={"shuffle": True, "drop_last": True})
    seen = Seen()
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    trainer = lightning.Trainer(max_steps=steps, callbacks=[seen], **options)
    module = DataModule(config, train_data=pixels)
    trainer.fit(N2VModule(config.algorithm_config), datamodule=module, ckpt_path=checkpoint)
    return trainer, seen.places


def test_a_checkpoint_continues_in_the_middle_of_an_epoch(pixels, tmp_path):
    whole = fit(pixels, 9)[1]
    trainer, first = fit(pixels, 6)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    assert first == whole[:6]
    assert fit(pixels, 9, tmp_path / "a.ckpt")[1] == whole[6:]


def test_configurations(pixels):
    """A whole configuration, its part, or a dict; the network is known only from the whole."""
    config = make_config("array")
    for given in (config, config.data_config, config.data_config.model_dump()):
        module = DataModule(given, train_data=pixels)
        module.setup("validate")
        assert "Loader, 4 batches of 4 patches" in str(module) and module.hparams["data_config"]["seed"] == 11
    two = np.stack([pixels, pixels], axis=1)
    wrong = config.model_copy(update={"data_config": config.data_config.model_copy(update={"axes": "TCYX"})})
    with pytest.raises(ValueError, match="channel"):
        DataModule(wrong, train_data=two).setup("fit")


def test_stages(pixels):
    module = DataModule(make_config("array"), pred_data=pixels)
    with pytest.raises(ValueError, match="training needs train_data"):
        module.setup("fit")
    with pytest.raises(NotImplementedError, match="'test'"):
        module.setup("test")
    with pytest.raises(ValueError, match="prediction needs pred_data"):
        DataModule(make_config("array"), train_data=pixels).setup("predict")
    with pytest.raises(TypeError, match="nonsense"):
        DataModule(make_config("array"), train_data=pixels, nonsense=1)
    module = DataModule(make_config("array"), train_data=pixels, window=0, prefetch=1, on_corrupt="zero")
    module.setup("fit")
    assert module.train_loader.report().window is None
