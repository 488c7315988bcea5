"""Paging through reliability rows: anchors, bounds and the last page."""

from urllib.parse import urlencode

import pytest
from acme_asking import FAY, OPERATOR
from acme_records import dead_letter, ids, outbox, scope, tenant, workflow_run
from routes import RELIABILITY, RUNS
from serving import Served

COLLECTIONS = ("outbox", "tool_effects", "dead_letters", "compensations")
NONE = dict.fromkeys(COLLECTIONS, 0)


async def test_an_exactly_full_last_page_is_the_last(sidecar: Served) -> None:
    """Whether a page is the last is found out by looking one row further, not by how many rows it has."""
    await sidecar.take(*(outbox(f"o-{at}", at=at) for at in range(1, 5)))
    page = await sidecar.get(f"{RELIABILITY}?limit=2", OPERATOR)
    assert page["pagination"]["next"]["outbox"] == {"after_id": "o-3", "after_collection": "outbox"}
    page = await sidecar.get(f"{RELIABILITY}?limit=2&after_id=o-3", OPERATOR)
    assert ids(page["outbox"], "outbox_id") == ["o-2", "o-1"]
    assert page["pagination"]["next"]["outbox"] is None
    records = await sidecar.get("/v1/records/outbox?limit=4", OPERATOR)
    assert (records["count"], records["next"]) == (4, None)


async def test_anchors_that_are_none_are_all_one(sidecar: Served) -> None:
    """An anchor that is hidden, of another tenant, of another run, gone or made up is answered as one: with nothing."""
    elsewhere = scope(of=tenant("umbrella"))
    await sidecar.take(
        workflow_run("run"),
        dead_letter("d-seen"),
        outbox("o-seen"),
        dead_letter("d-hidden", in_scope=scope("legal")),
        dead_letter("d-foreign", in_scope=elsewhere),
        dead_letter("d-of-another-run", run_id="other"),
    )
    path = f"{RUNS}/run/reliability?limit=9&after_id="
    answers = [
        (await sidecar.get(path + name, FAY), await sidecar.get(f"{path}{name}&after_kind=dead_letters", FAY))
        for name in ("made-up", "d-hidden", "d-foreign", "d-of-another-run", "o-made-up")
    ]
    for alone, named in answers:
        assert alone["counts"] == NONE
        assert alone["pagination"]["after_collection"] is None
        assert alone["pagination"]["next"] == dict.fromkeys(COLLECTIONS)
        assert named["counts"] == {**NONE, "outbox": 1}
        assert named["pagination"]["after_collection"] == "dead_letters"
        for answer in (alone, named):
            answer["pagination"]["after_id"] = ""
    assert all(answer == answers[0] for answer in answers)


async def test_an_id_in_two_collections_is_no_anchor_by_itself(sidecar: Served) -> None:
    """An anchor found in two collections is in none, until the collection is named."""
    await sidecar.take(outbox("same"), outbox("older", at=5), dead_letter("same"))
    assert (await sidecar.get(f"{RELIABILITY}?after_id=same", OPERATOR))["counts"] == NONE
    named = await sidecar.get(f"{RELIABILITY}?after_id=same&after_kind=outbox", OPERATOR)
    assert named["counts"] == {**NONE, "outbox": 1, "dead_letters": 1}


async def test_filters_do_not_hide_the_anchor(sidecar: Served) -> None:
    """Paging goes on behind a row that the filters leave out: where it stands is what counts."""
    await sidecar.take(dead_letter("d-3", at=3, status="resolved"), dead_letter("d-2", at=2), dead_letter("d-1", at=1))
    for query in ("status=open", "active_recovery_only=true", "status=open&after_collection=dead_letter"):
        page = await sidecar.get(f"{RELIABILITY}?after_id=d-3&{query}", OPERATOR)
        assert ids(page["dead_letters"], "dead_letter_id") == ["d-2", "d-1"], query
        assert page["pagination"]["after_collection"] == "dead_letters"


BOUND = 50
NAMED = {at: [(f"{at}{letter}", 10 * number) for number, letter in enumerate("fbdace")] for at in (1, 2, 3)}


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 12, 13])
async def test_a_walk_meets_every_row_once(sidecar: Served, limit: int) -> None:
    """Following ``next`` gives every row that is left by the bound once, in order, however many share a time."""
    rows = [dead_letter(f"d-{name}", at=at, created_at_ms=made) for at in (3, 2, 1) for name, made in NAMED[at]]
    await sidecar.take(*rows[::-1], *(dead_letter(f"hidden-{at}", at=at, in_scope=scope("legal")) for at in (1, 2, 3)))
    expected = [f"d-{name}" for at in (3, 2, 1) for name, made in sorted(NAMED[at]) if made < BOUND]
    walked: list[str] = []
    query = f"limit={limit}&before_created_at_ms={BOUND}"
    while query:
        page = await sidecar.get(f"{RELIABILITY}?{query}", FAY)
        walked += ids(page["dead_letters"], "dead_letter_id")
        following = page["pagination"]["next"]["dead_letters"]
        query = urlencode({"limit": limit, **following}) if following else ""
    assert walked == expected


async def test_the_cursor_of_a_page_leads_on_whatever_blanks_its_id_has(sidecar: Served) -> None:
    """An anchor is the row of exactly that id; only where there is none are blanks around it of no account."""
    await sidecar.take(dead_letter(" d ", at=4), dead_letter("e", at=3), dead_letter("d", at=2), dead_letter("f", at=1))
    walked = []
    query = {"limit": "1"}
    while query:
        page = await sidecar.get(f"{RELIABILITY}?{urlencode(query)}", OPERATOR)
        walked += ids(page["dead_letters"], "dead_letter_id")
        following = page["pagination"]["next"]["dead_letters"]
        query = following and {"limit": "1", **following}
    assert walked == [" d ", "e", "d", "f"]
    for sent, behind in (("%20d%20", ["e", "d", "f"]), ("d", ["f"]), ("%09d", ["f"])):
        page = await sidecar.get(f"{RELIABILITY}?after_id={sent}", OPERATOR)
        assert ids(page["dead_letters"], "dead_letter_id") == behind
