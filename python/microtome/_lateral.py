# SPDX-License-Identifier: BSD-3-Clause
"""Lateral context of patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ._arguments import names_arguments
from ._batch import read_batch, several

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ._batch import Channels, Index, Padding
    from ._stack import ImageStack

__all__ = ["lateral_context"]

MAX_SCALES = 16


@names_arguments()
def lateral_context(
    stacks: Sequence[ImageStack],
    stack_idx: Index,
    sample_idx: Index,
    channels: Channels,
    coords: ArrayLike,
    patch_size: Sequence[int],
    n_scales: int,
    *,
    out: Any = None,
    scale: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    divide: bool = False,
    padding: Padding = "reflect",
    scale_padding: bool = False,
    levels: Sequence[Sequence[ImageStack]] | None = None,
) -> NDArray[Any]:
    """Extract patches of image stacks, each with its surroundings at lower resolution.

    Scale 0 is the patch. Scale k shows 2^k times as much along each spatial axis, around the same
    centre, in as many pixels: smoothed and reduced as `skimage.transform.resize` does with its
    defaults, and as CAREamics does for MicroSplit.

    Parameters
    ----------
    stacks : sequence of ImageStack
        Of one context, with the same spatial axes and number of channels.
    stack_idx : int or N integers
        Index of the stack of each patch, or of all patches.
    sample_idx, channels, coords, patch_size
        As for `extract_patches`.
    n_scales : int
        Number of scales, 1 to 16.
    out : writable array, optional
        Destination of the shape N, C, L, (Z), Y, X; float32. As for `ImageStack.extract_patches`.
    scale, offset, divide
        As for `ImageStack.extract_patches`; the same for all scales.
    padding : "reflect", "edge" or float
        Pixels outside the image, as for `ImageStack.extract_patches`; smoothed like others.
    scale_padding
        As for `ImageStack.extract_patches`.
    levels : sequence of sequences of ImageStack, optional
        For each stack, levels of its pyramid that may be used instead of smoothing, such as
        ``[[microtome.open(path, level=1)]]``. Scale k is then read from the coarsest of them that
        is reduced by at most 2^k along each axis. Less is read, but the pixels are others: those
        that the writer of the file computed, at the nearest position of the level's grid.

    Returns
    -------
    numpy.ndarray
        N, C, L, (Z), Y, X, float32; ``out`` if that was given.

    Notes
    -----
    Raises what `extract_patches` raises, for the first patch that cannot be read. Thread-safe;
    releases the GIL while reading. Ctrl-C cancels it.

    Examples
    --------
    >>> import numpy as np, microtome
    >>> stacks = [microtome.from_array(np.full((64, 64), value), "YX") for value in (1, 2, 3)]
    >>> batch = microtome.lateral_context(stacks, [2, 0], 0, None, [(0, 0), (8, 8)], (16, 16), 3)
    >>> batch.shape, batch[:, 0, 2, 8, 8].round(3)
    ((2, 1, 3, 16, 16), array([3., 1.], dtype=float32))
    """
    if not 1 <= n_scales <= MAX_SCALES:
        raise ValueError(f"n_scales must be from 1 to {MAX_SCALES}, not {n_scales}")
    if levels is not None and len(levels) != len(stacks):
        raise ValueError(f"levels must have one sequence of levels for each of {len(stacks)} image stacks")
    patches = read_batch(
        several(stacks),
        stack_idx,
        sample_idx,
        channels,
        coords,
        patch_size,
        out,
        None,
        scale,
        offset,
        divide,
        padding,
        scale_padding,
        "raise",
        n_scales,
        None if levels is None else tuple(tuple(of_stack) for of_stack in levels),
    )
    assert not isinstance(patches, tuple)  # errors are raised
    return patches
