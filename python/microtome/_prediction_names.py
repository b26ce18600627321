# SPDX-License-Identifier: BSD-3-Clause
"""Names of the predictions that CAREamics writes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


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


def common_folder(sources: Iterable[Any]) -> str:
    """Return the common parent folder of the files of sources; "" if there are fewer than two.

    >>> common_folder(["/data/x/a.tif", "file:///data/y/b.zarr/0", "/data/x/c.h5#/raw", "array"])
    '/data'
    """
    texts = [re.sub(r"^file:/(?=[^/])", "file:///", str(source)) for source in sources]  # a Path merges slashes
    files = [split_source(text)[0] for text in texts if text != "array"]
    folders = [os.path.dirname(os.path.abspath(file)) for file in files if "://" not in file]
    return os.path.commonpath(folders) if len(folders) > 1 else ""


def _plain(part: str) -> str:
    return re.sub(r"[^\w.-]+", "_", part.replace("=", "")).strip("_")


class NamedWriter:
    """A CAREamics write strategy that puts all predictions below its folder, under unique names.

    CAREamics treats a source as a path, and names the prediction after the text behind its last
    slash; predictions as Zarr of other sources are written beside those. So this class replaces the
    source of each region by one that gives the right name.
    """

    def __init__(self, strategy: Any, list_sources: Callable[[], Iterable[Any]]) -> None:
        self._strategy = strategy
        self._list_sources = list_sources
        self._writes_zarr = hasattr(strategy, "current_array")
        self._base = ""
        self._given: dict[str, str] = {}  # names in use, to their sources
        self._last = ""

    def set_source_base(self, source_base: Path | None) -> None:
        """Find the common parent of all sources; CAREamics fails if paths and URIs are mixed."""
        del source_base
        self._base = common_folder(self._list_sources())

    def write_batch(self, dirpath: Path, predictions: list[Any]) -> None:
        """Write regions of predictions."""
        if not self._writes_zarr:
            self._strategy.set_source_base(dirpath)
        for region in predictions:
            if self._writes_zarr and region.source != self._last:
                self._strategy.current_array = None  # it would be reused for another source of the same name
            self._last = region.source
            self._strategy.write_batch(dirpath, [region._replace(source=self._renamed(dirpath, region))])

    def _renamed(self, dirpath: Path, region: Any) -> str:
        source, number = str(region.source), region.region_spec["data_idx"]
        if source == "array":
            return source
        file, part = split_source(source)
        if self._writes_zarr and source.startswith("file://"):
            store = self._unique(Path(file).stem, file, number)
            return f"file:///{store}.zarr" + (f"/{part}" if part else "")
        name = name_of(source).replace(".zarr", "") if self._writes_zarr else name_of(source)
        name = self._unique(os.path.join(self._folder_of(file), name), source, number)
        return str(dirpath / f"{name}.image")  # the writer replaces what follows the last dot by its suffix

    def _folder_of(self, file: str) -> str:
        """Return the folder of a file relative to the common parent."""
        if not self._base or "://" in file:
            return ""
        return os.path.relpath(os.path.dirname(os.path.abspath(file)), self._base)

    def _unique(self, name: str, key: str, number: int) -> str:
        while self._given.setdefault(name, key) != key:
            name = f"{name}_{number}"
        return name
