"""The canonical form of shared properties is remembered, and nobody can tell."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from shipped_kinds import kinds

from sidecar.records import canonical
from sidecar.records.canonical import Notes, walk_of

SCOPES = st.fixed_dictionaries(
    {},
    optional={
        "owning_org_unit_id": st.sampled_from(["finance", None, 1, 1.0, True]),
        "data_classes": st.sampled_from([[], ["internal"], None]),
        "delegation_grant_ids": st.sampled_from([[], ["g"]]),
        "schema_version": st.sampled_from([1, 1.0, True]),
        "undeclared": st.just(1),
        "tenant_context": st.sampled_from([{"org_id": "o", "workspace_id": "w", "extra": 1}, None]),
    },
)
RECORDS = st.lists(st.fixed_dictionaries({"dead_letter_id": st.just("d"), "scope": SCOPES | st.none()}), max_size=8)


@given(RECORDS, st.sampled_from([1, 2, 100]))
def test_a_remembered_scope_is_what_its_walk_makes_of_it(records: list[dict[str, Any]], most: int) -> None:
    """Each record comes out as it would alone, with the same notes, whatever came before and however few are kept."""
    schema = kinds()["dead_letter"].schema
    usual, canonical.MOST_SHARED = canonical.MOST_SHARED, most
    try:
        remembering = walk_of(schema, {"scope"})
        for record in records:
            noted, alone = Notes(), Notes()
            assert repr(remembering(record, noted)) == repr(walk_of(schema)(record, alone))
            assert noted == alone
    finally:
        canonical.MOST_SHARED = usual


def test_a_scope_that_is_no_json_is_walked_all_the_same() -> None:
    """What no reader of JSON returns is not remembered, and does not fail."""
    record = {"scope": {"owning_org_unit_id": object()}}
    assert walk_of(kinds()["dead_letter"].schema, {"scope"})(record, Notes())["scope"] is not None
