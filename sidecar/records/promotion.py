"""Stored records whose kind's schema changed: each is validated and prepared anew, whatever keeps it.

It is all or nothing. Before anything changes, every record is proven to be valid and to have a key of its own: what is
refused then leaves the store as it was. Others may write between the proof and the change, so what was stored stays
aside, whole, until the last record is stored anew: whatever ends a promotion, the schema as it was finds everything.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

import orjson

from sidecar.errors import Reject, StoreError
from sidecar.records.kind import Kind
from sidecar.records.store import Prepared

BATCH = 1_000
"""Records that are promoted in one transaction."""
Accept = Callable[[str, object], Prepared | list[Reject]]
"""Validates one record of a kind and prepares it, or says why not."""
WHOSE = "t.org_id || '/' || t.workspace_id || CASE t.deployment_id WHEN '' THEN '' ELSE '/' || t.deployment_id END"
"""A row of tenants as people read it, in SQL."""


class Mark(NamedTuple):
    """How far a promotion has come: the last row of those set aside, and how many properties it left out so far."""

    row: int = 0
    dropped: int = 0


def mark_name(kind: str) -> str:
    """The setting that keeps the mark."""
    return f"promoted {kind}"


def read_mark(value: str | None) -> Mark:
    """The mark that a setting keeps; the beginning when there is none."""
    return Mark() if value is None else Mark(*orjson.loads(value))


def admitted(accept: Accept, kind: Kind, which: str, document: bytes) -> Prepared:
    """The record of a stored document. Raises StoreError when the changed schema does not admit it."""
    result = accept(kind.name, orjson.loads(document))
    if isinstance(result, list):
        first = result[0]
        raise StoreError(
            f"the stored {kind.name} {which} does not validate under its changed schema: "
            f"{first.pointer or '/'}: {first.message}; {_way_back(kind, 'mend or remove the record')}mend the schema"
        )
    return result


def identity(record: Prepared) -> bytes:
    """A short name of the tenant and key: two records have the same one only where one would replace the other."""
    tenant = record.tenant
    named = orjson.dumps((tenant.org_id, tenant.workspace_id, tenant.deployment_id, *record.key))
    return blake2b(named, digest_size=16).digest()


def one_key(kind: Kind, key: tuple[str, ...]) -> StoreError:
    """Why a record is not promoted under whose key another one stands: one of the two would be lost."""
    return _one_key(kind, " / ".join(key))


def same_key(kind: Kind, one: str, other: str) -> StoreError:
    """Why two records, which are named, cannot both be promoted."""
    return _one_key(kind, f"{one} and {other}")


def _one_key(kind: Kind, which: str) -> StoreError:
    return StoreError(
        f"two stored {kind.name}s have one key under the changed schema: {which}; "
        f"{_way_back(kind, 'remove one of them')}mend the schema's id"
    )


def _way_back(kind: Kind, to_do: str) -> str:
    """What can be done about a record itself; nothing where records never change."""
    return "" if kind.write == "append_only" else f"start with the schema as it was and {to_do}, or "
