"""The history of phases that a run, or an old snapshot, is served with when it has none of its own."""

from typing import Any


def phase_observed(run_id: str, phase: str, status: str, at_ms: int, **more: Any) -> list[dict[str, Any]]:
    """One entry: the phase that the status comes to, as it was at a time. ``more`` is what else the entry names."""
    return [
        {
            "schema_version": 1,
            "event_id": f"{run_id}:phase:{phase}:{at_ms}",
            "to_phase": phase,
            "event_type": "stateful_runtime.phase.observed",
            "occurred_at_ms": at_ms,
            "reason": f"observed_status:{status}",
            **more,
        }
    ]
