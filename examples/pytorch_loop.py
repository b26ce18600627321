#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Trains a small denoising network on images of any size, in plain PyTorch, without clean images.

Usage: pytorch_loop.py IMAGE... [--axes AXES] [--size 64] [--batch 16] [--steps 200] [--workers 0]

One pixel in a hundred is replaced by a neighbour, and the network learns to predict the original: noise cannot be
predicted, the specimen can (Noise2Void). IMAGE is a path for `microtome.open_all`.
"""

import argparse

import microtome
import numpy as np
import torch


class Batches(torch.utils.data.Dataset):
    """Random patches of several images; an item is a batch, read on all processors."""

    def __init__(self, stacks, size, per_batch, length):
        self.stacks, self.size, self.per_batch, self.length = stacks, size, per_batch, length
        pixels = np.array([stack.size for stack in stacks])
        self.share = pixels / pixels.sum()
        self.mean, self.deviation = self.statistics()

    def statistics(self):
        """Return mean and standard deviation of some patches."""
        some = self.read(np.random.default_rng(0), 1, 0)
        return float(some.mean()), float(some.std()) or 1.0

    def read(self, random, scale, offset):
        which = random.choice(len(self.stacks), self.per_batch, p=self.share)
        shapes = np.array([stack.shape for stack in self.stacks])[which]
        samples = random.integers(0, shapes[:, 0])
        corners = random.integers(0, np.maximum(shapes[:, 2:] - self.size, 0) + 1)
        batch = torch.empty(self.per_batch, self.stacks[0].shape[1], *self.size)
        return microtome.extract_patches(
            self.stacks,
            which,
            samples,
            None,
            corners,
            self.size,
            out=batch,
            scale=scale,
            offset=offset,
            padding="reflect",
        )

    def __len__(self):
        return self.length

    def __getitem__(self, i):
        if i >= self.length:
            raise IndexError
        return self.read(np.random.default_rng((1, i)), 1 / self.deviation, -self.mean / self.deviation)


def make_network(channels, n_spatial):
    convolution = torch.nn.Conv3d if n_spatial == 3 else torch.nn.Conv2d
    layers = []
    for n in (channels, 32, 32, 32):
        layers += [convolution(n, 32, 3, padding=1), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, convolution(32, channels, 1))


def hide(batch):
    """Replace one pixel in a hundred by a neighbour; also return where."""
    hidden = torch.rand_like(batch) < 0.01
    return torch.where(hidden, torch.roll(batch, 1, dims=-1), batch), hidden


def train(stacks, size, per_batch, steps, workers):
    batches = Batches(stacks, size, per_batch, steps)
    loader = torch.utils.data.DataLoader(batches, batch_size=None, shuffle=True, num_workers=workers)
    network = make_network(stacks[0].shape[1], len(size))
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    losses = []
    for batch in loader:
        given, hidden = hide(batch)
        loss = torch.nn.functional.mse_loss(network(given)[hidden], batch[hidden])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return network, losses


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="+")
    parser.add_argument("--axes")
    parser.add_argument(
        "--size", type=int, default=64, help="rows and columns of a patch; it is as deep as a volume, up to 16"
    )
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    stacks = microtome.open_all(options.images, options.axes)
    size = [min(16, stacks[0].shape[2])] * (stacks[0].ndim == 5) + [options.size] * 2
    _, losses = train(stacks, size, options.batch, options.steps, options.workers)
    tenth = max(1, len(losses) // 10)
    print(f"loss: {np.mean(losses[:tenth]):.4f} at first, {np.mean(losses[-tenth:]):.4f} in the end")


if __name__ == "__main__":
    main()
