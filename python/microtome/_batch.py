# SPDX-License-Identifier: BSD-3-Clause
"""Batches of patches from one or several image stacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, overload

import numpy as np

from . import _core
from ._arguments import names_arguments

if TYPE_CHECKING:
    from typing import Unpack

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from ._core import Stack
    from ._stack import ImageStack

    Index: TypeAlias = int | Sequence[int] | NDArray[np.integer[Any]]
    Channels: TypeAlias = Sequence[int | str] | str | None
    Padding: TypeAlias = float | Literal["reflect", "edge"]

    class ExtractOptions(TypedDict, total=False):
        """Options of `extract_patches`, for overloads."""

        out: Any
        dtype: DTypeLike | None
        scale: ArrayLike | None
        offset: ArrayLike | None
        divide: bool
        padding: Padding
        scale_padding: bool


__all__ = ["Prefetch", "extract_patches", "prefetch"]


def several(stacks: Sequence[ImageStack]) -> tuple[ImageStack, ...]:
    if hasattr(stacks, "extract_patch"):  # a stack is iterable, too
        raise TypeError("stacks is a sequence of image stacks: put the one in a list")
    return tuple(stacks)


@overload
def extract_patches(
    stacks: Sequence[ImageStack],
    stack_idx: Index,
    sample_idx: Index,
    channels: Channels,
    coords: ArrayLike,
    patch_size: Sequence[int],
    *,
    errors: Literal["raise"] = ...,
    **options: Unpack[ExtractOptions],
) -> NDArray[Any]: ...


@overload
def extract_patches(
    stacks: Sequence[ImageStack],
    stack_idx: Index,
    sample_idx: Index,
    channels: Channels,
    coords: ArrayLike,
    patch_size: Sequence[int],
    *,
    errors: Literal["return"],
    **options: Unpack[ExtractOptions],
) -> tuple[NDArray[Any], list[Exception | None]]: ...


@names_arguments()
def extract_patches(
    stacks: Sequence[ImageStack],
    stack_idx: Index,
    sample_idx: Index,
    channels: Channels,
    coords: ArrayLike,
    patch_size: Sequence[int],
    *,
    out: Any = None,
    dtype: DTypeLike | None = None,
    scale: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    divide: bool = False,
    padding: Padding = 0.0,
    scale_padding: bool = False,
    errors: Literal["raise", "return"] = "raise",
) -> NDArray[Any] | tuple[NDArray[Any], list[Exception | None]]:
    """Extract one batch of patches from several image stacks.

    As in `ImageStack.extract_patches`, they are planned together: each chunk that any of them
    touches is read and decoded once, on all threads of the context.

    Parameters
    ----------
    stacks : sequence of ImageStack
        Of one context, with the same spatial axes and number of channels.
    stack_idx : int or N integers
        Index of the stack of each patch, or of all patches.
    sample_idx : int or N integers
        Sample of each patch, or of all of them.
    channels : sequence of int or str, str, or None
        Channels by number or name, in any order, repetitions allowed; None means all. Names are
        looked up in each stack.
    coords : N x (Z)YX integers
        First corner of each patch; may lie outside the image.
    patch_size : sequence of int
        Size in pixels, (Z)YX.
    out : writable array, optional
        Destination of the shape N, C, (Z), Y, X; as for `ImageStack.extract_patches`.
    dtype : {"float32", "source"} or dtype-like, optional
        float32 (the default), or "source", the stored type, if all stacks have the same.
    scale, offset : float or one float a channel, optional
        Patches become ``value * scale + offset``, computed in float32; float32 only.
    divide : bool
        Patches become ``(value - offset) / scale`` instead.
    padding : float, "reflect" or "edge"
        Pixels outside the image, as for `ImageStack.extract_patches`.
    scale_padding : bool
        Scale the padding value like a pixel.
    errors : {"raise", "return"}
        As for `ImageStack.extract_patches`.

    Returns
    -------
    numpy.ndarray
        N, C, (Z), Y, X; ``out`` if that was given.
    list of N exceptions or None
        Only with ``errors="return"``, as for `ImageStack.extract_patches`.

    Raises
    ------
    RangeError, IndexError
        A stack, sample or channel does not exist.
    ValueError, TypeError
        The stacks do not fit together, or the arguments do not fit the stacks.
    CorruptError, ReadError
        An image cannot be read.

    Notes
    -----
    Thread-safe; releases the GIL while reading. Ctrl-C cancels it.

    Examples
    --------
    >>> import numpy as np, microtome
    >>> stacks = [microtome.from_array(np.full((64, 64), value), "YX") for value in (1, 2, 3)]
    >>> batch = microtome.extract_patches(stacks, [2, 0, 1], 0, None, [(0, 0), (8, 8), (9, 9)], (16, 16))
    >>> batch.shape, batch[:, 0, 0, 0]
    ((3, 1, 16, 16), array([3., 1., 2.], dtype=float32))
    """
    return read_batch(
        several(stacks),
        stack_idx,
        sample_idx,
        channels,
        coords,
        patch_size,
        out,
        dtype,
        scale,
        offset,
        divide,
        padding,
        scale_padding,
        errors,
    )


class Prefetch:
    """Chunks that are read and decoded ahead of time; made by `prefetch`.

    It holds them in the cache until `end`, which the end of a ``with`` block calls.
    """

    def __init__(self, core: _core.Prefetch) -> None:
        self._core = core

    def wait(self) -> None:
        """Wait until all chunks are decoded or were left out.

        Raises
        ------
        CorruptError, ReadError
            A chunk cannot be read, which ended the prefetch. Extracting it raises the error again.

        Notes
        -----
        Thread-safe; releases the GIL while waiting.
        """
        self._core.wait()

    @property
    def chunks(self) -> int:
        """Number of decoded chunks held; waits for them."""
        return self._core.wait()[0]

    @property
    def is_full(self) -> bool:
        """Whether chunks were left out because those held take half of the budget; waits."""
        return self._core.wait()[2]

    def end(self) -> None:
        """Stop prefetching and release the chunks, which stay in the cache like any others."""
        self._core.end()

    def __enter__(self) -> Prefetch:
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()


@names_arguments()
def prefetch(
    stacks: Sequence[ImageStack],
    stack_idx: Index,
    sample_idx: Index,
    channels: Channels,
    coords: ArrayLike,
    patch_size: Sequence[int],
    *,
    padding: Padding = 0.0,
) -> Prefetch:
    """Start to read and decode the chunks that `extract_patches` will need, and return immediately.

    Reading overlaps with other work, such as training on the previous batch. The chunks are held in
    the cache until the prefetch ends. The prefetches of a context run in order, one at a time, and
    hold at most half of its budget.

    Parameters
    ----------
    stacks, stack_idx, sample_idx, channels, coords, patch_size, padding
        As for `extract_patches`.

    Returns
    -------
    Prefetch

    Raises
    ------
    RangeError, IndexError, ValueError, TypeError
        As `extract_patches` does.

    Notes
    -----
    Chunks that the cache does not keep are not prefetched: those of arrays and objects, those
    larger than a quarter of the budget, and uncompressed data on local disks, which the page cache
    of the system holds.

    Examples
    --------
    >>> import numpy as np, microtome
    >>> stacks = [microtome.from_array(np.zeros((64, 64)), "YX")]
    >>> with microtome.prefetch(stacks, 0, 0, None, [(0, 0), (8, 8)], (16, 16)):
    ...     batch = microtome.extract_patches(stacks, 0, 0, None, [(0, 0), (8, 8)], (16, 16))
    """
    stacks = several(stacks)
    if not stacks:
        raise ValueError("there must be at least one image stack")
    samples, corners = places(len(stacks[0].data_shape), sample_idx, coords)
    numbers = one_each(stack_idx, "stack_idx", len(corners))
    return Prefetch(_core.prefetch(stacks, numbers, samples, channels, corners, patch_size, padding))


def read_batch(
    stacks: tuple[Stack, ...],
    stack_idx: Index | None,
    sample_idx: Index,
    channels: Channels,
    coords: ArrayLike,
    patch_size: Sequence[int],
    out: Any,
    dtype: DTypeLike | None,
    scale: ArrayLike | None,
    offset: ArrayLike | None,
    divide: bool,
    padding: Padding,
    scale_padding: bool,
    errors: Literal["raise", "return"],
    n_scales: int = 0,
    levels: tuple[tuple[Stack, ...], ...] | None = None,
) -> NDArray[Any] | tuple[NDArray[Any], list[Exception | None]]:
    """Implement `extract_patches`. If stack_idx is None, all patches are of the first stack.

    With n_scales, implement `lateral_context`.
    """
    if errors not in ("raise", "return"):
        raise ValueError(f'errors must be "raise" or "return", not {errors!r}')
    if not stacks:
        raise ValueError("there must be at least one image stack")
    samples, corners = places(len(stacks[0].data_shape), sample_idx, coords)
    numbers = None if stack_idx is None else one_each(stack_idx, "stack_idx", len(corners))
    n_channels = stacks[0].data_shape[1] if channels is None else 1 if isinstance(channels, str) else len(channels)
    return _core.extract_many(
        stacks,
        numbers,
        samples,
        channels,
        corners,
        patch_size,
        out,
        dtype,
        _per_channel(scale, n_channels),
        _per_channel(offset, n_channels),
        divide,
        padding,
        scale_padding,
        errors == "return",
        n_scales,
        levels,
    )


def places(ndim: int, sample_idx: Any, coords: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Convert samples and corners to int64 arrays of the same length."""
    corners = _integers(coords, "coords")
    if corners.shape == (0,):
        corners = corners.reshape(0, ndim - 2)
    if corners.ndim != 2 or corners.shape[1] != ndim - 2:
        raise ValueError(f"coords must have the shape (N, {ndim - 2}), not {corners.shape}")
    return one_each(sample_idx, "sample_idx", len(corners)), corners


def one_each(values: Any, what: str, n: int) -> NDArray[np.int64]:
    """Convert to an array of n integers, one per patch."""
    array = _integers(values, what)
    if array.ndim and array.shape != (n,):
        raise ValueError(f"{what} must be one integer, or one for each of {n} patches; it has the shape {array.shape}")
    return np.ascontiguousarray(np.broadcast_to(array, n))


def _integers(values: Any, what: str) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{what} must be integers, not {array.dtype}")
    if array.dtype.kind == "u" and array.size and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{what} does not fit into 64 bits")
    return np.ascontiguousarray(array, dtype=np.int64).reshape(array.shape)


def _per_channel(values: ArrayLike | None, n: int) -> NDArray[np.float32] | None:
    if values is None:
        return None
    array = np.asarray(values, dtype=np.float32)
    if array.ndim > 1 or (array.ndim == 1 and array.shape[0] not in (1, n)):
        raise ValueError(f"scale and offset are one float, or one for each of {n} channels")
    return np.ascontiguousarray(np.broadcast_to(array, n))
