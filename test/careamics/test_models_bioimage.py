# SPDX-License-Identifier: BSD-3-Clause
"""Models of BioImage.IO as models for prediction."""

import hashlib
import shutil
import warnings

import microtome
import numpy as np
import onnx
import pytest
import torch
from microtome._models import as_model
from test_models_onnx import BATCH, make

SCALE = "{id: scale_linear, kwargs: {gain: 3, offset: 1}}"
RDF = """
format_version: 0.5.3
type: model
name: doubling
description: Doubles an image.
authors: [{{name: A. Author}}]
cite: [{{text: none, url: 'https://example.com'}}]
license: BSD-3-Clause
documentation: README.md
inputs:
- id: raw
  axes: [{batch}{{type: channel, channel_names: [gray]}}, {y}, {x}]
  test_tensor: {{source: in.npy}}
  preprocessing: [{before}]
outputs:
- id: scaled
  axes: [{{type: batch}}, {{type: channel, channel_names: [gray]}}, {y_out}, {x_out}]
  test_tensor: {{source: out.npy}}
  postprocessing: [{after}]
- id: mean
  axes: [{{type: batch}}, {{type: channel, channel_names: [gray]}}, {y_out}, {x_out}]
  test_tensor: {{source: out.npy}}
weights: {{{weights}}}
"""
PLACES = {
    "y": "{type: space, id: y, size: {min: 8, step: 1}}",
    "x": "{type: space, id: x, size: {min: 8, step: 1}}",
    "y_out": "{type: space, id: y, size: {tensor_id: raw, axis_id: y}, halo: 2}",
    "x_out": "{type: space, id: x, size: {tensor_id: raw, axis_id: x}, halo: 2}",
}


def write(folder, *, before="", after="", batch="{type: batch}, ", weights=None, factor=2.0):
    folder.mkdir(exist_ok=True)
    if weights is None:
        onnx.save(make(factor), folder / "weights.onnx")
        weights = "onnx: {source: weights.onnx, opset_version: 18}"
    for name in ("in", "out"):
        np.save(folder / f"{name}.npy", np.ones((1, 1, 8, 8), np.float32))
    (folder / "README.md").write_text("# Validation\n")
    (folder / "rdf.yaml").write_text(RDF.format(before=before, after=after, batch=batch, weights=weights, **PLACES))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("model") / "doubling")


def test_folder_description_and_archive(folder):
    archive = shutil.make_archive(str(folder), "zip", folder)
    for path in (folder, folder / "rdf.yaml", archive):
        model = as_model(path)
        outputs = model(BATCH)
        assert list(outputs) == ["scaled", "mean"]  # whole tiles: predict crops them
        np.testing.assert_array_equal(outputs["scaled"], BATCH * 2)
        np.testing.assert_array_equal(outputs["mean"], BATCH)
        assert model.identity.startswith("bioimage.io sha256:") and repr(model) == "<model of BioImage.IO: doubling>"
        assert model.identity == as_model(path).identity
        model.close()


def test_identity_sees_weights_and_description(folder, tmp_path):
    identities = {as_model(folder).identity}
    for number, changes in enumerate([{"factor": 2.5}, {"before": SCALE}]):
        identities.add(as_model(write(tmp_path / str(number), **changes)).identity)
    assert len(identities) == 3


def test_processing_of_single_pixels(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", microtome.ImageWarning)
        model = as_model(write(tmp_path / "model", before=SCALE, after="{id: clip, kwargs: {min: 0, max: 5}}"))
    batch = BATCH.copy()
    np.testing.assert_allclose(model(batch)["scaled"], np.clip((BATCH * 3 + 1) * 2, 0, 5), rtol=1e-6)
    np.testing.assert_array_equal(batch, BATCH)


def test_processing_of_the_whole_image_is_left_out(tmp_path):
    before = "{id: ensure_dtype, kwargs: {dtype: float32}}, {id: zero_mean_unit_variance}"
    with pytest.warns(microtome.ImageWarning) as caught:
        model = as_model(write(tmp_path / "model", before=before, after="{id: scale_range}"))
    assert all(item.filename == __file__ for item in caught if item.category is microtome.ImageWarning)
    assert [str(item.message).partition(": ")[2] for item in caught if item.category is microtome.ImageWarning] == [
        "preprocessing (ensure_dtype, zero_mean_unit_variance) is left out, it needs the whole image: give normalize=",
        "postprocessing (scale_range, ensure_dtype) is left out, it needs the whole image",
    ]
    np.testing.assert_array_equal(model(BATCH)["scaled"], BATCH * 2)


def test_one_tile_at_a_time(tmp_path):
    model = as_model(write(tmp_path / "model", batch="{type: batch, size: 1}, "))
    np.testing.assert_array_equal(model(BATCH)["scaled"], BATCH * 2)


def test_torchscript(tmp_path):
    class Doubling(torch.nn.Module):
        def forward(self, x):
            return x * 2, x

    path = write(tmp_path / "model", weights="torchscript: {source: weights.pt, pytorch_version: 2.1}").parent / "model"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(Doubling()).save(path / "weights.pt")
        model = as_model(path)
    np.testing.assert_array_equal(model(BATCH)["scaled"], BATCH * 2)
    assert model.identity


def test_what_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "broken")
    (tmp_path / "broken/rdf.yaml").write_text("type: model\n")
    with pytest.raises(microtome.CorruptError, match=r"broken: bioimageio\.core cannot load it"):
        as_model(tmp_path / "broken")
    without_batch = write(tmp_path / "image", batch="")
    np.save(without_batch / "in.npy", np.ones((1, 8, 8), np.float32))
    with pytest.raises(microtome.UnsupportedError, match=r"not of version 0\.5 with one input and a batch axis"):
        as_model(without_batch)
    shutil.copytree(folder, tmp_path / "other")
    text = (tmp_path / "other/rdf.yaml").read_text()
    digest = hashlib.sha256(b"").hexdigest()
    changed = text.replace("source: weights.onnx", f"source: weights.onnx, sha256: {digest}")
    assert changed != text
    (tmp_path / "other/rdf.yaml").write_text(changed)
    with pytest.raises(microtome.CorruptError, match=r"other: bioimageio\.core cannot load it"):
        as_model(tmp_path / "other")
