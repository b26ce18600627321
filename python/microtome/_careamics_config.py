# SPDX-License-Identifier: BSD-3-Clause
"""What a data configuration of CAREamics means for `microtome.Loader`."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._errors import ArgumentError
from ._filters import MaskFilter, MaxFilter, MeanStdFilter, ShannonFilter
from ._open import from_array, from_object
from ._patching import FixedRandom, Patching, Random, Stratified, Tiled, Whole
from ._statistics import statistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._filters import PatchFilter
    from ._stack import ImageStack

    Stacks = Sequence[ImageStack]

# Fields that cannot be honoured, and why. A configuration that sets them is refused.
REFUSED = {
    "augmentations.seed": "all random numbers follow from the seed of the configuration",
    "multiscale_count": "CAREamics' data module has no lateral context; see microtome.lateral_context",
    "padding_mode": "CAREamics' data module has no lateral context; see microtome.lateral_context",
    "alpha_ranges": "CAREamics' data module does not mix channels",
    "uncorrelated_channel_prob": "CAREamics' data module does not mix channels",
}
_MICROSPLIT = ("multiscale_count", "padding_mode", "alpha_ranges", "uncorrelated_channel_prob")

# Parameters of torch's DataLoader that concern its worker processes, of which there are none.
_OF_WORKERS = {
    "num_workers",
    "persistent_workers",
    "prefetch_factor",
    "pin_memory",
    "pin_memory_device",
    "multiprocessing_context",
    "worker_init_fn",
    "timeout",
    "in_order",
}
_SET_BY_DEFAULT = {"num_workers", "persistent_workers", "pin_memory"}  # CAREamics sets them itself


def refuse(field: str, why: str | None = None) -> ArgumentError:
    """Make the error for a field of the configuration."""
    return ArgumentError(f"{field} of the data configuration is not supported: {why or REFUSED[field]}")


def check(config: Any) -> None:
    """Refuse fields that cannot be honoured."""
    fields = type(config).model_fields
    for field in _MICROSPLIT:
        if field in fields and getattr(config, field) != fields[field].default:
            raise refuse(field)
    for step in config.augmentations:
        if step.seed not in (None, config.seed):
            raise refuse("augmentations.seed")


# -- patches -----------------------------------------------------------------------------------------------------------


def make_patching(patching: Any, stacks: Stacks, seed: int) -> Patching:
    """Make the strategy of a configuration of patches."""
    seed = getattr(patching, "seed", None) or seed
    match patching.name:
        case "random":
            return Random(stacks, patching.patch_size, seed=seed)
        case "fixed_random":
            return FixedRandom(stacks, patching.patch_size, seed=seed)
        case "stratified":
            return Stratified(stacks, patching.patch_size, seed=seed)
        case "tiled":
            return Tiled(stacks, patching.patch_size, overlap=patching.overlaps)
        case "whole":
            return Whole(stacks)
    raise refuse("patching", f"there is no strategy {patching.name!r}")


def _make_filter(config: Any) -> PatchFilter:
    match config.name:
        case "max":
            return MaxFilter(config.threshold, config.coverage, config.ref_channel)
        case "mean_std":
            return MeanStdFilter(config.mean_threshold, config.std_threshold, config.ref_channel)
        case "shannon":
            return ShannonFilter(config.threshold, config.ref_channel)
    raise refuse("patch_filter", f"there is no filter {config.name!r}")


def _stratified(patching: Patching, field: str) -> Stratified:
    if not isinstance(patching, Stratified):
        raise TypeError(f"{field} needs stratified patching, not {type(patching).__name__}")
    return patching


def filter_patches(patching: Patching, config: Any, masks: Stacks | None) -> None:
    """Draw less often from the background that filter and masks find."""
    if config.patch_filter is not None:
        found = _make_filter(config.patch_filter)
        _stratified(patching, "patch_filter").downweight(found, config.patch_filter.filtered_patch_prob)
    if masks is None:
        return
    if config.mask_filter is None:
        raise ArgumentError("there is a mask, but mask_filter of the data configuration is None")
    options = config.mask_filter
    each = [MaskFilter(mask, options.coverage, options.ref_channel) for mask in masks]
    _stratified(patching, "the mask").downweight(each, options.filtered_patch_prob)


def split(patching: Patching, config: Any) -> tuple[Patching, Patching | None]:
    """Take the patches for validation out."""
    if not isinstance(patching, Stratified):
        raise ArgumentError("a validation split needs stratified patching; give val_data for random patching")
    return patching.split(config.n_val_patches, config.seed) if config.n_val_patches else (patching, None)


def augmentation(config: Any) -> dict[str, float]:
    """Give the steps of the configuration and their probabilities. Their order does not matter to what is drawn."""
    steps: dict[str, float] = {}
    for step in config.augmentations:
        name = "rotate90" if step.name == "XYRandomRotate90" else _flip_name(step)
        if any(known == name or {known[:4], name[:4]} == {"flip"} for known in steps):
            raise refuse("augmentations", f"{step.name} comes twice")
        steps[name] = step.p
    return steps


def _flip_name(step: Any) -> str:
    if not step.flip_x and not step.flip_y:
        raise ArgumentError("augmentations: XYFlip flips neither X nor Y")
    return "flip" if step.flip_x and step.flip_y else "flip_x" if step.flip_x else "flip_y"


# -- parameters of torch's DataLoader ----------------------------------------------------------------------------------


def loop_options(config: Any, which: str) -> dict[str, Any]:
    """Convert the parameters of torch's DataLoader for training ("train"), validation ("val") or prediction ("pred")."""
    field = f"{which}_dataloader_params"
    params: Mapping[str, Any] = getattr(config, field)
    for name in params:
        if name not in _OF_WORKERS and name not in ("shuffle", "drop_last"):
            raise refuse(f"{field}[{name!r}]", "the batches are those of microtome.Loader")
    unused = {name for name in params if name in _OF_WORKERS - _SET_BY_DEFAULT}
    wants_workers = "num_workers" in config.model_fields_set or params.get("num_workers", 0) != config.num_workers
    if wants_workers and params.get("num_workers", config.num_workers) > 0:
        unused.add("num_workers")
    if unused:
        names = ", ".join(sorted(unused))
        warnings.warn(f"{field}: {names} not used, because there are no worker processes", stacklevel=2)
    return {"shuffle": params.get("shuffle", False), "uneven": "drop" if params.get("drop_last", False) else "short"}


# -- normalization -----------------------------------------------------------------------------------------------------


class _Scheme(NamedTuple):
    """How CAREamics calls the numbers of a normalization."""

    low: str
    high: str
    set: str
    epsilon: float
    is_range: bool

    def of(self, config: Any, side: str) -> tuple[list[float] | None, list[float] | None]:
        low, high = f"{side}_{self.low}", f"{side}_{self.high}"
        return getattr(config, low), getattr(config, high)


_SCHEMES = {
    "mean_std": _Scheme("means", "stds", "set_{}_stats", 1e-6, False),
    "min_max": _Scheme("mins", "maxes", "set_{}_range", 1e-8, True),
    "quantile": _Scheme("lower_quantile_values", "upper_quantile_values", "set_{}_quantile_values", 1e-8, True),
}


def _each(values: Sequence[float], n: int, field: str) -> list[float]:
    if len(values) not in (1, n):
        raise ArgumentError(f"{field} has {len(values)} values for {n} channels")
    return list(values) * n if len(values) == 1 else list(values)


def _measure(config: Any, stacks: Stacks, channels: Sequence[int] | None, missing: Any) -> tuple[list[float], ...]:
    """Compute the two numbers of a normalization, of each channel or of all together, over all pixels."""
    numbers = range(stacks[0].data_shape[1]) if channels is None else channels
    levels: tuple[list[float], ...] = ((), ())  # type: ignore[assignment]
    if config.name == "quantile":
        n = len(numbers) if config.per_channel else 1
        names = ("lower_quantiles", "upper_quantiles")
        levels = tuple(_each(getattr(config, name), n, name) for name in names)
    masks = None if config.per_channel or channels is None else [_only(stack, channels) for stack in stacks]
    dtypes = {stack.dtype for stack in stacks}
    if len(dtypes) > 1 and not all(np.can_cast(dtype, np.float32) for dtype in dtypes):
        stacks = [from_object(stack) for stack in stacks]  # all as float32
    found = statistics(stacks, quantiles=sorted({*levels[0], *levels[1]}), mask=masks, missing=missing)
    if config.name == "quantile":
        if not config.per_channel:
            return tuple([found.quantile(level[0], overall=True)] for level in levels)
        return tuple([float(found.quantile(q)[c]) for q, c in zip(level, numbers, strict=True)] for level in levels)
    names = ("mean", "std") if config.name == "mean_std" else ("min", "max")
    if not config.per_channel:
        return tuple([getattr(found.overall, name)] for name in names)
    return tuple([float(getattr(found, name)[c]) for c in numbers] for name in names)


def _only(stack: ImageStack, channels: Sequence[int]) -> ImageStack:
    """Make a mask of some channels of an image, which takes no memory."""
    shape = stack.data_shape
    chosen = np.isin(np.arange(shape[1]), channels).astype(np.uint8).reshape(-1, *[1] * (len(shape) - 2))
    return from_array(np.broadcast_to(chosen, shape), "SCZYX" if len(shape) == 5 else "SCYX")


def _check_spread(scheme: _Scheme, side: str, low: Iterable[float], high: Iterable[float]) -> None:
    for channel, (a, b) in enumerate(zip(low, high, strict=True)):
        if not (b > a if scheme.is_range else b > 0):
            raise ArgumentError(
                f"the {side} cannot be normalized: channel {channel} has {scheme.low} of {a:g} and {scheme.high} of "
                f"{b:g}; give other {side}_{scheme.low} and {side}_{scheme.high}"
            )


def complete(
    config: Any, inputs: Stacks, targets: Stacks | None, channels: Sequence[int] | None, missing: Any = "error"
) -> None:
    """Compute what a configuration of a normalization lacks, and set it there, as CAREamics does."""
    if config.name not in _SCHEMES:
        return
    scheme = _SCHEMES[config.name]
    for side, stacks, chosen, is_needed in (
        ("input", inputs, channels, config.needs_computation()),
        ("target", targets, None, config.target_needs_computation()),
    ):
        if stacks is None or not is_needed:
            continue
        low, high = _measure(config, stacks, chosen, missing)
        _check_spread(scheme, side, low, high)
        getattr(config, scheme.set.format(side))(low, high)


def factors(
    config: Any, side: str, n_channels: int, channels: Sequence[int] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Give what is subtracted and what divides, for each channel of an image, with CAREamics' arithmetic."""
    if config.name not in _SCHEMES or (side == "target" and config.skip_target):
        return None
    scheme = _SCHEMES[config.name]
    numbers = list(range(n_channels) if channels is None else channels)
    low, high = (
        np.array(_each(values or (), len(numbers), f"{side}_{name}"), np.float32)
        for values, name in zip(scheme.of(config, side), scheme[:2], strict=True)
    )
    subtract, divide = np.zeros(n_channels, np.float32), np.ones(n_channels, np.float32)
    subtract[numbers] = low
    divide[numbers] = (high - low if scheme.is_range else high) + np.float32(scheme.epsilon)
    return subtract, divide


def inverse(config: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Give what CAREamics adds to an output and what it multiplies it by before: one number, or one for each channel.

    It takes the numbers of the target, if there are any; the factor of a range lacks the epsilon.
    """
    if config.name not in _SCHEMES or config.skip_target:
        return None
    scheme = _SCHEMES[config.name]
    pair = scheme.of(config, "target")
    low, high = (np.array(v, np.float32) for v in (pair if None not in pair else scheme.of(config, "input")))
    return low, high - low if scheme.is_range else high + np.float32(scheme.epsilon)
