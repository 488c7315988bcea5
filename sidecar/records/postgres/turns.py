"""Writers of one tenant wait for each other before they take a connection.

In the database they wait for each other too, for the lock on the tenant's row, but each on one of the few connections
that writers of all tenants have. So of one process only one writer of a tenant at a time gets there.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from sidecar.errors import StoreError
from sidecar.records.store import Tenant


class Turns:
    """Whose turn it is, of the writers of each tenant in this process: first come, first served."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Tenant, asyncio.Lock] = WeakValueDictionary()
        """Of the tenants that somebody writes or waits for."""

    @asynccontextmanager
    async def of(self, tenants: Iterable[Tenant], wait_s: float) -> AsyncIterator[None]:
        """Have the turn of all these tenants while the context lasts. Raises StoreError when others take too long."""
        held: list[asyncio.Lock] = []
        try:
            try:
                async with asyncio.timeout(wait_s):
                    for tenant in sorted(set(tenants), key=_place):  # in one order, so that nobody waits in a circle
                        lock = self._locks.setdefault(tenant, asyncio.Lock())
                        await lock.acquire()
                        held.append(lock)
            except TimeoutError as error:
                raise StoreError("other writers of the same tenant take too long") from error
            yield
        finally:
            for lock in held:
                lock.release()


def _place(tenant: Tenant) -> tuple[str, str, str]:
    return tenant.org_id, tenant.workspace_id, tenant.deployment_id
