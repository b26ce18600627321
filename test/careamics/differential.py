# SPDX-License-Identifier: BSD-3-Clause
"""The same requests to a stack of CAREamics and to ours, and the differences that are there on purpose."""

import builtins
import itertools
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

ALL_AXES = [
    "".join(order)
    for n in range(5)
    for more in itertools.combinations("STCZ", n)
    for order in itertools.permutations((*more, "Y", "X"))
]

# What CAREamics does differently, by the name under which docs/careamics.md lists it.
DIFFERENCES = {
    "negative sample": "counts from the end",
    "sample out of range": "Zarr: wraps where the axes have T but not S",
    "negative channel": "counts from the end",
    "no channels": "CZI: a patch of none; Zarr without C: passed over",
    "repeated channels without C": "Zarr: passed over",
    "negative coordinates": "Zarr: zeros, or a ValueError",
    "number of coordinates": "an IndexError, a ValueError, or a patch of other axes",
}


@dataclass
class Comparison:
    """Counts what was compared."""

    format: str
    same: int = 0
    errors: int = 0
    on_purpose: Counter = field(default_factory=Counter)
    theirs_differ: set = field(default_factory=set)

    @property
    def total(self):
        return self.same + sum(self.on_purpose.values())


def make_requests(data_shape, count, random, smallest=0):
    """Mostly what can be answered, inside, across and outside the image; some requests that cannot."""
    n, n_channels, *spatial = data_shape
    sizes = random.integers(smallest, 9, (count, len(spatial)))
    coords = random.integers(-9, np.add(spatial, 4), (count, len(spatial)))
    inside = random.random(count) < 0.5
    coords[inside] = np.maximum(coords[inside], 0)
    samples = random.integers(0, n, count)
    odd = random.integers(0, 40, count)
    n_chosen = random.integers(0, n_channels + 2, count)
    channels = random.integers(0, n_channels, (count, n_channels + 2))
    for i in range(count):
        sample = int(samples[i])
        chosen = [int(c) for c in channels[i, : n_chosen[i]]] or None
        corner, size = coords[i].tolist(), sizes[i].tolist()
        match odd[i]:
            case 0:
                sample = n + sample
            case 1:
                sample -= n
            case 2:
                chosen = [n_channels + 1]
            case 3:
                chosen = [-1]
            case 4:
                chosen = []
            case 5:
                corner = [0, *corner]
            case 6:
                corner, size = [0, *corner], [1, *size]
            case 7:
                size = [1, *size]
        yield sample, chosen, corner, size


def naive(pixels, sample, channels, coords, size):
    """Cut the patch out of SC(Z)YX in memory."""
    planes = pixels[sample] if channels is None else pixels[sample][channels]
    out = np.zeros((len(planes), *size), np.float32)
    there, here = [slice(None)], [slice(None)]
    for c, s, n in zip(coords, size, pixels.shape[2:], strict=True):
        low, high = min(max(c, 0), n), min(max(c + s, 0), n)
        there.append(slice(low, high))
        here.append(slice(low - c, high - c) if high > low else slice(0, 0))
    out[tuple(here)] = planes[tuple(there)]
    return out


def outcome(stack, request):
    try:
        return stack.extract_patch(*request)
    except Exception as error:
        return error


def standard_class(error):
    """The first class of an exception that Python has of itself."""
    return next(c for c in type(error).__mro__ if getattr(builtins, c.__name__, None) is c)


def difference(format, axes, data_shape, request):
    """The name of the difference that a request meets, or None."""
    sample, channels, coords, size = request
    n, n_channels, *spatial = data_shape
    if not len(coords) == len(size) == len(spatial):
        return "number of coordinates"
    if 0 in size:
        return "patches without pixels"
    if channels is not None and max(channels, default=0) >= n_channels:
        return None
    if sample < 0:
        return None if format == "czi" else "negative sample"
    if channels is not None and min(channels, default=0) < 0:
        return "negative channel"
    if channels == []:
        return "no channels" if format == "czi" or (format == "zarr" and "C" not in axes) else None
    if format == "zarr":
        if sample >= n:
            return "sample out of range" if "T" in axes and "S" not in axes else None
        if channels and "C" not in axes and len(channels) > 1:
            return "repeated channels without C"
        if any(c < 0 for c in coords):
            return "negative coordinates"
    return None


def compare(done, theirs, ours, pixels, requests):
    """Answer requests by both; pixels are those of the image, SC(Z)YX as float32."""
    assert tuple(theirs.data_shape) == ours.data_shape == pixels.shape
    for request in requests:
        expected, got = outcome(theirs, request), outcome(ours, request)
        where = f"{done.format} {ours.original_axes} {ours.data_shape} {request}"
        on_purpose = difference(done.format, ours.original_axes, ours.data_shape, request)
        if on_purpose in ("negative coordinates", "repeated channels without C"):
            assert np.array_equal(got, naive(pixels, *request)), where
        elif on_purpose:
            assert isinstance(got, ValueError), where
        elif isinstance(expected, Exception):
            assert isinstance(got, standard_class(expected)), f"{where}: {expected!r}, {got!r}"
            done.errors += 1
        else:
            assert isinstance(got, np.ndarray), f"{where}: {got!r}"
            assert got.dtype == expected.dtype == np.float32 and got.shape == expected.shape, where
            assert np.array_equal(got, expected) and np.array_equal(got, naive(pixels, *request)), where
        if on_purpose is None:
            done.same += 1
            continue
        done.on_purpose[on_purpose] += 1
        if isinstance(expected, Exception) != isinstance(got, Exception) or (
            not isinstance(got, standard_class(expected))
            if isinstance(expected, Exception)
            else not isinstance(got, Exception) and not np.array_equal(expected, got)
        ):
            done.theirs_differ.add(on_purpose)
