"""The one error tree. Every failure a user can meet is one of these, and each knows where it happened.

SidecarError
├── ConfigError        the command line, the configuration, a missing folder (exit 2)
├── FindingsError      one or more findings inside files the user wrote (exit 1)
│   ├── SchemaError        a kind's schema
│   └── PolicyError        a policy or a suite
├── RecordConflict     an append-only record offered again with other content
├── Refusal            a request that is not answered: a code, a sentence and what the caller may be told
│   ├── BadRequest         the query or the body is wrong
│   ├── Unauthenticated    no identity is proved
│   ├── Forbidden          an identity that may not do this
│   ├── Absent             hidden or absent; nobody can tell which
│   ├── Unprocessable      a body that is JSON, but not of the form that is needed
│   └── Conflict           what was asked for does not fit the state of things
└── StoreError         the store cannot answer
    └── StoreVersionError  the store was written by a newer release
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong in one file. ``line`` and ``column`` count from 1; 0 means the whole file."""

    path: str
    line: int
    column: int
    message: str
    text: str = ""
    severity: Literal["error", "note"] = "error"

    def __str__(self) -> str:
        """``path:line:column: error: message``, then the line and a caret."""
        head = f"{self.path}:{self.line}:{self.column}: {self.severity}: {self.message}"
        if not self.text or not self.line:
            return head
        shown = self.text.replace("\t", " ")
        return f"{head}\n    {shown}\n    {' ' * (self.column - 1)}^"


@dataclass(frozen=True, slots=True)
class Reject:
    """One refused record. ``line`` counts from 1, ``pointer`` is the JSON pointer of what is wrong."""

    line: int
    kind: str | None
    pointer: str
    message: str


class SidecarError(Exception):
    """The root of the tree."""


class ConfigError(SidecarError):
    """The command line or the configuration is wrong; in a file, ``findings`` tell where."""

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)

    @classmethod
    def of(cls, findings: Sequence[Finding]) -> "ConfigError":
        """What is wrong in a file of the configuration."""
        return cls("\n".join(map(str, findings)), findings)


class FindingsError(SidecarError):
    """Files the user wrote have errors; all of them are in ``findings``."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = tuple(findings)


class SchemaError(FindingsError):
    """A kind's schema cannot be used."""


class PolicyError(FindingsError):
    """A policy or a suite cannot be used."""


class RecordConflict(SidecarError):  # noqa: N818 - the word users know
    """An append-only record came again with other content; of those offered with it nothing was stored.

    ``before`` are records of the same load that were stored before them.
    """

    def __init__(self, rejects: Sequence[Reject], before: int = 0) -> None:
        kept = f"; {before} record(s) before them are stored already" if before else ""
        super().__init__(f"{len(rejects)} append-only record(s) differ from what is stored{kept}")
        self.rejects = tuple(rejects)


class Refusal(SidecarError):  # noqa: N818 - the word of this tree
    """A request that is not answered. ``details`` are further members of the error body."""

    def __init__(self, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details: Mapping[str, Any] = details


class BadRequest(Refusal):
    """The query or the body is wrong."""


class Unauthenticated(Refusal):
    """The request proves no identity. The message tells an honest client what to mend, and nothing of the tenant."""

    def __init__(self, message: str) -> None:
        super().__init__("unauthenticated", message)


class Forbidden(Refusal):
    """The caller may not do this."""


class Absent(Refusal):
    """Hidden or absent: one answer for both."""


class Unprocessable(Refusal):
    """The body is JSON, but not of the form that is needed."""


class Conflict(Refusal):
    """What was asked for does not fit the state of things."""


class StoreError(SidecarError):
    """The store cannot answer. The text, with the driver's own, is for the log and the terminal, never for a client."""


class StoreVersionError(StoreError):
    """The store's tables are of a newer release than this program."""
