# SPDX-License-Identifier: BSD-3-Clause
"""Patches into tensors of torch, and the example that trains in plain PyTorch."""

import runpy
import sys

import microtome
import numpy as np
import pytest
from conftest import ROOT

torch = pytest.importorskip("torch")

PIXELS = np.random.default_rng(1).integers(0, 60000, (2, 3, 30, 41), np.uint16)


@pytest.fixture
def stack():
    return microtome.from_array(PIXELS, "SCYX")


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint16])
def test_out(stack, dtype):
    corners = np.random.default_rng(2).integers(-5, 30, (8, 2))
    out = torch.zeros((8, 3, 10, 12), dtype=dtype)
    assert stack.extract_patches(1, None, corners, (10, 12), out=out) is out
    expected = stack.extract_patches(1, None, corners, (10, 12))
    np.testing.assert_array_equal(out.to(torch.float32).numpy(), expected)
    one = torch.empty((3, 12, 10), dtype=dtype).transpose(1, 2)
    assert stack.extract_patch(1, None, corners[0], (10, 12), out=one) is one
    np.testing.assert_array_equal(one.to(torch.float32).numpy(), expected[0])


def test_tensors_that_are_refused(stack):
    where = (0, [0], (0, 0), (4, 4))
    with pytest.raises((BufferError, RuntimeError)):
        stack.extract_patch(*where, out=torch.zeros((1, 4, 4), requires_grad=True))
    with pytest.raises(TypeError, match="float64"):
        stack.extract_patch(*where, out=torch.zeros((1, 4, 4), dtype=torch.float64))
    with pytest.raises(TypeError, match="not supported"):
        stack.extract_patch(*where, out=torch.zeros((1, 4, 4), dtype=torch.bfloat16))
    with pytest.raises(ValueError, match="shape of the patches"):
        stack.extract_patch(*where, out=torch.zeros((4, 4)))


def test_a_stack_of_a_tensor():
    tensor = torch.from_numpy(PIXELS.astype(np.float32))
    made = microtome.from_array(tensor, "SCYX")
    np.testing.assert_array_equal(made[1], PIXELS[1])
    tensor[1, 0, 2, 3] = -5
    assert made[1, 0, 2, 3] == -5 and made.format != "custom"


@pytest.mark.parametrize("workers", [0, 2])
def test_the_example(workers, tmp_path, monkeypatch, capsys):
    torch.manual_seed(0)
    y, x = np.mgrid[:90, :100]
    clean = 200 + 100 * np.sin(y / 6) * np.cos(x / 9)
    for name in ("a.npy", "b.npy"):
        np.save(tmp_path / name, np.random.default_rng(3).poisson(clean, (2, 90, 100)).astype(np.uint16))
    arguments = ["loop", f"{tmp_path}/*.npy", "--axes", "TYX", "--size", "32", "--steps", "60", "--batch", "4"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--workers", str(workers)])
    runpy.run_path(str(ROOT / "examples/pytorch_loop.py"), run_name="__main__")
    first, last = map(float, capsys.readouterr().out.replace(" at first, ", " ").split()[1:3])
    assert last < 0.7 * first


def test_any_worker_makes_the_same_batch(tmp_path):
    module = runpy.run_path(str(ROOT / "examples/pytorch_loop.py"))
    np.save(tmp_path / "a.npy", PIXELS)
    batches = module["Batches"]([microtome.open(tmp_path / "a.npy", "SCYX")], [16, 16], 3, 6)
    alone = [batch.clone() for batch in torch.utils.data.DataLoader(batches, batch_size=None)]
    assert len(alone) == 6 and alone[0].shape == (3, 3, 16, 16) and not torch.equal(alone[0], alone[1])
    shared = torch.utils.data.DataLoader(batches, batch_size=None, num_workers=2)
    assert all(torch.equal(a, b) for a, b in zip(alone, shared, strict=True))


def test_n2v_and_noise_of_tensors():
    batch = torch.rand((2, 1, 30, 41))
    expected = microtome.n2v(batch.numpy(), seed=1, step=2)
    masked, mask = torch.empty_like(batch), torch.empty(batch.shape, dtype=torch.bool)
    got = microtome.n2v(batch, seed=1, step=2, out=(masked, mask))
    assert got[0] is masked and got[1] is batch and got[2] is mask
    np.testing.assert_array_equal(masked.numpy(), expected[0])
    np.testing.assert_array_equal(mask.numpy(), expected[2])
    noisy = microtome.add_noise(batch.numpy(), gaussian=1, seed=1, step=2)
    assert microtome.add_noise(batch, gaussian=1, seed=1, step=2, out=batch) is batch
    np.testing.assert_array_equal(batch.numpy(), noisy)
    with pytest.raises(ValueError, match="batch must be in C order"):
        microtome.n2v(batch.transpose(2, 3), seed=1, step=2)
