# SPDX-License-Identifier: BSD-3-Clause
"""Filters: which regions of an image are worth training on."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ._errors import ImageWarning
from ._open import from_object
from ._progress import show_progress
from ._stack import ImageStack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._picture import Picture
    from ._progress import Progress

    Report = Callable[[int, int], object]

__all__ = ["MaskFilter", "MaxFilter", "MeanStdFilter", "ShannonFilter"]


class PatchFilter:
    """What the filters have in common.

    A region of the grid, ``(size + 1) // patch_size`` of them along each axis, has the first corners
    of patches in one box of ``patch_size`` pixels. A filter judges the window that these patches
    can reach, of twice ``patch_size`` from the corner of the region on. Pixels outside the image
    are 0 there, and so is NaN.
    """

    _name: ClassVar[str]
    _title: ClassVar[str]
    _n_values: ClassVar[int] = 1
    ref_channel: int

    def _options(self) -> tuple[float, float | None, float | None, ImageStack | None, Sequence[int] | None]:
        """Threshold, threshold of the standard deviation, coverage, mask and its factors."""
        raise NotImplementedError

    def _judge(
        self, stack: ImageStack, patch_size: Sequence[int], sample: int, *, wants_values: bool, report: Report | None
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32] | None]:
        """Judge all regions. Called by a public method, whose caller is warned."""
        threshold, std_threshold, coverage, mask, factor = self._options()
        grid = [max((n + 1) // max(p, 1), 1) for n, p in zip(stack.data_shape[2:], patch_size, strict=False)]
        keep = np.empty(grid, np.bool_)
        values = np.empty((self._n_values, *grid), np.float32) if wants_values else None
        _, n_nan = stack._filter(
            self._name,
            patch_size,
            sample,
            threshold,
            std_threshold,
            coverage,
            self.ref_channel,
            mask,
            factor,
            keep.reshape(-1),
            None if values is None else values.reshape(-1),
            report,
        )
        if n_nan:
            text = f"{stack.source}: {n_nan} pixels are NaN; the filter takes them for 0"
            warnings.warn(text, ImageWarning, stacklevel=3)
        return keep, values

    def apply(
        self, stack: ImageStack, patch_size: Sequence[int], sample: int = 0, *, progress: Progress = True
    ) -> NDArray[np.bool_]:
        """Judge all regions of a sample.

        Parameters
        ----------
        stack : ImageStack
            The image. Each pixel is read once, on all threads, in bounded memory.
        patch_size : sequence of int
            Size of the patches to train on, in pixels, (Z)YX.
        sample : int
            Sample index.
        progress : bool or callable
            True shows a bar of tqdm, if tqdm is installed and the call takes more than a second; a
            callable receives the regions done and their total.

        Returns
        -------
        numpy.ndarray
            True for each region of the grid that is kept, False for background.

        Raises
        ------
        microtome.Error
            An option is invalid, or the image cannot be read.

        Warns
        -----
        ImageWarning
            There are NaN pixels, which count as 0.
        """
        with show_progress(progress, self._title, "regions") as report:
            return self._judge(stack, patch_size, sample, wants_values=False, report=report)[0]

    def values(
        self, stack: ImageStack, patch_size: Sequence[int], sample: int = 0, *, progress: Progress = True
    ) -> NDArray[np.float32]:
        """Compute the number that decides about each region.

        `MaxFilter`: the largest threshold that keeps the region; `MeanStdFilter`: mean and standard
        deviation; `ShannonFilter`: the entropy; `MaskFilter`: the share of the window inside the
        mask.

        Parameters
        ----------
        stack, patch_size, sample, progress
            As for `apply`.

        Returns
        -------
        numpy.ndarray
            One number for each region of the grid; for `MeanStdFilter` an array of the means and
            one of the standard deviations.
        """
        with show_progress(progress, self._title, "regions") as report:
            values = self._judge(stack, patch_size, sample, wants_values=True, report=report)[1]
        assert values is not None
        return values if self._n_values > 1 else values[0]

    def map(
        self, stack: ImageStack, patch_size: Sequence[int], sample: int = 0, *, progress: Progress = True
    ) -> NDArray[np.float32]:
        """Paint the numbers of `values` onto the pixels, to choose a threshold by eye.

        A pixel has the largest number of the regions whose patches can reach it: where the map is
        above a threshold, patches are kept.

        Parameters
        ----------
        stack, patch_size, sample, progress
            As for `apply`.

        Returns
        -------
        numpy.ndarray
            As large as the image, (Z)YX; for `MeanStdFilter` preceded by an axis for mean and
            standard deviation.
        """
        values = self.values(stack, patch_size, sample, progress=progress)
        shape = stack.data_shape[2:]
        if self._n_values == 1:
            return _paint(values, patch_size, shape)
        return np.stack([_paint(each, patch_size, shape) for each in values])

    def picture(
        self,
        stack: ImageStack,
        patch_size: Sequence[int],
        sample: int = 0,
        *,
        z: int | None = None,
        max_size: int = 1024,
        progress: Progress = True,
    ) -> Picture:
        """Draw a plane of the image: gray where patches are kept, on green where all are background.

        Parameters
        ----------
        stack, patch_size, sample
            As for `apply`.
        z : int, optional
            Plane. Default: the middle one.
        max_size : int
            Longest side of the picture, in pixels.
        progress : bool or callable
            As for `apply`.

        Returns
        -------
        Picture
            Displayed by notebooks; ``save`` writes it as PNG.
        """
        keep = _spread(self.apply(stack, patch_size, sample, progress=progress))
        channel = 0 if isinstance(self, MaskFilter) else self.ref_channel
        contrast = stack.view(sample, [channel], z=z, max_size=max_size, colors="channels").contrast[0]
        with from_object(_Tinted(stack, sample, channel, keep, patch_size, contrast)) as tinted:
            return tinted.view(z=z, max_size=max_size, contrast=contrast)


def _spread(values: NDArray[Any]) -> NDArray[Any]:
    """Largest value of the regions that reach each cell: region g reaches cells g and g + 1."""
    least = False if values.dtype == np.bool_ else -np.inf
    cells = np.full([n + 1 for n in values.shape], least, values.dtype)
    for corner in itertools.product((0, 1), repeat=values.ndim):
        reached = cells[tuple(slice(c, c + n) for c, n in zip(corner, values.shape, strict=True))]
        np.maximum(reached, values, out=reached)
    return cells


def _paint(values: NDArray[Any], patch_size: Sequence[int], shape: Sequence[int]) -> NDArray[Any]:
    painted = _spread(values)
    for axis, (p, n) in enumerate(zip(patch_size, shape, strict=True)):
        painted = painted.take(np.minimum(np.arange(n) // p, painted.shape[axis] - 1), axis)
    return painted


class _Tinted:
    """A channel of a sample twice, drawn in green and magenta: together gray; where it is dropped, on green."""

    source = "filtered"
    data_dtype = np.dtype(np.float32)

    def __init__(
        self,
        stack: ImageStack,
        sample: int,
        channel: int,
        keep: NDArray[np.bool_],
        patch_size: Sequence[int],
        contrast: tuple[float, float],
    ) -> None:
        self._stack, self._sample, self._channel, self._keep = stack, sample, channel, keep
        self._patch_size, self._black = patch_size, np.float32(contrast[0])
        self._tint = np.float32(0.25 * (contrast[1] - contrast[0]))
        self.original_axes = "CZYX" if stack.ndim == 5 else "CYX"
        self.original_data_shape = (2, *stack.data_shape[2:])
        self.data_shape = (1, *self.original_data_shape)

    def extract_patch(
        self, sample_idx: int, channels: Sequence[int] | None, coords: Sequence[int], patch_size: Sequence[int]
    ) -> NDArray[np.float32]:
        del sample_idx
        pixels = self._stack.extract_patch(self._sample, [self._channel], coords, patch_size)[0]
        axes = zip(coords, patch_size, self._patch_size, self._keep.shape, strict=True)
        keep = self._keep[np.ix_(*(np.minimum(np.arange(c, c + n) // p, last - 1) for c, n, p, last in axes))]
        tinted = self._black + self._tint + np.float32(0.75) * (pixels - self._black)
        both = np.stack([np.where(keep, pixels, tinted), np.where(keep, pixels, self._black)])
        return both if channels is None else both[list(channels)]


@dataclass(frozen=True)
class MaxFilter(PatchFilter):
    """Background are regions with few bright spots: CAREamics' max filter.

    A region is background if the maximum of its window is below the threshold, or if less than the
    share ``coverage`` of the window is above it after a maximum filter of the patch size.

    Attributes
    ----------
    threshold : float
        Compared with pixels as float32.
    coverage : float, optional
        Between 0 and 1. Default: one patch of the window, 1/4 in 2-D and 1/8 in 3-D.
    ref_channel : int
        The channel that is judged.

    Examples
    --------
    >>> import numpy as np, microtome
    >>> image = np.zeros((128, 192), np.uint16)
    >>> image[40, 150] = 500
    >>> microtome.MaxFilter(200).apply(microtome.from_array(image, "YX"), (64, 64))
    array([[False,  True, False],
           [False, False, False]])
    """

    threshold: float
    coverage: float | None = None
    ref_channel: int = 0

    _name = "max"
    _title = "Maximum filter"

    def _options(self) -> tuple[float, None, float | None, None, None]:
        return self.threshold, None, self.coverage, None, None


@dataclass(frozen=True)
class MeanStdFilter(PatchFilter):
    """Background are dark or even regions: CAREamics' mean_std filter.

    A region is background if the mean of its window is below ``mean_threshold``, or the standard
    deviation below ``std_threshold``.

    Attributes
    ----------
    mean_threshold : float
        Not negative.
    std_threshold : float, optional
        Not negative. Default: the standard deviation does not matter.
    ref_channel : int
        The channel that is judged.
    """

    mean_threshold: float
    std_threshold: float | None = None
    ref_channel: int = 0

    _name = "mean_std"
    _title = "Filter by mean and deviation"
    _n_values = 2

    def _options(self) -> tuple[float, float | None, None, None, None]:
        return self.mean_threshold, self.std_threshold, None, None, None


@dataclass(frozen=True)
class ShannonFilter(PatchFilter):
    """Background are regions with little information: CAREamics' shannon filter.

    A region is background if the Shannon entropy of the values in its window, in bits, is below the
    threshold.

    Attributes
    ----------
    threshold : float
        Not negative.
    ref_channel : int
        The channel that is judged.
    """

    threshold: float
    ref_channel: int = 0

    _name = "shannon"
    _title = "Entropy filter"

    def _options(self) -> tuple[float, None, None, None, None]:
        return self.threshold, None, None, None, None


@dataclass(frozen=True)
class MaskFilter(PatchFilter):
    """Background are regions outside a mask: CAREamics' mask filter.

    A region is background if less than the share ``coverage`` of its window is other than 0 in the
    mask.

    Attributes
    ----------
    mask : ImageStack
        With the spatial axes of the image, and one sample, or as many as the image. It may be smaller by
        a whole factor along each axis, such as a level of a pyramid: a pixel of the image then has
        the value of the pixel of the mask above it.
    coverage : float, optional
        Between 0 and 1. Default: one patch of the window, 1/4 in 2-D and 1/8 in 3-D.
    ref_channel : int
        The channel of the mask.
    factor : sequence of int, optional
        Size of a pixel of the mask, in pixels of the image, (Z)YX. Needed only if the sizes allow
        several factors; then the filter raises ArgumentError without it.
    """

    mask: ImageStack
    coverage: float | None = None
    ref_channel: int = 0
    factor: Sequence[int] | None = None

    _name = "mask"
    _title = "Mask filter"

    def _options(self) -> tuple[float, None, float | None, ImageStack, Sequence[int] | None]:
        return 0.0, None, self.coverage, self.mask, self.factor
