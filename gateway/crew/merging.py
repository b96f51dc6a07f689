"""The metrics of several processes as those of one gateway.

Each worker is asked over its private socket, and what they say is put together here. prometheus_client's own way, files
that all processes write into, has no place for gauges that are read when somebody asks, leaves a file of each process
that ever was, and forgets which of them is gone; ours keeps one rule in one table (`gateway.metrics.table.Together`).

What a worker had counted when it died, as it was last seen, stays in the sums: a sum that fell would look as if
everything had been counted anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import generate_latest
from prometheus_client.core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from gateway.metrics.table import METRICS, Kind, Metric, Together

Key = tuple[str, tuple[tuple[str, str], ...]]
"""A sample's name and its labels."""

_OURS = {metric.name: metric.together for metric in METRICS if metric.kind is Kind.GAUGE}
_PROCESS = {
    "process_virtual_memory_bytes": Together.SUM,
    "process_resident_memory_bytes": Together.SUM,
    "process_open_fds": Together.SUM,
    "process_max_fds": Together.MIN,
    "process_start_time_seconds": Together.MIN,
}
RULES: Mapping[str, Together] = {**_OURS, **_PROCESS}
"""How the gauges are put together, by name. Counters and histograms are added up."""
_FOLD: Mapping[Together, Callable[[list[float]], float]] = {Together.SUM: sum, Together.MAX: max, Together.MIN: min}
_COUNTED = frozenset({"counter", "histogram"})


class Merging:
    """Puts expositions together, scrape after scrape."""

    def __init__(self) -> None:
        self._families: dict[str, Family] = {}
        """Name, help and type, without samples."""
        self._counted: dict[int, dict[Key, float]] = {}
        """By worker, as it was last seen."""
        self._gone: dict[Key, float] = {}
        """By those that ended."""
        self._order: dict[Key, str] = {}
        """Every sample that was counted, and its family."""

    def ended(self, worker: int) -> None:
        """It is no more; what it counted stays."""
        for key, value in self._counted.pop(worker, {}).items():
            self._gone[key] = self._gone.get(key, 0.0) + value

    def count(self, metric: Metric, *labels: str) -> None:
        """Once more of something that nobody but the parent counts."""
        key = (metric.name, tuple(sorted(zip(metric.labels, labels, strict=True))))
        self._gone[key] = self._gone.get(key, 0.0) + 1

    def together(self, said: Mapping[int, str]) -> bytes:
        """One exposition of what the workers said, in Prometheus' text format. Of one that said nothing its last
        counts are taken, and none of its gauges.
        """
        shown: dict[Key, list[float]] = {}
        for worker, text in said.items():
            self._read(worker, text, shown)
        made = {name: Family(each.name, each.documentation, each.type) for name, each in self._families.items()}
        for key, name in self._order.items():
            total = sum(counted.get(key, 0.0) for counted in self._counted.values()) + self._gone.get(key, 0.0)
            made[name].add_sample(key[0], dict(key[1]), total)
        for key, values in shown.items():
            made[key[0]].add_sample(key[0], dict(key[1]), _FOLD[RULES.get(key[0], Together.MAX)](values))
        return generate_latest(_Collected(each for each in made.values() if each.samples))

    def _read(self, worker: int, text: str, shown: dict[Key, list[float]]) -> None:
        counted = self._counted.setdefault(worker, {})
        for family in text_string_to_metric_families(text):
            self._families.setdefault(family.name, Family(family.name, family.documentation, family.type))
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                if family.type in _COUNTED:
                    counted[key] = sample.value
                    self._order.setdefault(key, family.name)
                else:
                    shown.setdefault(key, []).append(sample.value)


class _Collected:
    """What `generate_latest` wants of a registry."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterable[Family]:
        return self._families
