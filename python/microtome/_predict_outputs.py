# SPDX-License-Identifier: BSD-3-Clause
"""The outputs of a prediction: what is taken from the network, how it is scaled, and where it goes."""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from ._dtype import dtype_name
from ._errors import ArgumentError
from ._loader_options import factors

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from ._tiles import Tiles

__all__ = ["Output", "Outputs", "Planned", "Raw", "name_path", "needs_first_batch", "plan_outputs"]


class Output(NamedTuple):
    """An output of `predict`; what is not given follows from the first batch or is as for all outputs."""

    dtype: DTypeLike | None = None
    """Element type; ``"source"`` is that of the image. Values are rounded half to even and clipped to integers."""
    channels: int | Sequence[str | Mapping[str, Any]] | None = None
    """Number of channels, or a name or description of each, as in `create`. Default: as the network returns."""
    scale: float | None = None
    """Pixels of the output for one of the input along each axis: 2, or 1/2. Default: as the network returns."""
    inverse: Any = ""
    """The normalization that is undone, in place of ``inverse`` of `predict`: "input", None, or a `Normalization`."""
    of: int | str | None = None
    """The output of the network, by number or name. Default: that of this name, or, if it has none, at the same place."""
    statistic: Literal["mean", "std"] | None = None
    """With ``samples`` or ``tta``: the mean or the spread. Default: ``"std"`` of an output with this name, else
    ``"mean"``."""


Source: TypeAlias = "tuple[int, str | None]"  # an output of the network: number and name
Outputs: TypeAlias = "Output | Mapping[str, Output | DTypeLike] | None"


class Raw(NamedTuple):
    """What the network returned for the first batch."""

    names: list[str] | None
    shapes: list[tuple[int, ...]]


class Planned(NamedTuple):
    """An output of which all is known."""

    name: str
    of: int
    statistic: str
    channels: int
    up: int
    down: int
    dtype: str
    scale: list[float] | None
    offset: list[float] | None
    descriptions: list[Any] | None
    key: str | None
    """Name that the network gives it."""
    is_key_known: bool
    """False: the network has not been seen, and may give no names."""

    @property
    def source(self) -> Source:
        """Which output of the network it is."""
        return self.of, self.key

    def find(self, result: Any) -> Source:
        """Return number and name by which it is found in what the network returned."""
        has_key = isinstance(result, dict) and self.key in result
        return self.of, self.key if self.is_key_known or has_key else None

    def factors(self) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        """Return scale and offset, one for each channel."""
        if self.scale is None or self.offset is None:
            return None, None
        return np.array(self.scale, np.float32), np.array(self.offset, np.float32)


def plan_outputs(
    outputs: Outputs, tiles: Tiles, raw: Raw | None, *, dtype: Any, inverse: Any, is_ensemble: bool
) -> tuple[Planned, ...]:
    """Complete outputs by what the network returned for the first batch, and by what is said for all.

    raw may be None if all outputs name their channels.
    """
    given = list(_given(outputs, raw).items())
    if not given:
        raise ArgumentError("no outputs")
    return tuple(_plan(i, name, out, tiles, raw, dtype, inverse, is_ensemble) for i, (name, out) in enumerate(given))


def needs_first_batch(outputs: Outputs) -> bool:
    """Tell whether the network must say what it returns."""
    return any(out.channels is None for out in _given(outputs, None).values())


def _given(outputs: Outputs, raw: Raw | None) -> dict[str, Output]:
    if isinstance(outputs, Output):
        return {"": outputs}
    if outputs is None:
        n = 1 if raw is None else len(raw.shapes)
        names = raw.names if raw is not None and raw.names is not None else list(map(str, range(n)))
        if n == 1:
            return {"": Output()}
        for name in names:
            _check_name(name, f"; name it with outputs={{...: Output(of={name!r})}}")
        return dict.fromkeys(names, Output())
    if not isinstance(outputs, Mapping):
        raise TypeError(f"outputs is an Output, or a mapping of names to them or to types, not {outputs!r}")
    for name in outputs:
        _check_name(name)
    return {name: out if isinstance(out, Output) else Output(dtype=out) for name, out in outputs.items()}


def _check_name(name: Any, hint: str = "") -> None:
    if not isinstance(name, str) or not re.fullmatch(r"[\w.-]+", name):
        raise ArgumentError(f"an output has the name {name!r}: names become parts of file names{hint}")


def _plan(
    i: int, name: str, out: Output, tiles: Tiles, raw: Raw | None, dtype: Any, inverse: Any, is_ensemble: bool
) -> Planned:
    what = f"output {name!r}" if name else "the output"
    statistic = out.statistic or ("" if not is_ensemble else "std" if name == "std" else "mean")
    if statistic and not is_ensemble:
        raise ArgumentError(f"{what} is a {statistic} of several values: ask for samples or tta")
    is_first = is_ensemble and name in ("mean", "std")
    of = _find(name, out.of, i, raw, is_first)
    key, is_key_known = _name(name, out.of, of, raw, is_first)
    channels, descriptions = (
        (out.channels, None) if isinstance(out.channels, int | None) else (len(out.channels), list(out.channels))
    )
    up, down = _scale(out.scale)
    if raw is not None:
        found = raw.shapes[of]
        if channels is not None and channels != found[1]:
            raise ArgumentError(f"{what} has {found[1]} channels, not {channels}")
        channels = found[1]
        if out.scale is None:
            up, down = _find_scale(what, found[2:], tiles.tile)
    if channels is None or channels < 1:
        raise ArgumentError(f"{what} has {channels} channels")
    if tiles.align % down:
        raise ArgumentError(f"{what} is reduced by {down}: tiles must be aligned to that, with align={down}")
    undone = inverse if isinstance(out.inverse, str) and not out.inverse else out.inverse
    scale, offset = _undo(what, undone, tiles, channels, statistic == "std")
    kind = dtype_name(dtype if out.dtype is None else out.dtype, tiles.stack.data_dtype)
    return Planned(name, of, statistic, channels, up, down, kind, scale, offset, descriptions, key, is_key_known)


def _find(name: str, of: int | str | None, place: int, raw: Raw | None, is_first: bool) -> int:
    """Return the number of an output of the network."""
    names = (raw.names if raw is not None else None) or []
    n = len(raw.shapes) if raw is not None else None
    if isinstance(of, str) and raw is None:
        return place  # it is found by name
    if isinstance(of, str) or (of is None and name in names):
        wanted = name if of is None else of
        if wanted not in names:
            raise ArgumentError(f"the network has no output {wanted!r}: it has {', '.join(names) or 'no names'}")
        return names.index(str(wanted))
    number = operator.index(of) if of is not None else 0 if is_first else place
    if number < 0 or (n is not None and number >= n):
        raise ArgumentError(f"the network has no output {number}: it has {n}")
    return number


def _name(name: str, of: int | str | None, number: int, raw: Raw | None, is_first: bool) -> tuple[str | None, bool]:
    """Return the name of an output of the network, if any, and whether that is certain."""
    if raw is not None:
        return (None, False) if raw.names is None else (raw.names[number], True)
    if isinstance(of, str):
        return of, True
    return (None, False) if of is not None or is_first or not name else (name, False)


def _scale(scale: Any) -> tuple[int, int]:
    """Return the factors by which sizes are multiplied and divided."""
    if scale is None:
        return 1, 1
    try:
        factor = Fraction(scale).limit_denominator(1000)
    except (TypeError, ValueError, OverflowError):
        factor = Fraction(0)
    if factor <= 0 or 1 not in (factor.numerator, factor.denominator) or abs(float(factor) - float(scale)) > 1e-9:
        raise ArgumentError(f"scale is a whole number or one divided by it, not {scale!r}")
    return factor.numerator, factor.denominator


def _find_scale(what: str, found: tuple[int, ...], tile: tuple[int, ...]) -> tuple[int, int]:
    pairs = list(zip(found, tile, strict=True))
    for up, down in {(max(1, f // t), max(1, t // f)) for f, t in pairs if f and t}:
        if all(f * down == t * up for f, t in pairs):
            return up, down
    sizes, tiled = (" x ".join(map(str, numbers)) for numbers in (found, tile))
    raise ArgumentError(
        f"{what} has {sizes} pixels for tiles of {tiled}: sizes are kept, or multiplied or divided by one whole number"
    )


def _undo(
    what: str, inverse: Any, tiles: Tiles, channels: int, is_spread: bool
) -> tuple[list[float] | None, list[float] | None]:
    """Return what each channel is multiplied by, and what is then added."""
    normalize = tiles._options.normalize if isinstance(inverse, str) and inverse == "input" else inverse
    if isinstance(normalize, str):
        raise ArgumentError(f'inverse is "input", None or a normalization, not {inverse!r}')
    if normalize is None:
        return None, None
    if normalize is inverse:
        subtract, divide = factors(normalize, channels, None, "inverse")
    else:
        stack, given = tiles.stack, tiles._options.channels
        numbers = None if given is None else stack._find_channels(given)
        subtract, divide = factors(normalize, stack.data_shape[1], numbers)
        subtract, divide = (_for_channels(what, values, channels) for values in (subtract, divide))
    return divide.tolist(), (np.zeros_like(subtract) if is_spread else subtract).tolist()


def _for_channels(what: str, values: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """Bring one value for each channel of the input to those of an output."""
    if (values == values[0]).all():
        return np.broadcast_to(values[:1], channels)
    if channels % len(values) or channels == 0:
        raise ArgumentError(
            f"{what} has {channels} channels, and the input {len(values)} with normalizations of their own: say "
            "inverse=None or give the normalization to undo"
        )
    return np.repeat(values, channels // len(values))


_SUFFIX = re.compile(r"((?:\.ome)?\.(?:zarr|tiff?|tf[28]|btf|npy))?/*$", re.IGNORECASE)


def name_path(path: Any, name: str) -> str:
    """Put the name of an output before the suffix of a path.

    >>> name_path("a/out.ome.zarr", "std"), name_path("out.npy", "1"), name_path("s3://b/out.zarr/", "mean")
    ('a/out_std.ome.zarr', 'out_1.npy', 's3://b/out_mean.zarr')
    """
    text = os.fsdecode(path)
    match = _SUFFIX.search(text)
    assert match  # also of nothing
    return f"{text[: match.start()]}_{name}{match[1] or ''}"
