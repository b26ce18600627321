# SPDX-License-Identifier: BSD-3-Clause
"""Checksums against their definition in microtome/checksum.h, and what is read for them and for pictures."""

import itertools
import json
import struct
import zlib

import h5py
import microtome
import numpy as np
import pytest

P = 2**61 - 1
B = (0x1B873593CC9E2D6F, 0x165667B19E3779FD)
M = (0x1E3779B97F4A7C19, 0x02B2AE3D27D4EB55)
MASK = 2**64 - 1


def checksum(pixels, type_name=None):
    """The checksum of an array SC(Z)YX by its definition."""
    bits = np.ascontiguousarray(pixels).ravel().view(f"u{pixels.itemsize}").tolist()
    text = f"{type_name or pixels.dtype.name} " + "x".join(map(str, pixels.shape))
    words = []
    for b, m in zip(B, M, strict=True):
        z = 0
        for value in reversed(bits):
            z = (z * b + (value & 0xFFFFFFFF) + m * (value >> 32)) % P
        for c in text.encode():
            z = (z * b + c + 1) % P
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        words.append(z ^ z >> 31)
    return "".join(f"{word:016x}" for word in words)


def write_zarr(path, pixels, chunk, separator=".", skip_fill=False, compress=True):
    """An array of version 2, written by hand: chunks that hold nothing but 0 are left out."""
    path.mkdir()
    document = {
        "zarr_format": 2,
        "shape": pixels.shape,
        "chunks": chunk,
        "dtype": pixels.dtype.str,
        "compressor": {"id": "zlib", "level": 1} if compress else None,
        "fill_value": 0,
        "order": "C",
        "filters": None,
        "dimension_separator": separator,
    }
    (path / ".zarray").write_text(json.dumps(document))
    grid = [-(-n // c) for n, c in zip(pixels.shape, chunk, strict=True)]
    for position in itertools.product(*map(range, grid)):
        part = pixels[tuple(slice(i * c, (i + 1) * c) for i, c in zip(position, chunk, strict=True))]
        if skip_fill and not part.any():
            continue
        whole = np.zeros(chunk, pixels.dtype)
        whole[tuple(map(slice, part.shape))] = part
        file = path / separator.join(map(str, position))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(zlib.compress(whole.tobytes(), 1) if compress else whole.tobytes())
    return path


TYPES = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32"]


@pytest.mark.parametrize("dtype", [*TYPES, "float64", ">u2", ">i4", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_type_and_order(tmp_path, dtype, order):
    pixels = np.random.default_rng(2).integers(0, 2**15, (3, 2, 5, 1100)) * 2**40
    pixels = np.asarray(pixels / 2**41 if "f" in dtype and dtype != "float16" else pixels >> 41, dtype)
    np.save(tmp_path / "a.npy", np.asarray(pixels, order=order))
    plain = np.asarray(pixels, pixels.dtype.newbyteorder("="))[:, None]
    assert microtome.open(tmp_path / "a.npy", axes="SZYX").checksum() == checksum(plain)


def test_high_halves_of_wide_elements_count(tmp_path):
    pixels = np.random.default_rng(3).integers(0, 2**64, (7, 9), np.uint64)
    assert microtome.from_array(pixels, "YX").checksum() == checksum(pixels[None, None])
    changed = pixels.copy()
    changed[3, 3] ^= 1 << 63
    assert microtome.from_array(changed, "YX").checksum() != microtome.from_array(pixels, "YX").checksum()


def test_axes_decide_where_a_pixel_counts():
    pixels = np.random.default_rng(4).integers(0, 60000, (2, 3, 4, 11, 13), np.uint16)
    wanted = checksum(pixels)  # T counts as S
    for axes in itertools.permutations(range(5)):
        view = pixels.transpose(axes)
        assert microtome.from_array(view, "".join("TCZYX"[a] for a in axes)).checksum() == wanted
    assert microtome.from_array(pixels, "CTZYX").checksum() != wanted


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("cache", [0, 1 << 26])
def test_formats_and_chunks_do_not_matter(tmp_path, threads, cache):
    pixels = np.random.default_rng(5).integers(0, 60000, (6, 70, 90), np.uint16)
    pixels[2:4, 20:] = 0
    np.save(tmp_path / "a.npy", pixels)
    for i, chunk in enumerate([(6, 70, 90), (1, 16, 16), (4, 33, 7)]):
        write_zarr(tmp_path / f"{i}.zarr", pixels, chunk, "./"[i % 2], skip_fill=i > 0, compress=i != 2)
        with h5py.File(tmp_path / f"{i}.h5", "w") as file:
            file.create_dataset("a", data=pixels, chunks=chunk, compression="gzip" if i else None)
    context = microtome.Context(threads=threads, cache_bytes=cache)
    wanted = checksum(pixels[None, None])
    for path in sorted(tmp_path.iterdir()):
        stack = microtome.open(path, axes="ZYX", context=context)
        assert stack.checksum() == wanted, path
        stack.extract_patch(0, None, (0, 0, 0), (6, 70, 90))
        assert stack.checksum() == wanted, path


def test_a_mosaic_counts_what_is_seen(data):
    for name in ["mosaic_overlap_tzc", "negative_origin_gaps", "px_bgr48_jxr"]:
        stack = microtome.open(data / f"czi/generated/{name}.czi")
        assert stack.checksum() == checksum(np.asarray(stack)), name


class Ramp:
    """A custom stack."""

    data_dtype = np.dtype(np.float32)
    data_shape = (2, 11, 3, 5, 1100)
    original_axes, original_data_shape, source = "SCZYX", data_shape, "ramp"
    pixels = np.arange(2 * 11 * 3 * 5 * 1100, dtype=np.float32).reshape(data_shape)

    def extract_patch(self, sample_idx, channels, coords, patch_size):
        z, y, x = (slice(c, c + n) for c, n in zip(coords, patch_size, strict=True))
        return self.pixels[sample_idx][list(channels), z, y, x]


def test_a_stack_of_ones_own():
    assert microtome.from_object(Ramp()).checksum() == checksum(Ramp.pixels)


def test_each_chunk_is_decoded_once_and_not_kept(tmp_path):
    pixels = np.random.default_rng(6).integers(0, 200, (256, 256), np.uint8)
    write_zarr(tmp_path / "a.zarr", pixels, (32, 32))
    context = microtome.Context(cache_bytes=1 << 26)
    stack = microtome.open(tmp_path / "a.zarr", context=context)
    stack.checksum()
    assert context.counters()["chunks_decoded"] == 64
    assert context.counters()["cache_bytes"] == 0
    stack.extract_patch(0, None, (0, 0), (64, 64))
    context.reset_counters()
    stack.checksum()
    assert context.counters()["chunks_decoded"] == 60
    assert context.counters()["cache_hits"] == 4


@pytest.mark.parametrize("cache", [0, 1 << 20, 1 << 28])
def test_a_picture_decodes_each_chunk_once(tmp_path, cache):
    pixels = np.zeros((5000, 4500), np.uint8)
    pixels[::7] = 3
    write_zarr(tmp_path / "a.zarr", pixels, pixels.shape)  # was decoded once for each tile of 2048 x 2048
    context = microtome.Context(cache_bytes=cache)
    microtome.open(tmp_path / "a.zarr", context=context).view()
    assert context.counters()["chunks_decoded"] == 1


@pytest.mark.parametrize("kind", ["flat", "nested", "tree"])
@pytest.mark.parametrize("share", [0, 0.02, 1])
def test_sparse_arrays_read_as_they_are(tmp_path, kind, share):
    rng = np.random.default_rng(7)
    chunk = (2, 3, 4)
    stored = rng.random((12, 14, 16)) < share
    pixels = np.kron(stored, np.ones(chunk, np.uint16)) * rng.integers(1, 9, [24, 42, 64], np.uint16)
    pixels = pixels.astype(np.uint16)[:23, :41, :62]
    if kind == "tree":
        path = tmp_path / "a.h5"
        with h5py.File(path, "w") as file:
            array = file.create_dataset("a", pixels.shape, np.uint16, chunks=chunk)
            for z, y, x in np.argwhere(stored):
                part = np.s_[2 * z : 2 * z + 2, 3 * y : 3 * y + 3, 4 * x : 4 * x + 4]
                array[part] = pixels[part]
    else:
        path = write_zarr(tmp_path / "a.zarr", pixels, chunk, "./"[kind == "nested"], skip_fill=True)
    context = microtome.Context(cache_bytes=0)
    stack = microtome.open(path, axes="ZYX", context=context)
    for _ in range(2):  # the second time the index is known
        context.reset_counters()
        assert np.array_equal(np.asarray(stack)[0, 0], pixels)
        assert stack.checksum() == checksum(pixels[None, None])
    for _ in range(10):
        start = rng.integers(-3, 12, 3)
        size = rng.integers(20, 60, 3)
        patch = stack.extract_patch(0, None, start, size)[0]
        part = np.pad(pixels, 72)[tuple(slice(s + 72, s + 72 + n) for s, n in zip(start, size, strict=True))]
        assert np.array_equal(patch, part)


@pytest.mark.parametrize("name", ["dchunk1s.zarr", "h_contig.h5", "h_huge.h5", "h_huge2.h5"])
def test_giant_planes_without_data_end_at_once(data, name):
    stack = microtome.open(data / "cases/tiny-file-giant-plane" / name, axes="YX")
    picture = stack.view(max_size=64)
    assert picture is not None
    assert len(stack.checksum()) == 32


def test_damage_is_an_error_that_names_the_chunk(tmp_path):
    pixels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    path = write_zarr(tmp_path / "a.zarr", pixels, (16, 16))
    (path / "2.1").write_bytes(b"damaged")
    with pytest.raises(microtome.CorruptError, match="chunk 2/1"):
        microtome.open(path).checksum()


def write_sparse_tiff(path, pixels, tile):
    """A tiled TIFF, written by hand: tiles that hold nothing but 0 have neither place nor size."""
    rows, columns = (n // tile for n in pixels.shape)
    body, offsets, counts = bytearray(b"II*\0" + bytes(4)), [], []
    for y, x in np.ndindex(rows, columns):
        part = pixels[y * tile : (y + 1) * tile, x * tile : (x + 1) * tile]
        offsets.append(len(body) if part.any() else 0)
        counts.append(part.nbytes if part.any() else 0)
        body += part.tobytes() if part.any() else b""
    table = len(body)
    body += struct.pack(f"<{2 * len(offsets)}I", *offsets, *counts)
    body[4:8] = struct.pack("<I", len(body))
    shorts = {256: pixels.shape[1], 257: pixels.shape[0], 258: 16, 259: 1, 262: 1, 277: 1, 322: tile, 323: tile}
    tags = [(tag, 3, 1, value) for tag, value in shorts.items()]
    tags += [(324, 4, len(offsets), table), (325, 4, len(offsets), table + 4 * len(offsets))]
    body += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    path.write_bytes(body)


@pytest.mark.parametrize("share", [0, 0.01, 1])
def test_sparse_tiles_read_as_they_are(tmp_path, share):
    rng = np.random.default_rng(8)
    stored = np.kron(rng.random((40, 50)) < share, np.ones((16, 16), bool))
    pixels = np.where(stored, rng.integers(1, 9, stored.shape), 0).astype(np.uint16)
    write_sparse_tiff(tmp_path / "a.tif", pixels, 16)
    stack = microtome.open(tmp_path / "a.tif", context=microtome.Context(cache_bytes=0))
    for _ in range(2):  # the second time the table of tiles is known
        assert np.array_equal(np.asarray(stack)[0, 0], pixels)
        assert stack.checksum() == checksum(pixels[None, None])
