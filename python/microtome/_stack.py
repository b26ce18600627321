# SPDX-License-Identifier: BSD-3-Clause
"""The image stack."""

from __future__ import annotations

import binascii
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from . import _core
from ._indexing import read_index

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["ImageStack", "Picture"]

_THUMBNAIL = 4096  # a notebook shows at most so many rows and columns of a stack, those in the middle


class Picture:
    """A picture as PNG, which shows itself in a notebook.

    Attributes
    ----------
    png : bytes
        The file's content.
    """

    def __init__(self, png: bytes) -> None:
        self.png = png

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the PNG file; one that exists is replaced.

        Parameters
        ----------
        path : path-like
            Its name.
        """
        with open(path, "wb") as file:
            file.write(self.png)

    def _repr_png_(self) -> bytes:
        return self.png

    def _repr_html_(self) -> str:
        return f"<img src='data:image/png;base64,{binascii.b2a_base64(self.png, newline=False).decode()}'/>"


class ImageStack(_core.Stack):
    """An image, seen as samples, channels, (planes,) rows and columns: SC(Z)YX.

    Made by `microtome.open`, `open_all`, `from_array` and `from_object`. Has the
    ImageStack protocol of CAREamics: S and T are merged into samples with S slow, a
    missing S or C has size 1, Z is there only if the image has it; patches may reach
    outside the image on any side and are zero there.

    A stack can be read from any number of threads, survives ``fork``, and pickles: it
    is opened again on the other side, in the context that all stacks share. It is a
    context manager, which closes it. Indexing and `numpy.asarray` give pixels in the
    stored type, in SC(Z)YX; those of `from_object` in float32.

    Examples
    --------
    >>> import numpy as np, microtome
    >>> image = np.arange(12, dtype=np.uint16).reshape(3, 4)
    >>> stack = microtome.from_array(image, "YX")
    >>> stack.data_shape
    (1, 1, 3, 4)
    >>> stack.extract_patch(0, None, (-1, 2), (2, 3))
    array([[[0., 0., 0.],
            [2., 3., 0.]]], dtype=float32)
    >>> stack[0, 0, 1:, ::2]
    array([[ 4,  6],
           [ 8, 10]], dtype=uint16)
    """

    _recipe: tuple[Callable[..., ImageStack], tuple[Any, ...]]

    # -- what is known of it ---------------------------------------------------------

    @property
    def data_dtype(self) -> np.dtype[Any]:
        """Element type as stored."""
        return np.dtype(self._dtype_name)

    dtype = data_dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The same as `data_shape`, SC(Z)YX."""
        return self.data_shape

    @property
    def ndim(self) -> int:
        """4, or 5 where the image has Z."""
        return len(self.data_shape)

    @property
    def size(self) -> int:
        """Number of pixels."""
        n = 1
        for length in self.data_shape:
            n *= length
        return n

    @property
    def nbytes(self) -> int:
        """Bytes of all pixels in the stored type."""
        return self.size * self.data_dtype.itemsize

    @property
    def pixel_size(self) -> dict[str, float]:
        """Size of a pixel along each original axis where the file says it; `units` has the units."""
        return {a: size for a, (size, _) in zip(self.original_axes, self._pixels, strict=True) if size}

    @property
    def units(self) -> dict[str, str]:
        """UDUNITS-2 name of the unit of each `pixel_size`, such as ``"micrometer"``, where the file says it."""
        return {a: unit for a, (_, unit) in zip(self.original_axes, self._pixels, strict=True) if unit}

    @property
    def channel_names(self) -> list[str] | None:
        """Name of each channel, "" where it has none; None if the file names none."""
        channels = self._channels
        return None if channels is None else [name for name, _ in channels]

    @property
    def channel_colors(self) -> list[tuple[int, int, int] | None] | None:
        """Colour (red, green, blue; 0 to 255) of each channel, as far as the file gives it."""
        channels = self._channels
        return None if channels is None else [color for _, color in channels]

    @property
    def metadata(self) -> dict[str, Any]:
        """All that is known of the stack, as a dict that JSON can hold."""
        return {
            "source": self.source,
            "format": self.format,
            "part": self.part,
            "data_shape": list(self.data_shape),
            "dtype": self.data_dtype.name,
            "original_axes": self.original_axes,
            "axes_source": self.axes_source,
            "original_data_shape": list(self.original_data_shape),
            "chunks": None if self.chunks is None else list(self.chunks),
            "shards": None if self.shards is None else list(self.shards),
            "codecs": self.codecs,
            "pixel_size": self.pixel_size,
            "units": self.units,
            "channel_names": self.channel_names,
            "channel_colors": self.channel_colors,
            "level": self.level,
            "levels": self.levels,
        }

    # -- pixels ----------------------------------------------------------------------

    @overload
    def extract_patches(
        self,
        sample_idx: int | Sequence[int] | NDArray[np.integer[Any]],
        channels: Sequence[int] | None,
        coords: ArrayLike,
        patch_size: Sequence[int],
        *,
        out: NDArray[Any] | None = ...,
        dtype: DTypeLike | None = ...,
        scale: ArrayLike | None = ...,
        offset: ArrayLike | None = ...,
        padding: float = ...,
        errors: Literal["raise"] = ...,
    ) -> NDArray[Any]: ...

    @overload
    def extract_patches(
        self,
        sample_idx: int | Sequence[int] | NDArray[np.integer[Any]],
        channels: Sequence[int] | None,
        coords: ArrayLike,
        patch_size: Sequence[int],
        *,
        out: NDArray[Any] | None = ...,
        dtype: DTypeLike | None = ...,
        scale: ArrayLike | None = ...,
        offset: ArrayLike | None = ...,
        padding: float = ...,
        errors: Literal["return"],
    ) -> tuple[NDArray[Any], list[Exception | None]]: ...

    def extract_patches(
        self,
        sample_idx: int | Sequence[int] | NDArray[np.integer[Any]],
        channels: Sequence[int] | None,
        coords: ArrayLike,
        patch_size: Sequence[int],
        *,
        out: NDArray[Any] | None = None,
        dtype: DTypeLike | None = None,
        scale: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        padding: float = 0.0,
        errors: Literal["raise", "return"] = "raise",
    ) -> NDArray[Any] | tuple[NDArray[Any], list[Exception | None]]:
        """Extract many patches of one size at once.

        They are planned together: each chunk of the file that any of them touches is
        fetched and decoded once, on all threads of the context.

        Parameters
        ----------
        sample_idx : int or N integers
            Sample of each patch, or of all of them.
        channels : sequence of int or None
            Channels in any order, repeated at will; None is all of them.
        coords : N x (Z)YX integers
            First corner of each patch; may lie outside the image.
        patch_size : sequence of int
            Size in pixels, (Z)YX.
        out : writable array, optional
            Where the patches go, of the shape N, C, (Z), Y, X; float32 or the stored type.
        dtype : dtype-like, optional
            float32 (the default) or the stored type.
        scale, offset : float or one float a channel, optional
            Patches become ``value * scale + offset``, computed in float32; float32 only.
        padding : float
            The value outside the image, as it is to stand in the patch.
        errors : {"raise", "return"}
            What happens if patches cannot be read: the first error is raised, or all are
            returned beside the patches. Arguments that do not fit raise in either case.

        Returns
        -------
        numpy.ndarray
            N, C, (Z), Y, X; ``out`` if that was given.
        list of N exceptions or None
            With ``errors="return"`` only: why a patch has pixels that could not be read,
            None for a patch that is right. Those pixels are zero; of a stack over an object, the
            whole patch.

        Raises
        ------
        RangeError
            A sample or channel lies outside the image; an IndexError and a ValueError too.
        CorruptError
            The file is damaged; a ValueError too. Pixels of ``out`` that could not be read
            are zero then.
        ReadError
            The file cannot be read; an OSError too.
        ValueError, TypeError
            The arguments do not fit the image or each other.

        Notes
        -----
        Thread-safe; the GIL is released while it reads, and Ctrl-C ends it.

        Examples
        --------
        >>> import numpy as np, microtome
        >>> stack = microtome.from_array(np.eye(100), "YX")
        >>> stack.extract_patches(0, None, [(0, 0), (10, 12), (-4, 96)], (8, 8)).shape
        (3, 1, 8, 8)
        >>> patches, errors = stack.extract_patches(0, None, [(0, 0), (10, 12)], (8, 8), errors="return")
        >>> errors
        [None, None]
        """
        if errors not in ("raise", "return"):
            raise ValueError(f'errors must be "raise" or "return", not {errors!r}')
        samples, corners = self._places(sample_idx, coords)
        n_channels = self.data_shape[1] if channels is None else len(channels)
        return self._extract_many(
            samples,
            channels,
            corners,
            patch_size,
            out,
            dtype,
            _per_channel(scale, n_channels),
            _per_channel(offset, n_channels),
            padding,
            errors == "return",
        )

    def _places(self, sample_idx: Any, coords: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Make samples and corners arrays of int64, as many of one as of the other."""
        corners = _integers(coords, "coords")
        if corners.shape == (0,):
            corners = corners.reshape(0, self.ndim - 2)
        if corners.ndim != 2 or corners.shape[1] != self.ndim - 2:
            raise ValueError(f"coords must have the shape (N, {self.ndim - 2}), not {corners.shape}")
        samples = _integers(sample_idx, "sample_idx")
        if samples.ndim and samples.shape != (len(corners),):
            raise ValueError(f"{len(corners)} patches need as many samples, or one; got the shape {samples.shape}")
        return np.ascontiguousarray(np.broadcast_to(samples, len(corners))), corners

    def __len__(self) -> int:
        return self.data_shape[0]

    def __getitem__(self, index: Any) -> Any:
        """Pixels in the stored type, in float32 of an object: integers, slices and Ellipsis along S, C, (Z,) Y and X."""
        return read_index(self, index)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("the pixels of an image stack cannot be had without a copy")
        pixels = read_index(self, ())
        return pixels if dtype is None else pixels.astype(dtype, copy=False)

    def checksum(self) -> str:
        """Return a checksum of all pixels, which the file's format and chunks do not change.

        Two images have the same one if element type, shape as SC(Z)YX and values are the
        same. Each chunk is read and decoded once, on all threads, and not kept in the cache.
        The header ``microtome/checksum.h`` defines it.

        Returns
        -------
        str
            32 hexadecimal digits.
        """
        return self._checksum()

    # -- pictures --------------------------------------------------------------------

    def view(
        self,
        sample: int = 0,
        channels: Sequence[int] | None = None,
        *,
        z: int | None = None,
        region: Sequence[int] | None = None,
        max_size: int = 1024,
    ) -> Picture:
        """Draw a plane, contrast stretched, channels merged in their colours.

        Parameters
        ----------
        sample : int
            Sample index.
        channels : sequence of int, optional
            Channels to merge. Default: all, at most the first 7.
        z : int, optional
            Plane. Default: the middle one.
        region : four ints, optional
            First row and column, height and width. Default: the whole plane.
        max_size : int
            Longest side of the picture; larger regions are averaged down while they are
            read.

        Returns
        -------
        Picture
            Shows itself in a notebook; ``save`` writes it as PNG.

        Raises
        ------
        RangeError
            Sample, channel, plane or region lie outside the image.
        """
        return Picture(self._draw_plane(sample, channels, z, region, max_size))

    def save_map(self, path: str | os.PathLike[str]) -> None:
        """Write what was parsed to open the image, and where each of its chunks lies.

        Opening with it (``microtome.open(image, map=path)``) reads nothing of the image; the
        first read checks that the files of the image have the size and time of change (or
        ETag) that they have now. For images that take long to open.

        Parameters
        ----------
        path : path-like
            The file; one that exists is replaced.

        Raises
        ------
        UnsupportedError
            The stack is not an image in a file, or its store does not tell when an object
            has changed.
        LimitError
            The image has more chunks than fit into ``max_metadata_bytes``.
        """
        content = self._map()
        part = f"{os.fspath(path)}.{os.getpid()}.part"
        try:
            with open(part, "wb") as file:
                file.write(content)
            os.replace(part, path)
        except BaseException:
            if os.path.exists(part):
                os.remove(part)
            raise

    def view_patches(
        self,
        sample_idx: int | Sequence[int] | NDArray[np.integer[Any]],
        channels: Sequence[int] | None,
        coords: ArrayLike,
        patch_size: Sequence[int],
    ) -> Picture:
        """Draw a sheet of up to 64 patches: the middle plane of each, with one contrast for all.

        Parameters
        ----------
        sample_idx : int or N integers
            Sample of each patch, or of all of them.
        channels : sequence of int or None
            Channels to merge; None is all, at most the first 7.
        coords : N x (Z)YX integers
            First corner of each patch; may lie outside the image.
        patch_size : sequence of int
            Size in pixels, (Z)YX.

        Returns
        -------
        Picture
            Shows itself in a notebook; ``save`` writes it as PNG.
        """
        samples, corners = self._places(sample_idx, coords)
        return Picture(self._draw_patches(samples, channels, corners, patch_size))

    def _repr_html_(self) -> str:
        import html  # noqa: PLC0415 # only notebooks need its tables of all named characters

        if self.closed:
            return html.escape(repr(self))
        rows = [(key, value) for key, value in self.metadata.items() if value not in (None, "", {})]
        table = "".join(
            f"<tr><th style='text-align:left'>{html.escape(key)}</th>"
            f"<td style='text-align:left'>{html.escape(str(value))}</td></tr>"
            for key, value in rows
        )
        # All of a large plane would take minutes; what cannot be read must not hide what is known.
        size = [min(n, _THUMBNAIL) for n in self.shape[-2:]]
        corner = [(n - k) // 2 for n, k in zip(self.shape[-2:], size, strict=True)]
        try:
            picture = self.view(region=[*corner, *size], max_size=256)._repr_html_()
        except Exception as error:
            picture = f"<p>{html.escape(str(error))}</p>"
        return f"<div>{picture}<table>{table}</table></div>"

    def __repr__(self) -> str:
        if self.closed:
            return "<microtome.ImageStack, closed>"
        depth = "Z" if "Z" in self.original_axes else "T"  # T where depth_axis says so
        axes = f"SC{depth}YX" if self.ndim == 5 else "SCYX"
        shape = ", ".join(f"{axis}={n}" for axis, n in zip(axes, self.data_shape, strict=True))
        return f"<microtome.ImageStack {self.source!r} {shape} {self.data_dtype.name}>"

    # -- life ------------------------------------------------------------------------

    def __reduce__(self) -> tuple[Callable[..., ImageStack], tuple[Any, ...]]:
        if self.closed:
            raise ValueError("a closed image stack cannot be pickled")
        return self._recipe

    def __enter__(self) -> ImageStack:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


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
