"""Cursors: a position in a kind's order, sealed so that it says nothing and fits one caller's one query only.

The sealing is deterministic (AES-SIV, RFC 5297): the same place of the same query has the same cursor, and a cursor
cannot be told from any other text of its length without the key.
"""

import base64
import binascii
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from sidecar.identity.caller import Caller
from sidecar.records.reading import Position

KEY_BYTES = 64
LONGEST_CURSOR = 8_192


def new_key() -> bytes:
    """A fresh key for sealing."""
    return secrets.token_bytes(KEY_BYTES)


@dataclass(frozen=True, slots=True)
class Bond:
    """What a cursor is good for: one tenant's one actor, asking one query of one kind."""

    caller: Caller
    kind: str
    query: bytes

    @property
    def parts(self) -> list[bytes]:
        """The associated data, each part delimited by the sealing itself."""
        tenant, actor = self.caller.tenant, self.caller.actor_id
        who = [tenant.org_id, tenant.workspace_id, tenant.deployment_id, actor]
        return [orjson.dumps(who), self.kind.encode(), self.query]


class Sealer:
    """Seals with the first key and opens with any, so that keys can be rotated without breaking a page walk."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take keys of 64 bytes, newest first. Raises ValueError."""
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"a cursor key has {KEY_BYTES} bytes, and at least one is needed")
        self._ciphers = [AESSIV(key) for key in keys]

    def seal(self, position: Position, bond: Bond) -> str:
        """The cursor behind a position."""
        place = orjson.dumps([position.order, position.key])
        return _text(self._ciphers[0].encrypt(place, bond.parts))

    def open(self, cursor: str, bond: Bond) -> Position | None:
        """The position of a cursor; None for whatever was not sealed here for this bond, whatever its defect."""
        if len(cursor) > LONGEST_CURSOR or not cursor.isascii():
            return None
        try:
            sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        if _text(sealed) != cursor:  # base64 has several texts for the same bytes; a cursor has one
            return None
        for cipher in self._ciphers:
            try:
                order, key = orjson.loads(cipher.decrypt(sealed, bond.parts))
            except (InvalidTag, ValueError):
                continue
            return Position(tuple(order), tuple(key))
        return None


def _text(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
