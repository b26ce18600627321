# SPDX-License-Identifier: BSD-3-Clause
"""A data module for CAREamics' Lightning modules, fed by `microtome.Loader`. Made on request: it imports CAREamics."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _careamics_config as translate
from ._loader import Loader
from ._open import native_stacks
from ._patching import Tiled, Whole
from .torch import DataLoader

if TYPE_CHECKING:
    from ._patching import Patching, PatchSpec
    from ._stack import ImageStack
    from .torch import Batch

__all__ = ["FedByLoader", "make_data_module", "need_careamics"]

# Arguments of the loader for training that the configuration does not speak of.
_LOADER = {"window", "block", "prefetch", "on_corrupt", "missing", "locality"}


def need_careamics(module: str = "careamics") -> Any:
    """Import CAREamics, or a part of it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError("microtome.careamics needs CAREamics: pip install careamics") from error


class _Images:
    """The images of one array of the batches: as they were loaded, and as stacks of microtome."""

    def __init__(self, loaded: Sequence[Any], axes: str, target_axes: str, channels: Sequence[int] | None) -> None:
        self.loaded = list(loaded)
        self.stacks: tuple[ImageStack, ...] = native_stacks(self.loaded)
        self.axes, self.target_axes, self.channels = axes, target_axes, channels

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return [stack.data_shape for stack in self.stacks]

    @property
    def stored_shapes(self) -> list[list[int]]:
        """Return the sizes along the axes, of the channels that are chosen."""
        at = self.axes.find("C")
        return [_with_channels(loaded.original_data_shape, at, self.channels) for loaded in self.loaded]


class _Facts:
    """What CAREamics' batches say about the images of their patches, for one array."""

    def __init__(self, images: _Images) -> None:
        self._shapes = np.array([_with_channels(shape, 1, images.channels) for shape in images.shapes])
        self._originals = np.array(images.stored_shapes)
        self._sources = [str(loaded.source) for loaded in images.loaded]
        self._dtypes = [str(loaded.data_dtype) for loaded in images.loaded]
        self._axes, self._target_axes = images.axes, images.target_axes
        self._chunks = {}
        for name in ("chunks", "shards"):
            stored = [sizes for loaded in images.loaded if (sizes := _stored(loaded, name))]
            if len(stored) == len(images.loaded):
                self._chunks[name] = np.array(stored)
        self._type = need_careamics("careamics.dataset").ImageRegionData

    def collate(self, data: Any, stack: Any, region: dict[str, Any]) -> Any:
        """Describe patches of these stacks in the form of torch's ``default_collate``."""
        numbers = stack.tolist()
        n = len(numbers)
        return self._type(
            data=data,
            source=tuple(self._sources[k] for k in numbers),
            data_shape=_columns(self._shapes[stack]),
            dtype=tuple(self._dtypes[k] for k in numbers),
            axes=(self._axes,) * n,
            target_axes=(self._target_axes,) * n,
            original_data_shape=_columns(self._originals[stack]),
            region_spec=region,
            additional_metadata={name: _columns(sizes[stack]) for name, sizes in self._chunks.items()},
        )


def _with_channels(shape: Sequence[int], at: int, channels: Sequence[int] | None) -> list[int]:
    sizes = [int(n) for n in shape]
    if channels is not None and at >= 0:
        sizes[at] = len(channels)
    return sizes


def _stored(loaded: Any, name: str) -> tuple[int, ...] | None:
    """Return chunks or shards of a Zarr array, in the order of its axes: what CAREamics' writer asks for."""
    is_zarr = getattr(loaded, "format", None) == "zarr" or type(loaded).__name__ == "ZarrImageStack"
    return getattr(loaded, f"original_{name}", getattr(loaded, name, None)) if is_zarr else None


def _column(values: Any) -> Any:
    return importlib.import_module("torch").from_numpy(np.array(values, np.int64))


def _columns(rows: Any) -> list[Any]:
    """Make a tensor of each column: what torch's ``default_collate`` makes of tuples of numbers."""
    return [_column(column) for column in np.asarray(rows).T]


class Batches:
    """The batches of a loader as CAREamics has them: lists of ``ImageRegionData``, input and target."""

    def __init__(self, batches: DataLoader, images: Sequence[_Images]) -> None:
        self._batches, self._facts = batches, [_Facts(each) for each in images]
        self._patching = batches.loader.patching

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[Any]]:
        return map(self._convert, self._batches)

    def _convert(self, batch: Batch) -> list[Any]:
        region, arrays = self._region(batch), (batch.data, *batch.targets)
        return [
            facts.collate(pixels, batch.stack, dict(region)) for facts, pixels in zip(self._facts, arrays, strict=True)
        ]

    def _region(self, batch: Batch) -> dict[str, Any]:
        size = list(batch.data.shape[2:])
        region = {
            "data_idx": _column(batch.stack),
            "sample_idx": _column(batch.sample),
            "coords": _columns(batch.coords),
            "patch_size": _columns([size] * len(batch.data)),
        }
        if isinstance(self._patching, Tiled):
            tiles: list[PatchSpec] = self._patching.specs(batch.index.tolist(), batch.epoch)
            for name in ("crop_coords", "crop_size", "stitch_coords"):
                region[name] = _columns([getattr(tile, name) for tile in tiles])
            region["total_tiles"] = _column([tile.total_tiles for tile in tiles])
        return region

    def set_epoch(self, epoch: int) -> None:
        """Let the next loop begin an epoch."""
        self._batches.set_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return the position, which counts the batches that the loop has received."""
        return self._batches.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next loop continue where a state was taken."""
        self._batches.load_state_dict(state)


class NoBatches:
    """What a trainer loops over that has nothing to do. Of a loader of length 0 it would not even begin."""

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[list[Any]]:
        return iter(())


def _check_model(constraints: Any, config: Any, images: Sequence[_Images], is_whole: bool) -> None:
    """Check the images against what the network takes, as CAREamics does."""
    if constraints is None:
        return
    for shape in images[0].shapes:
        if is_whole:
            constraints.validate_spatial_shape(shape[2:])
        if config.channels is None:
            constraints.validate_input_channels(shape[1])
    if config.channels is None:
        for shape in images[1].shapes if len(images) > 1 else ():
            constraints.validate_target_channels(shape[1])


class FedByLoader:
    """A CareamicsDataModule whose batches come from `microtome.Loader`, without worker processes.

    Parameters
    ----------
    config : DataConfig, dict, or a whole configuration
        Of CAREamics. Statistics that its normalization lacks are set there, as by CAREamics. With a whole
        configuration, images are also checked against its network.
    train_data, train_data_target, train_data_mask : optional
        Images to train on, their targets, and a mask: all that `load` accepts.
    val_data, val_data_target : optional
        For validation. By default, ``n_val_patches`` are taken out of the training images.
    pred_data, pred_data_target : optional
        For prediction; not with the others.
    model_constraints : ModelConstraints, optional
        Of CAREamics: checks the images against a network.
    loading : ImageStackLoading or ReadFuncLoading, optional
        Of CAREamics, for data that it loads. Default: `load`.
    **loader
        ``window``, ``block``, ``prefetch``, ``on_corrupt``, ``missing`` and ``locality`` of `microtome.Loader`,
        for training.

    Attributes
    ----------
    train_loader, val_loader : Loader or None
        Made by ``setup``.
    predict_loader : Loader or None
        Made by ``predict_dataloader``.
    feeds_prediction : bool
        False: there are no batches for prediction, because a callback predicts.

    Raises
    ------
    ArgumentError
        A field of the configuration is not supported; the message has its name.
    """

    # Of CareamicsDataModule, the class behind this one.
    _data: Any
    _save_hparams: Callable[[], None]
    _default_loading: Callable[[], Any]
    loading: Any
    model_constraints: Any
    trainer: Any

    def __init__(self, config: Any, *, loading: Any = None, model_constraints: Any = None, **data: Any) -> None:
        self._options = {name: data.pop(name) for name in _LOADER & set(data)}
        if hasattr(config, "data_config"):
            model = config.algorithm_config.model
            if model_constraints is None:
                constraints = need_careamics("careamics.models.constraints")
                model_constraints = constraints.get_model_constraints(model)
            config = config.data_config
        if isinstance(config, Mapping):
            config = need_careamics("careamics.config.data").DataConfig.model_validate(config)
        translate.check(config)
        loading = loading or self._default_loading()
        # Data of the type "custom" are left to the loading.
        custom = config.model_copy(update={"data_type": "custom", "in_memory": True})
        super().__init__(custom, loading=loading, model_constraints=model_constraints, **data)  # type: ignore[call-arg]
        self.config = config
        self.train_loader: Loader | None = None
        self.val_loader: Loader | None = None
        self.predict_loader: Loader | None = None
        self.feeds_prediction = True
        self._predicting: Any = None  # the configuration
        self._images: dict[str, list[_Images]] = {}

    # -- images --------------------------------------------------------------------

    def _load(self, source: Any, axes: str) -> list[Any]:
        custom = need_careamics("careamics.config.support").SupportedData.CUSTOM
        factory = need_careamics("careamics.dataset.factory")
        load = factory.select_image_stack_loader(data_type=custom, in_memory=True, loading=self.loading)
        return list(load(source, axes))

    def _load_pair(self, source: Any, target: Any, config: Any) -> list[_Images]:
        target_axes = config.target_axes or config.axes
        images = [_Images(self._load(source, config.axes), config.axes, target_axes, config.channels)]
        if target is not None:
            images.append(_Images(self._load(target, target_axes), target_axes, target_axes, None))
        return images

    # -- loaders -------------------------------------------------------------------

    def _make_loader(
        self, patching: Patching, images: Sequence[_Images], config: Any, which: str, **options: Any
    ) -> Loader:
        _check_model(self.model_constraints, config, images, isinstance(patching, Whole))
        inputs, *targets = images
        sides = ("input", "target")
        normalize = [
            translate.factors(config.normalization, side, each.stacks[0].data_shape[1], each.channels)
            for side, each in zip(sides, images, strict=False)
        ]
        self._images[which] = list(images)
        return Loader(
            patching,
            [each.stacks for each in targets],
            batch_size=config.batch_size,
            seed=config.seed,
            normalize=normalize[0],
            normalize_target=normalize[1] if targets else None,
            channels=inputs.channels,
            **translate.loop_options(config, which),
            **options,
        )

    def _complete(self, config: Any, images: Sequence[_Images]) -> None:
        """Compute the statistics that the configuration lacks."""
        targets = images[1].stacks if len(images) > 1 else None
        missing = self._options.get("missing", "error")
        translate.complete(config.normalization, images[0].stacks, targets, images[0].channels, missing)

    def setup(self, stage: str) -> None:
        """Open the images and make the loaders of a stage: "fit", "validate" or "predict"."""
        if stage in ("fit", "validate"):
            if self.train_loader is None:
                self._setup_training()
        elif stage == "predict":
            self._setup_prediction()
        else:
            raise NotImplementedError(f"there are no data for the stage {stage!r}")

    def _setup_training(self) -> None:
        data, config = self._data, self.config
        if not hasattr(data, "train_data") or config.mode != "training":
            raise ValueError("training needs train_data and a configuration with mode='training'")
        images = self._load_pair(data.train_data, data.train_data_target, config)
        masks = None if data.train_data_mask is None else self._load(data.train_data_mask, config.axes)
        patching = translate.make_patching(config.patching, images[0].stacks, config.seed)
        translate.filter_patches(patching, config, None if masks is None else native_stacks(masks))
        self._complete(config, images)
        validating = config.convert_mode("validating")
        held_out: Patching | None
        if not hasattr(data, "val_data"):
            patching, held_out = translate.split(patching, config)
            val_images = images
        else:
            val_images = self._load_pair(data.val_data, data.val_data_target, config)
            held_out = translate.make_patching(validating.patching, val_images[0].stacks, config.seed)
        steps = translate.augmentation(config)
        self.train_loader = self._make_loader(patching, images, config, "train", augment=steps, **self._options)
        if held_out is not None:
            self.val_loader = self._make_loader(held_out, val_images, validating, "val")
        self._save_hparams()

    def _setup_prediction(self) -> None:
        data, config = self._data, self.config
        if not hasattr(data, "pred_data") or config.mode == "validating":
            raise ValueError("prediction needs pred_data and a configuration of another mode than 'validating'")
        if config.mode == "training":
            config = config.convert_mode("predicting")
        images = self._load_pair(data.pred_data, data.pred_data_target, config)
        self._complete(config, images)
        self._images["pred"], self._predicting = images, config
        normalization = need_careamics("careamics.dataset.normalization")
        # CAREamics' modules ask their data for the inverse.
        self.predict_dataset = SimpleNamespace(normalization=normalization.create_normalization(config.normalization))

    # -- batches -------------------------------------------------------------------

    def _batches(self, loader: Loader, which: str) -> Batches:
        device = self.trainer.strategy.root_device if self.trainer is not None else "cpu"
        return Batches(DataLoader(loader, device), self._images[which])

    def train_dataloader(self) -> Batches:
        """Return the batches for training."""
        assert self.train_loader is not None
        return self._batches(self.train_loader, "train")

    def val_dataloader(self) -> Batches | list[Any]:
        """Return the batches for validation."""
        return [] if self.val_loader is None else self._batches(self.val_loader, "val")

    def predict_dataloader(self) -> Batches | NoBatches:
        """Return the batches for prediction."""
        if not self.feeds_prediction:
            return NoBatches()
        images, config = self._images["pred"], self._predicting
        patching = translate.make_patching(config.patching, images[0].stacks, config.seed)
        self.predict_loader = self._make_loader(patching, images, config, "pred")
        return self._batches(self.predict_loader, "pred")

    def images_to_predict(self) -> tuple[_Images, Any]:
        """Return the images for prediction, which the network accepts, and their configuration."""
        images, config = self._images["pred"], self._predicting
        _check_model(self.model_constraints, config, images, config.patching.name == "whole")
        return images[0], config

    @property
    def predict_source_paths(self) -> list[Any]:
        """Paths of the images for prediction, without arrays."""
        images = self._images.get("pred", [])[:1]
        return [Path(str(item.source)) for each in images for item in each.loaded if str(item.source) != "array"]

    def __str__(self) -> str:  # that of Lightning expects loaders of torch
        return f"<microtome.careamics.DataModule, train={self.train_loader!r}, val={self.val_loader!r}>"


def make_data_module(default_loading: Any) -> type[Any]:
    """Make the class. default_loading: makes the loading of data without one."""
    base = need_careamics("careamics.lightning").CareamicsDataModule
    of_class = {"__module__": "microtome.careamics", "__doc__": FedByLoader.__doc__}
    return type("DataModule", (FedByLoader, base), {**of_class, "_default_loading": staticmethod(default_loading)})
