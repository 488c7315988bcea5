"""Changed policies come in force in all workers at once: all prepare them, and when all have, all are told to go on.

Compiling takes a while, and longer where workers share processors; the step from old policies to new takes none. A
worker that cannot prepare is replaced by one that is born with the new policies, for it would stay with the old ones.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from sidecar.http.orders import Message
from sidecar.http.watch import Looks, tell
from sidecar.policy.current import Bundles, Proof

LONGEST_S = 30.0
"""How long all wait for one worker that does not say that it has prepared."""

log = logging.getLogger(__name__)


class Told(Protocol):
    """A worker, as far as policies go."""

    number: int

    def tell(self, order: Message) -> None:
        """Send it an order."""

    def replace(self, why: str) -> None:
        """Put another in its place."""


class Rollout:
    """Reads policies in the supervisor, whose bundle every later worker is born with, and leads the workers to them."""

    def __init__(self, bundles: Bundles, workers: Callable[[], Iterable[Told]], every_s: float | None) -> None:
        self._bundles, self._workers, self._every_s = bundles, workers, every_s
        self._looks = Looks(bundles)
        self._next_look = 0.0
        self._proof: Proof | None = None
        self._missing: set[int] = set()
        self._unfit: dict[int, str] = {}
        self._until = 0.0
        self._doubted: str | None = None
        self._again = False

    def due(self, now: float) -> float | None:
        """Seconds until ``turn`` has something to do; None when only an event can give it something."""
        instants = [now] if self._again and self._proof is None else []
        instants += [self._next_look] if self._every_s is not None else []
        instants += [self._until] if self._proof is not None else []
        return max(0.0, min(instants) - now) if instants else None

    def turn(self, now: float, *, asked: bool) -> None:
        """Read the policies when asked to, or when their files changed and settled; wait for nobody too long.

        What is under way comes to its end first: workers that were given ever more to prepare would prepare nothing.
        """
        if self._proof is not None and now >= self._until:
            self._unfit |= dict.fromkeys(
                self._missing, f"it has not prepared the new policies within {LONGEST_S:.0f} s"
            )
            self._enforce()
        if self._every_s is not None and now >= self._next_look:
            self._next_look = now + self._every_s
            self._again |= self._looks.settled()
        self._again |= asked
        if self._again and self._proof is None:
            self._again = False
            self._read(now)

    def born(self, worker: Told) -> None:
        """A worker has begun with the policies in force: it is led to those under way like the others."""
        if self._proof is not None and self._proof.bundle is not None:
            worker.tell({"prepare": self._proof.bundle.revision})
            self._missing.add(worker.number)

    def prepared(self, number: int, wanted: str, found: str | None, trouble: str | None = None) -> None:
        """A worker has prepared what was wanted, or found other policies, or ``trouble``.

        Then all read again; a worker that disagrees with what was read twice alike is unfit.
        """
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
        self._done(number)

    def _done(self, number: int) -> None:
        self._missing.discard(number)
        if self._proof is not None and not self._missing:
            self._enforce()

    def _read(self, now: float) -> None:
        try:
            proof = self._bundles.prove()
        except Exception:
            log.exception("the policies could not be read again; those in force stay")
            return
        current = self._bundles.current
        if proof.bundle is None or (current is not None and current.revision == proof.bundle.revision):
            self._proof = None
            tell(self._bundles.settle(proof))
            self._order({"keep": proof.trouble})
            return
        self._proof, self._until, self._unfit = proof, now + LONGEST_S, {}
        self._missing = self._order({"prepare": proof.bundle.revision})
        if not self._missing:
            self._enforce()

    def _enforce(self) -> None:
        assert self._proof is not None
        proof, self._proof = self._proof, None
        unfit, self._unfit, self._doubted = self._unfit, {}, None
        outcome = self._bundles.settle(proof)
        self._order({"enforce": outcome.revision})
        tell(outcome)
        for worker in self._workers():
            if worker.number in unfit:
                worker.replace(unfit[worker.number])

    def _order(self, order: Message) -> set[int]:
        """Tell every worker; their numbers."""
        told = list(self._workers())
        for worker in told:
            worker.tell(order)
        return {worker.number for worker in told}
