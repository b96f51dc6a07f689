"""One scrape: the store is looked at if the last look is old, the rest is asked of what runs, all of it is written out.

A look costs the store a scan of what is unfinished. It is believed for as long as `BELIEVED_FOR_S`, and for longer
where a look takes long, so that looking never takes more than a small share of the time, however often it is scraped
and however much is unfinished.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gateway.domain.errors import StoreError
from gateway.domain.status import Status
from gateway.metrics import gauges
from gateway.metrics.gauges import Look, Reading
from gateway.metrics.meter import RegistryMeter
from gateway.metrics.port import Meter
from gateway.metrics.table import (
    ATTEMPTS,
    DATABASE_ERRORS,
    DELIVERIES,
    METRICS,
    OUTCOME_UNKNOWN,
    PAYOUTS,
    AttemptOutcome,
    DatabaseError,
    DeliveryResult,
    Kind,
)
from gateway.operations.services import ChannelHandle, Current, Services
from gateway.store.port import ReadTx

log: structlog.stdlib.BoundLogger = structlog.get_logger()

BELIEVED_FOR_S = 10.0
LOOK_SHARE = 0.05
"""The most of the time that may go into looking."""
UNSENT_MAX = 2_000_000
"""Of one app no more are counted."""
DEADLINE_S = 2.0
"""A store that does not answer in time is left out of the scrape: the rest is wanted just then."""

Readings = Callable[[], Iterable[Reading]]


def begin_at_zero(meter: Meter, channels: Mapping[str, ChannelHandle]) -> None:
    """Show the series that alerts go by before they move: a rate sees no step from nothing to one."""
    for channel, handle in channels.items():
        for currency in handle.policy.currencies:
            meter.add(PAYOUTS, currency, Status.ACCEPTED, by=0)
        meter.add(OUTCOME_UNKNOWN, channel, by=0)
        for outcome in AttemptOutcome:
            meter.add(ATTEMPTS, channel, outcome, by=0)
    for kind in DatabaseError:
        meter.add(DATABASE_ERRORS, kind, by=0)
    for result in DeliveryResult:
        meter.add(DELIVERIES, result, by=0)


class Scrape(Collector):
    """What `GET /metrics` answers with."""

    def __init__(
        self, meter: RegistryMeter, current: Current, loop_lag_s: Callable[[], float], more: Iterable[Readings] = ()
    ) -> None:
        """`more`: others that have something to show."""
        self._meter = meter
        self._current = current
        self._loop_lag_s = loop_lag_s
        self._more = tuple(more)
        self._look: Look | None = None
        self._good_until_s = 0.0
        self._looking: asyncio.Task[Look] | None = None
        meter.registry.register(self)

    async def exposition(self) -> bytes:
        """Every metric, in Prometheus' text format."""
        services = self._current.services
        if services.clock.monotonic() >= self._good_until_s:
            await self._look_anew()
        begin_at_zero(self._meter, services.channels)
        return self._meter.exposition()

    async def _look_anew(self) -> None:
        """One look at a time; one that is late is waited for by the next scrape."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._ask(self._current.services))
        done, _ = await asyncio.wait({self._looking}, timeout=DEADLINE_S)
        if not done:
            self._look = None
            return
        looking, self._looking = self._looking, None
        try:
            self._look = looking.result()
        except StoreError as error:
            self._look = None
            log.warning("metrics.no_look", error=type(error).__name__)

    async def _ask(self, services: Services) -> Look:
        funded = [name for name, each in services.channels.items() if each.allowances.funding_minor is not None]
        at, began_s = services.clock.now(), services.clock.monotonic()

        def query(tx: ReadTx) -> Look:
            unsent = sum(tx.unsent(UNSENT_MAX).values())
            return Look(at, tx.census(), {name: tx.usage(name) for name in funded}, unsent)

        look = await services.store.read(query)
        ended_s = services.clock.monotonic()
        self._good_until_s = ended_s + max(BELIEVED_FOR_S, (ended_s - began_s) / LOOK_SHARE)
        return look

    def readings(self) -> Iterator[Reading]:
        """Every gauge that can be shown now."""
        services = self._current.services
        yield from gauges.node_readings(services.standing.now.quarantined, self._loop_lag_s())
        for name, handle in services.channels.items():
            yield from gauges.channel_readings(name, handle)
            if self._look is not None:
                yield from gauges.balance_readings(self._look, name, handle)
        if self._look is not None:
            yield from gauges.store_readings(self._look, services.clock.now())
        for show in self._more:
            yield from show()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """For the registry. What cannot be shown is absent: an alert can tell that from a zero."""
        families = {
            metric.name: GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            for metric in METRICS
            if metric.kind is Kind.GAUGE
        }
        for metric, labels, value in self.readings():
            families[metric.name].add_metric(labels, float(value))
        return (family for family in families.values() if family.samples)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: registering must not look at a gateway that is still being made."""
        return iter(())
