"""What the code keeps to: who may import whom, one door for each outside library, who may name a kind or read time."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from sidecar import cel

ROOT = Path(__file__).resolve().parents[1]
LONGEST_FUNCTION = 40

ROOMS: dict[str, set[str]] = {
    "__init__": set(),
    "errors": set(),
    "shipped": set(),
    "strict_yaml": {"errors"},
    "validated": {"errors", "shipped", "strict_yaml"},
    "config": {"errors", "shipped"},
    "config_file": {"errors", "strict_yaml", "validated", "config"},
    "cel": {"errors"},
    "records": {"errors", "shipped", "config"},
    "identity": {"errors", "validated", "records"},
    "policy": {"errors", "shipped", "strict_yaml", "validated", "cel", "records", "identity"},
    "readmodels": {"errors", "records", "identity", "policy"},
    "http": {"errors", "validated", "config", "records", "identity", "policy", "readmodels"},
    "cli": {
        *("errors", "validated", "config", "config_file"),
        *("cel", "records", "identity", "policy", "readmodels", "http"),
    },
    "__main__": {"cli"},
}
"""Each room, and the rooms that it may import; all of them stand above it."""

PARTS: dict[tuple[str, str], set[str]] = {
    ("identity", "records"): {"forms", "store"},
    ("readmodels", "records"): {"forms", "places", "reading", "store"},
    ("readmodels", "identity"): {"authority", "caller"},
    ("readmodels", "policy"): {"judge"},
    ("policy", "identity"): {"authority", "caller", "callers", "course"},
    ("cli", "http"): {"early", "query", "serve"},
}
"""Where only a part of a room is meant: values and verdicts, never a store that is open or a policy file."""

DOORS: dict[str, set[str]] = {
    "aiohttp": {"http/"},
    "asyncpg": {"records/postgres/"},
    "celpy": {"policy/witness.py"},
    "cryptography": {"http/cursor.py"},
    "jsonschema": {"validated.py", "records/annotations.py", "records/explain.py"},
    "jsonschema_rs": {"records/"},
    "orjson": {"validated.py", "records/", "identity/", "policy/", "readmodels/", "http/", "cli/"},
    "prometheus_client": {"http/metrics.py"},
    "re2": {"cel/"},
    "sqlite3": {"records/sqlite/", "records/ledger.py"},
    "tqdm": {"cli/load.py"},
    "yaml": {"strict_yaml.py"},
}
"""Each library from outside (and the database driver), and the only files that may import it."""

NAMING_KINDS = {
    "readmodels/",
    "http/routes.py",  # which kinds each route reads
    "http/query.py",  # event and snapshot begin the names of parameters
    "identity/callers.py",
    "policy/plain.py",  # the memberships and grants whose end changes an answer
    "records/projection.py",
    "records/ingest.py",  # the projection of this name
    "records/runtime_read.py",
    "records/follow/narrowing.py",  # what a missing unit or deny may not become
}
READING_TIME = {"http/service.py", "cli/asking.py"}


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package, by its path inside it."""
    package = ROOT / "sidecar"
    return {str(path.relative_to(package)): ast.parse(path.read_text()) for path in sorted(package.rglob("*.py"))}


def imports(tree: ast.Module) -> Iterator[str]:
    """The full name of every imported module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, "imports are absolute"
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(path: str) -> str:
    return path.partition("/")[0].removesuffix(".py")


def allowed(path: str, places: set[str]) -> bool:
    return any(path == place or (place.endswith("/") and path.startswith(place)) for place in places)


def test_rooms_import_only_rooms_above_them() -> None:
    """No room imports one that the table does not give it, and the table itself runs in one direction."""
    for path, tree in modules().items():
        room = room_of(path)
        for name in imports(tree):
            package, other, part, *_ = [*name.split("."), "", ""]
            if package == "sidecar" and other != room:
                assert other in ROOMS[room], f"{path} imports {name}"
                assert part in PARTS.get((room, other), {part}), f"{path} imports {name}"
    order = list(ROOMS)
    for room, above in ROOMS.items():
        assert above <= set(order[: order.index(room)]), room


def test_no_imports_go_in_a_circle() -> None:
    """The files of a room import in one direction too, also where only a type is meant; the error names the circle."""
    files = {".".join(("sidecar", *Path(path).with_suffix("").parts)): tree for path, tree in modules().items()}
    files = {name.removesuffix(".__init__"): tree for name, tree in files.items()}
    TopologicalSorter(
        {
            file: {name if name in files else name.rpartition(".")[0] for name in imports(tree)} & set(files)
            for file, tree in files.items()
        }
    ).prepare()


def test_the_language_is_reached_through_its_door() -> None:
    """Whoever is no part of the CEL engine takes from it what its door offers, and no module behind it."""
    offered = {f"sidecar.cel.{name}" for name in cel.__all__}
    for path, tree in modules().items():
        taken = {name for name in imports(tree) if name.startswith("sidecar.cel")}
        assert room_of(path) == "cel" or taken <= offered, f"{path} imports {taken - offered}"


def test_every_library_has_its_door() -> None:
    """A library from outside is imported by the files of the table only, and a new one is not imported unnoticed."""
    for path, tree in modules().items():
        for name in {name.partition(".")[0] for name in imports(tree)}:
            if name in DOORS:
                assert allowed(path, DOORS[name]), f"{path} imports {name}"
            else:
                assert name == "sidecar" or name in sys.stdlib_module_names, f"{path} imports {name}"


def test_only_the_opening_knows_which_store_there_is() -> None:
    """Whoever needs a store is given one; only ``records/opening.py`` and the store itself name its implementation."""
    for store in ("sqlite", "postgres"):
        named = f"sidecar.records.{store}"
        knowing = {path for path, tree in modules().items() if any(name.startswith(named) for name in imports(tree))}
        assert {path for path in knowing if not path.startswith(f"records/{store}/")} == {"records/opening.py"}


def test_a_kind_is_named_only_where_it_is_assembled() -> None:
    """Outside the read models, the projections, the native files and authority no text in the code is a kind's name."""
    kinds = {path.name.removesuffix(".schema.json") for path in (ROOT / "schemas" / "records").glob("*.json")}
    assert len(kinds) == 15
    for path, tree in modules().items():
        named = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in kinds}
        assert not named or allowed(path, NAMING_KINDS), f"{path} names {named}"


def test_time_is_read_in_two_places_only() -> None:
    """The wall clock is read once a request, or a command; everything below is told what time it is."""
    clocks = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}
    for path, tree in modules().items():
        read = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in clocks
        ]
        assert not read or path in READING_TIME, f"{path} reads the clock"


def test_functions_are_short() -> None:
    """No function is longer than forty lines."""
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                assert lines <= LONGEST_FUNCTION, f"{path}: {node.name} has {lines} lines"
