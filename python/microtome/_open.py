# SPDX-License-Identifier: BSD-3-Clause
"""Where image stacks come from: paths, arrays, objects."""

from __future__ import annotations

import operator
import os
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from . import _core
from ._adapter import ArrayStack
from ._errors import ImageWarning, shown
from ._stack import ImageStack

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from ._core import Context

    Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]

__all__ = ["ImageStackProtocol", "StackList", "from_array", "from_object", "list_parts", "open", "open_all"]


class ImageStackProtocol(Protocol):
    """What CAREamics asks of an image stack, and `from_object` of an object."""

    @property
    def source(self) -> Any:
        """Names the image; travels with its predictions."""
        ...

    @property
    def data_shape(self) -> Sequence[int]:
        """Shape as SC(Z)YX."""
        ...

    @property
    def data_dtype(self) -> DTypeLike:
        """Element type as stored."""
        ...

    @property
    def original_data_shape(self) -> Sequence[int]:
        """Shape as stored, one size for each original axis."""
        ...

    @property
    def original_axes(self) -> str:
        """Axes as stored, letters of ``STCZYX``."""
        ...

    def extract_patch(
        self,
        sample_idx: int,
        channels: Sequence[int] | None,
        coords: Sequence[int],
        patch_size: Sequence[int],
    ) -> NDArray[Any]:
        """Extract one patch, C(Z)YX, as `ImageStack.extract_patch` does."""
        ...


class StackList(list[ImageStack]):
    """Image stacks, in the order in which they were found.

    Attributes
    ----------
    skipped : list of (path, reason)
        What was found in a folder, by a glob or in a file of several images
        (``path#part``) and could not be opened.
    """

    skipped: list[tuple[str, str]]


def _raw(
    dtype: DTypeLike | None, shape: Sequence[int] | None, offset: int, format: str | None
) -> tuple[str, tuple[int, ...], int, bool] | None:
    """Describe a file without a header, for the extension."""
    if dtype is None and shape is None and not offset:
        return None
    if dtype is None or shape is None:
        raise ValueError("a raw file needs dtype and shape")
    if format not in (None, "raw"):
        raise ValueError(f"dtype, shape and offset are for files without a header, not for format {format!r}")
    element = np.dtype(dtype)
    big = element.newbyteorder(">") == element and element.itemsize > 1
    return element.name, tuple(shape), offset, big


def _sized(axes: str | None, sizes: Mapping[str, int] | None) -> str | None:
    """Join axes and sizes to what the library reads: ``T4C2YX``."""
    if not sizes:
        return axes
    if axes is None:
        raise ValueError("sizes need axes")
    unknown = sorted(set(sizes) - set(axes))
    if unknown:
        raise ValueError(f"sizes of {', '.join(unknown)}, which the axes {axes!r} do not name")
    if any(character.isdigit() for character in axes):
        raise ValueError(f"the axes {axes!r} have sizes already")
    for axis, size in sizes.items():
        if operator.index(size) < 1:
            raise ValueError(f"the size of {axis} is {size}: sizes count from 1")
    return "".join(f"{axis}{operator.index(sizes[axis])}" if axis in sizes else axis for axis in axes)


def _is_error(missing: str) -> bool:
    if missing not in ("fill", "error"):
        raise ValueError(f"missing is {missing!r}, not 'fill' or 'error'")
    return missing == "error"


def _absolute(path: Path) -> str:
    """Return a path or URL that means the same in another process, without what may be a secret."""
    text = os.fsdecode(path)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
        return shown(text)
    return text if os.path.isabs(text) else os.path.join(os.getcwd(), text)


def _at_level(path: str, part: str, level: int) -> str:
    """Name a level beside the part that a path or an option names."""
    named = path.removesuffix(f"#{part}") if part else path
    return f"{named}#{part}{'&' if part else ''}level={level}"


def open(
    path: Path,
    axes: str | None = None,
    *,
    sizes: Mapping[str, int] | None = None,
    part: str | None = None,
    level: int = 0,
    format: str | None = None,
    depth_axis: str | None = None,
    use_masks: bool = False,
    external_folder: Path | None = None,
    missing: Literal["fill", "error"] = "fill",
    map: Path | None = None,
    dtype: DTypeLike | None = None,
    shape: Sequence[int] | None = None,
    offset: int = 0,
    context: Context | None = None,
) -> ImageStack:
    """Open one image.

    Only metadata is read. Pixels are read when they are asked for, and only those.

    Parameters
    ----------
    path : path-like
        A file or folder, with an optional part of it behind ``#``:
        ``"a.zarr#labels/nuclei"``, ``"b.ome.tif#series=1"``, ``"c.zarr#level=2"``. Or a
        URL: ``"https://host/a.zarr"``, ``"s3://bucket/a.zarr"``. Its query counts as a
        secret: it is neither shown nor pickled.
    axes : str, optional
        Letters of ``STCZYX``, one for each dimension of the stored array, if the file does
        not name them or is wrong. Arrays that do not name their axes (NPY, Zarr, HDF5, raw)
        need them if they have more than two dimensions, not counting leading ones of length
        1; two are YX. Axes of length 1 may be left out; those that are not stored may be
        named if only one assignment fits the shape.
    sizes : mapping of str to int, optional
        Sizes of some of the axes, where one stored dimension holds several of S, T, C and Z,
        such as a flat run of pages: ``axes="TCYX", sizes={"C": 2}``. The last axis is the
        fastest; one size may be left open. ``axes="TC2YX"`` is the same. Sizes of stored
        dimensions must match.
    part : str, optional
        The part, instead of behind ``#``.
    level : int
        Level of the pyramid; 0 is the full image.
    format : str, optional
        Name of the format, where the content is not to decide.
    depth_axis : {"none", "Z", "T"}, optional
        See the image as SCYX, SCZYX or SCTYX, as CAREamics sees CZI files: this axis is
        the depth, all others but C are samples.
    use_masks : bool
        CZI: pixels that the mask of a tile calls invalid show what lies below.
    external_folder : path-like, optional
        The folder inside which a file may refer to other files (HDF5's links, external
        raw data and virtual datasets, the files of an OME-TIFF set); "" is the folder of
        the file.
    missing : {"fill", "error"}
        What to do about files and frames that the image names and that are not there, and
        about absent chunks (Zarr): ``"fill"`` reads them as the fill value, and warns of
        files and frames; ``"error"`` raises a NotFoundError.
    map : path-like, optional
        A file that `ImageStack.save_map` wrote for this image: then nothing of the image is
        read to open it, and its first read checks that the image has not changed since.
    dtype : dtype-like, optional
        Of a file without a header (``format="raw"``): the element type with its byte order.
    shape : sequence of int, optional
        Of a file without a header: the shape.
    offset : int
        Of a file without a header: bytes before the first element.
    context : Context, optional
        Threads, cache and limits. Default: one that all stacks share.

    Returns
    -------
    ImageStack

    Raises
    ------
    NotFoundError
        There is no such file, part or level; a FileNotFoundError too.
    CorruptError
        The file is damaged; a ValueError too.
    NotAnImageError
        The file or folder is of no known format; a ValueError too.
    UnsupportedError
        The image has a feature that is not supported; a NotImplementedError too.
    LimitError
        The file asks for more than a limit of the context allows; a ValueError too.
    ReadError
        The file cannot be read, or the server refuses or fails; an OSError too.
    ArgumentError
        The axes do not fit the image or have to be named, or the map is of another part; a
        ValueError too.

    Warns
    -----
    ImageWarning
        Files or frames are missing (`ImageStack.missing`), or something was repaired, left
        out or assumed (`ImageStack.warnings`).

    Notes
    -----
    Thread-safe; the GIL is released while it reads.

    Examples
    --------
    >>> import microtome
    >>> microtome.open("missing.tif")
    Traceback (most recent call last):
    ...
    microtome.NotFoundError: missing.tif: no such file or folder
    """
    options: dict[str, Any] = {
        "axes": _sized(axes, sizes),
        "part": part,
        "format": format,
        "depth_axis": depth_axis,
        "use_masks": use_masks,
        "external_folder": external_folder,
        "missing_is_error": _is_error(missing),
        "map": map,
        "raw": _raw(dtype, shape, offset, format),
    }
    stack: ImageStack = ImageStack._open(path, context=context, **options)
    if level and level != stack.level:
        path = _at_level(os.fsdecode(path), stack.part, level)
        options["part"] = None
        stack.close()
        stack = ImageStack._open(path, context=context, **options)
    if external_folder:
        options["external_folder"] = _absolute(external_folder)
    if map:
        options["map"] = _absolute(map)
    stack._recipe = _open_again, (_absolute(path), options)
    _warn(stack)
    return stack


def _warn(stack: ImageStack) -> None:
    """Tell once, of the caller of the caller, what is missing and what was repaired or assumed."""
    texts = list(stack.warnings)
    if stack.n_missing:
        names = ", ".join(stack.missing[:3]) + (", ..." if stack.n_missing > 3 else "")
        what = "file or frame is missing and reads" if stack.n_missing == 1 else "files or frames are missing and read"
        texts.insert(0, f"{stack.n_missing} {what} as the fill value: {names}")
    if texts:
        warnings.warn(f"{stack.source}: " + "; ".join(texts), ImageWarning, stacklevel=3)


def _open_again(path: str, options: dict[str, Any]) -> ImageStack:
    stack: ImageStack = ImageStack._open(path, **options)
    stack._recipe = _open_again, (path, options)
    return stack


def open_all(
    paths: Path | Iterable[Path],
    axes: str | None = None,
    *,
    sizes: Mapping[str, int] | None = None,
    depth_axis: str | None = None,
    context: Context | None = None,
) -> StackList:
    """Open all images of files, folders, globs, and lists of them.

    Parameters
    ----------
    paths : path-like or iterable of path-like
        Each is a file, a ``path#part``, a glob (``*``, ``?``, ``[...]``; ``**`` for any
        depth), or a folder, which is searched through and through for files of known
        formats, in the order of their names.
    axes : str, optional
        Axes of all images, if the files do not name them or are wrong.
    sizes : mapping of str to int, optional
        Sizes of some of the axes of all images, as in `open`.
    depth_axis : {"none", "Z", "T"}, optional
        As in `open`.
    context : Context, optional
        Threads, cache and limits.

    Returns
    -------
    StackList
        What is named must open; of several images in one file it is enough that one opens.
        The others, and what a folder or a glob brings and cannot be opened, are listed in
        its attribute ``skipped``. In a folder or glob, a file that belongs to an image
        found there, such as one of a multi-file OME-TIFF, is not an image of its own. A glob that
        matches nothing gives an empty list.

    Raises
    ------
    microtome.Error
        As `open` does, for what is named.
    """
    if isinstance(paths, str | bytes | os.PathLike):
        paths = [paths]
    options: dict[str, Any] = {"axes": _sized(axes, sizes), "depth_axis": depth_axis}
    opened, skipped = ImageStack._open_all(list(paths), context=context, **options)
    stacks = StackList(opened)
    stacks.skipped = skipped
    for stack in stacks:
        stack._recipe = _open_again, (_absolute(stack.source), options)
        _warn(stack)
    return stacks


def list_parts(path: Path, context: Context | None = None) -> list[str]:
    """Name the images of one file or folder, each as it stands behind ``#``.

    Parameters
    ----------
    path : path-like
        A file or folder.
    context : Context, optional
        Threads, cache and limits.

    Returns
    -------
    list of str
        Arrays of a group, series, scenes; not the levels of a pyramid. ``""`` is an image
        without a name, alone in its file.

    Raises
    ------
    microtome.Error
        As `open` does.
    """
    return _core.list_parts(path, context)


def from_array(array: Any, axes: str, source: str = "array", *, context: Context | None = None) -> ImageStack:
    """Make an image stack of an array, without a copy.

    Parameters
    ----------
    array : array
        In memory, of any strides (NumPy, torch tensors, anything with a buffer); one whose
        byte order is not the machine's is copied. Or an array that is read when it is sliced,
        of dask, zarr, h5py, tensorstore, xarray and their like: it is never read as a whole.
        Each patch then is a slice of it, in float32, as of `from_object`.
    axes : str
        Letters of ``STCZYX``, one for each dimension.
    source : str
        Names the image; travels with its predictions.
    context : Context, optional
        Threads and limits.

    Returns
    -------
    ImageStack
        It reads from the array as long as it lives: changes of the array are seen.

    Raises
    ------
    ArgumentError
        The axes do not fit the array; a ValueError too.
    TypeError
        The elements are complex numbers, objects, or of another type that no image has.

    See Also
    --------
    open : reads Zarr and HDF5 itself, which is many times as fast.
    """
    stack: ImageStack
    if _is_lazy(array):
        parallel = type(array).__module__.partition(".")[0] in ("dask", "zarr", "tensorstore")
        stack = from_object(ArrayStack(array, axes, source, parallel=parallel), context=context)
        stack._recipe = from_array, (array, axes, source)
        return stack
    pixels = _native(array)
    stack = ImageStack._from_array(pixels, axes, source, context=context)
    stack._recipe = from_array, (pixels, axes, source)
    return stack


def _native(array: Any) -> NDArray[Any]:
    """Return an array in the byte order of the machine."""
    pixels = np.asarray(array)
    return pixels if pixels.dtype.isnative else pixels.astype(pixels.dtype.newbyteorder("="))


def _is_lazy(array: Any) -> bool:
    """Tell arrays that lie outside of memory: they are sliced like one, and do not lend their memory."""
    if hasattr(array, "__array_interface__") or hasattr(array, "__dlpack__"):
        return False
    try:
        memoryview(array)
    except TypeError:
        return all(hasattr(array, name) for name in ("shape", "dtype", "__getitem__"))
    return False


def from_object(obj: ImageStackProtocol, *, context: Context | None = None) -> ImageStack:
    """Make an image stack of any object with the ImageStack protocol.

    Parameters
    ----------
    obj : object
        With ``source``, ``data_dtype``, ``original_axes``, ``original_data_shape`` and
        ``extract_patch(sample_idx, channels, coords, patch_size)``, which gives
        C(Z)YX. It is called in the thread that asks for patches, one patch after the
        other; where several threads ask, from several at once. With an attribute
        ``parallel = True`` it may be called from any thread: `extract_patches` then shares
        its patches among the threads of the context. That is quicker if the object waits,
        or computes without the GIL.
    context : Context, optional
        Threads and limits.

    Returns
    -------
    ImageStack
        Patches and what indexing gives are those of the object, as float32. It is only asked for what lies inside
        the image; zeros outside are added here. What its ``extract_patch`` raises, in
        whatever thread, reaches the caller of this stack's.

    Notes
    -----
    What an object keeps in `threading.local` does not outlast a call in the threads of the
    context.
    """
    stack: ImageStack = ImageStack._from_object(
        obj,
        str(obj.source),
        np.dtype(obj.data_dtype).name,
        obj.original_axes,
        tuple(obj.original_data_shape),
        context=context,
        parallel=getattr(obj, "parallel", False) is True,
    )
    stack._recipe = from_object, (obj,)
    return stack
