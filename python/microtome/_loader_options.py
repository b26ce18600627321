# SPDX-License-Identifier: BSD-3-Clause
"""The arguments of a loader, checked and converted for the extension."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from ._augment import noise_to_core
from ._dtype import dtype_name
from ._errors import ArgumentError
from ._open import native_stacks
from ._patching import Coords, Patching, Whole
from ._stack import ImageStack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._batch import Channels

    Stacks: TypeAlias = tuple[ImageStack, ...]

__all__ = ["Augment", "Normalization", "Options", "Targets", "count", "factors", "list_targets"]

Augment: TypeAlias = Literal["d4", "flip", "flip_y", "flip_x", "rotate90"]
Normalization: TypeAlias = Any  # (mean, std), or an object with subtract and divide
Targets: TypeAlias = "ImageStack | Sequence[ImageStack] | Sequence[Sequence[ImageStack]] | None"

_AUGMENT: dict[str, int] = {"flip": 1, "rotate90": 2, "d4": 4, "flip_y": 8, "flip_x": 16}  # mt_augment
_UNEVEN = ("drop", "short", "pad")  # mt_uneven
_ON_CORRUPT = ("raise", "redraw", "zero")  # mt_on_corrupt
_MISSING = ("error", "fill")
_LOCALITY = (None, "rank")
_WINDOW_ALL = 2**64 - 1  # MT_WINDOW_ALL


class Options(NamedTuple):
    """The arguments of `Loader` after the images, in its order."""

    batch_size: int
    seed: int
    normalize: Normalization | None
    normalize_target: Any
    channels: Channels
    target_channels: Channels
    augment: Any
    dtype: Any
    padding: Any
    uneven: str
    shuffle: bool
    window: int | None
    block: Sequence[int] | None
    rank: int
    world_size: int
    locality: str | None
    prefetch: int | None
    prefetch_bytes: int | None
    on_corrupt: str
    missing: str
    noise: Mapping[str, Any] | None

    def to_core(
        self, patching: Patching, targets: Sequence[Stacks], buffers: Callable[[int], Any] | None
    ) -> tuple[Any, ...]:
        """Convert to the arguments of ``_core.Loader``."""
        if not isinstance(patching, Patching):
            raise TypeError(f"patching must be a patching strategy, such as microtome.Stratified, not {patching!r}")
        _check_sizes(patching, count(self.batch_size, "batch_size", 1), self.shuffle)
        window = 0 if self.window is None else count(self.window, "window") or _WINDOW_ALL
        return (
            patching,
            self._arrays(patching.stacks, targets),
            count(self.batch_size, "batch_size", 1),
            count(self.seed, "seed"),
            *_augmentation(self.augment),
            not self.shuffle,
            _number(self.uneven, _UNEVEN, "uneven"),
            _number(self.on_corrupt, _ON_CORRUPT, "on_corrupt"),
            _number(self.missing, _MISSING, "missing") == 1,
            count(self.rank, "rank"),
            count(self.world_size, "world_size", 1),
            _number(self.locality, _LOCALITY, "locality") == 1,
            window,
            _block(self.block, patching.stacks),
            0 if self.prefetch is None else count(self.prefetch, "prefetch", 1),
            0 if self.prefetch_bytes is None else count(self.prefetch_bytes, "prefetch_bytes", 1),
            self._noise(patching.stacks),
            buffers,
        )

    def _arrays(self, stacks: Stacks, targets: Sequence[Stacks]) -> tuple[tuple[Any, ...], ...]:
        normalizations = self.normalize_target
        if not targets and not (self.normalize_target is None and self.target_channels is None):
            raise ArgumentError("normalize_target and target_channels need a target")
        if not isinstance(normalizations, list):
            normalizations = [normalizations] * len(targets)
        if len(normalizations) != len(targets):
            raise ArgumentError(f"normalize_target has {len(normalizations)} entries for {len(targets)} targets")
        pairs = zip(targets, normalizations, strict=True)
        given = [(stacks, self.normalize, self.channels), *((*pair, self.target_channels) for pair in pairs)]
        for images, _, _ in given:
            if len(images) != len(stacks):
                raise ArgumentError(f"a target has {len(images)} images, and the patching {len(stacks)}")
        names = ("normalize", *("normalize_target" for _ in targets))
        return tuple(_array(*one, self.dtype, self.padding, name) for one, name in zip(given, names, strict=True))

    def _noise(self, stacks: Stacks) -> tuple[Any, ...] | None:
        if self.noise is None:
            return None
        unknown = set(self.noise) - {"gaussian", "photons", "scale", "offset"}
        if unknown:
            raise ArgumentError(f"there is no noise {sorted(unknown)}; see microtome.add_noise")
        numbers = _channel_numbers(stacks, self.channels)
        n_channels = stacks[0].data_shape[1] if numbers is None else len(numbers)
        noise = noise_to_core((n_channels,), **self.noise)
        for photons in noise[-2:]:
            if photons is not None and photons.shape != (n_channels,):
                raise ArgumentError(f"photons is a number, or one for each of {n_channels} channels")
        return noise


def count(value: Any, name: str, least: int = 0) -> int:
    """Check that a number is not too small, nor too large for the library."""
    number = operator.index(value)
    if not least <= number < 2**64:
        raise ArgumentError(f"{name} must be at least {least} and below 2**64, not {number}")
    return number


def _sizes(patching: Patching) -> NDArray[np.int64]:
    """Sizes of the patches, in index order; none for strategies whose patches have the same size."""
    stacks = patching.stacks
    if isinstance(patching, Coords):
        rows: NDArray[np.int64] = patching._recipe[-1]
        return rows[:, 5 : 5 + patching._ndim]
    if isinstance(patching, Whole):
        return np.array([stack.data_shape[2:] for stack in stacks for _ in range(stack.data_shape[0])], np.int64)
    return np.empty((0, patching._ndim), np.int64)


def _check_sizes(patching: Patching, batch_size: int, shuffle: bool) -> None:
    """Refuse patches of different sizes that will form a batch sooner or later."""
    sizes = _sizes(patching) if batch_size > 1 else np.empty((0, 2), np.int64)
    together = max(1, len(sizes)) if shuffle else batch_size
    sizes = sizes[: len(sizes) // together * together]  # who gets the rest depends on the ranks
    first = np.arange(len(sizes)) // together * together
    for i in np.flatnonzero((sizes != sizes[first]).any(axis=1)):
        one, other = (" x ".join(map(str, sizes[at])) for at in (first[i], i))
        raise ArgumentError(
            f"patch {first[i]} has {one} pixels and patch {i} {other}: they cannot form a batch; use batch_size=1"
        )


def _number(value: Any, names: tuple[Any, ...], what: str) -> int:
    if value not in names:
        raise ArgumentError(f"{what} must be one of {', '.join(map(repr, names))}, not {value!r}")
    return names.index(value)


def _augmentation(augment: Augment | Iterable[Augment] | Mapping[Augment, float] | None) -> tuple[int, float, float]:
    """Return flags, and the probabilities of flips and of quarter turns."""
    names = [augment] if isinstance(augment, str) else augment or ()
    steps = dict(augment) if isinstance(augment, Mapping) else dict.fromkeys(names, 0.5)
    flags, flip, rotate = 0, 0.5, 0.5
    for name, probability in steps.items():
        if name not in _AUGMENT:
            raise ArgumentError(
                f"augment must be None, 'd4', or a list of 'rotate90' and one of 'flip', 'flip_y' and 'flip_x', "
                f"not {augment!r}"
            )
        if not 0 <= probability <= 1 or (name == "d4" and isinstance(augment, Mapping)):
            raise ArgumentError(f"a probability of {probability} for {name!r} is not possible")
        if probability > 0:
            flags |= _AUGMENT[name]
        if name == "rotate90":
            rotate = float(probability)
        else:
            flip = float(probability)
    return flags, flip, rotate


def _block(block: Sequence[int] | None, stacks: Stacks) -> tuple[int, ...]:
    if block is None:
        return ()
    sizes = tuple(count(size, "block", 1) for size in block)
    if len(sizes) != len(stacks[0].data_shape) - 2:
        raise ArgumentError(
            f"block has {len(sizes)} sizes for images with {len(stacks[0].data_shape) - 2} spatial axes"
        )
    return sizes


def _array(stacks: Stacks, normalize: Any, channels: Channels, dtype: Any, padding: Any, what: str) -> tuple[Any, ...]:
    """Describe an array of a batch for ``_core.Loader``."""
    name = dtype_name(dtype, stacks[0].dtype)
    numbers = _channel_numbers(stacks, channels)
    if normalize is None:
        return stacks, numbers, None, None, name, padding
    if name != "float32":
        raise ArgumentError(f"normalized patches are float32, not {name}")
    subtract, divide = factors(normalize, stacks[0].data_shape[1], numbers, what)
    return stacks, numbers, divide, subtract, name, padding


def _channel_numbers(stacks: Stacks, channels: Channels) -> list[int] | None:
    if channels is None:
        return None
    numbers = stacks[0]._find_channels(channels)
    for i, stack in enumerate(stacks[1:], 1):
        if stack._find_channels(channels) != numbers:
            raise ArgumentError(
                f"stack {i}, {stack.source}, has the channels {channels} in another order than stack 0, "
                f"{stacks[0].source}"
            )
    return numbers


def factors(
    normalize: Any, n_channels: int, numbers: list[int] | None, name: str = "normalize"
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what is subtracted and what divides, one each for each channel of the batch."""
    if isinstance(normalize, tuple | list) and len(normalize) == 2:
        subtract, divide = normalize
    elif hasattr(normalize, "subtract") and hasattr(normalize, "divide"):
        subtract, divide = normalize.subtract, normalize.divide
    else:
        raise ArgumentError(
            f"{name} is (mean, std), or a normalization made of statistics, such as "
            f"microtome.statistics(stacks).mean_std(), not {normalize!r}"
        )
    both = []
    for values in (subtract, divide):
        array = np.asarray(values, np.float32)
        if array.ndim > 1 or (array.ndim == 1 and array.shape[0] not in (1, n_channels)):
            raise ArgumentError(
                f"a normalization has one number, or one for each of {n_channels} channels, not {array.shape}"
            )
        every = np.broadcast_to(array, n_channels)
        both.append(np.ascontiguousarray(every if numbers is None else every[numbers]))
    if not (np.isfinite(both).all() and both[1].all()):
        raise ArgumentError(f"a normalization must be finite and divide by other than 0, not {subtract} and {divide}")
    return both[0], both[1]


def list_targets(target: Any) -> tuple[Stacks, ...]:
    """Convert a target, a list of its images, or a list of such lists."""
    if target is None:
        return ()
    if _is_stack(target) or not isinstance(target, Iterable):
        return (native_stacks(target),)
    items = list(target)
    if all(map(_is_stack, items)):
        return (native_stacks(items),) if items else ()
    if any(map(_is_stack, items)):
        raise ArgumentError("target is a list of images, or a list of such lists, not a mixture")
    return tuple(native_stacks(item) for item in items)


def _is_stack(thing: Any) -> bool:
    return isinstance(thing, ImageStack) or hasattr(thing, "extract_patch")
