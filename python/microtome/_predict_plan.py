# SPDX-License-Identifier: BSD-3-Clause
"""A prediction that is planned: it is run, as a whole or in parts, and finished."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import numpy as np

from . import _core
from ._errors import ArgumentError, warn_caller
from ._predict_network import BatchFailure, Settings, run_network
from ._predict_outputs import Planned, name_path
from ._progress import show_progress
from ._writer import Writer, start_writer
from ._writer_options import StorageOptions, WriterOptions, parse_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._models import Model
    from ._tiles import TileBatch, Tiles

__all__ = ["Plan", "Prediction", "PredictionProgress"]

PredictionProgress: TypeAlias = "bool | Callable[[int, int, float], object]"

_PERIOD = 1.0  # seconds between two calls of a progress function


class Prediction(NamedTuple):
    """What `predict`, or a part of it, has done."""

    tiles: int
    """Tiles that the network saw."""
    skipped: int
    """Tiles that were not needed: their pixels were written before, or belong to other parts."""
    seconds: float
    """Duration."""
    nan: int
    """Values of the outputs that are NaN."""
    batch_size: int
    """Tiles in a batch, at the end: it is halved if the network runs out of memory."""
    waited: float
    """Seconds of waiting for batches."""
    computed: float
    """Seconds in the network."""
    stitched: float
    """Seconds in stitching, and in waiting for what is written."""
    memory: int
    """The least bytes that suffice for pixels that wait until their chunk or shard is complete."""
    paths: dict[str, str]
    """Path of each output that was written, by name; the name of a single one is ""."""
    arrays: dict[str, NDArray[Any]]
    """Each output that was not written, likewise, with the axes of an image: T, C, Z, Y, X, and before them S."""

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


class Plan:
    """A prediction that is planned; made by `prepare`.

    Pickles, with its image. `run` does the work, or a part of it in each of several processes or machines; `status`
    tells how far it is; `finish` completes the outputs.
    """

    def __init__(
        self,
        tiles: Tiles,
        outputs: tuple[Planned, ...],
        settings: Settings,
        blend: str,
        path: str | None,
        options: StorageOptions,
        network: str,
    ) -> None:
        self._tiles, self._outputs, self._settings = tiles, outputs, settings
        self._blend, self._path, self._network = blend, path, network
        self._options = options
        self._known: dict[tuple[int, int], list[NDArray[Any]]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_known": {}}

    # -- properties ------------------------------------------------------------------

    @property
    def tiles(self) -> Tiles:
        """The tiles."""
        return self._tiles

    @property
    def paths(self) -> dict[str, str]:
        """Path of each output, by name; the name of a single one is ""."""
        if self._path is None:
            return {}
        several = len(self._outputs) > 1
        return {out.name: name_path(self._path, out.name) if several else self._path for out in self._outputs}

    def __repr__(self) -> str:
        return f"<microtome.Plan of {self._tiles!r} to {', '.join(self.paths.values()) or 'memory'}>"

    # -- outputs ---------------------------------------------------------------------

    def _axes(self, out: Planned) -> str:
        """Return the axes of an image of an output, without S."""
        stack = self._tiles.stack
        t = "T" in stack.original_axes and stack._axes != "SCTYX"
        c = "C" in stack.original_axes or out.channels > 1
        return "T" * t + "C" * c + "Z" * (stack.ndim == 5) + "YX"

    def _shape(self, out: Planned, axes: str) -> tuple[int, ...]:
        stack = self._tiles.stack
        samples, _, *sizes = stack.data_shape
        scaled = [-(-size // out.down) * out.up for size in sizes]
        if self._tiles.is_planar:
            scaled[0] = sizes[0]
        lengths = {"T": samples, "C": out.channels, **dict(zip("ZYX"[-len(sizes) :], scaled, strict=True))}
        return tuple(lengths[axis] for axis in axes)

    def _writer_options(self, out: Planned) -> WriterOptions:
        stack, axes = self._tiles.stack, self._axes(out)
        made: dict[str, Any] = {"like": stack, "axes": axes, "shape": self._shape(out, axes), "dtype": out.dtype}
        if out.descriptions is not None:
            made["channels"] = out.descriptions
        if out.up * out.down > 1:
            spatial = "YX" if self._tiles.is_planar else "ZYX"
            sizes = {axis: size for axis, size in stack.pixel_size.items() if axis in axes}
            made["pixel_size"] = {
                axis: size * out.down / out.up if axis in spatial else size for axis, size in sizes.items()
            }
        if stack.n_missing:
            made["note"] = f"Files or frames of the input that were missing and have the fill value: {stack.n_missing}"
        made["identity"] = self._identity(out)
        return cast("WriterOptions", {**made, **self._options})

    def _identity(self, out: Planned) -> str:
        """Name all that the pixels depend on, what changes most often last."""
        tiles, settings = self._tiles, self._settings
        options = tiles._options
        normalization = "none"
        if options.normalize is not None:
            subtract, divide = (getattr(options.normalize, name, None) for name in ("subtract", "divide"))
            pair = options.normalize if subtract is None else (subtract, divide)
            normalization = " / ".join(str(np.asarray(values).tolist()) for values in pair)
        pad = "mean" if tiles._pad_after else "reflect" if options.padding == "reflect" else "zero"
        filled = f", {tiles.stack.n_missing} missing files or frames filled" if tiles.stack.n_missing else ""
        facts = {
            "tiles": f"{tiles._tile} that share {tiles._overlap}, aligned to {tiles.align}, padded with {pad}",
            "blend": self._blend,
            "output": f"{out.of} {out.statistic} {out.scale} {out.offset}",
            "batches": f"{tiles.batch_size}, {settings.samples} samples, {settings.tta} symmetries, seed {settings.seed}"
            + ", channels one by one" * settings.each_channel,
            "channels": "all" if options.channels is None else str(tiles.stack._find_channels(options.channels)),
            "normalization": normalization,
            "input": tiles.stack._identity() + filled,
            "network": self._network,
        }
        return "\n".join(f"{name}: {fact}" for name, fact in facts.items())

    # -- work ------------------------------------------------------------------------

    def _run(
        self, model: Model, part: tuple[int, int] | None, progress: PredictionProgress, finish: bool
    ) -> Prediction:
        k, n = (0, 0) if part is None else map(operator.index, part)
        if part is not None and not 0 <= k < n:
            raise ArgumentError(f"part {k} of {n}: parts are counted from 0")
        targets = _Targets(self)
        try:
            stitcher = targets.stitch(self._blend, k, n, parse_bytes(self._options.get("memory")))
            runner = _Runner(self, model, stitcher)
            try:
                with show_tiles(progress) as tell:
                    runner.run(tell)
                stitcher.flush()
                done = runner.tell(targets)
            finally:
                stitcher.close()
            targets.close(finish)
        except BaseException as error:
            targets.abandon(error)
            raise
        return done

    def finish(self) -> None:
        """Complete the outputs, once all parts are done.

        Raises
        ------
        ArgumentError
            Chunks or shards are missing; also a ValueError.
        """
        targets = _Targets(self)
        try:
            targets.close(finish=True)
        except BaseException as error:
            targets.abandon(error)
            raise


class _Targets:
    """The writers or arrays of all outputs, while they are written."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.arrays: dict[str, NDArray[Any]] = {}
        self.writers: list[Writer] = []
        if plan._path is None:
            for out in plan._outputs:
                samples, channels = plan._tiles.n_samples, out.channels
                shape = (samples, channels, *plan._shape(out, "ZYX" if plan._tiles.stack.ndim == 5 else "YX"))
                self.arrays[out.name] = np.zeros(shape, out.dtype)
        try:
            for out, path in zip(plan._outputs, plan.paths.values(), strict=False):
                self.writers.append(start_writer(path, plan._writer_options(out)))
        except BaseException:
            self.close()
            raise

    def close(self, finish: bool = False) -> None:
        """Close the writers, after finishing the images."""
        for writer in self.writers:
            if finish:
                writer.finish(all_required=True)
            writer.close()

    def abandon(self, error: BaseException) -> None:
        """Close the writers after a failure, and let it tell how to continue."""
        for writer in self.writers:
            writer._abandon(error)

    def stitch(self, blend: str, k: int, n: int, memory: int) -> _core.Stitcher:
        plan = self._plan
        places: list[Any] = [(writer._core,) for writer in self.writers] or list(self.arrays.values())
        rows = zip(plan._outputs, places, strict=True)
        outputs = tuple((place, out.channels, out.up, out.down, *out.factors()) for out, place in rows)
        return _core.Stitcher(plan._tiles._tiling, outputs, blend, k, n, memory)

    def results(self) -> dict[str, NDArray[Any]]:
        """Return the arrays with the axes of the image."""
        stack = self._plan._tiles.stack
        lengths = dict(zip(stack.original_axes, stack.original_data_shape, strict=True))
        found = {}
        for out in self._plan._outputs if self.arrays else ():
            axes = self._plan._axes(out)
            shape = list(self._plan._shape(out, axes))
            if "T" in axes:
                shape[0] = lengths["T"]
            if "S" in stack.original_axes:
                shape.insert(0, stack.data_shape[0] // (lengths["T"] if "T" in axes else 1))
            found[out.name] = self.arrays[out.name].reshape(shape)
        return found


class _Runner:
    """Moves the tiles through the network."""

    def __init__(self, plan: Plan, model: Model, stitcher: _core.Stitcher) -> None:
        self._plan, self._model, self._stitcher = plan, model, stitcher
        self._size = plan._tiles.batch_size
        self._clock = {"waited": 0.0, "computed": 0.0, "stitched": 0.0}
        self._start = time.monotonic()

    def run(self, tell: Callable[[int, int], object]) -> None:
        """Run all batches that are needed."""
        needed = self._stitcher.report()[1]
        tell(0, needed)
        while not self._run_with(self._size, tell, needed):
            pass

    def _run_with(self, size: int, tell: Callable[[int, int], object], needed: int) -> bool:
        """Run batches of a size until the end, or until the network is out of memory."""
        plan = self._plan
        found = plan._tiles._read(size, lambda batch: self._stitcher.next(size, batch), self._model.allocate)
        batches = self._timed(found)
        done = run_network(
            self._model, batches, plan._outputs, plan._settings, plan._options.get("context"), plan._known
        )
        begin = time.monotonic()
        try:
            for batch, arrays in done:
                begin = self._count("computed", begin)
                self._stitcher.put(batch.first, arrays)
                begin = self._count("stitched", begin)
                tell(self._stitcher.report()[2], needed)
        except BatchFailure as failure:
            cause = failure.__cause__
            assert cause is not None
            cause.add_note(
                f"This was for tiles {failure.first} to {failure.first + failure.n - 1} of {len(plan.tiles)}."
            )
            raise cause from None
        finally:
            found.close()
        return True

    def _timed(self, batches: Iterator[TileBatch]) -> Iterator[TileBatch]:
        """Measure the wait for each batch, which is no work of the network."""
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

    def tell(self, targets: _Targets) -> Prediction:
        """Describe what was done, and warn of NaN."""
        plan = self._plan
        n_tiles, _, n_put, n_nan, least, _ = self._stitcher.report()
        if n_nan and any(np.dtype(out.dtype).kind == "f" for out in plan._outputs):
            warn_caller(f"{plan._tiles.stack.source}: {n_nan} values of the prediction are NaN")
        return Prediction(
            tiles=n_put,
            skipped=n_tiles - n_put,
            seconds=time.monotonic() - self._start,
            nan=n_nan,
            batch_size=self._size,
            memory=least,
            paths=plan.paths,
            arrays=targets.results(),
            **self._clock,
        )


@contextmanager
def show_tiles(progress: PredictionProgress) -> Iterator[Callable[[int, int], object]]:
    """Give the function that a run reports tiles to; it passes on at most one report a second, and the last one."""
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
    with show_progress(progress, "predict", "tiles") as shown:
        yield lambda done, total: shown(done, total) if shown and is_due(done, total) else None
