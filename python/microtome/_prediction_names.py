# SPDX-License-Identifier: BSD-3-Clause
"""Names of the predictions of CAREamics' networks on disk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path


def split_source(source: str) -> tuple[str, str]:
    """Split a source, in microtome's or CAREamics' notation, into file and part.

    >>> split_source("/data/a.h5#/raw/nuclei"), split_source("file:///data/a.zarr/b/0"), split_source("a.czi@1")
    (('/data/a.h5', '/raw/nuclei'), ('/data/a.zarr', 'b/0'), ('a.czi', 'scene=1'))
    """
    if uri := re.fullmatch(r"file://(.*?\.zarr)(?:/(.*))?", source, re.DOTALL):
        return uri[1], uri[2] or ""
    if scene := re.fullmatch(r"(.*\.czi)@(\d+)", source, re.DOTALL | re.IGNORECASE):
        return scene[1], f"scene={scene[2]}"
    file, _, part = source.partition("#")
    return re.sub(r"\?.*", "", file) if "://" in file else file, part


def name_of(source: str) -> str:
    """Return the name of a prediction without suffix: that of the file and of its part, if any.

    >>> [name_of(s) for s in ("a.ome.tif", "a.h5#/raw/nuclei", "file:///data/a.zarr/b/0", "a.czi@1")]
    ['a.ome', 'a_raw_nuclei', 'a_b_0', 'a_scene1']
    """
    file, part = split_source(source)
    return "_".join(filter(None, [Path(file).stem, _plain(part)]))


def common_folder(sources: Iterable[str]) -> str:
    """Return the common parent folder of the files of sources; "" if there are fewer than two.

    >>> common_folder(["/data/x/a.tif", "file:///data/y/b.zarr/0", "/data/x/c.h5#/raw", "array"])
    '/data'
    """
    files = [split_source(source)[0] for source in sources if source != "array"]
    folders = [os.path.dirname(os.path.abspath(file)) for file in files if "://" not in file]
    return os.path.commonpath(folders) if len(folders) > 1 else ""


def _plain(part: str) -> str:
    return re.sub(r"[^\w.-]+", "_", part.replace("=", "")).strip("_")


def name_predictions(sources: Sequence[str]) -> list[str]:
    """Name the predictions of all sources, without suffix: the same names in each call, and no two alike.

    Each lies in the folder of its file relative to the common parent. A name that is taken, also by other case, gets the
    number of the source.

    >>> name_predictions(["/data/x/a.tif", "/data/y/a.npy", "/data/x/A.h5#raw", "/data/x/a_raw.tif", "array"])
    ['x/a', 'y/a', 'x/A_raw', 'x/a_raw_3', 'array_4']
    """
    base = common_folder(sources)
    names: list[str] = []
    taken: set[str] = set()
    for number, source in enumerate(sources):
        name = f"array_{number}" if source == "array" else os.path.join(_folder_of(source, base), name_of(source))
        while name.casefold() in taken:
            name = f"{name}_{number}"
        taken.add(name.casefold())
        names.append(name)
    return names


def _folder_of(source: str, base: str) -> str:
    """Return the folder of a file relative to the common parent."""
    file = split_source(source)[0]
    if not base or "://" in file:
        return ""
    folder = os.path.relpath(os.path.dirname(os.path.abspath(file)), base)
    return "" if folder == os.curdir else folder
