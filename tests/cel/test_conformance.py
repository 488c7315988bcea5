"""The language, case by case as its definition has it, and Google's own engine over the same cases.

Each table in ``tables`` has one subject. ``CASES`` are expressions and their values; ``OURS`` are those of which Google's
engine says something else, or knows nothing; ``REFUSED`` are texts that are wrong before anything is evaluated.
"""

from typing import Any

import pytest
from conformance import FAILS, answers, oracle_answer, plain, refused, same
from tables import literals, macros, math, operators, optionals, strings, times, types

from sidecar.cel import TypeValue

TABLES = (literals, macros, math, operators, optionals, strings, times, types)


def lines(*parts: str) -> list[Any]:
    """The lines of these parts of every table, each called by its subject and its expression."""
    found = []
    for table in TABLES:
        subject = table.__name__.rpartition(".")[2]
        for line in (line for part in parts for line in getattr(table, part)):
            values = line if isinstance(line, tuple) else (line,)
            found.append(pytest.param(*values, id=f"{subject}: {values[0]}"))
    return found


@pytest.mark.parametrize(("text", "value"), lines("CASES", "OURS"))
def test_meaning(text: str, value: Any) -> None:
    """An expression has the value of the definition in both forms, type for type, or none where it has none."""
    for given in answers(text):
        assert same(given, value)


@pytest.mark.parametrize(("text", "value"), lines("CASES"))
def test_oracle(text: str, value: Any) -> None:
    """Google's engine says the same of each line, as far as it can hand it out."""
    assert same(plain(value), oracle_answer(text))


@pytest.mark.parametrize("text", lines("REFUSED"))
def test_refused(text: str) -> None:
    """What no overload and no macro takes is refused before anything is evaluated, by Google's engine as well."""
    assert refused(text)
    assert oracle_answer(text) == FAILS


@pytest.mark.parametrize(("bare", "bracketed"), literals.PRECEDENCE)
def test_precedence(bare: str, bracketed: str) -> None:
    """Operators bind as the definition orders them."""
    assert same(answers(bare), answers(bracketed))


@pytest.mark.parametrize(("text", "name"), types.TYPES.items())
def test_types(text: str, name: str) -> None:
    """Every value has a type, which is a value too."""
    for given in answers(f"type({text})"):
        assert same(given, TypeValue(name))
    assert str(TypeValue(name)) == name


@pytest.mark.parametrize("name", sorted(set(types.TYPES.values())))
def test_type_names(name: str) -> None:
    """Every type has a name that means it."""
    for given in answers(name):
        assert same(given, TypeValue(name))
