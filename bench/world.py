"""The records that benchmarks ask about: made from a seed, through the product's own door, into a store file."""

import asyncio
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.schemas import load_kinds, shipped_schemas
from sidecar.records.sqlite import SqliteStore
from sidecar.records.store import Prepared

Record = dict[str, Any]
Made = tuple[str, Record]

TENANT = {"org_id": "acme", "workspace_id": "main"}
NOW_MS = 1_750_000_000_000
BATCH = 5_000
RUNS = 40
SEEN_UNIT, HIDDEN_UNIT = "finance", "legal"
HIDDEN_LABELS = 300


@dataclass(frozen=True, slots=True)
class Reliability:
    """So many records in each of the four collections, under so many labels of one unit."""

    labels: int
    records: int
    unit: str = SEEN_UNIT
    since_ms: int = NOW_MS

    def made(self) -> Iterator[Made]:
        """Every record, collection by collection."""
        for kind in COLLECTIONS:
            yield from _collection(kind, self.unit, self.labels, self.records, self.since_ms)


def newer_hidden(number: int) -> Reliability:
    """So many records in each collection, all newer than the others, of another unit."""
    return Reliability(HIDDEN_LABELS, number, HIDDEN_UNIT, NOW_MS + 10_000_000)


@cache
def kinds() -> Kinds:
    """The shipped kinds."""
    return load_kinds([shipped_schemas()])


def stored(path: Path, records: Iterable[Made]) -> Path:
    """The store file with these records added, all of its log written back into it."""
    asyncio.run(_store(path, records))
    return path


async def _store(path: Path, records: Iterable[Made]) -> None:
    intake = Intake(kinds())
    store = SqliteStore(path, kinds(), intake.accept)
    made = iter(records)
    while batch := list(islice(made, BATCH)):
        await store.put([_accepted(intake, *one) for one in batch])
    await store.close()


def _accepted(intake: Intake, kind: str, record: Record) -> Prepared:
    prepared = intake.accept(kind, record)
    assert isinstance(prepared, Prepared), prepared
    return prepared


def scope(unit: str, place: int) -> Record:
    """A scope of a unit; scopes with another ``place`` are another label."""
    root = {"organization_id": "acme", "workspace_id": "main", "resource_kind": "repository"}
    return {
        "tenant_context": TENANT,
        "owning_org_unit_id": unit,
        "resource_scope": {"root": {**root, "resource_id": f"repository-{place:05}"}},
        "risk_tier": "money_movement_contract",
    }


def _collection(kind: str, unit: str, labels: int, records: int, since_ms: int) -> Iterator[Made]:
    """Records whose times and labels are shuffled, so that neither follows the order in which they are stored."""
    randomly = random.Random(f"{kind} {unit} {labels} {records}")  # noqa: S311 - the same records every time
    times = list(range(records))
    randomly.shuffle(times)
    for number, time in enumerate(times):
        place = number if number < labels else randomly.randrange(labels)
        at_ms = since_ms + 10 * time
        run = f"run-{randomly.randrange(max(records // RUNS, 1)):06}"
        common = {"scope": scope(unit, place), "run_id": run, "created_at_ms": at_ms - 5, "updated_at_ms": at_ms}
        yield kind, {**common, **COLLECTIONS[kind](f"{kind}-{unit}-{number:07}", randomly)}


def _outbox(name: str, randomly: random.Random) -> Record:
    return {
        "outbox_id": name,
        "operation": "payments.transfer",
        "status": randomly.choice(("pending", "claimed", "sent")),
        "provider": "bank",
        "tool": "transfer",
        "target": f"account-{randomly.randrange(10_000)}",
        "idempotency_key": f"{randomly.getrandbits(128):032x}",
        "payload_digest": f"sha256:{randomly.getrandbits(256):064x}",
        "attempts": randomly.randrange(4),
    }


def _tool_effect(name: str, randomly: random.Random) -> Record:
    return {
        "effect_id": name,
        "operation": "payments.transfer",
        "audit_hash": f"sha256:{randomly.getrandbits(256):064x}",
        "status": randomly.choice(("succeeded", "failed", "unknown")),
        "source_kind": "workflow_action",
        "source_id": f"node-{randomly.randrange(50)}",
        "provider": "bank",
        "tool": "transfer",
        "input_digest": f"sha256:{randomly.getrandbits(256):064x}",
    }


def _dead_letter(name: str, randomly: random.Random) -> Record:
    return {
        "dead_letter_id": name,
        "source_type": randomly.choice(("tool_effect", "outbox", "automation_v2_node")),
        "source_id": f"source-{randomly.randrange(100_000)}",
        "reason": "the provider did not answer within 30 seconds, and the transfer may have been made",
        "status": randomly.choice(("open", "retry_requested", "resolved")),
        "recovery_options": ["retry", "compensate"],
        "attempts": randomly.randrange(4),
        "metadata": {"trace": f"{randomly.getrandbits(128):032x}"},
    }


def _compensation(name: str, randomly: random.Random) -> Record:
    return {
        "compensation_id": name,
        "compensation_type": "reverse_transfer",
        "status": randomly.choice(("proposed", "approved", "completed")),
        "target_effect_id": f"tool_effect-{randomly.randrange(100_000):07}",
        "rollback_instruction": "ask the bank to reverse the transfer and wait for its answer",
        "approval_required": True,
        "attempts": randomly.randrange(4),
    }


COLLECTIONS = {
    "outbox": _outbox,
    "tool_effect": _tool_effect,
    "dead_letter": _dead_letter,
    "compensation": _compensation,
}
"""The four collections, each with what makes one of its records."""


def dead_letters(number: int, labels: int) -> Iterator[Made]:
    """Dead letters alone, as a file to load would hold them."""
    return _collection("dead_letter", SEEN_UNIT, labels, number, NOW_MS)
