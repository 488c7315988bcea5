"""The parts of a service, put together from the configuration."""

import base64
import logging
from dataclasses import dataclass

from sidecar.config import Config
from sidecar.http.cursor import Sealer, new_key
from sidecar.http.following import follower_of
from sidecar.http.service import Service, Trust, clock_ms
from sidecar.identity.authenticate import Peers
from sidecar.identity.callers import Callers
from sidecar.policy.current import Bundles
from sidecar.policy.judge import Judge
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.opening import open_store
from sidecar.records.retention import rules_of
from sidecar.records.schemas import load_kinds
from sidecar.records.store import Store

log = logging.getLogger(__name__)

CURSOR_KEYS = "cursor_keys"
"""The stored setting under which processes share the keys that nobody configured."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a service rests on that is read and compiled once, however many processes serve."""

    kinds: Kinds
    intake: Intake
    bundles: Bundles


def grounded(config: Config) -> Ground:
    """The schemas and the policies that a configuration names, proven. Takes a second or so.

    Policies that cannot be used leave it without a bundle: nobody is answered, nothing is ready, until they are mended.
    Raises ConfigError, SchemaError.
    """
    kinds = load_kinds(config.schema_folders)
    bundles = Bundles(
        config.policy_folders,
        kinds,
        labels_only=config.judging == "labels-only",
        operator_without_units=config.identity.silent_operators,
        clock=clock_ms,
    )
    loaded = bundles.reload()
    if loaded.trouble is not None:
        log.error("the policies cannot be used, so nothing is shown:\n%s", loaded.trouble)
    return Ground(kinds, Intake(kinds, assume_unscoped=config.runtime.assume_unscoped), bundles)


async def assembled(config: Config, ground: Ground) -> Service:
    """The service that a configuration describes, its store open. Raises ConfigError, StoreError."""
    retention = rules_of(config, ground.kinds)
    store = await open_store(config, ground.kinds, ground.intake)
    return Service(
        kinds=ground.kinds,
        store=store,
        intake=ground.intake,
        bundles=ground.bundles,
        judge=Judge(verify=config.verify == "always"),
        callers=Callers(operator_without_units=config.identity.silent_operators),
        sealer=Sealer(config.cursor.keys or await _shared_keys(store)),
        trust=_trust(config),
        clock=clock_ms,
        follower=follower_of(config.runtime, store, ground.kinds, ground.intake, clock_ms),
        retention=retention,
    )


async def _shared_keys(store: Store) -> list[bytes]:
    """The keys in the store, made when it has none."""
    fresh = {"keys": [base64.b64encode(new_key()).decode()]}
    return [base64.b64decode(key) for key in (await store.setting(CURSOR_KEYS, fresh))["keys"]]


def _trust(config: Config) -> Trust:
    identity = config.identity
    return Trust(Peers(identity.trusted_proxies), unit_claim_required=identity.unit_claim == "required")
