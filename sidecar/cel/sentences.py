"""Every sentence about what is wrong with a rule: with its text, its types, as a condition, in one evaluation."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from reprlib import repr as shown

_FEW = 8
"""How many of the values that may stand in a place a sentence lists."""
_MOST_SHOWN = 100
"""How many characters of a rule's text a sentence shows."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`` (did you mean …?)`` with the nearest known name, or nothing."""
    close = get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


def start(text: str) -> str:
    """As much of a rule's text as a sentence can bear."""
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"


# --- the text ---------------------------------------------------------------------------------------------------------


def source_too_long(limit: int) -> str:
    return f"the expression is longer than {limit} bytes"


def too_deep(limit: int) -> str:
    return f"the expression is nested deeper than {limit} levels"


def too_many_nodes(limit: int) -> str:
    return f"the expression has more than {limit} parts"


def too_nested_loops(limit: int) -> str:
    return f"loops are nested deeper than {limit}"


def unexpected(found: str, wanted: str) -> str:
    return f"expected {wanted}, found {found}"


def unexpected_character(character: str) -> str:
    return f"{character!r} has no meaning here"


def single_operator(found: str) -> str:
    return f"'{found}' is no operator; did you mean '{found * 2}'?"


def unterminated_string() -> str:
    return "this string has no end"


def bad_escape(text: str) -> str:
    return f"'{text}' is no escape sequence"


def bad_code_point(text: str) -> str:
    return f"'{text}' is no Unicode scalar value"


def escape_in_bytes(text: str) -> str:
    return f"'{text}' cannot stand in bytes; use \\x and two hexadecimal digits"


def integer_out_of_range(text: str, kind: str) -> str:
    return f"{start(text)} does not fit {kind} of 64 bits"


def reserved_word(word: str) -> str:
    return f"'{word}' is a reserved word and cannot be a name"


def macro_variable() -> str:
    return "a loop variable must be a plain name"


def one_variable_twice(name: str) -> str:
    return f"both loop variables are called '{name}'"


def has_needs_field() -> str:
    return "has() takes one field selection, like has(record.scope)"


def message_literal() -> str:
    return "protobuf messages are not supported; write a map, like {'key': value}"


def no_optional_here() -> str:
    return "a call cannot be optional; '.?' takes a field's name"


# --- the types --------------------------------------------------------------------------------------------------------


def unknown_type(text: str) -> str:
    return f"there is no type {text!r}; write one like 'int', 'list(string)' or 'map(string, dyn)'"


def unknown_name(name: str, known: Iterable[str]) -> str:
    return f"there is no '{start(name)}' here{nearest(name, known)}"


def unknown_field(name: str, owner: str, known: Iterable[str]) -> str:
    return f"{start(owner)} has no field '{start(name)}'{nearest(name, known)}"


def no_fields(type_name: str, name: str) -> str:
    return f"{start(type_name)} has no fields, so '.{start(name)}' cannot be read"


def has_no_meaning(type_name: str, name: str) -> str:
    return f"has() asks for a field, but {start(type_name)} has none, so '.{start(name)}' cannot be asked for"


def unknown_function(name: str, known: Iterable[str]) -> str:
    return f"there is no function '{start(name)}'{nearest(name, known)}"


def never_equal(left: str, right: str) -> str:
    return f"{left} and {right} cannot be compared: they are never equal"


def in_string() -> str:
    return "'in' looks into a list or a map, not into a string; for a part of a string write .contains()"


def in_other(type_name: str) -> str:
    return f"'in' looks into a list or a map, not into {type_name}"


def never_in(left: str, right: str) -> str:
    return f"{left} is never in {right}"


def no_overload(operator: str, types: Sequence[str]) -> str:
    return f"'{operator}' does not apply to {' and '.join(types) or 'nothing'}"


def no_method(name: str, target: str, arguments: Sequence[str]) -> str:
    return f"{target} has no '.{name}({', '.join(arguments)})'"


def not_a_method(name: str) -> str:
    return f"'{name}' is called as {name}(…), not on a value"


def not_a_function(name: str) -> str:
    return f"'{name}' is called on a value, as value.{name}(…)"


def not_boolean(operator: str, found: str) -> str:
    return f"'{operator}' joins conditions, but this is {found}"


def not_a_condition(found: str) -> str:
    return f"this must be a condition (true or false), but it is {found}"


def wrong_type(wanted: str, found: str) -> str:
    return f"this must be {wanted}, but it is {found}"


def not_optional(found: str) -> str:
    return f"'?' takes an optional value, but this is {found}"


def branches_differ(left: str, right: str) -> str:
    return f"both branches must have one type, but they are {left} and {right}"


def loop_over(found: str, macro: str) -> str:
    return f"'.{macro}()' goes through a list or a map, not through {found}"


def loop_predicate(macro: str, found: str) -> str:
    return f"the condition of '.{macro}()' must be true or false, but it is {found}"


def shadows(name: str) -> str:
    return f"'{start(name)}' already has a meaning here; give the loop variable another name"


def not_in_enum(value: str, allowed: Sequence[str]) -> str:
    close = nearest(value, allowed)
    shown = ", ".join(f"'{item}'" for item in allowed[:_FEW]) + (", …" if len(allowed) > _FEW else "")
    return f"'{start(value)}' never occurs here{close or f'; the values are {shown}'}"


def bad_pattern(reason: str) -> str:
    return f"this is no RE2 pattern: {start(reason)}"


def too_large_with_lets(limit: int) -> str:
    return f"with its named expressions written out, this has more than {limit} parts"


# --- conditions that can never be true, or cost too much --------------------------------------------------------------


def never_true(reason: str) -> str:
    return f"the rule is never true: {reason}"


def always(value: object) -> str:
    return f"this is always {str(value).lower()}"


def always_fails(reason: str) -> str:
    return f"this always ends in an error ({start(reason)})"


def always_there(name: str) -> str:
    return f"'{start(name)}' is always there"


def not_there(name: str) -> str:
    return f"'{start(name)}' would have to be there and not to be there"


def cannot_be(name: str | None) -> str:
    what = "nothing" if name is None else f"no value of '{start(name)}'"
    return f"{what} meets this and what must hold with it"


def with_itself() -> str:
    return "this compares a value with itself"


def with_its_opposite() -> str:
    return "this would have to be true and false at once"


def no_way(reason: str) -> str:
    return f"every way through this is closed, the first because {reason}"


def too_costly(estimate: int, limit: int, assumed: int) -> str:
    return (
        f"this may take {estimate:,} steps, and {limit:,} are allowed; nest fewer loops, "
        f"or bound the lists by maxItems in the schema (without it a list counts as {assumed} elements)"
    )


# --- one evaluation ---------------------------------------------------------------------------------------------------


def missing_field(name: str) -> str:
    return f"'{name}' is missing"


def missing_key(key: object) -> str:
    return f"the map has no key {shown(key)}"


def wrong_value(name: str, wanted: str, found: str) -> str:
    return f"'{name}' should be {wanted}, but is {found}"


def unknown_path(name: str) -> str:
    return f"'{name}' is not known here"


def no_such_overload(operation: str, types: Sequence[str]) -> str:
    return f"no such overload: '{operation}' over {', '.join(types)}"


def overflow(kind: str) -> str:
    return f"the result does not fit {kind} of 64 bits"


def by_zero(operation: str) -> str:
    return f"{operation} by zero"


def out_of_range(index: object, size: int) -> str:
    return f"index {index} is outside a list of {size}"


def duplicate_key(key: object) -> str:
    return f"the key {shown(key)} is given twice"


def bad_key(kind: str) -> str:
    return f"{kind} cannot be a map key"


def bad_conversion(value: object, kind: str) -> str:
    return f"{shown(value)} cannot become {kind}"


def none_has_no_value() -> str:
    return "an optional value that is none has no value"


def outside_years() -> str:
    return "a timestamp lies in the years 1 to 9999"


def too_long_a_time() -> str:
    return "the time between is too long for a duration"


def unknown_zone(name: str) -> str:
    return f"{shown(name)} is no time zone; write a name like 'Europe/Paris' or an offset like '+02:00'"


def no_position(position: int, length: int) -> str:
    return f"there is no position {position} in a string of {length}"


def no_range(start: int, end: int) -> str:
    return f"a substring cannot start at {start} and end at {end}"


def too_long_a_text(limit: int) -> str:
    return f"the result is longer than {limit}"


def no_clause(letter: str) -> str:
    return f"'%{letter}' is no clause of format(); the clauses are %s %d %f %e %b %o %x %X and %%"


def too_precise(limit: int) -> str:
    return f"format() writes at most {limit} digits after the point"


def too_few_arguments() -> str:
    return "format() has more clauses than arguments"


def not_formatted(letter: str, kind: str) -> str:
    return f"'%{letter}' does not write {kind}"


def no_numbers() -> str:
    return "there is no greatest or least of nothing"


def negative_shift() -> str:
    return "bits cannot be shifted by less than nothing"


def no_variable(name: str) -> str:
    return f"'{name}' is not given"


def wrong_input(name: str, kind: str) -> str:
    return f"'{name}' holds {kind}, which is no value of CEL"


def one_key() -> str:
    return "a Python dict cannot hold both a bool and the number equal to it as keys"


def over_budget(limit: int) -> str:
    return f"this took more than {limit} steps"


def no_value(reason: object) -> str:
    return f"no value: {reason}"
