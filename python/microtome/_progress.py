# SPDX-License-Identifier: BSD-3-Clause
"""Progress of long calls: a bar, or a function of the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

__all__ = ["Progress", "follow"]

Progress: TypeAlias = bool | Callable[[int, int], object]


@contextmanager
def follow(progress: Progress, unit: str) -> Iterator[Callable[[int, int], object] | None]:
    """Give a function of (done, total) that shows the progress, or None."""
    if callable(progress) or not progress:
        yield progress if callable(progress) else None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError("progress=True needs tqdm: pip install tqdm") from error
    with tqdm(unit=unit, unit_scale=True) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
