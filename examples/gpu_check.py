#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks `microtome.torch.DataLoader` and `microtome.torch.model` on a GPU, and measures them, in a few minutes.

Usage: gpu_check.py [--seconds 20] [--device cuda]

Checks that the tensors on the device have the right pixels, that the batches lie in page-locked memory, that copies
overlap with the network, that memory does not grow, and that a network gives the outputs that it should, with several
batches under way. Prints patches/s, and exits with 0 if all is well, 1 if a check
failed, and 2 if there is no GPU.
"""

import argparse
import sys
import time

import microtome
import numpy as np
import torch
from microtome import torch as mtt

SIDE, PATCH, BATCH = 4096, 64, 64


def make_loader(pixels, size, **options):
    axes = "YX" if len(size) == 2 else "ZYX"
    stack = microtome.from_array(pixels, axes)
    patching = microtome.Stratified([stack], size, seed=1)
    return microtome.Loader(patching, batch_size=BATCH, seed=1, augment="d4", **options)


def check_pixels(pixels, device):
    """Three epochs on the device have the pixels of the same loader on the host."""
    options = {"normalize": (float(pixels.mean()), float(pixels.std()))}
    small = pixels[:1024, :1024]
    host, loader = (
        make_loader(small, (PATCH, PATCH), **options),
        mtt.DataLoader(make_loader(small, (PATCH, PATCH), **options), device),
    )
    for _ in range(3):
        for ours, theirs in zip(host, loader, strict=True):
            if not np.array_equal(ours.data, theirs.data.cpu().numpy()):
                return "a batch on the device has other pixels"
    return None


def check_memory(pixels, device):
    """Batches lie in page-locked memory, and the device's memory does not grow."""
    loader = mtt.DataLoader(make_loader(pixels, (PATCH, PATCH)), device)
    host = next(iter(loader.loader))
    if not torch.from_numpy(host.data).is_pinned():
        return "the memory of a batch is not page-locked"
    peaks = []
    for _ in range(3):
        for batch in loader:
            batch.data.mul_(2)
        torch.cuda.synchronize(device)
        peaks.append(torch.cuda.max_memory_allocated(device))
    return None if peaks[1] == peaks[2] else f"memory of the device grows: {peaks} bytes"


def check_overlap(volume, device):
    """Copies of large batches take place while the device computes: together shorter than one after the other."""
    loader = mtt.DataLoader(make_loader(volume, (16, PATCH, PATCH), prefetch=6), device)
    weight = torch.rand(4096, 4096, device=device)
    host = next(iter(loader.loader))

    def compute():
        result = weight
        for _ in range(20):
            result = result @ weight
            result = result / result.norm()
        return result

    def seconds(work):
        work()
        torch.cuda.synchronize(device)
        begin = time.perf_counter()
        for _ in range(20):
            work()
        torch.cuda.synchronize(device)
        return (time.perf_counter() - begin) / 20

    pinned = torch.from_numpy(host.data)
    copying, computing = seconds(lambda: pinned.to(device, non_blocking=True)), seconds(compute)
    stream = torch.cuda.Stream(device)

    def both():
        with torch.cuda.stream(stream):
            pinned.to(device, non_blocking=True)
        compute()

    together = seconds(both)
    print(f"  copy {copying * 1e3:.2f} ms, network {computing * 1e3:.2f} ms, together {together * 1e3:.2f} ms")
    hidden = copying + computing - together
    return None if hidden > 0.5 * min(copying, computing) else "copies do not overlap with the network"


def check_network(pixels, device):
    """Batches that are under way together have the outputs of the module by itself; random numbers are seeded."""
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 2, 1))
    model = mtt.model(module, device)
    arrays = [batch.data for batch in make_loader(pixels[:1024, :1024], (PATCH, PATCH), normalize=(300, 17))]
    started = []
    for i in range(len(arrays) + model.in_flight):
        if i < len(arrays):
            started.append(model.start(arrays[i]))
        if i >= model.in_flight:
            (ours,) = started[i - model.in_flight]()
            with torch.inference_mode():
                theirs = module(torch.from_numpy(arrays[i - model.in_flight]).to(device)).cpu().numpy()
            if not np.array_equal(ours, theirs):
                return f"batch {i - model.in_flight} has other outputs than by itself"
    noisy = mtt.model(torch.nn.Dropout(0.5), device, dropout=True)
    before = torch.cuda.get_rng_state(device)
    one, same, other = (noisy(arrays[0], seed)[0] for seed in (1, 1, 2))
    if not np.array_equal(one, same) or np.array_equal(one, other):
        return "random numbers do not follow the seed"
    if not torch.equal(before, torch.cuda.get_rng_state(device)):
        return "the generator of the device has changed"
    try:
        mtt.model(torch.nn.Upsample(scale_factor=20000), device)(arrays[0])
    except RuntimeError as error:
        if not model.is_out_of_memory(error):
            return f"an error for want of memory is not recognised: {error}"
    model.free_memory()
    return None


def measure(name, loader, limit):
    """Print patches per second of an empty step."""
    n, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < limit:
        for batch in loader:
            n += len(batch.data)
            if time.perf_counter() - begin >= limit:
                break
    torch.cuda.synchronize()
    print(f"  {name}: {n / (time.perf_counter() - begin):,.0f} patches/s")


class OnHost:
    """The batches of a loader, without a device."""

    def __init__(self, loader):
        self.loader = loader

    def __iter__(self):
        return iter(self.loader)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("There is no GPU that torch can use, so nothing was checked.")
        sys.exit(2)
    device = torch.device(arguments.device)
    print(f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}, microtome {microtome.__version__}")
    random = np.random.default_rng(1)
    pixels = random.poisson(300, (SIDE, SIDE)).astype(np.uint16)
    volume = random.poisson(300, (64, 512, 512)).astype(np.uint16)
    failed = False
    for name, check, image in [
        ("pixels", check_pixels, pixels),
        ("memory", check_memory, pixels),
        ("overlap", check_overlap, volume),
        ("network", check_network, pixels),
    ]:
        wrong = check(image, device)
        failed |= wrong is not None
        print(f"{name}: {wrong or 'ok'}")
    print(f"speed, batches of {BATCH}:")
    for size, image in (((PATCH, PATCH), pixels), ((16, PATCH, PATCH), volume)):
        for dtype in ("float32", "source"):
            shape = "x".join(map(str, size))
            measure(f"{shape} {dtype}, host", OnHost(make_loader(image, size, dtype=dtype)), arguments.seconds)
            measure(
                f"{shape} {dtype}, device",
                mtt.DataLoader(make_loader(image, size, dtype=dtype), device),
                arguments.seconds,
            )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
