"""A callback endpoint that an app made itself: where it wants its callbacks, with which keys, and how it does.

Nothing that is due for it is ever dropped: while it is disabled, what is for it is kept as parked.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

DEAD_AFTER = timedelta(days=5)
"""As long as this without one success, and it is disabled: longer than one callback is tried."""
KEYS_MAX = 4
"""Of one kind in use at once: more rotations in so short a time are refused."""


CHANNEL_DEGRADED, CHANNEL_RECOVERED = "channel.degraded", "channel.recovered"
BY_NAME_ONLY = frozenset({CHANNEL_DEGRADED, CHANNEL_RECOVERED})
"""Event types that are about none of the app's own things: who asks for all does not mean them."""


def is_wanted(events: frozenset[str], event_type: str) -> bool:
    """Whether an endpoint that asked for `events` is told of one of that type; empty: all."""
    return event_type in events if events else event_type not in BY_NAME_ONLY


class KeyKind(StrEnum):
    """What a key signs with: the version that its signatures begin with."""

    HMAC_SHA256 = "v1"
    ED25519 = "v1a"


class DisabledFor(StrEnum):
    """Why nothing is sent to it any more."""

    GONE = "gone"
    """It answered 410."""
    DEAD = "dead"
    """It took nothing for `DEAD_AFTER`."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key that its callbacks are signed with."""

    kind: KeyKind
    material: bytes = field(repr=False)
    """For `v1` the `whsec_…` text, for `v1a` an Ed25519 private key in PEM."""
    created_at: datetime
    expires_at: datetime | None = None
    """From then on it signs nothing; None: it is the newest of its kind."""

    def signs_at(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class AppEndpoint:
    """One URL of one app. Its id does not change, whatever becomes of its keys."""

    id: str
    app: str
    url: str
    events: frozenset[str]
    """Event types it wants; empty: all."""
    keys: tuple[SigningKey, ...]
    """The newest first."""
    created_at: datetime
    failing_since: datetime | None = None
    """When the first try failed that no success came after."""
    disabled_at: datetime | None = None
    disabled_for: DisabledFor | None = None
    sequence: int = 0
    """Of the newest event about the endpoint itself."""

    @property
    def disabled(self) -> bool:
        return self.disabled_at is not None

    def wants(self, event_type: str) -> bool:
        return is_wanted(self.events, event_type)

    def keys_at(self, now: datetime) -> tuple[SigningKey, ...]:
        """Those that sign now."""
        return tuple(key for key in self.keys if key.signs_at(now))

    def kinds(self) -> tuple[KeyKind, ...]:
        """Of its keys, each once."""
        return tuple(dict.fromkeys(key.kind for key in self.keys))

    def rotated(self, new: tuple[SigningKey, ...], overlap: timedelta, now: datetime) -> AppEndpoint:
        """With new keys, beside which the present ones sign for `overlap`, or as long as they would have. Those that
        are over are forgotten.
        """
        until = now + overlap
        old = [replace(key, expires_at=min(key.expires_at or until, until)) for key in self.keys]
        return replace(self, keys=(*new, *(key for key in old if key.signs_at(now))))

    def crowded(self, now: datetime) -> bool:
        """Whether another rotation would leave more keys in use than a receiver should have to try."""
        kinds = [key.kind for key in self.keys_at(now)]
        return any(kinds.count(kind) >= KEYS_MAX for kind in KeyKind)

    def after_try(self, *, taken: bool, gone: bool, now: datetime) -> AppEndpoint:
        """What one try of a callback says of it."""
        if self.disabled:
            return self
        if taken:
            return self if self.failing_since is None else replace(self, failing_since=None)
        if gone:
            return self._disabled(DisabledFor.GONE, now)
        if self.failing_since is None:
            return replace(self, failing_since=now)
        return self._disabled(DisabledFor.DEAD, now) if now - self.failing_since >= DEAD_AFTER else self

    def _disabled(self, why: DisabledFor, now: datetime) -> AppEndpoint:
        since = self.failing_since or now
        return replace(self, failing_since=since, disabled_at=now, disabled_for=why, sequence=self.sequence + 1)

    def enabled(self) -> AppEndpoint:
        """As if it had never failed."""
        return replace(self, failing_since=None, disabled_at=None, disabled_for=None)
