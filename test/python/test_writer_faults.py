# SPDX-License-Identifier: BSD-3-Clause
"""What goes wrong while images are written: by other threads and processes, damaged files, and little memory."""

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import microtome
import numpy as np
import pytest

PLANE = {"axes": "YX", "shape": (512, 512), "dtype": "uint8", "chunks": (64, 64), "durability": "never"}


def pixels(shape, seed=0):
    return np.random.default_rng(seed).integers(1, 255, shape, np.uint8)


def test_nothing_is_put_while_an_image_is_finished(tmp_path):
    options = {**PLANE, "shape": (2048, 2048), "chunks": (2048, 2048), "codec": "none"}
    for k in range(10):
        out = microtome.create(tmp_path / f"{k}.zarr", **options)
        started, refused = threading.Event(), []

        def work(first, out=out, started=started, refused=refused):
            for y in range(first, 2047, 4):
                try:
                    out[y] = 1.0
                except microtome.ArgumentError as error:
                    refused.append(str(error))
                    return
                started.set()

        with ThreadPoolExecutor(4) as threads:
            for first in range(4):
                threads.submit(work, first)
            started.wait()
            out.finish()
        assert all("finished" in text for text in refused)
        rows = microtome.open(tmp_path / f"{k}.zarr", axes="YX")[...].reshape(2048, 2048)
        assert set(np.unique(rows)) <= {0, 1} and (rows.min(axis=1) == rows.max(axis=1)).all()


def test_a_unit_that_cannot_be_published_at_the_end_is_not_forgotten(tmp_path):
    out = microtome.create(tmp_path / "a.zarr", **PLANE, shards=(256, 256))
    out[:64, :64] = 7
    out.flush()
    (tmp_path / "a.zarr/0/c").write_text("in the way of a folder")
    with pytest.raises(OSError):
        out.finish()
    (tmp_path / "a.zarr/0/c").unlink()
    with pytest.raises(OSError):
        out.finish()
    out.close()
    with microtome.create(tmp_path / "a.zarr", **PLANE, shards=(256, 256)) as out:
        out[:64, :64] = 7
    assert microtome.open(tmp_path / "a.zarr")[...].sum() == 64 * 64 * 7


@pytest.mark.filterwarnings("ignore:.*continues:microtome.ImageWarning")
def test_a_finished_image_stays_finished(tmp_path):
    """Another process begins the same image while it is finished."""
    for k in range(60):
        path = tmp_path / f"{k}.zarr"
        out = microtome.create(path, **PLANE)
        out[...] = 1
        out.flush()
        ended = threading.Event()

        def begin(path=path, ended=ended):
            while not ended.is_set():
                try:
                    microtome.create(path, **PLANE).close()
                except microtome.Error:
                    return

        thread = threading.Thread(target=begin)
        thread.start()
        out.finish()
        ended.set()
        thread.join()
        assert "ome" in json.loads((path / "zarr.json").read_text())["attributes"]
        shutil.rmtree(path)


def test_shards_of_too_many_chunks_are_refused(tmp_path):
    with pytest.raises(microtome.LimitError, match="more than 16777216 chunks"):
        microtome.create(
            tmp_path / "a.zarr", axes="YX", shape=(4, 4), dtype="uint8", chunks=(1, 1), shards=(2**31, 2**30)
        )
    assert not (tmp_path / "a.zarr").exists()


def test_a_damaged_chunk_does_not_become_a_level(tmp_path):
    options = {**PLANE, "codec": "none", "pyramid": 2}
    out = microtome.create(tmp_path / "a.zarr", **options)
    out[:256] = 1
    out.close()
    with pytest.warns(microtome.ImageWarning, match="continues"):
        out = microtome.create(tmp_path / "a.zarr", **options)
    out[256:] = 1
    out.flush()
    (tmp_path / "a.zarr/0/c/0/0").write_bytes(b"short")
    shutil.rmtree(tmp_path / "a.zarr/1/c", ignore_errors=True)
    out.close()
    with pytest.warns(microtome.ImageWarning, match="continues"):
        out = microtome.create(tmp_path / "a.zarr", **options)
    (tmp_path / "a.zarr/0/c/1/1").write_bytes(b"short")
    with pytest.raises(microtome.CorruptError, match=r"a published chunk has 5 bytes, not 4096"):
        out.finish()
    out.close()


@pytest.mark.parametrize("memory", [1, 2, 8])
@pytest.mark.parametrize("codec", ["none", "blosc-zstd"])
def test_sharded_levels_need_no_more_memory(tmp_path, memory, codec):
    image = pixels((512, 16384))
    np.save(tmp_path / "a.npy", image)
    source = microtome.open(tmp_path / "a.npy", axes="YX")
    options = {"chunks": (64, 64), "shards": (256, 256), "codec": codec, "pyramid": True, "durability": "never"}
    microtome.convert(source, tmp_path / "a.zarr", **options, memory=memory << 20, progress=False)
    microtome.convert(source, tmp_path / "b.zarr", **options, progress=False)
    for level in range(3):
        one, two = (microtome.open(tmp_path / name, level=level)[...] for name in ("a.zarr", "b.zarr"))
        np.testing.assert_array_equal(one, two)


def test_pixels_are_put_once_even_if_memory_is_full(tmp_path):
    options = {**PLANE, "shape": (256 * 64, 256), "chunks": (256, 256), "codec": "zstd", "memory": 200_000}
    out = microtome.create(tmp_path / "a.zarr", **options)
    image = pixels((256, 256))

    def work(_):
        n = 0
        for i in range(63):
            try:
                out[256 * i : 256 * (i + 1)] = image
                n += 1
            except microtome.ArgumentError:
                pass
        return n

    with ThreadPoolExecutor(3) as threads:
        assert sum(threads.map(work, range(3))) == 63
    out.flush()
    assert out.progress.n_done == 63
    out.close()


@pytest.mark.filterwarnings("ignore:.*continues:microtome.ImageWarning")
@pytest.mark.parametrize("suffix", ["zarr", "tif"])
def test_a_unit_whose_record_is_lost_counts(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    options = {**PLANE, "pyramid": 2}
    out = microtome.create(path, **options)
    out[:64, :64] = 9
    out.close()
    folder = path if suffix == "zarr" else tmp_path / "a.tif.partial"
    for journal in (folder / ".microtome").glob("journal-*"):
        journal.unlink()
    with microtome.create(path, **options) as out:
        out[64:128, :64] = 3
    for level, size in enumerate((64, 32)):
        image = microtome.open(path, level=level)[...].reshape(512 >> level, 512 >> level)
        assert (image[:size, :size] == 9).all() and (image[size : 2 * size, :size] == 3).all()
        assert image.sum() == size * size * 12
