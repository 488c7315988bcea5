"""Sealed cursors, and everything that is none."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from shipped_kinds import kinds

from sidecar.http.cursor import Bond, Sealer, new_key
from sidecar.http.query import records_form
from sidecar.identity.caller import Caller
from sidecar.records.kind import Order
from sidecar.records.reading import Position
from sidecar.records.store import Tenant

ANN = Caller(Tenant("acme", "main"), "ann")
BOND = Bond(ANN, "wait", b"status=open&limit=9")
SEALER = Sealer([new_key()])
PLACE = Position((-5, 7), ("run/1", "wait"))

places = some.builds(
    Position,
    some.lists(some.integers(-(2**63), 2**63 - 1), max_size=2).map(tuple),
    some.lists(some.text(some.characters(codec="utf-8")), min_size=1, max_size=2).map(tuple),
)


@given(place=places)
def test_round_trip(place: Position) -> None:
    """A cursor opens to the position it was sealed for, and the same position has the same cursor."""
    cursor = SEALER.seal(place, BOND)
    assert SEALER.open(cursor, BOND) == place
    assert SEALER.seal(place, BOND) == cursor


@pytest.mark.parametrize(
    "other",
    [
        replace(BOND, caller=replace(ANN, actor_id="bob")),
        replace(BOND, caller=replace(ANN, actor_id=None)),
        replace(BOND, caller=replace(ANN, tenant=Tenant("acme", "main", "eu"))),
        replace(BOND, caller=replace(ANN, tenant=Tenant("acmemain", ""))),
        replace(BOND, kind="event"),
        replace(BOND, query=b"status=open&limit=8"),
        replace(BOND, kind="waits", query=b"tatus=open&limit=9"),
    ],
)
def test_bound_to_caller_kind_and_query(other: Bond) -> None:
    """A cursor of another caller, tenant, kind or query is no cursor."""
    assert SEALER.open(SEALER.seal(PLACE, BOND), other) is None


@pytest.mark.parametrize(
    "changes",
    [{"order": (Order(("/created_at_ms",), descending=False),)}, {"order": ()}, {"id": ("/wait_id",)}],
)
def test_bound_to_the_order_of_the_kind(changes: dict[str, Any]) -> None:
    """Once a kind is ordered or found otherwise, a cursor of before is no cursor: its place is another one now."""
    kind = kinds()["wait"]
    before, after = (records_form(one).read("status=open").canonical for one in (kind, replace(kind, **changes)))
    assert SEALER.open(SEALER.seal(PLACE, replace(BOND, query=before)), replace(BOND, query=after)) is None


def test_authority_may_change_between_pages() -> None:
    """A grant that ends between two pages changes what is seen, not where the walk goes on."""
    richer = replace(BOND, caller=replace(ANN, grants=({"grant_id": "g"},)))
    assert SEALER.open(SEALER.seal(PLACE, richer), BOND) == PLACE


def test_every_flipped_bit_is_refused() -> None:
    """No bit of a cursor can be changed."""
    cursor = SEALER.seal(PLACE, BOND)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for index, letter in enumerate(cursor):
        for bit in range(6):
            changed = alphabet[alphabet.index(letter) ^ (1 << bit)]
            assert SEALER.open(cursor[:index] + changed + cursor[index + 1 :], BOND) is None


@pytest.mark.parametrize("text", ["", "A", "AAAA", "=", "a b", "\u00e9", "dead-0004", "A" * 9_000, "A" * 64, "\x00"])
def test_what_was_never_sealed(text: str) -> None:
    """Any other text, however short, long or strange, is simply no cursor."""
    assert SEALER.open(text, BOND) is None


def test_truncation_and_extension() -> None:
    """A cursor cut short or lengthened is none."""
    cursor = SEALER.seal(PLACE, BOND)
    assert all(SEALER.open(cursor[:length], BOND) is None for length in range(len(cursor)))
    assert SEALER.open(cursor + "AAAA", BOND) is None


@given(place=places)
def test_a_cursor_has_one_spelling(place: Position) -> None:
    """Padding, the letters of the other base64, and what they would stand for are no part of any cursor."""
    cursor = SEALER.seal(place, BOND)
    others = {cursor + "=", cursor + "==", cursor.replace("-", "+"), cursor.replace("_", "/"), f" {cursor}"} - {cursor}
    assert all(SEALER.open(other, BOND) is None for other in others)


def test_rotation() -> None:
    """A new first key seals; an older one still opens; a dropped one does not."""
    old, new = new_key(), new_key()
    cursor = Sealer([old]).seal(PLACE, BOND)
    assert Sealer([new, old]).open(cursor, BOND) == PLACE
    assert Sealer([new]).open(cursor, BOND) is None
    assert Sealer([new, old]).seal(PLACE, BOND) != cursor


@pytest.mark.parametrize("keys", [[], [b"short"]])
def test_bad_keys(keys: list[bytes]) -> None:
    """A missing or short key is refused when the sealer is made."""
    with pytest.raises(ValueError, match="64 bytes"):
        Sealer(keys)


def test_a_cursor_says_nothing() -> None:
    """No part of the key shows in a cursor."""
    cursor = SEALER.seal(Position((1,), ("secret-run-id",)), BOND)
    assert "secret" not in cursor
    assert "c2VjcmV0" not in cursor
