"""Why a record is refused: the pointer of what is wrong and one sentence that says what would be right."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import jsonschema
import jsonschema_rs
import orjson
from jsonschema.exceptions import ValidationError, best_match

from sidecar.records.places import token

MOST = 10
"""How many faults of one record are told."""

_LONGEST = 200
_NOUNS = {
    "string": "a text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


def _is_integer(_: Any, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    """Patterns run in linear time here too; the standard library's may run for ever."""
    if isinstance(value, str) and not jsonschema_rs.is_valid(
        {"pattern": pattern}, value, pattern_options=jsonschema_rs.RegexOptions()
    ):
        yield ValidationError(f"does not match the pattern {pattern}")


# 5.0 is an integer to JSON Schema, and not to us.
_Strict = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {"pattern": _pattern},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


class Explainer:
    """Explains refusals under one schema."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._validator = _Strict(schema)

    def faults(self, record: object) -> list[tuple[str, str]]:
        """What is wrong, as pointers and sentences: at most ``MOST``, none for a record that is right."""
        found: dict[tuple[str, str], None] = {}
        for error in self._validator.iter_errors(record):
            deepest = best_match([error]) or error
            found[_pointer(deepest), _sentence(deepest)] = None
            if len(found) == MOST:
                break
        return list(found)


def _pointer(error: ValidationError) -> str:
    pointer = "".join(token(str(part)) for part in error.absolute_path)
    missing = _missing(error)
    return pointer + token(missing) if missing is not None else pointer


def _missing(error: ValidationError) -> str | None:
    """The name that a failed ``required`` misses: jsonschema tells it in its sentence only."""
    if error.validator != "required":
        return None
    wanted: list[str] = error.validator_value
    missing = [name for name in wanted if name not in error.instance]
    return next((name for name in missing if error.message.startswith(repr(name))), missing[0])


def _sentence(error: ValidationError) -> str:
    given, wanted = error.instance, error.validator_value
    if error.validator == "required":
        return "is required"
    if error.validator == "type":
        words = wanted if isinstance(wanted, list) else [wanted]
        return f"is {_shown(given)}, must be {' or '.join(_NOUNS[word] for word in words)}"
    if error.validator == "enum":
        return _enum(given, wanted)
    if error.validator == "minimum":
        return f"is {_shown(given)}, must be {wanted} or more"
    if error.validator == "maximum":
        return f"is {_shown(given)}, must be {wanted} or less"
    return error.message if len(error.message) <= _LONGEST else error.message[:_LONGEST] + "…"


def _enum(given: object, wanted: list[Any]) -> str:
    near = (
        get_close_matches(given, [word for word in wanted if isinstance(word, str)], 1)
        if isinstance(given, str)
        else []
    )
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"is {_shown(given)}, must be one of {', '.join(str(word) for word in wanted)}{hint}"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    try:
        text = orjson.dumps(value).decode()
    except TypeError:
        text = repr(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
