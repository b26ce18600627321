# SPDX-License-Identifier: BSD-3-Clause
"""The networks that `microtome.predict` runs: all kinds behind one interface, `Model`.

This module is imported with its first use, and each kind of model with its own. `as_model` makes the model.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ._errors import ArgumentError, NotFoundError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Batch: TypeAlias = NDArray[np.float32]
    Outputs: TypeAlias = list[NDArray[Any]] | dict[str, NDArray[Any]]

__all__ = ["FunctionModel", "Model", "as_model", "check_outputs", "digest_file", "run_in_pieces"]


class Model:
    """A network: a batch in, one or several outputs out.

    A batch is a float32 array in C order: tiles, C, (Z), Y, X. Each output has as many tiles and as many dimensions;
    channels and sizes are its own. Outputs are in C order and in native byte order, of a dtype that microtome writes.
    They are a list, or a dict by name if the network names them, in the network's order.

    One thread at a time uses a model.
    """

    takes_seed: bool = False
    """Whether the seed of a call has an effect. Otherwise a stochastic network returns other values each time."""

    in_flight: int = 1
    """How many batches are worth starting before the outputs of the first are waited for."""

    allocate: Callable[[int], Any] | None = None
    """Allocates a number of bytes for batches that the device can read by itself, as a writable buffer, from any
    thread. None: any memory will do."""

    @property
    def identity(self) -> str | None:
        """Names all that the outputs depend on besides the batch and the seed.

        It is the same for the same network in another process, and another for other weights. It may be computed anew
        each time: ask once in a run. None: a run cannot be continued, and `no_identity` says why.
        """
        return None

    @property
    def no_identity(self) -> str:
        """Why `identity` is None, such as "a function does not tell what it computes"."""
        raise NotImplementedError

    def __call__(self, batch: Batch, seed: int | None = None) -> Outputs:
        """Run the network.

        Parameters
        ----------
        batch : numpy.ndarray
            As above; it is only read.
        seed : int, optional
            From 0 to 2**64 - 1: of the random numbers of a stochastic network, the same numbers for the same seed. The
            caller's own generators are left alone. Has no effect unless `takes_seed`.

        Returns
        -------
        list or dict of numpy.ndarray
            The outputs. They may lie in the memory of the batch.

        Raises
        ------
        ArgumentError
            The network returned something else than such outputs.
        Exception
            Whatever the network raises.
        """
        raise NotImplementedError

    def start(self, batch: Batch, seed: int | None = None) -> Callable[[], Outputs]:
        """Start the network, and return a function that waits for its outputs.

        Parameters and exceptions are those of a call; exceptions may come here or from the function returned, which is
        called once. Until it has returned, the batch must stay as it is. Batches are done in the order of their start.
        """
        outputs = self(batch, seed)
        return lambda: outputs

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Tell whether a call failed because the batch needs more memory than there is: a smaller one may pass."""
        return isinstance(error, MemoryError) or _is_of_device(error)

    def free_memory(self) -> None:
        """Return memory that is kept for later calls, after one was out of memory and its exception was dropped."""

    def close(self) -> None:
        """Release what `as_model` has made or opened. What the user gave remains usable."""


# What torch and ONNX Runtime say when memory of the host or of a device is full.
_FULL = re.compile("out of memory|DefaultCPUAllocator: can't allocate|Failed to allocate memory|ALLOC_FAILED")


def _is_of_device(error: BaseException) -> bool:
    is_of_library = isinstance(error, RuntimeError) or type(error).__module__.startswith("onnxruntime.")
    return is_of_library and _FULL.search(str(error)) is not None


class FunctionModel(Model):
    """Any callable: a batch as a NumPy array in, one or several arrays out.

    Parameters
    ----------
    function : callable
        As `as_model` says.
    """

    no_identity = "a function does not tell what it computes"

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.takes_seed = _takes_seed(function)

    @property
    def identity(self) -> str | None:
        """The attribute ``identity`` of the function."""
        identity = getattr(self._function, "identity", None)
        return identity if isinstance(identity, str) else None

    def __call__(self, batch: Batch, seed: int | None = None) -> Outputs:
        """Do what `Model` says."""
        result = self._function(batch, seed=seed) if self.takes_seed else self._function(batch)
        return check_outputs(result, batch)


def _takes_seed(function: Callable[..., Any]) -> bool:
    try:
        parameter = inspect.signature(function).parameters.get("seed")
    except (TypeError, ValueError):  # of a builtin that does not tell
        return False
    return parameter is not None and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)


# -- what the kinds share --------------------------------------------------------------------------


def digest_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_outputs(result: Any, batch: Batch) -> Outputs:
    """Check and convert what a network returned for a batch."""
    if isinstance(result, Mapping):
        named = {str(name): _check_output(f"output {name!r}", array, batch) for name, array in result.items()}
        if named:
            return named
    elif isinstance(result, (tuple, list)):
        arrays = [_check_output(f"output {i}", array, batch) for i, array in enumerate(result)]
        if arrays:
            return arrays
    else:
        return [_check_output("the output", result, batch)]
    raise ArgumentError("the network returned no outputs: at least one array is needed")


def _check_output(what: str, output: Any, batch: Batch) -> NDArray[Any]:
    try:
        array = np.asarray(output)
    except Exception as error:
        kind = type(output).__name__
        raise ArgumentError(f"{what} of the network, of type {kind}, cannot be made an array: {error}") from error
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        kind = f"an array of {array.dtype}" if isinstance(output, np.ndarray) else f"of type {type(output).__name__}"
        raise ArgumentError(f"{what} of the network is {kind}: an array of integers or real numbers is needed")
    if array.ndim != batch.ndim or len(array) != len(batch):
        raise ArgumentError(
            f"{what} of the network has the shape {array.shape} for a batch of the shape {batch.shape}: "
            f"it must have {len(batch)} tiles and the axes tile, C, {'Z, ' if batch.ndim == 5 else ''}Y, X"
        )
    return np.ascontiguousarray(array, array.dtype.newbyteorder("="))


def run_in_pieces(run: Callable[[Batch], Outputs], size: int, batch: Batch) -> Outputs:
    """Run a network that takes batches of one size only. The last piece is filled with zeros."""
    pieces: list[Outputs] = []
    for first in range(0, len(batch), size):
        piece = batch[first : first + size]
        n = len(piece)
        if n < size:
            piece = np.concatenate([piece, np.zeros((size - n, *batch.shape[1:]), batch.dtype)])
        outputs = run(piece)
        pieces.append({k: v[:n] for k, v in outputs.items()} if isinstance(outputs, dict) else [v[:n] for v in outputs])
    if len(pieces) == 1:
        return pieces[0]
    if isinstance(pieces[0], dict):
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}  # type: ignore[call-overload]
    return [np.concatenate(arrays) for arrays in zip(*pieces, strict=True)]


# -- what the user gives ---------------------------------------------------------------------------


def as_model(model: Any, *, device: str | None = None) -> Model:
    """Make a `Model` of what a user gives.

    Parameters
    ----------
    model : object
        One of

        - a function or other callable: takes a batch as a NumPy array and returns an array, a list or tuple of arrays,
          or a dict of them by name. It leaves its batch as it is. If it has a parameter ``seed``, it gets the seed of the
          call. An attribute ``identity`` (str) is its identity;
        - a ``torch.nn.Module``, or a model of `microtome.torch.model`;
        - an ``onnxruntime.InferenceSession``, or the path of an ``.onnx`` file;
        - the path of a ``.pt2`` file, of ``torch.export.save``;
        - the path of a BioImage.IO model: its folder, its ``.zip`` or its ``.yaml``.
    device : str, optional
        Where a module of torch, a ``.pt2`` or an ``.onnx`` file runs, such as "cuda" or "cuda:1". None: a module remains
        where it is, a file runs on the CPU.

    Returns
    -------
    Model
        Close it after use.

    Raises
    ------
    ArgumentError
        It is none of these, or ``device`` is given for one that cannot be moved.
    NotFoundError
        There is no such file.
    ImportError
        A package is missing; the message says how to install it.
    """
    if isinstance(model, (str, os.PathLike)):
        return _open_model(Path(model), device)
    if _is_instance(model, "torch", "nn.Module"):
        return importlib.import_module("._torch_model", __package__).TorchModel(model, device)  # type: ignore[no-any-return]
    if device is not None:
        raise ArgumentError(f"device={device!r} is for modules of torch and for files, not for {model!r}")
    if isinstance(model, Model):
        return model
    if _is_instance(model, "onnxruntime", "InferenceSession"):
        return importlib.import_module("._onnx_model", __package__).OnnxModel(model)  # type: ignore[no-any-return]
    if callable(model):
        return FunctionModel(model)
    raise ArgumentError(
        f"{model!r} is not a model: give a function, a module of torch, a session of ONNX Runtime, or the path of an .onnx "
        "or .pt2 file or of a BioImage.IO model"
    )


def _is_instance(item: object, module: str, name: str) -> bool:
    """Tell whether an object is of a class of a package, which is not imported for that."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return isinstance(found, type) and isinstance(item, found)


def _open_model(path: Path, device: str | None) -> Model:
    if not path.exists():
        raise NotFoundError(f"{path}: there is no such file or folder")
    kind = ".yaml" if path.is_dir() else path.suffix.lower()
    openers = {
        ".onnx": ("._onnx_model", "open_onnx"),
        ".pt2": ("._torch_model", "open_exported"),
        ".yaml": ("._bioimage_model", "open_bioimage"),
        ".zip": ("._bioimage_model", "open_bioimage"),
    }
    if kind not in openers:
        hint = "; load its module with torch and give that" if kind in (".pt", ".pth", ".ckpt") else ""
        raise ArgumentError(f"{path}: not a model: its suffix is not one of .onnx, .pt2, .zip and .yaml{hint}")
    module, name = openers[kind]
    return getattr(importlib.import_module(module, __package__), name)(path, device)  # type: ignore[no-any-return]
