"""The payout as far as routing cares."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import Money


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be paid, to whom, and who has refused it already."""

    amount: Money
    kind: BeneficiaryKind
    tried: frozenset[str] = frozenset()
    """Channels that have heard of it and proved that they will not pay."""
    app: str = ""
    """Who ordered it."""
    key: str = ""
    """The payout's own id: what an even split goes by when there are no dice."""
    beneficiary: str = ""
    """The same for the same receiving account, and nothing personal: a keyed digest."""
    preference: str = ""
    """The preference that its app asked for; empty: none of its own."""
    patience_s: float | None = None
    """For how long it would rather wait for a cheaper channel that is barred for the moment; None: not at all."""
    quoted: tuple[tuple[str, int], ...] = ()
    """Channels that its app holds a quote of, in their order, each with its fee; none: there is no quote."""
    allow: frozenset[str] = frozenset()
    """No other channels than these, as its app says; empty: any."""
    deny: frozenset[str] = frozenset()
    """None of these, likewise."""
    last: bool = False
    """Its time is over: its preference, and rules that give way, are set aside."""

    def bars(self, channel: str) -> bool:
        """Whether its app keeps it from the channel."""
        return channel in self.deny or (bool(self.allow) and channel not in self.allow)
