"""Opening the store that the configuration names."""

from pathlib import Path

from sidecar.config import Config
from sidecar.errors import ConfigError
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.sqlite import SqliteStore

_SQLITE = "sqlite:///"


def open_store(config: Config, kinds: Kinds, intake: Intake, *, create: bool = True) -> SqliteStore:
    """Open the store, or create it; without ``create`` it has to be there. Raises ConfigError, StoreError."""
    url = config.store.url
    name = url.removeprefix(_SQLITE)
    if name == url or not name:
        raise ConfigError(f"store {url!r} is not known; write {_SQLITE}path.db (absolute: {_SQLITE}/path.db)")
    path = Path(name)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ConfigError(f"store {url!r}: {path} must be a file in a folder that is there")
    if not create and not path.exists():
        raise ConfigError(f"store {url!r}: there is no file {path}; load records into it first")
    return SqliteStore(
        path,
        kinds,
        intake.accept,
        read_connections=config.store.read_connections,
        statement_timeout_ms=config.store.statement_timeout_ms,
    )
