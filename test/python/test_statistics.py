# SPDX-License-Identifier: BSD-3-Clause
"""Statistics against NumPy."""

import json
import pickle
import signal
import sys
import threading
from types import ModuleType

import microtome
import numpy as np
import pytest

QUANTILES = (0.0, 0.003, 0.25, 0.5, 0.99, 1.0)
DTYPES = ["bool", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]


def random_image(dtype, shape, seed=1):
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.3
    if dtype.kind == "f":
        return (rng.normal(size=shape) * 10 ** rng.uniform(-3, 3, shape)).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


def check(statistics, pixels, of, histogram):
    """Compare with the pixels, a flat array."""
    exact = pixels.astype(np.longdouble)
    wide = pixels.astype(np.float64)
    assert of.n == pixels.size
    assert (of.min, of.max) == (wide.min(), wide.max())
    scale = float(np.abs(exact).max())
    assert of.mean == pytest.approx(float(exact.mean()), rel=2.3e-16, abs=1e-18 * scale)
    assert of.std == pytest.approx(float(exact.std()), rel=5e-16, abs=1e-18 * scale)
    counts, edges = histogram
    expected, expected_edges = np.histogram(wide, len(counts), statistics._range)
    assert (edges == expected_edges).all()
    assert (counts == expected).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axes", ["YX", "CYX", "YXC", "TZYX"])
def test_every_dtype_equals_numpy(dtype, axes):
    sizes = {"C": 3, "T": 2, "Z": 5, "Y": 61, "X": 47}
    image = random_image(dtype, [sizes[a] for a in axes])
    s = microtome.statistics(microtome.from_array(image, axes), quantiles=QUANTILES, bins=100)
    channels = np.moveaxis(image, axes.index("C"), 0).reshape(3, -1) if "C" in axes else image.reshape(1, -1)
    check(s, image.reshape(-1), s.overall, s.histogram())
    for c, pixels in enumerate(channels):
        check(s, pixels, s._channels[c], s.histogram(c))
    for q in QUANTILES:
        assert s.quantile(q, overall=True) == np.quantile(image.astype(np.float64), q)
        assert (s.quantile(q) == np.quantile(channels.astype(np.float64), q, axis=1)).all()


@pytest.mark.parametrize(
    "dtypes", [["u1"] * 3, ["u2"] * 3, ["f4"] * 3, ["f8"] * 3, ["u1", "i2", "f4"], ["?", "f2", "u2"]]
)
def test_several_images_with_masks(dtypes):
    images = [random_image(dtype, (2, 40 + i, 50), i) for i, dtype in enumerate(dtypes)]
    masks = [random_image("f4", image.shape, 9) for image in images]
    masks[1] = masks[1][:1]
    masks[0][0, 0] = np.nan
    s = microtome.statistics(
        [microtome.from_array(image, "CYX") for image in images],
        mask=[microtome.from_array(mask, "CYX") for mask in masks],
        quantiles=QUANTILES,
    )
    assert s.dtype == (dtypes[0] if len(set(dtypes)) == 1 else np.float32)
    kept = [[image[c][(mask[c % len(mask)] > 0)] for image, mask in zip(images, masks, strict=True)] for c in (0, 1)]
    kept = [np.concatenate(parts) for parts in kept]
    for c in (0, 1):
        check(s, kept[c], s._channels[c], s.histogram(c))
        for q in QUANTILES:
            assert s.quantile(q)[c] == np.quantile(kept[c].astype(np.float64), q)
    check(s, np.concatenate(kept), s.overall, s.histogram())


def test_interleaved_channels_of_several_types():
    """Two 16-bit channels side by side have the step of one float."""
    short, wide = random_image("u2", (60, 50, 2)), random_image("f4", (60, 50, 2))
    s = microtome.statistics([microtome.from_array(image, "YXC") for image in (short, wide)], quantiles=QUANTILES)
    for c in (0, 1):
        check(s, np.append(short[..., c], wide[..., c].ravel()), s._channels[c], s.histogram(c))


def test_files_of_several_types(tmp_path):
    """Pixels in the other byte order, and absent chunks, whose fill value is converted as well."""
    np.save(tmp_path / "a.npy", random_image("u1", (300, 300)))
    np.save(tmp_path / "b.npy", random_image("u2", (300, 300)).astype(">u2"))
    array = {"zarr_format": 2, "shape": [300, 300], "chunks": [150, 300], "dtype": ">i2", "fill_value": -3}
    array.update(compressor=None, filters=None, order="C")
    (tmp_path / "c.zarr").mkdir()
    (tmp_path / "c.zarr" / ".zarray").write_text(json.dumps(array))
    random_image("i2", (150, 300)).astype(">i2").tofile(tmp_path / "c.zarr" / "1.0")
    stacks = [microtome.open(tmp_path / name) for name in ("a.npy", "b.npy", "c.zarr")]
    floats = [microtome.from_array(np.asarray(stack).astype(np.float32), "SCYX") for stack in stacks]
    s, expected = (microtome.statistics(several, quantiles=QUANTILES) for several in (stacks, floats))
    assert s._core.json() == expected._core.json()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_nan_and_infinite_pixels_are_counted_and_left_out(dtype):
    image = random_image(dtype, (2, 30, 30))
    image[0, :5, :7] = np.nan
    image[1, 3] = np.inf
    image[1, 4, :9] = -np.inf
    s = microtome.statistics(microtome.from_array(image, "CYX"), quantiles=QUANTILES)
    assert s.n_nan.tolist() == [35, 0]
    assert s.n_infinite.tolist() == [0, 39]
    finite = image[np.isfinite(image)]
    check(s, finite, s.overall, s.histogram())
    for q in QUANTILES:
        assert s.quantile(q, overall=True) == np.quantile(finite.astype(np.float64), q)
    assert "35 NaN, 39 infinite" in repr(s)
    with pytest.raises(ValueError, match="no finite pixel: all 4 are NaN or infinite"):
        microtome.statistics(microtome.from_array(np.full((2, 2), np.nan, dtype), "YX"))
    image[0] = np.nan
    s = microtome.statistics(microtome.from_array(image, "CYX"))
    assert np.isnan(s.mean[0])
    assert np.isnan(s.quantile(0.01)[0])
    with pytest.raises(ValueError, match="channel 0 has no finite pixel"):
        s.mean_std()


def test_extreme_values_are_exact():
    image = np.array([[2**63, 2**63 + 2**12, 2**64 - 1, 0]], np.uint64)
    s = microtome.statistics(microtome.from_array(image, "YX"), quantiles=(0.5,))
    assert s.mean[0] == float(sum(int(x) for x in image.flat)) / 4
    assert s.max[0] == 2.0**64
    image = np.array([[1e308, -1e308, 1e308, 5e-324]])
    s = microtome.statistics(microtome.from_array(image, "YX"), quantiles=(0.0, 1.0))
    assert s.mean[0] == 2.5e307
    assert s.std[0] == pytest.approx(8.29156197588850e307)
    image = np.array([[1e16, 1.0, -1e16, 1.0]])
    assert microtome.statistics(microtome.from_array(image, "YX")).mean[0] == 0.5


@pytest.mark.parametrize("dtype", ["u4", "i4", "u8", "i8"])
def test_zeros_are_not_infinite(dtype):
    s = microtome.statistics(microtome.from_array(np.zeros((3, 4), dtype), "YX"))
    assert (s.n[0], s.n_nan[0], s.n_infinite[0]) == (12, 0, 0)


def test_one_pixel_constant_and_empty_images():
    s = microtome.statistics(microtome.from_array(np.full((1, 1), 7, np.int16), "YX"), quantiles=QUANTILES)
    assert (s.n[0], s.mean[0], s.std[0], s.min[0], s.max[0]) == (1, 7, 0, 7, 7)
    assert all(s.quantile(q)[0] == 7 for q in QUANTILES)
    assert s.histogram()[0].sum() == 1
    for make in (s.mean_std, s.min_max, lambda: s.quantile_range(0.25, 0.99)):
        with pytest.raises(ValueError, match="channel 0 cannot be normalized"):
            make()
    with pytest.raises(ValueError, match="the images have no pixels"):
        microtome.statistics(microtome.from_array(np.zeros((0, 5)), "YX"))
    with pytest.raises(ValueError, match="no images"):
        microtome.statistics([])


@pytest.mark.parametrize("dtype", ["u2", "f4", "f8"])
def test_results_do_not_depend_on_threads(dtype):
    image = random_image(dtype, (3, 1100, 700))
    texts = set()
    for threads in (1, 2, 7):
        context = microtome.Context(threads=threads)
        stack = microtome.from_array(image, "CYX", context=context)
        texts.add(microtome.statistics(stack, quantiles=QUANTILES)._core.json())
        texts.add(
            microtome.statistics(
                microtome.from_array(np.moveaxis(image, 0, -1), "YXC", context=context), quantiles=QUANTILES
            )._core.json()
        )
    assert len(texts) == 1


def test_a_sample_has_its_standard_error():
    rng = np.random.default_rng(3)
    image = (rng.normal(size=(64, 64, 1024)) + np.arange(64)[:, None, None]).astype(np.float32)
    stack = microtome.from_array(image, "TYX")
    s = microtome.statistics(stack, sample=16, seed=5)
    again = microtome.statistics(stack, sample=0.25, seed=5)
    assert s._core.json() == again._core.json()
    assert s.sample == (16, 64, 5)
    planes = image.reshape(64, -1)
    drawn = [i for i in range(64) if np.float32(planes[i].max()) <= s.max[0] and planes[i].min() >= s.min[0]]
    assert len(drawn) >= 16
    errors = []
    for seed in range(200):
        one = microtome.statistics(stack, sample=16, seed=seed, quantiles=())
        errors.append((one.mean[0] - float(planes.mean(dtype=np.float64))) / one.mean_error[0])
    assert 0.8 < np.std(errors) < 1.3
    whole = microtome.statistics(stack, sample=64)
    assert whole.mean_error[0] == 0
    assert whole.mean[0] == microtome.statistics(stack).mean[0]
    with pytest.raises(ValueError, match="5%"):
        microtome.statistics(stack, sample="five")


def test_the_error_of_a_sample_is_the_ratio_estimate():
    image = random_image("u2", (100, 256, 256), 4)
    image[::3] //= 8
    stack = microtome.from_array(image, "TYX")
    s = microtome.statistics(stack, sample=20, seed=1)
    planes = image.reshape(100, -1).astype(np.float64)
    total = s.mean[0] * s.n[0]
    assert s.n[0] == 20 * 65536
    # Which planes were drawn follows from one mask for each: the sample is the same.
    drawn = []
    for i in range(100):
        mask = np.zeros(image.shape, bool)
        mask[i] = True
        try:
            microtome.statistics(stack, sample=20, seed=1, mask=microtome.from_array(mask, "TYX"), quantiles=())
        except ValueError:
            continue
        drawn.append(i)
    assert len(drawn) == 20
    sums = planes[drawn].sum(1)
    assert total == pytest.approx(sums.sum())
    expected = np.sqrt((1 - 0.2) * ((sums - s.mean[0] * 65536) ** 2).sum() / (20 * 19)) / 65536
    assert s.mean_error[0] == pytest.approx(expected, rel=1e-9)


def test_a_sample_draws_all_channels_at_the_same_places():
    image = random_image("u2", (20, 3, 128, 512))
    s = microtome.statistics(microtome.from_array(image, "TCYX"), sample=5, seed=2)
    assert s.sample == (5, 60, 2)  # 43 rows of all channels have 65,536 pixels
    assert set(s.n) <= {(5 * 43 - k) * 512 for k in range(6)}
    assert len(set(s.n)) == 1
    assert (s.mean_error > 0).all()
    assert s.overall.mean_error > 0


class Simulation:
    """A source written in Python."""

    def __init__(self, image, fails=False):
        self.image = image
        self.fails = fails
        self.source = "broken" if fails else "simulation"
        self.original_axes = "CYX"
        self.original_data_shape = image.shape
        self.data_dtype = image.dtype

    def extract_patch(self, sample_idx, channels, coords, patch_size):
        if self.fails:
            raise RuntimeError("broken source")
        (y, x), (h, w) = coords, patch_size
        return self.image[list(channels), y : y + h, x : x + w]


def test_python_sources():
    image = random_image("u2", (2, 100, 1500))
    stack = microtome.from_object(Simulation(image))
    s = microtome.statistics(stack, quantiles=QUANTILES)
    for c in (0, 1):
        check(s, image[c], s._channels[c], s.histogram(c))
    broken = microtome.from_object(Simulation(image, fails=True))
    with pytest.raises(RuntimeError, match="broken source"):
        microtome.statistics(broken)


def test_saved_statistics_are_the_same(tmp_path):
    image = random_image("f4", (2, 50, 60))
    image[1, 0, 0] = np.nan
    s = microtome.statistics(microtome.from_array(image, "CYX"), quantiles=QUANTILES, sample=None, seed=2**64 - 1)
    path = tmp_path / "statistics.json"
    s.save(path)
    for other in (microtome.Statistics.load(path), pickle.loads(pickle.dumps(s))):
        assert other._core.json() == s._core.json()
        assert other.overall == s.overall
        assert other.quantile(0.5).tolist() == s.quantile(0.5).tolist()
        assert (other.histogram(1)[0] == s.histogram(1)[0]).all()
    path.write_text("{}")
    with pytest.raises(microtome.CorruptError, match="not statistics"):
        microtome.Statistics.load(path)


def test_normalizations_are_those_of_careamics():
    image = random_image("u2", (3, 64, 64))
    s = microtome.statistics(microtome.from_array(image, "CYX"), quantiles=(0.01, 0.99))
    x = image.astype(np.float32)

    def column(values):
        return np.asarray(values, np.float32)[:, None, None]

    mean_std = (x - column(s.mean)) / (column(s.std) + np.float32(1e-6))
    assert (s.mean_std()(image) == mean_std).all()
    low, high = column(s.quantile(0.01)), column(s.quantile(0.99))
    assert (s.quantile_range()(image) == (x - low) / (high - low + np.float32(1e-8))).all()
    for normalization in (s.mean_std(), s.min_max(), s.quantile_range(), s.min_max(per_channel=False)):
        back = normalization.inverse(normalization(image))
        assert np.abs(back - x).max() <= 0.02
        batch = normalization(np.stack([image, image]), axis=1)
        assert (batch[1] == normalization(image)).all()
        affine = x * normalization.scale.reshape(-1, 1, 1) + normalization.offset.reshape(-1, 1, 1)
        assert np.abs(affine - normalization(image)).max() < 1e-5
    with pytest.raises(ValueError, match=r"quantile 0\.5 was not computed"):
        s.quantile(0.5)
    with pytest.raises(ValueError, match="must have the 3 channels"):
        s.mean_std()(image, axis=1)


def test_images_that_do_not_fit_are_refused():
    a = microtome.from_array(np.zeros((4, 4), np.uint8), "YX", "a")
    b = microtome.from_array(np.zeros((4, 4), np.uint32), "YX", "b")
    c = microtome.from_array(np.zeros((2, 4, 4), np.uint8), "CYX", "c")
    with pytest.raises(ValueError, match=r"stack 1 \(b\) has dtype uint32, but stack 0 \(a\) has uint8, and float32"):
        microtome.statistics([a, b])
    with pytest.raises(ValueError, match=r"stack 1 \(c\) has 2 channels, but stack 0 \(a\) has 1"):
        microtome.statistics([a, c])
    with pytest.raises(ValueError, match="mask c does not have"):
        microtome.statistics(a, mask=c)
    with pytest.raises(ValueError, match="one mask for each image"):
        microtome.statistics([a, a], mask=a)
    with pytest.raises(ValueError, match=r"quantile 1\.5"):
        microtome.statistics(a, quantiles=(1.5,))
    with pytest.raises(ValueError, match="quantile nan"):
        microtome.statistics(a, quantiles=(np.nan,))
    with pytest.raises(ValueError, match="range"):
        microtome.statistics(a, range=(1, 1))
    with pytest.raises(ValueError, match="the masks select no pixel"):
        microtome.statistics(a, mask=a)
    for wrong in ([np.zeros((4, 4))], np.zeros((4, 4)), "image.tif", ["image.tif"]):
        with pytest.raises(
            TypeError,
            match=r"must be an image stack, or a list of them, not .*: microtome\.open .* microtome\.from_array",
        ):
            microtome.statistics(wrong)
        with pytest.raises(TypeError, match="must be an image stack"):
            microtome.statistics(a, mask=wrong)
    a.close()
    with pytest.raises(ValueError, match="closed"):
        microtome.statistics(a)


def test_progress_is_reported_and_its_exceptions_end_the_call():
    stack = microtome.from_array(random_image("f4", (64, 512, 512)), "TYX", context=microtome.Context(threads=1))
    seen = []
    microtome.statistics(stack, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2 * stack.size, 2 * stack.size)
    assert seen == sorted(seen)

    def fail(done, total):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        microtome.statistics(stack, progress=fail)


@pytest.mark.parametrize("dtype", ["u1", "f8"])
def test_a_signal_ends_the_call(dtype):
    class Stopped(Exception):
        pass

    def stop(number, frame):
        raise Stopped

    huge = microtome.from_array(np.broadcast_to(np.zeros((1, 1), dtype), (400_000, 50_000)), "YX")
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(Stopped):
            microtome.statistics(huge)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_bar_counts_pixels(monkeypatch):
    stack = microtome.from_array(np.zeros((4, 4)) + np.arange(4), "YX")
    bars = []

    class Bar:
        n = total = 0

        def __init__(self, **options):
            bars.append(self)

        def update(self, n):
            self.n += n

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            pass

    module = ModuleType("tqdm.auto")
    module.tqdm = Bar
    monkeypatch.setitem(sys.modules, "tqdm.auto", module)
    microtome.statistics(stack, progress=True)
    assert (bars[0].n, bars[0].total) == (4 * 16, 4 * 16)


def test_threads_share_statistics():
    s = microtome.statistics(microtome.from_array(random_image("u2", (64, 64)), "YX"))
    results = []
    threads = [threading.Thread(target=lambda: results.append(s.quantile(0.01)[0])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1


def test_a_notebook_shows_table_and_histogram():
    s = microtome.statistics(microtome.from_array(random_image("u1", (2, 32, 32)), "CYX"), bins=16)
    html = s._repr_html_()
    assert html.count("<tr>") == 4
    assert html.count("<polyline") == 2
    assert html.count("<line") == 2
    none = microtome.statistics(microtome.from_array(np.eye(4, dtype=np.float32), "YX"), quantiles=())
    assert "<svg" not in none._repr_html_()
    with pytest.raises(ValueError, match="no histogram"):
        none.histogram()
