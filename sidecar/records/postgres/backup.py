"""A copy of a PostgreSQL store, made by PostgreSQL's own program in one snapshot."""

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from sidecar.errors import ConfigError, StoreError
from sidecar.records.postgres.pool import SCHEMA, reached

PROGRAM = "pg_dump"


def copy(url: str, target: Path) -> None:
    """Copy the store as it is at one moment into a file. Raises ConfigError, StoreError."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise ConfigError(
            f"{PROGRAM} is not installed here; install the client programs of PostgreSQL, as new as the server"
        )
    with reached(url):
        shown, secret = _without_password(url)
    words = ("--format=custom", f"--schema={SCHEMA['search_path']}", f"--file={target}", f"--dbname={shown}")
    done = subprocess.run(  # noqa: S603 - the program of the user's own path
        [program, *words, "--no-password"], env={**os.environ, **secret}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise StoreError(done.stderr.strip() or f"{PROGRAM} ended with {done.returncode}")


def _without_password(url: str) -> tuple[str, dict[str, str]]:
    """The address without its password, which other processes could read, and the environment that tells it."""
    parts = urlsplit(url)
    given = parse_qsl(parts.query, keep_blank_values=True)
    secrets = [value for name, value in given if name == "password"]
    query = urlencode([(name, value) for name, value in given if name != "password"])
    user, at, place = parts.netloc.rpartition("@")
    if parts.password is not None:
        secrets.append(unquote(parts.password))
    if not secrets:
        return url, {}
    place = user.partition(":")[0] + at + place
    return f"{parts.scheme}://{place}{parts.path}{'?' if query else ''}{query}", {"PGPASSWORD": secrets[-1]}
