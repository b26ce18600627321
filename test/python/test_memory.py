# SPDX-License-Identifier: BSD-3-Clause
"""Each of Python's allocations fails in turn: MemoryError or the right result, and the next call works."""

import os

import numpy as np
import pytest
from microtome import _core
from nomemory import exhaust

PIXELS = np.arange(2 * 3 * 8 * 9, dtype=np.uint16).reshape(2, 3, 8, 9)
NAMES = ("red", "green", "blue")


@pytest.fixture
def stack():
    return _core.Stack._from_array(PIXELS, "SCYX", "pixels")


@pytest.fixture
def named(tmp_path):
    """An image whose channels have names."""
    store = tmp_path / "named.zarr"
    (store / "0").mkdir(parents=True)
    channels = ", ".join(f'{{"label": "{name}", "color": "FF0000"}}' for name in NAMES)
    (store / ".zgroup").write_text('{"zarr_format": 2}')
    (store / ".zattrs").write_text(
        '{"multiscales": [{"version": "0.4", "axes": [{"name": "c", "type": "channel"}, {"name": "y", "type": "space"}, '
        '{"name": "x", "type": "space"}], "datasets": [{"path": "0", "coordinateTransformations": '
        f'[{{"type": "scale", "scale": [1, 2, 3]}}]}}]}}], "omero": {{"channels": [{channels}]}}}}'
    )
    (store / "0" / ".zarray").write_text(
        '{"zarr_format": 2, "shape": [3, 8, 9], "chunks": [3, 8, 9], "dtype": "<u2", "compressor": null, '
        '"fill_value": 0, "order": "C", "filters": null}'
    )
    (store / "0" / "0.0.0").write_bytes(PIXELS[0].tobytes())
    return store


def test_one_patch(stack, named):
    wanted = PIXELS[1, [2, 0], 3:7, 1:6]
    failed = exhaust(
        lambda: stack.extract_patch(1, [2, 0], (3, 1), (4, 5), dtype=np.uint16),
        lambda patch: np.testing.assert_array_equal(patch, wanted),
    )
    assert failed
    with_names = _core.Stack._open(named)
    failed = exhaust(
        lambda: with_names.extract_patch(0, ["blue", 0], (3, 1), (4, 5)),
        lambda patch: np.testing.assert_array_equal(patch, PIXELS[0, [2, 0], 3:7, 1:6]),
    )
    assert failed
    assert exhaust(lambda: with_names._find_channels("green"), lambda found: found == [1] or pytest.fail())


def test_many_patches(stack):
    sample, coords = np.array([1, 0]), np.array([[3, 1], [0, 0]])

    def check(result):
        patches, errors = result
        np.testing.assert_array_equal(patches[0], PIXELS[1, :, 3:5, 1:3])
        np.testing.assert_array_equal(patches[1], PIXELS[0, :, :2, :2])
        assert errors == [None, None]

    assert exhaust(
        lambda: _core.extract_many(
            (stack, stack),
            np.array([1, 0]),
            sample,
            None,
            coords,
            (2, 2),
            None,
            None,
            None,
            None,
            False,
            "edge",
            False,
            True,
            0,
            None,
        ),
        check,
    )

    def prefetch():
        ahead = _core.prefetch((stack,), None, sample, None, coords, (2, 2), 0)
        ahead.wait()
        ahead.end()

    assert exhaust(prefetch, lambda _: None)


def test_properties(named):
    stack = _core.Stack._open(named)
    wanted = {
        "source": str(named),
        "data_shape": (1, 3, 8, 9),
        "original_axes": "CYX",
        "original_data_shape": (3, 8, 9),
        "original_chunks": (3, 8, 9),
        "original_shards": None,
        "axes_source": "file",
        "part": "",
        "warnings": [],
        "missing": [],
        "_dtype_name": "uint16",
        "_channels": [(name, (255, 0, 0), None) for name in NAMES],
    }
    for name, value in wanted.items():
        exhaust(
            lambda name=name: getattr(stack, name),
            lambda got, name=name: (name, got) == (name, value) or pytest.fail(f"{name}: {got}"),
        )
    exhaust(lambda: stack._pixels, lambda got: [size for size, _ in got][-2:] == [2.0, 3.0] or pytest.fail(f"{got}"))
    exhaust(stack._checksum, lambda got: got == stack._checksum() or pytest.fail())
    exhaust(stack._map, lambda got: got == stack._map() or pytest.fail())


def test_opening(named):
    path = os.fsencode(named)

    def check(stack):
        assert stack.data_shape == (1, 3, 8, 9)
        stack.close()

    assert exhaust(lambda: _core.Stack._open(path, axes="CYX", format="zarr"), check)
    assert exhaust(lambda: _core.Stack._from_array(PIXELS[0], "CYX", "x"), check)

    def check_all(result):
        [stack], skipped = result
        assert skipped == []
        check(stack)

    assert exhaust(lambda: _core.Stack._open_all([path]), check_all)
    assert exhaust(lambda: _core.list_parts(path), lambda parts: parts == [""] or pytest.fail(f"{parts}"))


def test_objects():
    class Source:  # allocates nothing in NumPy, parts of which do not expect failures
        patches = {(1, 4): PIXELS[1, :, 3:7, 1:6].astype(np.float32)}
        patches.update(
            {(s, 2): PIXELS[s, :, y : y + 2, x : x + 2].astype(np.float32) for s, y, x in ((1, 3, 1), (0, 0, 0))}
        )

        def extract_patch(self, sample_idx, channels, coords, patch_size):
            return self.patches[sample_idx, patch_size[0]]

    source = Source()

    def make():
        return _core.Stack._from_object(source, "mine", "uint16", "SCYX", PIXELS.shape)

    assert exhaust(make, lambda stack: stack.data_shape == PIXELS.shape or pytest.fail())
    stack = make()
    failed = exhaust(
        lambda: stack.extract_patch(1, None, (3, 1), (4, 5)),
        lambda patch: np.testing.assert_array_equal(patch, PIXELS[1, :, 3:7, 1:6]),
    )
    assert failed
    index, coords = np.array([1, 0]), np.array([[3, 1], [0, 0]])

    def check(result):
        patches, errors = result
        for patch, error, pixels in zip(patches, errors, (PIXELS[1, :, 3:5, 1:3], PIXELS[0, :, :2, :2]), strict=True):
            assert isinstance(error, MemoryError) or np.array_equal(patch, pixels)

    failed = exhaust(
        lambda: _core.extract_many(
            (stack,), None, index, None, coords, (2, 2), None, None, None, None, False, 0, False, True, 0, None
        ),
        check,
    )
    assert failed


def test_contexts():
    def make():
        return _core.Context(
            threads=1, limits={"max_chunk_bytes": 1 << 30}, http={"ca_file": "x", "retries": 0}, s3={"anonymous": True}
        )

    def check(context):
        assert context.counters()["patches"] == 0

    assert exhaust(make, check)
    context = make()
    assert exhaust(context.counters, lambda counters: counters["patches"] == 0 or pytest.fail())
    for list_all in _core.formats, _core.codecs:
        assert exhaust(list_all, lambda got, list_all=list_all: got == list_all() or pytest.fail())


def test_pictures(named):
    stack = _core.Stack._open(named)
    plane = stack._draw_plane(0, None, None, None, 64, None, (0, 0, 0, 0, 0))
    assert exhaust(
        lambda: stack._draw_plane(0, [0, 1], None, (1, 1, 4, 4), 64, None, (0, 0, 0, 0, 0)),
        lambda got: len(got) == 4 or pytest.fail(),
    )
    assert stack._draw_plane(0, None, None, None, 64, None, (0, 0, 0, 0, 0)) == plane


def arguments(path, like=None, **changes):
    """Those of _core.Writer, for an image like PIXELS[0]."""
    channels = tuple((name, (1, 2, 3), (0.0, 9.0)) for name in NAMES)
    values = {
        "path": str(path),
        "like": like,
        "axes": "CYX",
        "shape": (3, 8, 9),
        "dtype": "uint16",
        "chunks": (1, 4, 4),
        "shards": (1, 8, 8),
        "no_shards": False,
        "codec": "zstd",
        "codec_level": 1,
        "shuffle": None,
        "levels": 0,
        "downsample": None,
        "ome": None,
        "pixel_size": (1.0, 0.5, 0.5),
        "unit": ("", "micrometer", "micrometer"),
        "channels": channels,
        "is_labels": False,
        "durability": 2,
        "memory": 0,
        "identity": "pixels",
        "note": None,
        "format": None,
        "context": None,
    }
    return tuple({**values, **changes}.values())


def test_writer(tmp_path, named):
    like = _core.Stack._open(named)
    ready = [arguments(tmp_path / f"{i}.zarr", like) for i in range(400)]
    assert exhaust(lambda: _core.Writer(*ready.pop()), lambda out: out.close())
    out = _core.Writer(*ready.pop())
    assert exhaust(out.info, lambda info: info[2] == (3, 8, 9) or pytest.fail())
    exhaust(out.progress, lambda told: told[0] == 6 or pytest.fail())
    exhaust(lambda: out.unit(1), lambda unit: unit == ((0, 0, 8), (1, 8, 1)) or pytest.fail())
    exhaust(lambda: out.part(1, 2), lambda part: part == (3, 3) or pytest.fail())
    places, pixel = list(np.ndindex(3, 8, 9)), PIXELS[0, :1, :1, :1]
    exhaust(lambda: out.put(places.pop(), pixel), lambda _: None)
    out.close()
    with pytest.raises(ValueError, match="closed"):
        out.progress()
    sources = ((like, (0, 0, 0), (3, 8, 9), (0, 0, 0), 0),)
    outputs = [_core.Writer(*ready.pop()) for _ in range(100)]
    finished = []

    def copy():
        out = outputs.pop()
        out.copy(sources, 0, 0, 0, None)
        return out

    assert exhaust(copy, lambda out: finished.append(out.finish(True, None)))
    assert len(finished) > 30
    assert exhaust(like._identity, lambda text: str(named) in text or pytest.fail())


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": (3, 8)},
        {"chunks": (1, 2)},
        {"pixel_size": (1.0,)},
        {"pixel_size": (1.0, "x", 2.0)},
        {"unit": ("", 1, "")},
        {"unit": []},
        {"channels": (("a", None, None),)},
        {"channels": (1, 2, 3)},
        {"channels": ((1, None, None),) * 3},
        {"channels": (("a", (1, 2), None),) * 3},
        {"channels": (("a", None, 1),) * 3},
        {"axes": "TCZYXTCZYX", "shape": (1,) * 10},
        {"dtype": "complex64"},
        {"like": 1},
        {"context": 1},
        {"memory": -1},
    ],
)
def test_arguments_of_a_writer(tmp_path, changes):
    with pytest.raises((TypeError, ValueError)):
        _core.Writer(*arguments(tmp_path / "a.zarr", **changes))
    assert not (tmp_path / "a.zarr").exists()


def test_sources_of_a_copy(tmp_path, stack):
    out = _core.Writer(*arguments(tmp_path / "a.zarr"))
    good = (stack, (0, 0, 0), (3, 8, 9), (0, 0, 0), 0)
    for at, bad in [(0, 1), (1, (0, 0)), (2, None), (3, ("a", 0, 0)), (4, "a"), (4, 7), (1, (0, 0, 1))]:
        with pytest.raises((TypeError, ValueError)):
            out.copy(((*good[:at], bad, *good[at + 1 :]),), 0, 0, 0, None)
    for sources in ([], (1,), (good, 1)):
        with pytest.raises(TypeError):
            out.copy(sources, 0, 0, 0, None)
    stack.close()
    with pytest.raises(ValueError, match="closed"):
        out.copy((good,), 0, 0, 0, None)
