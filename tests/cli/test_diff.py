"""``sidecar diff``: what a change of policies does to whom, in sentences and in JSON, with an exit code that tells."""

import shutil
from pathlib import Path

import pytest
from cli_samples import TENANT, Sidecar, caller, happened, letter, ndjson

from sidecar.shipped import shipped

pytestmark = pytest.mark.usefixtures("store_name")

FINANCE = {"tenant_context": TENANT, "owning_org_unit_id": "finance"}
POLICY = """\
apiVersion: sidecar/v1
policy: letters
applies_to: [dead_letter]
rules:
  - allow: operator
    when: "caller.is_workspace_operator"
  - allow: own
    when: "has(record.scope.owning_org_unit_id) && record.scope.owning_org_unit_id in caller.org_units"
"""
WIDER = POLICY + "  - allow: watchers\n    when: '\"watcher\" in caller.roles'\n"
MASKING = WIDER + 'redact:\n  - field: record.reason\n    unless: "caller.is_workspace_operator"\n'
LATER = POLICY + "  - allow: late\n    when: 'record.created_at_ms > 12 && \"watcher\" in caller.roles'\n"
SUITE = """\
suite: letters
now_ms: 1
callers:
  watcher: {tenant: {org_id: acme, workspace_id: main}, actor_id: eve, org_units: [], roles: [watcher]}
  elsewhere: {tenant: {org_id: nowhere, workspace_id: main}, roles: [watcher]}
records: {}
expect: {}
"""


@pytest.fixture
def stored(sidecar: Sidecar, tmp_path: Path) -> Path:
    """Twelve letters of finance and one of nobody, an event, and bundles beside the store."""
    letters = [letter(number, scope=FINANCE) for number in range(1, 13)]
    assert sidecar("load", ndjson(tmp_path / "records", *letters, letter(13), happened("e"))).code == 0
    for name, text in {"old": POLICY, "wider": WIDER, "masking": MASKING, "later": LATER}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "letters.yaml").write_text(text)
    caller(tmp_path / "ops.json", roles=["watcher"], org_units=[])
    caller(tmp_path / "fin.json", org_units=["finance"])
    return tmp_path


@pytest.mark.usefixtures("stored")
def test_what_appears_is_told_in_a_sentence(sidecar: Sidecar) -> None:
    """How many records of which unit become visible to whom, with one of them; the way back, they become hidden."""
    ran = sidecar("diff", "old", "wider", "--as", "ops.json", "--as", "fin.json")
    assert ran.code == 1
    assert ran.out.splitlines() == [
        "12 dead letters of finance become visible to ops (such as d-12)",
        "1 dead letter becomes visible to ops (such as d-13)",
    ]
    back = sidecar("diff", "wider", "old", "--as", "ops.json")
    assert back.code == 1
    assert "12 dead letters of finance become hidden to ops (such as d-12)" in back.out.splitlines()


@pytest.mark.usefixtures("stored")
def test_many_units_are_told_together(sidecar: Sidecar) -> None:
    """Where a change concerns many units the greatest are told, and of the rest how many records and units there are."""
    units = [letter(100 + number, scope={**FINANCE, "owning_org_unit_id": f"u{number:02}"}) for number in range(30)]
    sidecar("load", ndjson(Path("many"), *units))
    lines = sidecar("diff", "old", "wider", "--as", "ops.json").out.splitlines()
    assert lines[0].startswith("12 dead letters of finance become visible to ops")
    assert len(lines) == 21
    assert lines[-1] == "and so do 12 more, of 12 other units; --json tells all"
    changes = sidecar("diff", "old", "wider", "--as", "ops.json", "--json").json["changes"]
    assert (len(changes), sum(one["records"] for one in changes)) == (32, 43)


@pytest.mark.usefixtures("stored")
def test_masks_are_compared(sidecar: Sidecar) -> None:
    """A field that is masked from now on, or no longer, is told with its records."""
    ran = sidecar("diff", "wider", "masking", "--as", "fin.json")
    assert (ran.code, ran.out) == (1, "12 dead letters of finance no longer show reason to fin (such as d-12)\n")
    back = sidecar("diff", "masking", "wider", "--as", "fin.json")
    assert back.out == "12 dead letters of finance now show reason to fin (such as d-12)\n"


@pytest.mark.usefixtures("stored")
def test_records_that_labels_do_not_decide_are_judged_one_by_one(sidecar: Sidecar) -> None:
    """A rule that reads a time shows some records of a label and not others; the count is of those."""
    told = sidecar("diff", "old", "later", "--as", "ops.json", "--json").json
    assert [(one["of"], one["change"], one["records"]) for one in told["changes"]] == [
        ("finance", "appears", 10),
        (None, "appears", 1),
    ]


@pytest.mark.usefixtures("stored")
def test_nothing_changes(sidecar: Sidecar) -> None:
    """Bundles that show everybody the same are exit code 0, however they are written."""
    Path("old/letters.yaml").write_text(
        POLICY.replace("caller.is_workspace_operator", "caller.is_workspace_operator == true")
    )
    shutil.copytree("old", "same")
    Path("same/letters.yaml").write_text(POLICY)
    ran = sidecar("diff", "old", "same", "--as", "ops.json", "--as", "fin.json")
    assert (ran.code, ran.out) == (0, "nothing changes; callers compared: 2\n")
    assert sidecar("diff", "old", "same", "--as", "ops.json", "--json").json["same"] is True


@pytest.mark.usefixtures("stored")
def test_the_callers_of_suites_are_compared_with_the_stores_catalogue(sidecar: Sidecar) -> None:
    """Callers of both bundles' suites are compared; those of a tenant without records are named as left out."""
    Path("wider/letters_test.yaml").write_text(SUITE)
    ran = sidecar("diff", "old", "wider")
    assert ran.code == 1
    assert "12 dead letters of finance become visible to watcher (such as d-12)" in ran.out.splitlines()
    assert "left out, for their tenants have no records: 1 (elsewhere)" in ran.err
    told = sidecar("diff", "wider", "old", "--json").json
    assert told["callers"] == [
        {"caller": "watcher", "tenant": ["acme", "main", ""], "records": True},
        {"caller": "elsewhere", "tenant": ["nowhere", "main", ""], "records": False},
    ]
    person, unit = {"kind": "human_user", "id": "eve"}, {"kind": "organization_unit", "id": "organization_unit/finance"}
    finance = {"unit_id": "finance", "tenant_context": TENANT, "display_name": "F", "created_by": person}
    member = {"membership_id": "m", "tenant_context": TENANT, "member": person, "created_at_ms": 1, "unit": unit}
    times = {"created_at_ms": 1, "updated_at_ms": 1}
    sidecar("load", ndjson(Path("more"), ("org_unit", {**finance, **times}), ("org_unit_membership", member)))
    assert sidecar("diff", "old", "wider").out.splitlines() == [
        "1 dead letter becomes visible to watcher (such as d-13)"
    ]


@pytest.mark.usefixtures("stored")
def test_the_shipped_bundle_and_several_folders(sidecar: Sidecar) -> None:
    """``default`` names the shipped policies, and folders joined by a colon are one bundle."""
    told = sidecar("diff", "default", "default:old", "--as", "ops.json", "--json").json
    mine = [(one["kind"], one["change"], one["records"]) for one in told["changes"] if one["caller"] == "ops"]
    assert mine == [("dead_letter", "vanishes", 1)]
    whole = sidecar("diff", str(shipped("policies")), "default", "--as", "ops.json", "--json").json
    assert (whole["same"], whole["old"] == whole["new"]) == (True, True)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("old", "none", "--as", "ops.json"), "no folder of policies at none"),
        (("old", "", "--as", "ops.json"), "this one is empty"),
        (("old", "wrong", "--as", "ops.json"), "did you mean 'caller'?"),
        (("old", "badly", "--as", "ops.json"), "badly/letters_test.yaml:"),
        (("old", "wider", "--as", "none.json"), "none.json cannot be read"),
        (("old", "wider"), "no caller is of a tenant that has records; name one with --as"),
        (("old", "wider", "--as", "ops.json", "--policies", "old"), "leave --policies out"),
        (("old", "wider", "--as", "ops.json", "--store", "sqlite:///none.db"), "there is no file none.db"),
        (("old",), "NEW"),
    ],
)
def test_what_cannot_be_compared_is_exit_code_2(sidecar: Sidecar, words: tuple[str, ...], message: str) -> None:
    """Trouble is never taken for an answer: a wrong policy, suite, caller, store or command is exit code 2."""
    for name in ("wrong", "badly"):
        shutil.copytree("wider", name)
    Path("wrong/letters.yaml").write_text(WIDER.replace("caller.roles", "callr.roles"))
    Path("badly/letters_test.yaml").write_text(SUITE.replace("expect", "expects"))
    ran = sidecar("diff", *words)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err


def test_the_help_tells_the_exit_codes(sidecar: Sidecar) -> None:
    """The codes of this verb differ from the others', and its help says so."""
    ran = sidecar("diff", "--help")
    assert "exit codes: 0 nothing changes, 1 something does, 2 it cannot be told" in ran.out
    assert ran.code == 0
