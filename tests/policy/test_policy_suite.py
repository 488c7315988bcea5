"""The conformance runner: what it demands of a suite, and how it tells what came of it."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from policy_files import HOME, broken, bundle_of, policy, write

from sidecar.policy.results import SuiteResult, as_json, junit, tree
from sidecar.policy.suite import run

OTHER = {**HOME, "org_id": "umbrella"}
RULES = policy(
    "p",
    "allow own: has(record.unit) && record.unit in caller.org_units",
    "allow author: record.author == caller.actor_id",
    redact=["record.place: 'auditor' in caller.roles"],
)
SUITE = f"""
suite: p
now_ms: 0
callers:
  ada: {{tenant: {HOME}, actor_id: ada, org_units: [finance]}}
  bob: {{tenant: {HOME}, actor_id: bob, org_units: [], roles: [auditor]}}
  eva: {{tenant: {OTHER}, actor_id: ada, org_units: [finance]}}
records:
  ours:
    kind: note
    record: {{note_id: ours, tenant_context: {HOME}, at: 1, code: c, unit: Finance, author: bob, place: {{room: r}}}}
  theirs:
    kind: note
    record: {{note_id: theirs, tenant_context: {HOME}, at: 1, code: c, unit: legal, author: ada}}
  nameless:
    kind: note
    record: {{note_id: nameless, tenant_context: {HOME}, at: 1, code: c}}
expect:
  ada: [ours, theirs]
  bob: [ours]
redacted:
  ada: {{ours: [place]}}
errors:
  ada: {{nameless: [author]}}
  bob: {{nameless: [author]}}
"""


def result(folder: Path, suite: str = SUITE, rules: str = RULES) -> SuiteResult:
    """The one suite, run with the witness."""
    (found,) = run(bundle_of(folder, p=rules, p_test=suite)).suites
    return found


def test_a_suite_passes(tmp_path: Path) -> None:
    """A suite that says what is so passes, each caller before each record, another tenant's caller seeing nothing."""
    found = result(tmp_path)
    wall = "  note: no record here is of the tenant of eva, so it proves the tenant wall only"
    assert list(tree(run(bundle_of(tmp_path)))) == ["p: ok, 9 cases, 0 failed", wall] + [
        str(note).replace(" note: ", " error: ") for note in bundle_of(tmp_path).notes
    ]
    assert found.passed
    assert {case.name: case.visible for case in found.cases if case.caller == "eva"} == {
        f"p/eva/{name}": False for name in ("ours", "theirs", "nameless")
    }


@pytest.mark.parametrize(
    ("old", "new", "failed", "said"),
    [
        ("bob: [ours]", "bob: []", "p/bob/ours", "is visible: p/own is false; p/author is true"),
        ("bob: [ours]", "bob: [ours, theirs]", "p/bob/theirs", "is hidden: p/own is false; p/author is false"),
        ("ada: {ours: [place]}", "ada: {ours: [author]}", "p/ada/ours", "masked are place, not author"),
        ("  ada: {nameless: [author]}\n", "", "p/ada/nameless", "the rule author ends in an error: 'record.author' is missing"),
        ("{nameless: [author]}", "{nameless: [own, author]}", "p/ada/nameless", "the rule own should end in an error and does not"),
    ],
)  # fmt: skip
def test_what_is_not_so_fails(tmp_path: Path, old: str, new: str, failed: str, said: str) -> None:
    """A case that is not as demanded fails and says why: visibility, masks, and errors that are not listed."""
    found = result(tmp_path, SUITE.replace(old, new, 1))
    (case,) = [case for case in found.cases if case.failures]
    assert case.name == failed
    assert case.failures[0].startswith(said)


def test_every_rule_must_be_seen_true_and_false(tmp_path: Path) -> None:
    """A rule, masks included, that no case sees both ways is a finding; one that reads nothing is not."""
    found = result(tmp_path, SUITE.replace(", roles: [auditor]", "").replace("org_units: [finance]", "org_units: []"))
    assert [one.message for one in found.findings] == [
        "no case sees the rule 'own' true; add a caller or a record that does",
        "no case sees the rule 'redact place' true; add a caller or a record that does",
    ]
    constant = policy("p", "allow all: true")
    suite = SUITE.partition("expect:")[0] + "expect: {ada: [ours, theirs, nameless], bob: [ours, theirs, nameless]}\n"
    assert result(tmp_path / "constant", suite, constant).findings == ()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("suite: p", "suite: q", "the suite of p.yaml is named 'p', like its policy"),
        ("  ada: [ours", "  adda: [ours", "no caller 'adda' in this suite; did you mean 'ada'?"),
        ("kind: note", "kind: noat", "ours: there is no kind 'noat'; did you mean 'note'?"),
        ("note_id: ours, ", "", "ours: "),
        ("at: 1", "at: one", "ours: /at: "),
        ("roles: [auditor]", "role: [auditor]", "unknown key 'role'; did you mean 'roles'?"),
        ("now_ms: 0\n", "", "the key 'now_ms' is missing"),
    ],
)
def test_a_suite_that_cannot_run_is_a_finding(tmp_path: Path, old: str, new: str, message: str) -> None:
    """A suite with a mistake runs no case and tells the mistake at its place."""
    found = result(tmp_path, SUITE.replace(old, new, 1))
    assert not found.passed
    assert found.cases == ()
    assert found.findings[0].message.startswith(message)
    assert found.findings[0].path.endswith("p_test.yaml")
    assert found.findings[0].line > 0


def test_the_bundle_suite_judges_all_policies_together(tmp_path: Path) -> None:
    """What one policy shows and another hides is hidden before the bundle's own suite."""
    suite = (
        SUITE.replace("suite: p", "suite: bundle")
        .replace("[ours, theirs]", "[theirs]")
        .replace("bob: [ours]", "bob: []")
    )
    suite = suite.partition("redacted:")[0] + "errors: {ada: {nameless: [p/author]}, bob: {nameless: [p/author]}}\n"
    more = policy("q", "allow legal: has(record.unit) && record.unit == 'legal'")
    (found,) = run(bundle_of(tmp_path, p=RULES, q=more, bundle_test=suite)).suites
    assert [case.failures for case in found.cases if case.failures] == []


def test_a_suite_without_a_policy_is_a_finding(tmp_path: Path) -> None:
    """A suite judges the policy beside it, so one without is told."""
    (found,) = run(bundle_of(write(tmp_path, q_test=SUITE), p=RULES)).suites
    assert "there is no q.yaml beside it" in found.findings[0].message


def test_the_witness_disagrees_aloud(tmp_path: Path) -> None:
    """Where cel-python answers otherwise and no known defect of it explains that, the case fails."""
    rules = policy("p", "allow odd: double(size(record.classes)) / 0.0 == 0.0 / 0.0")
    suite = SUITE.partition("expect:")[0] + "expect: {}\n"
    found = result(tmp_path, suite, rules)
    assert {case.failures for case in found.cases if case.caller == "ada"} == {
        ("p/odd: our engine says false, cel-python says true",)
    }
    (alone,) = run(bundle_of(tmp_path, p=rules), witness=False).suites
    assert not any(case.failures for case in alone.cases)


def test_a_label_that_contradicts_its_record_fails(tmp_path: Path) -> None:
    """A label judged otherwise than its record is told as a defect of ours, whatever the suite demands."""
    bundle = broken(write(tmp_path, p_test=SUITE), "has(record.unit)", "record.unit == 'legal'")
    (found,) = run(bundle, witness=False).suites
    (case,) = [case for case in found.cases if case.name == "p/ada/ours"]
    assert any("its label is judged hidden, the record is not" in failure for failure in case.failures)


def test_a_text_chooses_cases(tmp_path: Path) -> None:
    """With a text only the cases whose name holds it run, and nothing is demanded of the rest."""
    found = run(bundle_of(tmp_path, p=RULES, p_test=SUITE), holding="bob/ours", witness=False)
    assert [case.name for suite in found.suites for case in suite.cases] == ["p/bob/ours"]
    assert found.passed


def test_a_caller_of_no_record_s_tenant_is_named(tmp_path: Path) -> None:
    """Whoever is of a tenant that no record of the suite is of is named, and the suite fails for it neither way."""
    assert (result(tmp_path / "a").strangers, result(tmp_path / "a").passed) == (("eva",), True)
    misspelt = SUITE.replace(f"bob: {{tenant: {HOME}", "bob: {tenant: {org_id: amce, workspace_id: main}")
    assert result(tmp_path / "b", misspelt).strangers == ("bob", "eva")
    known = SUITE.replace(
        "legal, author: ada}",
        f"legal, author: ada}}\n  far:\n    kind: note\n    record: {{note_id: far, tenant_context: {OTHER}, at: 1, code: c, unit: x, author: y}}",
    )
    assert result(tmp_path / "c", known).strangers == ()


def test_results_are_told_in_three_forms(tmp_path: Path) -> None:
    """The tree, the JSON and the JUnit XML tell the same failures."""
    results = run(bundle_of(tmp_path, p=RULES, p_test=SUITE.replace("bob: [ours]", "bob: []")))
    lines = list(tree(results, coverage=True))
    assert lines[:3] == [
        "p: FAILED, 9 cases, 1 failed",
        "  bob before ours",
        "    is visible: p/own is false; p/author is true",
    ]
    assert "  own: false, true" in lines
    (suite,) = as_json(results)["suites"]
    assert [case["record"] for case in suite["cases"] if case["failures"]] == ["ours"]
    assert suite["coverage"] == {"own": [False, True], "author": [False, True], "redact place": [False, True]}
    failures = ET.fromstring(junit(results)).findall("testsuite[@name='p']/testcase[failure]")  # noqa: S314 - our own
    assert [case.get("name") for case in failures] == ["bob before ours"]
