"""The runtime's own files, in both layouts, and what is done with one that does not read whole."""

import json
from pathlib import Path
from typing import Any

import pytest
from record_samples import ABSENT, LEAST, with_value
from shipped_kinds import intake

from sidecar.errors import ConfigError, FindingsError
from sidecar.records.runtime_files import runtime_files
from sidecar.records.store import Prepared

RELIABILITY = {
    "outbox": [LEAST["outbox"]],
    "tool_effects": [LEAST["tool_effect"]],
    "dead_letters": [LEAST["dead_letter"]],
    "compensations": [LEAST["compensation"]],
}
SHARED: dict[str, Any] = {
    "runtime/stateful_snapshots/r/s.json": LEAST["snapshot"],
    "runtime/stateful_waits.json": [LEAST["wait"]],
    "runtime/stateful_reliability.json": RELIABILITY,
    "automation_v2_runs.json": {"schema_version": 1, "runs": {"r": LEAST["automation_run"]}},
}
ENGINE: dict[str, Any] = {
    **{f"data/{path}": document for path, document in SHARED.items()},
    "workflow_runs.json": {"r": LEAST["workflow_run"]},
    "data/governance/policy_decisions.json": {"p": LEAST["policy_decision"]},
    "data/enterprise/org_units.json": {"acme::main::local::organization_unit::finance": LEAST["org_unit"]},
    "data/enterprise/org_unit_memberships.json": {"m": LEAST["org_unit_membership"]},
    "data/enterprise/org_unit_access_grants.json": {"g": LEAST["org_unit_access_grant"]},
    "data/enterprise/source_bindings.json": {"b": LEAST["source_binding"]},
}
FLAT: dict[str, Any] = {
    **SHARED,
    "workflow_runs.json": {"r": LEAST["workflow_run"]},
    "policy_decisions.json": {"p": LEAST["policy_decision"]},
    "enterprise_org_units.json": {"finance": LEAST["org_unit"]},
    "enterprise/org_unit_memberships.json": {"m": LEAST["org_unit_membership"]},
    "enterprise_org_unit_access_grants.json": {"g": LEAST["org_unit_access_grant"]},
    "enterprise_source_bindings.json": {"b": LEAST["source_binding"]},
}


def write(folder: Path, files: dict[str, Any]) -> None:
    for name, document in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document if isinstance(document, str) else json.dumps(document, indent=2))


def logs(data: str) -> dict[str, str]:
    return {
        f"{data}runtime/stateful_events.jsonl": json.dumps(LEAST["event"]) + "\n",
        f"{data}audit/protected_events.log.jsonl": json.dumps(LEAST["protected_audit_event"]) + "\n",
    }


@pytest.mark.parametrize(
    ("files", "given"),
    [
        pytest.param({**ENGINE, **logs("data/")}, "", id="the state directory"),
        pytest.param({**ENGINE, **logs("data/")}, "data", id="its data directory"),
        pytest.param({**FLAT, **logs("")}, "", id="everything in one directory"),
    ],
)
def test_both_layouts_give_one_record_of_every_kind(tmp_path: Path, files: dict[str, Any], given: str) -> None:
    """Whichever way the runtime lays out its files, every store is found and every record is accepted."""
    write(tmp_path, files)
    found = list(runtime_files(tmp_path / given).records())
    assert sorted(raw.kind for raw in found) == sorted(LEAST)
    assert {raw.kind: raw.record for raw in found} == LEAST
    assert all(isinstance(intake().accept(raw.kind, raw.record), Prepared) for raw in found)


def test_every_record_knows_its_file_and_line(tmp_path: Path) -> None:
    """A record is told by the line of its file on which it begins."""
    write(tmp_path, {"runtime/stateful_waits.json": '[\n {"a": 1},\n {"b":\n 2},\n {"c": 3}]'})
    write(tmp_path, {"automation_v2_runs.json": '{"runs": {\n "r1": {},\n\n "r2": {}}}'})
    write(tmp_path, {"runtime/stateful_events.jsonl": '{"e": 1}\n\n{"e": 2}'})
    found = [(raw.path.name, raw.line) for raw in runtime_files(tmp_path).records()]
    assert found == [
        ("automation_v2_runs.json", 2),
        ("automation_v2_runs.json", 4),
        ("stateful_waits.json", 2),
        ("stateful_waits.json", 3),
        ("stateful_waits.json", 5),
        ("stateful_events.jsonl", 1),
        ("stateful_events.jsonl", 3),
    ]


@pytest.mark.parametrize(
    ("name", "text", "place", "sentence"),
    [
        ("runtime/stateful_waits.json", '[\n {"wait_id": "w"', ":2:17:", "being written"),
        ("runtime/stateful_waits.json", "{}", ":1:1:", "must hold a list"),
        ("runtime/stateful_reliability.json", '{"outbox": {}}', ":1:1:", "must hold a list"),
        ("runtime/stateful_events.jsonl", '{"a":1}\n{"a":', ":2:6:", "being written"),
        ("runtime/stateful_events.jsonl", '{"a":1}\n{"a":1,"a":2}\n{"a":1}\n', ":2:8:", "/a is given twice"),
        ("workflow_runs.json", '{"r": {"x": NaN}}', ":1:13:", "/r/x NaN is not JSON"),
        ("runtime/stateful_snapshots/r/s.json", '{"seq": 1', ":1:10:", "being written"),
        ("automation_v2_runs.json", "[]", ":1:1:", "must hold an object"),
        ("automation_v2_runs.json", '{"schema_version": 2, "runs": {}}', ":1:1:", "schema version 2"),
    ],
)
def test_a_file_that_does_not_read_whole_is_refused(
    tmp_path: Path, name: str, text: str, place: str, sentence: str
) -> None:
    """A torn or half-written file is refused at its place, never read in part and never taken for empty."""
    write(tmp_path, {name: text})
    with pytest.raises(FindingsError) as caught:
        list(runtime_files(tmp_path).records())
    assert str(tmp_path / name) + place in str(caught.value)
    assert sentence in str(caught.value)


def test_missing_and_empty_files_are_empty_stores(tmp_path: Path) -> None:
    """A store that was never written holds nothing; so does an empty file of runs."""
    write(tmp_path, {"automation_v2_runs.json": " \n", "workflow_runs.json": "{}"})
    assert list(runtime_files(tmp_path).records()) == []


def test_a_directory_without_any_store_is_a_mistake(tmp_path: Path) -> None:
    """A directory in which nothing of the runtime lies is named, rather than read as empty."""
    with pytest.raises(ConfigError, match="no files of the runtime"):
        runtime_files(tmp_path)


def test_each_store_can_be_named(tmp_path: Path) -> None:
    """A path of its own replaces the usual place; an unknown name and a missing file are mistakes."""
    write(tmp_path, {"runtime/stateful_waits.json": [], "elsewhere/waits.json": [LEAST["wait"]]})
    found = runtime_files(tmp_path, {"waits": "elsewhere/waits.json"}).records()
    assert [raw.kind for raw in found] == ["wait"]
    with pytest.raises(ConfigError, match="knows no 'wait'"):
        runtime_files(tmp_path, {"wait": "x"})
    with pytest.raises(ConfigError, match="which is not there"):
        list(runtime_files(tmp_path, {"waits": "x"}).records())


ENDED = {**LEAST["automation_run"], "status": "completed"}


@pytest.mark.parametrize(
    "document",
    [{"schema_version": 1, "runs": {"r": ENDED}}, {"r": ENDED}],
    ids=["current form", "old form"],
)
def test_a_finished_run_without_its_definition_is_for_operators_only(tmp_path: Path, document: Any) -> None:
    """The runtime drops the definition, and the scope in it, of finished runs: such a run belongs to nobody's unit."""
    write(tmp_path, {"automation_v2_runs.json": document})
    (raw,) = runtime_files(tmp_path).records()
    prepared = intake().accept(raw.kind, raw.record)
    assert isinstance(prepared, Prepared)
    assert prepared.label == b'{"scope":{"owning_org_unit_id":""}}'
    (lifted,) = runtime_files(tmp_path, assume_unscoped=True).records()
    assert lifted.record == ENDED


@pytest.mark.parametrize("change", [{"status": "running"}, {"automation_snapshot": {"metadata": {}}}])
def test_a_run_that_cannot_have_lost_its_scope_keeps_it(tmp_path: Path, change: dict[str, Any]) -> None:
    """A run that still runs, or still has its definition, is as scoped as it says."""
    write(tmp_path, {"automation_v2_runs.json": {"r": {**ENDED, **change}}})
    (raw,) = runtime_files(tmp_path).records()
    assert raw.record == {**ENDED, **change}


@pytest.mark.parametrize("status", [["completed"], {}, None, 7])
def test_a_run_whose_status_is_no_text_is_refused_as_one_record(tmp_path: Path, status: Any) -> None:
    """What stands in the place of a status is for the schema to refuse, with the place, as in any other record."""
    write(tmp_path, {"automation_v2_runs.json": {"r": {**ENDED, "status": status}}})
    (raw,) = runtime_files(tmp_path).records()
    rejects = intake().accept(raw.kind, raw.record)
    assert isinstance(rejects, list)
    assert [reject.pointer for reject in rejects] == ["/status"]


def test_history_comes_before_the_current_runs(tmp_path: Path) -> None:
    """Runs that were moved out are read too, wrapped or bare, and before the current ones, which are newer."""
    history = "automation-runs/automation_v2_runs/2026/07"
    write(
        tmp_path,
        {
            f"{history}/a.json": {"schema_version": 1, "run": {**ENDED, "run_id": "a"}},
            f"{history}/b.json": {**ENDED, "run_id": "b"},
            "automation_v2_runs.json": {"runs": {"c": {**ENDED, "run_id": "c"}}},
        },
    )
    assert [raw.record["run_id"] for raw in runtime_files(tmp_path).records()] == ["a", "b", "c"]


def test_records_of_the_runtime_may_lack_their_tenant(tmp_path: Path) -> None:
    """The runtime leaves the local tenant out; only its own files may, and the door is told so."""
    bare = with_value(LEAST["wait"], "/scope/tenant_context", ABSENT)
    write(tmp_path, {"runtime/stateful_waits.json": [bare]})
    (raw,) = runtime_files(tmp_path).records()
    assert isinstance(intake().accept(raw.kind, raw.record, line=raw.line), list)
    assert isinstance(intake().accept(raw.kind, raw.record, line=raw.line, default_tenant=True), Prepared)


def test_a_file_beside_the_directory_is_read_only_where_the_runtime_puts_one(tmp_path: Path) -> None:
    """Workflow runs lie beside a directory called data; what lies beside any other directory is somebody else's."""
    write(tmp_path, {"workflow_runs.json": {"r": LEAST["workflow_run"]}})
    for name in ("data", "flat"):
        write(tmp_path, {f"{name}/runtime/stateful_waits.json": []})
    assert [raw.kind for raw in runtime_files(tmp_path / "data").records()] == ["workflow_run"]
    assert list(runtime_files(tmp_path / "flat").records()) == []
