"""When the answer for one record next changes by time alone: the same instant that trying every instant finds."""

from functools import cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_files import ACME, HOME, bundle_of, note, policy

from sidecar.identity.authority import Catalogue, authority_of
from sidecar.identity.caller import Identity
from sidecar.identity.course import course
from sidecar.policy import next_change
from sidecar.policy.explain import Explainer
from sidecar.policy.next_change import Future, future_of, shown
from sidecar.policy.rules import KindPolicies
from sidecar.records.canonical import policy_view

LAST = 12
UNITS = ("finance", "legal")
RULES = (
    "allow own: record.unit in caller.org_units",
    "allow granted: caller.grants.exists(g, g.grant_id in record.classes)",
    "deny barred: caller.grants.exists(g, g.grant_id == record.code)",
)
MASK = "record.author: caller.grants.exists(g, 'edit' in g.permissions)"


def unit(name: str, **more: Any) -> dict[str, Any]:
    """A unit."""
    return {"unit_id": name, "taxonomy_id": "organization_unit", "tenant_context": HOME, "state": "active", **more}


def member(number: int, name: str, ends: int | None, *, actor: str = "ada") -> dict[str, Any]:
    """A membership."""
    of = {"kind": "organization_unit", "id": name}
    record = {
        "membership_id": f"m{number}",
        "unit": of,
        "member": {"kind": "human_user", "id": actor},
        "state": "active",
    }
    return record if ends is None else {**record, "expires_at_ms": ends}


def grant(
    number: int, to: str, ends: int | None, *, effect: str = "allow", resource: str = "r", **more: Any
) -> dict[str, Any]:
    """A grant to a unit, or to Ada."""
    kind = "human_user" if to == "ada" else "organization_unit"
    opened = {"organization_id": "acme", "workspace_id": "main", "resource_kind": "k", "resource_id": resource}
    record = {
        "grant_id": f"g{number}",
        "unit": {"kind": kind, "id": to},
        "resource": opened,
        "effect": effect,
        "state": "active",
    }
    return {**record, **more} if ends is None else {**record, "expires_at_ms": ends, **more}


@cache
def policies(*rules: str, mask: str | None = MASK) -> KindPolicies:
    """The policies of notes."""
    text = policy("p", *(rules or RULES), redact=[mask] if mask else [])
    with TemporaryDirectory() as folder:
        return bundle_of(Path(folder), p=text).kinds["note"]


def future(of: KindPolicies, identity: Identity, catalogue: Catalogue, view: dict[str, Any], now_ms: int = 0) -> Future:
    """What becomes of the answer for one note."""
    moments = course(identity, catalogue, now_ms, managed=True)
    now = Explainer(of, next(moments).caller).answer(view, ACME, now_ms)
    return future_of(of, view, ACME, now, moments)


def viewed(**fields: Any) -> dict[str, Any]:
    """A note as policies see it."""
    prepared = note("n", **fields)
    return policy_view(policies().kind, orjson.loads(prepared.doc))


ENDS = st.one_of(st.none(), st.integers(1, LAST))
MEMBERS = st.lists(st.tuples(st.sampled_from(UNITS), ENDS, st.sampled_from(("ada", "ada", "eva"))), max_size=3)
GRANTS = st.lists(
    st.tuples(
        st.sampled_from((*UNITS, "ada")), ENDS, st.sampled_from(("allow", "allow", "deny")), st.sampled_from("rs"),
        st.sampled_from(([], ["read"], ["read", "edit"])),
    ),
    max_size=4,
)  # fmt: skip
NOTES = st.fixed_dictionaries(
    {"code": st.sampled_from(("g0", "g1", "c"))},
    optional={
        "unit": st.sampled_from(UNITS),
        "classes": st.lists(st.sampled_from(("g0", "g1", "g2")), max_size=2),
        "author": st.just("eva"),
    },
)


@settings(max_examples=300, deadline=None)
@given(MEMBERS, GRANTS, NOTES, st.integers(0, 3))
def test_the_next_change_is_the_first_instant_that_answers_otherwise(
    members: list[Any], grants: list[Any], fields: dict[str, Any], now_ms: int
) -> None:
    """Of all later instants the first with another verdict or other masks is told, with that answer; or that none is."""
    catalogue = Catalogue.of(
        map(unit, UNITS),
        [member(number, name, ends, actor=actor) for number, (name, ends, actor) in enumerate(members)],
        [
            grant(number, to, ends, effect=effect, resource=resource, permissions=permissions)
            for number, (to, ends, effect, resource, permissions) in enumerate(grants)
        ],
    )
    identity, view = Identity(ACME, actor_id="ada"), viewed(**fields)

    def answer(at_ms: int) -> tuple[bool, frozenset[str]]:
        caller = authority_of(identity, catalogue, at_ms, managed=True).caller
        return shown(Explainer(policies(), caller).answer(view, ACME, at_ms))

    wanted = next((at_ms for at_ms in range(now_ms + 1, LAST + 2) if answer(at_ms) != answer(now_ms)), None)
    change = future(policies(), identity, catalogue, view, now_ms).change
    assert (change.at_ms if change else None) == wanted
    if change is not None:
        assert (change.visible, change.redacted) == answer(change.at_ms)
        assert {record["expires_at_ms"] for record in change.ended} == {change.at_ms}


def test_an_edge_that_changes_nothing_here_is_passed_over() -> None:
    """Of two memberships in one unit the first to end changes nothing, nor does a grant that the record does not name."""
    catalogue = Catalogue.of(
        [unit("finance")],
        [member(0, "finance", 5), member(1, "finance", 9)],
        [grant(0, "finance", 3), grant(1, "finance", 4, effect="deny")],
    )
    found = future(policies(), Identity(ACME, actor_id="ada"), catalogue, viewed(unit="finance"))
    assert found.change is not None
    assert (found.change.at_ms, [one["membership_id"] for one in found.change.ended]) == (9, ["m1"])


def test_how_far_is_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a number of edges nothing is claimed: the last one looked at is told."""
    monkeypatch.setattr(next_change, "MOST_EDGES", 3)
    grants = [grant(number, "ada", 10 + number) for number in range(5)]
    catalogue = Catalogue.of([], [], grants)
    found = future(policies(), Identity(ACME, actor_id="ada"), catalogue, viewed(code="zzz"))
    assert (found.change, found.looked_to_ms) == (None, 12)
    whole = future(policies(), Identity(ACME, actor_id="ada"), Catalogue.of([], [], grants[:3]), viewed(code="zzz"))
    assert (whole.change, whole.looked_to_ms) == (None, None)


def test_a_clock_is_told() -> None:
    """A rule that reads the clock is said to, for its answer may change between the edges too."""
    catalogue = Catalogue.of([], [], [grant(0, "ada", 7)])
    timed = policies("allow late: now_ms < record.at", mask=None)
    found = future(timed, Identity(ACME, actor_id="ada"), catalogue, viewed(at=6))
    assert found.reads_clock
    assert found.change is not None
    assert (found.change.at_ms, found.change.visible) == (7, False)
    assert not future(policies(), Identity(ACME, actor_id="ada"), catalogue, viewed()).reads_clock


def test_a_course_is_made_only_as_far_as_it_is_asked_for() -> None:
    """Moments come in order, each with what ends there, and only what concerns the caller has one."""
    catalogue = Catalogue.of(
        map(unit, UNITS),
        [member(0, "finance", 5), member(1, "legal", 3, actor="eva")],
        [grant(0, "finance", 5), grant(1, "legal", 4), grant(2, "ada", 9, state="disabled"), grant(3, "ada", 8)],
    )
    moments = list(islice(course(Identity(ACME, actor_id="ada"), catalogue, 0, managed=True), 10))
    told = [(one.at_ms, [record.get("membership_id") or record["grant_id"] for record in one.ended]) for one in moments]
    assert told == [(0, []), (5, ["m0", "g0"]), (8, ["g3"])]
