"""Reading and compiling policies: what is refused, where and in which words, and what a bundle tells of itself."""

import json
import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from policy_files import HEAD, NOTE, bundle_of, note_kinds, policy, refused, write
from shipped_kinds import kinds

from sidecar.errors import ConfigError, PolicyError
from sidecar.policy.bundle import build
from sidecar.records.schemas import load_kinds
from sidecar.shipped import shipped

NOBODY = 65_534
"""Whom the test of a closed folder asks as where it runs as root."""
GOOD = """
policy: p
applies_to: [note]
let:
  own: record.unit in caller.org_units
rules:
  - allow: own
    when: own
redact:
  - field: record.author
    unless: own
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "message"),
    [
        ("redact:", "redakt:", 9, 1, "unknown key 'redakt'; did you mean 'redact'?"),
        ("policy: p\n", "policy: p\nseverity: high\n", 3, 1, "unknown key 'severity'; known are "),
        ("policy: p\n", "policy: p\npolicy: q\n", 3, 1, "the key 'policy' is given twice; the first is in line 2, column 1"),
        ("allow: own", "allow: &a own", 7, 12, "anchors (&a) are not supported; write the value out"),
        ("when: own", "when: *own", 8, 11, "aliases (*own) are not supported; write the value out"),
        ("when: own", "when: !x own", 8, 11, "tags (!x) are not supported; quote a text that begins with !"),
        ("policy: p", "policy: P", 2, 9, "'P' does not match ^[a-z][a-z0-9_-]{0,62}$. A name is of small letters,"),
        ("policy: p", "policy: bundle", 2, 9, "'bundle' names the suite of all policies; name it otherwise"),
        ("sidecar/v1", "sidecar/v2", 1, 13, "'sidecar/v2' is not 'sidecar/v1', the one value known here"),
        ("[note]", "[nope]", 3, 14, "there is no kind 'nope'; did you mean 'note'?"),
        ("[note]", "[invoice]", 3, 14, "there is no kind 'invoice'; name the folder of its schema in schemas (--schemas)"),
        ("[note]", "[]", 3, 13, ""),
        ("[note]", "everything", 3, 13, ""),
        ("- allow: own", "- permit: own", 7, 5, ""),
        ("    when: own\n", "", 7, 5, "the key 'when' is missing"),
        ("    when: own\n", "    when: own\n    deny: x\n", 7, 5, "give exactly one of the keys allow, deny"),
        ("    when: own\n", "    when: own\n    kinds: [memo]\n", 9, 13, "the policy does not apply to a kind 'memo'"),
        ("    when: own\n", "    when: own\n  - allow: own\n    when: own\n", 9, 12, "'own' is given twice"),
        ("when: own", "when: onw", 8, 11, "there is no 'onw' here; did you mean 'own'? (kind note)"),
        ("when: own", "when: own &&", 8, 17, "expected "),
        ("when: own", "when: record.code", 8, 11, "this must be a condition (true or false), but it is string (kind note)"),
        ("when: own", "when: record.code == 1", 8, 11, "string and int cannot be compared: they are never equal (kind note)"),
        ("when: own", "when: 'true && record.cod == \"\"'", 8, 27, "record has no field 'cod'; did you mean 'code'? (kind note)"),
        ("when: own", "when: >\n      true\n      && record.cod == ''", 10, 17, "record has no field 'cod'"),
        ("when: own", "when: caller.grant == []", 8, 18, "caller has no field 'grant'; did you mean 'grants'? (kind note)"),
        ("own: record", "record: record", 5, 3, "'record' is a variable of every rule; give the expression another name"),
        ("own: record.unit in", "own: own && record.unit in", 5, 8, "there is no 'own' here"),
        ("record.author", "record.nope", 10, 12, "'nope' is not a field of this kind"),
        ("record.author", "author", 10, 12, "'author' does not match ^record(\\.[A-Za-z_][A-Za-z0-9_]*)+$. The field to mask, such as record.metadata."),
        ("record.author", "record.note_id", 10, 12, "'note_id' cannot be masked: it is the record's key (kind note)"),
        ("record.author", "record.tenant_context.org_id", 10, 12, "'tenant_context.org_id' cannot be masked: it is the record's tenant"),
        ("record.author", "record.at", 10, 12, "'at' cannot be masked: records are sorted by it (kind note)"),
        ("record.author", "record.people.x", 10, 12, "'people' is a list; mask it as a whole (kind note)"),
    ],
)  # fmt: skip
def test_refusals(tmp_path: Path, old: str, new: str, line: int, column: int, message: str) -> None:
    """A mistake is refused with the file, line and column, the line itself, a caret below, and what was meant."""
    text = GOOD.strip("\n") + "\n"
    assert refused(tmp_path, p=text) == ()
    broken = (HEAD + text).replace(old, new, 1)
    (tmp_path / "p.yaml").write_text(broken)
    with pytest.raises(PolicyError) as error:
        build([tmp_path], note_kinds())
    first = error.value.findings[0]
    assert (first.path, first.line, first.column) == (str(tmp_path / "p.yaml"), line, column)
    assert first.message.startswith(message)
    *_, shown, caret = str(first).splitlines()
    assert shown[4:] == broken.splitlines()[line - 1]
    assert caret == " " * (3 + column) + "^"


def test_findings_of_all_files_come_together(tmp_path: Path) -> None:
    """Every file's mistakes are told in one run, each once, with the kinds it is true of."""
    found = refused(
        tmp_path,
        a=policy("a", "allow x: record.cod == ''", applies_to="[note, memo]"),
        b=policy("b", "allow x: record.kode == '' && record.cod == ''"),
    )
    assert [(Path(one.path).name, one.message.partition("; ")[0]) for one in found] == [
        ("a.yaml", "record has no field 'cod'"),
        ("b.yaml", "record has no field 'kode'"),
        ("b.yaml", "record has no field 'cod'"),
    ]
    assert found[0].message.endswith("(kinds memo, note)")


def test_names_are_given_once_in_a_bundle(tmp_path: Path) -> None:
    """Two policies of one name are refused at the second."""
    write(tmp_path / "a", one=policy("p", "allow x: true"))
    write(tmp_path / "b", two=policy("p", "allow x: true"))
    with pytest.raises(PolicyError, match=r"a policy 'p' is already in .*one.yaml") as error:
        build([tmp_path / "a", tmp_path / "b"], note_kinds())
    assert error.value.findings[0].path.endswith("two.yaml")


def test_folders(tmp_path: Path) -> None:
    """A missing folder is a mistake of the configuration; an empty one, or a policy that would not be read, a finding."""
    with pytest.raises(ConfigError, match="no folder of policies"):
        build([tmp_path / "none"], note_kinds())
    (tmp_path / "empty").mkdir()
    with pytest.raises(PolicyError, match="holds no policy"):
        build([tmp_path / "empty"], note_kinds())
    write(tmp_path / "more", p=policy("p", "allow x: true"))
    (tmp_path / "more" / "q.yml").write_text("policy: q")
    with pytest.raises(PolicyError, match=r"q.yml.*a policy file ends in .yaml"):
        build([tmp_path / "more"], note_kinds())


def test_a_folder_that_may_not_be_read_is_not_empty() -> None:
    """It is a mistake of the configuration, which says so: that it holds no policy would be false."""
    kinds, me = note_kinds(), os.geteuid()
    with TemporaryDirectory() as above:
        Path(above).chmod(0o755)
        folder = write(Path(above) / "closed", p=policy("p", "allow x: true"))
        folder.chmod(0)
        os.seteuid(me or NOBODY)  # to root every folder is open
        try:
            with pytest.raises(ConfigError, match=r"policies .*closed cannot be read: Permission denied"):
                build([folder], kinds)
        finally:
            os.seteuid(me)
            folder.chmod(0o700)


def test_revision(tmp_path: Path) -> None:
    """A revision names what decides: the text of every policy, the kinds, and nothing of where they lie."""
    first = bundle_of(tmp_path / "a", p=policy("p", "allow x: true"))
    assert bundle_of(tmp_path / "b", p=policy("p", "allow x: true")).revision == first.revision
    assert bundle_of(tmp_path / "c", p=policy("p", "allow x: false")).revision != first.revision
    changed = {**NOTE, "title": "Another"}
    (tmp_path / "note.schema.json").write_text(json.dumps(changed))
    assert build([tmp_path / "a"], load_kinds([tmp_path])).revision != first.revision


def test_judging_is_told(tmp_path: Path) -> None:
    """Every rule is told to be judged by label or record by record, and why; `labels-only` refuses the latter."""
    rules = policy("p", "allow own: record.unit in caller.org_units", "allow late: record.at < now_ms")
    bundle = bundle_of(tmp_path, p=rules)
    assert [(one.line, one.severity, one.message) for one in bundle.judging()] == [
        (6, "note", "p/own: judged once per label"),
        (8, "note", "p/late: judged record by record, because it reads record.at and the clock (now_ms)"),
    ]
    with pytest.raises(PolicyError, match=r"judging: labels-only, but 'late' reads record.at") as error:
        build([tmp_path], note_kinds(), labels_only=True)
    assert [one.line for one in error.value.findings] == [8]


def test_a_form_inside_a_label_is_judged_by_record(tmp_path: Path) -> None:
    """Where a text below a label's property is compared in another form, the label does not tell it."""
    schema = json.loads(json.dumps(NOTE))
    schema["x-sidecar"]["canonical"] = {"/place/room": "unit_id"}
    (tmp_path / "note.schema.json").write_text(json.dumps(schema))
    folder = write(tmp_path / "p", p=policy("p", "allow room: record.place.room == 'a'"))
    (rule,) = build([folder], load_kinds([tmp_path])).kinds["note"].rules
    assert rule.beyond == ("record.place.room",)


def test_a_folded_field_is_masked(tmp_path: Path) -> None:
    """A field whose name is written as a block, with the line break that YAML gives it, is masked all the same."""
    text = "policy: p\napplies_to: [note]\nrules:\n  - allow: x\n    when: 'true'\n"
    text += "redact:\n  - field: >\n      record.author\n    unless: 'false'\n"
    (mask,) = bundle_of(tmp_path, p=text).kinds["note"].policies[0].masks
    assert mask.dotted == "author"


def test_notes(tmp_path: Path) -> None:
    """A kind without a policy and a policy without a suite are noted, and do not refuse the bundle."""
    bundle = bundle_of(tmp_path, p=policy("p", "allow x: true"))
    assert [one.severity for one in bundle.notes] == ["note", "note"]
    assert "write p_test.yaml beside it" in bundle.notes[0].message
    assert "no policy covers the kind 'memo'" in bundle.notes[1].message


def test_the_shipped_bundle() -> None:
    """The shipped policies cover every kind, have suites, and are all judged by label."""
    bundle = build([shipped("policies")], kinds(), labels_only=True)
    assert bundle.notes == ()
    assert all(bundle.of(kind) is not None for kind in bundle.registry)


def test_the_shipped_rules_look_grants_up() -> None:
    """However many grants a caller holds, a shipped rule looks only at those that the record names."""
    bundle = build([shipped("policies")], kinds())
    rules = [rule for rule in bundle.kinds["event"].rules if "caller.grants.exists" in rule.expression.text]
    assert [rule.name for rule in rules] == ["granted", "delegated"]
    for rule in rules:
        assert "among(" in rule.label.source
        assert re.search(r"\bh\d+\.get\(", rule.label.source) is None
