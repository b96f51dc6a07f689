"""On what terms a payout is paid, as far as its app says: what counts, until when, and what happens then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from gateway.domain.quote import Quote


class OnExpiry(StrEnum):
    """What becomes of a payout that no channel has carried in its time."""

    FAIL = "fail"
    """It ends failed."""
    ANY_CHANNEL = "any_channel"
    """One last decision, without the app's preference: whoever may carry it does, however dear."""


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """Which channels its app lets carry a payout. It holds for the last decision, too."""

    allow: frozenset[str] = frozenset()
    """No other ones; empty: any."""
    deny: frozenset[str] = frozenset()

    def text(self) -> str:
        """Its one canonical form: `alpha,beta|gamma`. Names of channels have neither sign."""
        return f"{','.join(sorted(self.allow))}|{','.join(sorted(self.deny))}"

    @classmethod
    def from_text(cls, text: str) -> ChannelChoice:
        """Read what `text` wrote."""
        allow, _, deny = text.partition("|")
        return cls(*(frozenset(filter(None, each.split(","))) for each in (allow, deny)))


@dataclass(frozen=True, slots=True)
class Terms:
    """An order that says nothing has these defaults."""

    preference: str | None = None
    """A name out of `[routing.preferences]`; None: the gateway's own."""
    send_by: datetime | None = None
    """Until then it waits for a channel; None: for as long as `[routing] give_up_after` says."""
    on_expiry: OnExpiry = OnExpiry.FAIL
    quote: Quote | None = None
    """Which channels were quoted to it, and for what; honoured until it expires."""
    send_at: datetime | None = None
    """Before then nothing is sent; None: at once."""
    channels: ChannelChoice | None = None
    """Which may carry it; None: any."""

    def given(self) -> dict[str, str]:
        """What differs from an order that says nothing, in canonical form."""
        said = {
            "preference": self.preference,
            "send_by": _text(self.send_by),
            "send_at": _text(self.send_at),
            "on_expiry": None if self.on_expiry is OnExpiry.FAIL else str(self.on_expiry),
            "quote": None if self.quote is None else self.quote.text(),
            "channels": None if self.channels is None else self.channels.text(),
        }
        return {name: value for name, value in said.items() if value is not None}


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


NO_TERMS = Terms()
