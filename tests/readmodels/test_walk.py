"""Pages by cursor against the naive answer: every record judged one by one as a whole, sorted, cut."""

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import stores
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shipped_kinds import kinds

from sidecar.http.cursor import Bond, Sealer, new_key
from sidecar.identity.authority import Catalogue, authority_of
from sidecar.identity.caller import Caller, Identity
from sidecar.identity.callers import Callers
from sidecar.policy.bundle import Bundle, build
from sidecar.policy.judge import Judge
from sidecar.policy.standing import Authority
from sidecar.readmodels.plan import carried_out
from sidecar.readmodels.records import RecordsQuery, records
from sidecar.records.canonical import policy_view
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kinds
from sidecar.records.reading import Is, Where
from sidecar.records.store import Prepared, Tenant

CATALOGUE = ("org_unit", "org_unit_membership", "org_unit_access_grant")
KIND = "dead_letter"
KINDS = Kinds({name: kinds()[name] for name in (KIND, *CATALOGUE)})
TENANT = Tenant("acme", "main")
OWNER = {"org_id": "acme", "workspace_id": "main"}
UNITS, GRANTS, CLASSES = ("finance", "ops", "legal"), ("g1", "g2"), ("internal", "restricted", "credential")

RULES = (
    "true",
    "caller.is_workspace_operator",
    "!has(record.scope.owning_org_unit_id)",
    "record.scope.owning_org_unit_id in caller.org_units",  # errs where there is none
    "has(record.scope.owning_org_unit_id) && record.scope.owning_org_unit_id in caller.org_units",
    "size(record.scope.data_classes) > 1",
    "record.scope.data_classes.all(c, c in caller.data_classes)",
    "caller.grants.exists(g, g.grant_id in record.scope.delegation_grant_ids)",
    'record.status == "open"',  # beyond the label
    "record.attempts > 1",
    'has(record.run_id) && record.run_id != "run-1"',
    "record.created_at_ms < now_ms - 30",
    'record.scope.owning_org_unit_id == "legal" || record.attempts == 0',
)

rules = st.sampled_from(RULES)
policies = st.fixed_dictionaries(
    {
        "allow": st.lists(rules, min_size=2, max_size=4),
        "deny": st.lists(rules.filter(lambda rule: rule != "true"), max_size=1),
        "mask": st.none()
        | st.tuples(st.sampled_from(["metadata", "reason", "source_type", "scope.data_classes"]), rules),
    }
)
letters = st.fixed_dictionaries(
    {
        "dead_letter_id": st.sampled_from([f"d{number}" for number in range(14)]),
        "updated_at_ms": st.integers(100, 106),
        "created_at_ms": st.integers(40, 100),
        "attempts": st.integers(0, 2),
        "status": st.sampled_from(["open", "resolved"]),
        "source_type": st.sampled_from(["tool_effect", "Stateful-Wait"]),
        "run_id": st.sampled_from([None, "run-1", "run-2"]),
        "unit": st.sampled_from([None, *UNITS]),
        "grants": st.lists(st.sampled_from(GRANTS), max_size=2, unique=True),
        "classes": st.lists(st.sampled_from(CLASSES), max_size=2, unique=True),
    }
)
memberships = st.tuples(
    st.sampled_from(UNITS), st.sampled_from(["active", "disabled"]), st.sampled_from([None, 110, 130])
)
steps = st.one_of(
    st.tuples(st.just("put"), letters),
    st.tuples(st.just("delete"), st.sampled_from([f"d{number}" for number in range(14)])),
    st.tuples(st.just("member"), memberships),
    st.tuples(st.just("grant"), st.tuples(st.sampled_from(GRANTS), st.sampled_from(["active", "disabled"]))),
    st.tuples(st.just("clock"), st.integers(1, 15)),
    st.tuples(st.just("page"), st.integers(1, 4)),
)
filters = st.sampled_from(
    [(), (Is("status", ("open",)),), (Is("run_id", ("run-1",)),), (Is("source_type", ("stateful_wait",)),)]
)
identities = st.builds(
    Identity,
    st.just(TENANT),
    st.sampled_from([None, "ada"]),
    st.sampled_from([None, (), ("ops",), ("finance", "legal")]),
    st.sampled_from([(), ("workspace_operator",)]),
    st.sampled_from([(), ("restricted",)]),
)


def bundle_of(drawn: list[dict[str, Any]], folder: Path) -> Bundle:
    """The policies as files, compiled."""
    for number, policy in enumerate(drawn):
        found = [{"allow": f"a{place}", "when": rule} for place, rule in enumerate(policy["allow"])]
        found += [{"deny": f"d{place}", "when": rule} for place, rule in enumerate(policy["deny"])]
        document: dict[str, Any] = {
            "apiVersion": "sidecar/v1",
            "policy": f"p{number}",
            "applies_to": [KIND],
            "rules": found,
        }
        if policy["mask"]:
            document["redact"] = [{"field": f"record.{policy['mask'][0]}", "unless": policy["mask"][1]}]
        (folder / f"p{number}.yaml").write_text(yaml.safe_dump(document))
    return build([folder], KINDS)


def letter(drawn: dict[str, Any]) -> dict[str, Any]:
    """A dead letter as it would be loaded."""
    scope: dict[str, Any] = {
        "tenant_context": OWNER,
        "delegation_grant_ids": drawn["grants"],
        "data_classes": drawn["classes"],
    }
    if drawn["unit"]:
        scope["owning_org_unit_id"] = drawn["unit"]
    plain = {
        name: value for name, value in drawn.items() if name not in ("unit", "grants", "classes") and value is not None
    }
    return {**plain, "source_id": "s", "reason": "late", "scope": scope, "metadata": {"note": drawn["dead_letter_id"]}}


@dataclass
class World:
    """A store and, beside it, the plain dictionary of what it holds."""

    intake: Intake
    held: dict[str, dict[str, Prepared]] = field(default_factory=lambda: {name: {} for name in KINDS})
    managed: bool = False

    def accept(self, kind: str, record: dict[str, Any]) -> Prepared:
        prepared = self.intake.accept(kind, record)
        assert isinstance(prepared, Prepared), prepared
        stored = self.held[kind].get("/".join(prepared.key))
        if stored is None or (stored.updated_at_ms or 0) <= (prepared.updated_at_ms or 0):
            self.held[kind]["/".join(prepared.key)] = prepared
        self.managed = self.managed or kind == "org_unit_membership"
        return prepared

    def caller(self, identity: Identity, now_ms: int) -> Caller:
        catalogue = [[orjson.loads(one.doc) for one in self.held[kind].values()] for kind in CATALOGUE]
        return authority_of(identity, Catalogue.of(*catalogue), now_ms, managed=self.managed).caller

    def naive(
        self, bundle: Bundle, caller: Caller, now_ms: int, where: tuple[Where, ...]
    ) -> list[tuple[Any, dict[str, Any]]]:
        """Every record that the caller sees, with its place, masked, in order."""
        found = []
        authority = Authority(bundle.kinds[KIND], caller)
        for prepared in self.held[KIND].values():
            document = orjson.loads(prepared.doc)
            view = policy_view(KINDS[KIND], document)
            if authority.whole.verdict(view, authority.tenant, now_ms) != "visible":
                continue
            masks, _ = authority.whole.masked(view, authority.tenant, now_ms)
            masked = {mask.dotted for mask in masks}
            if all(self._matches(document, one, masked) for one in where):
                found.append(((prepared.order, prepared.key), self._shown(document, masked)))
        return sorted(found, key=lambda entry: entry[0])

    def _matches(self, document: dict[str, Any], where: Where, masked: set[str]) -> bool:
        assert isinstance(where, Is)
        value = document.get(where.column)
        folded = value.strip().lower().replace("-", "_") if where.column == "source_type" and value else value
        return where.column not in masked and folded in where.values

    def _shown(self, document: dict[str, Any], masked: set[str]) -> dict[str, Any]:
        for dotted in masked:
            if dotted == "scope.data_classes":
                document["scope"].pop("data_classes", None)
            elif dotted in ("reason", "source_type"):
                document[dotted] = None
            else:
                document.pop(dotted, None)
        return document


async def walk(
    folder: Path,
    strategy: Any,
    bundle: Bundle,
    identity: Identity,
    where: tuple[Where, ...],
    drawn: list[tuple[str, Any]],
) -> None:
    """Take the steps; each page must be the naive one behind the cursor, at that moment."""
    world = World(Intake(KINDS))
    store = await stores.open_store(folder / "walk.db", KINDS, world.intake.accept, strategy=strategy)
    sealer, judge, callers = Sealer([new_key()]), Judge(), Callers()
    now_ms, cursor = 100, None
    try:
        for step, value in [*drawn, *[("page", 3)] * 6]:
            if step == "put":
                await store.put([world.accept(KIND, letter(value))])
            elif step == "delete":
                async with store.change(TENANT) as change:
                    assert await change.delete(KIND, (value,)) == (world.held[KIND].pop(value, None) is not None)
            elif step == "member":
                await store.put([world.accept("org_unit_membership", membership(*value))])
            elif step == "grant":
                await store.put(
                    [world.accept("org_unit", unit()), world.accept("org_unit_access_grant", grant(*value))]
                )
            elif step == "clock":
                now_ms += value
            else:
                expected = world.naive(bundle, world.caller(identity, now_ms), now_ms, where)
                async with store.snapshot(TENANT) as snap:
                    caller = await callers.caller(identity, snap, now_ms)
                    verdicts = await judge.judge(bundle, caller, snap, [KIND], now_ms)
                    bond = Bond(caller, KIND, repr(where).encode())
                    after = None if cursor is None else sealer.open(cursor, bond)
                    page = await carried_out(records(RecordsQuery(KIND, value, where, after)), snap, verdicts)
                if after is not None:
                    expected = [entry for entry in expected if entry[0] > (after.order, after.key)]
                assert orjson.loads(orjson.dumps(page.view["records"])) == [shown for _, shown in expected[:value]]
                assert (page.following is not None) == (len(expected) > value)
                cursor = None if page.following is None else sealer.seal(page.following, bond)
    finally:
        await store.close()
        stores.give_back(folder / "walk.db")


def membership(name: str, state: str, expires: int | None) -> dict[str, Any]:
    """Ada's membership in a unit."""
    ends = {} if expires is None else {"expires_at_ms": expires}
    return {
        "membership_id": name,
        "tenant_context": OWNER,
        "unit": {"kind": "organization_unit", "id": name},
        "member": {"kind": "human_user", "id": "ada"},
        "state": state,
        "created_at_ms": 1,
        **ends,
    }


def unit() -> dict[str, Any]:
    """The one unit that grants are for."""
    by = {"kind": "human_user", "id": "root"}
    return {
        "unit_id": "ops", "tenant_context": OWNER, "display_name": "Ops", "created_by": by, "created_at_ms": 1, "updated_at_ms": 1
    }  # fmt: skip


def grant(name: str, state: str) -> dict[str, Any]:
    """A grant of the unit."""
    return {
        "grant_id": name,
        "tenant_context": OWNER,
        "unit": {"kind": "organization_unit", "id": "ops"},
        "resource": {
            "organization_id": "acme",
            "workspace_id": "main",
            "resource_kind": "repository",
            "resource_id": "r",
        },
        "permissions": ["read"],
        "state": state,
        "created_at_ms": 1,
        "updated_at_ms": 1,
    }


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    drawn=st.lists(policies, min_size=1, max_size=2),
    strategy=st.sampled_from(["auto", "lanes", "tenant"]),
    identity=identities,
    where=filters,
    before=st.lists(letters, min_size=8, max_size=14, unique_by=lambda one: one["dead_letter_id"]),
    after=st.lists(steps, max_size=14),
)
def test_every_page_is_the_naive_one_behind_its_cursor(drawn, strategy, identity, where, before, after) -> None:
    """Whatever the rules, whoever asks and whatever is written between, a page holds exactly what is next and visible."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = bundle_of(drawn, folder)
        asyncio.run(walk(folder, strategy, bundle, identity, where, [("put", one) for one in before] + after))
