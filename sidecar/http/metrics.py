"""What is counted of one process, in the text form of Prometheus: no tenant, no caller and no id is in any label."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sidecar.policy.current import Bundles
from sidecar.records.follow.progress import Progress

NO_ROUTE = "none"
"""The route of a request that none takes."""
BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
CONTENT_TYPE = "text/plain; version=0.0.4"


@dataclass(frozen=True)
class _Route:
    """What is counted of one route."""

    seconds: Histogram
    statuses: dict[int, Counter] = field(default_factory=dict)


class Metrics:
    """The answers of one process. A route is a template, never a path, so that there are few."""

    def __init__(self) -> None:
        # when a counter began is of no use, and as many lines again
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        about = "Requests of the read side, by route and status."
        self._requests = Counter("sidecar_requests", about, ["route", "status"], registry=self._registry)
        about = "How long answers of the read side took."
        self._seconds = Histogram(
            "sidecar_request_duration_seconds", about, ["route"], buckets=BUCKETS, registry=self._registry
        )
        self._routes: dict[str, _Route] = {}

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        known = self._routes.get(route)
        if known is None:
            known = self._routes[route] = _Route(self._seconds.labels(route or NO_ROUTE))
        count = known.statuses.get(status)
        if count is None:
            count = known.statuses[status] = self._requests.labels(route or NO_ROUTE, status)
        count.inc()
        known.seconds.observe(seconds)

    def text(self, state: "State") -> bytes:
        """Everything that was counted, and how things are."""
        now = CollectorRegistry()
        now.register(state)
        return generate_latest(self._registry) + generate_latest(now)


@dataclass(frozen=True, eq=False)
class State(Collector):
    """How things are at the moment of asking. ``progress`` is that of following, if anything is followed."""

    bundles: Bundles
    progress: Progress | None
    now_ms: int
    worker: int | None

    def collect(self) -> Iterator[Metric]:
        """One family for each thing that is so."""
        info = GaugeMetricFamily("sidecar_info", "The release, and which of several processes answers.")
        info.add_sample("sidecar_info", {"version": version("sidecar"), "worker": str(self.worker or 1)}, 1)
        yield info
        loaded, trouble = _seconds(self.bundles.loaded_at_ms), self.bundles.trouble is not None
        yield _gauge("policies_loaded_timestamp_seconds", "When the policies in force were loaded.", loaded)
        yield _gauge("policies_trouble", "Whether the policies on disk cannot be used.", trouble)
        if self.progress is not None:
            yield from self._following(self.progress)

    def _following(self, progress: Progress) -> Iterator[Metric]:
        age, lag = _seconds(progress.data_age_ms(self.now_ms)), _seconds(progress.lag_ms)
        yield _gauge("follow_active", "Whether it is this process that follows.", progress.following)
        yield _gauge("follow_data_age_seconds", "How long ago the store was what the files are.", age)
        yield _gauge("follow_lag_seconds", "How long after it was written the last change was stored.", lag)
        unread = len(progress.unreadable)
        yield _gauge("follow_unreadable_stores", "Stores of the runtime that do not read whole.", unread)
        yield _gauge("follow_refused_records", "Records of the files that do not validate.", progress.refused)
        for what, count in (("stored", progress.stored), ("removed", progress.removed)):
            yield CounterMetricFamily(f"sidecar_follow_{what}_records", f"Records that were {what}.", value=count)


def _gauge(name: str, about: str, value: float | None) -> GaugeMetricFamily:
    """One value; none where it is not known."""
    family = GaugeMetricFamily(f"sidecar_{name}", about)
    if value is not None:
        family.add_metric([], value)
    return family


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1_000
