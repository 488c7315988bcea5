"""A tenant in which every record has a label of its own: what a page costs is what it shows, not what there is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import stores
from attacked import LOW
from scoped_records import repository, scoped
from serving import Served, served

from sidecar.records.sqlite import walk

pytestmark = pytest.mark.usefixtures("store_name")

LABELS = 20 * walk.GROUP
RUN = "/stateful-runtime/runs/r"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many lanes each statement of SQLite merged."""
    merged: list[int] = []
    really = walk._Walk._merged

    def counted(self: walk._Walk, lanes: list[walk.Lane], *rest: object) -> Iterator[walk.Raw]:
        merged.append(len(lanes))
        return really(self, lanes, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(walk._Walk, "_merged", counted)
    return merged


async def _filled(sidecar: Served) -> list[str]:
    """As many events as labels, all of one run and all the first of it; their ids in order."""
    names = [f"e{number:05}" for number in range(LABELS)]
    events = [scoped("event", name, {"resource_scope": {"root": repository(name)}})[1] for name in names]
    await sidecar.take(*(("event", {**event, "run_id": "r"}) for event in events))
    return names


@pytest.mark.parametrize(
    ("path", "newest", "merges"),
    [
        ("/v1/records/event?limit=10", False, False),
        ("/v1/records/event?limit=10&run_id=r", False, True),
        (f"{RUN}/events?tail=10", True, True),
    ],
)
async def test_records_that_tie_cost_a_page_no_more(
    tmp_path: Path, opened: list[int], path: str, newest: bool, merges: bool
) -> None:
    """Of a thousand lanes whose first records tie, as first events do, only the few that make up the page are opened."""
    async with served(tmp_path) as sidecar:
        names = await _filled(sidecar)
        body = await sidecar.get(path, LOW[2])
    shown = [event["event_id"] for event in body.get("records", body.get("events"))]
    assert shown == (names[-10:] if newest else names[:10])
    assert sum(opened) <= 2 * walk.GROUP
    assert bool(opened) == (merges and stores.chosen.name == "sqlite")
