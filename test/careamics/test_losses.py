# SPDX-License-Identifier: BSD-3-Clause
"""Training with our data module reaches the loss of CAREamics' own: examples/careamics_losses.py in a reduced form."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "examples"))
from careamics_losses import compare


@pytest.mark.parametrize(("name", "most"), [("n2v", 0.8), ("care", 0.4), ("windows", 0.8)])
def test_losses(name, most, tmp_path):
    """Both ways remove noise, and neither much better: the full comparison is that of the example."""
    results = compare(name, tmp_path, epochs=2 if name == "windows" else 5, seeds=(1,))
    one, other = (losses.mean() for losses, _ in results.values())
    assert max(one, other) < most and max(one, other) < 1.6 * min(one, other), results
