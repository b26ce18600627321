# SPDX-License-Identifier: BSD-3-Clause
"""Conversion between the axes of stored arrays and SC(Z)YX, for custom image stacks.

Signatures and messages are those of CAREamics (``careamics.utils.reshape_array`` and
``careamics.dataset.image_stack.image_utils``), so code written for it only needs other imports. Two
deliberate differences: boxes are clipped at the border of the image on all sides, so that negative
coordinates give the right patch with any array library; and indices out of range are errors and
never wrap.

>>> import numpy as np
>>> image = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
>>> transform = AxesTransform("YXC", image.shape)
>>> transform.transformed_shape
(1, 2, 4, 3)
>>> coords, patch_size = (-1, 1), (2, 3)
>>> pixels = image[get_patch_slices("YXC", image.shape, 0, None, coords, patch_size)]
>>> pad_patch(coords, patch_size, transform.transformed_shape, reshape_patch(pixels, "YXC"))
array([[[0., 0., 0.],
        [2., 4., 0.]],
<BLANKLINE>
       [[0., 0., 0.],
        [3., 5., 0.]]], dtype=float32)
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "AxesTransform",
    "channel_slice",
    "get_patch_slices",
    "pad_patch",
    "reshape_array",
    "reshape_patch",
    "restore_array",
    "restore_tile",
]

_ORDER = "STCZYX"
_Scalar = TypeVar("_Scalar", bound=np.generic)


def __dir__() -> list[str]:
    return __all__


def _ordered(axes: str, among: str = _ORDER) -> str:
    """Return the axes that are in ``among``, in the order STCZYX."""
    return "".join(a for a in _ORDER if a in axes and a in among)


def _check_axes(axes: str) -> None:
    unknown = sorted(set(axes) - set(_ORDER))
    if unknown:
        raise ValueError(f"Invalid axis names: {', '.join(unknown)}. Must be from {_ORDER}.")
    if len(set(axes)) != len(axes):
        raise ValueError(f"Duplicate axes in '{axes}'.")
    if "Y" not in axes or "X" not in axes:
        raise ValueError("Axes must contain Y and X.")


@dataclass(frozen=True)
class AxesTransform:
    """Mapping from the axes of an array to SC(Z)YX.

    S and T are merged into S, with S slow and T fast; S and C are added if they are missing; Z is
    kept if it exists.

    Parameters
    ----------
    original_axes : str
        Letters of ``STCZYX``, one for each dimension, with Y and X.
    original_shape : sequence of int
        Size along each of them.

    Examples
    --------
    >>> transform = AxesTransform("TYXS", (3, 64, 48, 2))
    >>> transform.transformed_axes, transform.transformed_shape
    ('SCYX', (6, 1, 64, 48))
    >>> transform.calc_original_S_idx(4), transform.calc_original_T_idx(4)
    (1, 1)
    """

    original_axes: str
    original_shape: Sequence[int]

    def __post_init__(self) -> None:
        """Check that axes and shape fit."""
        _check_axes(self.original_axes)
        if len(self.original_axes) != len(self.original_shape):
            raise ValueError(
                f"Axes '{self.original_axes}' length ({len(self.original_axes)}) does not match shape "
                f"{self.original_shape} length ({len(self.original_shape)})."
            )

    @property
    def sample_dims(self) -> list[str]:
        """The axes that are merged into S, slow before fast."""
        return list(_ordered(self.original_axes, "ST"))

    @property
    def c_added_to_original(self) -> bool:
        """Whether C is missing and added."""
        return "C" not in self.original_axes

    @property
    def original_has_z(self) -> bool:
        """Whether the original axes have Z."""
        return "Z" in self.original_axes

    @property
    def original_dim_sizes(self) -> dict[str, int]:
        """Size along each of the original axes."""
        return dict(zip(self.original_axes, self.original_shape, strict=True))

    @property
    def transformed_axes(self) -> str:
        """``"SCZYX"`` or ``"SCYX"``."""
        return "SCZYX" if self.original_has_z else "SCYX"

    @property
    def transformed_shape(self) -> tuple[int, ...]:
        """Shape along `transformed_axes`."""
        sizes = self.original_dim_sizes
        sizes["S"] = math.prod(sizes[a] for a in self.sample_dims)
        sizes.setdefault("C", 1)
        return tuple(sizes[a] for a in self.transformed_axes)

    @property
    def order_permutation(self) -> list[int]:
        """Permutation from the original axes to the order STCZYX."""
        return [self.original_axes.index(a) for a in _ordered(self.original_axes)]

    def calc_original_T_idx(self, sample_idx: int) -> int:
        """Return the T index of a sample.

        Parameters
        ----------
        sample_idx : int
            Sample in SC(Z)YX; negative ones count from the end.

        Returns
        -------
        int

        Raises
        ------
        IndexError
            If there is no such sample.
        ValueError
            If the original axes have no T.
        """
        return self._calc_original_idx("T", sample_idx)

    def calc_original_S_idx(self, sample_idx: int) -> int:
        """Return the S index of a sample.

        Parameters
        ----------
        sample_idx : int
            Sample in SC(Z)YX; negative ones count from the end.

        Returns
        -------
        int

        Raises
        ------
        IndexError
            If there is no such sample.
        ValueError
            If the original axes have no S.
        """
        return self._calc_original_idx("S", sample_idx)

    def _calc_original_idx(self, axis: str, sample_idx: int) -> int:
        if axis not in self.original_axes:
            raise ValueError(f"No '{axis}' axis specified in original data axes.")
        n_times = self.original_dim_sizes.get("T", 1)
        index = divmod(self._check_sample(sample_idx), n_times)
        return index["ST".index(axis)]

    def _check_sample(self, sample_idx: int) -> int:
        """Return a non-negative index; negative ones count from the end."""
        n = self.transformed_shape[0]
        index = operator.index(sample_idx)
        if not -n <= index < n:
            raise IndexError(f"Sample index {index} out of bounds for S axes with size {n}.")
        return index % n


def reshape_array(array: NDArray[_Scalar], original_axes: str) -> NDArray[_Scalar]:
    """Convert an array to SC(Z)YX.

    Parameters
    ----------
    array : numpy.ndarray
        Array of any axes.
    original_axes : str
        Its axes, for instance ``"YXC"``.

    Returns
    -------
    numpy.ndarray
        SC(Z)YX; a view if NumPy can make one.

    Examples
    --------
    >>> reshape_array(np.zeros((3, 64, 48, 2)), "TYXS").shape
    (6, 1, 64, 48)
    """
    transform = AxesTransform(original_axes, array.shape)
    return array.transpose(transform.order_permutation).reshape(transform.transformed_shape)


def reshape_patch(patch: NDArray[_Scalar], original_axes: str) -> NDArray[_Scalar]:
    """Convert a patch to C(Z)YX.

    Parameters
    ----------
    patch : numpy.ndarray
        Patch with the axes of the image it comes from, but without S and T.
    original_axes : str
        Axes of the image; S and T are ignored.

    Returns
    -------
    numpy.ndarray
        C(Z)YX.

    Examples
    --------
    >>> reshape_patch(np.zeros((8, 8, 2)), "SYXC").shape
    (2, 8, 8)
    """
    without_samples = original_axes.replace("S", "").replace("T", "")
    reshaped: NDArray[_Scalar] = reshape_array(patch, without_samples)[0]
    return reshaped


def get_patch_slices(
    original_axes: str,
    original_shape: Sequence[int],
    sample_idx: int,
    channels: Sequence[int] | None,
    coords: Sequence[int],
    patch_size: Sequence[int],
) -> tuple[slice | int | Sequence[int] | EllipsisType, ...]:
    """Return the index that selects a patch of an array.

    The box is clipped at the border of the image on all sides; `pad_patch` restores the size of the
    patch.

    Parameters
    ----------
    original_axes : str
        Axes of the array.
    original_shape : sequence of int
        Shape of the array.
    sample_idx : int
        Sample in SC(Z)YX: ``s * n_times + t``. Negative ones count from the end.
    channels : sequence of int or None
        Channels; None means all. A list is put into the index unchanged.
    coords : sequence of int
        First corner of the patch, (Z)YX; may lie outside the image.
    patch_size : sequence of int
        Size of the patch, (Z)YX.

    Returns
    -------
    tuple
        An entry for each of the original axes: integers along S and T, a list or
        Ellipsis along C, slices elsewhere.

    Raises
    ------
    IndexError
        If the sample, or a channel counted from the end, does not exist.
    ValueError
        If a channel does not exist, or the lengths of ``coords`` and ``patch_size`` do not fit the
        image.

    Notes
    -----
    A list along C together with an integer has the meaning of h5py and Zarr: each selects along its
    own axis. NumPy moves the axis of the list to the front if a slice lies between the two;
    `microtome.from_array` does not.

    Examples
    --------
    >>> get_patch_slices("TYX", (3, 64, 48), 2, None, (-8, 40), (16, 16))
    (2, slice(0, 8, None), slice(40, 48, None))
    """
    transform = AxesTransform(original_axes, tuple(original_shape))
    spatial_shape = transform.transformed_shape[2:]
    sample = transform._check_sample(sample_idx)
    entries: dict[str, slice | int | Sequence[int] | EllipsisType] = {"C": _channel_entry(channels, transform)}
    for axis in transform.sample_dims:
        entries[axis] = transform._calc_original_idx(axis, sample)
    for axis, (low, high) in zip(transform.transformed_axes[2:], _cut(coords, patch_size, spatial_shape), strict=True):
        entries[axis] = slice(low, high)
    return tuple(entries[axis] for axis in original_axes)


def channel_slice(channels: Sequence[int] | None) -> EllipsisType | Sequence[int]:
    """Return the index entry for C.

    Parameters
    ----------
    channels : sequence of int or None
        Channels; None means all.

    Returns
    -------
    Ellipsis or sequence of int
        Ellipsis for None, else the channels unchanged.

    Raises
    ------
    ValueError
        If the list is empty.
    """
    if channels is None:
        return ...
    if len(channels) == 0:
        raise ValueError("Channel index sequence cannot be empty.")
    return channels


def _channel_entry(channels: Sequence[int] | None, transform: AxesTransform) -> EllipsisType | Sequence[int]:
    entry = channel_slice(channels)
    if channels is None:
        return entry
    n = transform.transformed_shape[1]
    for channel in channels:
        if channel >= n:
            raise ValueError(
                f"Channel index {channel} is out of bounds for data with {n} channels. Check the provided `channels` "
                f"parameter in the configuration for erroneous channel indices."
            )
        if channel < -n:
            raise IndexError(f"Channel index {channel} is out of bounds for data with {n} channels.")
    if transform.c_added_to_original and len(channels) > 1:
        raise ValueError(f"Channels {channels} cannot be repeated where the axes have no C.")
    return entry


def _cut(coords: Sequence[int], patch_size: Sequence[int], shape: Sequence[int]) -> list[tuple[int, int]]:
    """Return start and end of a box along each axis, clipped at the border of the image."""
    if not len(coords) == len(patch_size) == len(shape):
        raise ValueError(
            f"Patch coordinates and patch size must have one value for each of {len(shape)} spatial axes but found "
            f"{len(coords)} ({coords}) and {len(patch_size)} ({patch_size})."
        )
    if any(size < 0 for size in patch_size):
        raise ValueError(f"Patch size {patch_size} is negative.")
    starts = [operator.index(c) for c in coords]
    ends = [c + operator.index(size) for c, size in zip(starts, patch_size, strict=True)]
    return [(min(max(c, 0), n), min(max(e, 0), n)) for c, e, n in zip(starts, ends, shape, strict=True)]


def pad_patch(
    coords: Sequence[int],
    patch_size: Sequence[int],
    data_shape: Sequence[int],
    patch_data: NDArray[np.generic],
) -> NDArray[np.float32]:
    """Pad a clipped patch to its full size with zeros.

    Parameters
    ----------
    coords : sequence of int
        First corner of the patch, (Z)YX; may lie outside the image.
    patch_size : sequence of int
        Size of the patch, (Z)YX.
    data_shape : sequence of int
        Shape of the image, SC(Z)YX.
    patch_data : numpy.ndarray
        The part of the patch inside the image, C(Z)YX.

    Returns
    -------
    numpy.ndarray
        A new float32 array C(Z)YX of the size ``patch_size``.

    Raises
    ------
    ValueError
        If ``patch_data`` does not cover the part inside the image, or does not fit into the patch.

    Examples
    --------
    >>> pad_patch((-1, 0), (2, 3), (1, 1, 5, 2), np.ones((1, 1, 2), np.uint8))
    array([[[0., 0., 0.],
            [1., 1., 0.]]], dtype=float32)
    """
    spatial = patch_data.shape[1:]
    cut = _cut(coords, patch_size, data_shape[2:])
    before = [min(max(-c, 0), size) for c, size in zip(coords, patch_size, strict=True)]
    room = [size - b for b, size in zip(before, patch_size, strict=True)]
    inside = tuple(high - low for low, high in cut)
    if len(spatial) != len(room) or not all(i <= n <= r for i, n, r in zip(inside, spatial, room, strict=True)):
        raise ValueError(
            f"Patch data of shape {tuple(patch_data.shape)} do not cover the part of the patch that lies inside the "
            f"image, {inside}, or do not fit into the patch of size {tuple(patch_size)} at {tuple(coords)}."
        )
    patch = np.zeros((patch_data.shape[0], *patch_size), np.float32)
    patch[(slice(None), *(slice(b, b + n) for b, n in zip(before, spatial, strict=True)))] = patch_data
    return patch


def restore_array(
    array: NDArray[_Scalar],
    original_axes: str,
    original_shape: Sequence[int],
    target_axes: str | None = None,
) -> NDArray[_Scalar]:
    """Convert an array from SC(Z)YX to its original axes, or to others.

    Parameters
    ----------
    array : numpy.ndarray
        SC(Z)YX. The sizes of C and the spatial axes may differ from the original ones, and are kept.
    original_axes : str
        Axes of the original array. For ``"SCTYX"`` and five dimensions, T is the depth.
    original_shape : sequence of int
        Shape of the original array, used to separate S and T.
    target_axes : str, optional
        Axes of the result. Default: the original ones. They may add or drop C, and must be the same
        otherwise, in any order.

    Returns
    -------
    numpy.ndarray
        The array with the axes ``target_axes``.

    Examples
    --------
    >>> restore_array(np.zeros((6, 1, 64, 48)), "TYXS", (3, 64, 48, 2)).shape
    (3, 64, 48, 2)
    """
    if array.ndim not in (4, 5):
        raise ValueError(f"Expected 4D (SCYX) or 5D (SCZYX), got {array.ndim}D.")
    if array.ndim == 5 and original_axes == "SCTYX":
        original_axes = "SCZYX"
        target_axes = None if target_axes == "SCTYX" else target_axes
    return _restore(array, "SCZYX" if array.ndim == 5 else "SCYX", original_axes, original_shape, target_axes)


def restore_tile(
    tile: NDArray[_Scalar],
    original_axes: str,
    original_shape: Sequence[int],
    target_axes: str | None = None,
) -> NDArray[_Scalar]:
    """Convert a tile from C(Z)YX to its original axes, or to others, without S and T.

    Parameters
    ----------
    tile : numpy.ndarray
        C(Z)YX.
    original_axes : str
        Axes of the original array.
    original_shape : sequence of int
        Shape of the original array.
    target_axes : str, optional
        Axes of the array that the tile belongs to. Default: the original ones.

    Returns
    -------
    numpy.ndarray
        The tile with the axes ``target_axes`` without S and T.

    Examples
    --------
    >>> restore_tile(np.zeros((2, 64, 48)), "SYXC", (3, 256, 256, 2)).shape
    (64, 48, 2)
    """
    if tile.ndim not in (3, 4):
        raise ValueError(f"Expected 3D (CYX) or 4D (CZYX), got {tile.ndim}D.")
    return _restore(tile, "CZYX" if tile.ndim == 4 else "CYX", original_axes, original_shape, target_axes)


def _restore(
    array: NDArray[_Scalar],
    current_axes: str,
    original_axes: str,
    original_shape: Sequence[int],
    target_axes: str | None,
) -> NDArray[_Scalar]:
    transform = AxesTransform(original_axes, tuple(original_shape))
    target_axes = target_axes or original_axes
    _check_target(target_axes, original_axes, current_axes)
    sizes = list(array.shape)
    if "S" in current_axes:
        sizes[:1] = [transform.original_dim_sizes[a] for a in transform.sample_dims]
        if array.shape[0] != transform.transformed_shape[0]:
            raise ValueError(
                f"{array.shape[0]} samples cannot be restored to axes {original_axes} of shape {original_shape}."
            )
        current_axes = "".join(transform.sample_dims) + current_axes[1:]
        array = array.reshape(sizes)
    if "C" not in target_axes:
        index = current_axes.index("C")
        if array.shape[index] != 1:
            raise ValueError(
                f"Cannot drop C dimension from shape {array.shape} (index {index}). "
                f"C can only be dropped if it is a singleton dimension."
            )
        array = array.squeeze(index)
        current_axes = current_axes.replace("C", "")
    return array.transpose([current_axes.index(a) for a in target_axes if a in current_axes])


def _check_target(target_axes: str, original_axes: str, current_axes: str) -> None:
    _check_axes(target_axes)
    for kind, among in (("sample", "ST"), ("spatial", "ZYX")):
        if _ordered(target_axes, among) != _ordered(original_axes, among):
            raise ValueError(
                f"`target_axes` must contain the same {kind} axes as `original_axes`. "
                f"Got target_axes {target_axes} and original_axes {original_axes}."
            )
    if ("Z" in original_axes) != ("Z" in current_axes):
        raise ValueError(
            f"Original axes {original_axes} and current axes {current_axes} must both contain Z or neither contain Z."
        )
