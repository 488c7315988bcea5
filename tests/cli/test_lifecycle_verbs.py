"""``sidecar stats``, ``expire`` and ``erase``: what is counted is what callers find, and what goes is what was named."""

import io
from pathlib import Path

import orjson
import pytest
import stores
from cli_samples import TENANT, Screen, Sidecar, happened, letter, ndjson
from test_diff import LATER, POLICY, SUITE

OTHER = {"org_id": "acme", "workspace_id": "other"}
SUITES = SUITE.replace(
    "  elsewhere:",
    "  clerk: {tenant: {org_id: acme, workspace_id: main}, org_units: [finance]}\n  elsewhere:",
)


@pytest.fixture
def stored(store_name: str, sidecar: Sidecar, tmp_path: Path) -> Sidecar:
    """Twenty letters of two units, seven of another tenant and an event, and commands on their store."""

    def run(*words: str | Path) -> object:
        return sidecar(*words, "--store", url)

    url = stores.url(tmp_path / "s.db")
    units = [{"tenant_context": TENANT, "owning_org_unit_id": unit} for unit in ("finance", "legal")]
    mine = [letter(number, scope=units[number % 3 == 0]) for number in range(20)]
    others = [letter(number, scope={"tenant_context": OTHER}) for number in range(7)]
    assert sidecar("load", ndjson(tmp_path / "records", *mine, *others, happened("e")), "--store", url).code == 0
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "letters.yaml").write_text(POLICY)
    (tmp_path / "rules" / "letters_test.yaml").write_text(SUITES)
    return run  # type: ignore[return-value]


def test_stats_count_what_is_there(stored: Sidecar) -> None:
    """Records and labels of each kind, of all tenants or of one, and the bytes of their documents when asked for."""
    told = stored("stats", "--json").json
    assert [(kind["kind"], kind["labels"], kind["records"], kind["bytes"]) for kind in told["kinds"]] == [
        ("dead_letter", 3, 27, None),
        ("event", 1, 1, None),
    ]
    one = stored("stats", "--json", "--bytes", "--tenant", "acme/other").json
    assert [(kind["kind"], kind["records"]) for kind in one["kinds"]] == [("dead_letter", 7)]
    assert one["kinds"][0]["bytes"] > 7 * 100
    assert stored("stats", "--tenant", "acme/none").out == "there are no records\n"
    first, *kinds = stored("stats", "--policies", "rules").out.splitlines()[:3]
    assert first == "tenants: 2, records: 28"
    assert kinds == ["dead_letter  27 records under 3 labels", "event         1 records under 1 labels"]


def test_that_nobody_asks_is_told(stored: Sidecar) -> None:
    """Where no caller of a suite is of a tenant that has records, the counts do not just end without a share."""
    last = stored("stats", "--tenant", "acme/other", "--policies", "rules").out.splitlines()[-1]
    assert last == "no suite has a caller of a tenant that has records here, so no share is told"


@pytest.mark.parametrize("policy", [POLICY, LATER])
def test_the_share_is_what_the_caller_finds(policy: str, stored: Sidecar, tmp_path: Path) -> None:
    """Of each caller of the suites as many records are counted as its query finds, judged by label or one by one."""
    (tmp_path / "rules" / "letters.yaml").write_text(policy)
    told = stored("stats", "--json", "--policies", "rules").json
    assert {one["caller"] for one in told["callers"]} == {"watcher", "clerk"}
    claims = {
        "watcher": {"actor_id": "eve", "org_units": [], "roles": ["watcher"]},
        "clerk": {"org_units": ["finance"]},
    }
    found = {}
    for name, made in claims.items():
        file = tmp_path / "caller.json"
        file.write_bytes(orjson.dumps({"tenant": TENANT, **made}))
        found[name] = len(stored("query", "dead_letter", "--as", file, "--policies", "rules").rows)
    counted = {one["caller"]: one["seen"] for one in told["callers"] if one["kind"] == "dead_letter"}
    assert counted == found
    assert counted["clerk"] == 13
    assert counted["watcher"] == (17 if policy == LATER else 0)
    assert all(one["records"] == 20 for one in told["callers"] if one["kind"] == "dead_letter")
    assert "  dead_letter  13 of 20 (65.0%)" in stored("stats", "--policies", "rules").out.splitlines()


def test_nothing_is_erased_unasked(stored: Sidecar, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can be asked --yes is needed; at a terminal anything but yes leaves all as it was."""
    refused = stored("erase", "--tenant", "acme/main")
    assert (refused.code, "21 records" in refused.err, "--yes" in refused.err) == (2, True, True)
    monkeypatch.setattr("sys.stdin", Screen("y\n"))
    said = stored("erase", "--tenant", "acme/main")
    assert (said.code, "Erase 21 records of acme/main for good?" in said.err) == (1, True)
    assert stored("stats").out.splitlines()[0] == "tenants: 2, records: 28"
    monkeypatch.setattr("sys.stdin", Screen("yes\n"))
    assert stored("erase", "--tenant", "acme/main").out.splitlines() == ["dead_letter: 20 erased", "event: 1 erased"]
    assert stored("stats").out.splitlines()[0] == "tenants: 1, records: 7"


def test_an_erasure_without_a_terminal_says_what_it_did(stored: Sidecar, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --yes nobody is asked, programs are told in JSON, and a tenant of which nothing is stored is no fault."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    told = stored("erase", "--tenant", "acme/other", "--yes", "--json").json
    assert told == {"tenant": ["acme", "other", ""], "erased": {"dead_letter": 7}}
    assert stored("erase", "--tenant", "acme/other", "--yes").out == "there was nothing of acme/other\n"
    assert stored("erase", "--tenant", "acme", "--yes").code == 2


@pytest.mark.parametrize("words", [("stats",), ("erase", "--yes")])
def test_what_decodes_to_no_text_is_no_tenant(stored: Sidecar, tmp_path: Path, words: tuple[str, ...]) -> None:
    """A tenant of bytes that are not UTF-8 is a wrong command, and never the one that is called U+FFFD."""
    scope = {"tenant_context": {**TENANT, "org_id": "\ufffd"}}
    assert stored("load", ndjson(tmp_path / "more", letter(7, scope=scope))).code == 0
    refused = stored(*words, "--tenant", "%FF/main")
    assert (refused.code, refused.out) == (2, "")
    assert "'%FF/main' is not UTF-8" in refused.err
    assert stored("stats", "--tenant", "%EF%BF%BD/main").out.startswith("tenants: 1, records: 1\n")


def test_expire_removes_what_the_configuration_lets_go(stored: Sidecar, tmp_path: Path) -> None:
    """At an instant, what is older than its kind is kept goes; without a rule, or with a wrong one, nothing does."""
    assert stored("expire").code == 2
    config = tmp_path / "sidecar.yaml"
    config.write_text("retention: {keep: {dead_letter: 1d, event: 12h}}\n")
    at = str(86_400_000 + 20 + 10)
    assert stored("expire", "--at", at).out.splitlines() == ["dead_letter: 17 removed", "event: 1 removed"]
    assert stored("expire", "--at", at, "--json").json == {"removed": {"dead_letter": 0, "event": 0}}
    assert stored("stats").out.splitlines()[0] == "tenants: 1, records: 10"
    for wrong in ("{dead_leter: 1d}", "{org_unit: 1d}", "{event: 1w}", "{event: 0d}", "{event: 5}"):
        config.write_text(f"retention: {{keep: {wrong}}}\n")
        assert stored("expire").code == 2, wrong
