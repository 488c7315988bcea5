"""Reading an expression: what is one, what is none and where it breaks, within bounds."""

import pytest

from sidecar.cel.ast import walk
from sidecar.cel.errors import CelSyntaxError
from sidecar.cel.limits import Limits
from sidecar.cel.parse import parse


@pytest.mark.parametrize(
    "source",
    [
        "true",
        "record.status == 'open' && !(caller.is_workspace_operator || 1 + 2 * 3 > 4)",
        "caller.grants.exists(g, g.grant_id in record.scope.delegation_grant_ids)",
        "has(record.scope.owning_org_unit_id) ? size([1, 2u, 3.0]) : {'a': b'x'}['a'] == r'\\d'",
        '"""two\nlines""".matches("^a") // a comment',
        "-9223372036854775808 == -1 - 2",
        "a ? b : c ? d : e",
    ],
)
def test_expressions(source: str) -> None:
    """Whatever the language allows is read."""
    assert parse(source) is not None


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("", 1, 1),
        ("a &&", 1, 5),
        ("a & b", 1, 3),
        ("a = b", 1, 3),
        ("(a", 1, 3),
        ("a)", 1, 2),
        ("a.b\n  == 'x", 2, 6),
        ("1 2", 1, 3),
        ("9223372036854775808", 1, 1),
        ("a @ b", 1, 3),
        ("'\\q'", 1, 1),
    ],
)
def test_errors_know_their_place(source: str, line: int, column: int) -> None:
    """What is none is refused at the line and column where it breaks."""
    with pytest.raises(CelSyntaxError) as refused:
        parse(source)
    assert (refused.value.span.line, refused.value.span.column) == (line, column)


def test_precedence() -> None:
    """Operators bind as the language orders them: the same tree with and without the implied brackets."""

    def shape(source: str) -> list[str]:
        return [f"{type(node).__name__}:{getattr(node, 'function', '')}" for node in walk(parse(source))]

    bracketed = "((a || (b && ((c == (d + (e * (-f)))))))) ? g : h"
    assert shape("a || b && c == d + e * -f ? g : h") == shape(bracketed)


@pytest.mark.parametrize(
    "source",
    [
        "(" * 500 + "a" + ")" * 500,
        "!" * 5_000 + "a",
        "[" * 100_000,
        "a" + ".b" * 5_000,
        " + ".join(["a"] * 2_000),
        "'" + "x" * 20_000 + "'",
    ],
)
def test_bounds(source: str) -> None:
    """Excess of depth, nodes or length is refused, never a crash."""
    with pytest.raises(CelSyntaxError):
        parse(source)


def test_bounds_are_named() -> None:
    """A bound can be given."""
    with pytest.raises(CelSyntaxError):
        parse("a + b", Limits(source=3))
