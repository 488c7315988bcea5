"""The read side, one handler a route: read the query, take the snapshot, answer with the view."""

import re
import secrets

from aiohttp import web

from sidecar.errors import BadRequest
from sidecar.http import query as forms
from sidecar.http.answer import respond
from sidecar.http.body import json_body
from sidecar.http.cursor import Bond, Sealer
from sidecar.http.following import require_writable
from sidecar.http.service import SERVICE, changing, reading
from sidecar.readmodels import choices, recovery, reliability, runs, timeline
from sidecar.readmodels import observability as observed
from sidecar.readmodels import records as any_kind
from sidecar.readmodels.catalogue import CATALOGUE_KINDS
from sidecar.readmodels.run import RUN_KINDS
from sidecar.records.reading import Position

COLLECTION_KINDS = tuple(reliability.COLLECTIONS.values())
LIST_KINDS = (*RUN_KINDS, *CATALOGUE_KINDS, "wait", "event", "snapshot")
OBSERVED_KINDS = (
    *RUN_KINDS,
    *COLLECTION_KINDS,
    "wait",
    "event",
    "snapshot",
    "policy_decision",
    "protected_audit_event",
)
PLAN_KINDS = (*RUN_KINDS, *COLLECTION_KINDS)
CHOICE_KINDS = (*RUN_KINDS, "dead_letter", "compensation", "event")

_RUN, _SNAPSHOT = 3, 5
_KIND, _KEY = 3, 4


def _asked_for(request: web.Request) -> str:
    return request.rel_url.raw_query_string


def _part(request: web.Request, place: int) -> str:
    """One decoded segment of the path. Raises BadRequest."""
    return forms.path_parts(request.rel_url.raw_path)[place]


async def list_runs(request: web.Request) -> web.Response:
    """The runs that the caller sees and the filters keep."""
    query = forms.RUNS.read(_asked_for(request))
    async with reading(request, LIST_KINDS) as asked:
        return respond(await asked.carry_out(runs.runs(query, asked.verdicts, await asked.catalogue())))


async def show_run(request: web.Request) -> web.Response:
    """One run in detail."""
    query = forms.RUN.read(_asked_for(request), run_id=_part(request, _RUN))
    async with reading(request, LIST_KINDS) as asked:
        return respond(await asked.carry_out(runs.run_detail(query, asked.verdicts, await asked.catalogue())))


async def list_events(request: web.Request) -> web.Response:
    """A run's events."""
    run_id = _part(request, _RUN)
    query = forms.EVENTS.read(_asked_for(request))
    async with reading(request, ("event",)) as asked:
        return respond(await asked.carry_out(timeline.events(run_id, query)))


async def list_snapshots(request: web.Request) -> web.Response:
    """A run's snapshots."""
    run_id = _part(request, _RUN)
    query = forms.SNAPSHOTS.read(_asked_for(request))
    async with reading(request, ("snapshot",)) as asked:
        return respond(await asked.carry_out(timeline.snapshots(run_id, query)))


async def show_snapshot(request: web.Request) -> web.Response:
    """One snapshot."""
    run_id, snapshot_id = _part(request, _RUN), _part(request, _SNAPSHOT)
    forms.NOTHING.read(_asked_for(request))
    async with reading(request, ("snapshot",)) as asked:
        return respond(await asked.carry_out(timeline.snapshot(run_id, snapshot_id)))


async def list_reliability(request: web.Request) -> web.Response:
    """The reliability rows of the tenant."""
    query = forms.RELIABILITY.read(_asked_for(request))
    async with reading(request, COLLECTION_KINDS) as asked:
        return respond(await asked.carry_out(reliability.reliability(query)))


async def run_reliability(request: web.Request) -> web.Response:
    """The reliability rows of one run."""
    run_id = _part(request, _RUN)
    query = forms.RUN_RELIABILITY.read(_asked_for(request))
    async with reading(request, PLAN_KINDS) as asked:
        return respond(await asked.carry_out(reliability.run_reliability(run_id, query)))


async def observability(request: web.Request) -> web.Response:
    """Everything that tells how one run is doing."""
    query = forms.OBSERVABILITY.read(_asked_for(request), run_id=_part(request, _RUN))
    async with reading(request, OBSERVED_KINDS) as asked:
        return respond(await asked.carry_out(observed.observability(query)))


async def resume_plan(request: web.Request) -> web.Response:
    """How one run may be resumed."""
    query = forms.RESUME_PLAN.read(_asked_for(request), run_id=_part(request, _RUN))
    async with reading(request, PLAN_KINDS) as asked:
        return respond(await asked.carry_out(recovery.resume_plan(query, asked.verdicts)))


async def choose_recovery(request: web.Request) -> web.Response:
    """Record what an operator decided about one run."""
    require_writable(request.app[SERVICE])
    run_id = _part(request, _RUN)
    choice = choices.read_choice(await json_body(request))
    forms.NOTHING.read(_asked_for(request))
    # Whoever may not is told so, and whoever is new here is judged, before the one writer is kept from everybody else.
    async with reading(request, CHOICE_KINDS) as asked:
        await asked.carry_out(choices.permitted(run_id, asked.verdicts))
    async with changing(request, CHOICE_KINDS) as (asked, change):
        intake = request.app[SERVICE].intake
        view = await choices.choose(choice, run_id, change, asked.verdicts, intake.accept, secrets.token_hex(8))
    return respond(view)


async def list_records(request: web.Request) -> web.Response:
    """A page of one kind's records."""
    service, name = request.app[SERVICE], _part(request, _KIND)
    if name not in service.kinds:
        raise any_kind.no_record()
    page = service.record_forms[name].read(_asked_for(request))
    async with reading(request, (name,)) as asked:
        bond = Bond(asked.caller, name, page.canonical)
        after = None if page.cursor is None else _opened(service.sealer, page.cursor, bond)
        query = any_kind.RecordsQuery(name, page.limit, page.where, after)
        found = await asked.carry_out(any_kind.records(query))
        following = None if found.following is None else service.sealer.seal(found.following, bond)
        return respond({**found.view, "next": following})


async def show_record(request: web.Request) -> web.Response:
    """One record by its key."""
    service = request.app[SERVICE]
    name, *key = forms.path_parts(request.rel_url.raw_path)[_KIND:]
    forms.NOTHING.read(_asked_for(request))
    if name not in service.kinds or len(key) != len(service.kinds[name].id):
        raise any_kind.no_record()
    async with reading(request, (name,)) as asked:
        return respond(await asked.carry_out(any_kind.record(name, tuple(key))))


def _opened(sealer: Sealer, cursor: str, bond: Bond) -> Position:
    position = sealer.open(cursor, bond)
    if position is None:
        message = "cursor is not one that this query gave to this caller; start without it"
        raise BadRequest("invalid_parameter", message, parameter="cursor")
    return position


_RUNS = "/stateful-runtime/runs"
_ONE = _RUNS + "/{run_id:[^/]*}"

ROUTES = (
    web.get(_RUNS, list_runs),
    web.get(_RUNS + "/{run_id:[^/]+}", show_run),
    web.get(_ONE + "/events", list_events),
    web.get(_ONE + "/snapshots", list_snapshots),
    web.get(_ONE + "/snapshots/{snapshot_id:[^/]+}", show_snapshot),
    web.get("/stateful-runtime/reliability", list_reliability),
    web.get(_ONE + "/reliability", run_reliability),
    web.get(_ONE + "/observability", observability),
    web.get(_ONE + "/resume-plan", resume_plan),
    web.post(_ONE + "/resume-plan", choose_recovery),
    web.get("/v1/records/{kind:[^/]+}", list_records),
    web.get("/v1/records/{kind:[^/]+}/{key:.+}", show_record),
)
"""Every route of the read side."""

_WRITTEN = re.compile("|".join(re.sub(r"\{\w+:(.+?)\}", r"\1", route.path) for route in ROUTES))


def is_written_out(request: web.Request) -> bool:
    """Whether the path is that of a route as it was sent: what a proxy looks at is not decoded either."""
    return _WRITTEN.fullmatch(request.rel_url.raw_path) is not None
