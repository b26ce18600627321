# SPDX-License-Identifier: BSD-3-Clause
"""Without CAREamics, what needs it says how to install it; the rest works."""

import sys

import numpy as np
import pytest
from microtome import careamics


@pytest.mark.parametrize("use", ["DataModule", "CAREamist"])
def test_missing_careamics(monkeypatch, use):
    monkeypatch.setitem(sys.modules, "careamics", None)
    monkeypatch.setitem(sys.modules, "careamics.lightning", None)
    monkeypatch.delitem(vars(careamics), use, raising=False)
    with pytest.raises(ImportError, match=r"microtome\.careamics needs CAREamics: pip install careamics"):
        getattr(careamics, use)
    with pytest.raises(ImportError, match="pip install careamics"):
        careamics.loading()
    assert careamics.load(np.zeros((64, 48)), "YX")[0].data_shape == (1, 1, 64, 48)
    assert use in dir(careamics)
