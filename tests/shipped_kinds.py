"""The shipped kinds, and the door through which their records come in: read once, for all tests of a process."""

from functools import cache

from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.schemas import load_kinds, shipped_schemas


@cache
def kinds() -> Kinds:
    """The shipped kinds."""
    return load_kinds([shipped_schemas()])


@cache
def intake() -> Intake:
    """The door for records of the shipped kinds."""
    return Intake(kinds())
