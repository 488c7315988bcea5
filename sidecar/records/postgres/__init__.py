"""The store on PostgreSQL: many processes, many writers, snapshot readers behind the tenant wall."""

from sidecar.records.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
