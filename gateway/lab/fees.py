"""What the channels of a world really charge, and how far their prepaid accounts have run down. Exact integers."""

from __future__ import annotations

from gateway.lab.world import Channel, FeeTier

BPS = 10_000
MONTH_S = 30 * 86_400.0


def fee_minor(channel: Channel, amount_minor: int, count: int = 0, volume_minor: int = 0) -> int:
    """The fee by the first tier that fits, after `count` payouts of `volume_minor` together this month.

    Basis points are rounded half up; flat and basis points add; then `least` and `most` bound the sum.
    """
    tier = next(tier for tier in channel.fees if _fits(tier, amount_minor, count, volume_minor))
    fee = max(tier.flat + (amount_minor * tier.bps + BPS // 2) // BPS, tier.least)
    return fee if tier.most is None else min(fee, tier.most)


def _fits(tier: FeeTier, amount_minor: int, count: int, volume_minor: int) -> bool:
    return (
        (tier.amount_to is None or amount_minor <= tier.amount_to)
        and (tier.count_to is None or count < tier.count_to)
        and (tier.volume_to is None or volume_minor < tier.volume_to)
    )


class Account:
    """One channel's month and balance in one run."""

    __slots__ = ("_channel", "_month", "_paid_out", "_tops", "count", "volume_minor")

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._month = 0
        self._paid_out = 0
        self._tops = tuple(channel.balance.top_ups) if channel.balance else ()
        self.count = 0
        self.volume_minor = 0

    def fee_minor(self, amount_minor: int, at_s: float) -> int:
        """The fee of a payout made now."""
        self._turn(at_s)
        return fee_minor(self._channel, amount_minor, self.count, self.volume_minor)

    def covers(self, amount_minor: int, order: int) -> bool:
        """Whether the prepaid balance, topped up until this order, is enough."""
        balance = self._channel.balance
        if balance is None:
            return True
        put_in = balance.start + sum(top.minor for top in self._tops if top.at <= order)
        return put_in - self._paid_out >= amount_minor

    def paid(self, amount_minor: int, at_s: float) -> None:
        """A payout was paid: it counts for the month and is gone from the balance."""
        self._turn(at_s)
        self.count += 1
        self.volume_minor += amount_minor
        self._paid_out += amount_minor

    def _turn(self, at_s: float) -> None:
        month = int(at_s // MONTH_S)
        if month != self._month:
            self._month, self.count, self.volume_minor = month, 0, 0
