# SPDX-License-Identifier: BSD-3-Clause
import os
from pathlib import Path

import microtome
import numpy as np
import pytest
from servers import KEY, SECRET, Nginx, Rclone, Seaweed

ROOT = Path(__file__).resolve().parents[2]
os.environ["PYTHONPATH"] = str(Path(microtome.__file__).resolve().parents[1])  # for processes that tests start
for name in list(os.environ):
    if name.startswith(("AWS_", "GS_")):
        del os.environ[name]

# Each a file or folder of the data folder, a part of it, and axes if the file does not say them.
IMAGES = [
    ("zarr/mobie/blobs space.ome.zarr", None, None),
    ("zarr/zarr-java/sharding_index_location/end", None, "ZYX"),
    ("zarr/zarr-java/ome/v0.5", None, None),
    ("tiff/crafted/ome_pyramid_subifd_tiled_raw.ome.tif", None, None),
    ("tiff/imagej/maize_clsm.tif", None, None),
    ("hdf5/bio/ilastik_3d2c.h5", None, "ZYXC"),
    ("czi/real/CellDivision_T3_Z5_CH2_X240_Y170_comp1.czi", None, None),
    ("npy/npy_test.uint16-le.npy", None, "ZYX"),
]


def pytest_addoption(parser):
    parser.addoption("--no-skips", action="store_true", help="a skipped test is a failure")


def pytest_sessionfinish(session):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("no_skips") and reporter and reporter.stats.get("skipped") and not session.exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def find_data() -> Path | None:
    """The folder of test data."""
    folder = Path(os.environ.get("MICROTOME_TEST_DATA", ROOT / "../shared/data")).resolve()
    return folder if folder.is_dir() else None


def read_all(stack) -> np.ndarray:
    """All pixels, as SC(Z)YX."""
    size = stack.data_shape[2:]
    return np.stack([stack.extract_patch(s, None, [0] * len(size), size) for s in range(stack.data_shape[0])])


@pytest.fixture(scope="session")
def expected():
    """All pixels of an image, read from the local file."""
    data = find_data()
    if not data:
        pytest.skip("there is no folder of test data")
    return {image: read_all(microtome.open(data / image[0], part=image[1], axes=image[2])) for image in IMAGES}


@pytest.fixture(scope="session")
def volume(tmp_path_factory):
    """A folder "volume.zarr" of 64 chunks without compression, and its pixels."""
    folder = tmp_path_factory.mktemp("volume") / "volume.zarr"
    folder.mkdir()
    pixels = np.random.default_rng(1).integers(0, 60000, (128, 128), np.uint16)
    write_array(folder, pixels, 16)
    return folder, pixels


@pytest.fixture(scope="session")
def plane(tmp_path_factory):
    """A file "plane.npy", and its pixels."""
    pixels = np.random.default_rng(2).integers(0, 255, (600, 700), np.uint8)
    path = tmp_path_factory.mktemp("plane") / "plane.npy"
    np.save(path, pixels)
    return path, pixels


def write_array(folder: Path, pixels: np.ndarray, chunk: int) -> None:
    """An array of Zarr version 2."""
    (folder / ".zarray").write_text(
        f'{{"zarr_format": 2, "shape": {list(pixels.shape)}, "chunks": [{chunk}, {chunk}], "dtype": "{pixels.dtype.str}",'
        ' "compressor": null, "fill_value": 7, "order": "C", "filters": null}'
    )
    for y in range(0, pixels.shape[0], chunk):
        for x in range(0, pixels.shape[1], chunk):
            name = folder / f"{y // chunk}.{x // chunk}"
            name.write_bytes(pixels[y : y + chunk, x : x + chunk].tobytes())


def image_paths(*more: Path) -> list[Path]:
    """What servers are given."""
    data = find_data()
    return [*more, *(data / image[0] for image in IMAGES if data)]


@pytest.fixture(scope="session")
def nginx(tmp_path_factory, volume, plane):
    root = tmp_path_factory.mktemp("root")
    for path in image_paths(volume[0], plane[0]):
        (root / path.name).symlink_to(path)
    np.save(root / "few.npy", np.array([[1, 2], [3, 4]], np.uint8))
    with Nginx(tmp_path_factory.mktemp("nginx"), root).start() as server:
        yield server


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory, volume, plane):
    with Seaweed(tmp_path_factory.mktemp("seaweed")).start() as server:
        for path in image_paths(volume[0], plane[0]):
            server.put_tree("lab", path)
        server.put_tree("public", volume[0])
        yield server


@pytest.fixture(scope="session")
def rclone(tmp_path_factory, volume, plane):
    with Rclone(tmp_path_factory.mktemp("rclone")).start() as server:
        for path in image_paths(volume[0], plane[0]):
            server.put_tree(path)
        yield server


@pytest.fixture
def as_lab(monkeypatch):
    """Sets the environment to sign with the keys of the bucket "lab", and to ask a server."""

    def apply(server, key=KEY, secret=SECRET):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        monkeypatch.setenv("AWS_ENDPOINT_URL", server if isinstance(server, str) else server.url)

    return apply


@pytest.fixture
def context():
    """A new context, with empty caches."""
    return microtome.Context(threads=4)
