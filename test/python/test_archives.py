# SPDX-License-Identifier: BSD-3-Clause
"""Images in zip archives and gzip files, by their paths."""

import gzip
import hashlib
import json
import pickle
import shutil
import zipfile

import microtome
import numpy as np
import pytest


def test_archives_of_others(data):
    expected = json.loads((data / "zip/expected.json").read_text())
    for name, facts in expected.items():
        for part in ("", f"#{facts['array']}"):
            stack = microtome.open(f"{data}/zip/{name}{part}")
            assert stack.original_axes == facts["axes"]
            assert stack.original_data_shape == tuple(facts["shape"])
            pixels = np.asarray(stack)
            assert str(pixels.dtype) == facts["dtype"]
            little = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("<")))
            assert hashlib.sha256(little.tobytes()).hexdigest() == facts["sha256_c_le"]


@pytest.fixture
def archive(tmp_path):
    """Two images in an archive, stored and deflated, and their pixels."""
    rng = np.random.default_rng(3)
    images = {
        "stored/a.npy": rng.integers(0, 999, (30, 40), np.uint16),
        "b.npy": rng.integers(0, 9, (5, 300, 400), np.uint16),
    }
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as z:
        for name, pixels in images.items():
            with z.open(zipfile.ZipInfo(name), "w") as f:
                np.save(f, pixels)
        np.save(tmp_path / "c.npy", images["b.npy"])
        z.write(tmp_path / "c.npy", "deflated.npy", zipfile.ZIP_DEFLATED)
    images["deflated.npy"] = images["b.npy"]
    return tmp_path / "images.zip", images


def test_members(archive):
    path, images = archive
    for name, pixels in images.items():
        stack = microtome.open(path / name, axes="SYX"[-pixels.ndim :])
        assert stack.source == f"{path}/{name}"
        np.testing.assert_array_equal(np.asarray(stack).reshape(pixels.shape), pixels)
        again = pickle.loads(pickle.dumps(stack))
        np.testing.assert_array_equal(np.asarray(again), np.asarray(stack))


def test_random_patches_of_gzip(archive, tmp_path):
    _, images = archive
    with open(tmp_path / "c.npy", "rb") as plain, gzip.open(tmp_path / "c.npy.gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    pixels = images["b.npy"]
    stack = microtome.open(tmp_path / "c.npy.gz", axes="ZYX")
    rng = np.random.default_rng(5)
    for _ in range(50):
        z, y, x = (int(rng.integers(0, n - k)) for n, k in zip(pixels.shape, (2, 20, 30), strict=True))
        patch = stack.extract_patch(0, [0], [z, y, x], [2, 20, 30])
        np.testing.assert_array_equal(patch[0], pixels[z : z + 2, y : y + 20, x : x + 30])


def test_open_all_and_list(archive, data):
    path, _ = archive
    stacks = microtome.open_all([path / "stored/a.npy", f"{data}/zip/syn/rfc9.ozx"])
    assert len(stacks) == 2
    assert microtome.open_all([path / "b.npy", path / "stored/a.npy"], "ZYX")[1].shape == (1, 1, 1, 30, 40)


def test_an_archive_of_one_folder_is_searched(tmp_path):
    np.save(tmp_path / "x.npy", np.eye(4, dtype=np.uint8))
    with zipfile.ZipFile(tmp_path / "run.zip", "w") as packed:
        for name in ("run/a.npy", "run/deep/b.npy"):
            packed.write(tmp_path / "x.npy", name)
    (tmp_path / "x.npy").unlink()
    for path in (tmp_path, tmp_path / "run.zip", f"{tmp_path}/*.zip"):
        stacks = microtome.open_all(path)
        assert [s.source for s in stacks] == [f"{tmp_path}/run.zip/{name}" for name in ("a.npy", "deep/b.npy")]
        assert stacks.skipped == []
    for name in ("run/a.npy", "a.npy", "run/deep/b.npy", "deep/b.npy"):
        assert microtome.open(f"{tmp_path}/run.zip/{name}").shape == (1, 1, 4, 4)
    with pytest.raises(microtome.NotFoundError, match=r'no member or folder "c\.npy"'):
        microtome.open(tmp_path / "run.zip/c.npy")


def test_an_archive_of_ngff_zarr(data):
    image = np.asarray(microtome.open(data / "cases/ome-zarr-zip-ozx/nz.ozx"))
    assert image.shape == (1, 1, 6, 64, 48) and image.dtype == np.uint16
    assert hashlib.md5(image.tobytes()).hexdigest() == "b564bda04ac6bf9bd61ad7488bfb8dae"


def test_errors(archive, data):
    path, _ = archive
    with pytest.raises(microtome.Error, match=r"no member or folder \"none.npy\""):
        microtome.open(path / "none.npy")
    with pytest.raises(microtome.Error, match="name a member"):
        microtome.open(path)
    with pytest.raises(microtome.Error, match="checksum"):
        microtome.open(data / "zip/syn/bad_crc.zip")
    with pytest.raises(microtome.Error, match="max_zip_members"):
        microtome.open(path / "b.npy", context=microtome.Context(limits={"max_zip_members": 2}))
    (path.parent / "cut.npy.gz").write_bytes(gzip.compress(bytes(1000))[:-9])
    with pytest.raises(microtome.Error, match="the compressed data ends at byte"):
        microtome.open(path.parent / "cut.npy.gz")
