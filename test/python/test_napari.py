# SPDX-License-Identifier: BSD-3-Clause
"""The reader for napari, asked through npe2 as napari asks it, without a window."""

import warnings
from fnmatch import fnmatch
from pathlib import Path

import microtome
import numpy as np
import pytest
from images import write_array, write_ome_zarr
from microtome import _core

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # npe2 warns of its own use of pydantic, when it is imported and later
    npe2 = pytest.importorskip("npe2")
pytest.importorskip("dask.array")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

MANIFEST = Path(microtome.__file__).parent / "napari.yaml"
CHANNELS = [("DAPI", "0000FF"), ("GFP", "00FF00"), ("Cy5", "FF8000")]
PIXELS = np.random.default_rng(1).integers(0, 60000, (2, 3, 4, 64, 80), np.uint16)
UNITS = {"T": "second", "Z": "micrometer", "Y": "micrometer", "X": "micrometer"}


@pytest.fixture
def read():
    """Read a path as napari does."""
    manager = npe2.PluginManager.instance()
    manager.register(npe2.PluginManifest.from_file(MANIFEST))

    def read(path):
        return npe2.read([str(path)], stack=False, plugin_name="microtome")

    yield read
    manager.unregister("microtome")


def test_a_pyramid_with_channels(read, tmp_path):
    path = write_ome_zarr(
        tmp_path / "a.ome.zarr", PIXELS, "TCZYX", (1, 1, 2, 16, 16), CHANNELS, (0.5, 1, 2, 0.25, 0.25), UNITS, levels=3
    )
    layers = read(path)
    assert [kind for _, _, kind in layers] == ["image"] * 3
    assert [options["name"] for _, options, _ in layers] == ["DAPI", "GFP", "Cy5"]
    assert [options["colormap"] for _, options, _ in layers][:2] == ["blue", "green"]
    assert layers[2][1]["colormap"] == {"colors": [[0, 0, 0], [1, 128 / 255, 0]], "name": "#ff8000"}
    for channel, (levels, options, _) in enumerate(layers):
        assert options["multiscale"] is True and options["visible"] and options["blending"] == "additive"
        assert options["scale"] == [0.5, 2, 0.25, 0.25] and options["axis_labels"] == ["T", "Z", "Y", "X"]
        assert options["units"] == ["second", *["micrometer"] * 3]
        assert [level.shape for level in levels] == [(2, 4, 64, 80), (2, 4, 32, 40), (2, 4, 16, 20)]
        np.testing.assert_array_equal(levels[0].compute(), PIXELS[:, channel])
        np.testing.assert_array_equal(levels[2].compute(), PIXELS[:, channel, :, ::4, ::4])


def test_layers_are_lazy(read, tmp_path, monkeypatch):
    """A view of a plane decodes the chunks that it shows."""
    path = write_ome_zarr(tmp_path / "a.zarr", PIXELS[0], "CZYX", (1, 4, 16, 16), CHANNELS)
    context = microtome.Context(cache_bytes=0)
    monkeypatch.setattr("microtome._napari.open", lambda *args, **kw: microtome.open(*args, context=context, **kw))
    layers = read(path)
    assert context.counters()["chunks_decoded"] == 0
    assert layers[1][0].chunksize[:1] == (1,)
    np.testing.assert_array_equal(layers[1][0][2].compute(), PIXELS[0, 1, 2])
    assert context.counters()["chunks_decoded"] == 4 * 5


def test_labels(read, tmp_path):
    path = write_ome_zarr(tmp_path / "a.zarr", PIXELS[0, :1], "CZYX", (1, 1, 64, 80), [("GFP", "00FF00")])
    (path / "labels").mkdir()
    (path / "labels/.zattrs").write_text('{"labels": ["cells"]}')
    (path / "labels/.zgroup").write_text('{"zarr_format": 2}')
    write_ome_zarr(path / "labels/cells", PIXELS[0, 0] // 30000, "ZYX", (1, 64, 80))
    [(data, options, _)] = [layer for layer in read(path) if layer[2] == "labels"]
    assert "cells" in options["name"] and options["visible"] and "colormap" not in options
    np.testing.assert_array_equal(data.compute(), PIXELS[0, 0] // 30000)


def test_scenes(read, tmp_path):
    """Each array has its layers, those of the first are visible."""
    for name, shape in (("a", (2, 20, 30)), ("b", (25, 35))):
        axes = "CYX"[-len(shape) :]
        write_ome_zarr(tmp_path / "many.zarr" / name, np.ones(shape, np.uint8), axes, shape)
    (tmp_path / "many.zarr/.zgroup").write_text('{"zarr_format": 2}')
    layers = read(tmp_path / "many.zarr")
    assert [o["name"] for _, o, _ in layers] == ["a: channel 0", "a: channel 1", "b"]
    assert [o["visible"] for _, o, _ in layers] == [True, True, False]
    assert [o["colormap"] for _, o, _ in layers] == ["magenta", "green", "gray"]


def test_a_scene_that_cannot_be_opened_is_told(read, tmp_path):
    write_array(tmp_path / "many.zarr/a", np.ones((8, 9), np.uint8), (8, 9))
    write_array(tmp_path / "many.zarr/b", np.ones((8, 9), np.uint8), (8, 9))
    text = (tmp_path / "many.zarr/b/.zarray").read_text()
    (tmp_path / "many.zarr/b/.zarray").write_text(text.replace("zlib", "unheard"))
    (tmp_path / "many.zarr/.zgroup").write_text('{"zarr_format": 2}')
    with pytest.warns(microtome.ImageWarning, match="unheard"):
        layers = read(tmp_path / "many.zarr")
    assert [o["name"] for _, o, _ in layers] == ["a"]


def test_too_many_scenes_are_told(read, tmp_path, monkeypatch):
    monkeypatch.setattr("microtome._napari._MOST_SCENES", 2)
    for name in "abc":
        write_array(tmp_path / "many.zarr" / name, np.ones((8, 9), np.uint8), (8, 9))
    (tmp_path / "many.zarr/.zgroup").write_text('{"zarr_format": 2}')
    with pytest.warns(microtome.ImageWarning, match="the first 2 of 3 images"):
        assert len(read(tmp_path / "many.zarr")) == 2


def test_axes_that_are_not_named_become_sliders(read, tmp_path):
    np.save(tmp_path / "a.npy", PIXELS[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", microtome.ImageWarning)
        [(data, options, _)] = read(tmp_path / "a.npy")
    np.testing.assert_array_equal(data.compute().reshape(PIXELS[0].shape), PIXELS[0])
    assert options["name"] == "a" and len(options["scale"]) == data.ndim
    np.save(tmp_path / "b.npy", PIXELS[0, 0, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        [(data, options, _)] = read(tmp_path / "b.npy")
    assert data.shape == (64, 80) and options["units"] == ["pixel"] * 2 and options["scale"] == [1, 1]


def test_what_is_no_image_is_left_to_others(read, tmp_path):
    (tmp_path / "a.tif").write_text("no image")
    with pytest.raises(ValueError, match=r"returned no data|refused"):
        read(tmp_path / "a.tif")
    (tmp_path / "b.tif").write_bytes(b"II*\0\x08\0\0\0")
    with pytest.raises(microtome.Error):
        read(tmp_path / "b.tif")


@pytest.mark.parametrize(
    "name",
    ["czi/real/CellDivision_T3_Z5_CH2_X240_Y170_comp1.czi", "czi/generated/px_gray16_jxr.czi"],
)
def test_real_files(read, data, name):
    stack, layers = microtome.open(data / name), read(data / name)
    assert len(layers) == stack.shape[1]
    names = stack.channel_names or [""] * len(layers)
    for channel, (pixels, options, _) in enumerate(layers):
        level = pixels[0] if options["multiscale"] else pixels
        np.testing.assert_array_equal(np.squeeze(level.compute()), np.squeeze(stack[:, channel]))
        assert options["name"] == (names[channel] or (f"channel {channel}" if len(layers) > 1 else Path(name).stem))
        assert options["scale"] == [stack.pixel_size.get(a, 1) for a in options["axis_labels"]]


@pytest.mark.parametrize("name", ["cases/F1_svs/F1_svs.svs", "czi/real/RGB-8bit.czi"])
def test_photographs_are_one_layer(read, data, name):
    """Red, green and blue of a pixel are not channels of their own."""
    pixels, options, kind = read(data / name)[0]
    stack = microtome.open(data / name)
    assert (kind, options["rgb"], options["axis_labels"], len(options["scale"])) == ("image", True, ["Y", "X"], 2)
    assert "colormap" not in options and "channel" not in options["name"]
    level = pixels[0] if options["multiscale"] else pixels
    assert options["multiscale"] == (stack.levels > 1)
    np.testing.assert_array_equal(level.compute(), np.moveaxis(stack[0], 0, -1))


def test_names_of_all_formats_are_accepted(read):
    patterns = npe2.PluginManager.instance().get_manifest("microtome").contributions.readers[0].filename_patterns
    suffixes = [suffix for _, _, known in _core.formats() for suffix in known.split(",") if suffix]
    assert {"tif", "zarr", "czi", "h5"} <= set(suffixes)
    for suffix in [*suffixes, "TIF", "zip", "ozx", "tif.gz", "svs"]:
        assert any(fnmatch(f"name.{suffix}", pattern) for pattern in patterns), suffix
