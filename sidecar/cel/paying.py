"""What parts of a rule cost: a turn of a loop by how much it evaluates, a text by how much of it is looked at.

The careful form pays for it; the fast form leaves to the careful one whatever could be long.
"""

from collections.abc import Sequence

from sidecar.cel.ast import Call, Expr, Literal, Loop
from sidecar.cel.checked import Checked
from sidecar.cel.library import LIBRARY
from sidecar.cel.patterns import compile_pattern
from sidecar.cel.place import Place
from sidecar.cel.types import BYTES, DYN, STRING, ListType, MapType, ObjectType, Type, bare

_PARTS_BY_STEP = 16
"""So many parts of what a loop evaluates cost a step more for each turn."""
_CHARACTERS_BY_STEP = 256
"""So many characters, or bytes, that are looked at cost a step."""
_MOST_TEXT = (16_384, 1_024, 128)
"""Characters that the fast form looks at outside of loops, in a loop, and in a loop in a loop."""
_MOST_COMPARED = 4_096
"""Characters of a string that the fast form compares in a loop in a loop."""
_SMALL_PATTERN = 32
"""The parts of a compiled pattern up to which such texts take no time worth counting."""
_TEXTS = frozenset((STRING, BYTES, DYN))
_READERS = frozenset(("contains", "startsWith", "endsWith", "int", "uint", "double", "string", "bytes"))
_EQUALITIES = frozenset(("==", "!="))


def turn(checked: Checked, node: Loop) -> int:
    """The steps of one turn of a loop."""
    body = (() if node.condition is None else (node.condition,)) + node.result
    return 1 + sum(map(checked.parts_in, body)) // _PARTS_BY_STEP


def looked_at(place: Place, node: Call, parts: Sequence[Expr], code: list[str]) -> list[str]:
    """The arguments of a function that reads its texts from end to end."""
    if node.function not in _READERS and node.function not in LIBRARY:
        return code
    return [
        item if isinstance(part, Literal) or bare(place.type_of(part)) not in _TEXTS else _text(place, item)
        for part, item in zip(parts, code, strict=True)
    ]


def _text(place: Place, code: str) -> str:
    if place.careful:
        return f"{place.meter()}.looked({code}, {_CHARACTERS_BY_STEP})"
    return f"short({code}, {_most_text(place)})"


def _most_text(place: Place) -> int:
    return _MOST_TEXT[min(len(place.scopes), len(_MOST_TEXT) - 1)]


def matched(place: Place, text: str, pattern: str) -> str:
    """``text.matches(pattern)`` for a pattern that the rule spells out."""
    compiled = compile_pattern(pattern)
    constant = place.unit.constant(compiled, ("pattern", pattern))
    if place.careful:
        return f"{place.meter()}.matched({text}, {constant})"
    most = _most_text(place) * _SMALL_PATTERN // max(compiled.programsize, _SMALL_PATTERN)
    return f"({constant}.search(short({text}, {most})) is not None)"


def compared(place: Place, node: Call, code: Sequence[str]) -> str | None:
    """A comparison whose cost depends on its values, or None when it is as cheap as any other step."""
    left, right = (bare(place.type_of(part)) for part in node.args)
    if any(isinstance(part, Literal) for part in node.args):
        return None
    meter, nested = place.meter() if place.careful else None, len(place.scopes)
    if left == right == STRING:
        if place.careful:
            return f"({meter}.looked({code[0]}, {_CHARACTERS_BY_STEP}) {node.function} {code[1]})"
        return f"(short({code[0]}, {_MOST_COMPARED}) {node.function} {code[1]})" if nested > 1 else None
    if node.function not in _EQUALITIES or not (_holds(left) and _holds(right)):
        return None
    negated = "not " if node.function == "!=" else ""
    if place.careful:
        return f"({negated}{meter}.same({code[0]}, {code[1]}))"
    return f"({negated}equal(single({code[0]}), {code[1]}))" if nested else None


def contained(place: Place, node: Call, item: str, container: str) -> str:
    """``item in container``, for any but a list of strings."""
    if place.careful:
        return f"{place.meter()}.member({item}, {container})"
    if isinstance(bare(place.type_of(node.args[1])), (MapType, ObjectType)):
        return f"member({item}, {container})"
    single = f"single({item})" if place.scopes and _holds(bare(place.type_of(node.args[0]))) else item
    return f"member({single}, few({container}, {'WIDE_INNER' if place.scopes else 'WIDE_OUTER'}))"


def _holds(type_: Type) -> bool:
    """Whether its values may hold others."""
    return type_ == DYN or isinstance(type_, (ListType, MapType, ObjectType))
