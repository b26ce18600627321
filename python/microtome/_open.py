# SPDX-License-Identifier: BSD-3-Clause
"""Making image stacks: from paths, arrays and objects."""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from . import _core
from ._adapter import ArrayStack
from ._arguments import names_arguments
from ._errors import Error, NotAnImageError, make_error, shown, warn_caller
from ._stack import ImageStack

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from ._context import ContextLike

    Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]

__all__ = ["ImageStackProtocol", "StackList", "from_array", "from_object", "list_parts", "open", "open_all"]


class ImageStackProtocol(Protocol):
    """The protocol that CAREamics requires of an image stack, and `from_object` of an object."""

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
        """Extract one patch, C(Z)YX; see `ImageStack.extract_patch`."""
        ...


class StackList(list[ImageStack]):
    """Image stacks, in the order in which they were found.

    Attributes
    ----------
    skipped : list of (path, reason)
        Files in a folder or glob, and images of a file (``path#part``), that could not be opened.
    """

    skipped: list[tuple[str, str]]


def _raw(
    dtype: DTypeLike | None, shape: Sequence[int] | None, offset: int, format: str | None
) -> tuple[str, tuple[int, ...], int, bool] | None:
    """Describe a file without a header, for the extension."""
    if dtype is None and shape is None and not offset:
        return None
    if dtype is None or shape is None:
        raise ValueError("dtype, shape and offset describe a file without a header: both dtype and shape are needed")
    if format not in (None, "raw"):
        raise ValueError(f"dtype, shape and offset are for files without a header, not for format {format!r}")
    element = np.dtype(dtype)
    big = element.newbyteorder(">") == element and element.itemsize > 1
    return element.name, tuple(shape), offset, big


def _sized(axes: str | None, sizes: Mapping[str, int] | None) -> str | None:
    """Join axes and sizes into the library's notation: ``T4C2YX``."""
    if not sizes:
        return axes
    if axes is None:
        raise ValueError("sizes requires axes")
    unknown = sorted(set(sizes) - set(axes))
    if unknown:
        raise ValueError(f"sizes names {', '.join(unknown)}, which is not among the axes {axes!r}")
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


def is_url(path: str) -> bool:
    """Whether a path is a URL: it has a scheme (RFC 3986, 3.1) of more than the one letter of a drive."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path) is not None


def _absolute(path: Path) -> str:
    """Return a path or URL that is valid in another process, without the query, which may be a secret."""
    text = os.fsdecode(path)
    if is_url(text):
        return shown(text)
    return text if os.path.isabs(text) else os.path.join(os.getcwd(), text)


def _at_level(path: str, part: str, level: int) -> str:
    """Add a level to the part that the path or the option names."""
    named = path.removesuffix(f"#{part}") if part else path
    return f"{named}#{part}{'&' if part else ''}level={level}"


@names_arguments()
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
    scaled: bool = False,
    merge_tiles: bool = False,
    external_folder: Path | None = None,
    missing: Literal["fill", "error"] = "fill",
    map: Path | None = None,
    dtype: DTypeLike | None = None,
    shape: Sequence[int] | None = None,
    offset: int = 0,
    context: ContextLike | None = None,
) -> ImageStack:
    """Open one image.

    Only metadata is read; pixels are read on request.

    Parameters
    ----------
    path : path-like
        A file or folder, with an optional part behind ``#``: ``"a.zarr#labels/nuclei"``,
        ``"b.ome.tif#series=1"``, ``"c.zarr#level=2"``. Or a URL: ``"https://host/a.zarr"``,
        ``"s3://bucket/a.zarr"``. The query of a URL is treated as a secret: it is neither shown nor
        pickled.
    axes : str, optional
        Letters of ``STCZYX``, one for each dimension of the stored array, if the file does
        not name them or is wrong. Arrays that do not name their axes (NPY, Zarr, HDF5, raw)
        need them if they have more than two dimensions, not counting leading ones of length
        1; two are YX. Axes of length 1 may be left out; those that are not stored may be
        named if only one assignment fits the shape.
    sizes : mapping of str to int, optional
        Sizes of some axes, if one stored dimension holds several of S, T, C and Z, such as a flat
        run of pages: ``axes="TCYX", sizes={"C": 2}``. The last axis is the fastest; one size may be
        left open. ``axes="TC2YX"`` is equivalent. Sizes of stored dimensions must match.
    part : str, optional
        The part, as an alternative to ``#``.
    level : int
        Level of the pyramid; 0 is the full image.
    format : str, optional
        Name of the format. Default: decided by the content.
    depth_axis : {"none", "Z", "T"}, optional
        Present the image as SCYX, SCZYX or SCTYX, as CAREamics does with CZI files: this axis is
        the depth; all others but C become samples.
    use_masks : bool
        CZI: at pixels that the mask of a tile declares invalid, use the tile below.
    scaled : bool
        Pixels are the values that the file declares them to stand for, as float32 or float64, if it
        declares any (NIfTI): `ImageStack.value_scaling`. Default: as stored.
    merge_tiles : bool
        LIF: paint the tiles of a tile scan into one plane, each at its place on the stage and over
        those before it. Default: tiles are samples.
    external_folder : path-like, optional
        Folder within which a file may refer to other files (HDF5 links, external raw data and
        virtual datasets, the files of an OME-TIFF set); "" is the folder of the file.
    missing : {"fill", "error"}
        How to treat missing files and frames, and absent chunks (Zarr): ``"fill"`` reads them as
        the fill value and warns about files and frames; ``"error"`` raises NotFoundError.
    map : path-like, optional
        A file that `ImageStack.save_map` wrote for this image. The image is then opened without
        reading it; the first read checks that it has not changed.
    dtype : dtype-like, optional
        Element type and byte order of a file without a header (``format="raw"``).
    shape : sequence of int, optional
        Shape of a file without a header.
    offset : int
        Offset of the first element in a file without a header, in bytes.
    context : Context, or function, optional
        Threads, cache, limits and credentials. Default: a context shared by all stacks. A function
        makes one, once in each process: unpickling calls it again, so that processes have the
        credentials without their being pickled.

    Returns
    -------
    ImageStack

    Raises
    ------
    NotFoundError
        The file, part or level does not exist; also a FileNotFoundError.
    CorruptError
        The file is damaged; also a ValueError.
    NotAnImageError
        The file or folder is of no known format or holds no image; also a ValueError.
    UnsupportedError
        The image has a feature that is not supported; also a NotImplementedError.
    LimitError
        The file exceeds a limit of the context; also a ValueError.
    ReadError
        The file cannot be read, or the server refuses or fails; also an OSError.
    ArgumentError
        The axes do not fit the image or must be named, or the map is of another part; also a
        ValueError.

    Warns
    -----
    ImageWarning
        Files or frames are missing (`ImageStack.missing`), or something was repaired, left out or
        assumed (`ImageStack.warnings`).

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
        "scaled": scaled,
        "merge_tiles": merge_tiles,
        "external_folder": external_folder,
        "missing_is_error": _is_error(missing),
        "map": map,
        "raw": _raw(dtype, shape, offset, format),
    }
    try:
        stack: ImageStack = ImageStack._open(path, context=context, **options)
    except NotAnImageError as error:
        if not os.path.isdir(path):
            raise
        text = f"{error}; microtome.open_all opens the images in a folder"
        raise make_error("MT_E_NOT_AN_IMAGE", text, os.fsdecode(path)) from None
    if level and level != stack.level:
        path = _at_level(os.fsdecode(path), stack.part, level)
        options["part"] = None
        stack.close()
        stack = ImageStack._open(path, context=context, **options)
    if external_folder:
        options["external_folder"] = _absolute(external_folder)
    if map:
        options["map"] = _absolute(map)
    stack._recipe = _recipe(path, options, context)
    warn_opened(stack)
    return stack


def open_quietly(path: Path, context: ContextLike | None = None, axes: str | None = None) -> ImageStack:
    """Open an image without a warning."""
    return _open_again(os.fsdecode(path), {"axes": axes}, context)


def warn_opened(stack: ImageStack) -> None:
    """Warn once about missing files, repairs and assumptions."""
    texts = list(stack.warnings)
    if stack.n_missing:
        names = ", ".join(stack.missing[:3]) + (", ..." if stack.n_missing > 3 else "")
        what = "file or frame is missing and reads" if stack.n_missing == 1 else "files or frames are missing and read"
        texts.insert(0, f"{stack.n_missing} {what} as the fill value: {names}")
    if texts:
        warn_caller(f"{stack.source}: " + "; ".join(texts))


def _recipe(path: Path, options: dict[str, Any], context: ContextLike | None) -> tuple[Any, tuple[Any, ...]]:
    """Say how to open an image in another process. Of contexts, only a function that makes one is kept."""
    return _open_again, (_absolute(path), options, *([context] if callable(context) else []))


def _open_again(path: str, options: dict[str, Any], context: ContextLike | None = None) -> ImageStack:
    stack: ImageStack = ImageStack._open(path, context=context, **options)
    stack._recipe = _recipe(path, options, context)
    return stack


@names_arguments()
def open_all(
    paths: Path | Iterable[Path],
    axes: str | None = None,
    *,
    sizes: Mapping[str, int] | None = None,
    depth_axis: str | None = None,
    scaled: bool = False,
    context: ContextLike | None = None,
) -> StackList:
    """Open all images of files, folders, globs, and lists of them.

    Parameters
    ----------
    paths : path-like or iterable of path-like
        Each is a file, a ``path#part``, a glob (``*``, ``?``, ``[...]``; ``**`` for any depth),
        or a folder (also on S3), which is searched recursively for files of known formats, in
        the order of their names.
    axes : str, optional
        Axes of all images, if the files do not name them or are wrong.
    sizes : mapping of str to int, optional
        Sizes of some of the axes of all images, as in `open`.
    depth_axis : {"none", "Z", "T"}, optional
        As in `open`.
    scaled : bool
        As in `open`.
    context : Context, or function, optional
        As in `open`.

    Returns
    -------
    StackList
        Each path gives at least one image. Other images that cannot be opened, in files, folders and
        globs, are listed in the attribute ``skipped``. Files that belong to another image of the
        folder or glob, such as a multi-file OME-TIFF, are not opened separately.

    Raises
    ------
    NotFoundError
        A glob matches nothing, or as `open` does.
    NotAnImageError
        A folder or the matches of a glob hold no image, or as `open` does.
    microtome.Error
        As `open` does, for named paths.
    """
    if isinstance(paths, str | bytes | os.PathLike):
        paths = [paths]
    options: dict[str, Any] = {"axes": _sized(axes, sizes), "depth_axis": depth_axis, "scaled": scaled}
    stacks = StackList()
    stacks.skipped = []
    for path in paths:
        opened, skipped = ImageStack._open_all([path], context=context, **options)
        if not opened:
            raise _no_image(path, skipped)
        stacks += opened
        stacks.skipped += skipped
    for stack in stacks:
        stack._recipe = _recipe(stack.source, options, context)
        warn_opened(stack)
    return stacks


def _no_image(path: Path, skipped: list[tuple[str, str]]) -> Error:
    """Say that a path gave no image, and why its files were skipped."""
    name = shown(os.fsdecode(path))
    text = f"{name}: no image found"
    if skipped:
        images = [skip for skip in skipped if not skip[1].startswith("neither content nor name")]
        count = "1 file is skipped: " if len(skipped) == 1 else f"{len(skipped)} files are skipped, such as "
        text += "; " + count + ": ".join([*images, *skipped][0])
    return make_error("MT_E_NOT_AN_IMAGE", text, name)


@names_arguments()
def list_parts(path: Path, context: ContextLike | None = None) -> list[str]:
    """List the images of one file or folder, each as written behind ``#``.

    Parameters
    ----------
    path : path-like
        A file or folder.
    context : Context, optional
        Threads, cache and limits.

    Returns
    -------
    list of str
        Arrays of a group, series, scenes; not the levels of a pyramid. ``""`` is the unnamed image
        of a file with one image.

    Raises
    ------
    microtome.Error
        As `open` does.
    """
    return _core.list_parts(path, context)


@names_arguments(array="an array")
def from_array(array: Any, axes: str, source: str = "array", *, context: ContextLike | None = None) -> ImageStack:
    """Make an image stack of an array, without a copy.

    Parameters
    ----------
    array : array
        An array in memory, of any strides (NumPy, torch tensors, anything with a buffer); it is
        copied only if its byte order is not native. Or a lazy array (dask, zarr, h5py, tensorstore,
        xarray and similar), which is never loaded as a whole: each patch is a slice of it, in
        float32, as with `from_object`.
    axes : str
        Letters of ``STCZYX``, one for each dimension.
    source : str
        Names the image; travels with its predictions.
    context : Context, optional
        Threads and limits.

    Returns
    -------
    ImageStack
        It refers to the array, so later changes of the array are visible.

    Raises
    ------
    ArgumentError
        The axes do not fit the array; also a ValueError.
    TypeError
        The element type is not supported, such as complex numbers or objects.

    See Also
    --------
    open : reads Zarr and HDF5 files itself, many times as fast.
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
    if isinstance(array, str | os.PathLike):
        raise TypeError(f"array must be an array, not {array!r}: microtome.open opens a path")
    pixels = np.asarray(array)
    if pixels.dtype.kind not in "biuf":
        raise TypeError(f"arrays of {pixels.dtype} are not supported: integers, real numbers and booleans are")
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


def from_object(obj: ImageStackProtocol, *, context: ContextLike | None = None) -> ImageStack:
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
    if not hasattr(obj, "extract_patch"):
        raise TypeError(
            f"an object of the type {type(obj).__name__!r} is not an image stack: microtome.open makes one of a path, "
            "microtome.from_array of an array"
        )
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


def native_stacks(stacks: Any) -> tuple[ImageStack, ...]:
    """Make native stacks of one stack or several, of microtome or of Python objects."""
    is_one = hasattr(stacks, "dtype") or isinstance(stacks, str | os.PathLike) or not isinstance(stacks, Iterable)
    several = [stacks] if is_one or hasattr(stacks, "extract_patch") else list(stacks)
    return tuple(stack if isinstance(stack, ImageStack) else from_object(stack) for stack in several)
