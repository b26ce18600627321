# SPDX-License-Identifier: BSD-3-Clause
"""The command predict --model, as far as no network is needed."""

import subprocess
import sys

import microtome
import numpy as np
import pytest
from microtome import _predict_command
from microtome._models import FunctionModel


@pytest.fixture
def image(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(1).integers(0, 60000, (2, 70, 90), np.uint16)
    np.save("in.npy", pixels)
    return pixels


@pytest.fixture
def network(monkeypatch):
    """Stands for a network in a file."""

    def network(batch):
        network.batches.append(batch.copy())
        if network.error and len(network.batches) > 4:
            raise network.error
        return 2 * batch

    network.identity, network.error, network.batches = "net", None, []
    monkeypatch.setattr("microtome._predict.as_model", lambda path, device: FunctionModel(network))
    return network


def run(*options):
    return _predict_command.main([*options, "--model", "net.onnx", "--axes", "CYX", "in.npy", "out.zarr"])


def read():
    with microtome.open("out.zarr") as out:
        return out[0]


def test_options(image, network, capsys):
    pixels = image.astype(np.float32)
    microtome.statistics(microtome.open("in.npy", "CYX")).save("stats.json")
    chosen = "--tile 32x48 --overlap 8 --batch-size 3 --channels 1 --stats stats.json --inverse none --chunks 32x0"
    assert (
        run(*chosen.split(), *"--codec zstd --codec-level 3 --pyramid 2 --ome 0.4 --memory 1G --threads 1".split()) == 0
    )
    assert capsys.readouterr().out.startswith("out.zarr: 9 tiles in ")
    with microtome.open("out.zarr") as out:
        assert out.original_chunks[-2:] == (32, 90)
        expected = 2 * (pixels[1:] - pixels.mean((1, 2))[1]) / pixels.std((1, 2))[1]
        np.testing.assert_allclose(out[0], expected, rtol=1e-5, atol=1e-5)
    assert {batch.shape for batch in network.batches} == {(3, 1, 32, 48)}


@pytest.mark.parametrize(
    ("given", "low", "high"),
    [("min-max", 0, 1), ("quantile:0.25,0.75", 0.25, 0.75), ("quantile", 0.01, 0.99)],
)
def test_measured_on_the_spot(image, network, given, low, high):
    """The normalization is undone again."""
    assert run("--normalize", given) == 0
    ends = np.quantile(image, (low, high), axis=(1, 2))[..., None, None]
    np.testing.assert_allclose(network.batches[0][0], (image - ends[0]) / (ends[1] - ends[0]), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(read(), 2 * image.astype(np.float64) - ends[0], rtol=1e-5, atol=0.05)


def test_parts(image, network, capsys):
    options = "--tile 32x32 --overlap 25% --batch-size 2 --chunks 32x32".split()
    for k in "123":
        assert run(*options, "--part", f"{k}/3") == 3
    assert run(*options) == 0
    assert "out.zarr: 0 tiles" in capsys.readouterr().out
    assert np.array_equal(read(), 2.0 * image)


def test_failures_are_one_line_and_continued(image, network, capsys):
    network.error = RuntimeError("no more")
    options = "--tile 32x32 --overlap 8 --batch-size 2 --chunks 32x32".split()
    assert run(*options) == 1
    said = capsys.readouterr().err
    assert "microtome: RuntimeError: no more\n" in said and "the same call continues it" in said
    network.error = KeyboardInterrupt()
    assert run(*options) == 130
    network.error = None
    assert run(*options) == 0
    assert "warning: " in capsys.readouterr().err  # is continued
    assert np.array_equal(read(), 2.0 * image)


@pytest.mark.parametrize(
    "options",
    [
        "--part 0/3",
        "--part 4/3",
        "--part 1",
        "--tile 32xa",
        "--overlap b%",
        "--normalize most",
        "--memory 2X",
        "--overlp 8",
    ],
)
def test_misspelt(image, network, options, capsys):
    with pytest.raises(SystemExit) as caught:
        run(*options.split())
    line = capsys.readouterr().err
    assert caught.value.code == 2 and line.startswith("microtome predict: ")
    assert line.endswith("; see 'microtome predict --model FILE --help'\n") and line.count("\n") == 1
    assert "--overlp" not in options or "unknown option '--overlp' (did you mean '--overlap'?)" in line


def test_as_a_command(image):
    """It names what is missing; other commands are those of the library."""

    def call(*arguments):
        return subprocess.run([sys.executable, "-m", "microtome", *arguments], capture_output=True, text=True)

    done = call("predict", "--model=net.onnx", "--axes", "CYX", "in.npy", "out.zarr")
    assert done.returncode == 1 and done.stderr == "microtome: net.onnx: there is no such file or folder\n"
    assert call("predict", "--model", "net.onnx", "--help").stdout.startswith("usage: microtome predict")
    assert call("info", "in.npy", "--axes", "CYX").returncode == 0


def test_missing_package(image, monkeypatch, capsys):
    open("net.onnx", "w").close()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert run() == 1
    assert "net.onnx needs onnxruntime: pip install onnxruntime" in capsys.readouterr().err
