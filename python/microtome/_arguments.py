# SPDX-License-Identifier: BSD-3-Clause
"""Errors about the type of an argument name the argument."""

from __future__ import annotations

import functools
import inspect
import operator
import os
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import numpy as np

from ._errors import Error

__all__ = ["names_arguments"]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _number(value: Any) -> None:
    if isinstance(value, str | bytes):
        raise TypeError
    float(value)


def _text(value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError


def _integers(value: Any) -> None:
    if isinstance(value, str):
        raise TypeError
    for item in value:
        operator.index(item)


def _sizes(value: Any) -> None:
    """Take sizes along the axes: None is the default."""
    for item in value.values() if isinstance(value, Mapping) else value:
        if item is not None:
            operator.index(item)


def _names(value: Any) -> None:
    if not isinstance(value, str):
        iter(value)


def _pair(value: Any) -> None:
    for number in operator.itemgetter(0, 1)(value):
        _number(number)


def _numbers(value: Any) -> None:
    for number in value:
        _number(number)


def _mapping(value: Any) -> None:
    if not isinstance(value, Mapping):
        raise TypeError


def _array(value: Any) -> None:
    if not (hasattr(value, "__array_interface__") or hasattr(value, "__dlpack__")):
        memoryview(value)


def _shaped(value: Any) -> None:
    if not hasattr(value, "shape"):
        _array(value)


def _tile(value: Any) -> None:
    if not isinstance(value, str | int):
        _sizes(value)


def _specs(value: Any) -> None:
    for spec in value:
        if isinstance(spec, str) or len(spec) < 4:
            raise TypeError


def _stacks(value: Any) -> None:
    if not all(hasattr(stack, "extract_patch") for stack in ([value] if hasattr(value, "extract_patch") else value)):
        raise TypeError


def _source(value: Any) -> None:
    if not hasattr(value, "extract_patch"):
        os.fspath(value)


def _sources(value: Any) -> None:
    is_one = hasattr(value, "extract_patch") or isinstance(value, str | bytes | os.PathLike)
    for one in [value] if is_one else value:
        _source(one)


_STACKS = "an image stack, or a list of them"

_CHECKS: dict[str, Callable[[Any], Any]] = {
    "an integer": operator.index,
    "a number": _number,
    "a number, or one for each channel": lambda value: np.asarray(value, np.float32),
    "a pair of numbers": _pair,
    "a pair of integers": lambda value: [operator.index(item) for item in operator.itemgetter(0, 1)(value)],
    "a sequence of integers": _integers,
    "a sequence of sizes, or a mapping": _sizes,
    "a sequence of numbers": _numbers,
    "an integer or a sequence of integers": lambda value: _integers([value] if hasattr(value, "__index__") else value),
    "a size, a sequence of sizes, or a number of bytes": _tile,
    "a sequence of PatchSpec": _specs,
    "a sequence": iter,
    "numbers or names of channels": _names,
    "a string": _text,
    "a path": os.fspath,
    "a path, or several": lambda value: [os.fspath(item) for item in (value if np.iterable(value) else [value])],
    "a mapping": _mapping,
    "an array": _shaped,
    "an array that can be written": _array,
    _STACKS: _stacks,
    "a path or an image stack": _source,
    "paths or image stacks": _sources,
}

_IS_INTEGER = (
    "level offset batch_size seed rank world_size prefetch prefetch_bytes samples align bins n_scales step first roi "
    "codec_level ref_channel tta window z sample channel max_size pyramid"
)
_IS_TEXT = (
    "axes part format depth_axis missing codec shuffle downsample ome durability identity note blend pad errors "
    "strategy device uneven on_corrupt locality kind join"
)
_KINDS: dict[str, str] = {
    **dict.fromkeys(_IS_INTEGER.split(), "an integer"),
    **dict.fromkeys(_IS_TEXT.split(), "a string"),
    **dict.fromkeys("percentage gaussian q low high lease".split(), "a number"),
    **dict.fromkeys("path map external_folder output".split(), "a path"),
    **dict.fromkeys("patch_size block shape".split(), "a sequence of integers"),
    **dict.fromkeys("chunks shards".split(), "a sequence of sizes, or a mapping"),
    **dict.fromkeys("sizes region noise pixel_size unit".split(), "a mapping"),
    **dict.fromkeys("scale offset".split(), "a number, or one for each channel"),
    **dict.fromkeys("stacks mask target like".split(), _STACKS),
    **dict.fromkeys("channels target_channels label_images".split(), "numbers or names of channels"),
    **dict.fromkeys("levels augment".split(), "a sequence"),
    "tile": "a size, a sequence of sizes, or a number of bytes",
    "specs": "a sequence of PatchSpec",
    "batch": "an array",
    "array": "an array",
    "out": "an array that can be written",
    "overlap": "an integer or a sequence of integers",
    "halo": "an integer or a sequence of integers",
    "source": "a path or an image stack",
    "paths": "a path, or several",
}


def _find_wrong(function: Callable[..., Any], kinds: dict[str, str], args: Any, kwargs: Any) -> str | None:
    """Describe the first argument of a wrong type."""
    signature = inspect.signature(function)
    try:
        given = signature.bind(*args, **kwargs).arguments
    except TypeError:
        return None
    given.update(given.pop("options", {}))
    for name, value in given.items():
        kind = kinds.get(name, _KINDS.get(name))
        if kind is None or value is None:
            continue
        try:
            _CHECKS[kind](value)
        except Exception:  # whatever the value does when it is asked
            how = ": microtome.open makes one of a path, microtome.from_array of an array" if kind == _STACKS else ""
            return f"{name} must be {kind}, not {_shown(value)}{how}"
    return None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 and "\n" not in text else f"of type {type(value).__name__!r}"


def names_arguments(**kinds: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Let a function that fails say which of its arguments is of a wrong type; kinds: of arguments with other ones.

    Arguments are looked at only after a failure.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            try:
                return function(*args, **kwargs)
            except Error:
                raise
            except (TypeError, ValueError, AttributeError) as error:
                text = _find_wrong(function, kinds, args, kwargs)
                if text is None or text.partition(" ")[0] in str(error):
                    raise
                raise (ValueError if isinstance(error, ValueError) else TypeError)(text) from error

        return call

    return decorate
