# SPDX-License-Identifier: BSD-3-Clause
"""Predictions on a cluster of Dask. Importing this module does not import Dask. See ``docs/many-machines.md``."""

from __future__ import annotations

import contextlib
import hashlib
import pickle
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ._errors import ArgumentError, need
from ._loader_options import count
from ._models import as_model
from ._predict_runner import Prediction, PredictionProgress, show_tiles
from ._predict_targets import is_zarr

if TYPE_CHECKING:
    from ._models import Model
    from ._predict_plan import Plan

__all__ = ["Report", "predict"]

_TASKS_PER_WORKER = 8  # so that workers of unequal speed end at about the same time
_FIRST_WORKERS = 8  # counted on, while a cluster has none yet
_MOST_PLAN = 1 << 20  # bytes


class Report(NamedTuple):
    """What the tasks of `predict` have done."""

    tasks: int
    """Their number; some may have had nothing to do."""
    tiles: int
    """Tiles that the network saw; not those of workers that died."""
    repeated: int
    """How many tiles that is more than the image has: those at the borders of tasks are predicted by each."""
    seconds: float
    """Duration."""
    nan: int
    """Values of the outputs that are NaN."""
    runs: dict[str, Prediction]
    """The report of each task that succeeded, by ``"k of n"``."""
    failed: dict[str, str]
    """The error of each task that did not, likewise. `Plan.finish` tells them, too."""

    def report(self) -> str:
        """Say what was done, in a line."""
        repeated = f", {self.repeated} of them at borders of tasks again" if self.repeated else ""
        nan = f"; {self.nan} values are NaN" if self.nan else ""
        failed = f"; {len(self.failed)} tasks failed" if self.failed else ""
        return f"{self.tasks} tasks: {self.tiles} tiles{repeated}, in {self.seconds:.1f} s{nan}{failed}"


def predict(
    plan: Plan,
    model: Any = None,
    *,
    make: Callable[[], Any] | None = None,
    client: Any = None,
    tasks: int | None = None,
    retries: int = 2,
    device: str | None = None,
    progress: PredictionProgress = True,
) -> Report:
    """Run a plan on a cluster of Dask.

    Each task does a part of the plan: workers read the image and write the output themselves, and no pixels go through
    the scheduler. Chunks are written whole, and each is noted: a worker process that dies costs the chunks that it was
    at, and its task is continued by another. Call ``plan.finish()`` afterwards.

    Parameters
    ----------
    plan : Plan
        Made by `prepare` or ``Plan.open``, with paths that are valid on all workers.
    model : object, optional
        The network, as for `predict`: the path of a file that the workers can read, or something that pickles.
    make : callable, optional
        Makes the network instead: it is called without arguments, once in each worker process.
    client : distributed.Client, optional
        Default: the one made last.
    tasks : int, optional
        Number of tasks. Many small ones share the work more evenly, and predict more tiles at their borders. Default: 8
        for each worker process, at most one for each chunk or shard.
    retries : int
        How often a task that raised is tried again. One whose worker died is tried as often as Dask is configured
        (``distributed.scheduler.allowed-failures``, 3).
    device : str, optional
        As for `predict`, on each worker.
    progress : bool or callable
        As for `predict`, in tasks.

    Returns
    -------
    Report

    Raises
    ------
    ArgumentError
        The image of the plan is a large array in the memory of this process, an output is not OME-Zarr, the
        only format that several processes can write, and ``tasks`` is not 1, or there is no client; also a ValueError.
    ImportError
        Dask's package distributed is missing; the message says how to install it.

    Notes
    -----
    Tasks of one process take turns, as a network serves one thread at a time: start workers with one thread each, and
    as many as there are devices. Microtome and the network have threads of their own.

    An error of a task is not raised but returned: the others go on. Ctrl-C cancels tasks that have not begun. In any
    case another call continues.
    """
    if tasks != 1:
        _check_shared(plan)
    distributed = need("distributed", "distributed", "microtome.dask")
    job = _pack(plan, model, make, device)
    client = client or _find_client(distributed)
    if client.asynchronous:
        raise ArgumentError("microtome.dask.predict needs a client that is not asynchronous")
    n = _count_tasks(plan, client) if tasks is None else count(tasks, "tasks", 1)
    start = time.monotonic()
    # The job is a task, too, so that it goes to the scheduler once, to each worker once, and survives its workers.
    packed = client.submit(_hold, job, pure=False)
    futures = {client.submit(_run, packed, k, n, retries=count(retries, "retries"), pure=False): k for k in range(n)}
    runs: dict[int, Prediction] = {}
    failed: dict[int, str] = {}
    try:
        with show_tiles(progress, "tasks") as tell:
            for future in distributed.as_completed(futures):
                _collect(future, futures[future], runs, failed)
                tell(len(runs) + len(failed), n)
    except BaseException:
        client.cancel(list(futures))
        raise
    for k, text in failed.items():
        plan._note_failure((k, n), text)
    tiles = sum(run.tiles for run in runs.values())
    return Report(
        tasks=n,
        tiles=tiles,
        repeated=max(0, tiles - len(plan.tiles)),
        seconds=time.monotonic() - start,
        nan=sum(run.nan for run in runs.values()),
        runs={f"{k} of {n}": runs[k] for k in sorted(runs)},
        failed={f"{k} of {n}": failed[k] for k in sorted(failed)},
    )


def _find_client(distributed: Any) -> Any:
    try:
        return distributed.default_client()
    except ValueError:
        raise ArgumentError(
            "there is no client of Dask: make one, distributed.Client(address of the scheduler)"
        ) from None


def _check_shared(plan: Plan) -> None:
    for path in plan.paths.values():
        if not is_zarr(plan, path):
            raise ArgumentError(
                f"{path}: one process at a time writes a TIFF or NPY file: write OME-Zarr, or say tasks=1"
            )


def _count_tasks(plan: Plan, client: Any) -> int:
    n_workers = len(client.nthreads()) or _FIRST_WORKERS
    return max(1, min(plan.status().n_units, _TASKS_PER_WORKER * n_workers))


def _pack(plan: Plan, model: Any, make: Callable[[], Any] | None, device: str | None) -> bytes:
    """Pickle all that a worker process needs."""
    if (model is None) == (make is None):
        raise ArgumentError("give either model or make")
    cloudpickle = need("cloudpickle", "distributed", "microtome.dask")
    if not plan.paths:
        raise ArgumentError("the plan has no output that workers could write")
    size = len(cloudpickle.dumps(plan))
    if size > _MOST_PLAN:
        raise ArgumentError(
            f"{plan.tiles.stack.source}: the image is in the memory of this process ({size >> 20} MiB), not in a file "
            "that workers can open: write it first, with microtome.convert"
        )
    packed: bytes = cloudpickle.dumps((plan, model, make, device))
    return packed


def _collect(future: Any, k: int, runs: dict[int, Prediction], failed: dict[int, str]) -> None:
    """Take the result of a task. If its worker has died since, this waits until another has found nothing to do."""
    try:
        runs[k] = future.result()
    except Exception as error:
        failed[k] = f"{type(error).__name__}: {error}".rstrip(": ")


# -- in the worker processes -----------------------------------------------------------------------

_turn = threading.Lock()
_loaded: tuple[str, Plan, Model] | None = None  # the job that this process was last at


def _hold(job: bytes) -> bytes:
    return job


def _run(job: bytes, k: int, n: int) -> Prediction:
    """Do a part of a plan."""
    with _turn:
        plan, network = _load(job)
        return plan._run(network, (k, n), progress=False)


def _load(job: bytes) -> tuple[Plan, Model]:
    """Return plan and network, which are made once in a process."""
    global _loaded  # noqa: PLW0603 # one for the process
    name = hashlib.sha256(job).hexdigest()
    if _loaded is None or _loaded[0] != name:
        if _loaded is not None:
            last, _loaded = _loaded[2], None
            with contextlib.suppress(Exception):  # of another job
                last.close()
        plan, model, make, device = pickle.loads(job)
        plan._check_begun()
        network = as_model(model if make is None else make(), device=device)
        plan._check_network(network)
        _loaded = name, plan, network
    return _loaded[1], _loaded[2]
