"""Serving from several processes: everything is read, proven and bound once, and each worker is born with it."""

import asyncio
import gc
import signal
import socket
from dataclasses import dataclass

from sidecar.config import Config
from sidecar.http.answering import Answering, Doors, End
from sidecar.http.assemble import Ground, assembled, grounded
from sidecar.http.early import ended_at_once
from sidecar.http.forked import Signals
from sidecar.http.logs import log_to_stderr
from sidecar.http.orders import Obedience
from sidecar.http.sharing import Shares
from sidecar.http.supervise import BEATS, Supervisor
from sidecar.http.tokens import Tokens


def together(config: Config, tokens: Tokens) -> int:
    """Serve from ``config.workers`` processes until a signal says stop; the exit code.

    Raises ConfigError, SchemaError, StoreError.
    """
    signals = Signals()
    with signals.heard():
        with ended_at_once():
            ground = grounded(config)
            asyncio.run(_proved(config, ground))
        doors = Doors.take(config)
        try:
            gc.collect()
            gc.freeze()  # what the workers share stays, and no collection need touch its memory
            job = _Serving(config, ground, tokens, doors, Shares(config.workers), Shares(config.workers))
            every_s = config.reload.poll_ms / 1000 if config.reload.watch else None
            drain_s = config.limits.drain_timeout_ms / 1000
            supervisor = Supervisor(
                job, config.workers, ground.bundles, signals, every_s=every_s, drain_s=drain_s, beat_s=_beat_s(config)
            )
            return supervisor.run()
        finally:
            doors.close()


async def _proved(config: Config, ground: Ground) -> None:
    """Open the store and close it: it is brought to its form once, and a store that is no use is told before a fork."""
    service = await assembled(config, ground)
    await service.store.close()


@dataclass(frozen=True)
class _Serving:
    """What a worker does with what it is born with."""

    config: Config
    ground: Ground
    tokens: Tokens
    doors: Doors
    public: Shares
    admin: Shares

    def opened(self) -> None:
        """Say where requests are answered."""
        self.doors.say(self.ground.bundles)

    def left(self, number: int) -> None:
        """Leave no connection to a worker that has ended."""
        self.public.share(number - 1).leave()
        self.admin.share(number - 1).leave()

    def ending(self) -> None:
        """Let no request in; that the end is near is still told."""
        self.doors.public.close()

    def work(self, number: int, line: socket.socket) -> int:
        """Serve as one of the workers, until told to end or left alone; the exit code."""
        log_to_stderr(self.config.log.level, number)
        asyncio.run(self._serve(number, line))
        return 0

    async def _serve(self, number: int, line: socket.socket) -> None:
        end, loop = End(), asyncio.get_running_loop()
        for stop in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(stop, end.asked.set)
        doors = self.doors.shared(self.public.share(number - 1), self.admin.share(number - 1))
        obedience = Obedience(line, self.ground.bundles, _beat_s(self.config))
        obeying = asyncio.create_task(obedience.run())
        obeying.add_done_callback(lambda _: _abandon(end))
        service = await assembled(self.config, self.ground)
        try:
            await Answering(self.config, service, self.tokens, doors, number).until(end, obedience.ready)
        finally:
            obeying.cancel()
            await service.store.close()


def _beat_s(config: Config) -> float:
    return config.limits.worker_timeout_ms / 1000 / BEATS


def _abandon(end: End) -> None:
    end.abandoned = True
    end.asked.set()
