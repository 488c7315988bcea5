"""Sabotaged engines: each defect turns the comparison red, long before the million triples are through."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import questions
from campaign import TRIPLES, run
from judged import KIND, judged
from questions import Question, shrunk
from voices import Answer

from sidecar.cel import EvaluationError, Predicate, Unknown, emit, frames, loops, prepared, reads, values
from sidecar.cel.ast import Select
from sidecar.cel.place import Place
from sidecar.identity import callers
from sidecar.policy import standing
from sidecar.records import prepare

MOST_SEEDS = 20
"""A defect may hide for a tenth of the million triples, so the million would show one ten times harder to find."""
MOST_SCENES = 20


def has_is_true_under_a_missing_parent(patch: pytest.MonkeyPatch) -> None:
    """``has(a.b.c)`` without ``a.b`` is true instead of an error."""

    def lenient(ask: Callable[[], bool]) -> bool:
        try:
            return ask()
        except EvaluationError:
            return True

    def sabotaged(place: Place, node: Select, owner: str) -> str:
        code = reads.presence(place, node, owner)
        return f"lenient(lambda: {code})" if place.careful else code

    patch.setitem(frames.KERNEL, "lenient", lenient)
    patch.setattr(emit, "presence", sabotaged)


def all_is_true_over_an_error(patch: pytest.MonkeyPatch) -> None:
    """``all`` forgets the elements on which its condition failed."""
    quantifier = loops._quantifier

    def sabotaged(macro: str, *rest: Any, careful: bool) -> list[str]:
        lines = quantifier(macro, *rest, careful=careful)
        return [line for line in lines if macro != "all" or not line.startswith("if fault is not None")]

    patch.setattr(loops, "_quantifier", sabotaged)


def true_equals_one(patch: pytest.MonkeyPatch) -> None:
    """Values are compared as Python compares them."""
    patch.setattr(values, "equal", lambda left, right: left == right)
    patch.setattr(prepared, "equal", lambda left, right: left == right)
    patch.setitem(frames.KERNEL, "equal", lambda left, right: left == right)


def a_string_is_in_a_string(patch: pytest.MonkeyPatch) -> None:
    """``in`` finds a part of a string."""
    member = values.member

    def sabotaged(item: Any, container: Any) -> bool:
        return item in container if type(item) is type(container) is str else member(item, container)

    patch.setitem(frames.KERNEL, "member", sabotaged)


def an_error_is_not_absorbed(patch: pytest.MonkeyPatch) -> None:
    """``||`` fails on its first part that fails, though a later one is true."""
    patch.setitem(frames.KERNEL, "either", lambda *parts: any(values.truth(part()) for part in parts))


def a_lookup_forgets_a_key(patch: pytest.MonkeyPatch) -> None:
    """Of a caller's objects with the same key only the last one is found."""
    indexed = prepared.indexed

    def sabotaged(items: Any, key: Any, *, many: bool) -> Any:
        return {value: found[-1:] for value, found in indexed(items, key, many=many).items()}

    patch.setitem(frames.KERNEL, "indexed", sabotaged)


def integers_have_no_bounds(patch: pytest.MonkeyPatch) -> None:
    """A sum past 64 bits is a number."""
    patch.setattr(values, "as_int", lambda value: value)


ENGINES = (
    *(has_is_true_under_a_missing_parent, all_is_true_over_an_error, true_equals_one, a_string_is_in_a_string),
    *(an_error_is_not_absorbed, a_lookup_forgets_a_key, integers_have_no_bounds),
)


def an_erring_deny_is_skipped(patch: pytest.MonkeyPatch) -> None:
    """A deny that has no value denies nothing."""
    admits = standing._admits

    def skipping(deny: Predicate) -> Predicate:
        def asked(*args: Any) -> Any:
            try:
                return deny(*args)
            except Unknown:
                raise
            except EvaluationError:
                return False

        return asked

    def sabotaged(policy: Any, *rest: Any) -> Any:
        return admits(replace(policy, denies=tuple(map(skipping, policy.denies))), *rest)

    patch.setattr(standing, "_admits", sabotaged)


def a_verdict_outlives_its_grant(patch: pytest.MonkeyPatch) -> None:
    """A caller is kept past the end of what it holds."""
    patch.setattr(callers._Kept, "holds", lambda *_: True)


def a_label_misses_a_property(patch: pytest.MonkeyPatch) -> None:
    """One of the properties that a label is said to hold is not in it."""
    tree_of = prepare._tree

    def sabotaged(kind: Any) -> Any:
        tree = tree_of(kind)
        if kind.name == KIND:
            tree.pop(min(tree))
        return tree

    patch.setattr(prepare, "_tree", sabotaged)


HOUSES = (an_erring_deny_is_skipped, a_verdict_outlives_its_grant, a_label_misses_a_property)


def failures() -> Iterator[tuple[int, Question]]:
    """The disagreements of a bounded run, each with how many triples came before its seed was through."""
    for seed in range(MOST_SEEDS):
        for failure in run(seed)[1]:
            yield (seed + 1) * TRIPLES, failure


@pytest.mark.parametrize("sabotage", ENGINES)
def test_a_sabotaged_engine_is_caught(sabotage: Callable[[pytest.MonkeyPatch], None], monkeypatch) -> None:
    """The voices disagree within a tenth of the run, and agree again on that very triple when the engine is whole."""
    with monkeypatch.context() as patch:
        sabotage(patch)
        triples, failure = next(failures(), (0, None))
        assert failure is not None
        sys.stdout.write(f"{sabotage.__name__}: caught within {triples:,} triples\n")
    assert len(set(failure.answers().values())) == 1


@pytest.mark.parametrize("sabotage", HOUSES)
async def test_a_sabotaged_house_is_caught(sabotage, monkeypatch, tmp_path) -> None:
    """What is shown differs from the law within a few scenes, and no longer once it is mended."""
    for seed in range(MOST_SCENES):
        with monkeypatch.context() as patch:
            sabotage(patch)
            outcome = await judged(seed, tmp_path / f"sabotaged-{seed}")
        if outcome.wrong:
            break
    assert outcome.wrong
    assert (await judged(seed, tmp_path / "whole")).wrong == ""


def test_a_failure_is_shrunk_and_kept(monkeypatch, tmp_path) -> None:
    """What is left of a failing triple still fails, holds little else, and comes back from its file as it was."""
    monkeypatch.setattr(questions, "FOLDER", tmp_path)
    with monkeypatch.context() as patch:
        has_is_true_under_a_missing_parent(patch)
        _, failure = next(failures())
        small = shrunk(failure)
        assert small.divided
        assert len(small.rule.text) < 60, small.rule
        assert len(str(small.record)) < 60, small.record
        questions.written(small)
    (path,) = tmp_path.glob("*.json")
    again, answer = questions.read_case(path)
    assert (again, answer) == (small, expected(small))


def expected(question: Question) -> Answer:
    """What all voices say."""
    (answer,) = set(question.answers().values())
    return answer
