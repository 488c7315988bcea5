"""The engine: its rules against the same by hand and in cel-python, many grants, labels, rules, and new callers."""

import asyncio
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from by_hand import CelPython, by_hand
from engine_world import KIND, caller, records, rule_texts
from measure import Result, Work, compared, in_turns
from world import NOW_MS, SEEN_UNIT, Reliability, kinds, stored

from sidecar.cel import BOOL, Env, check, parse, type_from_schema
from sidecar.http.answer import respond
from sidecar.identity.caller import Caller
from sidecar.policy.bundle import Bundle, build
from sidecar.policy.compiling import Typing
from sidecar.policy.judge import Judge
from sidecar.policy.standing import Authority, Conditions, Labels, Standing
from sidecar.readmodels.plan import carried_out
from sidecar.readmodels.reliability import COLLECTIONS, ReliabilityQuery, reliability
from sidecar.records.canonical import policy_view
from sidecar.records.ingest import Intake
from sidecar.records.schemas import load_schema, shipped_schemas
from sidecar.records.sqlite import SqliteStore
from sidecar.records.store import Prepared, Tenant
from sidecar.shipped import shipped

Records = Sequence[Mapping[str, Any]]

JUDGED, LABELS, RULES = 5_000, 10_000, 1_000
WITNESSED, CONVERTED = 4, 25
"""cel-python is so slow that few records are timed; a few more must get the same answer."""
GRANTS = (5, 50, 500)
OVER_BY_HAND, UNDER_CEL_PYTHON, MORE_GRANTS, OVER_A_PAGE = 1.3, 500, 1.5, 25.0
A_SECOND_MS, NEW_CALLER_MS = 1_000.0, 5.0
ROUNDS = 25


def main(folder: Path) -> Iterator[Result]:
    bundle = build([shipped("policies")], kinds())
    labels, whole = _judged()
    yield from _against_others(bundle, labels, whole)
    yield from _more_grants(bundle, labels)
    yield from _cold_labels(bundle, folder, labels)
    yield from _many_rules()
    yield from _new_caller(bundle)


def _judged() -> tuple[Records, Records]:
    """Distinct labels, and the records they are of as policies see them."""
    intake, kind = Intake(kinds()), kinds()[KIND]
    labels: dict[bytes, Mapping[str, Any]] = {}
    for record in records(2 * LABELS):
        prepared = intake.accept(KIND, record)
        assert isinstance(prepared, Prepared), prepared
        if len(labels) < LABELS:
            labels.setdefault(prepared.label, policy_view(kind, orjson.loads(prepared.doc)))
    assert len(labels) == LABELS
    return [orjson.loads(label) for label in labels], list(labels.values())


def _against_others(bundle: Bundle, labels: Records, whole: Records) -> Iterator[Result]:
    """The verdicts of both scoped policies on one caller with eight grants, record by record."""
    authority = _authority(bundle, caller(8))
    hand = by_hand(authority.caller.document)
    python = CelPython(authority.policies, authority.caller)
    converted = [python.converted(record) for record in whole[:CONVERTED]]
    for name, form, judged in (("labels", authority.label, labels), ("records", authority.whole, whole)):
        answers = [one == "visible" for one in _verdicts(form, judged)]
        assert answers == list(map(hand, judged)), "by hand says otherwise"
        assert answers[:CONVERTED] == list(map(python.visible, converted)), "cel-python says otherwise"
        works: dict[str, Work] = {
            "ours": partial(_verdicts, form, judged[:JUDGED]),
            "hand": partial(_answers, hand, judged[:JUDGED]),
            "cel-python": partial(_answers, python.visible, converted[:WITNESSED]),
        }
        taken = in_turns(works, ROUNDS)
        yield compared(f"{JUDGED:,} {name} judged / rules by hand", taken["ours"], taken["hand"], OVER_BY_HAND)
        share = JUDGED / WITNESSED / UNDER_CEL_PYTHON
        theirs = [ms * share for ms in taken["cel-python"]]
        yield compared(f"{JUDGED:,} {name} judged / a {UNDER_CEL_PYTHON}th of cel-python", taken["ours"], theirs, 1.0)


def _verdicts(conditions: Conditions, judged: Records) -> list[str]:
    verdict, tenant = conditions.verdict, conditions.tenant
    return [verdict(record, tenant, NOW_MS) for record in judged]


def _answers(visible: Callable[[Mapping[str, Any]], bool], judged: Records) -> list[bool]:
    return [visible(record) for record in judged]


def _more_grants(bundle: Bundle, labels: Records) -> Iterator[Result]:
    """Callers of whose grants the records name the same few."""
    callers = {grants: _authority(bundle, caller(grants)).label for grants in GRANTS}
    taken = in_turns(
        {str(number): partial(_verdicts, form, labels[:JUDGED]) for number, form in callers.items()}, ROUNDS
    )
    fewest, *others = map(str, GRANTS)
    for grants in others:
        name = f"{JUDGED:,} labels judged, {grants} grants / {fewest} grants"
        yield compared(name, taken[grants], taken[fewest], MORE_GRANTS)


def _cold_labels(bundle: Bundle, folder: Path, labels: Records) -> Iterator[Result]:
    """All labels for a caller nobody has seen, and a page of reliability in this process, from snapshot to bytes."""
    cold: Labels = list(enumerate(labels, start=1))
    someone = caller(8)
    file = folder / "engine.db"
    if not file.exists():
        stored(file, Reliability(150, 2_500).made())
    store = SqliteStore(file, kinds(), Intake(kinds()).accept)
    loop = asyncio.new_event_loop()
    page = _page(bundle, store)
    works: dict[str, Work] = {
        "cold": lambda: Standing(_authority(bundle, someone)).grown(cold),
        "page": lambda: loop.run_until_complete(page()),
    }
    taken = in_turns(works, ROUNDS)
    loop.run_until_complete(store.close())
    loop.close()
    name = f"{LABELS:,} labels judged cold / a page of 4 by 100 rows"
    yield compared(name, taken["cold"], taken["page"], OVER_A_PAGE)


def _page(bundle: Bundle, store: SqliteStore) -> Callable[[], Any]:
    member = Caller(Tenant("acme", "main"), "mona", org_units=(SEEN_UNIT, f"organization_unit/{SEEN_UNIT}"))
    judge = Judge()

    async def page() -> object:
        async with store.snapshot(member.tenant) as snap:
            verdicts = await judge.judge(bundle, member, snap, tuple(COLLECTIONS.values()), NOW_MS)
            return respond(await carried_out(reliability(ReliabilityQuery(limit=100)), snap, verdicts))

    return page


def _many_rules() -> Iterator[Result]:
    """Reading and checking, and beside it what Python takes to compile as many characters of its own library."""
    schema = load_schema(shipped_schemas() / "caller.schema.json")
    env = Env(Typing.of(kinds()[KIND], type_from_schema(schema, "caller")).variables)
    texts = list(rule_texts(RULES))
    size = sum(map(len, texts)) // RULES
    library = inspect.getsource(textwrap)
    times = sum(map(len, texts)) // len(library)
    works: dict[str, Work] = {
        "ours": lambda: [check(parse(text), env, expects=BOOL) for text in texts],
        "python": lambda: [compile(library, "", "exec") for _ in range(times)],
    }
    taken = in_turns(works, ROUNDS // 5)
    name = f"{RULES:,} rules of {size} letters checked"
    yield _within(f"{name} / a second", taken["ours"], A_SECOND_MS)
    yield compared(f"{name} / Python compiling as many", taken["ours"], taken["python"], None)


def _new_caller(bundle: Bundle) -> Iterator[Result]:
    """Everything bound that any request could need: all kinds, for labels and for records, masks too."""
    someone = caller(50)
    work = {"ours": lambda: _bound(bundle, someone), "hand": lambda: by_hand(someone.document)}
    taken = in_turns(work, ROUNDS, 5)
    name = f"a caller of {len(someone.grants)} grants bound to {len(bundle.kinds)} kinds"
    yield _within(f"{name} / {NEW_CALLER_MS:.0f} ms", taken["ours"], NEW_CALLER_MS)
    yield compared(f"{name} / one by hand", taken["ours"], taken["hand"], None)


def _within(name: str, taken: Sequence[float], limit_ms: float) -> Result:
    """Against a time that is promised: the fastest round, which nothing else on the machine disturbed."""
    return Result(name, min(taken), limit_ms, min(taken) / limit_ms, 1.0)


def _bound(bundle: Bundle, someone: Caller) -> None:
    for policies in bundle.kinds.values():
        authority = Authority(policies, someone)
        for conditions in (authority.label, authority.whole):
            _ = conditions.law, conditions.masks


def _authority(bundle: Bundle, someone: Caller) -> Authority:
    policies = bundle.of(KIND)
    assert policies is not None
    return Authority(policies, someone)
