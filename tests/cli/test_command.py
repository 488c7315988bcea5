"""The command as a whole: help, exit codes, precedence, colours, and output that nobody finishes reading."""

import io
import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from cli_samples import Screen, Sidecar, caller, letter, ndjson

from sidecar.cli.terminal import RED, Terminal, harmless
from sidecar.errors import Finding

VERBS = ("serve", "load", "migrate", "check", "test", "query", "explain")


def test_help_names_every_verb_with_examples(sidecar: Sidecar) -> None:
    """Help says what each verb does, shows examples and the exit codes; the version is told."""
    top = sidecar("--help")
    assert top.code == 0
    for verb in VERBS:
        assert f"    {verb} " in top.out
        ran = sidecar(verb, "--help")
        assert ran.code == 0
        assert f"sidecar {verb}" in ran.out.partition("examples:")[2]
        assert "exit codes: 0 fine, 1 " in ran.out
        for option in ("--config", "--store", "--policies", "--schemas"):
            assert option in ran.out
    assert sidecar("--version").out == "sidecar 0.1.0\n"


@pytest.mark.parametrize(
    ("verb", "one"),
    [("explain", "there is no such record"), ("erase", "whoever was asked said no"), ("diff", "something does")],
)
def test_a_verb_tells_what_its_own_one_means(sidecar: Sidecar, verb: str, one: str) -> None:
    """Where 1 says more than that a file is wrong, help and the README say what."""
    codes = sidecar(verb, "--help").out.partition("exit codes: ")[2]
    assert f"1 {one}" in codes
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert f"`{verb}`" in readme[readme.index("Exit codes:") : readme.index("## HTTP")]


@pytest.mark.parametrize(
    "words", [(), ("lod",), ("check", "--polices", "x"), ("check", "more"), ("serve", "--workers", "x")]
)
def test_a_wrong_command_line_is_exit_code_2(sidecar: Sidecar, words: tuple[str, ...]) -> None:
    """A missing or misspelt verb, an unknown or abbreviated option, a word too many: exit code 2 and nothing done."""
    ran = sidecar(*words)
    assert (ran.code, ran.out) == (2, "")
    assert "error: " in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("query", "wait", "--as", "ann.json", "--where", "run_id=\udcff"),
        ("query", "wait", "--as", "ann.json", "--limit", "\udcff"),
        ("explain", "wait", "\udcff/w", "--as", "ann.json"),
        ("explain", "wait", "r/w", "--as", "ann.json", "--tenant", "\udcff/w"),
        ("stats", "--tenant", "\udcff/w"),
        ("erase", "--tenant", "\udcff/w", "--yes"),
    ],
)
def test_a_name_that_is_no_text_is_exit_code_2(sidecar: Sidecar, tmp_path: Path, words: tuple[str, ...]) -> None:
    """A name in bytes that are not UTF-8 is a wrong command line, wherever it stands, and its option is told."""
    caller(tmp_path / "ann.json")
    assert sidecar("load", ndjson(tmp_path / "f", letter(1))).code == 0
    ran = sidecar(*words)
    assert (ran.code, ran.out) == (2, "")
    option = next((word for word in reversed(words) if word in ("--where", "--limit", "--tenant")), "ID")
    assert f"error: argument {option}: " in ran.err
    assert ran.err.endswith("is not UTF-8\n")


def test_options_stand_before_or_after_the_verb(sidecar: Sidecar, tmp_path: Path) -> None:
    """Settings count wherever they stand, and folders before the verb add to those after it."""
    file = ndjson(tmp_path / "f", letter(1))
    assert sidecar("--store", "sqlite:///before.db", "load", file).code == 0
    assert sidecar("load", file, "--store", "sqlite:///after.db").code == 0
    assert sidecar("--store", "sqlite:///x.db", "load", file, "--store", "sqlite:///y.db").code == 0
    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["after.db", "before.db", "y.db"]
    assert "no folder of policies at none" in sidecar("--policies", "none", "check", "--policies", "default").err


def test_the_environment_and_the_file_set_what_no_flag_does(
    sidecar: Sidecar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store is named by flag, else environment, else file, else it is ``sidecar.db`` here."""
    file = ndjson(tmp_path / "f", letter(1))
    assert sidecar("load", file).code == 0
    (tmp_path / "sidecar.yaml").write_text("store: {url: 'sqlite:///by_file.db'}\n")
    assert sidecar("load", file).code == 0
    monkeypatch.setenv("SIDECAR_STORE", "sqlite:///by_environment.db")
    assert sidecar("load", file).code == 0
    assert sidecar("load", file, "--store", "sqlite:///by_flag.db").code == 0
    names = {path.name for path in tmp_path.glob("*.db")}
    assert names == {"sidecar.db", "by_file.db", "by_environment.db", "by_flag.db"}


def test_a_wrong_configuration_is_exit_code_2(sidecar: Sidecar, tmp_path: Path) -> None:
    """A configuration that is wrong is told at its place, before any verb begins."""
    (tmp_path / "sidecar.yaml").write_text("stroe: {}\n")
    for verb in ("check", "test", "serve"):
        ran = sidecar(verb)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err == (
            "sidecar.yaml:1:1: error: unknown key 'stroe'; did you mean 'store'?\n    stroe: {}\n    ^\n"
        )


def test_nothing_piped_is_coloured(sidecar: Sidecar, tmp_path: Path) -> None:
    """What is piped holds no colour, no progress bar, and no other command to a terminal."""
    bad = ndjson(tmp_path / "f", letter(1, status="\x1b[2J\u009b31m"))
    for words in (("check",), ("test",), ("load", bad), ("check", "--policies", "none")):
        ran = sidecar(*words)
        assert "\x1b" not in ran.out + ran.err
        assert "\u009b" not in ran.out + ran.err
        assert "\r" not in ran.out + ran.err


def test_colours_are_for_terminals_that_want_them() -> None:
    """A terminal gets colours, unless NO_COLOR is set or it is a dumb one; a pipe never does."""
    screen, pipe = Screen(), io.StringIO()
    assert Terminal(screen, screen, {}).painted("x", RED) == "\x1b[31mx\x1b[0m"
    assert Terminal(screen, screen, {"NO_COLOR": "1"}).painted("x", RED) == "x"
    assert Terminal(screen, screen, {"TERM": "dumb"}).painted("x", RED) == "x"
    assert Terminal(pipe, screen, {}).painted("x", RED) == "x"
    Terminal(pipe, screen, {}).findings([Finding("f", 1, 2, "an error: here", "text")])
    assert screen.getvalue() == "f:1:2: \x1b[31merror:\x1b[0m an error: here\n    text\n     ^\n"


def test_what_files_say_commands_no_terminal() -> None:
    """Control characters, of whichever range, and half surrogates are written out; readable text stays as it is."""
    assert harmless("ü 中 line\nnext") == "ü 中 line\nnext"
    assert harmless("\x1b[31m\x07\x9b\u202e\ud800\t") == r"\x1b[31m\x07\x9b\u202e\ud800\t"


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """When whoever reads the output has enough, the command ends without a word."""
    file = ndjson(tmp_path / "f", *(letter(number, reason="x" * 2_000) for number in range(500)))
    caller(tmp_path / "ann.json")
    command = [sys.executable, "-m", "sidecar"]
    subprocess.run([*command, "load", file], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    asked = [*command, "query", "dead_letter", "--as", "ann.json", "--limit", "1000"]
    with subprocess.Popen(asked, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_closed_stream_is_one_that_nobody_uses(tmp_path: Path, closed: int) -> None:
    """Whichever standard stream is closed, the command does its work, and nothing is written into its store instead."""
    file = ndjson(tmp_path / "f", letter(1))
    caller(tmp_path / "ann.json")
    shut = f"{closed}{'<' if closed == 0 else '>'}&-"

    def ran(words: str) -> bytes:
        command = ["sh", "-c", f"{sys.executable} -m sidecar {words}"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=True)
        assert done.stderr == b""
        return done.stdout

    for words in (f"load --json {file}", "query dead_letter --as ann.json", "check"):
        ran(f"{words} {shut}")
    assert len(ran("query dead_letter --as ann.json").splitlines()) == 1


def test_a_path_that_is_no_text_is_told_to_programs_too(sidecar: Sidecar, tmp_path: Path) -> None:
    """Bytes of a file's name that are no UTF-8 are replaced, so that what a program reads is JSON."""
    path = tmp_path / "bad\udcff.ndjson"
    path.write_text("{}\n")
    ran = sidecar("load", "--json", str(path))
    assert ran.code == 1
    assert orjson.loads(ran.out.splitlines()[0])["path"].endswith("bad?.ndjson")


def test_the_installed_command_and_the_module_are_one(tmp_path: Path) -> None:
    """``sidecar`` and ``python -m sidecar`` answer alike."""
    script = Path(sys.executable).with_name("sidecar")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIDECAR_")}
    answers = [
        subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=True, env=environment).stdout
        for command in ([script, "check"], [sys.executable, "-m", "sidecar", "check"])
    ]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("where", "why"),
    [("127.0.0.1:1/n", "Connection refused"), ("/n?host=/none", "No such file or directory")],
)
def test_a_server_that_cannot_be_reached_is_told_in_words(sidecar: Sidecar, where: str, why: str) -> None:
    """The address and the system's own words say what is wrong, without the number of an error or a driver's tuple."""
    ran = sidecar("stats", "--store", f"postgresql://u@{where}")
    assert (ran.code, ran.err) == (2, f"error: store postgresql://u@{where}: {why}\n")


def test_one_thing_is_told_as_one(sidecar: Sidecar, tmp_path: Path) -> None:
    """A number stands before the word that people say with it."""
    (tmp_path / "mine").mkdir()
    rules = "rules: [{allow: a, when: 'true'}]"
    (tmp_path / "mine" / "p.yaml").write_text(f"apiVersion: sidecar/v1\npolicy: p\napplies_to: all\n{rules}\n")
    assert " kinds, 1 policy, 1 rule, sha256:" in sidecar("check", "--policies", "mine").out
    assert sidecar("test", "--policies", "mine").out.endswith("FAILED: 0 suites, 0 cases\n")
    for number, told in ((1, "1 record is stored; load "), (2, "2 records are stored; load ")):
        letters = (letter(one) for one in range(number))
        assert told in sidecar("load", ndjson(tmp_path / "records", *letters)).out
