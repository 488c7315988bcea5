"""``sidecar load``: the whole input is validated first, then all of it is stored, or nothing."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
import stores
from cli_samples import TENANT, Screen, Sidecar, caller, happened, letter, ndjson

from sidecar.cli.load import Watcher
from sidecar.cli.terminal import Terminal
from sidecar.records.load import BATCH, Refused

pytestmark = pytest.mark.usefixtures("store_name")

BAD_LINES = [
    ("not JSON", b"{", "-: /: "),
    ("two values", b"{} {}", "-: /: "),
    ("no object", b"[1]", "-: /: a line is "),
    ("bare record", b'{"wait_id": "w", "run_id": "r"}', "-: /: a line is "),
    ("no kind", b'{"record": {}}', "-: /kind: is required"),
    ("no record", b'{"kind": "wait"}', "wait: /record: is required"),
    ("something more", b'{"kind": "wait", "record": {}, "extra": 1}', "wait: /extra: is unknown"),
    ("kind is no text", b'{"kind": 5, "record": {}}', "-: /: there is no kind 5"),
    ("unknown kind", b'{"kind": "wiat", "record": {}}', "wiat: /: there is no kind 'wiat'; did you mean 'wait'?"),
    ("record is no object", b'{"kind": "wait", "record": []}', "wait: /: a record is a JSON object"),
    ("byte-order mark", b'\xef\xbb\xbf{"kind": "wait", "record": {}}', "-: /: begins with a byte-order mark"),
    ("not UTF-8", b'{"kind": "wait", "record": {"a": "\xff"}}', "-: /: byte 34 is not UTF-8"),
    ("duplicate key", b'{"kind": "wait", "record": {"a": 1, "a": 2}}', "-: /a: "),
    ("NaN", b'{"kind": "wait", "record": {"a": NaN}}', "-: /a: "),
    ("beyond a double", b'{"kind": "wait", "record": {"a": 1e999}}', "-: /a: "),
    ("beyond 2^63-1", b'{"kind": "wait", "record": {"a": 9223372036854775808}}', "-: /a: "),
    ("NUL", b'{"kind": "wait", "record": {"a": "\\u0000"}}', "-: /a: "),
    ("half a pair", b'{"kind": "wait", "record": {"a": "\\ud800"}}', "-: /a: "),
    ("100,000 brackets", b'{"kind": "wait", "record": ' + b"[" * 100_000, "-: /0/0"),
]

BAD_VALUES = [
    ({"status": "opne"}, "/status: ", "did you mean 'open'?"),
    ({"status": None}, "/status: ", ""),
    ({"created_at_ms": "10"}, "/created_at_ms: ", "must be an integer"),
    ({"created_at_ms": 10.0}, "/created_at_ms: ", "must be an integer"),
    ({"created_at_ms": True}, "/created_at_ms: ", "must be an integer"),
    ({"created_at_ms": -1}, "/created_at_ms: ", "must be 0 or more"),
    ({"dead_letter_id": " "}, "/dead_letter_id: ", "is blank"),
    ({"scope": {}}, "/scope/tenant_context: ", "is required"),
    ({"scope": {"tenant_context": {"org_id": "", "workspace_id": "w"}}}, "/scope/tenant_context/org_id: ", "is blank"),
]


def stored(folder: Path, kind: str) -> list[dict[str, Any]]:
    """The stored documents of a kind, in the order of their keys."""
    return stores.documents(folder / "sidecar.db", kind)


def test_lines_of_any_kind_are_stored(sidecar: Sidecar, tmp_path: Path) -> None:
    """A file of lines, whatever its name, is stored, and the summary counts by kind."""
    file = ndjson(tmp_path / "some.txt", letter(1), happened("e-1"), letter(2))
    ran = sidecar("load", file)
    assert (ran.code, ran.err) == (0, "")
    rows = [line.split() for line in ran.out.splitlines()]
    assert rows[1] == ["dead_letter", "2", "0", "0", "0"]
    assert rows[2] == ["event", "1", "0", "0", "0"]
    assert rows[3][:4] == ["3", "records", "are", "stored;"]
    assert [one["dead_letter_id"] for one in stored(tmp_path, "dead_letter")] == ["d-1", "d-2"]


def test_a_folder_holds_bare_records_by_kind(sidecar: Sidecar, tmp_path: Path) -> None:
    """``K.jsonl`` in a folder holds records of kind K, blank lines are none, and ``--json`` tells what came of it."""
    (tmp_path / "in").mkdir()
    lines = b"\n".join(orjson.dumps(letter(number)[1]) for number in range(3)) + b"\r\n\r\n  \n"
    (tmp_path / "in" / "dead_letter.jsonl").write_bytes(lines)
    (tmp_path / "in" / "event.jsonl").write_bytes(orjson.dumps(happened("e")[1]))
    told = sidecar("load", tmp_path / "in", "--json").json
    counts = {"stale": 0, "refused": 0, "dropped_properties": 0}
    assert told["kinds"] == {"dead_letter": {"accepted": 3, **counts}, "event": {"accepted": 1, **counts}}
    assert (told["stored"], told["resumed"], told["exposed"]) == (True, 0, {})


def test_standard_input_is_read(tmp_path: Path) -> None:
    """``-`` is standard input, and ``python -m sidecar`` is the command."""
    lines = ndjson(tmp_path / "in", *map(letter, range(5))).read_bytes()
    ran = command(tmp_path, "load", "-", "--json", stdin=lines)
    assert (ran.returncode, json.loads(ran.stdout)["kinds"]["dead_letter"]["accepted"]) == (0, 5)
    refused = command(tmp_path, "load", "-", stdin=b"\n{}\n")
    assert refused.returncode == 1
    assert refused.stderr.decode().startswith("-:2: -: /: a line is ")


def command(folder: Path, *words: str, stdin: bytes = b"", **settings: str) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own, its streams piped."""
    return subprocess.run(
        [sys.executable, "-m", "sidecar", *words],
        cwd=folder,
        input=stdin,
        capture_output=True,
        timeout=60,
        env={**os.environ, **settings},
        check=False,
    )


@pytest.mark.parametrize(("line", "told"), [case[1:] for case in BAD_LINES], ids=[case[0] for case in BAD_LINES])
def test_a_bad_line_is_told_and_nothing_is_stored(sidecar: Sidecar, tmp_path: Path, line: bytes, told: str) -> None:
    """A line that is not one clean record is told with its place, and the good ones beside it are not stored."""
    good = orjson.dumps({"kind": "dead_letter", "record": letter(1)[1]})
    (tmp_path / "f").write_bytes(good + b"\n" + line + b"\n" + good + b"\n")
    ran = sidecar("load", "f")
    assert ran.code == 1
    assert ran.err.startswith(f"f:2: {told}")
    assert "nothing is stored" in ran.out
    assert stored(tmp_path, "dead_letter") == []


@pytest.mark.parametrize(("changes", "pointer", "message"), BAD_VALUES)
def test_a_bad_value_is_told_at_its_pointer(
    sidecar: Sidecar, tmp_path: Path, changes: dict[str, Any], pointer: str, message: str
) -> None:
    """A record that does not validate is told with kind, JSON pointer and what would be right; nothing is stored."""
    ran = sidecar("load", ndjson(tmp_path / "f", letter(1), letter(2, **changes)))
    assert ran.code == 1
    assert f"f:2: dead_letter: {pointer}" in ran.err
    assert message in ran.err
    assert stored(tmp_path, "dead_letter") == []


def test_a_fault_at_the_end_keeps_all_out(sidecar: Sidecar, tmp_path: Path) -> None:
    """The last line of several batches decides too: when it is bad, none of the batches before it is stored."""
    file = ndjson(tmp_path / "f", *map(letter, range(2 * BATCH)), letter(1, status="x"))
    ran = sidecar("load", file, "--json")
    assert (ran.code, ran.json["stored"], ran.json["kinds"]["dead_letter"]["accepted"]) == (1, False, 2 * BATCH)
    assert ran.rows[0]["line"] == 2 * BATCH + 1
    assert stored(tmp_path, "dead_letter") == []


def test_a_line_that_is_too_long_is_not_held(sidecar: Sidecar, tmp_path: Path) -> None:
    """A line longer than the limit is refused, and the next one is read from its beginning."""
    (tmp_path / "sidecar.yaml").write_text("limits: {record_bytes: 2000}\n")
    (tmp_path / "f").write_bytes(
        b"[" * 50_000 + b"\n" + orjson.dumps(dict(zip(("kind", "record"), letter(1), strict=True)))
    )
    ran = sidecar("load", "f", "--keep-going")
    assert ran.err == "f:1: -: /: is longer than 2000 bytes, the most for one line\n"
    assert len(stored(tmp_path, "dead_letter")) == 1


def test_keeping_on_stores_what_is_valid(sidecar: Sidecar, tmp_path: Path) -> None:
    """With ``--keep-going`` valid records are stored and the others told; the exit code still says so."""
    ran = sidecar("load", ndjson(tmp_path / "f", letter(1), letter(2, status="x"), letter(3)), "--keep-going", "--json")
    assert ran.code == 1
    assert ran.rows[0]["pointer"] == "/status"
    assert ran.rows[0]["line"] == 2
    assert (ran.json["stored"], ran.json["kinds"]["dead_letter"]["refused"]) == (True, 1)
    assert [one["dead_letter_id"] for one in stored(tmp_path, "dead_letter")] == ["d-1", "d-3"]


def test_the_first_hundred_faults_are_shown_and_all_are_counted(sidecar: Sidecar, tmp_path: Path) -> None:
    """People are shown a hundred faults and the number of the rest, programs all of them."""
    (tmp_path / "f").write_bytes(b"1\n" * 250)
    ran = sidecar("load", "f")
    assert len([line for line in ran.err.splitlines() if line.startswith("f:")]) == 100
    assert "150 more faults" in ran.err
    assert ran.out.splitlines()[1].split() == ["-", "0", "0", "250", "0"]
    assert len(sidecar("load", "f", "--json").rows) == 251


def test_append_only_records_never_change(sidecar: Sidecar, tmp_path: Path) -> None:
    """The same event with other content is refused before anything is stored; with the same content it is accepted."""
    assert sidecar("load", ndjson(tmp_path / "a", happened("e-1"))).code == 0
    again = sidecar("load", ndjson(tmp_path / "b", letter(1), happened("e-1"), happened("e-2")), "--json")
    assert (again.code, again.json["kinds"]["event"]["accepted"]) == (0, 2)
    filler = [letter(number) for number in range(2, BATCH + 10)]
    other = sidecar("load", ndjson(tmp_path / "c", *filler, happened("e-1", seq=2)))
    assert other.code == 1
    assert (
        other.err
        == f"{tmp_path}/c:{BATCH + 9}: event: /: is stored already with other content, and such records never change\n"
    )
    assert len(stored(tmp_path, "dead_letter")) == 1


def test_append_only_records_come_once_in_one_input(sidecar: Sidecar, tmp_path: Path) -> None:
    """Two events of one id and different content in one input are refused however far apart, the second one told."""
    many = [happened(f"e-{number}") for number in range(BATCH)]
    file = ndjson(tmp_path / "f", *many, *many, happened("e-7", event_type="x"))
    ran = sidecar("load", file)
    assert ran.code == 1
    assert ran.err.startswith(f"{file}:{2 * BATCH + 1}: event: /: comes a second time with other content")
    assert stored(tmp_path, "event") == []
    kept = sidecar("load", file, "--keep-going", "--json")
    assert (kept.code, kept.rows[0]["line"], len(stored(tmp_path, "event"))) == (1, 2 * BATCH + 1, BATCH)
    assert {one["event_type"] for one in stored(tmp_path, "event")} == {"started"}


def test_an_older_record_does_not_replace_a_newer_one(sidecar: Sidecar, tmp_path: Path) -> None:
    """A record older than the stored one is counted as stale and left alone; undeclared properties are counted."""
    sidecar("load", ndjson(tmp_path / "a", letter(1, updated_at_ms=100, status="resolved")))
    told = sidecar("load", ndjson(tmp_path / "b", letter(1, updated_at_ms=50, undeclared=1, also=2)), "--json").json
    assert told["kinds"]["dead_letter"] == {"accepted": 1, "stale": 1, "refused": 0, "dropped_properties": 2}
    assert stored(tmp_path, "dead_letter")[0]["status"] == "resolved"


def test_open_children_of_a_units_run_are_warned_of(sidecar: Sidecar, tmp_path: Path) -> None:
    """A record without a unit whose run belongs to one is open to its whole tenant: the load says how many there are."""
    scope = {"tenant_context": {"org_id": "acme", "workspace_id": "main"}}
    run = {
        **{"run_id": "r-1", "workflow_id": "w", "status": "running", "created_at_ms": 1, "updated_at_ms": 2},
        **{"tenant_context": scope["tenant_context"], "enterprise_scope": {**scope, "owning_org_unit_id": "finance"}},
    }
    own = {**scope, "owning_org_unit_id": "finance"}
    lines = [letter(1), letter(2), letter(3, scope=own), letter(4, run_id="r-2"), happened("e"), ("workflow_run", run)]
    file = ndjson(tmp_path / "f", *lines)
    assert sidecar("load", file, "--json").json["exposed"] == {"dead_letter": 2, "event": 1}
    assert "warning: 2 dead_letter records name no unit" in sidecar("load", file).err


def test_the_runtimes_own_files_are_read(sidecar: Sidecar, tmp_path: Path) -> None:
    """``--from-runtime`` reads the runtime's files, where a record without a tenant is the local one's."""
    data = tmp_path / "state" / "data" / "runtime"
    data.mkdir(parents=True)
    (data / "stateful_reliability.json").write_bytes(orjson.dumps({"dead_letters": [letter(1)[1], letter(2)[1]]}))
    (data / "stateful_events.jsonl").write_bytes(orjson.dumps(happened("e")[1]) + b"\n")
    told = sidecar("load", "--from-runtime", "state", "--json").json
    assert {kind: one["accepted"] for kind, one in told["kinds"].items()} == {"dead_letter": 2, "event": 1}
    (data / "stateful_events.jsonl").write_bytes(b'{"torn": ')
    torn = sidecar("load", "--from-runtime", "state")
    assert torn.code == 1
    assert "stateful_events.jsonl:1:10: error: " in torn.err


def test_a_finished_run_without_its_scope_is_the_operators(sidecar: Sidecar, tmp_path: Path) -> None:
    """A run that the runtime kept without its definition lost its scope: operators see it, others when it is assumed."""
    run = {
        **{"run_id": "r-1", "automation_id": "a", "trigger_type": "manual", "status": "completed", "checkpoint": {}},
        **{"created_at_ms": 1, "updated_at_ms": 2},
    }
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "automation_v2_runs.json").write_bytes(orjson.dumps({"runs": {"r-1": run}}))
    local = {"org_id": "local", "workspace_id": "local"}
    caller(tmp_path / "op.json", tenant=local, roles=["workspace_operator"])
    caller(tmp_path / "ann.json", tenant=local, org_units=[])
    (tmp_path / "open.yaml").write_text("runtime: {assume_unscoped: true}\n")

    def seen(store: str, who: str) -> int:
        return len(sidecar("query", "automation_run", "--as", f"{who}.json", "--store", store).rows)

    closed, assumed = "sqlite:///closed.db", "sqlite:///assumed.db"
    assert sidecar("load", "--from-runtime", ".", "--store", closed).code == 0
    assert sidecar("load", "--from-runtime", ".", "--store", assumed, "-c", "open.yaml").code == 0
    assert (seen(closed, "op"), seen(closed, "ann")) == (1, 0)
    assert (seen(assumed, "op"), seen(assumed, "ann")) == (1, 1)


def test_a_run_keeps_its_scope_when_it_ends_without_it(sidecar: Sidecar, tmp_path: Path) -> None:
    """A finished run loaded without its definition keeps the unit it was stored with, in one load or a later one."""
    run = {
        **{"run_id": "r-1", "automation_id": "a", "trigger_type": "manual", "status": "running", "checkpoint": {}},
        **{"created_at_ms": 1, "updated_at_ms": 2, "tenant_context": TENANT},
    }
    scope = {"tenant_context": TENANT, "owning_org_unit_id": "finance"}
    known = ("automation_run", {**run, "automation_snapshot": {"metadata": {"enterprise_scope": scope}}})
    ended = ("automation_run", {**run, "status": "completed", "updated_at_ms": 3})
    last = ("automation_run", {**run, "status": "failed", "updated_at_ms": 4})
    assert sidecar("load", ndjson(tmp_path / "a", known, ended)).code == 0
    assert sidecar("load", ndjson(tmp_path / "b", last)).code == 0
    [stored_run] = stored(tmp_path, "automation_run")
    assert (stored_run["status"], stored_run["scope"]["owning_org_unit_id"]) == ("failed", "finance")


def test_a_terminal_shows_how_far_it_is(tmp_path: Path) -> None:
    """On a terminal a bar shows the stage; elsewhere, and on a dumb terminal, there is none."""
    for stream, environ, shown in (
        (Screen(), {}, True),
        (io.StringIO(), {}, False),
        (Screen(), {"TERM": "dumb"}, False),
    ):
        watcher = Watcher(Terminal(io.StringIO(), stream, environ), all_as_json=False)
        with watcher.showing():
            watcher.stage("reading", "B", 100)
            watcher.advance(50)
            watcher.refused(Refused("f", 3, "wait", "/a", "is \x1b[2J\nf:4: wait: /b: forged"))
        assert ("reading" in stream.getvalue()) is shown
        assert "f:3: wait: /a: is \\x1b[2J\\nf:4: wait: /b: forged\n" in stream.getvalue()


def test_what_is_not_there_is_no_input(sidecar: Sidecar, tmp_path: Path) -> None:
    """A missing file, a folder without records or with some that nobody reads, a missing runtime, a store that cannot be: exit code 2 and why."""
    (tmp_path / "empty").mkdir()
    for name in ("shouted/WAIT.JSONL", "lines/wait.ndjson"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).with_name("dead_letter.jsonl").touch()
        (tmp_path / name).touch()
    good = ndjson(tmp_path / "f", letter(1))
    asked = [
        (("load",), "load what?"),
        (("load", "none"), "none is not there"),
        (("load", "shouted"), "shouted/WAIT.JSONL is not read: a file of a folder is called K.jsonl"),
        (("load", "lines"), "lines/wait.ndjson is not read: a file of a folder is called K.jsonl"),
        (("load", "empty"), "empty holds no file named after a kind"),
        (("load", "--from-runtime", "empty"), "no files of the runtime"),
        (("load", good, "--store", "mysql://x"), "store 'mysql://x' is not known; write sqlite:///path.db"),
        (("load", good, "--store", "sqlite:///no/such/s.db"), "in a folder that is there"),
        (("load", good, "--store", f"sqlite:///{good}"), "file is not a database"),
        (("load", good, "--schemas", "none"), "no folder of schemas at none"),
    ]
    for words, message in asked:
        ran = sidecar(*words)
        assert (ran.code, ran.out) == (2, ""), words
        assert message in ran.err


def test_a_file_named_after_no_kind_is_refused(sidecar: Sidecar, tmp_path: Path) -> None:
    """A file of a folder whose name is no kind is refused line by line rather than passed over."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "dead_leter.jsonl").write_bytes(orjson.dumps(letter(1)[1]))
    ran = sidecar("load", "in")
    assert ran.code == 1
    assert (
        ran.err == "in/dead_leter.jsonl:1: dead_leter: /: there is no kind 'dead_leter'; did you mean 'dead_letter'?\n"
    )


def test_memory_stays_bounded(tmp_path: Path) -> None:
    """300,000 lines are loaded within the memory of some batches and the spool, not of the input, which takes 700 MiB."""
    lines = 300_000
    line = orjson.dumps({"kind": "dead_letter", "record": letter(1, dead_letter_id="number", reason="x" * 300)[1]})
    with (tmp_path / "f").open("wb") as out:
        out.writelines(line.replace(b"number", b"%d" % number) + b"\n" for number in range(lines))
    script = (
        "import re, sys\nfrom pathlib import Path\nfrom sidecar.cli import main\n"
        "code = main(['load', 'f', '--json'])\n"
        # VmHWM begins with the program; getrusage would count the memory of the test run that forked it
        "peak = re.search('VmHWM:[^0-9]*([0-9]+)', Path('/proc/self/status').read_text())[1]\n"
        "print(peak, file=sys.stderr)\nsys.exit(code)"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["kinds"]["dead_letter"]["accepted"] == lines
    assert int(ran.stderr.split()[-1]) * 1024 < 400 * 2**20  # up to 256 MiB are the store's file, mapped
