"""The CEL engine. This is its door: nothing else in the program imports the rooms behind it.

A rule goes through it once: ``parse`` → ``check`` → ``compile_rule`` → ``Compiled.bind`` → a predicate over records.
"""

from sidecar.cel.ast import Expr, UInt
from sidecar.cel.check import Env, check
from sidecar.cel.checked import Checked, Path, describe_label_gap
from sidecar.cel.compile import Compiled, Predicate, compile_program, compile_quick, compile_rule
from sidecar.cel.errors import (
    CelCheckErrors,
    CelError,
    CelSyntaxError,
    CheckError,
    EvaluationError,
    Span,
    Unknown,
)
from sidecar.cel.law import law
from sidecar.cel.limits import LIMITS, Limits
from sidecar.cel.parse import parse
from sidecar.cel.trace import Part, Tracer, Turn
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
    Field,
    ListType,
    MapType,
    Nullable,
    ObjectType,
    Type,
    type_from_schema,
)

__all__ = [
    "BOOL",
    "BYTES",
    "DOUBLE",
    "DURATION",
    "DYN",
    "INT",
    "LIMITS",
    "NULL",
    "STRING",
    "TIMESTAMP",
    "UINT",
    "CelCheckErrors",
    "CelError",
    "CelSyntaxError",
    "CheckError",
    "Checked",
    "Compiled",
    "Env",
    "EvaluationError",
    "Expr",
    "Field",
    "Limits",
    "ListType",
    "MapType",
    "Nullable",
    "ObjectType",
    "Part",
    "Path",
    "Predicate",
    "Span",
    "Tracer",
    "Turn",
    "Type",
    "UInt",
    "Unknown",
    "check",
    "compile_program",
    "compile_quick",
    "compile_rule",
    "describe_label_gap",
    "law",
    "parse",
    "type_from_schema",
]
