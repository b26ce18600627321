# SPDX-License-Identifier: BSD-3-Clause
"""Progress of long calls: a bar of tqdm, if that is installed, or a function of the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

__all__ = ["Progress", "show_progress"]

Progress: TypeAlias = bool | Callable[[int, int], object]

_PATIENCE = 1.0  # seconds before a bar appears


@contextmanager
def show_progress(progress: Progress, what: str, unit: str) -> Iterator[Callable[[int, int], object] | None]:
    """Give the function that a call reports to, as (done, total); None if nobody wants to know."""
    if callable(progress):
        yield progress
        return
    try:
        from tqdm.auto import tqdm  # noqa: PLC0415 # optional
    except ImportError:
        progress = False
    if not progress:
        yield None
        return
    with tqdm(desc=what, unit=" " + unit, delay=_PATIENCE, leave=False) as bar:

        def update(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield update
