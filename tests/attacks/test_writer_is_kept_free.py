"""The one writer is for those who write: nobody else can take it, or keep it longer than writing takes."""

from pathlib import Path

import pytest
from attacked import LOW, visible_records
from serving import Who, served

from sidecar.policy.standing import Labels, Standing

pytestmark = pytest.mark.usefixtures("store_name")

ABANDON = {"choice": "abandon_with_audit"}
RUNS = "/stateful-runtime/runs"
REX = Who(actor="rex", units="sales", roles="recovery_operator")


@pytest.mark.parametrize(("who", "run", "status"), [(LOW[0], "~hr", 404), (LOW[0], "open", 403), (LOW[2], "open", 401)])
async def test_who_may_not_choose_never_takes_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: Who, run: str, status: int
) -> None:
    """A choice about what is hidden, or by somebody who may not, is refused before a change begins."""
    async with served(tmp_path) as sidecar:
        await sidecar.take(*visible_records())
        monkeypatch.setattr(type(sidecar.service.store), "change", None)
        assert (await sidecar.post(f"{RUNS}/{run}/resume-plan", who, ABANDON)).status == status


async def test_a_choice_judges_before_it_takes_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who only ever chooses is judged once and remembered, not anew with every choice while the writer waits."""
    judged: list[int] = []
    really = Standing.grown

    def counted(self: Standing, labels: Labels) -> Standing:
        judged.append(len(labels))
        return really(self, labels)

    monkeypatch.setattr(Standing, "grown", counted)
    async with served(tmp_path) as sidecar:
        await sidecar.take(*visible_records())
        for _ in range(3):
            assert (await sidecar.post(f"{RUNS}/open/resume-plan", REX, ABANDON)).status == 200
            last, judged[:] = list(judged), []
    assert last == []
