# SPDX-License-Identifier: BSD-3-Clause
"""Without Dask, microtome.dask says how to install it."""

import sys

import microtome
import microtome.dask
import numpy as np
import pytest


def test_missing_distributed(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "distributed", None)
    stack = microtome.from_array(np.zeros((64, 48)), "YX")
    plan = microtome.prepare(lambda batch: batch, stack, tmp_path / "out.zarr", tile=(32, 32), overlap=8)
    with pytest.raises(ImportError, match=r"microtome\.dask needs distributed: pip install distributed"):
        microtome.dask.predict(plan, lambda batch: batch)
