"""Rules that make no sense are refused at load: at their place, many in a run, and only when no kind has a use for them."""

import json
from pathlib import Path

import pytest
from policy_files import NOTE, bundle_of, note_kinds, policy, refused, write
from shipped_kinds import kinds

from sidecar.errors import PolicyError
from sidecar.policy.bundle import build
from sidecar.records.schemas import load_kinds
from sidecar.shipped import shipped


def test_every_rule_that_is_never_true_is_told_at_its_place(tmp_path: Path) -> None:
    """Allows, denies and masks of one file are all told in one run, each with line, column, text and kind."""
    text = policy(
        *("p", "allow a: record.code == 'c' && record.code == 'd'", "allow b: true", "deny c: record.at > 5 && 1 == 2"),
        "deny d: !has(record.code)",
        redact=["record.author: has(record.unit) && !has(record.unit)"],
    )
    findings = refused(tmp_path, p=text)
    assert [finding.message for finding in findings] == [
        "the rule is never true: no value of 'record.code' meets this and what must hold with it (kind note)",
        "the rule is never true: this is always false (kind note)",
        "the rule is never true: 'record.code' is always there (kind note)",
        "the rule is never true: 'record.unit' would have to be there and not to be there (kind note)",
    ]
    for finding, piece in zip(
        findings, ("record.code == 'd'", "1 == 2", "has(record.code)", "has(record.unit)"), strict=True
    ):
        lines = (tmp_path / "p.yaml").read_text().splitlines()
        assert lines[finding.line - 1][finding.column - 1 :].startswith(piece)


def test_a_bare_false_says_so_itself(tmp_path: Path) -> None:
    """Whoever writes nothing but ``false`` means it: a rule that is off, a field that is always masked."""
    text = policy("p", "allow nobody: false", "allow all: true", "deny off: false", redact=["record.author: false"])
    assert refused(tmp_path, p=text) == ()


def test_a_rule_that_is_never_true_of_one_kind_may_be_for_another(tmp_path: Path) -> None:
    """A rule over several kinds is refused when no kind has a use for it, and then all of them are named."""
    memo = json.loads(json.dumps(NOTE).replace('"required": ["note_id"', '"required": ["author", "note_id"'))
    for name, schema in (("note", NOTE), ("memo", memo)):
        (tmp_path / f"{name}.schema.json").write_text(json.dumps(schema))
    kinds = load_kinds([tmp_path])
    both = policy("p", "allow anonymous: !has(record.author)", applies_to="[note, memo]")
    assert build([write(tmp_path / "a", p=both)], kinds).of("memo") is not None
    neither = policy("p", "allow never: !has(record.code)", applies_to="[note, memo]")
    (found,) = refused(tmp_path / "b", p=neither)
    assert found.message.endswith("(kinds memo, note)")


def test_a_rule_that_costs_too_much_is_refused(tmp_path: Path) -> None:
    """A schema that lets lists grow makes a rule that looks through them again and again too costly to accept."""
    wide = json.loads(json.dumps(NOTE))
    wide["properties"]["classes"]["maxItems"] = 5_000
    (tmp_path / "note.schema.json").write_text(json.dumps(wide))
    kinds = load_kinds([tmp_path])
    text = policy("p", "allow twice: record.classes.exists(c, record.classes.filter(d, d == c).size() > 1)")
    folder = write(tmp_path / "p", p=text)
    with pytest.raises(PolicyError, match=r"p\.yaml:6:12: error: this may take 25,005,000 steps, and 2,000,000 are"):
        build([folder], kinds)
    assert build([folder], note_kinds()).of("note") is not None


def test_the_shipped_policies_make_sense() -> None:
    """Every shipped rule is true of something, for an affordable price."""
    assert build([shipped("policies")], kinds()).revision


def test_errors_of_types_and_of_sense_come_together(tmp_path: Path) -> None:
    """One run tells both: an author mends them together."""
    text = policy("p", "allow a: record.cod == 'c'", "allow b: 1 == 2", "allow c: record.at == 'x'")
    messages = [finding.message for finding in refused(tmp_path, p=text)]
    assert [("no field" in one, "never true" in one, "cannot be compared" in one) for one in messages] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    assert bundle_of(tmp_path / "q", q=policy("q", "allow a: record.code == 'c'")).of("note") is not None
