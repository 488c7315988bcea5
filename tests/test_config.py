"""The configuration: read strictly, every value from the first of flag, environment, file and default that gives it."""

import base64
import dataclasses
import hashlib
import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.config import Address, Config, Limits, Writer
from sidecar.config_file import Flags, read_config
from sidecar.errors import ConfigError
from sidecar.records.runtime_files import PLACES
from sidecar.shipped import shipped
from sidecar.validated import schema_of

KEY = base64.b64encode(bytes(range(64))).decode()

WHOLE = f"""
store: {{url: "sqlite:///data/s.db", read_connections: 3, statement_timeout_ms: 100}}
policies: [default, mine]
schemas: [kinds]
judging: labels-only
verify: always
listen: unix:/run/s.sock
admin_listen: "[::1]:9000"
workers: 1
identity: {{trusted_proxies: [10.0.0.0/8, "::1"], operator_without_units: never, unit_claim: required}}
admin:
  tokens:
    - token_env: WRITER
      kinds: [wait]
      tenants: [{{org_id: acme, workspace_id: main}}, {{org_id: acme, workspace_id: lab, deployment_id: d}}]
    - {{token_sha256: "{"0" * 64}", kinds: [org_unit], tenants: [], authority: true}}
cursor: {{keys: ["{KEY}"]}}
runtime: {{paths: {{waits: w.json}}, assume_unscoped: true, follow: data, poll_ms: 90}}
limits: {{handler_timeout_ms: 5, body_bytes: 7}}
reload: {{watch: false, poll_ms: 50}}
log: {{level: debug}}
"""

WRONG = [
    ("sotre: {}\n", 1, 1, "unknown key 'sotre'; did you mean 'store'?"),
    ("limits:\n  body_byte: 1\n", 2, 3, "unknown key 'body_byte'; did you mean 'body_bytes'?"),
    ("limits: {body_bytes: big}\n", 1, 22, "'big' is not an integer"),
    ("limits: {connections: 0}\n", 1, 23, "0 is too small; the least is 1"),
    ("limits: {handler_timeout_ms: 99999999}\n", 1, 30, "is too great; the most is 3600000"),
    ("reload: {watch: yes}\n", 1, 17, "'yes' is not true or false"),
    ("judging: label\n", 1, 10, "'label' is none of labels, labels-only; did you mean 'labels'?"),
    ("listen: 8480\n", 1, 9, "'8480' is no address; write host:port"),
    ("listen: localhost:99999\n", 1, 9, "is no address"),
    ("admin_listen: 'unix:'\n", 1, 15, "names no socket"),
    ("workers: 65\n", 1, 10, "65 is too great; the most is 64"),
    ("identity:\n  trusted_proxies: [10.0.0.0/8, 10.0.0.1/8]\n", 2, 33, "has host bits set"),
    ("cursor: {keys: [c2hvcnQ=]}\n", 1, 17, "a cursor key is base64 of 64 random bytes"),
    (
        "admin:\n  tokens:\n    - {kinds: [], tenants: []}\n",
        3,
        7,
        "give exactly one of the keys token_env, token_sha256",
    ),
    ("log: {level: info}\nlog: {level: info}\n", 2, 1, "'log' is given twice"),
    ("store: &a {url: x}\n", 1, 8, "anchors"),
    ("- a\n", 1, 1, "a config file is a mapping"),
    ("", 1, 1, "is empty"),
]


def written(folder: Path, text: str) -> str:
    """The name of a configuration file that holds the text."""
    path = folder / "c.yaml"
    path.write_text(text)
    return str(path)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration lies about."""
    monkeypatch.chdir(tmp_path)


def test_defaults_hold_without_a_file() -> None:
    """Without file, environment and flags everything has its default: SQLite here, shipped policies, loopback."""
    config = read_config(environ={})
    assert config == Config()
    assert config.store.url == "sqlite:///sidecar.db"
    assert config.policy_folders == (shipped("policies"),)
    assert config.schema_folders == (shipped("schemas"),)
    assert (str(config.listen), str(config.admin_listen)) == ("127.0.0.1:8480", "127.0.0.1:8481")
    assert config.limits == Limits(
        5_000, 10_000, 2_000, 30_000, 10_000, 30_000, 16_384, 10_485_760, 4_194_304, 65_536, 1_000, 64
    )


def test_every_setting_of_the_file_is_read(tmp_path: Path) -> None:
    """Each setting of a file ends up in its place, its text read into what it means."""
    config = read_config(Flags(config=written(tmp_path, WHOLE)), {})
    assert config.store.url == f"sqlite:///{tmp_path}/data/s.db"
    assert (config.store.read_connections, config.store.statement_timeout_ms) == (3, 100)
    assert config.policy_folders == (shipped("policies"), tmp_path / "mine")
    assert config.schema_folders == (shipped("schemas"), tmp_path / "kinds")
    assert (config.judging, config.verify, config.workers) == ("labels-only", "always", 1)
    assert (config.listen, config.admin_listen) == (Address("", 0, "/run/s.sock"), Address("::1", 9000))
    assert config.identity.trusted_proxies == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1"))
    assert (config.identity.operator_without_units, config.identity.unit_claim) == ("never", "required")
    assert config.cursor.keys == (bytes(range(64)),)
    assert (config.runtime.paths, config.runtime.assume_unscoped) == ({"waits": "w.json"}, True)
    assert (config.runtime.follow, config.runtime.poll_ms) == (str(tmp_path / "data"), 90)
    assert (config.limits.handler_timeout_ms, config.limits.body_bytes, config.limits.connections) == (5, 7, 1_000)
    assert (config.reload.watch, config.reload.poll_ms, config.log.level) == (False, 50, "debug")
    assert config.admin.writers({"WRITER": "t"}) == (
        Writer(
            hashlib.sha256(b"t").digest(),
            frozenset({"wait"}),
            frozenset({("acme", "main", ""), ("acme", "lab", "d")}),
            False,
        ),
        Writer(bytes(32), frozenset({"org_unit"}), frozenset(), True),
    )


@pytest.mark.parametrize(("text", "line", "column", "message"), WRONG)
def test_a_wrong_file_is_told_at_its_place(tmp_path: Path, text: str, line: int, column: int, message: str) -> None:
    """Whatever is wrong in the file is told with path, line, column and what would be right."""
    name = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_config(Flags(config=name), {})
    assert str(caught.value).startswith(f"{name}:{line}:{column}: error: ")
    assert message in str(caught.value)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Two wrong values are two findings, in the order of the file."""
    name = written(tmp_path, "verify: maybe\nlimits: {connections: -1}\n")
    with pytest.raises(ConfigError) as caught:
        read_config(Flags(config=name), {})
    assert [line.split(": error")[0] for line in str(caught.value).splitlines() if "error" in line] == [
        f"{name}:1:9",
        f"{name}:2:23",
    ]


def test_a_flag_stands_above_the_environment_and_that_above_the_file(tmp_path: Path) -> None:
    """Flag, environment, file, default: the first that says something decides."""
    text = "store: {url: 'sqlite:////file.db', read_connections: 3}\npolicies: [file]\nschemas: [file]\n"
    environ = {
        "SIDECAR_CONFIG": written(tmp_path, text),
        "SIDECAR_STORE": "sqlite:///env.db",
        "SIDECAR_POLICIES": "env1:env2",
        "SIDECAR_SCHEMAS": "env",
    }
    by_flag = read_config(Flags(store="sqlite:///flag.db", policies=["flag"], schemas=["a", "b"]), environ)
    assert (by_flag.store.url, by_flag.policies, by_flag.schemas) == ("sqlite:///flag.db", ("flag",), ("a", "b"))
    assert by_flag.store.read_connections == 3
    by_environment = read_config(environ=environ)
    assert by_environment.store.url == "sqlite:///env.db"
    assert (by_environment.policies, by_environment.schemas) == (("env1", "env2"), ("env",))
    followed = read_config(Flags(config=written(tmp_path, "runtime: {follow: a, poll_ms: 9}"), follow_runtime="b"), {})
    assert (followed.runtime.follow, followed.runtime.poll_ms) == ("b", 9)
    by_file = read_config(environ={"SIDECAR_CONFIG": written(tmp_path, text)})
    assert by_file.store.url == "sqlite:////file.db"
    assert by_file.policies == (str(tmp_path / "file"),)


def test_the_file_of_the_folder_is_read_unless_another_is_named(tmp_path: Path) -> None:
    """``sidecar.yaml`` where one works is the configuration; one that is named and missing is an error."""
    (tmp_path / "sidecar.yaml").write_text("log: {level: error}\nstore: {url: 'sqlite:///x.db'}\n")
    assert read_config(environ={}).log.level == "error"
    assert read_config(environ={}).store.url == "sqlite:///x.db"
    assert read_config(Flags(config=written(tmp_path, "log: {level: debug}\n")), {}).log.level == "debug"
    with pytest.raises(ConfigError, match=r"none\.yaml cannot be read"):
        read_config(Flags(config="none.yaml"), {})


def test_wrong_flags_name_themselves() -> None:
    """A flag that means nothing is refused with its name."""
    with pytest.raises(ConfigError, match="--admin-listen: '8481' is no address"):
        read_config(Flags(admin_listen="8481"), {})
    with pytest.raises(ConfigError, match="--workers: 0 workers cannot serve; write a number from 1 to 64"):
        read_config(Flags(workers=0), {})
    assert read_config(Flags(listen="[::]:0"), {}).listen == Address("::", 0)


def test_the_environment_token_may_write_all(tmp_path: Path) -> None:
    """The environment's token has no bounds; a configured one whose variable is unset is an error, told by name."""
    assert Config().admin.writers({}) == ()
    assert Config().admin.writers({"SIDECAR_ADMIN_TOKEN": "x"}) == (Writer(hashlib.sha256(b"x").digest()),)
    config = read_config(Flags(config=written(tmp_path, WHOLE)), {})
    with pytest.raises(ConfigError, match="WRITER is not set"):
        config.admin.writers({"SIDECAR_ADMIN_TOKEN": "x"})


@pytest.mark.parametrize(
    ("given", "presented"), [("x\n", b"x"), (" x ", b"x"), ("\udcff", b"\xff"), ("ü", "ü".encode())]
)
def test_a_token_is_its_bytes_without_the_space_around_it(given: str, presented: bytes) -> None:
    """What a shell or a file adds to a variable is no part of the token, and bytes that are no text are bytes."""
    assert Config().admin.writers({"SIDECAR_ADMIN_TOKEN": given}) == (Writer(hashlib.sha256(presented).digest()),)


@pytest.mark.parametrize("blank", [" ", "\n", " \t\r\n"])
def test_a_blank_token_is_refused(blank: str) -> None:
    """Space alone is no token, and whoever sets it does not mean to leave the admin side open: it is told by name."""
    with pytest.raises(ConfigError, match="SIDECAR_ADMIN_TOKEN is blank"):
        Config().admin.writers({"SIDECAR_ADMIN_TOKEN": blank})
    assert Config().admin.writers({"SIDECAR_ADMIN_TOKEN": ""}) == ()


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("127.0.0.1:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("unix:/s", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("example.org:1", False),
    ],
)
def test_an_address_knows_whether_only_this_machine_reaches_it(text: str, loopback: bool) -> None:
    """Loopback addresses and sockets are reached from this machine only; what is shown is what was written."""
    assert Address.of(text).loopback is loopback
    assert str(Address.of(text)) == text


def settings(schema: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting of the schema by its dotted name."""
    for name, part in schema["properties"].items():
        if "default" in part:
            assert part["description"], name
            yield prefix + name, part["default"]
        else:
            yield from settings(part, f"{prefix}{name}.")


def values(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting of a configuration by its dotted name, as a file would write it."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, Address):
            yield from values(value, f"{prefix}{field.name}.")
        else:
            plain = list(map(str, value)) if isinstance(value, tuple) else value
            yield prefix + field.name, str(plain) if isinstance(value, Address) else plain


def test_schema_and_code_know_the_same_settings_and_defaults() -> None:
    """The schema, from which the documentation is made, and the code cannot differ in a name or a default."""
    assert dict(settings(schema_of("config"))) == dict(values(Config()))


def test_the_file_knows_every_store_of_the_runtime() -> None:
    """``runtime.paths`` names the stores that the reader of the runtime's files knows."""
    paths = schema_of("config")["properties"]["runtime"]["properties"]["paths"]["properties"]
    assert list(paths) == list(PLACES)
