# SPDX-License-Identifier: BSD-3-Clause
"""Writes the least that is a LIF file, as the reader liffile describes it: no library writes any."""

import struct

TYPES = {"u1": (0, 8), "u2": (0, 12), "u4": (0, 32), "u8": (0, 64), "f2": (1, 16), "f4": (1, 32), "f8": (1, 64)}


def block(version, name, data, size=None):
    """size: of data of which only the beginning is given."""
    name = name.encode("utf-16-le")
    size = struct.pack("<I" if version == 1 else "<Q", len(data) if size is None else size)
    rest = b"\x2a" + size + b"\x2a" + struct.pack("<I", len(name) // 2) + name
    return struct.pack("<II", 0x70, len(rest)) + rest + data


def element(name, number, dtype, axes, offsets):
    """axes: (DimID, size, bytes between neighbours)."""
    kind, bits = TYPES[dtype]
    channels = "".join(
        f'<ChannelDescription DataType="{kind}" ChannelTag="{k + 1 if len(offsets) == 3 else 0}" Resolution="{bits}" '
        f'NameOfMeasuredQuantity="" Min="0" Max="1" Unit="" LUTName="Gray" IsLUTInverted="0" BytesInc="{offset}" '
        'BitInc="0"/>'
        for k, offset in enumerate(offsets)
    )
    dimensions = "".join(
        f'<DimensionDescription DimID="{i}" NumberOfElements="{n}" Origin="0" Length="1e-6" Unit="m" BitInc="0" '
        f'BytesInc="{step}"/>'
        for i, n, step in axes
    )
    return (
        f'<Element Name="{name}" UniqueID="{number}"><Data><Image TextDescription=""><ImageDescription><Channels>'
        f"{channels}</Channels><Dimensions>{dimensions}</Dimensions></ImageDescription></Image></Data>"
        '<Memory Size="{size}" MemoryBlockID="MemBlock_' + str(number) + '"/><Children/></Element>'
    )


def document(version, elements):
    text = (
        f'<LMSDataContainerHeader Version="{version}"><Element Name="root" UniqueID="0"><Data/>'
        '<Memory Size="0" MemoryBlockID="MemBlock_0"/><Children>'
        + "".join(elements)
        + "</Children></Element></LMSDataContainerHeader>"
    ).encode("utf-16-le")
    return struct.pack("<IIBI", 0x70, 5 + len(text), 0x2A, len(text) // 2) + text


def write_planes(path, volume, planes):
    """One image of so many planes along Z, of which those after the volume are holes of the file."""
    plane = volume[0].nbytes
    axes = [(1, volume.shape[2], volume.itemsize), (2, volume.shape[1], volume[0, 0].nbytes), (3, planes, plane)]
    kind = f"{volume.dtype.kind}{volume.itemsize}"
    xml = element("planes", 1, kind, axes, [0]).replace("{size}", str(planes * plane))
    with open(path, "wb") as file:
        file.write(document(2, [xml]) + block(2, "MemBlock_1", volume.tobytes(), planes * plane))
        file.truncate(file.tell() + planes * plane - volume.nbytes)
