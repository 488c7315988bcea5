"""The enterprise scope as the engines write it, read into a runtime scope.

A workflow run carries it as one object, taken as it stands. An automation run carries it in the metadata of its
definition, spread over three members that override each other field by field, under several spellings.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.records.forms import WHITE_SPACE, unit_id
from sidecar.records.places import token

FIELDS = (
    "owner_principal",
    "owning_org_unit_id",
    "resource_scope",
    "data_classes",
    "risk_tier",
    "policy_version_id",
    "delegation_grant_ids",
)

# Later ones override earlier ones.
_SOURCES = ("resource_access", "automation_webhook", "enterprise_scope")
_SPELLINGS = {
    "owner_principal": ("owner_principal", "ownerPrincipal"),
    "owning_org_unit_id": ("owning_org_unit_id", "owningOrgUnitId"),
    "resource_scope": ("resource_scope", "resourceScope"),
    "data_classes": ("data_classes", "dataClasses", "data_class", "dataClass"),
    "risk_tier": ("risk_tier", "riskTier"),
    "policy_version_id": ("policy_version_id", "policyVersionId", "policy_version", "policyVersion"),
    "delegation_grant_ids": ("delegation_grant_ids", "delegationGrantIds"),
}
_SINGLE = ("data_class", "dataClass")


class ScopeFault(ValueError):  # noqa: N818 - a fault like those of validation
    """A scope that does not parse. It is refused, never dropped: a record without its scope would be seen by all."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer
        self.message = message


@dataclass(frozen=True, slots=True)
class ScopeInput:
    """The fields found, still to be validated, and where in the source record each stood."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)


def whole_scope(value: Any, pointer: str) -> ScopeInput:
    """A scope given as one object, its values as they stand. Raises ScopeFault."""
    fields = {name: item for name, item in _object(value, pointer).items() if name in FIELDS and item is not None}
    return ScopeInput(fields, {name: pointer + token(name) for name in fields})


def metadata_scope(metadata: Any, pointer: str) -> ScopeInput:
    """A scope spread over a definition's metadata. Raises ScopeFault."""
    fields: dict[str, Any] = {}
    origins: dict[str, str] = {}
    members = _object(metadata, pointer)
    for source in _SOURCES:
        place = pointer + token(source)
        given = _object(members.get(source), place)
        for name, spelling, value in _given(given):
            fields[name] = value
            origins[name] = place + token(spelling)
    return ScopeInput(fields, origins)


def _object(value: Any, pointer: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ScopeFault(pointer, "carries the run's scope and must be an object")
    return value


def _given(source: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Each field that a source gives: its name, its spelling there, its value."""
    for name, spellings in _SPELLINGS.items():
        spelling = next((word for word in spellings if source.get(word) is not None), None)
        if spelling is None:
            continue
        value = source[spelling]
        if name in ("owning_org_unit_id", "policy_version_id"):
            value = _number_as_text(value)
        elif name == "delegation_grant_ids" and isinstance(value, list):
            value = [_number_as_text(item) for item in value]
        elif spelling in _SINGLE:
            value = [value]
        yield name, spelling, value


def _number_as_text(value: Any) -> Any:
    is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return str(value) if is_number else value


def normalised(scope: Mapping[str, Any]) -> dict[str, Any]:
    """A valid scope of an automation run in normal form: ids trimmed, none blank, lists sorted, each value once."""
    found = dict(scope)
    _put(found, "owning_org_unit_id", unit_id)
    _put(found, "policy_version_id", _trimmed)
    if "delegation_grant_ids" in found:
        grants = {_trimmed(grant) for grant in found["delegation_grant_ids"]} - {""}
        found["delegation_grant_ids"] = sorted(grants)
    if "data_classes" in found:
        found["data_classes"] = sorted(set(found["data_classes"]))
    return {name: value for name, value in found.items() if value != []}


def _trimmed(text: str) -> str:
    return text.strip(WHITE_SPACE)


def _put(scope: dict[str, Any], name: str, form: Callable[[str], str]) -> None:
    value = form(scope.get(name, ""))
    if value:
        scope[name] = value
    else:
        scope.pop(name, None)
