"""Whether the process lives and can answer: told to everybody, and truly."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import serving
from answer import Answer
from serving import NOW_MS, Served
from shipped_kinds import kinds

from sidecar.config import Writer
from sidecar.policy.current import Bundles
from sidecar.shipped import shipped

pytestmark = pytest.mark.usefixtures("store_name")


@pytest.fixture
def policies(tmp_path: Path) -> Iterator[Path]:
    """A copy of the shipped policies, to be spoiled."""
    folder = tmp_path / "policies"
    shutil.copytree(shipped("policies"), folder)
    return folder


async def ready(served: Served) -> Answer:
    """The readiness."""
    return await served.admin("GET", "/readyz")


async def test_live(served: Served) -> None:
    """A process that answers is live, for GET and HEAD."""
    answer = await served.admin("GET", "/livez")
    assert (answer.status, answer.body) == (200, {"status": "live"})
    head = await served.admin("HEAD", "/livez")
    assert (head.status, head.raw) == (200, b"")


async def test_needs_no_token(tmp_path: Path) -> None:
    """Health is told without a token, and to a wrong one too."""
    writers = [Writer(hashlib.sha256(b"secret").digest())]
    async with serving.served(tmp_path, writers=writers) as sidecar:
        for path in ("/livez", "/readyz"):
            for headers in ({}, {"Authorization": "Bearer wrong"}):
                assert (await sidecar.admin("GET", path, headers=headers)).status == 200


async def test_is_not_public(served: Served) -> None:
    """The public listener knows nothing of health and of writing."""
    for path in ("/livez", "/readyz", "/admin/v1/records"):
        assert (await served.refused(path, serving.Who()))[0] == 404


async def test_ready(tmp_path: Path) -> None:
    """A bundle in force and a store that answers make ready, and the answer says which and since when."""
    bundles = Bundles([shipped("policies")], kinds(), clock=lambda: NOW_MS)
    revision = bundles.reload().revision
    async with serving.served(tmp_path, bundles=bundles) as sidecar:
        answer = await ready(sidecar)
        policy = {"revision": revision, "loaded_at_ms": NOW_MS, "trouble": None}
        assert (answer.status, answer.body) == (200, {"status": "ready", "policy": policy, "store": "ok"})
        assert answer.headers["X-Sidecar-Policy"] == revision
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_failed_reload_is_told(tmp_path: Path, policies: Path) -> None:
    """A bad file leaves the last good bundle in force and the process ready; what is wrong is told until it is mended."""
    times = iter((NOW_MS, NOW_MS + 1))
    bundles = Bundles([policies], kinds(), clock=lambda: next(times))
    revision = bundles.reload().revision
    async with serving.served(tmp_path, bundles=bundles) as sidecar:
        good = (policies / "tenant.yaml").read_text()
        (policies / "tenant.yaml").write_text(good + "\nwhen: nonsense\n")
        bundles.reload()
        answer = await ready(sidecar)
        assert (answer.status, answer.body["status"], answer.body["policy"]["revision"]) == (200, "ready", revision)
        assert answer.body["policy"]["loaded_at_ms"] == NOW_MS
        assert "tenant.yaml" in answer.body["policy"]["trouble"]
        (policies / "tenant.yaml").write_text(good)
        bundles.reload()
        assert (await ready(sidecar)).body["policy"] == {"revision": revision, "loaded_at_ms": NOW_MS, "trouble": None}


async def test_without_a_bundle(tmp_path: Path, policies: Path) -> None:
    """Without any good bundle the process is not ready, says why, and no answer names a policy."""
    (policies / "tenant.yaml").write_text("not a policy")
    bundles = Bundles([policies], kinds())
    bundles.reload()
    async with serving.served(tmp_path, bundles=bundles) as sidecar:
        answer = await ready(sidecar)
        assert (answer.status, answer.body["status"]) == (503, "unready")
        assert (answer.body["policy"]["revision"], answer.body["policy"]["loaded_at_ms"]) == (None, None)
        assert "tenant.yaml" in answer.body["policy"]["trouble"]
        assert "X-Sidecar-Policy" not in answer.headers
        assert (await sidecar.admin("GET", "/livez")).status == 200


async def test_without_a_store(tmp_path: Path) -> None:
    """A store that cannot be opened makes the process unready, not dead, and tells nothing of its place."""
    home = tmp_path / "home"
    home.mkdir()
    async with serving.served(home) as sidecar:
        assert (await ready(sidecar)).status == 200
        await sidecar.service.store.close()
        shutil.rmtree(home)
        answer = await ready(sidecar)
        assert (answer.status, answer.body["status"], answer.body["store"]) == (503, "unready", "unavailable")
        assert str(tmp_path) not in answer.raw.decode()
        assert (await sidecar.admin("GET", "/livez")).status == 200


async def test_draining(served: Served) -> None:
    """A process that is about to stop asks for no more requests, and still answers those that come."""
    served.draining.set()
    answer = await ready(served)
    assert (answer.status, answer.body["status"], answer.body["store"]) == (503, "draining", "ok")
    assert (await served.admin("POST", "/admin/v1/records", b"")).status == 200
