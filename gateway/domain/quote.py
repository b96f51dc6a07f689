"""What channels were quoted at for one payout: who would carry it and for what fee, until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

CHANNELS_MAX = 16
"""The best so many channels are quoted."""
HONOURED_FOR = timedelta(minutes=1)
"""An order that comes at the last moment still has this long to be given to its channel."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Channels' priced promises, best first."""

    expires_at: datetime
    """In whole seconds. An order must come before; whoever still waits for a channel then is routed like any other."""
    fees: tuple[tuple[str, int], ...]
    """Channel and fee, in minor units of the payout's currency."""

    @property
    def honoured_until(self) -> datetime:
        """Decisions before this go by it."""
        return self.expires_at + HONOURED_FOR

    def binds(self, now: datetime) -> bool:
        """Whether a channel that is chosen now is chosen by it."""
        return now < self.honoured_until

    def names(self, channel: str) -> bool:
        return any(name == channel for name, _ in self.fees)

    def text(self) -> str:
        """Its one canonical form: `1767225600|alpha=25,beta=30`. Names of channels have none of these signs."""
        fees = ",".join(f"{channel}={fee}" for channel, fee in self.fees)
        return f"{int(self.expires_at.timestamp())}|{fees}"

    @classmethod
    def from_text(cls, text: str) -> Quote:
        """Read what `text` wrote.

        Raises:
            ValueError: it is something else.
        """
        at, _, listed = text.partition("|")
        pairs = (each.partition("=") for each in listed.split(","))
        return cls(datetime.fromtimestamp(int(at), UTC), tuple((channel, int(fee)) for channel, _, fee in pairs))
