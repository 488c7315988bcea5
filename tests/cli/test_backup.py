"""``sidecar backup``: the store as it was at one moment, while others write, and nothing that was there is lost."""

import asyncio
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import stores
from cli_samples import Sidecar, caller, letter, ndjson
from postgres_server import program
from shipped_kinds import intake, kinds

from sidecar.records.store import Prepared

BATCH = 40
ADDRESS = "postgresql://u:s3cret%40@nowhere.invalid/db"


@contextmanager
def writing(path: Path) -> Iterator[list[int]]:
    """A writer under way, batch after batch, each replacing all of the one before; the batches it had confirmed."""
    done: list[int] = []
    stop = threading.Event()

    async def run() -> None:
        async with stores.opened(path, kinds(), intake().accept) as store:
            while not stop.is_set():
                batch = len(done)
                made = [
                    intake().accept(*letter(number, source_id=f"{batch}", updated_at_ms=20 + batch, reason="r" * 9_000))
                    for number in range(BATCH)
                ]
                await store.put([one for one in made if isinstance(one, Prepared)])
                done.append(batch)

    thread = threading.Thread(target=asyncio.run, args=[run()])
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


def until(done: list[int], many: int) -> int:
    """How many batches are confirmed, once there are so many."""
    pause = threading.Event()
    for _ in range(6_000):
        if len(done) >= many:
            return len(done)
        pause.wait(0.01)
    raise AssertionError(f"{len(done)} batches in a minute")


def restored(url: str, copy: Path, tmp_path: Path) -> str:
    """Where the copy is a store again."""
    if url.startswith("sqlite"):
        return f"sqlite:///{copy}"
    fresh = stores.url(tmp_path / "restored.db")
    done = subprocess.run(
        [program("pg_restore"), "--dbname", fresh, str(copy)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return fresh


def test_a_backup_holds_whole_batches(
    store_name: str, sidecar: Sidecar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a writer, every copy holds one batch as a whole, no older than what was confirmed before it was begun."""
    monkeypatch.setenv("PATH", str(Path(program("pg_dump")).parent))
    ops = caller(tmp_path / "ops.json", roles=["workspace_operator"])
    url = stores.url(tmp_path / "s.db")
    with writing(tmp_path / "s.db") as done:
        for number in range(3):
            before = until(done, 2 * number + 2)
            ran = sidecar("backup", tmp_path / f"copy-{number}", "--store", url)
            assert (ran.code, ran.err) == (0, "")
            after = until(done, len(done) + 1)
            store = restored(url, tmp_path / f"copy-{number}", tmp_path / str(number))
            rows = [row["source_id"] for row in sidecar("query", "dead_letter", "--as", ops, "--store", store).rows]
            assert len(rows) == BATCH
            assert len(set(rows)) == 1
            assert before - 1 <= int(rows[0]) <= after
    assert stat.S_IMODE((tmp_path / "copy-0").stat().st_mode) == 0o600
    assert not list(tmp_path.glob("*.part*")) + list(tmp_path.glob(".*.part*"))


def test_a_restored_store_is_what_was_there(
    store_name: str, sidecar: Sidecar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every count and every byte of every document is the same, and the copy takes new records as the store does."""
    monkeypatch.setenv("PATH", str(Path(program("pg_dump")).parent))
    url = stores.url(tmp_path / "s.db")
    file = ndjson(tmp_path / "records", *(letter(number) for number in range(50)))
    assert sidecar("load", file, "--store", url).code == 0
    assert sidecar("backup", tmp_path / "copy", "--store", url).code == 0
    store = restored(url, tmp_path / "copy", tmp_path)
    ops = caller(tmp_path / "ops.json", roles=["workspace_operator"])
    for asked in (("stats", "--json", "--bytes"), ("query", "dead_letter", "--as", ops, "--limit", "1000")):
        assert sidecar(*asked, "--store", store).out == sidecar(*asked, "--store", url).out
    assert sidecar("load", ndjson(tmp_path / "more", letter(99)), "--store", store).code == 0
    assert sidecar("stats", "--json", "--store", store).json["kinds"][0]["records"] == 51
    assert sidecar("stats", "--json", "--store", url).json["kinds"][0]["records"] == 50


def test_a_file_that_is_there_is_not_lost(sidecar: Sidecar, tmp_path: Path) -> None:
    """A name that is taken is refused with what to do; --force replaces it, though never the store or one in use."""
    here = ("--store", "sqlite:///sidecar.db")
    assert sidecar("load", ndjson(tmp_path / "records", letter(1)), *here).code == 0
    (tmp_path / "copy").write_text("dear")
    refused = sidecar("backup", "copy", *here)
    assert (refused.code, "--force" in refused.err) == (2, True)
    assert (tmp_path / "copy").read_text() == "dear"
    assert sidecar("backup", "sidecar.db", "--force", *here).code == 2
    (tmp_path / "copy-wal").write_text("a log")
    assert "copy-wal" in sidecar("backup", "copy", "--force", *here).err
    (tmp_path / "copy-wal").unlink()
    assert sidecar("backup", "copy", "--force", *here).code == 0
    assert sidecar("stats", "--store", "sqlite:///copy").out.startswith("tenants: 1, records: 1")
    assert sidecar("backup", "missing/copy", *here).code == 2
    assert sidecar("backup", "other", "--store", "sqlite:///none.db").code == 2
    assert not (tmp_path / "other").exists()


def test_a_copy_that_fails_leaves_nothing(sidecar: Sidecar, tmp_path: Path) -> None:
    """What is no store is not copied, and no part of a file stays behind."""
    (tmp_path / "notes.db").write_text("no database at all, but long enough to look like one" * 9)
    before = set(tmp_path.iterdir())
    assert sidecar("backup", "copy", "--store", "sqlite:///notes.db").code == 2
    assert set(tmp_path.iterdir()) == before


def test_a_missing_pg_dump_is_told(sidecar: Sidecar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PostgreSQL's program the backup is refused with what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    refused = sidecar("backup", "copy", "--store", ADDRESS)
    assert (refused.code, "pg_dump" in refused.err, "install" in refused.err) == (2, True, True)


@pytest.mark.parametrize("address", ["u:s3cret@[bad", "u:s3/cret@h", "u:12?cret@h", "me@u:s3cret@h"])
@pytest.mark.parametrize("verb", [("backup", "copy"), ("stats",)])
def test_an_address_that_is_none_is_told(
    address: str, verb: tuple[str, ...], sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address that cannot be taken apart is refused in a sentence that tells no part of its password."""
    monkeypatch.setenv("PATH", str(Path(program("pg_dump")).parent))
    refused = sidecar(*verb, "--store", f"postgresql://{address}/none")
    assert (refused.code, refused.out) == (2, "")
    assert "it cannot be taken apart" in refused.err
    assert not [part for part in ("s3", "12", "cret", "Traceback") if part in refused.err]


@pytest.mark.parametrize(
    ("address", "left"),
    [
        (ADDRESS, "postgresql://u@nowhere.invalid/db"),
        (
            "postgresql:///db?user=u&password=s3cret%40&host=/run/postgresql",
            "postgresql:///db?user=u&host=%2Frun%2Fpostgresql",
        ),
    ],
)
def test_the_password_is_on_no_command_line(
    address: str, left: str, sidecar: Sidecar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program is given the address without its password, which only its own environment holds."""
    fake = tmp_path / "bin" / "pg_dump"
    fake.parent.mkdir()
    fake.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$PGPASSWORD" "$@" > {tmp_path}/seen\n'
        'for word; do case "$word" in --file=*) echo copy > "${word#--file=}";; esac; done\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent))
    assert sidecar("backup", "copy", "--store", address).code == 0
    secret, *words = (tmp_path / "seen").read_text().splitlines()
    assert secret == "s3cret@"
    assert not [word for word in words if "s3cret" in word]
    assert f"--dbname={left}" in words
    assert (tmp_path / "copy").read_text() == "copy\n"
