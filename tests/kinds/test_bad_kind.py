"""What is wrong in a kind's schema is an error with its file, line and column, whatever asks for the kind."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from commands import Commands
from ticket_kind import ANNOTATION, SCHEMA, lines, ticket, write_kind

from sidecar.cli import main


def _with(**properties: Any) -> dict[str, Any]:
    return {**SCHEMA, "properties": {**SCHEMA["properties"], **properties}}


def _keeping(tenant: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    """Tickets whose tenant has another schema."""
    schema = _with(tenant_context=tenant)
    needed = [name for name in SCHEMA["required"] if required or name != "tenant_context"]
    return {**schema, "required": needed}


def _tenant(**members: Any) -> dict[str, Any]:
    """The schema of a tenant that is good but for these members."""
    text = {"type": "string"}
    good = {"org_id": text, "workspace_id": text, "deployment_id": {"type": ["string", "null"]}}
    return {"type": "object", "required": ["org_id", "workspace_id"], "properties": good, **members}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


_TEXT = {"type": "string"}
_NULLABLE = {"type": ["string", "null"]}
_BY_PATTERN: dict[str, Any] = {
    "properties": {"org_id": _TEXT, "workspace_id": _TEXT},
    "patternProperties": {"^dep": {"type": "integer"}},
    "additionalProperties": False,
}


def _annotated(**members: Any) -> dict[str, Any]:
    return {**SCHEMA, "x-sidecar": {**ANNOTATION, **members}}


@pytest.mark.parametrize(
    ("schema", "at", "sentence"),
    [
        (_with(extra={"$ref": "https://elsewhere.test/x.json"}), '"$ref": "https', "is not a local reference"),
        (_with(extra={"$ref": "file:///etc/passwd"}), '"$ref": "file', "is not a local reference"),
        (_with(extra={"$ref": "#/$defs/nothing"}), '"$ref": "#/$defs/nothing"', "names nothing in ticket.schema.json"),
        (_with(extra={"$ref": "#"}), '"$ref": "#"', "is not a local reference"),
        (_with(extra={"type": "string", "pattern": r"(a+)\1"}), '"pattern": "(a+)', "does not run in linear time"),
        (_with(extra={"type": "string", "pattern": "(?=a)b"}), '"pattern": "(?=a)b"', "does not run in linear time"),
        (_with(extra={"type": "strong"}), '"type": "strong"', "strong"),
        (_with(extra={"type": "integer", "default": "no"}), '"default": "no"', "does not match its own schema"),
        (_annotated(id=["/number"]), '"/number"', "/number is no property of the schema"),
        (_annotated(id=["/priority"]), '"/priority"', "/priority is no text"),
        (_annotated(tenant="/team"), '"tenant": "/team"', "/team has no text 'org_id'"),
        (_annotated(order=[{"field": "/status", "dir": "asc"}]), "{", "/status is no integer"),
        (_annotated(label=["/teem"]), '"/teem"', "/teem is no property of the schema"),
        (
            _annotated(filterable=["/status", "/tenant_context"]),
            '"/tenant_context"',
            "neither a text, an integer nor a boolean",
        ),
        (_annotated(write="replace"), '"write": "replace"', "replace"),
        (_annotated(wrote="upsert"), '"wrote"', "wrote"),
        (_annotated(projection="ticket"), '"projection"', "'ticket' is no projection"),
        ({name: part for name, part in SCHEMA.items() if name != "x-sidecar"}, "{", "a kind needs an annotation"),
        ({**SCHEMA, "type": "array"}, '"type": "array"', "a record is an object"),
    ],
)
def test_a_bad_schema_is_told_with_its_place(
    tmp_path: Path, schema: dict[str, Any], at: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A finding names file, line and column of what is wrong, and shows the line; the exit code is 1."""
    code, out = _checked(tmp_path, schema, capsys)
    assert code == 1
    found = re.search(r"ticket\.schema\.json:(\d+):(\d+): error: (.*)", out)
    assert found is not None, out
    assert sentence in out
    line = (tmp_path / "our-schemas" / "ticket.schema.json").read_text().splitlines()[int(found[1]) - 1]
    assert at in line, out
    assert line in out


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        ("{", "1:2", "ticket.schema.json"),
        ('{"type": "object",\n "type": "object"}', "2:2", "type"),
        ('{"type": "object", "x-sidecar": NaN}', "1:33", "NaN"),
        ("[]", "1:1", "a schema is a JSON object"),
    ],
)
def test_a_schema_that_is_no_json_is_told_with_its_place(
    tmp_path: Path, text: str, place: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Broken JSON, a name twice and what JSON does not know are findings too, a second name at its second place."""
    code, out = _checked(tmp_path, text, capsys)
    assert code == 1
    assert f"ticket.schema.json:{place}: error: " in out
    assert sentence in out


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        (
            {**SCHEMA, "required": [name for name in SCHEMA["required"] if name != "project"]},
            "/project may be left out, but belongs to the key; require it or give it a default",
        ),
        (_with(project=_NULLABLE), "/project may be null, but belongs to the key; leave null out of its type"),
        (_with(project={**_NULLABLE, "default": "web"}), "/project may be null"),
        (_keeping(_tenant(), required=False), "/tenant_context may be left out, but belongs to the tenant"),
        (_keeping(_nullable(_tenant())), "/tenant_context may be null"),
        (_keeping({**_tenant(), "type": ["object", "string"]}), "/tenant_context need not be an object"),
        (_keeping(_tenant(required=["org_id"])), "/tenant_context/workspace_id may be left out"),
        (
            _keeping(_tenant(properties={**_tenant()["properties"], "org_id": _NULLABLE})),
            "/tenant_context/org_id may be null",
        ),
        (
            _keeping(_tenant(properties={**_tenant()["properties"], "deployment_id": {"type": "integer"}})),
            "/tenant_context/deployment_id is no text",
        ),
        (
            _keeping(_tenant(properties={"org_id": _TEXT, "workspace_id": _TEXT})),
            "/tenant_context takes any 'deployment_id'",
        ),
        (_keeping(_tenant(**_BY_PATTERN)), "/tenant_context takes any 'deployment_id'"),
    ],
)
def test_every_valid_record_has_a_key_and_a_tenant(
    tmp_path: Path, schema: dict[str, Any], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A schema whose valid records may lack a part of their key or tenant is refused, once, with the way out."""
    code, out = _checked(tmp_path, schema, capsys)
    assert code == 1
    assert out.count(sentence) == 1, out


@pytest.mark.parametrize(
    "schema",
    [
        _keeping(_tenant()),
        _keeping({**_tenant(), "default": {"org_id": "acme", "workspace_id": "main"}}, required=False),
        _keeping(_tenant(properties={"org_id": _TEXT, "workspace_id": _TEXT}, additionalProperties=False)),
    ],
)
def test_a_default_is_as_good_as_a_required_tenant(
    tmp_path: Path, schema: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """A tenant that a default fills in is there, and a deployment that cannot be given is none."""
    assert _checked(tmp_path, schema, capsys)[0] == 0


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two kinds with two errors each give four findings, and a policy's own error beside them."""
    bad = _annotated(label=["/teem"], id=["/number"])
    write_kind(tmp_path, bad, name="second")
    options = write_kind(tmp_path, bad)
    policy = tmp_path / "our-policies" / "tickets.yaml"
    policy.write_text(policy.read_text().replace("rules:", "ruels:"))
    assert main(["check", *options]) == 1
    told = "".join(capsys.readouterr())
    assert told.count("/teem is no property") == told.count("/number is no property") == 2
    assert "ruels" in told


def test_one_kind_twice_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second schema of a name, shipped or not, is refused; the finding names both files and nothing is replaced."""
    options = write_kind(tmp_path, name="wait")
    assert main(["check", *options]) == 1
    told = "".join(capsys.readouterr())
    assert re.search(
        r"our-schemas/wait\.schema\.json:?.* error: the kind 'wait' is already defined by .*wait\.schema", told
    )
    twice = write_kind(tmp_path / "our-schemas", name="wait")
    assert main(["check", *options, *twice[:2]]) == 1
    assert "".join(capsys.readouterr()).count("the kind 'wait' is already defined by") == 2


@pytest.mark.parametrize("name", ["Ticket", "1ticket", "tick-et", "tick.et"])
def test_a_kind_has_a_plain_name(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The file's name is the kind's name: lower case, digits and _."""
    assert main(["check", *write_kind(tmp_path, name=name)[:2]]) == 1
    assert f"{name!r} cannot be a kind's name: lower case, digits and _" in "".join(capsys.readouterr())


def test_every_verb_refuses_a_bad_schema(tmp_path: Path) -> None:
    """No verb works with a kind that is wrong: each prints the finding and exits 1, and no store is made."""
    options = write_kind(tmp_path, _annotated(label=["/teem"]))
    sidecar = Commands(tmp_path)
    (tmp_path / "caller.json").write_text(json.dumps({"tenant": ticket(1)["tenant_context"]}))
    for verb in (["test"], ["load", "-"], ["query", "ticket", "--as", "caller.json"], ["serve"]):
        ended = sidecar.run(*verb, *options, given=lines(ticket(1)))
        assert ended.code == 1, (verb, ended)
        assert re.search(r"ticket\.schema\.json:\d+:\d+: error: /teem is no property", ended.err), (verb, ended)
    assert not list(tmp_path.glob("*.db"))


def _checked(folder: Path, schema: dict[str, Any] | str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(["check", *write_kind(folder, schema)])
    out, err = capsys.readouterr()
    return code, out + err
