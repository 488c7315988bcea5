"""Compiled policies: the values that judging works on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from sidecar.cel import Checked, Compiled, compile_quick, law
from sidecar.policy.load import Expression
from sidecar.records.kind import Kind
from sidecar.records.store import Tenant

WALL = "tenant"
"""The policy that restates the tenant wall; it narrows like any other but makes no kind visible."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One condition, compiled for one kind.

    ``label`` judges labels and raises Unknown when it reads ``beyond`` them; ``whole`` judges records.
    """

    policy: str
    name: str
    effect: Literal["allow", "deny", "redact"]
    expression: Expression
    lets: Mapping[str, Expression]
    checked: Checked
    label: Compiled
    whole: Compiled
    beyond: tuple[str, ...]

    @property
    def constant(self) -> bool:
        """Whether it reads nothing, so that no suite can see it both true and false."""
        return not self.checked.paths

    @property
    def settled(self) -> bool:
        """Whether the caller alone decides it."""
        return not any(path.root in ("record", "now_ms") for path in self.checked.paths)


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """One field that a redaction masks. ``required``: the record always has the field, so that null takes its place.

    ``quoted`` is the field's name as it stands in a document that has it.
    """

    path: tuple[str, ...]
    required: bool
    rule: Rule
    quoted: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "quoted", f'"{self.path[-1]}"'.encode())

    @property
    def dotted(self) -> str:
        """The field as columns and suites name it."""
        return ".".join(self.path)

    def masks_in(self, record: Mapping[str, Any]) -> bool:
        """Whether a record has the field: itself, or in some item of a list on the way."""
        return _reaches(record, self.path)


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """One policy, compiled for one kind."""

    name: str
    path: str
    allows: tuple[Rule, ...]
    denies: tuple[Rule, ...]
    masks: tuple[Mask, ...]

    @property
    def settled(self) -> bool:
        """Whether the caller alone decides it."""
        return all(rule.settled for rule in (*self.allows, *self.denies))

    @property
    def rules(self) -> Iterator[Rule]:
        """Every condition, masks included; one of several masks comes once."""
        yield from self.allows
        yield from self.denies
        yield from dict.fromkeys(mask.rule for mask in self.masks)


@dataclass(frozen=True)
class KindPolicies:
    """All policies of one kind."""

    kind: Kind
    policies: tuple[Policy, ...]

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Every condition of every policy."""
        return tuple(rule for policy in self.policies for rule in policy.rules)

    @property
    def covered(self) -> bool:
        """Whether a policy other than the wall speaks of the kind; without one nothing of it is visible."""
        return any(policy.name != WALL for policy in self.policies)

    @cached_property
    def label(self) -> Compiled:
        """All policies that records can matter to as one condition on labels; written when first needed."""
        return compile_quick(self._law, known=judged_as_stored(self.kind))

    @cached_property
    def whole(self) -> Compiled:
        """The same on whole records."""
        return compile_quick(self._law)

    @property
    def _law(self) -> Checked:
        open_ = (policy for policy in self.policies if not policy.settled)
        return law(
            [([rule.checked for rule in policy.allows], [rule.checked for rule in policy.denies]) for policy in open_]
        )


def judged_as_stored(kind: Kind) -> Mapping[str, Sequence[str]]:
    """The label's properties that rules see as the label holds them: a label brings no text inside them to a form."""
    inner = tuple(kind.canonical)
    known = (pointer for pointer in kind.label if not any(name.startswith(pointer + "/") for name in inner))
    return {"record": tuple(known)}


def tenant_document(tenant: Tenant) -> dict[str, Any]:
    """The value of ``tenant`` in a rule; no deployment is an absent field."""
    document = {"org_id": tenant.org_id, "workspace_id": tenant.workspace_id}
    return {**document, "deployment_id": tenant.deployment_id} if tenant.deployment_id else document


def _reaches(value: Any, path: tuple[str, ...]) -> bool:
    if not path:
        return True
    if isinstance(value, list):
        return any(_reaches(item, path) for item in value)
    return isinstance(value, Mapping) and path[0] in value and _reaches(value[path[0]], path[1:])
