"""Signals before ``serve`` answers anybody, when nothing is open yet that would have to be closed."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def ended_at_once() -> Iterator[None]:
    """SIGTERM and SIGINT end the process there and then, with exit code 0; stores bear that at any moment."""
    with _handled(lambda: os._exit(0), signal.SIGTERM, signal.SIGINT):
        yield


@contextmanager
def before_serving() -> Iterator[None]:
    """As ``ended_at_once``; SIGHUP does nothing, for the policies are still to be read."""
    with ended_at_once(), _handled(lambda: None, signal.SIGHUP):
        yield


@contextmanager
def _handled(handler: Callable[[], None], *numbers: signal.Signals) -> Iterator[None]:
    before = {number: signal.signal(number, lambda *_: handler()) for number in numbers}
    try:
        yield
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)
