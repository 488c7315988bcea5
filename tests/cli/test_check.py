"""``sidecar check`` and ``sidecar test``: everything that is wrong, at its place; how rules are judged; what suites say."""

import xml.etree.ElementTree as ET
from pathlib import Path

import orjson
import pytest
from cli_samples import Sidecar

from sidecar.shipped import shipped

POLICY = """apiVersion: sidecar/v1
policy: letters
applies_to: [dead_letter]
rules:
  - allow: open
    when: record.status == "open"
  - deny: late
    when: record.updated_at_ms > now_ms
"""
SUITE = """suite: letters
now_ms: 100
callers:
  ann: {tenant: {org_id: acme, workspace_id: main}}
records:
  shown: {kind: dead_letter, record: &LETTER}
  settled: {kind: dead_letter, record: &SETTLED}
  future: {kind: dead_letter, record: &FUTURE}
expect: {ann: [shown]}
"""
BAD_POLICIES = [
    ("unknown key", POLICY + "descripton: x\n", (9, 1), "unknown key 'descripton'; did you mean 'description'?"),
    ("anchor", POLICY.replace("letters", "&a letters"), (2, 9), "anchors (&a) are not supported"),
    ("duplicate key", POLICY + "policy: again\n", (9, 1), "the key 'policy' is given twice; the first is in line 2"),
    ("misspelt field", POLICY.replace("record.status", "record.statsu"), (6, 18), "did you mean 'status'?"),
    ("no kind", POLICY.replace("dead_letter", "dead_leter"), (3, 14), "there is no kind 'dead_leter'; did you mean"),
    ("no condition", POLICY.replace('record.status == "open"', "record.status"), (6, 11), "must be a condition"),
    ("not CEL", POLICY.replace('== "open"', "== == 1"), (6, 28), ""),
]


def policies(folder: Path, policy: str = POLICY, suite: str | None = None) -> Path:
    """A folder with one policy beside the wall, and its suite if there is one."""
    mine = folder / "mine"
    mine.mkdir(exist_ok=True)
    for name in ("tenant.yaml", "tenant_test.yaml"):
        (mine / name).write_bytes((shipped("policies") / name).read_bytes())
    (mine / "letters.yaml").write_text(policy)
    if suite is not None:
        (mine / "letters_test.yaml").write_text(suite)
    return mine


def suite(**expected: str) -> str:
    """The suite of ``POLICY``."""
    least = {
        **{"dead_letter_id": "d", "source_type": "tool_effect", "source_id": "e", "reason": "late", "status": "open"},
        **{"scope": {"tenant_context": {"org_id": "acme", "workspace_id": "main"}}},
        **{"created_at_ms": 1, "updated_at_ms": 2},
    }
    records = {
        "&LETTER": least,
        "&SETTLED": {**least, "dead_letter_id": "s", "status": "resolved"},
        "&FUTURE": {**least, "dead_letter_id": "f", "updated_at_ms": 101},
    }
    text = SUITE
    for name, record in records.items():
        text = text.replace(name, orjson.dumps(record).decode())
    for old, new in expected.items():
        text = text.replace(old, new)
    return text


def test_the_shipped_bundle_is_checked(sidecar: Sidecar) -> None:
    """Every shipped rule is judged once per label, which is told at its place, and nothing is wrong."""
    ran = sidecar("check")
    assert (ran.code, ran.err) == (0, "")
    *rules, verdict = ran.out.splitlines()
    assert f"{shipped('policies')}/org_units.yaml:10:12: note: org-units/operator: judged once per label" in rules
    assert all(line.endswith(": judged once per label") for line in rules)
    assert verdict.startswith("nothing is wrong: 15 kinds, 6 policies, ")
    assert sidecar("check", "--policies", "default").out == ran.out


def test_a_rule_beyond_labels_is_told_with_its_reason(sidecar: Sidecar, tmp_path: Path) -> None:
    """A rule that reads what no label holds is judged record by record; the check says so, why, and what is uncovered."""
    ran = sidecar("check", "--policies", policies(tmp_path))
    assert ran.code == 0
    assert (
        "mine/letters.yaml:6:11: note: letters/open: judged record by record, because it reads record.status" in ran.out
    )
    assert (
        "letters/late: judged record by record, because it reads record.updated_at_ms and the clock (now_ms)" in ran.out
    )
    assert "note: no policy covers the kind 'wait', so nobody sees its records" in ran.out
    assert "mine/letters.yaml:0:0: note: has no suite; write letters_test.yaml beside it" in ran.out
    told = sidecar("check", "--policies", "mine", "--json").json
    assert (told["passed"], told["findings"]) == (True, [])
    assert {"letters/open", "letters/late", "tenant/same-tenant"} == {
        rule["message"].partition(":")[0] for rule in told["rules"]
    }
    (tmp_path / "sidecar.yaml").write_text("judging: labels-only\n")
    refused = sidecar("check", "--policies", "mine")
    assert refused.code == 1
    assert "mine/letters.yaml:6:11: error: " in refused.err
    assert "labels-only, but 'open' reads record.status" in refused.err


@pytest.mark.parametrize(
    ("policy", "place", "message"), [case[1:] for case in BAD_POLICIES], ids=[case[0] for case in BAD_POLICIES]
)
def test_a_wrong_policy_is_told_with_a_caret(
    sidecar: Sidecar, tmp_path: Path, policy: str, place: tuple[int, int], message: str
) -> None:
    """What is wrong in a policy is told with file, line, column, the line and a caret below its place."""
    ran = sidecar("check", "--policies", policies(tmp_path, policy))
    assert ran.code == 1
    head, line, caret = ran.err.splitlines()[:3]
    assert head.startswith(f"{tmp_path}/mine/letters.yaml:{place[0]}:{place[1]}: error: ")
    assert message in head
    assert line == "    " + policy.splitlines()[place[0] - 1]
    assert caret == " " * (3 + place[1]) + "^"


def test_all_findings_of_all_files_are_told(sidecar: Sidecar, tmp_path: Path) -> None:
    """Wrong schemas and malformed policies are told together, in JSON too, and other verbs refuse to begin."""
    policies(tmp_path, POLICY.replace("rules:", "rulez:"))
    (tmp_path / "kinds").mkdir()
    (tmp_path / "kinds" / "note.schema.json").write_text('{"type": "object"}')
    (tmp_path / "kinds" / "torn.schema.json").write_text('{"type": ')
    asked = ("--policies", "mine", "--schemas", "kinds")
    ran = sidecar("check", *asked)
    assert ran.code == 1
    assert [line.split(":")[0] for line in ran.err.splitlines() if ": error: " in line] == [
        *("kinds/note.schema.json", "kinds/torn.schema.json", "mine/letters.yaml", "mine/letters.yaml"),
    ]
    told = sidecar("check", *asked, "--json")
    assert (told.code, told.json["passed"], len(told.json["findings"])) == (1, False, 4)
    assert {"path", "line", "column", "severity", "message"} == set(told.json["findings"][0])
    assert sidecar("test", "--policies", "mine").code == 1


def test_missing_folders_are_wrong_commands(sidecar: Sidecar, tmp_path: Path) -> None:
    """A folder that is not there is exit code 2; one that holds no policy is a finding."""
    for option in ("--policies", "--schemas"):
        ran = sidecar("check", option, "none")
        assert (ran.code, ran.out) == (2, "")
        assert "none" in ran.err
    (tmp_path / "empty").mkdir()
    assert sidecar("check", "--policies", "empty").code == 1


def test_the_shipped_suites_pass(sidecar: Sidecar, tmp_path: Path) -> None:
    """The shipped suites pass, told as a tree, as JSON and as JUnit XML."""
    ran = sidecar("test", "--coverage", "--junit", "out.xml")
    assert ran.code == 0
    assert "org_units: ok, " in ran.out
    assert "  delegated: false, true" in ran.out
    assert ran.out.splitlines()[-1].startswith("passed: 7 suites, ")
    root = ET.parse(tmp_path / "out.xml").getroot()  # noqa: S314 - we wrote it
    assert {one.get("name") for one in root} >= {"org_units", "tenant", "bundle"}
    assert not list(root.iter("failure"))
    told = sidecar("test", "--json").json
    assert told["passed"] is True
    assert sum(len(one["cases"]) for one in told["suites"]) > 100


def test_silence_about_units_is_judged_as_configured(sidecar: Sidecar, tmp_path: Path) -> None:
    """A suite's caller without units is an operator where queries take such callers for one; ours pass either way."""
    condition = "caller.is_workspace_operator"
    policy = POLICY.replace('record.status == "open"', condition)
    policies(tmp_path, policy, suite(**{"ann: {": "ann: {actor_id: ann, "}))
    silent = ("test", "--policies", "mine", "-k", "ann/shown")
    assert sidecar(*silent).code == 0
    (tmp_path / "sidecar.yaml").write_text("identity: {operator_without_units: never}\n")
    ran = sidecar(*silent)
    assert ran.code == 1
    assert "letters/open is false" in ran.out
    assert sidecar("test").code == 0


def test_results_that_cannot_be_written_are_exit_code_2(sidecar: Sidecar) -> None:
    """A file of results in a folder that is not there is a wrong command, told with the option and the file."""
    ran = sidecar("test", "-k", "receipts/", "--junit", "none/out.xml")
    assert (ran.code, ran.err) == (2, "error: --junit: none/out.xml cannot be written: No such file or directory\n")


def test_a_text_chooses_cases(sidecar: Sidecar) -> None:
    """``-k`` runs the cases whose name holds the text; a text that names none is a wrong command."""
    told = sidecar("test", "-k", "tenant/", "--json").json
    assert {one["suite"] for one in told["suites"] if one["cases"]} == {"tenant"}
    assert sidecar("test", "-k", "nothing has this name").code == 2


def test_gaps_fail_a_test_run(sidecar: Sidecar, tmp_path: Path) -> None:
    """A kind that no policy covers and a policy without a suite are notes in a check, and errors that fail a test."""
    ran = sidecar("test", "--policies", policies(tmp_path))
    assert ran.code == 1
    assert "letters.yaml:0:0: error: has no suite" in ran.out
    assert "error: no policy covers the kind 'wait'" in ran.out
    assert ran.out.splitlines()[-1].startswith("FAILED: ")


def test_a_failing_case_fails(sidecar: Sidecar, tmp_path: Path) -> None:
    """A suite that demands something else fails with caller, record and the rules that decided; -k leaves gaps out."""
    policies(tmp_path, suite=suite())
    assert sidecar("test", "--policies", "mine", "-k", "letters/").code == 0
    policies(tmp_path, suite=suite(**{"[shown]": "[shown, settled]"}))
    ran = sidecar("test", "--policies", "mine", "-k", "letters/", "--junit", "out.xml")
    assert ran.code == 1
    assert "letters: FAILED, 3 cases, 1 failed\n  ann before settled\n    is hidden: " in ran.out
    assert "letters/open is false" in ran.out
    root = ET.parse(tmp_path / "out.xml").getroot()  # noqa: S314 - we wrote it
    assert len(list(root.iter("failure"))) == 1


def test_a_wrong_suite_is_told_at_its_place(sidecar: Sidecar, tmp_path: Path) -> None:
    """A record of a suite that no load would take, and a caller that is not there, are told with line and column."""
    policies(tmp_path, suite=suite(**{'"status":"open"': '"status":"opne"'}))
    ran = sidecar("test", "--policies", "mine")
    assert ran.code == 1
    assert "letters_test.yaml:6:" in ran.out
    assert "did you mean 'open'?" in ran.out
    policies(tmp_path, suite=suite(**{"{ann: [": "{anna: ["}))
    assert "no caller 'anna' in this suite; did you mean 'ann'?" in sidecar("test", "--policies", "mine").out


def test_a_kind_is_added_by_files_alone(sidecar: Sidecar, tmp_path: Path) -> None:
    """A schema and a policy dropped into folders make a kind that is checked, loaded and asked for."""
    (tmp_path / "kinds").mkdir()
    schema = {
        **{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"},
        **{"required": ["note_id", "tenant_context", "text"], "additionalProperties": False},
        "properties": {
            **{"note_id": {"type": "string"}, "text": {"type": "string"}},
            "tenant_context": {"$ref": "urn:sidecar:common#/$defs/tenant_context"},
        },
        "x-sidecar": {
            **{"id": ["/note_id"], "tenant": "/tenant_context", "order": [], "label": [], "filterable": ["/text"]},
            "write": "upsert",
        },
    }
    (tmp_path / "kinds" / "note.schema.json").write_bytes(orjson.dumps(schema))
    mine = policies(
        tmp_path, POLICY.replace("[dead_letter]", "[note]").split("rules:")[0] + "rules: [{allow: all, when: 'true'}]"
    )
    (tmp_path / "c.yaml").write_text(f"schemas: [kinds]\npolicies: [default, {mine}]\n")
    (mine / "tenant.yaml").unlink()
    (mine / "tenant_test.yaml").unlink()
    assert sidecar("-c", "c.yaml", "check").code == 0
    note = {"note_id": "n", "text": "hello", "tenant_context": {"org_id": "acme", "workspace_id": "main"}}
    (tmp_path / "f").write_bytes(orjson.dumps({"kind": "note", "record": note}))
    assert sidecar("-c", "c.yaml", "load", "f").code == 0
    (tmp_path / "ann.json").write_text('{"tenant": {"org_id": "acme", "workspace_id": "main"}}')
    assert sidecar("query", "note", "--as", "ann.json", "--where", "text=hello", "-c", "c.yaml").json["note_id"] == "n"
