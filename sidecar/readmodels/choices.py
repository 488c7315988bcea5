"""Recording what an operator decided about a stopped run: the rows it settles and one event, or nothing of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from sidecar.errors import Absent, BadRequest, Conflict, Reject, Unprocessable
from sidecar.policy.judge import Verdicts
from sidecar.readmodels.permission import recovering_actor
from sidecar.readmodels.plan import Plan, View
from sidecar.readmodels.reliability import RECOVERABLE
from sidecar.readmodels.run import find_run, run_of, run_requests
from sidecar.records.forms import WHITE_SPACE, folded
from sidecar.records.reading import Get, Is, Page, Read, Request, Row
from sidecar.records.store import Change, Prepared

Accept = Callable[[str, object], Prepared | list[Reject]]
"""Validates one record of a kind and prepares it, or says why not."""
Record = Mapping[str, Any]

_OPEN = replace(RECOVERABLE, stored=True)
_PHASE = {"phase_id": "current_phase_id", "wait_kind": "active_wait_kind"}
"""What the event of a choice repeats of its run, and how the run calls it."""
_MEMBERS = ("choice", "reason", "actor_id", "dead_letter_id", "compensation_id", "target_effect_id")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a choice comes to: how it is carried out, and what it makes of the rows it names."""

    execution_mode: str
    dead_letter_status: str
    label: str
    compensation_status: str = "proposed"


_RETRY = Meaning("operator_request_record_only", "retry_requested", "retry_requested")
_COMPENSATE = Meaning(
    *("operator_runbook_record_only", "linked_to_compensation", "linked_to_compensation", "awaiting_approval")
)
CHOICES: Mapping[str, Meaning] = {
    "retry_failed_effect": _RETRY,
    "retry_dead_letter": _RETRY,
    "resume_from_checkpoint": _RETRY,
    "reconcile_external_effect": Meaning("operator_request_record_only", "open", "reviewed"),
    "compensate_pending_effects": _COMPENSATE,
    "compensate": _COMPENSATE,
    "abandon_with_audit": Meaning("audit_disposition_only", "ignored", "ignored", "cancelled"),
    "ignore_dead_letter": Meaning("audit_disposition_only", "ignored", "ignored"),
}
"""Every choice there is. None of them executes anything."""


@dataclass(frozen=True, slots=True)
class RecoveryChoice:
    """What was decided, as it was sent; blank ids are absent. Who decided it is never taken from the body."""

    choice: str
    reason: str | None = None
    dead_letter_id: str | None = None
    compensation_id: str | None = None
    target_effect_id: str | None = None


def read_choice(body: Any) -> RecoveryChoice:
    """The choice in a request's body: an object, or its members in their order. Raises Unprocessable."""
    if isinstance(body, list) and len(body) == len(_MEMBERS):
        body = dict(zip(_MEMBERS, body, strict=True))
    if not isinstance(body, dict):
        raise Unprocessable("invalid_body", "the body must be an object with a text `choice`", pointer="")
    for name in _MEMBERS:
        value = body.get(name)
        if not isinstance(value, str) and (value is not None or name == "choice"):
            raise Unprocessable("invalid_body", f"`{name}` must be a text", pointer=f"/{name}")
    ids = (body.get(name) for name in ("dead_letter_id", "compensation_id", "target_effect_id"))
    return RecoveryChoice(body["choice"], body.get("reason"), *(_unless_blank(one) for one in ids))


def permitted(run_id: str, verdicts: Verdicts) -> Plan[str]:
    """Who records a choice about the run. Raises Absent, Unauthenticated, Forbidden."""
    run = yield from find_run(run_id)
    return _recorder(run, verdicts)


async def choose(
    choice: RecoveryChoice, run_id: str, change: Change, verdicts: Verdicts, accept: Accept, event_suffix: str
) -> View:
    """Record a choice inside one write transaction. Raises Refusal, StoreError; then nothing is kept.

    ``verdicts`` cover the run kinds, events, dead letters and compensations.
    """
    named = [
        _Named(kind, key)
        for kind, key in (("dead_letter", choice.dead_letter_id), ("compensation", choice.compensation_id))
        if key is not None
    ]
    within = Is("run_id", (run_id,))
    requests: list[Request] = [*run_requests(run_id), Read("event", 1, (within,), last=True)]
    pages = await change.read([*requests, *(read for one in named for read in one.reads(within))], verdicts)
    run, last = run_of(pages[:2], run_id), pages[2].rows
    actor_id = _recorder(run, verdicts)
    name, meaning = _meaning(choice.choice)
    rows = {one.kind: one.row(*pages[place : place + 2]) for one, place in zip(named, range(3, 9, 2), strict=False)}
    phase = {told: run.record().get(own) for told, own in _PHASE.items() if not verdicts.masks(run.kind, own)}
    recording = _Recording(replace(choice, choice=name), meaning, run, phase, actor_id, verdicts.now_ms)
    settled = {kind: recording.settled(row) for kind, row in rows.items()}
    event = recording.event(settled, last[-1].position.order[0] + 1 if last else 1, event_suffix)
    await change.put([_accepted(accept, kind, record) for kind, record in {**settled, "event": event}.items()])
    again = await change.read([Get(one.kind, ((one.key,),)) for one in named], verdicts)
    shown = {one.kind: page.rows[0].shown if page.rows else None for one, page in zip(named, again, strict=True)}
    return {
        "run_id": run_id,
        **recording.outcome,
        "recorded": True,
        "event_seq": event["seq"],
        "disposition": _disposition(shown),
    }


@dataclass(frozen=True, slots=True)
class _Named:
    """A row that a choice names."""

    kind: str
    key: str

    def reads(self, within: Is) -> tuple[Get, Get]:
        """The row if it is visible and of the run; then the same if it may still be acted on."""
        return Get(self.kind, ((self.key,),), (within,)), Get(self.kind, ((self.key,),), (within, _OPEN))

    def row(self, visible: Page, recoverable: Page) -> Row:
        """The row among the pages of ``reads``. Raises Absent, Conflict."""
        about = {f"{self.kind}_id": self.key}
        if not visible.rows:
            message = "the run has no such row, or it is not yours to see"
            raise Absent(f"stateful_{self.kind}_not_found", message, **about)
        if not recoverable.rows:
            message = "the row is settled or superseded; only one that is still open can be acted on"
            raise Conflict("recovery_row_settled", message, **about)
        return recoverable.rows[0]


@dataclass(frozen=True, slots=True)
class _Recording:
    """A permitted choice, and the records it comes to."""

    choice: RecoveryChoice
    meaning: Meaning
    run: Row
    phase: Record
    actor_id: str
    now_ms: int

    @property
    def outcome(self) -> View:
        """What is told of the choice itself, in the event and in the answer."""
        return {
            "choice": self.choice.choice,
            "execution_mode": self.meaning.execution_mode,
            "automatic_dispatch": False,
        }

    @property
    def _actor(self) -> View:
        return {"kind": "human_user", "id": self.actor_id}

    def settled(self, row: Row) -> View:
        """The stored row as the choice leaves it."""
        record: View = orjson.loads(row.stored)
        at_ms = max(self.now_ms, record["updated_at_ms"])  # a clock that is behind must not lose the write as stale
        if row.kind == "compensation":
            return {**record, "status": self.meaning.compensation_status, "updated_at_ms": at_ms}
        return {
            **record,
            "status": self.meaning.dead_letter_status,
            "operator_disposition": self.meaning.label,
            "disposition_reason": self.choice.reason,
            "disposition_actor": self._actor,
            "disposition_at_ms": at_ms,
            "updated_at_ms": at_ms,
        }

    def event(self, settled: Mapping[str, Record], seq: int, suffix: str) -> View:
        """The event of the choice: in the scope of the rows it names, so that no one else learns of them.

        Of the run it repeats only what is masked for nobody, and nothing where others see the event than see the run.
        Raises Conflict for two rows of different scopes: an event in either would tell of the other.
        """
        choice, run_id = self.choice, self.run.position.key[0]
        own = orjson.loads(self.run.stored)["scope"]
        scope, *others = [record["scope"] for record in settled.values()] or [own]
        if any(other != scope for other in others):
            message = "the two rows are not open to the same callers; record a choice for each of them"
            raise Conflict("recovery_not_recordable", message)
        return {
            "event_id": f"recovery-choice-{run_id}-{self.now_ms}-{suffix}",
            "run_id": run_id,
            "seq": seq,
            "event_type": "runtime.recovery_choice.recorded",
            "occurred_at_ms": self.now_ms,
            "scope": scope,
            "actor": self._actor,
            **(self.phase if scope == own else {}),
            "causation_id": choice.dead_letter_id or choice.compensation_id,
            "correlation_id": choice.target_effect_id,
            "payload": {
                **self.outcome,
                "reason": choice.reason,
                "dead_letter_id": choice.dead_letter_id,
                "compensation_id": choice.compensation_id,
                "target_effect_id": choice.target_effect_id,
                "disposition": _disposition({kind: _brief(kind, record) for kind, record in settled.items()}),
            },
        }


def _recorder(run: Row, verdicts: Verdicts) -> str:
    return recovering_actor(verdicts.caller, orjson.loads(run.stored)["scope"])


def _meaning(choice: str) -> tuple[str, Meaning]:
    """The choice by its name in normal form. Raises BadRequest."""
    name = folded(choice)
    if not name:
        raise BadRequest("stateful_recovery_choice_required", "`choice` is blank")
    if name not in CHOICES:
        raise BadRequest("unknown_recovery_choice", "there is no such choice", choice=name, choices=list(CHOICES))
    return name, CHOICES[name]


def _disposition(found: Mapping[str, Any]) -> View | None:
    """What became of the named rows, the compensation last."""
    dead_letter = {"dead_letter": found["dead_letter"]} if "dead_letter" in found else None
    if "compensation" not in found:
        return dead_letter
    return {"previous": dead_letter, "compensation": found["compensation"]}


def _brief(kind: str, record: Record) -> View:
    """What the log tells of a row: which one it is, its status, and its label where it has one."""
    brief = {name: record[name] for name in (f"{kind}_id", "status")}
    return {**brief, "label": record["operator_disposition"]} if kind == "dead_letter" else brief


def _accepted(accept: Accept, kind: str, record: View) -> Prepared:
    """The record ready to be stored. Raises Conflict for what no store keeps, such as a number past the greatest."""
    result = accept(kind, record)
    if isinstance(result, Prepared):
        return result
    fault = result[0]
    raise Conflict("recovery_not_recordable", f"the {kind} would not be valid: {fault.pointer} {fault.message}")


def _unless_blank(text: str | None) -> str | None:
    return text if text is not None and text.strip(WHITE_SPACE) else None
