#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Files that mrcfile writes now, read by the command and compared. Usage: mrc_oracle.py COMMAND"""

import itertools
import json
import unittest

import mrcfile
import numpy as np
from common import Oracle, choices, pixels

TYPES = ["i1", "i2", "u2", "f2", "f4"]  # modes 0, 1, 6, 12, 2
KINDS = {  # axes, and how mrcfile marks the file
    "image": ("YX", lambda mrc: None),
    "stack": ("SYX", lambda mrc: mrc.set_image_stack()),
    "volume": ("ZYX", lambda mrc: mrc.set_volume()),
    "volumes": ("SZYX", lambda mrc: None),
}
SIZES = {"S": 3, "Z": 4, "Y": 11, "X": 14}


class Mrc(Oracle):
    def write(self, array, kind, extended, name, order):
        path = self.folder / name
        with mrcfile.new(path, compression="gzip" if name.endswith("gz") else None, overwrite=True) as mrc:
            mrc.set_data(array)
            KINDS[kind][1](mrc)
            mrc.voxel_size = (1.5, 2.5, 4.0)
            if extended:
                mrc.set_extended_header(np.frombuffer(bytes(range(80)) * extended, "V1"))
        if order == ">":
            self.swap(path, array.dtype.itemsize)
        return path

    def swap(self, path, size):
        """Turn the bytes of all numbers around, as a machine of the other byte order would write them."""
        file = bytearray(path.read_bytes())
        words = np.frombuffer(bytes(file[:1024]), "<u4").astype(">u4").tobytes()
        skip = int.from_bytes(file[92:96], "little")
        head = bytearray(words)
        head[104:108], head[208:224] = file[104:108], b"MAP \x11\x11\0\0" + words[216:224]
        head[224:] = file[224:1024]
        body = np.frombuffer(bytes(file[1024 + skip :]), f"<u{size}").astype(f">u{size}").tobytes()
        path.write_bytes(bytes(head + file[1024 : 1024 + skip] + body))

    def test_files(self):
        options = choices(
            1,
            dtype=TYPES,
            kind=list(KINDS),
            extended=[0, 0, 1, 9],
            order="<>",
            name=["a.mrc", "a.mrcs", "a.map", "a.rec", "a.mrc.gz"],
        )
        for seed, o in enumerate(itertools.islice(options, 60)):
            order = "<" if o["name"].endswith("gz") else o["order"]
            axes = KINDS[o["kind"]][0]
            with self.subTest(**o):
                array = pixels([SIZES[axis] for axis in axes], o["dtype"], seed)
                path = self.write(array, o["kind"], o["extended"], o["name"], order)
                self.check_image(path, array, axes)
                info = json.loads(self.run_command("info", path, "--json").stdout)[0]
                self.assertEqual(info["axes"], axes)
                for axis, size in {"X": 1.5, "Y": 2.5, "Z": 4.0}.items():
                    if axis in axes:
                        self.assertAlmostEqual(info["pixel_size"][axis]["size"], size, 5)


if __name__ == "__main__":
    unittest.main()
