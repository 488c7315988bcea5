"""What can go wrong with a rule; ``sentences`` says it.

CelError
├── CelSyntaxError    the text is no CEL, or is beyond a limit
├── CelCheckErrors    the text is CEL, but not over these types; all findings at once
├── EvaluationError   a value the rule needs is missing, of another type or out of range
└── Unknown           the rule read what is not known yet (a label does not hold it)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sidecar.errors import SidecarError


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a rule's text. ``offset`` and ``end`` count code points from 0, ``line`` and ``column`` from 1."""

    offset: int
    end: int
    line: int
    column: int


class CelError(SidecarError):
    """Anything wrong with a rule: its text, its types, or one evaluation."""


class CelSyntaxError(CelError):
    """The text cannot be read as CEL. ``span`` is the place, ``message`` the sentence."""

    def __init__(self, message: str, span: Span) -> None:
        super().__init__(f"{span.line}:{span.column}: {message}")
        self.message = message
        self.span = span


@dataclass(frozen=True, slots=True)
class CheckError:
    """One thing wrong with the types of a rule."""

    span: Span
    message: str


class CelCheckErrors(CelError):
    """Everything the checker found in one rule."""

    def __init__(self, errors: Sequence[CheckError]) -> None:
        super().__init__("\n".join(f"{error.span.line}:{error.span.column}: {error.message}" for error in errors))
        self.errors = tuple(errors)


class EvaluationError(CelError):
    """This evaluation has no value. A rule that errs is never true."""


class Unknown(CelError):
    """This evaluation needs something that is not known here."""
