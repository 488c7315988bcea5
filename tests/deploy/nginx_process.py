"""A real nginx on a free port, run from the configuration that we ship."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "nginx"
NEAR_OLGA = ("Olga", "OLGA", "olgas", "molga")
"""Names with a password that callers.conf does not have, each almost one that it has."""
START_S = 5.0
MAIN = """
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_cache_path {folder}/cache keys_zone=careless:1m;
    include {folder}/sidecar.conf;
}}
"""


def binary() -> str:
    """Where nginx is. Skips the test when there is none, and fails it where one is required."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is not None:
        return found
    missing = "nginx is neither on PATH nor in /usr/sbin; install it (Debian: nginx-light) to run this test"
    if os.environ.get("CI") == "true" or os.environ.get("SIDECAR_REQUIRE_NGINX") == "1":
        pytest.fail(missing)
    pytest.skip(missing)


def write_configuration(folder: Path, port: int, sidecar: Path, changes: dict[str, str]) -> None:
    """Our files, for this port, this socket and this folder; each text that is changed must be there once."""
    conf = (SHIPPED / "sidecar.conf").read_text()
    places = {"listen 8080;": f"listen 127.0.0.1:{port};", "/run/sidecar/sidecar.sock": str(sidecar), **changes}
    for before, after in places.items():
        assert conf.count(before) == 1, before
        conf = conf.replace(before, after)
    (folder / "sidecar.conf").write_text(conf.replace("/etc/nginx/sidecar/", f"{folder}/"))
    shutil.copy(SHIPPED / "callers.conf", folder)
    names = ("ann", "bob", "olga", "zoe", "eve", *NEAR_OLGA)
    (folder / "htpasswd").write_text("".join(f"{name}:{{PLAIN}}{name}-secret\n" for name in names))
    user = "user root root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user))


@contextmanager
def nginx(folder: Path, sidecar: Path, changes: dict[str, str] | None = None) -> Iterator[int]:
    """A running nginx before the sidecar at a socket; its port. It is stopped by its own pid."""
    folder.mkdir(exist_ok=True)
    port = _free_port()
    write_configuration(folder, port, sidecar, changes or {})
    command = [binary(), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.communicate(timeout=START_S)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"nginx did not start: {process.communicate()[1].decode()}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail("nginx did not listen in time")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
