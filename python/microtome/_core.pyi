# SPDX-License-Identifier: BSD-3-Clause
from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ._context import ContextLike

_S = TypeVar("_S", bound="Stack")
_Path = str | bytes | PathLike[str] | PathLike[bytes]
_Raw = tuple[str, tuple[int, ...], int, bool]

version: str

def list_parts(path: _Path, context: ContextLike | None = ..., /) -> list[str]: ...
def formats() -> list[tuple[str, str, str]]: ...
def codecs() -> list[tuple[str, str | None]]: ...
def run_command(arguments: Sequence[str], /) -> int: ...
def be_worker() -> None: ...
def extract_many(
    stacks: tuple[Stack, ...],
    stack_idx: NDArray[Any] | None,
    sample_idx: NDArray[Any],
    channels: Sequence[int | str] | str | None,
    coords: NDArray[Any],
    patch_size: Sequence[int],
    out: Any,
    dtype: DTypeLike | None,
    scale: NDArray[Any] | None,
    offset: NDArray[Any] | None,
    divide: bool,
    padding: float | Literal["reflect", "edge"],
    scale_padding: bool,
    errors: bool,
    n_scales: int,
    levels: tuple[tuple[Stack, ...], ...] | None,
    /,
) -> NDArray[Any] | tuple[NDArray[Any], list[Exception | None]]: ...
def n2v(
    batch: Any,
    masked: Any,
    mask: Any,
    percentage: float,
    roi: int,
    strategy: str,
    struct_axes: str | None,
    struct_span: int,
    seed: int,
    step: int,
    first: int,
    context: ContextLike | None,
    /,
) -> None: ...
def add_noise(
    batch: Any,
    out: Any,
    gaussian: float,
    scale_from: float,
    scale_to: float,
    offset_from: float,
    offset_to: float,
    photon_scale: NDArray[Any] | None,
    photon_offset: NDArray[Any] | None,
    seed: int,
    step: int,
    first: int,
    context: ContextLike | None,
    /,
) -> None: ...
def prefetch(
    stacks: tuple[Stack, ...],
    stack_idx: NDArray[Any] | None,
    sample_idx: NDArray[Any],
    channels: Sequence[int | str] | str | None,
    coords: NDArray[Any],
    patch_size: Sequence[int],
    padding: float | Literal["reflect", "edge"],
    /,
) -> Prefetch: ...
def statistics(
    stacks: tuple[Stack, ...],
    quantiles: NDArray[Any],
    bins: int,
    range: tuple[float, float] | None,
    masks: tuple[Stack, ...] | None,
    share: float,
    chunks: int,
    seed: int,
    allow_missing: bool,
    progress: Callable[[int, int], object] | None,
    /,
) -> Statistics: ...
def is_finished(arguments: tuple[Any, ...], /) -> bool: ...
def identify_source(axes: str, source: tuple[Stack, Sequence[int], Sequence[int], Sequence[int], int], /) -> str: ...
def parse_statistics(text: bytes, name: str, /) -> Statistics: ...

class Statistics:
    def json(self) -> str: ...
    def info(self) -> tuple[str, int, tuple[float, ...], int, tuple[float, float], int, int, int]: ...
    def channel(self, channel: int, /) -> tuple[int, int, int, float, float, float, float, float]: ...
    def quantile(self, channel: int, quantile: float, /) -> float: ...
    def histogram(self, channel: int, /) -> bytes | None: ...
    def normalization(
        self, kind: int, channel: int, low: float, high: float, /
    ) -> tuple[float, float, float, float]: ...

class Prefetch:
    def wait(self) -> tuple[int, int, bool]: ...
    def end(self) -> None: ...

class Patching:
    @property
    def stacks(self) -> tuple[Any, ...]: ...
    def _start(
        self,
        stacks: tuple[Stack, ...],
        strategy: str,
        patch_size: Sequence[int] | None,
        overlap: Sequence[int] | None,
        seed: int,
        pad: bool,
        specs: NDArray[Any] | None,
    ) -> None: ...
    def _count(self) -> int: ...
    def _rows(self, indices: NDArray[Any], epoch: int, out: NDArray[Any]) -> None: ...
    def _grid(self, stack: int, sample: int) -> tuple[tuple[int, ...], int, float]: ...
    def _regions(
        self, stack: int, sample: int, areas: NDArray[Any], probabilities: NDArray[Any], bins: NDArray[Any]
    ) -> None: ...
    def _weigh(self, stack: int, sample: int, weights: NDArray[Any]) -> None: ...
    def _exclude(self, specs: NDArray[Any]) -> None: ...
    def _split(self, n_val: int, seed: int | None, validation: Patching) -> None: ...

class Tiling(Patching):
    def _start_tiles(
        self,
        stacks: tuple[Stack],
        n_spatial: int,
        tile: Sequence[int] | None,
        overlap: Sequence[int] | None,
        align: int,
        tile_bytes: int,
        batch_size: int,
    ) -> None: ...
    def _info(
        self,
    ) -> tuple[bool, int, tuple[int, ...], tuple[int, ...], tuple[int, ...], int, tuple[int, ...]]: ...

class Stitcher:
    def __init__(
        self,
        tiling: Tiling,
        outputs: tuple[
            tuple[Writer | NDArray[Any], bool, int, int, int, NDArray[Any] | None, NDArray[Any] | None], ...
        ],
        blend: str,
        part: int,
        n_parts: int,
        memory: int,
        /,
    ) -> None: ...
    def next(self, batch_size: int, batch: int, /) -> int: ...
    def put(self, first: int, arrays: tuple[NDArray[Any], ...], /) -> None: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...
    def report(self) -> tuple[int, int, int, int, int, int, int, int, int, int]: ...

class BatchArray:
    """An array in the memory of a batch; it has the buffer protocol (`collections.abc.Buffer` of Python 3.12)."""

class Batch:
    @property
    def bad(self) -> list[tuple[int, int, str]]: ...
    @property
    def epoch(self) -> int: ...
    @property
    def number(self) -> int: ...
    @property
    def n(self) -> int: ...
    @property
    def n_arrays(self) -> int: ...
    @property
    def n_repeated(self) -> int: ...
    def array(self, i: int, /) -> BatchArray: ...
    def column(self, name: Literal["index", "symmetry", "stack", "sample", "coords"], /) -> BatchArray: ...

class Loader:
    def __init__(
        self,
        patching: Patching,
        arrays: tuple[tuple[Any, ...], ...],
        batch_size: int,
        seed: int,
        augment: int,
        flip_probability: float,
        rotate_probability: float,
        in_order: bool,
        uneven: int,
        on_corrupt: int,
        fill_missing: bool,
        rank: int,
        world_size: int,
        locality_rank: bool,
        window: int,
        block: Sequence[int],
        prefetch: int,
        prefetch_bytes: int,
        noise: tuple[Any, ...] | None,
        buffers: Callable[[int], Any] | None,
        /,
    ) -> None: ...
    def next(self) -> Batch | None: ...
    def read(self, epoch: int, positions: NDArray[Any], /) -> Batch: ...
    def count(self) -> int: ...
    def positions(self, batch: int, out: NDArray[Any], /) -> int: ...
    def tell(self) -> tuple[int, int]: ...
    def seek(self, epoch: int, batch: int, /) -> None: ...
    def state(self) -> str: ...
    def set_state(self, text: str, /) -> None: ...
    def report(self) -> dict[str, Any]: ...
    def forget_threads(self) -> None: ...
    def close(self) -> None: ...

class Ensemble:
    def __init__(self, context: ContextLike | None, shape: tuple[int, ...], /) -> None: ...
    def add(self, array: NDArray[Any], symmetry: int, /) -> None: ...
    def take(self, spread: bool, /) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]: ...

class Writer:
    def __init__(
        self,
        path: _Path,
        like: Stack | None,
        axes: str,
        shape: tuple[int, ...],
        dtype: str | None,
        chunks: tuple[int, ...] | None,
        shards: tuple[int, ...] | None,
        no_shards: bool,
        codec: str | None,
        codec_level: int,
        shuffle: str | None,
        levels: int,
        downsample: str | None,
        ome: str | None,
        pixel_size: tuple[float, ...] | None,
        unit: tuple[str, ...] | None,
        channels: tuple[tuple[Any, ...], ...] | None,
        is_labels: bool,
        durability: int,
        memory: int,
        identity: str | None,
        note: str | None,
        format: str | None,
        context: ContextLike | None,
        /,
    ) -> None: ...
    def put(self, start: Sequence[int], array: Any, /) -> None: ...
    def copy(
        self,
        sources: tuple[tuple[Stack, Sequence[int], Sequence[int], Sequence[int], int], ...],
        part: int,
        n_parts: int,
        lease: float,
        progress: Callable[[int, int], object] | None,
        /,
    ) -> None: ...
    def flush(self) -> None: ...
    def finish(self, all_required: bool, progress: Callable[[int, int], object] | None, /) -> None: ...
    def close(self) -> tuple[int, int, int, int, int, int, int, int, int, int] | None: ...
    def info(
        self,
    ) -> tuple[str, str, tuple[int, ...], tuple[int, ...], tuple[int, ...] | None, int, int, list[str]]: ...
    def progress(self) -> tuple[int, int, int, int, int, int, int, int, int, int]: ...
    def unit(self, number: int, /) -> tuple[tuple[int, ...], tuple[int, ...]] | None: ...
    def part(self, k: int, n: int, /) -> tuple[int, int]: ...
    @classmethod
    def plan(cls, *arguments: Any) -> Writer: ...
    @classmethod
    def look(cls, path: _Path, format: str | None, context: ContextLike | None, /) -> Writer: ...
    def keep(self, name: str, text: str | None, /) -> None: ...
    def kept(self) -> dict[str, str]: ...

def collection_begin(
    path: _Path,
    n: int,
    ome: str | None,
    durability: int,
    context: ContextLike | None,
    kind: str | None = None,
    names: tuple[str, ...] | None = None,
    /,
) -> None: ...
def collection_finish(
    path: _Path,
    n: int,
    ome: str | None,
    durability: int,
    context: ContextLike | None,
    kind: str | None = None,
    names: tuple[str, ...] | None = None,
    /,
) -> None: ...
def collection_look(path: _Path, context: ContextLike | None, /) -> tuple[int, bool]: ...

class Context:
    def __init__(
        self,
        *,
        threads: int = 0,
        cache_bytes: int | None = None,
        allow_mmap: bool = False,
        limits: dict[str, int] | None = None,
        in_flight: int = 0,
        http: dict[str, str | int] | None = None,
        s3: dict[str, str | bool] | None = None,
        disk_cache: _Path | None = None,
        disk_cache_bytes: int = 0,
    ) -> None: ...
    def counters(self) -> dict[str, int]: ...
    def reset_counters(self) -> None: ...
    def drop_cache(self) -> None: ...

class Stack:
    @classmethod
    def _open(
        cls: type[_S],
        path: _Path,
        *,
        axes: str | None = ...,
        part: str | None = ...,
        format: str | None = ...,
        context: ContextLike | None = ...,
        raw: _Raw | None = ...,
        depth_axis: str | None = ...,
        use_masks: bool = ...,
        scaled: bool = ...,
        external_folder: _Path | None = ...,
        missing_is_error: bool = ...,
        map: _Path | None = ...,
        merge_tiles: bool = ...,
    ) -> _S: ...
    @classmethod
    def _open_all(
        cls: type[_S],
        paths: Iterable[_Path],
        *,
        axes: str | None = ...,
        part: str | None = ...,
        format: str | None = ...,
        context: ContextLike | None = ...,
        raw: _Raw | None = ...,
        depth_axis: str | None = ...,
        use_masks: bool = ...,
        scaled: bool = ...,
        external_folder: _Path | None = ...,
        missing_is_error: bool = ...,
        map: _Path | None = ...,
        merge_tiles: bool = ...,
    ) -> tuple[list[_S], list[tuple[str, str]]]: ...
    @classmethod
    def _from_array(
        cls: type[_S], array: Any, axes: str, source: str = ..., *, context: ContextLike | None = ...
    ) -> _S: ...
    @classmethod
    def _from_object(
        cls: type[_S],
        object: Any,
        source: str,
        dtype: str,
        axes: str,
        shape: Sequence[int],
        *,
        context: ContextLike | None = ...,
        parallel: bool = ...,
    ) -> _S: ...
    @property
    def source(self) -> str: ...
    @property
    def format(self) -> str: ...
    @property
    def data_shape(self) -> tuple[int, ...]: ...
    @property
    def original_axes(self) -> str: ...
    @property
    def original_data_shape(self) -> tuple[int, ...]: ...
    @property
    def original_chunks(self) -> tuple[int, ...] | None: ...
    @property
    def original_shards(self) -> tuple[int, ...] | None: ...
    @property
    def codecs(self) -> str: ...
    @property
    def part(self) -> str: ...
    @property
    def level(self) -> int: ...
    @property
    def levels(self) -> int: ...
    @property
    def axes_source(self) -> Literal["file", "caller", "assumed"]: ...
    @property
    def value_scaling(self) -> tuple[float, float] | None: ...
    @property
    def warnings(self) -> list[str]: ...
    @property
    def missing(self) -> list[str]: ...
    @property
    def n_missing(self) -> int: ...
    @property
    def closed(self) -> bool: ...
    @property
    def _dtype_name(self) -> str: ...
    @property
    def _pixels(self) -> list[tuple[float, str]]: ...
    @property
    def _channels(self) -> list[tuple[str, tuple[int, int, int] | None, tuple[float, float] | None]] | None: ...
    @property
    def _samples(self) -> list[tuple[str, tuple[float, float, float] | None, float | None]] | None: ...
    def extract_patch(
        self,
        sample_idx: int,
        channels: Sequence[int | str] | str | None,
        coords: Sequence[int],
        patch_size: Sequence[int],
        *,
        out: Any = None,
        dtype: DTypeLike | None = None,
        padding: float | Literal["reflect", "edge"] = 0,
    ) -> NDArray[Any]: ...
    def _find_channels(self, channels: Sequence[int | str] | str, /) -> list[int]: ...
    def _map(self) -> bytes: ...
    def _checksum(self) -> str: ...
    def _identity(self) -> str: ...
    @property
    def _is_labels(self) -> bool: ...
    def _list_labels(self) -> list[tuple[str, str]]: ...
    def _open_beside(self, part: str) -> Stack: ...
    def _filter(
        self,
        filter: str,
        patch_size: Sequence[int],
        sample: int,
        threshold: float,
        std_threshold: float | None,
        coverage: float | None,
        ref_channel: int,
        mask: Stack | None,
        factor: Sequence[int] | None,
        keep: NDArray[Any],
        values: NDArray[Any] | None,
        progress: Callable[[int, int], object] | None,
        /,
    ) -> tuple[int, int]: ...
    def _draw_plane(
        self,
        sample: int,
        channels: Sequence[int] | None,
        z: int | None,
        region: Sequence[int] | None,
        max_size: int,
        contrast: NDArray[Any] | None,
        choices: Sequence[int],
        /,
    ) -> tuple[bytes, float, list[tuple[float, float]], str]: ...
    def _draw_patches(
        self,
        sample_idx: NDArray[Any],
        channels: Sequence[int] | None,
        coords: NDArray[Any],
        patch_size: Sequence[int],
        max_size: int,
        contrast: NDArray[Any] | None,
        choices: Sequence[int],
        /,
    ) -> tuple[bytes, float, list[tuple[float, float]], str]: ...
    def close(self) -> None: ...
