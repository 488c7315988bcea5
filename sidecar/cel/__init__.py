"""The CEL engine. This is its door: nothing else in the program imports the rooms behind it.

A rule goes through it once: ``parse`` → ``check`` → ``compile_rule`` → ``Compiled.bind`` → a predicate over records.
Any other expression of the language: ``compile(source, variables)`` → a program over the variables' values.

The files, in the order in which a rule comes through them:

- ``lex``, ``parse`` and ``macros`` turn its text into the tree of ``ast``.
- ``check`` and ``names`` give every part a type (``types``) over an ``env`` and the signatures of ``functions``, and
  keep what is wrong in ``findings``; the rule is ``checked`` then. ``estimate`` and ``impossible`` (with ``shapes`` and
  ``domains``) say what is wrong with it although its types fit; ``law`` makes many rules one.
- ``compile`` writes it as Python: through ``emit``, ``place``, ``reads``, ``calls``, ``loops``, ``joins``, ``guards``
  and ``paying``, into ``frames``.
- That Python calls ``kernel``, ``meter``, ``prepared``, ``values``, ``conversions``, and through ``library`` the
  functions of ``times``, ``selectors``, ``optionals``, ``strings_ext``, ``math_ext`` and ``encoders``.
- ``trace`` evaluates a rule part by part, to explain an answer.

``LANGUAGE.md`` has the language itself; ``limits`` has every bound, ``errors`` what can go wrong, ``sentences`` every
sentence about it.
"""

from sidecar.cel.ast import Expr, UInt
from sidecar.cel.check import check
from sidecar.cel.checked import Checked, describe_label_gap
from sidecar.cel.compile import Compiled, Predicate, compile_program, compile_quick, compile_rule
from sidecar.cel.env import Env
from sidecar.cel.errors import (
    CelCheckErrors,
    CelError,
    CelSyntaxError,
    CheckError,
    EvaluationError,
    Unknown,
)
from sidecar.cel.estimate import too_costly
from sidecar.cel.impossible import never_true
from sidecar.cel.law import law
from sidecar.cel.limits import LIMITS, Limits
from sidecar.cel.parse import parse
from sidecar.cel.program import compile  # noqa: A004 - its name outside
from sidecar.cel.times import Duration, Timestamp
from sidecar.cel.trace import Part, Tracer, Turn
from sidecar.cel.types import (
    BOOL,
    DYN,
    INT,
    Type,
    type_from_schema,
)
from sidecar.cel.wrapped import OptionalValue, TypeValue

__all__ = [
    "BOOL",
    "DYN",
    "INT",
    "LIMITS",
    "CelCheckErrors",
    "CelError",
    "CelSyntaxError",
    "CheckError",
    "Checked",
    "Compiled",
    "Duration",
    "Env",
    "EvaluationError",
    "Expr",
    "Limits",
    "OptionalValue",
    "Part",
    "Predicate",
    "Timestamp",
    "Tracer",
    "Turn",
    "Type",
    "TypeValue",
    "UInt",
    "Unknown",
    "check",
    "compile",
    "compile_program",
    "compile_quick",
    "compile_rule",
    "describe_label_gap",
    "law",
    "never_true",
    "parse",
    "too_costly",
    "type_from_schema",
]
