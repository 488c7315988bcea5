"""``sidecar query``."""

import argparse
import asyncio
from pathlib import Path
from urllib.parse import urlencode

import orjson

from sidecar.cli.asking import callers, identity_in, instant, kind_named
from sidecar.cli.check import bundle_of
from sidecar.cli.terminal import Terminal
from sidecar.config import Config
from sidecar.errors import BadRequest, ConfigError
from sidecar.http.query import RecordsAsked, records_form
from sidecar.identity.caller import Identity
from sidecar.policy.bundle import Bundle
from sidecar.policy.judge import Judge
from sidecar.readmodels.plan import carried_out
from sidecar.readmodels.records import RecordsPage, RecordsQuery, records
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kind, Kinds
from sidecar.records.opening import opened
from sidecar.records.schemas import load_kinds


def run(asked: argparse.Namespace, config: Config, terminal: Terminal) -> int:
    """Print the page. Raises ConfigError, FindingsError, StoreError."""
    kinds = load_kinds(config.schema_folders)
    kind = kind_named(asked.kind, kinds)
    page_asked = _page_asked(asked, kind)
    identity = identity_in(Path(asked.caller))
    bundle = bundle_of(config, kinds)
    question = _Question(config, bundle, identity, kind.name, page_asked, instant(asked))
    page = asyncio.run(question.answered(kinds))
    for record in orjson.loads(orjson.dumps(page.view["records"])):
        terminal.json(record)
    if page.following is not None:
        terminal.say(f"there are more than these {page.view['count']}; --limit asks for up to 1000")
    return 0


def _page_asked(asked: argparse.Namespace, kind: Kind) -> RecordsAsked:
    """The page, its filters read as the HTTP side reads its parameters. Raises ConfigError."""
    pairs = []
    for given in asked.where:
        field, equals, value = given.partition("=")
        if not equals or field in ("limit", "cursor"):
            raise ConfigError(f"--where {given}: write field=value; the fields are {', '.join(_fields(kind))}")
        pairs.append((field, value))
    if asked.limit is not None:
        pairs.append(("limit", asked.limit))
    try:
        return records_form(kind).read(urlencode(pairs))
    except BadRequest as error:
        name = error.details.get("parameter", "")
        if name == "limit":
            raise ConfigError(f"--{error.message}") from None
        raise ConfigError(f"--where {name}: {error.message}; the fields are {', '.join(_fields(kind))}") from None


def _fields(kind: Kind) -> list[str]:
    return [column.name for column in kind.columns]


class _Question:
    """One page for one caller."""

    def __init__(
        self, config: Config, bundle: Bundle, identity: Identity, kind: str, asked: RecordsAsked, now_ms: int
    ) -> None:
        self._config, self._bundle, self._identity = config, bundle, identity
        self._kind, self._asked, self._now_ms = kind, asked, now_ms

    async def answered(self, kinds: Kinds) -> RecordsPage:
        """The page, from the store of these kinds."""
        async with (
            opened(self._config, kinds, Intake(kinds), create=False) as store,
            store.snapshot(self._identity.tenant) as snap,
        ):
            caller = await callers(self._config).caller(self._identity, snap, self._now_ms)
            judge = Judge(verify=self._config.verify == "always")
            verdicts = await judge.judge(self._bundle, caller, snap, [self._kind], self._now_ms)
            query = RecordsQuery(self._kind, self._asked.limit, self._asked.where)
            return await carried_out(records(query), snap, verdicts)
