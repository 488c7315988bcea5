"""Many tenants of very different size, from a seed: a stream of records that is the same every time, however long.

The largest tenant has about a fifth of all records. A tenant's records come run by run in the order of time, those of
all tenants mixed; a run is mostly events. Run as a program it writes what ``sidecar load`` reads.
"""

import argparse
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, islice
from typing import Any
from zlib import crc32

import orjson
from tenant_records import ARCHIVE, LEAST_OTHER, OWN_LABELS, Fields, catalogue, made

GENERATION = 1
"""Stores are kept under it: another one makes other records."""
LARGEST_LABELS, LEAST_LABELS = 2_000, 3
UNIT_SHARE = 0.1
SINCE_MS, NEWER_MS = 1_700_000_000_000, 40_000_000_000
LATE_SEQ = 1_000_000
STEP_MS, JITTER_MS = 10, 5_000
DRAWN_AT_ONCE = 50_000

RUN = (
    *("automation_run", "event", "event", "event", "wait", "event", "outbox", "event", "event", "tool_effect"),
    *("event", "event", "event", "snapshot", "event", "event", "event", "dead_letter", "event", "wait", "event"),
    *("outbox", "event", "event", "compensation"),
)
"""What a run leaves behind, in the order in which it comes."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One record to be made: its kind, its tenant and label by number, and what is its own."""

    kind: str
    tenant: int
    label: int
    fields: Fields

    def record(self) -> dict[str, Any]:
        """The record, as it would be handed over."""
        return made(self.kind, self.tenant, self.label, self.fields)


@dataclass(frozen=True)
class World:
    """So many records of so many tenants."""

    records: int
    tenants: int = 1_000
    seed: int = 1
    skew: float = 1.15

    @property
    def name(self) -> str:
        """What its stores are called by."""
        return f"many_{GENERATION}_{self.seed}_{self.tenants}_{self.records}"

    @cached_property
    def labels(self) -> tuple[int, ...]:
        """How many labels each tenant has besides those of the two units."""
        shares = (LARGEST_LABELS * (tenant + 1) ** (-0.8 * self.skew) for tenant in range(self.tenants))
        return tuple(max(LEAST_LABELS, round(share)) for share in shares)

    def catalogue(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The units and the grant of every tenant, not counted among the records."""
        for tenant in range(self.tenants):
            yield from catalogue(tenant)

    def drawn(self) -> Iterator[Drawn]:
        """Every record in its turn. What is remembered is one number for each tenant."""
        return islice(self._endless(), self.records)

    def _endless(self) -> Iterator[Drawn]:
        randomly = random.Random(self.seed)  # noqa: S311 - the same records every time
        weights = list(accumulate((tenant + 1) ** -self.skew for tenant in range(self.tenants)))
        came = [0] * self.tenants
        while True:
            for tenant in randomly.choices(range(self.tenants), cum_weights=weights, k=DRAWN_AT_ONCE):
                yield self.of(tenant, came[tenant])
                came[tenant] += 1

    def of(self, tenant: int, number: int) -> Drawn:
        """The record of that number of a tenant. What is archived is older than all else, and late in its log."""
        run, place = divmod(number, len(RUN))
        kind, label = RUN[place], self._label(tenant, run)
        mixed = crc32(b"%d %d %d" % (self.seed, tenant, number))
        archived = label in ARCHIVE
        at_ms = SINCE_MS + (0 if archived else NEWER_MS) + STEP_MS * number + mixed % JITTER_MS
        seq = place + (LATE_SEQ if archived else 1)
        fields = Fields(f"run-{run:07}", f"{kind}-{number:08}", f"{mixed:08x}" * 4, at_ms - 5, at_ms, seq)
        return Drawn(kind, tenant, label, fields)

    def _label(self, tenant: int, run: int) -> int:
        """The label of a run: one of the two units' first, else one of the tenant's, the first of them often."""
        part = crc32(b"%d %d %d" % (self.seed, tenant, run)) * 2_654_435_761 % 2**32 / 2**32
        if part < 2 * UNIT_SHARE:
            return int(part / UNIT_SHARE * OWN_LABELS)
        rest = (part - 2 * UNIT_SHARE) / (1 - 2 * UNIT_SHARE)
        return LEAST_OTHER + int(self.labels[tenant] * rest**2)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the records of many tenants as NDJSON, for sidecar load.")
    parser.add_argument("records", type=int, help="how many")
    parser.add_argument("--tenants", type=int, default=World.tenants)
    parser.add_argument("--seed", type=int, default=World.seed)
    given = parser.parse_args()
    world = World(given.records, given.tenants, given.seed)
    for kind, record in world.catalogue():
        sys.stdout.buffer.write(orjson.dumps({"kind": kind, "record": record}) + b"\n")
    for drawn in world.drawn():
        sys.stdout.buffer.write(orjson.dumps({"kind": drawn.kind, "record": drawn.record()}) + b"\n")


if __name__ == "__main__":
    main()
