# SPDX-License-Identifier: BSD-3-Clause
"""Drawing options of `ImageStack.view` and `ImageStack.view_patches`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from ._errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Colors", "Contrast", "Projection", "read_style"]

Contrast: TypeAlias = "Literal['auto'] | tuple[float, float] | Sequence[tuple[float, float]] | None"
Projection: TypeAlias = Literal["max", "mean", "sum"]
Colors: TypeAlias = Literal["auto", "channels", "labels"]

_PROJECTIONS = (None, "max", "mean", "sum")
_COLORS = ("auto", "channels", "labels")


def _find(value: str | None, names: tuple[str | None, ...], what: str) -> int:
    if value not in names:
        known = ", ".join(repr(name) for name in names)
        raise ArgumentError(f"{what} must be one of {known}, not {value!r}")
    return names.index(value)


def read_style(
    contrast: Contrast, project: Projection | None, colors: Colors, scale_bar: bool, legend: bool
) -> tuple[NDArray[Any] | None, list[int]]:
    """Convert options for the extension: contrast to float64 pairs, the others to numbers."""
    pairs = None
    if contrast is not None and not isinstance(contrast, str):
        try:
            pairs = np.ascontiguousarray(contrast, np.float64)
        except (TypeError, ValueError):
            pairs = np.empty(0)
        if pairs.ndim not in {1, 2} or pairs.shape[-1] != 2 or pairs.size == 0:
            raise ArgumentError("contrast must be a pair (low, high), a pair for each channel, or 'auto'")
        pairs = pairs.reshape(-1)
    elif contrast is not None:
        _find(contrast, ("auto",), "contrast")
    ignored = int(contrast == "auto") if isinstance(contrast, str) else 0
    choices = [
        ignored,
        _find(project, _PROJECTIONS, "project"),
        _find(colors, _COLORS, "colors"),
        int(bool(scale_bar)),
        int(bool(legend)),
    ]
    return pairs, choices
