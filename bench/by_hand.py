"""What the engine is compared with: the rules of scoped records in plain Python, and the same rules in cel-python."""

from collections.abc import Callable, Mapping
from typing import Any

import celpy
from celpy.adapter import json_to_cel
from engine_world import GATED

from sidecar.identity.caller import Caller
from sidecar.policy.rules import KindPolicies, tenant_document
from sidecar.policy.witness import filled, inlined
from sidecar.records.schemas import load_schema, shipped_schemas

Record = Mapping[str, Any]


def by_hand(caller: Record) -> Callable[[Record], bool]:
    """``org_units.yaml`` and ``data_classes.yaml`` for one caller over validated records, as one would write them."""
    operator = caller["is_workspace_operator"]
    units = frozenset(caller["org_units"])
    closed = frozenset(GATED).difference(caller["data_classes"])
    grants = {
        grant["grant_id"]: (_place(grant["resource"]), frozenset(grant.get("data_classes", ())))
        for grant in caller["grants"]
        if "read" in grant.get("permissions", ())
    }

    def opened(scope: Record) -> list[frozenset[str]]:
        """The data classes of each grant that covers the record; none covers a denied resource."""
        named = [grants[name] for name in scope.get("delegation_grant_ids", ()) if name in grants]
        resources = scope.get("resource_scope")
        if not named or resources is None:
            return []
        root = resources["root"]
        for denied in resources.get("denied_resources", ()):
            if denied["resource_kind"] == root["resource_kind"] and denied["resource_id"] == root["resource_id"]:
                return []
        place = _place(root)
        return [classes for covered, classes in named if covered == place]

    def visible(record: Record) -> bool:
        scope = record["scope"]
        unit = scope.get("owning_org_unit_id")
        classes = scope.get("data_classes", ())
        own = unit in units if unit is not None else not scope.get("delegation_grant_ids")
        if not (own or operator or any(granted.issuperset(classes) for granted in opened(scope))):
            return False
        if not classes or closed.isdisjoint(classes):
            return True
        granted = opened(scope)
        return all(name not in closed or any(name in some for some in granted) for name in classes)

    return visible


def _place(resource: Record) -> tuple[str, ...]:
    return (
        resource["organization_id"],
        resource["workspace_id"],
        resource["resource_kind"],
        resource["resource_id"],
    )


class CelPython:
    """cel-python's interpreter over the same rules, as one expression; caller and records are converted beforehand."""

    def __init__(self, policies: KindPolicies, caller: Caller) -> None:
        environment = celpy.Environment()
        admitted = (
            " || ".join(f"({inlined(rule.expression.text, rule.checked, rule.lets)})" for rule in policy.allows)
            for policy in policies.policies
            if not policy.settled
        )
        self._program = environment.program(environment.compile(" && ".join(f"({one})" for one in admitted)))
        self._schema = policies.kind.schema
        schema = load_schema(shipped_schemas() / "caller.schema.json")
        self._fixed = {
            "caller": json_to_cel(filled(caller.document, schema)),
            "tenant": json_to_cel(tenant_document(caller.tenant)),
            "now_ms": json_to_cel(0),
        }

    def converted(self, record: Record) -> Mapping[str, Any]:
        """The record as it wants it, with what the schema fills."""
        return {**self._fixed, "record": json_to_cel(filled(record, self._schema))}

    def visible(self, converted: Mapping[str, Any]) -> bool:
        """Its answer."""
        return bool(self._program.evaluate(converted))
