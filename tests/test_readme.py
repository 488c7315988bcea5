"""The README says what is so: its tables are held against the program, its examples are run."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sidecar.policy.bundle import build
from sidecar.policy.suite import run
from sidecar.records.ingest import Intake
from sidecar.records.schemas import load_kinds, shipped_schemas
from sidecar.records.store import Prepared

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CODE = re.compile(r'"([a-z]+(?:_[a-z]+)*)"')


def settings(schema: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every setting of the configuration's schema with its default."""
    for name, part in schema["properties"].items():
        if "properties" in part and "default" not in part:
            yield from settings(part, f"{prefix}{name}.")
        else:
            yield prefix + name, part["default"] if isinstance(part["default"], str) else json.dumps(part["default"])


def test_the_table_of_settings_is_the_schema() -> None:
    """Every setting stands in the README with its default, and no other does."""
    schema = json.loads((shipped_schemas() / "config.schema.json").read_text())
    told = re.findall(r"^\| `([a-z_.]+)` \| `(.*?)` \| .+ \|$", README, re.MULTILINE)
    assert told == list(settings(schema))


def test_every_error_code_is_told() -> None:
    """The codes of the README's table are those that the program raises."""
    table = README.split("| status | codes |")[1].split("## Configuration")[0]
    told = set(re.findall(r"`([a-z_]+)`", table)) - {"nearest", "choices", "rejected"}
    pattern = re.compile(
        r'(?:fault\(\s*\d+,|answer\(\s*\d+,|BadRequest\(|Forbidden\(|Conflict\(|Absent\(|Unprocessable\(|Invalid\w*\(|super\(\).__init__\(|\d{3}: \()\s*"([a-z_]+)"'
    )
    raised = {code for path in (ROOT / "sidecar").rglob("*.py") for code in pattern.findall(path.read_text())}
    assert told >= raised - {"refused"}
    everything = "".join(path.read_text() for path in (ROOT / "sidecar").rglob("*.py"))
    assert [code for code in sorted(told) if f'"{code}"' not in everything and not code.endswith("_not_found")] == []


def test_the_first_kind_and_its_policy_work(tmp_path: Path) -> None:
    """The README's kind is accepted as it stands, and its policy compiles for it and needs but a suite."""
    schema = re.search(r"```json\n(\{\n  \"\$schema\".*?)```", README, re.DOTALL)
    policy = re.search(r"```yaml\n(apiVersion: sidecar/v1\npolicy: tickets.*?)```", README, re.DOTALL)
    assert schema is not None
    assert policy is not None
    (tmp_path / "ticket.schema.json").write_text(schema[1])
    (tmp_path / "tickets.yaml").write_text(policy[1])
    kinds = load_kinds([shipped_schemas(), tmp_path])
    record = {"id": "t1", "tenant": {"org_id": "acme", "workspace_id": "main"}, "team": "ops", "opened_at_ms": 1}
    assert isinstance(Intake(kinds).accept("ticket", record), Prepared)
    bundle = build([tmp_path], kinds)
    assert bundle.of("ticket") is not None
    assert [gap.message for gap in run(bundle, witness=False).gaps if "suite" in gap.message] == [
        "has no suite; write tickets_test.yaml beside it"
    ]
