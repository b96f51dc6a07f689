"""The table of metrics keeps the rules that Prometheus and our own alerts rest on."""

from __future__ import annotations

import re

import pytest

from gateway.metrics.meter import RegistryMeter
from gateway.metrics.table import METRICS, Kind, Metric

BOUNDED = {
    "route", "method", "code", "currency", "status", "channel", "outcome", "operation", "reason", "result", "kind",
    "version", "state", "sha256", "place", "load", "config",
}  # fmt: skip
"""Closed lists, and what stands in the configuration."""


def test_every_metric_is_named_once() -> None:
    """A name is a metric."""
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names)) > 20


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_is_well_formed(metric: Metric) -> None:
    """Prefix, unit and ending as Prometheus wants them; labels that cannot grow without end; a sentence of help."""
    assert re.fullmatch(r"paymux_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") is (metric.kind is Kind.COUNTER)
    assert set(metric.labels) <= BOUNDED
    assert metric.help.endswith(".")
    assert bool(metric.buckets) is (metric.kind is Kind.HISTOGRAM)
    assert list(metric.buckets) == sorted(set(metric.buckets))


def test_two_gateways_in_a_process_count_apart() -> None:
    """Each has a registry of its own; nothing is global."""
    one, other = RegistryMeter(), RegistryMeter()
    counter = next(metric for metric in METRICS if metric.kind is Kind.COUNTER)
    labels = ["x"] * len(counter.labels)
    one.add(counter, *labels)
    one.add(counter, *labels, by=2)
    shown = dict(zip(counter.labels, labels, strict=True))
    assert one.registry.get_sample_value(counter.name, shown) == 3
    assert other.registry.get_sample_value(counter.name, shown) is None


def test_a_counter_has_one_series_only() -> None:
    """No second one that says when it began."""
    meter = RegistryMeter()
    counter = next(metric for metric in METRICS if metric.kind is Kind.COUNTER)
    meter.add(counter, *(["x"] * len(counter.labels)))
    assert b"_created" not in meter.exposition()
