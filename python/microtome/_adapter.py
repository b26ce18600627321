# SPDX-License-Identifier: BSD-3-Clause
"""Image stack over an array of another library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .axes import AxesTransform, get_patch_slices, pad_patch, reshape_patch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ArrayStack"]


class ArrayStack:
    """An image stack over any object that has a shape and a dtype and can be sliced like NumPy.

    For arrays that another library reads from outside memory: h5py, zarr, dask, tensorstore. Each
    patch is one slice of the array, or one slice per channel if channels are given. Implements the
    ImageStack protocol; `from_object` makes it a native stack.

    Parameters
    ----------
    array : object
        Has ``shape`` and ``dtype``; slices must convert with `numpy.asarray`.
    axes : str
        Letters of ``STCZYX``, one for each dimension.
    source : str, optional
        Names the image; travels with its predictions.
    parallel : bool
        Whether the array may be sliced from any thread, and from several at once. Then
        `from_object` distributes the patches of a batch over threads.

    Examples
    --------
    >>> import microtome, numpy as np
    >>> volume = np.ones((20, 64, 64))  # or h5py.File("volume.h5")["raw"]
    >>> stack = microtome.from_object(microtome.ArrayStack(volume, "ZYX"))
    >>> float(stack.extract_patch(0, None, (18, 0, 0), (4, 2, 2)).sum())
    8.0
    """

    def __init__(self, array: Any, axes: str, source: str | None = None, *, parallel: bool = False) -> None:
        if not (hasattr(array, "shape") and hasattr(array, "dtype")):
            raise TypeError(f"array must have shape and dtype, not be of type {type(array).__name__!r}")
        if not isinstance(axes, str):
            raise TypeError(f"axes must be a string, not {axes!r}")
        self._array = array
        self.parallel = parallel
        self.source = source if source is not None else str(getattr(array, "name", None) or "array")
        self.original_axes = axes
        self.original_data_shape: tuple[int, ...] = tuple(array.shape)
        self.data_shape: tuple[int, ...] = AxesTransform(axes, self.original_data_shape).transformed_shape

    @property
    def data_dtype(self) -> np.dtype[Any]:
        """Element type of the array."""
        dtype = self._array.dtype
        numpy_dtype: np.dtype[Any] = np.dtype(getattr(dtype, "numpy_dtype", dtype))  # tensorstore wraps dtypes
        return numpy_dtype

    def extract_patch(
        self,
        sample_idx: int,
        channels: Sequence[int] | None,
        coords: Sequence[int],
        patch_size: Sequence[int],
    ) -> NDArray[np.float32]:
        """Extract a patch, with zeros outside the image.

        Parameters
        ----------
        sample_idx : int
            Sample index in SC(Z)YX.
        channels : sequence of int or None
            Channels in any order, repetitions allowed; None means all.
        coords : sequence of int
            First corner in pixels, (Z)YX; may lie outside the image.
        patch_size : sequence of int
            Size in pixels, (Z)YX.

        Returns
        -------
        numpy.ndarray
            The patch as float32, C(Z)YX.

        Raises
        ------
        IndexError
            If the sample does not exist.
        ValueError
            If a channel does not exist, or ``coords`` or ``patch_size`` do not fit.

        Notes
        -----
        As thread-safe as slicing the array.
        """
        where = (coords, patch_size)
        if channels is None:
            patch = self._read(sample_idx, None, *where)
        else:
            if len(channels) == 0:
                raise ValueError("Channel index sequence cannot be empty.")
            distinct = sorted(set(channels))
            pieces = [self._read(sample_idx, channel, *where) for channel in distinct]
            patch = np.concatenate(pieces)[[distinct.index(channel) for channel in channels]]
        return pad_patch(coords, patch_size, self.data_shape, patch)

    def _read(self, sample_idx: int, channel: int | None, coords: Sequence[int], size: Sequence[int]) -> NDArray[Any]:
        channels = None if channel is None else [channel]
        index = get_patch_slices(self.original_axes, self.original_data_shape, sample_idx, channels, coords, size)
        if channel is not None and "C" in self.original_axes:  # libraries differ in indexing with lists
            at, c = self.original_axes.index("C"), channel % self.data_shape[1]
            index = (*index[:at], slice(c, c + 1), *index[at + 1 :])
        return reshape_patch(np.asarray(self._array[index]), self.original_axes)
