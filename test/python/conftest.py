# SPDX-License-Identifier: BSD-3-Clause
import os
import signal
from pathlib import Path

import microtome
import numpy as np
import pytest
from images import write_array

ROOT = Path(__file__).resolve().parents[2]
os.environ["PYTHONPATH"] = str(Path(microtome.__file__).resolve().parents[1])  # for processes that tests start
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored if a script runs the tests in the background


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of test data."""
    folder = Path(os.environ.get("MICROTOME_TEST_DATA", ROOT / "../shared/data"))
    if not folder.is_dir():
        pytest.skip(f"there is no folder of test data at {folder}")
    return folder


def naive_patch(pixels, sample, channels, coords, size):
    """Cut a patch out of an array SC(Z)YX the slow and plain way."""
    channels = range(pixels.shape[1]) if channels is None else channels
    out = np.zeros((len(channels), *size), np.float32)
    for index in np.ndindex(*size):
        place = tuple(c + i for c, i in zip(coords, index, strict=True))
        if all(0 <= p < n for p, n in zip(place, pixels.shape[2:], strict=True)):
            for k, channel in enumerate(channels):
                out[(k, *index)] = pixels[(sample, channel, *place)]
    return out


@pytest.fixture
def volume():
    """A volume with axes TCZYX, and a stack over it."""
    pixels = np.random.default_rng(1).integers(0, 60000, (2, 3, 4, 11, 13), np.uint16)
    return pixels, microtome.from_array(pixels, "TCZYX")


@pytest.fixture(scope="session")
def chunked_image(tmp_path_factory):
    """An image YX of 6 x 5 compressed chunks."""
    path = tmp_path_factory.mktemp("chunked") / "image.zarr"
    write_array(path, np.random.default_rng(2).integers(0, 5000, (190, 160), np.uint16), (32, 32))
    return path
