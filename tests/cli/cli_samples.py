"""Records and callers for commands, and what a command did."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

TENANT = {"org_id": "acme", "workspace_id": "main"}


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The last line of the output as JSON."""
        return json.loads(self.out.splitlines()[-1])

    @property
    def rows(self) -> list[Any]:
        """Every line of the output as JSON."""
        return [json.loads(line) for line in self.out.splitlines()]


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


Sidecar = Callable[..., Ran]


def ndjson(path: Path, *records: tuple[str, Mapping[str, Any]]) -> Path:
    """A file of lines as ``load`` takes them."""
    path.write_bytes(b"".join(orjson.dumps({"kind": kind, "record": record}) + b"\n" for kind, record in records))
    return path


def letter(number: int, **changes: Any) -> tuple[str, dict[str, Any]]:
    """A dead letter; later numbers are newer."""
    record = {
        "dead_letter_id": f"d-{number}",
        "source_type": "tool_effect",
        "source_id": "e",
        "reason": "late",
        "status": "open",
        "run_id": "r-1",
        "scope": {"tenant_context": TENANT},
        "created_at_ms": 10 + number,
        "updated_at_ms": 20 + number,
    }
    return "dead_letter", {**record, **changes}


def happened(name: str, **changes: Any) -> tuple[str, dict[str, Any]]:
    """An event, which never changes once it is stored."""
    scope = {"tenant_context": TENANT}
    record = {"event_id": name, "run_id": "r-1", "event_type": "started", "seq": 1, "occurred_at_ms": 5, "scope": scope}
    return "event", {**record, **changes}


def caller(path: Path, **claims: Any) -> Path:
    """A file that says who asks: an operator, unless it says more."""
    path.write_bytes(orjson.dumps({"tenant": TENANT, "actor_id": "ann", **claims}))
    return path
