"""``POST /admin/v1/explain``: why a caller sees a record or does not, for whoever may write everything.

Unlike on the read side, hidden and absent are told apart here.
"""

import asyncio
from collections.abc import Mapping
from functools import cache
from typing import Any

from aiohttp import web

from sidecar.errors import Absent, BadRequest, Unprocessable
from sidecar.http import query as forms
from sidecar.http.answer import fault, respond
from sidecar.http.body import json_body
from sidecar.http.service import SERVICE, Service
from sidecar.http.tokens import WRITER, require_everything
from sidecar.identity.caller import Identity
from sidecar.identity.claims import claims_schema, tenant_schema
from sidecar.policy.bundle import Bundle
from sidecar.policy.explanation import Question, explained
from sidecar.policy.plain import as_json
from sidecar.records.explain import Explainer
from sidecar.records.kind import Kind
from sidecar.records.store import Tenant
from sidecar.validated import nearest

MOST_AT_ONCE = 2
"""Explanations that are worked on at once; others wait for their turn."""
EXPLAINING: web.AppKey[asyncio.Semaphore] = web.AppKey("explaining", asyncio.Semaphore)


async def explain(request: web.Request) -> web.Response:
    """The explanation of one record for one caller under the policies in force."""
    forms.NOTHING.read(request.rel_url.raw_query_string)
    require_everything(request[WRITER])
    service = request.app[SERVICE]
    bundle = service.bundles.current
    if bundle is None:
        return fault(503, "not_ready", "no policies are loaded, so nothing is shown")
    question = _question(await json_body(request), service, bundle)
    async with request.app[EXPLAINING]:
        told = await explained(service.store, service.callers, question)
    if told is None:
        kind, key = question.policies.kind.name, "/".join(question.key)
        raise Absent("record_not_found", f"the tenant has no {kind} {key}")
    return respond({**as_json(told), "revision": bundle.revision})


def _question(body: Any, service: Service, bundle: Bundle) -> Question:
    """What a body asks. Raises Unprocessable."""
    faults = _explainer().faults(body)
    if faults:
        pointer, message = faults[0]
        raise _refusal(pointer, message)
    kind = service.kinds.get(body["kind"])
    if kind is None:
        raise _refusal("/kind", f"is no kind{nearest(body['kind'], service.kinds)}")
    identity = Identity.of(body["as"])
    tenant = Tenant(**body["tenant"]) if "tenant" in body else identity.tenant
    return Question(bundle.kinds[kind.name], _key(body, kind), tenant, identity, body.get("at_ms", service.clock()))


def _key(body: Mapping[str, Any], kind: Kind) -> tuple[str, ...]:
    if ("id" in body) == ("key" in body):
        raise _refusal("", "needs exactly one of id and key")
    try:
        key = forms.path_parts(body["id"]) if "id" in body else tuple(body["key"])
    except BadRequest:
        raise _refusal("/id", "is not UTF-8 once its %-encoding is undone") from None
    if len(key) != len(kind.id):
        wanted = "/".join(pointer.rpartition("/")[2] for pointer in kind.id)
        where = "/id" if "id" in body else "/key"
        raise _refusal(where, f"has {len(key)} parts; the key of a {kind.name} is {wanted}, in id each %-encoded")
    return key


def _refusal(pointer: str, message: str) -> Unprocessable:
    return Unprocessable("invalid_body", f"{pointer or 'the body'} {message}", pointer=pointer)


@cache
def _explainer() -> Explainer:
    """What a body must be."""
    text = {"type": "string", "minLength": 1}
    claims = claims_schema()
    return Explainer(
        {
            "type": "object",
            "required": ["kind", "as"],
            "properties": {
                "kind": text,
                "id": text,
                "key": {"type": "array", "items": text, "minItems": 1},
                "tenant": tenant_schema(),
                "as": claims,
                "at_ms": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
            },
            "additionalProperties": False,
            "$defs": claims["$defs"],
        }
    )


ROUTES = (web.post("/admin/v1/explain", explain),)
