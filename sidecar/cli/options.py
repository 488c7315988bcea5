"""What the verbs of the command line share: their options, and how they are told of."""

import argparse
from importlib import import_module
from typing import Any

_SHARED_HELP = (
    "Settings may also stand in sidecar.yaml, as more do, and in SIDECAR_STORE, SIDECAR_POLICIES, SIDECAR_SCHEMAS."
)
EXIT = "exit codes: 0 fine, 1 something is wrong in a file, 2 something is wrong in the command or the configuration"
CALLER = 'who asks, as in a suite: {"tenant": {"org_id", "workspace_id"}, "actor_id", "org_units", "roles"}'
LATEST_MS = 2**63 - 1
BEFORE = "before_"
"""How the options are named that stand before the verb."""


def told(text: str, examples: str, codes: str = EXIT) -> dict[str, Any]:
    """A description, its examples and its exit codes as argparse takes them."""
    shown = "\n".join(f"  {line}" for line in examples.splitlines())
    return {
        "description": text,
        "epilog": f"examples:\n{shown}\n\n{codes}",
        "formatter_class": argparse.RawDescriptionHelpFormatter,
        "allow_abbrev": False,
    }


def shared_options(prefix: str = "") -> argparse.ArgumentParser:
    """The options of every verb; what stands before the verb is kept apart, or the verb's own would replace it."""
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    options = shared.add_argument_group("settings", _SHARED_HELP)
    options.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        dest=f"{prefix}config",
        help="the configuration (SIDECAR_CONFIG, or sidecar.yaml where it is there)",
    )
    options.add_argument(
        "--store", metavar="URL", dest=f"{prefix}store", help="where records are kept (sqlite:///sidecar.db)"
    )
    options.add_argument(
        "--policies",
        dest=f"{prefix}policies",
        metavar="DIR",
        action="append",
        help="a folder of policies; may be repeated, and together they are the bundle; default names the shipped ones",
    )
    options.add_argument(
        "--schemas",
        dest=f"{prefix}schemas",
        metavar="DIR",
        action="append",
        help="a folder of schemas whose kinds are added to the shipped ones; may be repeated",
    )
    return shared


def add_verb(
    verbs: Any, shared: argparse.ArgumentParser, name: str, module: str, text: str, examples: str, codes: str = EXIT
) -> argparse.ArgumentParser:
    """One verb, whose module is imported when it is asked for."""

    def run(*given: Any) -> int:
        code: int = import_module(f"sidecar.cli.{module}").run(*given)
        return code

    added: argparse.ArgumentParser = verbs.add_parser(
        name, parents=[shared], help=text.partition("\n")[0], **told(text, examples, codes)
    )
    added.set_defaults(verb=run)
    return added


def add_json(verb: argparse.ArgumentParser) -> None:
    """Whether programs read the answer."""
    verb.add_argument("--json", action="store_true", help="answer in JSON, for programs")


def utf8(text: str) -> str:
    """A word that is sought in the store, where all is UTF-8; a path may be any bytes. Raises ArgumentTypeError."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not UTF-8") from None
    return text


def _instant(text: str) -> int:
    """An instant as records hold it."""
    if not text.isascii() or not text.isdigit() or int(text) > LATEST_MS:
        raise argparse.ArgumentTypeError(f"{text!r} is no instant; write Unix milliseconds, 0 to 2^63-1")
    return int(text)


def add_asking(verb: argparse.ArgumentParser) -> None:
    """Who asks, and when."""
    verb.add_argument(
        "--as",
        dest="caller",
        metavar="CALLER.json",
        required=True,
        help=CALLER,
    )
    add_instant(verb)


def add_instant(verb: argparse.ArgumentParser) -> None:
    """When."""
    verb.add_argument("--at", type=_instant, metavar="MS", help="the instant, in Unix milliseconds (now)")
