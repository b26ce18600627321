# SPDX-License-Identifier: BSD-3-Clause
"""Images that microtome writes, read by ome-zarr-py, napari-ome-zarr, bioio and CAREamics: pixels of all levels, axes,
scales, names of channels, label images, collections."""

import json

import microtome
import numpy as np
import ome_types
import ome_zarr.io
import ome_zarr.reader
import pytest
import tifffile
import zarr
from bioio import BioImage
from bioio_ome_tiff import Reader as OmeTiffReader
from bioio_ome_zarr import Reader as OmeZarrReader
from bioio_tifffile import Reader as TifffileReader
from careamics.dataset.image_stack_loader import load_tiffs, load_zarrs
from napari_ome_zarr import napari_get_reader

pytestmark = pytest.mark.filterwarnings("ignore")  # what they have to say of themselves

QUIET = {"progress": False, "durability": "never"}
NAMES = ["DAPI", "GFP", "α-tubulin"]
COLORS = [(0, 0, 255), (0, 255, 0), (255, 0, 170)]
SIZES = {"T": 2.5, "Z": 0.5, "Y": 0.25, "X": 0.125}
UNITS = {"T": "second", "Z": "micrometer", "Y": "micrometer", "X": "micrometer"}


def pixels(axes, dtype, seed=1):
    sizes = {"T": 2, "C": 3, "Z": 4, "Y": 61, "X": 70}
    return np.random.default_rng(seed).integers(0, 200, [sizes[axis] for axis in axes]).astype(dtype)


def write(path, image, axes, **options):
    """Writes three levels; returns what zarr-python reads of them."""
    if "C" in axes:
        options["channels"] = [{"name": n, "color": c, "window": (5, 150)} for n, c in zip(NAMES, COLORS)]
    for name, values in ("pixel_size", SIZES), ("unit", UNITS):
        options[name] = {axis: value for axis, value in values.items() if axis in axes}
    microtome.convert(microtome.from_array(image, axes), path, pyramid=3, **options, **QUIET)


def levels_of(path):
    group = zarr.open_group(path, mode="r")
    return [group[str(level)][...] for level in range(3)]


def scale_of(axes, level):
    return [SIZES.get(axis, 1) * (2**level if axis in "YX" else 1) for axis in axes]


def assert_all_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(one), other)


CASES = [
    ("YX", "uint8", {}),
    ("CYX", "uint16", {"chunks": {"Y": 32, "X": 32}, "codec": "zstd"}),
    ("ZYX", "float32", {"chunks": {"Z": 1, "Y": 32, "X": 32}}),
    ("TCZYX", "uint16", {"chunks": {"C": 3, "Z": 2, "Y": 32, "X": 64}, "codec": "gzip"}),
]
ALL = [(*case, ome, shards) for case in CASES for ome, shards in (("0.4", False), ("0.5", False), ("0.5", True))]


@pytest.fixture(scope="module", params=ALL, ids=lambda case: f"{case[0]}-{case[3]}{'-shards' * case[4]}")
def written(tmp_path_factory, request):
    axes, dtype, options, ome, has_shards = request.param
    path, image = tmp_path_factory.mktemp("written") / "image.ome.zarr", pixels(axes, dtype)
    shards = {"shards": {"Y": 64, "X": 64}} if has_shards and options.get("chunks") else {}
    write(path, image, axes, ome=ome, **options, **shards)
    levels = levels_of(path)
    np.testing.assert_array_equal(levels[0], image)
    return path, axes, levels


def test_ome_zarr_py(written):
    path, axes, levels = written
    (node,) = list(ome_zarr.reader.Reader(ome_zarr.io.parse_url(path))())
    assert_all_equal(node.data, levels)
    assert [axis["name"] for axis in node.metadata["axes"]] == list(axes.lower())
    assert [axis.get("unit") for axis in node.metadata["axes"]] == [UNITS.get(axis) for axis in axes]
    transformations = node.metadata["coordinateTransformations"]
    assert [one[0]["scale"] for one in transformations] == [scale_of(axes, level) for level in range(3)]
    if "C" in axes:
        assert node.metadata["channel_names"] == NAMES
        assert node.metadata["contrast_limits"] == [[5, 150]] * 3
        assert node.metadata["colormap"] == [[[0, 0, 0], [value / 255 for value in color]] for color in COLORS]


def test_napari_ome_zarr(written):
    path, axes, levels = written
    ((data, layer, kind),) = napari_get_reader(str(path))(str(path))
    assert kind == "image"
    assert_all_equal(data, levels)
    left = axes.replace("C", "")
    assert layer["axis_labels"] == tuple(left.lower())
    assert layer["units"] == tuple(UNITS[axis] for axis in left)
    assert list(layer["scale"]) == scale_of(left, 0)
    assert layer.get("channel_axis") == (axes.index("C") if "C" in axes else None)
    if "C" in axes:
        assert layer["name"] == NAMES
        assert layer["contrast_limits"] == [[5, 150]] * 3


def check_bioio(image, axes, levels):
    """Levels, sizes and names as bioio has them: TCZYX."""
    shape = [dict(zip(axes, levels[0].shape)).get(axis, 1) for axis in "TCZYX"]
    assert image.dims.order == "TCZYX"
    assert list(image.shape) == shape
    sizes = image.physical_pixel_sizes
    assert (sizes.Z, sizes.Y, sizes.X) == (SIZES["Z"] if "Z" in axes else None, SIZES["Y"], SIZES["X"])
    for level in image.resolution_levels:
        image.set_resolution_level(level)
        np.testing.assert_array_equal(image.data.reshape(levels[level].shape), levels[level])
    image.set_resolution_level(0)


def test_bioio_ome_zarr(written):
    path, axes, levels = written
    image = BioImage(path, reader=OmeZarrReader)
    assert image.resolution_levels == (0, 1, 2)
    check_bioio(image, axes, levels)
    if "T" in axes:
        assert image.time_interval == SIZES["T"]
    if "C" in axes:
        assert image.channel_names == NAMES


@pytest.mark.parametrize(("axes", "dtype", "options"), CASES)
def test_ome_tiff(tmp_path, axes, dtype, options):
    path, image = tmp_path / "image.ome.tif", pixels(axes, dtype)
    write(tmp_path / "image.zarr", image, axes)
    levels = levels_of(tmp_path / "image.zarr")
    write(path, image, axes, chunks={"Y": 32, "X": 16})
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_ome
        (series,) = tiff.series
        assert series.axes == axes
        assert_all_equal([level.asarray() for level in series.levels], levels)
    image = BioImage(path, reader=OmeTiffReader)
    check_bioio(image, axes, levels)
    if "C" in axes:
        assert image.channel_names == NAMES
    found = BioImage(path, reader=TifffileReader)
    np.testing.assert_array_equal(found.data.reshape(levels[0].shape), levels[0])
    described = ome_types.from_tiff(path).images[0].pixels
    assert described.physical_size_x == SIZES["X"]
    assert described.time_increment == (SIZES["T"] if "T" in axes else None)


@pytest.mark.parametrize("ome", ["0.4", "0.5"])
def test_label_images(tmp_path, ome):
    """As copied from an image that has them."""
    source, path, labels = tmp_path / "in.zarr", tmp_path / "out.zarr", pixels("ZYX", "uint32", seed=2)
    write(source, pixels("CZYX", "uint16"), "CZYX")
    (source / "labels").mkdir()
    attributes = {"ome": {"version": "0.5", "labels": ["nuclei"]}}
    group = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    (source / "labels/zarr.json").write_text(json.dumps(group))
    write(source / "labels/nuclei", labels, "ZYX", labels=True, format="zarr")
    microtome.convert(source, path, ome=ome, pyramid=3, **QUIET)
    expected = [labels[:, :: 2**i, :: 2**i] for i in range(3)]
    nodes = {str(node.zarr).split("/")[-1]: node for node in ome_zarr.reader.Reader(ome_zarr.io.parse_url(path))()}
    (node,) = [node for name, node in nodes.items() if "nuclei" in name]
    assert_all_equal(node.data, expected)
    layers = napari_get_reader(str(path))(str(path))
    assert [kind for _, _, kind in layers] == ["image", "labels"]
    assert_all_equal(layers[1][0], expected)
    assert list(layers[1][1]["scale"]) == scale_of("ZYX", 0)


@pytest.mark.parametrize("ome", ["0.4", "0.5"])
def test_collection(tmp_path, ome):
    images = [pixels("CYX", "uint16", seed) for seed in range(3)]
    for i, image in enumerate(images):
        write(tmp_path / f"{i}.zarr", image, "CYX")
    path = tmp_path / "all.zarr"
    microtome.convert([tmp_path / f"{i}.zarr" for i in range(3)], path, join="S", ome=ome, **QUIET)
    layers = napari_get_reader(str(path))(str(path))
    assert_all_equal([data[0] for data, _, _ in layers], images)
    assert [layer["name"] for _, layer, _ in layers] == [NAMES] * 3
    document = ome_types.from_xml((path / "OME/METADATA.ome.xml").read_text(), validate=True)
    assert [image.id for image in document.images] == ["Image:0", "Image:1", "Image:2"]
    assert [[channel.name for channel in image.pixels.channels] for image in document.images] == [NAMES] * 3
    np.testing.assert_array_equal(BioImage(path / "2", reader=OmeZarrReader).data[0, :, 0], images[2])


@pytest.mark.parametrize("ome", ["0.4", "0.5"])
def test_plate(tmp_path, ome):
    """Both readers lay the first fields of all wells side by side."""
    source, path, images = tmp_path / "in.zarr", tmp_path / "plate.zarr", [pixels("CYX", "uint16", i) for i in range(2)]
    for field, image in zip(["A/1/0", "B/2/0"], images, strict=True):
        (source / field).parent.mkdir(parents=True)
        write(source / field, image, "CYX", format="zarr")
    group = {"zarr_format": 3, "node_type": "group", "attributes": {}}
    (source / "zarr.json").write_text(json.dumps(group))
    microtome.convert(source, path, join="S", plate=True, ome=ome, **QUIET)
    rows = [np.concatenate([image * (i == j) for j in range(2)], axis=2) for i, image in enumerate(images)]
    expected = np.concatenate(rows, axis=1)
    nodes = list(ome_zarr.reader.Reader(ome_zarr.io.parse_url(path))())
    np.testing.assert_array_equal(nodes[0].data[0].compute(), expected)
    ((data, layer, kind),) = napari_get_reader(str(path))(str(path))
    assert (kind, layer["name"]) == ("image", NAMES)
    np.testing.assert_array_equal(data[0].compute(), expected)


@pytest.mark.parametrize(("axes", "dtype", "options"), CASES)
def test_careamics(tmp_path, axes, dtype, options):
    image = pixels(axes, dtype)
    write(tmp_path / "image.zarr", image, axes, **options)
    write(tmp_path / "image.tif", image, axes)
    ours = microtome.from_array(image, axes)
    (of_tiff,) = load_tiffs([tmp_path / "image.tif"], axes)
    (of_zarr,) = load_zarrs([f"file://{tmp_path}/image.zarr/0"], axes)  # of the group, it takes all levels for images
    for stack in of_zarr, of_tiff:
        assert tuple(stack.data_shape) == ours.data_shape
        for sample in range(ours.data_shape[0]):
            corner, size = (0,) * (ours.ndim - 2), ours.data_shape[2:]
            expected = ours.extract_patch(sample, None, corner, size)
            np.testing.assert_array_equal(stack.extract_patch(sample, None, corner, size), expected)
