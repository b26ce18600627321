# SPDX-License-Identifier: BSD-3-Clause
"""Ways that take turns, on files that lie in the page cache or do not."""

import os
import statistics
import time
from pathlib import Path


def drop_pages(path):
    """Writes a file, or all of a folder, out to the disk and drops them from the page cache. No root is needed."""
    path = Path(path)
    for file in [path] if path.is_file() else (p for p in path.rglob("*") if p.is_file()):
        handle = os.open(file, os.O_RDONLY)
        try:
            os.fsync(handle)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)


def take_turns(ways, n, before=lambda: None):
    """Seconds of n runs of each of the ways, by name. Every other time they run in the reverse order; before is called
    before each and not timed."""
    took = {name: [] for name in ways}
    for i in range(n):
        for name in reversed(ways) if i % 2 else ways:
            before()
            start = time.perf_counter()
            ways[name]()
            took[name].append(time.perf_counter() - start)
    return took


def rate(n, seconds):
    return n / statistics.median(seconds)


def times_as_fast(ours, other):
    """The median of the ratios of the runs that lie beside each other."""
    return statistics.median(b / a for a, b in zip(ours, other, strict=True))
