"""Optional values, told apart from errors: made, asked, read on as far as they go, left out of lists and maps."""

from typing import Any

from cel_oracle import FAILS

from sidecar.cel import OptionalValue

NONE = OptionalValue()
ZEROS = ["null", "0", "0u", "0.0", "-0.0", "''", "b''", "false", "[]", "{}", "duration('0s')", "timestamp(0)"]
CASES: list[tuple[str, Any]] = [
    ("optional.of(1).hasValue()", True),
    ("optional.of(null).hasValue()", True),
    ("optional.none().hasValue()", False),
    *((f"optional.ofNonZeroValue({zero}).hasValue()", False) for zero in ZEROS),
    *(
        (f"optional.ofNonZeroValue({value}).hasValue()", True)
        for value in ("1", "'a'", "true", "[0]", "{'': 0}", "int")
    ),
    ("optional.ofNonZeroValue(optional.none()).hasValue()", True),
    ("optional.of(1).value()", 1),
    ("optional.none().value()", FAILS),
    ("optional.of(1 / 0).hasValue()", FAILS),
    ("optional.of(1).or(optional.of(2)).value()", 1),
    ("optional.none().or(optional.of(2)).value()", 2),
    ("optional.none().or(optional.none()).hasValue()", False),
    ("optional.of(1).orValue(2)", 1),
    ("optional.none().orValue(2)", 2),
    # a missing field or position is none; one that cannot be there at all is an error
    ("{'a': 1}.?a.value()", 1),
    ("{'a': 1}.?b.hasValue()", False),
    ("{'a': null}.?a.hasValue()", True),
    ("{'a': {'b': 1}}.?a.?b.value()", 1),
    ("{'a': {'b': 1}}.?a.b.value()", 1),
    ("{}.?a.b.hasValue()", False),
    ("{}.?a.?b.hasValue()", False),
    ("{'a': {}}.?a.b.hasValue()", False),
    ("{'a': {'b': {'c': 1}}}.?a.b.c.orValue(2)", 1),
    ("{'a': {'b': 1}}.a.?c.orValue(2)", 2),
    ("{}.a.?b.hasValue()", FAILS),
    ("dyn(1).?a.hasValue()", FAILS),
    ("dyn(null).?a.hasValue()", FAILS),
    ("{'a': dyn(null)}.?a.b.hasValue()", FAILS),
    ("optional.of({'a': 1}).a.value()", 1),
    ("optional.of({'a': 1}).?a.value()", 1),
    ("optional.of({'a': 1}).b.hasValue()", False),
    ("optional.none().a.hasValue()", False),
    ("[1, 2][?0].value()", 1),
    ("[1, 2][?2].hasValue()", False),
    ("[1, 2][?-1].hasValue()", False),
    ("{'a': 1}[?'a'].value()", 1),
    ("{'a': 1}[?'b'].hasValue()", False),
    ("{1: 'i'}[?dyn(1u)].value()", "i"),
    ("{1: 'i'}[?dyn(1.0)].value()", "i"),
    ("{1: 'i'}[?dyn(1.5)].hasValue()", False),
    ("{'a': 1}[?dyn(b'a')].hasValue()", False),
    ("optional.of([1, 2])[1].value()", 2),
    ("optional.of([1, 2])[?1].value()", 2),
    ("optional.of({'a': [5]}).a[0].value()", 5),
    ("optional.none()[0].hasValue()", False),
    ("dyn('abc')[?0].hasValue()", FAILS),
    ("[1][?dyn('a')].hasValue()", FAILS),
    ("[1][?dyn(0.0)].hasValue()", FAILS),
    # presence through an optional value is never an error
    ("has(optional.of({'a': 1}).a)", True),
    ("has(optional.of({'a': 1}).b)", False),
    ("has(optional.none().a)", False),
    ("has({}.?a.b)", False),
    ("has({'a': {'b': 1}}.?a.b)", True),
    # optMap and optFlatMap
    ("optional.of(2).optMap(x, x * 2).value()", 4),
    ("optional.none().optMap(x, 1 / 0).hasValue()", False),
    ("optional.of(0).optMap(x, 1 / x).hasValue()", FAILS),
    ("optional.of(1).optMap(x, optional.of(x)).value().value()", 1),
    ("optional.of(2).optFlatMap(x, optional.of(x * 2)).value()", 4),
    ("optional.of(2).optFlatMap(x, optional.none()).hasValue()", False),
    ("optional.none().optFlatMap(x, optional.of(1)).hasValue()", False),
    ("{'a': {'b': 1}}.?a.optFlatMap(x, x.?b).orValue(0)", 1),
    ("optional.of(1).optMap(x, optional.of(2).optMap(y, x + y).value()).value()", 3),
    ("[1, 2].map(x, optional.of(x).optMap(y, y + x).value())", [2, 4]),
    # what is left out where there is none
    ("[?optional.of(1), 2, ?optional.none()]", [1, 2]),
    ("[?{}.?a]", []),
    ("{?'a': optional.of(1), ?'b': optional.none(), 'c': 3}", {"a": 1, "c": 3}),
    ("{?'a': {}.?a}", {}),
    ("[?dyn(1)]", FAILS),
    ("{?'a': dyn(1)}", FAILS),
    # equality looks inside
    ("optional.of(1) == optional.of(1)", True),
    ("optional.of(1) == optional.of(2)", False),
    ("optional.none() == optional.none()", True),
    ("optional.of(1) != optional.none()", True),
    ("optional.of(dyn(1)) == optional.of(dyn(1.0))", True),
    ("optional.of(dyn(1)) == optional.of(dyn(true))", False),
    ("dyn(optional.of(1)) == 1", False),
    ("optional.of(1) in [optional.of(1)]", True),
    ("type(optional.of(1)) == optional_type", True),
    ("dyn(1).hasValue()", FAILS),
    ("dyn(null).orValue(1)", FAILS),
    ("optional.none().or(dyn(1)).hasValue()", FAILS),
    ("[1, 2].first().value()", 1),
    ("[1, 2].last().value()", 2),
    ("[].first().hasValue()", False),
    ("[].last().hasValue()", False),
]
OURS: list[tuple[str, Any]] = [
    ("optional.of([1, 2])[2].hasValue()", False),  # the oracle says there is one, but then has none
    ("optional.of(1).optFlatMap(x, dyn(x)).hasValue()", FAILS),  # the oracle takes it for the optional value
    ("optional.of(1)", OptionalValue(1)),  # the oracle cannot hand these out
    ("optional.none()", NONE),
    ("{'a': 1}.?b", NONE),
    ("[optional.of('a'), optional.none()]", [OptionalValue("a"), NONE]),
    ("optional.unwrap([optional.of(1), optional.none(), optional.of(2)])", [1, 2]),  # these two it does not know
    ("[optional.of(1), optional.none()].unwrapOpt()", [1]),
    ("[dyn(1)].unwrapOpt()", FAILS),
]
REFUSED = [
    *("optional.of()", "optional.none(1)", "optional.some(1)", "1.hasValue()", "optional.of(1).orValue('a')"),
    *("optional.of(1).or(2)", "[?1]", "{?'a': 1}", "1.?a", "'abc'[?0]", "[1][?'a']", "optional.of(1) == 1", "{}.?a()"),
    *(
        "optional.of(1).optMap(1, 1)",
        "optional.of(1).optMap(x)",
        "optional.of(1).optFlatMap(x, x)",
        "optional.of(1) + 1",
    ),
]
