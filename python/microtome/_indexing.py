# SPDX-License-Identifier: BSD-3-Clause
"""NumPy-style indexing of an image stack: SC(Z)YX in the stored type, or float32 for objects.

An index may contain one list, whose axis keeps its position, as in h5py and Zarr.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._stack import ImageStack


def expand_index(index: Any, ndim: int) -> list[Any]:
    """Return one entry per axis; Ellipsis and missing entries become full slices."""
    entries = list(index) if isinstance(index, tuple) else [index]
    ellipses = [i for i, entry in enumerate(entries) if entry is Ellipsis]
    if len(ellipses) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    if len(entries) - len(ellipses) > ndim:
        raise IndexError(f"too many indices: the image has {ndim} axes, {len(entries)} were indexed")
    at = ellipses[0] if ellipses else len(entries)
    missing = ndim - len(entries) + len(ellipses)
    return entries[:at] + [slice(None)] * missing + entries[at + len(ellipses) :]


def _positions(entry: Any, length: int, axis: str) -> tuple[Sequence[int], bool]:
    """Return the positions along an axis, and whether the axis is dropped. Negative integers count from the end."""
    if isinstance(entry, slice):
        return range(*entry.indices(length)), False
    if isinstance(entry, list) or (isinstance(entry, np.ndarray) and entry.ndim):
        return _listed(np.asarray(entry), length, axis), False
    try:
        if isinstance(entry, bool | np.bool_):  # a mask to NumPy
            raise TypeError
        position = operator.index(entry)
    except TypeError:
        raise IndexError(
            f"an index along {axis} is an integer, a slice, '...', a list of integers, or (along C) channel names, not "
            f"{type(entry).__name__}; extract_patches reads many places at once"
        ) from None
    position = from_start(position, length, axis)
    return range(position, position + 1), True


def from_start(position: int, length: int, axis: str) -> int:
    if not -length <= position < length:
        raise IndexError(f"index {position} is out of bounds for axis {axis} with size {length}")
    return position % length


def _listed(entry: NDArray[Any], length: int, axis: str) -> list[int]:
    """Return the positions in a list, or of the true elements of a mask."""
    if entry.dtype == np.bool_ and entry.shape != (length,):
        raise IndexError(f"a mask along {axis} must have the shape ({length},), not {entry.shape}")
    if entry.dtype == np.bool_:
        entry = np.flatnonzero(entry)
    if entry.ndim != 1 or (entry.size and entry.dtype.kind not in "iu"):
        raise IndexError(f"a list along {axis} must hold integers, not {entry.dtype} of {entry.ndim} dimensions")
    return [from_start(int(position), length, axis) for position in entry]


def _by_number(stack: ImageStack, entry: Any) -> Any:
    """Replace channel names by numbers."""
    named = isinstance(entry, str) or (isinstance(entry, list) and any(isinstance(name, str) for name in entry))
    if not named:
        return entry
    try:
        numbers = stack._find_channels(entry)
    except ValueError as error:
        raise IndexError(str(error)) from None
    return numbers[0] if isinstance(entry, str) else numbers


def _span(positions: Sequence[int]) -> tuple[int, int, Any]:
    """Return the first position, the number of pixels, and the index into them."""
    if isinstance(positions, range):
        low, high = sorted((positions[0], positions[-1]))
        return low, high - low + 1, slice(None, None, positions.step)
    low, high = min(positions), max(positions)
    return low, high - low + 1, [position - low for position in positions]


def read_index(stack: ImageStack, index: Any) -> NDArray[Any] | Any:
    """Read the pixels of an index, each chunk once. Along Z, only the planes selected are read."""
    ndim = stack.ndim
    entries = expand_index(index, ndim)
    entries[1] = _by_number(stack, entries[1])
    if sum(isinstance(entry, list | np.ndarray) and np.ndim(entry) > 0 for entry in entries) > 1:
        raise IndexError("an index may contain only one list; extract_patches reads many places at once")
    found = [_positions(e, n, a) for e, n, a in zip(entries, stack.data_shape, stack._axes, strict=True)]
    positions = [p for p, _ in found]
    shape = tuple(len(p) for p in positions)
    pixels = np.empty(shape, stack.dtype) if 0 in shape else _read(stack, positions)
    kept = tuple(0 if dropped else slice(None) for _, dropped in found)
    return pixels[kept]


def _read(stack: ImageStack, positions: list[Sequence[int]]) -> NDArray[Any]:
    samples, channels, *spatial = positions
    planes = len(spatial) == 3 and not (isinstance(spatial[0], range) and spatial[0].step == 1)
    spans = [_span(p) for p in spatial]
    size = [n for _, n, _ in spans]
    corner = [low for low, _, _ in spans]
    layers = list(spatial[0]) if planes else [corner[0]]
    if planes:
        size[0] = 1
    coords = [[z, *corner[1:]] for _ in samples for z in layers]
    patches = stack.extract_patches(np.repeat(samples, len(layers)), list(channels), coords, size, dtype=stack.dtype)
    steps = [step for _, _, step in spans[-2:]]
    patches = patches[..., steps[0], :][..., steps[1]]
    if planes:
        patches = patches.reshape(len(samples), len(layers), len(channels), *patches.shape[3:]).swapaxes(1, 2)
    return patches
