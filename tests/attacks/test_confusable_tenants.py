"""Names of tenants, actors and units that look alike are not alike."""

from pathlib import Path

import pytest
from attacked import LOW, hostile
from scoped_records import owned, scoped, unit
from serving import Who, served
from wire import ask, request

pytestmark = pytest.mark.usefixtures("store_name")

RUNS = b"/stateful-runtime/runs"
ALIKE = {
    "a": (
        "\u0430",
        "\u0251",
        "\uff41",
        "A",
        "\u00e0",
        "a\u0301",
        "\u1d43",
        "\U0001d41a",
        "a\u200b",
        "a\u00ad",
        "\u200ea",
    ),
    "c": ("\u0441", "\uff43", "C", "\u00e7", "c\u0327", "\u03f2"),
    "m": ("\uff4d", "M", "rn", "\u1e41", "\U0001d426"),
    "e": ("\u0435", "\uff45", "E", "\u00e9", "e\u0301", "\u212e"),
}
"""What may be taken for a letter of ``acme``."""


def confusables(name: str) -> list[str]:
    """Names that look like this one: each letter replaced by each of its likes, alone and together with the first."""
    found = {
        name.upper(),
        f"{name}.",
        f"{name}\u2024",
        f"{name}/",
        name + "\u3000",
        "\ufeff" + name,
        f"{name}%20",
        f"{name};",
    }
    for place, letter in enumerate(name):
        for like in ALIKE[letter]:
            one = name[:place] + like + name[place + 1 :]
            found |= {one, *(first + one[1:] for first in ALIKE["a"]), *(one[:-1] + last for last in ALIKE["e"])}
    return sorted(found - {name})


async def test_a_tenant_that_looks_like_another_sees_nothing_of_it(tmp_path: Path) -> None:
    """Over 300 look-alikes of an organisation or a workspace are refused, or are tenants of their own without records."""
    names = confusables("acme")
    assert len(names) > 300
    async with hostile(tmp_path) as there:
        await there.take(scoped("wait", "mine", {}, {"org_id": "acme", "workspace_id": "acme"}))
        statuses: set[int] = set()
        for name in names:
            for org, workspace in ((name, "acme"), ("acme", name)):
                headers = ((b"x-tandem-org-id", org.encode()), (b"x-tandem-workspace-id", workspace.encode()))
                sent = request(b"/v1/records/wait", Nobody(), headers=headers)
                got = await ask(there.port, sent)
                statuses.add(got.status)
                assert got.status in (400, 401) or got.told["records"] == [], (org, workspace)
        assert statuses >= {200, 401}


class Nobody(Who):
    """An identity whose headers are given apart."""

    @property
    def headers(self) -> dict[str, str]:
        """None."""
        return {}


async def test_spaces_around_a_name_are_no_part_of_it(tmp_path: Path) -> None:
    """What a proxy pads is the same tenant: blanks end where the name begins, and only plain ones are possible."""
    async with hostile(tmp_path) as there:
        for padded in (" acme", "acme ", "\tacme\t"):
            got = await ask(there.port, request(RUNS, Who(org=padded, actor="sal", units="sales")))
            assert got.told == (await ask(there.port, request(RUNS, LOW[0]))).told


@pytest.mark.parametrize("claimed", ["SALES", "sales", "organization_unit/sales", " Sales "])
async def test_only_the_case_of_a_unit_is_folded(tmp_path: Path, claimed: str) -> None:
    """A unit is the same in any case, with its taxonomy or without; a record's look-alike unit is another one."""
    alike = ["\u0455ales", "sale\u017f", "s\u0430les", "\uff53ales", "sales\u200b", "sa\u0300les", "sales/", "x/sales"]
    async with served(tmp_path) as sidecar:
        await sidecar.take(unit("sales"), scoped("wait", "ours", owned("sales")))
        await sidecar.take(*(scoped("wait", f"w{place}", owned(name)) for place, name in enumerate(alike)))
        body = await sidecar.get("/v1/records/wait", Who(actor="sal", units=claimed))
    assert [record["wait_id"] for record in body["records"]] == ["ours"]
