"""A client that hands records over without a pause, and remembers what was acknowledged."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import orjson
from serving_process import eventually

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "3"))
"""How often something is killed."""
MORE = 5
"""How many batches have to be acknowledged between two kills."""
PATIENCE_S = 60.0
RECORDS = "/admin/v1/records"
BATCH = 10
TIMEOUT_S = 20.0


@dataclass
class History:
    """What was sent under one tenant of its own, batch by batch, and which batches were acknowledged."""

    org_id: str = field(default_factory=lambda: f"org-{uuid4().hex}")
    sent: int = 0
    acknowledged: set[int] = field(default_factory=set)
    refused: list[tuple[int, bytes]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def next(self) -> int:
        """The number of a new batch."""
        with self._lock:
            self.sent += 1
            return self.sent

    def body(self, batch: int) -> bytes:
        """A batch: an upsert kind and an append-only kind in turn."""
        return b"".join(self._line(batch, place) for place in range(BATCH))

    def _line(self, batch: int, place: int) -> bytes:
        scope = {"tenant_context": {"org_id": self.org_id, "workspace_id": "main"}}
        name = f"{batch:06}-{place}"
        record: dict[str, Any] = {"run_id": "r", "scope": scope}
        if place % 2:
            kind = "event"
            record |= {"event_id": name, "event_type": "t", "seq": batch * BATCH + place, "occurred_at_ms": batch}
        else:
            kind = "wait"
            record |= {"wait_id": name, "wait_kind": "timer", "status": "waiting"}
            record |= {"created_at_ms": batch, "updated_at_ms": batch}
        return orjson.dumps({"kind": kind, "record": record}) + b"\n"

    def stored(self, public: int) -> dict[int, int]:
        """How many records of each batch a walk over both kinds finds."""
        found: dict[int, int] = {}
        for kind, key in (("wait", "wait_id"), ("event", "event_id")):
            for record in self._walk(public, kind):
                batch = int(record[key].partition("-")[0])
                found[batch] = found.get(batch, 0) + 1
        return found

    def _walk(self, public: int, kind: str) -> Iterator[dict[str, Any]]:
        identity = {"x-tandem-org-id": self.org_id, "x-tandem-workspace-id": "main", "x-tandem-actor-id": "olga"}
        cursor = ""
        while True:
            connection = HTTPConnection("127.0.0.1", public, timeout=TIMEOUT_S)
            after = f"&cursor={quote(cursor)}" if cursor else ""
            connection.request("GET", f"/v1/records/{kind}?limit=1000{after}", headers=identity)
            answer = connection.getresponse()
            body = orjson.loads(answer.read())
            connection.close()
            assert answer.status == 200, body
            yield from body["records"]
            if body["next"] is None:
                return
            cursor = body["next"]

    def check(self, public: int) -> None:
        """Nothing acknowledged is lost, and nothing is stored in part."""
        stored = self.stored(public)
        assert self.acknowledged - stored.keys() == set()
        assert {number for number, count in stored.items() if count != BATCH} == set()


def goes_on(history: History) -> None:
    """Wait until some more is acknowledged."""
    before = len(history.acknowledged)
    eventually(lambda: len(history.acknowledged) >= before + MORE, PATIENCE_S)


@contextmanager
def ingesting(history: History, admin: int, clients: int = 2) -> Iterator[None]:
    """Hand batches over from several clients until the block ends."""
    end = Event()
    threads = [Thread(target=_hand_over, args=(history, admin, end)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join()


def _hand_over(history: History, admin: int, end: Event) -> None:
    connection: HTTPConnection | None = None
    while not end.is_set():
        batch = history.next()
        try:
            connection = connection or HTTPConnection("127.0.0.1", admin, timeout=TIMEOUT_S)
            connection.request("POST", RECORDS, history.body(batch), {"Content-Type": "application/x-ndjson"})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, HTTPException):
            if connection is not None:
                connection.close()
            connection = None
            end.wait(0.02)
            continue
        if answer.status == 200:
            history.acknowledged.add(batch)
        else:
            history.refused.append((answer.status, body))
            end.wait(0.02)
