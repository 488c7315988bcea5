"""Requests that nobody should send: drawn from what the read side knows, then bent, with one seed for each."""

import json
from dataclasses import dataclass
from random import Random
from typing import Any

from attacked import LOW
from serving import Who
from wire import request

RUNS = b"/stateful-runtime/runs"
KINDS = (
    *("automation_run", "workflow_run", "wait", "event", "snapshot", "outbox", "tool_effect", "dead_letter"),
    *("compensation", "policy_decision", "protected_audit_event", "org_unit", "org_unit_membership"),
    *("org_unit_access_grant", "source_binding", "nothing", "%61udit", "Event", "event%00", ""),
)
ENDS = (b"", b"/events", b"/snapshots", b"/reliability", b"/observability", b"/resume-plan", b"/", b"/snapshots/open")
SEGMENTS = (
    *("open", "ours", "~hr", "a-open", "a-~hr", "never", "", ".", "..", "%2e%2e", "%00", "a%00b", "%ff", "%C0%AF"),
    *("%ED%A0%80", "%F0%9F%98%80", "a%2Fb", "%25", "%", "%zz", "%E2%80%AE", "*", "'%20OR%201=1--", '"', "%0d%0aX:%20y"),
    *("x" * 600, "%41" * 900, "organization_unit/hr", "hr", ";a=b", "a:b", "~%E2%80%A8", "e0001", "sales"),
)
NAMES = (
    *("limit", "tail", "after_seq", "since_seq", "before_seq", "event_limit", "snapshot_limit", "cursor", "run_id"),
    *("reliability_limit", "audit_limit", "status", "source_type", "after_id", "after_collection", "afterCollection"),
    *("before_created_at_ms", "beforeCreatedAt", "active_recovery_only", "phase", "trigger", "kind", "source"),
    *(
        "org_id",
        "workspace_id",
        "deployment_id",
        "workflow_id",
        "automation_id",
        "org_unit_id",
        "owner_id",
        "owner_kind",
    ),
    *("resource_kind", "resource_id", "policy_version_id", "data_class", "risk_tier", "delegation_grant_id", "seq"),
    *("source_binding_id", "state", "event_type", "created_at_ms", "Limit", "limit%00", "lim%69t", "", "%", "%ff"),
    *("connector_id", "actor_id", "decision", "wait_kind", "operation", "recoverable", "payload", "pending"),
)
VALUES = (
    *("", "0", "1", "2", "-1", "1000", "99999999999999999999", "9" * 400, "+1", "1e3", "%2B5", "+1+", "true", "false"),
    *("TRUE", "open", "~hr", "hr", "running", "all", "ALL", "null", "acme", "main", "credential", "internal", "%00"),
    *("%ff", "%C0%80", "%ED%A0%80", "%F0%9F%98%80", "%", "%25", "' OR '1'='1".replace(" ", "+"), "a" * 3_000, "-", "_"),
    *("outbox", "dead_letters", "tool_effect", "9223372036854775807", "9223372036854775808", "18446744073709551616"),
    *("A" * 64, "AAAA", "..", "%D9%A1", "%E2%80%A8", "drive", "active", "human_user"),
)
KNOWN = {
    b"/events": ("limit", "tail", "after_seq", "since_seq", "before_seq"),
    b"/snapshots": ("limit",),
    b"/resume-plan": ("limit",),
    b"/observability": ("event_limit", "snapshot_limit", "reliability_limit", "audit_limit"),
    b"/reliability": (*NAMES[12:22], "status", "source_type", "after_id", "after_collection", "limit", "run_id"),
    b"/runs": (
        "limit",
        "status",
        "phase",
        "trigger",
        *NAMES[NAMES.index("kind") : NAMES.index("source_binding_id") + 1],
    ),
    b"event": ("limit", "cursor", "run_id", "event_type", "seq"),
    b"_run": ("limit", "cursor", "status", "phase", "workflow_id", "automation_id", "trigger_type"),
}
"""Parameters of some routes, by how their paths end."""
METHODS = (*[b"GET"] * 40, *[b"POST"] * 8, b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT")
HEADERS = (
    (b"Content-Type", b"application/json"),
    (b"Content-Type", b"application/json; charset=utf-7"),
    (b"Content-Type", b"application/x+json;;;=\xff"),
    (b"Content-Type", b"text/html"),
    (b"Content-Type", b"a" * 3_000),
    (b"Content-Encoding", b"gzip"),
    (b"Transfer-Encoding", b"chunked"),
    (b"Transfer-Encoding", b"gzip, chunked"),
    (b"Expect", b"100-continue"),
    (b"Expect", b"200-ok"),
    (b"Expect", b"\xff"),
    (b"Upgrade", b"websocket"),
    (b"Connection", b"Upgrade, HTTP2-Settings"),
    (b"Upgrade", b"h2c"),
    (b"Range", b"bytes=0-10"),
    (b"If-None-Match", b"*"),
    (b"If-Modified-Since", b"Sat, 01 Jan 2000 00:00:00 GMT"),
    (b"Accept", b"text/html;q=1"),
    (b"Accept-Encoding", b"gzip, br"),
    (b"Cookie", b"a=b; c"),
    (b"X-HTTP-Method-Override", b"DELETE"),
    (b"X-Forwarded-For", b"127.0.0.1"),
    (b"X-Original-URL", b"/admin/v1/records"),
    (b"Host", b"there"),
    (b"x-tandem-org-id", b"acme"),
    (b"x-tenant-org-id", b"acme"),
    (b"x_tandem_roles", b"workspace_operator"),
    (b"X-Tandem-Roles", b"\xff"),
    (b"x-tandem-data-classes", b"internal, \t ,,"),
    (b"x-tandem-deployment-id", b""),
    (b"Content-Length", b"-1"),
    (b"Content-Length", b"0, 0"),
    (b"X-A", b"b" * 9_000),
    (b"X-A", b"b" * 17_000),
)
CHOICES = ("retry_dead_letter", "abandon-with-audit ", "COMPENSATE", "ignore_dead_letter", "nothing", "", " ", "\u2028")


@dataclass(frozen=True)
class Attempt:
    """Some bytes, who they say they are from, and whether they were bent."""

    sent: bytes
    who: Who
    bent: bool

    @property
    def bodiless(self) -> bool:
        """Whether an answer may come without a body."""
        return self.sent[:4].upper() == b"HEAD"


def attempt(seed: int) -> Attempt:
    """One request; the same one for the same seed."""
    dice = Random(seed)
    method, who = dice.choice(METHODS), dice.choice(LOW)
    target = _path(dice)
    target += _query(dice, target)
    headers = tuple(dice.choice(HEADERS) for _ in range(dice.choice((0, 0, 0, 0, 0, 0, 0, 1, 1, 3))))
    body = None
    if method == b"POST" or dice.random() < 0.05:
        target = target if dice.random() < 0.2 else RUNS + b"/" + _segment(dice) + b"/resume-plan"
        headers = headers if dice.random() < 0.2 else (*headers, (b"Content-Type", b"application/json"))
        body = _body(dice)
    sent = request(target, who, method=method, headers=headers, body=body)
    bent = dice.random() < 0.2
    return Attempt(_bent(dice, sent) if bent else sent, who, bent)


def _segment(dice: Random) -> bytes:
    return dice.choice((*SEGMENTS, *["open"] * 20, *["ours"] * 4)).encode()


def _path(dice: Random) -> bytes:
    shape = dice.random()
    if shape < 0.5:
        return RUNS + b"/" + _segment(dice) + dice.choice(ENDS)
    if shape < 0.65:
        return dice.choice((RUNS, b"/stateful-runtime/reliability"))
    if shape < 0.9:
        keys = b"".join(b"/" + _segment(dice) for _ in range(dice.choice((0, 0, 1, 1, 2, 3))))
        return b"/v1/records/" + dice.choice(KINDS).encode() + keys
    absolute = (
        b"http://here/v1/records/event",
        b"*",
        b"here:80",
        b"//x/y",
        b"",
        b"/livez",
        b"/admin/v1/records",
        b"?#",
    )
    return dice.choice((*absolute, b"/" + b"/".join(_segment(dice) for _ in range(dice.randrange(5)))))


def _query(dice: Random, target: bytes) -> bytes:
    """Half of the time what the route knows, else anything."""
    if dice.random() < 0.3:
        return b""
    known = next((names for end, names in KNOWN.items() if target.endswith(end)), NAMES)
    names = known if dice.random() < 0.6 else NAMES
    count = dice.choice((1, 1, 1, 2, 3, 8, 120))
    equal = ("=", "=", "=", "=", "=", "", "==")
    pairs = (f"{dice.choice(names)}{dice.choice(equal)}{dice.choice(VALUES)}" for _ in range(count))
    return b"?" + dice.choice("&&&&;").join(pairs).encode()[:12_000]


def _body(dice: Random) -> bytes:
    shape = dice.random()
    if shape < 0.6:
        return json.dumps(_choice(dice)).encode()
    odd = (
        *(b"", b"{", b"null", b"[]", b'"x"', b"\xff", b"\xef\xbb\xbf{}", b'{"choice": NaN}', b'{"choice":"\\ud800"}'),
        *(b"[" * 60_000, b'{"a":' * 20_000, b"9" * 60_000, b'{"choice":"a","choice":"b"}', b"1e999", b"\x00"),
        *(b"x" * 70_000, b'{"choice":"' + b"\\u0000" * 9 + b'"}', b'["' + b"\\n" * 30_000 + b'"]'),
    )
    return dice.choice(odd)


def _choice(dice: Random) -> Any:
    names = ("reason", "actor_id", "dead_letter_id", "compensation_id", "target_effect_id", "other")
    values: tuple[Any, ...] = (
        "open",
        "ours",
        "~hr",
        "never",
        "",
        " ",
        None,
        7,
        True,
        [],
        {},
        "\u0000",
        "x" * 5_000,
        1e308,
    )
    body = {name: dice.choice(values) for name in names if dice.random() < 0.3}
    body["choice"] = dice.choice((*CHOICES, *CHOICES, *values))
    return list(body.values()) if dice.random() < 0.1 else body


def _bent(dice: Random, sent: bytes) -> bytes:
    """The same with a few bytes changed, lost, doubled or added."""
    found = bytearray(sent)
    for _ in range(dice.choice((1, 1, 2, 4))):
        place = dice.randrange(len(found)) if found else 0
        length = dice.choice((1, 1, 2, 8, 40))
        how = dice.randrange(5)
        if how == 0:
            found[place : place + 1] = bytes([dice.randrange(256)])
        elif how == 1:
            del found[place : place + length]
        elif how == 2:
            found[place:place] = found[place : place + length]
        elif how == 3:
            found[place:place] = dice.randbytes(length)
        else:
            found[place:place] = dice.choice((b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"%", b"\r\n\r\n"))
    return bytes(found)
