# SPDX-License-Identifier: BSD-3-Clause
"""Modules of PyTorch, and exported ones, as models for prediction."""

import copy
import subprocess
import sys

import microtome
import microtome.torch
import numpy as np
import pytest
import torch
from microtome._models import as_model
from microtome._torch_model import TorchModel, _CudaTransfers

BATCH = np.random.default_rng(3).normal(size=(4, 1, 16, 24)).astype(np.float32)


class Network(torch.nn.Module):
    """Has parameters, dropout, and batch norm, which differ between training and evaluation."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Dropout(0.5)
        )
        self.last = torch.nn.Conv2d(4, 2, 1)

    def forward(self, x):
        return self.last(self.layers(x))


class Returns(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def plain(module, batch=BATCH):
    """Run a module the usual way."""
    module = copy.deepcopy(module).eval()
    with torch.no_grad():
        return module(torch.from_numpy(batch.copy())).numpy()


def test_outputs_are_those_of_the_module():
    network = Network()
    (output,) = as_model(network)(BATCH)
    np.testing.assert_array_equal(output, plain(network))
    wait = microtome.torch.model(network, "cpu").start(BATCH)
    np.testing.assert_array_equal(wait()[0], output)
    assert repr(microtome.torch.model(network)) == "<Network on cpu>"


def test_modes_are_given_back():
    """Each part of the module is as before, also when the network fails."""
    network = Network().train()
    network.layers[1].eval()  # a frozen layer
    before = [part.training for part in network.modules()]
    seen = []
    network.layers[2].register_forward_hook(lambda *_: seen.append([p.training for p in network.modules()]))
    mean = network.layers[1].running_mean.clone()
    model = as_model(network)
    model(BATCH)
    assert seen == [[False] * len(before)]
    assert [part.training for part in network.modules()] == before
    assert torch.equal(network.layers[1].running_mean, mean)
    with pytest.raises(RuntimeError, match="channels"):
        model(BATCH.repeat(3, axis=1))
    assert [part.training for part in network.modules()] == before
    network.eval()
    model(BATCH)
    assert not any(part.training for part in network.modules())


def test_a_module_with_modes_of_its_own():
    """Switching goes through eval and train, which a module may define."""

    class Merging(torch.nn.Module):
        is_merged = False

        def train(self, mode=True):
            self.is_merged = not mode
            return super().train(mode)

        def forward(self, x):
            assert self.is_merged
            return x

    network = Merging()
    as_model(network)(BATCH)
    assert not network.is_merged and network.training


def test_no_gradients():
    seen = []
    network = Returns(lambda x: seen.append((torch.is_inference_mode_enabled(), torch.is_grad_enabled())) or x)
    as_model(network)(BATCH)
    assert seen == [(True, False)]


def test_the_batch_is_only_read():
    batch = BATCH.copy()
    batch.flags.writeable = False
    (output,) = as_model(Returns(lambda x: x.mul_(2)))(batch)
    np.testing.assert_array_equal(output, BATCH * 2)
    writable = BATCH.copy()
    as_model(Returns(lambda x: x.mul_(2)))(writable)
    np.testing.assert_array_equal(writable, BATCH)


def test_several_outputs():
    for kind in (list, tuple):
        outputs = as_model(Returns(lambda x, kind=kind: kind([x, x[:, :, ::2]])))(BATCH)
        np.testing.assert_array_equal(outputs[1], BATCH[:, :, ::2])
    outputs = as_model(Returns(lambda x: {"z": x, "a": x.to(memory_format=torch.channels_last)}))(BATCH)
    assert list(outputs) == ["z", "a"] and outputs["a"].flags.c_contiguous
    np.testing.assert_array_equal(outputs["a"], BATCH)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda x: None, "the module returned a NoneType: a tensor, a list of tensors or a dict"),
        (lambda x: (x, None), "the module returned a tuple of Tensor, NoneType"),
        (lambda x: x[0], r"output 0 of the network has the shape \(1, 16, 24\)"),
        (lambda x: (), "the network returned no outputs"),
        (lambda x: x * 1j, "output 0 of the network is an array of complex64"),
    ],
)
def test_outputs_that_are_refused(result, message):
    with pytest.raises(microtome.ArgumentError, match=message):
        as_model(Returns(result))(BATCH)


# -- types -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_modules_of_other_types(dtype):
    """The input is of the type of the parameters; NumPy has no bfloat16."""
    network = torch.nn.Conv2d(1, 1, 1).to(dtype)
    seen = []
    network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].dtype))
    (output,) = as_model(network)(BATCH)
    assert seen == [dtype]
    assert output.dtype == {torch.float16: np.float16, torch.float64: np.float64}.get(dtype, np.float32)


@pytest.mark.parametrize("amp", ["bfloat16", torch.bfloat16])
def test_mixed_precision(amp):
    network = torch.nn.Conv2d(1, 1, 1)
    model = microtome.torch.model(network, amp=amp)
    (output,) = model(BATCH)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        wanted = network(torch.from_numpy(BATCH)).float().numpy()
    np.testing.assert_array_equal(output, wanted)
    full = plain(network)
    assert not np.array_equal(output, full)
    with torch.autocast("cpu", torch.bfloat16):  # that of the caller has no effect
        np.testing.assert_array_equal(as_model(network)(BATCH)[0], full)


@pytest.mark.parametrize("amp", ["float32", "fast", True, torch.int8])
def test_mixed_precision_that_is_refused(amp):
    with pytest.raises(microtome.ArgumentError, match="amp must be 'float16', 'bfloat16' or None"):
        microtome.torch.model(Network(), amp=amp)


def test_what_is_no_module_or_device():
    with pytest.raises(microtome.ArgumentError, match=r"a torch\.nn\.Module is needed"):
        microtome.torch.model(lambda x: x)
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="there is no device 'cuda:1': torch finds no CUDA device; use 'cpu'"):
            as_model(Network(), device="cuda:1")


# -- random numbers --------------------------------------------------------------------------------


def test_seeds():
    model = as_model(Returns(lambda x: x + torch.randn_like(x)))
    assert model.takes_seed
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, same, other = (model(BATCH, seed)[0] for seed in (2**64 - 1, 2**64 - 1, 0))
    assert torch.equal(torch.random.get_rng_state(), before)
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    model(BATCH)  # without a seed, torch's own numbers
    assert not torch.equal(torch.random.get_rng_state(), before)


def test_dropout():
    network = Network().eval()
    model = microtome.torch.model(network, dropout=True)
    one, same, other = (model(BATCH, seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not any(part.training for part in network.modules())
    network.layers[3].p = 0.0  # all else is in evaluation
    np.testing.assert_allclose(model(BATCH, 1)[0], plain(network), rtol=1e-6)
    assert model.identity != microtome.torch.model(network).identity


# -- identity --------------------------------------------------------------------------------------

IDENTITY = """
import sys; sys.path.insert(0, {folder!r})
from test_models_torch import Network
from microtome._models import as_model
print(as_model(Network()).identity)
"""


def test_identity_is_the_same_in_another_process():
    identity = as_model(Network()).identity
    assert identity.startswith("torch sha256:") and len(identity) == 77
    code = IDENTITY.format(folder=__file__.rpartition("/")[0])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == identity


def test_identity_sees_what_decides_the_outputs():
    def change_weight(network):
        with torch.no_grad():
            network.last.weight[0, 0, 0, 0] += 1e-7

    def change_buffer(network):
        network.layers[1].running_var[2] = 1.5

    def change_structure(network):
        network.layers[2] = torch.nn.LeakyReLU()

    def change_type(network):
        network.half()

    identities = {as_model(Network()).identity, microtome.torch.model(Network(), amp="bfloat16").identity}
    for change in (change_weight, change_buffer, change_structure, change_type):
        network = Network()
        change(network)
        identities.add(as_model(network).identity)

    class Other(Network):
        pass

    identities.add(as_model(Other()).identity)
    assert len(identities) == 7
    network = Network()
    model = as_model(network)
    before = model.identity
    model(BATCH)
    assert model.identity == before
    change_weight(network)
    assert model.identity != before


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_identity_of_unusual_states():
    class Unusual(torch.nn.Module):
        def __init__(self, extra):
            super().__init__()
            self.extra = extra
            self.register_buffer("scalar", torch.tensor(3, dtype=torch.int64))
            self.register_buffer("empty", torch.zeros(0, 4))
            self.register_buffer("brain", torch.ones(3, dtype=torch.bfloat16))
            self.register_buffer("turned", torch.arange(6).reshape(2, 3).T)
            self.register_buffer("sparse", torch.eye(3).to_sparse())
            self.register_buffer("quantized", torch.quantize_per_tensor(torch.ones(2), 0.1, 3, torch.qint8))

        def get_extra_state(self):
            return self.extra

        def set_extra_state(self, state):
            self.extra = state

        def extra_repr(self):
            return repr(object())  # has an address

    assert as_model(Unusual({"a": 1})).identity == as_model(Unusual({"a": 1})).identity
    assert as_model(Unusual({"a": 1})).identity != as_model(Unusual({"a": 2})).identity


def test_out_of_memory_of_torch():
    model = as_model(Network())
    assert model.is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"))
    with pytest.raises(RuntimeError) as caught:
        as_model(Returns(lambda x: x.new_empty(2**47)))(BATCH)
    assert model.is_out_of_memory(caught.value)
    model.free_memory()
    model(BATCH)


# -- exported modules ------------------------------------------------------------------------------


def export(path, module, tiles, dynamic):
    shapes = ({0: torch.export.Dim("tiles"), 2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO},) if dynamic else None
    example = (torch.zeros(tiles, *BATCH.shape[1:]),)
    torch.export.save(torch.export.export(module.eval(), example, dynamic_shapes=shapes), path)


@pytest.mark.parametrize(("tiles", "dynamic"), [(2, True), (1, False), (3, False), (9, False)])
def test_exported(tmp_path, tiles, dynamic):
    """A module that was exported for one size of batches is run in pieces."""
    network, path = Network(), tmp_path / "network.pt2"
    export(path, network, tiles, dynamic)
    model = as_model(path)
    for n in (4, 1):
        np.testing.assert_allclose(model(BATCH[:n])[0], plain(network, BATCH[:n]), rtol=1e-5, atol=1e-6)
    assert model.identity == as_model(str(path)).identity
    if dynamic:
        larger = np.ones((1, 1, 20, 12), np.float32)
        np.testing.assert_allclose(model(larger)[0], plain(network, larger), rtol=1e-5, atol=1e-6)


def test_identity_of_exported(tmp_path):
    for name, change in (("one.pt2", 0), ("two.pt2", 1e-3)):
        network = Network()
        with torch.no_grad():
            network.last.bias += change
        export(tmp_path / name, network, 2, True)
    assert as_model(tmp_path / "one.pt2").identity != as_model(tmp_path / "two.pt2").identity


def test_files_that_are_not_exported_modules(tmp_path):
    (tmp_path / "broken.pt2").write_bytes(b"PK\3\4 but no more")
    with pytest.raises(microtome.CorruptError, match=r"broken\.pt2: torch\.export cannot load it"):
        as_model(tmp_path / "broken.pt2")
    two = torch.export.export(torch.nn.Bilinear(2, 2, 1), (torch.zeros(1, 2), torch.zeros(1, 2)))
    torch.export.save(two, tmp_path / "two.pt2")
    with pytest.raises(microtome.UnsupportedError, match=r"two\.pt2: its input is not one tensor of the axes"):
        as_model(tmp_path / "two.pt2")


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_scripted():
    network = torch.jit.script(Network())
    np.testing.assert_allclose(as_model(network)(BATCH)[0], plain(Network()), rtol=1e-5, atol=1e-6)
    assert network.training and as_model(network).identity


def test_a_model_is_itself():
    model = microtome.torch.model(Network())
    assert isinstance(model, TorchModel) and as_model(model) is model
    with pytest.raises(microtome.ArgumentError, match="device='cpu' is for modules"):
        as_model(model, device="cpu")


# -- a CUDA device ---------------------------------------------------------------------------------


class FakeStream:
    """Stands for a stream of CUDA, its events and its context, and notes what is asked of them."""

    calls: list[str] = []

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.calls.append(f"on {self.name}")

    def __exit__(self, *_):
        self.calls.append(f"off {self.name}")

    def wait_stream(self, other):
        self.calls.append(f"{self.name} waits for {other.name}")

    def record_event(self):
        self.calls.append(f"event of {self.name}")
        return self

    def synchronize(self):
        self.calls.append(f"host waits for {self.name}")


@pytest.mark.skipif(torch.cuda.is_available(), reason="examples/gpu_check.py uses the real device")
def test_copies_take_place_beside_the_network(monkeypatch):
    """The order of copies, network and waits, with a device that is none."""
    names, main = iter(("in", "out")), FakeStream("main")
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: FakeStream(next(names)))
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: main)
    monkeypatch.setattr(
        torch.Tensor, "record_stream", lambda _, stream: FakeStream.calls.append(f"kept for {stream.name}")
    )
    monkeypatch.setattr(torch, "empty", lambda *shape, pin_memory, _made=torch.empty, **like: _made(*shape, **like))
    network = Returns(lambda x: FakeStream.calls.append("network") or (x + 1, x[:, :, ::2]))
    model = as_model(network)
    model._transfers = _CudaTransfers(torch.device("cpu"))
    FakeStream.calls.clear()
    first, second = model.start(BATCH), model.start(BATCH * 2)
    order = ["on in", "off in", "main waits for in", "kept for main", "network"]
    order += ["out waits for main", "on out", "kept for out", "kept for out", "event of out", "off out"]
    assert FakeStream.calls == order * 2  # the second is started before the first is waited for
    for wait, batch in ((first, BATCH), (second, BATCH * 2)):
        del FakeStream.calls[:]
        outputs = wait()
        assert FakeStream.calls == ["host waits for out"]
        np.testing.assert_array_equal(outputs[0], batch + 1)
        np.testing.assert_array_equal(outputs[1], batch[:, :, ::2])
