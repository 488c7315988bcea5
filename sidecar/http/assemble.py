"""The parts of a service, put together from the configuration."""

import asyncio
import base64
import logging
from collections.abc import Callable

from sidecar.config import Config
from sidecar.http.cursor import Sealer, new_key
from sidecar.http.service import Service, Trust, clock_ms
from sidecar.identity.authenticate import Peers
from sidecar.identity.callers import Callers
from sidecar.policy.current import Bundles
from sidecar.policy.judge import Judge
from sidecar.records.ingest import Intake
from sidecar.records.opening import open_store
from sidecar.records.schemas import load_kinds
from sidecar.records.store import Store

log = logging.getLogger(__name__)

CURSOR_KEYS = "cursor_keys"
"""The stored setting under which processes share the keys that nobody configured."""


async def assembled(config: Config, *, clock: Callable[[], int] = clock_ms) -> Service:
    """The service that a configuration describes, its store open and its policies proven.

    Policies that cannot be used leave it without a bundle: it answers nobody, is not ready, and takes them up as soon
    as they are mended. Raises ConfigError, SchemaError, StoreError.
    """
    kinds = load_kinds(config.schema_folders)
    intake = Intake(kinds)
    bundles = Bundles(config.policy_folders, kinds, labels_only=config.judging == "labels-only", clock=clock)
    loaded = await asyncio.to_thread(bundles.reload)
    if loaded.trouble is not None:
        log.error("the policies cannot be used, so nothing is shown:\n%s", loaded.trouble)
    store = await open_store(config, kinds, intake)
    return Service(
        kinds=kinds,
        store=store,
        intake=intake,
        bundles=bundles,
        judge=Judge(verify=config.verify == "always"),
        callers=Callers(operator_without_units=config.identity.operator_without_units != "never"),
        sealer=Sealer(config.cursor.keys or await _shared_keys(store)),
        trust=_trust(config),
        clock=clock,
    )


async def _shared_keys(store: Store) -> list[bytes]:
    """The keys in the store, made when it has none."""
    fresh = {"keys": [base64.b64encode(new_key()).decode()]}
    return [base64.b64decode(key) for key in (await store.setting(CURSOR_KEYS, fresh))["keys"]]


def _trust(config: Config) -> Trust:
    identity = config.identity
    return Trust(
        Peers(identity.trusted_proxies),
        unit_claim_required=identity.unit_claim == "required",
        requests_per_tenant=config.limits.requests_per_tenant,
    )
