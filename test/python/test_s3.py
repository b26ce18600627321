# SPDX-License-Identifier: BSD-3-Clause
"""Options of S3 and of the disk cache. Servers are for test/stores."""

import microtome
import pytest


def test_options():
    microtome.Context(
        s3={"key_id": "a", "secret": "b", "token": None, "endpoint": "http://127.0.0.1:1", "anonymous": True}
    )
    for bad in [{"endpiont": "x"}, {"key_id": 3}, {1: 2}, 5]:
        with pytest.raises((ValueError, TypeError)):
            microtome.Context(s3=bad)


def test_what_is_refused_before_anything_is_asked(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    half = microtome.Context(s3={"key_id": "a", "endpoint": "http://127.0.0.1:1"})
    with pytest.raises(microtome.ArgumentError, match="secret key"):
        microtome.open("s3://bucket/a.tif", context=half)
    for url in "s3://", "s3://me:hidden@bucket/a.tif", "s3://bucket/a?b", "s3://bucket/a/../b":
        with pytest.raises(microtome.ArgumentError) as caught:
            microtome.open(url)
        assert "hidden" not in str(caught.value)


def test_disk_cache(tmp_path):
    microtome.Context(disk_cache=tmp_path / "cache", disk_cache_bytes=1 << 20)
    assert (tmp_path / "cache").is_dir()
    with pytest.raises(microtome.ReadError, match="cannot be made a folder"):
        microtome.Context(disk_cache=tmp_path / "none" / "cache")
    with pytest.raises(ValueError, match="negative"):
        microtome.Context(disk_cache=tmp_path, disk_cache_bytes=-1)
