"""How a stopped run may be resumed: what is done, what is in doubt, where it is safe to go on, what may be chosen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sidecar.policy.judge import Verdicts
from sidecar.readmodels.choices import CHOICES
from sidecar.readmodels.plan import Plan, View
from sidecar.readmodels.reliability import RECOVERABLE
from sidecar.readmodels.run import RESUMABLE, run_of, run_requests, shown_run
from sidecar.records.reading import Is, Read

_COMPLETED = Is("status", ("succeeded",))
_UNCERTAIN = Is("status", ("pending", "failed", "unknown"))
_NODES = ("completed_nodes", "pending_nodes", "blocked_nodes")
_NODE_POINTS: Mapping[str, View] = {
    "completed_nodes": {"kind": "completed_node_boundary", "resume_after": True},
    "pending_nodes": {"kind": "pending_node", "retry_safe": True},
    "blocked_nodes": {"kind": "blocked_node", "requires_operator_review": True},
}


@dataclass(frozen=True, slots=True)
class ResumeQuery:
    """The run, and how many rows of each list are wanted at most."""

    run_id: str
    limit: int


def resume_plan(query: ResumeQuery, verdicts: Verdicts) -> Plan[View]:
    """The plan to resume one run. Nothing is executed. Raises Absent."""
    within = Is("run_id", (query.run_id,))
    pages = yield [
        *run_requests(query.run_id),
        Read("tool_effect", query.limit, (within, _COMPLETED)),
        Read("tool_effect", query.limit, (within, _UNCERTAIN)),
        Read("dead_letter", query.limit, (within, RECOVERABLE)),
        Read("compensation", query.limit, (within, RECOVERABLE)),
    ]
    record = run_of(pages[:2], query.run_id).record()
    completed, uncertain, dead_letters, compensations = pages[2:]
    nodes = _nodes(record)
    points = _safe_points(record["status"], nodes)
    return {
        "plan_id": f"resume-plan-{query.run_id}",
        "run_id": query.run_id,
        "generated_at_ms": verdicts.now_ms,
        "run": shown_run(record),
        "run_status": record["status"],
        **nodes,
        "last_failure": (record.get("recovery") or {}).get("last_failure"),
        "completed_effects": completed.shown,
        "uncertain_effects": uncertain.shown,
        "dead_letters": dead_letters.shown,
        "pending_compensations": compensations.shown,
        "safe_resume_points": points,
        "operator_choices": list(_choices(points, uncertain.rows, dead_letters.rows, compensations.rows)),
        "audit_summary": {
            "completed_effect_count": len(completed.rows),
            "uncertain_effect_count": len(uncertain.rows),
            "dead_letter_count": len(dead_letters.rows),
            "pending_compensation_count": len(compensations.rows),
            "requires_operator_review": bool(uncertain.rows or dead_letters.rows or compensations.rows),
        },
    }


def _nodes(run: Mapping[str, Any]) -> dict[str, list[str]]:
    """The run's nodes by how far they came; a masked list is an empty one."""
    recovery = run.get("recovery") or {}
    return {name: recovery.get(name) or [] for name in _NODES}


def _safe_points(status: str, nodes: Mapping[str, Sequence[str]]) -> list[View]:
    points = [{**point, "node_id": node} for name, point in _NODE_POINTS.items() for node in nodes[name]]
    if not points and status in RESUMABLE:
        points.append({"kind": "run_boundary", "requires_operator_review": True})
    return points


def _choices(
    points: Sequence[Any], uncertain: Sequence[Any], dead_letters: Sequence[Any], compensations: Sequence[Any]
) -> Iterator[View]:
    """The choices that make sense, in the order in which they are offered."""
    in_doubt = bool(uncertain or dead_letters)
    offered = {
        "abandon_with_audit": True,
        "resume_from_checkpoint": bool(points),
        "retry_failed_effect": in_doubt,
        "reconcile_external_effect": in_doubt,
        "compensate_pending_effects": bool(compensations),
    }
    for choice in (choice for choice, makes_sense in offered.items() if makes_sense):
        mode = CHOICES[choice].execution_mode
        yield {"choice": choice, "enabled": True, "execution_mode": mode, "automatic_dispatch": False}
