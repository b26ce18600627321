# SPDX-License-Identifier: BSD-3-Clause
"""Patches of microscopy images larger than memory.

>>> import numpy as np, microtome
>>> stack = microtome.from_array(np.zeros((2, 100, 100), np.uint8), "CYX")
>>> stack.extract_patch(0, [1], (10, 10), (64, 64)).shape
(1, 64, 64)

`open` opens a TIFF, Zarr, N5, HDF5, CZI, ND2, LIF, MRC, NIfTI or NPY file of any size as an `ImageStack`.
"""

import importlib as _importlib
import sys as _sys
import typing as _typing

from . import _core, axes
from ._adapter import ArrayStack
from ._augment import add_noise, n2v
from ._batch import Prefetch, extract_patches, prefetch
from ._core import Context
from ._core import version as __version__
from ._errors import (
    ArgumentError,
    CancelledError,
    ChangedError,
    CorruptError,
    Error,
    ImageWarning,
    LimitError,
    NotAnImageError,
    NotFoundError,
    OutOfMemoryError,
    RangeError,
    ReadError,
    ReopenError,
    UnsupportedError,
)
from ._filters import MaskFilter, MaxFilter, MeanStdFilter, ShannonFilter
from ._lateral import lateral_context
from ._loader import Loader, LoaderReport
from ._loader_batch import BadPatch, Batch
from ._open import ImageStackProtocol, StackList, from_array, from_object, list_parts, open, open_all
from ._patching import (
    Coords,
    FixedRandom,
    Patching,
    PatchSpec,
    Random,
    RegionGrid,
    Sequential,
    Stratified,
    Tiled,
    Whole,
)
from ._picture import Picture
from ._stack import ImageStack
from ._statistics import Normalization, Statistics, statistics

if _typing.TYPE_CHECKING:
    from ._convert import convert
    from ._predict import predict, prepare
    from ._predict_outputs import Output
    from ._predict_plan import Plan, PlanStatus
    from ._predict_runner import Prediction
    from ._tiles import TileBatch, Tiles
    from ._writer import Writer, WriterProgress, create

__all__ = [
    "ArgumentError",
    "ArrayStack",
    "BadPatch",
    "Batch",
    "CancelledError",
    "ChangedError",
    "Context",
    "Coords",
    "CorruptError",
    "Error",
    "FixedRandom",
    "ImageStack",
    "ImageStackProtocol",
    "ImageWarning",
    "LimitError",
    "Loader",
    "LoaderReport",
    "MaskFilter",
    "MaxFilter",
    "MeanStdFilter",
    "Normalization",
    "NotAnImageError",
    "NotFoundError",
    "OutOfMemoryError",
    "Output",
    "PatchSpec",
    "Patching",
    "Picture",
    "Plan",
    "PlanStatus",
    "Prediction",
    "Prefetch",
    "Random",
    "RangeError",
    "ReadError",
    "RegionGrid",
    "ReopenError",
    "Sequential",
    "ShannonFilter",
    "StackList",
    "Statistics",
    "Stratified",
    "TileBatch",
    "Tiled",
    "Tiles",
    "UnsupportedError",
    "Whole",
    "Writer",
    "WriterProgress",
    "__version__",
    "add_noise",
    "axes",
    "convert",
    "create",
    "extract_patches",
    "from_array",
    "from_object",
    "lateral_context",
    "list_parts",
    "n2v",
    "open",
    "open_all",
    "predict",
    "prefetch",
    "prepare",
    "statistics",
]

# Worker processes of multiprocessing, such as those of PyTorch's DataLoader, share the memory: each uses a smaller
# cache. The library itself recognises forked processes.
_process = _sys.modules.get("multiprocessing.process")
if _process is not None and _process.parent_process() is not None:
    _core.be_worker()

# What predicts and writes is imported with its first use: those who only read need not wait for it.
_LATE = {
    "Output": "_predict_outputs",
    "Plan": "_predict_plan",
    "PlanStatus": "_predict_plan",
    "Prediction": "_predict_runner",
    "TileBatch": "_tiles",
    "Tiles": "_tiles",
    "Writer": "_writer",
    "WriterProgress": "_writer",
    "convert": "_convert",
    "create": "_writer",
    "predict": "_predict",
    "prepare": "_predict",
}


def _own(item: object) -> object:
    """Let an object say that it is of this module."""
    if isinstance(item, type) or callable(item):
        item.__module__ = __name__
    return item


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    item = _own(getattr(_importlib.import_module(f".{_LATE[name]}", __name__), name))
    globals()[name] = item
    return item


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


for _name in __all__:
    if _name not in _LATE:
        _own(globals()[_name])
del _name
