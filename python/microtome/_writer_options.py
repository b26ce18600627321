# SPDX-License-Identifier: BSD-3-Clause
"""The arguments of an output, checked and converted for the extension."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

from ._dtype import dtype_name
from ._errors import ArgumentError
from ._open import native_stacks

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from ._context import ContextLike
    from ._open import ImageStackProtocol
    from ._stack import ImageStack

__all__ = [
    "OutputOptions",
    "Sizes",
    "StorageOptions",
    "WriterOptions",
    "durability_number",
    "note_missing",
    "parse_bytes",
    "to_core",
]

Sizes: TypeAlias = "Sequence[int | None] | Mapping[str, int | None]"

_AXES = "TCZYX"
_WHOLE = 2**63 - 1  # MT_WHOLE_AXIS
_DURABILITY = ("units", "end", "never")  # mt_durability
_BYTES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


class StorageOptions(TypedDict, total=False):
    """How an image is stored; what is not given has the defaults of `microtome.create`."""

    chunks: Sizes | None
    shards: Sizes | Literal[False] | None
    codec: str | None
    codec_level: int | None
    shuffle: Literal["none", "byte", "bit"] | None
    pyramid: bool | int
    downsample: Literal["mean", "nearest", "mode"] | None
    ome: Literal["0.5", "0.4"] | None
    pixel_size: Mapping[str, float] | None
    unit: Mapping[str, str] | None
    durability: Literal["units", "end", "never"]
    memory: int | str | None
    note: str | None
    format: str | None
    context: ContextLike | None


class OutputOptions(StorageOptions, total=False):
    """The options of `microtome.create` beside the shape."""

    dtype: DTypeLike | None
    channels: Sequence[str | Mapping[str, Any]] | None
    labels: bool
    identity: str | None


class WriterOptions(OutputOptions, total=False):
    """All options of `microtome.create`."""

    like: ImageStack | ImageStackProtocol | None
    axes: str | None
    shape: Sequence[int] | None


def to_core(path: Any, options: WriterOptions) -> tuple[Any, ...]:
    """Convert to the arguments of ``_core.Writer``."""
    get: Callable[..., Any] = options.get
    like = _like(get("like"))
    axes = _axes(get("axes"), like)
    shards, dtype = get("shards"), get("dtype")
    return (
        path,
        like,
        axes,
        _shape(get("shape"), axes, like),
        None if dtype is None else dtype_name(dtype, None if like is None else like.data_dtype),
        _sizes(get("chunks"), "chunks", axes),
        None if shards is False else _sizes(shards, "shards", axes),
        shards is False,
        get("codec"),
        operator.index(get("codec_level") or 0),
        get("shuffle"),
        _levels(get("pyramid", False)),
        get("downsample"),
        get("ome"),
        _per_axis(get("pixel_size"), "pixel_size", axes, None if like is None else like.pixel_size, 0.0),
        _per_axis(get("unit"), "unit", axes, None if like is None else like.units, ""),
        _channels(get("channels")),
        bool(get("labels", False)),
        durability_number(get("durability")),
        parse_bytes(get("memory")),
        get("identity"),
        get("note"),
        get("format"),
        get("context"),
    )


def note_missing(stacks: Sequence[ImageStack], done: str, note: str | None) -> str | None:
    """Tell what is missing in the sources, in the words of the command, which may continue the image.

    That is before the note: `open` shows only the start of a long one. done: what happened to the image.
    """
    n = sum(stack.n_missing for stack in stacks)
    if not n:
        return note
    first = next(stack.missing[0] for stack in stacks if stack.n_missing)
    were, have = ("file or frame was", "has") if n == 1 else ("files or frames were", "have")
    told = f"{n} {were} missing when the image was {done} and {have} the fill value, the first: {first}"
    return f"{told}. {note}" if note else told


def durability_number(durability: str | None) -> int:
    """Return the mt_durability of a name; None is the default."""
    name = "units" if durability is None else durability
    if name not in _DURABILITY:
        raise ArgumentError(f"durability must be one of {', '.join(map(repr, _DURABILITY))}, not {name!r}")
    return _DURABILITY.index(name)


def _like(like: Any) -> ImageStack | None:
    if like is None:
        return None
    stacks = native_stacks(like)
    if len(stacks) != 1:
        raise ArgumentError(f"like is one image, not {len(stacks)}")
    return stacks[0]


def _axes(axes: str | None, like: ImageStack | None) -> str:
    if axes is not None:
        return axes
    if like is None:
        raise ArgumentError("give axes=, such as 'CYX', or like=, an image to take them from")
    return "".join(axis for axis in _AXES if axis in like.original_axes or axis in "YX") + "S" * (
        "S" in like.original_axes
    )


def _shape(shape: Sequence[int] | None, axes: str, like: ImageStack | None) -> tuple[int, ...]:
    if shape is None:
        if like is None:
            raise ArgumentError("give shape=, or like=, an image to take it from")
        stored = dict(zip(like.original_axes, like.original_data_shape, strict=True))
        return tuple(stored.get(axis, 1) for axis in axes)
    sizes = tuple(operator.index(size) for size in shape)
    if len(sizes) != len(axes):
        raise ArgumentError(f"shape needs {len(axes)} sizes, for the axes {axes!r}, not {len(sizes)}")
    return sizes


def _sizes(sizes: Sizes | None, what: str, axes: str) -> tuple[int, ...] | None:
    """One size for each axis: 0 is the default."""
    if sizes is None:
        return None
    if isinstance(sizes, Mapping):
        _check_axes(sizes, what, axes)
        sizes = [sizes.get(axis) for axis in axes]
    if isinstance(sizes, str) or not hasattr(sizes, "__len__"):
        raise TypeError(
            f"{what} is a size for each axis of {axes!r}, or a dict such as {{'Y': 256, 'X': 256}}, not {sizes!r}"
        )
    if len(sizes) != len(axes):
        raise ArgumentError(f"{what} needs {len(axes)} sizes, for the axes {axes!r}, not {len(sizes)}")
    return tuple(_size(size, what) for size in sizes)


def _size(size: int | None, what: str) -> int:
    number = 0 if size is None else operator.index(size)
    if size is not None and number < 1 and number != -1:
        raise ArgumentError(f"{what} has the size {number}: sizes count from 1, -1 is the whole axis")
    return _WHOLE if number == -1 else number


def _check_axes(given: Mapping[str, Any], what: str, axes: str) -> None:
    if not isinstance(given, Mapping):
        raise TypeError(f"{what} is a dict with an entry for each axis, such as {{'Y': ..., 'X': ...}}, not {given!r}")
    unknown = sorted(set(given) - set(axes))
    if unknown:
        raise ArgumentError(f"{what} names {', '.join(unknown)}, which is not among the axes {axes!r}")


def _levels(pyramid: bool | int) -> int:
    if isinstance(pyramid, bool):
        return -1 if pyramid else 0
    levels = operator.index(pyramid)
    if levels < 1:
        raise ArgumentError(f"pyramid is True, False, or a number of levels from 1, not {levels}")
    return levels


def _per_axis(
    given: Mapping[str, Any] | None, what: str, axes: str, of_like: Mapping[str, Any] | None, unknown: Any
) -> tuple[Any, ...] | None:
    """Complete what is given by that of another image; None: nothing is given."""
    if given is None:
        return None
    _check_axes(given, what, axes)
    known = {**(of_like or {}), **given}
    return tuple(known.get(axis, unknown) for axis in axes)


def _channels(channels: Sequence[str | Mapping[str, Any]] | None) -> tuple[tuple[Any, ...], ...] | None:
    if channels is None:
        return None
    if isinstance(channels, str):
        raise ArgumentError("channels is a sequence with an entry for each channel, not one name")
    return tuple(_channel({"name": entry} if isinstance(entry, str) else entry) for entry in channels)


def _channel(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    unknown = sorted(set(entry) - {"name", "color", "window"})
    if unknown:
        raise ArgumentError(f"a channel has a name, a color and a window, not {', '.join(map(str, unknown))}")
    color, window = entry.get("color"), entry.get("window")
    if color is not None and (len(color) != 3 or not all(0 <= value <= 255 for value in color)):
        raise ArgumentError(f"a color is red, green and blue from 0 to 255, not {color!r}")
    if window is not None and (len(window) != 2 or not window[0] < window[1]):
        raise ArgumentError(f"a window is the values shown black and white, not {window!r}")
    return entry.get("name", ""), color and tuple(map(int, color)), window and tuple(map(float, window))


def parse_bytes(memory: int | str | None, name: str = "memory") -> int:
    """Read a number of bytes, such as 1000 or "512 MiB"; None is 0."""
    if memory is None or hasattr(memory, "__index__"):
        return 0 if memory is None else operator.index(memory)
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", str(memory))
    if not match or match[2].upper() not in _BYTES:
        raise ArgumentError(f"{name} is a number of bytes, such as 1000000 or '512 MiB', not {memory!r}")
    return int(float(match[1]) * _BYTES[match[2].upper()])
