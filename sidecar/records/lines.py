"""One line of NDJSON, ``{"kind": K, "record": {…}}``, or a bare record where the kind is known: accepted or refused."""

from typing import Any

from sidecar.errors import Reject
from sidecar.records.ingest import Intake
from sidecar.records.places import BadJson, token
from sidecar.records.store import Prepared
from sidecar.records.strict import read_json

_WANTED = 'a line is {"kind": K, "record": {…}} and nothing else'


def accept_line(intake: Intake, data: bytes, line: int, kind: str | None = None) -> Prepared | list[Reject]:
    """The record of one line ready to be stored, or everything that is wrong. With ``kind`` the line is the record."""
    try:
        value: Any = read_json(data)
    except BadJson as error:
        pointer = error.pointer if kind is not None else _in_record(error.pointer)
        return [Reject(line, kind, pointer, f"{error.message} (column {error.offset + 1})")]
    if kind is not None:
        return intake.accept(kind, value, line=line)
    if value.__class__ is not dict:
        return [Reject(line, None, "", _WANTED)]
    if len(value) != 2 or "kind" not in value or "record" not in value:  # noqa: PLR2004 - the two names
        if "kind" not in value and "record" not in value:  # a bare record, of which each member would be told
            return [Reject(line, None, "", _WANTED)]
        extra = [name for name in value if name not in ("kind", "record")]
        missing = [name for name in ("kind", "record") if name not in value]
        faults = [(token(name), "is required") for name in missing] + [(token(name), "is unknown") for name in extra]
        named = value.get("kind")
        return [
            Reject(line, named if isinstance(named, str) else None, pointer, f"{message}: {_WANTED}")
            for pointer, message in faults
        ]
    return intake.accept(value["kind"], value["record"], line=line)


def _in_record(pointer: str) -> str:
    """A place in a line as a place in its record, as all other faults of the record are told."""
    return pointer.removeprefix("/record") if pointer.startswith("/record/") else pointer
