# SPDX-License-Identifier: BSD-3-Clause
"""Batches of a `microtome.Loader` as tensors of PyTorch, and networks of PyTorch for `microtome.predict`.

`DataLoader` needs no worker processes. `Dataset` is for those who keep `torch.utils.data.DataLoader`, and
`DataModule` is for Lightning. Importing this module does not import torch. See ``docs/training.md``.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from . import _core
from ._errors import ArgumentError
from ._loader_options import count
from ._torch_model import find_device, make_page_locked, model, need_torch

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from ._loader import Loader
    from ._loader_batch import Batch as _HostBatch

    Index = int | tuple[int, int]

__all__ = ["Batch", "BatchSampler", "DataLoader", "DataModule", "Dataset", "collate", "model"]


def _need_lightning() -> Any:
    for name in ("lightning.pytorch", "pytorch_lightning"):
        try:
            return importlib.import_module(name)
        except ImportError:
            pass
    raise ImportError("microtome.torch.DataModule needs Lightning: pip install lightning")


class Batch(NamedTuple):
    """A batch: pixels as tensors, and NumPy arrays that tell where each patch comes from."""

    data: torch.Tensor
    """The input: patch, C, (Z), Y, X."""
    targets: tuple[torch.Tensor, ...]
    """The targets, in the order of the loader's."""
    index: NDArray[np.int64]  # type: ignore[assignment] # instead of tuple.index
    """Number of each patch in the patching."""
    stack: NDArray[np.int64]
    """Index of the stack of each patch."""
    sample: NDArray[np.int64]
    """Sample of each patch."""
    coords: NDArray[np.int64]
    """First corner of each patch in the image, patch x (Z)YX."""
    symmetry: NDArray[np.uint8]
    """Augmentation of each patch, as in `microtome.Batch`."""
    epoch: int
    """Epoch of the batch."""
    number: int
    """Number of the batch in its epoch, among those of all ranks."""

    @property
    def target(self) -> torch.Tensor | None:
        """The first target; None if there is none."""
        return self.targets[0] if self.targets else None


def _to_tensors(batch: _HostBatch, device: torch.device | None = None) -> Batch:
    """Make tensors of a batch: in its memory, or copies on a device, which may be in progress."""
    torch = need_torch()
    pixels = [torch.from_numpy(array) for array in batch.arrays]
    facts = batch.index, batch.stack, batch.sample, batch.coords, batch.symmetry
    if device is not None:  # then nothing refers to the memory of the batch
        pixels = [tensor.to(device, non_blocking=device.type == "cuda") for tensor in pixels]
        facts = tuple(fact.copy() for fact in facts)  # type: ignore[assignment]
    return Batch(pixels[0], tuple(pixels[1:]), *facts, batch.epoch, batch.number)


# -- ranks -----------------------------------------------------------------------------------------


def _find_ranks(source: str | None) -> tuple[int, int] | None:
    """Return rank and number of processes; None if there is only this one."""
    if source == "slurm":
        names = ("SLURM_PROCID", "SLURM_NTASKS")
        missing = [name for name in names if name not in os.environ]
        if missing:
            raise ArgumentError(f"ranks='slurm', but the environment has no {' and no '.join(missing)}")
        return int(os.environ[names[0]]), int(os.environ[names[1]])
    distributed = need_torch().distributed
    if source is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    return distributed.get_rank(), distributed.get_world_size()


# -- without workers -------------------------------------------------------------------------------


class DataLoader:
    """The batches of a loader as tensors, without worker processes.

    A ``for`` loop is one epoch, as with the loader. On a CUDA device, the loader makes its batches in
    page-locked memory, and each is copied to the device, on a stream of its own, while the network works on
    the batch before.

    Parameters
    ----------
    loader : Loader
        Makes the batches. A loader for one process takes rank and number of processes from ``ranks``.
    device : str or torch.device
        Where the tensors are. On "cpu" they lie in the memory of the batch, without copies.
    ranks : {"torch", "slurm"} or None
        Where rank and number of processes come from: "torch", from ``torch.distributed``, if it is initialized;
        "slurm", from SLURM's variables ``SLURM_PROCID`` and ``SLURM_NTASKS``; None: those of the loader.

    Raises
    ------
    ImportError
        There is no torch.
    RuntimeError
        There is no such device.
    """

    def __init__(
        self, loader: Loader, device: str | torch.device = "cpu", *, ranks: Literal["torch", "slurm"] | None = "torch"
    ) -> None:
        if ranks not in ("torch", "slurm", None):
            raise ArgumentError(f"ranks must be 'torch', 'slurm' or None, not {ranks!r}")
        self.loader = loader
        self.device = find_device(device)
        self._ranks = ranks
        self._seen: tuple[int, int] | None = None  # position after the last batch that the loop got; None: the loader's
        self._buffers: Callable[[int], Any] | None = None
        if self.device.type == "cuda":
            self._buffers = make_page_locked(self.device)
            loader._change(self._buffers)
        self._take_ranks()

    def _take_ranks(self) -> None:
        # Not only in __init__: processes may be initialized after this object was made.
        found = _find_ranks(self._ranks)
        if found is not None and self.loader.world_size == 1 and found[1] > 1:
            self.loader._change(self._buffers, rank=found[0], world_size=found[1])

    def __len__(self) -> int:
        """Count the batches of this process in a whole epoch."""
        self._take_ranks()
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        self._take_ranks()
        self._seen = None
        batches = iter(self.loader)
        if self.device.type == "cuda":
            return self._copy_ahead(batches)
        where = None if self.device.type == "cpu" else self.device
        return (_to_tensors(batch, where) for batch in batches)

    def _copy_ahead(self, batches: Iterator[_HostBatch]) -> Iterator[Batch]:
        torch = need_torch()
        stream = torch.cuda.Stream(self.device)

        def start() -> tuple[_HostBatch, Batch, Any] | None:
            host = next(batches, None)
            if host is None:
                return None
            with torch.cuda.stream(stream):
                return host, _to_tensors(host, self.device), stream.record_event()

        ahead = start()
        while ahead is not None:
            (_host, batch, is_copied), position = ahead, self.loader._core.tell()
            ahead = start()
            is_copied.synchronize()  # then its memory on the host may serve another batch
            del _host
            for tensor in (batch.data, *batch.targets):
                tensor.record_stream(torch.cuda.current_stream(self.device))
            self._seen = position
            yield batch
            del batch
        self._seen = None

    def set_epoch(self, epoch: int) -> None:
        """Let the next loop begin an epoch, as `Loader.set_epoch` does.

        Parameters
        ----------
        epoch : int
            From 0.
        """
        self.loader.set_epoch(epoch)
        self._seen = None

    def state_dict(self) -> dict[str, Any]:
        """Return the position, which counts the batches that the loop has received.

        Returns
        -------
        dict
            As of `Loader.state_dict`.
        """
        state = self.loader.state_dict()
        if self._seen is not None:
            state["epoch"], state["batch"] = self._seen
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next loop continue where a state was taken.

        Parameters
        ----------
        state : mapping
            Of `state_dict`, here or of the loader.

        Raises
        ------
        ArgumentError
            It is the state of a loader with other batches or images.
        """
        self.loader.load_state_dict(state)
        self._seen = None

    def __repr__(self) -> str:
        return f"<microtome.torch.DataLoader on {self.device} of {self.loader!r}>"


# -- torch's own DataLoader ------------------------------------------------------------------------


class Dataset:
    """The patches of a loader, for `torch.utils.data.DataLoader`.

    An index is a position in the order of an epoch, which is random if the loader shuffles: do not shuffle
    again. Use it with `BatchSampler`, which also tells the epoch to worker processes, and `collate`, which
    passes whole batches on.

    Parameters
    ----------
    loader : Loader
        Cuts the patches. Its position is not changed.
    epoch : int, optional
        The epoch of indices that are plain integers. Without one, and without `set_epoch`, these are refused,
        because every epoch would have the same patches.

    Examples
    --------
    >>> dataset = microtome.torch.Dataset(loader)  # doctest: +SKIP
    >>> batches = torch.utils.data.DataLoader(
    ...     dataset,
    ...     batch_sampler=microtome.torch.BatchSampler(dataset),
    ...     collate_fn=microtome.torch.collate,
    ...     num_workers=2,
    ... )  # doctest: +SKIP
    """

    def __init__(self, loader: Loader, epoch: int | None = None) -> None:
        self.loader = loader
        # Shared, so that workers that outlive an epoch see the next one.
        self._epoch = need_torch().tensor(-1 if epoch is None else count(epoch, "epoch")).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of indices that are plain integers, also in worker processes.

        Parameters
        ----------
        epoch : int
            From 0.
        """
        self._epoch.fill_(count(epoch, "epoch"))

    def __len__(self) -> int:
        return self.loader.n_patches

    def __getitem__(self, index: Index) -> Batch:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[Index]) -> list[Batch]:
        """Read patches together. Each index is a position, or (epoch, position)."""
        pairs = [index if isinstance(index, tuple) else (int(self._epoch), index) for index in indices]
        epochs = {epoch for epoch, _ in pairs}
        if epochs == {-1}:
            raise ArgumentError(
                "the dataset does not know the epoch: use batch_sampler=microtome.torch.BatchSampler(dataset), or "
                "dataset.set_epoch(epoch) before each epoch"
            )
        if len(epochs) != 1:
            raise ArgumentError(f"a batch cannot have patches of several epochs: {sorted(epochs)}")
        return _Patches(_to_tensors(self.loader.read((position for _, position in pairs), *epochs)))


class _Patches(list[Batch]):
    """The patches of a batch, one by one, and together."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        super().__init__(
            batch._replace(
                data=batch.data[i],
                targets=tuple(target[i] for target in batch.targets),
                index=batch.index[i],
                stack=batch.stack[i],
                sample=batch.sample[i],
                coords=batch.coords[i],
                symmetry=batch.symmetry[i],
            )
            for i in range(len(batch.data))
        )


def collate(patches: list[Batch]) -> Batch:
    """Make a batch of patches: the ``collate_fn`` for a `Dataset`.

    Parameters
    ----------
    patches : list
        What a `Dataset` gives.

    Returns
    -------
    Batch
        The batch that was read, without a copy.
    """
    if isinstance(patches, _Patches):
        return patches.batch
    batch: Batch = need_torch().utils.data.default_collate(patches)
    return batch


class BatchSampler:
    """The batches of the loader of a `Dataset`, for `torch.utils.data.DataLoader`.

    The same batches in the same order as those of the loader, whatever the number of workers. Each loop is an
    epoch: the first one is that of the loader, from its position on.

    Parameters
    ----------
    dataset : Dataset
        Its loader says how many patches a batch has, what becomes of the last ones, and which batches are those of
        this process.
    ranks : {"torch", "slurm"} or None
        As for `DataLoader`.

    Raises
    ------
    ArgumentError
        The patches cannot be dealt to the ranks, as for a `Loader`; or each rank has windows of its own.
    """

    def __init__(self, dataset: Dataset, *, ranks: Literal["torch", "slurm"] | None = "torch") -> None:
        loader = dataset.loader
        if loader._options.locality is not None:
            raise ArgumentError("worker processes cannot share the windows of a rank: use microtome.torch.DataLoader")
        self._loader, self._ranks = loader, ranks
        self._epoch, self._start = loader._core.tell()
        self._lengths: dict[tuple[int, int], int] = {}  # by rank and number of ranks
        len(self)  # raises if the patches cannot be dealt to the ranks

    def set_epoch(self, epoch: int) -> None:
        """Let the next loop begin an epoch.

        Parameters
        ----------
        epoch : int
            From 0.
        """
        if epoch != self._epoch:
            self._epoch, self._start = count(epoch, "epoch"), 0

    def __len__(self) -> int:
        ranks = self._find_ranks()
        if ranks not in self._lengths:
            with closing(self._deal(ranks)) as dealer:
                self._lengths[ranks] = dealer.count()
        return self._lengths[ranks]

    def __iter__(self) -> Iterator[list[Index]]:
        # The epoch begins with the first batch: torch makes an iterator of each first epoch that it does not use.
        epoch, start = self._epoch, self._start
        positions = np.empty(self._loader.batch_size, np.uint64)
        with closing(self._deal(self._find_ranks())) as dealer:
            dealer.seek(epoch, start)
            self._epoch, self._start = epoch + 1, 0
            for number in range(dealer.count()):
                n = dealer.positions(number, positions)
                yield [(epoch, position) for position in positions[:n].tolist()]

    def _find_ranks(self) -> tuple[int, int]:
        return _find_ranks(self._ranks) or (self._loader.rank, self._loader.world_size)

    def _deal(self, ranks: tuple[int, int]) -> _core.Loader:
        """Make a loader for a rank that is only asked for positions."""
        rank, world_size = ranks
        return self._loader._make(self._loader._options._replace(rank=rank, world_size=world_size))


# -- Lightning -------------------------------------------------------------------------------------


def DataModule(train: Loader, val: Loader | None = None, *, ranks: Literal["torch", "slurm"] | None = "torch") -> Any:
    """Make a LightningDataModule of loaders.

    The batches are on the device of the trainer. Checkpoints of Lightning contain the position of the training
    loader, and training continues from there, also in the middle of an epoch.

    Parameters
    ----------
    train : Loader
        For training.
    val : Loader, optional
        For validation.
    ranks : {"torch", "slurm"} or None
        As for `DataLoader`.

    Returns
    -------
    LightningDataModule
        Its loaders are `DataLoader`.

    Raises
    ------
    ImportError
        There is no Lightning.
    """
    return _module_class()(train, val, ranks)


@cache
def _module_class() -> Any:
    lightning = _need_lightning()

    class _Module(lightning.LightningDataModule):  # type: ignore[misc, name-defined]
        def __init__(self, train: Loader, val: Loader | None, ranks: Literal["torch", "slurm"] | None) -> None:
            super().__init__()
            self.train, self.val, self.ranks = train, val, ranks

        def _on_device(self, loader: Loader) -> DataLoader:
            device = self.trainer.strategy.root_device if self.trainer is not None else "cpu"
            return DataLoader(loader, device, ranks=self.ranks)

        def train_dataloader(self) -> DataLoader:
            return self._on_device(self.train)

        def val_dataloader(self) -> DataLoader | list[Any]:
            return [] if self.val is None else self._on_device(self.val)

        def __str__(self) -> str:  # that of the base expects loaders of torch
            return f"<microtome.torch.DataModule, train={self.train!r}, val={self.val!r}>"

    _Module.__qualname__ = "_Module"
    return _Module


def __getattr__(name: str) -> Any:
    if name == "_Module":  # for pickles
        return _module_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
