"""The README says what is so: its tables are held against the program, its examples are run."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiohttp import web

from sidecar.errors import Unauthenticated
from sidecar.http.answer import _OF_HTTP, STATUSES, of_http
from sidecar.policy.bundle import build
from sidecar.policy.suite import run
from sidecar.records.ingest import Intake
from sidecar.records.schemas import load_kinds, shipped_schemas
from sidecar.records.store import Prepared

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
REFUSALS = {kind.__name__: str(status) for kind, status in STATUSES.items() if kind is not Unauthenticated}
"""The classes that are raised with a code, and their statuses."""
BUILT = {"f'stateful_{self.kind}_not_found'": ("stateful_dead_letter_not_found", "stateful_compensation_not_found")}
"""The codes that are put together where they are raised."""
PASSED_ON = {
    ("status", "code"),
    ("error.status", "code"),
    ("STATUSES[type(refusal)]", "refusal.code"),
    ("401", "refusal.code"),
}
"""Where an error is written whose status and code were named elsewhere."""


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


def told_codes() -> Iterator[tuple[str, str]]:
    """Each status of the README's table with each of its codes."""
    table = README.split("| status | codes |\n| --- | --- |\n")[1].split("\n\n")[0]
    for status, cell in re.findall(r"^\| (.+?) \| (.+) \|$", table, re.MULTILINE):
        for told in cell.split(" · "):
            code = re.fullmatch(r"`([a-z_]+)`(?: \(.+\))?", told)
            assert code is not None, told
            yield status, code[1]


def answered_codes() -> Iterator[tuple[str, str]]:
    """Each status that the program answers with, with each of its codes."""
    yield str(STATUSES[Unauthenticated]), Unauthenticated("").code
    yield from ((str(status), code) for status, (code, _) in _OF_HTTP.items())
    other = of_http(web.HTTPGone()).body
    assert isinstance(other, bytes)
    yield "any other", json.loads(other)["error"]
    for path in (ROOT / "sidecar").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            yield from codes_of(node)


def codes_of(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The statuses and codes that a call names: of a refusal, whose class has its status, or one beside the other."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=[code, *_]) if name in REFUSALS:
            codes = [code.value] if isinstance(code, ast.Constant) else BUILT[ast.unparse(code)]
            yield from ((REFUSALS[name], one) for one in codes)
        case ast.Call(args=[ast.Constant(value=int(status)), ast.Constant(value=str(code)), *_]) if status >= 400:
            yield str(status), code
        case ast.Call(func=ast.Name(id="fault"), args=[status, code, *_]):
            assert (ast.unparse(status), ast.unparse(code)) in PASSED_ON, ast.unparse(node)


def test_every_error_code_is_told() -> None:
    """The README's table has every code that the program answers, at every status it has, each once, and no other."""
    assert sorted(told_codes()) == sorted(set(answered_codes()))


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
