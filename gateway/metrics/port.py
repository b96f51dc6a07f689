"""The port through which the rest of the gateway counts. Blind by default: tests and simulations need no numbers."""

from __future__ import annotations

from typing import Protocol

from gateway.metrics.table import Metric


class Meter(Protocol):
    """Counts. Called on the event loop only, after the fact: what is counted is committed or over."""

    def add(self, metric: Metric, *labels: str, by: float = 1.0) -> None:
        """Raise a counter. `labels` in the order of the metric's; `by` 0 makes the series known before it moves."""
        ...

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """One more value of a histogram."""
        ...


class Blind:
    """Counts nothing."""

    def add(self, metric: Metric, *labels: str, by: float = 1.0) -> None:
        """Nothing."""

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Nothing."""


BLIND = Blind()
