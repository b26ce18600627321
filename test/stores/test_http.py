# SPDX-License-Identifier: BSD-3-Clause
"""HTTP and HTTPS with nginx, which serves files well and, below other paths, in every wrong way."""

import multiprocessing
import os
import pickle
import time

import microtome
import numpy as np
import pytest
from conftest import IMAGES, read_all
from test_s3 import image_name


def open_volume(nginx, fault, context, name="volume.zarr"):
    return microtome.open(f"{nginx.http}/{fault}/{name}", context=context)


@pytest.mark.parametrize("image", IMAGES, ids=image_name)
@pytest.mark.parametrize("fault", ["plain", "norange"])
def test_pixels_equal_those_of_files(image, fault, nginx, expected, context):
    url = f"{nginx.http}/{fault}/{image_name(image)}".replace(" ", "%20")
    assert np.array_equal(read_all(microtome.open(url, axes=image[2], context=context)), expected[image])


@pytest.mark.parametrize("fault", ["busy", "reset", "short", "cut", "delay", "moved"])
def test_what_is_overcome(fault, nginx, volume, context):
    """503 with Retry-After, resets, bodies that end early, delays, a redirect."""
    assert np.array_equal(read_all(open_volume(nginx, fault, context))[0, 0], volume[1])


@pytest.mark.parametrize("fault", ["busy", "reset", "cut"])
def test_what_is_overcome_in_one_file(fault, nginx, plane, context):
    assert np.array_equal(read_all(open_volume(nginx, fault, context, "plane.npy"))[0, 0], plane[1])


@pytest.mark.parametrize(
    ("fault", "words"),
    [("wrong", "was asked for"), ("gzip", "gzip"), ("endless", ""), ("loop", "redirect"), ("changing", "changed")],
)
def test_what_is_refused(fault, words, nginx):
    context = microtome.Context(http={"retries": 2}, limits={"max_norange_bytes": 1 << 20})
    start = time.monotonic()
    with pytest.raises(microtome.Error, match=words or None):
        read_all(open_volume(nginx, fault, context, "plane.npy"))
    assert time.monotonic() - start < 20


def test_a_body_that_stalls(nginx):
    context = microtome.Context(http={"retries": 0, "stall_timeout_ms": 1000})
    start = time.monotonic()
    with pytest.raises(microtome.ReadError):
        open_volume(nginx, "stall", context, "plane.npy")
    assert time.monotonic() - start < 10


def test_a_slow_drip_is_read_to_its_end(nginx, volume, context):
    """The total time of a request is not limited as long as bytes arrive."""
    assert read_all(open_volume(nginx, "drip", context, "few.npy"))[0, 0].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(("code", "error"), [(401, "401"), (403, "403"), (410, "410"), (500, "500"), (503, "503")])
def test_only_404_is_missing(code, error, nginx):
    context = microtome.Context(http={"retries": 1})
    stack = open_volume(nginx, f"status/{code}/_3.3", context)
    with pytest.raises(microtome.ReadError, match=error):
        read_all(stack)


def test_404_is_missing(nginx, volume, context):
    pixels = read_all(open_volume(nginx, "status/404/_3.3", context))[0, 0]
    expected = volume[1].copy()
    expected[48:64, 48:64] = 7
    assert np.array_equal(pixels, expected)
    assert context.counters()["chunks_missing"] == 1


def test_one_bad_chunk_spoils_only_its_patches(nginx, volume):
    stack = open_volume(nginx, "status/403/_3.3", microtome.Context())
    assert np.array_equal(stack.extract_patch(0, None, (0, 0), (40, 40))[0], volume[1][:40, :40])
    with pytest.raises(microtome.ReadError, match=r"403"):
        stack.extract_patch(0, None, (50, 50), (4, 4))
    assert np.array_equal(stack.extract_patch(0, None, (64, 64), (40, 40))[0], volume[1][64:104, 64:104])


def test_certificates_are_verified(nginx):
    with pytest.raises(microtome.ReadError, match=r"(?i)certificate"):
        microtome.open(f"{nginx.https}/plain/volume.zarr", context=microtome.Context(http={"retries": 0}))


def test_an_authority_of_ones_own_and_http2(nginx, volume):
    context = microtome.Context(http={"ca_file": str(nginx.certificate)})
    before = len(nginx.protocols())
    stack = microtome.open(f"{nginx.https}/plain/volume.zarr", context=context)
    assert np.array_equal(read_all(stack)[0, 0], volume[1])
    assert set(nginx.protocols()[before:]) == {"HTTP/2.0"}


def test_no_verification_on_request(nginx, volume):
    context = microtome.Context(http={"allow_bad_certificates": True})
    stack = microtome.open(f"{nginx.https}/plain/volume.zarr", context=context)
    assert np.array_equal(read_all(stack)[0, 0], volume[1])


def test_missing(nginx, context):
    with pytest.raises(microtome.NotFoundError, match="404"):
        microtome.open(f"{nginx.http}/plain/none.tif", context=context)


def test_queries_are_shown_nowhere(nginx, context):
    stack = microtome.open(f"{nginx.http}/plain/plane.npy?token=hidden", context=context)
    assert "hidden" not in stack.source
    assert b"hidden" not in pickle.dumps(stack.source)
    with pytest.raises(microtome.Error) as caught:
        microtome.open(f"{nginx.http}/status/403/.npy/none.npy?token=hidden", context=context)
    assert "hidden" not in str(caught.value)


def test_a_url_with_a_password_is_refused(nginx, context):
    with pytest.raises(microtome.ArgumentError) as caught:
        microtome.open(nginx.http.replace("//", "//me:hidden@") + "/plain/volume.zarr", context=context)
    assert "hidden" not in str(caught.value)


def read_one(stack):
    return stack.extract_patch(0, None, (70, 70), (1, 1)).item()


def test_spawned_and_forked_processes(nginx, volume):
    stack = open_volume(nginx, "plain", None)
    read_all(stack)
    for method in "spawn", "fork":
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(read_one, [stack] * 4) == [volume[1][70, 70]] * 4


def test_requests_of_opening_and_of_pixels(nginx, volume, context):
    """Each chunk is asked for once; what is decoded already is not asked for again."""
    stack = open_volume(nginx, "plain", context)
    nginx.requests()
    read_all(stack)
    assert nginx.requests() == 64
    read_all(stack)
    assert nginx.requests() == 0


def test_the_environment_names_no_server(nginx):
    """A test that a proxy would answer proves nothing."""
    assert not any(os.environ.get(name) for name in ("http_proxy", "all_proxy", "ALL_PROXY"))
