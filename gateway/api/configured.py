"""What the configuration in force has against an order, beside what its schema says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from gateway.api.problems import Fault
from gateway.api.schemas import ChannelsWish
from gateway.api.state import PublicState
from gateway.domain.money import Money
from gateway.domain.quote import Quote

SCHEDULED_MAX = timedelta(days=366)


def faults_of(state: PublicState, app: str, amount: Money, preference: str | None) -> list[Fault]:
    """All of them."""
    return [*_over_limit(state, app, amount), *_unknown_preference(state, preference)]


def faults_of_time(send_at: datetime | None, quote: Quote | None, now: datetime) -> list[Fault]:
    """When it is to be sent: within a year, and while a quote that it is ordered on is good. The past is at once."""
    if send_at is None:
        return []
    faults = []
    if send_at > now + SCHEDULED_MAX:
        faults.append(Fault("/send_at", "out_of_range", f"at most {SCHEDULED_MAX.days} days ahead"))
    if quote is not None and send_at >= quote.expires_at:
        faults.append(Fault("/send_at", "after_quote", "before the quote's expires_at"))
    return faults


def faults_of_channels(state: PublicState, wish: ChannelsWish | None) -> Iterator[Fault]:
    """Names that are no channel of ours, and those that are wanted and not wanted at once."""
    if wish is None:
        return
    known = state.services.channels
    for side, names in (("allow", wish.allow), ("deny", wish.deny)):
        for index, name in enumerate(names):
            if name not in known:
                yield Fault(f"/channels/{side}/{index}", "unknown_value", f"one of {', '.join(sorted(known))}")
            elif side == "deny" and name in wish.allow:
                yield Fault(f"/channels/{side}/{index}", "contradiction", "it stands in allow, too")


def _over_limit(state: PublicState, app: str, amount: Money) -> Iterator[Fault]:
    """Row 32: no more than the app may order at once."""
    most = state.doors.max_amounts.get(app, {}).get(amount.currency)
    if most is not None and amount.minor > most:
        yield Fault("/amount/value", "amount_limit", f"at most {most} for this app")


def _unknown_preference(state: PublicState, name: str | None) -> Iterator[Fault]:
    known = state.services.router.preferences
    if name is not None and name not in known:
        yield Fault("/preference", "unknown_value", f"one of {', '.join(sorted(known))}")
