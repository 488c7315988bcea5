"""Reading the URL: the only place that does. A query is read whole, strictly, into the value its read model takes."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl, unquote_to_bytes

from sidecar.errors import BadRequest
from sidecar.readmodels.observability import ObservabilityQuery
from sidecar.readmodels.recovery import ResumeQuery
from sidecar.readmodels.reliability import ReliabilityQuery
from sidecar.readmodels.runs import RunQuery, RunsQuery
from sidecar.readmodels.timeline import EventsQuery, SnapshotsQuery
from sidecar.records.forms import folded
from sidecar.records.kind import Column, Kind
from sidecar.records.places import GREATEST, SMALLEST
from sidecar.records.reading import Is, Where

T = TypeVar("T")

GREATEST_ACCEPTED = 2**64 - 1
"""Stored integers end at 2^63-1: what is asked for beyond it equals none, and everything is below it."""
MOST_PARAMETERS = 100
_DIGITS = re.compile(r"\+?[0-9]+\Z")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name and aliases, and how its text becomes a value (raises ValueError with a sentence)."""

    name: str
    read: Callable[[str], Any]
    aliases: tuple[str, ...] = ()
    default: Any = None


def text(name: str, *aliases: str) -> Parameter:
    """A text as the client spelled it; an empty one is a text too."""
    return Parameter(name, str, aliases)


def integer(name: str, *aliases: str) -> Parameter:
    """A whole number from 0."""
    return Parameter(name, _whole, aliases)


def limit(name: str, default: int | None, most: int) -> Parameter:
    """A number of rows; one out of range is moved to its end, and the answer says what was used."""
    return Parameter(name, lambda given: max(1, min(_whole(given), most)), (), default)


def flag(name: str, *aliases: str) -> Parameter:
    """Exactly ``true`` or ``false``."""
    return Parameter(name, _flag, aliases, default=False)


def _whole(given: str) -> int:
    if not given:
        raise ValueError("is empty, where a whole number is needed")
    if not _DIGITS.match(given):
        raise ValueError("is no whole number from 0, written in digits")
    digits = given.lstrip("+0") or "0"
    if len(digits) > len(str(GREATEST_ACCEPTED)) or int(digits) > GREATEST_ACCEPTED:
        raise ValueError(f"is greater than {GREATEST_ACCEPTED}")
    return int(digits)


def _flag(given: str) -> bool:
    if given not in ("true", "false"):
        raise ValueError("is neither true nor false")
    return given == "true"


class Form(Generic[T]):
    """The parameters of one route, and the value they make."""

    def __init__(self, make: Callable[..., T], parameters: Sequence[Parameter]) -> None:
        self._make = make
        self._parameters = tuple(parameters)
        self._known = {name: parameter for parameter in parameters for name in (parameter.name, *parameter.aliases)}

    def read(self, query: str, **given: Any) -> T:
        """The value of a query string, with further ``given`` fields. Raises BadRequest."""
        values = {parameter.name: parameter.default for parameter in self._parameters}
        seen: set[str] = set()
        for name, value in _pairs(query):
            parameter = self._known.get(name)
            if parameter is None:
                raise self._unknown(name)
            if parameter.name in seen:
                raise _invalid(name, f"duplicate field `{parameter.name}`")
            seen.add(parameter.name)
            try:
                values[parameter.name] = parameter.read(value)
            except ValueError as error:
                raise _invalid(name, f"{name} {error}") from None
        return self._make(**values, **given)

    def _unknown(self, name: str) -> BadRequest:
        near = get_close_matches(name, self._known, 1)
        hint = {"nearest": near[0]} if near else {}
        sentence = f"; did you mean {near[0]}?" if near else ""
        return BadRequest("unknown_parameter", f"there is no such parameter here{sentence}", parameter=name, **hint)


def _pairs(query: str) -> Iterable[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, errors="replace", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise BadRequest("invalid_parameter", f"more than {MOST_PARAMETERS} parameters", parameter="") from None


def _invalid(name: str, message: str) -> BadRequest:
    return BadRequest("invalid_parameter", message, parameter=name)


RUN_LIMIT, TIMELINE_LIMIT, MOST_ROWS, MOST_OBSERVED, RECORDS_LIMIT = 250, 250, 1_000, 500, 100

RUNS = Form(
    RunsQuery,
    [
        limit("limit", RUN_LIMIT, MOST_ROWS),
        *(text(name) for name in ("status", "phase", "trigger", "kind", "source")),
        *(text(name) for name in ("org_id", "workspace_id", "deployment_id", "workflow_id", "automation_id")),
        *(text(name) for name in ("org_unit_id", "owner_id", "owner_kind", "resource_kind", "resource_id")),
        *(text(name) for name in ("policy_version_id", "data_class", "risk_tier")),
        *(text(name) for name in ("delegation_grant_id", "source_binding_id")),
    ],
)
RUN = Form(RunQuery, [limit("event_limit", 50, MOST_ROWS), limit("snapshot_limit", 10, MOST_ROWS)])
EVENTS = Form(
    EventsQuery,
    [
        limit("limit", TIMELINE_LIMIT, MOST_ROWS),
        limit("tail", None, MOST_ROWS),
        *(integer(name) for name in ("after_seq", "since_seq", "before_seq")),
    ],
)
SNAPSHOTS = Form(SnapshotsQuery, [limit("limit", TIMELINE_LIMIT, MOST_ROWS)])
NOTHING: Form[dict[str, object]] = Form(dict, [])
_OF_COLLECTIONS = (
    text("status"),
    text("source_type"),
    text("after_id"),
    text("after_collection", "after_kind", "afterCollection"),
    integer("before_created_at_ms", "before_created_at", "beforeCreatedAtMs", "beforeCreatedAt"),
    flag("active_recovery_only", "activeRecoveryOnly", "active_only"),
    limit("limit", RUN_LIMIT, MOST_ROWS),
)
RUN_RELIABILITY = Form(ReliabilityQuery, _OF_COLLECTIONS)
RELIABILITY = Form(ReliabilityQuery, (text("run_id"), *_OF_COLLECTIONS))
RESUME_PLAN = Form(ResumeQuery, [limit("limit", RUN_LIMIT, MOST_ROWS)])
OBSERVABILITY = Form(
    ObservabilityQuery,
    [limit(f"{name}_limit", 100, MOST_OBSERVED) for name in ("event", "snapshot", "reliability", "audit")],
)


@dataclass(frozen=True, slots=True)
class RecordsAsked:
    """A page of one kind as the URL asks for it. ``canonical`` is what a cursor is bound to: conditions, order, key."""

    limit: int
    cursor: str | None
    where: tuple[Where, ...]
    canonical: bytes


def records_form(kind: Kind) -> Form[RecordsAsked]:
    """The parameters of a kind's page: a limit, a cursor, and every column."""
    columns = {column.name: column for column in kind.columns}

    def make(limit: int, cursor: str | None, **given: Any) -> RecordsAsked:
        where = tuple(Is(name, _comparable(columns[name], value)) for name, value in given.items() if value is not None)
        return RecordsAsked(limit, cursor, where, repr((kind.order, kind.id, where)).encode())

    parameters = [limit("limit", RECORDS_LIMIT, MOST_ROWS), text("cursor")]
    return Form(make, [*parameters, *(_of_column(column) for column in kind.columns)])


def _of_column(column: Column) -> Parameter:
    if column.type == "integer":
        return Parameter(column.name, _signed)
    return Parameter(column.name, _flag) if column.type == "boolean" else text(column.name)


def _signed(given: str) -> int:
    if given.startswith("-+"):
        raise ValueError("is no whole number, written in digits")
    sign = -1 if given.startswith("-") else 1
    return sign * _whole(given.removeprefix("-"))


def _comparable(column: Column, value: Any) -> tuple[Any, ...]:
    """What a column may hold to equal a value: nothing, when it is an integer that no record holds."""
    if column.type == "integer" and not SMALLEST <= value <= GREATEST:
        return ()
    return (folded(value) if column.folded else value,)


def path_parts(raw: str) -> tuple[str, ...]:
    """The percent-decoded segments of a raw path. Raises BadRequest for what is not UTF-8."""
    return tuple(_decoded(part) for part in raw.split("/"))


def _decoded(segment: str) -> str:
    try:
        return unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("invalid_path", "a part of the path is not UTF-8", parameter="path") from None
