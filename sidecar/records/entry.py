"""One line of records on their way in: ``{"kind": K, "record": {…}}``, the same for files and for the admin side."""

from dataclasses import dataclass

from sidecar.errors import Reject
from sidecar.records.strict import BadJson, read_json

_SPACE = b" \t\r\n"
_RECORD = "/record"
_MEMBERS = frozenset(("kind", "record"))


@dataclass(frozen=True, slots=True)
class Entry:
    """What one line says. Neither part is proved yet: ``Intake.accept`` does that."""

    kind: object
    record: object


def read_entry(data: bytes, line: int) -> Entry | Reject:
    """Read one line. Pointers are into its record, as those of ``Intake.accept`` are."""
    try:
        said = read_json(data.rstrip(_SPACE))
    except BadJson as error:
        return unreadable(error, line, _RECORD)
    if said.__class__ is not dict:
        return Reject(line, None, "", 'a line is an object: {"kind": …, "record": {…}}')
    if said.keys() != _MEMBERS:
        return Reject(line, _text(said.get("kind")), "", _misshapen(said))
    return Entry(said["kind"], said["record"])


def unreadable(error: BadJson, line: int, record: str = "") -> Reject:
    """Why a text is no JSON that is taken. ``record`` is where in the text the record stands."""
    pointer = error.pointer
    if pointer == record or pointer.startswith(record + "/"):
        pointer = pointer.removeprefix(record)
    return Reject(line, None, pointer, f"{error.message} (at character {error.offset + 1})")


def _misshapen(said: dict[str, object]) -> str:
    for name in sorted(_MEMBERS):
        if name not in said:
            return f'{name!r} is missing: a line is {{"kind": …, "record": {{…}}}}'
    unknown = next(name for name in said if name not in _MEMBERS)
    return f"{unknown[:64]!r} is unknown here: a line has 'kind' and 'record' only"


def _text(kind: object) -> str | None:
    return kind if isinstance(kind, str) else None
