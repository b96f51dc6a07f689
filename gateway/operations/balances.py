"""What is left of channels' funding, as far as we know: what the operator says was paid in, less what was given to the
channel since, sent and paid included. No adapter asks its channel: neither protocol has a call for it that we may make.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.allowance import Span, Used, window_at
from gateway.operations.services import ChannelHandle, Services
from gateway.operations.usage import Sums
from routing.policy import ChannelState


@dataclass(frozen=True, slots=True)
class Balance:
    """One channel in one currency."""

    channel: str
    currency: str
    available_minor: int | None
    """What may still be given to it; None: it has no funding that runs dry, as far as we know."""
    low: bool | None
    """It takes nothing more until it is topped up; None likewise."""
    at: datetime
    """When that was known."""


async def balances(services: Services) -> tuple[Balance, ...]:
    """Of every channel that is not switched off, by name and currency. Raises `StoreError`."""
    handles = {name: each for name, each in services.channels.items() if each.policy.state is not ChannelState.DISABLED}
    funded = [name for name, each in handles.items() if each.allowances.funding_minor is not None]
    now = services.clock.now()
    sums = await services.store.read(lambda tx: {name: tx.usage(name) for name in funded}) if funded else {}
    return tuple(one for name in sorted(handles) for one in _of(handles[name], sums.get(name, {}), now))


def _of(handle: ChannelHandle, sums: Sums, now: datetime) -> Iterator[Balance]:
    policy, funding = handle.policy, handle.allowances.funding_minor
    for currency in sorted(policy.currencies):
        if funding is None:
            yield Balance(policy.name, currency, None, None, now)
            continue
        used = sums.get((currency, window_at(Span.FUNDING, now, handle.allowances.zone)), Used())
        left = funding - used.amount_minor
        yield Balance(policy.name, currency, max(left, 0), left <= policy.balance_low_minor, now)
