#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""ND2 files of all layouts, read by the command and by the reader nd2. Usage: nd2_oracle.py COMMAND"""

import json
import random
import unittest

import common
import nd2
import nd2case
import numpy as np
from nd2case import POSITIONS, TIME, Z_STACK

CASES = 48


def draw_loops(rng, version):
    """Up to three loops in any order; positions may lack some of those planned. nd2 0.12 shifts such lists of version 2."""
    loops = []
    for kind in rng.sample([TIME, POSITIONS, Z_STACK], rng.randrange(4)):
        count, flags = rng.randrange(2, 5), None
        if kind == POSITIONS and version == 3 and rng.random() < 0.5:
            flags = [1, 1] + [rng.randrange(2) for _ in range(count - 2)]
            rng.shuffle(flags)
        loops.append((kind, count, flags))
    return loops


def count_frames(loops):
    return int(np.prod([sum(flags) if flags else count for _, count, flags in loops], dtype=int))


class Nd2(common.Oracle):
    def write(self, rng, path):
        version = rng.choice([2, 3, 3])
        loops = draw_loops(rng, version)
        dtype = rng.choice(["u1", "u2", "f4"])
        planes = rng.choice([1, 1, 2, 3])
        components = planes * (3 if rng.random() < 0.3 else 1)
        height, width = rng.randrange(2, 40), rng.randrange(2, 40)
        row = width * components * np.dtype(dtype).itemsize
        row_bytes = -(-row // 4) * 4 if rng.random() < 0.7 else row
        if components == 3 * planes > 3:  # nd2 0.12 reads several channels of colours with padding wrongly
            row_bytes = row
        n = count_frames(loops)
        skipped = [i for i in range(1, n) if rng.random() < 0.1]
        frames = common.pixels((n, height, width, components), dtype, rng.randrange(1 << 30))
        nd2case.write(
            path,
            frames,
            loops,
            planes=planes,
            row_bytes=row_bytes,
            lossless=rng.random() < 0.4,
            version=version,
            skipped=skipped if row_bytes == row else [],  # nd2 0.12 fails for a missing frame with padding
        )

    def check(self, path):
        with nd2.ND2File(path) as file:
            expected, sizes, voxel = file.asarray(), dict(file.sizes), file.voxel_size()
            names = [channel.channel.name for channel in file.metadata.channels]
            is_rgb, places = file.is_rgb, [loop for loop in file.experiment if loop.type == "XYPosLoop"]
        axes = "".join({"P": "S", "S": "c"}.get(axis, axis) for axis in sizes)
        if is_rgb:  # stored as blue, green, red, which nd2 does not reverse
            expected = expected[..., ::-1]
        if "C" in axes and "c" in axes:  # channels of colours: the channels are slow
            at = axes.index("C")
            expected = np.moveaxis(expected, at, -2).reshape(*(np.delete(expected.shape, [at, -1])), -1)
            axes = axes.replace("C", "").replace("c", "C")
        axes = axes.replace("c", "C")
        self.check_image(path, expected, axes)
        (info,) = json.loads(self.run_command("info", "--json", path).stdout)
        self.assertEqual(info["pixel_size"]["X"]["size"], voxel.x)
        if not is_rgb:
            self.assertEqual([channel["name"] for channel in info["channels"]], names)
        if places:
            points = [(p.name, [p.stagePositionUm.y, p.stagePositionUm.x]) for p in places[0].parameters.points]
            times = sizes.get("T", 1)
            seen = [(s["name"], s["position"][1:]) for s in info["samples"][::times]]
            self.assertEqual(seen, points)

    def test_layouts(self):
        rng = random.Random(5)
        for case in range(CASES):
            path = self.folder / f"{case}.nd2"
            with self.subTest(case=case):
                self.write(rng, path)
                self.check(path)


if __name__ == "__main__":
    unittest.main()
