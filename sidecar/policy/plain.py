"""An explanation as plain values: the shape that programs read, on the command line and over HTTP."""

from collections.abc import Mapping
from typing import Any

import orjson

from sidecar.cel import Part
from sidecar.policy.explain import PolicyAnswer, RuleAnswer
from sidecar.policy.explanation import Explanation
from sidecar.policy.next_change import Future, shown


def as_json(told: Explanation) -> dict[str, Any]:
    """The explanation as plain values."""
    question, answer = told.question, told.answer
    tenant = question.tenant
    return {
        "visible": answer.visible,
        "masked": sorted(shown(answer)[1]),
        "kind": told.row.kind,
        "key": list(told.row.position.key),
        "tenant": [tenant.org_id, tenant.workspace_id, tenant.deployment_id],
        "at_ms": question.now_ms,
        "same_tenant": answer.same_tenant,
        "covered": answer.covered,
        "caller": told.caller.document,
        "label": {"records": told.sharing, "values": told.label},
        "policies": [_policy(policy, told) for policy in answer.policies],
        "next_change": _change(told.future),
        "reads_clock": told.future.reads_clock,
        "looked_to_ms": told.future.looked_to_ms,
    }


def _policy(policy: PolicyAnswer, told: Explanation) -> dict[str, Any]:
    rules = [_rule(rule, told.parts[rule.rule]) for rule in policy.rules]
    return {"policy": policy.policy.name, "admits": policy.admits, "rules": rules}


def _rule(rule: RuleAnswer, part: Part) -> dict[str, Any]:
    return {
        "rule": rule.rule.name,
        "effect": rule.rule.effect,
        "value": rule.value,
        "error": rule.error,
        "read": {name: _plain(value) for name, value in rule.read.items()},
        "expression": _part(part),
    }


def _part(part: Part) -> dict[str, Any]:
    plain: dict[str, Any] = {"form": part.form, "text": part.text, "value": _plain(part.value), "error": part.error}
    plain["parts"] = [_part(one) for one in part.parts]
    if part.turns:
        plain["turns"] = [
            {"names": {name: _plain(value) for name, value in turn.names.items()}, "parts": [*map(_part, turn.parts)]}
            for turn in part.turns
        ]
        plain["turns_left_out"] = part.more
    return plain


def _change(future: Future) -> dict[str, Any] | None:
    change = future.change
    if change is None:
        return None
    ended = [dict(zip(("kind", "id"), named(record), strict=True)) for record in change.ended]
    return {"at_ms": change.at_ms, "visible": change.visible, "masked": sorted(change.redacted), "ended": ended}


def named(record: Mapping[str, Any]) -> tuple[str, str]:
    """The kind and the id of a membership or a grant."""
    if "membership_id" in record:
        return "org_unit_membership", record["membership_id"]
    return "org_unit_access_grant", record["grant_id"]


def _plain(value: Any) -> Any:
    """The value, or its text where JSON has no such value (bytes, types, times)."""
    try:
        orjson.dumps(value)
    except TypeError:
        return str(value)
    return value
