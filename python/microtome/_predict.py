# SPDX-License-Identifier: BSD-3-Clause
"""Prediction: a network is run over an image, tile by tile, and its outputs are written."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ._arguments import names_arguments
from ._convert import check_apart
from ._errors import ArgumentError
from ._loader_options import count
from ._models import as_model
from ._predict_network import Settings, try_network
from ._predict_outputs import Outputs, Raw, needs_first_batch, plan_outputs
from ._predict_plan import Plan
from ._predict_runner import Prediction, PredictionProgress
from ._tiles import Overlap, Pad, Tile, Tiles
from ._writer_options import StorageOptions

if TYPE_CHECKING:
    from typing import Unpack

    from numpy.typing import DTypeLike

    from ._batch import Channels
    from ._loader_options import Normalization
    from ._models import Model
    from ._open import Path
    from ._predict_network import Result
    from ._tiles import Source

__all__ = ["predict", "prepare"]

Blend: TypeAlias = Literal["crop", "linear", "hann", "gaussian"]

_BLENDS = ("crop", "linear", "hann", "gaussian")  # mt_blend


class PlanOptions(StorageOptions, total=False):
    """What `predict` and `prepare` do; those that are not given have the defaults of `predict`."""

    tile: Tile
    overlap: Overlap
    halo: int | Sequence[int] | None
    batch_size: int
    normalize: Normalization | None
    inverse: Any
    blend: Blend
    outputs: Outputs
    dtype: DTypeLike
    samples: int
    seed: int
    tta: Literal[4, 8] | None
    channels: Literal["together", "each"] | Channels
    pad: Pad
    align: int
    missing: Literal["error", "fill"]
    identity: str | None


@names_arguments(part="a pair of integers")
def predict(
    model: Any,
    source: Source,
    output: Path | None = None,
    *,
    tile: Tile = None,
    overlap: Overlap = None,
    halo: int | Sequence[int] | None = None,
    batch_size: int = 1,
    normalize: Normalization | None = None,
    inverse: Any = "input",
    blend: Blend = "crop",
    outputs: Outputs = None,
    dtype: DTypeLike = "float32",
    samples: int = 1,
    seed: int = 0,
    tta: Literal[4, 8] | None = None,
    channels: Literal["together", "each"] | Channels = "together",
    pad: Pad = "zero",
    align: int = 1,
    part: tuple[int, int] | None = None,
    resume: bool = True,
    identity: str | None = None,
    device: str | None = None,
    missing: Literal["error", "fill"] = "error",
    progress: PredictionProgress = True,
    **options: Unpack[StorageOptions],
) -> Prediction:
    """Run a network over an image, tile by tile, and write what it returns.

    Work that was interrupted, by Ctrl-C, a failure or a kill, is continued by the same call: tiles whose pixels are
    written are not predicted again, and the result is the same, bit for bit, if the network is deterministic.

    Parameters
    ----------
    model : object
        The network: a function that takes a batch as a NumPy array, float32, tile x C x (Z) x Y x X, and returns an array
        with as many tiles and axes, or a list of them, or a dict by name. Its parameter ``seed``, if it has one, gets a
        seed. Also a ``torch.nn.Module``, an ONNX Runtime session, or the path of an ``.onnx`` or ``.pt2`` file or of a
        BioImage.IO model.
    source : path-like or ImageStack
        The image.
    output : path-like, optional
        The image to write, as in `create`: ``.zarr``, ``.tif`` or ``.npy``. Several outputs are written beside it under
        their names: ``out.ome.zarr`` stands for ``out_mean.ome.zarr`` and ``out_std.ome.zarr``. Default: the outputs are
        kept in memory.
    tile, overlap, halo, batch_size, normalize : optional
        As of `Tiles`.
    inverse : "input", None, (mean, std) or `Normalization`
        The normalization that is undone: "input" is ``normalize``; None leaves the outputs of the network as they are.
        A spread is only scaled.
    blend : {"crop", "linear", "hann", "gaussian"}
        How tiles are combined where they overlap: each pixel is that of the tile whose crop contains it, or a weighted
        mean of all.
    outputs : Output or mapping of str to Output or dtype-like, optional
        The outputs. Default: all that the network returns, under its names or numbers; with ``samples`` or ``tta``, the
        mean.
    dtype : dtype-like
        Type of the outputs that have none of their own; ``"source"`` is that of the image. Values are rounded half to
        even and clipped to integers.
    samples : int
        How often a stochastic network sees each batch. The outputs are mean and spread.
    seed : int
        Of a stochastic network. Each batch and sample has a seed of its own.
    tta : {4, 8}, optional
        Test-time augmentation: the network also sees each batch flipped (4), and turned (8), and the outputs are the mean
        and spread of its answers, which are turned back.
    channels : "together", "each", or sequence of int or str
        The network sees all channels at once, one after the other (the outputs then follow one another along C), or these
        channels at once.
    pad, align : optional
        As of `Tiles`.
    part : (int, int), optional
        Predict only part k of n, from 0, of the chunks or shards of ``output``, so that n processes share the work: at
        the same time if it is OME-Zarr, one after the other if it is TIFF or NPY. The call without ``part``, after all
        have ended, finishes the outputs. Tiles at the border of two parts are predicted by both.
    resume : bool
        False: refuse to continue an unfinished output.
    identity : str, optional
        Names the network, such as its file and version. An unfinished output is continued only with the same network:
        one that has no identity of its own, such as a function, cannot be continued without this.
    device : str, optional
        Where a network given as a module or by its path runs, such as "cuda".
    missing : {"error", "fill"}
        As of `Tiles`.
    progress : bool or callable
        Show a bar, if tqdm is installed, or call a function with the tiles that are done, their number, and the seconds
        that are left, at most once a second.
    **options : StorageOptions
        ``chunks``, ``shards``, ``codec``, ``codec_level``, ``shuffle``, ``pyramid``, ``downsample``, ``ome``,
        ``pixel_size``, ``unit``, ``durability``, ``memory``, ``note``, ``format`` and ``context`` of `create`.

    Returns
    -------
    Prediction
        What was done, and the outputs that are kept in memory.

    Raises
    ------
    ArgumentError
        The arguments do not fit the image, the network or each other, or the path exists and is not an unfinished output
        of the same call; also a ValueError.
    LimitError
        ``memory`` is too small for what must wait: the message says how much is needed.
    Exception
        What the network raises. The output remains unfinished, and can be continued.

    Warns
    -----
    ImageWarning
        An unfinished output is continued; values are NaN, or were clipped; or as `open` does.

    Examples
    --------
    >>> import numpy as np, microtome
    >>> stack = microtome.from_array(np.random.default_rng(1).random((100, 150), np.float32), "YX")
    >>> done = microtome.predict(lambda batch: 2 * batch, stack, tile=(64, 64), overlap=16, batch_size=4)
    >>> done.tiles, bool((done.array == 2 * stack[0, 0]).all())
    (6, True)
    """
    request: PlanOptions = {
        "tile": tile,
        "overlap": overlap,
        "halo": halo,
        "batch_size": batch_size,
        "normalize": normalize,
        "inverse": inverse,
        "blend": blend,
        "outputs": outputs,
        "dtype": dtype,
        "samples": samples,
        "seed": seed,
        "tta": tta,
        "channels": channels,
        "pad": pad,
        "align": align,
        "missing": missing,
        "identity": identity,
        **options,
    }
    if part is not None and output is None:
        raise ArgumentError("parts are written to an output: give its path")
    network = as_model(model, device=device)
    try:
        plan = _make_plan("predict", network, source, output, request)
        if part is not None and not plan.is_named:
            raise ArgumentError(
                f"parts are made by the same network: {network.no_identity}; name it with identity=, or use prepare()"
            )
        return plan._run(network, part, progress, finish=part is None, resume=resume)
    finally:
        network.close()


@names_arguments()
def prepare(
    model: Any, source: Source, output: Path, *, device: str | None = None, **options: Unpack[PlanOptions]
) -> Plan:
    """Begin a prediction that several processes or machines will do.

    Parameters
    ----------
    model : object or None
        The network, as for `predict`: it is run for one batch. None, if all outputs name their channels; then ``scale``
        is 1 if it is not given, and outputs of the network are counted.
    source : path-like or ImageStack
        The image; a path that all of them can open.
    output : path-like
        The image to write, which is begun, with the plan in it.
    device : str, optional
        As for `predict`.
    **options : PlanOptions
        All other arguments of `predict` but ``part``, ``resume`` and ``progress``.

    Returns
    -------
    Plan
        To be pickled, or opened again where the work is done: ``Plan.open(output).run(model, part=(k, n))``.

    Raises
    ------
    ArgumentError
        The arguments do not fit the image, the network or each other, or the path exists and is not an unfinished output
        of the same plan; also a ValueError.

    Examples
    --------
    >>> import numpy as np, microtome, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with microtome.create(f"{folder}/image.zarr", axes="YX", shape=(600, 700), dtype="uint8") as image:
    ...     image[...] = 3
    >>> def double(batch):
    ...     return 2 * batch
    >>> plan = microtome.prepare(double, f"{folder}/image.zarr", f"{folder}/out.zarr", tile=(256, 256), overlap=32)
    >>> plan.run(double, part=(0, 2)).tiles, plan.run(double, part=(1, 2)).tiles
    (9, 4)
    >>> plan.finish()
    >>> microtome.open(f"{folder}/out.zarr")[0, 0, 0, :3]
    array([6., 6., 6.], dtype=float32)
    """
    network = None if model is None else as_model(model, device=device)
    try:
        plan = _make_plan("prepare", network, source, output, options)
        plan._open_targets().close()
        return plan
    finally:
        if network is not None:
            network.close()


def _make_plan(function: str, network: Model | None, source: Source, output: Path | None, request: PlanOptions) -> Plan:
    if unknown := sorted(set(request) - PlanOptions.__optional_keys__):
        raise TypeError(f"{function}() got an unexpected keyword argument {unknown[0]!r}")
    get: Callable[..., Any] = request.get
    blend, channels, outputs = get("blend", "crop"), get("channels", "together"), get("outputs")
    if blend not in _BLENDS:
        raise ArgumentError(f"blend must be one of {', '.join(map(repr, _BLENDS))}, not {blend!r}")
    settings = Settings(
        count(get("seed", 0), "seed"),
        count(get("samples", 1), "samples", 1),
        _symmetries(get("tta")),
        _is_each(channels),
    )
    tiles = Tiles(
        source,
        tile=get("tile"),
        overlap=get("overlap"),
        halo=get("halo"),
        batch_size=get("batch_size", 1),
        normalize=get("normalize"),
        pad=get("pad", "zero"),
        align=get("align", 1),
        channels=None if isinstance(channels, str) else channels,
        missing=get("missing", "error"),
        context=get("context"),
    )
    path = None if output is None else os.fsdecode(output)
    if path is not None:
        check_apart(tiles.stack, path)
    raw: Raw | None = None
    known: dict[tuple[int, int], Result] = {}
    if needs_first_batch(outputs):
        if network is None:
            raise ArgumentError("without a network, each output names its channels: outputs=Output(channels=1)")
        raw, known = _try(network, tiles, settings)
    planned = plan_outputs(
        outputs,
        tiles,
        raw,
        dtype=get("dtype", "float32"),
        inverse=get("inverse", "input"),
        is_ensemble=settings.is_ensemble,
    )
    storage: Any = {name: value for name, value in request.items() if name in StorageOptions.__optional_keys__}
    given = get("identity")
    own = network.identity if network is not None and given is None else None
    plan = Plan(tiles, planned, settings, blend, path, storage, given or own, is_own_name=own is not None)
    plan._known = known
    return plan


def _try(network: Model, tiles: Tiles, settings: Settings) -> tuple[Raw, dict[tuple[int, int], Result]]:
    """Run the first batch, or one tile if there is no memory for it. Return also what need not be run again."""
    try:
        batch = tiles._first(tiles.batch_size)
        raw, result = try_network(network, batch, settings)
    except Exception as error:
        if tiles.batch_size == 1 or not network.is_out_of_memory(error):
            raise
    else:
        return raw, {(0, len(batch)): result}
    network.free_memory()  # the run will halve the batches
    return try_network(network, tiles._first(1), settings)[0], {}


def _symmetries(tta: Any) -> int:
    if tta not in (None, 4, 8):
        raise ArgumentError(f"tta is None, 4 or 8 symmetries, not {tta!r}")
    return tta or 1


def _is_each(channels: Any) -> bool:
    if isinstance(channels, str) and channels not in ("together", "each"):
        raise ArgumentError(f'channels is "together", "each", or a list of channels, not {channels!r}')
    return isinstance(channels, str) and channels == "each"
