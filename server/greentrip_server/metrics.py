"""What Prometheus may scrape, on a loopback port of its own."""

from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector

from greentrip_server.dispatcher import Dispatcher
from greentrip_server.errors import passing
from greentrip_server.jobs import Jobs

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Counters of one server and gauges of its store."""

    def __init__(self, jobs: Jobs, dispatcher: Dispatcher) -> None:
        self._jobs, self._dispatcher = jobs, dispatcher
        self.registry = CollectorRegistry()
        self.calls = Counter("greentrip_calls", "Calls answered.", ["method", "code"], registry=self.registry)
        self.seconds = Histogram(
            "greentrip_call_seconds",
            "Time to answer a unary call.",
            ["method"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def answered(self, method: str, code: str, seconds: float | None) -> None:
        """Count a call; seconds is None for a stream."""
        self.calls.labels(method, code).inc()
        if seconds is not None:
            self.seconds.labels(method).observe(seconds)

    def collect(self) -> Iterator[Any]:
        """Yield how many jobs there are in each state, and how many workers."""
        jobs = GaugeMetricFamily("greentrip_jobs", "Jobs by kind and state.", labels=["kind", "state"])
        up = GaugeMetricFamily("greentrip_store_up", "Whether the database answers.")
        try:
            for kind, state, count in self._jobs.count_by_state():
                jobs.add_metric([kind, state], count)
            up.add_metric([], 1)
        except Exception as error:
            if passing(error) is None:
                raise
            up.add_metric([], 0)
        workers = GaugeMetricFamily("greentrip_workers", "Worker processes.", labels=["state"])
        counts = self._dispatcher.counts()
        workers.add_metric(["busy"], counts["busy"])
        workers.add_metric(["idle"], counts["workers"] - counts["busy"])
        held = GaugeMetricFamily("greentrip_held", "Whether no job can be started for now (full disk, lost database).")
        held.add_metric([], float(bool(self._dispatcher.waiting_for)))
        yield from (jobs, up, workers, held)

    def serve(self, port: int) -> tuple[Any, Any]:
        """Answer on 127.0.0.1; return the server and its thread."""
        return start_http_server(port, addr="127.0.0.1", registry=self.registry)
