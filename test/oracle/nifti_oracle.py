#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Files that nibabel writes now, read by the command and compared. Usage: nifti_oracle.py COMMAND"""

import itertools
import json
import unittest

import nibabel
import numpy as np
from common import Oracle, choices, pixels

TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]
AXES = ["YX", "ZYX", "TZYX", "CTZYX"]
SIZES = {"C": 2, "T": 3, "Z": 4, "Y": 11, "X": 14}
CLASSES = {
    ".nii": (nibabel.Nifti1Image, nibabel.Nifti2Image),
    ".nii.gz": (nibabel.Nifti1Image, nibabel.Nifti2Image),
    ".hdr": (nibabel.Nifti1Pair, nibabel.Nifti2Pair),
    ".img": (nibabel.Nifti1Pair, nibabel.Nifti2Pair),
}


class Nifti(Oracle):
    def write(self, array, suffix, version, order, scaling=(None, None), extension=False):
        """Write an array whose last axis is the fastest."""
        image_class = CLASSES[suffix][version - 1]
        header = image_class.header_class(endianness=order)
        header.set_data_dtype(array.dtype)
        image = image_class(array.T, np.diag([2, 3, 4, 1]), header)
        image.header.set_xyzt_units("mm", "sec")
        image.header.set_slope_inter(*scaling)
        if extension:
            image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"c" * 99))
        path = self.folder / f"a{suffix}"
        nibabel.save(image, path)
        return path

    def test_files(self):
        options = choices(
            1, dtype=TYPES, axes=AXES, suffix=list(CLASSES), version=[1, 2], order="<>", extension=[False, True]
        )
        for seed, o in enumerate(itertools.islice(options, 60)):
            with self.subTest(**o):
                array = pixels([SIZES[axis] for axis in o["axes"]], o["dtype"], seed)
                path = self.write(array, o["suffix"], o["version"], o["order"], extension=o["extension"])
                self.check_image(path, array, o["axes"])
                info = json.loads(self.run_command("info", path, "--json").stdout)[0]
                self.assertEqual(info["axes"], o["axes"])
                self.assertEqual([info["pixel_size"][axis]["size"] for axis in "XY"], [2, 3])
                self.assertEqual(info["pixel_size"]["X"]["unit"], "millimeter")

    def test_scaled(self):
        for version, order, dtype in itertools.product((1, 2), "<>", ("u1", "i2", "i4", "f4")):
            with self.subTest(version=version, order=order, dtype=dtype):
                array = pixels([4, 11, 14], dtype)
                path = self.write(array, ".nii", version, order)
                stored = bytearray(path.read_bytes())
                for at, value in ((112, 0.25), (116, -3.5)) if version == 1 else ((176, 0.25), (184, -3.5)):
                    number = np.array(value, order + ("f4" if version == 1 else "f8")).tobytes()
                    stored[at : at + len(number)] = number
                path.write_bytes(stored)
                expected = np.asarray(nibabel.load(path).dataobj).T
                self.assertFalse(np.array_equal(expected, array))
                out = self.folder / "out.npy"
                self.run_command("patches", path, "--scaled", "--grid", "--size", "4x11x14", "--out", out, "--force")
                found = np.load(out)
                np.testing.assert_array_equal(found[0, 0], expected.astype(found.dtype))
                self.check_image(path, array, "ZYX")


if __name__ == "__main__":
    unittest.main()
