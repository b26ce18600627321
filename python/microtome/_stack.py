# SPDX-License-Identifier: BSD-3-Clause
"""The image stack."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from . import _core
from ._arguments import names_arguments
from ._batch import places, read_batch
from ._drawing import read_style
from ._indexing import read_index
from ._pickling import to_pickle
from ._picture import Picture

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Unpack

    import dask.array
    import xarray
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from ._batch import Channels, ExtractOptions, Index, Padding
    from ._drawing import Colors, Contrast, Projection

__all__ = ["ImageStack"]

_THUMBNAIL = 4096  # a notebook shows at most this many rows and columns, from the middle of the plane


class ImageStack(_core.Stack):
    """An image with the axes samples, channels, (planes,) rows and columns: SC(Z)YX.

    Made by `microtome.open`, `open_all`, `from_array` and `from_object`. Implements the ImageStack
    protocol of CAREamics: S and T are merged into samples with S slow, a missing S or C has size 1,
    Z exists only if the image has it; patches may reach outside the image on any side and are zero
    there.

    A stack can be read from any number of threads, survives ``fork``, and can be pickled:
    unpickling opens the image again, in the default context, or in that of the function given as
    ``context`` to `open`. If the file is gone or has changed meanwhile, that is a `ReopenError`.
    As a context manager a stack closes itself.
    Indexing and `numpy.asarray` give pixels in SC(Z)YX and in the stored type; stacks over objects
    (`from_object`) give float32.

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

    # -- properties ------------------------------------------------------------------

    @property
    def data_dtype(self) -> np.dtype[Any]:
        """Element type as stored."""
        return np.dtype(self._dtype_name)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type that indexing gives: the stored type, or float32 for a stack over an object."""
        return np.dtype(np.float32) if self.format == "custom" else self.data_dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The same as `data_shape`, SC(Z)YX."""
        return self.data_shape

    @property
    def ndim(self) -> int:
        """4, or 5 if the image has Z."""
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
        """Axes of `shape`. The third of five is Z, or T if that is the ``depth_axis``."""
        return "SCYX" if self.ndim == 4 else "SCZYX" if "Z" in self.original_axes else "SCTYX"

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Shape of a chunk as SC(Z)YX, one size for each of `shape`; None if stored in one piece.

        A chunk that spans several times and several samples is not a box of SC(Z)YX: then this is
        the largest box inside it. `original_chunks` is the stored shape.
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
        """Size of a pixel along each original axis, if the file gives it; `units` has the units."""
        return {a: size for a, (size, _) in zip(self.original_axes, self._pixels, strict=True) if size}

    @property
    def units(self) -> dict[str, str]:
        """UDUNITS-2 name of the unit of each `pixel_size`, such as ``"micrometer"``, if the file gives it."""
        return {a: unit for a, (_, unit) in zip(self.original_axes, self._pixels, strict=True) if unit}

    @property
    def channel_names(self) -> list[str] | None:
        """Name of each channel, "" if it is unnamed; None if the file describes no channels."""
        channels = self._channels
        return None if channels is None else [name for name, _, _ in channels]

    @property
    def channel_colors(self) -> list[tuple[int, int, int] | None] | None:
        """Colour of each channel (red, green, blue; 0 to 255), None if the file does not give it."""
        channels = self._channels
        return None if channels is None else [color for _, color, _ in channels]

    @property
    def sample_names(self) -> list[str] | None:
        """Name of the position of each sample, "" if it is unnamed; None if the file describes no samples."""
        samples = self._samples
        return None if samples is None else [name for name, _, _ in samples]

    @property
    def sample_positions(self) -> list[tuple[float | None, ...] | None] | None:
        """Position of the stage (Z, Y, X in micrometres; None: not known) of each sample."""
        samples = self._samples
        if samples is None:
            return None
        known = [position for _, position, _ in samples]
        return [p and tuple(x if math.isfinite(x) else None for x in p) for p in known]

    @property
    def sample_times(self) -> list[float | None] | None:
        """Time of the first plane of each sample, in seconds since the start of the acquisition."""
        samples = self._samples
        return None if samples is None else [time for _, _, time in samples]

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata of the stack, as a dict that can be written as JSON."""
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
            "sample_names": self.sample_names,
            "sample_positions": self.sample_positions,
            "sample_times": self.sample_times,
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
        errors: Literal["raise"] = ...,
        **options: Unpack[ExtractOptions],
    ) -> NDArray[Any]: ...

    @overload
    def extract_patches(
        self,
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
        divide: bool = False,
        padding: Padding = 0.0,
        scale_padding: bool = False,
        errors: Literal["raise", "return"] = "raise",
    ) -> NDArray[Any] | tuple[NDArray[Any], list[Exception | None]]:
        """Extract many patches of one size at once.

        They are planned together: each chunk that any of them touches is read and decoded once, on
        all threads of the context. `microtome.extract_patches` takes several stacks.

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
            Destination of the shape N, C, (Z), Y, X; float32 or the stored type. Any object with a
            writable buffer, or with DLPack in host memory, such as a torch tensor.
        dtype : {"float32", "source"} or dtype-like, optional
            float32 (the default) or "source", the stored type.
        scale, offset : float or one float a channel, optional
            Patches become ``value * scale + offset``, computed in float32; float32 only.
        divide : bool
            Patches become ``(value - offset) / scale`` instead, computed in float32 by one
            subtraction and one division: with offset the mean and scale the standard deviation, the
            bits of NumPy's ``(patch - mean) / std``.
        padding : float, "reflect" or "edge"
            Value of pixels outside the image, in the patch (not scaled). Or pixels of the image:
            "reflect" mirrors at the outermost pixels, "edge" repeats them, as `numpy.pad` does.
        scale_padding : bool
            Scale the padding value like a pixel, with the scale and offset of each channel.
        errors : {"raise", "return"}
            If patches cannot be read, raise the first error, or return all errors with the patches.
            Invalid arguments always raise.

        Returns
        -------
        numpy.ndarray
            N, C, (Z), Y, X; ``out`` if that was given.
        list of N exceptions or None
            Only with ``errors="return"``: for each patch the error, or None if it is complete.
            Pixels that could not be read are zero; for a stack over an object, the whole patch.

        Raises
        ------
        RangeError
            A sample or channel lies outside the image; also an IndexError and a ValueError.
        CorruptError
            The file is damaged; also a ValueError. Pixels of ``out`` that could not be read are
            zero.
        ReadError
            The file cannot be read; also an OSError.
        ValueError, TypeError
            The arguments do not fit the image or each other.

        Notes
        -----
        Thread-safe; releases the GIL while reading. Ctrl-C cancels it.

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
            (self,),
            None,
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
            raise ValueError("an image stack cannot be converted to an array without a copy")
        pixels = read_index(self, ())
        return pixels if dtype is None else pixels.astype(dtype, copy=False)

    def to_dask(self, chunks: Any = "auto") -> dask.array.Array:
        """Make a lazy dask array of the stack, in SC(Z)YX.

        Parameters
        ----------
        chunks : str, int or tuple
            Blocks of the array, as for `dask.array.from_array`: ``"auto"`` gives blocks of about
            128 MiB that fit the chunks of the file, ``stack.chunks`` the chunks themselves.

        Returns
        -------
        dask.array.Array
            Of type `dtype`. It keeps the stack open; other processes open the image again.

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
        """Make a lazy xarray DataArray of the stack.

        Parameters
        ----------
        chunks : str, int or tuple
            Blocks along SC(Z)YX, as for `to_dask`.

        Returns
        -------
        xarray.DataArray
            Over a dask array. Its dimensions are S, C, (Z,) Y and X. T, if the image has it, is a
            separate dimension. Axes with a pixel size have coordinates that start at 0, with the
            unit in the attribute ``units``; channels have their names.

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
        """Return a checksum of all pixels that does not depend on format or chunks.

        Images with the same element type, shape as SC(Z)YX and values have the same checksum. Each
        chunk is read and decoded once, on all threads, and not cached. The header
        ``microtome/checksum.h`` defines the checksum.

        Returns
        -------
        str
            32 hexadecimal digits.
        """
        return self._checksum()

    # -- pictures --------------------------------------------------------------------

    @names_arguments()
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
            Longest side of the picture, in pixels; larger regions are downscaled while they are
            read. Regions of at most 256 pixels are enlarged by the largest whole factor that keeps
            them within 512 and ``max_size``.
        contrast : (low, high), or such a pair for each channel, or "auto", optional
            The values drawn black and at full brightness. Default: the display windows of the file,
            else "auto", the percentiles 0.1 and 99.9 of the pixels drawn.
        project : "max", "mean" or "sum", optional
            Draw a projection along Z.
        colors : "auto", "channels" or "labels"
            "labels" draws each value in a different colour; "auto" does so if the file declares a
            label image (OME-Zarr).
        scale_bar : bool
            Draw a scale bar of a round length; in pixels if the pixel size is not known.
        legend : bool
            List the channels below the picture, with colour and contrast.

        Returns
        -------
        Picture
            Displayed by notebooks; ``save`` writes it as PNG; ``contrast`` is the contrast used.

        Raises
        ------
        RangeError
            The sample, channel, plane or region lies outside the image.
        ArgumentError
            The options are invalid or do not fit the image, such as ``project`` without Z.
        """
        style = read_style(contrast, project, colors, scale_bar, legend)
        return Picture(*self._draw_plane(sample, self._numbers(channels), z, region, max_size, *style))

    def _numbers(self, channels: Channels) -> list[int] | None:
        return None if channels is None else self._find_channels(channels)

    def save_map(self, path: str | os.PathLike[str]) -> None:
        """Save the parsed metadata of the image and the location of each chunk.

        ``microtome.open(image, map=path)`` then opens an image that is slow to open without reading it; the first read
        checks that size and modification time (or ETag) of its files are unchanged. Axes and sizes are not saved.

        Parameters
        ----------
        path : path-like
            The file; an existing one is replaced.

        Raises
        ------
        UnsupportedError
            The stack is not an image in a file, or its store cannot tell whether an object has
            changed.
        LimitError
            The map would exceed ``max_metadata_bytes``.
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

    @names_arguments()
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
            Longest side of a patch on the sheet, in pixels; larger ones are downscaled. Patches of
            at most 64 pixels are enlarged by a whole factor, to at most 128.
        contrast, colors, scale_bar, legend
            As for `view`.

        Returns
        -------
        Picture
            Displayed by notebooks; ``save`` writes it as PNG. Pixels outside the image are black.
        """
        samples, corners = places(self.ndim, sample_idx, coords)
        style = read_style(contrast, None, colors, scale_bar, legend)
        return Picture(*self._draw_patches(samples, self._numbers(channels), corners, patch_size, max_size, *style))

    def _repr_html_(self) -> str:
        import html  # noqa: PLC0415 # slow to import, and only notebooks need it

        if self.closed:
            return html.escape(repr(self))
        rows = [(key, value) for key, value in self.metadata.items() if value not in (None, "", {}, [])]
        rows = [(key, _rounded(value) if key == "pixel_size" else value) for key, value in rows]
        table = "".join(
            f"<tr><th style='text-align:left'>{html.escape(key)}</th>"
            f"<td style='text-align:left'>{html.escape(str(value))}</td></tr>"
            for key, value in rows
        )
        # A whole large plane would take minutes. A failed read must not hide the metadata.
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

    # -- pickling and closing --------------------------------------------------------

    def __reduce__(self) -> tuple[Callable[..., ImageStack], tuple[Any, ...]]:
        if self.closed:
            raise ValueError("a closed image stack cannot be pickled")
        return to_pickle(self)

    def __enter__(self) -> ImageStack:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _rounded(sizes: dict[str, float]) -> str:
    """Round sizes for display: files store them as float32 or as quotients."""
    return ", ".join(f"{axis} {size:.4g}" for axis, size in sizes.items())
