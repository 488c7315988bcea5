"""What the names of an expression mean: its variables, named expressions and types, and where they are looked for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sidecar.cel.checked import Checked
from sidecar.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    UINT,
    ListType,
    MapType,
    OptionalType,
    Type,
    TypeType,
)

TYPE_NAMES: Mapping[str, Type] = {
    **{type_.name: type_ for type_ in (BOOL, INT, UINT, DOUBLE, STRING, BYTES)},
    "null_type": NULL,
    "list": ListType(DYN),
    "map": MapType(DYN, DYN),
    "type": TypeType(DYN),
    "optional_type": OptionalType(DYN),
    "google.protobuf.Timestamp": TIMESTAMP,
    "google.protobuf.Duration": DURATION,
}


@dataclass(frozen=True, slots=True)
class Env:
    """What names mean: variables by type, named expressions by their checked form."""

    variables: Mapping[str, Type]
    lets: Mapping[str, Checked] = field(default_factory=dict)
    shadowing: bool = False
    """Whether a loop variable may take the name of something else (standard CEL; policies refuse it)."""
    container: str = ""
    """Where names are looked for first: in ``a.b``, the name ``c`` is ``a.b.c``, ``a.c`` or ``c``."""
    lenient: bool = False
    """Whether types that do not fit are left to the evaluation where it may yet find a value: in comparisons, in
    branches, and below ``&&`` and ``||``, whose other side may decide."""


def candidates(name: str, container: str) -> Iterator[str]:
    """What a name may stand for, innermost first; a dot before it means exactly this."""
    if not name.startswith("."):
        parts = container.split(".") if container else []
        for count in range(len(parts), 0, -1):
            yield ".".join([*parts[:count], name])
    yield name.removeprefix(".")
