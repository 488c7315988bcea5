"""Bringing changed policy files into force while serving: when told to, and when the files are seen to have changed."""

import asyncio
import logging

from sidecar.policy.current import Bundles, Fingerprint

log = logging.getLogger(__name__)


class Watch:
    """Reloads the bundle when ``asked``, and when its files changed and then kept still for one look.

    An editor writes a file in several steps, a deployment several files: a look in between sees half a bundle.
    ``every_s`` None never looks.
    """

    def __init__(self, bundles: Bundles, asked: asyncio.Event, every_s: float | None) -> None:
        self._bundles, self._asked, self._every_s = bundles, asked, every_s
        self._last_look: Fingerprint | None = None

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._every_s):
                    await self._asked.wait()
            except TimeoutError:
                if not await self._settled():
                    continue
            self._asked.clear()
            await self._reload()

    async def _settled(self) -> bool:
        """Whether the files differ from what was last read, and did not change since the last look."""
        found = await asyncio.to_thread(self._bundles.fingerprint)
        still, self._last_look = found == self._last_look, found
        return still and found != self._bundles.read

    async def _reload(self) -> None:
        try:
            outcome = await asyncio.to_thread(self._bundles.reload)
        except Exception:
            log.exception("the policies could not be read again; those in force stay")
            return
        if outcome.trouble is not None:
            log.error("the policies on disk are wrong; %s stays in force:\n%s", outcome.revision, outcome.trouble)
        elif outcome.swapped:
            log.info("policies %s are in force", outcome.revision)
        else:
            log.info("the policies on disk are those in force, %s", outcome.revision)
