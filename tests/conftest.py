"""Puts this folder on the path, so that every folder of tests can use ``serving``, and chooses the stores."""

from collections.abc import Iterator

import pytest
import stores
from hypothesis import settings
from postgres_server import Server, replica, server

settings.register_profile("untimed", deadline=None)  # how long an example takes says what else the machine does
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--store", choices=("both", *stores.STORES), default="both", help="the stores that tests run on")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "store_name" in metafunc.fixturenames:
        asked = metafunc.config.getoption("--store")
        names = stores.STORES if asked == "both" else [asked]
        metafunc.parametrize("store_name", names, indirect=True, scope="module")


@pytest.fixture(scope="module")
def store_name(request: pytest.FixtureRequest) -> Iterator[str]:
    """The store that tests run on; whoever asks for it, or for a fixture that does, runs once on each."""
    stores.chosen.name = request.param
    yield request.param
    assert not stores.chosen.held, "a fixture outlives the store that it was made on: let it ask for store_name"
    stores.give_back()
    stores.chosen.name = "sqlite"


@pytest.fixture(scope="module")
def on_postgres() -> Iterator[None]:
    """For tests of PostgreSQL alone."""
    stores.chosen.name = "postgres"
    yield
    stores.give_back()
    stores.chosen.name = "sqlite"


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Server, Server]]:
    """A primary, and a replica that streams from it."""
    with server(fsync="off") as primary, replica(primary) as copy:
        yield primary, copy


@pytest.fixture(autouse=True)
def _given_back() -> Iterator[None]:
    """The databases that a test took go to the next one; those of its module stay."""
    before = set(stores.chosen.databases)
    yield
    for path in set(stores.chosen.databases) - before:
        stores.give_back(path)
