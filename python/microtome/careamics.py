# SPDX-License-Identifier: BSD-3-Clause
"""Image stacks for CAREamics, of every format that microtome reads.

Only `CAREamist`, `DataModule`, `PredictionWriter` and `loading` import CAREamics, when they are used. See ``docs/careamics.md``.

>>> from microtome.careamics import load
>>> import numpy as np
>>> load([np.zeros((3, 64, 48)), np.ones((5, 64, 48))], "TYX")
[<microtome.ImageStack 'array' S=3, C=1, Y=64, X=48 float64>, <microtome.ImageStack 'array' S=5, C=1, Y=64, X=48 float64>]
"""

from __future__ import annotations

import glob
import importlib
import os
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ._adapter import ArrayStack
from ._careamics_data import make_data_module, need_careamics
from ._errors import ArgumentError, RangeError
from ._open import _absolute, _native, _sized, from_object
from ._stack import ImageStack

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from ._batch import Channels, Padding
    from ._context import ContextLike
    from ._open import ImageStackProtocol

__all__ = ["load", "loading"]  # CAREamist, DataModule and PredictionWriter are made on request

_ZARR_URI = re.compile(r"file://(?P<store>.*?\.zarr)(?:/(?P<part>.*))?", re.DOTALL)
# Arguments for prediction that concern the configuration of the data; all others are those of `microtome.predict`.
_PREDICTED = {
    "batch_size",
    "tile_size",
    "tile_overlap",
    "axes",
    "output_axes",
    "data_type",
    "num_workers",
    "channels",
    "in_memory",
    "loading",
}
_CZI_SCENE = re.compile(r"(?P<path>.*\.czi)@(?P<scene>\d+)", re.DOTALL | re.IGNORECASE)


class _NoDepthError(ArgumentError, RuntimeError):
    """The image has no depth axis; a RuntimeError, as in CAREamics."""


class _Stack(ImageStack):
    """An image stack with the attribute names, chunk order and messages of CAREamics' stacks.

    CAREamics' writers derive file names from the source, and its users catch its errors.
    """

    _source: str

    @property
    def source(self) -> str:
        return self._source

    @property
    def path(self) -> str:
        """The source in microtome's notation."""
        return super().source

    @property
    def axes(self) -> str:
        """The same as `original_axes`; the name in CAREamics' CZI stacks."""
        return self.original_axes

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """The same as `original_chunks`, as CAREamics' Zarr writer expects."""
        return self.original_chunks

    @property
    def shards(self) -> tuple[int, ...] | None:
        """The same as `original_shards`."""
        return self.original_shards

    def extract_patch(
        self,
        sample_idx: int,
        channels: Channels,
        coords: Sequence[int],
        patch_size: Sequence[int],
        *,
        out: Any = None,
        dtype: DTypeLike | None = None,
        padding: Padding = 0,
    ) -> NDArray[Any]:
        """Extract one patch; see `ImageStack.extract_patch`."""
        try:
            return super().extract_patch(
                sample_idx, channels, coords, patch_size, out=out, dtype=dtype, padding=padding
            )
        except RangeError as error:
            raise _as_careamics_says(error, channels, self.data_shape[1]) from None

    def _opened(self, axes: str | None, depth_axis: str | None, context: ContextLike | None) -> _Stack:
        """Set what must not depend on later changes of the working folder."""
        self._source = _source_of(self.path, self.format, self.part)
        made = [context] if callable(context) else []
        self._recipe = _open_again, (_absolute(self.path), axes, depth_axis, *made)
        return self


def _as_careamics_says(error: RangeError, channels: Channels, n: int) -> RangeError:
    """Replace the message about a channel out of range."""
    for channel in channels or ():
        if not isinstance(channel, str) and channel >= n:
            told = RangeError(
                f"Channel index {channel} is out of bounds for data with {n} channels. Check the provided `channels` "
                f"parameter in the configuration for erroneous channel indices."
            )
            told.reason, told.path = str(told), error.path
            return told
    return error


def _source_of(path: str, format: str, part: str) -> str:
    file, _, behind = path.partition("#")
    if "://" in file and not file.startswith("file://"):
        return path
    if format == "zarr":
        uri = "/".join(["file://" + os.path.abspath(file), *filter(None, [part])])
        return uri if _ZARR_URI.fullmatch(uri) else path
    scene = re.fullmatch(r"scene=(\d+)", behind)
    return f"{file}@{scene[1]}" if format == "czi" and scene else path


def _open_again(path: str, axes: str | None, depth_axis: str | None, context: ContextLike | None = None) -> _Stack:
    return _Stack._open(path, axes=axes, depth_axis=depth_axis, context=context)._opened(axes, depth_axis, context)


def _from_array(array: NDArray[Any], axes: str, context: ContextLike | None = None) -> _Stack:
    pixels = _native(array)
    stack = _Stack._from_array(pixels, axes, "array", context=context)
    stack._source = "array"
    stack._recipe = _from_array, (pixels, axes)
    return stack


def load(
    source: Any,
    axes: str,
    *,
    sizes: Mapping[str, int] | None = None,
    depth_axis: str | None = None,
    context: ContextLike | None = None,
) -> list[ImageStackProtocol]:
    """Load image stacks; a loader for CAREamics' ``ImageStackLoading``.

    Parameters
    ----------
    source : path-like, array, image stack, or iterable of these
        Paths as for `microtome.open_all`: files of any format, folders, globs,
        ``"a.h5#part"``; also CAREamics' notation, ``"file:///data/a.zarr/part"`` and
        ``"a.czi@0"``.
    axes : str
        Axes of all images. CZI files are presented as in CAREamics: as SCZYX if ``axes`` has Z, as
        SCTYX for ``"SCTYX"``, else as SCYX, with all other axes as samples.
    sizes : mapping of str to int, optional
        Sizes of some axes of files, as in `microtome.open`: ``{"C": 2}`` with the axes ``"TCYX"``
        for pages of alternating channels. Not for arrays and CZI files.
    depth_axis : {"none", "Z", "T"}, optional
        Depth axis of CZI files. Default: as ``axes`` implies.
    context : Context, or function, optional
        As for `microtome.open`.

    Returns
    -------
    list of image stacks
        In the order of ``source``; images of a folder in the order of their names.

    Raises
    ------
    ValueError
        If no image was found.

    Warns
    -----
    UserWarning
        If files of a folder or glob are skipped because they cannot be opened.

    Examples
    --------
    >>> load(np.zeros((64, 48)), "YX")
    [<microtome.ImageStack 'array' S=1, C=1, Y=64, X=48 float64>]
    """
    single = isinstance(source, str | bytes | os.PathLike) or hasattr(source, "extract_patch") or _is_array(source)
    stacks: list[ImageStackProtocol] = []
    for item in [source] if single else source:
        if hasattr(item, "extract_patch"):
            stacks.append(item)
        elif _is_array(item) and sizes:
            raise ValueError("sizes are for files only: reshape the array instead")
        elif isinstance(item, np.ndarray):
            stacks.append(_from_array(item, axes, context))
        elif _is_array(item):
            stacks.append(from_object(ArrayStack(item, axes), context=context))
        else:
            stacks += _open_paths(os.fsdecode(item), axes, sizes, depth_axis or _depth_of(axes), context)
    if not stacks:
        raise ValueError(f"no image was found in {source}")
    return stacks


def _is_array(source: Any) -> bool:
    return hasattr(source, "shape") and hasattr(source, "dtype")


def _depth_of(axes: str) -> str:
    return "Z" if "Z" in axes else "T" if axes == "SCTYX" else "none"


def _open_paths(
    path: str, axes: str, sizes: Mapping[str, int] | None, depth_axis: str, context: ContextLike | None
) -> list[_Stack]:
    """Open a path in microtome's or CAREamics' notation. CZI files need their own options."""
    if uri := _ZARR_URI.fullmatch(path):
        path = "#".join(filter(None, uri.groups()))
    if scene := _CZI_SCENE.fullmatch(path):
        path = "{}#scene={}".format(*scene.groups())
    if _is_czi(path):
        return _open_czi(path, depth_axis, context)
    czis = [found for found in _files_in(path) if _is_czi(found)]
    stacks = _open_all([path], _sized(axes, sizes), None, context, without=_is_czi)
    if czis:
        stacks = sorted(stacks + _open_all(czis, None, depth_axis, context), key=lambda stack: stack.path.split(os.sep))
    return stacks


def _open_czi(path: str, depth_axis: str, context: ContextLike | None) -> list[_Stack]:
    try:
        return _open_all([path], None, depth_axis, context)
    except ArgumentError as error:
        if depth_axis == "none":
            raise
        _open_all([path], None, "none", context)  # raises if the depth axis is not the reason
        told = _NoDepthError(
            f"{path}: the CZI file does not contain a {depth_axis} axis to use for 3-D denoising. Consider axes without "
            f'it, or depth_axis="none", for 2-D denoising.'
        )
        told.reason, told.path = error.reason, error.path
        raise told from None


def _is_czi(path: str) -> bool:
    return path.partition("#")[0].lower().endswith(".czi")


def _files_in(path: str) -> list[str]:
    """List the files of a folder, or those that match a glob."""
    if os.path.isdir(path):
        return [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
    return glob.glob(path, recursive=True) if glob.has_magic(path) and not os.path.exists(path) else []


def _open_all(
    paths: Iterable[str],
    axes: str | None,
    depth_axis: str | None,
    context: ContextLike | None,
    without: Callable[[str], bool] = lambda path: False,
) -> list[_Stack]:
    opened, skipped = _Stack._open_all(list(paths), axes=axes, depth_axis=depth_axis, context=context)
    reasons = [f"{path}: {reason}" for path, reason in skipped if not without(path)]
    if reasons:
        more = [f"and {len(reasons) - 5} more"] if len(reasons) > 5 else []
        warnings.warn("files are left out: " + "; ".join(reasons[:5] + more), stacklevel=4)
    return [stack._opened(axes, depth_axis, context) for stack in opened if not without(stack.path)]


def loading(**options: Any) -> Any:
    """Make an ``ImageStackLoading`` for CAREamics' argument ``loading``.

    Parameters
    ----------
    **options
        Keyword arguments of `load`.

    Returns
    -------
    careamics.ImageStackLoading
        For configurations with ``data_type="custom"``.
    """
    return need_careamics().ImageStackLoading(load, options)


def _loading_or_ours(given: Any) -> Any:
    return loading() if given is None else given


def _make_careamist() -> type[Any]:
    base: Any = need_careamics().CAREamist
    parts: Any = importlib.import_module("._careamics_predict", __package__)

    class CAREamist(base):  # type: ignore[misc]
        """CAREamics' ``CAREamist``, which reads all data through microtome, and trains with `DataModule`.

        The ``data_type`` of its configuration becomes ``"custom"``; all data arguments accept what
        `load` does. `predict` and `predict_to_disk` work through `microtome.predict`, and take its
        arguments besides CAREamics' own: ``blend``, ``tta``, ``pyramid``, ``part``, ``memory``, ...
        `predict_to_disk` writes only below its folder, names predictions after file and part, and
        continues what was interrupted.
        """

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._given_data_type = self.config.data_config.data_type
            custom = {"data_type": "custom", "in_memory": True}  # otherwise it loads file by file
            self.config.data_config = self.config.data_config.model_copy(update=custom)

        def train(self, *, filtering_mask: Any = None, loading: Any = None, **data: Any) -> None:
            fit = self.trainer.fit

            def fit_ours(model: Any, *, datamodule: Any, **options: Any) -> None:
                module = _make("DataModule")
                self.train_datamodule = module(
                    self.config, train_data_mask=filtering_mask, loading=datamodule.loading, **data
                )
                fit(model, datamodule=self.train_datamodule, **options)

            self.trainer.fit = fit_ours
            try:
                super().train(filtering_mask=filtering_mask, loading=_loading_or_ours(loading), **data)
            finally:
                del self.trainer.fit

        def predict(
            self, pred_data: Any, *, checkpoint: Any = None, **options: Any
        ) -> tuple[list[NDArray[Any]], list[str]]:
            receive = parts.InMemory()
            self._predict_with(receive, pred_data, checkpoint, options)
            return receive.arrays, receive.sources

        def predict_to_disk(
            self,
            pred_data: Any,
            *,
            prediction_dir: Any = "predictions",
            checkpoint: Any = None,
            write_type: str | None = None,
            write_extension: str | None = None,
            write_func: Callable[..., Any] | None = None,
            write_func_kwargs: Mapping[str, Any] | None = None,
            **options: Any,
        ) -> None:
            kind = self._default_write_type(write_type, options.get("data_type") or self._given_data_type)
            folder = self.work_dir / prediction_dir
            receive = parts.OnDisk(folder, kind, write_extension, write_func, write_func_kwargs)
            self._predict_with(receive, pred_data, checkpoint, options)

        def _predict_with(self, receive: Any, pred_data: Any, checkpoint: Any, options: dict[str, Any]) -> None:
            parts.warn_of_targets(options.pop("pred_data_target", None))
            data = {name: options.pop(name) for name in _PREDICTED & set(options)}
            theirs = self._build_predict_datamodule(
                pred_data, **{**data, "data_type": "custom", "loading": _loading_or_ours(data.get("loading"))}
            )  # checks the configuration
            module = _make("DataModule")(
                theirs.config, pred_data=pred_data, loading=theirs.loading, model_constraints=theirs.model_constraints
            )
            callback = parts.make_predictor(receive, options)
            self.trainer.callbacks.append(callback)
            try:
                self.trainer.predict(
                    self.model,
                    datamodule=module,
                    return_predictions=False,
                    ckpt_path=self._get_default_ckpt(checkpoint),
                )
            finally:
                self.trainer.callbacks.remove(callback)

    return CAREamist


def _make_prediction_writer() -> type[Any]:
    return importlib.import_module("._careamics_predict", __package__).make_prediction_writer()  # type: ignore[no-any-return]


_MADE: dict[str, Callable[[], type[Any]]] = {
    "CAREamist": _make_careamist,
    "DataModule": lambda: make_data_module(loading),
    "PredictionWriter": _make_prediction_writer,
}


def _make(name: str) -> Any:
    if name not in globals():
        globals()[name] = _MADE[name]()
    return globals()[name]


def __dir__() -> list[str]:
    return [*__all__, *_MADE]


def __getattr__(name: str) -> Any:
    if name not in _MADE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _make(name)
