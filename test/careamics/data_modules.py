# SPDX-License-Identifier: BSD-3-Clause
"""CAREamics' data module and ours on the same data, and what can be compared between them."""

import numpy as np
import torch
from careamics.config.data import DataConfig
from careamics.lightning import CareamicsDataModule
from microtome.careamics import DataModule

SEED = 42


def make_config(**more):
    options = {
        "mode": "training",
        "data_type": "array",
        "axes": "YX",
        "patching": {"name": "stratified", "patch_size": [16, 16]},
        "normalization": {"name": "mean_std"},
        "augmentations": [],
        "batch_size": 4,
        "n_val_patches": 3,
        "num_workers": 0,
        "seed": SEED,
    }
    return DataConfig(**{**options, **more})


def make_pixels(shape, dtype="u2", seed=1):
    """Noise on a gradient: no two patches are alike."""
    random = np.random.default_rng(seed)
    return random.poisson(np.linspace(20, 90, shape[-1]), shape).astype(dtype)


def make_both(data, *, loading=None, stage="fit", **options):
    """Both modules, each with a configuration of its own, which its statistics are set in."""
    theirs = CareamicsDataModule(make_config(**options), **data, loading=loading)
    ours = DataModule(make_config(**options), **data, loading=loading)
    for module in (theirs, ours):
        module.setup(stage)
    return theirs, ours


def same_form(theirs, ours, where="batch"):
    """Compare types, keys, shapes and element types: everything but the numbers."""
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, torch.Tensor), where
        assert (theirs.dtype, theirs.shape) == (ours.dtype, ours.shape), where
    elif isinstance(theirs, dict):
        assert type(theirs) is type(ours) and list(theirs) == list(ours), where
        for name, value in theirs.items():
            same_form(value, ours[name], f"{where}[{name!r}]")
    elif isinstance(theirs, str):
        assert isinstance(ours, str), where
    else:
        assert type(theirs) is type(ours) and len(theirs) == len(ours), (where, type(theirs), type(ours))
        for k, (one, other) in enumerate(zip(theirs, ours, strict=True)):
            same_form(one, other, f"{where}[{k}]")


def specs(batch):
    """The regions of a batch, one by one."""
    spec = batch[0].region_spec
    for k in range(len(batch[0].data)):
        yield {
            name: tuple(int(column[k]) for column in values) if isinstance(values, list) else int(values[k])
            for name, values in spec.items()
        }


def facts(batches):
    """What batches say about each image, and each array: the same in all its patches."""
    found = {}
    for batch in batches:
        for k, stack in enumerate(batch[0].region_spec["data_idx"].tolist()):
            for number, array in enumerate(batch):
                texts = tuple(getattr(array, name)[k] for name in ("source", "dtype", "axes", "target_axes"))
                shapes = [array.data_shape, array.original_data_shape, *array.additional_metadata.values()]
                fact = (*texts, [[int(column[k]) for column in shape] for shape in shapes])
                assert found.setdefault((stack, number), fact) == fact
    return found


def turns(patch):
    """All eight symmetries of a patch."""
    for image in (patch, patch[..., ::-1]):
        for k in range(4):
            yield np.rot90(image, k, axes=(-2, -1))


def their_patches(dataset, spec):
    """What CAREamics' classes make of a region."""
    pair = dataset.patch_constructor._extract_patches(spec)
    return [patch for patch in dataset.normalization(*pair) if patch is not None]


def same_pixels(dataset, batches, *, turned=False):
    """CAREamics' patches at our places are ours, bit for bit; counts them."""
    n = 0
    for batch in batches:
        for k, spec in enumerate(specs(batch)):
            theirs = their_patches(dataset, spec)
            ours = [array.data[k].numpy() for array in batch]
            assert len(theirs) == len(ours)
            choices = [list(turns(patch)) if turned else [patch] for patch in theirs]
            assert any(
                all(np.array_equal(one, other) for one, other in zip(choice, ours, strict=True))
                for choice in zip(*choices, strict=True)
            ), spec
            n += 1
    return n


def share_statistics(theirs, ours):
    """Let CAREamics' datasets normalize with our statistics."""
    from careamics.dataset.normalization import create_normalization

    made = create_normalization(ours.config.normalization)
    for dataset in (theirs.train_dataset, theirs.val_dataset):
        dataset.normalization = made


def same_batches(theirs, ours, *, turned=False):
    """Compare the batches of an epoch and those of validation."""
    share_statistics(theirs, ours)
    for name, dataset in (("train", theirs.train_dataset), ("val", theirs.val_dataset)):
        loops = [getattr(module, f"{name}_dataloader")() for module in (theirs, ours)]
        assert len(loops[0]) == len(loops[1])
        both = [list(loop) for loop in loops]
        for one, other in zip(*both, strict=True):
            same_form(one, other)
        one, other = (facts(batches) for batches in both)
        shared = set(one) & set(other)  # validation may have seen other images
        assert shared == set(one) or name == "val"
        assert all(one[key] == other[key] for key in shared)
        assert same_pixels(dataset, both[1], turned=turned and name == "train") == len(dataset)
