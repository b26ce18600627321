# SPDX-License-Identifier: BSD-3-Clause
"""A plan in several processes: ranks of torch.distributed, and a SLURM array, one task of which is killed."""

import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import microtome
import numpy as np
import onnx
import pytest
import torch
from microtome import _predict_command
from onnx import TensorProto, helper

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/python"))
from predictions import digest  # noqa: E402

SCRIPT = ROOT / "examples/predict_array.sh"
OPTIONS = "--tile 32x48 --overlap 8 --batch-size 2 --chunks 32x32 --dtype source --durability never".split()


@pytest.fixture
def image(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(1).integers(0, 20000, (1, 400, 520), np.uint16)
    with microtome.create("in.ome.zarr", axes="CYX", shape=pixels.shape, dtype="uint16") as out:
        out[...] = pixels


@pytest.fixture
def network(image):
    """A mean over 5 x 5 pixels."""
    shape = ["n", 1, "y", "x"]
    given, returned = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("image", "mean"))
    node = helper.make_node("AveragePool", ["image"], ["mean"], kernel_shape=[5, 5], pads=[2, 2, 2, 2])
    graph = helper.make_graph([node], "network", [given], [returned])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), "net.onnx")


def start(task=None, count=3):
    """Start the script of the examples, as SLURM starts a task of an array 5-7."""
    array = {} if task is None else {
        "SLURM_ARRAY_TASK_ID": str(task + 5), "SLURM_ARRAY_TASK_MIN": "5", "SLURM_ARRAY_TASK_COUNT": str(count)
    }  # fmt: skip
    return subprocess.Popen(
        [SCRIPT, "net.onnx", "in.ome.zarr", "out.ome.zarr", *OPTIONS],
        env={**os.environ, **array, "PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )


def wait(job):
    said, _ = job.communicate(timeout=300)
    return job.returncode, said


def run_whole():
    """Predict in one process."""
    command = [sys.executable, "-m", "microtome", "predict", "--model", "net.onnx", *OPTIONS]
    subprocess.run([*command, "in.ome.zarr", "whole.ome.zarr"], check=True)
    return digest("whole.ome.zarr")


def test_a_slurm_array(network):
    jobs = [start(task) for task in range(3)]
    for job in jobs:
        assert wait(job)[0] == 0
    code, said = wait(start())
    assert code == 0 and "out.ome.zarr: 0 tiles" in said
    assert digest("out.ome.zarr") == run_whole()


def test_a_slurm_array_of_which_a_task_dies(network):
    """The last job does what is left."""
    for _ in range(20):  # until it is killed in the middle
        dying = start(1)
        while not list(Path().glob("out.ome.zarr/0/c/*")) and dying.poll() is None:
            time.sleep(0.005)
        os.killpg(dying.pid, 9)
        wait(dying)
        n_done = microtome.Plan.open("out.ome.zarr").status().n_done
        if 0 < n_done < 221 // 3:
            break
        shutil.rmtree("out.ome.zarr")
    else:
        pytest.fail("it was never killed in the middle")
    for task in (0, 2):
        assert wait(start(task))[0] == 0
    code, said = wait(start())
    assert code == 0 and "out.ome.zarr: 0 tiles" not in said
    assert digest("out.ome.zarr") == run_whole()


def test_a_slurm_task_that_fails(network):
    Path("net.onnx").write_bytes(b"not a network")
    code, said = wait(start(0))
    assert code == 1 and "microtome: net.onnx: " in said
    assert subprocess.run([SCRIPT, "net.onnx"], capture_output=True).returncode == 2


RANK = textwrap.dedent("""
    import datetime, sys
    import microtome, torch, torch.distributed as dist

    rank, n = int(sys.argv[1]), int(sys.argv[2])
    dist.init_process_group("gloo", init_method="file://" + sys.argv[3], rank=rank, world_size=n,
                            timeout=datetime.timedelta(seconds=120))
    network = torch.nn.AvgPool2d(3, 1, 1)
    if rank == 0:
        microtome.prepare(network, "in.ome.zarr", "out.zarr", tile=(32, 48), overlap=8, batch_size=2, identity="blur",
                          chunks={"Y": 32, "X": 32})
    dist.barrier()
    plan = microtome.Plan.open("out.zarr")
    print(plan.run(network, part=(dist.get_rank(), dist.get_world_size())).tiles)
    dist.barrier()
    if rank == 0:
        plan.finish()
""")


def test_ranks_of_torch(image):
    Path("rank.py").write_text(RANK)
    ranks = [
        subprocess.Popen([sys.executable, "rank.py", str(k), "2", os.path.abspath("store")], stdout=subprocess.PIPE)
        for k in range(2)
    ]
    tiles = [int(rank.communicate(timeout=300)[0]) for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0] and min(tiles) > 0
    microtome.predict(torch.nn.AvgPool2d(3, 1, 1), "in.ome.zarr", "whole.zarr", tile=(32, 48), overlap=8, batch_size=2,
                      identity="blur", chunks={"Y": 32, "X": 32}, progress=False)  # fmt: skip
    assert digest("out.zarr") == digest("whole.zarr")


def test_an_exported_network(image):
    module = torch.nn.AvgPool2d(3, 1, 1)
    size = {axis: torch.export.Dim(name, min=2, max=256) for axis, name in {0: "n", 2: "y", 3: "x"}.items()}
    torch.export.save(torch.export.export(module, (torch.zeros(2, 1, 32, 48),), dynamic_shapes=(size,)), "net.pt2")
    assert _predict_command.main(["--model", "net.pt2", *OPTIONS, "in.ome.zarr", "out.ome.zarr"]) == 0
    whole = microtome.predict(module, "in.ome.zarr", tile=(32, 48), overlap=8, batch_size=2, dtype="source")
    with microtome.open("out.ome.zarr") as out:
        assert np.array_equal(out[0], whole.array)
