"""What callers control never begins a line of a log, nor anything else in it."""

import json
import logging
from pathlib import Path
from urllib.parse import quote

import pytest
from attacked import LOW, hostile
from serving import Who
from wire import ask, exchange, request

from sidecar.http.decisions import LONGEST_TEXT, Decisions
from sidecar.identity.caller import Identity
from sidecar.records.store import Tenant

NASTY = (
    *("\r\n{}", "\n", "\u2028", "\u2029", "\u0085", "\x1b[31mred", "\x07", "\x00", '", "status": 200, "x": "', "\\n"),
    *("\u202egnp", "caf\u00e9", "\U0001f600", "\ud800", "%0d%0a", "{{7*7}}", "${jndi:x}", "a" * 10_000),
)


@pytest.mark.parametrize("nasty", NASTY)
def test_one_event_is_one_line_whatever_an_identity_holds(caplog: pytest.LogCaptureFixture, nasty: str) -> None:
    """Each text is escaped and cut: one line of printable ASCII, read back as what was there."""
    caplog.set_level(logging.INFO, "sidecar.decisions")
    who = Identity(Tenant(nasty, nasty, nasty), nasty)
    Decisions("GET", "/route", 0.0).end(200, "sha256:here", who)
    line = caplog.records[-1].getMessage()
    assert line.isascii()
    assert line.isprintable()
    event = json.loads(line)
    assert all(event[name] == nasty[:LONGEST_TEXT] for name in ("org", "workspace", "deployment", "actor"))
    assert event["status"] == 200
    assert event["route"] == "/route"


@pytest.mark.usefixtures("store_name")
@pytest.mark.parametrize("nasty", [one for one in NASTY if len(one) < 100 and one != "\ud800"])
async def test_as_many_lines_as_requests(tmp_path: Path, nasty: str) -> None:
    """Over the wire, in every part of a request: one line for each answer, and none of it is what was sent."""
    coded, raw = quote(nasty, safe="").encode(), nasty.encode()
    async with hostile(tmp_path) as there:
        asked = [
            request(b"/stateful-runtime/runs/" + coded, LOW[0]),
            request(b"/stateful-runtime/runs?status=" + coded + b"&" + coded + b"=1", LOW[0]),
            request(b"/" + coded, LOW[0], headers=((b"User-Agent", b"agent"), (b"X-Forwarded-For", coded))),
            request(b"/v1/records/" + coded + b"/" + coded, LOW[0]),
        ]
        for one in asked:
            await ask(there.port, one)
        assert len(there.decisions.lines) == len(asked)
        for header in (b"User-Agent", b"x-tandem-actor-id", b"X-" + raw):
            await exchange(there.port, request(b"/stateful-runtime/runs", Who(actor=None), headers=((header, raw),)))
        lines = there.decisions.lines
        assert len(lines) <= len(asked) + 3 * 2  # raw CRLF may end a header, and begin another, but no more
        assert all(line.isascii() and line.isprintable() and json.loads(line) for line in lines)
        assert {line.partition('"route": ')[2].partition(",")[0] for line in lines} <= {
            *('""', '"/stateful-runtime/runs"', '"/stateful-runtime/runs/{run_id}"', '"/v1/records/{kind}/{key}"'),
            '"/stateful-runtime/runs/{run_id}/events"',
        }
        assert not there.logged.lines or all("\n" not in line for line in there.logged.lines)
