"""Dead letters of one tenant that a member of ``finance`` sees for every reason that the policies know, or does not."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from world import NOW_MS, TENANT, Made, Record

PLACES = 50
OLDER_MS = 10_000_000
GRANT, SHARED = "grant-of-finance", "shared"


@dataclass(frozen=True, slots=True)
class Share:
    """So many records, all from one time on, each with one of these scopes."""

    records: int
    scopes: Sequence[Record]
    since_ms: int = NOW_MS


def catalogue() -> Iterator[Made]:
    """The unit, and its grant."""
    owner = {"tenant_context": TENANT, "created_at_ms": NOW_MS, "updated_at_ms": NOW_MS}
    author = {"kind": "human_user", "id": "olga"}
    yield "org_unit", {"unit_id": "finance", "display_name": "Finance", "created_by": author, **owner}
    grant = {
        "grant_id": GRANT,
        "unit": {"kind": "organization_unit", "id": "organization_unit/finance"},
        "resource": _resource(SHARED),
        "permissions": ["read"],
        "data_classes": ["internal", "restricted"],
    }
    yield "org_unit_access_grant", {**grant, **owner}


def seen() -> list[Record]:
    """Scopes that the member sees: of its unit, of nobody, and delegated to it with gated data."""
    own = [_scope(f"own-{place}", owning_org_unit_id="finance") for place in range(PLACES)]
    nobodys = [_scope(f"nobodys-{place}") for place in range(PLACES // 5)]
    delegated = [
        _scope(SHARED, ["restricted"], owning_org_unit_id="legal", delegation_grant_ids=[GRANT], risk_tier=tier)
        for tier in ("internal_write", "external_send", "external_draft")
    ]
    return [*own, *nobodys, *delegated]


def hidden() -> list[Record]:
    """Scopes that it does not see: of another unit, gated, and delegated without covering the resource."""
    others = [_scope(f"other-{place}", owning_org_unit_id="legal") for place in range(5 * PLACES)]
    gated = [_scope(f"gated-{place}", ["executive"], owning_org_unit_id="finance") for place in range(PLACES)]
    beside = [
        _scope(f"beside-{place}", owning_org_unit_id="legal", delegation_grant_ids=[GRANT]) for place in range(PLACES)
    ]
    return [*others, *gated, *beside]


def made(shares: Sequence[Share]) -> Iterator[Made]:
    """The catalogue, and every record of the shares."""
    yield from catalogue()
    number = 0
    for share in shares:
        randomly = random.Random(f"{share.records} {share.since_ms}")  # noqa: S311 - the same records every time
        times = list(range(share.records))
        randomly.shuffle(times)
        for time in times:
            yield "dead_letter", _dead_letter(number, randomly.choice(share.scopes), share.since_ms + 10 * time)
            number += 1


def _dead_letter(number: int, scope: Record, at_ms: int) -> Record:
    return {
        "dead_letter_id": f"dead-letter-{number:07}",
        "run_id": f"run-{number // 40:06}",
        "source_type": ("tool_effect", "outbox", "automation_v2_node")[number % 3],
        "source_id": f"source-{number % 100_000}",
        "reason": "the provider did not answer within 30 seconds, and the transfer may have been made",
        "status": ("open", "retry_requested", "resolved")[number % 3],
        "attempts": number % 4,
        "created_at_ms": at_ms - 5,
        "updated_at_ms": at_ms,
        "scope": scope,
    }


def _scope(name: str, classes: Sequence[str] = (), **fields: object) -> Record:
    scope = {"tenant_context": TENANT, "data_classes": ["internal", *classes], **fields}
    return {**scope, "resource_scope": {"root": _resource(name)}}


def _resource(name: str) -> Record:
    place = {"organization_id": TENANT["org_id"], "workspace_id": TENANT["workspace_id"]}
    return {**place, "resource_kind": "repository", "resource_id": name}
