# SPDX-License-Identifier: BSD-3-Clause
"""microtome.careamics.DataModule beside CAREamics' own: each field of the configuration is compared or refused.

A test names the fields that it compares; the last one but for refusals checks that none is left over.
"""

import itertools
import typing

import microtome
import numpy as np
import pytest
import tifffile
import zarr
from careamics.config.data import DataConfig, MicroSplitDataConfig
from careamics.dataset.augmentation.compose import Compose
from careamics.dataset.factory import ImageStackLoading, ReadFuncLoading
from data_modules import (
    SEED,
    make_both,
    make_config,
    make_pixels,
    same_batches,
    same_form,
    same_pixels,
    specs,
)
from microtome._careamics_config import REFUSED
from microtome.careamics import DataModule
from pydantic import BaseModel

COMPARED = set()


def compares(*fields):
    """Mark a test as the one that compares fields."""
    COMPARED.update(fields)
    return lambda test: test


# -- images ------------------------------------------------------------------------------------------------------------


@compares("mode", "data_type", "axes", "patching.random.patch_size", "patching.stratified.patch_size")
@pytest.mark.parametrize("kind", ["array", "tiff", "zarr"])
@pytest.mark.parametrize(
    ("axes", "shape"),
    [("YX", (50, 61)), ("SYX", (3, 40, 50)), ("CYX", (2, 50, 40)), ("YXTC", (50, 40, 2, 3)), ("ZYX", (9, 40, 36))],
)
def test_images(kind, axes, shape, tmp_path):
    data = make_pixels(shape)
    if kind == "tiff":
        tifffile.imwrite(tmp_path / "a.tif", data)
        data = tmp_path / "a.tif"
    elif kind == "zarr":
        zarr.open_group(tmp_path / "a.zarr", mode="w").create_array("0", data=data, chunks=[9] * len(shape))
        data = tmp_path / "a.zarr"
    size = [8, 16, 16][-axes.count("Z") - 2 :]
    theirs, ours = make_both(
        {"train_data": data}, data_type=kind, axes=axes, patching={"name": "stratified", "patch_size": size}
    )
    same_batches(theirs, ours)
    options = {"data_type": kind, "axes": axes, "patching": {"name": "random", "patch_size": size}}
    same_batches(*make_both({"train_data": data, "val_data": data}, **options))


@compares("patching.fixed_random.patch_size", "batch_size")
@pytest.mark.parametrize("batch_size", [1, 5, 12])
def test_several_images(batch_size):
    data = [make_pixels(shape, seed=k) for k, shape in enumerate([(1, 33, 64), (4, 48, 31), (2, 64, 64)])]
    theirs, ours = make_both({"train_data": data, "val_data": data[1:]}, axes="SYX", batch_size=batch_size)
    same_batches(theirs, ours)
    assert len(theirs.val_dataset) == ours.val_loader.n_patches == 4 * 6 + 2 * 16


@compares("channels", "target_axes")
@pytest.mark.parametrize("channels", [None, [0], [2, 0]])
def test_targets(channels):
    """The channels are those of the input; targets have all of theirs."""
    data = {"train_data": make_pixels((3, 48, 40)), "train_data_target": make_pixels((48, 40, 2), seed=2)}
    theirs, ours = make_both(data, axes="CYX", target_axes="YXC", channels=channels, normalization={"name": "min_max"})
    same_batches(theirs, ours)
    (batch, target), *_ = ours.val_dataloader()
    assert batch.data.shape[1] == len(channels or "RGB") and target.data.shape[1] == 2


@compares("in_memory")
def test_in_memory(tmp_path):
    """Nothing is read into memory, whatever the field says."""
    for k in range(3):
        tifffile.imwrite(tmp_path / f"{k}.tif", make_pixels((40, 48), seed=k))
    for in_memory in (False, True):
        same_batches(*make_both({"train_data": tmp_path}, data_type="tiff", in_memory=in_memory))


class OwnStack:
    """An ImageStack of a user, without an array."""

    source, data_dtype, original_axes = "own", np.dtype("u1"), "TYX"
    original_data_shape, data_shape = (2, 48, 64), (2, 1, 48, 64)

    def extract_patch(self, sample_idx, channels, coords, patch_size):
        (y, x), (h, w) = coords, patch_size
        return (np.add.outer(np.arange(y, y + h) * 2, np.arange(x, x + w)) + sample_idx).astype(np.float32)[None]


def test_custom_loading():
    data = {"train_data": [1, 2, 3]}
    loading = ImageStackLoading(lambda source, axes: [OwnStack() for _ in source])
    theirs, ours = make_both(data, data_type="custom", axes="TYX", loading=loading)
    same_batches(theirs, ours)
    assert len(ours.train_loader.patching.stacks) == 3


def test_custom_read_function(tmp_path):
    for k in range(2):
        np.save(tmp_path / f"{k}.npy", make_pixels((40, 48), seed=k))
    loading = ReadFuncLoading(lambda file_path: np.load(file_path), extension_filter="*.npy")
    same_batches(*make_both({"train_data": tmp_path}, data_type="custom", loading=loading))


# -- statistics --------------------------------------------------------------------------------------------------------


def measured(dtype="u2", **options):
    """Statistics of both of the same pixels: each sample is a patch. Differs from the pixels for float types."""
    data = np.concatenate([make_pixels((6, 3, 16, 16), dtype, seed=3) * np.array([1, 2, 5], dtype)[:, None, None]])
    target = data[:, ::-1] + np.array(7, dtype)
    both = {"train_data": data, "train_data_target": target, "val_data": data, "val_data_target": target}
    theirs, ours = make_both(both, axes="SCYX", **options)
    same_batches(theirs, ours)
    return data, target, theirs.config.normalization, ours.config.normalization


@compares("normalization.none.name", "normalization.mean_std.name", "normalization.min_max.name")
@compares("normalization.mean_std.per_channel", "normalization.mean_std.skip_target")
@compares("normalization.min_max.per_channel", "normalization.min_max.skip_target")
@compares("normalization.mean_std.input_means", "normalization.mean_std.input_stds")
@compares("normalization.mean_std.target_means", "normalization.mean_std.target_stds")
@compares("normalization.min_max.input_mins", "normalization.min_max.input_maxes")
@compares("normalization.min_max.target_mins", "normalization.min_max.target_maxes")
@pytest.mark.parametrize("name", ["none", "mean_std", "min_max"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize(
    ("channels", "per_channel", "skip"), list(itertools.product([None, [2, 0]], [True, False], [True, False]))
)
def test_statistics(name, dtype, channels, per_channel, skip):
    options = {} if name == "none" else {"per_channel": per_channel, "skip_target": skip}
    _, _, theirs, ours = measured(dtype, channels=channels, normalization={"name": name, **options})
    numbers = theirs.model_dump()
    for field, value in ours.model_dump().items():
        if isinstance(numbers[field], list):
            np.testing.assert_allclose(value, numbers[field], rtol=1e-6)
        else:
            assert value == numbers[field]


@compares("normalization.quantile.name", "normalization.quantile.per_channel", "normalization.quantile.skip_target")
@compares("normalization.quantile.lower_quantiles", "normalization.quantile.upper_quantiles")
@compares("normalization.quantile.input_lower_quantile_values", "normalization.quantile.input_upper_quantile_values")
@compares("normalization.quantile.target_lower_quantile_values", "normalization.quantile.target_upper_quantile_values")
@pytest.mark.parametrize("levels", [(0.01, 0.99), (0.0, 1.0), ([0.1, 0.0, 0.02], [0.9, 1.0, 0.5])])
@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("per_channel", [True, False])
def test_quantiles(levels, per_channel, skip):
    """CAREamics' quantiles are those of a histogram: one bin and the gap between neighbours apart at most."""
    if isinstance(levels[0], list) and not per_channel:
        return
    options = {"lower_quantiles": levels[0], "upper_quantiles": levels[1], "per_channel": per_channel}
    if not per_channel and not skip:
        skip = True  # CAREamics cannot compute them for targets of several channels
    data, target, theirs, ours = measured("f4", normalization={"name": "quantile", "skip_target": skip, **options})
    for side, pixels in (("input", data), ("target", target)):
        for which in ("lower", "upper"):
            got, wanted = (getattr(c, f"{side}_{which}_quantile_values") for c in (ours, theirs))
            if side == "target" and skip:
                assert got is wanted is None
                continue
            levels = getattr(ours, f"{which}_quantiles")
            rows = [pixels.ravel()] if not per_channel else np.swapaxes(pixels, 0, 1).reshape(3, -1)
            for k, row in enumerate(rows):
                assert abs(got[k] - wanted[k]) <= tolerance(row, levels[k % len(levels)])
    assert ours.lower_quantiles == theirs.lower_quantiles


def tolerance(values, level):
    """A bin of the histogram, which is wider than the values by 10 % on both sides, and a gap between neighbours."""
    ordered, at = np.sort(values), level * (len(values) - 1)
    near = ordered[[max(int(np.floor(at)) - 1, 0), min(int(np.ceil(at)) + 1, len(values) - 1)]]
    return 1.3 * np.ptp(values) / 65536 + np.ptp(near)


GIVEN = [
    {"name": "mean_std", "input_means": [3], "input_stds": [2], "target_means": [1, 2, 3], "target_stds": [4, 5, 6]},
    {
        "name": "min_max",
        "input_mins": [1, 2, 3],
        "input_maxes": [4, 5.5, 7],
        "target_mins": [0.25],
        "target_maxes": [8],
    },
    {
        "name": "quantile",
        "input_lower_quantile_values": [1, 2, 3],
        "input_upper_quantile_values": [4, 5.5, 7],
        "target_lower_quantile_values": [1, 1, 1],
        "target_upper_quantile_values": [2, 3, 4],
    },
]


@pytest.mark.parametrize("given", GIVEN, ids=lambda given: given["name"])
def test_given_statistics(given):
    _, _, theirs, ours = measured(normalization=given)
    assert ours == theirs == type(ours)(**given)


def test_statistics_of_several_types():
    data = [make_pixels((16, 16), "u1"), make_pixels((16, 16), "f4", seed=2)]
    theirs, ours = make_both({"train_data": data, "val_data": data})
    np.testing.assert_allclose(
        ours.config.normalization.input_means, theirs.config.normalization.input_means, rtol=1e-6
    )


def test_what_cannot_be_normalized():
    for name in ("mean_std", "min_max", "quantile"):
        module = DataModule(make_config(normalization={"name": name}), train_data=np.full((64, 64), 7))
        with pytest.raises(ValueError, match=r"channel 0 .* give other input_"):
            module.setup("fit")
    given = {"name": "mean_std", "input_means": [1, 2, 3], "input_stds": [1, 2, 3]}
    module = DataModule(make_config(normalization=given, axes="CYX"), train_data=make_pixels((2, 64, 64)))
    with pytest.raises(ValueError, match="input_means has 3 values for 2 channels"):
        module.setup("fit")


# -- filters and validation ------------------------------------------------------------------------------------------------


def regions(theirs, ours):
    """The regions of all samples have the same weights; the number of patches follows from them."""
    patching = theirs.train_dataset.patch_constructor.patching_strategy
    for d, image in enumerate(patching.image_patching):
        for s, sample in enumerate(image):
            grid = ours.train_loader.patching.grid(d, s)
            assert sample.n_patches == grid.n_patches
            assert sample.region_bins.probs.tolist() == grid.probabilities.ravel().tolist()
    assert patching.n_patches == len(ours.train_loader.patching)
    return patching.n_patches


@compares(
    *(
        f"patch_filter.{name}.{field}"
        for name in ("max", "mean_std", "shannon")
        for field in ("name", "ref_channel", "filtered_patch_prob")
    )
)
@compares("patch_filter.max.threshold", "patch_filter.max.coverage", "patch_filter.mean_std.mean_threshold")
@compares("patch_filter.mean_std.std_threshold", "patch_filter.shannon.threshold")
@pytest.mark.parametrize(
    "options",
    [
        {"name": "max", "threshold": 95},
        {"name": "max", "threshold": 90, "coverage": 0.6, "ref_channel": 1, "filtered_patch_prob": 0.3},
        {"name": "mean_std", "mean_threshold": 55},
        {"name": "mean_std", "mean_threshold": 0, "std_threshold": 9.3, "ref_channel": 1, "filtered_patch_prob": 0.2},
        {"name": "shannon", "threshold": 5.4},
        {"name": "shannon", "threshold": 5.4, "ref_channel": 1, "filtered_patch_prob": 0.5},
    ],
)
def test_filters(options):
    data = [make_pixels((2, 2, 90, 120)), make_pixels((1, 2, 64, 80), seed=4)]
    theirs, ours = make_both({"train_data": data, "val_data": data}, axes="SCYX", patch_filter=options)
    whole = microtome.Stratified(ours.train_loader.patching.stacks, (16, 16))
    assert regions(theirs, ours) < len(whole)
    same_batches(theirs, ours)


@compares(*(f"mask_filter.{field}" for field in ("name", "ref_channel", "filtered_patch_prob", "coverage")))
@pytest.mark.parametrize("options", [None, {"coverage": 0.5, "ref_channel": 1, "filtered_patch_prob": 0.0}])
@pytest.mark.parametrize("more", [{}, {"patch_filter": {"name": "mean_std", "mean_threshold": 50}}])
def test_masks(options, more):
    data = make_pixels((2, 90, 120))
    mask = np.zeros_like(data)
    mask[0, 20:70, 10:80] = mask[1, 30:50] = 1
    options = {} if options is None else {"mask_filter": options}
    theirs, ours = make_both(
        {"train_data": data, "train_data_mask": mask, "val_data": data}, axes="CYX", **options, **more
    )
    assert regions(theirs, ours) < 6 * 8


@compares("n_val_patches")
@pytest.mark.parametrize("n", [0, 1, 20])
def test_validation_split(n):
    data = [make_pixels((2, 64, 64)), make_pixels((1, 100, 50), seed=5)]
    theirs, ours = make_both({"train_data": data}, axes="SYX", n_val_patches=n)
    assert len(theirs.val_dataset) == sum(len(batch[0].data) for batch in ours.val_dataloader()) == n
    assert len(theirs.train_dataset) == len(ours.train_loader.patching)
    held_out = [spec for batch in ours.val_dataloader() for spec in specs(batch)]
    other = DataModule(make_config(axes="SYX", n_val_patches=n, seed=SEED + 1), train_data=data)
    other.setup("fit")
    assert n < 2 or [spec for batch in other.val_dataloader() for spec in specs(batch)] != held_out
    seen = [np.zeros(images.shape, bool) for images in data]
    for spec in held_out:
        y, x = spec["coords"]
        assert y % 16 == x % 16 == 0
        seen[spec["data_idx"]][spec["sample_idx"], y : y + 16, x : x + 16] = True
    assert sum(map(np.sum, seen)) == n * 16 * 16
    for batch in ours.train_dataloader():
        for spec in specs(batch):
            y, x = spec["coords"]
            assert not seen[spec["data_idx"]][spec["sample_idx"], y : y + 16, x : x + 16].any()


def test_what_does_not_fit_the_patching():
    """The same kinds of errors, with the name of the field."""
    random = {"name": "random", "patch_size": [16, 16]}
    data = make_pixels((64, 64))
    split = DataModule(make_config(patching=random), train_data=data)
    with pytest.raises(ValueError, match="validation split needs stratified patching"):
        split.setup("fit")
    with pytest.raises(TypeError, match="patch_filter needs stratified patching, not Random"):
        make_both_ours(data, patching=random, patch_filter={"name": "max", "threshold": 3})
    with pytest.raises(TypeError, match="the mask needs stratified patching"):
        make_both_ours(data, patching=random, train_data_mask=data)
    with pytest.raises(ValueError, match="mask_filter of the data configuration is None"):
        make_both_ours(data, mask_filter=None, train_data_mask=data)
    with pytest.raises(ValueError, match="16"):
        DataModule(make_config(n_val_patches=16), train_data=data).setup("fit")
    with pytest.raises(ValueError, match="8 pixels along Y are less than a patch of 16"):
        make_both_ours(data[:8])


def make_both_ours(data, train_data_mask=None, **options):
    DataModule(make_config(**options), train_data=data, val_data=data, train_data_mask=train_data_mask).setup("fit")


# -- augmentation ------------------------------------------------------------------------------------------------------

FLIP, TURN = "XYFlip", "XYRandomRotate90"
STEPS = [
    [],
    [{"name": FLIP}],
    [{"name": FLIP, "flip_x": False, "p": 0.3}],
    [{"name": FLIP, "flip_y": False, "p": 1.0}],
    [{"name": TURN}],
    [{"name": TURN, "p": 0.9}, {"name": FLIP, "p": 0.2}],
    [{"name": FLIP, "p": 0.0}, {"name": TURN, "p": 0.0}],
    [{"name": FLIP}, {"name": TURN}],
]


@compares("augmentations.XYFlip.name", "augmentations.XYFlip.p", "augmentations.XYFlip.flip_x")
@compares("augmentations.XYFlip.flip_y", "augmentations.XYRandomRotate90.name", "augmentations.XYRandomRotate90.p")
@pytest.mark.parametrize("steps", STEPS)
def test_augmentations(steps):
    """The same symmetries, equally often. CAREamics' two steps get seeds of their own, else they are correlated."""
    data = make_pixels((16, 48, 48))
    theirs, ours = make_both({"train_data": data}, axes="SYX", augmentations=steps)
    same_batches(theirs, ours, turned=True)
    for k, step in enumerate(theirs.config.augmentations):
        step.seed = 100 + k
    compose, patch, n = Compose(list(theirs.config.augmentations)), np.arange(4.0).reshape(1, 2, 2), 4000
    eight = np.array([turned(patch, symmetry).ravel() for symmetry in range(8)])
    drawn = [np.flatnonzero((eight == compose(patch)[0].ravel()).all(1))[0] for _ in range(n)]
    loader = ours.train_loader
    got = np.concatenate([loader.read(range(100), epoch).symmetry for epoch in range(n // 100)])
    one, other = (np.bincount(numbers, minlength=8) for numbers in (drawn, got))
    assert ((one > 0) == (other > 0)).all()
    assert (abs(one - other) <= 5 * np.sqrt(one + other + 1)).all(), (one, other)


def turned(patch, symmetry):
    """As microtome.Batch.symmetry says."""
    patch = patch[..., ::-1, :] if symmetry & 1 else patch
    patch = patch[..., ::-1] if symmetry & 2 else patch
    return np.swapaxes(patch, -1, -2) if symmetry & 4 else patch


def test_a_step_cannot_come_twice():
    for steps in ([{"name": FLIP}] * 2, [{"name": FLIP}, {"name": FLIP, "flip_x": False}]):
        with pytest.raises(ValueError, match="augmentations of the data configuration is not supported: XYFlip"):
            make_both_ours(make_pixels((64, 64)), augmentations=steps)
    with pytest.raises(ValueError, match="neither X nor Y"):
        make_both_ours(make_pixels((64, 64)), augmentations=[{"name": FLIP, "flip_x": False, "flip_y": False}])


# -- loops -------------------------------------------------------------------------------------------------------------


@compares("train_dataloader_params", "val_dataloader_params")
@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.filterwarnings("ignore:`train_dataloader_params` includes `shuffle=False`")
def test_parameters_of_loops(drop_last):
    params = {
        "train_dataloader_params": {"shuffle": False, "drop_last": drop_last},
        "val_dataloader_params": {"drop_last": drop_last, "shuffle": True},
    }
    data = make_pixels((70, 70))
    theirs, ours = make_both({"train_data": data, "val_data": data}, **params)
    for name in ("train", "val"):
        one, other = (list(getattr(module, f"{name}_dataloader")()) for module in (theirs, ours))
        assert [len(batch[0].data) for batch in one] == [len(batch[0].data) for batch in other]
    patching = ours.train_loader.patching
    epoch = ours.train_loader.epoch
    coords = [spec["coords"] for batch in ours.train_dataloader() for spec in specs(batch)]
    assert coords == [patching.spec(i, epoch).coords for i in range(len(coords))]
    first = ours.val_loader.patching.specs(range(ours.val_loader.n_patches))
    assert sorted(spec["coords"] for batch in ours.val_dataloader() for spec in specs(batch)) != [
        s.coords for s in first
    ]


@compares("num_workers")
def test_workers_are_not_used():
    data = make_pixels((64, 64))
    for options in ({"num_workers": 2}, {"train_dataloader_params": {"shuffle": True, "num_workers": 3}}):
        module = DataModule(make_config(**options), train_data=data)
        with pytest.warns(UserWarning, match="train_dataloader_params: num_workers not used"):
            module.setup("fit")
    params = {"shuffle": True, "prefetch_factor": 4, "timeout": 3}
    module = DataModule(make_config(train_dataloader_params=params), train_data=data)
    with pytest.warns(UserWarning, match="train_dataloader_params: prefetch_factor, timeout not used"):
        module.setup("fit")


@pytest.mark.parametrize("name", ["sampler", "batch_sampler", "collate_fn", "generator"])
def test_what_would_change_batches_is_refused(name):
    module = DataModule(make_config(val_dataloader_params={name: object()}), train_data=make_pixels((64, 64)))
    with pytest.raises(ValueError, match=rf"val_dataloader_params\['{name}'\] of the data configuration"):
        module.setup("fit")


@compares("seed", "patching.random.seed", "patching.stratified.seed", "patching.fixed_random.seed")
@pytest.mark.parametrize("name", ["random", "stratified"])
def test_seeds(name):
    """Numbers of another generator, but a seed does the same: it makes an epoch repeatable."""

    def epoch(seed, patching_seed=None):
        patching = {"name": name, "patch_size": [16, 16], "seed": patching_seed}
        data = make_pixels((64, 64))
        modules = make_both({"train_data": data, "val_data": data}, seed=seed, patching=patching)
        same_batches(*modules)
        both = (modules[1].train_dataloader(), modules[1].val_dataloader())
        return [[spec["coords"] for batch in loop for spec in specs(batch)] for loop in both]

    assert epoch(5) == epoch(5)
    for k in range(2):
        assert epoch(5)[k] != epoch(6)[k]
    assert epoch(5, 7)[0] != epoch(5)[0] and epoch(5, 7)[1] == epoch(5)[1]


# -- prediction --------------------------------------------------------------------------------------------------------


@compares("pred_dataloader_params", "patching.tiled.patch_size", "patching.tiled.overlaps", "patching.whole.name")
@compares(*(f"patching.{name}.name" for name in ("random", "stratified", "fixed_random", "tiled")))
@pytest.mark.parametrize("target", [True, False])
@pytest.mark.parametrize("patching", [{"name": "whole"}, {"name": "tiled", "patch_size": [32, 32], "overlaps": [8, 8]}])
def test_prediction(patching, target):
    data = {"pred_data": [make_pixels((2, 3, 40, 70)), make_pixels((1, 3, 20, 64), seed=6)]}
    if target:
        data["pred_data_target"] = [image[:, :1] + 3 for image in data["pred_data"]]
    options = {"mode": "predicting", "axes": "SCYX", "channels": [1, 2], "patching": patching, "batch_size": 1}
    given = {"name": "mean_std", "input_means": [3, 5], "input_stds": [2, 7], "target_means": [1], "target_stds": [3]}
    theirs, ours = make_both(data, stage="predict", normalization=given, **options)
    one, other = (list(module.predict_dataloader()) for module in (theirs, ours))
    for a, b in zip(one, other, strict=True):
        same_form(a, b)
        assert list(specs(a)) == list(specs(b))
        assert [str(array.data_shape) for array in a] == [str(array.data_shape) for array in b]
    assert same_pixels(theirs.predict_dataset, other) == len(theirs.predict_dataset)
    assert ours.predict_source_paths == theirs.predict_source_paths == []


def test_prediction_of_images_of_several_sizes():
    images = [make_pixels((40, 70)), make_pixels((20, 64))]
    given = {"name": "mean_std", "input_means": [3], "input_stds": [2]}
    options = {"mode": "predicting", "patching": {"name": "whole"}, "normalization": given}
    module = DataModule(make_config(batch_size=2, **options), pred_data=images)
    module.setup("predict")
    with pytest.raises(ValueError, match="cannot form a batch; use batch_size=1"):
        module.predict_dataloader()


# -- all fields --------------------------------------------------------------------------------------------------------


def models(annotation):
    """The models of a type, however nested."""
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return {annotation} if issubclass(annotation, BaseModel) else set()
    return set().union(*map(models, typing.get_args(annotation)))


def fields_of(config, path=""):
    """The fields of a configuration; those of models inside by field, name of the model and field."""
    found = set()
    for name, field in config.model_fields.items():
        inner = models(field.annotation)
        found |= {f"{path}{name}"} if not inner else set()
        for model in inner:
            label = model.model_fields["name"].default
            found |= fields_of(model, f"{name}." + (f"{label}." if len(inner) > 1 else ""))
    return found


def test_every_field_is_compared_or_refused():
    fields = fields_of(MicroSplitDataConfig)
    assert fields_of(DataConfig) < fields and len(fields) > 60
    refused = {
        field for field in fields if field in REFUSED or f"{field.split('.')[0]}.{field.split('.')[-1]}" in REFUSED
    }
    assert refused.isdisjoint(COMPARED)
    assert refused | COMPARED == fields, sorted((refused | COMPARED) ^ fields)


def refused_configs():
    for name in (FLIP, TURN):
        yield "augmentations.seed", make_config(augmentations=[{"name": name, "seed": SEED + 1}])
    micro = make_config().model_dump()
    micro["augmentations"] = []
    for name, value in {
        "multiscale_count": 2,
        "padding_mode": "wrap",
        "alpha_ranges": [(0.1, 0.9)],
        "uncorrelated_channel_prob": 0.5,
    }.items():
        yield name, MicroSplitDataConfig(**micro, **{name: value})


def test_refusals_name_the_field():
    seen = set()
    for field, config in refused_configs():
        with pytest.raises(microtome.ArgumentError, match=f"^{field} of the data configuration is not supported: "):
            DataModule(config, train_data=make_pixels((64, 64)))
        seen.add(field)
    assert seen == set(REFUSED)
