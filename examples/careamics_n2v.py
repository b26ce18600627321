# SPDX-License-Identifier: BSD-3-Clause
"""Noise2Void with CAREamics on images that microtome reads. Usage: careamics_n2v.py FOLDER

Trains on a noisy image alone, and draws input and result side by side: FOLDER/denoised.png.
"""

import os
import sys
from pathlib import Path

import microtome
import numpy as np
from careamics.config.factories import create_advanced_n2v_config
from microtome.careamics import CAREamist

ROOT = Path(__file__).resolve().parent.parent


def find_image():
    """Return a noisy fluorescence image of the test data, or else the image of the demo."""
    noisy = Path(os.environ.get("MICROTOME_TEST_DATA", ROOT / "../shared/data"), "denoise/noisy/fish.tif")
    return noisy if noisy.exists() else ROOT / "demo/nuclei.tif"


def main():
    folder = Path(sys.argv[1])
    image = find_image()
    config = create_advanced_n2v_config(
        experiment_name="example",
        data_type="custom",
        axes="YX",
        patch_size=[64, 64],
        batch_size=16,
        num_epochs=25,
        n_val_patches=4,
        seed=1,
        model_params={"depth": 2, "num_channels_init": 16},
    )
    careamist = CAREamist(config, work_dir=folder, enable_progress_bar=False)
    careamist.train(train_data=image)
    (result,), _ = careamist.predict(image, tile_size=(256, 256), tile_overlap=(48, 48))

    noisy = microtome.open(image, "YX")[0, 0].astype(np.float32)
    pair = np.hstack([noisy, np.full((len(noisy), 8), noisy.max()), np.clip(result, noisy.min(), noisy.max())])
    microtome.from_array(pair, "YX").view(max_size=2048).save(folder / "denoised.png")
    print(f"{image}, before and after: {folder / 'denoised.png'}")


if __name__ == "__main__":
    main()
