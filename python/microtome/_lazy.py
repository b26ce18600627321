# SPDX-License-Identifier: BSD-3-Clause
"""Image stacks as dask and xarray arrays; both packages are optional."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

from ._errors import need

if TYPE_CHECKING:
    import dask.array
    import xarray

    from ._stack import ImageStack


def to_dask(stack: ImageStack, chunks: Any) -> dask.array.Array:
    """Do what `ImageStack.to_dask` says."""
    array = need("dask.array", "dask[array]")
    # A unique name, because the file may change before it is opened again.
    name = f"microtome-{uuid.uuid4().hex}"
    meta = np.empty((0,) * stack.ndim, stack.dtype)
    stored = stack._seen(stack.original_chunks)
    chunks = array.core.normalize_chunks(chunks, stack.shape, dtype=stack.dtype, previous_chunks=stored)
    made: dask.array.Array = array.from_array(stack, chunks=chunks, name=name, meta=meta)
    return made


def split_samples(stack: ImageStack, pixels: dask.array.Array) -> tuple[dask.array.Array, list[str]]:
    """Split T off the samples. Returns the array and its axes, (S)(T)C(Z)YX; without S if the image has none."""
    dims, lengths = list(stack._axes), dict(zip(stack.original_axes, stack.original_data_shape, strict=True))
    if "T" not in lengths or "T" in dims:
        return pixels, dims
    if "S" not in lengths:
        return pixels, ["T", *dims[1:]]
    times = lengths["T"]  # S is slow; a reshape would merge the blocks of all times
    samples = [pixels[s * times : (s + 1) * times] for s in range(lengths["S"])]
    return need("dask.array", "dask[array]").stack(samples), ["S", "T", *dims[1:]]


def to_xarray(stack: ImageStack, chunks: Any) -> xarray.DataArray:
    """Do what `ImageStack.to_xarray` says."""
    xr = need("xarray", "xarray")
    pixels, dims = split_samples(stack, to_dask(stack, chunks))
    coords: dict[str, Any] = {}
    for axis, size in stack.pixel_size.items():
        if axis in dims:
            positions = np.arange(pixels.shape[dims.index(axis)]) * size
            coords[axis] = xr.Variable(axis, positions, {"units": stack.units[axis]} if axis in stack.units else {})
    if stack.channel_names and any(stack.channel_names):
        coords["C"] = stack.channel_names
    attrs = {"source": stack.source}
    made: xarray.DataArray = xr.DataArray(pixels, coords, dims, name=stack.part or "image", attrs=attrs)
    return made
