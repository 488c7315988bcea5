"""Nobody can ask for what is masked for them: through every door an answer is the same whatever the masked value is."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from acme_asking import AUDITOR, OPERATOR
from acme_records import (
    Named,
    audit,
    binding,
    compensation,
    dead_letter,
    decision,
    effect,
    event,
    outbox,
    repository,
    wait,
    workflow_run,
)
from masking import masking
from routes import RELIABILITY, RUNS
from serving import Served, Who, served
from shipped_kinds import kinds

from sidecar.policy.current import Bundles
from sidecar.readmodels import runs

MASKS = {
    "workflow_run": ["phase", "workflow_id", "trigger_type", "trigger_event", "source_event_id"],
    "wait": ["wait_kind", "reason"],
    "event": ["event_type"],
    "outbox": ["created_at_ms"],
    "tool_effect": ["source_kind", "created_at_ms"],
    "dead_letter": ["source_type", "created_at_ms", "metadata"],
    "compensation": ["created_at_ms", "metadata"],
    "policy_decision": ["decision"],
    "protected_audit_event": ["event_type", "payload"],
    "source_binding": ["connector_id", "state"],
}
"""Every property of these kinds that clients filter by and that can be masked, or that one of those is made of."""


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    """The shipped policies, and one for each kind that masks all of that; without those that hide bindings from auditors."""
    folder = tmp_path_factory.mktemp("masked-filters") / "policies"
    return masking(folder, MASKS, without=("catalogue.yaml", "catalogue_test.yaml"))


def world(word: str, at: int, *, settled: bool) -> list[Named]:
    """One record of each kind, whose masked values hold a word, a time or a mark; all else is always the same."""
    superseded = {"superseded_by_success": True} if settled else {}
    return [
        workflow_run("run", workflow_id=word, trigger_type=word, trigger_event=word, source_event_id=word),
        wait("w", "run", "waiting", wait_kind={"one": "timer", "two": "approval"}[word], reason=word),
        outbox("o", created_at_ms=at),
        effect("e", source_kind=word, created_at_ms=at),
        dead_letter("d", source_type=word, created_at_ms=at, metadata=superseded),
        compensation("c", created_at_ms=at, metadata=superseded),
        decision("p", "run", decision={"one": "allow", "two": "deny"}[word]),
        binding("b", repository("r"), connector_id=word, state={"one": "enabled", "two": "disabled"}[word]),
    ]


def filters() -> list[str]:
    """Questions about every masked property: by values that are stored in one of both worlds, and made-up ones."""
    found = []
    for kind, fields in MASKS.items():
        for column in kinds()[kind].columns:
            if {field.partition(".")[0] for field in column.fields} & set(fields):
                values = {
                    "text": ("one", "two", "timer", "approval", "allow", "deny", "enabled", "disabled", "never"),
                    "integer": ("5", "6", "7"),
                    "boolean": ("true", "false"),
                }[column.type]
                found += [f"/v1/records/{kind}?{column.name}={value}" for value in values]
    found += [f"{RELIABILITY}?source_type={word}" for word in ("one", "two", "never")]
    found += [f"{RELIABILITY}?before_created_at_ms={at}" for at in (5, 6, 7)]
    found += [
        f"{RUNS}?{name}={word}" for name in ("phase", "trigger", "source", "workflow_id") for word in ("one", "two")
    ]
    return found


def pages() -> list[str]:
    """Pages without filters, whose order and cursors must not tell either."""
    return [f"/v1/records/{kind}?limit=1" for kind in MASKS] + [RUNS, RELIABILITY, f"{RUNS}/run/reliability"]


async def answers(sidecar: Served, who: Who, paths: list[str]) -> dict[str, bytes]:
    """The answer to each question, byte for byte."""
    found = {}
    for path in paths:
        answer = await sidecar.ask("GET", path, who)
        assert answer.status == 200, (path, answer.body)
        found[path] = answer.raw
    return found


@pytest.fixture
async def masked(tmp_path: Path, bundles: Bundles) -> AsyncIterator[Served]:
    """A sidecar in which there are also records of which nothing is ever changed."""
    async with served(tmp_path, bundles=bundles) as sidecar:
        await sidecar.take(dead_letter("older", at=5, source_type="other"), event("ev", "run", 1, event_type="one"))
        await sidecar.take(audit("a", {"about": "one"}))
        yield sidecar


async def test_what_is_masked_changes_no_byte_of_any_answer(masked: Served) -> None:
    """With other masked values every filter, page, order and cursor is the same to whom they are masked, and only then."""
    paths = [*filters(), *pages()]
    seen: list[dict[str, Any]] = []
    for word, at, settled in (("one", 5, False), ("two", 6, True)):
        await masked.take(*world(word, at, settled=settled))
        seen.append(
            {"auditor": await answers(masked, AUDITOR, paths), "operator": await answers(masked, OPERATOR, paths)}
        )
    first, second = seen
    differing = [path for path in paths if first["auditor"][path] != second["auditor"][path]]
    assert differing == []
    changed = [path for path in filters() if first["operator"][path] != second["operator"][path]]
    assert len(changed) > 30  # they are no idle questions: who sees the values gets other answers


async def test_a_right_value_finds_no_more_than_a_made_up_one(masked: Served) -> None:
    """The answer to the stored value is, byte for byte, the answer to a value that occurs nowhere."""
    await masked.take(*world("one", 5, settled=False))
    for kind, right, wrong in (
        ("workflow_run", "phase=running_phase", "phase=never"),
        ("workflow_run", "workflow_id=ONE", "workflow_id=never"),
        ("wait", "wait_kind=timer", "wait_kind=never"),
        ("event", "event_type=one", "event_type=never"),
        ("outbox", "created_at_ms=5", "created_at_ms=7"),
        ("tool_effect", "source_kind=one", "source_kind=never"),
        ("dead_letter", "recoverable=true", "created_at_ms=7"),
        ("dead_letter", "source_type=one", "source_type=never"),
        ("compensation", "recoverable=true", "recoverable=false"),
        ("policy_decision", "decision=allow", "decision=never"),
        ("protected_audit_event", "payload=one", "payload=never"),
        ("source_binding", "connector_id=one", "state=never"),
    ):
        path = f"/v1/records/{kind}?"
        asked = await answers(masked, AUDITOR, [path + right, path + wrong])
        assert asked[path + right] == asked[path + wrong], (kind, right)
        assert json.loads((await answers(masked, OPERATOR, [path + right]))[path + right])["count"] >= 1, (kind, right)


async def test_a_cursor_opens_no_filter_on_what_is_masked(masked: Served) -> None:
    """A cursor is good for the query it was given for: it cannot be carried over to a filter on a masked field."""
    await masked.take(*world("one", 5, settled=False))
    page = await masked.get("/v1/records/dead_letter?limit=1", AUDITOR)
    assert (page["count"], page["records"][0].get("created_at_ms")) == (1, None)
    path = f"/v1/records/dead_letter?cursor={page['next']}&source_type="
    given = [await masked.ask("GET", path + word, AUDITOR) for word in ("one", "other", "never")]
    assert {answer.status for answer in given} == {400}
    assert len({answer.raw for answer in given}) == 1
    rest = await masked.get(f"/v1/records/dead_letter?limit=1&cursor={page['next']}", AUDITOR)
    assert [record["dead_letter_id"] for record in rest["records"]] == ["older"]


SCOPED = {
    "owning_org_unit_id": "finance",
    "owner_principal": {"kind": "automation", "id": "bot"},
    "policy_version_id": "pv-7",
    "data_classes": ["internal"],
}


@pytest.mark.parametrize("batch", [runs.LARGEST_BATCH, 2])
async def test_a_filter_asks_each_run_whose_masks_are_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """Where it depends on the run whether its scope is masked, a filter keeps just those in which it is not."""
    monkeypatch.setattr(runs, "LARGEST_BATCH", batch)
    fields = ["scope.owner_principal", "scope.policy_version_id", "scope.data_classes"]
    bundles = masking(tmp_path / "policies", {"workflow_run": fields}, unless='record.status == "failed"')
    async with served(tmp_path, bundles=bundles) as sidecar:
        told = {"scope": SCOPED, "status": "failed"}
        await sidecar.take(
            *(workflow_run(f"told-{at}", at, **told) for at in (1, 4, 7)),
            *(workflow_run(f"masked-{at}", at, scope=SCOPED) for at in (2, 3, 5, 6, 8)),
            workflow_run("other", 9, scope={**SCOPED, "policy_version_id": "pv-8"}, status="failed"),
        )
        for query in ("policy_version_id=PV_7", "owner_id=bot&policy_version_id=pv-7", "data_class=internal&limit=9"):
            rows = (await sidecar.get(f"{RUNS}?{query}", OPERATOR))["runs"]
            found = [row["run"]["run_id"] for row in rows if row["run"]["run_id"] != "other"]
            assert found == ["told-7", "told-4", "told-1"], query
        [row] = (await sidecar.get(f"{RUNS}?policy_version_id=pv-7&limit=1", OPERATOR))["runs"]
        assert row["enterprise_scope"]["policy_version_id"] == "pv-7"
        every = (await sidecar.get(f"{RUNS}?org_unit_id=finance", OPERATOR))["runs"]
        assert len(every) == 9
        assert {row["enterprise_scope"]["policy_version_id"] for row in every} == {None, "pv-7", "pv-8"}
