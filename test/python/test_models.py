# SPDX-License-Identifier: BSD-3-Clause
"""Models for prediction: functions, what is refused, and what is said without optional packages."""

import functools
import subprocess
import sys

import microtome
import numpy as np
import pytest
from microtome._models import FunctionModel, Model, as_model, check_outputs, digest_file, run_in_pieces

BATCH = np.arange(3 * 2 * 4 * 5, dtype=np.float32).reshape(3, 2, 4, 5)


# -- functions -------------------------------------------------------------------------------------


def test_a_function():
    model = as_model(lambda batch: batch * 2)
    (output,) = model(BATCH)
    np.testing.assert_array_equal(output, BATCH * 2)
    (again,) = model.start(BATCH)()
    np.testing.assert_array_equal(again, output)
    assert model.in_flight == 1 and model.allocate is None and not model.takes_seed
    assert model.identity is None and model.no_identity == "a function does not tell what it computes"
    model.free_memory()
    model.close()


@pytest.mark.parametrize("kind", [tuple, list])
def test_several_outputs(kind):
    model = as_model(lambda batch: kind([batch, batch[:, :1, ::2]]))
    outputs = model(BATCH)
    assert [output.shape for output in outputs] == [(3, 2, 4, 5), (3, 1, 2, 5)]
    np.testing.assert_array_equal(outputs[1], BATCH[:, :1, ::2])


def test_named_outputs_keep_their_order():
    model = as_model(lambda batch: {"z": batch, "a": batch > 5})
    outputs = model(BATCH)
    assert list(outputs) == ["z", "a"]
    assert outputs["a"].dtype == bool


def test_outputs_are_in_c_order_and_native():
    def turned(batch):
        return np.asfortranarray(batch), batch.astype(">u2"), batch[..., ::-1]

    for output, wanted in zip(as_model(turned)(BATCH), turned(BATCH), strict=True):
        assert output.flags.c_contiguous and output.dtype.isnative
        np.testing.assert_array_equal(output, wanted)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "float64"])
def test_dtypes_remain(dtype):
    assert as_model(lambda batch: batch.astype(dtype))(BATCH)[0].dtype == dtype


def test_volumes():
    volume = np.zeros((2, 1, 3, 4, 5), np.float32)
    assert as_model(lambda batch: batch)(volume)[0].shape == volume.shape


def test_identity():
    class Network:
        identity = "v7"

        def __call__(self, batch):
            return batch

    assert as_model(Network()).identity == "v7"
    Network.identity = 7
    assert as_model(Network()).identity is None


def test_seeds():
    def noisy(batch, *, seed=None):
        return batch + np.random.default_rng(seed).normal(size=batch.shape)

    model = as_model(noisy)
    assert model.takes_seed
    np.testing.assert_array_equal(model(BATCH, 2**64 - 1), model(BATCH, 2**64 - 1))
    assert not np.array_equal(model(BATCH, 1), model(BATCH, 2))
    assert as_model(functools.partial(noisy, BATCH)).takes_seed
    for function in (lambda batch, **others: batch, lambda *seed: seed[0], np.negative, max):
        assert not as_model(function).takes_seed


def test_exceptions_of_a_function_pass():
    def broken(batch):
        raise KeyError("weights")

    with pytest.raises(KeyError, match="weights"):
        as_model(broken)(BATCH)


def test_out_of_memory():
    model = as_model(lambda batch: batch)
    assert model.is_out_of_memory(MemoryError())
    assert model.is_out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    assert model.is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"))
    assert not model.is_out_of_memory(RuntimeError("shape mismatch"))
    assert not model.is_out_of_memory(ValueError("out of memory"))


# -- outputs that are refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "the output of the network is of type NoneType: an array of integers or real numbers is needed"),
        ("text", "the output of the network is of type str"),
        (BATCH.astype(complex), "the output of the network is an array of complex128"),
        (BATCH.astype(np.longdouble), "the output of the network is an array of float128"),
        ([], "the network returned no outputs"),
        ({}, "the network returned no outputs"),
        (BATCH[0], r"the output of the network has the shape \(2, 4, 5\) for a batch of the shape \(3, 2, 4, 5\)"),
        (BATCH[:2], r"it must have 3 tiles and the axes tile, C, Y, X"),
        ([BATCH, BATCH[:, 0]], r"output 1 of the network has the shape \(3, 4, 5\)"),
        ({"mean": BATCH, "std": BATCH.sum()}, r"output 'std' of the network has the shape \(\)"),
        ([[1, 2], [3]], "output 0 of the network has the shape"),
    ],
)
def test_outputs_that_are_refused(result, message):
    with pytest.raises(microtome.ArgumentError, match=message):
        as_model(lambda batch: result)(BATCH)


def test_what_cannot_be_an_array():
    class OnDevice:
        def __array__(self, dtype=None, copy=None):
            raise TypeError("copy it to the host first")

    with pytest.raises(
        microtome.ArgumentError, match="of type OnDevice, cannot be made an array: copy it to the host first"
    ):
        check_outputs(OnDevice(), BATCH)


# -- batches of one size ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("named", [False, True])
def test_pieces(size, named):
    seen = []

    def run(batch):
        seen.append(len(batch))
        outputs = [batch + 1, batch[:, :1]]
        return dict(zip("ab", outputs, strict=True)) if named else outputs

    outputs = run_in_pieces(run, size, BATCH)
    assert seen == [size] * -(-3 // size)
    outputs = list(outputs.values()) if named else outputs
    np.testing.assert_array_equal(outputs[0], BATCH + 1)
    np.testing.assert_array_equal(outputs[1], BATCH[:, :1])


# -- what is no model ------------------------------------------------------------------------------


def test_what_is_no_model(tmp_path):
    with pytest.raises(microtome.ArgumentError, match="3 is not a model: give a function, a module of torch"):
        as_model(3)
    with pytest.raises(microtome.NotFoundError, match=r"none\.onnx: there is no such file or folder"):
        as_model(tmp_path / "none.onnx")
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"")
    with pytest.raises(microtome.ArgumentError, match=r"weights\.pth: not a model: .*load its module with torch"):
        as_model(str(weights))
    with pytest.raises(microtome.ArgumentError, match=r"a folder without rdf\.yaml is not a model of BioImage\.IO"):
        as_model(tmp_path)
    with pytest.raises(microtome.ArgumentError, match="device='cuda' is for modules of torch and for files"):
        as_model(lambda batch: batch, device="cuda")
    with pytest.raises(
        microtome.ArgumentError, match=r"device='cuda' is not for .*: bioimageio\.core takes the first GPU"
    ):
        as_model(tmp_path, device="cuda")


def test_a_model_is_itself():
    model = FunctionModel(lambda batch: batch)
    assert as_model(model) is model


def test_the_interface_has_no_network():
    for use in (lambda model: model(BATCH), lambda model: model.no_identity):
        with pytest.raises(NotImplementedError):
            use(Model())


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("network.onnx", "onnxruntime: pip install onnxruntime"),
        ("network.pt2", "torch: pip install torch"),
        ("rdf.yaml", "bioimageio: pip install bioimageio.core"),
    ],
)
def test_missing_packages(tmp_path, monkeypatch, name, package):
    for module in ("onnxruntime", "torch", "bioimageio.core"):
        monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ImportError, match=f"{name} needs {package}"):
        as_model(tmp_path / name)


def test_torch_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    import microtome.torch

    with pytest.raises(ImportError, match=r"microtome\.torch needs torch: pip install torch"):
        microtome.torch.model(None)
    assert as_model(lambda batch: batch)(BATCH)


def test_nothing_is_imported_before_its_use():
    code = """
import sys, microtome
late = [name for name in sys.modules if name.startswith("microtome._") and name.endswith(("_models", "_model"))]
from microtome._models import as_model
as_model(len)
print(late + [name for name in ("torch", "onnxruntime", "bioimageio", "microtome._onnx_model") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_digest(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert digest_file(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
