"""Rules and records made to hang, crash or fill the engine."""

import time

import pytest
from hostile_evaluations import EVALUATIONS
from hostile_rules import Hostile
from hostile_texts import TEXTS
from hostile_values import VALUES

CPU_S = 3.0
"""Of processor time, for loading a rule and asking it in every form: steps and lengths bound it to a fraction of that."""

ATTEMPTS = [*TEXTS, *EVALUATIONS, *VALUES]


def test_there_are_enough_attempts() -> None:
    """The table holds at least two hundred attempts, each under a name of its own."""
    assert len({attempt.name for attempt in ATTEMPTS}) == len(ATTEMPTS) >= 200


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.name)
def test_a_hostile_rule_is_refused_or_answered_in_bounded_time(attempt: Hostile) -> None:
    """It is refused with an error of CEL, or has the value it should, or none: never a crash, never a hang."""
    began = time.process_time()
    assert attempt.outcome() == attempt.becomes
    assert time.process_time() - began < CPU_S
