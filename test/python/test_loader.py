# SPDX-License-Identifier: BSD-3-Clause
"""The loader: pixels, order, positions."""

import itertools
import json
import multiprocessing
import pickle

import microtome
import numpy as np
import pytest
from images import write_array, write_ome_zarr
from loaders import LABELS, PIXELS, RANDOM, SIZE, Own, digest, make, make_of, of_object, three_epochs, turned


def places(batches):
    """What identifies each patch of batches, sorted."""
    return sorted(
        zip(*(np.concatenate([getattr(b, name) for b in batches]) for name in ("sample", "index")), strict=True)
    )


# -- pixels ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("augment", [None, "d4", ["flip", "rotate90"], "flip"])
def test_pixels(augment):
    mean, std = np.float32([20000, 30000]), np.float32([15000, 17000])
    seen = set()
    for batch in make(augment=augment, normalize=(mean, std)):
        assert batch.data.dtype == np.float32 and batch.target.dtype == np.float32
        for k, (y, x) in enumerate(batch.coords):
            where = batch.sample[k], slice(None), slice(y, y + 32), slice(x, x + 32)
            seen.add(int(batch.symmetry[k]))
            pixels = turned(PIXELS[where].astype(np.float32), batch.symmetry[k])
            np.testing.assert_array_equal(batch.data[k], (pixels - mean[:, None, None]) / std[:, None, None])
            np.testing.assert_array_equal(batch.target[k], turned(LABELS[where], batch.symmetry[k]))
    assert seen == ({0} if augment is None else {0, 1, 2} if augment == "flip" else set(range(8)))


def test_channels_types_and_several_targets():
    stack = microtome.from_array(PIXELS, "SCYX")
    labels = microtome.from_array(LABELS, "SCYX")
    patching = microtome.Random([stack], SIZE)
    loader = microtome.Loader(
        patching,
        [[stack], [labels]],
        normalize_target=[(1, 2), None],
        channels=[1],
        batch_size=3,
        normalize=([5, 1], 4),
    )
    batch = next(iter(loader))
    y, x = batch.coords[1]
    pixels = PIXELS[batch.sample[1], :, y : y + 32, x : x + 32].astype(np.float32)
    np.testing.assert_array_equal(batch.data[1], (pixels[1:] - np.float32(1)) / np.float32(4))
    np.testing.assert_array_equal(batch.targets[0][1], (pixels - np.float32(1)) / np.float32(2))
    assert [a.shape for a in batch.arrays] == [(3, 1, 32, 32), (3, 2, 32, 32), (3, 1, 32, 32)]
    as_stored = next(iter(microtome.Loader(patching, dtype="source", batch_size=3)))
    assert as_stored.data.dtype == np.uint16 and as_stored.target is None and as_stored.targets == ()
    own = microtome.from_object(microtome.ArrayStack(LABELS, "SCYX"))
    assert next(iter(microtome.Loader(microtome.Random([own], SIZE), dtype="source"))).data.dtype == np.float32


def test_booleans_are_0_and_1():
    raw = np.array([0, 1, 2, 255] * 1024, np.uint8).view(np.bool_).reshape(64, 64)
    batch = next(iter(microtome.Loader(microtome.Whole([microtome.from_array(raw, "YX")]), dtype="source")))
    assert set(np.unique(batch.data.view(np.uint8))) == {0, 1}


def test_volumes_and_padding():
    volume = RANDOM.integers(1, 99, (5, 20, 24), np.uint8)
    stack = microtome.from_array(volume, "ZYX")
    patching = microtome.Random([stack], (8, 16, 16), pad=True)
    batch = next(iter(microtome.Loader(patching, batch_size=2, normalize=(10, 2))))
    assert batch.data.shape == (2, 1, 8, 16, 16) and batch.coords.shape == (2, 3)
    outside = np.setdiff1d(batch.data, (volume.astype(np.float32) - 10) / 2)
    np.testing.assert_array_equal(outside, [-5])  # zero, before normalization
    padded = next(iter(microtome.Loader(patching, batch_size=2, padding="reflect")))
    assert np.isin(padded.data, volume).all()


def test_noise():
    noise = {"gaussian": 0.5, "photons": ([0.1, 0.2], 0), "scale": (0.5, 2.0), "offset": (1, 2)}
    loader, clean = make(seed=9, noise=noise), make(seed=9)
    for noisy, plain in zip(loader, clean, strict=True):
        np.testing.assert_array_equal(noisy.target, plain.target)
        for k in range(6):
            wanted = microtome.add_noise(plain.data[k : k + 1], **noise, seed=9, step=0, first=int(plain.index[k]))
            np.testing.assert_array_equal(noisy.data[k : k + 1], wanted)


@pytest.mark.parametrize("kind", ["mean_std", "min_max", "quantile_range"])
def test_normalizations_of_statistics(kind):
    stack = microtome.from_array(PIXELS, "SCYX")
    statistics = microtome.statistics([stack], quantiles=(0.01, 0.99))
    normalization = getattr(statistics, kind)()
    patching = microtome.Sequential([stack], SIZE)
    plain = microtome.Loader(patching, batch_size=5)
    normalized = microtome.Loader(patching, batch_size=5, normalize=normalization)
    for a, b in zip(plain, normalized, strict=True):
        np.testing.assert_array_equal(b.data, normalization(a.data, axis=1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"augment": "d8"}, "augment must be"),
        ({"augment": ["flip", "d4"]}, "not combined"),
        ({"uneven": "throw"}, "uneven must be one of 'drop', 'short', 'pad'"),
        ({"on_corrupt": "ignore"}, "on_corrupt must be one of"),
        ({"missing": "yes"}, "missing must be one of"),
        ({"locality": "node"}, "locality must be one of"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"batch_size": 1000}, "fewer than a batch of 1000"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"rank": 2, "world_size": 2}, "rank 2 of 2"),
        ({"block": (1, 2, 3)}, "block has 3 sizes"),
        ({"block": (0, 2)}, "block must be at least 1"),
        ({"normalize": (0, 0)}, "divide by other than 0"),
        ({"normalize": (float("nan"), 1)}, "must be finite"),
        ({"normalize": ([1, 2, 3], 1)}, "one for each of 2 channels"),
        ({"normalize": "mean_std"}, r"microtome\.statistics\(stacks\)\.mean_std\(\), not 'mean_std'"),
        ({"normalize": microtome.statistics(microtome.from_array(PIXELS, "SCYX"))}, r"\(stacks\)\.mean_std\(\)"),
        ({"normalize": (1, 2, 3)}, r"normalize is \(mean, std\)"),
        ({"normalize_target": [5.0]}, r"normalize_target is \(mean, std\)"),
        ({"normalize": (0, 1), "dtype": "source"}, "normalized patches are float32"),
        ({"dtype": "int8"}, "cannot be loaded as int8"),
        ({"channels": [2]}, "channel 2 is out of bounds"),
        ({"normalize_target": [None, None]}, "2 entries for 1 targets"),
        ({"patch_size": (32, 16)}, "not square"),
        ({"prefetch": 65}, "65 batches ahead"),
        ({"prefetch_bytes": 0}, "prefetch_bytes must be at least 1"),
        ({"target": False, "normalize_target": (0, 1)}, "need a target"),
        ({"target": False, "target_channels": [0]}, "need a target"),
        ({"noise": {"salt": 1}}, "no noise .'salt'."),
        ({"noise": {"photons": ([1, 2, 3], 0)}}, "one for each of 2 channels"),
        ({"noise": {"photons": [1, 2]}}, "may be the pair"),
        ({"noise": {"scale": (0, 1)}}, "not positive"),
        ({"noise": {"gaussian": 1}, "dtype": "source"}, "float32"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_images_that_do_not_fit():
    stack = microtome.from_array(PIXELS, "SCYX")
    patching = microtome.Random([stack], SIZE)
    other = microtome.from_array(LABELS[..., :100], "SCYX", "small")
    with pytest.raises(microtome.ArgumentError, match="small has a shape"):
        microtome.Loader(patching, other)
    with pytest.raises(microtome.ArgumentError, match="2 images, and the patching 1"):
        microtome.Loader(patching, [stack, stack])
    with pytest.raises(microtome.ArgumentError, match="mixture"):
        microtome.Loader(patching, [stack, [stack]])
    with pytest.raises(microtome.ArgumentError, match="different contexts"):
        microtome.Loader(patching, microtome.from_array(LABELS, "SCYX", context=microtome.Context()))
    with pytest.raises(TypeError, match="patching strategy"):
        microtome.Loader(stack)
    for wrong in (LABELS, "labels.tif", [LABELS], 5):
        with pytest.raises(TypeError, match="must be an image stack"):
            microtome.Loader(patching, wrong)
    stack.close()
    with pytest.raises(ValueError, match="closed"):
        microtome.Loader(patching)


def test_channels_in_another_order(tmp_path):
    names = [("a", "FF0000"), ("b", "00FF00")]
    pixels = np.zeros((2, 64, 64), np.uint16)
    for name, channels in (("one", names), ("two", names), ("three", names[::-1])):
        write_ome_zarr(tmp_path / name, pixels, "CYX", (1, 64, 64), channels)
    stacks = [microtome.open(tmp_path / name) for name in ("one", "two", "three")]
    patching = microtome.Random(stacks, SIZE)
    with pytest.raises(microtome.ArgumentError, match=r"stack 2, .*three\S*, has the channels .* stack 0, .*one"):
        microtome.Loader(patching, channels=["b"])


def test_patches_of_different_sizes():
    stacks = [microtome.from_array(LABELS[:, :, :n], "SCYX", f"image {n}") for n in (100, 100, 90)]
    for patching in (microtome.Whole(stacks), microtome.Coords(stacks, list(microtome.Whole(stacks)))):
        with pytest.raises(
            microtome.ArgumentError, match=r"patch 0 has 100 x 200 pixels and patch 4 90 x 200: .* batch_size=1"
        ):
            microtome.Loader(patching, batch_size=2)
        assert [b.data.shape[2] for b in microtome.Loader(patching, shuffle=False, batch_size=2)] == [100, 100, 90]
        with pytest.raises(microtome.ArgumentError, match="patch 3 has 100 x 200 pixels and patch 4 90 x 200"):
            microtome.Loader(patching, batch_size=3, shuffle=False)
        assert len(list(microtome.Loader(patching))) == 6
    assert len(list(microtome.Loader(microtome.Whole(stacks[:2]), batch_size=4))) == 1


def test_a_list_is_a_normalization():
    wanted = digest(make(normalize=(1000, 300), normalize_target=[(4, 3)]))
    assert digest(make(normalize=[1000, 300], normalize_target=[[4, 3]])) == wanted


# -- order -------------------------------------------------------------------------------------------


def test_a_loop_is_an_epoch():
    loader = make()
    assert repr(loader) == "<microtome.Loader, 10 batches of 6 patches an epoch>"
    assert len(loader) == 10 and loader.n_patches == 60 and loader.n_dropped == 0
    for epoch in range(3):
        batches = list(loader)
        assert [b.epoch for b in batches] == [epoch] * 10 and [b.number for b in batches] == list(range(10))
        assert sorted(np.concatenate([b.index for b in batches])) == list(range(60))
    assert digest(make()) != digest(make(seed=4))
    in_order = np.concatenate([b.index for b in make(shuffle=False)])
    assert list(in_order) == list(range(60))


@pytest.mark.parametrize(
    ("uneven", "sizes", "dropped"), [("drop", [25] * 2, 10), ("short", [25] * 2 + [10], 0), ("pad", [25] * 3, 0)]
)
def test_the_last_batch(uneven, sizes, dropped):
    loader = make(batch_size=25, uneven=uneven)
    batches = list(loader)
    assert [len(b) for b in batches] == sizes and len(loader) == len(sizes) and loader.n_dropped == dropped
    assert ("10 of 60 patches dropped" in repr(loader)) == (uneven == "drop")
    assert batches[-1].n_repeated == (15 if uneven == "pad" else 0)
    np.testing.assert_array_equal(
        batches[-1].index[10:], batches[0].index[: len(batches[-1]) - 10] if uneven == "pad" else batches[-1].index[10:]
    )


def test_a_loop_that_is_left_early():
    loader = make()
    first = next(iter(loader))
    assert first.epoch == 0
    assert [b.epoch for b in itertools.islice(loader, 3)] == [1] * 3
    whole = list(zip(range(len(loader)), loader, strict=False))  # never asks for what follows the last batch
    assert len(whole) == 10 and {b.epoch for _, b in whole} == {2}
    assert [(b.epoch, b.number) for b in loader] == [(3, i) for i in range(10)]
    one, two = iter(loader), iter(loader)
    next(two)
    with pytest.raises(RuntimeError, match="another one has begun"):
        next(one)
    ended = iter(make(batch_size=60))
    assert len(list(ended)) == 1 and list(ended) == []


def test_set_epoch():
    loader = make()
    epochs = [list(loader) for _ in range(3)]
    for epoch in (2, 0, 1, 1):
        loader.set_epoch(epoch)
        assert loader.epoch == epoch
        assert digest(loader) == digest(epochs[epoch])
    next(iter(loader))
    loader.set_epoch(loader.epoch)
    assert len(list(loader)) == 10


def test_the_state_at_every_batch():
    loader, other = make(), make(prefetch=1)
    batches = list(itertools.islice(itertools.chain.from_iterable(itertools.repeat(loader)), 15))
    rest = [digest([b]) for b in batches]
    for done in range(15):
        other.load_state_dict(make_state(done))
        other.set_epoch(other.epoch)  # as a training script does at the start of each epoch
        got = list(other) + list(other)
        assert [digest([b]) for b in got][: 15 - done] == rest[done:]
        assert (got[0].epoch, got[0].number) == divmod(done, 10)


def make_state(done):
    """The state after some batches, as it is saved."""
    loader = make()
    for _ in itertools.islice(itertools.chain.from_iterable(itertools.repeat(loader)), done):
        pass
    return json.loads(json.dumps(loader.state_dict()))


def test_the_state_of_another_loader():
    state = make().state_dict()
    assert set(state) == {"version", "plan", "seed", "images", "epoch", "batch"}
    for options, difference in [
        ({"batch_size": 7}, "batch size"),
        ({"augment": None}, "augmentation"),
        ({"seed": 4}, "seed"),
    ]:
        with pytest.raises(microtome.ArgumentError, match=difference):
            make(**options).load_state_dict(state)
    with pytest.raises(ValueError):
        make().load_state_dict({"epoch": 1})


def test_the_state_of_other_images(tmp_path):
    def load(folder):
        stacks = [microtome.open(folder / f"{i}.npy", axes="YX") for i in range(2)]
        return microtome.Loader(microtome.Tiled(stacks, (8, 8)), batch_size=4)

    old, moved = tmp_path / "old", tmp_path / "moved"
    old.mkdir()
    for i in range(2):
        np.save(old / f"{i}.npy", np.zeros((16, 16), np.uint8))
    first = load(old)
    next(iter(first))
    state = first.state_dict()
    old.rename(moved)
    second = load(moved)
    second.load_state_dict(state)
    assert len(list(second)) == 1
    np.save(moved / "1.npy", np.zeros((16, 16), np.uint16))
    with pytest.raises(
        microtome.ArgumentError,
        match=r"^stack 1 \(.*moved/1.npy\): the image is not the one of the state: uint8 1x1x16x16 YX then, "
        "uint16 1x1x16x16 YX now$",
    ):
        load(moved).load_state_dict(state)


@pytest.mark.parametrize("world", [1, 2, 3, 7])
def test_ranks_share_each_round(world):
    alone = list(make(batch_size=2, uneven="pad" if world == 7 else "drop"))
    ranks = [
        list(make(batch_size=2, uneven="pad" if world == 7 else "drop", rank=r, world_size=world)) for r in range(world)
    ]
    assert len({len(r) for r in ranks}) == 1
    together = [batch for group in zip(*ranks, strict=True) for batch in group]
    for i, batch in enumerate(alone[: len(together)]):
        assert together[i].number == i and digest([together[i]]) == digest([batch])
    assert len(together) in (30, 35)


def test_windows_of_ranks():
    options = {"locality": "rank", "world_size": 2, "window": 2, "block": (1, 1), "batch_size": 5}
    ranks = [make(rank=r, **options) for r in range(2)]
    parts = [places(list(loader)) for loader in ranks]
    assert not set(parts[0]) & set(parts[1]) and len(parts[0]) + len(parts[1]) == 60
    with pytest.raises(microtome.ArgumentError, match="ranks"):
        make(batch_size=5, window=2, block=(1, 1)).load_state_dict(ranks[0].state_dict())


def test_read():
    loader = make()
    batches = list(loader)
    positions = [3, 17, 17, 59]
    batch = loader.read(positions, epoch=0)
    np.testing.assert_array_equal(batch.data, np.concatenate([b.data for b in batches])[positions])
    assert loader.epoch == 1 and loader.read([0]).epoch == 1
    for position in (60, -1, 2**64):
        with pytest.raises(
            microtome.RangeError, match=rf"position {position} is out of bounds for an epoch of 60 patches"
        ):
            loader.read([0, position])
    for position in (1.7, "1", None):
        with pytest.raises(TypeError, match="integer"):
            loader.read([0, position])
    for use in (lambda: loader.read([0], -1), lambda: loader.set_epoch(-1)):
        with pytest.raises(microtome.ArgumentError, match="epoch must be at least 0"):
            use()
    with pytest.raises(ValueError, match="no positions"):
        loader.read([])


# -- determinism -------------------------------------------------------------------------------------


def send_epochs(loader, pipe):
    pipe.send(three_epochs(loader))


@pytest.fixture(scope="module")
def expected(chunked_image):
    return three_epochs(make_of(chunked_image))


def test_epochs_differ(expected):
    assert len(set(expected)) == 3


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("cache", [1, 2 * 32 * 32, 64 << 20])
def test_threads_and_caches(chunked_image, expected, threads, cache):
    context = microtome.Context(threads=threads, cache_bytes=cache)
    assert three_epochs(make_of(chunked_image, context, prefetch=threads)) == expected


@pytest.mark.unsanitized
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("is_running", [False, True])
def test_processes(chunked_image, expected, method, is_running):
    loader = make_of(chunked_image)
    if is_running:
        next(iter(loader))
        loader.set_epoch(0)
    methods = multiprocessing.get_context(method)
    here, there = methods.Pipe()
    process = methods.Process(target=send_epochs, args=(loader, there))
    process.start()
    assert here.poll(60)
    assert here.recv() == expected
    process.join(60)
    assert process.exitcode == 0 and three_epochs(loader) == expected


def test_pickles_keep_the_position(chunked_image):
    loader = make_of(chunked_image)
    batches = list(itertools.islice(loader, 2))
    copy = pickle.loads(pickle.dumps(loader))
    assert copy.state_dict() == loader.state_dict() and len(batches) == 2
    rest = iter(make_of(chunked_image))
    next(rest), next(rest)
    assert digest(copy) == digest(rest)
    loader.close()
    with pytest.raises(ValueError, match="closed"):
        pickle.dumps(loader)


@pytest.mark.filterwarnings("ignore::microtome.ImageWarning")
def test_missing_files(data):
    stack = microtome.open(data / "cases/real_prairie_alone/TSeries-camp-005_Cycle00001_Ch1_000001.ome.tif")
    patching = microtome.Random([stack], SIZE)
    with pytest.raises(microtome.NotFoundError, match="7 files or frames are missing"):
        microtome.Loader(patching)
    assert next(iter(microtome.Loader(patching, missing="fill"))).data.shape[0] == 1


def test_absent_chunks(tmp_path):
    write_array(tmp_path / "a.zarr", np.ones((64, 64), np.uint16), (32, 32))
    (tmp_path / "a.zarr" / "1.1").unlink()
    for missing in ("error", "fill"):
        (batch,) = microtome.Loader(microtome.Whole(microtome.open(tmp_path / "a.zarr", "YX")), missing=missing)
        assert batch.data[0, 0, 31, 31] == 1 and batch.data[0, 0, 32, 32] == 0 and not batch.bad
        strict = microtome.Whole(microtome.open(tmp_path / "a.zarr", "YX", missing="error"))
        with pytest.raises(microtome.NotFoundError, match="chunk 1/1"):
            list(microtome.Loader(strict, missing=missing, on_corrupt="zero"))


# -- what it tells -----------------------------------------------------------------------------------


def test_report(chunked_image):
    loader = make_of(chunked_image, microtome.Context())
    batches = sum(1 for _ in loader)
    report = loader.report()
    assert (report.epochs, report.batches, report.patches) == (1, batches, 8 * batches)
    assert (
        report.chunks == 30
        and report.window == 3
        and report.blocks == 9
        and 1 <= report.fewest_blocks <= report.mean_blocks
    )
    assert report.decodes_per_chunk == pytest.approx(report.chunks_decoded / 30 / (8 * batches / loader.n_patches))
    assert 1 <= report.decodes_per_chunk < 2 and report.fetched_per_delivered > 0
    assert make_of(chunked_image, window=0).report().window is None


def test_pictures(chunked_image):
    loader = make(target=True)
    html = loader._repr_html_()
    assert html.count("<img") == 2 and "target" in html and "10 batches of 6" in html
    assert loader.state_dict()["batch"] == 0
    batch = next(iter(loader))
    assert batch._repr_html_().count("<img") == 2 and "6 x 2 x 32 x 32" in repr(batch)
    assert batch.view(1, max_size=64).png.startswith(b"\x89PNG")
    damaged = of_object(Own(fail=lambda self, coords: 1 / 0))
    assert "division by zero" in damaged._repr_html_()
    volume = microtome.from_array(RANDOM.integers(0, 9, (4, 40, 40), np.uint8), "ZYX")
    assert "<img" in next(iter(microtome.Loader(microtome.Random([volume], (3, 16, 16)))))._repr_html_()


def test_positions_of_batches():
    """What microtome.torch asks of a loader that deals batches to workers: the patches that a rank would get."""
    loader = make(shuffle=True)
    core = loader._make(loader._options)
    positions = np.empty(6, np.uint64)
    for number, batch in enumerate(loader):
        n = core.positions(number, positions)
        np.testing.assert_array_equal(loader.read(positions[:n].tolist(), epoch=0).index, batch.index)
    assert number + 1 == core.count()
    with pytest.raises(microtome.Error):
        core.positions(core.count(), positions)
