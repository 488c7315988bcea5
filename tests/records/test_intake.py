"""Records on their way in, through the shipped schemas and into a real store."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
import stores
from shipped_kinds import kinds

from sidecar.errors import Reject
from sidecar.records.ingest import Intake
from sidecar.records.places import BadJson
from sidecar.records.reading import Edge, Is, Lanes, Read, Row
from sidecar.records.store import Prepared, Tenant
from sidecar.records.strict import read_json

KINDS = kinds()
INTAKE = Intake(KINDS)
TENANT = {"org_id": "org", "workspace_id": "main", "actor_id": "ann", "source": "explicit"}
ROOT = {"organization_id": "org", "workspace_id": "main", "resource_kind": "repository", "resource_id": "repo"}
SCOPE = {
    "tenant_context": TENANT,
    "owning_org_unit_id": " Finance ",
    "resource_scope": {"root": ROOT},
    "data_classes": ["financial_record"],
    "delegation_grant_ids": ["grant-finance"],
}
DEAD = {
    "dead_letter_id": "dead",
    "run_id": "run",
    "source_type": "Tool-Effect",
    "source_id": "effect",
    "reason": "provider timeout",
    "scope": SCOPE,
    "status": "open",
    "created_at_ms": 1,
    "updated_at_ms": 2,
}
SUPERSEDED = {"superseded_by_success": True, "superseded_by_effect_id": "effect", "superseded_at_ms": 3}


def accepted(kind: str, record: object) -> Prepared:
    result = INTAKE.accept(kind, record)
    assert isinstance(result, Prepared), result
    return result


def refused(kind: str, record: object) -> list[Reject]:
    result = INTAKE.accept(kind, record)
    assert isinstance(result, list), result
    return result


def test_the_fifteen_kinds() -> None:
    """The shipped kinds are the fifteen that the product names."""
    named = (
        "automation_run workflow_run wait event snapshot outbox tool_effect dead_letter compensation policy_decision "
        "protected_audit_event org_unit org_unit_membership org_unit_access_grant source_binding"
    )
    assert set(KINDS) == set(named.split())


def test_canonical_form() -> None:
    """Defaults are filled, nulls and empty lists that may be absent are left out, undeclared fields are dropped."""
    scope = {**SCOPE, "data_classes": [], "risk_tier": None}
    doc = orjson.loads(accepted("dead_letter", {**DEAD, "scope": scope, "payload_pointer": None, "new": 1}).doc)
    assert doc["recovery_options"] == []
    assert (doc["attempts"], doc["schema_version"], doc["scope"]["schema_version"]) == (0, 1, 1)
    assert not {"new", "payload_pointer"} & set(doc)
    assert not {"data_classes", "risk_tier"} & set(doc["scope"])
    assert list(doc) == sorted(doc)


def test_the_label_is_canonical_and_the_document_is_not() -> None:
    """Policies judge a unit by its canonical id; what is served keeps the stored spelling."""
    prepared = accepted("dead_letter", DEAD)
    assert orjson.loads(prepared.label)["scope"]["owning_org_unit_id"] == "finance"
    assert orjson.loads(prepared.doc)["scope"]["owning_org_unit_id"] == " Finance "
    assert "tenant_context" not in orjson.loads(prepared.label)["scope"]


@pytest.mark.parametrize(
    ("change", "recoverable"),
    [
        ({}, True),
        ({"status": "retry_requested"}, True),
        ({"status": "resolved"}, False),
        ({"status": "ignored"}, False),
        ({"metadata": SUPERSEDED}, False),
        ({"metadata": {**SUPERSEDED, "superseded_by_success": "true"}}, True),
        ({"metadata": {**SUPERSEDED, "superseded_by_effect_id": "  "}}, True),
        ({"metadata": {**SUPERSEDED, "superseded_at_ms": -1}}, True),
        ({"metadata": {"superseded_by_success": True}}, True),
        ({"metadata": "superseded"}, True),
    ],
)
def test_recoverable(change: dict[str, Any], recoverable: bool) -> None:
    """A dead letter is recoverable unless it is settled or carries all three marks of having been superseded."""
    columns = dict(
        zip((c.name for c in KINDS["dead_letter"].columns), accepted("dead_letter", DEAD | change).columns, strict=True)
    )
    assert bool(columns["recoverable"]) == recoverable
    assert columns["source_type"] == "tool_effect"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"status": "opened"}, "/status"),
        ({"created_at_ms": "1"}, "/created_at_ms"),
        ({"created_at_ms": True}, "/created_at_ms"),
        ({"created_at_ms": 5.0}, "/created_at_ms"),
        ({"created_at_ms": -1}, "/created_at_ms"),
        ({"created_at_ms": 2**63}, "/created_at_ms"),
        ({"created_at_ms": None}, "/created_at_ms"),
        ({"attempts": 2**32}, "/attempts"),
        ({"attempts": None}, "/attempts"),
        ({"recovery_options": None}, "/recovery_options"),
        ({"recovery_options": ["retry", "pray"]}, "/recovery_options/1"),
        ({"dead_letter_id": "  "}, "/dead_letter_id"),
        ({"metadata": {"deep": [2**63]}}, "/metadata/deep/0"),
        ({"scope": {**SCOPE, "data_classes": ["secret"]}}, "/scope/data_classes/0"),
        ({"scope": {**SCOPE, "tenant_context": {**TENANT, "org_id": ""}}}, "/scope/tenant_context/org_id"),
        ({"scope": {"owning_org_unit_id": "finance"}}, "/scope/tenant_context"),
    ],
)
def test_refusals_name_the_place(change: dict[str, Any], pointer: str) -> None:
    """A record that does not validate is refused with the JSON pointer of what is wrong."""
    assert pointer in [reject.pointer for reject in refused("dead_letter", DEAD | change)]


@pytest.mark.parametrize("name", ["dead_letter_id", "status", "scope", "created_at_ms"])
def test_missing_properties_are_named(name: str) -> None:
    """A missing required property is named in the message or the pointer."""
    (reject, *_) = refused("dead_letter", {key: value for key, value in DEAD.items() if key != name})
    assert name in reject.pointer + reject.message


@pytest.mark.parametrize("kind", ["dead_leter", "", None, 5, ["dead_letter"]])
def test_unknown_kinds(kind: Any) -> None:
    """A kind that is none is refused, and a misspelt one is told its nearest name."""
    (reject,) = refused(kind, DEAD)
    assert kind != "dead_leter" or "dead_letter" in reject.message


@pytest.mark.parametrize("record", [None, [], "text", 5, True])
def test_a_record_is_an_object(record: object) -> None:
    """Whatever is not an object is refused."""
    assert refused("wait", record)


def test_an_enterprise_scope_that_does_not_parse_is_refused() -> None:
    """A workflow run never loses its scope: a bad one refuses the run, at its place in the source."""
    run = {"run_id": "r", "workflow_id": "w", "tenant_context": TENANT, "status": "running"}
    times = {"created_at_ms": 1, "updated_at_ms": 2}
    scope = {key: value for key, value in SCOPE.items() if key != "tenant_context"}
    assert (
        orjson.loads(accepted("workflow_run", {**run, **times, "enterprise_scope": scope}).doc)["status"] == "running"
    )
    bad = refused("workflow_run", {**run, **times, "enterprise_scope": {**scope, "data_classes": ["secret"]}})
    assert bad[0].pointer.startswith("/enterprise_scope")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"{}{}",
        b'{"a":1,"a":1}',
        b'{"a":1, "\\u0061":2}',
        b"NaN",
        b'{"a":Infinity}',
        b"1e999",
        b"-1e999",
        b"9223372036854775808",
        b'["\\u0000"]',
        b'["\\ud800"]',
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b"1" * 5_000,
        b"'a'",
        b"{a:1}",
        b"01",
        b"[1,]",
        b"\x00",
    ],
)
def test_strict_json(text: bytes) -> None:
    """What two readers could read differently, or no store could keep, is refused with one kind of error."""
    with pytest.raises(BadJson):
        read_json(text)


@pytest.mark.parametrize(
    "text", [b"{}", b' { "a" : [ 1 , -9223372036854775808 ] } ', b'"\\u00e9"', b"9223372036854775807"]
)
def test_clean_json(text: bytes) -> None:
    """Clean JSON is read, however it is spaced and escaped."""
    assert read_json(text) == orjson.loads(text)


class Everything:
    """Sees every label."""

    def lanes(self, kind: str, fields: Sequence[str]) -> Lanes:
        return Lanes(frozenset(range(1, 100)), frozenset())

    def show(self, row: Row, fields: Sequence[str]) -> Row | None:
        return row


async def test_through_the_store(store_name: str, tmp_path: Path) -> None:
    """Records of shipped kinds are kept, found by their columns and served as their canonical bytes."""
    store = await stores.open_store(tmp_path / "s.db", KINDS, INTAKE.accept)
    foreign = {**SCOPE, "tenant_context": {**TENANT, "org_id": "other"}}
    letters = [
        DEAD | {"dead_letter_id": f"d{n}", "updated_at_ms": n, "metadata": SUPERSEDED if n % 2 else None}
        for n in range(9)
    ]
    audit = {"event_id": "e", "event_type": "t", "durability": "durable_required", "tenant_context": TENANT}
    audit |= {"payload": {"deep": [{"run": "run"}]}, "created_at_ms": 1}
    prepared = [accepted("dead_letter", letter) for letter in letters]
    await store.put(
        [*prepared, accepted("dead_letter", DEAD | {"scope": foreign}), accepted("protected_audit_event", audit)]
    )
    async with store.snapshot(Tenant("org", "main")) as snap:
        page, mentions, edge = await snap.read(
            [
                Read("dead_letter", 3, (Is("run_id", ("run",)), Is("recoverable", (True,)))),
                Read("protected_audit_event", 5, (Is("payload", ("run", "nothing")),)),
                Edge("dead_letter", "run_id", ("run",)),
            ],
            Everything(),
        )
    assert [row.position.key for row in page.rows] == [("d8",), ("d6",), ("d4",)]
    assert page.more
    assert page.rows[0].doc == prepared[8].doc
    assert [row.position.key for row in mentions.rows] == [("e",)]
    assert [row.position.key for row in edge.rows] == [("d8",)]
