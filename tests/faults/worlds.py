"""What the writers of a history write, and what ought to be seen of it: a world of one unit, its people and records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Literal

import orjson
from history import Seen

KINDS = ("dead_letter", "compensation", "outbox")
"""Kinds whose order is the newest first, which one answer of the reliability route shows together."""
MOST_RECORDS = 12
OPERATOR = "olga"
Openness = Literal["everybody", "unit", "grant"]
Switch = Literal["unit", "membership", "grant"]
OPENNESS: tuple[Openness, ...] = ("everybody", "unit", "grant")
SWITCHES: Mapping[Switch, str] = {
    "unit": "org_unit",
    "membership": "org_unit_membership",
    "grant": "org_unit_access_grant",
}
_PERSON = {"kind": "human_user"}
_SHAPES: Mapping[str, Mapping[str, Any]] = {
    "dead_letter": {"source_type": "tool_effect", "source_id": "e", "reason": "late", "status": "open"},
    "compensation": {"compensation_type": "undo", "status": "proposed"},
    "outbox": {"operation": "send", "status": "pending"},
}

Position = tuple[int, str]
Line = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored record: its version, and to whom it is open."""

    version: int
    open_to: Openness


@dataclass(frozen=True, slots=True)
class State:
    """A world at one time: its records by kind and id, and which of its switches are on."""

    name: str
    records: Mapping[tuple[str, str], Kept] = field(default_factory=dict)
    on: frozenset[Switch] = frozenset()

    def opens(self, to: Openness, actor: str) -> bool:
        """Whether an actor sees what is open to somebody."""
        if to == "everybody" or actor == OPERATOR:
            return True
        if to == "unit":
            return actor == f"ann-{self.name}" and {"unit", "membership"} <= self.on
        return actor == f"bob-{self.name}" and "grant" in self.on


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer covers: some kinds, of one world's run or of all, one id or all, between two positions."""

    actor: str
    kinds: tuple[str, ...]
    world: str | None = None
    record_id: str | None = None
    behind: Position | None = None
    to: Position | None = None

    def shows(self, state: State) -> Seen:
        """What such an answer ought to show of a state."""
        if self.world not in (None, state.name):
            return {}
        return {
            f"{kind}/{record_id}": kept.version
            for (kind, record_id), kept in state.records.items()
            if kind in self.kinds and self._covers(record_id, kept.version) and state.opens(kept.open_to, self.actor)
        }

    def _covers(self, record_id: str, version: int) -> bool:
        position = (-version, record_id)
        return (
            self.record_id in (None, record_id)
            and (self.behind is None or self.behind < position)
            and (self.to is None or position <= self.to)
        )


@dataclass(frozen=True, slots=True)
class Step:
    """What a writer asks for next, and the state that it leads to."""

    method: Literal["POST", "PUT", "DELETE"]
    state: State
    lines: tuple[Line, ...] = ()
    path: str = ""

    @property
    def body(self) -> bytes | None:
        """What is sent along."""
        if self.method == "POST":
            return b"".join(orjson.dumps({"kind": kind, "record": record}) + b"\n" for kind, record in self.lines)
        return orjson.dumps(self.lines[0][1]) if self.lines else None


@dataclass(frozen=True)
class Author:
    """Decides what happens next in one world of a tenant."""

    org_id: str
    chance: Random

    def next(self, state: State, version: int) -> Step:
        """A change: of records, of who may see them, or of both at once."""
        die = self.chance.random()
        if die < 0.25:
            return self._switched(state, version)
        if die < 0.35:
            return self._closed_and_filled(state, version)
        if state.records and (die < 0.6 or len(state.records) >= MOST_RECORDS):
            return self._deleted(state)
        if die < 0.75:
            return self._written(state, version, 1, "PUT")
        return self._written(state, version, self.chance.randint(2, 5), "POST")

    def managed(self) -> Line:
        """A membership that leads to nothing: from now on nobody is an operator for want of units."""
        return self._switch(State("nobody"), "membership", 1)

    def _switched(self, state: State, version: int) -> Step:
        """Somebody is let in, or turned out: by deleting what let in, or by disabling it."""
        switch = self.chance.choice([*SWITCHES])
        kind, key = SWITCHES[switch], _switch_key(state, switch)
        if switch not in state.on:
            on = replace(state, on=state.on | {switch})
            return Step("PUT", on, (self._switch(state, switch, version),), f"{kind}/{key}")
        off = replace(state, on=state.on - {switch})
        if self.chance.random() < 0.5:
            return Step("PUT", off, (self._switch(state, switch, version, "disabled"),), f"{kind}/{key}")
        return Step("DELETE", off, path=f"{kind}/{key}")

    def _closed_and_filled(self, state: State, version: int) -> Step:
        """In one body, somebody is turned out and what they would have seen is added."""
        switch = self.chance.choice([*SWITCHES])
        closed = replace(state, on=state.on - {switch})
        filled = self._written(closed, version, 2, "POST", ["grant" if switch == "grant" else "unit"])
        return replace(filled, lines=(*filled.lines, self._switch(state, switch, version, "disabled")))

    def _written(
        self,
        state: State,
        version: int,
        count: int,
        method: Literal["POST", "PUT"],
        openness: Sequence[Openness] = OPENNESS,
    ) -> Step:
        records = dict(state.records)
        lines: list[Line] = []
        for _ in range(count):
            kind, record_id = self.chance.choice(KINDS), f"{state.name}-{self.chance.randrange(MOST_RECORDS)}"
            if (kind, record_id) in records and records[kind, record_id].version == version:
                continue
            kept = records[kind, record_id] = Kept(version, self.chance.choice(openness))
            lines.append((kind, self._record(state, kind, record_id, kept)))
        path = f"{lines[0][0]}/{lines[0][1][f'{lines[0][0]}_id']}"
        return Step(method, replace(state, records=records), tuple(lines), path if method == "PUT" else "")

    def _deleted(self, state: State) -> Step:
        kind, record_id = gone = self.chance.choice([*state.records])
        left = {key: kept for key, kept in state.records.items() if key != gone}
        return Step("DELETE", replace(state, records=left), path=f"{kind}/{record_id}")

    def _record(self, state: State, kind: str, record_id: str, kept: Kept) -> dict[str, Any]:
        scope: dict[str, Any] = {"tenant_context": self._tenant}
        if kept.open_to == "unit":
            scope["owning_org_unit_id"] = f"unit-{state.name}"
        elif kept.open_to == "grant":
            scope |= {
                "delegation_grant_ids": [f"grant-{state.name}"],
                "resource_scope": {"root": self._resource(state)},
            }
        times = {"created_at_ms": 1, "updated_at_ms": kept.version}
        run = {"run_id": f"run-{state.name}"}
        return {f"{kind}_id": record_id, "scope": scope, **_SHAPES[kind], **times, **run}

    def _switch(self, state: State, switch: Switch, version: int, standing: str = "active") -> Line:
        common: dict[str, Any] = {"tenant_context": self._tenant, "state": standing, "created_at_ms": 1}
        ann, bob = {**_PERSON, "id": f"ann-{state.name}"}, {**_PERSON, "id": f"bob-{state.name}"}
        if switch == "unit":
            named = {"unit_id": f"unit-{state.name}", "display_name": "A unit", "created_by": ann}
            return SWITCHES[switch], {**common, **named, "updated_at_ms": version}
        if switch == "membership":
            unit = {"kind": "organization_unit", "id": f"organization_unit/unit-{state.name}"}
            return SWITCHES[switch], {
                **common,
                "membership_id": f"membership-{state.name}",
                "unit": unit,
                "member": ann,
            }
        opened = {"unit": bob, "resource": self._resource(state), "permissions": ["read"], "updated_at_ms": version}
        return SWITCHES[switch], {**common, "grant_id": f"grant-{state.name}", **opened}

    def _resource(self, state: State) -> dict[str, str]:
        place = {"organization_id": self.org_id, "workspace_id": "main"}
        return {**place, "resource_kind": "repository", "resource_id": f"repository-{state.name}"}

    @property
    def _tenant(self) -> dict[str, str]:
        return {"org_id": self.org_id, "workspace_id": "main"}


def _switch_key(state: State, switch: Switch) -> str:
    name = f"{switch}-{state.name}"
    return f"organization_unit/{name}" if switch == "unit" else name
