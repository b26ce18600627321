# SPDX-License-Identifier: BSD-3-Clause
"""S3 with real servers: SeaweedFS, which verifies signatures; rclone, which is odd; nginx for what goes wrong."""

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import microtome
import numpy as np
import pytest
from conftest import IMAGES, read_all, write_array
from servers import KEY, READ_ONLY, READ_ONLY_SECRET, SECRET, request


def image_name(image):
    return Path(image[0]).name


@pytest.mark.parametrize("image", IMAGES, ids=image_name)
@pytest.mark.parametrize("which", ["seaweed", "rclone"])
def test_pixels_equal_those_of_files(image, which, expected, as_lab, context, request):
    as_lab(request.getfixturevalue(which))
    stack = microtome.open(f"s3://lab/{Path(image[0]).name}", axes=image[2], context=context)
    assert np.array_equal(read_all(stack), expected[image])


def test_many_patches_at_once(seaweed, volume, as_lab, context):
    as_lab(seaweed)
    stack = microtome.open("s3://lab/volume.zarr", context=context)
    places = np.random.default_rng(2).integers(0, 96, (200, 2))
    patches = stack.extract_patches(0, None, places, (32, 32), dtype=np.uint16)
    for patch, (y, x) in zip(patches, places, strict=True):
        assert np.array_equal(patch[0], volume[1][y : y + 32, x : x + 32])


def test_all_images_of_a_prefix(seaweed, volume, plane, as_lab, context):
    as_lab(seaweed)
    seaweed.put_tree("lab/all/deep", volume[0])
    seaweed.put_tree("lab/all", plane[0])
    seaweed.put("lab/all/notes.txt", b"no image")
    names = [f"s3://lab/all/deep/{volume[0].name}", f"s3://lab/all/{plane[0].name}"]
    for prefix in ("s3://lab/all", "s3://lab/all/"):
        stacks = microtome.open_all(prefix, context=context)
        assert [stack.source for stack in stacks] == names
        assert [path for path, _ in stacks.skipped] == ["s3://lab/all/notes.txt"]
        for stack, image in zip(stacks, (volume, plane), strict=True):
            assert np.array_equal(read_all(stack)[0, 0], image[1])
    told = subprocess.run(
        [os.environ["MICROTOME_COMMAND"], "info", "s3://lab/all"], capture_output=True, text=True, check=False
    )
    assert [line.split()[0] for line in told.stdout.splitlines()[1:]] == names
    assert "skipped 1 file that is not an image" in told.stderr
    with pytest.raises(microtome.NotFoundError, match="s3://lab/absent"):
        microtome.open_all("s3://lab/absent", context=context)


def test_a_slash_at_the_end_is_a_folder(seaweed, volume, as_lab, context):
    as_lab(seaweed)
    assert np.array_equal(read_all(microtome.open("s3://lab/volume.zarr/", context=context))[0, 0], volume[1])


def test_the_source_is_the_url(seaweed, as_lab, context):
    as_lab(seaweed)
    assert microtome.open("s3://lab/volume.zarr", context=context).source == "s3://lab/volume.zarr"


def test_the_command(seaweed, as_lab):
    as_lab(seaweed)
    told = subprocess.run(
        [os.environ["MICROTOME_COMMAND"], "info", "s3://lab/volume.zarr"], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    assert "128 x 128" in told.stdout


def test_wrong_secret(seaweed, as_lab, context):
    as_lab(seaweed, secret="x" * 40)
    with pytest.raises(microtome.ReadError, match=r"403.*SignatureDoesNotMatch.*the environment"):
        microtome.open("s3://lab/volume.zarr", context=context)


def test_unknown_key_is_not_told_its_secret(seaweed, as_lab, context):
    as_lab(seaweed, key="AKIANONENONENONENONE", secret="hidden" * 6)
    with pytest.raises(microtome.ReadError, match="403") as caught:
        microtome.open("s3://lab/volume.zarr", context=context)
    assert "hidden" not in str(caught.value)
    assert "AKIANONE" not in str(caught.value)


def test_anonymous(seaweed, volume, monkeypatch, context):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", seaweed.url)
    monkeypatch.setenv("HOME", "/nonexistent")
    stack = microtome.open("s3://public/volume.zarr", context=context)
    assert np.array_equal(read_all(stack)[0, 0], volume[1])
    with pytest.raises(microtome.ReadError, match=r"403.*(?s:.*)no credentials"):
        microtome.open("s3://lab/volume.zarr", context=context)


def test_keys_of_a_profile(seaweed, monkeypatch, tmp_path, context):
    (tmp_path / "credentials").write_text(f"[work]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n")
    (tmp_path / "config").write_text(f"[profile work]\nendpoint_url = {seaweed.url}\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert microtome.open("s3://lab/volume.zarr", context=context).data_shape == (1, 1, 128, 128)
    monkeypatch.setenv("AWS_PROFILE", "none")
    with pytest.raises(microtome.ArgumentError, match='profile "none"'):
        microtome.open("s3://lab/volume.zarr", context=context)


def test_keys_as_options(seaweed):
    options = {"key_id": KEY, "secret": SECRET, "endpoint": seaweed.url, "region": "us-east-1"}
    context = microtome.Context(s3=options)
    stack = microtome.open("s3://lab/volume.zarr", context=context)
    assert stack.data_shape == (1, 1, 128, 128)
    assert SECRET.encode() not in pickle.dumps(stack)
    with pytest.raises(ValueError, match="endpiont"):
        microtome.Context(s3={"endpiont": seaweed.url})
    with pytest.raises(microtome.ReadError, match="403"):
        microtome.open("s3://lab/volume.zarr", context=microtome.Context(s3=options | {"secret": "x" * 40}))


def test_pickles_are_opened_again_from_the_environment(seaweed, volume, as_lab):
    as_lab(seaweed)
    pickled = pickle.dumps(microtome.open("s3://lab/volume.zarr"))
    assert SECRET.encode() not in pickled
    assert KEY.encode() not in pickled
    code = (
        "import pickle, sys; s = pickle.load(sys.stdin.buffer); print(s.extract_patch(0, None, (3, 4), (1, 1)).item())"
    )
    told = subprocess.run([sys.executable, "-c", code], input=pickled, capture_output=True, check=False)
    assert told.returncode == 0, told.stderr
    assert float(told.stdout) == volume[1][3, 4]


def test_stacks_survive_fork(seaweed, volume, as_lab, context):
    as_lab(seaweed)
    stack = microtome.open("s3://lab/volume.zarr", context=context)
    assert stack.extract_patch(0, None, (0, 0), (1, 1)).item() == volume[1][0, 0]
    child = os.fork()
    if child == 0:
        os._exit(0 if stack.extract_patch(0, None, (100, 100), (1, 1)).item() == volume[1][100, 100] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert stack.extract_patch(0, None, (60, 60), (1, 1)).item() == volume[1][60, 60]


def test_missing_bucket(seaweed, as_lab, context):
    as_lab(seaweed)
    with pytest.raises(microtome.Error, match="NoSuchBucket") as caught:
        microtome.open("s3://nobody-has-this/volume.zarr", context=context)
    assert not isinstance(caught.value, microtome.UnsupportedError)


def test_missing_object(seaweed, as_lab, context):
    as_lab(seaweed)
    with pytest.raises(microtome.NotFoundError, match=r"s3://lab/none\.zarr"):
        microtome.open("s3://lab/none.zarr", context=context)


def test_a_missing_chunk_is_the_fill_value(seaweed, volume, as_lab, context):
    as_lab(seaweed)
    seaweed.put("lab/sparse.zarr/.zarray", (volume[0] / ".zarray").read_bytes())
    seaweed.put("lab/sparse.zarr/0.0", (volume[0] / "0.0").read_bytes())
    pixels = read_all(microtome.open("s3://lab/sparse.zarr", context=context))[0, 0]
    assert np.array_equal(pixels[:16, :16], volume[1][:16, :16])
    assert (pixels[16:] == 7).all()


def test_forbidden_is_not_missing(seaweed, as_lab, context):
    """Without permission to list, S3 answers 403 for absent objects: an error that explains it."""
    as_lab(seaweed, READ_ONLY, READ_ONLY_SECRET)
    with pytest.raises(microtome.ReadError, match="403"):
        microtome.open("s3://lab/none.zarr", context=context)


def test_without_the_right_to_list(seaweed, volume, as_lab, context):
    as_lab(seaweed, READ_ONLY, READ_ONLY_SECRET)
    stack = microtome.open("s3://lab/volume.zarr", context=context)
    assert np.array_equal(read_all(stack)[0, 0], volume[1])


def test_a_listing_of_several_pages(seaweed, as_lab, tmp_path, context):
    as_lab(seaweed)
    write_array(tmp_path, np.zeros((2, 2), np.uint8), 2)
    array = (tmp_path / ".zarray").read_bytes()
    seaweed.put("lab/many.zarr/.zgroup", b'{"zarr_format": 2}')
    names = [f"a{i:04}" for i in range(1100)]
    for name in names:
        assert seaweed.put(f"lab/many.zarr/{name}/.zarray", array) == 201
    assert [part.removeprefix("/") for part in microtome.list_parts("s3://lab/many.zarr", context=context)] == names


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("bomb", microtome.UnsupportedError, "document type"),
        ("endless-listing", microtome.Error, "listing"),
        ("expired", microtome.ReadError, "ExpiredToken"),
        ("skewed", microtome.NotFoundError, "no folder"),
        ("slow-down", microtome.NotFoundError, "no folder"),
    ],
)
def test_what_goes_wrong(fault, error, words, nginx, as_lab, context):
    """Behind skewed and slow-down, which are overcome, there is nothing."""
    as_lab(nginx.http)
    start = time.monotonic()
    with pytest.raises(error, match=words):
        microtome.open(f"s3://{fault}/x/", context=context)
    assert time.monotonic() - start < 30


def test_user_and_password_are_refused(context):
    with pytest.raises(microtome.ArgumentError) as caught:
        microtome.open("s3://me:hidden@lab/volume.zarr", context=context)
    assert "hidden" not in str(caught.value)


def test_bad_names_of_buckets(context):
    for url in "s3://", "s3:///x", "s3://a b/x", "s3://a%2Fb/x", "s3://../x":
        with pytest.raises(microtome.ArgumentError):
            microtome.open(url, context=context)


def test_the_servers_verify(seaweed, rclone):
    """Else the tests above say little."""
    assert request(f"{seaweed.url}/lab/hello")[0] == 403
    assert request(f"{rclone.url}/lab/hello")[0] in (400, 403)
