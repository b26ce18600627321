# SPDX-License-Identifier: BSD-3-Clause
"""Patching strategies: which patches an epoch has."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex, TypeVar

import numpy as np

from . import _core
from ._arguments import names_arguments
from ._batch import one_each
from ._errors import ArgumentError
from ._open import ImageStackProtocol, native_stacks
from ._progress import show_progress
from ._stack import ImageStack

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ._filters import PatchFilter
    from ._progress import Progress

    Stacks = ImageStack | ImageStackProtocol | Iterable[ImageStack | ImageStackProtocol]

__all__ = [
    "Coords",
    "FixedRandom",
    "PatchSpec",
    "Patching",
    "Random",
    "RegionGrid",
    "Sequential",
    "Stratified",
    "Tiled",
    "Whole",
]

_ROW = 18  # numbers of a spec, see python/src/patching.c
_CHUNK = 4096  # specs that iteration computes at once

_P = TypeVar("_P", bound="Patching")


class PatchSpec(NamedTuple):
    """A patch of a patching strategy.

    Sizes and coordinates are in pixels, (Z)YX.
    """

    stack: int
    """Index of the stack."""
    sample: int
    """Index of the sample."""
    coords: tuple[int, ...]
    """First corner."""
    patch_size: tuple[int, ...]
    """Size along each axis."""
    crop_coords: tuple[int, ...] = ()
    """Of a tile, the part that is kept, relative to ``coords``; of other patches, 0."""
    crop_size: tuple[int, ...] = ()
    """Size of that part; of other patches, ``patch_size``."""
    stitch_coords: tuple[int, ...] = ()
    """Its place in the image; of other patches, ``coords``."""
    total_tiles: int = 0
    """Number of tiles of the stack, all samples; 0 if the patch is not a tile."""


class RegionGrid(NamedTuple):
    """The regions of stratified patching in one sample.

    Region ``k`` of the grid has the first corners from ``k * patch_size`` to below
    ``(k + 1) * patch_size`` at which patches lie in the image.
    """

    n_patches: int
    """Patches of the sample in an epoch. Each is drawn from one bin."""
    bin_size: float
    """Area that a bin holds."""
    areas: NDArray[np.int64]
    """Number of corners of each region, without those of excluded patches."""
    probabilities: NDArray[np.float64]
    """Part of its bin that each region takes: area times weight over bin size."""
    bins: NDArray[np.uint64]
    """Bin of each region: the patch that is drawn from it, counted from 0 in the sample."""


def _to_rows(specs: Iterable[PatchSpec | Sequence[Any]], ndim: int) -> NDArray[np.int64]:
    """Convert specs, or tuples of their first four fields, to the rows that _core takes."""
    given = [PatchSpec(*spec) for spec in specs]
    rows = np.zeros((len(given), _ROW), np.int64)
    for row, spec in zip(rows, given, strict=True):
        row[0], row[1], row[-1] = spec.stack, spec.sample, spec.total_tiles
        for i, field in enumerate(spec[2:7]):
            values = np.asarray(field)
            if values.size and values.dtype.kind not in "iu":
                raise TypeError(f"coordinates and sizes of patches must be integers, not {values.dtype}")
            if values.shape != (ndim,) and (i < 2 or spec.total_tiles):
                raise ValueError(f"a patch has {ndim} coordinates and sizes, not {tuple(field)}")
            row[2 + 3 * i : 2 + 3 * i + values.size] = values
    return rows


class Patching(_core.Patching):
    """The patches of an epoch, over any number of image stacks.

    The base of `Random`, `FixedRandom`, `Stratified`, `Sequential`, `Tiled`, `Whole` and `Coords`.
    Patch ``i`` of epoch ``e`` depends on nothing but the seed, ``e`` and ``i``: it is the same in any
    thread or process, and in any order. ``len`` is the number of patches of an epoch; indexing and
    iteration give those of epoch 0, `spec` those of any epoch. Pickles, with its stacks.
    """

    _recipe: tuple[Any, ...]

    def _make(
        self,
        strategy: str,
        stacks: Stacks,
        patch_size: Sequence[int] | None = None,
        overlap: int | Sequence[int] | None = None,
        seed: int = 0,
        pad: bool = False,
        specs: NDArray[np.int64] | None = None,
    ) -> None:
        native = native_stacks(stacks)
        overlaps = (overlap,) * len(patch_size or ()) if isinstance(overlap, SupportsIndex) else overlap
        self._start(native, strategy, patch_size, overlaps, seed, pad, specs)
        self._recipe = (strategy, native, patch_size, overlap, seed, pad, specs)
        self._weights: dict[tuple[int, int], NDArray[np.float64]] = {}  # by stack and sample
        self._excluded: list[NDArray[np.int64]] = []

    @property
    def _ndim(self) -> int:
        return len(self.stacks[0].data_shape) - 2

    def __len__(self) -> int:
        return self._count()

    def specs(self, indices: Iterable[int], epoch: int = 0) -> list[PatchSpec]:
        """Compute patches of an epoch.

        Parameters
        ----------
        indices : iterable of int
            Their numbers, from 0.
        epoch : int
            The epoch.

        Returns
        -------
        list of PatchSpec
            In the order of the indices.

        Raises
        ------
        RangeError
            There is no such patch; also an IndexError.
        """
        numbers = list(indices)
        rows = np.empty((len(numbers), _ROW), np.int64)
        self._rows(one_each(numbers, "indices", len(numbers)), epoch, rows)
        return [_from_row(row, self._ndim) for row in rows.tolist()]

    def spec(self, index: int, epoch: int = 0) -> PatchSpec:
        """Compute a patch of an epoch.

        Parameters
        ----------
        index : int
            Its number, from 0.
        epoch : int
            The epoch.

        Returns
        -------
        PatchSpec
            Where it is cut.

        Raises
        ------
        RangeError
            There is no such patch; also an IndexError.
        """
        return self.specs((index,), epoch)[0]

    def __getitem__(self, index: SupportsIndex) -> PatchSpec:
        """Patch of epoch 0; a negative index counts from the end."""
        i = operator.index(index)
        return self.spec(i + len(self) if i < 0 else i)

    def __iter__(self) -> Iterator[PatchSpec]:
        for begin in range(0, len(self), _CHUNK):
            yield from self.specs(range(begin, min(begin + _CHUNK, len(self))))

    def __repr__(self) -> str:
        name, n = type(self).__name__, len(self.stacks)
        return (
            f"<microtome.{name}, {len(self)} patch{'' if len(self) == 1 else 'es'} of {n} stack{'' if n == 1 else 's'}>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self._recipe, self._weights, self._excluded)


def _from_row(row: list[int], ndim: int) -> PatchSpec:
    coords, size, crop_coords, crop_size, stitch_coords = (tuple(row[i : i + ndim]) for i in range(2, 17, 3))
    return PatchSpec(row[0], row[1], coords, size, crop_coords, crop_size, stitch_coords, row[17])


def _restore(
    cls: type[_P],
    recipe: tuple[Any, ...],
    weights: dict[tuple[int, int], NDArray[np.float64]],
    excluded: list[NDArray[np.int64]],
) -> _P:
    patching = cls.__new__(cls)
    Patching._make(patching, *recipe)
    for place, array in weights.items():
        patching._weigh(*place, array)
    for rows in excluded:
        patching._exclude(rows)
    patching._weights, patching._excluded = dict(weights), list(excluded)
    return patching


class Random(Patching):
    """Patches at random corners, new ones in each epoch; as many as it takes to cover each sample.

    All corners are equally likely. In an epoch, some pixels are in no patch and others in several;
    `Stratified` spreads its patches more evenly.

    Parameters
    ----------
    stacks : image stack, or iterable of them
        Objects with the ImageStack protocol are allowed.
    patch_size : sequence of int
        (Z)YX in pixels.
    seed : int
        Of the random numbers, from 0 to 2**64 - 1.
    pad : bool
        Accept images smaller than a patch; patches then reach outside.

    Examples
    --------
    >>> import numpy as np, microtome
    >>> stack = microtome.from_array(np.zeros((100, 200)), "YX")
    >>> patching = microtome.Random([stack], (64, 64), seed=42)
    >>> len(patching)
    8
    >>> patching.spec(3, epoch=1) == patching.spec(3, epoch=2)
    False
    """

    @names_arguments()
    def __init__(self, stacks: Stacks, patch_size: Sequence[int], *, seed: int = 0, pad: bool = False) -> None:
        self._make("random", stacks, patch_size, seed=seed, pad=pad)


class FixedRandom(Patching):
    """The patches of epoch 0 of `Random`, in every epoch.

    Parameters
    ----------
    stacks : image stack, or iterable of them
        Objects with the ImageStack protocol are allowed.
    patch_size : sequence of int
        (Z)YX in pixels.
    seed : int
        Of the random numbers, from 0 to 2**64 - 1.
    pad : bool
        Accept images smaller than a patch; patches then reach outside.
    """

    @names_arguments()
    def __init__(self, stacks: Stacks, patch_size: Sequence[int], *, seed: int = 0, pad: bool = False) -> None:
        self._make("fixed_random", stacks, patch_size, seed=seed, pad=pad)


class Sequential(Patching):
    """Patches on a grid, the same in each epoch. The last one along an axis is moved inside the image.

    Parameters
    ----------
    stacks : image stack, or iterable of them
        Objects with the ImageStack protocol are allowed.
    patch_size : sequence of int
        (Z)YX in pixels.
    overlap : int or sequence of int
        Pixels that neighbours share.
    pad : bool
        Accept images smaller than a patch; patches then reach outside.
    """

    @names_arguments()
    def __init__(
        self, stacks: Stacks, patch_size: Sequence[int], *, overlap: int | Sequence[int] = 0, pad: bool = False
    ) -> None:
        self._make("sequential", stacks, patch_size, overlap, pad=pad)


class Tiled(Patching):
    """Overlapping tiles for prediction: ``crop_coords`` and ``crop_size`` say which part of a tile is kept.

    These parts cover each pixel exactly once. They meet in the middle of the overlap, so every kept pixel,
    unless it is near the border of the image, is at least half the overlap away from the border of its tile.
    Tiles reach outside images that are smaller.

    Parameters
    ----------
    stacks : image stack, or iterable of them
        Objects with the ImageStack protocol are allowed.
    patch_size : sequence of int
        (Z)YX in pixels.
    overlap : int or sequence of int
        Pixels that neighbours share: an even number.

    Examples
    --------
    >>> import numpy as np, microtome
    >>> stack = microtome.from_array(np.zeros((64, 113)), "YX")
    >>> [(t.coords[1], t.crop_coords[1], t.crop_size[1]) for t in microtome.Tiled([stack], (64, 64), overlap=16)]
    [(0, 0, 56), (48, 8, 48), (49, 55, 9)]
    """

    @names_arguments()
    def __init__(self, stacks: Stacks, patch_size: Sequence[int], *, overlap: int | Sequence[int] = 0) -> None:
        self._make("tiled", stacks, patch_size, overlap)


class Whole(Patching):
    """One patch for each sample: all of it.

    Parameters
    ----------
    stacks : image stack, or iterable of them
        Objects with the ImageStack protocol are allowed.
    """

    @names_arguments()
    def __init__(self, stacks: Stacks) -> None:
        self._make("whole", stacks)


class Coords(Patching):
    """Given patches, the same in each epoch.

    Parameters
    ----------
    stacks : image stack, or iterable of them
        Objects with the ImageStack protocol are allowed.
    specs : iterable of PatchSpec, or of tuples
        The patches: stack, sample, coords and patch size of each.
    pad : bool
        Accept patches that reach outside the image.

    Examples
    --------
    >>> import numpy as np, microtome
    >>> stack = microtome.from_array(np.zeros((100, 200)), "YX")
    >>> microtome.Coords([stack], [(0, 0, (10, 20), (64, 64))])[0].coords
    (10, 20)
    """

    @names_arguments()
    def __init__(self, stacks: Stacks, specs: Iterable[PatchSpec | Sequence[Any]], *, pad: bool = False) -> None:
        native = native_stacks(stacks)
        ndim = len(native[0].data_shape) - 2 if native else 2
        self._make("coords", native, specs=_to_rows(specs, ndim), pad=pad)


class Stratified(Patching):
    """Random patches that are spread evenly over each image: for training.

    A grid with a step of one patch lies over each sample. An epoch has about one patch with its first
    corner in each region of the grid, at a new random place in each epoch. All possible corners are
    equally likely. On average a pixel is in one patch an epoch: in more inside the image, in fewer near
    its border.

    Parameters
    ----------
    stacks : image stack, or iterable of them
        Objects with the ImageStack protocol are allowed.
    patch_size : sequence of int
        (Z)YX in pixels.
    seed : int
        Of the random numbers, from 0 to 2**64 - 1.
    pad : bool
        Accept images smaller than a patch; patches then reach outside.

    Notes
    -----
    `weigh`, `downweight`, `exclude` and `split` change the patching. Once a `Loader` uses it, they raise ArgumentError.

    Examples
    --------
    >>> import numpy as np, microtome
    >>> stack = microtome.from_array(np.zeros((256, 256)), "YX")
    >>> patching = microtome.Stratified([stack], (64, 64), seed=7)
    >>> train, val = patching.split(n_val=4)
    >>> len(train), len(val)
    (12, 4)
    """

    @names_arguments()
    def __init__(self, stacks: Stacks, patch_size: Sequence[int], *, seed: int = 0, pad: bool = False) -> None:
        self._make("stratified", stacks, patch_size, seed=seed, pad=pad)

    @property
    def _patch_size(self) -> tuple[int, ...]:
        return tuple(self._recipe[2])

    def grid(self, stack: int = 0, sample: int = 0) -> RegionGrid:
        """Describe the regions of a sample.

        Parameters
        ----------
        stack : int
            Index of the stack.
        sample : int
            Index of the sample.

        Returns
        -------
        RegionGrid
            Its arrays have one element for each region, along (Z)YX.
        """
        shape, n_patches, bin_size = self._grid(stack, sample)
        areas, bins = np.empty(shape, np.int64), np.empty(shape, np.uint64)
        probabilities = np.empty(shape, np.float64)
        self._regions(stack, sample, areas, probabilities, bins)
        return RegionGrid(n_patches, bin_size, areas, probabilities, bins)

    def weigh(self, weights: ArrayLike, stack: int = 0, sample: int = 0) -> None:
        """Set how often the regions of a sample are drawn from.

        Parameters
        ----------
        weights : array of numbers from 0 to 1
            One for each region, in the shape of the arrays of `grid`: on average, an epoch has that fraction of
            the patches of the region. 0 is never drawn from. Patches reach from their region into the next ones.
        stack : int
            Index of the stack.
        sample : int
            Index of the sample.
        """
        shape, _, _ = self._grid(stack, sample)
        array = np.array(weights, np.float64, order="C")
        if array.shape != shape:
            raise ValueError(f"weights must have the shape of the grid, {shape}, not {array.shape}")
        self._weigh(stack, sample, array)
        self._weights[operator.index(stack), operator.index(sample)] = array

    def downweight(
        self, filters: PatchFilter | Sequence[PatchFilter], probability: float = 0.1, *, progress: Progress = True
    ) -> int:
        """Draw less often from regions that a filter calls background.

        Weights of other regions stay as they are, so that several filters can be applied one after the other.

        Parameters
        ----------
        filters : MaxFilter, MeanStdFilter, ShannonFilter or MaskFilter, or a sequence of them
            One for all stacks, or one for each stack, such as masks.
        probability : float
            The weight of background, from 0 to 1: on average, an epoch has that fraction of its patches. 0 is never
            drawn from.
        progress : bool or callable
            True shows a bar of tqdm, if tqdm is installed and the call takes more than a second; a callable receives
            the samples done and their total.

        Returns
        -------
        int
            The number of background regions, of all samples.

        Raises
        ------
        microtome.Error
            An option is invalid, or an image cannot be read. Nothing has changed then.

        Warns
        -----
        ImageWarning
            There are NaN pixels, which count as 0.

        Examples
        --------
        >>> import numpy as np, microtome
        >>> image = np.zeros((256, 256), np.uint16)
        >>> image[100:200, 100:200] = 500
        >>> patching = microtome.Stratified([microtome.from_array(image, "YX")], (64, 64))
        >>> patching.downweight(microtome.MaxFilter(200), probability=0.1), len(patching)
        (7, 10)
        """
        each = list(filters) if isinstance(filters, Sequence) else [filters] * len(self.stacks)
        if len(each) != len(self.stacks):
            raise ArgumentError(f"{len(each)} filters for {len(self.stacks)} stacks")
        for entry in each:
            if not hasattr(entry, "_judge"):
                raise TypeError(f"filters are patch filters, such as microtome.MaxFilter(120), not {entry!r}")
        if not 0 <= probability <= 1:
            raise ArgumentError(f"a probability of {probability} is not between 0 and 1")
        self._exclude(_to_rows((), self._ndim))  # fails, before the images are read, if nothing can be changed
        samples = [(k, s) for k, stack in enumerate(self.stacks) for s in range(stack.data_shape[0])]
        weights: dict[tuple[int, int], NDArray[np.float64] | float] = dict(self._weights)
        n_background = 0
        with show_progress(progress, "Filter", "samples") as report:
            for done, (k, s) in enumerate(samples):
                keep, _ = each[k]._judge(self.stacks[k], self._recipe[2], s, wants_values=False, report=None)
                weights[k, s] = np.where(keep, weights.get((k, s), 1.0), probability)
                n_background += keep.size - int(np.count_nonzero(keep))
                if report:
                    report(done + 1, len(samples))
        for k, s in samples:
            self.weigh(weights[k, s], k, s)
        return n_background

    def exclude(self, specs: Iterable[PatchSpec | Sequence[Any]]) -> None:
        """Exclude boxes: no patch will touch them.

        Parameters
        ----------
        specs : iterable of PatchSpec, or of tuples
            The boxes: stack, sample, coords and size of each. All cells of the grid (patches at multiples of the patch size) that a box overlaps are
            excluded; of the boxes, what lies outside the image is ignored.
        """
        rows = _to_rows(specs, self._ndim)
        self._exclude(rows)
        self._excluded.append(rows)

    def split(self, n_val: int = 8, seed: int | None = None) -> tuple[Stratified, Coords]:
        """Take patches out for validation, which training never touches.

        Parameters
        ----------
        n_val : int
            Number of validation patches. They are cells of the grid (patches at multiples of the patch size) that
            lie in the image, chosen at random, from each sample in proportion to its patches.
        seed : int, optional
            Of the choice. Default: that of the patching.

        Returns
        -------
        Stratified
            This patching, which now excludes the validation patches.
        Coords
            The validation patches, the same in each epoch.

        Raises
        ------
        ArgumentError
            There are not enough patches.
        """
        validation = Coords.__new__(Coords)
        self._split(n_val, seed, validation)
        rows = np.empty((len(validation), _ROW), np.int64)
        validation._rows(np.arange(len(rows)), 0, rows)
        validation._recipe = ("coords", self.stacks, None, None, 0, False, rows)
        validation._weights, validation._excluded = {}, []
        self._excluded.append(rows)
        return self, validation
