"""A kind is a schema file and nothing else: dropped beside a policy into folders outside the package, it is all there."""

import json
from pathlib import Path

import pytest
from commands import Commands
from ticket_kind import SCHEMA, lines, ticket, write_kind

OUR_TENANT = {"org_units": "Support", "actor_id": "sam"}
OPERATOR = {"actor_id": "olga", "roles": "workspace_operator"}
TICKETS = [
    *(ticket(number) for number in range(4)),
    *(ticket(number, "Support") for number in range(4, 9)),
    *(ticket(number, "billing", urgent=True) for number in range(9, 12)),
]


@pytest.fixture
def sidecar(tmp_path: Path) -> Commands:
    """The command line in an empty folder."""
    return Commands(tmp_path)


def in_order(*numbers: int) -> list[str]:
    """The ids of tickets in the kind's order: the higher priority first, then the older one, then the key."""
    return [f"T-{number}" for number in sorted(numbers, key=lambda number: (-(number % 3), number))]


def test_a_dropped_in_kind_is_checked_and_tested(sidecar: Commands, tmp_path: Path) -> None:
    """``check`` reads the kind and tells how its rules are judged; ``test`` runs its suite beside the shipped ones."""
    options = write_kind(tmp_path)
    checked = sidecar.run("check", *options)
    assert (checked.code, checked.err) == (0, "")
    assert "16 kinds, 7 policies" in checked.out
    judged = [line for line in checked.out.splitlines() if "our-policies/tickets.yaml" in line]
    assert len(judged) == 4
    assert all("judged once per label" in line for line in judged)
    tested = sidecar.run("test", *options, "--json")
    assert tested.code == 0, tested.out
    suites = {suite["suite"]: suite for suite in json.loads(tested.out)["suites"]}
    assert {"tickets", "org_units", "bundle"} <= suites.keys()
    assert {case["caller"] for case in suites["tickets"]["cases"]} == {"operator", "of-support", "nobody"}


def test_a_dropped_in_kind_is_loaded_filtered_paged_and_fetched(sidecar: Commands, tmp_path: Path) -> None:
    """Loaded once, its records are served in the schema's order, by cursor, by filter and by key, as its policy says."""
    options = write_kind(tmp_path)
    loaded = sidecar.run("load", *options, "-", given=lines(*TICKETS))
    assert (loaded.code, loaded.err) == (0, "")
    assert loaded.out.splitlines()[1].split() == ["ticket", "12", "0", "0", "0"]
    with sidecar.serving(*options) as server:

        def ids(query: str = "", cursor: str = "", **who: str) -> list[str]:
            status, page = server.get(f"/v1/records/ticket?limit=4{query}{cursor}", **(who or OUR_TENANT))
            assert (status, page["kind"], page["limit"], page["count"]) == (200, "ticket", 4, len(page["records"]))
            names = [record["ticket_id"] for record in page["records"]]
            return names if page["next"] is None else names + ids(query, f"&cursor={page['next']}", **who)

        assert ids() == in_order(*range(9))
        assert ids(**OPERATOR) == in_order(*range(12))
        assert ids(actor_id="nell", org_units="") == in_order(*range(4))
        assert ids(actor_id="olga", roles="workspace_operator", org_id="globex") == []
        assert ids("&status=On-Hold") == in_order(1, 3, 5, 7)
        assert ids("&priority=2&status=open") == in_order(2, 8)
        assert ids("&urgent=true", **OPERATOR) == in_order(9, 10, 11)
        assert ids("&urgent=true") == []
        assert server.get("/v1/records/ticket/web/T-4", **OUR_TENANT) == (
            200,
            {"record": _shown(ticket(4, "Support"))},
        )
        hidden = server.get("/v1/records/ticket/web/T-9", **OUR_TENANT)
        assert hidden == server.get("/v1/records/ticket/web/T-99", **OUR_TENANT)
        assert hidden[0] == 404
        assert server.get("/v1/records/ticket/web/T-9", **OPERATOR)[1]["record"]["reporter"] == "rita"
        status, refused = server.get("/v1/records/ticket?stats=open", **OUR_TENANT)
        assert (status, refused["error"], refused["nearest"]) == (400, "unknown_parameter", "status")


def test_an_integer_that_no_record_holds_equals_none(sidecar: Commands, tmp_path: Path) -> None:
    """The greatest and the least integer are found as such, and what lies beyond them is no other name for them."""
    options = write_kind(tmp_path)
    least, greatest = -(2**63), 2**63 - 1
    tickets = [ticket(number, priority=priority) for number, priority in enumerate((greatest, least, least + 1))]
    assert sidecar.run("load", *options, "-", given=lines(*tickets)).code == 0
    with sidecar.serving(*options) as server:

        def ids(priority: int, more: str = "") -> list[str]:
            status, page = server.get(f"/v1/records/ticket?priority={priority}{more}", **OPERATOR)
            assert status == 200, page
            return [record["ticket_id"] for record in page["records"]]

        assert [ids(priority) for priority in (greatest, least, least + 1)] == [["T-0"], ["T-1"], ["T-2"]]
        beyond = (greatest + 1, 2**64 - 1, least - 1, 1 - 2**64)
        assert [ids(priority, more) for priority in beyond for more in ("", "&status=open")] == [[]] * 8


def _shown(record: dict[str, object]) -> dict[str, object]:
    """A record as it is served to no operator: with its defaults, without who reported it."""
    filled = {"tags": [], "urgent": False, **record}
    filled["tenant_context"] = {"org_id": "acme", "workspace_id": "main", "source": "local_implicit"}
    del filled["reporter"]
    return filled


def test_a_dropped_in_kind_is_filtered_by_the_texts_of_a_list(sidecar: Commands, tmp_path: Path) -> None:
    """``query`` answers for it too, and a filter over a list keeps the records in whose list the text stands."""
    options = write_kind(tmp_path)
    tagged = [ticket(number, tags=["red", "blue"] if number % 2 else ["blue"]) for number in range(4)]
    (tmp_path / "caller.json").write_text(json.dumps({"tenant": tagged[0]["tenant_context"], "org_units": []}))
    assert sidecar.run("load", *options, "-", given=lines(*tagged)).code == 0
    asked = sidecar.run("query", "ticket", *options, "--as", "caller.json", "--where", "tags=red")
    assert asked.code == 0, asked.err
    assert [json.loads(line)["ticket_id"] for line in asked.out.splitlines()] == in_order(1, 3)


def test_records_of_a_dropped_in_kind_are_held_to_its_schema(sidecar: Commands, tmp_path: Path) -> None:
    """A bad record is refused with its line, the place in it and what would be right, and nothing is stored."""
    options = write_kind(tmp_path)
    bad = lines(ticket(1), ticket(2, status="opne"), ticket(3, ticket_id="3"), {**ticket(4), "priority": "high"})
    refused = sidecar.run("load", *options, "-", given=bad)
    assert refused.code == 1
    faults = [line for line in refused.err.splitlines() if line.startswith("-:")]
    assert [fault.split(": ")[:3] for fault in faults] == [
        ["-:2", "ticket", "/status"],
        ["-:3", "ticket", "/ticket_id"],
        ["-:4", "ticket", "/priority"],
    ]
    assert "open" in faults[0]
    assert "nothing is stored" in refused.out


def test_without_its_policy_a_kind_is_loaded_and_shown_to_nobody(sidecar: Commands, tmp_path: Path) -> None:
    """A schema alone makes a kind that nobody sees, and ``check`` notes that no policy covers it."""
    schemas = write_kind(tmp_path)[:2]
    checked = sidecar.run("check", *schemas)
    assert checked.code == 0
    assert any("note" in line and "ticket" in line for line in checked.out.splitlines()), checked.out
    assert sidecar.run("load", *schemas, "-", given=lines(ticket(1))).code == 0
    (tmp_path / "caller.json").write_text(
        json.dumps({"tenant": ticket(1)["tenant_context"], "roles": ["workspace_operator"]})
    )
    asked = sidecar.run("query", "ticket", *schemas, "--as", "caller.json")
    assert (asked.code, asked.out) == (0, "")


def test_the_kind_is_not_known_without_its_folder(sidecar: Commands) -> None:
    """Nothing of the kind is in the product: without the folder its records are refused and its policy is an error."""
    options = write_kind(sidecar.folder)
    assert sidecar.run("load", "-", given=lines(ticket(1))).code == 1
    checked = sidecar.run("check", *options[2:])
    assert checked.code == 1
    assert "our-policies/tickets.yaml:4:" in checked.err + checked.out


def test_a_changed_schema_takes_stored_records_along(sidecar: Commands, tmp_path: Path) -> None:
    """A property that becomes filterable filters the records that were stored before."""
    options = write_kind(tmp_path)
    assert sidecar.run("load", *options, "-", given=lines(ticket(1), ticket(2, reporter="tom"))).code == 0
    annotation = SCHEMA["x-sidecar"]
    wider = {**annotation, "filterable": [*annotation["filterable"], "/reporter"]}
    write_kind(tmp_path, {**SCHEMA, "x-sidecar": wider})
    with sidecar.serving(*options) as server:
        status, page = server.get("/v1/records/ticket?reporter=tom", **OPERATOR)
    assert (status, [record["ticket_id"] for record in page["records"]]) == (200, ["T-2"])
