# SPDX-License-Identifier: BSD-3-Clause
"""The code of docs/careamics.md, on small images."""

import os
import re
from pathlib import Path

import h5py
import microtome
import numpy as np
import zarr
from pylibCZIrw import czi as pylib

PAGE = Path(__file__).resolve().parents[2] / "docs/careamics.md"
PIXELS = np.random.default_rng(3).poisson(20, (2, 2, 160, 192)).astype(np.uint16)


def write_images():
    zarr.open_group("nuclei.ome.zarr", mode="w").create_array("0", data=PIXELS)
    os.mkdir("validation")
    with h5py.File("validation/a.h5", "w") as file:
        file["raw/nuclei"] = PIXELS
    with pylib.create_czi("more.czi") as file:
        for t, c in np.ndindex(2, 2):
            file.write(PIXELS[t, c][..., None], plane={"T": t, "C": c})


def test_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_images()
    whole, module, stacks, on_disk, writer = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    names = {}
    short = whole.replace("batch_size=16)", "batch_size=16, num_epochs=1, num_steps=1)").replace("256", "128")
    assert short.count("num_steps") == 1
    exec(short, names)
    assert [p.shape for p in names["predictions"]] == [PIXELS.shape] * 2
    assert names["sources"] == [f"file://{tmp_path}/nuclei.ome.zarr/0", "more.czi"]
    np.testing.assert_array_equal(*names["predictions"])
    exec(module, names)
    assert names["trainer"].global_step == 1 and names["module"].train_loader.n_patches == 16 - 8
    exec(stacks, names)
    names["data"].setup("fit")
    assert names["data"].train_dataset[0][0].data.shape == (2, 64, 64)
    exec(on_disk.replace("256", "128"), names)
    exec(writer.replace("256", "128"), names)
    for path in ("denoised/nuclei.ome_0.zarr", "denoised/more.zarr", "again/nuclei.ome_0.zarr"):
        with microtome.open(path) as written:
            assert written.original_axes == "TCYX" and written.data_shape == (2, 2, 160, 192)
