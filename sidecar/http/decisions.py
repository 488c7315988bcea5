"""The decision log: one line of JSON for each answered request, safe to read whatever a caller sends."""

import json
import logging
import time
from dataclasses import dataclass

from aiohttp import web

from sidecar.identity.caller import Identity

log = logging.getLogger("sidecar.decisions")
LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Decisions:
    """One request under way. ``began`` counts seconds on the clock that never jumps."""

    method: str
    route: str
    began: float

    @classmethod
    def begin(cls, request: web.Request) -> "Decisions":
        """Note a request before it is answered."""
        resource = request.match_info.route.resource
        return cls(request.method, "" if resource is None else resource.canonical, time.perf_counter())

    @property
    def seconds(self) -> float:
        """How long it is under way."""
        return time.perf_counter() - self.began

    def end(self, status: int, revision: str | None, identity: Identity | None) -> None:
        """Log the answer: who asked what, under which policies, with which outcome. Ids are escaped and cut."""
        if not log.isEnabledFor(logging.INFO):
            return
        who = {}
        if identity is not None:
            tenant = identity.tenant
            who = {"org": tenant.org_id, "workspace": tenant.workspace_id, "deployment": tenant.deployment_id}
            who["actor"] = identity.actor_id or ""
        event = {
            "method": self.method,
            "route": self.route,
            "status": status,
            "revision": revision,
            **{name: value[:LONGEST_TEXT] for name, value in who.items()},
            "ms": round(self.seconds * 1000, 3),
        }
        log.info("%s", json.dumps(event))
