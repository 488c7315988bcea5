"""A replica becomes the primary without all that was acknowledged: ids and versions of what was lost come again."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import stores
from postgres_server import Server
from serving import Served, Who, served

FINANCE, LEGAL = Who(units="finance"), Who(units="legal", actor="bob")
LOST, NEW = 40, 120
"""More than the ids that a server gives out beforehand, and enough to come upon all that were lost."""
PATIENCE_S = 20.0
LETTERS = "/v1/records/dead_letter?limit=500"


async def test_nobody_sees_by_an_id_or_a_version_that_was_lost(
    pair: tuple[Server, Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verdicts, memberships and label ids that a sidecar remembers of lost writes decide about nothing that came after."""
    primary, copy = pair
    address = tmp_path / "pg"
    address.symlink_to(primary.folder)
    monkeypatch.setattr(stores.chosen, "name", "postgres")
    monkeypatch.setattr(stores, "url", lambda *_: f"postgresql://postgres@/postgres?host={address}")
    async with served(tmp_path) as sidecar:
        await sidecar.take(*(("org_unit", unit(name)) for name in ("finance", "legal")), letter("kept", "finance"))
        await until(copy, "SELECT count(*) = 1 FROM sidecar.record_dead_letter")
        await tell(copy, "ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")
        await until(copy, "SELECT count(*) = 0 FROM pg_stat_wal_receiver")
        await sidecar.take(*(letter(f"lost-{number:03}", "finance", number) for number in range(LOST)))
        await sidecar.take(("org_unit_membership", member("eve", "finance")))
        assert len(await seen(sidecar, FINANCE)) == LOST + 1
        assert len(await seen(sidecar, Who(actor="eve"))) == LOST + 1

        primary.kill()
        await tell(copy, "SELECT pg_promote()")
        address.unlink()
        address.symlink_to(copy.folder)
        await sidecar.take(*(letter(f"new-{number:03}", "legal", number) for number in range(NEW)))
        await sidecar.take(("org_unit_membership", member("bob", "legal")))
        assert await seen(sidecar, FINANCE) == ["kept"]
        assert await seen(sidecar, Who(actor="eve")) == []
        assert len(await seen(sidecar, LEGAL)) == NEW

        await sidecar.take(letter("again", "finance", 3))
        assert await seen(sidecar, FINANCE) == ["again", "kept"]
        assert len(await seen(sidecar, LEGAL)) == NEW


async def seen(sidecar: Served, who: Who) -> list[str]:
    """The dead letters somebody sees."""
    return sorted(record["dead_letter_id"] for record in (await sidecar.get(LETTERS, who))["records"])


def letter(name: str, owner: str, place: int = 0) -> tuple[str, Any]:
    """A dead letter; those of another place have another label."""
    root = {
        "organization_id": "acme",
        "workspace_id": "main",
        "resource_kind": "repository",
        "resource_id": f"r{place}",
    }
    scope = {"tenant_context": TENANT, "owning_org_unit_id": owner, "resource_scope": {"root": root}}
    record = {"dead_letter_id": name, "source_type": "outbox", "source_id": "s", "reason": "late", "status": "open"}
    return "dead_letter", {**record, **TIMES, "scope": scope, "recovery_options": [], "attempts": 0}


def unit(name: str) -> dict[str, Any]:
    author = {"kind": "human_user", "id": "olga"}
    return {"unit_id": name, "display_name": name, "created_by": author, "tenant_context": TENANT, **TIMES}


def member(actor: str, of: str) -> dict[str, Any]:
    """The membership of somebody."""
    parties = {"member": {"kind": "human_user", "id": actor}, "unit": {"kind": "organization_unit", "id": of}}
    return {"membership_id": actor, **parties, "tenant_context": TENANT, **TIMES}


TENANT = {"org_id": "acme", "workspace_id": "main", "source": "explicit"}
TIMES = {"created_at_ms": 10, "updated_at_ms": 20}


async def tell(server: Server, *statements: str) -> Any:
    """What a server answers to the last of some statements."""
    connection = await asyncpg.connect(server.url())
    try:
        return [await connection.fetchval(statement) for statement in statements][-1]
    finally:
        await connection.close()


async def until(server: Server, statement: str) -> None:
    """Wait until a server says yes; what it is asked about may not be there yet."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(asyncpg.UndefinedTableError):
                if await tell(server, statement):
                    return
            await asyncio.sleep(0.05)
