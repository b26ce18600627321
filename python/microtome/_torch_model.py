# SPDX-License-Identifier: BSD-3-Clause
"""Networks of PyTorch, for `microtome.predict`: see `microtome.torch.model`."""

from __future__ import annotations

import contextlib
import hashlib
import pickle
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ._errors import ArgumentError, CorruptError, UnsupportedError, need
from ._models import Model, check_outputs, digest_file, run_in_pieces

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from ._models import Batch, Outputs

__all__ = ["TorchModel", "find_device", "make_page_locked", "model", "need_torch", "open_exported"]


def need_torch() -> Any:
    return need("torch", "torch", "microtome.torch")


def find_device(device: str | torch.device) -> torch.device:
    """Return a device; RuntimeError if it is one of CUDA and there is none."""
    torch = need_torch()
    found = torch.device(device)
    if found.type == "cuda" and not torch.cuda.is_available():
        raise RuntimeError(f"there is no device {str(found)!r}: torch finds no CUDA device; use 'cpu'")
    return found


def make_page_locked(device: torch.device) -> Callable[[int], Any]:
    """Return a function that allocates memory which a CUDA device can read by itself."""
    torch = need_torch()

    def allocate(size: int) -> Any:
        with torch.cuda.device(device):  # threads of a loader have another current device
            return torch.empty(size, dtype=torch.uint8, pin_memory=True).numpy()

    return allocate


# -- to the device and back ------------------------------------------------------------------------


class _Transfers(Protocol):
    """The way of a batch to the device, and of the outputs back."""

    def send(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the batch on the device, for the current stream."""

    def fetch(self, outputs: list[torch.Tensor]) -> Callable[[], list[torch.Tensor]]:
        """Return a function that waits for the outputs on the host."""


class _PlainTransfers:
    """Copies that the caller waits for; none on the CPU."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def send(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.to(self._device, copy=True)  # a module may change its input

    def fetch(self, outputs: list[torch.Tensor]) -> Callable[[], list[torch.Tensor]]:
        return lambda: [output.cpu() for output in outputs]


class _CudaTransfers:
    """Copies on a stream of their own for each direction, while the network works on another batch."""

    def __init__(self, device: torch.device) -> None:
        self._torch = torch = need_torch()
        self._device = device
        self._in, self._out = torch.cuda.Stream(device), torch.cuda.Stream(device)

    def send(self, batch: torch.Tensor) -> torch.Tensor:
        current = self._torch.cuda.current_stream(self._device)
        with self._torch.cuda.stream(self._in):
            sent = batch.to(self._device, non_blocking=True)
        current.wait_stream(self._in)
        sent.record_stream(current)
        return sent

    def fetch(self, outputs: list[torch.Tensor]) -> Callable[[], list[torch.Tensor]]:
        self._out.wait_stream(self._torch.cuda.current_stream(self._device))
        with self._torch.cuda.stream(self._out):
            fetched = [self._torch.empty(o.shape, dtype=o.dtype, pin_memory=True) for o in outputs]
            for to, output in zip(fetched, outputs, strict=True):
                to.copy_(output, non_blocking=True)
                output.record_stream(self._out)
            are_there = self._out.record_event()

        def wait() -> list[torch.Tensor]:
            are_there.synchronize()
            return fetched

        return wait


# -- the module ------------------------------------------------------------------------------------


class TorchModel(Model):
    """A module of PyTorch.

    Parameters
    ----------
    module : torch.nn.Module
        As `microtome.torch.model` says.
    device : str or torch.device, optional
        Where it runs; it is moved there. None: where its parameters are.
    amp : str or torch.dtype, optional
        Type of automatic mixed precision: "float16", "bfloat16"; None: without.
    dropout : bool
        Whether layers of dropout are active.
    identity : str, optional
        Of the network; None: a digest of the module.
    batch_size : int, optional
        The only one that the module takes; None: any.
    """

    takes_seed = True

    def __init__(
        self,
        module: torch.nn.Module,
        device: str | torch.device | None = None,
        *,
        amp: str | torch.dtype | None = None,
        dropout: bool = False,
        identity: str | None = None,
        batch_size: int | None = None,
    ) -> None:
        torch = need_torch()
        if not isinstance(module, torch.nn.Module):
            raise ArgumentError(f"a torch.nn.Module is needed, not {module!r}")
        first = next(iter([*module.parameters(), *module.buffers()]), None)
        self._device = find_device(device if device is not None else "cpu" if first is None else first.device)
        self._module = module if device is None else module.to(self._device)
        self._amp = _find_amp(amp)
        self._dropout = dropout
        self._given_identity = identity
        self._batch_size = batch_size
        kinds = (p.dtype for p in module.parameters() if p.dtype in (torch.float16, torch.bfloat16, torch.float64))
        self._dtype = next(kinds, torch.float32) if self._amp is None else torch.float32
        self._transfers: _Transfers = _PlainTransfers(self._device)
        if self._device.type == "cuda":
            self._transfers = _CudaTransfers(self._device)
            self.in_flight = 2
            self.allocate = make_page_locked(self._device)

    @property
    def identity(self) -> str:
        """SHA-256 of the module's class, structure and state, with what else decides its outputs."""
        digest = hashlib.sha256(self._given_identity.encode()) if self._given_identity else _digest(self._module)
        digest.update(repr((self._device.type, str(self._amp), self._dropout)).encode())
        return f"torch sha256:{digest.hexdigest()}"

    def start(self, batch: Batch, seed: int | None = None) -> Callable[[], Outputs]:
        """Do what `Model` says."""
        if self._batch_size is not None and len(batch) != self._batch_size:
            outputs = run_in_pieces(lambda piece: self._start(piece, seed)(), self._batch_size, batch)
            return lambda: outputs
        return self._start(batch, seed)

    def __call__(self, batch: Batch, seed: int | None = None) -> Outputs:
        """Do what `Model` says."""
        return self.start(batch, seed)()

    def _start(self, batch: Batch, seed: int | None) -> Callable[[], Outputs]:
        torch = need_torch()
        host = torch.from_numpy(np.require(batch, requirements=["C", "W"]))
        with torch.inference_mode(), _current(self._device), _evaluating(self._module, self._dropout):
            with _seeded(seed, self._device), torch.autocast(self._device.type, self._amp, self._amp is not None):
                result = self._module(self._transfers.send(host).to(self._dtype))
            names, tensors = _list_outputs(result)
            wait = self._transfers.fetch([_for_numpy(tensor) for tensor in tensors])

        def finish(_read_till_now: Any = host) -> Outputs:
            arrays = [tensor.numpy() for tensor in wait()]
            return check_outputs(arrays if names is None else dict(zip(names, arrays, strict=True)), batch)

        return finish

    def free_memory(self) -> None:
        """Do what `Model` says."""
        if self._device.type == "cuda":
            need_torch().cuda.empty_cache()

    def __repr__(self) -> str:
        return f"<{type(self._module).__qualname__} on {self._device}>"


def _find_amp(amp: str | torch.dtype | None) -> torch.dtype | None:
    torch = need_torch()
    found = getattr(torch, amp, None) if isinstance(amp, str) else amp
    if found not in (None, torch.float16, torch.bfloat16) or (amp is not None and found is None):
        raise ArgumentError(f"amp must be 'float16', 'bfloat16' or None, not {amp!r}")
    return found


def _list_outputs(result: Any) -> tuple[list[str] | None, list[torch.Tensor]]:
    """Return names, if there are any, and tensors of what a module returned."""
    torch = need_torch()
    names: list[str] | None = None
    if isinstance(result, Mapping):
        names, result = [str(name) for name in result], list(result.values())
    elif isinstance(result, torch.Tensor):
        result = [result]
    if not isinstance(result, (tuple, list)) or not all(isinstance(item, torch.Tensor) for item in result):
        kinds = ", ".join(type(item).__name__ for item in result) if isinstance(result, (tuple, list)) else ""
        raise ArgumentError(
            f"the module returned a {type(result).__name__}{f' of {kinds}' if kinds else ''}: a tensor, a list of "
            "tensors or a dict of them is needed; wrap the module in one that returns what is to be written"
        )
    return names, list(result)


def _for_numpy(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor of a dtype that NumPy has, in C order."""
    return (tensor.float() if tensor.dtype == need_torch().bfloat16 else tensor).contiguous()


@contextlib.contextmanager
def _current(device: torch.device) -> Iterator[None]:
    with need_torch().cuda.device(device) if device.type == "cuda" else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def _evaluating(module: torch.nn.Module, dropout: bool) -> Iterator[None]:
    """Switch to evaluation, and back to the mode that each part of the module was in."""
    before = [(part, part.training) for part in module.modules()]
    if any(mode for _, mode in before):
        module.eval()
    droppers = need_torch().nn.modules.dropout._DropoutNd
    for part, _ in before:
        if dropout and isinstance(part, droppers):
            part.train()
    try:
        yield
    finally:
        if module.training != before[0][1]:
            module.train(before[0][1])
        for part, mode in before:
            part.training = mode


@contextlib.contextmanager
def _seeded(seed: int | None, device: torch.device) -> Iterator[None]:
    """Seed the generators of the CPU and of the device, and give them back as they were."""
    if seed is None:
        yield
        return
    torch = need_torch()
    is_cuda = device.type == "cuda"
    with torch.random.fork_rng([torch.cuda.current_device()] if is_cuda else []):
        torch.default_generator.manual_seed(seed)
        if is_cuda:
            torch.cuda.manual_seed(seed)
        yield


def model(
    module: torch.nn.Module,
    device: str | torch.device | None = None,
    *,
    amp: str | torch.dtype | None = None,
    dropout: bool = False,
) -> Model:
    """Prepare a module of PyTorch for `microtome.predict`, which also takes the module as it is.

    It runs in inference mode and, for the time of each call, in evaluation mode. On a CUDA device, batches are copied
    there and outputs back while the network works on another batch. If a batch needs more memory than the device has,
    `microtome.predict` halves it. The network may take random numbers of torch: they are seeded for each batch, and
    torch's generators are given back as they were.

    A digest of the module identifies the prediction, which is continued with the same weights only. The digest is that
    of the module's class, of its structure as ``repr`` shows it, and of its state; it does not see the code of
    ``forward``.

    Parameters
    ----------
    module : torch.nn.Module
        Takes a tensor, of the type of its parameters: tiles, C, (Z), Y, X. Returns a tensor, a list or tuple of tensors,
        or a dict of them by name, each with as many tiles and axes.
    device : str or torch.device, optional
        Where it runs, such as "cuda" or "cuda:1"; the module is moved there. None: where its parameters are.
    amp : {"float16", "bfloat16"} or torch.dtype, optional
        Automatic mixed precision with this type. None: without.
    dropout : bool
        Leave the layers of dropout active: each sample of the prediction is another one (Monte Carlo dropout).

    Returns
    -------
    object
        For `microtome.predict`. Its attribute ``identity`` is the digest.

    Raises
    ------
    ImportError
        There is no torch.
    RuntimeError
        There is no such device.
    """
    return TorchModel(module, device, amp=amp, dropout=dropout)


# -- identity --------------------------------------------------------------------------------------


def _digest(module: torch.nn.Module) -> Any:
    """Digest the class of a module, its structure as it prints it, and its state."""
    digest = hashlib.sha256()
    kind = type(module)
    structure = re.sub(r" at 0x[0-9a-f]+", "", repr(module))  # addresses differ between processes
    digest.update(f"{kind.__module__}.{kind.__qualname__}\0{structure}\0".encode())
    for name, value in module.state_dict().items():
        if isinstance(value, need_torch().Tensor):
            digest.update(f"{name}\0{value.dtype}\0{tuple(value.shape)}\0".encode())
            digest.update(_list_bytes(value))
        else:  # extra state
            digest.update(f"{name}\0".encode() + pickle.dumps(value, 4))
    return digest


def _list_bytes(tensor: torch.Tensor) -> Any:
    torch = need_torch()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()


# -- files -----------------------------------------------------------------------------------------


def open_exported(path: Path, device: str | None) -> Model:
    """Open a file of ``torch.export.save``."""
    torch = need("torch", "torch", str(path))
    export, passes = (need(name, "torch", str(path)) for name in ("torch.export", "torch.export.passes"))
    found = find_device(device if device is not None else "cpu")
    try:
        program = passes.move_to_device_pass(export.load(path), found)
    except Exception as error:
        raise CorruptError(f"{path}: torch.export cannot load it: {error}") from error
    inputs = [node.meta["val"] for node in program.graph.nodes if node.name in program.graph_signature.user_inputs]
    if len(inputs) != 1 or not isinstance(inputs[0], torch.Tensor) or inputs[0].ndim not in (4, 5):
        raise UnsupportedError(f"{path}: its input is not one tensor of the axes tile, C, (Z), Y, X")
    module = program.module()
    for part in module.modules():  # it has one mode, that of its export, and refuses eval()
        part.training = False
    tiles = inputs[0].shape[0]
    return TorchModel(module, found, identity=digest_file(path), batch_size=tiles if isinstance(tiles, int) else None)
