# SPDX-License-Identifier: BSD-3-Clause
"""A histogram as SVG, for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["draw_histogram"]

_WIDTH, _HEIGHT, _BELOW = 480, 120, 18
_COLORS = ("#606060", "#2a9d3a", "#b5329a", "#2a6fd1", "#d1862a", "#21a5b0", "#b03a2e")  # the first if it is alone


def _line(counts: NDArray[Any], top: float) -> str:
    """Return the points of the outline, with logarithmic heights."""
    heights = _HEIGHT * (1 - np.log1p(counts) / top)
    edges = np.linspace(0, _WIDTH, len(counts) + 1)
    steps = zip(np.repeat(edges, 2)[1:-1], np.repeat(heights, 2), strict=True)
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in steps)


def draw_histogram(counts: Sequence[NDArray[Any]], span: tuple[float, float], marks: Sequence[float]) -> str:
    """Draw the histogram of each channel with logarithmic heights, and vertical lines at some values."""
    counts = [c.astype(np.float64) for c in counts]
    top = max(float(np.log1p(c.max())) for c in counts) or 1.0
    low, high = span
    parts = []
    for i, channel in enumerate(counts[: len(_COLORS)]):
        color = _COLORS[0 if len(counts) == 1 else (i + 1) % len(_COLORS)]
        parts.append(f"<polyline points='{_line(channel, top)}' fill='none' stroke='{color}'/>")
    for value in marks:
        x = _WIDTH * (value - low) / (high - low) if high > low else 0.0
        if 0 <= x <= _WIDTH:
            parts.append(f"<line x1='{x:.1f}' x2='{x:.1f}' y1='0' y2='{_HEIGHT}' stroke='#d33' stroke-dasharray='3'/>")
    y = _HEIGHT + _BELOW - 4
    parts.append(f"<text x='0' y='{y}' font-size='12'>{low:.6g}</text>")
    parts.append(f"<text x='{_WIDTH}' y='{y}' font-size='12' text-anchor='end'>{high:.6g}</text>")
    size = f"width='{_WIDTH}' height='{_HEIGHT + _BELOW}'"
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size}>{''.join(parts)}</svg>"
