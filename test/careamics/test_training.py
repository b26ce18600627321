# SPDX-License-Identifier: BSD-3-Clause
"""CAREamics trains on what microtome reads, and predicts as from the array in memory."""

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from careamics import CAREamist as Original
from careamics.config.factories import create_advanced_n2v_config
from microtome.careamics import CAREamist, load

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


@pytest.mark.parametrize("write", WRITERS)
def test_training_and_prediction(write, pixels, from_memory, tmp_path):
    """With the same seed even training gives the same weights, for it sees the same patches."""
    path = write(tmp_path, pixels)
    careamist = CAREamist(make_config("array"), work_dir=tmp_path / "work", enable_progress_bar=False)
    careamist.train(train_data=path)
    assert careamist.trainer.current_epoch == 2
    ours = careamist.model.state_dict()
    for name, weights in from_memory[0].model.state_dict().items():
        np.testing.assert_allclose(ours[name].numpy(), weights.numpy(), rtol=1e-4, atol=1e-5)
    predicted, sources = careamist.predict(path, checkpoint=from_memory[0].get_checkpoints()[-1], **TILES)
    np.testing.assert_array_equal(predicted[0], from_memory[1])
    assert sources == [str(load(path, "TYX")[0].source)]
    assert np.std(predicted[0] - pixels) < np.std(pixels) and np.isfinite(predicted[0]).all()
