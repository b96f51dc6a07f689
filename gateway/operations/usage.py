"""Reserve an attempt's share of its channel's allowances, give it back when nothing was paid, remember the sums.

The store decides (`Tx.reserve`); what a node remembers of it only keeps a channel that is used up from being tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from gateway.domain.allowance import Used
from gateway.domain.payout import AttemptState, Payout
from gateway.store.port import ReadTx, Tx

if TYPE_CHECKING:
    from gateway.operations.services import Services

BELIEVED_FOR = timedelta(seconds=5)
"""How long a look at the store is good for. Only a channel that is near its limit notices the difference."""

Sums = Mapping[tuple[str, str], Used]
"""By (currency, window)."""


class Reserved(NamedTuple):
    """What the store said of a channel's sums when an attempt reserved its share."""

    channel: str
    currency: str
    used: Mapping[str, Used]
    """By window."""


class Usage:
    """What this node last saw reserved at each channel. It may be old, and then the store refuses what it did not."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[tuple[str, str], Used]] = {}
        self._looked_at: datetime | None = None

    def is_old(self, now: datetime) -> bool:
        """What another node gave back since is not in it."""
        return self._looked_at is None or not timedelta() <= now - self._looked_at < BELIEVED_FOR

    def look(self, tx: ReadTx, channels: Iterable[str], now: datetime) -> None:
        """Bring it up to date for these channels."""
        self._seen = {name: dict(tx.usage(name)) for name in channels}
        self._looked_at = now

    def saw(self, reserved: Iterable[Reserved]) -> None:
        """What reservations told, once they are committed and not before: a unit may be given up as a whole."""
        for channel, currency, used in reserved:
            sums = self._seen.setdefault(channel, {})
            sums.update({(currency, window): each for window, each in used.items()})

    def of(self, channel: str) -> Sums:
        return self._seen.get(channel, {})


async def look_at_usage(services: Services, now: datetime, *, anew: bool = False) -> None:
    """Before a channel is chosen: a look that is too old, or that the store has just belied, is taken again."""
    counted = [name for name, handle in services.channels.items() if handle.allowances.counts]
    if counted and (anew or services.usage.is_old(now)):
        await services.store.read(lambda tx: services.usage.look(tx, counted, now))


def keep_allowances(services: Services, tx: Tx, before: Payout, after: Payout, now: datetime) -> list[Reserved]:
    """Inside the unit that commits the change: a new attempt reserves, one proved rejected gives back.

    Returns: what was reserved, for `Usage.saw` after the commit.

    Raises:
        AllowanceSpent: the unit is to be given up as a whole.
    """
    known = {attempt.number: attempt.state for attempt in before.attempts}
    reserved: list[Reserved] = []
    for attempt in after.attempts:
        state = known.get(attempt.number)
        if attempt.state is AttemptState.REJECTED and state is not AttemptState.REJECTED and state is not None:
            tx.release_reservation(after, attempt.number, now)
        elif state is None:
            reserved += _reserve(services, tx, after, attempt.number)
    return reserved


def _reserve(services: Services, tx: Tx, payout: Payout, number: int) -> Iterator[Reserved]:
    attempt = payout.attempt(number)
    handle = services.channels.get(attempt.channel)
    if handle is None:
        return
    wanted = handle.allowances.reservation(attempt.channel, payout.amount, attempt.opened_at)
    if wanted is not None:
        yield Reserved(attempt.channel, payout.amount.currency, tx.reserve(payout, number, wanted))
