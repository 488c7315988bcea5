"""Random policies over notes, notes and callers, for laws that hold whatever they are."""

from typing import Any

from hypothesis import strategies as st
from policy_files import ACME, policy

from sidecar.identity.caller import Caller

CONDITIONS = (
    *("true", "false", "1 / record.at == 1", "caller.is_workspace_operator", "caller.actor_id == 'ada'", "!has(record.unit)"),
    *("record.unit in caller.org_units", "record.unit == 'finance'", "!(record.unit == 'finance')"),
    *("'secret' in record.classes", "record.classes.all(c, c == 'open')", "has(record.place) && record.place.room == 'a'"),
    *("has(record.place.room)", "record.code == 'c'", "record.author == caller.actor_id", "now_ms > record.at"),
    *("caller.actor_id == 'ada' && record.code == 'c'", "record.author == 'eva' || 'secret' in record.classes"),
    *("record.place == record.place", "size(record.people) > 0", "tenant.org_id == caller.tenant.org_id"),
)  # fmt: skip
FIELDS = ("author", "code", "unit", "place", "place.room", "deep", "deep.inner", "classes", "people")
RULES = st.lists(
    st.tuples(st.sampled_from(("allow", "allow", "deny")), st.sampled_from(CONDITIONS)), min_size=1, max_size=4
)
MASKS = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(CONDITIONS), max_size=2)
POLICIES = st.lists(st.tuples(RULES, MASKS), min_size=1, max_size=2)
NOTES = st.lists(
    st.fixed_dictionaries(
        {"at": st.integers(0, 9), "code": st.sampled_from("cd")},
        optional={
            "unit": st.sampled_from(("finance", " Finance", "legal", "", None)),
            "classes": st.lists(st.sampled_from(("open", "secret")), max_size=2),
            "place": st.sampled_from(({}, {"room": "a"}, {"room": "b"})),
            "author": st.sampled_from(("ada", "eva")),
            "deep": st.sampled_from(({}, {"inner": "i"}, {"inner": "i", "other": "o"})),
            "people": st.lists(st.just("x"), max_size=1),
        },
    ),
    min_size=1,
    max_size=6,
)
CALLERS = st.builds(
    Caller,
    st.just(ACME),
    st.sampled_from((None, "ada", "eva")),
    st.booleans(),
    st.sampled_from(((), ("finance",), ("finance", "legal"))),
)


def texts_of(policies: list[Any]) -> dict[str, str]:
    """The files of a bundle."""
    return {
        f"p{number}": policy(
            *(f"p{number}", *(f"{effect} r{place}: {rule}" for place, (effect, rule) in enumerate(rules))),
            redact=[f"record.{field}: {unless}" for field, unless in masks.items()],
        )
        for number, (rules, masks) in enumerate(policies)
    }
