# SPDX-License-Identifier: BSD-3-Clause
"""Where the outputs of a plan go: images that are written, or arrays."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from . import _core
from ._convert_labels import is_zarr as is_written_as_zarr
from ._errors import ArgumentError, NotFoundError, warn_caller
from ._predict_outputs import Planned
from ._writer import Writer, start_writer
from ._writer_options import WriterOptions, durability_number, note_missing, parse_bytes, to_core

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._predict_plan import Plan

__all__ = ["Image", "Targets", "check_memory", "is_zarr", "list_images"]

_MANY_PLANES = 64  # from which on the writer makes cubic chunks
_FINISHING = "finishing"  # name of the text that is kept once all images are complete


class Image(NamedTuple):
    """An image to write."""

    path: str
    options: WriterOptions

    def is_finished(self) -> bool:
        """Tell whether the same call has finished it."""
        try:
            return bool(_core.is_finished(to_core(self.path, self.options)))
        except NotFoundError:  # of the folder that it would be in, such as that of a collection
            return False

    def plan(self) -> _core.Writer:
        """Describe the image that would be created."""
        return _core.Writer.plan(*to_core(self.path, self.options))

    def is_npy(self) -> bool:
        """Tell whether it is a file of NPY that is complete, by whatever call."""
        if self.options.get("format", "npy") != "npy" or not self.path.endswith(".npy"):
            return False
        return os.path.isfile(self.path) and not os.path.exists(f"{self.path}.partial")


def list_images(plan: Plan, out: Planned) -> list[Image]:
    """List the images of an output: one, or a collection of one for each sample."""
    path, options = plan.paths[out.name], _writer_options(plan, out)
    if not _is_collection(plan):
        return [Image(path, options)]
    if not is_zarr(plan, path):
        raise ArgumentError(
            f"{plan.tiles.stack.source} has {plan.tiles.n_samples} samples along S and T, and only OME-Zarr holds several "
            f"images, not {path}"
        )
    options["format"] = "zarr"  # their names have no suffix
    return [Image(f"{path.rstrip('/')}/{i}", options) for i in range(plan.tiles.n_samples)]


def _has_samples(plan: Plan) -> bool:
    stack = plan.tiles.stack
    return "S" in stack.original_axes and stack.data_shape[0] > 1


def _is_collection(plan: Plan) -> bool:
    return _has_samples(plan) and not plan.joins_samples


def is_zarr(plan: Plan, path: str) -> bool:
    """Tell whether an output is written as OME-Zarr."""
    return is_written_as_zarr(path, plan._options.get("format"))


def _axes(plan: Plan, out: Planned) -> str:
    """Return the axes of an image of an output."""
    stack = plan.tiles.stack
    t = "T" in stack.original_axes and stack._axes != "SCTYX"
    t = t or (_has_samples(plan) and plan.joins_samples)
    c = "C" in stack.original_axes or out.channels > 1
    return "T" * t + "C" * c + "Z" * (stack.ndim == 5) + "YX"


def _lengths(plan: Plan, out: Planned) -> dict[str, int]:
    """Return the size along each axis, of all samples along T."""
    samples, _, *sizes = plan.tiles.stack.data_shape
    scaled = [-(-size // out.down) * out.up for size in sizes]
    if plan.tiles.is_planar:
        scaled[0] = sizes[0]
    return {"T": samples, "C": out.channels, **dict(zip("ZYX"[-len(sizes) :], scaled, strict=True))}


def _writer_options(plan: Plan, out: Planned) -> WriterOptions:
    stack, lengths, axes = plan.tiles.stack, _lengths(plan, out), _axes(plan, out)
    if _is_collection(plan):
        axes = axes.replace("T", "")
    options: dict[str, Any] = {**plan._options}
    made: dict[str, Any] = {
        "like": stack,
        "axes": axes,
        "shape": tuple(lengths[axis] for axis in axes),
        "dtype": out.dtype,
        "identity": plan._identity(out),
    }
    if out.descriptions is not None:
        made["channels"] = out.descriptions
    if out.up * out.down > 1 and not options.get("pixel_size"):
        spatial = "YX" if plan.tiles.is_planar else "ZYX"
        sizes = {axis: size for axis, size in stack.pixel_size.items() if axis in axes}
        made["pixel_size"] = {
            axis: size * out.down / out.up if axis in spatial else size for axis, size in sizes.items()
        }
    if note := note_missing([stack], "predicted", options.get("note")):
        made["note"] = note
    if plan.tiles.is_planar and lengths["Z"] >= _MANY_PLANES and options.get("chunks") is None:
        if is_zarr(plan, plan.paths[out.name]):  # planes are complete one by one
            made["chunks"] = {"Z": 1, "Y": min(256, lengths["Y"]), "X": min(256, lengths["X"])}
    return cast("WriterOptions", {**options, **made})


def check_memory(plan: Plan) -> None:
    """Refuse less memory than must wait, before anything is created."""
    images = [list_images(plan, out) for out in plan._outputs] if plan.paths and _memory(plan) else []
    if not images or images[0][0].is_finished():
        return
    outputs = [
        (_plan_whole(plan, out, group[0]), _is_collection(plan), out.channels, out.up, out.down, *out.factors())
        for out, group in zip(plan._outputs, images, strict=True)
    ]
    _core.Stitcher(plan.tiles._tiling, tuple(outputs), plan._blend, 0, 0, _memory(plan)).close()


def _plan_whole(plan: Plan, out: Planned, image: Image) -> _core.Writer:
    """Describe an image of an output. Of a collection, it stands for all: its path is that of the collection."""
    return Image(plan.paths[out.name], image.options).plan()


def _refuse_incomplete(writer: Writer) -> None:
    if writer.progress.n_done < writer.progress.n_units:
        writer.finish(all_required=True)  # which refuses


def _memory(plan: Plan) -> int:
    return parse_bytes(plan._options.get("memory"))


class Targets:
    """The writers or arrays of all outputs, while they are written.

    Of a collection, the stitcher opens the images, one after another. Texts are kept with the first image, which is
    finished last: until then, a plan is found. continues: the caller knows that outputs have been begun.
    """

    def __init__(self, plan: Plan, continues: bool = True) -> None:
        self._plan, self._continues = plan, continues
        self._writers: dict[int, Writer] = {}  # of outputs that are one image, if it is not finished
        self._samples: dict[int, _core.Writer] = {}  # the plan of each image of a collection that is not finished
        self._keeper: Writer | None = None  # of the first image that is not finished
        self._arrays: list[NDArray[Any]] = []
        if plan._path is None:
            axes = "ZYX" if plan.tiles.stack.ndim == 5 else "YX"
            for out in plan._outputs:
                lengths = _lengths(plan, out)
                shape = (plan.tiles.n_samples, out.channels, *(lengths[axis] for axis in axes))
                self._arrays.append(np.empty(shape, out.dtype))  # each pixel is written
            return
        try:
            for i, out in enumerate(plan._outputs):
                self._open(i, out)
        except BaseException as error:
            self.abandon(error)
            raise

    def _open(self, i: int, out: Planned) -> None:
        """Create or continue an output."""
        images = list_images(self._plan, out)
        if _is_collection(self._plan):
            self._collect(_core.collection_begin, out)
            first = next((image for image in images if not image.is_finished()), None)
            if first is not None:
                self._samples[i] = _plan_whole(self._plan, out, first)
                self._keeper = self._keeper or Writer(_core.Writer(*to_core(*first)), first.path)
        elif not self._is_finished(images[0]):
            self._writers[i] = start_writer(images[0].path, images[0].options, self._continues)
            self._keeper = self._keeper or self._writers[i]

    def _is_finished(self, image: Image) -> bool:
        """Tell whether this plan has finished an image. NPY does not tell; the first image does that is not finished."""
        return image.is_finished() or (image.is_npy() and _FINISHING in self.kept())

    def _collect(self, function: Any, out: Planned) -> None:
        options = self._plan._options
        durability = durability_number(options.get("durability"))
        path = self._plan.paths[out.name]
        function(path, self._plan.tiles.n_samples, options.get("ome"), durability, options.get("context"))

    @property
    def stitched(self) -> list[int]:
        """Outputs that tiles go to."""
        return sorted({*range(len(self._arrays)), *self._writers, *self._samples})

    @property
    def tells_values(self) -> bool:
        """Writers tell of values that were lost."""
        return bool(self._writers)

    @property
    def resumed(self) -> bool:
        """Something was written by earlier calls."""
        if not self._samples:
            return any(writer.resumed for writer in self._writers.values())
        return self._survey()[8] > 0

    def _survey(self) -> tuple[int, ...]:
        """Return what a stitcher reports that nothing is put to: it needs no memory."""
        stitcher = self._stitch("crop", 0, 0, 0)
        report = stitcher.report()
        stitcher.close()
        return report

    def tell_resumed(self, stitcher: _core.Stitcher) -> None:
        """Warn if collections are continued, unless the caller is known to do so; other writers have warned."""
        *_, n_units, n_resumed, n_lost = stitcher.report()
        texts = [f"continues unfinished images: {n_resumed} of {n_units} chunks or shards are done"] * (
            n_resumed > 0 and not self._continues
        )
        texts += [f"{n_lost} were recorded and are missing or damaged: they are written again"] * (n_lost > 0)
        if texts and self._samples:
            warn_caller(f"{self._plan._path}: {'; '.join(texts)}")

    def stitch(self, blend: str, k: int, n: int) -> _core.Stitcher:
        """Make the stitcher of what is to be done."""
        return self._stitch(blend, k, n, _memory(self._plan))

    def _stitch(self, blend: str, k: int, n: int, memory: int) -> _core.Stitcher:
        plan, outputs = self._plan, []
        places: dict[int, Any] = {
            **dict(enumerate(self._arrays)),
            **{i: w._core for i, w in self._writers.items()},
            **self._samples,
        }
        for i in self.stitched:
            out = plan._outputs[i]
            outputs.append((places[i], i in self._samples, out.channels, out.up, out.down, *out.factors()))
        return _core.Stitcher(plan.tiles._tiling, tuple(outputs), blend, k, n, memory)

    def kept(self) -> dict[str, str]:
        """Return the texts that are kept with the outputs."""
        return self._keeper._core.kept() if self._keeper else {}

    def keep(self, name: str, text: str | None) -> None:
        """Keep a text with the outputs, until they are finished."""
        if self._keeper:
            self._keeper._core.keep(name, text)

    def close(self, finish: bool = False) -> None:
        """Close the writers; before that, finish the images."""
        if finish and not self._arrays:
            self._check_complete()
            self.keep(_FINISHING, "")
            for i, out in reversed(list(enumerate(self._plan._outputs))):  # the first one keeps what is known of all
                self._finish(i, out)
        for writer in self._open_writers():
            writer.close()

    def _open_writers(self) -> list[Writer]:
        writers = list(self._writers.values())
        return writers if self._keeper is None or self._keeper in writers else [*writers, self._keeper]

    def _check_complete(self) -> None:
        """Refuse if anything is missing, before any image is finished."""
        for writer in self._writers.values():
            writer.flush()
            _refuse_incomplete(writer)
        if not self._samples:
            return
        n_needed = self._survey()[1]
        for i in self._samples if n_needed else ():
            for image in list_images(self._plan, self._plan._outputs[i]):
                if not image.is_finished():
                    with contextlib.closing(start_writer(image.path, image.options, True)) as writer:
                        _refuse_incomplete(writer)

    def _finish(self, i: int, out: Planned) -> None:
        if i in self._writers:
            self._writers[i].finish(all_required=True)
            self._writers[i].close()
        for image in reversed(list_images(self._plan, out)) if i in self._samples else ():
            if not image.is_finished():
                with contextlib.closing(start_writer(image.path, image.options, True)) as writer:
                    writer.finish(all_required=True)
        if _is_collection(self._plan):
            self._collect(_core.collection_finish, out)

    def abandon(self, error: BaseException, how: str = "the same call continues it") -> None:
        """Close the writers after a failure, and let it tell how to continue."""
        for writer in self._writers.values():
            writer._abandon(error, how)
        if self._samples and self._keeper:
            self._keeper.close()
            error.add_note(f"{self._plan._path} is unfinished: {how}.")

    def results(self) -> dict[str, NDArray[Any]]:
        """Return the arrays with the axes of an image, after S if the input has it."""
        stack, plan = self._plan.tiles.stack, self._plan
        stored = dict(zip(stack.original_axes, stack.original_data_shape, strict=True))
        found = {}
        for out, array in zip(plan._outputs, self._arrays, strict=False):
            axes, lengths = _axes(plan, out), _lengths(plan, out)
            lengths["T"] = stored["T"] if "T" in axes else 1
            shape = [lengths[axis] for axis in axes]
            if "S" in stack.original_axes:
                shape.insert(0, stack.data_shape[0] // lengths["T"])
            found[out.name] = array.reshape(shape)
        return found
