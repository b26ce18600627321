# SPDX-License-Identifier: BSD-3-Clause
"""The program of docs/command.md works with microtome predict --pipe."""

import re
import shlex
import subprocess
import sys

import microtome
import numpy as np
from conftest import ROOT


def test_the_program_of_the_page(tmp_path):
    (code,) = re.findall(r"^```py\n(.*?)^```$", (ROOT / "docs/command.md").read_text(), re.M | re.S)
    assert "return x  #" in code
    (tmp_path / "net.py").write_text(code.replace("return x  #", "return np.concatenate([x, 2 * x], 1)  #"))
    pixels = np.random.default_rng(1).normal(size=(5, 60, 70)).astype(np.float32)
    np.save(tmp_path / "in.npy", pixels)
    command = ["predict", "in.npy", "out.zarr", "--axes", "ZYX", "--tile", "4x32x32", "--overlap", "2x8x8"]
    command += ["--output-channels", "2", "--pipe", shlex.join([sys.executable, "net.py"])]
    run = subprocess.run(
        [sys.executable, "-m", "microtome", *command], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    found = microtome.open(str(tmp_path / "out.zarr"))
    np.testing.assert_array_equal(found.extract_patch(0, None, (0, 0, 0), (5, 60, 70)), np.stack([pixels, 2 * pixels]))
