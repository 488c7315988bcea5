"""Who asks about the records of acme, and what they are told."""

import json
from typing import Any

from acme_records import Named, Record, ids
from answer import Answer
from routes import DEAD_LETTERS, RUNS
from serving import Served, Who

OPERATOR = Who(actor="op", roles="workspace_operator", units="")
AUDITOR = Who(actor="ada", roles="auditor", units="")
FAY = Who(actor="fay", units="finance")
"""Of the finance unit."""
LEA = Who(actor="lea", units="legal")
"""Of the legal unit."""
NONA = Who(actor="nona", units="")
"""Of no unit."""


async def offered(sidecar: Served, *records: Named) -> Answer:
    """What the admin side answers when it is given records."""
    lines = [json.dumps({"kind": kind, "record": record}).encode() for kind, record in records]
    return await sidecar.admin("POST", "/admin/v1/records", b"\n".join(lines))


async def rejected(sidecar: Served, *records: Named) -> list[Record]:
    """What the admin side says is wrong with records; it must refuse them."""
    answer = await offered(sidecar, *records)
    assert (answer.status, answer.body["error"]) == (422, "invalid_records")
    found: list[Record] = answer.body["rejected"]
    return found


async def run_ids(sidecar: Served, who: Who, query: str = "") -> list[str]:
    """The runs of a list, in its order."""
    return [row["run"]["run_id"] for row in (await sidecar.get(f"{RUNS}{query}", who))["runs"]]


async def seen(sidecar: Served, who: Who) -> list[str]:
    """The dead letters that a caller sees, in the order of their ids."""
    return sorted(ids((await sidecar.get(DEAD_LETTERS, who))["records"], "dead_letter_id"))


async def stored(sidecar: Served, path: str) -> Any:
    """One record as an operator sees it."""
    return (await sidecar.get(f"/v1/records/{path}", OPERATOR))["record"]


async def choose(
    sidecar: Served, who: Who, choice: str = "compensate", run: str = "run", **more: Any
) -> tuple[int, Any]:
    """Status and body of a recovery choice."""
    answer = await sidecar.post(f"{RUNS}/{run}/resume-plan", who, {"choice": choice, **more})
    return answer.status, answer.body


async def recorded(sidecar: Served, run: str = "run") -> list[Record]:
    """Every event of a run, as an operator sees them."""
    events: list[Record] = (await sidecar.get(f"{RUNS}/{run}/events", OPERATOR))["events"]
    return events
