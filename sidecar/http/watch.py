"""Bringing changed policy files into force while serving: when told to, and when the files are seen to have changed."""

import asyncio
import logging

from sidecar.http.stepping import in_thread
from sidecar.policy.current import Bundles, Fingerprint, Reload

log = logging.getLogger(__name__)


class Looks:
    """Looks at the files of a bundle, to tell when they changed and then kept still for one look.

    An editor writes a file in several steps, a deployment several files: a look in between sees half a bundle.
    """

    def __init__(self, bundles: Bundles) -> None:
        self._bundles = bundles
        self._last: Fingerprint | None = None

    def settled(self) -> bool:
        """Whether the files differ from what was last read, and did not change since the last look."""
        found = self._bundles.fingerprint()
        still, self._last = found == self._last, found
        return still and found != self._bundles.read


class Watch:
    """Reloads the bundle when ``asked``, and when its files changed and settled; ``every_s`` None never looks."""

    def __init__(self, bundles: Bundles, asked: asyncio.Event, every_s: float | None) -> None:
        self._bundles, self._asked, self._every_s = bundles, asked, every_s
        self._looks = Looks(bundles)

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._every_s):
                    await self._asked.wait()
            except TimeoutError:
                if not await asyncio.to_thread(self._looks.settled):
                    continue
            self._asked.clear()
            await self._reload()

    async def _reload(self) -> None:
        tell(self._bundles.settle(await in_thread(self._bundles.proving())))


def tell(outcome: Reload) -> None:
    """Log what came of a reload."""
    if outcome.trouble is not None:
        log.error("the policies on disk are wrong; %s stays in force:\n%s", outcome.revision, outcome.trouble)
    elif outcome.swapped:
        log.info("policies %s are in force", outcome.revision)
    else:
        log.info("the policies on disk are those in force, %s", outcome.revision)
