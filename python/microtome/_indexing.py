# SPDX-License-Identifier: BSD-3-Clause
"""NumPy-style indexing of an image stack: SC(Z)YX in the stored type; float32 from objects."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._stack import ImageStack


def _expand(index: Any, ndim: int) -> list[Any]:
    """One entry for each axis: Ellipsis and what is missing become full slices."""
    entries = list(index) if isinstance(index, tuple) else [index]
    ellipses = [i for i, entry in enumerate(entries) if entry is Ellipsis]
    if len(ellipses) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    if len(entries) - len(ellipses) > ndim:
        raise IndexError(f"too many indices: the image stack has {ndim} axes, {len(entries)} were indexed")
    at = ellipses[0] if ellipses else len(entries)
    missing = ndim - len(entries) + len(ellipses)
    return entries[:at] + [slice(None)] * missing + entries[at + len(ellipses) :]


def _positions(entry: Any, length: int, axis: str) -> tuple[range, bool]:
    """Positions along an axis, and whether the axis is dropped. Integers count from the end where negative."""
    if isinstance(entry, slice):
        return range(*entry.indices(length)), False
    try:
        if isinstance(entry, bool | np.bool_):  # a mask to NumPy
            raise TypeError
        position = operator.index(entry)
    except TypeError:
        raise IndexError(
            f"image stacks are indexed by integers, slices and '...', not by {type(entry).__name__}; "
            "extract_patches reads many places at once"
        ) from None
    if not -length <= position < length:
        raise IndexError(f"index {position} is out of bounds for axis {axis} with size {length}")
    position %= length
    return range(position, position + 1), True


def _span(positions: range) -> tuple[int, int, slice]:
    """First position, number of pixels, and what to take of these."""
    if not positions:
        return 0, 0, slice(None)
    low, high = min(positions[0], positions[-1]), max(positions[0], positions[-1])
    return low, high - low + 1, slice(None, None, positions.step)


def read_index(stack: ImageStack, index: Any) -> NDArray[Any] | Any:
    """Read what an index says, every chunk once. Along Z only the planes that are wanted are read."""
    ndim = stack.ndim
    entries = _expand(index, ndim)
    axes = "SCZYX" if ndim == 5 else "SCYX"
    found = [_positions(e, n, a) for e, n, a in zip(entries, stack.data_shape, axes, strict=True)]
    positions = [p for p, _ in found]
    shape = tuple(len(p) for p in positions)
    dtype = np.dtype(np.float32) if stack.format == "custom" else stack.data_dtype  # objects give nothing else
    if 0 in shape:
        pixels = np.empty(shape, dtype)
    else:
        pixels = _read(stack, positions, dtype)
    kept = tuple(0 if dropped else slice(None) for _, dropped in found)
    return pixels[kept]


def _read(stack: ImageStack, positions: list[range], dtype: np.dtype[Any]) -> NDArray[Any]:
    samples, channels, *spatial = positions
    planes = spatial[:-2] and spatial[0].step != 1
    spans = [_span(p) for p in spatial]
    size = [n for _, n, _ in spans]
    corner = [low for low, _, _ in spans]
    steps = [step for _, _, step in spans]
    layers = list(spatial[0]) if planes else [corner[0]]
    if planes:
        size[0], steps[0] = 1, slice(None)
    coords = [[z, *corner[1:]] for _ in samples for z in layers]
    patches = stack.extract_patches(np.repeat(samples, len(layers)), list(channels), coords, size, dtype=dtype)
    patches = patches[(slice(None), slice(None), *steps)]
    if planes:
        patches = patches.reshape(len(samples), len(layers), len(channels), *patches.shape[3:]).swapaxes(1, 2)
    return patches
