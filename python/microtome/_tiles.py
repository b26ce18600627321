# SPDX-License-Identifier: BSD-3-Clause
"""The tiles of an image, as batches for a network."""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, TypeAlias

import numpy as np

from . import _core
from ._arguments import names_arguments
from ._errors import ArgumentError
from ._loader_options import Options, count
from ._open import native_stacks
from ._open import open as open_image
from ._patching import Patching, PatchSpec
from ._writer_options import parse_bytes

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from ._batch import Channels
    from ._context import ContextLike
    from ._loader_options import Normalization
    from ._open import ImageStackProtocol, Path
    from ._stack import ImageStack

    Source: TypeAlias = Path | ImageStack | ImageStackProtocol

__all__ = ["Overlap", "Pad", "Tile", "TileBatch", "Tiles", "open_source"]

Tile: TypeAlias = "int | str | Sequence[int | None] | None"
Overlap: TypeAlias = "int | str | Sequence[int] | None"
Pad: TypeAlias = Literal["zero", "mean", "reflect"]

_PADS = ("zero", "mean", "reflect")


class TileBatch:
    """Tiles that a network sees at once; made by `Tiles.batches`."""

    def __init__(self, core: _core.Batch, tiling: Tiling, is_planar: bool, first: int) -> None:
        self._core, self._tiling, self.first = core, tiling, first
        data = np.asarray(core.array(0))
        self.data: NDArray[Any] = data[:, :, 0] if is_planar else data
        """Pixels: tile, C, (Z), Y, X; without Z if the tiles are planes."""

    first: int
    """Number of the first tile."""

    def __len__(self) -> int:
        return self._core.n

    @property
    def specs(self) -> list[PatchSpec]:
        """Where each tile lies, and which part of it is kept."""
        return self._tiling.specs(range(self.first, self.first + len(self)))

    def __repr__(self) -> str:
        return f"<microtome.TileBatch, {len(self)} tiles from {self.first}: {' x '.join(map(str, self.data.shape))}>"


class Tiling(Patching, _core.Tiling):
    """The tiles of one image. Its samples follow one another; in each, tiles come in row-major order."""

    def __init__(
        self,
        stack: ImageStack,
        n_spatial: int,
        tile: tuple[int, ...] | None,
        overlap: tuple[int, ...] | None,
        align: int = 1,
        tile_bytes: int = 0,
        batch_size: int = 1,
    ) -> None:
        self._arguments = (stack, n_spatial, tile, overlap, align, tile_bytes, batch_size)
        self._start_tiles((stack,), n_spatial, tile, overlap, align, tile_bytes, batch_size)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments


class Tiles:
    """The tiles that cover an image, as batches for a network.

    Neighbours share ``overlap`` pixels. The crop of a tile is the part that is kept: it ends in the middle of each
    overlap, so that the crops of all tiles are a partition of the image. The last tile along an axis is moved back to
    end at the border; a tile that is larger than the image is padded. `predict` does all that follows; this class is
    for those who loop themselves.

    Parameters
    ----------
    source : path-like or ImageStack
        The image.
    tile : int, str or sequence of int, optional
        Size of a tile along (Z)YX, with None or -1 for a whole axis; an int along all of them. Two sizes for an image
        with Z: the tiles of each plane, for 2-D networks; batches then lack Z. A number of bytes, such as ``"64 MiB"``:
        the largest tiles, with equal sides that are multiples of 32, of which a batch of float32 fits into them; what
        a network needs is a multiple of its input. Default: the whole image.
    overlap : int, str or sequence of int, optional
        Pixels that neighbours share along each axis, an even number: twice the halo. Or a fraction of the tile, such as
        ``"25%"``. Required unless one tile is the whole image; one number for all axes leaves out whole axes.
    halo : int or sequence of int, optional
        Half of the overlap instead: the pixels around a crop that a network needs to see.
    batch_size : int
        Tiles in a batch.
    normalize : (mean, std) or `Normalization`, optional
        Pixels become ``(value - subtract) / divide`` in float32.
    pad : {"zero", "mean", "reflect"}
        Pixels outside the image: 0 before normalization, the mean that is subtracted (0 after it), or reflected pixels.
    dtype : {"float32", "source"} or dtype-like
        "source": the type of the pixels as stored, without normalization.
    align : int
        First corners and borders of crops are multiples of this, for networks that reduce by such a factor; ``tile``
        and half the overlap must be multiples, too. The last tile may then reach beyond the image.
    channels : sequence of int or str, optional
        Channels of the input, by number or name. Default: all.
    missing : {"error", "fill"}
        An image with missing files or frames is refused, or has the fill value there.
    context : Context, optional
        Threads, cache and limits, if the source is a path.

    Raises
    ------
    ArgumentError
        The sizes do not fit the image or each other; also a ValueError.

    Examples
    --------
    >>> import numpy as np, microtome
    >>> stack = microtome.from_array(np.zeros((100, 150), np.uint8), "YX")
    >>> tiles = microtome.Tiles(stack, tile=(64, 64), overlap=16, batch_size=4)
    >>> len(tiles), tiles.counts
    (6, (2, 3))
    >>> [batch.data.shape for batch in tiles.batches()]
    [(4, 1, 64, 64), (2, 1, 64, 64)]
    >>> tiles.specs([1])[0].stitch_coords
    (0, 56)
    """

    @names_arguments()
    def __init__(
        self,
        source: Source,
        *,
        tile: Tile = None,
        overlap: Overlap = None,
        halo: int | Sequence[int] | None = None,
        batch_size: int = 1,
        normalize: Normalization | None = None,
        pad: Pad = "zero",
        dtype: Literal["float32", "source"] | DTypeLike = "float32",
        align: int = 1,
        channels: Channels = None,
        missing: Literal["error", "fill"] = "error",
        context: ContextLike | None = None,
    ) -> None:
        self._stack = open_source(source, context)
        self.batch_size = _count_tiles(batch_size, "batch_size")
        self._tiling = _make_tiling(self._stack, tile, overlap, halo, align, self.batch_size)
        (self.is_planar, self.n_samples, self._shape, self._tile, self._overlap, self.align, self._counts) = (
            self._tiling._info()
        )
        self._options = _loader_options(normalize, pad, dtype, channels, missing)
        self._pad_after = _check_pad(pad, normalize)
        self._core(self.batch_size).close()  # options that do not fit are refused here

    batch_size: int
    """Tiles in a batch."""
    is_planar: bool
    """The tiles are parts of planes of an image with Z."""
    n_samples: int
    """Samples of the image, each of which is covered."""
    align: int
    """What the corners of tiles are multiples of."""

    def _sizes(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        return sizes[1:] if self.is_planar else sizes

    @property
    def stack(self) -> ImageStack:
        """The image."""
        return self._stack

    @property
    def tile(self) -> tuple[int, ...]:
        """Size of a tile, along (Z)YX."""
        return self._sizes(self._tile)

    @property
    def overlap(self) -> tuple[int, ...]:
        """Pixels that neighbours share, along (Z)YX."""
        return self._sizes(self._overlap)

    @property
    def counts(self) -> tuple[int, ...]:
        """Tiles of a sample along (Z)YX; of tiles of planes the first is that of planes."""
        return self._counts

    @property
    def n_channels(self) -> int:
        """Channels of the input."""
        numbers = self._options.channels
        return self._stack.data_shape[1] if numbers is None else len(self._stack._find_channels(numbers))

    def __len__(self) -> int:
        """Count the tiles of all samples."""
        return len(self._tiling)

    def specs(self, numbers: Sequence[int] | range | None = None) -> list[PatchSpec]:
        """Describe tiles.

        Parameters
        ----------
        numbers : sequence of int, optional
            Their numbers, from 0. Default: all.

        Returns
        -------
        list of PatchSpec
            In the order of the numbers.
        """
        return self._tiling.specs(range(len(self)) if numbers is None else numbers)

    def batches(self, size: int | None = None, skip: Callable[[PatchSpec], bool] | None = None) -> Iterator[TileBatch]:
        """Read the tiles in order, ahead of time.

        Batch ``b`` has the tiles from ``b * size`` on; the last one may be smaller.

        Parameters
        ----------
        size : int, optional
            Tiles in a batch. Default: ``batch_size``.
        skip : callable, optional
            Gets the spec of a tile and tells that it is not needed. A batch is left out if none of its tiles is needed.

        Yields
        ------
        TileBatch
            Its memory is its own.
        """
        size = self.batch_size if size is None else _count_tiles(size, "size")
        n = -(-len(self) // size)

        def needed(batch: int) -> int:
            while batch < n and skip and all(map(skip, self._specs_of(batch, size))):
                batch += 1
            return batch

        return self._read(size, needed)

    def _specs_of(self, batch: int, size: int) -> list[PatchSpec]:
        return self.specs(range(batch * size, min((batch + 1) * size, len(self))))

    def _read(
        self, size: int, find: Callable[[int], int], buffers: Callable[[int], Any] | None = None
    ) -> Generator[TileBatch, None, None]:
        """Yield the batches that ``find`` finds: it returns the first one that is needed from a number on."""
        n, at = -(-len(self) // size), 0
        batch = find(0)
        loader = self._core(size, buffers) if batch < n else None
        try:
            while loader is not None and batch < n:
                if batch != at:
                    loader.seek(0, batch)
                core = loader.next()
                if core is None:
                    raise RuntimeError("the loader has ended before the tiles")
                yield TileBatch(core, self._tiling, self.is_planar, batch * size)
                at = batch + 1
                batch = find(at)
        finally:
            if loader is not None:
                loader.close()

    def _first(self, size: int) -> TileBatch:
        """Read the first tiles."""
        core = self._core(size)
        try:
            numbers = np.arange(min(size, len(self)), dtype=np.uint64)
            return TileBatch(core.read(0, numbers), self._tiling, self.is_planar, 0)
        finally:
            core.close()

    def _core(self, size: int, buffers: Callable[[int], Any] | None = None) -> _core.Loader:
        arguments = list(self._options._replace(batch_size=size).to_core(self._tiling, (), buffers))
        if self._pad_after:
            arguments[1] = tuple((*array, False) for array in arguments[1])
        return _core.Loader(*arguments)

    def __repr__(self) -> str:
        sizes, shared = (" x ".join(map(str, numbers)) for numbers in (self.tile, self.overlap))
        return f"<microtome.Tiles, {len(self)} of {sizes} that share {shared}, of {self._stack.source}>"


def open_source(source: Any, context: ContextLike | None) -> ImageStack:
    """Open a path, or take an image stack of microtome or of one's own."""
    if isinstance(source, str | bytes | os.PathLike):
        return open_image(source, context=context)
    (stack,) = native_stacks(source)
    return stack


def _loader_options(normalize: Any, pad: str, dtype: Any, channels: Channels, missing: str) -> Options:
    return Options(
        batch_size=1,
        seed=0,
        normalize=normalize,
        normalize_target=None,
        channels=channels,
        target_channels=None,
        augment=None,
        dtype=dtype,
        padding="reflect" if pad == "reflect" else 0.0,
        uneven="short",
        shuffle=False,
        window=None,
        block=None,
        rank=0,
        world_size=1,
        locality=None,
        prefetch=None,
        prefetch_bytes=None,
        on_corrupt="raise",
        missing=missing,
        noise=None,
    )


def _check_pad(pad: str, normalize: Any) -> bool:
    """Tell whether pixels outside the image are 0 after normalization."""
    if pad not in _PADS:
        raise ArgumentError(f"pad must be one of {', '.join(map(repr, _PADS))}, not {pad!r}")
    if pad == "mean" and getattr(normalize, "kind", "mean_std" if normalize is not None else "") != "mean_std":
        raise ArgumentError('pad="mean" needs a normalization that subtracts the mean')
    return pad == "mean"


def _count_tiles(value: Any, name: str) -> int:
    if (number := count(value, name, 1)) >= 2**63:
        raise ArgumentError(f"{name} must be below 2**63, not {number}")
    return number


# -- sizes ---------------------------------------------------------------------------


def _make_tiling(stack: ImageStack, tile: Tile, overlap: Overlap, halo: Any, align: int, batch_size: int) -> Tiling:
    align = count(align, "align", 1)
    if halo is not None:
        if overlap is not None:
            raise ArgumentError("overlap is twice the halo: give one of them")
        overlap = tuple(2 * size for size in halo) if isinstance(halo, Sequence) else 2 * operator.index(halo)
    n = _count_axes(stack, tile, overlap)
    if tile is None:
        if overlap is not None and np.any(np.asarray(overlap) != 0):
            raise ArgumentError("the whole image has no neighbours to share an overlap with: give a tile")
        return Tiling(stack, n, (0,) * n, None, align)
    if overlap is None and not _is_whole(stack, tile, n):
        raise ArgumentError(
            "give overlap= (or halo=), the pixels that neighbouring tiles share; overlap=0 is allowed, but seams may show"
        )
    overlap = 0 if overlap is None else overlap
    if not isinstance(tile, str):
        sizes = _tile_sizes(tile, n)
        return Tiling(stack, n, sizes, _overlaps(overlap, sizes, align), align)
    memory = parse_bytes(tile, "tile")
    if not isinstance(overlap, str):
        return Tiling(stack, n, None, _overlaps(overlap, (1,) * n, align), align, memory, batch_size)
    chosen = Tiling(stack, n, None, None, align, memory, batch_size)._info()[3][-n:]
    return Tiling(stack, n, chosen, _overlaps(overlap, chosen, align), align)


def _count_axes(stack: ImageStack, tile: Tile, overlap: Overlap) -> int:
    """Count the spatial axes of the network."""
    for sizes in (tile, overlap):
        if isinstance(sizes, Sequence) and not isinstance(sizes, str):
            return len(sizes)
    return len(stack.data_shape) - 2


def _tile_sizes(tile: Any, n: int) -> tuple[int, ...]:
    sizes = (tile,) * n if isinstance(tile, SupportsIndex) else tuple(tile)
    numbers = tuple(0 if size is None else operator.index(size) for size in sizes)
    for number in numbers:
        if number < -1 or (number == 0 and None not in sizes):
            raise ArgumentError(f"a tile of size {number}: sizes count from 1, None or -1 is the whole axis")
    return tuple(max(number, 0) for number in numbers)


def _is_whole(stack: ImageStack, tile: Any, n: int) -> bool:
    """Tell whether one tile is the whole image: it has no neighbours."""
    if isinstance(tile, str):
        return False
    return all(not a or a >= b for a, b in zip(_tile_sizes(tile, n), stack.data_shape[-n:], strict=False))


def _overlaps(overlap: Any, tile: tuple[int, ...], align: int) -> tuple[int, ...]:
    """One for each axis; a number or fraction for all leaves out whole axes."""
    if isinstance(overlap, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", overlap)
        if not match or not float(match[1]) < 100:
            raise ArgumentError(f'overlap is a number of pixels or a fraction such as "25%", not {overlap!r}')
        step = 2 * align
        return tuple(int(size * float(match[1]) / 100) // step * step for size in tile)
    if isinstance(overlap, SupportsIndex):
        return tuple(operator.index(overlap) if size else 0 for size in tile)
    sizes = tuple(operator.index(size) for size in overlap)
    if len(sizes) != len(tile):
        raise ArgumentError(f"overlap has {len(sizes)} sizes and tile {len(tile)}")
    return sizes
