"""Quarantine and the ask-first time after it: what a restored store may do, as one value (R15).

An older copy of the store does not know what was sent since. In *quarantine* nothing is sent and nothing is ended;
what is known to be open is asked about. After it, for a while, each payout's ids are *asked for first*, on every
channel there is or was, before anything of it is sent or given up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gateway.domain.payout import Ground


@dataclass(frozen=True, slots=True)
class Safety:
    """Where the store stands. Kept in the store itself, so that a restart changes nothing."""

    quarantined_at: datetime | None = None
    why: str = ""
    """Why it is in quarantine, for people."""
    ask_first_until: datetime | None = None
    channels: Mapping[str, str] = field(default_factory=dict)
    """Channels that may have carried payouts we do not know of: name -> `ground_mark`."""

    @property
    def quarantined(self) -> bool:
        return self.quarantined_at is not None

    def asks_first(self, now: datetime) -> bool:
        return self.ask_first_until is not None and now < self.ask_first_until

    def calm(self, now: datetime) -> bool:
        """Nothing of the kind: payouts are sent as ever."""
        return not self.quarantined and not self.asks_first(now)

    def calm_about(self, created_at: datetime) -> bool:
        """A payout taken in at `created_at` is sent as ever.

        One that was put off until the ask-first time was over is still asked about: nobody has said anything yet.
        """
        until = self.ask_first_until
        return not self.quarantined and (until is None or created_at >= until)

    def enter(self, why: str, now: datetime, channels: Mapping[str, str]) -> Safety:
        """In quarantine from now on, though it was in one before: this is another copy, and all is to be asked anew.

        No channel that was ever known is forgotten.
        """
        return replace(self, quarantined_at=now, why=why, channels={**channels, **self.channels})

    def leave(self, now: datetime, ask_first_for: timedelta) -> Safety:
        """Out of it, into the ask-first time."""
        return replace(self, quarantined_at=None, why="", ask_first_until=now + ask_first_for)

    def configured(self, channels: Mapping[str, str], now: datetime) -> Safety:
        """At a start with these channels: in calm times they are all there is, else they are added."""
        if self.calm(now):
            return Safety(ask_first_until=self.ask_first_until, channels=dict(channels))
        return replace(self, channels={**channels, **self.channels})

    def removed(self, channels: Mapping[str, str]) -> list[str]:
        """Known channels that are no longer configured, or stand on other ground by now: they cannot be asked."""
        return sorted(name for name, mark in self.channels.items() if channels.get(name) != mark)


def ground_mark(ground: Ground) -> str:
    """What makes a channel the same one: who is at the other end, and which of our accounts it is."""
    return f"{ground.adapter} {ground.base_address} {ground.account_id}"


def dump_safety(safety: Safety) -> str:
    """As the store keeps it."""
    return json.dumps(
        {
            "quarantined_at": _text(safety.quarantined_at),
            "why": safety.why,
            "ask_first_until": _text(safety.ask_first_until),
            "channels": dict(safety.channels),
        },
        sort_keys=True,
        ensure_ascii=False,
    )


def load_safety(text: str | None) -> Safety:
    """From what the store keeps; nothing is the safety of a new store."""
    if text is None:
        return Safety()
    fields = json.loads(text)
    return Safety(
        quarantined_at=_moment(fields["quarantined_at"]),
        why=fields["why"],
        ask_first_until=_moment(fields["ask_first_until"]),
        channels=fields["channels"],
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
