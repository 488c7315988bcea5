"""How ``sidecar explain`` tells people why: the parts of a rule that decided, and no more than that."""

from pathlib import Path
from typing import Any

import pytest
from cli_samples import TENANT, Sidecar, caller, letter, ndjson

pytestmark = pytest.mark.usefixtures("store_name")

PERSON = {"kind": "human_user", "id": "ben"}
SCOPE = {"tenant_context": TENANT, "owning_org_unit_id": "finance", "delegation_grant_ids": ["g1", "g2"]}


def grant(name: str, **changes: Any) -> tuple[str, dict[str, Any]]:
    """A grant to Ben."""
    resource = {"organization_id": "acme", "workspace_id": "main", "resource_kind": "repository", "resource_id": name}
    times = {"created_at_ms": 1, "updated_at_ms": 1}
    record = {"grant_id": name, "unit": PERSON, "resource": resource, "effect": "allow", "permissions": ["view"]}
    return "org_unit_access_grant", {**record, "tenant_context": TENANT, "state": "active", **times, **changes}


@pytest.fixture
def told(sidecar: Sidecar, tmp_path: Path) -> Any:
    """Explains a letter to Ben, who has two grants, by a policy of one rule."""
    records = ndjson(
        tmp_path / "records", letter(1, scope=SCOPE), grant("g1"), grant("g2", expires_at_ms=1000), grant("g3")
    )
    assert sidecar("load", records).code == 0
    caller(tmp_path / "ben.json", actor_id="ben", org_units=["legal"])
    (tmp_path / "p").mkdir()

    def explain(rule: str, *words: str) -> Any:
        text = f"apiVersion: sidecar/v1\npolicy: p\napplies_to: [dead_letter]\nrules:\n  - allow: x\n    when: >\n      {rule}\n"
        (tmp_path / "p" / "p.yaml").write_text(text)
        ran = sidecar("explain", "dead_letter", "d-1", "--as", "ben.json", "--at", "500", "--policies", "p", *words)
        assert ran.code == 0, ran.err
        return ran

    return explain


def lines(ran: Any) -> list[str]:
    """What stands under the rule."""
    every = ran.out.splitlines()
    return every[every.index(next(line for line in every if line.startswith("  allow x: "))) :][:-1]


def test_of_a_chain_the_deciding_parts_are_told(told: Any) -> None:
    """An ``&&`` that is false shows what is false in it, an ``||`` that is true what is true, else all parts."""
    assert lines(told("record.status == 'open' && record.run_id == 'r-2' && record.reason == 'late'")) == [
        "  allow x: false",
        "    false: record.run_id == 'r-2'",
        '      record.run_id = "r-1"',
    ]
    assert lines(told("record.status == 'resolved' || record.run_id == 'r-1'")) == [
        "  allow x: true",
        "    true: record.run_id == 'r-1'",
        '      record.run_id = "r-1"',
    ]
    assert lines(told("record.run_id == 'r-1' && !(record.reason == 'early')")) == [
        "  allow x: true",
        "    true: record.run_id == 'r-1'",
        '      record.run_id = "r-1"',
        "    true: !(record.reason == 'early')",
        '      record.reason = "late"',
    ]


def test_of_a_loop_the_deciding_or_the_nearest_element_is_told(told: Any) -> None:
    """Of many grants the one that opens the record, or else the one that comes nearest, with what it lacks."""
    ran = told("caller.grants.exists(g, g.grant_id in record.scope.delegation_grant_ids && 'read' in g.permissions)")
    assert [line.strip() for line in lines(ran) if "grants.exists" not in line] == [
        "allow x: false",
        lines(ran)[1].strip(),
        "false: 'read' in g.permissions",
        'g.permissions = ["view"]',
        "the nearest of 3",
    ]
    assert lines(ran)[1].strip().startswith('for g = {"permissions":["view"]')
    every = lines(told("record.scope.delegation_grant_ids.all(i, i.startsWith('g'))"))
    assert every == [
        "  allow x: true",
        '    record.scope.delegation_grant_ids = ["g1","g2"]',
        "    true for each of 2",
    ]


def test_an_error_is_told_where_it_arises(told: Any) -> None:
    """The part that has no value is shown with its error, however deep it stands."""
    assert lines(told("record.run_id == 'r-1' && record.reason.size() == 1 / (size(record.run_id) - 3)")) == [
        "  allow x: ends in an error: division by zero",
        "    error: record.reason.size() == 1 / (size(record.run_id) - 3): division by zero",
        "      error: 1 / (size(record.run_id) - 3): division by zero",
        "        size(record.run_id) - 3 = 0",
        "          size(record.run_id) = 3",
        '            record.run_id = "r-1"',
    ]


def test_the_next_change_is_of_this_record(told: Any) -> None:
    """The end of a grant that opens nothing here is no change; the end of the one that opens the record is."""
    opened = told("caller.grants.exists(g, g.grant_id == 'g2' && g.grant_id in record.scope.delegation_grant_ids)")
    assert opened.out.splitlines()[-1] == (
        "next change: hidden from 1970-01-01T00:00:01.000+00:00 (1000 ms) on, when org_unit_access_grant g2 ends"
    )
    other = told("caller.grants.exists(g, g.grant_id == 'g1' && g.grant_id in record.scope.delegation_grant_ids)")
    assert other.out.splitlines()[-1] == "next change: only with the records or the policies"


def test_long_values_are_cut_for_people_and_whole_for_programs(told: Any) -> None:
    """A line shows the start of a long value; JSON has all of it."""
    rule = f"record.run_id in ['{'x' * 300}', 'r-1']"
    assert max(map(len, told(rule).out.splitlines())) < 250
    [policy] = told(rule, "--json").json["policies"]
    [found] = policy["rules"]
    assert found["expression"]["text"] == rule
