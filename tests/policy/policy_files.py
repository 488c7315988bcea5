"""A kind of notes, policies written to a folder, and a store with a judge before it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import Any

import stores

from sidecar.errors import Finding, FindingsError
from sidecar.identity.caller import Caller
from sidecar.policy.bundle import Bundle, build
from sidecar.policy.judge import Judge, Verdicts
from sidecar.policy.rules import KindPolicies
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.reading import Read
from sidecar.records.schemas import load_kinds
from sidecar.records.store import Prepared, Snapshot, Store, Tenant

ACME = Tenant("acme", "main")
HOME = {"org_id": "acme", "workspace_id": "main"}
NOTE = {
    "title": "Note",
    "x-sidecar": {
        "id": ["/note_id"],
        "tenant": "/tenant_context",
        "order": [{"field": "/at", "dir": "asc"}],
        "label": ["/unit", "/classes", "/place"],
        "filterable": ["/author", "/code", "/deep/inner", "/free/**"],
        "write": "upsert",
        "canonical": {"/unit": "unit_id"},
    },
    "type": "object",
    "required": ["note_id", "tenant_context", "at", "code"],
    "properties": {
        "note_id": {"type": "string"},
        "tenant_context": {"$ref": "urn:sidecar:common#/$defs/tenant_context"},
        "at": {"type": "integer"},
        "code": {"type": "string"},
        "unit": {"type": ["string", "null"]},
        "classes": {"type": "array", "items": {"type": "string"}, "default": []},
        "place": {
            "type": "object",
            "properties": {"room": {"type": "string"}},
            "additionalProperties": False,
        },
        "author": {"type": "string"},
        "deep": {
            "type": "object",
            "properties": {"inner": {"type": "string"}, "other": {"type": "string"}},
            "additionalProperties": False,
        },
        "people": {"type": "array", "items": {"type": "string"}},
        "free": {},
    },
    "additionalProperties": False,
}
HEAD = "apiVersion: sidecar/v1\n"


@cache
def note_kinds() -> Kinds:
    """The kinds note and memo: two of one schema."""
    with TemporaryDirectory() as folder:
        for name in ("memo", "note"):
            (Path(folder) / f"{name}.schema.json").write_text(json.dumps(NOTE))
        return load_kinds([Path(folder)])


def write(folder: Path, **files: str) -> Path:
    """Write each text as ``name.yaml``; policies get their first line."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        head = "" if name.endswith("_test") else HEAD
        (folder / f"{name}.yaml").write_text(head + dedent(text).lstrip("\n"))
    return folder


def policy(name: str, *rules: str, redact: Sequence[str] = (), applies_to: str = "[note]") -> str:
    """A policy of rules written as ``allow name: condition``."""
    lines = [f"policy: {name}", f"applies_to: {applies_to}", "rules:"]
    for rule in rules:
        head, _, condition = rule.partition(": ")
        lines += [f"  - {head.replace(' ', ': ')}", f"    when: {json.dumps(condition)}"]
    lines += ["redact:"] if redact else []
    for mask in redact:
        field, _, condition = mask.partition(": ")
        lines += [f"  - field: {field}", f"    unless: {json.dumps(condition)}"]
    return "\n".join(lines) + "\n"


def bundle_of(folder: Path, **policies: str) -> Bundle:
    """The bundle of some policies."""
    return build([write(folder, **policies)], note_kinds())


def refused(folder: Path, **policies: str) -> tuple[Finding, ...]:
    """What is wrong with some policies."""
    try:
        bundle_of(folder, **policies)
    except FindingsError as error:
        return error.findings
    return ()


def broken(folder: Path, condition: str, by_label: str) -> Bundle:
    """A bundle with a defect that no policy can have: its one rule over notes says otherwise of a label."""
    bundle = bundle_of(folder, p=policy("p", f"allow x: {condition}"), q=policy("q", f"allow x: {by_label}"))
    right, wrong = bundle.kinds["note"].policies
    kind = bundle.kinds["note"].kind
    rule = replace(right.allows[0], label=wrong.allows[0].label, checked=wrong.allows[0].checked)
    policies = KindPolicies(kind, (replace(right, allows=(rule,)),))
    vars(policies)["whole"] = KindPolicies(kind, (right,)).whole
    return replace(bundle, kinds={**bundle.kinds, "note": policies})


def note(name: str, *, kind: str = "note", tenant: dict[str, str] | None = None, **fields: Any) -> Prepared:
    """One note, accepted as a load would."""
    record = {"note_id": name, "tenant_context": tenant or HOME, "at": 1, "code": "c", **fields}
    accepted = Intake(note_kinds()).accept(kind, record)
    assert isinstance(accepted, Prepared), accepted
    return accepted


async def new_store(path: Path) -> Store:
    """An empty store of notes and memos."""
    return await stores.open_store(path, note_kinds(), Intake(note_kinds()).accept)


async def seen(
    judge: Judge, bundle: Bundle, caller: Caller, snap: Snapshot, kind: str = "note", now_ms: int = 0
) -> tuple[list[dict[str, Any]], Verdicts]:
    """The records that a caller is shown, and the verdicts behind them."""
    verdicts = await judge.judge(bundle, caller, snap, [kind], now_ms)
    (page,) = await snap.read([Read(kind, 1_000)], verdicts)
    return [row.record() for row in page.rows], verdicts
