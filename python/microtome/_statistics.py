# SPDX-License-Identifier: BSD-3-Clause
"""Statistics of image stacks, and the normalizations that follow from them."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from . import _core
from ._arguments import names_arguments
from ._errors import ArgumentError
from ._histogram import draw_histogram
from ._open import native_stacks
from ._progress import Progress, show_progress

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ._stack import ImageStack

__all__ = ["Normalization", "OverallStatistics", "Statistics", "statistics"]

_OVERALL = -1
_KINDS = {"none": 0, "mean_std": 1, "min_max": 2, "quantile": 3}


class OverallStatistics(NamedTuple):
    """Statistics over all channels together; NaN without finite pixels.

    Attributes
    ----------
    n, n_nan, n_infinite : int
        Finite pixels, which alone count for all that follows; NaN; infinite pixels.
    mean, std, min, max : float
        Mean, standard deviation of the population, least and largest value.
    mean_error : float
        Standard error of the mean of a sample of chunks, else 0.
    """

    n: int
    n_nan: int
    n_infinite: int
    mean: float
    std: float
    min: float
    max: float
    mean_error: float


class Normalization:
    """A normalization, one for each channel or one for all: ``(x - subtract) / divide`` in float32.

    Made by `Statistics.mean_std`, `Statistics.min_max` and `Statistics.quantile_range`.

    Attributes
    ----------
    kind : str
        ``"mean_std"``, ``"min_max"`` or ``"quantile"``.
    subtract, divide : float32 array
        One for each channel, or of length 1. ``divide`` includes the epsilon of CAREamics.
    scale, offset : float32 array
        ``x * scale + offset`` is nearly the same, and faster; it differs in the last bits.
    """

    def __init__(self, kind: str, rows: Sequence[tuple[float, float, float, float]]) -> None:
        try:
            factors = np.array(rows, np.float32)
        except (TypeError, ValueError):
            factors = np.empty(0, np.float32)
        if not isinstance(kind, str) or factors.ndim != 2 or factors.shape[1] != 4 or len(factors) == 0:
            raise TypeError(
                "Normalization takes kind, a name, and rows, four numbers (subtract, divide, scale, offset) for each "
                f"channel, not {kind!r} and {rows!r}. It is made by microtome.statistics(stacks).mean_std(); where a "
                "mean and a standard deviation are known, write normalize=(mean, std)"
            )
        self.kind = kind
        self.subtract, self.divide, self.scale, self.offset = factors.T

    def __repr__(self) -> str:
        return f"<microtome.Normalization {self.kind}: (x - {self.subtract.tolist()}) / {self.divide.tolist()}>"

    def _shaped(self, values: NDArray[np.float32], array: NDArray[Any], axis: int) -> NDArray[np.float32]:
        if len(values) == 1:
            return values.reshape(())
        if array.shape[axis] != len(values):
            raise ArgumentError(f"axis {axis} of {array.shape} must have the {len(values)} channels")
        return values.reshape([-1 if d == axis % array.ndim else 1 for d in range(array.ndim)])

    def __call__(self, array: ArrayLike, axis: int = 0) -> NDArray[np.float32]:
        """Normalize an array whose channels lie along an axis.

        Parameters
        ----------
        array : array-like
            A patch, C(Z)YX, or with ``axis=1`` a batch, NC(Z)YX.
        axis : int
            The axis of channels.

        Returns
        -------
        float32 array
        """
        x = np.asarray(array, np.float32)
        return (x - self._shaped(self.subtract, x, axis)) / self._shaped(self.divide, x, axis)

    def inverse(self, array: ArrayLike, axis: int = 0) -> NDArray[np.float32]:
        """Bring predictions back to the range of the image: ``x * divide + subtract``.

        Parameters
        ----------
        array, axis
            As for a call of the normalization.

        Returns
        -------
        float32 array
        """
        x = np.asarray(array, np.float32)
        return x * self._shaped(self.divide, x, axis) + self._shaped(self.subtract, x, axis)


class Statistics:
    """Statistics of each channel, and `overall`; made by `statistics`, or read with `load`.

    NaN and infinite pixels are counted in `n_nan` and `n_infinite`, and left out of everything else.
    """

    def __init__(self, core: _core.Statistics) -> None:
        self._core = core
        dtype, channels, quantiles, bins, span, drawn, chunks, seed = core.info()
        self._channels = [OverallStatistics(*core.channel(c)) for c in range(channels)]
        self._range = span
        self._bins = bins
        self.dtype = np.dtype(dtype)
        """Element type of the images; float32 if they have several."""
        self.quantiles = quantiles
        """The quantiles that were computed."""
        self.overall = OverallStatistics(*core.channel(_OVERALL))
        """All channels together."""
        self.sample: tuple[int, int, int] | None = (drawn, chunks, seed) if drawn else None
        """Of a sample: chunks drawn, all chunks, seed."""

    def _each(self, field: str) -> NDArray[Any]:
        return np.array([getattr(channel, field) for channel in self._channels])

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return len(self._channels)

    @property
    def n(self) -> NDArray[Any]:
        """Finite pixels of each channel."""
        return self._each("n")

    @property
    def n_nan(self) -> NDArray[Any]:
        """Pixels of each channel that are NaN."""
        return self._each("n_nan")

    @property
    def n_infinite(self) -> NDArray[Any]:
        """Infinite pixels of each channel."""
        return self._each("n_infinite")

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean of each channel, correctly rounded."""
        return self._each("mean")

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation of each channel, of the population."""
        return self._each("std")

    @property
    def min(self) -> NDArray[np.float64]:
        """Least value of each channel."""
        return self._each("min")

    @property
    def max(self) -> NDArray[np.float64]:
        """Largest value of each channel."""
        return self._each("max")

    @property
    def mean_error(self) -> NDArray[np.float64]:
        """Standard error of each mean, of a sample of chunks; else 0."""
        return self._each("mean_error")

    @names_arguments()
    def quantile(self, q: float, *, overall: bool = False) -> Any:
        """Return a quantile of each channel.

        Parameters
        ----------
        q : float
            One of `quantiles`, or 0 or 1.
        overall : bool
            The quantile of all channels together instead.

        Returns
        -------
        float64 array, or float

        Raises
        ------
        ArgumentError, ValueError
            The quantile was not computed.
        """
        if overall:
            return self._core.quantile(_OVERALL, q)
        return np.array([self._core.quantile(c, q) for c in range(self.n_channels)])

    @names_arguments()
    def histogram(self, channel: int | None = None) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
        """Return the histogram, as `numpy.histogram` does.

        Parameters
        ----------
        channel : int, optional
            A channel; None means all together.

        Returns
        -------
        counts : uint64 array
        edges : float64 array, one longer
            The same for all channels.
        """
        if channel is not None and not -self.n_channels <= operator.index(channel) < self.n_channels:
            raise IndexError(f"channel {channel} is out of bounds: there are {self.n_channels}, counted from 0")
        counts = self._core.histogram(_OVERALL if channel is None else range(self.n_channels)[channel])
        if counts is None:
            raise ArgumentError("there is no histogram: ask for bins with the statistics")
        return np.frombuffer(counts, np.uint64), np.linspace(*self._range, self._bins + 1)

    def mean_std(self, *, per_channel: bool = True) -> Normalization:
        """Return the normalization ``(x - mean) / (std + 1e-6)``.

        Parameters
        ----------
        per_channel : bool
            Each channel by its own statistics; else all by those of all channels together.

        Returns
        -------
        Normalization

        Raises
        ------
        ArgumentError, ValueError
            A channel is constant, or has no finite pixel.
        """
        return self._normalization("mean_std", per_channel)

    def min_max(self, *, per_channel: bool = True) -> Normalization:
        """Return the normalization ``(x - min) / (max - min + 1e-8)``.

        Parameters
        ----------
        per_channel : bool
            Each channel by its own statistics; else all by those of all channels together.

        Returns
        -------
        Normalization

        Raises
        ------
        ArgumentError, ValueError
            A channel is constant, or has no finite pixel.
        """
        return self._normalization("min_max", per_channel)

    @names_arguments()
    def quantile_range(self, low: float = 0.01, high: float = 0.99, *, per_channel: bool = True) -> Normalization:
        """Return the normalization ``(x - a) / (b - a + 1e-8)``, of the quantiles a and b.

        Parameters
        ----------
        low, high : float
            Numbers of the quantiles, of `quantiles`.
        per_channel : bool
            Each channel by its own statistics; else all by those of all channels together.

        Returns
        -------
        Normalization

        Raises
        ------
        ArgumentError, ValueError
            A channel is constant, or has no finite pixel; or the quantiles were not computed.
        """
        return self._normalization("quantile", per_channel, low, high)

    def _normalization(self, kind: str, per_channel: bool, low: float = 0, high: float = 1) -> Normalization:
        channels = range(self.n_channels) if per_channel else [_OVERALL]
        return Normalization(kind, [self._core.normalization(_KINDS[kind], c, low, high) for c in channels])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the statistics as JSON; an existing file is replaced.

        Parameters
        ----------
        path : path-like
            The file.
        """
        with open(path, "w", encoding="utf-8") as file:
            file.write(self._core.json())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Statistics:
        """Read statistics that `save` or ``microtome stats --json`` wrote.

        Parameters
        ----------
        path : path-like
            The file.

        Raises
        ------
        CorruptError
            The file is damaged, or something else.
        """
        with open(path, "rb") as file:
            return cls(_core.parse_statistics(file.read(), os.fspath(path)))

    def __reduce__(self) -> tuple[Callable[[str], Statistics], tuple[str]]:
        return _unpickle, (self._core.json(),)

    def _rows(self) -> list[tuple[str, OverallStatistics]]:
        rows = [(str(c), channel) for c, channel in enumerate(self._channels)]
        return [*rows, ("all", self.overall)] if len(rows) > 1 else rows

    def __repr__(self) -> str:
        lines = [f"<microtome.Statistics of {self.overall.n} {self.dtype} pixels"]
        lines += [f"{c}: mean {s.mean:.6g}, std {s.std:.6g}, {s.min:.6g} to {s.max:.6g}" for c, s in self._rows()]
        if self.overall.n_nan or self.overall.n_infinite:
            lines.append(f"left out: {self.overall.n_nan} NaN, {self.overall.n_infinite} infinite")
        if self.sample:
            lines.append(f"a sample of {self.sample[0]} of {self.sample[1]} chunks")
        return "\n  ".join(lines) + ">"

    def _repr_html_(self) -> str:
        names = ["pixels", "mean", "std", "min", "max", *(f"q{q:g}" for q in self.quantiles)]
        head = "".join(f"<th>{name}</th>" for name in ["channel", *names])
        body = ""
        for c, (name, s) in enumerate(self._rows()):
            values = [s.mean, s.std, s.min, s.max]
            values += [self._core.quantile(c if c < self.n_channels else _OVERALL, q) for q in self.quantiles]
            body += f"<tr><th>{name}</th><td>{s.n}</td>" + "".join(f"<td>{v:.6g}</td>" for v in values) + "</tr>"
        picture = ""
        if self._bins:
            counts = [self.histogram(c)[0] for c in range(self.n_channels)]
            marks = [self.quantile(q, overall=True) for q in self.quantiles]
            picture = draw_histogram(counts, self._range, marks)
        return f"<table><tr>{head}</tr>{body}</table>{picture}"


def _unpickle(text: str) -> Statistics:
    return Statistics(_core.parse_statistics(text.encode(), "pickled statistics"))


def _sample(sample: float | str | None) -> tuple[float, int]:
    """Return the share and the number of chunks, one of which is 0."""
    if sample is None:
        return 0.0, 0
    if isinstance(sample, str):
        number = sample.removesuffix("%")
        try:
            share = float(number) / 100
        except ValueError:
            share = -1.0
        if number == sample or not 0 < share < 1:
            raise ArgumentError(
                f"sample must be a number of chunks, a share below 1 or a text such as '5%', not {sample!r}"
            )
        return share, 0
    if isinstance(sample, float):
        if not 0 < sample < 1:
            raise ArgumentError(f"a sample is a number of chunks, or a share between 0 and 1, not {sample!r}")
        return sample, 0
    if sample < 2:
        raise ArgumentError(f"a sample has at least 2 chunks, not {sample}")
    return 0.0, int(sample)


@names_arguments(range="a pair of numbers", quantiles="a sequence of numbers", sample="a number")
def statistics(
    stacks: ImageStack | Sequence[ImageStack],
    *,
    quantiles: Sequence[float] = (0.01, 0.99),
    bins: int = 0,
    range: tuple[float, float] | None = None,
    mask: ImageStack | Sequence[ImageStack] | None = None,
    sample: float | str | None = None,
    seed: int = 0,
    missing: Literal["error", "fill"] = "error",
    progress: Progress = True,
) -> Statistics:
    """Compute mean, standard deviation, range, quantiles and histogram of all pixels of images.

    Every pixel is read in storage order, each chunk once a pass. One pass suffices for types of up
    to 16 bits; quantiles of 32-bit types take two, of 64-bit types four. Sums are exact, and results
    the same for any number of threads, chunks and formats.

    Parameters
    ----------
    stacks : ImageStack or sequence of them
        Of one context, with the same number of channels. Images of several types count as float32,
        if it holds all their values (8 and 16 bits, float32). Stacks over objects count as float32.
    quantiles : sequence of float
        Between 0 and 1, at most 64: as `numpy.quantile` does with its method "linear".
    bins : int
        Bins of the histogram. 0 means 256, or none if that would take a further pass.
    range : (float, float), optional
        Range of the histogram; by default from the least to the largest pixel.
    mask : ImageStack or sequence of them, optional
        One for each image, with its samples and size, and one channel or as many: only pixels
        where it is > 0 count.
    sample : int, float or str, optional
        Read a random sample of chunks instead: their number, a share such as 0.05, or ``"5%"``.
        Chunks are blocks with all channels, of at least 65,536 pixels if the image has as many.
    seed : int
        Of the sample.
    missing : {"error", "fill"}
        Refuse images that lack files or frames, or count these as the fill value.
    progress : bool or callable
        True shows a bar of tqdm, if tqdm is installed and the call takes more than a second; a callable
        receives the pixels done and their total.

    Returns
    -------
    Statistics

    Raises
    ------
    ArgumentError, ValueError
        The images do not fit together, or have no finite pixel.
    NotFoundError
        Files or frames are missing.
    CorruptError, ReadError
        An image cannot be read.

    Notes
    -----
    Thread-safe; releases the GIL while reading. Ctrl-C cancels it.

    Examples
    --------
    >>> import numpy as np, microtome
    >>> stack = microtome.from_array(np.arange(12, dtype=np.uint16).reshape(3, 4), "YX")
    >>> s = microtome.statistics(stack, quantiles=(0.5,))
    >>> s.mean, s.max, s.quantile(0.5)
    (array([5.5]), array([11.]), array([5.5]))
    """
    if missing not in ("error", "fill"):
        raise ArgumentError(f'missing must be "error" or "fill", not {missing!r}')
    if not 0 <= seed < 2**64:
        raise ArgumentError(f"seed must be from 0 to 2**64 - 1, not {seed}")
    share, chunks = _sample(sample)
    images, masks = native_stacks(stacks), None if mask is None else native_stacks(mask)
    wanted = np.ascontiguousarray(quantiles, np.float64).reshape(-1)
    span = None if range is None else (float(range[0]), float(range[1]))
    with show_progress(progress, "statistics", "pixels") as call:
        return Statistics(
            _core.statistics(images, wanted, bins, span, masks, share, chunks, seed, missing == "fill", call)
        )
