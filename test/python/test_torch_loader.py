# SPDX-License-Identifier: BSD-3-Clause
"""`microtome.torch`: the same batches without workers, in workers, on ranks, and in Lightning."""

import itertools
import pickle
import runpy
import sys

import microtome
import pytest
from conftest import ROOT
from loaders import digest, make, make_of, three_epochs
from microtome import torch as mtt

torch = pytest.importorskip("torch")


def numbers(batches):
    """The digest of batches of tensors, as that of the loader's own."""
    return digest(map(Arrays, batches))


class Arrays:
    """A batch of tensors, seen as one of arrays."""

    def __init__(self, batch):
        self.arrays = [tensor.numpy() for tensor in (batch.data, *batch.targets)]
        self.index, self.coords, self.sample = batch.index, batch.coords, batch.sample
        self.symmetry = batch.symmetry


def of_workers(loader, workers=0, method=None, persistent=False, **options):
    dataset = mtt.Dataset(loader)
    return torch.utils.data.DataLoader(
        dataset,
        batch_sampler=mtt.BatchSampler(dataset),
        collate_fn=mtt.collate,
        num_workers=workers,
        multiprocessing_context=method if workers else None,
        persistent_workers=persistent,
        **options,
    )


def test_without_workers(chunked_image):
    wanted = three_epochs(make())
    loader = mtt.DataLoader(make())
    assert [numbers(loader) for _ in range(3)] == wanted and len(loader) == 10
    host = next(iter(loader.loader))
    batch = next(iter(mtt.DataLoader(make())))
    assert batch.data.dtype == torch.float32 and batch.target is batch.targets[0] and "on cpu" in repr(loader)
    assert torch.from_dlpack(host.data).data_ptr() == host.data.ctypes.data
    assert next(iter(mtt.DataLoader(make_of(chunked_image, normalize=None, dtype="source")))).data.dtype == torch.uint16
    assert next(iter(mtt.DataLoader(make(target=False)))).target is None


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.parametrize(
    ("workers", "method", "persistent"),
    [(0, None, False), (2, "fork", False), (3, "fork", True), (2, "spawn", True)],
)
def test_workers_make_the_same_batches(chunked_image, workers, method, persistent):
    wanted = three_epochs(make_of(chunked_image))
    loader = of_workers(make_of(chunked_image), workers, method, persistent)
    assert len(loader) == len(make_of(chunked_image))
    assert [numbers(loader) for _ in range(3)] == wanted


def test_resuming_in_workers(chunked_image):
    loader = make_of(chunked_image)
    batches = list(itertools.islice(loader, 3))
    rest = of_workers(pickle.loads(pickle.dumps(loader)), 2, "fork")
    assert len(rest) == len(loader) == 6
    assert numbers(rest) == digest(list(make_of(chunked_image))[3:]) and len(batches) == 3
    rest.batch_sampler.set_epoch(0)
    assert numbers(rest) == digest(make_of(chunked_image))


@pytest.mark.parametrize("uneven", ["drop", "short", "pad"])
@pytest.mark.parametrize("world", [1, 3])
def test_ranks_in_workers(uneven, world):
    for rank in range(world):
        options = {"uneven": uneven, "rank": rank, "world_size": world, "batch_size": 7}
        assert numbers(of_workers(make(**options))) == digest(make(**options))
    with pytest.raises(microtome.ArgumentError, match="windows of a rank"):
        mtt.BatchSampler(mtt.Dataset(make(locality="rank")))


@pytest.mark.parametrize(
    ("ranks", "options", "message"),
    [
        ((7, 4), {"batch_size": 6}, "rank 7 of 4"),
        ((0, 4), {"batch_size": 16}, "60 patches"),
        ((6, 7), {"batch_size": 8, "uneven": "short"}, "too few"),
    ],
)
def test_patches_that_cannot_be_dealt_to_the_ranks(monkeypatch, ranks, options, message):
    dataset = mtt.Dataset(make(**options))
    batches = mtt.BatchSampler(dataset, ranks="torch")
    for name, value in {"is_initialized": True, "get_rank": ranks[0], "get_world_size": ranks[1]}.items():
        monkeypatch.setattr(torch.distributed, name, lambda value=value: value)
    for use in (len, list, lambda _: mtt.BatchSampler(dataset)):
        with pytest.raises(microtome.ArgumentError, match=message):
            use(batches)


def test_indices_without_an_epoch():
    dataset = mtt.Dataset(make())
    with pytest.raises(microtome.ArgumentError, match="does not know the epoch"):
        dataset[0]
    dataset.set_epoch(2)
    assert dataset[3].epoch == 2 and len(dataset) == 60
    assert torch.equal(dataset[3].data, torch.from_numpy(make().read([3], 2).data[0]))
    with pytest.raises(microtome.ArgumentError, match="several epochs"):
        dataset.__getitems__([(0, 1), (1, 1)])
    plain = torch.utils.data.DataLoader(mtt.Dataset(make(), epoch=0), batch_size=6)  # torch's own collate
    for batch, wanted in zip(plain, make(), strict=True):
        assert torch.equal(batch.data, torch.from_numpy(wanted.data)) and torch.equal(
            batch.target, torch.from_numpy(wanted.target)
        )


def test_persistent_workers_see_the_epoch():
    dataset = mtt.Dataset(make(), epoch=0)
    loader = torch.utils.data.DataLoader(
        dataset,
        batch_size=6,
        collate_fn=mtt.collate,
        num_workers=1,
        persistent_workers=True,
        multiprocessing_context="fork",
    )
    for epoch in (0, 2):
        dataset.set_epoch(epoch)
        assert {batch.epoch for batch in loader} == {epoch}


# -- ranks -------------------------------------------------------------------------------------------


def test_ranks_of_torch(tmp_path):
    alone = list(make())
    loader = mtt.DataLoader(make())
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        assert loader.loader.world_size == 1 and numbers(loader) == digest(alone)
    finally:
        torch.distributed.destroy_process_group()


def test_ranks_found_later(monkeypatch):
    loader, kept = mtt.DataLoader(make()), mtt.DataLoader(make(), ranks=None)
    loader.load_state_dict(make().state_dict() | {"batch": 3})
    for name, value in {"is_initialized": True, "get_rank": 1, "get_world_size": 2}.items():
        monkeypatch.setattr(torch.distributed, name, lambda value=value: value)
    assert [b.number for b in loader] == [4, 6, 8]
    assert (loader.loader.rank, loader.loader.world_size) == (1, 2) and len(loader) == 5
    assert len(list(kept)) == 10
    windows = mtt.DataLoader(make(locality="rank", window=2, block=(1, 1)))
    assert len(windows) == len(list(windows)) == 5
    explicit = mtt.DataLoader(make(rank=0, world_size=5))
    assert len(list(explicit)) == 2 and explicit.loader.rank == 0


def test_ranks_of_slurm(monkeypatch):
    for name in ("SLURM_PROCID", "SLURM_NTASKS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(microtome.ArgumentError, match="no SLURM_PROCID and no SLURM_NTASKS"):
        mtt.DataLoader(make(), ranks="slurm")
    monkeypatch.setenv("SLURM_PROCID", "1")
    monkeypatch.setenv("SLURM_NTASKS", "2")
    assert mtt.DataLoader(make()).loader.world_size == 1  # only on request
    assert [b.number for b in mtt.DataLoader(make(), ranks="slurm")] == [1, 3, 5, 7, 9]
    with pytest.raises(microtome.ArgumentError, match="ranks must be"):
        mtt.DataLoader(make(), ranks="mpi")


# -- positions, devices ------------------------------------------------------------------------------


def test_the_state():
    loader, wanted = mtt.DataLoader(make()), list(make())
    batches = list(itertools.islice(loader, 4))
    state = loader.state_dict()
    assert (state["epoch"], state["batch"], len(batches)) == (0, 4, 4)
    other = mtt.DataLoader(make())
    other.load_state_dict(state)
    other.set_epoch(0)
    assert numbers(other) == digest(wanted[4:])
    other.set_epoch(0)
    assert numbers(other) == digest(wanted)


class FakeStream:
    """Stands for a CUDA stream, event and context, and counts what the loader asks of them."""

    calls: list[str] = []

    def __init__(self, *_):
        self.calls.append("stream")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def record_event(self):
        self.calls.append("event")
        return self

    def synchronize(self):
        self.calls.append("wait")


@pytest.mark.skipif(torch.cuda.is_available(), reason="examples/gpu_check.py uses the real device")
def test_a_device_that_is_not_there(monkeypatch):
    with pytest.raises(RuntimeError, match="torch finds no CUDA device"):
        mtt.DataLoader(make(), "cuda")
    assert numbers(mtt.DataLoader(make(), torch.device("cpu"))) == digest(make())


@pytest.mark.skipif(torch.cuda.is_available(), reason="examples/gpu_check.py uses the real device")
def test_copies_ahead(monkeypatch):
    """The order of copies, waits and positions, with a device that is none."""
    loader = mtt.DataLoader(make())
    loader.device = torch.device("cuda")
    monkeypatch.setattr(mtt, "_to_tensors", lambda batch, device, made=mtt._to_tensors: made(batch))
    for name in ("Stream", "stream", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, FakeStream)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda *_: None)
    FakeStream.calls.clear()
    wanted = list(make())
    for i, batch in enumerate(loader):
        assert torch.equal(batch.data, torch.from_numpy(wanted[i].data))
        assert FakeStream.calls.count("event") == min(i + 2, 10) and FakeStream.calls.count("wait") == i + 1
        state = loader.state_dict()
        assert (state["epoch"], state["batch"]) == ((0, i + 1) if i < 9 else (1, 0))  # not those that were copied ahead
    assert i == 9 and loader.state_dict()["epoch"] == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="the check takes long on a GPU")
def test_the_check_on_a_gpu_says_that_there_is_none(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gpu_check.py"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / "examples/gpu_check.py"), run_name="__main__")
    assert end.value.code == 2 and "no GPU" in capsys.readouterr().out


# -- Lightning ---------------------------------------------------------------------------------------


def make_model(lightning, seen):
    class Model(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = torch.nn.Conv2d(2, 1, 3, padding=1)

        def training_step(self, batch, _):
            seen.append((batch.epoch, batch.number))
            return torch.nn.functional.mse_loss(self.net(batch.data), batch.target)

        def validation_step(self, batch, _):
            seen.append("val")

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 1e-12)

    return Model()


def fit(lightning, folder, seen, steps, checkpoint=None, **options):
    trainer = lightning.Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=folder,
        **options,
    )
    module = mtt.DataModule(make(), make(uneven="short", batch_size=40))
    trainer.fit(make_model(lightning, seen), datamodule=module, ckpt_path=checkpoint)
    return trainer, module


@pytest.mark.filterwarnings("ignore")
def test_lightning(tmp_path):
    lightning = pytest.importorskip("lightning.pytorch")
    seen = []
    trainer, module = fit(lightning, tmp_path, seen, 23)
    assert [s for s in seen if s != "val"] == [divmod(i, 10) for i in range(23)]
    assert seen.count("val") == 2 * 2 + 2  # two epochs, and the sanity check
    assert "10 batches" in str(module) and str(pickle.loads(pickle.dumps(mtt.DataModule(make())))).startswith(
        "<microtome"
    )
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    again = []
    fit(lightning, tmp_path, again, 34, tmp_path / "last.ckpt")
    assert [s for s in again if s != "val"] == [divmod(i, 10) for i in range(23, 34)]


# -- packages that are missing -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "use", "command"),
    [
        (("torch",), lambda: mtt.DataLoader(make()), "pip install torch"),
        (("torch",), lambda: mtt.Dataset(make()), "pip install torch"),
        (("lightning.pytorch", "pytorch_lightning"), lambda: mtt.DataModule(make()), "pip install lightning"),
    ],
)
def test_missing_packages(monkeypatch, missing, use, command):
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    mtt._module_class.cache_clear()
    with pytest.raises(ImportError, match=command):
        use()
