# SPDX-License-Identifier: BSD-3-Clause
"""Images that tests write, with nothing but NumPy."""

import json
import zlib

import numpy as np

KINDS = {"t": "time", "c": "channel"}


def write_array(folder, pixels, chunks):
    """An array of Zarr version 2."""
    folder.mkdir(parents=True)
    metadata = {"zarr_format": 2, "shape": pixels.shape, "chunks": chunks, "dtype": pixels.dtype.str, "order": "C"}
    (folder / ".zarray").write_text(
        json.dumps({**metadata, "compressor": {"id": "zlib", "level": 1}, "filters": None, "fill_value": 0})
    )
    for position in np.ndindex(*(-(-n // c) for n, c in zip(pixels.shape, chunks, strict=True))):
        part = pixels[tuple(slice(i * c, i * c + c) for i, c in zip(position, chunks, strict=True))]
        whole = np.zeros(chunks, pixels.dtype)
        whole[tuple(map(slice, part.shape))] = part
        (folder / ".".join(map(str, position))).write_bytes(zlib.compress(whole.tobytes(), 1))


def write_ome_zarr(folder, pixels, axes, chunks, channels=(), scale=None, units=None, levels=1):
    """An image of OME-Zarr 0.4; each level has half the rows and columns. Channels are (name, colour as hexadecimal)."""
    units, scale = units or {}, list(scale or [1] * pixels.ndim)
    named = [{"name": a.lower(), "type": KINDS.get(a.lower(), "space")} for a in axes]
    for axis in named:
        if axis["name"].upper() in units:
            axis["unit"] = units[axis["name"].upper()]
    datasets = []
    for level in range(levels):
        write_array(folder / str(level), pixels, chunks)
        datasets.append({"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": list(scale)}]})
        pixels, scale[-2:] = pixels[..., ::2, ::2], [2 * size for size in scale[-2:]]
    attributes = {"multiscales": [{"version": "0.4", "axes": named, "datasets": datasets}]}
    if channels:
        window = {"start": 0, "end": 255, "min": 0, "max": 255}
        described = [{"label": name, "color": color, "window": window, "active": True} for name, color in channels]
        attributes["omero"] = {"channels": described}
    (folder / ".zgroup").write_text('{"zarr_format": 2}')
    (folder / ".zattrs").write_text(json.dumps(attributes))
    return folder
