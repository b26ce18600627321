# SPDX-License-Identifier: BSD-3-Clause
"""The napari reader that napari.yaml declares: https://napari.org/stable/plugins/building_a_plugin/guides.html."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ._errors import ArgumentError, Error, ImageWarning, NotAnImageError, NotFoundError
from ._lazy import split_samples, to_dask
from ._open import list_parts, open

if TYPE_CHECKING:
    import dask.array

    from ._stack import ImageStack

    Layer: TypeAlias = tuple[Any, dict[str, Any], str]

_MOST_SCENES = 32  # a plate has thousands of fields, too many layers for a viewer
_NAMED = {
    (255, 255, 255): "gray",
    (255, 0, 0): "red",
    (0, 255, 0): "green",
    (0, 0, 255): "blue",
    (0, 255, 255): "cyan",
    (255, 0, 255): "magenta",
    (255, 255, 0): "yellow",
}
_TWO, _MORE = ["magenta", "green"], ["cyan", "yellow", "magenta", "red", "green", "blue"]  # napari's default cycles
# Units with the same name in UDUNITS-2 and in pint, which napari uses.
_UNIT = re.compile(r"[a-z]*(meter|second)|angstrom|foot|inch|mile|parsec|yard|minute|hour|day")


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[Layer]] | None:
    """Return the function that reads a path, or None if it is not an image.

    Parameters
    ----------
    path : str or list of str
        A file or folder. Lists (several files as one layer) are not supported.

    Returns
    -------
    function or None
        Takes the path and returns layers: data, their arguments and their type.
    """
    if not isinstance(path, str):
        return None
    try:
        list_parts(path)
    except (NotAnImageError, NotFoundError):
        return None
    except Error:
        pass  # read() reports the error
    return read


def read(path: str) -> list[Layer]:
    """Read the layers of a file: one per channel, or one for RGB, grouped by scene or other part.

    Parameters
    ----------
    path : str
        A file or folder.

    Returns
    -------
    list of (data, dict, str)
        Layers for napari. Data are dask arrays, or lists of them for pyramids. Initially only the
        first scene is visible.

    Raises
    ------
    microtome.Error
        None of the parts can be opened.

    Warns
    -----
    ImageWarning
        A part cannot be opened, or there are more than 32 parts.
    """
    parts, layers, failure = list_parts(path), list[Any](), None
    if len(parts) > _MOST_SCENES:
        text = f"{path}: the first {_MOST_SCENES} of {len(parts)} images are shown"
        warnings.warn(text, ImageWarning, stacklevel=2)
    for part in parts[:_MOST_SCENES]:
        try:
            layers += _read_part(path, part, len(parts) > 1, not layers)
        except Error as error:
            failure = error
            if len(parts) > 1:
                warnings.warn(f"{error}", ImageWarning, stacklevel=2)
    if failure and not layers:
        raise failure
    return layers


def _read_part(path: str, part: str, is_one_of_several: bool, is_first: bool) -> list[Layer]:
    levels = _open_levels(path, part)
    stack, is_labels, is_photo = levels[0], _is_labels(levels[0]), _is_photo(levels[0])
    blocks = (1, stack.shape[1] if is_photo else 1, *(1,) * (stack.ndim - 4), "auto", "auto")
    split = [split_samples(level, to_dask(level, blocks)) for level in levels]
    dims = split[0][1]
    kept = [a for a, n in zip(dims, split[0][0].shape, strict=True) if a in "YX" or (n > 1 and a != "C")]
    shared = {
        "scale": [stack.pixel_size.get(a, 1.0) for a in kept],
        "units": [_unit(stack, a) for a in kept],
        "axis_labels": kept,
        "visible": is_first or is_labels,
        "multiscale": len(levels) > 1,
        "metadata": {"microtome": stack.metadata},
    }
    layers: list[Layer] = []
    for channel in [None] if is_photo else range(stack.shape[1]):
        data = [_pick(pixels, dims, kept, channel) for pixels, _ in split]
        options = {"name": _name(path, stack, channel, is_one_of_several), **shared}
        if channel is None:
            options["rgb"] = True
        elif not is_labels:
            options |= _look(stack, channel)
        layers.append((data if len(data) > 1 else data[0], options, "labels" if is_labels else "image"))
    return layers


def _open_levels(path: str, part: str) -> list[ImageStack]:
    axes, stack = None, None
    try:
        stack = open(path, part=part or None)
    except ArgumentError:  # unnamed axes become sliders
        for axes in ("ZYX", "TZYX", "STZYX"):
            try:
                stack = open(path, axes, part=part or None)
            except ArgumentError:
                continue
            warnings.warn(f"{path}: the file does not name its axes; assuming {axes}", ImageWarning, stacklevel=4)
            break
        if stack is None:
            raise
    return [stack, *(open(path, axes, part=part or None, level=level) for level in range(1, stack.levels))]


def _pick(pixels: dask.array.Array, dims: list[str], kept: list[str], channel: int | None) -> dask.array.Array:
    """Take one channel, or all as the last axis; axes that are not shown have the length 1."""
    if channel is not None:
        return pixels[tuple(slice(None) if a in kept else channel if a == "C" else 0 for a in dims)]
    shown = [a for a in dims if a in kept or a == "C"]
    picked = pixels[tuple(slice(None) if a in shown else 0 for a in dims)]
    return picked.transpose([shown.index(a) for a in [*kept, "C"]])


def _is_labels(stack: ImageStack) -> bool:
    return "labels" in stack.part.split("/")[:-1] and stack.dtype.kind in "iu"


def _is_photo(stack: ImageStack) -> bool:
    """Whether a pixel is red, green, blue (and opacity): channels without names, stored together."""
    names, colors = stack.channel_names, stack.channel_colors
    is_plain = not (names and names[0]) and not (colors and colors[0])
    return is_plain and stack.dtype == np.uint8 and stack.original_axes[-1:] == "C" and stack.shape[1] in (3, 4)


def _unit(stack: ImageStack, axis: str) -> str:
    unit = stack.units.get(axis, "") if axis in stack.pixel_size else ""
    return unit if _UNIT.fullmatch(unit) else "pixel"


def _name(path: str, stack: ImageStack, channel: int | None, is_one_of_several: bool) -> str:
    names = stack.channel_names
    image = stack.part if is_one_of_several and stack.part else Path(path).name.partition(".")[0]
    if channel is None:
        return image
    of_channel = names[channel] if names else ""
    if stack.shape[1] > 1 and not of_channel:
        of_channel = f"channel {channel}"
    if of_channel and not is_one_of_several:
        return of_channel
    return f"{image}: {of_channel}" if of_channel else image


def _look(stack: ImageStack, channel: int) -> dict[str, Any]:
    n, colors = stack.shape[1], stack.channel_colors
    color = colors[channel] if colors else None
    if n == 1 and color is None:
        return {"colormap": "gray"}
    look: dict[str, Any] = {"blending": "additive"} if n > 1 else {}
    if color is None:
        return look | {"colormap": (_TWO if n == 2 else _MORE)[channel % len(_MORE)]}
    if color in _NAMED:
        return look | {"colormap": _NAMED[color]}
    ramp = [[0.0, 0.0, 0.0], [part / 255 for part in color]]
    return look | {"colormap": {"colors": ramp, "name": "#{:02x}{:02x}{:02x}".format(*color)}}
