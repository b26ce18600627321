#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Milliseconds of processor time a tile, beside other libraries: 256 x 256 tiles with an overlap of 48 of a plane in memory
through a network that does nothing, stitched. At the end the same from OME-Zarr to OME-Zarr, beside the sum of its parts:
decoding all chunks, gathering all tiles, and encoding all chunks.

Usage: bench/python/tiles.py FOLDER [--runs N] [--json FILE]. Each figure is the median of N runs, libraries in turns; the
result of each is compared with the plane. Files go to FOLDER and are removed. Libraries that are not installed are named
and left out.
"""

import argparse
import json
import shutil
import statistics
import time
import warnings
from pathlib import Path

import numpy as np

SIZE, TILE, OVERLAP, BATCH = 4096, 256, 48, 8


def tile_count():
    return (-(-(SIZE - OVERLAP) // (TILE - OVERLAP))) ** 2


def microtome(plane, path, **options):
    import microtome as mt

    stack, options = mt.from_array(plane, "YX"), {"progress": False, **options}
    return mt.predict(lambda batch: batch, stack, path, tile=(TILE, TILE), overlap=OVERLAP, batch_size=BATCH, **options)


def microtome_memory(plane, folder, blend="crop"):
    return microtome(plane, None, blend=blend).array


def microtome_blended(plane, folder):
    return microtome_memory(plane, folder, "gaussian")


def microtome_zarr(plane, folder, suffix=".zarr"):
    import microtome as mt

    path = str(folder / f"out{suffix}")
    microtome(plane, path, durability="never")
    return mt.open(path)[0, 0]


def microtome_tiff(plane, folder):
    return microtome_zarr(plane, folder, ".ome.tif")


def careamics_regions(plane):
    """The tiles of CAREamics' patching, with its own description of each."""
    from careamics.dataset.image_region_data import ImageRegionData
    from careamics.dataset.patching import TiledPatching

    shape = (1, 1, SIZE, SIZE)
    patching = TiledPatching([shape], (TILE, TILE), (OVERLAP, OVERLAP))
    for i in range(patching.n_patches):
        spec = patching.get_patch_spec(i)
        box = tuple(slice(c, c + s) for c, s in zip(spec["coords"], spec["patch_size"], strict=True))
        yield ImageRegionData(
            data=plane[box][None].astype("float32"),
            source="array",
            data_shape=shape,
            dtype="float32",
            axes="YX",
            target_axes="YX",
            original_data_shape=(SIZE, SIZE),
            region_spec=spec,
            additional_metadata={},
        )


def careamics_memory(plane, folder):
    from careamics.lightning.prediction.stitch_prediction import stitch_prediction

    return np.squeeze(stitch_prediction(list(careamics_regions(plane)))[0][0])


def careamics_zarr(plane, folder):
    import zarr
    from careamics.lightning.callbacks.prediction.zarr_tile_write_strategy import ZarrTileWriteStrategy

    writer, regions = ZarrTileWriteStrategy(), list(careamics_regions(plane))
    (folder / "careamics").mkdir()
    for i in range(0, len(regions), BATCH):
        writer.write_batch(folder / "careamics", regions[i : i + BATCH])
    return np.squeeze(zarr.open_group(str(folder / "careamics" / "prediction.zarr"), mode="r")["0"][...])


def monai(plane, folder, mode="constant"):
    import torch
    from monai.inferers import sliding_window_inference

    image = torch.from_numpy(plane.astype("float32"))[None, None]
    done = sliding_window_inference(image, (TILE, TILE), BATCH, lambda x: x, overlap=OVERLAP / TILE, mode=mode)
    return done[0, 0].numpy()


def monai_gaussian(plane, folder):
    return monai(plane, folder, "gaussian")


def torchio(plane, folder, mode="crop"):
    import torch
    import torchio as tio

    image = torch.from_numpy(plane.astype("float32"))[None, None]
    subject = tio.Subject(image=tio.ScalarImage(tensor=image))
    sampler = tio.GridSampler(subject, (1, TILE, TILE), (0, OVERLAP, OVERLAP))
    aggregator = tio.GridAggregator(sampler, overlap_mode=mode)
    for batch in tio.SubjectsLoader(sampler, batch_size=BATCH):
        aggregator.add_batch(batch["image"][tio.DATA], batch[tio.LOCATION])
    return aggregator.get_output_tensor()[0, 0].numpy()


def torchio_hann(plane, folder):
    return torchio(plane, folder, "hann")


WAYS = {
    "microtome, to memory": microtome_memory,
    "microtome, to memory, Gaussian": microtome_blended,
    "microtome, to OME-Zarr": microtome_zarr,
    "microtome, to OME-TIFF": microtome_tiff,
    "CAREamics, to memory": careamics_memory,
    "CAREamics, to Zarr": careamics_zarr,
    "MONAI, to memory": monai,
    "MONAI, to memory, Gaussian": monai_gaussian,
    "torchio, to memory": torchio,
    "torchio, to memory, Hann": torchio_hann,
}


def decode(folder):
    import microtome as mt

    with mt.open(folder / "input.zarr", context=mt.Context()) as stack:  # without chunks in its cache
        return stack.extract_patch(0, [0], (0, 0), (SIZE, SIZE))


def gather(plane):
    import microtome as mt

    tiles = mt.Tiles(mt.from_array(plane, "YX"), tile=(TILE, TILE), overlap=OVERLAP, batch_size=BATCH)
    return sum(len(batch) for batch in tiles.batches())


def encode(pixels, folder):
    import microtome as mt

    with mt.create(folder / "encoded.zarr", like=mt.from_array(pixels, "YX"), durability="never") as out:
        for y in range(0, SIZE, TILE):
            out[y : y + TILE] = pixels[y : y + TILE]


def end_to_end(folder):
    import microtome as mt

    stack, options = mt.open(folder / "input.zarr", context=mt.Context()), {"progress": False, "durability": "never"}
    options |= {"tile": (TILE, TILE), "overlap": OVERLAP, "batch_size": BATCH}
    mt.predict(lambda batch: batch, stack, folder / "whole.zarr", **options)


def measure_whole(plane, folder, runs):
    """Milliseconds of processor time a tile of the parts, and of the whole; medians of runs in turns."""
    import microtome as mt

    pixels = plane.astype("float32")
    ways = {
        "decoding all chunks": lambda: decode(folder),
        "gathering all tiles": lambda: gather(plane),
        "encoding all chunks": lambda: encode(pixels, folder),
        "end to end": lambda: end_to_end(folder),
    }
    took = {name: [] for name in ways}
    for _ in range(runs):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with mt.create(folder / "input.zarr", like=mt.from_array(plane, "YX"), durability="never") as out:
            out[...] = plane
        for name, way in ways.items():
            begin = time.process_time()
            way()
            took[name].append(time.process_time() - begin)
    np.testing.assert_array_equal(mt.open(folder / "whole.zarr")[0, 0], plane)
    return {name: statistics.median(seconds) * 1e3 / tile_count() for name, seconds in took.items()}


def measure(way, plane, folder):
    """Processor seconds of one run, whose result must be the plane."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    begin = time.process_time()
    result = way(plane, folder)
    seconds = time.process_time() - begin
    np.testing.assert_allclose(result, plane, rtol=1e-5)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    plane = np.random.default_rng(1).poisson(300, (SIZE, SIZE)).astype("uint16")
    seconds = {name: [] for name in WAYS}
    for run in range(given.runs + 1):  # the first run imports
        for name, way in WAYS.items():
            try:
                took = measure(way, plane, given.folder / "work")
            except ImportError as error:
                print(f"left out: {name}: {error}") if run == 0 else None
                continue
            if run > 0:
                seconds[name].append(took)
    whole = measure_whole(plane, given.folder / "work", given.runs)
    shutil.rmtree(given.folder / "work", ignore_errors=True)
    figures = {name: statistics.median(s) * 1e3 / tile_count() for name, s in seconds.items() if s}
    for name, figure in figures.items():
        print(f"{name:35} {figure:7.3f} ms of processor time a tile")
    print("from OME-Zarr to OME-Zarr:")
    for name, figure in whole.items():
        print(f"  {name:33} {figure:7.3f} ms of processor time a tile")
    *parts, total = whole.values()
    print(f"  {'sum of the parts / end to end':33} {sum(parts) / total:7.2f}")
    if given.json:
        given.json.write_text(json.dumps({**figures, **whole}, indent=1))


if __name__ == "__main__":
    main()
