"""``sidecar migrate``: once it changes the store, again it finds nothing to do, and without it nothing is changed."""

from pathlib import Path

import orjson
import pytest
import stores
from cli_samples import Sidecar, letter, ndjson

pytestmark = pytest.mark.usefixtures("store_name")

TICKET = {
    "type": "object",
    "required": ["id", "tenant"],
    "properties": {
        "id": {"type": "string"},
        "tenant": {"$ref": "urn:sidecar:common#/$defs/tenant_context"},
    },
    "additionalProperties": False,
    "x-sidecar": {"id": ["/id"], "tenant": "/tenant", "order": [], "label": [], "filterable": [], "write": "upsert"},
}


def test_migrating_again_finds_nothing_to_do(sidecar: Sidecar, tmp_path: Path) -> None:
    """The first run tells what it created; a second changes nothing and says so."""
    url = stores.url(tmp_path / "new.db")
    first = sidecar("migrate", "--store", url)
    assert (first.code, "event: created" in first.out) == (0, True)
    assert sidecar("migrate", "--store", url).out == "nothing was left to do\n"


def test_without_leave_a_store_is_not_migrated(
    sidecar: Sidecar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``store.auto_migrate`` off an empty store is refused with what to do, and after a migration it is used."""
    monkeypatch.delenv("SIDECAR_STORE", raising=False)
    url = stores.url(tmp_path / "kept.db")
    (tmp_path / "sidecar.yaml").write_text(f"store: {{url: '{url}', auto_migrate: false}}\n")
    file = ndjson(tmp_path / "f", letter(1))
    refused = sidecar("load", file)
    assert refused.code == 2
    assert "sidecar migrate" in refused.err
    assert sidecar("migrate").code == 0
    assert sidecar("load", file).code == 0


@pytest.mark.parametrize("verb", [["stats"], ["query", "event", "--as", "caller.json"], ["erase", "--tenant", "a/b"]])
def test_what_does_not_load_or_serve_leaves_a_store_in_its_form(
    sidecar: Sidecar, tmp_path: Path, verb: list[str]
) -> None:
    """With schemas that the store does not know it is refused, and whoever serves from the store goes on."""
    url = stores.url(tmp_path / "old.db")
    assert sidecar("migrate", "--store", url).code == 0
    (tmp_path / "kinds").mkdir()
    (tmp_path / "kinds" / "ticket.schema.json").write_bytes(orjson.dumps(TICKET))
    (tmp_path / "caller.json").write_text('{"tenant": {"org_id": "a", "workspace_id": "b"}, "actor_id": "x"}')
    refused = sidecar("--schemas", "kinds", *verb, "--store", url)
    assert (refused.code, "sidecar migrate" in refused.err) == (2, True), refused
    assert stores.rows(tmp_path / "old.db", "SELECT name FROM kind WHERE name = 'ticket'") == []
