# SPDX-License-Identifier: BSD-3-Clause
"""Contexts that functions make, one in each process."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from ._core import Context

ContextLike: TypeAlias = Context | Callable[[], Context]

_made: MutableMapping[Callable[[], Context], Context] = WeakKeyDictionary()


def made_by(function: Callable[[], Context]) -> Context:
    """Return the context that a function makes: the same in all calls of a process. Called by the extension."""
    equality: Any = type(function).__eq__
    if equality is not object.__eq__ or type(function).__weakrefoffset__ == 0:
        # A method is a new object at each access: it would get the context of an equal one, and lose it with that. Of
        # objects without weak references, the end is not known.
        raise TypeError(f"context must be a function that outlives its use, such as one of a module, not {function!r}")
    context = _made.get(function)
    if context is None:
        context = function()
        if not isinstance(context, Context):
            raise TypeError(f"a function given as context must return a microtome.Context, not {context!r}")
    return _made.setdefault(function, context)
