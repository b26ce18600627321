# SPDX-License-Identifier: BSD-3-Clause
"""Images behind http://: the pixels of the local files, and no secret where it does not belong."""

import http.server
import multiprocessing
import os
import pickle
import re
import shutil
import ssl
import subprocess
import sys
import threading
from urllib.parse import quote, unquote, urlsplit

import microtome
import microtome.careamics
import numpy as np
import pytest
from microtome import _context


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        if self.server.location:
            self.answer(302, {"Location": self.server.location + self.path})
            return
        self.server.queries.add(url.query)
        self.server.tokens.add(self.headers.get("X-Token"))
        path = self.server.folder / unquote(url.path).lstrip("/")
        if self.server.code:
            self.answer(self.server.code)
        elif not path.is_file() or self.server.hides(url.path):
            self.answer(404)
        else:
            self.send_part(path.read_bytes())

    def send_part(self, body):
        first, last = re.fullmatch(r"bytes=(\d*)-(\d+)", self.headers["Range"]).groups()
        start = int(first) if first else max(0, len(body) - int(last))
        stop = min(len(body), int(last) + 1) if first else len(body)
        if start >= len(body):
            self.answer(416, {"Content-Range": f"bytes */{len(body)}"})
        else:
            self.answer(206, {"Content-Range": f"bytes {start}-{stop - 1}/{len(body)}"}, body[start:stop])

    def answer(self, code, headers=None, body=b""):
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder, certificate=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.hides = lambda path: None
        self.queries, self.tokens, self.code, self.location = set(), set(), 0, ""
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate)
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.server_port}"

    def handle_error(self, request, address):
        pass  # clients hang up when they have heard enough


@pytest.fixture
def serve():
    servers = []

    def start(folder, certificate=None):
        server = Server(folder, certificate)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


PATHS = [
    "zarr/mobie/blobs.ome.zarr",
    "zarr/mobie/blobs space.ome.zarr",
    "tiff/crafted/ome_pyramid_subifd_tiled_deflate_pred2.ome.tif",
    "hdf5/bio/kidney.h5",
    "czi/generated/mask_valid_pixels.czi",
]


@pytest.mark.parametrize("path", PATHS)
def test_pixels_are_those_of_the_file(data, serve, path):
    url = f"{serve(data).url}/{quote(path)}"
    with microtome.open(url) as remote, microtome.open(data / path) as local:
        assert remote.source == url and remote.data_shape == local.data_shape and remote.format == local.format
        np.testing.assert_array_equal(np.asarray(remote), np.asarray(local))
    assert microtome.list_parts(url) == microtome.list_parts(data / path)
    assert microtome.open_all(url)[0].data_shape == microtome.open_all(data / path)[0].data_shape


def test_levels_and_parts(data, serve):
    url = f"{serve(data).url}/{PATHS[2]}?token=secret"
    with microtome.open(url, level=1) as remote, microtome.open(data / PATHS[2], level=1) as local:
        assert remote.level == 1 and remote.data_shape == local.data_shape
        np.testing.assert_array_equal(np.asarray(remote), np.asarray(local))
    with microtome.open(url + "#series=0") as remote:
        assert remote.part == "series=0"


def test_states_know_all_files(data, tmp_path, serve):
    shutil.copytree(data / "cases/real_ome_master", tmp_path / "set")
    url = f"{serve(tmp_path).url}/set/multifile-Z1.ome.tiff"

    def make_loader():
        return microtome.Loader(microtome.Tiled([microtome.open(url)], (1, 8, 8)))

    state = make_loader().state_dict()
    make_loader().load_state_dict(state)
    with open(tmp_path / "set/multifile-Z3.ome.tiff", "ab") as file:
        file.write(b"\0")
    with pytest.raises(microtome.ArgumentError, match=r"its file multifile-Z3\.ome\.tiff has changed"):
        make_loader().load_state_dict(state)


def test_queries_are_sent_and_kept_secret(tmp_path, serve):
    np.save(tmp_path / "a.npy", np.arange(100, dtype=np.uint8).reshape(10, 10))
    server = serve(tmp_path)
    stack = microtome.open(f"{server.url}/a.npy?token=secret")
    assert server.queries == {"token=secret"}
    assert stack.source == f"{server.url}/a.npy?..." and stack[0, 0, 1, 1] == 11
    assert "secret" not in repr(stack) and b"secret" not in pickle.dumps(stack)
    with pytest.raises(microtome.ReopenError, match="may be secret"):
        pickle.loads(pickle.dumps(stack))
    server.code = 403
    with pytest.raises(microtome.ReadError, match="answered 403") as caught:
        microtome.open(f"{server.url}/a.npy?token=secret")
    assert "secret" not in str(caught.value) + str(caught.value.path) + caught.value.reason
    with pytest.raises(microtome.ArgumentError) as caught:
        microtome.open("http://user:word@127.0.0.1/a.npy")
    assert "word" not in str(caught.value).replace("password", "")


def read_pixel(stack):
    return int(stack[0, 0, 2, 3])


def test_pickles_and_processes(tmp_path, serve):
    np.save(tmp_path / "a.npy", np.arange(100, dtype=np.uint8).reshape(10, 10))
    stack = microtome.open(f"{serve(tmp_path).url}/a.npy")
    assert read_pixel(pickle.loads(pickle.dumps(stack))) == 23
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(read_pixel, [stack, stack]) == [23, 23]


def make_context():
    """A context with the credentials of its process."""
    url, token = os.environ["MICROTOME_TEST_TOKEN"].split()
    return microtome.Context(http={"headers": f"X-Token: {token}", "headers_prefix": url})


def test_a_function_gives_credentials_to_processes(tmp_path, serve, monkeypatch):
    np.save(tmp_path / "a.npy", np.arange(100, dtype=np.uint8).reshape(10, 10))
    server = serve(tmp_path)
    monkeypatch.setenv("MICROTOME_TEST_TOKEN", f"{server.url} secret")
    stacks = [
        microtome.open(f"{server.url}/a.npy", context=make_context),
        *microtome.open_all(f"{server.url}/a.npy", context=make_context),
        *microtome.careamics.load(f"{server.url}/a.npy", "YX", context=make_context),
    ]
    assert microtome.list_parts(f"{server.url}/a.npy", make_context) == [""]
    assert microtome.extract_patches(stacks, range(3), 0, None, [(2, 3)] * 3, (1, 1)).tolist() == [[[[23]]]] * 3
    assert b"secret" not in pickle.dumps(stacks)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(read_pixel, stacks) == [23, 23, 23]
    assert server.tokens == {"secret"}
    assert read_pixel(pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(stacks[0]))))) == 23
    assert server.tokens == {"secret"}


class Maker:
    __slots__ = ()

    def make(self):
        return microtome.Context(threads=1)

    __call__ = make


def test_functions_that_make_no_context(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 4), np.uint8))
    with pytest.raises(TypeError, match=r"must return a microtome\.Context, not 3"):
        microtome.open(tmp_path / "a.npy", context=lambda: 3)
    with pytest.raises(KeyError, match="token"):
        microtome.open(tmp_path / "a.npy", context=lambda: {}["token"])
    with pytest.raises(TypeError, match="or a function that makes one"):
        microtome.open(tmp_path / "a.npy", context=3)
    with pytest.raises(TypeError, match="such as one of a module, not <bound method"):
        microtome.open(tmp_path / "a.npy", context=Maker().make)
    with pytest.raises(TypeError, match=r"such as one of a module, not <.*Maker object"):
        microtome.open(tmp_path / "a.npy", context=Maker())
    before = len(_context._made)
    for _ in range(3):
        microtome.open(tmp_path / "a.npy", context=lambda: microtome.Context(threads=1)).close()
    assert len(_context._made) <= before + 1


def test_errors(tmp_path, serve):
    with pytest.raises(microtome.NotFoundError, match="no Zarr metadata"):
        microtome.open(f"{serve(tmp_path).url}/none.zarr")
    server = serve(tmp_path)
    with pytest.raises(microtome.NotFoundError, match="404"):
        microtome.open(f"{server.url}/none.tif")
    with pytest.raises(microtome.ArgumentError, match="no host"):
        microtome.open("http:///a")
    with pytest.raises(microtome.UnsupportedError, match=r"ftp.*https, s3"):
        microtome.open("ftp://127.0.0.1/a")
    with pytest.raises(microtome.ArgumentError, match="%20"):
        microtome.open("http://127.0.0.1/a b")


def test_absent_chunks(data, serve):
    server = serve(data)
    hidden = re.compile(r"/s0/\d+/\d")
    server.hides = hidden.search
    url = f"{server.url}/{PATHS[0]}"
    with microtome.open(url) as stack, pytest.warns(UserWarning, match=r"all chunks read so far .* are absent"):
        assert not np.asarray(stack).any()
    with microtome.open(url) as stack, pytest.warns(UserWarning, match="are absent"):
        stack.checksum()
    with microtome.open(url) as stack, pytest.warns(UserWarning, match="are absent"):
        next(iter(microtome.Loader(microtome.Whole([stack]))))
    with (
        microtome.open(url, missing="error") as stack,
        pytest.raises(microtome.NotFoundError, match=r"chunk.*answered 404"),
    ):
        np.asarray(stack)
    server.hides = lambda path: None
    with microtome.open(url, missing="error") as stack:
        assert np.asarray(stack).any()
    with pytest.raises(ValueError, match="missing"):
        microtome.open(url, missing="zero")


def test_options(tmp_path, serve):
    np.save(tmp_path / "a.npy", np.zeros((4, 4), np.uint8))
    server = serve(tmp_path)
    context = microtome.Context(
        http={"headers": "X-Token: abc", "headers_prefix": server.url, "retries": 0, "in_flight_per_host": 4}
    )
    microtome.open(f"{server.url}/a.npy", context=context)
    assert server.tokens == {"abc"}
    for bad in [{"retries": -1}, {"none": 1}, {"headers": 3}, {"headers": "X: y"}]:
        with pytest.raises((ValueError, TypeError)):
            microtome.Context(http=bad)
    with pytest.raises(TypeError):
        microtome.Context(http=1)


def make_certificate(folder):
    """Make a self-signed certificate for 127.0.0.1 and its key."""
    key, file = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, *names, "-days", "2", "-keyout", key, "-out", file], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes(key.read_bytes() + file.read_bytes())
    return file, both


def test_certificates_are_verified(tmp_path, serve):
    np.save(tmp_path / "a.npy", np.zeros((4, 4), np.uint8))
    certificate, both = make_certificate(tmp_path)
    server = serve(tmp_path, both)
    url = f"{server.url}/a.npy"
    with pytest.raises(microtome.ReadError, match="certificate"):
        microtome.open(url)
    for options in [{"ca_file": str(certificate)}, {"allow_bad_certificates": True}]:
        with microtome.open(url, context=microtome.Context(http=options)) as stack:
            assert stack.data_shape == (1, 1, 4, 4)
    server.location = serve(tmp_path).url
    with pytest.raises(microtome.ReadError, match="from https to http"):
        microtome.open(url, context=microtome.Context(http=options))


def test_command(tmp_path, serve):
    np.save(tmp_path / "a.npy", np.arange(4096, dtype=np.uint8).reshape(64, 64))
    url = f"{serve(tmp_path).url}/a.npy?token=secret"
    command = [sys.executable, "-m", "microtome"]
    info = subprocess.run([*command, "info", url], capture_output=True, text=True, check=True)
    assert "64 x 64" in info.stdout and "secret" not in info.stdout
    made = [*command, "patches", url, "--size", "16x16", "--count", "3", "--out", str(tmp_path / "p.npy")]
    subprocess.run(made, check=True, capture_output=True)
    assert np.load(tmp_path / "p.npy").shape[-2:] == (16, 16)
