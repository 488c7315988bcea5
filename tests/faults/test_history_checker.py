"""The checker of histories finds every kind of bad history, and passes good ones."""

import pytest
from history import Law, Read, Seen, Write, check

EMPTY: dict[str, Seen] = {"a": {}, "b": {}}


def write(world: str, start: int, end: int, **state: int) -> Write:
    return Write(world, start, end, state)


def read(start: int, end: int, a: Seen | None = None, b: Seen | None = None, *, hidden: str = "") -> Read:
    """A read by someone who may not see the records of one name."""

    def shows(state: Seen) -> Seen:
        return {name: version for name, version in state.items() if name != hidden}

    return Read(start, end, {name: seen for name, seen in (("a", a), ("b", b)) if seen}, shows)


def laws(writes: list[Write], reads: list[Read]) -> list[Law]:
    return [fault.law for fault in check(EMPTY, writes, reads)]


W1, W2 = write("a", 10, 20, x=1, y=1), write("a", 30, 40, x=2, y=2)
LATER = write("b", 50, 60, z=3)


def test_what_was_acknowledged_is_seen_and_what_is_under_way_may_be() -> None:
    """A read beside a write sees either state; a read after it sees the new one."""
    before, after = {"x": 1, "y": 1}, {"x": 2, "y": 2}
    assert laws([W1, W2], [read(25, 35, before), read(32, 38, after), read(41, 45, after), read(1, 5)]) == []


@pytest.mark.parametrize(
    ("law", "seen"),
    [
        ("stale", {"x": 1, "y": 1}),
        ("stale", {}),
        ("impossible", {"x": 2, "y": 1}),
        ("impossible", {"x": 2}),
        ("impossible", {"x": 2, "y": 2, "z": 1}),
    ],
    ids=["an update is lost", "records are lost", "half a batch", "one of a batch", "nobody wrote it"],
)
def test_a_read_after_a_write_that_does_not_show_it_as_it_is(law: Law, seen: Seen) -> None:
    """Something older, something torn and something made up are each found."""
    assert laws([W1, W2], [read(41, 45, seen)]) == [law]


def test_what_nobody_has_begun_to_write_is_not_seen() -> None:
    """A state that comes true only later is found."""
    assert laws([W1, W2], [read(21, 25, {"x": 2, "y": 2})]) == ["early"]


def test_a_deleted_record_does_not_come_back() -> None:
    """After an acknowledged deletion the record is found where it is shown."""
    gone = write("a", 50, 60, y=2)
    assert laws([W1, W2, gone], [read(55, 58, {"x": 2, "y": 2}), read(61, 65, {"x": 2, "y": 2})]) == ["stale"]


def test_reads_do_not_go_back() -> None:
    """Beside one write, a read that ended before another began has seen no newer state than that."""
    new, old = read(31, 33, {"x": 2, "y": 2}), read(34, 36, {"x": 1, "y": 1})
    assert laws([W1, W2], [new, old]) == ["back"]
    assert laws([W1, W2], [old, read(37, 38, {"x": 2, "y": 2})]) == []


def test_an_answer_is_of_one_instant() -> None:
    """Whoever sees a write sees what had been acknowledged before it began, though both are under way for the reader."""
    both, second_only = read(5, 70, {"x": 2, "y": 2}, {"z": 3}), read(5, 70, None, {"z": 3})
    assert laws([W1, W2, LATER], [both]) == []
    assert laws([W1, W2, LATER], [second_only]) == ["back"]


def test_an_answer_may_be_as_old_as_is_allowed_and_no_older() -> None:
    """With a lag, what was acknowledged less than it ago may be missing, also later; never what was so before."""
    old = {"x": 1, "y": 1}
    allowed = [read(41, 42, {"x": 2, "y": 2}), read(43, 45, old)]
    assert check(EMPTY, [W1, W2], allowed, lag=5) == []
    assert [fault.law for fault in check(EMPTY, [W1, W2], [read(46, 48, old)], lag=5)] == ["stale"]
    assert [fault.law for fault in check(EMPTY, [W1, W2, LATER], [read(5, 70, None, {"z": 3})], lag=9)] == ["back"]


def test_what_is_hidden_is_not_shown() -> None:
    """A record is found where it is shown to whom it is hidden."""
    assert laws([W1], [read(21, 25, {"x": 1}, hidden="y")]) == []
    assert laws([W1], [read(21, 25, {"x": 1, "y": 1}, hidden="y")]) == ["impossible"]


def test_a_world_has_one_writer() -> None:
    """Two writes of one world at once are no history that could be checked."""
    with pytest.raises(ValueError, match="two writes at once"):
        check(EMPTY, [W1, write("a", 15, 25)], [])
