"""Admission to one channel: breaker, in-flight limit and rate, before the intent is stored (reliability 2.2, row 9).

A channel that recovers is not given its full load at once: for `ramp_s` after its breaker closed it has a growing share
of its places and of its rate.

`admit` either gives a permit or raises `RefusedBeforeSend`, synchronously and with nothing changed; between
the intent and the send nothing can refuse any more. Only submits pass here. Queries, cancels and
notifications have no way through a guard, so no breaker and no limit can ever keep us from learning what
became of the money; `queries` only says how much more slowly to ask a channel that does not answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.domain.outcome import Answer, OutcomeKind
from routing.breaker import Breaker, BreakerState, OnChange, RefusedBeforeSend, Token, Verdict
from routing.eligibility import LiveFacts, RefusalCode
from routing.query_gate import QueryGate
from routing.window import DEFAULT_RATES, RateLimits

__all__ = ["Guard", "Limits", "Permit", "RefusedBeforeSend", "Verdict", "verdict"]


RAMP_MIN = 0.1
"""The share of its limits that a channel begins with when its breaker closes again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one channel is held to (`[channels.X] limits` and `breaker`)."""

    in_flight: int = 50
    """Submits under way at once: a channel that hangs holds up no more than these."""
    rps: float = 20.0
    """Submits begun per second; after a quiet second that many may begin at once."""
    failures: int = 5
    """Channel faults in a row that open the breaker."""
    open_s: float = 20.0
    """How long it then stays open before one trial."""
    rates: RateLimits = DEFAULT_RATES
    """When a failure rate or slowness opens it."""
    ramp_s: float = 20.0
    """How long after it closed again the channel is back at its full load."""


class TokenBucket:
    """A rate: refilled by `rps` a second up to one second's worth (at least one), on a monotonic clock."""

    def __init__(self, rps: float, monotonic: Callable[[], float]) -> None:
        self._rps = rps
        self._monotonic = monotonic
        self._filled_at_s = monotonic()
        self._level = self._capacity

    @property
    def _capacity(self) -> float:
        return max(self._rps, 1.0)

    @property
    def available(self) -> bool:
        """Whether one may begin now. A peek: it takes nothing."""
        return self._level_now() >= 1.0

    @property
    def left(self) -> float:
        """How many may begin now; between none and one, the share of the next one that is there. A peek."""
        return max(self._level_now(), 0.0)

    def take(self) -> None:
        """Use one up; the caller has looked."""
        self._refill()
        self._level -= 1.0

    def put_back(self) -> None:
        """What was taken was not used."""
        self._refill()
        self._level = min(self._level + 1.0, self._capacity)

    def change(self, rps: float) -> None:
        """Another rate from now on; what was saved up is kept as far as it fits."""
        if rps == self._rps:
            return
        self._refill()
        self._rps = rps
        self._level = min(self._level, self._capacity)

    def _level_now(self) -> float:
        passed_s = max(self._monotonic() - self._filled_at_s, 0.0)
        return min(self._level + passed_s * self._rps, self._capacity)

    def _refill(self) -> None:
        self._level = self._level_now()
        self._filled_at_s = self._monotonic()


class Permit:
    """One submit's place in the guard, to be given back once, whatever happened."""

    __slots__ = ("_admitted_at_s", "_guard", "_released", "_token")

    def __init__(self, guard: Guard, token: Token, admitted_at_s: float) -> None:
        self._guard = guard
        self._token = token
        self._admitted_at_s = admitted_at_s
        self._released = False

    def release(self, verdict: Verdict) -> None:
        """Give the place back with what the call showed. The second call does nothing."""
        if not self._released:
            self._released = True
            self._guard._leave(self._token, verdict, self._admitted_at_s)

    def cancel(self) -> None:
        """Give it back unused: nothing left, so its share of the rate is free, too."""
        if not self._released:
            self._guard._rate.put_back()
            self.release(Verdict.NO_EVIDENCE)


class Guard:
    """The door of one channel, on the event loop of one node."""

    def __init__(
        self,
        name: str,
        limits: Limits,
        monotonic: Callable[[], float],
        on_change: OnChange | None = None,
    ) -> None:
        self.name = name
        self._limits = limits
        self._monotonic = monotonic
        self._breaker = Breaker(name, monotonic, limits.failures, limits.open_s, on_change, limits.rates)
        self.queries = QueryGate(limits.failures)
        self._rate = TokenBucket(limits.rps, monotonic)
        self._in_flight = 0
        self._stopped = False
        self._shut = False

    @property
    def breaker_state(self) -> BreakerState:
        return self._breaker.state

    @property
    def ramp(self) -> float:
        """The share of its limits that the channel is given: 1 but for a while after its breaker closed again."""
        since_s = self._breaker.recovering_s
        if since_s is None or since_s >= self._limits.ramp_s:
            return 1.0
        return max(since_s / self._limits.ramp_s, RAMP_MIN)

    def live(self) -> LiveFacts:
        """What the router may know of this moment; asking changes nothing."""
        self._rate.change(self._limits.rps * self.ramp)
        cause = self._breaker.cause
        soft = cause is not None and cause.soft
        return LiveFacts(self._breaker.is_open, self._in_flight, self._rate.available, soft, self.ramp)

    def admit(self, last_resort: bool = False) -> Permit:
        """A place for one submit, now. `last_resort`: no other channel is usable, see `Breaker.enter`.

        Raises:
            RefusedBeforeSend: with the limit that refused; nothing was sent and nothing is owed.
        """
        ramp = self.ramp
        self._rate.change(self._limits.rps * ramp)
        if self._stopped:
            raise RefusedBeforeSend(self.name, RefusalCode.STOPPED)
        if self._shut:
            raise RefusedBeforeSend(self.name, RefusalCode.STATE_DRAINING)
        if self._in_flight >= max(int(self._limits.in_flight * ramp), 1):
            raise RefusedBeforeSend(self.name, RefusalCode.IN_FLIGHT_FULL)
        if not self._rate.available:
            raise RefusedBeforeSend(self.name, RefusalCode.RATE_LIMITED)
        # The breaker comes last: entering may begin its one trial, which a later refusal would waste.
        token = self._breaker.enter(last_resort)
        self._rate.take()
        self._in_flight += 1
        return Permit(self, token, self._monotonic())

    def stop(self) -> None:
        """Let nothing more through until this process is started anew, by somebody who has looked (row 29)."""
        self._stopped = True

    @property
    def in_flight(self) -> int:
        """Permits that are out: submits under way, or about to be."""
        return self._in_flight

    def shut(self) -> None:
        """Admit nothing while it is decided whether the channel may go; `reopen` undoes it."""
        self._shut = True

    def reopen(self) -> None:
        self._shut = False

    def change(self, limits: Limits) -> None:
        """Other limits from a reload: they bind from now on, and nobody under way is thrown out."""
        self._limits = limits
        self._rate.change(limits.rps * self.ramp)
        self._breaker.fail_max = limits.failures
        self._breaker.open_s = limits.open_s
        self._breaker.rates = limits.rates
        self.queries.failures = limits.failures

    def _leave(self, token: Token, verdict: Verdict, admitted_at_s: float) -> None:
        self._in_flight -= 1
        self._breaker.leave(token, verdict, self._monotonic() - admitted_at_s)


_SPOKE_UP = frozenset({OutcomeKind.PENDING, OutcomeKind.SUCCEEDED, OutcomeKind.RETURNED})


def verdict(answer: Answer) -> Verdict:
    """What a submit's answer says about the channel: the payee's faults and ours are none of its (reliability 7.2)."""
    if answer.channel_fault:
        return Verdict.CHANNEL_FAULT
    return Verdict.OK if answer.kind in _SPOKE_UP else Verdict.NO_EVIDENCE
