# SPDX-License-Identifier: BSD-3-Clause
"""Converting images from any format that is read to any that is written."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, cast

import numpy as np

from . import _core
from ._arguments import names_arguments
from ._convert_labels import image_source, is_zarr, label_options, label_region, open_labels, path_below
from ._dtype import is_source
from ._errors import ArgumentError, CorruptError, NotFoundError
from ._open import is_url, native_stacks, open_all, open_quietly, warn_opened
from ._progress import Progress, show_progress
from ._stack import ImageStack
from ._writer import WriterProgress, start_writer
from ._writer_options import OutputOptions, WriterOptions, durability_number, note_missing, to_core

if TYPE_CHECKING:
    from typing import Unpack

    from ._open import ImageStackProtocol, Path

    Source: TypeAlias = Path | ImageStack | ImageStackProtocol

__all__ = ["check_apart", "convert"]

Region: TypeAlias = "Mapping[str, int | slice | tuple[int, int] | Sequence[int | str]]"

_AXES = "TCZYX"
_LEASE, _LONGEST_LEASE = 60.0, 1e9  # seconds


@names_arguments(source="paths or image stacks", part="a pair of integers")
def convert(
    source: Source | Iterable[Source],
    path: Path,
    *,
    region: Region | None = None,
    join: Literal["T", "C", "Z", "S"] | None = None,
    plate: bool = False,
    part: tuple[int, int] | None = None,
    claim: bool = False,
    lease: float | None = None,
    missing: Literal["error", "fill"] = "error",
    label_images: bool | Iterable[str] = True,
    verify: bool = False,
    progress: Progress = True,
    **options: Unpack[OutputOptions],
) -> WriterProgress | None:
    """Copy an image, or several that are joined, into a new one of another format, type or chunks.

    The output has the axes, pixel sizes, units and channels of the source. An image that was left unfinished, by Ctrl-C, a
    failure or a kill, is continued by the same call.

    Parameters
    ----------
    source : path-like, ImageStack, or iterable of them
        The image; what `open` needs to know about a file, such as its axes or another level, is said
        by opening it. Several images follow one another along the axis ``join``.
    path : path-like
        The image to write, as in `create`.
    region : mapping of str to int, slice or (int, int), optional
        The part of some axes that is copied, from S, T, C, Z, Y and X, such as
        ``{"Z": 5, "Y": slice(100, 900)}``; an int keeps its axis, with the size 1. Along C also a list of
        numbers and names. An image with several positions along S needs one of them.
    join : {"T", "C", "Z", "S"}, optional
        Axis along which several images follow one another. Their sizes along the other axes must be
        alike, and so must their types, unless ``dtype`` is given. S: all images of the sources, of files
        with several and along S, become an OME-Zarr collection, ``path/0``, ``path/1`` and so on.
    plate : bool
        With ``join="S"``: the images are the fields of an OME-Zarr plate. The output becomes a plate with
        the same rows, columns and fields.
    part : (int, int), optional
        Copy only part k of n, from 0, of the chunks or shards, so that n processes share the work. The
        call without ``part``, after all have ended, finishes the image.
    claim : bool
        Share the work with all processes that make this call at once: each takes what no other has claimed,
        until all is done. One call without ``claim``, after all have ended, finishes the image. Only one
        OME-Zarr image.
    lease : float, optional
        With ``claim``: the seconds after which a process that gives no sign of life counts as dead, at
        least 1 (default: 60). It must be longer than the work on one chunk or shard.
    missing : {"error", "fill"}
        An image with missing files or frames is refused, or has the fill value there. The note of the
        output then begins with their number.
    label_images : bool or iterable of str
        The label images of an OME-Zarr source that are written with the image, if the output is
        OME-Zarr, too: all, none, or those of these names. Of several sources, those that all of them have.
    verify : bool
        Compare the checksums of all pixels of both images. Only for one whole image and its own type.
    progress : bool or callable
        Show a bar, if tqdm is installed, or call a function with the chunks or shards that are done
        and their number.
    **options : OutputOptions
        ``dtype``, ``chunks``, ``shards``, ``codec``, ``codec_level``, ``shuffle``, ``pyramid``, ``downsample``,
        ``ome``, ``pixel_size``, ``unit``, ``channels``, ``labels``, ``durability``, ``memory``,
        ``identity``, ``note``, ``format`` and ``context`` of `create`. By default the identity is made of the
        source, the sizes and modification times (or ETags) of its files, and what is selected.

    Returns
    -------
    WriterProgress or None
        What was done, without label images; of a collection, the sum of its images. None: the same call
        finished the image before.

    Raises
    ------
    ArgumentError
        The options do not fit the image or each other, or the path exists and is not an unfinished
        image of the same call; also a ValueError.
    NotFoundError
        The source does not exist, or files or frames of it are missing.
    CorruptError
        The source is damaged, or the checksums differ; also a ValueError.
    ReadError
        Something cannot be read or written; also an OSError.

    Warns
    -----
    ImageWarning
        An unfinished image is continued; metadata of the source is left out, because the format cannot keep
        it; values were converted with loss (NaN in an integer type, or clipped); or as `open` does.

    Examples
    --------
    >>> import numpy as np, microtome, tempfile
    >>> stack = microtome.from_array(np.arange(60000, dtype=np.uint16).reshape(2, 100, 300), "CYX")
    >>> path = tempfile.mkdtemp() + "/image.zarr"
    >>> done = microtome.convert(stack, path, region={"X": slice(100, 300)}, chunks={"Y": 64, "X": 64}, progress=False)
    >>> done.n_done
    16
    >>> microtome.open(path).shape
    (1, 2, 100, 200)
    """
    if unknown := sorted(set(options) - OutputOptions.__optional_keys__):
        raise TypeError(f"convert() got an unexpected keyword argument {unknown[0]!r}")
    if missing not in ("error", "fill"):
        raise ArgumentError(f"missing is {missing!r}, not 'error' or 'fill'")
    if plate and join != "S":
        raise ArgumentError("a plate is a kind of collection: plate=True needs join='S'")
    share = _Share.make(part, claim, lease)
    if claim and (part is not None or join == "S"):
        raise ArgumentError("claim shares one image: not together with part=, nor with join='S'")
    if claim and verify:
        raise ArgumentError("verify needs the finished image: give it to the call without claim that finishes it")
    if claim and not is_zarr(path, options.get("format")):
        raise ArgumentError(f"claim shares an OME-Zarr image: a path that ends with .zarr, not {os.fsdecode(path)}")
    if is_source(options.get("dtype")):
        options["dtype"] = None
    asked = _Asked(dict(region or {}), join, plate, share, label_images, verify, progress, options)
    with ExitStack() as opened:
        open_sources = _open_members if join == "S" else _open_sources
        stacks = open_sources(source, missing, options.get("context"), opened)
        for stack in stacks:
            check_apart(stack, path)
        return _convert_collection(stacks, path, asked) if join == "S" else _convert_image(stacks, path, asked)


class _Share(NamedTuple):
    """How the work is shared with other processes."""

    part: tuple[int, int] | None
    lease: float

    @classmethod
    def make(cls, part: tuple[int, int] | None, claim: bool, lease: float | None) -> _Share:
        if not isinstance(claim, bool | np.bool_):
            raise ArgumentError(f"claim is True or False, not {claim!r}: lease= has the seconds")
        if lease is not None and not claim:
            raise ArgumentError("lease needs claim=True")
        share = cls(part, (_LEASE if lease is None else float(lease)) if claim else 0.0)
        if claim and not 1 <= share.lease <= _LONGEST_LEASE:
            raise ArgumentError(f"a lease of {share.lease:g} seconds: it has 1 to {_LONGEST_LEASE:g}")
        share.numbers()
        return share

    def __bool__(self) -> bool:
        return self.part is not None or self.lease != 0

    def numbers(self) -> tuple[int, int, float]:
        """Return part, number of parts (0: not in parts), and lease."""
        k, n = (0, 0) if self.part is None else map(operator.index, self.part)
        if self.part is not None and not 0 <= k < n:
            raise ArgumentError(f"part {k} of {n}: parts are counted from 0")
        return k, n, self.lease


class _Asked(NamedTuple):
    """What a call asks for."""

    region: dict[str, Any]
    join: str | None
    plate: bool
    share: _Share
    label_images: bool | Iterable[str]
    verify: bool
    progress: Progress
    options: OutputOptions


def _convert_image(stacks: tuple[ImageStack, ...], path: Path, asked: _Asked) -> WriterProgress | None:
    options = asked.options
    if options.get("dtype") is None:
        _check_types(stacks)
    plan = _Plan.make(stacks, asked.join, asked.region)
    if asked.verify:
        _check_verify(plan, asked)
    with ExitStack() as opened:
        into_zarr = is_zarr(path, options.get("format"))
        labels = open_labels(stacks, asked.label_images, asked.join, into_zarr, opened)
        wanted = plan.options(options, labels)
        if _core.is_finished(to_core(path, wanted)):
            done = None
            if asked.verify:
                _convert_labels(labels, path, plan, asked)
        else:
            done = _copy(path, plan, wanted, labels, asked)
    if asked.verify:
        _verify(stacks[0], path, plan)
    return done


def _copy(
    path: Path, plan: _Plan, options: WriterOptions, labels: dict[str, list[ImageStack]], asked: _Asked
) -> WriterProgress:
    k, n, lease = asked.share.numbers()
    out = start_writer(path, options)
    try:
        if labels:  # before the image has pixels: microtome finish then waits for them
            _core.collection_begin(*_label_collection(labels, path, asked))
        with show_progress(asked.progress, "convert", "shards" if out.shards else "chunks") as call:
            out._core.copy(plan.sources, k, n, lease, call)
        _convert_labels(labels, path, plan, asked)
        if not asked.share:
            if labels:
                _core.collection_finish(*_label_collection(labels, path, asked))
            out.finish(all_required=True, progress=asked.progress is True)
    except BaseException as error:
        out._abandon(error)
        raise
    out.close()
    return out.progress


# -- label images and collections ----------------------------------------------------


def _label_collection(labels: dict[str, list[ImageStack]], path: Path, asked: _Asked) -> tuple[Any, ...]:
    return *_collection(path_below(path, "labels"), len(labels), asked), "labels", tuple(labels)


def _collection(path: Path, n: int, asked: _Asked) -> tuple[Any, ...]:
    options = asked.options
    return path, n, options.get("ome"), durability_number(options.get("durability")), options.get("context")


def _convert_labels(labels: dict[str, list[ImageStack]], path: Path, plan: _Plan, asked: _Asked) -> None:
    """Write the label images into the image: one that looks complete has them."""
    for name, stacks in labels.items():
        region = label_region(stacks[0], plan.stacks[0], asked.region)
        axes = _output_axes(stacks[0], asked.join)
        own = asked._replace(region=region, label_images=False, options=label_options(asked.options, plan.axes, axes))
        _convert_image(tuple(stacks), path_below(path, "labels", name), own)


def _convert_collection(stacks: tuple[ImageStack, ...], path: Path, asked: _Asked) -> WriterProgress | None:
    if not is_zarr(path, asked.options.get("format")):
        raise ArgumentError(
            f"join='S' makes an OME-Zarr collection: a path that ends with .zarr, not {os.fsdecode(path)}"
        )
    members = [(stack, s) for stack in stacks for s in range(_length(stack, "S"))]
    names = tuple(stack.part for stack, _ in members) if asked.plate else None
    collection = (*_collection(path, len(members), asked), "plate" if asked.plate else "series", names)
    options = cast("OutputOptions", {**asked.options, "format": "zarr"})  # names of images have no suffix
    _core.collection_begin(*collection)
    done = []
    for i, (stack, s) in enumerate(members):
        region = {**asked.region, **({"S": s} if "S" in stack.original_axes else {})}
        own = asked._replace(region=region, join=None, options=options)
        done.append(_convert_image((stack,), path_below(path, names[i] if names else str(i)), own))
    if not asked.share and not _core.collection_look(path, asked.options.get("context"))[1]:
        _core.collection_finish(*collection)
    sums = [sum(column) for column in zip(*filter(None, done), strict=True)]
    return WriterProgress(*sums) if sums else None


# -- sources -------------------------------------------------------------------------


def _open_sources(source: Any, missing: str, context: Any, opened: ExitStack) -> tuple[ImageStack, ...]:
    is_one = isinstance(source, str | bytes | os.PathLike) or hasattr(source, "extract_patch")
    stacks: list[ImageStack] = []
    for one in [source] if is_one else source:
        if isinstance(one, str | bytes | os.PathLike):
            stack = opened.enter_context(open_quietly(one, context))
            _check_missing(stack, missing)
            warn_opened(stack)
        else:
            (stack,) = native_stacks(one)
            _check_missing(stack, missing)
        stacks.append(stack)
    if not stacks:
        raise ArgumentError("no image to convert")
    return tuple(stacks)


def _open_members(source: Any, missing: str, context: Any, opened: ExitStack) -> tuple[ImageStack, ...]:
    """Open all images of the sources; label images come with the image that they belong to."""
    is_one = isinstance(source, str | bytes | os.PathLike) or hasattr(source, "extract_patch")
    found_all: list[ImageStack] = []
    for one in [source] if is_one else source:
        if isinstance(one, str | bytes | os.PathLike):
            found: Iterable[ImageStack] = [opened.enter_context(stack) for stack in open_all(one, context=context)]
        else:
            found = native_stacks(one)
        found_all += found
    names = {stack.source for stack in found_all}
    stacks = [stack for stack in found_all if image_source(stack) not in names]
    for stack in stacks:
        _check_missing(stack, missing)
    if not stacks:
        raise ArgumentError("no image to convert")
    return tuple(stacks)


def _check_missing(stack: ImageStack, missing: str) -> None:
    if stack.n_missing and missing == "error":
        names = ", ".join(stack.missing[:3]) + (", ..." if stack.n_missing > 3 else "")
        raise NotFoundError(
            f"{stack.source}: {stack.n_missing} files or frames are missing: {names}; missing='fill' converts them as "
            "the fill value"
        )


def check_apart(stack: ImageStack, path: Path) -> None:
    """Refuse an output inside the source, and the other way round. Other URLs than those of buckets are not compared."""
    name = os.fsdecode(path)
    if stack.format == "custom" or not (_is_in_bucket(stack.source) or os.path.exists(stack.source)):
        return
    if is_url(name) and not _is_in_bucket(name):
        return
    source, output = _place(stack.source), _place(name)
    if source == output or source in output.parents or output in source.parents:
        raise ArgumentError(f"{name} and the source {stack.source} contain one another: write it elsewhere")


def _is_in_bucket(path: str) -> bool:
    return path.lower().startswith("s3://")


def _place(path: str) -> PurePath:
    """Return a path that can be compared with others."""
    return PurePosixPath("s3:", path[len("s3://") :]) if _is_in_bucket(path) else PurePath(os.path.realpath(path))


# -- what is copied where ------------------------------------------------------------


class _Plan(NamedTuple):
    """The output, and the boxes of the sources."""

    stacks: tuple[ImageStack, ...]
    axes: str
    shape: tuple[int, ...]
    channels: list[dict[str, Any]] | None
    sources: tuple[tuple[ImageStack, list[int], list[int], list[int], int], ...]

    @classmethod
    def make(cls, stacks: tuple[ImageStack, ...], join: str | None, region: dict[str, Any]) -> _Plan:
        if len(stacks) > 1 and join is None:
            raise ArgumentError(
                f"there are {len(stacks)} images: join= names the axis along which they follow one another"
            )
        if join not in (None, "T", "C", "Z"):
            raise ArgumentError(f"images are joined along T, C, Z or S, not {join!r}")
        axes = _output_axes(stacks[0], join)
        selections = [_select(stack, region, join) for stack in stacks]
        sizes = [{axis: len(chosen.get(axis, (0,))) for axis in _AXES} for chosen in selections]
        _check_alike(stacks, sizes, join)
        shape = {**sizes[0], **({join: sum(size[join] for size in sizes)} if join else {})}
        sources: list[Any] = []
        at = 0
        for stack, chosen, size in zip(stacks, selections, sizes, strict=True):
            sources += _boxes(stack, axes, chosen, join, at)
            at += size[join] if join else 0
        channels = _describe(stacks, selections, join)
        return cls(stacks, axes, tuple(shape[axis] for axis in axes), channels, tuple(sources))

    def options(self, given: OutputOptions, labels: Iterable[str]) -> WriterOptions:
        """Complete the options of the output, which has these label images."""
        made: dict[str, Any] = {"like": self.stacks[0], "axes": self.axes, "shape": self.shape}
        if self.channels is not None:
            made["channels"] = self.channels
        if note := note_missing(self.stacks, "converted", given.get("note")):
            made["note"] = note
        if given.get("identity") is None:
            made["identity"] = self._identity() + "".join(f"; label image {name}" for name in labels)
        return cast(
            "WriterOptions", {**given, **made, **({"channels": given["channels"]} if given.get("channels") else {})}
        )

    def _identity(self) -> str:
        return "\n".join(_core.identify_source(self.axes, source) for source in self.sources)


def _output_axes(stack: ImageStack, join: str | None) -> str:
    return "".join(axis for axis in _AXES if axis in stack.original_axes or axis in "YX" or axis == join)


def _length(stack: ImageStack, axis: str) -> int:
    """Pixels along an axis of STCZYX."""
    stored = dict(zip(stack.original_axes, stack.original_data_shape, strict=True))
    if axis == "C":
        return stack.data_shape[1]
    return stack.data_shape[0] // max(1, stored.get("T", 1)) if axis == "S" else stored.get(axis, 1)


def _select(stack: ImageStack, region: Mapping[str, Any], join: str | None) -> dict[str, Sequence[int]]:
    """Return the positions along each axis of an image that are copied."""
    axes = set(stack.original_axes)
    unknown = sorted(set(region) - axes)
    if unknown:
        raise ArgumentError(
            f"{stack.source} has no axis {', '.join(unknown)} for region: its axes are {stack.original_axes}"
        )
    chosen = {axis: _positions(stack, axis, region.get(axis, slice(None))) for axis in axes}
    samples = chosen.setdefault("S", range(1))
    if len(samples) != 1:
        raise ArgumentError(
            f"{stack.source} has {len(samples)} images along S, and an output holds one: choose one, such as "
            "region={'S': 0}"
        )
    return chosen


def _positions(stack: ImageStack, axis: str, entry: Any) -> Sequence[int]:
    length = _length(stack, axis)
    if isinstance(entry, slice):
        if entry.step not in (None, 1):
            raise ArgumentError(f"region has a step along {axis}: slices have none")
        found: Sequence[int] = range(*entry.indices(length))
    elif axis == "C" and not isinstance(entry, int | np.integer | tuple):
        found = stack._find_channels([entry] if isinstance(entry, str) else entry)
    elif isinstance(entry, tuple):
        start, stop = map(operator.index, entry)
        found = range(start, stop)
    else:
        position = operator.index(entry)
        found = (
            range(position % length, position % length + 1)
            if -length <= position < length
            else range(length, length + 1)
        )
    if not found or min(found) < 0 or max(found) >= length:
        raise ArgumentError(f"region selects {entry!r} along {axis}: {stack.source} has {length}")
    return found


def _check_alike(stacks: Sequence[ImageStack], sizes: Sequence[Mapping[str, int]], join: str | None) -> None:
    for stack, size in zip(stacks, sizes, strict=True):
        for axis in _AXES:
            if axis != join and size[axis] != sizes[0][axis]:
                raise ArgumentError(
                    f"{stack.source} has {size[axis]} along {axis}, and {stacks[0].source} has {sizes[0][axis]}: they "
                    f"cannot be joined along {join}"
                )


def _check_types(stacks: Sequence[ImageStack]) -> None:
    """Refuse to choose between the types of the sources, which would convert values of the others."""
    first = stacks[0]
    for stack in stacks:
        if stack.data_dtype.name != first.data_dtype.name:
            raise ArgumentError(
                f"{stack.source} is {stack.data_dtype}, and {first.source} is {first.data_dtype}: choose the type "
                "with dtype="
            )


def _runs(positions: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield first position, number and place of each run of positions that follow one another."""
    first = 0
    for i in range(1, len(positions) + 1):
        if i == len(positions) or positions[i] != positions[i - 1] + 1:
            yield positions[first], i - first, first
            first = i


def _boxes(
    stack: ImageStack, axes: str, chosen: Mapping[str, Sequence[int]], join: str | None, at: int
) -> Iterator[tuple[ImageStack, list[int], list[int], list[int], int]]:
    """Yield a box for each run of channels."""
    for channel, n_channels, place in _runs(chosen.get("C", range(1))):
        start = [channel if axis == "C" else chosen.get(axis, (0,))[0] for axis in axes]
        extent = [n_channels if axis == "C" else len(chosen.get(axis, (0,))) for axis in axes]
        to = [(place if axis == "C" else 0) + (at if axis == join else 0) for axis in axes]
        yield stack, start, extent, to, chosen["S"][0]


def _describe(
    stacks: Sequence[ImageStack], selections: Sequence[Mapping[str, Sequence[int]]], join: str | None
) -> list[dict[str, Any]] | None:
    """Describe the channels of the output, if a source describes its own."""
    rows: list[tuple[Any, ...]] = []
    several = list(zip(stacks, selections, strict=True))
    for stack, chosen in several if join == "C" else several[:1]:
        known = stack._channels or [("", None, None)] * stack.data_shape[1]
        rows += [known[c] for c in chosen.get("C", (0,))]
    if all(stack._channels is None for stack in stacks):
        return None
    return [{"name": name, "color": color, "window": window} for name, color, window in rows]


# -- verification --------------------------------------------------------------------


def _check_verify(plan: _Plan, asked: _Asked) -> None:
    dtype = asked.options.get("dtype")
    reasons = {
        "several images": len(plan.stacks) > 1,
        "a region": bool(asked.region),
        "a part": bool(asked.share),
        "another type": dtype is not None and np.dtype(dtype) != plan.stacks[0].data_dtype,
        "an object": plan.stacks[0].format == "custom",
    }
    for what, is_given in reasons.items():
        if is_given:
            raise ArgumentError(f"verify compares the checksums of one whole image in its own type, not of {what}")


def _verify(source: ImageStack, path: Path, plan: _Plan) -> None:
    sized = "".join(f"{axis}{n}" for axis, n in zip(plan.axes, plan.shape, strict=True))  # TIFF drops Z of one plane
    with open_quietly(path, axes=sized) as copy:
        found, wanted = copy.checksum(), source.checksum()
    if found != wanted:
        raise CorruptError(f"{os.fsdecode(path)}: the checksum {found} differs from that of {source.source}, {wanted}")
