# SPDX-License-Identifier: BSD-3-Clause
"""The loader: batches of patches for training, made ahead of time."""

from __future__ import annotations

import atexit
import json
import operator
import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from . import _core
from ._arguments import names_arguments
from ._errors import RangeError
from ._loader_batch import Batch
from ._loader_options import Options, count, list_targets

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import DTypeLike

    from ._batch import Channels, Padding
    from ._loader_options import Augment, Normalization, Targets
    from ._patching import Patching

__all__ = ["Loader", "LoaderReport"]

_SHEET = 16  # patches that a notebook shows


class LoaderReport(NamedTuple):
    """What a `Loader` has done since it was made, or changed by a `microtome.torch.DataLoader`.

    What was decoded and fetched is counted by the context of the stacks, and includes the work of others in it.
    """

    epochs: int
    """Epochs that were delivered to their end."""
    batches: int
    """Batches that were delivered."""
    patches: int
    """Patches in them."""
    chunks: int
    """Chunks of the images; 0 for arrays in memory and Python objects."""
    blocks: int
    """Blocks of the images; 0: there are no windows."""
    window: int | None
    """Blocks in a window; None: the patches of an epoch come in random order."""
    fewest_blocks: int
    """The fewest blocks from which a batch took its patches; 0: there are no windows."""
    mean_blocks: float
    """Their mean over all batches."""
    chunks_decoded: int
    """Chunks that were decoded."""
    bytes_decoded: int
    """Bytes of them."""
    bytes_fetched: int
    """Bytes read from files or servers."""
    bytes_delivered: int
    """Bytes of all patches, in the stored type."""
    decodes_per_chunk: float
    """How often a chunk was decoded in an epoch, on average; 1 is the least, if all chunks are needed."""
    fetched_per_delivered: float
    """Bytes fetched for each byte delivered."""


class Loader:
    """Batches of patches for training, made ahead of time, in a defined order.

    A ``for`` loop over the loader is one epoch; the next loop is the next epoch. If a loop was left early,
    the next loop begins the next epoch; after `load_state_dict`, it continues where the state was taken.
    Batch ``b`` of an epoch depends on the arguments alone: it is the same for any number of threads, in any
    process, and if resumed anywhere.

    Parameters
    ----------
    patching : Patching
        The patches of an epoch, such as `Stratified`. It can no longer be changed.
    target : ImageStack, list of them, or list of such lists, optional
        One image for each stack of the patching, of the same samples and spatial shape; several targets are
        several lists. Patches are cut at the same places, with the same augmentation.
    batch_size : int
        Patches in a batch; 1 for patches of different sizes, such as those of `Whole` of unequal images.
    seed : int
        Of the order and the augmentation, from 0 to 2**64 - 1.
    normalize : (mean, std) or object with ``subtract`` and ``divide``, such as `Statistics.mean_std` returns, optional
        Patches become ``(value - subtract) / divide`` in float32; each one float, or one for each channel of the
        image.
    normalize_target : the same, or a list with one (or None) for each target, optional
        Of the targets. By default they keep their values.
    channels : sequence of int or str, str, or None
        Channels of the input, by number or name; None means all.
    target_channels : sequence of int or str, str, or None
        Channels of all targets.
    augment : "d4", or sequence of "flip" and "rotate90", or mapping of these to probabilities, optional
        Symmetries of the plane YX, drawn for each patch. "d4": all eight are equally likely; patches must be
        square. "flip": with a probability of 1/2 one of the axes Y and X ("flip_y" and "flip_x": that axis);
        "rotate90": with a probability of 1/2 one to three quarter turns. ``{"flip": 0.3, "rotate90": 1.0}`` has
        other probabilities.
    dtype : {"float32", "source"} or dtype-like
        "source": the type of the pixels as stored, without normalization.
    padding : float, "reflect" or "edge"
        Pixels outside the image: the value of a pixel before normalization, or pixels of the image, as in
        `ImageStack.extract_patches`.
    uneven : {"drop", "short", "pad"}
        If the patches of an epoch do not fill the last batch of each rank: "drop" leaves them out of this epoch
        (`n_dropped` tells how many), "short" makes these batches smaller, which suits validation, "pad" fills
        them with patches from the start of the epoch.
    shuffle : bool
        False: the patches come in the order of the patching.
    window : int, optional
        Blocks of neighbouring chunks whose patches are mixed, so that a chunk is decoded little more than once
        an epoch. 0: all patches of the epoch are mixed, which decodes the chunks of an image larger than the
        cache many times. Default: 16 (of images with Z: 14), or 0 if the images need no decoding or have at most
        256 MiB of pixels.
    block : sequence of int, optional
        Chunks in a block along each spatial axis. Default: 6 along Y and X; of images with Z 2, 4 and 4.
    rank, world_size : int
        This process among those that share an epoch. Together, they see exactly the epoch.
    locality : {"rank"}, optional
        "rank" gives each rank windows of its own, so that each chunk is decoded by one rank only; the batches
        then depend on ``world_size``.
    prefetch : int, optional
        Batches that are made ahead of time. Default: 3, or 16 if an image is remote.
    prefetch_bytes : int, optional
        Fewer batches are made ahead, but at least one, if their pixels need more bytes. Default: 1 GiB.
    on_corrupt : {"raise", "redraw", "zero"}
        If a chunk cannot be decoded: raise the error, draw other positions for its patches, or make its pixels
        zero; `Batch.bad` lists the patches. Files that cannot be read always raise.
    missing : {"error", "fill"}
        Images with missing files or frames (`ImageStack.n_missing`) are refused, or have the fill value there. Says
        nothing about absent chunks (Zarr), which are found only when they are read: those of a stack opened with
        ``missing="error"`` raise NotFoundError, those of other stacks have the fill value.
    noise : mapping, optional
        Noise of the input, after normalization: ``gaussian``, ``photons``, ``scale`` and ``offset`` of
        `add_noise`. Different for each patch and epoch.

    Raises
    ------
    ArgumentError
        The arguments do not fit each other or the images; also a ValueError.
    NotFoundError
        Files or frames of an image are missing.

    Notes
    -----
    Iterate in one thread at a time. Ctrl-C ends the wait for a batch. A failure is not skipped: the next batch
    asked for is the same. A loader survives ``fork``, and pickles: unpickling opens its images again. The first loop
    over such a copy, forked or unpickled, continues the epoch after the last batch that the original gave. What ``extract_patch`` of a Python object raises, in whatever thread, reaches the loop.

    Examples
    --------
    >>> import numpy as np, microtome
    >>> stack = microtome.from_array(np.arange(128 * 128).reshape(128, 128), "YX")
    >>> patching = microtome.Stratified([stack], (32, 32), seed=7)
    >>> loader = microtome.Loader(patching, batch_size=4, normalize=(8192.0, 4730.0), augment="d4")
    >>> [batch.data.shape for batch in loader]
    [(4, 1, 32, 32), (4, 1, 32, 32), (4, 1, 32, 32), (4, 1, 32, 32)]
    """

    @names_arguments()
    def __init__(
        self,
        patching: Patching,
        target: Targets = None,
        *,
        batch_size: int = 1,
        seed: int = 0,
        normalize: Normalization | None = None,
        normalize_target: Normalization | list[Normalization | None] | None = None,
        channels: Channels = None,
        target_channels: Channels = None,
        augment: Augment | Iterable[Augment] | Mapping[Augment, float] | None = None,
        dtype: Literal["float32", "source"] | DTypeLike = "float32",
        padding: Padding = 0.0,
        uneven: Literal["drop", "short", "pad"] = "drop",
        shuffle: bool = True,
        window: int | None = None,
        block: Sequence[int] | None = None,
        rank: int = 0,
        world_size: int = 1,
        locality: Literal["rank"] | None = None,
        prefetch: int | None = None,
        prefetch_bytes: int | None = None,
        on_corrupt: Literal["raise", "redraw", "zero"] = "raise",
        missing: Literal["error", "fill"] = "error",
        noise: Mapping[str, Any] | None = None,
    ) -> None:
        options = Options(
            batch_size,
            seed,
            normalize,
            normalize_target,
            channels,
            target_channels,
            augment,
            dtype,
            padding,
            uneven,
            shuffle,
            window,
            block,
            rank,
            world_size,
            locality,
            prefetch,
            prefetch_bytes,
            on_corrupt,
            missing,
            noise,
        )
        self._start(patching, list_targets(target), options)

    def _start(self, patching: Patching, targets: Sequence[tuple[Any, ...]], options: Options) -> None:
        self._patching, self._targets = patching, targets
        self._turn = 0  # number of the loop that may take batches
        self._has_begun = False  # that loop has taken batches, and the epoch has not ended
        core = self._make(options)
        self._use(options, core, core.count())
        _loaders.add(self)

    def _make(self, options: Options, buffers: Callable[[int], Any] | None = None) -> _core.Loader:
        return _core.Loader(*options.to_core(self._patching, self._targets, buffers))

    def _use(self, options: Options, core: _core.Loader, n_rounds: int) -> None:
        self._options, self._core, self._n_rounds = options, core, n_rounds

    def _change(self, buffers: Callable[[int], Any] | None, **changes: Any) -> None:
        """Replace options and the memory of batches, and keep the position."""
        options, old = self._options._replace(**changes), self._core
        (epoch, batch), state = old.tell(), old.state()
        core = self._make(options, buffers)
        n_rounds = core.count()
        if batch:
            core.set_state(state)
        else:  # also for another number of ranks with windows of their own
            core.seek(epoch, 0)
        self._use(options, core, n_rounds)
        old.close()

    # -- batches ---------------------------------------------------------------------

    def __iter__(self) -> Iterator[Batch]:
        if self._has_begun:
            epoch, batch = self._core.tell()
            self._core.seek(epoch + (batch > 0), 0)
        self._move()
        return _Epoch(self, self._turn)

    def _move(self) -> None:
        """End the loop in progress, if there is one."""
        self._turn += 1
        self._has_begun = False

    def _next(self, turn: int) -> Batch | None:
        if turn != self._turn:
            raise RuntimeError("this loop has ended: another one has begun, or the position was set")
        core = self._core.next()
        self._has_begun = core is not None
        return None if core is None else Batch(core)

    def __len__(self) -> int:
        """Count the batches of this rank in a whole epoch."""
        self._core.tell()  # raises if the loader is closed
        return self._n_rounds

    def read(self, positions: Iterable[int], epoch: int | None = None) -> Batch:
        """Read patches at any positions of an epoch, whatever batch they belong to.

        Parameters
        ----------
        positions : iterable of int
            Positions in the order of the epoch, from 0 to below `n_patches`.
        epoch : int, optional
            Default: the current one.

        Returns
        -------
        Batch
            Its number is 0.

        Raises
        ------
        RangeError
            There is no such position; also an IndexError.
        TypeError
            A position is not an integer.

        Notes
        -----
        Thread-safe. The position of the loader does not change.
        """
        numbers, n = list(map(operator.index, positions)), self.n_patches
        outside = [number for number in numbers if not 0 <= number < n]
        if outside:
            raise RangeError(f"position {outside[0]} is out of bounds for an epoch of {n} patches")
        chosen = self._core.tell()[0] if epoch is None else count(epoch, "epoch")
        return Batch(self._core.read(chosen, np.array(numbers, np.uint64)))

    # -- properties ------------------------------------------------------------------

    @property
    def patching(self) -> Patching:
        """The patching."""
        return self._patching

    @property
    def batch_size(self) -> int:
        """Patches in a batch."""
        return self._options.batch_size

    @property
    def rank(self) -> int:
        """Number of this process among those that share an epoch."""
        return self._options.rank

    @property
    def world_size(self) -> int:
        """Number of processes that share an epoch."""
        return self._options.world_size

    @property
    def epoch(self) -> int:
        """The epoch of the next batch."""
        return self._core.tell()[0]

    @property
    def n_patches(self) -> int:
        """Patches of an epoch, of all ranks."""
        return len(self._patching)

    @property
    def n_dropped(self) -> int:
        """Patches that an epoch leaves out because they do not fill a batch of each rank (``uneven="drop"``)."""
        delivered = self._n_rounds * self.batch_size * self.world_size
        return max(0, self.n_patches - delivered) if self._options.uneven == "drop" else 0

    def report(self) -> LoaderReport:
        """Tell what was delivered, decoded and read.

        Returns
        -------
        LoaderReport
            Counters, and how often each chunk was decoded.
        """
        done = self._core.report()
        passes = done["patches"] * self.world_size / self.n_patches
        needed = done["chunks"] * passes
        return LoaderReport(
            **{**done, "window": None if done["window"] == 2**64 - 1 else done["window"]},
            decodes_per_chunk=done["chunks_decoded"] / needed if needed else 0.0,
            fetched_per_delivered=done["bytes_fetched"] / max(1, done["bytes_delivered"]),
        )

    # -- position --------------------------------------------------------------------

    def set_epoch(self, epoch: int) -> None:
        """Let the next loop begin an epoch. A loop that continues this epoch after `load_state_dict` is not changed.

        Parameters
        ----------
        epoch : int
            From 0.
        """
        if self._has_begun or epoch != self._core.tell()[0]:
            self._core.seek(count(epoch, "epoch"), 0)
        self._move()

    def state_dict(self) -> dict[str, Any]:
        """Return the position, which counts the batches that the loop has received.

        Returns
        -------
        dict
            Can be written as JSON: ``version``, ``plan``, ``seed``, ``images``, ``epoch`` and ``batch``. It fits a
            loader with the same arguments, of any number of threads and ranks (of ranks only without ``locality``),
            as long as the files of the images have not changed. They may be moved.
        """
        state: dict[str, Any] = json.loads(self._core.state())
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next loop continue where a state was taken.

        Parameters
        ----------
        state : mapping
            Of `state_dict`.

        Raises
        ------
        ArgumentError
            It is the state of a loader with other batches or images; the message names the first difference.
        """
        self._core.set_state(json.dumps(dict(state)))
        self._move()

    # -- life ------------------------------------------------------------------------

    def close(self) -> None:
        """Stop the work in progress. Batches remain valid; further use raises ValueError."""
        self._core.close()

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self._patching, self._targets, self._options, self._core.state())

    def __repr__(self) -> str:
        try:
            n = len(self)
        except ValueError:
            return "<microtome.Loader, closed>"
        dropped = f", {self.n_dropped} of {self.n_patches} patches dropped" if self.n_dropped else ""
        rank = f", rank {self.rank} of {self.world_size}" if self.world_size > 1 else ""
        return f"<microtome.Loader, {n} batches of {self.batch_size} patches an epoch{dropped}{rank}>"

    def _repr_html_(self) -> str:
        import html  # noqa: PLC0415 # slow to import, and only notebooks need it

        text = html.escape(repr(self))
        try:  # a failed read must not hide the rest
            return f"<div>{text}{self.read(range(min(_SHEET, self.batch_size, self.n_patches)))._sheets()}</div>"
        except Exception as error:
            return f"<div>{text}<p>{html.escape(str(error))}</p></div>"


class _Epoch:
    """The iterator of a loop."""

    def __init__(self, loader: Loader, turn: int) -> None:
        self._loader: Loader | None = loader
        self._turn = turn

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        batch = None if self._loader is None else self._loader._next(self._turn)
        if batch is None:
            self._loader = None
            raise StopIteration
        return batch


def _restore(
    cls: type[Loader], patching: Patching, targets: Sequence[tuple[Any, ...]], options: Options, state: str
) -> Loader:
    loader = cls.__new__(cls)
    loader._start(patching, targets, options)
    loader._core.set_state(state)
    return loader


_loaders: weakref.WeakSet[Loader] = weakref.WeakSet()


def _survive_fork() -> None:
    for loader in list(_loaders):
        loader._core.forget_threads()
        loader._has_begun = False  # as in a copy that was unpickled


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_survive_fork)


@atexit.register
def _close_all() -> None:
    # The threads of a loader may call Python objects, which is no longer possible when the interpreter ends.
    for loader in list(_loaders):
        loader.close()
