"""The counters and histograms of one gateway, kept by prometheus-client in a registry of its own."""

from __future__ import annotations

import prometheus_client as prometheus
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

from gateway.metrics.table import METRICS, Kind, Metric

CONTENT_TYPE = prometheus.CONTENT_TYPE_PLAIN_0_0_4
"""Of what `exposition` gives."""


class RegistryMeter:
    """`gateway.metrics.port.Meter` on a registry. One for each gateway, so that several in a process do not mix."""

    def __init__(self) -> None:
        # Else each counter has a second series that says when it began; `process_start_time_seconds` says so once.
        prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left it out
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._counters = {m.name: self._counter(m) for m in METRICS if m.kind is Kind.COUNTER}
        self._histograms = {m.name: self._histogram(m) for m in METRICS if m.kind is Kind.HISTOGRAM}
        self._counted: dict[tuple[str, tuple[str, ...]], Counter] = {}
        self._observed: dict[tuple[str, tuple[str, ...]], Histogram] = {}

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.help, metric.labels, registry=self.registry)

    def _histogram(self, metric: Metric) -> Histogram:
        return Histogram(metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=self.registry)

    def add(self, metric: Metric, *labels: str, by: float = 1.0) -> None:
        key = (metric.name, labels)
        series = self._counted.get(key)
        if series is None:
            series = self._counted[key] = self._counters[metric.name].labels(*labels)
        series.inc(by)

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        key = (metric.name, labels)
        series = self._observed.get(key)
        if series is None:
            series = self._observed[key] = self._histograms[metric.name].labels(*labels)
        series.observe(value)

    def exposition(self) -> bytes:
        """Everything in the registry, in Prometheus' text format."""
        return prometheus.generate_latest(self.registry)
