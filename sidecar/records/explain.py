"""Why a record is refused: the pointer of what is wrong and one sentence that says what would be right."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import jsonschema
import jsonschema_rs
import orjson
from jsonschema.exceptions import ValidationError, best_match

from sidecar.records.places import token

MOST = 10
"""How many faults of one record are told."""

Fault = Any
"""An error of jsonschema, whose types say that any part of it may be unset; in one that was raised, none is."""

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
_Strict = jsonschema.validators.extend(  # type: ignore[no-untyped-call]  # the library has no types
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
        return explained(self._validator.iter_errors(record))


def explained(errors: Iterable[Fault]) -> list[tuple[str, str]]:
    """The deepest cause of each error as pointer and sentence, one for each pointer, at most ``MOST``."""
    found: dict[str, str] = {}
    for error in _unwrapped(errors):
        deepest = best_match([error]) or error
        found.setdefault(_pointer(deepest), _sentence(deepest))
        if len(found) == MOST:
            break
    return list(found.items())


def _unwrapped(errors: Iterable[Fault]) -> Iterator[Fault]:
    """The errors, where null is allowed those of the other branch: that nobody wrote null goes without saying."""
    for error in errors:
        others = [part for part in error.context if part.validator_value != "null"]
        if error.validator == "anyOf" and len(others) < len(error.context):
            yield from _unwrapped(others)
        else:
            yield error


def _pointer(error: Fault) -> str:
    pointer = "".join(token(str(part)) for part in error.absolute_path)
    name = _missing(error) or _unknown(error)
    return pointer + token(name) if name is not None else pointer


def _unknown(error: Fault) -> str | None:
    """The first name that an object may not have."""
    if error.validator != "additionalProperties" or error.validator_value is not False:
        return None
    return next((name for name in error.instance if name not in error.schema.get("properties", {})), None)


def _missing(error: Fault) -> str | None:
    """The name that a failed ``required`` misses: jsonschema tells it in its sentence only."""
    if error.validator != "required":
        return None
    wanted: list[str] = error.validator_value
    missing = [name for name in wanted if name not in error.instance]
    return next((name for name in missing if error.message.startswith(repr(name))), missing[0])


def _sentence(error: Fault) -> str:
    word = str(error.validator)
    say = _SENTENCES.get(word)
    if say is not None:
        return f"is {_shown(error.instance)}, {say(error)}"
    if word == "required":
        return "is required"
    name = _unknown(error)
    if name is not None:
        return f"is unknown{_hint(name, list(error.schema.get('properties', {})))}"
    message = str(error.message)
    return message if len(message) <= _LONGEST else message[:_LONGEST] + "…"


def _type(error: Fault) -> str:
    words = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    return f"must be {' or '.join(_NOUNS[word] for word in words)}"


def _enum(error: Fault) -> str:
    words = [str(word) for word in error.validator_value]
    return f"must be one of {', '.join(words)}{_hint(error.instance, words)}"


_SENTENCES: Mapping[str, Callable[[Fault], str]] = {
    "type": _type,
    "enum": _enum,
    "minimum": lambda error: f"must be {error.validator_value} or more",
    "maximum": lambda error: f"must be {error.validator_value} or less",
}


def _hint(given: object, words: list[str]) -> str:
    near = get_close_matches(given, words, 1) if isinstance(given, str) else []
    return f"; did you mean {near[0]!r}?" if near else ""


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
