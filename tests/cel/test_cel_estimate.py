"""What a rule may cost is estimated from its loops and the bounds of its lists, before it runs."""

import dataclasses

import pytest

from sidecar.cel import BOOL, LIMITS, Env, Limits, check, parse, too_costly, type_from_schema

TEXT = {"type": "string"}
RECORD = type_from_schema(
    {
        "type": "object",
        "properties": {
            "open": {"type": "array", "items": TEXT},
            "ten": {"type": "array", "items": TEXT, "maxItems": 10},
            "huge": {"type": "array", "items": TEXT, "maxItems": 100_000},
            "name": TEXT,
        },
        "additionalProperties": False,
    },
    "record",
)
N = LIMITS.assumed


def refused(text: str, cost: int) -> bool:
    """Whether a rule is refused when this is allowed."""
    limits: Limits = dataclasses.replace(LIMITS, cost=cost)
    return too_costly(check(parse(text), Env({"record": RECORD}), expects=BOOL), limits) is not None


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("record.name == 'x' && record.name.contains('y')", 0),
        ("record.name in record.ten", 10),
        ("record.name in record.open", N),
        ("record.name in ['a', 'b', 'c']", 3),
        ("record.ten.exists(t, t == 'x')", 10),
        ("record.ten.exists(t, t in record.ten)", 10 + 10 * 10),
        ("record.ten.all(t, record.ten.exists(u, u == t))", 10 * (1 + 10)),
        ("record.ten.exists(t, t == 'a') || record.ten.exists(t, t == 'b')", 20),
        ("record.ten.filter(t, t != 'a').exists(t, t == 'b')", 20),
        ("record.ten.map(t, t + 'x').exists(t, t == 'b')", 20),
        ("(record.ten + record.ten).exists(t, t == 'b')", 20),
        ("(record.name == 'x' ? record.ten : record.open).exists(t, t == 'b')", max(10, N)),
        ("record.huge.exists(t, t == 'x')", 100_000),
    ],
)
def test_the_estimate_counts_turns_and_looks(text: str, steps: int) -> None:
    """Every turn of a loop and every element that ``in`` may look at is a step; nested loops multiply."""
    assert not refused(text, steps)
    assert steps == 0 or refused(text, steps - 1)


def test_a_named_expression_costs_wherever_it_is_named() -> None:
    """Naming a part makes it no cheaper."""
    some = check(parse("record.ten.exists(t, t == 'x')"), Env({"record": RECORD}))
    rule = check(parse("some && record.ten.all(t, some)"), Env({"record": RECORD}, {"some": some}), expects=BOOL)
    limits = dataclasses.replace(LIMITS, cost=10 + 10 * (1 + 10))
    assert too_costly(rule, limits) is None
    assert too_costly(rule, dataclasses.replace(limits, cost=limits.cost - 1)) is not None


def test_the_refusal_says_how_much_and_where() -> None:
    """The sentence tells the estimate, the limit and what to do, at the loop that costs the most."""
    text = "record.ten.exists(t, t == 'x') || record.huge.exists(h, h in record.huge)"
    error = too_costly(check(parse(text), Env({"record": RECORD}), expects=BOOL))
    assert error is not None
    assert text[error.span.offset :].startswith("record.huge.exists")
    assert f"10,000,100,010 steps, and {LIMITS.cost:,} are allowed" in error.message
    assert f"without it a list counts as {N} elements" in error.message
