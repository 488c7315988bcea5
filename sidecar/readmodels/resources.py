"""Resources: which of them a pattern reaches, and which a scope holds. All comparisons are exact."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ANY = "*"
CONTAINERS = frozenset({"organization", "workspace", "department", "project"})
"""Kinds of resources that reach others by where those stand, not by what they are."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource reference, as far as matching looks at it."""

    organization: str
    workspace: str
    project: str | None
    kind: str
    id: str
    prefix: str | None

    @classmethod
    def of(cls, record: Any) -> "Resource | None":
        """The resource of a record; None when a part that every resource has is masked, so that nothing matches it."""
        if not isinstance(record, Mapping):
            return None
        organization, workspace = record.get("organization_id"), record.get("workspace_id")
        kind, name = record.get("resource_kind"), record.get("resource_id")
        if organization is None or workspace is None or kind is None or name is None:
            return None
        return cls(organization, workspace, record.get("project_id"), kind, name, record.get("path_prefix"))

    def applies_to(self, target: "Resource") -> bool:
        """Whether this resource, taken as a pattern, reaches the target."""
        if self.organization != target.organization or self.workspace not in (ANY, target.workspace):
            return False
        if self.kind == "organization":
            return self.id == target.organization
        if self.kind in ("workspace", "department"):
            return self.id in (target.workspace, ANY, target.id)
        if self.kind == "project":
            return self.id in (target.project, target.id)
        return self.project in (None, target.project) and self._is_or_holds(target)

    def _is_or_holds(self, target: "Resource") -> bool:
        if self.prefix is None:
            return self.kind == target.kind and self.id == target.id
        return target.prefix is not None and below(self.prefix, target.prefix)


def below(prefix: str, path: str) -> bool:
    """Whether a path lies at or under a prefix, by whole segments: ``src/a`` is not above ``src/ab``.

    A path that climbs lies nowhere, for where it ends is not told by how it begins.
    """
    if ".." in path.split("/"):
        return path == prefix
    stem = prefix.rstrip("/")
    return not prefix or path == stem or path.startswith(f"{stem}/")


@dataclass(frozen=True, slots=True)
class ResourceScope:
    """What a scope covers. ``openers`` are its root and allowed resources, save those that it denies itself."""

    root: Resource | None
    root_denied: bool
    openers: tuple[Resource, ...]
    denied: tuple[Resource, ...]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "ResourceScope":
        """The resource scope of a record; what is masked in it opens nothing."""
        root = Resource.of(record.get("root"))
        denied = tuple(_known(record.get("denied_resources")))
        named = (*(() if root is None else (root,)), *_known(record.get("allowed_resources")))
        openers = tuple(opener for opener in named if not _reached(denied, opener))
        return cls(root, root is not None and root not in openers, openers, denied)

    def matches(self, resource: Resource | None) -> bool:
        """Whether the scope contains the resource, or the resource reaches the scope's root; a denied one never."""
        if resource is None or _reached(self.denied, resource):
            return False
        if _reached(self.openers, resource):
            return True
        return self.root is not None and not self.root_denied and resource.applies_to(self.root)


def _known(records: Iterable[Any] | None) -> list[Resource]:
    return [resource for record in records or () if (resource := Resource.of(record)) is not None]


def _reached(patterns: Iterable[Resource], target: Resource) -> bool:
    return any(pattern.applies_to(target) for pattern in patterns)
