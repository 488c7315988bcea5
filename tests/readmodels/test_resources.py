"""Which resources a pattern reaches and a scope holds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.readmodels.resources import Resource, ResourceScope, below


def ref(kind: str = "repository", name: str = "repo", **more: Any) -> dict[str, Any]:
    return {"organization_id": "acme", "workspace_id": "main", "resource_kind": kind, "resource_id": name, **more}


def scope(root: Any, allowed: Any = (), denied: Any = ()) -> ResourceScope:
    return ResourceScope.of({"root": root, "allowed_resources": list(allowed), "denied_resources": list(denied)})


def resource(record: Any) -> Resource:
    found = Resource.of(record)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("pattern", "target", "applies"),
    [
        (ref(), ref(), True),
        (ref(), ref(name="other"), False),
        (ref(), ref("document"), False),
        (ref(), ref(organization_id="umbrella"), False),
        (ref(), ref(workspace_id="other"), False),
        (ref(workspace_id="*"), ref(workspace_id="other"), True),
        (ref(), ref(workspace_id="*"), False),
        (ref("organization", "acme"), ref(), True),
        (ref("organization", "umbrella"), ref(), False),
        (ref("workspace", "main"), ref(), True),
        (ref("workspace", "*"), ref(), True),
        (ref("workspace", "repo"), ref(), True),
        (ref("workspace", "other"), ref(), False),
        (ref("department", "main"), ref(), True),
        (ref("department", "repo"), ref(), True),
        (ref("department", "other"), ref(), False),
        (ref("project", "p"), ref(project_id="p"), True),
        (ref("project", "repo"), ref(), True),
        (ref("project", "p"), ref(), False),
        (ref(project_id="p"), ref(project_id="p"), True),
        (ref(project_id="p"), ref(), False),
        (ref(), ref(project_id="p"), True),
        (ref(), ref(path_prefix="/src"), True),
        (ref(path_prefix="/src"), ref(), False),
        (ref(path_prefix="/src"), ref(path_prefix="/src/a"), True),
        (ref(path_prefix="/src"), ref("document", "x", path_prefix="/src/a"), True),
        (ref(path_prefix="/src"), ref("document", "x"), False),
        (ref(path_prefix="/src"), ref(path_prefix="/srclib"), False),
        (ref(branch_id="b", parent_path=[{"kind": "project", "id": "p"}]), ref(), True),
    ],
)
def test_applies_to(pattern: Any, target: Any, applies: bool) -> None:
    """A pattern reaches what is of its organisation and workspace and, by its kind, stands in it or is it."""
    assert resource(pattern).applies_to(resource(target)) == applies


@pytest.mark.parametrize(
    ("prefix", "path", "covered"),
    [
        ("/a", "/a", True),
        ("/a", "/a/b", True),
        ("/a", "/ab", False),
        ("/a/", "/a/b", True),
        ("/a/", "/a", True),
        ("/a/", "/ab", False),
        ("", "a", True),
        ("/", "/a", True),
        ("/", "a", False),
        ("/a/b", "/a", False),
        ("/a", "/a/../b", False),
        ("/a/..", "/a/..", True),
        ("/a", "/a/..b", True),
    ],
)
def test_prefixes_end_at_a_segment(prefix: str, path: str, covered: bool) -> None:
    """A prefix covers whole segments below it, and no path that climbs out again."""
    assert below(prefix, path) == covered


SEGMENTS = st.lists(st.sampled_from(["a", "ab", "b"]), max_size=4)


@given(SEGMENTS, SEGMENTS)
def test_prefixes_are_prefixes_of_segments(prefix: list[str], path: list[str]) -> None:
    """Covering is being a prefix of the list of segments, however the texts begin."""
    texts = ["".join(f"/{segment}" for segment in segments) for segments in (prefix, path)]
    assert below(*texts) == (path[: len(prefix)] == prefix)


@pytest.mark.parametrize(
    ("held", "given_resource", "matches"),
    [
        (scope(ref()), ref(), True),
        (scope(ref()), ref(name="other"), False),
        (scope(ref("workspace", "main")), ref(), True),
        (scope(ref()), ref("workspace", "main"), True),
        (scope(ref(), [ref(name="other")]), ref(name="other"), True),
        (scope(ref("workspace", "main"), denied=[ref()]), ref(), False),
        (scope(ref("workspace", "main"), denied=[ref()]), ref(name="other"), True),
        (scope(ref(), denied=[ref()]), ref("workspace", "main"), False),
        (scope(ref(), denied=[ref()]), ref(), False),
        (scope(ref(), denied=[ref("workspace", "main")]), ref("organization", "acme"), False),
        (scope(ref(), [ref(name="other")], [ref()]), ref(name="other"), True),
        (scope(ref(), [ref(name="other")], [ref(name="other")]), ref(name="other"), False),
        (scope(ref(path_prefix="/src"), denied=[ref()]), ref("document", "x", path_prefix="/src/a"), False),
    ],
)
def test_scopes(held: ResourceScope, given_resource: Any, matches: bool) -> None:
    """A scope holds what its root or an allowed entry reaches and what reaches its root, but never what it denies."""
    assert held.matches(resource(given_resource)) == matches


@pytest.mark.parametrize("name", ["organization_id", "workspace_id", "resource_kind", "resource_id"])
def test_masked_resources_match_nothing(name: str) -> None:
    """A resource with a masked part is none, and a scope whose root is masked holds only what it allows by name."""
    masked = ref(**{name: None})
    assert Resource.of(masked) is None
    held = scope(masked, [ref(name="other")])
    assert not held.matches(resource(ref()))
    assert not held.matches(None)
    assert held.matches(resource(ref(name="other")))
    assert Resource.of(None) is None
