"""How the gateway stands at this moment, as readings of the table's gauges. Pure: facts in, readings out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import gateway
from gateway.admission.commit_wait import Pressure
from gateway.domain.allowance import Span, Used, window_at
from gateway.domain.status import FINAL, Status
from gateway.metrics import table
from gateway.metrics.table import Metric, Place, Runs
from gateway.operations.reload_state import ReloadState
from gateway.operations.services import ChannelHandle
from gateway.store.census import Census
from routing.breaker import BreakerState
from routing.policy import ChannelState

Reading = tuple[Metric, tuple[str, ...], float]
"""A gauge, its labels' values in the table's order, and what it shows."""

Usage = Mapping[str, Mapping[tuple[str, str], Used]]
"""By channel, then by currency and window: what is reserved."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the store said, and when."""

    at: datetime
    census: Census
    usage: Usage = field(default_factory=dict)
    unsent: int = 0
    """Accepted payouts that no channel was chosen for yet."""


def node_readings(quarantined: bool, loop_lag_s: float) -> Iterator[Reading]:
    """This process."""
    yield table.BUILD_INFO, (gateway.__version__,), 1
    yield table.QUARANTINE, (), quarantined
    yield table.LOOP_LAG, (), loop_lag_s
    yield table.WORKER_PROCESSES, (), 1


def config_readings(state: ReloadState) -> Iterator[Reading]:
    """Which configuration is in force."""
    yield table.CONFIG_RELOAD_OK, (), state.ok
    yield table.CONFIG_RELOAD_AT, (), state.since.timestamp()
    yield table.CONFIG_INFO, (state.sha256,), 1
    yield table.CONFIG_OVERRIDES, (), state.overrides_active


def nodes_readings(sha256: str, others: Sequence[str]) -> Iterator[Reading]:
    """The nodes at work, this one and those that run these files."""
    same = sum(each == sha256 for each in others)
    yield table.NODES, (Runs.SAME,), 1 + same
    yield table.NODES, (Runs.OTHER,), len(others) - same


def pressure_readings(pressure: Pressure) -> Iterator[Reading]:
    """How the store's writer stands."""
    yield table.COMMIT_QUEUE, (), pressure.queued
    yield table.COMMIT_WAIT, (), pressure.wait_s


def queue_readings(
    inside: Mapping[str, int], paused: int, places: Mapping[Place, int], at_once: int, callbacks: int
) -> Iterator[Reading]:
    """What is under way in this process: requests by kind of work, refusals, payouts by place and how many may
    be at work, callbacks."""
    for load, requests in inside.items():
        yield table.REQUESTS_INSIDE, (load,), requests
    yield table.REFUSALS_PAUSED, (), paused
    for place, payouts in places.items():
        yield table.WORKER_PAYOUTS, (place,), payouts
    yield table.WORKER_PLACES, (), at_once
    yield table.CALLBACKS_UNDER_WAY, (), callbacks


def channel_readings(name: str, handle: ChannelHandle) -> Iterator[Reading]:
    """One channel, as this node has it."""
    for state in ChannelState:
        yield table.CHANNEL_STATE, (name, state), handle.policy.state is state
    for breaker in BreakerState:
        yield table.BREAKER_STATE, (name, breaker), handle.guard.breaker_state is breaker
    yield table.CHANNEL_IN_FLIGHT, (name,), handle.guard.live().in_flight


def store_readings(look: Look, now: datetime) -> Iterator[Reading]:
    """What waits in the store. Ages go on growing while a look is believed."""
    census = look.census
    for status in sorted(set(Status) - FINAL):
        found = census.unfinished.get(status)
        yield table.PAYOUTS_IN_STATE, (status,), found.count if found else 0
        yield table.PAYOUT_OLDEST_AGE, (status,), _age_s(found.oldest_at if found else None, now)
    yield table.PAYOUTS_UNSENT, (), look.unsent
    yield table.WORKER_LAG, (), _age_s(census.due_at, now)
    yield table.CALLBACK_OLDEST, (), _age_s(census.callback_due_at, now)
    yield table.HOLDS_OPEN, (), census.under_review
    yield table.HOLD_OLDEST_AGE, (), _age_s(census.review_since, now)


def balance_readings(look: Look, name: str, handle: ChannelHandle) -> Iterator[Reading]:
    """What is left of the funding, in each currency; nothing for a channel without one."""
    funding, window = handle.allowances.funding_minor, window_at(Span.FUNDING, look.at, handle.allowances.zone)
    for currency in sorted(handle.policy.currencies) if funding is not None else ():
        used = look.usage.get(name, {}).get((currency, window), Used())
        yield table.CHANNEL_BALANCE, (name, currency), (funding or 0) - used.amount_minor


def _age_s(since: datetime | None, now: datetime) -> float:
    """Seconds since then; 0 for what is still to come, or is not there."""
    return max((now - since).total_seconds(), 0.0) if since is not None else 0.0
