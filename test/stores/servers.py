# SPDX-License-Identifier: BSD-3-Clause
"""Servers on loopback: started in a separate folder, stopped at the end of the test run."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
KEY, SECRET = "AKIATESTTESTTESTTEST", "secretsecretsecretsecretsecretsecretsecr"
READ_ONLY, READ_ONLY_SECRET = "AKIAREADREADREADREAD", "readerreaderreaderreaderreaderreaderread"


def free_ports(n: int) -> list[int]:
    """Ports that are free, and so are those 10000 above, where SeaweedFS listens, too."""
    ports: list[int] = []
    for port in range(21000 + os.getpid() % 500 * 20, 55000):
        with socket.socket() as a, socket.socket() as b:
            try:
                a.bind(("127.0.0.1", port))
                b.bind(("127.0.0.1", port + 10000))
            except OSError:
                continue
        ports.append(port)
        if len(ports) == n:
            return ports
    raise RuntimeError("no ports are free")


def request(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """Status and body of a response; status 0 if there is none."""
    try:
        asked = urllib.request.Request(url, body, headers, method=method)
        with urllib.request.urlopen(asked, timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def wait_for(what: str, ready, log: Path, seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} does not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)


@contextlib.contextmanager
def running(command: list, folder: Path):
    """A server in a separate process group, which is killed at the end. It gets no credentials of the tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_"))}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment | {"HOME": str(folder)},
            start_new_session=True,
        )
    try:
        yield folder / "log"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def tool(name: str) -> Path:
    """A program of the environment that runs the tests."""
    return Path(sys.executable).parent / name


class Nginx:
    """Files of a folder, with faults: see nginx.conf.in."""

    def __init__(self, folder: Path, data: Path):
        self.folder, self.data = folder, data
        self.http_port, self.tls_port = free_ports(2)
        self.http = f"http://127.0.0.1:{self.http_port}"
        self.https = f"https://127.0.0.1:{self.tls_port}"
        self.certificate = folder / "ca.pem"

    def make_certificates(self) -> None:
        """An authority of our own, and a certificate by it."""

        def openssl(*words):
            subprocess.run(["openssl", *map(str, words)], cwd=self.folder, check=True, capture_output=True)

        new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl(*new, "-x509", "-days", 2, "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem")
        openssl(*new, "-subj", "/CN=127.0.0.1", "-keyout", "server.key", "-out", "server.csr")
        (self.folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
        authority = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", 2, "-extfile", "names"]
        openssl("x509", "-req", "-in", "server.csr", *authority, "-out", "server.pem")

    def write_config(self) -> None:
        told = subprocess.run(["nginx", "-V"], capture_output=True, text=True, check=True).stderr
        values = {
            "MODULES": re.search(r"--modules-path=(\S+)", told).group(1),
            "USER": "user root;" if os.geteuid() == 0 else "",
            "HTTP": self.http_port,
            "TLS": self.tls_port,
            "HERE": HERE,
            "DATA": self.data,
        }
        text = re.sub(r"@([A-Z]+)@", lambda m: str(values[m.group(1)]), (HERE / "nginx.conf.in").read_text())
        (self.folder / "nginx.conf").write_text(text)
        (self.folder / "temp").mkdir()

    @contextlib.contextmanager
    def start(self):
        self.make_certificates()
        self.write_config()
        command = ["nginx", "-p", f"{self.folder}/", "-c", "nginx.conf", "-e", "error.log"]
        with running(command, self.folder) as log:
            wait_for("nginx", lambda: request(f"{self.http}/requests")[0] == 200, log)
            yield self

    def requests(self) -> int:
        """How many came since the last time."""
        return int(request(f"{self.http}/requests")[1])

    def protocols(self) -> list[str]:
        """Protocols of the requests so far, as the log has them."""
        return re.findall(r'"[A-Z]+ \S+ (HTTP/[\d.]+)"', (self.folder / "access.log").read_text())


class Seaweed:
    """SeaweedFS: an S3 that verifies signatures. Buckets: "lab" (private) and "public"."""

    def __init__(self, folder: Path):
        self.folder = folder
        ports = free_ports(4)
        self.filer, self.url = (f"http://127.0.0.1:{port}" for port in ports[2:])
        identities = [
            {
                "name": "lab",
                "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
                "actions": ["Admin", "Read", "Write", "List"],
            },
            {
                "name": "reader",
                "credentials": [{"accessKey": READ_ONLY, "secretKey": READ_ONLY_SECRET}],
                "actions": ["Read:lab"],
            },
            {"name": "anonymous", "actions": ["Read:public", "List:public"]},
        ]
        (folder / "s3.json").write_text(json.dumps({"identities": identities}))
        (folder / "data").mkdir()
        self.command = [tool("weed"), "server", "-dir", "data", "-ip", "127.0.0.1", "-ip.bind", "127.0.0.1"]
        for name, port in zip(["master", "volume", "filer", "s3"], ports, strict=True):
            self.command += [f"-{name}.port", port]
        self.command += ["-filer", "-s3", "-s3.config", "s3.json", "-s3.iam=false", "-iam=false"]
        self.command += ["-s3.port.iceberg", 0, "-s3.port.lance", 0, "-master.telemetry=false"]
        self.command += ["-master.volumeSizeLimitMB", 64, "-volume.max", 40]

    @contextlib.contextmanager
    def start(self):
        with running(self.command, self.folder) as log:
            # The first write fails until there is a volume.
            wait_for("SeaweedFS", lambda: self.put("public/hello", b"hello") == 201, log)
            wait_for("its S3", lambda: request(f"{self.url}/public/hello")[0] == 200, log)
            self.put("lab/hello", b"hello")
            yield self

    def put(self, key: str, body: bytes) -> int:
        """Through the filer, which asks for no signature."""
        return request(f"{self.filer}/buckets/{urllib.parse.quote(key)}", "PUT", body)[0]

    def objects(self, key: str) -> dict[str, bytes]:
        """All objects in a folder of a bucket."""
        url = f"{self.filer}/buckets/{urllib.parse.quote(key)}"
        status, body = request(f"{url}/?limit=100000", Accept="application/json")
        found: dict[str, bytes] = {}
        for entry in (json.loads(body)["Entries"] or []) if status == 200 else []:
            name = entry["FullPath"].rsplit("/", 1)[1]
            if entry["Mode"] >> 31:  # a folder, as Go's os.ModeDir says
                found |= {f"{name}/{inner}": value for inner, value in self.objects(f"{key}/{name}").items()}
            else:
                found[name] = request(f"{url}/{urllib.parse.quote(name)}")[1]
        return found

    def put_tree(self, bucket: str, folder: Path, name: str | None = None) -> None:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
            if path.is_file():
                inside = path.relative_to(folder).as_posix() if folder.is_dir() else ""
                key = "/".join(filter(None, [bucket, name or folder.name, inside]))
                assert self.put(key, path.read_bytes()) == 201


class Rclone:
    """rclone serve s3: verifies signatures, answers ranges with 200 and ignores If-Match. Buckets are folders."""

    def __init__(self, folder: Path):
        self.folder = folder
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.root = folder / "root"
        (self.root / "lab").mkdir(parents=True)
        (self.root / "lab" / "hello").write_bytes(b"hello")
        self.command = [tool("rclone"), "serve", "s3", "--addr", f"127.0.0.1:{port}"]
        self.command += ["--auth-key", f"{KEY},{SECRET}", self.root]

    @contextlib.contextmanager
    def start(self):
        with running(self.command, self.folder) as log:
            wait_for("rclone", lambda: request(f"{self.url}/lab/hello")[0] != 0, log)
            yield self

    def put_tree(self, folder: Path) -> None:
        target = self.root / "lab" / folder.name
        if folder.is_dir():
            shutil.copytree(folder, target, dirs_exist_ok=True)
        else:
            shutil.copy(folder, target)
