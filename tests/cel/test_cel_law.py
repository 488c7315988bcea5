"""The one condition that stands for all rules of a kind, against the rules themselves."""

from random import Random
from typing import Any

import cel_rules
import pytest
from cel_rules import KNOWN, VARIABLES, accepted, damaged, pruned
from hypothesis import event, given, settings
from hypothesis import strategies as st

from sidecar.cel import Checked, Env, EvaluationError, check, compile_quick, compile_rule, law, parse

TENANT = {"org": "a"}
DICE = st.randoms(use_true_random=False)
Policies = list[tuple[list[Checked], list[Checked]]]


def policies(dice: Random) -> Policies:
    """One to three policies of a few allows, with a deny now and then."""

    def rules(most: int) -> list[Checked]:
        return [accepted(cel_rules.rule(dice, 2)) for _ in range(dice.randint(0, most))]

    return [(rules(3), rules(1)) for _ in range(dice.randint(1, 3))]


def admitted(made: Policies, caller: dict[str, Any], record: dict[str, Any], now_ms: int) -> bool:
    """The law by its words, each rule asked alone."""

    def value(one: Checked) -> Any:
        try:
            return compile_rule(one).bind(caller)(record, TENANT, now_ms)
        except EvaluationError:
            return None

    return all(
        any(value(allow) is True for allow in allows) and all(value(deny) is False for deny in denies)
        for allows, denies in made
    )


@settings(max_examples=200, deadline=None)
@given(DICE, st.booleans())
def test_what_the_law_answers_the_rules_answer_too(dice: Random, damage: bool) -> None:
    """Over records and over labels, damaged ones too, the law says what its rules say, or gives up and says nothing."""
    made = policies(dice)
    whole, label = compile_quick(law(made)), compile_quick(law(made), known=KNOWN)
    caller = cel_rules.caller(dice)
    for _ in range(4):
        record, now_ms = cel_rules.record(dice), dice.choice(cel_rules.NUMBERS)
        record = damaged(dice, record) if damage else record
        right = admitted(made, caller, record, now_ms)
        for form, seen, at in ((whole, record, now_ms), (label, pruned(record), 0)):
            try:
                said = form.bind(caller)(seen, TENANT, at)
            except EvaluationError:
                event("gives up")
                continue
            event(f"says {said}")
            assert said is right


@pytest.mark.parametrize(
    ("made", "answer"),
    [
        ([], True),
        ([([], [])], False),
        ([(["true"], [])], True),
        ([(["true"], ["false"])], True),
        ([(["true"], ["true"])], False),
        ([(["true"], []), (["false"], [])], False),
        ([(["false", "record.live"], []), (["true"], ["!record.live"])], True),
    ],
)
def test_every_policy_must_admit(made: list[tuple[list[str], list[str]]], answer: bool) -> None:
    """Visible is what every policy admits; a policy without an allow admits nothing; no policy refuses nothing."""
    checked = [([accepted(one) for one in allows], [accepted(one) for one in denies]) for allows, denies in made]
    predicate = compile_quick(law(checked)).bind({"operator": False, "units": [], "grants": []})
    assert predicate({"live": True}, TENANT, 0) is answer


@pytest.mark.parametrize("rules", [(["record.extra"], []), (["true"], ["record.extra"])])
def test_the_law_does_not_take_a_value_for_a_condition(rules: tuple[list[str], list[str]]) -> None:
    """Where a rule of no known type is neither true nor false, the law gives up."""
    made = [tuple([check(parse(one), Env(VARIABLES)) for one in part] for part in rules)]
    predicate = compile_quick(law(made)).bind({"operator": False, "units": [], "grants": []})
    with pytest.raises(EvaluationError):
        predicate({"extra": 1}, TENANT, 0)
