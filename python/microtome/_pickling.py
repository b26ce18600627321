# SPDX-License-Identifier: BSD-3-Clause
"""Pickles of image stacks: how to open them again, and what must not have changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._errors import Error, ReopenError

if TYPE_CHECKING:
    from ._stack import ImageStack


def to_pickle(stack: ImageStack) -> tuple[Callable[..., ImageStack], tuple[Any, ...]]:
    """Return what `__reduce__` of a stack returns."""
    is_file = stack.format not in ("array", "custom")
    return (_reopen, (*stack._recipe, _state_of(stack))) if is_file else stack._recipe


def _state_of(stack: ImageStack) -> str:
    """Say what pixels depend on: type, shape, and size and time (or ETag) of the files."""
    text = stack._identity()
    return text[text.rindex(f", {stack.data_dtype.name} ") + 2 :]


def _reopen(function: Callable[..., ImageStack], arguments: tuple[Any, ...], state: str) -> ImageStack:
    try:
        stack = function(*arguments)
        now = _state_of(stack)
    except (Error, OSError) as error:
        raise _refusal(arguments[0], getattr(error, "reason", str(error))) from error
    if now != state:
        stack.close()
        raise _refusal(arguments[0], f"the image has changed since it was opened: {state}; now {now}")
    return stack


def _refusal(path: str, reason: str) -> ReopenError:
    error = ReopenError(f"{path}: {reason}")
    error.reason, error.path = reason, path
    return error
