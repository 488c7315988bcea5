"""The bundle in force: a reload builds and proves a whole new one, and the last good one stays until it stands."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from sidecar.errors import ConfigError, FindingsError, SidecarError
from sidecar.policy.bundle import Bundle, building
from sidecar.policy.folder import meant
from sidecar.policy.results import SuiteResult
from sidecar.policy.steps import Steps, whole
from sidecar.policy.suite import running
from sidecar.records.kind import Kinds

MOST_TOLD = 5
"""How many things that are wrong with a bundle ``trouble`` tells."""
MOST_CHARACTERS = 500
"""How much it tells of each: a text of ours may quote a text of the file."""
UNFORESEEN = "the policies could not be read: an error that is no fault of theirs; the log has it"
"""What is told of an error in this program, whose own words may hold anything."""

log = logging.getLogger(__name__)

Fingerprint = tuple[tuple[str, *tuple[int, ...]], ...]
"""Path, inode, size and times of change (ns) of each file a bundle is read from or refused for.

The time of the content alone would not do, for copies may keep it; that of the inode nobody sets.
"""


@dataclass(frozen=True, slots=True)
class Reload:
    """What came of one reload: the revision in force now, whether it is a new one, and why the files were refused."""

    revision: str | None
    swapped: bool
    trouble: str | None


@dataclass(frozen=True, slots=True)
class Proof:
    """What the files turned out to be: a bundle whose suites hold, or what is wrong with them."""

    bundle: Bundle | None
    trouble: str | None = None


class Bundles:
    """Holds the bundle in force. A request takes ``current`` once and decides everything with it.

    There is none until a first reload succeeds: then nothing is visible and the server is not ready.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        kinds: Kinds,
        *,
        labels_only: bool = False,
        operator_without_units: bool = True,
        clock: Callable[[], int] | None = None,
    ) -> None:
        """Take the folders of the policies, and how their suites judge callers who say nothing of units.

        ``clock`` tells when a bundle came in force, in Unix milliseconds.
        """
        self._folders, self._kinds, self._labels_only = tuple(folders), kinds, labels_only
        self._operator_without_units = operator_without_units
        self._clock = clock
        self._current: Bundle | None = None
        self._loaded_at_ms: int | None = None
        self._trouble: str | None = None
        self._read: Fingerprint | None = None
        self._reloading = Lock()

    @property
    def current(self) -> Bundle | None:
        """The last good bundle."""
        return self._current

    @property
    def loaded_at_ms(self) -> int | None:
        """When the bundle in force came in force; None when there is none, or no clock to tell."""
        return self._loaded_at_ms

    @property
    def trouble(self) -> str | None:
        """Why the files as they were last read are not in force; None when they are."""
        return self._trouble

    @property
    def read(self) -> Fingerprint | None:
        """The files as the last reload met them, good or bad."""
        return self._read

    def reload(self) -> Reload:
        """Read, compile and prove the files, and put them in force if nothing is wrong with them.

        Takes a second or so: call it in a thread. Reloads wait for each other, so that the files read last win.
        """
        with self._reloading:
            return self.settle(whole(self.proving()))

    def proving(self, known: str | None = None) -> Steps[Proof]:
        """Read, compile and prove the files step by step, and leave in force what is.

        The suites of policies whose revision is ``known`` to hold are not run again. What nobody foresaw is logged, and
        proves the files wrong.
        """
        self._read = self.fingerprint()
        try:
            return (yield from self._proven(known))
        except Exception:
            log.exception("the policies could not be read")
            return Proof(None, UNFORESEEN)

    def settle(self, proof: Proof) -> Reload:
        """Put a proven bundle in force; or leave in force what is, and keep what is wrong with the files."""
        found, self._trouble = proof.bundle, proof.trouble
        swapped = found is not None and (self._current is None or found.revision != self._current.revision)
        if swapped:
            self._current = found
            self._loaded_at_ms = self._clock() if self._clock is not None else None
        return Reload(self._current.revision if self._current else None, swapped, self._trouble)

    def doubt(self) -> None:
        """Take the files for unread, so that the next look finds them changed."""
        self._read = None

    def fingerprint(self) -> Fingerprint:
        """Changes when a file does. Taken before a reload, so that a change during it is seen at the next look."""
        return tuple(sorted(seen for folder in self._folders for seen in _seen(folder)))

    def _proven(self, known: str | None) -> Steps[Proof]:
        try:
            bundle = yield from building(self._folders, self._kinds, labels_only=self._labels_only)
            if bundle.revision == known:
                return Proof(bundle)
            results = yield from running(bundle, witness=False, operator_without_units=self._operator_without_units)
        except FindingsError as error:
            return Proof(None, _told([str(finding) for finding in error.findings]))
        except SidecarError as error:
            return Proof(None, _told([str(error)]))
        wrong = [said for suite in results.suites for said in _failures(suite)]
        return Proof(None, _told(wrong)) if wrong else Proof(bundle)


def _failures(suite: SuiteResult) -> Iterator[str]:
    """Everything wrong with one suite. That a kind is uncovered or a policy without a suite is for ``test`` to tell."""
    yield from map(str, suite.findings)
    for case in suite.cases:
        for failure in case.failures:
            yield f"{suite.path}: {case.caller} before {case.record}: {failure}"


def _told(wrong: Sequence[str]) -> str:
    """What is wrong, bounded, and as text that can be sent: a file's name need not be."""
    wrong = [said.encode("utf-8", "backslashreplace").decode() for said in wrong]
    told = [said if len(said) <= MOST_CHARACTERS else said[:MOST_CHARACTERS] + "…" for said in wrong[:MOST_TOLD]]
    more = [f"and {len(wrong) - MOST_TOLD} more"] if len(wrong) > MOST_TOLD else []
    return "\n".join([*told, *more])


def _seen(folder: Path) -> Iterator[tuple[str, *tuple[int, ...]]]:
    """Every file of a folder that a bundle is read from or refused for; one that goes while we look is not there."""
    try:
        paths = meant(folder)
    except ConfigError:
        return
    for path in paths:
        try:
            found = path.stat()
        except OSError:
            continue
        yield str(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
