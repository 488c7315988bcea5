"""What the engine judges: records of about 1 KB, mixed as a tenant's are, and callers with more or fewer grants."""

import random
from collections.abc import Iterator

from world import COLLECTIONS, NOW_MS, TENANT, Record

from sidecar.identity.caller import Caller
from sidecar.records.store import Tenant

KIND = "dead_letter"
GATED = ("credential", "executive", "regulated", "restricted")
CLASSES = ("internal", "customer_data", "source_code", "financial_record", *GATED)
UNITS = tuple(f"organization_unit/unit-{number:02}" for number in range(30))
PLACES, NAMED = 40, 5
"""So many repositories; records name the first few grants, which every caller holds, or some that nobody does."""


def caller(grants: int) -> Caller:
    """A member of three units of thirty, cleared for one gated class, with so many grants."""
    held = tuple(_grant(number) for number in range(grants))
    units = tuple(name for unit in UNITS[:3] for name in (unit.partition("/")[2], unit))
    return Caller(Tenant("acme", "main"), "mona", org_units=units, data_classes=("restricted",), grants=held)


def records(count: int) -> Iterator[Record]:
    """Dead letters of all units, a part of them delegated, gated, denied or of no unit."""
    randomly = random.Random("engine")  # noqa: S311 - the same records every time
    for number in range(count):
        made = COLLECTIONS[KIND](f"{KIND}-{number:07}", randomly)
        metadata = {
            f"trace_{part}": f"{randomly.getrandbits(128):032x}" for part in ("id", "parent", "span", "link", "job")
        }
        times = {"created_at_ms": NOW_MS + number, "updated_at_ms": NOW_MS + number}
        yield {**made, **times, "metadata": metadata, "run_id": f"run-{number // 40:06}", "scope": _scope(randomly)}


def _grant(number: int) -> Record:
    return {
        "grant_id": f"grant-{number:04}",
        "tenant_context": TENANT,
        "unit": {"kind": "organization_unit", "id": UNITS[0]},
        "resource": _repository(number % PLACES),
        "effect": "allow",
        "permissions": ["view", "read"],
        "data_classes": list(CLASSES[:5]),
        "state": "active",
        "created_at_ms": NOW_MS,
        "updated_at_ms": NOW_MS,
    }


def _repository(number: int) -> Record:
    return {
        "organization_id": "acme",
        "workspace_id": "main",
        "resource_kind": "repository",
        "resource_id": f"repository-{number:05}",
    }


def _scope(randomly: random.Random) -> Record:
    place = randomly.randrange(PLACES)
    scope: Record = {"tenant_context": TENANT, "resource_scope": {"root": _repository(place)}}
    scope["risk_tier"] = randomly.choice(("external_send", "internal_write", "money_movement_contract"))
    scope["policy_version_id"] = f"policy-{randomly.randrange(200):03}"
    if randomly.random() < 0.1:
        scope["resource_scope"]["denied_resources"] = [_repository(randomly.choice((place, place + 1)))]
    if randomly.random() < 0.9:
        scope["owning_org_unit_id"] = randomly.choice(UNITS).partition("/")[2]
    if randomly.random() < 0.5:
        scope["delegation_grant_ids"] = [_named(place, randomly) for _ in range(randomly.randint(1, 3))]
    if randomly.random() < 0.7:
        scope["data_classes"] = sorted({randomly.choice(CLASSES) for _ in range(randomly.randint(1, 3))})
    return scope


def _named(place: int, randomly: random.Random) -> str:
    """Often the grant of the very place, if it is one of the first."""
    if place < NAMED or randomly.random() < 0.2:
        return f"grant-{place % NAMED:04}"
    return f"grant-x{randomly.randrange(1_000):03}"


_CONDITIONS = (
    "has(record.scope.owning_org_unit_id) && record.scope.owning_org_unit_id == '{word}'",
    "record.scope.data_classes.all(c, c in caller.data_classes || c != 'restricted' && size(c) < {number})",
    "record.status == 'open' && record.attempts < {number}",
    "caller.grants.exists(g, g.grant_id in record.scope.delegation_grant_ids && g.resource.resource_id == '{word}')",
    "'{word}' in caller.roles || '{word}-lead' in caller.roles",
    "record.reason.startsWith('{word}') || record.source_id.matches('^{word}-[0-9]{{1,{number}}}$')",
    "has(record.run_id) && record.run_id == '{word}-' + string(record.attempts + {number})",
    "now_ms - record.updated_at_ms < {number} * 3600000 ? !caller.is_workspace_operator : record.status != 'resolved'",
)


def rule_texts(count: int) -> Iterator[str]:
    """Distinct rules of everyday size over dead letters: two to four conditions each."""
    randomly = random.Random("rules")  # noqa: S311 - the same rules every time
    for number in range(count):
        parts = randomly.sample(_CONDITIONS, randomly.randint(2, 4))
        yield " || ".join(f"({part.format(word=f'team-{number}', number=number % 97 + 1)})" for part in parts)
