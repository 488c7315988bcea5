"""Changed policies come in force in all workers at once: all prepare them, and when all have, all are told to go on.

The supervisor proves them first, step by step, so that signals and crashes are heard meanwhile. Compiling takes workers
a while, and longer where they share processors; the step from old policies to new takes none. A worker that cannot
prepare, or is late, would stay with the old policies: one that is born with the new ones takes its place. Such workers
are replaced one after the other, each after the requests that it has, since a reload shall cost nobody an answer.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from sidecar.http.orders import Message
from sidecar.http.watch import Looks, tell
from sidecar.policy.current import Bundles, Proof
from sidecar.policy.steps import Steps

LONGEST_S = 30.0
"""How long all wait for one worker that does not say that it has prepared, where proving took no time. They wait longer
by that time for each worker: all may prepare on one processor, while they answer."""

log = logging.getLogger(__name__)


class Told(Protocol):
    """A worker, as far as policies go."""

    number: int

    @property
    def settled(self) -> bool:
        """Whether it neither ends nor begins."""

    def tell(self, order: Message) -> None:
        """Send it an order."""

    def replace(self, why: str) -> None:
        """Put another in its place, after the requests that it has."""


class Rollout:
    """Reads policies in the supervisor, whose bundle every later worker is born with, and leads the workers to them."""

    def __init__(self, bundles: Bundles, workers: Callable[[], Iterable[Told]], every_s: float | None) -> None:
        self._bundles, self._workers, self._every_s = bundles, workers, every_s
        self._looks = Looks(bundles)
        self._next_look = 0.0
        self._proving: Steps[Proof] | None = None
        self._began = 0.0
        self._proof: Proof | None = None
        self._missing: set[int] = set()
        self._unfit: dict[int, str] = {}
        self._left_behind: dict[int, str] = {}
        self._waiting_s = self._until = 0.0
        self._doubted: str | None = None
        self._again = False

    def due(self, now: float) -> float | None:
        """Seconds until ``turn`` has something to do; None when only an event can give it something."""
        instants = [now] if self._proving is not None or (self._again and self._proof is None) else []
        instants += [self._next_look] if self._every_s is not None else []
        instants += [self._until] if self._proof is not None else []
        return max(0.0, min(instants) - now) if instants else None

    def turn(self, now: float, *, asked: bool) -> None:
        """Read the policies on when asked to, or when their files changed and settled; wait for nobody too long.

        What is under way comes to its end first: workers that were given ever more to prepare would prepare nothing.
        """
        if self._proof is not None and now >= self._until:
            self._unfit |= dict.fromkeys(
                self._missing, f"it has not prepared the new policies within {self._waiting_s:.0f} s"
            )
            self._enforce()
        self._replace_one()
        if self._every_s is not None and now >= self._next_look:
            self._next_look = now + self._every_s
            self._again |= self._looks.settled()
        self._again |= asked
        if self._again and self._proof is None and self._proving is None:
            self._again = False
            self._proving, self._began = self._bundles.proving(), now
        if self._proving is not None:
            self._prove_on(self._proving, now)

    def born(self, worker: Told) -> None:
        """A worker has begun with the policies in force: it is led to those under way like the others."""
        if self._proof is not None and self._proof.bundle is not None:
            worker.tell({"prepare": self._proof.bundle.revision})
            self._missing.add(worker.number)

    def prepared(self, number: int, wanted: str, found: str | None, trouble: str | None = None) -> None:
        """A worker has prepared what was wanted, or found other policies, or ``trouble``.

        Then all read again; a worker that disagrees with what was read twice alike is unfit. One that was left behind
        has caught up.
        """
        if self._bundles.current is not None and found == wanted == self._bundles.current.revision:
            self._left_behind.pop(number, None)
        if self._proof is None or self._proof.bundle is None or self._proof.bundle.revision != wanted:
            return
        if found == wanted:
            self._done(number)
        elif self._doubted == wanted and not self._again:
            self._unfit[number] = f"it does not find the policies {wanted}: {trouble or found}"
            self._done(number)
        else:
            log.info("the policies changed while they were read; they are read again")
            self._proof, self._doubted = None, wanted
            self._bundles.doubt()
            self._again |= self._every_s is None

    def gone(self, number: int) -> None:
        """A worker has ended: nobody need wait for it."""
        self._unfit.pop(number, None)
        self._left_behind.pop(number, None)
        self._done(number)

    def _done(self, number: int) -> None:
        self._missing.discard(number)
        if self._proof is not None and not self._missing:
            self._enforce()

    def _prove_on(self, proving: Steps[Proof], now: float) -> None:
        """Take the next step of proving, and tell what came of it. Nothing that goes wrong ends the supervisor."""
        try:
            try:
                next(proving)
            except StopIteration as end:
                self._proving = None
                self._proven(end.value, now)
        except Exception:
            self._proving = self._proof = None
            log.exception("what came of the policies could not be told; those in force stay")

    def _proven(self, proof: Proof, now: float) -> None:
        current = self._bundles.current
        if proof.bundle is None or (current is not None and current.revision == proof.bundle.revision):
            self._proof = None
            tell(self._bundles.settle(proof))
            self._order({"keep": proof.trouble})
            return
        self._proof, self._unfit = proof, {}
        self._missing = self._order({"prepare": proof.bundle.revision})
        self._waiting_s = LONGEST_S + (now - self._began) * len(self._missing)
        self._until = now + self._waiting_s
        if not self._missing:
            self._enforce()

    def _enforce(self) -> None:
        assert self._proof is not None
        proof, self._proof = self._proof, None
        self._left_behind, self._unfit, self._doubted = self._unfit, {}, None
        outcome = self._bundles.settle(proof)
        self._order({"enforce": outcome.revision})
        tell(outcome)
        self._replace_one()

    def _replace_one(self) -> None:
        """Replace one of those left behind, unless another worker ends or begins just now."""
        workers = list(self._workers()) if self._left_behind else []
        if all(worker.settled for worker in workers):
            for worker in workers:
                if worker.number in self._left_behind:
                    worker.replace(self._left_behind[worker.number])
                    return

    def _order(self, order: Message) -> set[int]:
        """Tell every worker; their numbers."""
        told = list(self._workers())
        for worker in told:
            worker.tell(order)
        return {worker.number for worker in told}
