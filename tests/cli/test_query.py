"""``sidecar query`` and ``sidecar explain``: what a caller sees, and why."""

from pathlib import Path

import pytest
from cli_samples import TENANT, Sidecar, caller, happened, letter, ndjson

pytestmark = pytest.mark.usefixtures("store_name")

FINANCE = {"tenant_context": TENANT, "owning_org_unit_id": "finance"}
PERSON = {"kind": "human_user", "id": "ben"}


def member(**changes: object) -> tuple[str, dict[str, object]]:
    """Ben's membership in finance, until 1000."""
    record = {
        **{"membership_id": "m", "tenant_context": TENANT, "member": PERSON, "created_at_ms": 1, "expires_at_ms": 1000},
        "unit": {"kind": "organization_unit", "id": "organization_unit/finance"},
    }
    return "org_unit_membership", {**record, **changes}


@pytest.fixture
def stored(sidecar: Sidecar, tmp_path: Path) -> Path:
    """A store with a unit, a membership, three letters (two of finance, one of nobody) and one of another tenant."""
    unit = {
        **{"unit_id": "finance", "tenant_context": TENANT, "display_name": "Finance", "created_by": PERSON},
        **{"created_at_ms": 1, "updated_at_ms": 1},
    }
    foreign = {"tenant_context": {"org_id": "other", "workspace_id": "main"}}
    file = ndjson(
        tmp_path / "records",
        *[("org_unit", unit), member()],
        *[letter(1), letter(2, scope=FINANCE), letter(3, scope=FINANCE, status="resolved")],
        *[letter(4, scope=foreign), happened("a/b ü")],
    )
    assert sidecar("load", file).code == 0
    caller(tmp_path / "ben.json", actor_id="ben")
    caller(tmp_path / "eve.json", actor_id="eve")
    caller(tmp_path / "op.json", roles=["workspace_operator"])
    caller(tmp_path / "foreign.json", tenant={"org_id": "other", "workspace_id": "main"}, roles=["workspace_operator"])
    return tmp_path


def seen(sidecar: Sidecar, who: str, *words: str) -> list[str]:
    """The ids of the letters that someone sees, in their order."""
    ran = sidecar("query", "dead_letter", "--as", f"{who}.json", *words)
    assert ran.code == 0, ran.err
    return [one["dead_letter_id"] for one in ran.rows]


@pytest.mark.usefixtures("stored")
def test_each_caller_sees_its_own_page(sidecar: Sidecar) -> None:
    """A page holds what units and memberships open at the instant asked about, newest first, and no other tenant's."""
    assert seen(sidecar, "op") == ["d-3", "d-2", "d-1"]
    assert seen(sidecar, "ben", "--at", "999") == ["d-3", "d-2", "d-1"]
    assert seen(sidecar, "ben", "--at", "1000") == ["d-1"]
    assert seen(sidecar, "eve") == ["d-1"]
    assert seen(sidecar, "foreign") == ["d-4"]


@pytest.mark.usefixtures("stored")
def test_filters_and_limits_bound_the_page(sidecar: Sidecar) -> None:
    """Filters keep what matches all of them; a page that ends early says that there is more."""
    assert seen(sidecar, "op", "--where", "status=open") == ["d-2", "d-1"]
    assert seen(sidecar, "op", "--where", "status=open", "--where", "run_id=r-2") == []
    ran = sidecar("query", "dead_letter", "--as", "op.json", "--limit", "2")
    assert (len(ran.rows), ran.code) == (2, 0)
    assert "there are more than these 2" in ran.err
    assert sidecar("query", "dead_letter", "--as", "op.json", "--limit", "3").err == ""


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("dead_leter", "--as", "op.json"), "there is no kind 'dead_leter'; did you mean 'dead_letter'?"),
        (("dead_letter", "--as", "op.json", "--where", "statsu=x"), "--where statsu: "),
        (("dead_letter", "--as", "op.json", "--where", "status"), "write field=value; the fields are "),
        (("dead_letter", "--as", "op.json", "--where", "created_at_ms=x"), "--where created_at_ms: "),
        (("dead_letter", "--as", "op.json", "--where", "cursor=x"), "write field=value"),
        (("dead_letter", "--as", "op.json", "--limit", "many"), "--limit is no whole number"),
        (("dead_letter", "--as", "none.json"), "none.json cannot be read: No such file or directory\n"),
        (("dead_letter", "--as", "op.json", "--store", "sqlite:///none.db"), "there is no file none.db; load records"),
        (("dead_letter", "--as", "op.json", "--at", "-1"), "--at"),
        (("dead_letter", "--as", "op.json", "--at", str(2**63)), "is no instant; write Unix milliseconds"),
        (("dead_letter",), "--as"),
    ],
)
def test_wrong_questions_are_exit_code_2(sidecar: Sidecar, words: tuple[str, ...], message: str) -> None:
    """A question that means nothing is refused with what would be right, and creates no store."""
    ran = sidecar("query", *words)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert not Path("none.db").exists()


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("{", "1:2", ""),
        ('{"tenant": {"org_id": "a"}}', "1:2", "/tenant/workspace_id is required"),
        ('{\n "tenant": {"org_id": "a", "workspace_id": "b"},\n "actr_id": "x"}', "3:2", "did you mean 'actor_id'?"),
        ('{"tenant": {"org_id": "a", "workspace_id": "b"}, "roles": "x"}', "1:50", "must be a list"),
    ],
)
def test_a_wrong_caller_is_told_at_its_place(sidecar: Sidecar, text: str, place: str, message: str) -> None:
    """What is wrong in the caller's file is told with line and column."""
    Path("who.json").write_text(text)
    ran = sidecar("query", "wait", "--as", "who.json")
    assert ran.code == 2
    assert ran.err.startswith(f"who.json:{place}: error: ")
    assert message in ran.err


@pytest.mark.usefixtures("stored")
def test_an_explanation_names_rules_and_what_they_read(sidecar: Sidecar) -> None:
    """The answer names every policy and rule, the values read, the label's share, and when it next changes."""
    ran = sidecar("explain", "dead_letter", "d-2", "--as", "ben.json", "--at", "500")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "visible: dead_letter d-2 of acme/main"
    assert lines[1].startswith("caller: ben; no operator; units finance, organization_unit/finance; roles none; ")
    assert lines[2].startswith('label: shared by 2 records: {"scope.owning_org_unit_id":"finance"')
    assert "org-units admits it" in lines
    assert "  allow own-unit: true" in lines
    assert '      caller.org_units = ["finance","organization_unit/finance"]' in lines
    assert lines[-1] == (
        "next change: hidden from 1970-01-01T00:00:01.000+00:00 (1000 ms) on, when org_unit_membership m ends"
    )
    later = sidecar("explain", "dead_letter", "d-2", "--as", "ben.json", "--at", "1000").out.splitlines()
    assert later[0] == "hidden: dead_letter d-2 of acme/main"
    assert "org-units does not admit it" in later
    assert "  allow own-unit: false" in later
    assert later[-1] == "next change: only with the records or the policies"


@pytest.mark.usefixtures("stored")
def test_an_explanation_in_json(sidecar: Sidecar) -> None:
    """Programs get the whole answer: verdict, caller, label, rules with their values, masks, the next change."""
    told = sidecar("explain", "dead_letter", "d-2", "--as", "ben.json", "--at", "500", "--json").json
    assert (told["visible"], told["same_tenant"], told["covered"]) == (True, True, True)
    assert (told["key"], told["tenant"], told["at_ms"]) == (["d-2"], ["acme", "main", ""], 500)
    ended = [{"kind": "org_unit_membership", "id": "m"}]
    assert told["next_change"] == {"at_ms": 1000, "visible": False, "masked": [], "ended": ended}
    assert told["label"]["records"] == 2
    assert (told["masked"], told["reads_clock"]) == ([], False)
    [units] = [policy for policy in told["policies"] if policy["policy"] == "org-units"]
    [own] = [rule for rule in units["rules"] if rule["rule"] == "own-unit"]
    assert (own["effect"], own["value"], own["error"]) == ("allow", True, None)
    assert own["read"]["record.scope.owning_org_unit_id"] == "finance"


@pytest.mark.usefixtures("stored")
def test_the_wall_is_explained(sidecar: Sidecar) -> None:
    """A record of another tenant is hidden whatever policies say; the explanation says that the wall hides it."""
    ran = sidecar("explain", "dead_letter", "d-4", "--as", "op.json", "--tenant", "other/main")
    assert ran.out.startswith("hidden: dead_letter d-4 of other/main\n")
    assert "the tenant wall hides it" in ran.out
    assert "tenant does not admit it" in ran.out
    absent = sidecar("explain", "dead_letter", "d-4", "--as", "op.json")
    assert (absent.code, absent.out) == (1, "")
    assert "there is no dead_letter d-4 in the tenant acme/main" in absent.err


@pytest.mark.usefixtures("stored")
def test_keys_of_several_parts_are_percent_encoded(sidecar: Sidecar) -> None:
    """The parts of a key are joined by ``/``, each percent-encoded; another number of parts is a wrong command."""
    ran = sidecar("explain", "event", "r-1/a%2Fb%20%C3%BC", "--as", "op.json")
    assert (ran.code, ran.out.splitlines()[0]) == (0, "visible: event r-1/a/b ü of acme/main")
    for wrong in ("a", "a/b/c"):
        refused = sidecar("explain", "event", wrong, "--as", "op.json")
        assert refused.code == 2
        assert "the id of a event is run_id/event_id" in refused.err
    assert sidecar("explain", "event", "a/b", "--as", "op.json", "--tenant", "acme").code == 2


@pytest.mark.usefixtures("stored")
def test_what_decodes_to_no_text_is_no_key(sidecar: Sidecar, tmp_path: Path) -> None:
    """An id of bytes that are not UTF-8 is a wrong command, as over HTTP, and names no record by U+FFFD instead."""
    assert sidecar("load", ndjson(tmp_path / "more", letter(7, dead_letter_id="\ufffd"))).code == 0
    assert sidecar("explain", "dead_letter", "%EF%BF%BD", "--as", "op.json").code == 0
    refused = sidecar("explain", "dead_letter", "%FF", "--as", "op.json")
    assert (refused.code, refused.out) == (2, "")
    assert "'%FF' is not UTF-8" in refused.err


@pytest.mark.usefixtures("stored")
def test_uncovered_kinds_and_clocks_are_explained(sidecar: Sidecar, tmp_path: Path) -> None:
    """A kind of which no policy speaks is hidden from all; a rule that reads the clock may answer otherwise any time."""
    (tmp_path / "p").mkdir()
    text = "apiVersion: sidecar/v1\npolicy: p\napplies_to: [dead_letter]\nrules: [{allow: a, when: 'now_ms > 5'}]\n"
    (tmp_path / "p" / "p.yaml").write_text(text)
    hidden = sidecar("explain", "event", "r-1/a%2Fb%20%C3%BC", "--as", "op.json", "--policies", "p")
    assert "no policy speaks of its kind, so nobody sees it" in hidden.out
    clock = sidecar("explain", "dead_letter", "d-1", "--as", "ben.json", "--at", "7", "--policies", "p").out
    assert clock.startswith("visible: ")
    assert clock.endswith("may change at any time, for a rule reads the clock\n")
