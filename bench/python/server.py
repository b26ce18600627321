# SPDX-License-Identifier: BSD-3-Clause
"""A web server on the loopback device that waits before the first byte of each answer: nginx with its Lua module."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

MODULES = Path("/usr/lib/nginx/modules")
# The path starts with the delay in milliseconds. With tcp_nopush, ranges of 64 kB stall 40 ms on the loopback device.
CONFIGURATION = """
load_module {modules}/ndk_http_module.so;
load_module {modules}/ngx_http_lua_module.so;
{user}
daemon off;
worker_processes 1;
pid {prefix}/pid;
error_log {prefix}/errors;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    tcp_nopush off;
    tcp_nodelay on;
    keepalive_requests 100000000;
    open_file_cache max=10000;
    client_body_temp_path {prefix}/body;
    proxy_temp_path {prefix}/proxy;
    fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi;
    scgi_temp_path {prefix}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        location ~ ^/(?<delay>[0-9]+)/(?<object>.*)$ {{
            access_by_lua_block {{ ngx.sleep(tonumber(ngx.var.delay) / 1000) }}
            alias {root}/$object;
        }}
    }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, process):
    end = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise SystemExit("nginx does not start")


@contextlib.contextmanager
def serve(root, prefix):
    """Gives the URL of the folder root, up to the delay: f"{url}/20/name" comes after 20 ms. prefix is nginx's own."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if not nginx or not (MODULES / "ngx_http_lua_module.so").exists():
        raise SystemExit("nginx with its Lua module is missing: apt-get install nginx-light libnginx-mod-http-lua")
    port = free_port()
    prefix.mkdir(exist_ok=True)
    user = "user root;" if os.geteuid() == 0 else ""
    text = CONFIGURATION.format(modules=MODULES, prefix=prefix, root=root, port=port, user=user)
    (prefix / "nginx.conf").write_text(text)
    command = [nginx, "-p", prefix, "-c", prefix / "nginx.conf", "-e", prefix / "errors"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()
