# SPDX-License-Identifier: BSD-3-Clause
"""Prediction: what networks return is what is written."""

import warnings

import microtome
import numpy as np
import pytest
from microtome import ArgumentError, Output

TILES = {"tile": (16, 32, 32), "overlap": (4, 8, 8), "batch_size": 3, "progress": False, "durability": "never"}


def identity(batch):
    return batch


def sized(shape, axes):
    return "".join(f"{axis}{n}" for axis, n in zip(axes, shape, strict=True))


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(1).integers(0, 60000, (2, 2, 18, 50, 70), np.uint16)


@pytest.fixture(scope="module")
def stack(pixels):
    return microtome.from_array(pixels, "TCZYX")


@pytest.mark.parametrize("suffix", ["zarr", "ome.tif", "npy"])
@pytest.mark.parametrize("blend", ["crop", "linear", "hann", "gaussian"])
def test_the_identity_gives_the_image(tmp_path, stack, pixels, suffix, blend):
    path = tmp_path / f"out.{suffix}"
    done = microtome.predict(identity, stack, path, blend=blend, dtype="source", normalize=(1000.0, 300.0), **TILES)
    assert done.tiles == 2 * 2 * 2 * 3 and done.skipped == 0 and done.paths == {"": str(path)}
    with microtome.open(path, axes="TCZYX") as out:
        assert out.data_dtype == np.uint16
        # a weighted mean of equal values is that value but for rounding in float32
        assert np.abs(out[:].astype(int) - stack[:].astype(int)).max() <= (blend != "crop")


def test_any_sizes(tmp_path):
    rng = np.random.default_rng(5)
    for i in range(15):
        ndim = rng.integers(2, 4)
        shape = tuple(rng.integers(1, 60, ndim))
        samples, channels = rng.integers(1, 3, 2)
        image = rng.random((samples, channels, *shape), np.float32)
        axes = "TCZYX" if ndim == 3 else "TCYX"
        stack = microtome.from_array(image, axes)
        n = 2 if ndim == 3 and rng.random() < 0.3 else ndim
        tile = rng.integers(8, 70, n)
        overlap = [int(rng.integers(0, (t - 1) // 2 + 1)) * 2 for t in tile]
        overlap = [min(o, (t - 1) // 2 * 2) for o, t in zip(overlap, tile, strict=True)]
        size = int(rng.integers(1, 7))
        seen = []
        done = microtome.predict(
            lambda batch, seen=seen: seen.append(batch.shape) or batch + 1,
            stack,
            tile=[int(t) for t in tile],
            overlap=overlap,
            batch_size=size,
            progress=False,
        )
        assert np.array_equal(done.array, image + 1), (shape, tile, overlap)
        assert {s[1:] for s in seen} == {(channels, *tile)}
        assert all(s[0] == size for s in seen[:-1]) and sum(s[0] for s in seen) == done.tiles
        parts = int(rng.integers(1, 5))
        path = tmp_path / f"{i}.zarr"
        plan = microtome.prepare(
            identity, stack, path, tile=[int(t) for t in tile], overlap=overlap, batch_size=size,
            chunks={"Y": 32, "X": 32}, durability="never",
        )  # fmt: skip
        for k in rng.permutation(parts):
            plan.run(identity, part=(int(k), parts))
        plan.finish()
        with microtome.open(path, axes=sized(image.shape, axes)) as out:
            assert np.array_equal(out[:].reshape(image.shape), image)


def test_a_whole_image_is_one_tile(stack, pixels):
    done = microtome.predict(lambda batch: batch * 2, stack, progress=False)
    assert done.tiles == 2 and np.array_equal(done.array, pixels.astype(np.float32) * 2)


def test_planes(stack, pixels, tmp_path):
    """A network of planes sees no Z."""
    shapes = set()
    done = microtome.predict(
        lambda batch: shapes.add(batch.shape[1:]) or batch, stack, tmp_path / "out.zarr", tile=(32, None), overlap=8,
        progress=False, durability="never",
    )  # fmt: skip
    assert shapes == {(2, 32, 70)} and done.tiles == 2 * 18 * 2
    with microtome.open(tmp_path / "out.zarr") as out:
        assert np.array_equal(out[:], pixels) and out.original_axes == "TCZYX"


def test_many_planes_have_chunks_of_their_own(tmp_path):
    image = np.random.default_rng(2).random((70, 40, 50), np.float32)
    stack = microtome.from_array(image, "ZYX")
    microtome.predict(identity, stack, tmp_path / "a.zarr", tile=32, overlap=(8, 8), progress=False, durability="never")
    with microtome.open(tmp_path / "a.zarr") as out:
        assert out.original_chunks == (1, 40, 50) and np.array_equal(out[0, 0], image)


# -- outputs -------------------------------------------------------------------------


def test_outputs_have_their_own_channels_types_and_sizes(tmp_path, stack, pixels):
    def network(batch):
        assert batch.flags.c_contiguous
        small = batch[:, :1, ::2, ::2, ::2]
        large = batch.repeat(2, -1).repeat(2, -2).repeat(2, -3)
        return {"small": small, "large": large, "mask": batch.sum(1, keepdims=True) > 60000}

    outputs = {"mask": "uint8", "small": Output(dtype="source"), "large": Output(channels=["a", "b"])}
    done = microtome.predict(network, stack, tmp_path / "out.ome.zarr", outputs=outputs, align=2, **TILES)
    assert done.paths == {name: str(tmp_path / f"out_{name}.ome.zarr") for name in outputs}
    wanted = network(pixels.astype(np.float32).reshape(2, 2, 18, 50, 70))
    for name, dtype in (("mask", "uint8"), ("small", "uint16"), ("large", "float32")):
        with microtome.open(done.paths[name], axes=sized(wanted[name].shape, "TCZYX")) as out:
            assert out.data_dtype == dtype
            assert np.array_equal(out[:], wanted[name].astype(dtype))
            assert out.channel_names == (["a", "b"] if name == "large" else out.channel_names)


def test_pixel_sizes_follow_the_scale(tmp_path):
    with microtome.create(
        tmp_path / "in.ome.zarr", axes="ZYX", shape=(4, 33, 33), dtype="uint8",
        pixel_size={"Z": 2.0, "Y": 0.5, "X": 0.25}, unit=dict.fromkeys("ZYX", "micrometer"),
    ) as image:  # fmt: skip
        image[...] = 7
    done = microtome.predict(
        lambda batch: batch[..., ::2, ::2], tmp_path / "in.ome.zarr", tmp_path / "planes.ome.zarr", tile=(16, 16),
        overlap=4, align=2, dtype="source", progress=False,
    )  # fmt: skip
    assert done.tiles == 4 * 9
    with microtome.open(tmp_path / "planes.ome.zarr") as out:
        assert out.data_shape == (1, 1, 4, 17, 17) and (out[:] == 7).all()
        assert out.pixel_size == {"Z": 2.0, "Y": 1.0, "X": 0.5} and out.units["X"] == "micrometer"


def test_normalization_is_undone(stack, pixels):
    normalize = microtome.statistics(stack).mean_std()
    done = microtome.predict(identity, stack, normalize=normalize, **TILES)
    np.testing.assert_allclose(done.array, pixels, rtol=1e-5, atol=0.1)
    left = microtome.predict(identity, stack, normalize=normalize, inverse=None, **TILES)
    assert np.array_equal(left.array, normalize(pixels.reshape(2, 2, 18, 50, 70), axis=1))
    target = microtome.predict(identity, stack, normalize=normalize, inverse=(5.0, 2.0), **TILES)
    np.testing.assert_allclose(target.array, left.array * 2 + 5, rtol=1e-6, atol=1e-5)
    # a channel of its own has the values of its own
    each = microtome.predict(
        lambda batch: np.concatenate([batch, batch], 1), stack, normalize=normalize, channels="each", **TILES
    )
    np.testing.assert_allclose(each.array[:, [0, 2]], pixels, rtol=1e-5, atol=0.1)
    with pytest.raises(ArgumentError, match="1 channels, and the input 2 with normalizations of their own"):
        microtome.predict(lambda batch: batch[:, :1], stack, normalize=normalize, **TILES)


def test_padding():
    stack = microtome.from_array(np.full((10, 12), 4, np.float32), "YX")
    corner = {}
    for pad in ("zero", "mean", "reflect"):
        microtome.predict(
            lambda batch, pad=pad: corner.update({pad: batch[0, 0, -1, -1]}) or batch, stack, tile=16, overlap=0,
            normalize=(2.0, 4.0), pad=pad, progress=False,
        )  # fmt: skip
    assert corner == {"zero": -0.5, "mean": 0.0, "reflect": 0.5}


def test_channels(stack, pixels):
    seen = set()

    def network(batch):
        seen.add((batch.shape[1], batch.flags.c_contiguous))
        return batch + 1

    done = microtome.predict(network, stack, channels="each", **TILES)
    assert seen == {(1, True)} and np.array_equal(done.array, pixels.astype(np.float32) + 1)
    second = microtome.predict(identity, stack, channels=[1], **TILES)
    assert np.array_equal(second.array, pixels[:, 1:])


# -- ensembles -----------------------------------------------------------------------


def test_samples_give_mean_and_spread(stack, pixels):
    drawn, seeds = [], []

    def network(batch, seed):
        seeds.append(seed)
        noise = np.random.default_rng(seed).normal(0, 100, batch.shape).astype(np.float32)
        drawn.append((batch, batch + noise))
        return batch + noise

    size = {**TILES, "tile": (18, 50, 70), "overlap": 0, "batch_size": 1}
    outputs = {"mean": "float32", "std": "float32"}
    done = microtome.predict(network, stack, samples=5, outputs=outputs, seed=3, normalize=(100.0, 10.0), **size)
    assert len(seeds) == 10 and len(set(seeds)) == 10
    for t in range(2):
        values = np.concatenate([out for _, out in drawn[5 * t : 5 * t + 5]]).astype(np.float64)
        np.testing.assert_allclose(done.arrays["mean"][t], values.mean(0) * 10 + 100, rtol=1e-4, atol=0.05)
        np.testing.assert_allclose(done.arrays["std"][t], values.std(0) * 10, rtol=1e-3, atol=0.05)
    again = microtome.predict(network, stack, samples=5, outputs=outputs, seed=3, normalize=(100.0, 10.0), **size)
    other = microtome.predict(network, stack, samples=5, outputs=outputs, seed=4, normalize=(100.0, 10.0), **size)
    assert np.array_equal(again.arrays["std"], done.arrays["std"])
    assert not np.array_equal(other.arrays["std"], done.arrays["std"])


@pytest.mark.parametrize("n", [4, 8])
def test_augmentation_is_turned_back(stack, pixels, n):
    """A network that does the same everywhere has no spread; one that has a direction loses it."""
    outputs = {"mean": "float32", "std": "float32"}
    tiles = {**TILES, "tile": (9, 20, 30)}
    done = microtome.predict(lambda batch: batch**2, stack, tta=n, outputs=outputs, **tiles)
    assert np.allclose(done.arrays["mean"], pixels.astype(np.float32) ** 2, rtol=1e-6)
    assert done.arrays["std"].max() <= 1e-3 * 60000**2
    size = {**tiles, "tile": (18, 50, 70), "overlap": 0}
    shifted = microtome.predict(lambda batch: np.roll(batch, 1, -1), stack, tta=n, outputs=outputs, **size)
    sides = [np.roll(pixels.astype(np.float64), *way) for way in ((1, -1), (-1, -1), (1, -2), (-1, -2))]
    np.testing.assert_allclose(shifted.arrays["mean"], np.mean(sides[: n // 2], 0), rtol=1e-5)
    np.testing.assert_allclose(shifted.arrays["std"], np.std(sides[: n // 2], 0), rtol=1e-3, atol=0.1)


def test_members_are_those_of_all_outputs(stack, pixels):
    """With several outputs of the network, each has its mean and its spread."""
    outputs = {
        "a": Output(of=0),
        "b": Output(of=1),
        "b_std": Output(of=1, statistic="std"),
    }
    done = microtome.predict(lambda batch: [batch, 3 * batch[:, :1]], stack, tta=4, outputs=outputs, **TILES)
    assert np.allclose(done.arrays["a"], pixels) and np.allclose(done.arrays["b"], 3.0 * pixels[:, :1])
    assert done.arrays["b_std"].shape == (2, 1, 18, 50, 70) and done.arrays["b_std"].max() < 1


# -- what is told --------------------------------------------------------------------


def test_progress(stack, pixels):
    calls = []
    microtome.predict(identity, stack, **{**TILES, "progress": lambda *call: calls.append(call)})
    assert calls[0] == (0, 24, float("inf")) and calls[-1] == (24, 24, 0.0)
    assert len(calls) == 2  # once a second


def test_nan_is_told_once(stack, tmp_path):
    def network(batch):
        out = batch.copy()
        out[:, :, 0, 0, :2] = np.nan
        return out

    size = {**TILES, "tile": (18, 50, 70), "overlap": 0}
    with pytest.warns(microtome.ImageWarning, match="8 values of the prediction are NaN") as caught:
        done = microtome.predict(network, stack, **size)
    assert done.nan == 8 and len(caught) == 1 and caught[0].filename == __file__
    assert "8 values are NaN" in done.report()
    with pytest.warns(microtome.ImageWarning, match="8 NaN became 0") as caught:
        microtome.predict(network, stack, tmp_path / "out.zarr", dtype="source", **size)
    assert len(caught) == 1 and caught[0].filename == __file__


def test_clipped_values_are_told(stack, pixels, tmp_path):
    n = int((pixels > 255).sum())
    for place in (None, tmp_path / "out.zarr"):
        with pytest.warns(microtome.ImageWarning, match=f"{n} values were clipped") as caught:
            done = microtome.predict(identity, stack, place, dtype="uint8", **TILES)
        assert len(caught) == 1 and (place or np.array_equal(done.array, np.minimum(pixels, 255)))


def test_samples_along_s_are_a_collection(tmp_path):
    image = np.random.default_rng(3).random((2, 3, 40, 50), np.float32)
    stack = microtome.from_array(image, "STYX")
    size = {"tile": (32, 32), "overlap": 8, "progress": False, "durability": "never"}
    done = microtome.predict(identity, stack, **size)
    assert np.array_equal(done.array, image)
    microtome.predict(identity, stack, tmp_path / "out.ome.zarr", identity="x", **size)
    for i in range(6):
        with microtome.open(tmp_path / f"out.ome.zarr/{i}") as out:
            assert np.array_equal(out[0, 0], image.reshape(6, 40, 50)[i])
    assert len(microtome.list_parts(tmp_path / "out.ome.zarr")) == 6
    again = microtome.predict(identity, stack, tmp_path / "out.ome.zarr", identity="x", **size)
    assert again.tiles == 0
    with pytest.raises(ArgumentError, match="only OME-Zarr holds several images"):
        microtome.predict(identity, stack, tmp_path / "out.tif", **size)


def test_values_that_are_clipped_in_a_collection(tmp_path):
    """Those of all its images are told, also of images that were closed before others were begun."""
    image = np.where(np.random.default_rng(3).random((20, 40, 50)) < 0.5, np.float32(300), np.float32(10))
    stack = microtome.from_array(image, "SYX")
    with pytest.warns(microtome.ImageWarning, match=f": {(image == 300).sum()} values were clipped"):
        microtome.predict(
            identity, stack, tmp_path / "out.zarr", dtype="uint8", progress=False, tile=(32, 32), overlap=8
        )


def test_custom_stacks(pixels):
    class Custom:
        data_shape = (2, 2, 18, 50, 70)
        data_dtype = np.dtype(np.uint16)
        source = "custom"
        original_axes = "TCZYX"
        original_data_shape = (2, 2, 18, 50, 70)

        def extract_patch(self, sample_idx, channels, coords, patch_size):
            box = tuple(slice(c, c + s) for c, s in zip(coords, patch_size, strict=True))
            return pixels[sample_idx][(slice(None), *box)].astype(np.float32)

    done = microtome.predict(lambda batch: batch + 1, Custom(), **TILES)
    assert np.array_equal(done.array, pixels.astype(np.float32) + 1)


def test_one_tile_needs_no_overlap(plane):
    height, width = plane.data_shape[-2:]
    for tile in (None, (None, None), (height, None), (height + 4, width)):
        assert len(microtome.Tiles(plane, tile=tile)) == 1
    for tile in ((None, width - 2), (height - 2, width), "64 KiB"):
        with pytest.raises(ArgumentError, match="give overlap="):
            microtome.Tiles(plane, tile=tile)


# -- mistakes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"overlap": None}, "overlap="),
        ({"halo": 4}, "give one of them"),
        ({"overlap": (4, 7, 8)}, "even"),
        ({"tile": (0, 32, 32)}, "sizes count from 1"),
        ({"tile": None}, "no neighbours"),
        ({"overlap": "x%"}, "fraction"),
        ({"overlap": (8, 8)}, "overlap has 2 sizes and tile 3"),
        ({"blend": "cosine"}, "blend must be one of"),
        ({"tta": 2}, "4 or 8"),
        ({"channels": "all"}, "together"),
        ({"pad": "edge"}, "pad must be one of"),
        ({"pad": "mean"}, "subtracts the mean"),
        ({"outputs": {}}, "no outputs"),
        ({"outputs": {"a/b": "uint8"}}, "file names"),
        ({"outputs": {"mean": Output(statistic="mean")}}, "samples or tta"),
        ({"outputs": {"a": "uint8", "b": "uint8"}}, "no output 1: it has 1"),
        ({"outputs": Output(of="mask")}, "no output 'mask'"),
        ({"outputs": Output(channels=3)}, r"shape \(3, 2, 16, 32, 32\) .* \(3, 3, 16, 32, 32\) is needed"),
        ({"outputs": {"a": Output(channels=3), "b": "uint8"}}, "2 channels, not 3"),
        ({"outputs": Output(scale=1.5)}, "whole number"),
        ({"outputs": Output(inverse="other")}, '"input"'),
        ({"inverse": (1.0, 0.0)}, "divide by other than 0"),
        ({"part": (0, 2)}, "parts are written to an output"),
        ({"missing": "skip"}, "missing must be"),
        ({"samples": 0}, "samples must be"),
        ({"batch_size": 2**63}, r"batch_size must be below 2\*\*63"),
    ],
)
def test_wrong_arguments(stack, arguments, message):
    with pytest.raises(ArgumentError, match=message):
        microtome.predict(identity, stack, **{**TILES, **arguments})


def test_unknown_arguments(stack):
    with pytest.raises(TypeError, match="chunk_size"):
        microtome.predict(identity, stack, chunk_size=3, **TILES)


def test_sizes_that_do_not_fit(stack):
    with pytest.raises(ArgumentError, match="aligned to that, with align=2"):
        microtome.predict(lambda batch: batch[..., ::2, ::2, ::2], stack, **TILES)
    with pytest.raises(ArgumentError, match="sizes are kept, or multiplied or divided"):
        microtome.predict(lambda batch: batch[..., 4:-4, 4:-4], stack, **TILES)


def test_little_memory(stack, tmp_path):
    with pytest.raises(microtome.LimitError, match="MiB of memory are needed"):
        microtome.predict(identity, stack, tmp_path / "out.zarr", memory=1000, **TILES)


def test_a_source_is_not_overwritten(tmp_path):
    np.save(tmp_path / "in.npy", np.zeros((40, 40), np.uint8))
    with pytest.raises(ArgumentError, match="contain one another"):
        microtome.predict(identity, tmp_path / "in.npy", tmp_path / "in.npy", progress=False)


# -- tiles ---------------------------------------------------------------------------


def test_tiles_for_loops_of_ones_own(stack, pixels):
    tiles = microtome.Tiles(stack, tile=(16, 32, 32), overlap=(4, 8, 8), batch_size=4)
    assert len(tiles) == 24 and tiles.counts == (2, 2, 3) and tiles.n_channels == 2
    out = np.zeros(stack.data_shape, np.float32)
    for batch in tiles.batches():
        for tile, spec in zip(batch.data, batch.specs, strict=True):
            kept = tuple(slice(c, c + s) for c, s in zip(spec.crop_coords, spec.crop_size, strict=True))
            place = tuple(slice(c, c + s) for c, s in zip(spec.stitch_coords, spec.crop_size, strict=True))
            out[(spec.sample, slice(None), *place)] = tile[(slice(None), *kept)]
    assert np.array_equal(out, pixels)
    numbers = [batch.first for batch in tiles.batches(5, skip=lambda spec: spec.sample == 0)]
    assert numbers == [10, 15, 20]


def test_sizes_of_tiles(stack):
    def sizes(**given):
        tiles = microtome.Tiles(stack, **given)
        return tiles.tile, tiles.overlap

    assert sizes() == ((18, 50, 70), (0, 0, 0))
    assert sizes(tile=(16, 32, 32), halo=(2, 4, 4)) == ((16, 32, 32), (4, 8, 8))
    assert sizes(tile=(None, 32, -1), overlap=8) == ((18, 32, 70), (0, 8, 0))
    assert sizes(tile=(16, 32, 40), overlap="25%") == ((16, 32, 40), (4, 8, 10))
    assert sizes(tile="300 KB", overlap="25%") == ((32, 32, 32), (8, 8, 8))
    assert sizes(tile="300 KB", overlap=(16, 16)) == ((64, 96), (16, 16))
    assert microtome.Tiles(stack, tile=(32, 32), overlap=0).is_planar


def test_nothing_is_warned_of(stack, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        microtome.predict(identity, stack, tmp_path / "out.zarr", **TILES)


# -- networks as they are ------------------------------------------------------------


@pytest.fixture(scope="module")
def plane():
    return microtome.from_array(np.random.default_rng(3).random((2, 70, 100), np.float32), "CYX")


FLAT = {"tile": (24, 32), "overlap": 8, "batch_size": 3, "progress": False}


@pytest.mark.parametrize("output", [Output(), Output(channels=2)])
def test_outputs_are_known_by_name(plane, output):
    """Even if the network has not been seen before, and in whatever order it returns them."""

    def network(batch):
        network.calls += 1
        pair = {"a": batch, "b": -batch}
        return pair if network.calls % 2 else dict(reversed(pair.items()))

    network.calls = 0
    done = microtome.predict(network, plane, outputs={"b": output, "a": output}, **FLAT)
    assert np.array_equal(done.arrays["a"], plane[0]) and np.array_equal(done.arrays["b"], -plane[0])


def test_other_names_are_refused(plane, tmp_path):
    two = {"a": Output(), "b": Output()}
    plan = microtome.prepare(lambda b: {"a": b, "b": -b}, plane, tmp_path / "out.zarr", tile=(24, 32), overlap=8)
    other = microtome.Plan.open(tmp_path / "out.zarr", plane)
    with pytest.raises(ArgumentError, match="no output 'b' for tiles 0 to 0: it returned outputs 'a', 'c'"):
        other.run(lambda b: {"a": b, "c": b})
    with pytest.raises(ArgumentError, match="without names"):
        plan.run(lambda b: [b, b])
    with pytest.raises(ArgumentError, match="no output 'b'"):
        microtome.predict(lambda b: {"a": b, "c": b}, plane, outputs={"x": Output(of="b", channels=2)}, **FLAT)
    with pytest.raises(ArgumentError, match="'a/b': names become parts of file names; name it with outputs="):
        microtome.predict(lambda b: {"a/b": b, "c": b}, plane, tmp_path / "slash.zarr", **FLAT)
    named = {"x": Output(of="a/b"), "y": Output(of="c")}
    assert set(microtome.predict(lambda b: {"a/b": b, "c": b}, plane, outputs=named, **FLAT).arrays) == {"x", "y"}
    assert set(microtome.predict(lambda b: [b, b], plane, outputs=two, **FLAT).arrays) == {"a", "b"}


@pytest.mark.parametrize("several", [{"samples": 3}, {"tta": 8}, {"samples": 2, "channels": "each"}])
def test_a_network_that_changes_its_batch(several):
    stack = microtome.from_array(np.ones((2, 70, 100), np.float32), "CYX")

    def network(batch):
        batch *= 2
        return batch

    options = {**FLAT, "tile": (24, 24)}
    assert (microtome.predict(network, stack, **options, **several).array == 2).all()


def test_a_network_that_returns_the_same_memory(plane):
    buffers = {}

    def network(batch):
        return np.multiply(batch, 2, out=buffers.setdefault(batch.shape, np.empty_like(batch)))

    done = microtome.predict(network, plane, channels="each", **FLAT)
    assert np.array_equal(done.array, 2 * plane[0])


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), "x", 0, -1, 1.5, [2]])
def test_scales_that_are_none(plane, scale):
    with pytest.raises(ArgumentError, match="scale is a whole number or one divided by it"):
        microtome.predict(identity, plane, outputs=Output(channels=2, scale=scale), **FLAT)


def test_missing_files_are_noted_as_by_the_command(tmp_path, data):
    path, out = data / "cases/D4/x.companion.ome", tmp_path / "a.zarr"
    with pytest.warns(microtome.ImageWarning, match="missing"):
        microtome.predict(identity, path, out, missing="fill", note="By a test.", progress=False)
    told = "1 file or frame was missing when the image was predicted and has the fill value, the first: "
    with pytest.warns(microtome.ImageWarning, match=told):
        microtome.open(out)
    assert ". By a test." in (out / "zarr.json").read_text()
