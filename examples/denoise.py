# SPDX-License-Identifier: BSD-3-Clause
"""Denoises an image or volume of one channel with torch, in spite of a kill. Usage: denoise.py IMAGE FOLDER [STEPS]

Trains a small network by Noise2Void on the planes of the noisy image alone, in about a minute; predicts the image to
FOLDER/denoised.ome.zarr in a process that is killed on its way; continues it; and draws what docs/predicting.md shows:
FOLDER/denoised.png, a part of the image beside the result, and FOLDER/seams.png, the differences between predictions
in tiles and of the whole plane, for a growing overlap.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import microtome
import numpy as np
import torch

PATCH = 48
DEPTH = 8  # convolutions of 3 x 3: the network sees as many pixels to each side
TILE = 96
TILES = {"tile": (TILE, TILE), "overlap": 2 * DEPTH, "batch_size": 4}
SHOWN = 360  # pixels a side
AMPLIFIED = 4


def make_network(width=16):
    torch.manual_seed(1)
    layers = [torch.nn.Conv2d(1, width, 3, padding=1), torch.nn.ReLU()]
    for _ in range(DEPTH - 2):
        layers += [torch.nn.Conv2d(width, width, 3, padding=1), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Conv2d(width, 1, 3, padding=1))


def cut(stack, random, n):
    """Patches of random planes, N, 1, Y, X."""
    size = (*[1] * (stack.ndim - 4), PATCH, PATCH)
    corners = random.integers(0, np.subtract(stack.shape[2:], size) + 1, (n, len(size)))
    return stack.extract_patches(0, None, corners, size).reshape(n, 1, PATCH, PATCH)


def train(stack, normalize, steps):
    """Noise2Void: the network predicts pixels that are hidden from their surroundings."""
    network, random = make_network(), np.random.default_rng(1)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        batch = normalize(cut(stack, random, 16), axis=1)
        hidden, original, mask = map(torch.from_numpy, microtome.n2v(batch, percentage=1, seed=1, step=step))
        loss = ((network(hidden) - original) ** 2 * mask).sum() / mask.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step} of {steps}: loss {loss.item():.3f}", flush=True)
    return network.eval()


def predict(network, stack, normalize, output=None, **options):
    return microtome.predict(network, stack, output, normalize=normalize, progress=False, **options)


def predict_to_disk(network, stack, normalize, output):
    chunks = {"Y": 64, "X": 64}
    return predict(network, stack, normalize, output, dtype="source", pyramid=True, chunks=chunks, **TILES)


def be_killed(network, stack, normalize, output):
    """Stands for a machine that is taken away in the middle."""
    planes = np.prod(stack.shape[2:-2], dtype=int)
    batches = planes * np.prod([-(-n // (TILE - 2 * DEPTH)) for n in stack.shape[-2:]]) // TILES["batch_size"]
    left = iter(range(batches // 2))

    def count(*_):
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    network.register_forward_hook(count)
    predict_to_disk(network, stack, normalize, output)


def draw(planes, path):
    """Grey planes from 0 to 1 side by side."""
    gap = np.ones((len(planes[0]), 8), np.float32)
    row = np.hstack([part for plane in planes for part in (gap, np.clip(plane, 0, 1))][1:])
    microtome.from_array(row.astype(np.float32), "YX").view(max_size=2048, contrast=(0, 1)).save(path)
    print(path)


def draw_all(network, stack, normalize, result, folder):
    middle = stack.shape[2] // 2 if stack.ndim == 5 else ...
    plane = np.asarray(stack[0, 0])[middle].astype(np.float32)
    shown = tuple(slice(max(0, (n - SHOWN) // 2), (n + SHOWN) // 2) for n in plane.shape)
    low, high = np.percentile(plane[shown], (1, 99.7))
    after = np.asarray(result[0, 0])[middle].astype(np.float32)
    draw([(x[shown] - low) / (high - low) for x in (plane, after)], folder / "denoised.png")

    image = microtome.from_array(plane, "YX")
    whole, seams = predict(network, image, normalize).array, []
    for overlap in (0, DEPTH, 2 * DEPTH):
        tiled = predict(network, image, normalize, tile=(TILE, TILE), overlap=overlap).array
        print(f"overlap {overlap}: differs from the whole by at most {np.abs(tiled - whole).max():.3g} grey values")
        seams.append(0.5 + AMPLIFIED * (tiled - whole)[shown][:240, :240] / (high - low))
    draw(seams, folder / "seams.png")


def main():
    image, folder, *rest = sys.argv[1:]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights, output = folder / "network.pt", folder / "denoised.ome.zarr"
    stack = microtome.open(image)
    normalize = microtome.statistics(stack, progress=False).mean_std()
    if rest == ["--be-killed"]:
        network = make_network()
        network.load_state_dict(torch.load(weights))
        be_killed(network.eval(), stack, normalize, output)
        return
    network = train(stack, normalize, int(rest[0]) if rest else 600)
    torch.save(network.state_dict(), weights)

    shutil.rmtree(output, ignore_errors=True)
    killed = subprocess.run([sys.executable, __file__, image, folder, "--be-killed"])
    assert killed.returncode == -signal.SIGKILL
    done = predict_to_disk(network, stack, normalize, output)
    print(f"{output}: killed, continued with {done.tiles} tiles; {done.skipped} were done")
    draw_all(network, stack, normalize, microtome.open(output), folder)


if __name__ == "__main__":
    main()
