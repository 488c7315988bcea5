"""Masks: nothing of the masked name is shown or found, whatever stands there, and what cannot be hidden is refused."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_files import ACME, bundle_of, new_store, note, policy, seen, write
from shipped_kinds import kinds

from sidecar.errors import PolicyError
from sidecar.identity.caller import Caller
from sidecar.policy.bundle import build
from sidecar.policy.counting import by_record
from sidecar.policy.explain import Explainer
from sidecar.policy.judge import Judge
from sidecar.policy.rules import KindPolicies
from sidecar.policy.standing import Authority, masked_document
from sidecar.records.reading import Is, Read

NOBODY = Caller(ACME)
NAMES = st.sampled_from(("a", "b", "c"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(("a", "x")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)


def masking(folder: Path, path: tuple[str, ...]) -> KindPolicies:
    """The policies of notes under which one field below ``free`` is masked for everybody."""
    text = policy("p", "allow all: true", redact=[f"record.free.{'.'.join(path)}: false"])
    return bundle_of(folder, p=text).kinds["note"]


def values(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """Every value at the end of a path, where each item of a list is a way to it."""
    if path and isinstance(value, list):
        for item in value:
            yield from values(item, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from values(value[path[0]], path[1:])


def with_other(value: Any, path: tuple[str, ...]) -> Any:
    """The same value with another one wherever ``values`` finds some."""
    if not path:
        return {"a": ["another"]}
    if isinstance(value, list):
        return [with_other(item, path) for item in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    return {**value, path[0]: with_other(value[path[0]], path[1:])}


@settings(max_examples=200, deadline=None)
@given(value=JSON, path=PATHS)
def test_nothing_is_left_at_a_masked_path(value: Any, path: tuple[str, ...]) -> None:
    """Of any JSON no value is shown at a masked path, lists walked, and what is shown does not depend on one there."""
    with TemporaryDirectory() as folder:
        masks = masking(Path(folder), path).policies[0].masks
    shown, again = (
        masked_document(orjson.dumps({"free": one}, option=orjson.OPT_SORT_KEYS), masks)
        for one in (value, with_other(value, path))
    )
    assert list(values(orjson.loads(shown)["free"], path)) == []
    assert shown == again


@settings(max_examples=100, deadline=None)
@given(value=JSON, path=PATHS)
def test_whoever_tells_of_a_mask_tells_of_what_is_masked(value: Any, path: tuple[str, ...]) -> None:
    """Suites, explain and diff call a field masked exactly where the record has it, in some item of a list too."""
    with TemporaryDirectory() as folder:
        policies = masking(Path(folder), path)
    record = orjson.loads(note("n", free=value).doc)
    dotted = {f"free.{'.'.join(path)}"} if list(values(value, path)) else set()
    assert Explainer(policies, NOBODY).answer(record, ACME, 0).redacted == dotted
    assert by_record(Authority(policies, NOBODY), record, 0) == dotted


@pytest.mark.usefixtures("store_name")
async def test_no_filter_finds_what_is_masked_in_a_list(tmp_path: Path) -> None:
    """A record is not found by a text below a field of which a part is masked, whichever shape the field has."""
    store = await new_store(tmp_path / "s.db")
    await store.put([note("l", free=[[{"card": "4111"}]]), note("o", free={"card": "4111"}), note("t", free="4111")])
    bundle = bundle_of(tmp_path / "policies", p=policy("p", "allow all: true", redact=["record.free.card: false"]))
    async with store.snapshot(ACME) as snap:
        for judge in (Judge(), Judge(verify=True)):
            records, verdicts = await seen(judge, bundle, NOBODY, snap)
            assert [record.get("free") for record in records] == [[[{}]], {}, "4111"]
            (page,) = await snap.read([Read("note", 10, (Is("free", ("4111",)),))], verdicts)
            assert list(page.rows) == []
    await store.close()


@pytest.mark.parametrize("kind", ["automation_run", "workflow_run"])
def test_what_a_kind_tells_by_itself_cannot_be_masked(tmp_path: Path, kind: str) -> None:
    """A mask on a property that every record of its kind has alike is an error: whoever asks by kind is told it."""

    def masked(name: str) -> Path:
        return write(tmp_path, p=policy("p", "allow all: true", redact=["record.kind: false"], applies_to=f"[{name}]"))

    with pytest.raises(PolicyError, match=f"'kind' cannot be masked: every record .* the same \\(kind {kind}\\)"):
        build([masked(kind)], kinds())
    assert build([masked("org_unit")], kinds()).kinds["org_unit"].policies[0].masks  # its records differ in theirs
