# SPDX-License-Identifier: BSD-3-Clause
"""Pickles say which pixels they mean."""

import os
import pickle

import microtome
import microtome.careamics
import numpy as np
import pytest


@pytest.mark.parametrize("load", [microtome.open, lambda path: microtome.careamics.load(path, "YX")[0]])
def test_pickles_of_images_that_have_changed_are_refused(tmp_path, load):
    np.save(tmp_path / "a.npy", np.zeros((4, 5), np.uint16))
    text = pickle.dumps(load(tmp_path / "a.npy"))
    os.link(tmp_path / "a.npy", tmp_path / "kept.npy")
    os.remove(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.zeros((5, 4), np.uint16))
    with pytest.raises(
        microtome.ReopenError, match=r"a\.npy: the image has changed .*: uint16 1x1x4x5.*; now .* 1x1x5x4"
    ):
        pickle.loads(text)
    (tmp_path / "a.npy").write_bytes(b"no image any more")
    with pytest.raises(microtome.ReopenError, match=r"a\.npy: .* the content is not"):
        pickle.loads(text)
    os.remove(tmp_path / "a.npy")
    with pytest.raises(microtome.ReopenError, match=r"a\.npy: no such file") as caught:
        pickle.loads(text)
    assert isinstance(caught.value.__cause__, microtome.NotFoundError) and not isinstance(caught.value, OSError)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert copy.reason == caught.value.reason and copy.path == caught.value.path == str(tmp_path / "a.npy")
    os.rename(tmp_path / "kept.npy", tmp_path / "a.npy")
    assert pickle.loads(text).shape == (1, 1, 4, 5)


@pytest.mark.parametrize("n", [1, 3, 300])  # the metadata of 300 arrays is not all in memory at once
def test_images_of_a_group_can_be_pickled(tmp_path, n):
    text = (
        '{"zarr_format": 2, "shape": [2, 3], "chunks": [2, 3], "dtype": "|u1", "compressor": null, "filters": null, '
        '"fill_value": 0, "order": "C"}'
    )
    for i in range(n):
        (tmp_path / f"g.zarr/a{i}").mkdir(parents=True)
        (tmp_path / f"g.zarr/a{i}/.zarray").write_text(text)
    (tmp_path / "g.zarr/.zgroup").write_text('{"zarr_format": 2}')
    stacks = microtome.open_all(tmp_path / "g.zarr", axes="YX")
    assert len(stacks) == n
    texts = [pickle.dumps(stack) for stack in (stacks[0], stacks[-1])]
    assert all(pickle.loads(text).shape == (1, 1, 2, 3) for text in texts)
    os.utime(tmp_path / "g.zarr/a0/.zarray", (1, 1))
    with pytest.raises(microtome.ReopenError, match="the image has changed since it was opened"):
        pickle.loads(texts[0])
    assert n == 1 or pickle.loads(texts[1]).shape == (1, 1, 2, 3)
