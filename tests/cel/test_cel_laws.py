"""The laws of the engine over random rules: a label never contradicts its records, and Google's engine agrees."""

from random import Random
from typing import Any

import cel_rules
from cel_oracle import FAILS, oracle, worth
from cel_rules import CALLER_SCHEMA, KNOWN, RECORD_SCHEMA, VARIABLES, accepted, filled, pruned
from hypothesis import event, given, settings
from hypothesis import strategies as st

from sidecar.cel import (
    EvaluationError,
    Predicate,
    Unknown,
    compile_rule,
    describe_label_gap,
)

TENANT = {"org": "a"}
UNKNOWN = "is not known"
DICE = st.randoms(use_true_random=False)


def said(predicate: Predicate, record: dict[str, Any], now_ms: int) -> Any:
    """What a closure says."""
    try:
        return predicate(record, TENANT, now_ms)
    except Unknown:
        return UNKNOWN
    except EvaluationError:
        return FAILS


@settings(max_examples=250, deadline=None)
@given(DICE, st.integers(1, 4))
def test_label_record_and_oracle_agree(dice: Random, depth: int) -> None:
    """What a label decides its records decide too, what is open the record decides, and always as the oracle does."""
    text = cel_rules.rule(dice, depth)
    checked = accepted(text)
    label, whole, third = compile_rule(checked, known=KNOWN), compile_rule(checked), oracle(text, *VARIABLES)
    for _ in range(2):
        caller = cel_rules.caller(dice)
        by_label, by_record = label.bind(caller), whole.bind(caller)
        for _ in range(4):
            record, now_ms = cel_rules.record(dice), dice.choice(cel_rules.NUMBERS)
            answer, first = said(by_record, record, now_ms), said(by_label, pruned(record), 0)
            event(f"record {answer}, label {first}")
            assert first in (answer, UNKNOWN)
            assert first != UNKNOWN or describe_label_gap(checked, KNOWN)
            assert answer == worth(
                third,
                record=filled(record, RECORD_SCHEMA),
                tenant=TENANT,
                caller=filled(caller, CALLER_SCHEMA),
                now_ms=now_ms,
            )


@settings(max_examples=250, deadline=None)
@given(DICE, st.integers(1, 4))
def test_a_damaged_record_is_never_shown_by_mistake(dice: Random, depth: int) -> None:
    """Over records that their schema would refuse, whatever our engine calls true or false the oracle calls so too."""
    text = cel_rules.rule(dice, depth)
    checked = accepted(text)
    whole, third = compile_rule(checked), oracle(text, *VARIABLES)
    caller = cel_rules.caller(dice)
    bound = whole.bind(caller)
    for _ in range(6):
        record = cel_rules.damaged(dice, cel_rules.record(dice))
        answer = said(bound, record, 1)
        event(f"{answer}")
        variables = {"tenant": TENANT, "caller": filled(caller, CALLER_SCHEMA), "now_ms": 1}
        assert answer in (FAILS, worth(third, record=filled(record, RECORD_SCHEMA), **variables))
