"""The read side under bytes that nobody should send, with what nobody may see beside what they ask for."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacked import Hostile, forms, hostile
from grammar import Attempt, attempt
from wire import Got, answers, exchange

pytestmark = pytest.mark.usefixtures("store_name")

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "5000"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
FEWER = 4
"""Most requests end before a store is asked: a second store is sent this much less."""
AT_ONCE = 24
DECIDED = frozenset({"method", "route", "status", "revision", "org", "workspace", "deployment", "actor", "ms"})
"""Everything that a line of the decision log may hold."""


async def test_nothing_that_is_sent_breaks_a_law(tmp_path: Path, store_name: str) -> None:
    """No answer is a 5xx, none hangs, each is JSON with its headers, and no byte out is of what is hidden."""
    async with hostile(tmp_path) as there:
        statuses: Counter[int] = Counter()
        seeds = iter(range(SEED, SEED + REQUESTS // (1 if store_name == "sqlite" else FEWER)))
        await asyncio.gather(*(_attack(there, seeds, statuses) for _ in range(AT_ONCE)))
        assert {200, 400, 401, 403, 404, 405, 413, 415, 417, 422, 431} <= set(statuses), statuses
        assert statuses[200] > sum(statuses.values()) / 10, statuses
        _hold_log(there)


async def _attack(there: Hostile, seeds: Iterator[int], statuses: Counter[int]) -> None:
    """Send one attempt after another."""
    for seed in seeds:
        one = attempt(seed)
        try:
            raw = await exchange(there.port, one.sent)
        except TimeoutError:
            pytest.fail(f"seed {seed} hangs: {one.sent[:300]!r}")
        assert not there.leaks(raw), (seed, one.sent[:500], raw)
        for got in answers(raw, bodiless=one.bodiless):
            statuses[got.status] += 1
            _hold(seed, one, got)


def _hold(seed: int, one: Attempt, got: Got) -> None:
    """The laws of one answer."""
    told = (seed, one.sent[:500], got)
    assert got.status < 500, told
    assert got.headers["content-type"] == "application/json", told
    assert got.headers["cache-control"] == "no-store", told
    assert got.headers["x-sidecar-policy"].startswith("sha256:"), told
    if got.body or not one.bodiless:
        body = json.loads(got.body)
        assert isinstance(body, dict), told
        assert got.status == 200 or {"error", "message"} <= body.keys(), told


def _hold_log(there: Hostile) -> None:
    """Every decision is one line of ASCII with nothing in it but who asked for which route, and nothing else leaks."""
    assert there.decisions.lines
    for line in there.decisions.lines:
        assert line.isascii(), line
        assert line.isprintable(), line
        assert set(json.loads(line)) <= DECIDED, line
    assert not there.leaks("\n".join([*there.decisions.lines, *there.logged.lines]).encode())


async def test_a_canary_is_found_in_every_form(tmp_path: Path) -> None:
    """What is searched for would be found: as it is, in hexadecimal, URL-encoded, and in base64 wherever it begins."""
    async with hostile(tmp_path) as there:
        for form in forms(there.marks[0]):
            assert there.leaks(b"before " + form + b" behind") == [there.marks[0]], form
        assert there.leaks(b"before and behind") == []
