"""``sidecar migrate``: once it changes the store, again it finds nothing to do, and without it nothing is changed."""

from pathlib import Path
from typing import Any

import orjson
import pytest
import stores
from cli_samples import Sidecar, letter, ndjson

pytestmark = pytest.mark.usefixtures("store_name")

TICKET: dict[str, Any] = {
    "type": "object",
    "required": ["id", "tenant"],
    "properties": {
        "id": {"type": "string"},
        "tenant": {"$ref": "urn:sidecar:common#/$defs/tenant_context"},
    },
    "additionalProperties": False,
    "x-sidecar": {"id": ["/id"], "tenant": "/tenant", "order": [], "label": [], "filterable": [], "write": "upsert"},
}

NOTED = (
    "ticket",
    {"id": "t", "tenant": {"org_id": "acme", "workspace_id": "main", "deployment_id": "eu"}, "note": "mine"},
)


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


def changed(folder: Path, **properties: Any) -> None:
    """Tickets that also have these properties, under another schema than before."""
    folder.mkdir(exist_ok=True)
    schema = {**TICKET, "properties": {**TICKET["properties"], **properties}}
    (folder / "ticket.schema.json").write_bytes(orjson.dumps(schema))


def test_what_no_longer_validates_is_named_and_the_way_back_works(sidecar: Sidecar, tmp_path: Path) -> None:
    """The refusal names the record and its tenant; with the schema as it was it is mended, and then admitted."""
    url, kinds = stores.url(tmp_path / "s.db"), tmp_path / "kinds"
    changed(kinds, note={"type": "string"})
    assert sidecar("--schemas", "kinds", "load", ndjson(tmp_path / "f", NOTED), "--store", url).code == 0
    changed(kinds, note={"type": "string", "maxLength": 1})
    refused = sidecar("--schemas", "kinds", "migrate", "--store", url)
    assert refused.code == 2
    assert "the stored ticket t of acme/main/eu does not validate under its changed schema: /note" in refused.err
    assert "start with the schema as it was and mend or remove the record, or mend the schema" in refused.err
    changed(kinds, note={"type": "string"})
    assert sidecar("--schemas", "kinds", "migrate", "--store", url).out == "nothing was left to do\n"
    mended = ndjson(tmp_path / "f", ("ticket", {**NOTED[1], "note": "m"}))
    assert sidecar("--schemas", "kinds", "load", mended, "--store", url).code == 0
    changed(kinds, note={"type": "string", "maxLength": 1})
    assert sidecar("--schemas", "kinds", "migrate", "--json", "--store", url).json["promoted"] == ["ticket"]


def test_properties_that_a_changed_schema_leaves_out_are_told(
    sidecar: Sidecar, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever verb promotes: migrate counts them in its answer, and a load does not take them for its own."""
    kinds, file = tmp_path / "kinds", ndjson(tmp_path / "f", NOTED)
    for verb in ("migrate", "load"):
        url = stores.url(tmp_path / f"{verb}.db")
        changed(kinds, note={"type": "string"})
        assert sidecar("--schemas", "kinds", "load", file, "--store", url).code == 0
        changed(kinds)
        told = sidecar("--schemas", "kinds", verb, "--json", "--store", url, *([file] * (verb == "load"))).json
        by_load = {"accepted": 1, "stale": 0, "refused": 0, "dropped_properties": 1}
        assert told.get("dropped_properties", told.get("kinds")) == {"ticket": 1 if verb == "migrate" else by_load}
        assert caplog.messages.pop() == "ticket: 1 properties that its changed schema does not declare were dropped"
