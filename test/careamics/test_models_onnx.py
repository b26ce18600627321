# SPDX-License-Identifier: BSD-3-Clause
"""Networks of ONNX as models for prediction."""

import microtome
import numpy as np
import onnx
import onnxruntime
import pytest
from microtome._models import as_model
from onnx import TensorProto, helper

BATCH = np.random.default_rng(3).normal(size=(4, 1, 16, 24)).astype(np.float32)


def make(factor=2.0, tiles="n", dtype=TensorProto.FLOAT, inputs=1):
    """Make a network that returns its input times a factor, and the mean of its channels."""
    shape = [tiles, 1, "y", "x"]
    given = [helper.make_tensor_value_info(name, dtype, shape) for name in ("image", "other")[:inputs]]
    outputs = [helper.make_tensor_value_info(name, dtype, shape) for name in ("scaled", "mean")]
    nodes = [
        helper.make_node("Mul", ["image", "factor"], ["scaled"]),
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=1),
    ]
    constants = [
        helper.make_tensor("factor", dtype, [1], [factor]),
        helper.make_tensor("axes", TensorProto.INT64, [1], [1]),
    ]
    graph = helper.make_graph(nodes, "network", given, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.fixture
def path(tmp_path):
    onnx.save(make(), tmp_path / "network.onnx")
    return tmp_path / "network.onnx"


def open_session(source):
    return onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])


def test_outputs_have_names(path):
    for model in (as_model(path), as_model(str(path), device="cpu"), as_model(open_session(str(path)))):
        outputs = model(BATCH)
        assert list(outputs) == ["scaled", "mean"]
        np.testing.assert_array_equal(outputs["scaled"], BATCH * 2)
        np.testing.assert_array_equal(outputs["mean"], BATCH)
        assert not model.takes_seed and repr(model) == "<network of ONNX on CPUExecutionProvider>"
        model.close()


@pytest.mark.parametrize("tiles", [1, 3, 4, 9])
def test_batches_of_one_size(tmp_path, tiles):
    onnx.save(make(tiles=tiles), tmp_path / "network.onnx")
    model = as_model(tmp_path / "network.onnx")
    for n in (4, 2):
        np.testing.assert_array_equal(model(BATCH[:n])["scaled"], BATCH[:n] * 2)


@pytest.mark.parametrize(("stored", "dtype"), [(TensorProto.FLOAT16, np.float16), (TensorProto.DOUBLE, np.float64)])
def test_inputs_of_other_types(stored, dtype):
    outputs = as_model(open_session(make(dtype=stored).SerializeToString()))(BATCH)
    assert outputs["scaled"].dtype == dtype
    np.testing.assert_array_equal(outputs["scaled"], BATCH.astype(dtype) * 2)


def test_networks_that_are_refused():
    for network, found in [
        (make(inputs=2), r"image: tensor\(float\), other: tensor\(float\)"),
        (make(dtype=TensorProto.INT32, factor=2), r"image: tensor\(int32\)"),
    ]:
        with pytest.raises(microtome.UnsupportedError, match=f"one input of real numbers is needed, not with {found}"):
            as_model(open_session(network.SerializeToString()))


def test_identity(tmp_path, path):
    identity = as_model(path).identity
    assert identity.startswith("onnx sha256:")
    session = open_session(str(path))
    assert as_model(session).identity == identity
    assert as_model(open_session(path.read_bytes())).identity == identity
    onnx.save(make(factor=2.5), tmp_path / "other.onnx")
    assert as_model(tmp_path / "other.onnx").identity != identity
    path.unlink()
    model = as_model(session)
    assert model.identity is None
    assert model.no_identity == "the file or the bytes that the session was made of are not there"
    np.testing.assert_array_equal(model(BATCH)["scaled"], BATCH * 2)


@pytest.mark.parametrize("name", ["weights.bin", "w" * 130])
def test_identity_sees_weights_in_other_files(tmp_path, name):
    def save(factor):
        options = {"save_as_external_data": True, "location": name, "size_threshold": 0}
        (tmp_path / name).unlink(missing_ok=True)
        network = make()
        network.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.float32([factor]), "factor"))
        onnx.save(network, tmp_path / "network.onnx", **options)
        model = as_model(tmp_path / "network.onnx")
        np.testing.assert_array_equal(model(BATCH)["scaled"], BATCH * np.float32(factor))
        return (tmp_path / "network.onnx").read_bytes(), model.identity

    (content, identity), (other_content, other) = save(2), save(3)
    assert content == other_content and identity != other
    assert save(2) == (content, identity)


def test_files_and_devices_that_are_refused(tmp_path, path):
    (tmp_path / "broken.onnx").write_bytes(path.read_bytes()[:40])
    with pytest.raises(microtome.CorruptError, match=r"broken\.onnx: ONNX Runtime cannot load it"):
        as_model(tmp_path / "broken.onnx")
    with pytest.raises(microtome.ArgumentError, match=r"device must be 'cpu', 'cuda' or 'cuda:N' .*, not 'tpu'"):
        as_model(path, device="tpu")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(microtome.ArgumentError, match="no support of 'cuda:1': pip install onnxruntime-gpu"):
            as_model(path, device="cuda:1")


def test_a_provider_that_falls_back(path, monkeypatch):
    """ONNX Runtime goes on without a GPU that does not work, with no more than a line on standard error."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        with pytest.raises(microtome.ArgumentError, match="ONNX Runtime cannot use 'cuda'; it offers"):
            as_model(path, device="cuda")


def test_out_of_memory():
    network = make()
    network.graph.node.append(helper.make_node("ConstantOfShape", ["size"], ["huge"]))
    network.graph.initializer.append(helper.make_tensor("size", TensorProto.INT64, [2], [2**22, 2**23]))
    network.graph.output.append(helper.make_tensor_value_info("huge", TensorProto.FLOAT, [2**22, 2**23]))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(network.SerializeToString(), options, providers=["CPUExecutionProvider"])
    model = as_model(session)
    with pytest.raises(Exception) as caught:
        model(BATCH)
    assert model.is_out_of_memory(caught.value), caught.value
    with pytest.raises(Exception) as caught:
        model(BATCH[0])
    assert not model.is_out_of_memory(caught.value)
