# SPDX-License-Identifier: BSD-3-Clause
"""The image stack."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from . import _core
from ._batch import places, read_batch
from ._drawing import read_style
from ._indexing import read_index
from ._picture import Picture

if TYPE_CHECKING:
    from types import TracebackType

    import dask.array
    import xarray
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from ._batch import Channels, Index, Padding
    from ._drawing import Colors, Contrast, Projection

__all__ = ["ImageStack"]

_THUMBNAIL = 4096  # a notebook shows at most so many rows and columns of a stack, those in the middle


class ImageStack(_core.Stack):
    """An image, seen as samples, channels, (planes,) rows and columns: SC(Z)YX.

    Made by `microtome.open`, `open_all`, `from_array` and `from_object`. Has the
    ImageStack protocol of CAREamics: S and T are merged into samples with S slow, a
    missing S or C has size 1, Z is there only if the image has it; patches may reach
    outside the image on any side and are zero there.

    A stack can be read from any number of threads, survives ``fork``, and pickles: it
    is opened again on the other side, in the context that all stacks share. It is a
    context manager, which closes it. Indexing and `numpy.asarray` give pixels in SC(Z)YX
    and in the stored type; of stacks over objects (`from_object`) in float32.

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

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type of what indexing gives: the stored one, float32 of a stack over an object."""
        return np.dtype(np.float32) if self.format == "custom" else self.data_dtype

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
    def _axes(self) -> str:
        """Axes of `shape`. The third of five is Z, or T if `open` was told so."""
        return "SCYX" if self.ndim == 4 else "SCZYX" if "Z" in self.original_axes else "SCTYX"

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Shape of a chunk as SC(Z)YX, one size for each of `shape`; None if stored in one piece.

        Chunks of several times and several samples are not boxes of SC(Z)YX: then it is the
        largest box inside one. `original_chunks` is the stored shape.
        """
        return self._seen(self.original_chunks)

    @property
    def shards(self) -> tuple[int, ...] | None:
        """Shape of a shard as SC(Z)YX, like `chunks`; None without shards."""
        return self._seen(self.original_shards)

    def _seen(self, stored: tuple[int, ...] | None) -> tuple[int, ...] | None:
        """Bring the shape of a chunk from the original axes to those of `shape`."""
        if stored is None:
            return None
        axes, lengths = self._axes, dict(zip(self.original_axes, self.original_data_shape, strict=True))
        sizes = {a: max(1, min(n, lengths[a])) for a, n in zip(self.original_axes, stored, strict=True)}
        if "T" in sizes and "T" not in axes:  # S is slow, T is fast
            whole = sizes["T"] == lengths["T"]
            sizes["S"] = sizes["T"] * (sizes.get("S", 1) if whole else 1)
        return tuple(sizes.get(a, 1) for a in axes)

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
            "original_chunks": None if self.original_chunks is None else list(self.original_chunks),
            "original_shards": None if self.original_shards is None else list(self.original_shards),
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
        sample_idx: Index,
        channels: Channels,
        coords: ArrayLike,
        patch_size: Sequence[int],
        *,
        out: Any = ...,
        dtype: DTypeLike | None = ...,
        scale: ArrayLike | None = ...,
        offset: ArrayLike | None = ...,
        padding: Padding = ...,
        errors: Literal["raise"] = ...,
    ) -> NDArray[Any]: ...

    @overload
    def extract_patches(
        self,
        sample_idx: Index,
        channels: Channels,
        coords: ArrayLike,
        patch_size: Sequence[int],
        *,
        out: Any = ...,
        dtype: DTypeLike | None = ...,
        scale: ArrayLike | None = ...,
        offset: ArrayLike | None = ...,
        padding: Padding = ...,
        errors: Literal["return"],
    ) -> tuple[NDArray[Any], list[Exception | None]]: ...

    def extract_patches(
        self,
        sample_idx: Index,
        channels: Channels,
        coords: ArrayLike,
        patch_size: Sequence[int],
        *,
        out: Any = None,
        dtype: DTypeLike | None = None,
        scale: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        padding: Padding = 0.0,
        errors: Literal["raise", "return"] = "raise",
    ) -> NDArray[Any] | tuple[NDArray[Any], list[Exception | None]]:
        """Extract many patches of one size at once.

        They are planned together: each chunk of the file that any of them touches is
        fetched and decoded once, on all threads of the context. `microtome.extract_patches`
        takes several stacks.

        Parameters
        ----------
        sample_idx : int or N integers
            Sample of each patch, or of all of them.
        channels : sequence of int or str, str, or None
            Channels by number or name, in any order, repeated at will; None is all of them.
        coords : N x (Z)YX integers
            First corner of each patch; may lie outside the image.
        patch_size : sequence of int
            Size in pixels, (Z)YX.
        out : writable array, optional
            Where the patches go, of the shape N, C, (Z), Y, X; float32 or the stored type.
            Anything with a writable buffer, or with DLPack in host memory, such as a torch
            tensor.
        dtype : dtype-like, optional
            float32 (the default) or the stored type.
        scale, offset : float or one float a channel, optional
            Patches become ``value * scale + offset``, computed in float32; float32 only.
        padding : float, "reflect" or "edge"
            The value outside the image, as it is to stand in the patch. Or pixels of the
            image, mirrored at its outermost pixels, or the nearest of it; `numpy.pad` calls
            them the same.
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
        >>> microtome.from_array(np.arange(4)[None], "YX").extract_patch(0, None, (0, -2), (1, 8), padding="reflect")
        array([[[2., 1., 0., 1., 2., 3., 2., 1.]]], dtype=float32)
        """
        return read_batch(
            (self,), None, sample_idx, channels, coords, patch_size, out, dtype, scale, offset, padding, errors
        )

    def __len__(self) -> int:
        return self.data_shape[0]

    def __getitem__(self, index: Any) -> Any:
        """Pixels in `dtype`: integers, slices and Ellipsis along S, C, (Z,) Y and X, and names of channels along C.

        One entry may be a list of integers, or a mask; its axis keeps its place, as in h5py
        and Zarr.
        """
        return read_index(self, index)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("the pixels of an image stack cannot be had without a copy")
        pixels = read_index(self, ())
        return pixels if dtype is None else pixels.astype(dtype, copy=False)

    def to_dask(self, chunks: Any = "auto") -> dask.array.Array:
        """Make a dask array of the stack, in SC(Z)YX, that reads when it is computed.

        Parameters
        ----------
        chunks : str, int or tuple
            Blocks of the array, as `dask.array.from_array` takes them: ``"auto"`` are blocks of
            some 128 MiB that fit the chunks of the file, ``stack.chunks`` those themselves.

        Returns
        -------
        dask.array.Array
            Of `dtype`. It keeps the stack open; sent to another process, it opens it there.

        Raises
        ------
        ImportError
            There is no dask.

        Examples
        --------
        >>> stack.to_dask()[0].max(axis=(1, 2)).compute()  # doctest: +SKIP
        """
        from ._lazy import to_dask  # noqa: PLC0415 # needs dask

        return to_dask(self, chunks)

    def to_xarray(self, chunks: Any = "auto") -> xarray.DataArray:
        """Make an xarray DataArray of the stack that reads when it is computed.

        Parameters
        ----------
        chunks : str, int or tuple
            Blocks along SC(Z)YX, as for `to_dask`.

        Returns
        -------
        xarray.DataArray
            Over a dask array. Its dimensions are S, C, (Z,) Y and X; where the image has T that
            is one of its own. Axes with a pixel size have coordinates, from 0 on, with the unit
            in their attribute ``units``; channels have their names.

        Raises
        ------
        ImportError
            There is no dask, or no xarray.

        Examples
        --------
        >>> stack.to_xarray().sel(C="DAPI").isel(S=0).mean("Z").compute()  # doctest: +SKIP
        """
        from ._lazy import to_xarray  # noqa: PLC0415 # needs dask and xarray

        return to_xarray(self, chunks)

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
        channels: Channels = None,
        *,
        z: int | None = None,
        region: Sequence[int] | None = None,
        max_size: int = 1024,
        contrast: Contrast = None,
        project: Projection | None = None,
        colors: Colors = "auto",
        scale_bar: bool = False,
        legend: bool = False,
    ) -> Picture:
        """Draw a plane, or a projection along Z, channels merged in their colours.

        Parameters
        ----------
        sample : int
            Sample index.
        channels : sequence of int or str, or str, optional
            Channels to merge, by number or name. Default: all, at most the first 7.
        z : int, optional
            Plane. Default: the middle one.
        region : four ints, optional
            First row and column, height and width. Default: the whole plane.
        max_size : int
            Longest side of the picture, in pixels; larger regions are averaged down while they
            are read. What is at most 256 pixels is enlarged by the largest whole factor that
            keeps it within 512 and ``max_size``.
        contrast : (low, high), or such a pair for each channel, or "auto", optional
            The values drawn black and at full brightness. Default: the windows that the file
            gives, else "auto", the percentiles 0.1 and 99.9 of what is drawn.
        project : "max", "mean" or "sum", optional
            Draw all planes of Z as one: largest values, averages or sums.
        colors : "auto", "channels" or "labels"
            "labels" gives each value a colour of its own; "auto" does if the file declares a
            label image (OME-Zarr).
        scale_bar : bool
            Draw a scale bar of a round length; in pixels if the pixel size is not known.
        legend : bool
            Name the channels below the picture, with colour and contrast.

        Returns
        -------
        Picture
            Shows itself in a notebook; ``save`` writes it as PNG; ``contrast`` is what was used.

        Raises
        ------
        RangeError
            Sample, channel, plane or region lie outside the image.
        ArgumentError
            Options make no sense, or do not fit the image, such as ``project`` without Z.
        """
        style = read_style(contrast, project, colors, scale_bar, legend)
        return Picture(*self._draw_plane(sample, self._numbers(channels), z, region, max_size, *style))

    def _numbers(self, channels: Channels) -> list[int] | None:
        return None if channels is None else self._find_channels(channels)

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
        sample_idx: Index,
        channels: Channels,
        coords: ArrayLike,
        patch_size: Sequence[int],
        *,
        max_size: int = 256,
        contrast: Contrast = None,
        colors: Colors = "auto",
        scale_bar: bool = False,
        legend: bool = False,
    ) -> Picture:
        """Draw a sheet of up to 64 patches: the middle plane of each, with one contrast for all.

        Parameters
        ----------
        sample_idx : int or N integers
            Sample of each patch, or of all of them.
        channels : sequence of int or str, str, or None
            Channels to merge, by number or name; None is all, at most the first 7.
        coords : N x (Z)YX integers
            First corner of each patch; may lie outside the image.
        patch_size : sequence of int
            Size in pixels, (Z)YX.
        max_size : int
            Longest side of a patch on the sheet, in pixels; larger ones are averaged down.
            What is at most 64 pixels is enlarged by a whole factor, to at most 128.
        contrast, colors, scale_bar, legend
            As for `view`.

        Returns
        -------
        Picture
            Shows itself in a notebook; ``save`` writes it as PNG. What lies outside the image
            is black.
        """
        samples, corners = places(self.ndim, sample_idx, coords)
        style = read_style(contrast, None, colors, scale_bar, legend)
        return Picture(*self._draw_patches(samples, self._numbers(channels), corners, patch_size, max_size, *style))

    def _repr_html_(self) -> str:
        import html  # noqa: PLC0415 # only notebooks need its tables of all named characters

        if self.closed:
            return html.escape(repr(self))
        rows = [(key, value) for key, value in self.metadata.items() if value not in (None, "", {}, [])]
        rows = [(key, _rounded(value) if key == "pixel_size" else value) for key, value in rows]
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
        shape = ", ".join(f"{axis}={n}" for axis, n in zip(self._axes, self.data_shape, strict=True))
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


def _rounded(sizes: dict[str, float]) -> str:
    """Sizes as people read them: files have them in float32, or as quotients."""
    return ", ".join(f"{axis} {size:.4g}" for axis, size in sizes.items())
