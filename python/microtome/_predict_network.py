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

    from ._context import ContextLike
    from ._models import Model
    from ._predict_outputs import Source
    from ._tiles import TileBatch

    Array = NDArray[Any]
    Result = list[Array] | dict[str, Array]  # as `Model` returns it

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


def try_network(model: Model, batch: TileBatch, settings: Settings) -> tuple[Raw, Result]:
    """Run the first member of a batch, and tell what the network returns."""
    parts: list[list[Array]] = []
    names: list[str] | None = None
    for call in _calls([batch], settings._replace(samples=1, tta=1)):
        result = model(call.input, _seed(settings, call))
        if not parts and isinstance(result, dict):
            names = list(result)
        sources = enumerate(names or [None] * len(parts[0] if parts else result))
        # copies, as the network may use the memory again
        parts.append([_take(result, i, name, call.batch).copy() for i, name in sources])
    arrays = parts[0] if len(parts) == 1 else [np.concatenate(each, 1) for each in zip(*parts, strict=True)]
    raw = Raw(names, [array.shape for array in arrays])
    return raw, arrays if names is None else dict(zip(names, arrays, strict=True))


def run_network(
    model: Model,
    batches: Iterable[TileBatch],
    outputs: tuple[Planned, ...],
    settings: Settings,
    context: ContextLike | None,
    known: dict[tuple[int, int], Result],
) -> Generator[tuple[TileBatch, tuple[Array, ...]], None, None]:
    """Yield each batch with its values, one array for each output.

    known has what the network returned for the first members of batches, by first tile and number of tiles.

    Raises
    ------
    BatchFailure
        The network raised an exception. All batches before were yielded.
    """
    combine = _Combine(outputs, settings, context)
    waiting: deque[tuple[_Call, Callable[[], Any]]] = deque()
    failure: BatchFailure | None = None
    for call in _calls(batches, settings, may_change=model.allocate is None):
        try:
            waiting.append((call, _start(model, call, settings, known)))
        except BatchFailure as failed:
            failure = failed
            break
        while len(waiting) >= max(1, model.in_flight):
            yield from combine.add(*_finish(*waiting.popleft()))
    while waiting:
        yield from combine.add(*_finish(*waiting.popleft()))
    if failure:
        raise failure


def _calls(batches: Iterable[TileBatch], settings: Settings, may_change: bool = False) -> Iterator[_Call]:
    """List the runs of the network. may_change: it may change its input in place."""
    members = settings.members()
    for batch in batches:
        for member, (_, symmetry) in enumerate(members):
            turned = _turn(batch.data, symmetry)
            if may_change and len(members) > 1 and np.may_share_memory(turned, batch.data):
                turned = turned.copy()
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


def _start(model: Model, call: _Call, settings: Settings, known: dict[tuple[int, int], Result]) -> Callable[[], Any]:
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


def _take(result: Result, number: int, name: str | None, batch: TileBatch) -> Array:
    """Return an output of the network: by its name, if it is known by one, else by number."""
    if name is not None:
        if isinstance(result, dict) and name in result:
            return result[name]
        found = ", ".join(map(repr, result)) if isinstance(result, dict) else "without names"
        raise ArgumentError(f"the network returned no output {name!r} for {_place(batch)}: it returned outputs {found}")
    arrays = list(result.values()) if isinstance(result, dict) else result
    if number >= len(arrays):
        raise ArgumentError(f"the network returned {len(arrays)} outputs for {_place(batch)}, fewer than before")
    return arrays[number]


class _Combine:
    """Puts the channels and members of a batch together."""

    def __init__(self, outputs: tuple[Planned, ...], settings: Settings, context: ContextLike | None) -> None:
        self._outputs, self._settings, self._context = outputs, settings, context
        self._members = settings.members()
        self._parts: list[dict[Source, Array]] = []  # of the channels so far
        self._ensembles: dict[Source, _core.Ensemble] = {}
        self._shapes: dict[Source, tuple[int, ...]] = {}

    def add(self, call: _Call, result: Any) -> Iterator[tuple[TileBatch, tuple[Array, ...]]]:
        """Add what the network returned; yield the batch with its values if it is complete."""
        n_channels = call.batch.data.shape[1] if self._settings.each_channel else 1
        if result is not None:
            part = {out.source: _take(result, *out.find(result), call.batch) for out in self._outputs}
            # copies, as the network may use the memory again for the next channel
            self._parts.append({source: array.copy() for source, array in part.items()} if n_channels > 1 else part)
        if call.channel + 1 < n_channels:
            return
        arrays = self._join(call)
        if not self._settings.is_ensemble:
            yield call.batch, tuple(arrays[out.source] for out in self._outputs)
            return
        self._sum(call, arrays)
        if call.member + 1 == len(self._members):
            yield call.batch, self._reduce()

    def _join(self, call: _Call) -> dict[Source, Array]:
        """Join channels, and check that the outputs are as those of the first batch."""
        parts, self._parts = self._parts, []
        arrays: dict[Source, Array] = {}
        for out in self._outputs:
            if out.source not in arrays:
                each = [part[out.source] for part in parts]
                array = each[0] if len(each) == 1 else np.concatenate(each, 1)
                _check(out, array, call)
                arrays[out.source] = np.ascontiguousarray(array)
        return arrays

    def _sum(self, call: _Call, arrays: dict[Source, Array]) -> None:
        symmetry = self._members[call.member][1]
        for source, array in arrays.items():
            if call.member == 0 and self._shapes.get(source) != array.shape:  # the first member is not turned
                self._ensembles[source] = _core.Ensemble(self._context, array.shape)
                self._shapes[source] = array.shape
            self._ensembles[source].add(array, symmetry)

    def _reduce(self) -> tuple[Array, ...]:
        spreads = {out.source for out in self._outputs if out.statistic == "std"}
        taken: dict[Source, Any] = {source: one.take(source in spreads) for source, one in self._ensembles.items()}
        return tuple(taken[out.source][out.statistic == "std"] for out in self._outputs)


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
