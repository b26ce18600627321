# SPDX-License-Identifier: BSD-3-Clause
"""Predictions with CAREamics' networks, by `microtome.predict`. Its class is made on request: it imports Lightning."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _careamics_config as translate
from ._careamics_data import FedByLoader, need_careamics
from ._errors import ArgumentError
from ._predict import _make_plan, predict
from ._prediction_names import name_predictions
from ._torch_model import TorchModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._models import Model
    from ._stack import ImageStack

__all__ = ["InMemory", "OnDisk", "make_prediction_writer", "make_predictor", "warn_of_targets"]

_SUFFIXES = {"tiff": ".tiff", "zarr": ".zarr"}
_AMP = {"32-true": None, "16-mixed": "float16", "bf16-mixed": "bfloat16"}
_OF_RUN = ("part", "resume")  # arguments of `predict` that do not belong to a plan


class Work(NamedTuple):
    """An image to predict."""

    source: str
    stack: ImageStack
    axes: str
    target_axes: str
    shape: Sequence[int]
    """As stored, of the channels that are chosen."""
    tiles: dict[str, Any]
    """Arguments of `microtome.predict` that the configuration of the data decides."""

    def restore(self, array: NDArray[Any]) -> NDArray[Any]:
        """Bring a prediction to the axes that CAREamics gives it."""
        samples, _, *sizes = self.stack.data_shape
        restore_array = need_careamics("careamics.utils.reshape_array").restore_array
        standard = array.reshape(samples, -1, *sizes)
        return restore_array(standard, self.axes, self.shape, self.target_axes)  # type: ignore[no-any-return]


Receive = Callable[[Any, list[Work], Mapping[str, Any]], None]


def _list_work(module: FedByLoader) -> list[Work]:
    images, config = module.images_to_predict()
    tiles: dict[str, Any] = {"batch_size": config.batch_size, "channels": images.channels}
    if config.patching.name == "tiled":
        tiles |= {"tile": tuple(config.patching.patch_size), "overlap": tuple(config.patching.overlaps)}
    tiles["inverse"] = translate.inverse(config.normalization)
    return [
        Work(
            str(loaded.source),
            stack,
            images.axes,
            images.target_axes,
            shape,
            {
                **tiles,
                "normalize": translate.factors(config.normalization, "input", stack.data_shape[1], images.channels),
            },
        )
        for loaded, stack, shape in zip(images.loaded, images.stacks, images.stored_shapes, strict=True)
    ]


def _find_amp(trainer: Any) -> str | None:
    if trainer.precision not in _AMP:
        raise ArgumentError(f"precision {trainer.precision!r} of the trainer is not supported: {', '.join(_AMP)}")
    return _AMP[trainer.precision]


class Predictor:
    """A callback of Lightning: `Trainer.predict` restores and places the network, and this predicts, without batches."""

    def __init__(self, receive: Receive, options: Mapping[str, Any]) -> None:
        self._receive, self._options = receive, dict(options)

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Leave no batches to the trainer."""
        del pl_module
        if stage != "predict":
            return
        if not isinstance(trainer.datamodule, FedByLoader):
            raise ArgumentError(
                f"the images come from microtome.careamics.DataModule, and this trainer has {trainer.datamodule!r}"
            )
        if trainer.world_size > 1:
            raise ArgumentError(
                f"the trainer has {trainer.world_size} processes, and one predicts: use devices=1, and part=(k, n) in "
                "processes that are started separately"
            )
        trainer.datamodule.feeds_prediction = False

    def on_predict_start(self, trainer: Any, pl_module: Any) -> None:
        """Predict all images."""
        network = TorchModel(pl_module.model, amp=_find_amp(trainer))
        options = {"progress": trainer.progress_bar_callback is not None, **self._options}
        try:
            self._receive(network, _list_work(trainer.datamodule), options)
        except KeyboardInterrupt as error:  # Lightning exits without a traceback
            print(*getattr(error, "__notes__", ()), sep="\n", file=sys.stderr)
            raise

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Let the data module have batches again."""
        del pl_module, stage
        if isinstance(trainer.datamodule, FedByLoader):
            trainer.datamodule.feeds_prediction = True

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Likewise."""
        del exception
        self.teardown(trainer, pl_module, "predict")


def _predict_array(network: Model, work: Work, options: Mapping[str, Any]) -> NDArray[Any]:
    return work.restore(predict(network, work.stack, **{**work.tiles, **options}).array)


def _write(network: Model, work: Work, path: str, options: Mapping[str, Any]) -> None:
    request = {**work.tiles, **options}
    part, resume = (request.pop(name, default) for name, default in zip(_OF_RUN, (None, True), strict=True))
    progress = request.pop("progress")
    plan = _make_plan("predict_to_disk", network, work.stack, path, request)  # type: ignore[arg-type]
    plan.joins_samples = True  # as CAREamics, which has one file for each image
    plan._run(network, part, progress, finish=part is None, resume=resume)


class InMemory:
    """Keeps what is predicted."""

    def __init__(self) -> None:
        self.arrays: list[NDArray[Any]] = []
        self.sources: list[str] = []

    def __call__(self, network: Model, works: list[Work], options: Mapping[str, Any]) -> None:
        """Predict."""
        self.arrays = [_predict_array(network, work, options) for work in works]
        self.sources = [work.source for work in works]
        if set(self.sources) == {"array"}:
            self.sources = []


class OnDisk:
    """Writes what is predicted below a folder."""

    def __init__(
        self,
        dirpath: str | os.PathLike[str],
        write_type: str,
        write_extension: str | None = None,
        write_func: Callable[..., Any] | None = None,
        write_func_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        if write_type not in (*_SUFFIXES, "custom"):
            raise ArgumentError(f'write_type is "tiff", "zarr" or "custom", not {write_type!r}')
        if write_type == "custom" and (write_extension is None or write_func is None):
            raise ArgumentError("a custom write type needs write_extension and write_func")
        self._folder = Path(dirpath)
        self._suffix = _SUFFIXES.get(write_type, write_extension)
        self._function = write_func if write_type == "custom" else None
        self._arguments = dict(write_func_kwargs or {})

    def __call__(self, network: Model, works: list[Work], options: Mapping[str, Any]) -> None:
        """Predict; what was written by an earlier call is not predicted again."""
        for work, name in zip(works, name_predictions([work.source for work in works]), strict=True):
            path = self._folder / f"{name}{self._suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if self._function is None:
                _write(network, work, str(path), options)
            else:
                self._function(file_path=path, img=_predict_array(network, work, options), **self._arguments)


class WritingPredictor(Predictor):
    """Writes the predictions of ``Trainer.predict``, tile by tile, through `microtome.predict`.

    The trainer needs a `DataModule`: it restores the checkpoint and places the network, and gets no batches. What was
    interrupted is continued by the same call.

    Parameters
    ----------
    dirpath : path-like
        The folder; predictions are named after the files of the images.
    write_type : {"tiff", "zarr", "custom"}
        OME-TIFF, OME-Zarr, or by a function.
    write_extension, write_func, write_func_kwargs : optional
        As of CAREamics, for custom files: ``write_func(file_path=..., img=..., **write_func_kwargs)``.
    **options
        Of `microtome.predict`: ``blend``, ``pyramid``, ``chunks``, ``dtype``, ``tta``, ``part``, ``resume``, ...
    """

    def __init__(
        self,
        dirpath: str | os.PathLike[str] = "predictions",
        write_type: str = "tiff",
        write_extension: str | None = None,
        write_func: Callable[..., Any] | None = None,
        write_func_kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(OnDisk(dirpath, write_type, write_extension, write_func, write_func_kwargs), options)


def _as_callback(kind: type[Predictor], name: str) -> type[Any]:
    base = need_careamics("lightning.pytorch.callbacks").Callback
    return type(name, (kind, base), {"__module__": "microtome.careamics", "__doc__": kind.__doc__})


def make_predictor(receive: Receive, options: Mapping[str, Any]) -> Any:
    """Make a callback that predicts."""
    return _as_callback(Predictor, "Predictor")(receive, options)


def make_prediction_writer() -> type[Any]:
    """Make the class of callbacks that write."""
    return _as_callback(WritingPredictor, "PredictionWriter")


def warn_of_targets(target: Any) -> None:
    """Tell that targets are not needed."""
    if target is not None:
        warnings.warn("pred_data_target is not used: predictions do not depend on it", stacklevel=4)
