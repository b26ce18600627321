#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""LIF files made here, read by liffile and by the command. Usage: lif_oracle.py COMMAND

Both versions, all element types, random dimensions in random order, channels between any of them, colours.
"""

import itertools
import math
import struct
import unittest

import liffile
from common import Oracle, choices, pixels

# Dimensions beside X and Y: DimID and the axis here. Wavelengths are left out: they are channels.
DIMENSIONS = {"Z": (3, "Z"), "T": (4, "T"), "A": (6, "S"), "M": (10, "S"), "L": (11, "S")}
TYPES = {"u1": (0, 8), "u2": (0, 12), "u4": (0, 32), "u8": (0, 64), "f2": (1, 16), "f4": (1, 32), "f8": (1, 64)}


def block(version, name, data):
    name = name.encode("utf-16-le")
    size = struct.pack("<I" if version == 1 else "<Q", len(data))
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


class Lif(Oracle):
    def test_images(self):
        options = choices(
            1,
            dtype=list(TYPES),
            order=[*itertools.permutations("ZTA"), ("M", "L"), ("Z",), ()],
            size=[(5, 7), (16, 9), (3, 40)],
            channels=[1, 1, 2, 3],
            place=[0, 1, 2, 9],
        )
        for version in (1, 2):
            images = []
            for o in itertools.islice(options, 30):
                images.append(self.make(o, len(images) + 1))
            elements = [xml.replace("{size}", str(data.nbytes)) for xml, data, _ in images]
            path = self.folder / f"version{version}.lif"
            with path.open("wb") as file:
                file.write(document(version, elements) + block(version, "MemBlock_0", b""))
                for i, (_, data, _) in enumerate(images):
                    file.write(block(version, f"MemBlock_{i + 1}", data.tobytes()))
            with liffile.LifFile(path) as lif:
                for i, (_, _, axes) in enumerate(images):
                    self.check_series(path, i, lif.images[i].asarray(), axes)

    def make(self, o, number):
        """An image: its element, its pixels as they are stored, and the axes of them."""
        axes = [*o["order"], "Y", "X"]
        sizes = [2 + "ZTAML".index(axis) for axis in o["order"]] + list(o["size"])
        if o["channels"] > 1:
            at = max(len(axes) - o["place"], 0)
            axes.insert(at, "C")
            sizes.insert(at, o["channels"])
        data = pixels(sizes, o["dtype"], number)
        ids = {"X": 1, "Y": 2, **{axis: DIMENSIONS[axis][0] for axis in o["order"]}}
        steps = [math.prod(sizes[i + 1 :]) * data.itemsize for i in range(len(sizes))]
        dimensions = [(ids[axis], n, step) for axis, n, step in zip(axes, sizes, steps) if axis != "C"]
        step = steps[axes.index("C")] if "C" in axes else 0
        offsets = [step * k for k in range(o["channels"])]
        named = [DIMENSIONS[axis][1] if axis in DIMENSIONS else axis for axis in axes]
        return element(f"i{number}", number, o["dtype"], dimensions[::-1], offsets), data, "".join(named)

    def check_series(self, path, i, image, axes):
        """Axes of samples are merged into one, the first the slowest."""
        samples = [k for k, axis in enumerate(axes) if axis == "S"]
        rest = [k for k, axis in enumerate(axes) if axis != "S"]
        image = image.transpose(samples + rest)
        image = image.reshape([-1, *image.shape[len(samples) :]])
        self.check_image(f"{path}#series={i}", image, "S" + "".join(axes[k] for k in rest))


if __name__ == "__main__":
    unittest.main()
