"""The cast of the demo company, read from cast.yaml, and the catalogue it makes: units, people, grants, bindings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Record = dict[str, Any]
Made = tuple[str, Record]
"""A kind and a record of it."""

DAY_MS = 86_400_000
QUIET = frozenset({"read", "match", "run"})
"""What a tool does without leaving an effect behind."""
_AS_WRITTEN = ("id", "engine", "runs", "owner", "about", "parties", "fails", "undo", "amounts")
_CAST = Path(__file__).with_name("cast.yaml")


@dataclass(frozen=True)
class Step:
    """One node of a workload: the tool it calls and what that touches."""

    node: str
    tool: str
    target: str

    @property
    def acts(self) -> bool:
        """Whether it changes something outside."""
        return self.tool.rpartition(".")[2] not in QUIET


@dataclass(frozen=True)
class Workload:
    """Something the company lets run again and again."""

    id: str
    engine: str
    runs: int
    owner: str
    about: str
    parties: Sequence[str]
    fails: str
    undo: str
    tenant: Record
    scope: Record
    steps: tuple[Step, ...]
    gate: int
    amounts: tuple[int, int] = (120, 980)


@dataclass(frozen=True)
class Cast:
    """The written cast and the instant the company is made for."""

    written: Mapping[str, Any]
    now_ms: int

    def workloads(self) -> Iterator[Workload]:
        """What runs, each with the scope of its records."""
        for it in self.written["workloads"]:
            steps = tuple(Step(*step) for step in it["steps"])
            gate = [step.node for step in steps].index(it["gate"])
            told = {name: it[name] for name in _AS_WRITTEN if name in it}
            yield Workload(**told, tenant=self.tenant(it), scope=self._scope(it), steps=steps, gate=gate)

    def catalogue(self) -> Iterator[Made]:
        """Units, memberships, grants and source bindings."""
        yield from (("org_unit", self._unit(it)) for it in self.written["units"])
        yield from (("org_unit_membership", self._membership(it)) for it in self.written["people"])
        yield from (("org_unit_access_grant", self._grant(it)) for it in self.written["grants"])
        yield from (("source_binding", self._binding(it)) for it in self.written["bindings"])

    def tenant(self, it: Mapping[str, Any]) -> Record:
        """Whose a written entry is."""
        return {**self.written["tenants"][it["tenant"]], "source": "explicit"}

    def _days(self, days: float) -> int:
        """The instant some days from now."""
        return self.now_ms + round(days * DAY_MS)

    def _made(self, it: Mapping[str, Any], age: int) -> Record:
        """What every entry of the catalogue has."""
        return {"tenant_context": self.tenant(it), "created_at_ms": self._days(-age), "updated_at_ms": self._days(-age)}

    def _resource(self, it: Mapping[str, Any], place: str) -> Record:
        kind, name = place.split("/")
        tenant = self.tenant(it)
        whose = {"organization_id": tenant["org_id"], "workspace_id": tenant["workspace_id"]}
        return {**whose, "resource_kind": kind, "resource_id": name}

    def _scope(self, it: Mapping[str, Any]) -> Record:
        scope: Record = {"data_classes": it["data"], "risk_tier": it["risk"], "policy_version_id": "house-rules-7"}
        if "unit" in it:
            scope["owning_org_unit_id"] = it["unit"]
            scope["owner_principal"] = person(it["owner"])
            scope["resource_scope"] = {"root": self._resource(it, it["at"])}
            scope["delegation_grant_ids"] = it.get("grants", [])
        if "denied" in it:
            scope["resource_scope"]["denied_resources"] = [self._resource(it, it["denied"])]
        return scope

    def _unit(self, it: Mapping[str, Any]) -> Record:
        unit = {"unit_id": it["id"], "display_name": it["name"], "kind": it["kind"], "created_by": person("it-desk")}
        optional = {"parent_unit_id": "parent", "taxonomy_id": "taxonomy"}
        more = {name: it[key] for name, key in optional.items() if key in it}
        return {**self._made(it, 400), **unit, **more, **self._standing(it)}

    def _membership(self, it: Mapping[str, Any]) -> Record:
        made = self._made(it, 300)
        del made["updated_at_ms"]
        name = f"{it['actor']}-{it['unit'].replace('/', '-')}"
        who = {"unit": _unit(it["unit"]), "member": person(it["actor"]), "source": it["source"]}
        return {**made, "membership_id": f"member-{name}", **who, **self._standing(it)}

    def _grant(self, it: Mapping[str, Any]) -> Record:
        holder = _unit(it["to"]) if isinstance(it["to"], str) else person(it["to"]["actor"])
        optional = {"permissions": "may", "data_classes": "data", "tool_patterns": "tools"}
        given = {name: it[key] for name, key in optional.items() if key in it}
        opened = {"grant_id": it["id"], "unit": holder, "resource": self._resource(it, it["at"])}
        opened["effect"] = it.get("effect", "allow")
        return {**self._made(it, 100), **opened, **given, **self._standing(it)}

    def _standing(self, it: Mapping[str, Any]) -> Record:
        """Whether it counts, and until when."""
        ends = {"expires_at_ms": self._days(it["ends"])} if "ends" in it else {}
        return {"state": it.get("state", "active"), **ends}

    def _binding(self, it: Mapping[str, Any]) -> Record:
        connector, source_type = it["from"].split("/")
        source = {"connector_id": connector, "source_type": source_type, "native_source_id": f"{connector}-{it['id']}"}
        read = {"resource_ref": self._resource(it, it["at"]), "data_class": it["data"]}
        state = it.get("state", "enabled")
        kept = {"binding_id": it["id"], "state": state, "ingestion_policy": {"require_review": state == "quarantined"}}
        return {**self._made(it, 200), **source, **read, **kept, "created_by": person("it-desk")}


def read_cast(now_ms: int) -> Cast:
    """The company's cast at one instant."""
    return Cast(yaml.safe_load(_CAST.read_text(encoding="utf-8")), now_ms)


def person(actor: str) -> Record:
    """A person as records name one."""
    return {"kind": "human_user", "id": actor}


def _unit(name: str) -> Record:
    """A unit as records name one: its taxonomy and its id."""
    return {"kind": "organization_unit", "id": name if "/" in name else f"organization_unit/{name}"}
