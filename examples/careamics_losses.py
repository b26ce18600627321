# SPDX-License-Identifier: BSD-3-Clause
"""Does training with microtome's data module reach the loss of CAREamics' own? Usage: careamics_losses.py [NAME...]

n2v: Noise2Void on noisy images. care: pairs of noisy and clean images. windows: Noise2Void, with the patches of an epoch
in windows of blocks, and in perfectly random order. Each is trained with three seeds; the losses are those of unseen
images, the seconds those of the epochs alone.
"""

import logging
import sys
import tempfile
import time
import warnings
from pathlib import Path

import lightning
import numpy as np
import torch
import zarr
from careamics.config.factories import create_advanced_care_config, create_advanced_n2v_config
from careamics.lightning import CareamicsDataModule
from careamics.lightning.modules import CAREModule, N2VModule
from microtome.careamics import DataModule


def make_image(size, random):
    """An image of unlike regions: stripes and spots of all sizes, here dark and there bright."""
    y, x = np.mgrid[:size, :size] / size
    waves = np.sin(2 * np.pi * (3 + 20 * x) * (x + random.random())) * np.cos(2 * np.pi * random.uniform(4, 12) * y)
    spots = sum(
        np.exp(-((y - a) ** 2 + (x - b) ** 2) / c**2) for a, b, c in random.uniform(0.02, 0.98, (12, 3)) * [1, 1, 0.1]
    )
    return random.uniform(3, 8) + 8 * (1 + waves) * x + 16 * spots * y


def make_images(folder, n, size, patch, seed=1):
    """Write noisy and clean images as Zarr arrays."""
    random = np.random.default_rng(seed)
    clean = [make_image(size, random).astype(np.float32) for _ in range(n)]
    for name, images in (("clean", clean), ("noisy", [random.poisson(image).astype(np.uint16) for image in clean])):
        for k, image in enumerate(images):
            group = zarr.open_group(folder / f"{name}{k}.zarr", mode="w")
            group.create_array("0", data=image, chunks=(patch, patch))
    return [[f"file://{folder}/{name}{k}.zarr/0" for k in range(n)] for name in ("noisy", "clean")]


def make_config(name, epochs, seed, patch):
    options = {} if name == "care" else {"masked_pixel_percentage": 2.0}
    make = create_advanced_care_config if name == "care" else create_advanced_n2v_config
    return make(
        experiment_name=name,
        data_type="zarr",
        axes="YX",
        patch_size=[patch, patch],
        batch_size=16,
        num_epochs=epochs,
        seed=seed,
        num_workers=0,
        model_params={"depth": 2, "num_channels_init": 8, "use_batch_norm": name != "windows"},
        optimizer_params={"lr": 3e-3},
        lr_scheduler="StepLR",
        lr_scheduler_params={"step_size": max(epochs // 3, 1), "gamma": 0.3},
        **options,
    )


class Clock(lightning.Callback):
    """Measures epochs."""

    def __init__(self):
        self.seconds = []

    def on_train_epoch_start(self, trainer, module):
        self.start = time.perf_counter()

    def on_train_epoch_end(self, trainer, module):
        self.seconds.append(time.perf_counter() - self.start)


def train(name, make_module, data, *, epochs, seed, patch, **options):
    """Return the loss of the last epoch on images that were not trained on, and the shortest time of an epoch."""
    noisy, clean = data
    config = make_config(name, epochs, seed, patch)
    targets = {"train_data_target": clean[:-1], "val_data_target": clean[-1:]} if name == "care" else {}
    module = make_module(config.data_config, train_data=noisy[:-1], val_data=noisy[-1:], **targets, **options)
    lightning.seed_everything(seed, verbose=False)
    network = (CAREModule if name == "care" else N2VModule)(config.algorithm_config)
    clock = Clock()
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        callbacks=[clock],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(network, datamodule=module)
    return score(network, config, noisy[-1], clean[-1]), min(clock.seconds)


def score(network, config, noisy, clean):
    """Mean squared error of a denoised image, relative to that of the noise; the same for all data modules."""
    predicting = config.data_config.convert_mode("predicting")
    module = DataModule(predicting, pred_data=[noisy], pred_data_target=None)
    module.setup("predict")
    ((batch,),) = module.predict_dataloader()
    with torch.no_grad():
        output = network.eval()(batch.data)
    normalization = module.predict_dataset.normalization
    result = normalization.denormalize(output).numpy()[0, 0]
    truth, input_ = (
        zarr.open_array(path.removeprefix("file://"), mode="r")[()].astype(np.float32) for path in (clean, noisy)
    )
    return float(np.mean((result - truth) ** 2) / np.mean((input_ - truth) ** 2))


def compare(name, folder, *, epochs=None, seeds=(1, 2, 3), size=192):
    """Train with each of two ways and each seed; returns losses and seconds by way."""
    if name == "windows":  # 128 blocks of 48 x 48 pixels in 8 images: 8 windows of 16 blocks
        n, patch, epochs = 9, 16, epochs or 9
        ways = {"windows": (DataModule, {"block": (3, 3), "window": 16}), "shuffle": (DataModule, {"window": 0})}
    else:
        n, patch, epochs = 5, 32, epochs or 12
        ways = {"microtome": (DataModule, {}), "CAREamics": (CareamicsDataModule, {})}
    data = make_images(folder, n, size, patch)
    results = {way: [] for way in ways}
    for seed in seeds:
        for way, (make_module, options) in ways.items():
            results[way].append(train(name, make_module, data, epochs=epochs, seed=seed, patch=patch, **options))
    return {way: tuple(np.array(each).T) for way, each in results.items()}


def main():
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    print(f"{'':10}{'':12}loss of each seed           mean     s/epoch")
    for name in sys.argv[1:] or ["n2v", "care", "windows"]:
        with tempfile.TemporaryDirectory() as folder:
            for way, (losses, seconds) in compare(name, Path(folder)).items():
                each = "  ".join(f"{loss:.4f}" for loss in losses)
                print(f"{name:10}{way:12}{each:28}{losses.mean():.4f}   {seconds.min():.2f}", flush=True)


if __name__ == "__main__":
    main()
