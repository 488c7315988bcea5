"""The whole way of a verdict against the law: a generated kind with generated policies, through intake, store and judge.

What a caller is shown must be what the law says of the reference's answers, record by record: for every policy some
allow is exactly true and every deny exactly false, for the caller as its memberships and grants are at that instant.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import orjson
import stores
from generator import new_rule
from reference import Reference
from rules import Rule
from shapes import FLAG, TEXT, WHOLE, Shape, Values, World, filled, list_of, new_world, object_of

from sidecar.cel import Expr, parse
from sidecar.errors import FindingsError
from sidecar.identity.authority import Catalogue, authority_of
from sidecar.identity.caller import Caller, Identity
from sidecar.identity.callers import CATALOGUE_KINDS, Callers
from sidecar.policy.bundle import Bundle, build
from sidecar.policy.judge import Judge
from sidecar.policy.rules import tenant_document
from sidecar.records.ingest import Intake
from sidecar.records.kind import Kind, Kinds
from sidecar.records.reading import Read
from sidecar.records.schemas import load_kinds, shipped_schemas
from sidecar.records.store import Prepared, Tenant

KIND = "thing"
ACME = Tenant("acme", "main")
HOME = {"org_id": "acme", "workspace_id": "main"}
ADA = {"kind": "human_user", "id": "ada"}
IDENTITIES = (Identity(ACME, "ada"), Identity(ACME, "ada", ("a", "b")), Identity(ACME, None, ()))
RECORDS, BUNDLES = 24, 12
ENDS = (105, 110, 115)
READINGS = (100, 105, 110, 100, 120)
"""Instants before, at and behind the ends of what Ada holds, one of them again after time went back."""
CALLER = object_of(
    {
        **{"actor_id": TEXT, "is_workspace_operator": FLAG, "org_units": list_of(TEXT), "data_classes": list_of(TEXT)},
        "grants": list_of(object_of({"grant_id": TEXT, "created_at_ms": WHOLE, "permissions": list_of(TEXT)}, [])),
    },
    [],
)
"""What the rules are written about: a part of what a caller is."""


@cache
def _catalogue_kinds() -> Mapping[str, Kind]:
    shipped = load_kinds([shipped_schemas()])
    return {name: shipped[name] for name in CATALOGUE_KINDS}


@cache
def _tree(text: str) -> Expr:
    return parse(text)


@dataclass(frozen=True)
class Scene:
    """A kind, its policies, and everything that is stored."""

    kinds: Kinds
    things: tuple[Prepared, ...]
    authority: tuple[Prepared, ...]
    schema: Shape

    def caller(self, identity: Identity, now_ms: int) -> Caller:
        """The caller as computed afresh."""
        held = [[orjson.loads(one.doc) for one in self.authority if one.kind == kind] for kind in CATALOGUE_KINDS]
        return authority_of(identity, Catalogue.of(*held), now_ms, managed=True).caller

    def lawful(self, policies: "list[Policy]", caller: Caller, now_ms: int) -> set[str]:
        """The keys of what the law shows."""
        shown = set()
        for thing in self.things:
            record = filled(orjson.loads(thing.doc), self.schema)
            variables = {"record": record, "caller": caller.document, "tenant": tenant_document(ACME), "now_ms": now_ms}
            if all(policy.shows(variables) for policy in policies):
                shown.add(thing.key[0])
        return shown


@dataclass(frozen=True)
class Policy:
    """Some allows and denies."""

    allows: tuple[Rule, ...]
    denies: tuple[Rule, ...]

    def shows(self, variables: Mapping[str, Any]) -> bool:
        """The law, over the reference's answers."""
        reference = Reference(variables)
        allowed = any(reference.value(_tree(rule.expanded), {}) is True for rule in self.allows)
        return allowed and all(reference.value(_tree(rule.expanded), {}) is False for rule in self.denies)

    def document(self, name: str) -> str:
        """The policy as a file."""
        rules = [{"allow": f"a{at}", "when": rule.expanded} for at, rule in enumerate(self.allows)]
        rules += [{"deny": f"d{at}", "when": rule.expanded} for at, rule in enumerate(self.denies)]
        head = {"apiVersion": "sidecar/v1", "policy": name, "applies_to": [KIND], "rules": rules}
        return json.dumps(head, ensure_ascii=False)


def world_of(dice: Random) -> World:
    """A world whose records can be stored and whose callers are those of the product."""
    world = new_world(dice)
    known = tuple(at for at in world.known if not any(at.startswith(f"{above}/") for above in world.known))
    fields = {**world.record["properties"], "thing_id": TEXT, "at": WHOLE}
    record = object_of(fields, [*world.record["required"], "thing_id", "at"])
    return World(record, CALLER, known, object_of({"org_id": TEXT, "deployment_id": TEXT}, ["org_id"]))


def scene_of(dice: Random, world: World, folder: Path) -> Scene:
    """The kind as a file, and records and authority accepted as a load would."""
    annotations = {"id": ["/thing_id"], "tenant": "/tenant_context", "order": [{"field": "/at", "dir": "asc"}]}
    annotations |= {"label": list(world.known), "filterable": [], "write": "upsert"}
    owner = {"tenant_context": {"$ref": "urn:sidecar:common#/$defs/tenant_context"}}
    schema = {**world.record, "title": "Thing", "x-sidecar": annotations}
    schema["properties"] = {**schema["properties"], **owner}
    schema["required"] = [*schema["required"], *owner]
    folder.mkdir(parents=True)
    (folder / f"{KIND}.schema.json").write_text(json.dumps(schema))
    kinds = Kinds({**_catalogue_kinds(), KIND: load_kinds([folder])[KIND]})
    intake, values = Intake(kinds), Values(dice)
    things = [
        {**values.of(world.record), "thing_id": f"t{number}", "tenant_context": HOME} for number in range(RECORDS)
    ]
    accepted = [intake.accept(KIND, thing) for thing in things]
    accepted += [intake.accept(kind, record) for kind, record in _authority(dice)]
    assert all(isinstance(one, Prepared) for one in accepted), accepted
    return Scene(kinds, tuple(accepted[:RECORDS]), tuple(accepted[RECORDS:]), world.record)


def _authority(dice: Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """Memberships and grants of Ada's, named as the records' words are, some of which end."""
    for name in ("a", "b", "c"):
        held = {
            "tenant_context": HOME,
            "created_at_ms": dice.choice((1, 2)),
            "state": dice.choice(("active",) * 3 + ("disabled",)),
        }
        ends = {"expires_at_ms": dice.choice(ENDS)} if dice.random() < 0.7 else {}
        unit = {"kind": "organization_unit", "id": name}
        yield "org_unit_membership", {**held, **ends, "membership_id": name, "unit": unit, "member": ADA}
        resource = {"organization_id": "acme", "workspace_id": "main", "resource_kind": "run", "resource_id": name}
        more = {"grant_id": name, "unit": ADA, "resource": resource, "permissions": ["read"], "updated_at_ms": 1}
        yield "org_unit_access_grant", {**held, **more, **{name: end + 2 for name, end in ends.items()}}


def policies_of(dice: Random, world: World) -> list[Policy]:
    """One or two policies, mostly with a deny."""

    def rules(count: int) -> tuple[Rule, ...]:
        return tuple(new_rule(dice, world) for _ in range(count))

    return [Policy(rules(dice.choice((1, 2, 3))), rules(dice.choice((0, 1, 1)))) for _ in range(dice.choice((1, 1, 2)))]


def bundle_of(policies: list[Policy], kinds: Kinds, folder: Path) -> Bundle | None:
    """The bundle; None when the checker refuses a rule."""
    folder.mkdir()
    for number, policy in enumerate(policies):
        (folder / f"p{number}.yaml").write_text(policy.document(f"p{number}"))
    try:
        return build([folder], kinds)
    except FindingsError:
        return None


@dataclass
class Outcome:
    """What one seed gave: judged (record, caller, instant) triples, how many were shown, the first that was wrong."""

    triples: int = 0
    shown: int = 0
    wrong: str = ""


async def judged(seed: int, folder: Path) -> Outcome:
    """Every record of a scene shown or not, under some bundles, to some callers, at some instants."""
    dice = Random(seed)
    world = world_of(dice)
    scene = scene_of(dice, world, folder / "kinds")
    outcome, callers, judge = Outcome(), Callers(), Judge()
    stores.url(folder / "store.db")  # a database of its own: these kinds are like no others
    async with stores.opened(folder / "store.db", scene.kinds, Intake(scene.kinds).accept) as store:
        await store.put([*scene.things, *scene.authority])
        for number in range(BUNDLES):
            policies = policies_of(dice, world)
            bundle = bundle_of(policies, scene.kinds, folder / f"policies-{number}")
            for identity in IDENTITIES if bundle else ():
                for now_ms in READINGS:
                    async with store.snapshot(ACME) as snap:
                        caller = await callers.caller(identity, snap, now_ms)
                        verdicts = await judge.judge(bundle, caller, snap, [KIND], now_ms)
                        (page,) = await snap.read([Read(KIND, RECORDS)], verdicts)
                    shown = {row.position.key[0] for row in page.rows}
                    lawful = scene.lawful(policies, scene.caller(identity, now_ms), now_ms)
                    outcome.triples += RECORDS
                    outcome.shown += len(shown)
                    if shown != lawful:
                        outcome.wrong = f"{identity} at {now_ms}: shown {shown}, lawful {lawful}, under {policies}"
                        return outcome
    return outcome
