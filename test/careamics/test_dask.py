# SPDX-License-Identifier: BSD-3-Clause
"""Plans on a cluster of Dask: processes that are killed and tasks that fail."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import dask
import distributed
import microtome
import microtome.dask
import numpy as np
import pytest
from microtome import ArgumentError

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from predictions import digest

TILES = {"tile": (32, 32), "overlap": 8, "batch_size": 2, "chunks": {"Y": 32, "X": 32}, "durability": "never"}
N_TASKS = 6


class Network:
    """Notes what it does in files of a folder, and fails where it is told to."""

    identity = "three times"

    def __init__(self, folder, fail=None, die=None, die_always=False):
        self.folder, self.fail, self.die, self.die_always = Path(folder), fail, die, die_always
        (self.folder / f"made-{os.getpid()}-{os.urandom(4).hex()}").touch()

    def __call__(self, batch):
        first = int(batch[0, 0, 0, 0])
        with open(self.folder / f"batches-{os.getpid()}", "a") as file:
            file.write(f"{first}\n")
        if first == self.fail:
            raise RuntimeError(f"no answer to {first}")
        if first == self.die:
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.folder / "died", os.O_CREAT | (0 if self.die_always else os.O_EXCL)))
                os.kill(os.getpid(), signal.SIGKILL)
        return 3 * batch

    def seen(self):
        """First pixel of each batch, in all processes."""
        files = self.folder.glob("batches-*")
        return [int(line) for file in files for line in file.read_text().split()]


@pytest.fixture(scope="module")
def client():
    """Two processes of one thread each, which are started again when they die."""
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def image(tmp_path):
    """Every pixel tells where it is."""
    np.save(tmp_path / "in.npy", np.arange(160 * 224, dtype=np.float32).reshape(160, 224))
    return tmp_path / "in.npy"


@pytest.fixture
def whole(tmp_path, image):
    """What one process makes."""
    microtome.predict(
        lambda batch: 3 * batch, image, tmp_path / "whole.zarr", progress=False, identity="three times", **TILES
    )
    return digest(tmp_path / "whole.zarr")


def prepare(tmp_path, image, **options):
    return microtome.prepare(None, image, tmp_path / "out.zarr", identity="three times",
                             outputs=microtome.Output(channels=1), **TILES, **options)  # fmt: skip


def run(plan, model, client, **options):
    return microtome.dask.predict(plan, model, client=client, progress=False, **options)


def middle(plan, k=3):
    """The first pixel of a batch in the middle of a part."""
    targets = plan._open_targets()
    with contextlib.closing(targets.stitch("crop", k, N_TASKS)) as stitcher:
        batches, batch = [], stitcher.next(2, 0)
        while 2 * batch < len(plan.tiles):
            batches.append(batch)
            batch = stitcher.next(2, batch + 1)
    targets.close()
    y, x = plan.tiles.specs([2 * batches[len(batches) // 2]])[0].coords
    return 224 * y + x


def test_tasks_are_the_whole(tmp_path, image, whole, client):
    plan = prepare(tmp_path, image)
    seen = []
    done = run(plan, Network(tmp_path), client, tasks=N_TASKS)
    microtome.dask.predict(plan, Network(tmp_path), client=client, progress=lambda *told: seen.append(told))
    assert (done.tasks, done.failed, len(done.runs)) == (N_TASKS, {}, N_TASKS)
    assert done.repeated == done.tiles - len(plan.tiles) > 0
    assert f"{N_TASKS} tasks: {done.tiles} tiles, {done.repeated} of them" in done.report()
    assert seen[-1][:2] == (16, 16)  # 8 for each worker
    plan.finish()
    assert digest(tmp_path / "out.zarr") == whole
    pids = {file.name.split("-")[1] for file in tmp_path.glob("batches-*")}
    assert len(pids) == 2 and str(os.getpid()) not in pids


def test_a_killed_process_costs_its_chunks(tmp_path, image, whole, client):
    """Its task is continued by another process."""
    plan = prepare(tmp_path, image)
    place = middle(plan)
    network = Network(tmp_path, die=place)
    done = run(plan, network, client, tasks=N_TASKS)
    assert (tmp_path / "died").exists()
    assert done.failed == {} and len(done.runs) == N_TASKS
    plan.finish()
    assert digest(tmp_path / "out.zarr") == whole
    seen = network.seen()
    assert seen.count(place) >= 2
    again = len(seen) - sum(-(-done.runs[name].tiles // 2) for name in done.runs)
    assert 0 < again < len(seen) / 2  # the other tasks are not repeated


def test_failed_tasks_are_listed(tmp_path, image, whole, client):
    plan = prepare(tmp_path, image)
    place = middle(plan)
    network = Network(tmp_path, fail=place)
    done = run(plan, network, client, tasks=N_TASKS, retries=1)
    failed = {name: text for name, text in done.failed.items() if text == f"RuntimeError: no answer to {place}"}
    assert done.failed == failed and "3 of 6" in failed
    assert done.report().endswith(f"{len(failed)} tasks failed")
    assert network.seen().count(place) == 2 * len(failed)
    assert plan.status().failed == failed
    with pytest.raises(ArgumentError, match="missing") as caught:
        plan.finish()
    assert any(f"part 3 of 6 failed: RuntimeError: no answer to {place}" in note for note in caught.value.__notes__)
    assert run(plan, Network(tmp_path), client, tasks=N_TASKS).failed == {}
    assert plan.status().failed == {}
    plan.finish()
    assert digest(tmp_path / "out.zarr") == whole


def test_a_deadly_task_is_listed(tmp_path, image, client):
    """It could not note its own error."""
    plan = prepare(tmp_path, image)
    place = middle(plan)
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        client.run_on_scheduler(_allow_failures, 0)
        done = run(plan, Network(tmp_path, die=place, die_always=True), client, tasks=N_TASKS)
        client.run_on_scheduler(_allow_failures, 3)
    assert "KilledWorker" in done.failed["3 of 6"]
    assert plan.status().failed == done.failed
    with pytest.raises(ArgumentError, match="missing") as caught:
        plan.finish()
    assert any("part 3 of 6 failed: KilledWorker" in note for note in caught.value.__notes__)


def _allow_failures(n, dask_scheduler=None):
    dask_scheduler.allowed_failures = n


def test_networks_are_made_once_in_a_process(tmp_path, image, whole, client):
    plan = prepare(tmp_path, image)
    made = tmp_path / "made"
    made.mkdir()
    done = microtome.dask.predict(
        plan, make=functools.partial(Network, made), client=client, tasks=N_TASKS, progress=False
    )
    assert done.failed == {} and 1 <= len(list(made.glob("made-*"))) <= 2
    plan.finish()
    assert digest(tmp_path / "out.zarr") == whole


def test_another_network_or_place_fails(tmp_path, image, client):
    plan = microtome.prepare(Network(tmp_path), image, tmp_path / "out.zarr", **TILES)
    other = Network(tmp_path)
    other.identity = "another"
    done = run(plan, other, client, tasks=2, retries=0)
    assert all("another network" in text for text in done.failed.values()) and len(done.failed) == 2
    (tmp_path / "out.zarr").rename(tmp_path / "elsewhere.zarr")
    with pytest.raises(microtome.NotFoundError, match=r"out\.zarr: there is no unfinished output of a plan"):
        microtome.dask._load(microtome.dask._pack(plan, Network(tmp_path), None, None))
    assert not (tmp_path / "out.zarr").exists()


def test_arguments(tmp_path, image, client):
    plan = prepare(tmp_path, image)
    for given in ({}, {"model": Network(tmp_path), "make": Network}):
        with pytest.raises(ArgumentError, match="either model or make"):
            microtome.dask.predict(plan, client=client, **given)
    with pytest.raises(ArgumentError, match="tasks"):
        run(plan, Network(tmp_path), client, tasks=0)
    stack = microtome.from_array(np.zeros((1024, 1024), np.uint16), "YX")
    large = microtome.prepare(Network(tmp_path), stack, tmp_path / "large.zarr", tile=(512, 512), overlap=8)
    with pytest.raises(ArgumentError, match=r"in the memory of this process \(2 MiB\)"):
        run(large, Network(tmp_path), client)


def test_without_a_client(tmp_path, image):
    """In a process of its own, as clients remain known."""
    program = textwrap.dedent("""
        import sys, microtome, microtome.dask
        assert "dask" not in sys.modules and "distributed" not in sys.modules
        plan = microtome.Plan.open(sys.argv[1])
        microtome.dask.predict(plan, lambda batch: batch)
    """)
    prepare(tmp_path, image)
    found = subprocess.run([sys.executable, "-c", program, tmp_path / "out.zarr"], capture_output=True, text=True)
    assert "ArgumentError: there is no client of Dask" in found.stderr
