# SPDX-License-Identifier: BSD-3-Clause
"""Reading the argument dtype: a type, or "source" for that of the image."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["dtype_name", "is_source"]


def is_source(dtype: Any) -> bool:
    """Tell whether dtype means that of the image."""
    return isinstance(dtype, str) and dtype == "source"


def dtype_name(dtype: Any, source: Any = None, default: str = "float32") -> str:
    """Return the name of a type; source is that of the image, None if there is no image."""
    if dtype is None:
        return default
    if is_source(dtype):
        if source is None:
            raise ValueError('dtype="source" is the type of an image, and there is none: name a type')
        return str(np.dtype(source).name)
    try:
        return str(np.dtype(dtype).name)
    except TypeError:
        raise TypeError(f'dtype is a type, such as "uint16", or "source", not {dtype!r}') from None
