# SPDX-License-Identifier: BSD-3-Clause
"""N2V manipulation of batches, and noise."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from . import _core
from ._arguments import names_arguments
from ._errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    Pattern: TypeAlias = Literal["horizontal", "vertical", "cross", "square"]

__all__ = ["add_noise", "n2v"]


@names_arguments(out="a sequence")
def n2v(
    batch: Any,
    percentage: float = 0.2,
    roi: int = 11,
    strategy: Literal["uniform", "uniform_with_center", "median"] = "uniform",
    struct: Pattern | tuple[Pattern, int] | None = None,
    *,
    seed: int,
    step: int,
    first: int = 0,
    out: tuple[Any, Any] | None = None,
    context: _core.Context | None = None,
) -> tuple[Any, Any, Any]:
    """Replace a few pixels of a batch by values of their surroundings, for training with Noise2Void.

    Does what `N2VManipulate` of CAREamics does; the documentation lists the differences.

    Parameters
    ----------
    batch : array
        float32 of the shape B, C, (Z), Y, X, in C order: a NumPy array, a torch tensor in host
        memory, or another object with the buffer protocol or DLPack.
    percentage : float
        Expected share of chosen pixels, above 0 and at most 100.
    roi : int
        Side of the region around a chosen pixel, odd, 3 to 21.
    strategy : {"uniform", "uniform_with_center", "median"}
        Replacement: a random pixel of the region in another row, column and plane; any pixel of
        the region; or the median of the region without the chosen pixel.
    struct : str, or str and int, optional
        structN2V: pattern of pixels around each chosen one that become random values, "horizontal",
        "vertical", "cross" or "square", and its width, odd, 3 to 15 (default 5).
    seed : int
        Seed of the random numbers, not negative.
    step : int
        Number of the training step or of the epoch: another number gives other pixels.
    first : int
        Number of the first item of the batch within the step. The random numbers of item ``i``
        follow from ``seed``, ``step`` and ``first + i``, whatever batch it lies in.
    out : pair of writable arrays, optional
        Destination of the masked batch (float32; may be ``batch`` itself) and the mask (uint8 or
        bool), of the shape of the batch.
    context : Context, optional
        Provides the threads. The result is the same for any number of them.

    Returns
    -------
    masked : numpy.ndarray
        The batch with replaced pixels; ``out[0]`` if that was given.
    original : array
        ``batch``.
    mask : numpy.ndarray
        uint8, 1 for chosen pixels; ``out[1]`` if that was given.

    Raises
    ------
    ValueError, TypeError
        An argument is invalid.

    Notes
    -----
    Thread-safe; releases the GIL.

    Examples
    --------
    >>> import numpy as np, microtome
    >>> batch = np.random.default_rng(1).random((16, 1, 64, 64), np.float32)
    >>> masked, original, mask = microtome.n2v(batch, seed=7, step=0)
    >>> bool((masked[mask == 0] == batch[mask == 0]).all()), original is batch
    (True, True)
    """
    pattern, span = _pair("struct", (struct, 5) if struct is None or isinstance(struct, str) else struct)
    if not percentage > 0:  # 0 would mean the default
        raise ValueError(f"a percentage of {percentage} is not above 0 and at most 100")
    for name, width, most in (("roi", roi, 21), ("the width of struct", span, 15)):
        if not 3 <= operator.index(width) <= most or width % 2 == 0:
            raise ValueError(f"{name} must be odd, from 3 to {most}, not {width}")
    masked, mask = (
        _pair("out", out)
        if out is not None
        else (np.empty(_shape(batch), np.float32), np.empty(_shape(batch), np.uint8))
    )
    numbers = _number(seed, "seed"), _number(step, "step"), _number(first, "first")
    _core.n2v(batch, masked, mask, percentage, roi, strategy, pattern, span if pattern else 0, *numbers, context)
    return masked, batch, mask


@names_arguments(scale="a pair of numbers", offset="a pair of numbers")
def add_noise(
    batch: Any,
    *,
    gaussian: float = 0.0,
    photons: ArrayLike | tuple[ArrayLike, ArrayLike] | None = None,
    scale: tuple[float, float] = (1.0, 1.0),
    offset: tuple[float, float] = (0.0, 0.0),
    seed: int,
    step: int,
    first: int = 0,
    out: Any = None,
    context: _core.Context | None = None,
) -> Any:
    """Add noise to a batch: random intensity, shot noise and Gaussian noise, in this order.

    Parameters
    ----------
    batch : array
        float32 of the shape B, C, (Z), Y, X, in C order, as for `n2v`.
    gaussian : float
        Standard deviation of Gaussian noise, in units of the values.
    photons : float, or tuple (a, b), optional
        Shot noise: a value ``v`` stands for ``n = a * v + b`` photons; it becomes ``(k - b) / a``, with
        ``k`` Poisson distributed around ``n``. A single number is ``a``, with ``b = 0``. ``a`` and ``b``
        are each one float, or a sequence with one for each channel: ``([40, 60], 0)``; a list alone
        is refused. Values that stand for no light, or are not finite, remain.
    scale, offset : pair of float
        Ranges of the factor and the offset, which are drawn for each item: ``v * scale + offset``.
    seed : int
        Seed of the random numbers, not negative.
    step : int
        Number of the training step or of the epoch: another number gives other noise.
    first : int
        Number of the first item within the step, as for `n2v`.
    out : writable array, optional
        Destination, of the shape of the batch; may be ``batch`` itself.
    context : Context, optional
        Provides the threads. The result is the same for any number of them.

    Returns
    -------
    numpy.ndarray
        The batch with noise; ``out`` if that was given.

    Raises
    ------
    ValueError, TypeError
        An argument is invalid.

    Notes
    -----
    Thread-safe; releases the GIL.

    Examples
    --------
    >>> import numpy as np, microtome
    >>> batch = np.full((16, 1, 64, 64), 100, np.float32)
    >>> noisy = microtome.add_noise(batch, photons=0.5, gaussian=2, seed=7, step=0)
    >>> round(float(noisy.std()))  # root of 100 / 0.5 + 2 ** 2
    14
    """
    result = np.empty(_shape(batch), np.float32) if out is None else out
    noise = noise_to_core(_shape(batch)[1:2], gaussian, photons, scale, offset)
    numbers = _number(seed, "seed"), _number(step, "step"), _number(first, "first")
    _core.add_noise(batch, result, *noise, *numbers, context)
    return result


def noise_to_core(
    channels: tuple[int, ...],
    gaussian: float = 0.0,
    photons: ArrayLike | tuple[ArrayLike, ArrayLike] | None = None,
    scale: tuple[float, float] = (1.0, 1.0),
    offset: tuple[float, float] = (0.0, 0.0),
) -> tuple[float, float, float, float, float, Any, Any]:
    """Convert the noise of `add_noise` for the extension; channels is the shape of one value a channel."""
    low, high = _pair("scale", scale)
    if not low > 0:  # 0 and 0 would mean no scale
        raise ValueError(f"scale from {low} is not positive")
    if isinstance(photons, list):  # a configuration that was read from a file has lists for tuples
        raise ArgumentError(
            f"photons={photons!r} may be the pair (a, b), or one number a channel: write ({photons!r}, 0) for one number "
            "a channel"
        )
    a, b = _pair("photons", photons) if isinstance(photons, tuple) else (photons, None)
    if a is None and b is not None:
        raise ValueError(f"photons={photons!r} has no factor a")
    gain = _each(a, channels)
    if gain is not None and not (gain > 0).all():
        raise ValueError(f"photons must be above 0, not {a!r}")
    return gaussian, low, high, *_pair("offset", offset), gain, _each(b, channels)


def _pair(name: str, values: Any) -> tuple[Any, Any]:
    try:
        first, second = values
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a pair, not {values!r}") from None
    return first, second


def _shape(batch: Any) -> tuple[int, ...]:
    return tuple(batch.shape) if hasattr(batch, "shape") else np.asarray(memoryview(batch)).shape


def _each(values: ArrayLike | None, channels: tuple[int, ...]) -> Any:
    """Make one float64 a channel; None stays."""
    if values is None:
        return None
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"photons must be numbers, not {values!r}") from None
    return np.ascontiguousarray(np.broadcast_to(array, channels) if array.ndim == 0 else array)


def _number(value: int, what: str) -> int:
    number = operator.index(value)
    if not 0 <= number < 2**64:
        raise ValueError(f"{what} must be from 0 to 2**64 - 1, not {number}")
    return number
