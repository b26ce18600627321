# SPDX-License-Identifier: BSD-3-Clause
"""A plan in actors of Ray, one of which is killed, as docs/ray.md does it. Only where Ray is installed."""

import os
import signal
import sys
from pathlib import Path

import microtome
import numpy as np
import pytest
from predictions import digest

ray = pytest.importorskip("ray")

TILES = {"tile": (64, 64), "overlap": 16, "batch_size": 3, "chunks": {"Y": 32, "X": 32}, "identity": "half"}
PARTS = 6


def half(batch):
    return batch * 0.5


class Predictor:
    """Dies in the middle of its third batch, once for all actors."""

    def __init__(self, output, marker):
        self.plan, self.marker, self.left = microtome.Plan.open(output), Path(marker), 2

    def network(self, batch):
        self.left -= 1
        if self.left < 0 and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return half(batch)

    def run(self, k, n):
        return self.plan.run(self.network, part=(k, n)).tiles


def test_an_actor_that_is_killed_continues(tmp_path):
    np.save(tmp_path / "in.npy", np.random.default_rng(1).integers(0, 60000, (300, 400), np.uint16))
    with microtome.open(tmp_path / "in.npy", axes="YX") as image:
        microtome.predict(half, image, tmp_path / "whole.zarr", progress=False, **TILES)
        microtome.prepare(half, image, tmp_path / "out.zarr", **TILES)
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests
    ray.init(num_cpus=2, include_dashboard=False)
    try:
        actor = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=3)(Predictor)
        pool = ray.util.ActorPool([actor.remote(tmp_path / "out.zarr", tmp_path / "killed") for _ in range(2)])
        tiles = sum(pool.map_unordered(lambda actor, k: actor.run.remote(k, PARTS), range(PARTS)))
    finally:
        ray.shutdown()
    assert (tmp_path / "killed").exists() and 0 < tiles
    microtome.Plan.open(tmp_path / "out.zarr").finish()
    assert digest(tmp_path / "out.zarr") == digest(tmp_path / "whole.zarr")
