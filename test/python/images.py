# SPDX-License-Identifier: BSD-3-Clause
"""Images that tests write, with nothing but NumPy."""

import json
import struct
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


def write_tile_scan(path, tiles, corners):
    """A LIF file with an image "scan" of 8-bit tiles along YX, whose corners are (y, x), in pixels of a micrometer."""
    n, height, width = tiles.shape
    sizes = [(1, width, 1), (2, height, width), (10, n, width * height)]
    dimensions = "".join(
        f'<DimensionDescription DimID="{d}" NumberOfElements="{m}" Length="{(m - 1) * 1e-6}" Unit="m" BytesInc="{step}"/>'
        for d, m, step in sizes
    )
    places = "".join(f'<Tile PosX="{x * 1e-6}" PosY="{y * 1e-6}"/>' for y, x in corners)
    text = (
        '<LMSDataContainerHeader Version="2"><Element Name="root"><Memory Size="0" MemoryBlockID="A"/><Children>'
        '<Element Name="scan"><Data><Image><ImageDescription><Channels><ChannelDescription DataType="0" Resolution="8" '
        f'BytesInc="0"/></Channels><Dimensions>{dimensions}</Dimensions></ImageDescription>'
        f'<Attachment Name="TileScanInfo">{places}</Attachment></Image></Data>'
        f'<Memory Size="{tiles.nbytes}" MemoryBlockID="B"/></Element></Children></Element></LMSDataContainerHeader>'
    ).encode("utf-16-le")
    blocks = [(b"A\0", b""), (b"B\0", tiles.tobytes())]
    with path.open("wb") as file:
        file.write(struct.pack("<IIBI", 0x70, 5 + len(text), 0x2A, len(text) // 2) + text)
        for name, pixels in blocks:
            file.write(struct.pack("<IIBQBI", 0x70, 16, 0x2A, len(pixels), 0x2A, 1) + name + pixels)
    return path
