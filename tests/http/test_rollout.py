"""How new policies are brought to several workers: prepared by all, and only then in force, in all of them."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sidecar.http.orders import Message
from sidecar.http.rollout import LONGEST_S, Rollout
from sidecar.policy.bundle import Bundle
from sidecar.policy.current import UNFORESEEN, Bundles, Fingerprint, Proof
from sidecar.policy.steps import Steps, whole


@dataclass
class Files(Bundles):
    """Bundles whose files are said to be of a revision, or to be wrong."""

    revision: str | None = "r1"
    now: Fingerprint = (("a.yaml", 1, 1),)
    steps: int = 0

    def __post_init__(self) -> None:
        super().__init__([], cast("Any", {}))
        self.settle(whole(self.proving()))

    def fingerprint(self) -> Fingerprint:
        return self.now

    def _proven(self, known: str | None) -> Steps[Proof]:
        yield from (None,) * self.steps
        if self.revision is None:
            return Proof(None, "wrong")
        return Proof(cast("Bundle", SimpleNamespace(revision=self.revision)))

    def become(self, revision: str | None) -> None:
        name, changed, size = self.now[0]
        self.revision, self.now = revision, ((name, changed + 1, size),)


@dataclass
class Told:
    """A worker that writes down its orders."""

    number: int
    orders: list[Message] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    settled: bool = True

    def tell(self, order: Message) -> None:
        self.orders.append(order)

    def replace(self, why: str) -> None:
        self.replaced.append(why)
        self.settled = False


@dataclass
class World:
    files: Files
    workers: list[Told]
    rollout: Rollout

    def asked(self, revision: str | None) -> None:
        self.files.become(revision)
        self.rollout.turn(0.0, asked=True)

    @property
    def orders(self) -> list[list[Message]]:
        return [worker.orders for worker in self.workers]

    @property
    def in_force(self) -> str:
        assert self.files.current is not None
        return self.files.current.revision


@pytest.fixture
def world() -> World:
    files, workers = Files(), [Told(1), Told(2)]
    return World(files, workers, Rollout(files, lambda: workers, None))


def test_nobody_goes_on_before_all_have_prepared(world: World) -> None:
    """All are told to prepare; the order to go on is given to all, once the last has said that it has."""
    world.asked("r2")
    world.rollout.prepared(1, "r2", "r2")
    assert world.orders == [[{"prepare": "r2"}]] * 2
    assert world.in_force == "r1"
    world.rollout.prepared(2, "r2", "r2")
    assert world.orders == [[{"prepare": "r2"}, {"enforce": "r2"}]] * 2
    assert world.in_force == "r2"


def test_a_worker_that_ends_is_not_waited_for(world: World) -> None:
    """One that crashes while preparing delays nobody."""
    world.asked("r2")
    world.rollout.prepared(1, "r2", "r2")
    gone = world.workers.pop()
    world.rollout.gone(gone.number)
    assert world.orders == [[{"prepare": "r2"}, {"enforce": "r2"}]]


def test_a_worker_that_starts_meanwhile_is_led_along(world: World) -> None:
    """Born under the old policies, it prepares the new ones too, and is waited for."""
    world.asked("r2")
    third = Told(3)
    world.workers.append(third)
    world.rollout.born(third)
    world.rollout.prepared(1, "r2", "r2")
    world.rollout.prepared(2, "r2", "r2")
    assert world.in_force == "r1"
    world.rollout.prepared(3, "r2", "r2")
    assert world.orders == [[{"prepare": "r2"}, {"enforce": "r2"}]] * 3
    world.rollout.born(fourth := Told(4))
    assert fourth.orders == []


def test_policies_are_proven_step_by_step(world: World) -> None:
    """Each turn takes one step, and the next is due at once; nobody is told anything before the last."""
    world.files.steps = 3
    world.asked("r2")
    for now in (1.0, 2.0):
        assert (world.rollout.due(now), world.orders) == (0.0, [[], []])
        world.rollout.turn(now, asked=False)
    assert world.orders == [[], []]
    world.rollout.turn(3.0, asked=False)
    assert world.orders == [[{"prepare": "r2"}]] * 2


def test_workers_have_the_longer_the_longer_proving_took(world: World) -> None:
    """Their time begins when the policies are proven, and grows by what that took for each that shares the machine."""
    world.files.steps = 1
    world.asked("r2")
    world.rollout.turn(100.0, asked=False)
    assert world.orders == [[{"prepare": "r2"}]] * 2
    assert world.rollout.due(100.0) == LONGEST_S + 200


def test_workers_left_behind_are_replaced_one_after_the_other(world: World) -> None:
    """The next one's turn comes when the one before has a successor that answers; who caught up meanwhile stays."""
    world.workers += [Told(3), Told(4)]
    world.asked("r2")
    world.rollout.prepared(4, "r2", "r2")
    world.rollout.turn(LONGEST_S, asked=False)
    assert world.in_force == "r2"
    late = ["it has not prepared the new policies within 30 s"]
    assert [worker.replaced for worker in world.workers] == [late, [], [], []]
    world.rollout.turn(LONGEST_S + 1, asked=False)
    world.rollout.gone(1)
    world.rollout.turn(LONGEST_S + 2, asked=False)
    assert [worker.replaced for worker in world.workers] == [late, [], [], []]
    world.rollout.prepared(2, "r2", "r2")
    world.workers[0].settled = True
    world.rollout.turn(LONGEST_S + 3, asked=False)
    world.rollout.turn(LONGEST_S + 4, asked=False)
    assert [worker.replaced for worker in world.workers] == [late, [], late, []]


def test_a_worker_that_hangs_is_waited_for_so_long_only(world: World) -> None:
    """After a while the others go on, and it is replaced: it would answer by the old policies meanwhile."""
    world.asked("r2")
    world.rollout.prepared(1, "r2", "r2")
    assert world.rollout.due(1.0) == LONGEST_S - 1
    world.rollout.turn(LONGEST_S - 1, asked=False)
    assert world.in_force == "r1"
    world.rollout.turn(LONGEST_S, asked=False)
    assert world.orders == [[{"prepare": "r2"}, {"enforce": "r2"}]] * 2
    assert (world.in_force, world.rollout.due(LONGEST_S)) == ("r2", None)
    assert [worker.replaced for worker in world.workers] == [[], ["it has not prepared the new policies within 30 s"]]


def test_a_signal_is_carried_out_though_the_files_change_under_it(world: World) -> None:
    """With nobody looking at the files they are read again at once, for nothing else would bring them in force."""
    world.asked("r2")
    world.files.become("r3")
    world.rollout.prepared(1, "r2", "r3")
    assert world.rollout.due(1.0) == 0.0
    world.rollout.turn(1.0, asked=False)
    for number in (1, 2):
        world.rollout.prepared(number, "r3", "r3")
    assert (world.in_force, world.rollout.due(2.0)) == ("r3", None)


def test_changes_that_come_faster_than_workers_prepare_wait_for_each_other(world: World) -> None:
    """While one step is under way no worker is given more to prepare; the newest policies follow it at once."""
    world.asked("r2")
    for revision in ("r3", "r4", "r5"):
        world.asked(revision)
    assert world.orders == [[{"prepare": "r2"}]] * 2
    assert world.rollout.due(1.0) == LONGEST_S - 1
    for number in (1, 2):
        world.rollout.prepared(number, "r2", "r2")
    assert world.in_force == "r2"
    world.rollout.turn(1.0, asked=False)
    assert [orders[-1] for orders in world.orders] == [{"prepare": "r5"}] * 2
    world.asked("r6")
    world.rollout.prepared(1, "r5", "r6")
    world.rollout.turn(2.0, asked=False)
    assert [orders[-1] for orders in world.orders] == [{"prepare": "r6"}] * 2
    assert [worker.replaced for worker in world.workers] == [[], []]


def test_a_worker_that_cannot_read_what_all_others_read_is_replaced(world: World) -> None:
    """Files that were read twice alike are sound: whoever finds them otherwise again holds up nobody, and says why."""
    world.asked("r2")
    world.rollout.prepared(1, "r2", "r2")
    world.rollout.prepared(2, "r2", None, "too many open files")
    world.rollout.turn(1.0, asked=False)
    world.rollout.prepared(1, "r2", "r2")
    assert world.in_force == "r1"
    world.rollout.prepared(2, "r2", None, "too many open files")
    assert world.in_force == "r2"
    assert [worker.replaced for worker in world.workers] == [
        [],
        ["it does not find the policies r2: too many open files"],
    ]
    world.asked("r3")
    for number in (1, 2):
        world.rollout.prepared(number, "r3", "r3")
    assert (world.in_force, len(world.workers[1].replaced)) == ("r3", 1)


def test_files_that_change_while_they_are_read_are_read_again(world: World) -> None:
    """A worker that found other policies than were wanted stops the step for all; the next look finds a change."""
    world.asked("r2")
    world.rollout.prepared(1, "r2", "r2")
    world.rollout.prepared(2, "r2", "r3")
    assert world.orders == [[{"prepare": "r2"}]] * 2
    assert (world.in_force, world.files.read) == ("r1", None)
    world.asked("r3")
    world.rollout.prepared(1, "r2", "r2")
    for number in (1, 2):
        world.rollout.prepared(number, "r3", "r3")
    assert world.orders == [[{"prepare": "r2"}, {"prepare": "r3"}, {"enforce": "r3"}]] * 2


def test_trouble_and_its_end_are_told_and_nothing_else_changes(world: World) -> None:
    """Wrong files are told to all, and so is that they are those in force again; nobody compiles anything."""
    world.asked(None)
    assert (world.in_force, world.files.trouble) == ("r1", "wrong")
    world.asked("r1")
    assert world.orders == [[{"keep": "wrong"}, {"keep": None}]] * 2
    assert world.files.trouble is None


def test_files_are_looked_at_as_often_as_is_set() -> None:
    """A change is acted on when two looks in a row found it, and no look comes before its time."""
    files, worker = Files(), Told(1)
    rollout = Rollout(files, lambda: [worker], 2.0)
    rollout.turn(10.0, asked=False)
    assert rollout.due(10.5) == 1.5
    files.become("r2")
    rollout.turn(11.9, asked=False)
    rollout.turn(12.0, asked=False)
    assert worker.orders == []
    rollout.turn(14.0, asked=False)
    assert worker.orders == [{"prepare": "r2"}]


def test_an_error_that_nobody_foresaw_ends_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the files cannot even be read those in force stay, and all are told so, for whoever asks them."""

    def broken(_: str | None) -> Steps[Proof]:
        yield
        raise RuntimeError("broken")

    monkeypatch.setattr(world.files, "_proven", broken)
    world.asked("r2")
    world.rollout.turn(1.0, asked=False)
    assert (world.in_force, world.files.trouble, world.rollout.due(1.0)) == ("r1", UNFORESEEN, None)
    assert world.orders == [[{"keep": UNFORESEEN}]] * 2


def test_what_cannot_be_told_ends_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """When what came of the files cannot be told to the workers those in force stay, and the next change is acted on."""

    def broken(_: Message) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(world.workers[0], "tell", broken)
        world.asked(None)
        assert (world.in_force, world.rollout.due(1.0)) == ("r1", None)
        world.asked("r2")
        assert (world.in_force, world.rollout.due(1.0)) == ("r1", None)
    world.asked("r2")
    for number in (1, 2):
        world.rollout.prepared(number, "r2", "r2")
    assert world.in_force == "r2"
