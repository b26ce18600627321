# SPDX-License-Identifier: BSD-3-Clause
"""Moves the tiles of a plan through the network to the stitcher."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from ._errors import warn_caller
from ._predict_network import BatchFailure, run_network
from ._progress import show_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from . import _core
    from ._models import Model
    from ._predict_plan import Plan
    from ._predict_targets import Targets
    from ._tiles import TileBatch

__all__ = ["Prediction", "PredictionProgress", "Runner", "show_tiles"]

PredictionProgress: TypeAlias = "bool | Callable[[int, int, float], object]"

_PERIOD = 1.0  # seconds between two calls of a progress function


class Prediction(NamedTuple):
    """What `predict`, or `Plan.run`, has done."""

    tiles: int
    """Tiles that the network saw."""
    skipped: int
    """Tiles that were not needed: their pixels were written before, or belong to other parts."""
    seconds: float
    """Duration."""
    nan: int
    """Values of the outputs that are NaN."""
    batch_size: int
    """Tiles in a batch, at the end: it is halved once if the network runs out of memory."""
    waited: float
    """Seconds of waiting for batches."""
    computed: float
    """Seconds in the network."""
    stitched: float
    """Seconds of stitching, and of waiting for what is written."""
    memory: int
    """The least bytes that suffice for the pixels that wait until their chunk or shard is complete."""
    paths: dict[str, str]
    """Path of each output that is written, by name; the name of a single one may be ""."""
    arrays: dict[str, NDArray[Any]]
    """Each output that is not written, likewise. Axes are those of an image that would be written, after S if the input
    has it."""

    @property
    def array(self) -> NDArray[Any]:
        """The only output in memory."""
        if len(self.arrays) != 1:
            raise ValueError(f"there are {len(self.arrays)} outputs in memory: {', '.join(self.arrays) or 'none'}")
        return next(iter(self.arrays.values()))

    def report(self) -> str:
        """Say what was done, in a line."""
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        nan = f", {self.nan} values are NaN" if self.nan else ""
        return (
            f"{self.tiles} tiles in {self.seconds:.1f} s{skipped}, in batches of {self.batch_size}; "
            f"{self.waited:.1f} s waiting for batches, {self.computed:.1f} s in the network, "
            f"{self.stitched:.1f} s stitching{nan}"
        )


class Runner:
    """The work on a plan, or on a part of it."""

    def __init__(self, plan: Plan, model: Model, stitcher: _core.Stitcher, targets: Targets, part: str) -> None:
        self._plan, self._model, self._stitcher, self._targets = plan, model, stitcher, targets
        self._record = f"batch{part}"
        self._known, plan._known = plan._known, {}
        self._size = plan.tiles.batch_size
        self._clock = {"waited": 0.0, "computed": 0.0, "stitched": 0.0}
        self._start = time.monotonic()
        self._next = 0  # no tile before this one waits

    def run(self, tell: Callable[[int, int], object]) -> None:
        """Run all batches that are needed.

        From the tile on at which the network was out of memory, in this run or an earlier one, batches are smaller.
        """
        needed = self._stitcher.report()[1]
        n_tiles = len(self._plan.tiles)
        first, size = self._kept() or (n_tiles, self._size)
        tell(0, needed)
        if first > 0 and not self._run_with(self._size, 0, first, tell, needed):
            self._model.free_memory()
            first, size = self._halve()
        if first < n_tiles:
            self._size = size
            self._run_with(size, first, n_tiles, tell, needed)

    def _kept(self) -> tuple[int, int] | None:
        text = self._targets.kept().get(self._record)
        if text is None:
            return None
        first, size = json.loads(text)
        return int(first), int(size)

    def _halve(self) -> tuple[int, int]:
        """Make batches smaller, by their least divisor, and keep that: a network may give other bits in other batches."""
        first, size = self._next, _next_divisor(self._size)
        self._targets.keep(self._record, json.dumps([first, size]))
        warn_caller(
            f"{self._plan.tiles.stack.source}: the network ran out of memory with batches of {self._size} tiles: from "
            f"tile {first} on, they have {size}"
        )
        return first, size

    def _run_with(self, size: int, first: int, end: int, tell: Callable[[int, int], object], needed: int) -> bool:
        """Run batches of a size, of the tiles first to end - 1. False if the network is out of memory for the first time."""
        plan = self._plan
        n = -(-len(plan.tiles) // size)

        def find(batch: int) -> int:
            found = self._stitcher.next(size, max(batch, first // size))
            return found if found * size < end else n

        batches = plan.tiles._read(size, find, self._model.allocate)
        values = run_network(
            self._model, self._timed(batches), plan._outputs, plan._settings, plan._options.get("context"), self._known
        )
        outputs = self._targets.stitched
        self._next = first
        begin = time.monotonic()
        failed: BatchFailure | None = None
        try:
            for batch, arrays in values:
                begin = self._count("computed", begin)
                self._stitcher.put(batch.first, tuple(arrays[i] for i in outputs))
                self._next = batch.first + len(batch)
                begin = self._count("stitched", begin)
                tell(self._stitcher.report()[2], needed)
        except BatchFailure as failure:
            failed = failure
        finally:
            batches.close()
        return failed is None or self._raise_unless_too_large(failed, size)

    def _raise_unless_too_large(self, failed: BatchFailure, size: int) -> Literal[False]:
        """Raise why the network failed, unless smaller batches may pass."""
        cause = failed.__cause__
        assert cause is not None
        failed.__traceback__ = None  # its frames keep arrays of the device
        self._next = failed.first
        if self._model.is_out_of_memory(cause) and size == self._plan.tiles.batch_size > 1:
            cause.__traceback__ = None
            return False
        n_tiles = len(self._plan.tiles)
        cause.add_note(f"This was for tiles {failed.first} to {failed.first + failed.n - 1} of {n_tiles}.")
        raise cause

    def _timed(self, batches: Iterator[TileBatch]) -> Iterator[TileBatch]:
        """Measure the wait for each batch, which is not work of the network."""
        while True:
            begin = time.monotonic()
            batch = next(batches, None)
            took = time.monotonic() - begin
            self._clock["waited"] += took
            self._clock["computed"] -= took
            if batch is None:
                return
            yield batch

    def _count(self, what: str, begin: float) -> float:
        now = time.monotonic()
        self._clock[what] += now - begin
        return now

    def tell(self) -> Prediction:
        """Describe what was done, and warn of values that were lost."""
        plan = self._plan
        n_tiles, _, n_put, n_nan, least, _, n_clipped, *_ = self._stitcher.report()
        is_told = not self._targets.tells_values or any(np.dtype(out.dtype).kind == "f" for out in plan._outputs)
        texts = [f"{n_nan} values of the prediction are NaN"] * (n_nan > 0 and is_told)
        texts += [f"{n_clipped} values were clipped to the range of their type"] * (n_clipped > 0)
        if texts:
            warn_caller(f"{plan.tiles.stack.source}: {' and '.join(texts)}")
        return Prediction(
            tiles=n_put,
            skipped=n_tiles - n_put,
            seconds=time.monotonic() - self._start,
            nan=n_nan,
            batch_size=self._size,
            memory=least,
            paths=plan.paths,
            arrays=self._targets.results(),
            **{name: max(0.0, seconds) for name, seconds in self._clock.items()},
        )


def _next_divisor(size: int) -> int:
    """Return the largest divisor that is less."""
    return next(size // k for k in range(2, size + 1) if size % k == 0)


@contextmanager
def show_tiles(progress: PredictionProgress, unit: str = "tiles") -> Iterator[Callable[[int, int], object]]:
    """Give the function that a run reports tiles, or other units, to; it passes on at most one report a second, and the last one."""
    start = time.monotonic()
    last = start - _PERIOD

    def is_due(done: int, total: int) -> bool:
        nonlocal last
        now = time.monotonic()
        if now - last < _PERIOD and done < total:
            return False
        last = now
        return True

    def call(done: int, total: int) -> None:
        if callable(progress) and is_due(done, total):
            left = (time.monotonic() - start) / done * (total - done) if done else float("inf")
            progress(done, total, left)

    if callable(progress):
        yield call
        return
    with show_progress(progress, "predict", unit) as shown:
        yield lambda done, total: shown(done, total) if shown and is_due(done, total) else None
