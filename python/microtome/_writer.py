# SPDX-License-Identifier: BSD-3-Clause
"""Writing images, box by box."""

from __future__ import annotations

import contextlib
import itertools
import math
import operator
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from . import _core
from ._arguments import names_arguments
from ._errors import warn_caller
from ._indexing import expand_index, from_start
from ._progress import Progress, show_progress
from ._writer_options import WriterOptions, to_core

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from ._context import ContextLike
    from ._open import ImageStackProtocol, Path
    from ._stack import ImageStack
    from ._writer_options import Sizes

    Box = tuple[slice, ...]

__all__ = ["Writer", "WriterProgress", "create"]


class WriterProgress(NamedTuple):
    """What a `Writer` has done. A unit is a shard, or a chunk of an image without shards."""

    n_units: int
    """Units of the full resolution."""
    n_done: int
    """Units that are written."""
    n_resumed: int
    """Of these, units that earlier writers wrote, or others that share the work."""
    n_lost: int
    """Units that earlier writers recorded and that are missing or damaged: they are written again."""
    bytes_put: int
    """Bytes of pixels put, in the type of the image."""
    bytes_published: int
    """Bytes of the objects written."""
    n_skipped: int
    """Pixels put into units that earlier writers wrote: they were ignored."""
    n_nan: int
    """Values that were NaN and became 0, in an integer type."""
    n_clipped: int
    """Values that became the least or greatest value of the type."""
    waiting_bytes: int
    """Pixels and encoded chunks that wait in memory."""


@names_arguments(channels="a sequence")
def create(
    path: Path,
    *,
    like: ImageStack | ImageStackProtocol | None = None,
    axes: str | None = None,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
    chunks: Sizes | None = None,
    shards: Sizes | Literal[False] | None = None,
    codec: str | None = None,
    codec_level: int | None = None,
    shuffle: Literal["none", "byte", "bit"] | None = None,
    pyramid: bool | int = False,
    downsample: Literal["mean", "nearest", "mode"] | None = None,
    ome: Literal["0.5", "0.4"] | None = None,
    pixel_size: Mapping[str, float] | None = None,
    unit: Mapping[str, str] | None = None,
    channels: Sequence[str | Mapping[str, Any]] | None = None,
    labels: bool = False,
    durability: Literal["units", "end", "never"] = "units",
    memory: int | str | None = None,
    identity: str | None = None,
    note: str | None = None,
    format: str | None = None,
    context: ContextLike | None = None,
) -> Writer:
    """Create an image, or continue one that was left unfinished.

    Pixels are put in any order, by any number of threads. A unit (a shard, or a chunk of an image
    without shards) is encoded once, as soon as all its pixels are there, and appears whole under its
    final name. A process that is killed leaves whole units: the same call continues with the others.

    Parameters
    ----------
    path : path-like
        The image to write: a folder ``.zarr`` (also ``s3://bucket/name.zarr``), or a file ``.tif`` or
        ``.npy``. Nothing that exists is overwritten.
    like : ImageStack, optional
        The image from which everything is taken that is not given: axes, shape, type, pixel sizes,
        units and channels.
    axes : str, optional
        Letters of ``TCZYX``, in this order, Y and X among them.
    shape : sequence of int, optional
        Size along each axis.
    dtype : dtype-like, optional
        Element type; ``"source"`` is that of ``like``. Pixels of other types are converted: to integers
        they are rounded half to even and clipped, and NaN becomes 0, which a warning tells.
    chunks : sequence of int or None, or mapping, optional
        Size of a chunk along each axis; -1 is the whole axis, None the default. Or a mapping, such as
        ``{"Y": 512, "X": 512}``. Default: 64 along Z, Y and X if there are at least 64 planes, else 256
        along Y and X.
    shards : sequence of int or None, mapping, or False, optional
        Size of a shard likewise, in whole chunks. False: no shards. Default: about 32 MiB of pixels if
        the image has more than 10,000 chunks, else no shards.
    codec : {"zstd", "blosc-zstd", "blosc-lz4", "gzip", "lz4", "none"}, optional
        Default: ``"blosc-lz4"`` for floats, else ``"blosc-zstd"``.
    codec_level : int, optional
        Compression level. Default: that of the codec.
    shuffle : {"none", "byte", "bit"}, optional
        Of a blosc codec. Default: ``"byte"``, if elements have several bytes.
    pyramid : bool or int
        Write halved levels: True until one fits into a chunk, or this number of levels, the full
        resolution included.
    downsample : {"mean", "nearest", "mode"}, optional
        How pixels become one of the next level. Default: ``"mean"``, for labels ``"nearest"``.
    ome : {"0.5", "0.4"}, optional
        Version of OME-Zarr. Default: 0.5, which is Zarr version 3; 0.4 is version 2, without shards.
    pixel_size : mapping of str to float, optional
        Size of a pixel along some axes, such as ``{"Y": 0.2, "X": 0.2}``.
    unit : mapping of str to str, optional
        UDUNITS-2 name of the unit of measurement along some axes, such as ``{"Y": "micrometer"}``.
    channels : sequence of str or mapping, optional
        Name of each channel, or a mapping with ``name``, ``color`` (red, green, blue, 0 to 255) and
        ``window`` (values shown black and white).
    labels : bool
        The values are object numbers; also if those of ``like`` are.
    durability : {"units", "end", "never"}
        When written units are forced to the disk, so that a power cut does not lose them: each before
        it gets its name, all of them by `Writer.finish`, or never. A killed process loses none.
    memory : int or str, optional
        Bytes of pixels and encoded chunks that may wait, such as ``"512 MiB"``, the default.
    identity : str, optional
        What the pixels are computed from, in any words: the input, the network. An unfinished image
        is continued only with the same identity.
    note : str, optional
        A sentence about the pixels that stays with the finished image: in OME-Zarr the attribute
        ``microtome``, in OME-TIFF the description.
    format : {"zarr", "tiff", "npy"}, optional
        Default: by the suffix of the path.
    context : Context, or function, optional
        Threads, limits and credentials, as for `open`. Default: a context shared by all.

    Returns
    -------
    Writer

    Raises
    ------
    ArgumentError
        Options do not fit together, or the path exists and is not an unfinished image of the same
        options; also a ValueError.
    ReadError
        The folder cannot be written; also an OSError.

    Warns
    -----
    ImageWarning
        The image was left unfinished, and is continued; or it has metadata that the format cannot keep.

    Examples
    --------
    >>> import numpy as np, microtome, tempfile
    >>> path = tempfile.mkdtemp() + "/image.zarr"
    >>> with microtome.create(path, axes="CYX", shape=(2, 300, 400), dtype="uint16") as out:
    ...     out[0] = 7
    ...     out.write((1, 0, 0), np.ones((1, 300, 400), np.uint16))
    >>> microtome.open(path)[0, :, 0, 0]
    array([7, 1], dtype=uint16)
    """
    options: WriterOptions = {
        "like": like,
        "axes": axes,
        "shape": shape,
        "dtype": dtype,
        "chunks": chunks,
        "shards": shards,
        "codec": codec,
        "codec_level": codec_level,
        "shuffle": shuffle,
        "pyramid": pyramid,
        "downsample": downsample,
        "ome": ome,
        "pixel_size": pixel_size,
        "unit": unit,
        "channels": channels,
        "labels": labels,
        "durability": durability,
        "memory": memory,
        "identity": identity,
        "note": note,
        "format": format,
        "context": context,
    }
    return start_writer(path, options)


def start_writer(path: Path, options: WriterOptions, continues: bool = False) -> Writer:
    """Make a writer, and warn if it continues an image, unless the caller is known to do so."""
    out = Writer(_core.Writer(*to_core(path, options)), os.fsdecode(path))
    told = out.progress
    texts = out.warnings
    if told.n_resumed and not continues:
        texts.append(f"continues an unfinished image: {out._count()} are done")
    if told.n_lost:
        texts.append(f"{told.n_lost} were recorded and are missing or damaged: they are written again")
    if texts:
        warn_caller(f"{out.path}: {'; '.join(texts)}")
    return out


class Writer:
    """An image that is being written; made by `microtome.create`.

    ``out[...] = array`` assigns as NumPy does, and `write` puts an array at a place. Each pixel is put
    once; pixels that are never put are 0. As a context manager it finishes the image at the end of the
    block; an exception leaves an unfinished image, which the same call of `create` continues.

    All methods may be called by several threads at once. A writer belongs to its process: it is not
    pickled, and a forked child creates its own.

    Examples
    --------
    >>> import numpy as np, microtome, tempfile
    >>> path = tempfile.mkdtemp() + "/image.zarr"
    >>> out = microtome.create(path, axes="YX", shape=(512, 700), dtype="float32", chunks=(256, 256))
    >>> for box in out.units():
    ...     out[box] = np.random.default_rng(1).random([s.stop - s.start for s in box])
    >>> out.finish()
    >>> out.progress.n_done
    6
    """

    def __init__(self, core: _core.Writer, path: str) -> None:
        self._core, self.path = core, path
        self._axes, self._dtype, self._shape, self._chunks, self._shards, self._levels, self._n, self._warnings = (
            core.info()
        )
        self._process, self._state, self._has_told = os.getpid(), "open", False
        self._last: WriterProgress | None = None

    # -- properties ------------------------------------------------------------------

    path: str
    """The path as given to `create`."""

    @property
    def axes(self) -> str:
        """Letters of the axes, in order."""
        return self._axes

    @property
    def shape(self) -> tuple[int, ...]:
        """Size along each axis."""
        return self._shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type."""
        return np.dtype(self._dtype)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Size of a chunk along each axis."""
        return self._chunks

    @property
    def shards(self) -> tuple[int, ...] | None:
        """Size of a shard along each axis; None without shards."""
        return self._shards

    @property
    def levels(self) -> int:
        """Number of resolution levels."""
        return self._levels

    @property
    def warnings(self) -> list[str]:
        """Sentences on metadata that the format cannot keep and that are left out; `create` warns with them."""
        return list(self._warnings)

    @property
    def progress(self) -> WriterProgress:
        """What is done, at this moment; of a closed writer, what was."""
        return self._last or WriterProgress(*self._core.progress())

    @property
    def resumed(self) -> bool:
        """Units were written by earlier writers."""
        return self.progress.n_resumed > 0

    @property
    def closed(self) -> bool:
        """`close` was called."""
        return self._state == "closed"

    def _count(self) -> str:
        """Say how many chunks or shards are written, as in "3 of 12 chunks"."""
        told = self.progress
        return f"{told.n_done} of {told.n_units} {'shards' if self._shards else 'chunks'}"

    # -- pixels ----------------------------------------------------------------------

    def write(self, start: Sequence[int], array: ArrayLike) -> None:
        """Put an array with all axes of the image.

        Parameters
        ----------
        start : sequence of int
            Place of its first pixel, along each axis.
        array : array-like
            Of any numeric type and strides. It is copied.

        Raises
        ------
        ArgumentError
            A pixel was put before; also a ValueError. Pixels that earlier writers wrote are ignored.
        RangeError
            The array reaches beyond the image; also an IndexError and a ValueError.
        LimitError
            More would wait than ``memory``: the message says which order fits; also a ValueError.
        ReadError
            A unit cannot be written; also an OSError. This writer is at its end: a new one continues.

        Notes
        -----
        Releases the GIL. Chunks that are complete are encoded on the threads of the context.
        """
        self._put(tuple(start), np.asarray(array))

    def __setitem__(self, index: Any, array: ArrayLike) -> None:
        """Assign as NumPy does, with integers, slices and Ellipsis."""
        boxes = self._box(index)
        value = np.asarray(array)
        kept = tuple(stop - start for start, stop, dropped in boxes if not dropped)
        while value.ndim > len(kept) and value.shape[0] == 1:
            value = value[0]
        try:
            value = np.broadcast_to(value, kept)
        except ValueError:
            raise ValueError(f"an array of the shape {value.shape} does not fit into a box of {kept}") from None
        self._put(
            tuple(start for start, _, _ in boxes),
            value[tuple(np.newaxis if dropped else slice(None) for _, _, dropped in boxes)],
        )

    def _put(self, start: tuple[int, ...], array: NDArray[Any]) -> None:
        if array.dtype.kind in "fiu" and not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        self._core.put(start, array)

    def _box(self, index: Any) -> list[tuple[int, int, bool]]:
        """Return start and stop along each axis, and whether NumPy drops the axis."""
        entries = expand_index(index, self.ndim)
        return [_range(*one) for one in zip(entries, self._shape, self._axes, strict=True)]

    # -- units -----------------------------------------------------------------------

    def units(self, part: tuple[int, int] | None = None) -> Iterator[Box]:
        """Visit the boxes of the units that are not written yet, for loops that can be resumed.

        Parameters
        ----------
        part : (int, int), optional
            Only units of part k of n, from 0: for several processes that write one image.

        Yields
        ------
        tuple of slice
            One slice for each axis; inside the image.
        """
        first, count = (0, self._n) if part is None else self._core.part(*part)
        for number in range(first, first + count):
            unit = self._core.unit(number)
            if unit is not None:
                yield tuple(slice(start, start + extent) for start, extent in zip(*unit, strict=True))

    def done(self, index: Any) -> bool:
        """Tell whether all pixels of a box are written, so that they need not be put.

        Parameters
        ----------
        index : tuple of int, slice or Ellipsis
            The box, as in ``out[index] = array``.

        Returns
        -------
        bool
        """
        sizes = self._shards or self._chunks
        boxes = self._box(index)
        if any(start >= stop for start, stop, _ in boxes):
            return True
        ranges = [range(a // n, (b - 1) // n + 1) for (a, b, _), n in zip(boxes, sizes, strict=True)]
        counts = [-(-length // n) for length, n in zip(self._shape, sizes, strict=True)]
        weights = [math.prod(counts[d + 1 :]) for d in range(self.ndim)]
        numbers = (sum(map(operator.mul, position, weights)) for position in itertools.product(*ranges))
        return all(self._core.unit(number) is None for number in numbers)

    # -- life ------------------------------------------------------------------------

    def flush(self) -> None:
        """Wait until all complete chunks are encoded and all complete units are written.

        Raises
        ------
        ReadError
            One cannot be written; also an OSError.
        """
        self._core.flush()

    def finish(self, all_required: bool = False, progress: Progress = False) -> None:
        """Complete the image: write what waits, the pyramid and the metadata. Nothing can be put afterwards.

        Parameters
        ----------
        all_required : bool
            Refuse if units are missing. Otherwise, pixels that were never put are 0.
        progress : bool or callable
            Show a bar, if tqdm is installed, or call a function with the steps that are done and their
            number.

        Raises
        ------
        ArgumentError
            Units are missing; also a ValueError.
        ReadError
            Something cannot be written; also an OSError.

        Notes
        -----
        Of several processes that write one image, one finishes it, once the others are done. Ctrl-C, or
        an exception of ``progress``, leaves it unfinished; another call goes on, of this writer or the
        next.
        """
        with show_progress(progress, "finish", "steps") as call:
            self._core.finish(all_required, call)
        self._state = "finished"
        self._tell_values()

    def close(self) -> None:
        """End the writer. An image that is not finished stays so: the same call of `create` continues it."""
        if self._state == "closed":
            return
        told = self._core.close()
        self._state = "closed"
        if told is not None:
            self._last = WriterProgress(*told)
            self._tell_values()

    def _tell_values(self) -> None:
        """Warn once about values that the type cannot hold."""
        told = self.progress
        texts = [f"{told.n_nan} NaN became 0"] * (told.n_nan > 0)
        texts += [f"{told.n_clipped} values were clipped to the range of {self._dtype}"] * (told.n_clipped > 0)
        if texts and not self._has_told:
            self._has_told = True
            warn_caller(f"{self.path}: {' and '.join(texts)}")

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None and self._state == "open":
                self.finish()
        except BaseException as failure:
            self._abandon(failure)
            raise
        if error is not None:
            self._abandon(error)
        self.close()

    def _abandon(self, error: BaseException, how: str = "the same call continues it") -> None:
        """Close the image after a failure, and let the exception tell how it is continued."""
        is_unfinished = self._state == "open" and self._process == os.getpid()
        self.close()
        if is_unfinished:
            error.add_note(f"{self.path} is unfinished, with {self._count()} done: {how}.")

    def __del__(self) -> None:
        if getattr(self, "_state", "closed") == "open" and self._process == os.getpid():
            with contextlib.suppress(Exception):
                warnings.warn(f"{self.path} was not finished", ResourceWarning, stacklevel=2, source=self)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(
            "a writer is not pickled: create the image with the same arguments in each process, and let each write "
            "units of its own (Writer.units)"
        )

    def __repr__(self) -> str:
        shape = ", ".join(f"{axis}={n}" for axis, n in zip(self._axes, self._shape, strict=True))
        state = f"{self._count()} done" if self._state == "open" else self._state
        return f"<microtome.Writer {self.path!r} {shape} {self._dtype}, {state}>"


def _range(entry: Any, length: int, axis: str) -> tuple[int, int, bool]:
    """Return start, stop, and whether the axis is dropped."""
    if isinstance(entry, slice):
        if entry.step not in (None, 1):
            raise IndexError(f"the slice along {axis} has the step {entry.step}: boxes are assigned to, without steps")
        start, stop, _ = entry.indices(length)
        return start, max(start, stop), False
    try:
        if isinstance(entry, bool | np.bool_):  # a mask to NumPy
            raise TypeError
        position = from_start(operator.index(entry), length, axis)
    except TypeError:
        raise IndexError(
            f"images are assigned to by integers, slices and '...', not by {type(entry).__name__} along {axis}"
        ) from None
    return position, position + 1, True
