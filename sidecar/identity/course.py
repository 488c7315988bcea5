"""What becomes of a caller with time: one caller after another, as its memberships and grants end."""

from collections.abc import Iterator
from dataclasses import dataclass

from sidecar.identity.authority import Catalogue, Record, authority_of, concerning
from sidecar.identity.caller import Caller, Identity


@dataclass(frozen=True, slots=True)
class Moment:
    """The caller from an instant (Unix milliseconds) on, and the memberships and grants that end there."""

    at_ms: int
    caller: Caller
    ended: tuple[Record, ...] = ()


def course(
    identity: Identity, catalogue: Catalogue, now_ms: int, *, managed: bool, operator_without_units: bool = True
) -> Iterator[Moment]:
    """The caller now, then at every later instant at which something that concerns it ends; each made when asked for.

    Nothing ever begins with time: a membership or grant that is active counts until it ends.
    """
    ends: dict[int, list[Record]] = {}
    for record in concerning(identity, catalogue):
        end = record.get("expires_at_ms")
        if record["state"] == "active" and end is not None and end > now_ms:
            ends.setdefault(end, []).append(record)
    for at_ms in (now_ms, *sorted(ends)):
        authority = authority_of(
            identity, catalogue, at_ms, managed=managed, operator_without_units=operator_without_units
        )
        yield Moment(at_ms, authority.caller, tuple(ends.get(at_ms, ())))
