"""What each key has used of its limits, and how that is told: the fields of draft-ietf-httpapi-ratelimit-headers."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from gateway.admission.limits import KeyLimits
from gateway.api.problems import Code, Refused
from routing.guard import TokenBucket

RETRY_MAX_S = 30

Headers = tuple[tuple[str, str], ...]


class Quota:
    """One key: a rate, and how many of its requests are being served."""

    __slots__ = ("_bucket", "_limits", "in_flight")

    def __init__(self, limits: KeyLimits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._bucket = TokenBucket(limits.rps, monotonic)
        self.in_flight = 0

    def change(self, limits: KeyLimits) -> None:
        """Other limits from now on."""
        self._limits = limits
        self._bucket.change(limits.rps)

    @property
    def refused(self) -> Refused | None:
        """What one more request is told now; None when there is room for it. Asking changes nothing."""
        if self.in_flight >= self._limits.in_flight:
            return Refused(Code.QUOTA_EXCEEDED, headers=(retry_after(1.0), *self.headers))
        if not self._bucket.available:
            wait_s = (1.0 - self._bucket.left) / self._limits.rps
            return Refused(Code.QUOTA_EXCEEDED, headers=(retry_after(wait_s), *self.headers))
        return None

    def use(self) -> None:
        """One request that is proved counts."""
        self._bucket.take()

    def give_back(self) -> None:
        """One that was counted was not the key's."""
        self._bucket.put_back()

    @property
    def headers(self) -> Headers:
        """Both policies, what is left of each, and in how many seconds the rate is whole again."""
        rps, most = self._limits.rps, self._limits.in_flight
        left, free = self._bucket.left, max(most - self.in_flight, 0)
        policy = f'"rate";q={rps};w=1, "concurrent";q={most};qu="concurrent-requests"'
        now = f'"rate";r={int(left)};t={ceil(max(rps - left, 0.0) / rps)}, "concurrent";r={free}'
        return (("RateLimit-Policy", policy), ("RateLimit", now))


def retry_after(wait_s: float) -> tuple[str, str]:
    """The header, in whole seconds: at least one, at most `RETRY_MAX_S`."""
    return "Retry-After", str(min(max(ceil(wait_s), 1), RETRY_MAX_S))
