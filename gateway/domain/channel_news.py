"""When apps are told that a channel does badly, and when that it does well again. Pure, and slow to change its mind.

Short trouble is not told: a channel has to do badly for `DEGRADED_AFTER`, and then to do well for `RECOVERED_AFTER`
without a break. So however often it comes and goes, apps hear of it twice in that time at most.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gateway.domain.view import timestamp

DEGRADED_AFTER = timedelta(seconds=15)
RECOVERED_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class News:
    """What apps were told last of one channel, and what speaks against it since."""

    degraded: bool = False
    otherwise_since: datetime | None = None
    """Since when it is seen otherwise, without a break."""
    sequence: int = 0
    """Of the newest event."""
    event: str = ""
    """What the newest event's ids are made of."""
    at: datetime | None = None
    """When it was made."""
    about: Mapping[str, object] = field(default_factory=dict)
    """The channel as the newest event shows it."""
    owed: bool = False
    """It is not known whether every app has the newest event."""

    def text(self) -> str:
        return json.dumps(
            {
                "degraded": self.degraded,
                "otherwise_since": _text(self.otherwise_since),
                "sequence": self.sequence,
                "event": self.event,
                "at": _text(self.at),
                "about": dict(self.about),
                "owed": self.owed,
            }
        )

    @classmethod
    def from_text(cls, text: str | None) -> News:
        """Read what `text` wrote; nothing was told where there is none."""
        if text is None:
            return cls()
        said = json.loads(text)
        said |= {name: _time(said[name]) for name in ("otherwise_since", "at")}
        return cls(**said)


def look(before: News, *, sound: bool, now: datetime, event: str, about: Mapping[str, object]) -> News:
    """After one more look. `event` and `about` are taken where there is something to tell, with since when it is so."""
    if sound is not before.degraded:
        return before if before.otherwise_since is None else replace(before, otherwise_since=None)
    if before.otherwise_since is None:
        return replace(before, otherwise_since=now)
    if now - before.otherwise_since < (RECOVERED_AFTER if before.degraded else DEGRADED_AFTER):
        return before
    told = {**about, "since": timestamp(before.otherwise_since)}
    return News(not before.degraded, None, before.sequence + 1, event, now, told, owed=True)


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
