# SPDX-License-Identifier: BSD-3-Clause
"""Errors name the argument that they are about, as the caller wrote it."""

import itertools

import microtome
import numpy as np
import pytest

PIXELS = np.arange(2 * 40 * 50, dtype=np.uint16).reshape(2, 40, 50)
STACK = microtome.from_array(PIXELS, "CYX")
STATISTICS = microtome.statistics(STACK, progress=False)
PATCHING = microtome.Random([STACK], (16, 16))
ONE = {"sample_idx": 0, "channels": None, "coords": (0, 0), "patch_size": (4, 4)}
MANY = {**ONE, "coords": [(0, 0)]}
OF_STACKS = {"stacks": [STACK], "stack_idx": 0, **MANY}
RANDOM = {"stacks": [STACK], "patch_size": (4, 4)}
BATCH = {"batch": np.zeros((2, 1, 16, 16), np.float32), "seed": 0, "step": 0}
STORAGE = "chunks shards codec codec_level shuffle pyramid downsample ome durability memory format context"
EXTRACT = "sample_idx channels coords patch_size out dtype scale offset padding"

# What may be wrong in any way: switches.
CALLS = [
    (microtome.open, {"path": "i.npy", "axes": "CYX"},
     "path axes sizes part level format depth_axis external_folder missing map dtype shape offset context"),
    (microtome.open_all, {"paths": "i.npy", "axes": "CYX"}, "paths axes sizes depth_axis context"),
    (microtome.from_array, {"array": PIXELS, "axes": "CYX"}, "array axes source context"),
    (microtome.list_parts, {"path": "i.npy"}, "path context"),
    (STACK.extract_patch, ONE, "sample_idx channels coords patch_size out dtype padding"),
    (STACK.extract_patches, MANY, f"{EXTRACT} errors"),
    (microtome.extract_patches, OF_STACKS, f"stacks stack_idx {EXTRACT} errors"),
    (microtome.lateral_context, {**OF_STACKS, "n_scales": 2},
     "stacks stack_idx sample_idx channels coords patch_size n_scales out scale offset padding levels"),
    (microtome.prefetch, OF_STACKS, "stacks stack_idx sample_idx channels coords patch_size padding"),
    (microtome.Random, RANDOM, "stacks patch_size seed"),
    (microtome.FixedRandom, RANDOM, "stacks patch_size seed"),
    (microtome.Stratified, RANDOM, "stacks patch_size seed"),
    (microtome.Sequential, RANDOM, "stacks patch_size overlap"),
    (microtome.Tiled, RANDOM, "stacks patch_size overlap"),
    (microtome.Whole, {"stacks": [STACK]}, "stacks"),
    (microtome.Coords, {"stacks": [STACK], "specs": [(0, 0, (0, 0), (4, 4))]}, "stacks specs"),
    (microtome.Loader, {"patching": PATCHING},
     "patching target batch_size seed normalize normalize_target channels target_channels augment dtype padding uneven "
     "window block rank world_size locality prefetch prefetch_bytes on_corrupt missing noise"),
    (microtome.Tiles, {"source": STACK, "tile": (16, 16), "overlap": 4},
     "source tile overlap halo batch_size normalize pad dtype align channels missing"),
    (microtome.predict,
     {"model": lambda batch: batch, "source": STACK, "tile": (16, 16), "overlap": 4, "progress": False},
     "model source output tile overlap halo batch_size normalize inverse blend outputs dtype samples seed tta channels "
     f"pad align part device missing {STORAGE}"),
    (microtome.convert, {"source": STACK, "progress": False},
     f"source region join part claim lease missing label_images channels dtype note {STORAGE}"),
    (microtome.create, {"axes": "YX", "shape": (8, 8), "dtype": "u1"},
     f"like axes shape dtype pixel_size unit channels identity note {STORAGE}"),
    (microtome.statistics, {"stacks": STACK, "progress": False},
     "stacks quantiles bins range mask sample seed missing"),
    (microtome.n2v, BATCH, "batch percentage roi strategy struct seed step first out context"),
    (microtome.add_noise, {"gaussian": 1.0, **BATCH},
     "batch gaussian photons scale offset seed step first out context"),
    (STACK.view, {}, "sample channels z region max_size contrast project colors"),
    (STACK.view_patches, MANY, "sample_idx channels coords patch_size max_size contrast colors"),
    (microtome.Context, {}, "threads cache_bytes limits in_flight http s3 disk_cache disk_cache_bytes"),
    (STATISTICS.quantile, {"q": 0.01}, "q"),
    (STATISTICS.quantile_range, {}, "low high"),
    (STATISTICS.histogram, {}, "channel"),
    (microtome.Normalization, {"kind": "mean_std", "rows": [(0, 1, 1, 0)]}, "kind rows"),
    (microtome.ArrayStack, {"array": PIXELS, "axes": "CYX"}, "array axes"),
]  # fmt: skip

# The word for an argument where a message uses another than its name.
WORDS = {
    "sample_idx": "sample", "stack_idx": "stack", "quantiles": "quantile", "low": "quantile", "high": "quantile",
    "axes": "axis", "z": "plane", "label_images": "label image", "q": "quantile",
}  # fmt: skip
NUMBERS = {"padding", "scale", "offset"}  # -5 is one
# A path that does not exist is in the message itself.
PATHS = {"path", "paths", "map", "source", "model", "output"}
# Meaningful, or any text will do.
RIGHT = {
    ("from_array", "source", "nonsense"), ("open", "part", "nonsense"), ("convert", "note", "nonsense"),
    ("create", "identity", "nonsense"), ("create", "note", "nonsense"), ("Context", "disk_cache", "nonsense"),
    ("Normalization", "kind", "nonsense"), ("predict", "device", "nonsense"), ("convert", "claim", -5),
}  # fmt: skip


@pytest.mark.parametrize(("call", "arguments", "keywords"), CALLS, ids=lambda value: getattr(value, "__name__", ""))
def test_errors_name_the_argument(tmp_path, monkeypatch, call, arguments, keywords):
    monkeypatch.chdir(tmp_path)
    np.save("i.npy", PIXELS)
    numbers = itertools.count()
    for keyword, wrong in itertools.product(keywords.split(), (object(), "nonsense", -5)):
        if (call.__name__, keyword, wrong) in RIGHT or (keyword in NUMBERS and wrong == -5):
            continue
        own = {"predict": "output", "convert": "path", "create": "path"}.get(call.__name__)
        target = {own: f"{next(numbers)}.zarr"} if own else {}
        try:
            call(**{**arguments, **target, keyword: wrong})
        except Exception as error:  # whatever it is, the message counts
            text = str(error).replace(" ", "_")
            names = {keyword, WORDS.get(keyword, keyword).replace(" ", "_")}
            if keyword in PATHS and wrong == "nonsense":
                names.add("nonsense")
            assert any(name in text for name in names), (keyword, wrong, error)
        else:
            raise AssertionError(f"{keyword}={wrong!r} was accepted")


def test_normalization_says_what_it_takes():
    for arguments in (([0], [1]), ("mean_std", [0, 1]), ("mean_std", []), ("mean_std", "x"), (0, [(0, 1, 1, 0)])):
        with pytest.raises(TypeError, match=r"takes kind, a name, and rows, four numbers .*normalize=\(mean, std\)"):
            microtome.Normalization(*arguments)
