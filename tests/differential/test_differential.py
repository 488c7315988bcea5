"""Four voices, one answer: a million random triples of rule, record and caller, and every case that once divided them."""

import sys
from pathlib import Path

import pytest
import questions
from campaign import TRIPLES, Tally, campaign
from judged import judged
from questions import FOLDER, Question, read_case, shrunk

WANTED = 1_000_000
SCENES = {"sqlite": 8, "postgres": 3}
LANGUAGE = (
    *("&&", "||", "!", "?:", "==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%", "-_", "[]", "has"),
    *("all", "exists", "exists_one", "filter", "map", "size", "contains", "startsWith", "endsWith", "matches"),
    *("int", "uint", "double", "string", "type", "Bind", "Ident", "ListExpr", "MapExpr", "Literal", "Select"),
)
"""What the rules are written in."""


def test_a_million_triples() -> None:
    """The closure, the label's verdict then the record's, the reference and Google's engine never disagree on visibility."""
    total, divided = Tally(), list[Question]()
    for tally, failures in campaign(range(WANTED // TRIPLES)):
        total.add(tally)
        divided += failures
        if divided:
            break
    sys.stdout.write(f"{total}\n")
    assert not divided, questions.written(shrunk(divided[0]))
    assert total.triples >= WANTED
    assert total.live >= 0.6 * total.rules  # rules that answer everyone alike show little
    assert total.oracle >= 0.999 * total.triples
    assert total.refused <= 0.2 * total.rules
    assert total.lookups >= 0.05 * total.rules
    assert 0.3 * total.triples <= total.by_label <= 0.9 * total.triples  # so both closures have the last word often
    assert [word for word in LANGUAGE if total.words[word] < 100] == []
    assert min(total.true, total.false, total.neither) >= 0.15 * total.triples


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    """What once divided the voices is answered by all of them as the definition says."""
    question, answer = read_case(path)
    assert question.answers() == dict.fromkeys(question.answers(), answer)


async def test_what_is_shown_is_lawful(store_name: str, tmp_path: Path) -> None:
    """Stored, labelled, judged and paged, a record is shown to a caller at an instant exactly when the law says so."""
    triples = shown = 0
    scenes = SCENES[store_name]
    for seed in range(scenes):
        outcome = await judged(seed, tmp_path / str(seed))
        assert not outcome.wrong
        triples += outcome.triples
        shown += outcome.shown
    assert triples >= 1_500 * scenes
    assert 0.1 * triples <= shown <= 0.6 * triples
