"""PostgreSQL is killed while a load writes: it says so and ends, and the same command goes on where it was."""

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg
import orjson
from postgres_server import Server, server
from serving_process import eventually

PATIENCE_S = 60.0
RECORDS = 30_000
"""Several transactions."""
STORED = "SELECT max(lines) FROM sidecar.load"
SCOPE = {"tenant_context": {"org_id": "acme", "workspace_id": "main"}}


def letters() -> bytes:
    """A file of records."""
    shape = {"source_type": "effect", "source_id": "e", "reason": "late", "status": "open", "scope": SCOPE}
    records = (
        {"dead_letter_id": f"d-{number}", "created_at_ms": 1, "updated_at_ms": number, **shape}
        for number in range(RECORDS)
    )
    return b"\n".join(orjson.dumps({"kind": "dead_letter", "record": record}) for record in records)


async def asked(database: Server, question: str) -> int:
    """One number from the store; 0 while there is no such table."""
    connection = await asyncpg.connect(database.url())
    try:
        return int(await connection.fetchval(question) or 0)
    except asyncpg.UndefinedTableError:
        return 0
    finally:
        await connection.close()


def test_a_load_goes_on_after_postgresql_was_killed(tmp_path: Path) -> None:
    """It ends with exit code 2 and a sentence; what was stored is kept, and in the end everything is there once."""
    (tmp_path / "letters.ndjson").write_bytes(letters())
    with server() as database:
        command = [sys.executable, "-m", "sidecar", "load", "letters.ndjson", "--store", database.url()]
        loading = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            eventually(lambda: asyncio.run(asked(database, STORED)) or loading.poll() is not None, PATIENCE_S)
            database.kill()
            _, said = loading.communicate(timeout=PATIENCE_S)
        finally:
            loading.kill()
        assert loading.returncode == 2, said
        assert said.startswith("error: the store could not be used: ")
        assert said.count("\n") == 1, "no stack trace, and nothing of the driver's own"
        database.start()
        kept = asyncio.run(asked(database, STORED))
        assert 0 < kept < RECORDS
        again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert again.returncode == 0, again.stderr
        assert f"{kept} of them by an earlier load that was interrupted" in again.stdout
        assert asyncio.run(asked(database, "SELECT count(*) FROM sidecar.record_dead_letter")) == RECORDS
