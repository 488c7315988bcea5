"""A kind with every sort of filter and no order: each page is what a walk over all records by hand comes to."""

from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
import stores
from store_notes import refuse
from test_load_again import All

from sidecar.records.kind import Column, Kind, Kinds
from sidecar.records.reading import Above, Below, Contains, Is, Position, Read, Where
from sidecar.records.store import Prepared, Tenant

pytestmark = pytest.mark.usefixtures("store_name")

T = Tenant("org", "main")
TEXTS, NUMBERS, FLAGS, LISTS = ("t1", "t2", "t3"), ("n1", "n2"), ("f1",), ("l1", "l2", "l3")
TYPES = {
    **dict.fromkeys((*TEXTS, *LISTS), "text"),
    **dict.fromkeys(NUMBERS, "integer"),
    **dict.fromkeys(FLAGS, "boolean"),
}
WIDE = Kind(
    *("wide", {}, {}, ("/a", "/b"), "/t", (), ("/unit",)),
    tuple(
        Column(name, f"/{name}", TYPES[name], name in LISTS, name == "t3", None, (name,))  # type: ignore[arg-type]
        for name in (*TEXTS, *NUMBERS, *FLAGS, *LISTS)
    ),
    *("upsert", {}, None, None, None, "wide"),
)
WORDS = ("", "a", "ab", "ß", "é" * 140)
SINGLES = (*TEXTS, *NUMBERS, *FLAGS)
Record = dict[str, Any]


def made(random: Random, place: int) -> Record:
    """A record of few values, some of them missing."""
    values: Record = {"key": (random.choice(("x", "y", "ÿ")), f"{place:02}"), "unit": random.randrange(7)}
    values |= {name: random.choice((None, *WORDS)) for name in TEXTS}
    values |= {name: random.choice((None, -(2**63), -1, 0, 1, 2**63 - 1)) for name in NUMBERS}
    values |= {name: random.choice((0, 1)) for name in FLAGS}
    return values | {name: tuple(random.sample(WORDS, random.randrange(3))) for name in LISTS}


def prepared(values: Record) -> Prepared:
    """The record as the door would hand it on."""
    columns, lists = (tuple(values[name] for name in names) for names in (SINGLES, LISTS))
    label = orjson.dumps({"unit": values["unit"]})
    return Prepared("wide", T, values["key"], (), label, columns, lists, orjson.dumps(values["key"]))


def condition(random: Random, name: str) -> Where:
    """Any condition that can be asked for of a column."""
    if name in NUMBERS:
        value = random.choice((-(2**63), -1, 0, 1, 2**63 - 1))
        return random.choice((Is(name, random.choice(((), (value, 1)))), Below(name, value), Above(name, value)))
    if name in FLAGS:
        return Is(name, (random.choice((True, False)),))
    if name == "t3" and random.random() < 0.5:
        return Contains(("t3",), random.choice(WORDS[1:]))
    return Is(name, tuple(random.sample(WORDS, random.randrange(1, 4))))


def holds(where: Where, values: Record) -> bool:
    """Whether a condition holds of a record."""
    if isinstance(where, Contains):
        return any(where.text in (values[name] or "") for name in where.columns if values[name] is not None)
    found = values[where.column]
    if isinstance(where, Is):
        return (
            bool({*where.values} & {*found}) if where.column in LISTS else found is not None and found in where.values
        )
    if found is None:
        return False
    return bool(found < where.value if isinstance(where, Below) else found > where.value)


def expected(request: Read, visible: list[Record]) -> tuple[list[tuple[str, ...]], bool]:
    """The keys of the page, and whether there are more."""
    keys = sorted(
        (values["key"] for values in visible if all(holds(where, values) for where in request.where)),
        key=lambda key: [part.encode() for part in key],
        reverse=request.last,
    )
    if request.after is not None:
        mark = [part.encode() for part in request.after.key]
        behind = (lambda key: key < mark) if request.last else (lambda key: key > mark)
        keys = [key for key in keys if behind([part.encode() for part in key])]
    page = keys[: request.limit]
    return (page[::-1] if request.last else page), len(keys) > request.limit


@pytest.mark.parametrize("strategy", ["auto", "lanes", "tenant"])
async def test_pages_are_what_a_walk_by_hand_comes_to(tmp_path: Path, strategy: str) -> None:
    """Whatever is asked together, also twice of one column, from wherever, in both directions, under some labels or all."""
    random = Random(strategy)
    records = [made(random, place) for place in range(60)]
    async with stores.opened(tmp_path / "w.db", Kinds({"wide": WIDE}), refuse, strategy=strategy) as store:
        await store.put([prepared(values) for values in records])
        async with store.snapshot(T) as snap:
            labels = {orjson.loads(body)["unit"]: label for label, body in await snap.labels("wide", 0)}
            for _ in range(150):
                units = random.sample(sorted(labels), random.randrange(len(labels) + 1))
                after = random.choice((None, Position((), random.choice(records)["key"])))
                names = random.choices((*SINGLES, *LISTS), k=random.randrange(4))
                wheres = tuple(condition(random, name) for name in names)
                request = Read("wide", random.choice((1, 3, 100)), wheres, after, last=random.random() < 0.5)
                [page] = await snap.read([request], All(frozenset(labels[unit] for unit in units)))
                visible = [values for values in records if values["unit"] in units]
                found = [row.position.key for row in page.rows], page.more
                assert found == expected(request, visible), request
