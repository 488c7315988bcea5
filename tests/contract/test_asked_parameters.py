"""What each parameter of a URL accepts, what it refuses, and under which names."""

import pytest
from routes import RELIABILITY, RUNS
from serving import Served
from small_world import ANN, RUN

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOO_LARGE = 2**64


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2", 1),
        ("%2B2", 1),
        ("-2", 0),
        (str(TOO_LARGE - 1), 0),
        ("-%2B2", None),
        ("--2", None),
        ("", None),
        ("2.0", None),
    ],
)
async def test_columns_of_integers(shared_world: Served, sent: str, kept: int | None) -> None:
    """A column of integers is asked for by a whole number, which may be negative."""
    answer = await shared_world.ask("GET", f"/v1/records/event?seq={sent}", ANN)
    if kept is None:
        assert (answer.status, answer.body["error"], answer.body["parameter"]) == (400, "invalid_parameter", "seq")
    else:
        assert (answer.status, answer.body["count"]) == (200, kept)


@pytest.mark.parametrize(("sent", "kept"), [("true", 1), ("false", 2)])
async def test_flags_accepted(shared_world: Served, sent: str, kept: int) -> None:
    """A flag is true or false, under any of its names."""
    for name in ("active_recovery_only", "activeRecoveryOnly", "active_only"):
        page = await shared_world.get(f"{RELIABILITY}?{name}={sent}", ANN)
        assert page["counts"]["dead_letters"] == kept, name


@pytest.mark.parametrize("sent", ["1", "0", "True", "TRUE", "yes", "", "true%20", "on"])
async def test_flags_refused(shared_world: Served, sent: str) -> None:
    """Nothing else is a flag, and the answer names the parameter as it was spelled."""
    status, body = await shared_world.refused(f"{RELIABILITY}?activeRecoveryOnly={sent}", ANN)
    assert (status, body["error"], body["parameter"]) == (400, "invalid_parameter", "activeRecoveryOnly")


@pytest.mark.parametrize("name", ["before_created_at_ms", "before_created_at", "beforeCreatedAtMs", "beforeCreatedAt"])
async def test_bound_aliases(shared_world: Served, name: str) -> None:
    """The bound has four names; it is told in its own, and excludes what was created at it."""
    page = await shared_world.get(f"{RELIABILITY}?{name}=31", ANN)
    assert page["pagination"]["before_created_at_ms"] == 31
    assert [row["dead_letter_id"] for row in page["dead_letters"]] == ["d-1"]
    status, body = await shared_world.refused(f"{RELIABILITY}?{name}=x", ANN)
    assert (status, body["parameter"]) == (400, name)


@pytest.mark.parametrize("name", ["after_collection", "after_kind", "afterCollection"])
@pytest.mark.parametrize(
    "spelled", ["tool_effects", "tool_effect", "Tool-Effects", "%20TOOL_EFFECT%20", "+tool-effect"]
)
async def test_collection_aliases(shared_world: Served, name: str, spelled: str) -> None:
    """A collection is recognised in one or many, in any case, with dashes, under each name of the parameter."""
    page = await shared_world.get(f"{RELIABILITY}?after_id=t-1&{name}={spelled}", ANN)
    assert page["pagination"]["after_collection"] == "tool_effects"
    assert [row["effect_id"] for row in page["tool_effects"]] == ["t-2"]


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        (RUNS, "limit=1&limit=1", "limit"),
        (RUNS, "status=&status=", "status"),
        (RUNS, "limit=1&lim%69t=2", "limit"),
        (RELIABILITY, "active_only=true&active_recovery_only=true", "active_recovery_only"),
        (RELIABILITY, "after_collection=outbox&afterCollection=outbox", "afterCollection"),
        (RELIABILITY, "before_created_at=1&beforeCreatedAt=1", "beforeCreatedAt"),
        (f"{RUN}/events", "tail=1&tail=1", "tail"),
    ],
)
async def test_duplicates(shared_world: Served, path: str, query: str, named: str) -> None:
    """A parameter given twice, or beside its alias, is refused even with one value."""
    status, body = await shared_world.refused(f"{path}?{query}", ANN)
    assert (status, body["error"], body["parameter"]) == (400, "invalid_parameter", named)
    assert "duplicate" in body["message"]


@pytest.mark.parametrize(
    ("path", "query", "nearest"),
    [
        (RUNS, "stauts=failed", "status"),
        (RUNS, "Status=failed", "status"),
        (RUNS, "org_unit=finance", "org_unit_id"),
        (RUNS, "event_limit=1", None),
        (RUN, "limits=1", None),
        (f"{RUN}/events", "after=1", "after_seq"),
        (f"{RUN}/snapshots", "tail=1", None),
        (f"{RUN}/snapshots/s-1", "limit=1", None),
        (RELIABILITY, "activeRecovery=true", "activeRecoveryOnly"),
        (f"{RUN}/reliability", "run_id=run-a", None),
        (f"{RUN}/resume-plan", "status=open", None),
        (f"{RUN}/resume-plan", "limits=1", "limit"),
        (f"{RUN}/observability", "event_limits=1", "event_limit"),
        ("/v1/records/wait", "wait_knd=timer", "wait_kind"),
        ("/v1/records/wait/run-a/w-1", "limit=1", None),
    ],
)
async def test_unknown_parameters(shared_world: Served, path: str, query: str, nearest: str | None) -> None:
    """A parameter that a route does not know, or would ignore, is refused, with the nearest one it knows."""
    status, body = await shared_world.refused(f"{path}?{query}", ANN)
    assert (status, body["error"]) == (400, "unknown_parameter")
    assert body["parameter"] == query.partition("=")[0]
    if nearest is not None:
        assert body["nearest"] == nearest
        assert nearest in body["message"]


async def test_forms(shared_world: Served) -> None:
    """A query is a form: a plus is a space, empty pairs are nothing, a semicolon is a letter, names may be encoded."""
    found = await shared_world.get(f"{RUNS}?&&li%6Dit=2&status=dry+run&&", ANN)
    assert (found["limit"], found["filters"]["status"]) == (2, "dry run")
    found = await shared_world.get(f"{RUNS}?status=a;limit=1", ANN)
    assert (found["limit"], found["filters"]["status"]) == (250, "a;limit=1")
    found = await shared_world.get(f"{RUNS}?workflow_id=%FFx%C3%A9", ANN)
    assert found["filters"]["workflow_id"] == "\ufffdxé"


async def test_empty_texts_are_given(shared_world: Served) -> None:
    """An empty text is given: it filters nothing, and an empty ``kind`` turns ``source`` off."""
    assert (await shared_world.get(f"{RUNS}?status=&trigger=all&workflow_id=%20ALL%20", ANN))["count"] == 3
    assert (await shared_world.get(f"{RUNS}?source=automation", ANN))["count"] == 1
    disabled = await shared_world.get(f"{RUNS}?kind=&source=automation", ANN)
    assert (disabled["count"], disabled["filters"]["kind"]) == (3, "")


async def test_impossible_filter_values_match_nothing(shared_world: Served) -> None:
    """A value that no record has is no error: nothing matches it."""
    assert (await shared_world.get(f"{RUNS}?status=no_such_status", ANN))["count"] == 0
    counts = (await shared_world.get(f"{RELIABILITY}?status=no_such_status", ANN))["counts"]
    assert set(counts.values()) == {0}
    counts = (await shared_world.get(f"{RELIABILITY}?source_type=stateful_wait", ANN))["counts"]
    assert counts == {"outbox": 2, "tool_effects": 0, "dead_letters": 1, "compensations": 2}
