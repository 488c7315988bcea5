"""Places in a collection that the caller was not given, all answered alike."""

import base64
from pathlib import Path

import pytest
from answer import Answer
from attacked import LOW, hidden_records, visible_records
from scoped_records import scoped
from serving import Served, Who, served

from sidecar.http.cursor import Bond, Sealer, new_key
from sidecar.identity.caller import Caller
from sidecar.records.reading import Position
from sidecar.records.store import Tenant

pytestmark = pytest.mark.usefixtures("store_name")

SAL = LOW[0]
EVENTS = "/v1/records/event"
RELIABILITY = "/stateful-runtime/reliability"
OF_RUN = "/stateful-runtime/runs/open/reliability"
MARKS = [f"canary{number:032}" for number in range(60)]


async def _filled(sidecar: Served) -> None:
    more = [scoped("event", f"e{number}", {}) for number in range(6)]
    globex = {"org_id": "globex", "workspace_id": "main"}
    foreign = [scoped(kind, "foreign", {}, globex) for kind in ("event", "outbox", "dead_letter")]
    await sidecar.take(*visible_records(), *hidden_records(MARKS), *more, *foreign)


def _told(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """An answer but for its date."""
    return answer.status, {name: value for name, value in answer.headers.items() if name != "Date"}, answer.raw


async def _next(sidecar: Served, path: str, who: Who) -> str:
    found: str = (await sidecar.get(path, who))["next"]
    return found


def _flipped(cursor: str) -> list[str]:
    """The cursor with each of its letters changed by one bit."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    changed = [alphabet[alphabet.index(letter) ^ (1 << place % 6)] for place, letter in enumerate(cursor)]
    return [cursor[:place] + letter + cursor[place + 1 :] for place, letter in enumerate(changed)]


async def test_every_cursor_that_was_not_given_is_answered_alike(tmp_path: Path) -> None:
    """Bent, cut, random, unsealed, another key's, another query's, another caller's: one status, one body, one length."""
    async with served(tmp_path) as sidecar:
        await _filled(sidecar)
        path = f"{EVENTS}?limit=2&cursor="
        cursor = await _next(sidecar, f"{EVENTS}?limit=2", SAL)
        assert (await sidecar.ask("GET", path + cursor, SAL)).status == 200
        operator = Who(actor="op", roles="workspace_operator")
        bond = Bond(Caller(Tenant("acme", "main"), "sal"), "event", b"()")
        hidden = Position((1,), ("~hr", "~hr"))
        made_up = [
            *_flipped(cursor),
            *(cursor[:length] for length in range(0, len(cursor), 7)),
            *(cursor + more for more in ("A", "AAAA", "%3D", "%3D%3D", "%00", "%0A")),
            f"%20{cursor}",
            *("~hr", "open", "foreign", "never", MARKS[0], "0", "null", "A" * 64, "A" * 8_000, "%ff", "%F0%9F%98%80"),
            base64.urlsafe_b64encode(b'[[1],["~hr","~hr"]]').decode(),
            Sealer([new_key()]).seal(hidden, bond),
            await _next(sidecar, f"{EVENTS}?limit=1", operator),
            await _next(sidecar, f"{EVENTS}?limit=1", Who(actor="sue", units="sales")),
            await _next(sidecar, f"{EVENTS}?limit=1", Who(actor=None)),
            await _next(sidecar, f"{EVENTS}?limit=1&event_type=moved", SAL),
            await _next(sidecar, "/v1/records/wait?limit=1", SAL),
        ]
        answers = {str(_told(await sidecar.ask("GET", path + one, SAL))) for one in made_up}
    assert len(answers) == 1
    assert answers.pop().startswith("(400, ")


async def test_a_cursor_outlives_the_record_it_stands_behind(tmp_path: Path) -> None:
    """When the record behind which a page begins is gone, the walk goes on from its place as if it were there."""
    async with served(tmp_path) as sidecar:
        await sidecar.take(*visible_records(), *(scoped("wait", f"w{number}", {}) for number in range(5)))
        page = await sidecar.get("/v1/records/wait?limit=3", SAL)
        path = f"/v1/records/wait?limit=3&cursor={page['next']}"
        before = await sidecar.get(path, SAL)
        last = page["records"][-1]
        tenant = "org_id=acme&workspace_id=main"
        gone = await sidecar.admin("DELETE", f"/admin/v1/records/wait/{last['run_id']}/{last['wait_id']}?{tenant}")
        assert gone.status == 200
        assert await sidecar.get(path, SAL) == before


@pytest.mark.parametrize("path", [RELIABILITY, OF_RUN])
@pytest.mark.parametrize("collection", ["", "&after_collection=outbox", "&after_collection=dead_letters"])
async def test_every_anchor_that_was_not_shown_is_answered_alike(tmp_path: Path, path: str, collection: str) -> None:
    """A hidden, foreign, deleted or made-up anchor has one answer, the same as before any hidden record was stored."""
    async with served(tmp_path) as sidecar:
        await sidecar.take(*visible_records(), scoped("outbox", "gone", {}))
        tenant = "org_id=acme&workspace_id=main"
        assert (await sidecar.admin("DELETE", f"/admin/v1/records/outbox/gone?{tenant}")).status == 200
        names = ("~hr", "gone", "foreign", "never", MARKS[5], "..", "%F0%9F%98%80", "x" * 2_000)
        answers: set[str] = set()
        for more in (False, True):
            if more:
                await _filled(sidecar)
            for name in names:
                body = await sidecar.get(f"{path}?after_id={name}{collection}", SAL)
                assert body["pagination"].pop("after_id")
                answers.add(str(body))
    assert len(answers) == 1
