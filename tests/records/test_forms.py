"""The two normal forms."""

import pytest

from sidecar.records.forms import filter_value, folded, unit_id


@pytest.mark.parametrize(
    ("text", "form"),
    [("  Fin-Ance ", "fin_ance"), ("\u2003a-B\u2003", "a_b"), ("\u001ca", "\u001ca"), ("ÅB", "Åb"), ("", "")],
)
def test_folded(text: str, form: str) -> None:
    """The filter form trims Unicode white space only, writes ``-`` as ``_`` and lowercases ASCII only."""
    assert folded(text) == form


@pytest.mark.parametrize(("text", "form"), [(" ÅB-c ", "åb-c"), ("  ", "")])
def test_unit_id(text: str, form: str) -> None:
    """A unit's canonical form trims and lowercases all of Unicode, and leaves ``-`` alone."""
    assert unit_id(text) == form


@pytest.mark.parametrize("text", [None, "", "  ", "all", " ALL "])
def test_filter_value_of_nothing(text: str | None) -> None:
    """An absent, blank or ``all`` filter filters nothing."""
    assert filter_value(text) is None
