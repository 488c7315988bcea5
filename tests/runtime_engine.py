"""A runtime's engine, as far as its files show it: run as a program, it changes them at random in the ways of the real one.

``python runtime_engine.py FOLDER SEED CHANGES PAUSE_MS`` makes so many changes and leaves every file whole. Lists and
snapshots are replaced by a rename, maps are overwritten where they stand, in two writes, and logs are appended to, at
times in two writes as well, and compacted by a rename.

One grant and one wait that names it change places again and again: never do both stand in the files.
"""

import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Record = dict[str, Any]

TENANTS = (
    {"org_id": "acme", "workspace_id": "main"},
    {"org_id": "acme", "workspace_id": "main", "deployment_id": "blue"},
)
TENANT = TENANTS[0]
UNITS = ("finance", "legal", "ops")
PERSON = {"kind": "human_user", "id": "ana"}
RESOURCE = {"organization_id": "acme", "workspace_id": "main", "resource_kind": "repository", "resource_id": "repo"}
ENDED = ("completed", "failed", "blocked", "cancelled")
NEVER = "never-shown"
"""The id of the wait that no one outside its unit ever sees, for its grant is gone whenever it is there."""
KEPT = 60
"""So many records of a kind are kept, at most."""


def grant(name: str, unit: str, effect: str = "allow") -> Record:
    """A grant of the repository to a unit."""
    return {
        "grant_id": name,
        "tenant_context": TENANT,
        "unit": {"kind": "organization_unit", "id": f"organization_unit/{unit}"},
        "resource": RESOURCE,
        "effect": effect,
        "permissions": ["read"],
        "created_at_ms": 1,
        "updated_at_ms": 1,
    }


def shared(tenant: Record, unit: str | None, grants: list[str]) -> Record:
    """The scope of a record of a unit, opened by grants."""
    root = {"root": RESOURCE} if grants else None
    return {
        "tenant_context": tenant,
        **({"owning_org_unit_id": unit} if unit else {}),
        **({"delegation_grant_ids": grants, "resource_scope": root} if grants else {}),
    }


class Engine:
    """The state of the engine and its files."""

    def __init__(self, folder: Path, seed: int, *, hasty: bool = False, forgets: bool = True) -> None:
        """A hasty one never pauses; one that forgets drops the definitions of runs that ended."""
        self.hasty, self.forgets = hasty, forgets
        self.data = folder / "data"
        self.folder = folder
        self.random = random.Random(seed)
        self.count = 0
        self.swapped = 0
        self.waits: dict[str, Record] = {}
        self.rows: dict[str, dict[str, Record]] = {
            name: {} for name in ("outbox", "tool_effects", "dead_letters", "compensations")
        }
        self.runs: dict[str, Record] = {}
        self.workflows: dict[str, Record] = {}
        self.decisions: dict[str, Record] = {}
        self.bindings: dict[str, Record] = {}
        self.snapshots: list[Path] = []
        self.events: list[str] = []
        self.units = {unit: self.unit(unit) for unit in UNITS}
        self.grants = {"open": grant("open", "ops"), NEVER: grant(NEVER, "ops")}
        self.members = {"m": self.member("m", "legal")}

    def begin(self) -> None:
        """Write every file once."""
        self.waits["open"] = {**self.wait("open", shared(TENANT, "finance", ["open"])), "status": "waiting"}
        for write in (self.write_units, self.write_grants, self.write_members, self.write_waits, self.write_runs):
            write()
        self.append("runtime/stateful_events.jsonl", self.event())

    def change(self) -> None:
        """One change of the files."""
        self.count += 1
        changes: list[tuple[int, Callable[[], None]]] = [
            (30, self.more_events),
            (1, self.compact_events),
            (10, self.more_audit),
            (20, self.change_waits),
            (15, self.change_rows),
            (12, self.change_snapshots),
            (15, self.change_runs),
            (3, self.archive_run),
            (8, self.change_workflows),
            (6, self.change_decisions),
            (4, self.change_catalogue),
            (15, self.swap),
        ]
        chosen: Callable[[], None] = self.random.choices(
            [change for _, change in changes], [weight for weight, _ in changes]
        )[0]
        chosen()

    # What the records are.

    def fresh(self, stem: str) -> str:
        return f"{stem}{self.random.randrange(KEPT)}"

    def times(self) -> Record:
        """At times an earlier update than the last: the file counts, not the number in it."""
        return {"created_at_ms": 1, "updated_at_ms": self.random.choice((self.count, self.count, self.count // 2)) + 1}

    def scope(self) -> Record:
        unit = self.random.choice((None, *UNITS))
        return shared(self.random.choice(TENANTS), unit, ["open"] if unit and self.random.random() < 0.3 else [])

    def wait(self, name: str, scope: Record) -> Record:
        status = "waiting" if self.random.random() < 0.95 else "no such status"
        return {"wait_id": name, "run_id": "r1", "wait_kind": "timer", "status": status, "scope": scope, **self.times()}

    def unit(self, name: str, state: str = "active") -> Record:
        who = {"created_by": PERSON, "tenant_context": TENANT, "created_at_ms": 1, "updated_at_ms": 1}
        return {"unit_id": name, "display_name": name, "state": state, **who}

    def member(self, name: str, unit: str) -> Record:
        of = {"kind": "organization_unit", "id": f"organization_unit/{unit}"}
        return {"membership_id": name, "unit": of, "member": PERSON, "created_at_ms": 1, "tenant_context": TENANT}

    def event(self, *, valid: bool = True) -> str:
        self.count += 1
        number = self.count
        record = {"event_id": f"e{number}", "run_id": self.fresh("r"), "event_type": "stepped", "seq": number}
        line = json.dumps({**record, "occurred_at_ms": number if valid else "soon", "scope": self.scope()})
        self.events.append(line)
        return line + "\n"

    # How it changes.

    def more_events(self) -> None:
        text = "".join(self.event(valid=self.random.random() > 0.02) for _ in range(self.random.randrange(1, 4)))
        self.append("runtime/stateful_events.jsonl", text)

    def compact_events(self) -> None:
        self.events = self.events[len(self.events) // 2 :]
        self.replace("runtime/stateful_events.jsonl", "".join(line + "\n" for line in self.events))

    def more_audit(self) -> None:
        record = {"event_id": f"a{self.count}", "event_type": "login", "durability": "durable_required", "payload": {}}
        of = {"created_at_ms": self.count, "tenant_context": self.random.choice(TENANTS)}
        self.append("audit/protected_events.log.jsonl", json.dumps({**record, **of}) + "\n")

    def change_waits(self) -> None:
        name = self.fresh("w")
        if self.waits.pop(name, None) is None or self.random.random() < 0.6:
            self.waits[name] = self.wait(name, self.scope())
        self.write_waits()

    def change_rows(self) -> None:
        row: Record = {"status": "pending", "operation": "send", "scope": self.scope(), **self.times()}
        made: dict[str, Record] = {
            "outbox": {"outbox_id": "", **row},
            "tool_effects": {**row, "effect_id": "", "audit_hash": "h", "status": "succeeded"},
            "dead_letters": {
                "dead_letter_id": "",
                "source_type": "t",
                "source_id": "s",
                "reason": "late",
                **row,
                "status": "open",
            },
            "compensations": {"compensation_id": "", "compensation_type": "undo", **row, "status": "proposed"},
        }
        store = self.random.choice(list(made))
        record, name = made[store], self.fresh("x")
        record = {key: name if value == "" else value for key, value in record.items()}
        if self.rows[store].pop(name, None) is None or self.random.random() < 0.6:
            self.rows[store][name] = record
        rows = {key: sorted(one.values(), key=lambda row: -row["updated_at_ms"]) for key, one in self.rows.items()}
        self.replace("runtime/stateful_reliability.json", json.dumps({"schema_version": 1, **rows}, indent=2))

    def change_snapshots(self) -> None:
        run, name = self.fresh("r"), self.fresh("s")
        path = f"runtime/stateful_snapshots/{run}/{name}.json"
        if self.random.random() < 0.2 and self.snapshots:
            self.snapshots.pop(self.random.randrange(len(self.snapshots))).unlink(missing_ok=True)
            return
        record = {"snapshot_id": name, "run_id": run, "seq": self.count, "status": "running", "phase": "created"}
        self.replace(path, json.dumps({**record, "created_at_ms": 1, "scope": self.scope()}, indent=2))
        self.snapshots.append(self.data / path)

    def change_runs(self) -> None:
        """A run begins, goes on, or ends; one that ended has lost its definition, or will."""
        unit = self.random.choice(UNITS)
        name = f"{self.fresh('auto')}-{unit}"
        status = self.random.choice(("running", "queued", *ENDED))
        run: Record = {
            "run_id": name,
            "automation_id": "a",
            "trigger_type": "manual",
            "status": status,
            "checkpoint": {},
        }
        run |= {**self.times(), "tenant_context": TENANT}
        if status not in ENDED or not self.forgets or self.random.random() < 0.5:
            run["automation_snapshot"] = {"metadata": {"enterprise_scope": {"owning_org_unit_id": unit}}}
        self.runs[name] = run
        self.write_runs()

    def archive_run(self) -> None:
        """A run moves from the current runs to the history: for a while it stands in both."""
        ended = [name for name, run in self.runs.items() if run["status"] in ENDED]
        if ended:
            name = self.random.choice(ended)
            text = json.dumps({"schema_version": 1, "run": self.runs[name]}, indent=2)
            self.replace(f"automation-runs/automation_v2_runs/2026/07/{name}.json", text)
            self.pause(0.01)
            del self.runs[name]
            self.write_runs()

    def change_workflows(self) -> None:
        name = self.fresh("flow")
        run = {"run_id": name, "workflow_id": "w", "status": "running", **self.times(), "tenant_context": TENANT}
        if self.workflows.pop(name, None) is None or self.random.random() < 0.6:
            self.workflows[name] = {**run, "enterprise_scope": shared(TENANT, self.random.choice(UNITS), [])}
        self.overwrite(self.folder / "workflow_runs.json", json.dumps(self.workflows, indent=2))

    def change_decisions(self) -> None:
        name = self.fresh("d")
        record = {"decision_id": name, "reason_code": "ok", "reason": str(self.count), "decision": "allow"}
        self.decisions[name] = {**record, "created_at_ms": self.count, "tenant_context": self.random.choice(TENANTS)}
        self.overwrite(self.data / "governance/policy_decisions.json", json.dumps(self.decisions, indent=2))

    def change_catalogue(self) -> None:
        which = self.random.randrange(4)
        if which == 0:
            self.units["legal"] = self.unit("legal", self.random.choice(("active", "disabled")))
            self.write_units()
        elif which == 1:
            name = self.fresh("g")
            if self.grants.pop(name, None) is None:
                self.grants[name] = grant(name, "legal", self.random.choice(("allow", "deny")))
            self.write_grants()
        elif which == 2:
            name = self.fresh("m")
            if self.members.pop(name, None) is None:
                self.members[name] = self.member(name, self.random.choice(UNITS))
            self.write_members()
        else:
            name = self.fresh("b")
            record = {
                "binding_id": name,
                "connector_id": "c",
                "source_type": "drive",
                "native_source_id": str(self.count),
            }
            of = {"resource_ref": RESOURCE, "data_class": "internal", "created_by": PERSON, "created_at_ms": 1}
            self.bindings[name] = {**record, **of, "updated_at_ms": 1, "tenant_context": TENANT}
            self.overwrite(self.data / "enterprise/source_bindings.json", json.dumps(self.bindings, indent=2))

    def swap(self) -> None:
        """The grant is withdrawn, then the wait comes; or the wait goes, then the grant is given again."""
        self.swapped += 1
        if NEVER in self.grants:
            del self.grants[NEVER]
            self.write_grants()
            self.waits[NEVER] = {**self.wait(NEVER, shared(TENANT, "finance", [NEVER])), "status": "waiting"}
            self.write_waits()
        else:
            del self.waits[NEVER]
            self.write_waits()
            self.grants[NEVER] = grant(NEVER, "ops")
            self.write_grants()

    # How it writes.

    def write_waits(self) -> None:
        waits = sorted(self.waits.values(), key=lambda wait: wait["wait_id"])
        self.replace("runtime/stateful_waits.json", json.dumps(waits, indent=2))

    def write_runs(self) -> None:
        runs = {"schema_version": 1, "runs": self.runs}
        self.overwrite(self.data / "automation_v2_runs.json", json.dumps(runs, indent=2))

    def write_units(self) -> None:
        self.overwrite(self.data / "enterprise/org_units.json", json.dumps(self.units, indent=2))

    def write_grants(self) -> None:
        self.overwrite(self.data / "enterprise/org_unit_access_grants.json", json.dumps(self.grants, indent=2))

    def write_members(self) -> None:
        self.overwrite(self.data / "enterprise/org_unit_memberships.json", json.dumps(self.members, indent=2))

    def replace(self, name: str, text: str) -> None:
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(path.suffix + ".tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)

    def overwrite(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            self.in_two(file, text)

    def append(self, name: str, text: str) -> None:
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            self.in_two(file, text)

    def in_two(self, file: Any, text: str) -> None:
        """Write a text, at times so that somebody can see half of it."""
        half = self.random.randrange(len(text)) if self.random.random() < 0.1 else 0
        if half:
            file.write(text[:half])
            file.flush()
            self.pause(0.02)
        file.write(text[half:])

    def pause(self, longest_s: float) -> None:
        if not self.hasty:
            time.sleep(self.random.random() * longest_s)


def main(folder: str, seed: str, changes: str, pause_ms: str) -> None:
    """Make the changes, and say how often the grant and the wait changed places."""
    engine = Engine(Path(folder), int(seed))
    engine.begin()
    for _ in range(int(changes)):
        engine.change()
        time.sleep(float(pause_ms) / 1000)
    sys.stdout.write(f"{engine.swapped}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
