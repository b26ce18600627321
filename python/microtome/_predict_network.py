# SPDX-License-Identifier: BSD-3-Clause
"""A network at work: batches of tiles become the values of outputs."""

from __future__ import annotations

import hashlib
import struct
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _core
from ._errors import ArgumentError
from ._predict_outputs import Planned, Raw

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._core import Context
    from ._models import Model
    from ._tiles import TileBatch

    Array = NDArray[Any]

__all__ = ["BatchFailure", "Settings", "run_network", "try_network"]

_SWAPS = 4  # bit of the symmetries that swap Y and X


class Settings(NamedTuple):
    """What is done with each batch."""

    seed: int
    samples: int
    tta: int
    each_channel: bool

    @property
    def is_ensemble(self) -> bool:
        """Several values become one."""
        return self.samples > 1 or self.tta > 1

    def members(self) -> list[tuple[int, int]]:
        """List sample and symmetry of each value that the network gives for a batch."""
        return [(sample, symmetry) for sample in range(self.samples) for symmetry in range(self.tta)]


class BatchFailure(Exception):
    """The network failed; the cause says why, and ``first`` for which tile and those that follow."""

    def __init__(self, first: int, n: int) -> None:
        super().__init__(first, n)
        self.first, self.n = first, n


class _Call(NamedTuple):
    """One run of the network: a member of a batch, or a channel of one."""

    batch: TileBatch
    member: int
    channel: int
    input: Array


def try_network(model: Model, batch: TileBatch, settings: Settings) -> tuple[Raw, list[Array]]:
    """Run the first member of a batch, and tell what the network returns."""
    arrays: list[Array] = []
    names: list[str] | None = None
    for call in _calls([batch], settings._replace(samples=1, tta=1)):
        result = model(call.input, _seed(settings, call))
        names, found = _listed(result)
        arrays = found if call.channel == 0 else [np.concatenate(pair, 1) for pair in zip(arrays, found, strict=True)]
    return Raw(names, [array.shape for array in arrays]), arrays


def run_network(
    model: Model,
    batches: Iterable[TileBatch],
    outputs: tuple[Planned, ...],
    settings: Settings,
    context: Context | None,
    known: dict[tuple[int, int], list[Array]],
) -> Generator[tuple[TileBatch, tuple[Array, ...]], None, None]:
    """Yield each batch with its values, one array for each output.

    known has what the network returned for the first members of batches, by first tile and number of tiles.

    Raises
    ------
    BatchFailure
        The network raised an exception.
    """
    combine = _Combine(outputs, settings, context)
    waiting: deque[tuple[_Call, Callable[[], Any]]] = deque()
    for call in _calls(batches, settings):
        waiting.append((call, _start(model, call, settings, known)))
        while len(waiting) >= max(1, model.in_flight):
            yield from combine.add(*_finish(*waiting.popleft()))
    while waiting:
        yield from combine.add(*_finish(*waiting.popleft()))


def _calls(batches: Iterable[TileBatch], settings: Settings) -> Iterator[_Call]:
    for batch in batches:
        for member, (_, symmetry) in enumerate(settings.members()):
            turned = _turn(batch.data, symmetry)
            if settings.each_channel:
                for channel in range(turned.shape[1]):
                    yield _Call(batch, member, channel, np.ascontiguousarray(turned[:, channel : channel + 1]))
            else:
                yield _Call(batch, member, 0, turned)


def _turn(data: Array, symmetry: int) -> Array:
    """Flip Y, flip X, then swap them, as a loader does."""
    if symmetry & 1:
        data = data[..., ::-1, :]
    if symmetry & 2:
        data = data[..., ::-1]
    return np.ascontiguousarray(data.swapaxes(-1, -2) if symmetry & _SWAPS else data)


def _seed(settings: Settings, call: _Call) -> int:
    """Derive a seed from that of the prediction, the place of the batch, and the number of the run."""
    place = struct.pack("<QQQQ", settings.seed, call.batch.first, call.member, call.channel)
    return int.from_bytes(hashlib.blake2b(place, digest_size=8).digest(), "little")


def _start(
    model: Model, call: _Call, settings: Settings, known: dict[tuple[int, int], list[Array]]
) -> Callable[[], Any]:
    place = call.batch.first, len(call.batch)
    if call.member == 0 and place in known:
        is_last = not settings.each_channel or call.channel + 1 == call.batch.data.shape[1]
        whole = known.pop(place) if is_last else known[place]
        return lambda: whole if call.channel == 0 else None
    try:
        return model.start(call.input, _seed(settings, call))
    except Exception as error:
        raise BatchFailure(*place) from error


def _finish(call: _Call, wait: Callable[[], Any]) -> tuple[_Call, Any]:
    try:
        return call, wait()
    except Exception as error:
        raise BatchFailure(call.batch.first, len(call.batch)) from error


def _listed(result: Any) -> tuple[list[str] | None, list[Array]]:
    if isinstance(result, dict):
        return list(result), list(result.values())
    return None, list(result)


class _Combine:
    """Puts the channels and members of a batch together."""

    def __init__(self, outputs: tuple[Planned, ...], settings: Settings, context: Context | None) -> None:
        self._outputs, self._settings, self._context = outputs, settings, context
        self._members = settings.members()
        self._parts: list[list[Array]] = []  # of the channels so far
        self._ensembles: dict[int, _core.Ensemble] = {}  # by output of the network
        self._shapes: dict[int, tuple[int, ...]] = {}

    def add(self, call: _Call, result: Any) -> Iterator[tuple[TileBatch, tuple[Array, ...]]]:
        """Add what the network returned; yield the batch with its values if it is complete."""
        if result is not None:
            self._parts.append(_listed(result)[1])
        n_channels = call.batch.data.shape[1] if self._settings.each_channel else 1
        if call.channel + 1 < n_channels:
            return
        arrays = self._join(call)
        if not self._settings.is_ensemble:
            yield call.batch, tuple(arrays[out.of] for out in self._outputs)
            return
        self._sum(call, arrays)
        if call.member + 1 == len(self._members):
            yield call.batch, self._take()

    def _join(self, call: _Call) -> dict[int, Array]:
        """Join channels, and check that the outputs are as those of the first batch."""
        parts, self._parts = self._parts, []
        for part in parts:
            if len(part) != len(parts[0]) or len(part) <= max(out.of for out in self._outputs):
                raise ArgumentError(
                    f"the network returned {len(part)} outputs for {_place(call.batch)}, fewer than before"
                )
        arrays: dict[int, Array] = {}
        for out in self._outputs:
            if out.of not in arrays:
                each = [part[out.of] for part in parts]
                array = each[0] if len(each) == 1 else np.concatenate(each, 1)
                _check(out, array, call)
                arrays[out.of] = np.ascontiguousarray(array)
        return arrays

    def _sum(self, call: _Call, arrays: dict[int, Array]) -> None:
        symmetry = self._members[call.member][1]
        for of, array in arrays.items():
            if call.member == 0 and self._shapes.get(of) != array.shape:  # the first member is not turned
                self._ensembles[of] = _core.Ensemble(self._context, array.shape)
                self._shapes[of] = array.shape
            self._ensembles[of].add(array, symmetry)

    def _take(self) -> tuple[Array, ...]:
        spreads = {out.of for out in self._outputs if out.statistic == "std"}
        taken: dict[int, Any] = {of: ensemble.take(of in spreads) for of, ensemble in self._ensembles.items()}
        return tuple(taken[out.of][out.statistic == "std"] for out in self._outputs)


def _place(batch: TileBatch) -> str:
    return f"tiles {batch.first} to {batch.first + len(batch) - 1}"


def _check(out: Planned, array: Array, call: _Call) -> None:
    """Compare the shape of an output with the plan."""
    sizes = call.input.shape[2:]
    wanted = (len(call.batch), out.channels, *(size // out.down * out.up for size in sizes))
    if array.shape != wanted:
        name = f"output {out.name!r}" if out.name else f"output {out.of}" if out.of else "an output"
        raise ArgumentError(
            f"the network returned {name} of the shape {array.shape} for {_place(call.batch)}, where {wanted} is needed"
        )
