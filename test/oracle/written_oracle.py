#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""OME-Zarr images that the command writes, read by others. Usage: written_oracle.py COMMAND

zarr-python, zarrs, TensorStore and the command itself read the same pixels of all levels; ome-zarr-models accepts the
metadata. Random axes, shapes, chunks, shards, codecs, element types and pyramids, of both versions.
"""

import itertools
import json
import shutil
import unittest
import warnings

import numpy as np
import ome_zarr_models
import tensorstore
import zarr
import zarrs  # noqa: F401 # registers its pipeline
from common import Oracle, pixels

PIPELINES = {
    "zarr-python": "zarr.core.codec_pipeline.BatchedCodecPipeline",
    "zarrs": "zarrs.ZarrsCodecPipeline",
}
NUMBERS = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "?"]
CODECS = ["zstd", "blosc-zstd", "blosc-lz4", "gzip", "lz4", "none", None]


def pick(random, values):
    return values[random.integers(len(values))]


def text(sizes):
    return "x".join(map(str, sizes))


def random_case(seed):
    """Pixels, their axes, and the options with which they are written."""
    random = np.random.default_rng(seed)
    axes = "".join(axis for axis in "TCZ" if random.integers(2)) + "YX"
    shape = [int(random.integers(1, 60 if axis in "YX" else 6)) for axis in axes]
    image = pixels(shape, pick(random, NUMBERS), seed)
    image[tuple(slice(0, random.integers(0, n + 1)) for n in shape)] = 0
    chunks = [int(2 * random.integers(1, n // 4 + 3)) for n in shape]
    options = {"axes": axes, "chunks": text(chunks), "ome": pick(random, ["0.4", "0.5", "0.5"])}
    if options["ome"] == "0.5" and random.integers(2):
        options["shards"] = text(n * int(random.integers(1, 4)) for n in chunks)
    codec = pick(random, CODECS)
    if codec:
        options["codec"] = codec
        if codec != "none" and random.integers(2):
            options["codec-level"] = int(random.integers(1, 10))
        if codec.startswith("blosc") and random.integers(2):
            options["shuffle"] = pick(random, ["none", "byte", "bit"])
    options["pyramid"] = pick(random, ["1", "auto"])
    options["downsample"] = pick(random, ["mean", "nearest", "mode"])
    return image, options


def halve(image, factor, method):
    """The next level: the mean, or the first, of each cell."""
    if method == "nearest":
        return image[tuple(slice(None, None, n) for n in factor)]
    padded = [(0, -size % n) for size, n in zip(image.shape, factor)]
    cells = np.pad(image.astype(np.float64), padded, constant_values=np.nan)
    for d, n in enumerate(factor):
        cells = cells.reshape(*cells.shape[: 2 * d], -1, n, *cells.shape[2 * d + 1 :])
    mean = np.nanmean(cells, axis=tuple(range(1, 2 * image.ndim, 2)))
    return mean if image.dtype.kind == "f" else np.rint(mean).astype(image.dtype)


class Written(Oracle):
    def setUp(self):
        super().setUp()
        warnings.simplefilter("ignore")  # numcodecs.lz4 in version 3
        self.path = self.folder / "a.zarr"

    def convert(self, *arguments, **options):
        shutil.rmtree(self.path, ignore_errors=True)
        named = itertools.chain(*((f"--{name}", value) for name, value in options.items()))
        self.run_command("convert", *arguments, self.path, "--durability", "never", *named)

    def read_levels(self, pipeline):
        with zarr.config.set({"codec_pipeline.path": PIPELINES[pipeline]}):
            group = zarr.open_group(self.path, mode="r")
            return [group[str(level)][...] for level in range(len(list(group.array_keys())))]

    def read_with_tensorstore(self, level, version):
        spec = {
            "driver": "zarr3" if version == 3 else "zarr",
            "kvstore": {"driver": "file", "path": str(self.path / level)},
        }
        return tensorstore.open(spec, read=True).result().read().result()

    def check(self, image, options):
        np.save(self.folder / "in.npy", image)
        self.convert(self.folder / "in.npy", **options)
        levels = self.read_levels("zarr-python")
        self.assertEqual(levels[0].dtype, image.dtype)
        np.testing.assert_array_equal(levels[0], image)
        for i, (found, expected) in enumerate(zip(self.read_levels("zarrs"), levels, strict=True)):
            np.testing.assert_array_equal(found, expected, f"zarrs, level {i}")
        version = 3 if options["ome"] == "0.5" else 2
        for i, expected in enumerate(levels if options.get("codec") != "lz4" else []):
            np.testing.assert_array_equal(self.read_with_tensorstore(str(i), version), expected, f"level {i}")
            self.assertEqual(self.read_with_tensorstore(str(i), version).dtype, image.dtype)
        for i, expected in enumerate(levels):
            self.check_image(f"{self.path}#level={i}", expected, options["axes"])
        self.check_metadata(levels, options)
        self.check_pyramid(levels, options["downsample"])

    def check_metadata(self, levels, options):
        attributes = zarr.open_group(self.path, mode="r").attrs.asdict()
        multiscale = attributes["ome" if "ome" in attributes else "multiscales"]
        multiscale = multiscale["multiscales"][0] if "ome" in attributes else multiscale[0]
        self.assertEqual([axis["name"] for axis in multiscale["axes"]], list(options["axes"].lower()))
        self.assertEqual([dataset["path"] for dataset in multiscale["datasets"]], [str(i) for i in range(len(levels))])
        for dataset, level in zip(multiscale["datasets"], levels, strict=True):
            scale, *translation = dataset["coordinateTransformations"]
            shift = translation[0]["translation"] if translation else [0] * level.ndim
            factors = scale["scale"]
            self.assertEqual(len(factors), level.ndim)
            for n, whole, factor, offset in zip(level.shape, levels[0].shape, factors, shift, strict=True):
                self.assertEqual(n, -(-whole // int(factor)))
                self.assertEqual(offset, 0 if options["downsample"] == "nearest" else (factor - 1) / 2)
        model = ome_zarr_models.open_ome_zarr(zarr.open_group(self.path, mode="r"))
        self.assertEqual(type(model).__name__, "Image")
        self.assertIn(options["ome"].replace(".", ""), type(model).__module__)

    def check_pyramid(self, levels, method):
        for below, above in itertools.pairwise(levels if method != "mode" else []):
            factor = [-(-n // m) for n, m in zip(below.shape, above.shape, strict=True)]
            expected = halve(below, factor, method)
            if method == "mean" and below.dtype.kind == "f":
                digits = np.finfo(below.dtype).resolution
                np.testing.assert_allclose(above, expected, 20 * digits, 20 * digits * np.abs(below).max(initial=1))
            elif below.dtype != bool and below.dtype.itemsize < 8:
                np.testing.assert_array_equal(above, expected)

    def test_random_images(self):
        for seed in range(120):
            image, options = random_case(seed)
            with self.subTest(seed=seed, shape=image.shape, dtype=image.dtype, **options):
                self.check(image, options)

    def test_defaults(self):
        for shape, axes in [((600, 500), "YX"), ((3, 2, 300, 270), "TCYX"), ((70, 90, 100), "ZYX")]:
            for dtype in ["u1", "u2", "f4"]:
                with self.subTest(shape=shape, dtype=dtype):
                    options = {"axes": axes, "pyramid": "auto", "downsample": "mean", "ome": "0.5"}
                    self.check(pixels(shape, dtype), options)

    def test_many_chunks_become_shards(self):
        image = pixels((2050, 2100), "u2")
        self.check(image, {"axes": "YX", "chunks": "16x16", "ome": "0.5", "downsample": "mean"})
        self.assertIsNotNone(zarr.open_group(self.path, mode="r")["0"].shards)

    def test_metadata_of_an_image(self):
        """What zarr-python wrote comes out as it was, in both versions."""
        image = pixels((2, 3, 40, 50), "u2")
        group = zarr.open_group(self.folder / "in.zarr", mode="w", zarr_format=2)
        group.create_array("0", shape=image.shape, chunks=(1, 1, 32, 32), dtype="u2")[...] = image
        axes = [
            ("t", "time", "second"),
            ("c", "channel", None),
            ("y", "space", "micrometer"),
            ("x", "space", "micrometer"),
        ]
        axes = [{"name": n, "type": k, **({"unit": u} if u else {})} for n, k, u in axes]
        scale = [{"type": "scale", "scale": [2.5, 1, 0.25, 0.5]}]
        datasets = [{"path": "0", "coordinateTransformations": scale}]
        window = {"min": 0, "max": 65535, "start": 5, "end": 1500}
        channels = [
            {"label": label, "color": color, "window": window, "active": True}
            for label, color in [("DAPI", "0000FF"), ("GFP", "00FF00"), ("α-tubulin", "FF00AA")]
        ]
        group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
        group.attrs["omero"] = {"channels": channels}
        for version in ["0.4", "0.5"]:
            with self.subTest(version=version):
                self.convert(self.folder / "in.zarr", ome=version, pyramid=2)
                found = zarr.open_group(self.path, mode="r").attrs.asdict()
                found = found["ome"] if version == "0.5" else found
                self.assertEqual(found["multiscales"][0]["axes"], axes)
                self.assertEqual(found["multiscales"][0]["datasets"][0]["coordinateTransformations"], scale)
                self.assertEqual(
                    found["multiscales"][0]["datasets"][1]["coordinateTransformations"],
                    [
                        {"type": "scale", "scale": [2.5, 1, 0.5, 1]},
                        {"type": "translation", "translation": [0, 0, 0.125, 0.25]},
                    ],
                )
                for one, wanted in zip(found["omero"]["channels"], channels, strict=True):
                    self.assertEqual({name: one[name] for name in wanted}, wanted)
                model = ome_zarr_models.open_ome_zarr(zarr.open_group(self.path, mode="r"))
                self.assertEqual(model.ome_zarr_version, version)

    def test_an_unfinished_image_is_none(self):
        """Others do not take for an image what has no metadata yet."""
        np.save(self.folder / "in.npy", pixels((100, 100), "u2"))
        self.run_command("convert", self.folder / "in.npy", self.path, "--chunks", "16x16", "--part", "1/2", status=3)
        self.assertNotIn("ome", json.loads((self.path / "zarr.json").read_text())["attributes"])
        with self.assertRaises(Exception):
            ome_zarr_models.open_ome_zarr(zarr.open_group(self.path, mode="r"))


if __name__ == "__main__":
    unittest.main()
