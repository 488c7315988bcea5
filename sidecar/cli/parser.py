"""The command line's grammar: verbs, their options, and examples for each."""

import argparse
from contextlib import nullcontext
from importlib.metadata import version
from typing import Any

from sidecar.cli.lifecycle import lifecycle_verbs
from sidecar.cli.options import BEFORE, CALLER, add_asking, add_instant, add_json, add_verb, shared_options, told, utf8
from sidecar.config_file import Flags
from sidecar.http.early import before_serving

_EXIT_OF_DIFF = (
    "exit codes: 0 nothing changes, 1 something does, 2 it cannot be told: something is wrong in a file or the command"
)


_EXIT_OF_EXPLAIN = (
    "exit codes: 0 fine, 1 there is no such record or something is wrong in a file, "
    "2 something is wrong in the command or the configuration"
)


def flags(asked: argparse.Namespace) -> Flags:
    """The settings that the command line gives, before the verb and after it."""

    def last(name: str) -> Any:
        return getattr(asked, name, getattr(asked, BEFORE + name, None))

    def every(name: str) -> list[str]:
        return [*getattr(asked, BEFORE + name, ()), *getattr(asked, name, ())]

    return Flags(
        config=last("config"),
        store=last("store"),
        policies=every("policies"),
        schemas=every("schemas"),
        listen=last("listen"),
        admin_listen=last("admin_listen"),
        workers=last("workers"),
        follow_runtime=last("follow_runtime"),
    )


def parser() -> argparse.ArgumentParser:
    """The grammar of every verb."""
    text, examples = (
        "Answers with what a caller may see, as policies say.",
        "sidecar load records.ndjson\nsidecar serve",
    )
    top = argparse.ArgumentParser(prog="sidecar", parents=[shared_options(BEFORE)], **told(text, examples))
    shared = shared_options()
    top.add_argument("--version", action="version", version=f"sidecar {version('sidecar')}")
    top.set_defaults(hearing=nullcontext)
    verbs = top.add_subparsers(title="verbs", metavar="VERB", required=True)
    _serve(verbs, shared)
    _load(verbs, shared)
    _migrate(verbs, shared)
    _check(verbs, shared)
    _test(verbs, shared)
    _query(verbs, shared)
    _explain(verbs, shared)
    _diff(verbs, shared)
    lifecycle_verbs(verbs, shared)
    return top


_SERVE = """Serve read models until SIGTERM, then drain.

Callers ask at --listen. Services write at --admin-listen, where health and metrics are told too, with the token that is
in SIDECAR_ADMIN_TOKEN. Changed policies are put in force once their suites pass, at once on SIGHUP. The log is on
standard error.
"""


def _serve(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(
        verbs,
        shared,
        "serve",
        "serve",
        _SERVE,
        "sidecar serve\nsidecar serve --listen unix:/run/sidecar.sock --admin-listen 127.0.0.1:8481",
    )
    verb.set_defaults(hearing=before_serving)
    verb.add_argument("--listen", metavar="ADDRESS", help="for callers: host:port or unix:/path (127.0.0.1:8480)")
    about = "for services: host:port or unix:/path (127.0.0.1:8481)"
    verb.add_argument("--admin-listen", metavar="ADDRESS", help=about)
    verb.add_argument(
        "--follow-runtime", metavar="DIR", help="keep the store equal to the files of a runtime as they change"
    )
    verb.add_argument("--workers", type=int, metavar="N", help="how many processes serve (1)")


def _load(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(
        verbs,
        shared,
        "load",
        "load",
        "Validate records, and once all of them are valid store them.",
        "sidecar load records.ndjson\nproduce | sidecar load -\nsidecar load records/ --keep-going\n"
        "sidecar load --from-runtime /var/lib/runtime",
    )
    verb.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help='a file of lines {"kind": K, "record": {…}}, a folder of K.jsonl with bare records, or - (standard input)',
    )
    verb.add_argument("--from-runtime", metavar="DIR", help="read the runtime's own files")
    verb.add_argument("--keep-going", action="store_true", help="store what is valid although something is not")
    add_json(verb)


def _migrate(verbs: Any, shared: argparse.ArgumentParser) -> None:
    text = "Bring the store to the form of this program and its schemas; harmless when it is there already."
    verb = add_verb(
        verbs, shared, "migrate", "migrate", text, "sidecar migrate --store postgresql://sidecar@db/records"
    )
    add_json(verb)


def _check(verbs: Any, shared: argparse.ArgumentParser) -> None:
    text = "Tell all that is wrong in schemas and policies, and how rules are judged."
    examples = "sidecar check\nsidecar check --policies default --policies policies/"
    verb = add_verb(verbs, shared, "check", "check", text, examples)
    add_json(verb)


def _test(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(
        verbs,
        shared,
        "test",
        "suites",
        "Run the suites beside the policies.",
        "sidecar test\nsidecar test -k finance --coverage\nsidecar test --junit results.xml",
    )
    verb.add_argument("-k", metavar="TEXT", dest="holding", help="only cases whose suite/caller/record holds the text")
    verb.add_argument("--coverage", action="store_true", help="tell of every rule what the cases saw of it")
    verb.add_argument("--junit", metavar="FILE", help="also write the results as JUnit XML")
    add_json(verb)


def _query(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(
        verbs,
        shared,
        "query",
        "query",
        "Print the page of records that a caller sees, one a line.",
        "sidecar query wait --as ana.json\nsidecar query dead_letter --as ana.json --where status=open --limit 10",
    )
    verb.add_argument("kind", metavar="KIND", help="the kind of records")
    add_asking(verb)
    verb.add_argument(
        "--where",
        type=utf8,
        action="append",
        metavar="FIELD=VALUE",
        default=[],
        help="keep records whose field has the value; may be repeated",
    )
    verb.add_argument("--limit", type=utf8, metavar="N", help="how many records at most, 1 to 1000 (100)")


def _explain(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(
        verbs,
        shared,
        "explain",
        "explain",
        "Tell why a caller sees a record or does not.",
        "sidecar explain wait run-1/w-1 --as ana.json\nsidecar explain outbox o-7 --as ana.json --tenant acme/main",
        _EXIT_OF_EXPLAIN,
    )
    verb.add_argument("kind", metavar="KIND", help="the record's kind")
    verb.add_argument(
        "id",
        type=utf8,
        metavar="ID",
        help="the record's id; the parts of a longer key are joined by /, each %%-encoded",
    )
    add_asking(verb)
    about = "whose record it is (the caller's tenant)"
    verb.add_argument("--tenant", type=utf8, metavar="ORG/WS[/DEPLOYMENT]", help=about)
    add_json(verb)


def _diff(verbs: Any, shared: argparse.ArgumentParser) -> None:
    text = "Tell which stored records appear, vanish or are masked otherwise, and for whom, when policies change."
    examples = "sidecar diff default mine/\nsidecar diff default default:mine/ --as ana.json --json"
    verb = add_verb(verbs, shared, "diff", "diff", text, examples, _EXIT_OF_DIFF)
    for name in ("old", "new"):
        about = "a folder of policies; several are joined by :, and default names the shipped ones"
        verb.add_argument(name, metavar=name.upper(), help=about)
    about = f"{CALLER}; beside the callers of the suites, and may be repeated"
    verb.add_argument("--as", dest="callers", metavar="CALLER.json", action="append", default=[], help=about)
    add_instant(verb)
    add_json(verb)
