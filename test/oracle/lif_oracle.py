#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""LIF files made here, read by liffile and by the command. Usage: lif_oracle.py COMMAND

Both versions, all element types, random dimensions in random order, channels between any of them, colours.
"""

import itertools
import math
import unittest

import liffile
from common import Oracle, choices, pixels
from lifcase import TYPES, block, document, element

# Dimensions beside X and Y: DimID and the axis here. Wavelengths are left out: they are channels.
DIMENSIONS = {"Z": (3, "Z"), "T": (4, "T"), "A": (6, "S"), "M": (10, "S"), "L": (11, "S")}


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
