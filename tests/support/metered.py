"""A scripted gateway that counts, and what it counted."""

from __future__ import annotations

from dataclasses import replace

from gateway.metrics.meter import RegistryMeter
from gateway.metrics.store import CountedStore
from gateway.metrics.table import Metric
from tests.support.scripted import ScriptedGateway, scripted_gateway


def metered_gateway(*names: str) -> tuple[ScriptedGateway, RegistryMeter]:
    """A gateway with these channels, and its meter."""
    gateway, meter = scripted_gateway(*names), RegistryMeter()
    gateway.store = CountedStore(gateway.store, meter)
    gateway.services = replace(gateway.services, store=gateway.store, meter=meter)
    return gateway, meter


def counted(meter: RegistryMeter, metric: Metric) -> dict[tuple[str, ...], float]:
    """What a counter shows, by its labels' values; of a histogram, how many values it got. Zeros are left out."""
    wanted = {metric.name, f"{metric.name}_count"}
    samples = [each for family in meter.registry.collect() for each in family.samples if each.name in wanted]
    return {tuple(each.labels[name] for name in metric.labels): each.value for each in samples if each.value}
