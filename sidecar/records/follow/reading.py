"""Reading the files that changed, with patience for those that are being written."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sidecar.errors import FindingsError
from sidecar.records.follow.cut import CATALOGUE, UNREADABLE, Cut, Signature
from sidecar.records.follow.whole import Whole
from sidecar.records.load import Refused
from sidecar.records.runtime_files import FOLDERS, RuntimeFiles
from sidecar.records.runtime_read import KINDS, LOGS

PATIENCE = 8
"""Looks after which a file that does not read whole is told to be wrong, and left alone until it changes."""
RACY_MS = 100
"""A file written less long ago may have been written once more without a trace: it is read again at the next look."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Torn:
    """A file that did not read whole: of which store, as it was then, and how often it was tried."""

    store: str
    signature: Signature
    tries: int = 1

    @property
    def told(self) -> bool:
        """Whether it stayed as it is for so long that it is wrong, rather than being written."""
        return self.tries >= PATIENCE


@dataclass(slots=True)
class Reading:
    """The files that are read as a whole, and what is the matter with them."""

    whole: Whole
    torn: dict[Path, Torn] = field(default_factory=dict)
    _racy: set[Path] = field(default_factory=set)

    def known(self) -> dict[Path, Signature]:
        """The files that need not be read again, as they were when they were read."""
        known = self.whole.signatures()
        known |= {path: torn.signature for path, torn in self.torn.items() if torn.told}
        for path in self._racy.union(path for path, torn in self.torn.items() if not torn.told):
            known.pop(path, None)
        return known

    def changed(self, cut: Cut) -> list[Path]:
        """The files that are to be read."""
        known = self.known()
        return [
            path
            for path, seen in cut.sweep.items()
            if (seen.store not in LOGS or seen.trouble) and seen.signature != known.get(path)
        ]

    def gone(self, cut: Cut) -> set[Path]:
        """The files that are not there any more, and logs that can be opened again."""
        troubled = {path: seen.store for path, seen in cut.sweep.items() if seen.trouble}
        files = {path: state.store for path, state in self.whole.states.items()}
        files |= {path: torn.store for path, torn in self.torn.items()}
        return {
            path
            for path, store in files.items()
            if path not in troubled and (path not in cut.sweep or store in LOGS) and not _behind(path, store, troubled)
        }

    def read(self, files: RuntimeFiles, cut: Cut, paths: Iterable[Path], now_ms: int) -> list[Refused]:
        """Take up files; what is wrong with their records. Raises MovedOnError."""
        faults: list[Refused] = []
        for path in paths:
            store, signature, _ = cut.sweep[path]
            try:
                faults += self.whole.read(files, cut, path)
            except FindingsError as error:
                self._tear(path, Torn(store, signature), str(error.findings[0]))
                continue
            except OSError as error:  # one that is read only now, of which nobody need know before
                self._tear(path, Torn(store, UNREADABLE), f"{path}: cannot be read: {error.strerror}")
                continue
            self.torn.pop(path, None)
            self._racy.discard(path)
            if now_ms - signature.modified_ns // 1_000_000 < RACY_MS:
                self._racy.add(path)
        return faults

    def forget(self, paths: Iterable[Path]) -> None:
        """Take it that files are gone."""
        for path in paths:
            self.torn.pop(path, None)
            self._racy.discard(path)
            if path in self.whole.states:
                self.whole.forget(path)

    def blind(self) -> set[str]:
        """The kinds of which a file does not read whole and was never read before: what it holds is not known."""
        return {kind for store in self.unread() for kind in KINDS[store]}

    def unread(self) -> set[str]:
        """The stores of which a file does not read whole and was never read before."""
        return {torn.store for path, torn in self.torn.items() if path not in self.whole.states}

    def refused(self) -> int:
        """Records that do not validate."""
        return sum(len(state.refused) for state in self.whole.states.values())

    def _left(self, path: Path, store: str) -> str:
        """What becomes of a file that stays wrong."""
        if path in self.whole.states:
            return "what was last read of this file stays"
        return "nothing is known of it" + (", so the store is not caught up" if store in CATALOGUE else "")

    def _tear(self, path: Path, torn: Torn, message: str) -> None:
        before = self.torn.get(path)
        if before is not None and before.signature == torn.signature:
            torn = Torn(torn.store, torn.signature, before.tries + 1)
        if torn.tries == PATIENCE:
            log.error("%s; %s", message, self._left(path, torn.store))
        self.torn[path] = torn


def _behind(path: Path, store: str, troubled: Mapping[Path, str]) -> bool:
    """Whether nobody can tell that a file is gone: it is in a folder, or its store in a place, that cannot be read."""
    return any(path.is_relative_to(one) or (store == its and store not in FOLDERS) for one, its in troubled.items())
