# SPDX-License-Identifier: BSD-3-Clause
"""The networks that `microtome.predict` runs: all kinds behind one interface, `Model`.

This module is imported with its first use, and each kind of model with its own. `as_model` makes the model.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ._errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Batch: TypeAlias = NDArray[np.float32]
    Outputs: TypeAlias = list[NDArray[Any]] | dict[str, NDArray[Any]]

__all__ = ["FunctionModel", "Model", "as_model", "check_outputs", "need"]


class Model:
    """A network: a batch in, one or several outputs out.

    A batch is a float32 array in C order: tiles, C, (Z), Y, X. Each output has as many tiles and as many dimensions;
    channels and sizes are its own. Outputs are in C order and in native byte order, of a dtype that microtome writes.
    They are a list, or a dict by name if the network names them, in the network's order.

    One thread at a time uses a model.
    """

    identity: str | None = None
    """Names all that the outputs depend on besides the batch and the seed: the same for the same network in another
    process, another for other weights. A property may compute it anew each time: ask once in a run. None: a run cannot
    be continued, and `no_identity` says why."""

    no_identity: str = ""
    """Why `identity` is None, and what to do: the second half of a sentence, such as "a function has no identity; ..."."""

    takes_seed: bool = False
    """Whether the seed of a call has an effect. Otherwise a stochastic network returns other values each time."""

    in_flight: int = 1
    """How many batches are worth starting before the outputs of the first are waited for."""

    allocate: Callable[[int], Any] | None = None
    """Allocates a number of bytes for batches that the device can read by itself, as a writable buffer, from any
    thread. None: any memory will do."""

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
        return isinstance(error, MemoryError) or _is_out_of_memory_of_torch(error)

    def free_memory(self) -> None:
        """Return memory that is kept for later calls, after one was out of memory and its exception was dropped."""

    def close(self) -> None:
        """Release what `as_model` has made or opened. What the user gave remains usable."""


def as_model(model: Any, *, identity: str | None = None, device: str | None = None) -> Model:
    """Make a `Model` of what a user gives.

    Parameters
    ----------
    model : object
        One of

        - a function or other callable: takes a batch as a NumPy array and returns an array, a list or tuple of arrays,
          or a dict of them by name. If it has a parameter ``seed``, it gets the seed of the call. An attribute
          ``identity`` (str) is its identity;
        - a ``torch.nn.Module``, or a model of `microtome.torch.model`;
        - an ``onnxruntime.InferenceSession``, or the path of an ``.onnx`` file;
        - the path of a ``.pt2`` file, of ``torch.export.save``;
        - the path of a BioImage.IO model: its folder, its ``.zip`` or its ``rdf.yaml``.
    identity : str, optional
        Takes the place of the identity that the model has.
    device : str, optional
        Where a network given as a module or by its path runs, such as "cuda" or "cuda:1". None: a module, and the weights
        of a ``.pt2`` file, remain where they are; others run on the CPU.

    Returns
    -------
    Model
        Close it after use.

    Raises
    ------
    ArgumentError
        It is none of these, or ``device`` is given for one that cannot be moved.
    ImportError
        A package is missing; the message says how to install it.
    """
    raise NotImplementedError
