# SPDX-License-Identifier: BSD-3-Clause
"""A prediction that is planned: it is run, as a whole or in parts, and finished."""

from __future__ import annotations

import contextlib
import glob
import json
import operator
import os
import re
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _core
from ._errors import ArgumentError, NotFoundError
from ._open import _open_again
from ._predict_network import Settings
from ._predict_outputs import Planned, name_path
from ._predict_runner import Prediction, PredictionProgress, Runner, show_tiles
from ._predict_targets import Targets, check_memory, list_images
from ._tiles import Tiles, open_source
from ._writer_options import StorageOptions

if TYPE_CHECKING:
    from ._context import ContextLike
    from ._models import Model
    from ._open import Path
    from ._predict_network import Result
    from ._stack import ImageStack
    from ._tiles import Source

__all__ = ["Plan", "PlanStatus"]

_VERSION = 1
_KEPT = "plan"  # name of the text that is kept with the first image
_FAILED = "failed"  # of the errors of parts
_UNKNOWN = "unknown"


class PlanStatus(NamedTuple):
    """How far a `Plan` is."""

    finished: bool
    """All outputs are complete. Of NPY, which does not tell how it was made: the file exists."""
    n_done: int
    """Chunks or shards that are written, of outputs that are not finished."""
    n_units: int
    """Their number."""
    failed: dict[str, str]
    """What went wrong in parts that have not succeeded since, by ``"k of n"``; ``"all"`` is a run without parts."""


class Plan:
    """A prediction that is planned; made by `prepare`, for many processes or machines.

    `run` does a part of the work in each of them; `status` tells how far it is; `finish` completes the outputs. A plan
    pickles, with its image, and is kept with the unfinished output: `open` finds it there.
    """

    def __init__(
        self,
        tiles: Tiles,
        outputs: tuple[Planned, ...],
        settings: Settings,
        blend: str,
        path: str | None,
        options: StorageOptions,
        network: str | None,
        is_own_name: bool,
    ) -> None:
        self._tiles, self._outputs, self._settings = tiles, outputs, settings
        self._blend, self._path, self._options = blend, path, options
        self._network = network or f"{_UNKNOWN} {uuid.uuid4().hex}"
        self._is_own_name = is_own_name and network is not None  # the network's, not the caller's
        self._input = _describe(tiles.stack)
        self._known: dict[tuple[int, int], Result] = {}
        self.joins_samples = False

    joins_samples: bool
    """Samples along S are written along T, to one image, and not to a collection."""

    def __getstate__(self) -> dict[str, Any]:
        options = {name: value for name, value in self._options.items() if name != "context" or callable(value)}
        return {**self.__dict__, "_known": {}, "_options": options}

    @property
    def tiles(self) -> Tiles:
        """The tiles."""
        return self._tiles

    @property
    def is_named(self) -> bool:
        """The network has an identity: only it continues the outputs of the same call."""
        return not self._network.startswith(_UNKNOWN)

    @property
    def paths(self) -> dict[str, str]:
        """Path of each output, by name; the name of a single one may be ""."""
        if self._path is None:
            return {}
        several = len(self._outputs) > 1
        return {out.name: name_path(self._path, out.name) if several else self._path for out in self._outputs}

    def __repr__(self) -> str:
        return f"<microtome.Plan of {self._tiles!r} to {', '.join(self.paths.values()) or 'memory'}>"

    def _identity(self, out: Planned) -> str:
        """Name all that the pixels of an output depend on, a line for each fact."""
        tiles, settings, recipe = self._tiles, self._settings, self._recipe()
        sizes, shared = ("x".join(map(str, numbers)) for numbers in (tiles._tile, tiles._overlap))
        facts = {
            "tiles": f"{sizes} that share {shared}, aligned to {tiles.align}, padded with {recipe['pad']}",
            "blend": self._blend,
            "output": f"{out.of if out.key is None else out.key} {out.statistic}, times {out.scale}, plus {out.offset}",
            "batches": f"{tiles.batch_size} tiles, {settings.samples} samples, {settings.tta} symmetries, seed "
            f"{settings.seed}" + ", channels one by one" * settings.each_channel,
            "channels": "all" if recipe["channels"] is None else recipe["channels"],
            "normalization": recipe["normalize"] or "none",
            "input": "".join(self._input),
            "network": self._network,
        }
        return "\n".join(f"{name}: {fact}" for name, fact in facts.items())

    def _recipe(self) -> dict[str, Any]:
        """Return the arguments of the tiles."""
        options = self._tiles._options
        given = options.normalize
        if given is not None:
            pair = given if isinstance(given, tuple | list) else (given.subtract, given.divide)
            given = [np.asarray(values, np.float32).tolist() for values in pair]
        pad = "mean" if self._tiles._pad_after else "reflect" if options.padding == "reflect" else "zero"
        channels = None if options.channels is None else self._tiles.stack._find_channels(options.channels)
        return {
            "tile": self._tiles.tile,
            "overlap": self._tiles.overlap,
            "batch_size": self._tiles.batch_size,
            "normalize": given,
            "pad": pad,
            "align": self._tiles.align,
            "channels": channels,
            "missing": options.missing,
        }

    # -- work ------------------------------------------------------------------------

    def run(
        self,
        model: Any,
        part: tuple[int, int] | None = None,
        *,
        device: str | None = None,
        progress: PredictionProgress = False,
    ) -> Prediction:
        """Predict what is not written yet, or a part of it.

        Parameters
        ----------
        model : object
            The network, as for `predict`. It is the caller who makes sure that one without an identity is the planned
            one.
        part : (int, int), optional
            Only part k of n, from 0, of the chunks or shards. Parts of OME-Zarr may run at the same time, in any
            processes; one process at a time writes a TIFF or NPY file.
        device : str, optional
            As for `predict`.
        progress : bool or callable
            As for `predict`.

        Returns
        -------
        Prediction

        Raises
        ------
        ArgumentError
            The network has another identity than the planned one; also a ValueError.
        Exception
            What the network raises: `status` will tell. Another run continues.
        """
        from ._models import as_model  # noqa: PLC0415 # slow

        network = as_model(model, device=device)
        try:
            self._check_network(network)
            return self._run(network, part, progress)
        finally:
            network.close()

    def _check_network(self, network: Model) -> None:
        name = network.identity if self._is_own_name else None
        if name is not None and name != self._network:
            raise ArgumentError(f"this is another network than that of the plan: {name}, not {self._network}")

    def _check_begun(self) -> None:
        """Check that this machine sees the output that was begun."""
        path = next(iter(self.paths.values()))
        if "://" not in path:
            path = os.path.abspath(path)
        if not self.status().finished:
            _find_plan(path, self._options.get("context"))

    def _run(
        self,
        model: Model,
        part: tuple[int, int] | None,
        progress: PredictionProgress,
        finish: bool = False,
        resume: bool = True,
    ) -> Prediction:
        k, n = (0, 0) if part is None else map(operator.index, part)
        if part is not None and not 0 <= k < n:
            raise ArgumentError(f"part {k} of {n}: parts are counted from 0")
        suffix = "" if part is None else _suffix(k, n)
        targets = self._open_targets(not finish, resume)
        try:
            done = self._work(model, targets, progress, k, n, suffix)
            if _FAILED + suffix in targets.kept():
                targets.keep(_FAILED + suffix, None)
            targets.close(finish)
        except BaseException as error:
            with contextlib.suppress(Exception):  # the failure counts, not that it cannot be noted
                targets.keep(_FAILED + suffix, f"{type(error).__name__}: {error}".rstrip(": ").replace("\0", ""))
            targets.abandon(error, *self._tell_how_to_continue(finish))
            raise
        return done

    def _tell_how_to_continue(self, is_predict: bool) -> list[str]:
        """Say what continues after a failure, if that is not the same call."""
        if self.is_named or not is_predict:
            return []
        return [
            f"without identity=, the same call cannot continue it; Plan.open({self._path!r}) can, with run(network) and "
            "finish()"
        ]

    def _note_failure(self, part: tuple[int, int], text: str) -> None:
        """Keep the error of a part whose process did not live to do so."""
        name = _FAILED + _suffix(*part)
        targets = Targets(self)
        if name not in targets.kept():
            targets.keep(name, text)
        targets.close()

    def _work(
        self, model: Model, targets: Targets, progress: PredictionProgress, k: int, n: int, suffix: str
    ) -> Prediction:
        if not targets.stitched:
            return Prediction(0, len(self._tiles), 0.0, 0, self._tiles.batch_size, 0.0, 0.0, 0.0, 0, self.paths, {})
        stitcher = targets.stitch(self._blend, k, n)
        try:
            targets.tell_resumed(stitcher)
            runner = Runner(self, model, stitcher, targets, suffix)
            with show_tiles(progress) as tell:
                runner.run(tell)
            stitcher.flush()
            return runner.tell()
        finally:
            stitcher.close()

    def _open_targets(self, continues: bool = True, resume: bool = True) -> Targets:
        now = _describe(self._tiles.stack)
        if now[1] != self._input[1]:  # it may lie elsewhere
            raise ArgumentError(
                f"the image has changed since it was planned: {''.join(now)}, not {''.join(self._input)}"
            )
        check_memory(self)
        try:
            targets = Targets(self, continues)
        except ArgumentError as error:
            if "unfinished image of another input or call" in str(error) and not self.is_named:
                raise ArgumentError(
                    f"{error.path or self._path} is unfinished, and whether this network began it is not known: give "
                    "networks a name with identity=, from the first call on, continue with Plan.open, or remove the "
                    "unfinished output"
                ) from error
            raise
        if not resume and targets.resumed:
            targets.close()
            raise ArgumentError(f"{self._path} is unfinished: continue it with resume=True, or remove it")
        if _KEPT not in targets.kept():
            targets.keep(_KEPT, self._to_json())
        return targets

    def finish(self) -> None:
        """Complete the outputs, once all parts are done. To be called by one process.

        Raises
        ------
        ArgumentError
            Chunks or shards are missing; also a ValueError. The message names the parts that failed.
        """
        failed = self.status().failed
        targets = Targets(self)
        try:
            targets.close(finish=True)
        except BaseException as error:
            for part, text in failed.items():
                error.add_note(f"part {part} failed: {text}" if part != "all" else f"a run failed: {text}")
            targets.abandon(error, "run what is missing, and finish it then")
            raise

    def status(self) -> PlanStatus:
        """Tell how far the work is. Other processes may be at it.

        Returns
        -------
        PlanStatus
        """
        n_done = n_units = 0
        finished = True
        failed: dict[str, str] = {}
        for image in [image for out in self._outputs for image in list_images(self, out)]:
            try:
                writer = _core.Writer.look(image.path, image.options.get("format"), self._options.get("context"))
            except NotFoundError:
                if not image.is_finished() and not image.is_npy():
                    finished = False
                    n_units += image.plan().progress()[0]
                continue
            finished = False
            done = writer.progress()
            n_units, n_done = n_units + done[0], n_done + done[1]
            failed.update((_part(name), text) for name, text in writer.kept().items() if name.startswith(_FAILED))
            writer.close()
        return PlanStatus(finished, n_done, n_units, failed)

    # -- storing ---------------------------------------------------------------------

    def _to_json(self) -> str:
        function, arguments = self._tiles.stack._recipe
        options = {name: value for name, value in self._options.items() if name != "context"}
        members = {
            "version": _VERSION,
            "input": self._input,
            "source": arguments[:2] if function is _open_again else None,
            "tiles": self._recipe(),
            "outputs": self._outputs,
            "settings": self._settings,
            "blend": self._blend,
            "options": options,
            "network": self._network,
            "is_own_name": self._is_own_name,
            "joins_samples": self.joins_samples,
        }
        return json.dumps(members, default=_plain)

    @classmethod
    def open(cls, output: Path, source: Source | None = None, *, context: ContextLike | None = None) -> Plan:
        """Open the plan that is kept with an unfinished output.

        Parameters
        ----------
        output : path-like
            The output; of several, the first one, or the path from which their paths were derived.
        source : path-like or ImageStack, optional
            The image. Default: opened as it was for the plan.
        context : Context, optional
            Threads, cache and limits.

        Returns
        -------
        Plan

        Raises
        ------
        NotFoundError
            There is no unfinished output of a plan.
        ArgumentError
            The image is not a file, and was not given; also a ValueError.
        """
        path, text = _find_plan(os.fsdecode(output), context)
        members = json.loads(text)
        if members["version"] != _VERSION:
            raise ArgumentError(f"{path}: the plan was made by another version of microtome")
        recipe = members["tiles"]
        n = len(recipe["tile"])
        if members["source"] is None and source is None:
            raise ArgumentError(f"{path}: the plan is for an image that is not a file: give it as source=")
        stack = _reopen(members["source"], context) if source is None else open_source(source, context)
        recipe["normalize"] = recipe["normalize"] and tuple(recipe["normalize"])
        recipe["overlap"] = recipe["overlap"] if any(recipe["overlap"]) else (0,) * n
        tiles = Tiles(stack, **recipe, context=context)
        outputs = tuple(Planned(*row) for row in members["outputs"])
        names = [out.name for out in outputs]
        plan = cls(
            tiles,
            outputs,
            Settings(*members["settings"]),
            members["blend"],
            _pattern(path, names) if len(names) > 1 else path,
            {**members["options"], **({"context": context} if context else {})},
            members["network"],
            members["is_own_name"],
        )
        plan._input = tuple(members["input"])
        plan.joins_samples = members["joins_samples"]
        return plan


def _describe(stack: ImageStack) -> tuple[str, str]:
    """Return the source of an image, and what identifies its pixels."""
    filled = f", {stack.n_missing} missing files or frames filled" if stack.n_missing else ""
    return stack.source, stack._identity().removeprefix(stack.source) + filled


def _plain(value: Any) -> Any:
    """Convert what JSON does not know."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return (
        value.item()
        if isinstance(value, np.generic)
        else value.tolist()
        if isinstance(value, np.ndarray)
        else str(value)
    )


def _suffix(k: int, n: int) -> str:
    return f"-{k}-of-{n}"


def _part(name: str) -> str:
    match = re.fullmatch(rf"{_FAILED}-(\d+)-of-(\d+)", name)
    return f"{match[1]} of {match[2]}" if match else "all"


def _reopen(recipe: tuple[str, dict[str, Any]], context: ContextLike | None) -> ImageStack:
    path, options = recipe
    raw = options.get("raw")
    made = {**options, "raw": raw and (raw[0], tuple(raw[1]), *raw[2:])}
    return _open_again(path, made, context)


def _find_plan(path: str, context: ContextLike | None) -> tuple[str, str]:
    """Return the path at which a plan is kept, and the plan: that of this path, or one whose outputs are named after it."""
    path = path.rstrip("/")
    if text := _look_for_plan(path, context):
        return path, text
    first, _, last = name_path(path, "*").rpartition("*")
    pattern = f"{glob.escape(first)}*{glob.escape(last)}"
    candidates = sorted(glob.glob(pattern)) + sorted(glob.glob(f"{pattern}.partial"))
    for candidate in (name.removesuffix(".partial") for name in candidates):
        text = _look_for_plan(candidate, context)
        if text and path in _list_patterns(candidate, [row[0] for row in json.loads(text)["outputs"]]):
            return candidate, text
    raise NotFoundError(f"{path}: there is no unfinished output of a plan")


def _look_for_plan(path: str, context: ContextLike | None) -> str | None:
    """Return the plan that is kept with an image, or with the first one of a collection that is not finished."""
    for image, format in ((path, None), *_list_members(path, context)):
        with contextlib.suppress(NotFoundError, ArgumentError):
            writer = _core.Writer.look(image, format, context)
            text = writer.kept().get(_KEPT)
            writer.close()
            if text is not None:
                return text
    return None


def _list_members(path: str, context: ContextLike | None) -> list[tuple[str, str]]:
    """List the images of a collection, and their format."""
    if os.path.isfile(path):
        return []
    try:
        n, _ = _core.collection_look(path, context)
    except (NotFoundError, ArgumentError):
        return []
    return [(f"{path}/{i}", "zarr") for i in range(n)]


def _list_patterns(path: str, names: list[str]) -> list[str]:
    """List the paths from which that of one of several outputs may have been derived."""
    splits = [path.rpartition(f"_{name}") for name in names] if len(names) > 1 else []
    stems = [(stem + suffix, name) for (stem, mark, suffix), name in zip(splits, names, strict=False) if mark]
    return [stem for stem, name in stems if name_path(stem, name) == path]


def _pattern(path: str, names: list[str]) -> str:
    """Return the path from which that of an output was derived."""
    for stem in _list_patterns(path, names):
        return stem
    raise ArgumentError(f"{path}: the output of a plan was renamed: it is one of {', '.join(names)}")
