"""Masks on what a projection tells twice: the copies that it made go with the value."""

from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from policy_files import ACME, HOME, policy, write
from shipped_kinds import intake, kinds

from sidecar.identity.caller import Caller
from sidecar.policy.bundle import build
from sidecar.policy.explain import Explainer
from sidecar.policy.maskable import mask_refusal
from sidecar.policy.rules import KindPolicies
from sidecar.policy.standing import masked_document
from sidecar.records.projection import PROJECTIONS
from sidecar.records.store import Prepared

GATES: dict[str, Any] = {
    "automation_run": {
        "checkpoint": {"awaiting_gate": {"node_id": "~gate~", "title": "Pay", "requested_at_ms": 1}},
        "automation_snapshot": {"name": "daily"},
        "workflow_definition_snapshot_hash": "~hash~",
        "tenant_context": HOME,
        "status": "awaiting_approval",
    },
    "workflow_run": {
        "awaiting_gate": {"action_id": "~gate~", "title": "Pay", "requested_at_ms": 1},
        "tenant_context": HOME,
        "status": "awaiting_approval",
    },
    "snapshot": {"scope": {"tenant_context": HOME}, "status": "awaiting_approval", "seq": 1},
}
"""What a source record of each kind has that is not a plain text or a time."""


def told(kind: str, *without: str) -> dict[str, Any]:
    """A record whose texts and times differ all from each other, as it is stored; some properties are left out."""
    numbers = count(1_000_001)
    source = {**GATES[kind]}
    for name, part in kinds()[kind].source_schema["properties"].items():
        if name not in (*source, *without, "phase", "awaiting_gate"):
            if "string" in str(part.get("type")) and "enum" not in part:
                source[name] = f"~{name}~"
            elif name.endswith("_at_ms"):
                source[name] = next(numbers)
    accepted = intake().accept(kind, source)
    assert isinstance(accepted, Prepared), accepted
    parsed: dict[str, Any] = orjson.loads(accepted.doc)
    return parsed


def masking(folder: Path, kind: str, field: str, unless: str = "false") -> KindPolicies:
    """The policies of a kind under which one field is masked."""
    text = policy("p", "allow all: true", redact=[f"record.{field}: {unless}"], applies_to=f"[{kind}]")
    return build([write(folder, p=text)], kinds()).kinds[kind]


def telling(record: Mapping[str, Any], kind: str) -> Iterator[tuple[str, str]]:
    """The maskable fields whose value nothing unmaskable repeats, and that value as it is written."""
    fixed = [value for name, value in record.items() if mask_refusal(kinds()[kind], (name,))]
    for name, value in record.items():
        if mask_refusal(kinds()[kind], (name,)) is None and value not in fixed:
            if isinstance(value, str) and "~" in value:
                yield name, value
            elif name.endswith("_at_ms"):
                yield name, str(value)


@pytest.mark.parametrize(
    ("kind", "without"),
    [
        ("automation_run", ()),
        ("automation_run", ("workflow_definition_version",)),
        ("workflow_run", ()),
        ("snapshot", ()),
    ],
)
def test_a_masked_value_stands_nowhere_else(tmp_path: Path, kind: str, without: tuple[str, ...]) -> None:
    """Whichever property of a projected record is masked, its value occurs in no other part of what is shown."""
    record = told(kind, *without)
    fields = dict(telling(record, kind))
    assert (
        fields.keys()
        >= {
            "automation_run": {"current_phase_id", "active_wait_id", "automation_id", "started_at_ms"},
            "workflow_run": {"current_phase_id", "active_wait_id", "automation_id", "created_at_ms"},
            "snapshot": {"phase_id", "created_at_ms"},
        }[kind]
    )
    document = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    for field, value in fields.items():
        assert value in document.decode()
        shown = masked_document(document, masking(tmp_path, kind, field).policies[0].masks)
        assert value not in shown.decode(), field


@pytest.mark.parametrize("kind", ["automation_run", "workflow_run", "snapshot"])
def test_a_masked_phase_is_not_told_by_its_history(tmp_path: Path, kind: str) -> None:
    """With the phase go the history that leads to it and the phases that may follow; as required ones they are null."""
    record = told(kind)
    assert (record["phase"], len(record["phase_history"])) == ("awaiting_approval", 1)
    policies = masking(tmp_path, kind, "phase", "caller.is_workspace_operator")
    names = ("phase", "phase_history", "allowed_next_phases")
    shown = orjson.loads(masked_document(orjson.dumps(record), policies.policies[0].masks))
    assert shown == {**record, **dict.fromkeys(names)}
    answer = Explainer(policies, Caller(ACME)).answer(record, ACME, 0)
    assert answer.redacted == set(names)
    assert [rule.rule.name for rule in answer.rules] == ["all", "redact phase"]
    assert Explainer(policies, Caller(ACME, is_workspace_operator=True)).answer(record, ACME, 0).redacted == set()


def test_copies_are_properties_of_their_kind() -> None:
    """Every property that a projection calls a copy can be masked, and one that it says has a copy, in part at least."""
    for kind in (kind for kind in kinds().values() if kind.projection):
        for name, copies in PROJECTIONS[kind.projection or ""].copies.items():
            assert [mask_refusal(kind, (one,)) for one in copies] == [None] * len(copies)
            assert mask_refusal(kind, ("scope", "owner_principal") if name == "scope" else (name,)) is None
