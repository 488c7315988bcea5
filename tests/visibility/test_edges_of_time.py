"""A grant or membership that ends at an instant is over at that instant, and not a millisecond before."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asking import each, walked
from scoped_records import SCOPED_KINDS, Named, grant, key_of, membership, opened, owned, scoped, unit
from serving import NOW_MS, Served, Who, served

END = NOW_MS + 60_000
HELD = {"expires_at_ms": END}
FIN = Who(actor="u", units="finance")
FAY = Who(actor="fay", units="")
MIA = Who(actor="mia")
BASE: list[Named] = [
    unit("finance"),
    membership("marks-the-tenant-managed", "legal", "somebody"),
    *(scoped(kind, "open", {}) for kind in SCOPED_KINDS),
    *(scoped(kind, "finance", owned("finance")) for kind in SCOPED_KINDS),
    *(scoped(kind, "opened", opened("key")) for kind in SCOPED_KINDS),
    *(scoped(kind, "secret", opened("key", unit="finance", classes=("restricted",))) for kind in SCOPED_KINDS),
]
GATED_GRANT = grant("key", data_classes=["internal", "restricted"], **HELD)
OVER = {"open"}


@pytest.fixture
async def sidecar(tmp_path: Path) -> AsyncIterator[Served]:
    """A sidecar with a unit, what it owns, and what a grant called key may open."""
    async with served(tmp_path) as found:
        await found.take(*BASE)
        yield found


async def shown(sidecar: Served, who: Who) -> set[str]:
    """The names that a caller sees: of every scoped kind the same, in lists, alone and among the runs."""
    found: list[set[str]] = []
    for kind in SCOPED_KINDS:
        listed = {record["run_id"].removeprefix("a-") for record in await walked(sidecar, kind, who)}
        names = ("open", "finance", "opened", "secret")
        alone = await each(sidecar, [f"/v1/records/{kind}/{key_of(kind, name)}" for name in names], who)
        assert listed == {name for name, answer in zip(names, alone, strict=True) if answer.status == 200}
        found.append(listed)
    runs = await sidecar.get("/stateful-runtime/runs?limit=1000", who)
    found.append({row["run"]["run_id"].removeprefix("a-") for row in runs["runs"]})
    assert all(names == found[0] for names in found), found
    return found[0]


@pytest.mark.parametrize(
    ("who", "until", "before", "after"),
    [
        (FIN, GATED_GRANT, {"open", "finance", "opened", "secret"}, {"open", "finance"}),
        (FAY, grant("key", "fay", kind="human_user", **HELD), {"open", "opened"}, OVER),
        (MIA, membership("m", "organization_unit/finance", "mia", **HELD), {"open", "finance"}, OVER),
    ],
    ids=["grant of a unit", "grant of a person", "membership"],
)
async def test_what_ends_now_is_over(sidecar: Served, who: Who, until: Any, before: set[str], after: set[str]) -> None:
    """It gives its records until the last millisecond, nothing from its end on, and again when the clock is set back."""
    await sidecar.take(until)
    for now_ms, expected in ((END - 1, before), (END, after), (END + 1, after), (END - 1, before), (1, before)):
        sidecar.clock.now_ms = now_ms
        assert await shown(sidecar, who) == expected, now_ms - END


async def test_a_deny_that_ends_now_denies_no_more(sidecar: Served) -> None:
    """The deny counts until its last millisecond; then the grant beside it opens what it names."""
    await sidecar.take(grant("key"), grant("no", on="key", effect="deny", **HELD))
    for now_ms, expected in ((END - 1, {"open", "finance"}), (END, {"open", "finance", "opened"})):
        sidecar.clock.now_ms = now_ms
        assert await shown(sidecar, FIN) == expected


async def test_two_ends_are_two_edges(sidecar: Served) -> None:
    """A membership that ends takes the grants of its unit along, and the grant's own end is seen where it comes first."""
    joined = membership("m", "organization_unit/finance", "mia", expires_at_ms=END + 10)
    await sidecar.take(joined, grant("key", expires_at_ms=END))
    edges = ((END - 1, {"open", "finance", "opened"}), (END, {"open", "finance"}), (END + 9, {"open", "finance"}))
    for now_ms, expected in (*edges, (END + 10, OVER)):
        sidecar.clock.now_ms = now_ms
        assert await shown(sidecar, MIA) == expected


async def test_the_catalogue_keeps_what_has_ended(sidecar: Served) -> None:
    """One's own membership, and the grants to a unit that one claims, are shown after their end too."""
    await sidecar.take(membership("m", "organization_unit/finance", "mia", **HELD), grant("key", **HELD))
    for now_ms in (END - 1, END):
        sidecar.clock.now_ms = now_ms
        assert [record["membership_id"] for record in await walked(sidecar, "org_unit_membership", MIA)] == ["m"]
        assert [record["grant_id"] for record in await walked(sidecar, "org_unit_access_grant", FIN)] == ["key"]


async def test_authority_that_is_written_counts_at_the_next_request(sidecar: Served) -> None:
    """A grant disabled, a unit disabled and a membership deleted take their records away at once."""
    joined = membership("m", "organization_unit/finance", "mia")
    await sidecar.take(joined, grant("key"))
    assert await shown(sidecar, MIA) == {"open", "finance", "opened"}
    await sidecar.take(grant("key", state="disabled", updated_at_ms=2))
    assert await shown(sidecar, MIA) == {"open", "finance"}
    await sidecar.take(unit("finance", state="disabled", updated_at_ms=2))
    assert await shown(sidecar, MIA) == OVER
    await sidecar.take(unit("finance", updated_at_ms=3))
    assert await shown(sidecar, MIA) == {"open", "finance"}
    gone = "/admin/v1/records/org_unit_membership/m?org_id=acme&workspace_id=main"
    assert (await sidecar.admin("DELETE", gone)).status == 200
    assert await shown(sidecar, MIA) == OVER
