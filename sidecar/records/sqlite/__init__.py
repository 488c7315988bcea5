"""The store on SQLite: embedded, durable, one writer, snapshot readers behind the tenant wall."""

from sidecar.records.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
