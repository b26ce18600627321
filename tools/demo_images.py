#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Unpacks the two images of the demonstration, and their license, from the wheel of the package stardist.

Usage: demo_images.py WHEEL FOLDER. The images are compared with known checksums.
"""

import hashlib
import os
import sys
import zipfile
from pathlib import Path

IMAGES = {
    "stardist/data/images/img2d.tif": "f9ccc1571b92c861ff87e28463068b43f61bd47357ed0503f711e5cd1eb97750",
    "stardist/data/images/img3d.tif": "f5626d500c7a738cd321698f43df36e2ac149d98456579c5cbcf8af48c7253e8",
}


def write(path, content):
    """The file is there whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


def main():
    wheel, folder = sys.argv[1], Path(sys.argv[2])
    with zipfile.ZipFile(wheel) as archive:
        license_name = next(name for name in archive.namelist() if name.endswith("dist-info/LICENSE.txt"))
        write(folder / "IMAGES-LICENSE.txt", archive.read(license_name))
        for name, checksum in IMAGES.items():
            content = archive.read(name)
            if hashlib.sha256(content).hexdigest() != checksum:
                sys.exit(f"demo: {name} in {wheel} is not the image that it was")
            write(folder / Path(name).name, content)


if __name__ == "__main__":
    main()
