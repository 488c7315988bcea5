"""Stored records whose kind's schema changed: each is validated and prepared anew, whatever keeps it."""

from collections.abc import Callable

import orjson

from sidecar.errors import Reject, StoreError
from sidecar.records.store import Prepared

BATCH = 1_000
"""Records that are promoted in one transaction."""
Accept = Callable[[str, object], Prepared | list[Reject]]
"""Validates one record of a kind and prepares it, or says why not."""


def admitted(accept: Accept, name: str, document: bytes) -> Prepared:
    """The record of a stored document. Raises StoreError when the changed schema does not admit it."""
    result = accept(name, orjson.loads(document))
    if isinstance(result, list):
        first = result[0]
        raise StoreError(
            f"a stored {name} does not validate under its changed schema: {first.pointer or '/'}: {first.message}; "
            f"start with the schema as it was and mend the record, or mend the schema"
        )
    return result


def one_key(name: str, key: tuple[str, ...]) -> StoreError:
    """Why a record is not promoted under whose key another one stands: one of the two would be lost."""
    return StoreError(
        f"two stored {name}s have one key under the changed schema: {' / '.join(key)}; "
        f"start with the schema as it was and remove one of them, or mend the schema's id"
    )
