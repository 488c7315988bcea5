"""The built wheel, installed where nothing of the checkout is: it brings its policies and schemas, and it serves."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import pytest
from commands import Commands

ROOT = Path(__file__).resolve().parents[2]
BUILD_S = 300
RECORD = {
    "wait_id": "w-1",
    "run_id": "r-1",
    "wait_kind": "timer",
    "status": "waiting",
    "created_at_ms": 1,
    "updated_at_ms": 1,
    "scope": {"tenant_context": {"org_id": "acme", "workspace_id": "main"}},
}


def _run(*words: str | Path) -> str:
    ended = subprocess.run(
        [str(word) for word in words], cwd=ROOT, capture_output=True, text=True, timeout=BUILD_S, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built without fetching anything."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--no-cache-dir")
    _run(sys.executable, "-m", "pip", "wheel", *options, "-w", folder, ROOT)
    [built] = folder.glob("sidecar-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of the wheel in a new environment, which borrows only the dependencies of this one."""
    folder = tmp_path_factory.mktemp("environment")
    _run(sys.executable, "-m", "venv", "--without-pip", folder)
    site = Path(_run(folder / "bin" / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    _run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        folder / "bin" / "python",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        wheel,
    )
    # A path file is read after the folder it stands in, so the wheel's own package is found before anything borrowed;
    # what the path files of the borrowed folder add (this checkout among it) is not followed.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n" + sysconfig.get_path("platlib") + "\n")
    return folder / "bin" / "sidecar"


@pytest.fixture
def sidecar(installed: Path, tmp_path: Path) -> Commands:
    """The installed command, in an empty folder."""
    return Commands(tmp_path, (str(installed),))


def test_the_wheel_holds_every_policy_suite_and_schema(wheel: Path) -> None:
    """Each shipped file is in the wheel, byte for byte, and no test, sample or cache is."""
    with ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    for folder, pattern in (("policies", "*.yaml"), ("schemas", "**/*.json")):
        paths = sorted((ROOT / folder).glob(pattern))
        assert paths
        for path in paths:
            assert held[f"sidecar/shipped/{path.relative_to(ROOT)}"] == path.read_bytes()
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "sidecar").rglob("*.py")}
    assert modules <= held.keys()
    others = {name for name in held if not name.startswith(("sidecar/", "sidecar-"))}
    assert not others
    assert not [
        name for name in held if "__pycache__" in name or "test_" in name.rpartition("/")[2].removesuffix(".yaml")
    ]


def test_nothing_of_the_checkout_is_used(installed: Path, tmp_path: Path) -> None:
    """The package and its schemas are found in the new environment, not where they were built."""
    said = subprocess.run(
        [
            installed.parent / "python",
            "-c",
            "import sidecar.shipped as s; print(s.__file__); print(s.shipped('schemas'))",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.splitlines()
    assert len(said) == 2
    for place in said:
        assert Path(place).is_relative_to(installed.parents[1])
        assert Path(place).exists()


def test_check_and_test_use_what_is_shipped(sidecar: Commands) -> None:
    """In an empty folder ``check`` finds the fifteen kinds and six policies, and ``test`` passes their suites."""
    checked = sidecar.run("check")
    assert (checked.code, checked.err) == (0, "")
    assert "15 kinds, 6 policies" in checked.out
    tested = sidecar.run("test", "--json")
    assert tested.code == 0, tested.out
    told = json.loads(tested.out)
    assert len(told["suites"]) == 7
    assert told["passed"]


def test_serve_answers_with_what_is_shipped(sidecar: Commands) -> None:
    """What ``load`` stored in this folder ``serve`` shows to its own tenant and to no other, then ends with 0."""
    assert sidecar.run("load", "-", given=json.dumps({"kind": "wait", "record": RECORD}) + "\n").code == 0
    with sidecar.serving() as server:
        status, page = server.get("/v1/records/wait", actor_id="ann")
        assert (status, [record["wait_id"] for record in page["records"]]) == (200, ["w-1"])
        assert server.get("/v1/records/wait", org_id="globex")[1]["records"] == []
        assert server.get("/stateful-runtime/runs", actor_id="ann")[1]["source"] == "stateful_runtime"
    assert (sidecar.folder / "sidecar.db").is_file()


def test_the_installed_command_says_its_version(sidecar: Commands, wheel: Path) -> None:
    """``--version`` is the version in the wheel's name."""
    said = sidecar.run("--version")
    assert said.code == 0
    assert wheel.name.split("-")[1] in said.out
