#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Batches a second of training loaders, side by side: 64 x 64 patches in batches of 64, normalized, flipped and turned.

Usage: bench/python/loaders.py FOLDER [--seconds N] [--json FILE]. FOLDER holds the images that `bench --keep FOLDER loader`
makes; `make bench-loaders` does both. Each loader runs as its documentation says, without worker processes, in turns.
Those whose library is not installed are named and left out.
"""

import argparse
import json
import resource
import time
import warnings
from pathlib import Path

import numpy as np

SIZE, BATCH, MEAN, STD = 64, 64, 100.0, 50.0
PLANE = 4096


def augment(patch, random):
    """A random flip and a random quarter turn of (..., Y, X)."""
    if random.random() < 0.5:
        patch = np.flip(patch, random.integers(-2, 0))
    return np.rot90(patch, random.integers(0, 4), (-2, -1))


def our_loader(source):
    import microtome as mt

    context = mt.Context(threads=2, cache_bytes=source.cache)
    stack = mt.open(source.path, "YX", context=context) if source.array is None else mt.from_array(source.array, "YX")
    patching = mt.Stratified([stack], (SIZE, SIZE), seed=1)
    return mt.Loader(patching, batch_size=BATCH, augment=["flip", "rotate90"], normalize=(MEAN, STD))


def microtome(source):
    loader = our_loader(source)
    while True:
        yield from (batch.data for batch in loader)


def microtome_torch(source):
    from microtome.torch import DataLoader

    loader = DataLoader(our_loader(source))
    while True:
        yield from (batch.data for batch in loader)


def torch_memmap(source, workers=0):
    import torch

    class Crops(torch.utils.data.Dataset):
        def __init__(self):
            self.random = np.random.default_rng(1)

        def __len__(self):
            return (PLANE // SIZE) ** 2

        def __getitem__(self, index):
            y, x = self.random.integers(0, PLANE - SIZE + 1, 2)
            patch = np.asarray(source.memmap[y : y + SIZE, x : x + SIZE], np.float32)
            patch = (patch - MEAN) / STD
            return torch.from_numpy(np.ascontiguousarray(augment(patch, self.random))[None])

    while True:
        yield from torch.utils.data.DataLoader(Crops(), batch_size=BATCH, num_workers=workers)


def careamics(source):
    from careamics.config.factories import create_advanced_n2v_config
    from careamics.lightning.data.data_module import CareamicsDataModule

    config = create_advanced_n2v_config(
        experiment_name="bench",
        data_type="array" if source.array is not None else "zarr",
        axes="YX",
        patch_size=[SIZE, SIZE],
        batch_size=BATCH,
        n_val_patches=1,
        seed=1,
        normalization_params={"input_means": [MEAN], "input_stds": [STD]},
        train_dataloader_params={"num_workers": 0, "shuffle": True},
    )
    data = source.array if source.array is not None else f"file://{source.group}/image"
    module = CareamicsDataModule(config.data_config, train_data=data)
    module.setup("fit")
    loader = module.train_dataloader()
    while True:
        yield from (batch[0].data for batch in loader)


def monai(source):
    from monai.data import CacheDataset, DataLoader, list_data_collate
    from monai.transforms import (
        Compose,
        EnsureChannelFirstd,
        NormalizeIntensityd,
        RandFlipd,
        RandRotate90d,
        RandSpatialCropSamplesd,
    )

    steps = Compose(
        [
            EnsureChannelFirstd("image", channel_dim="no_channel"),
            NormalizeIntensityd("image", subtrahend=MEAN, divisor=STD),
            RandSpatialCropSamplesd("image", (SIZE, SIZE), num_samples=BATCH, random_size=False),
            RandFlipd("image", prob=0.5, spatial_axis=1),
            RandRotate90d("image", prob=0.5),
        ]
    )
    data = CacheDataset([{"image": source.array.astype(np.float32)}], steps, progress=False)
    while True:
        yield from (batch["image"] for batch in DataLoader(data, batch_size=1, collate_fn=list_data_collate))


def torchio(source):
    import torch
    import torchio as tio

    image = torch.from_numpy(source.array.astype(np.float32))[None, :, :, None]
    steps = tio.Compose(
        [
            tio.Lambda(lambda t: (t - MEAN) / STD),
        ]
    )
    subjects = tio.SubjectsDataset([tio.Subject(image=tio.ScalarImage(tensor=image))], transform=steps)
    queue = tio.Queue(subjects, 1024, 1024, tio.UniformSampler((SIZE, SIZE, 1)), num_workers=0)
    random = np.random.default_rng(1)
    while True:
        for batch in torch.utils.data.DataLoader(queue, batch_size=BATCH, num_workers=0):
            data = batch["image"][tio.DATA]
            yield torch.rot90(data, int(random.integers(0, 4)), (2, 3))


def grain(source):
    import grain

    def crop(index, random):
        y, x = random.integers(0, PLANE - SIZE + 1, 2)
        patch = (np.asarray(source.memmap[y : y + SIZE, x : x + SIZE], np.float32) - MEAN) / STD
        return np.ascontiguousarray(augment(patch, random))[None]

    data = grain.MapDataset.range((PLANE // SIZE) ** 2).shuffle(seed=1).seed(1).random_map(crop).batch(BATCH).repeat()
    yield from data.to_iter_dataset()


def tensorstore(source):
    import tensorstore as ts

    cache = {"cache_pool": {"total_bytes_limit": source.cache or 1 << 30}, "data_copy_concurrency": {"limit": 2}}
    spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": str(source.path)}}
    array = ts.open({**spec, "context": cache, "recheck_cached_data": "open"}).result()
    random = np.random.default_rng(1)
    high = np.subtract(array.shape, SIZE - 1)
    while True:
        with ts.Batch() as batch:
            reads = [
                array[y : y + SIZE, x : x + SIZE].read(batch=batch) for y, x in random.integers(0, high, (BATCH, 2))
            ]
        out = np.empty((BATCH, 1, SIZE, SIZE), np.float32)
        for i, read in enumerate(reads):
            out[i, 0] = augment((read.result().astype(np.float32) - MEAN) / STD, random)
        yield out


class Source:
    def __init__(self, title, path=None, array=None, cache=None):
        self.title, self.path, self.array, self.cache = title, path, array, cache
        self.memmap = array


def measure(make, source, seconds):
    """Patches a second and a processor second, and the seconds until the first batch."""

    def processor():
        use = resource.getrusage(resource.RUSAGE_SELF)
        return use.ru_utime + use.ru_stime

    start = time.perf_counter()
    batches = make(source)
    next(batches)
    first = time.perf_counter() - start
    n, cpu, start = 0, processor(), time.perf_counter()
    while time.perf_counter() - start < seconds:
        n += len(next(batches))
    wall, cpu = time.perf_counter() - start, processor() - cpu
    batches.close()
    return {"per_second": n / wall, "per_processor_second": n / cpu, "first_ms": first * 1000}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    import zarr

    array = np.asarray(zarr.open_array(arguments.folder / "zstd.zarr", mode="r"))
    np.save(arguments.folder / "plane-copy.npy", array)
    memory = Source("array in memory", arguments.folder / "zstd.zarr", array)
    memory.memmap = np.load(arguments.folder / "plane-copy.npy", mmap_mode="r")
    rows = [
        (memory, [microtome, microtome_torch, careamics, torch_memmap, monai, torchio, grain]),
        (Source("Zarr zstd, in the cache", arguments.folder / "zstd.zarr"), [microtome, tensorstore]),
        (
            Source("Zarr zstd, 8 times the cache", arguments.folder / "zstd-large.zarr", cache=1024 * 256 * 256 * 2),
            [microtome, tensorstore],
        ),
    ]
    results = {}
    for source, loaders in rows:
        print(source.title)
        for make in loaders:
            try:
                found = measure(make, source, arguments.seconds)
            except ImportError as error:
                print(f"  {make.__name__:20} not installed: {error}")
                continue
            results[f"{source.title}: {make.__name__}"] = found
            print(
                f"  {make.__name__:20} {found['per_second']:10.0f}/s {found['per_processor_second']:10.0f} per processor "
                f"second, first batch {found['first_ms']:7.1f} ms",
                flush=True,
            )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
