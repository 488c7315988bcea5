"""What an HTTP server answered, for every test that asks one, however it asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson
from multidict import CIMultiDict


@dataclass(frozen=True)
class Answer:
    """What came back; the headers are found by their names in any case."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """The JSON of the body."""
        return orjson.loads(self.raw)

    @classmethod
    def read(cls, sent: bytes) -> Self:
        """The answer in everything that a server sent until it closed."""
        head, _, body = sent.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = CIMultiDict((name, value) for name, _, value in (line.partition(": ") for line in lines))
        return cls(int(first.split(" ")[1]), headers, body)
