"""pybreaker made safe for asyncio and for money: a gate in two steps, `enter` before the intent, `leave` after.

Why its own call wrappers are not used (reliability 7.1, each measured): around an `async def` they count
nothing; when half-open they let every concurrent trial through; a cancelled call counts, as a failure or,
worse, as a success; a straggler from before the trip moves the state; the due time hangs on the wall clock;
and the error for "refused, never sent" is also the error for "sent, and this failure tripped me", so that
code which fails over on it pays twice.

So pybreaker keeps the states and the counter, and is only ever fed a finished verdict. The rest is here:

* *refused* has its own error, raised by `enter` and by nothing else: `RefusedBeforeSend`;
* each change of state begins a new *epoch*; a verdict from an earlier one is ignored;
* half-open there is one *trial*; a trial that ends without evidence gives its place to the next;
* the due time is kept on the monotonic clock that is handed in;
* a failure rate, or a share of slow calls, that the recent calls prove to be too high opens it as well
  (`routing.window`). Such a trip is *soft*: some calls do get through, so whoever has no other channel may still enter
  (`last_resort`). Those calls are no trials: they neither close the gate nor put the due time off; but when
  `fail_max` of them fail in a row, nothing gets through any more, and the trip is soft no longer.

The gate is per node and forgets at a restart: that costs a few more trial calls, never a payment.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

import pybreaker

from routing.eligibility import RefusalCode
from routing.window import DEFAULT_RATES, CallWindow, RateLimits, TripCause


class Verdict(StrEnum):
    """What one call says about its channel."""

    OK = "ok"
    CHANNEL_FAULT = "channel_fault"
    """No answer, 5xx, garbage."""
    NO_EVIDENCE = "no_evidence"
    """A cancellation, a fault of ours, a refusal for the payee's sake: nothing about the channel's health."""


class BreakerState(StrEnum):
    """pybreaker's three states, in its own words."""

    CLOSED = pybreaker.STATE_CLOSED
    OPEN = pybreaker.STATE_OPEN
    HALF_OPEN = pybreaker.STATE_HALF_OPEN


class RefusedBeforeSend(Exception):
    """Not admitted, so certainly not sent: nothing was stored, nothing left. The router tries another."""

    def __init__(self, channel: str, code: RefusalCode) -> None:
        super().__init__(f"{channel}: {code}")
        self.channel = channel
        self.code = code


OnChange = Callable[[str, BreakerState, BreakerState], None]
"""(channel, old state, new state), after the fact."""


@dataclass(frozen=True, slots=True)
class Token:
    """The right to make one call; handed back with its verdict."""

    epoch: int
    number: int


_BESIDE = -1
"""The epoch of calls let through as a last resort: never the gate's own, so their verdicts move no state."""


class _Fault(Exception):
    """What pybreaker is fed for a channel fault."""


class Breaker:
    """The gate of one channel. Not for several threads: it lives on the event loop."""

    def __init__(
        self,
        name: str,
        monotonic: Callable[[], float],
        fail_max: int = 5,
        open_s: float = 20.0,
        on_change: OnChange | None = None,
        rates: RateLimits = DEFAULT_RATES,
    ) -> None:
        """`fail_max` faults in a row open it, or the `rates` do; `open_s` seconds later one trial is let through."""
        self.name = name
        self.open_s = open_s
        self._monotonic = monotonic
        self._on_change = on_change
        # pybreaker's own timer is never asked: `leave` feeds it nothing while it is open.
        self._machine = pybreaker.CircuitBreaker(fail_max=fail_max, throw_new_error_on_trip=False)
        self._epoch = 0
        self._entered = 0
        self._opened_at_s = 0.0
        self._trial: Token | None = None
        self._window = CallWindow(rates, monotonic)
        self._cause: TripCause | None = None
        self._closed_at_s: float | None = None
        self._beside_faults = 0

    @property
    def state(self) -> BreakerState:
        return BreakerState(self._machine.current_state)

    @property
    def fail_max(self) -> int:
        return self._machine.fail_max

    @fail_max.setter
    def fail_max(self, faults: int) -> None:
        self._machine.fail_max = faults

    @property
    def rates(self) -> RateLimits:
        return self._window.limits

    @rates.setter
    def rates(self, rates: RateLimits) -> None:
        self._window.limits = rates

    @property
    def cause(self) -> TripCause | None:
        """Why it is not closed."""
        return self._cause

    @property
    def recovering_s(self) -> float | None:
        """Seconds since it closed again after a trip; None when it never tripped or is not closed."""
        return None if self._closed_at_s is None else self._monotonic() - self._closed_at_s

    @property
    def is_open(self) -> bool:
        """Whether a submit would be refused right now. A peek: it changes nothing."""
        match self.state:
            case BreakerState.CLOSED:
                return False
            case BreakerState.OPEN:
                return self._monotonic() < self._opened_at_s + self.open_s
            case BreakerState.HALF_OPEN:
                return self._trial is not None

    def enter(self, last_resort: bool = False) -> Token:
        """Ask for one call, before anything is stored or sent. `last_resort`: there is no other channel.

        Raises:
            RefusedBeforeSend: open and not yet due, or the one trial is under way; not as a last resort when it was a
                rate that opened it.
        """
        if self.is_open:
            if last_resort and self._cause is not None and self._cause.soft:
                return Token(_BESIDE, self._epoch)
            raise RefusedBeforeSend(self.name, RefusalCode.BREAKER_OPEN)
        if self.state is BreakerState.OPEN:
            self._change(self._machine.half_open)
        self._entered += 1
        token = Token(self._epoch, self._entered)
        if self.state is BreakerState.HALF_OPEN:
            self._trial = token
        return token

    def leave(self, token: Token, verdict: Verdict, took_s: float = 0.0) -> None:
        """Hand the token back with what the call showed. A token of an earlier epoch changes nothing."""
        if token.epoch == _BESIDE and token.number == self._epoch:
            self._count_beside(verdict)
        if token.epoch != self._epoch:
            return
        if self.state is BreakerState.HALF_OPEN:
            if token != self._trial:
                return
            self._trial = None
        if verdict is Verdict.NO_EVIDENCE:
            return
        self._change(lambda: self._feed(verdict), TripCause.CONSECUTIVE)
        if self.state is BreakerState.CLOSED and token.epoch == self._epoch:
            self._weigh(verdict, took_s)

    def _count_beside(self, verdict: Verdict) -> None:
        if verdict is not Verdict.NO_EVIDENCE:
            self._beside_faults = self._beside_faults + 1 if verdict is Verdict.CHANNEL_FAULT else 0
        if self._beside_faults >= self.fail_max:
            self._cause = TripCause.CONSECUTIVE

    def _weigh(self, verdict: Verdict, took_s: float) -> None:
        self._window.add(verdict is Verdict.CHANNEL_FAULT, took_s)
        cause = self._window.verdict()
        if cause is not None:
            self._change(self._machine.open, cause)

    def _feed(self, verdict: Verdict) -> None:
        def replay() -> None:
            if verdict is Verdict.CHANNEL_FAULT:
                raise _Fault

        # Fed while closed or half-open only, and told not to raise an error of its own on a trip, pybreaker
        # gives our own exception back and no other.
        with suppress(_Fault):
            self._machine.call(replay)

    def _change(self, act: Callable[[], object], cause: TripCause | None = None) -> None:
        """Let pybreaker act; if its state moved, begin a new epoch and tell."""
        old = self.state
        act()
        new = self.state
        if new is old:
            return
        self._epoch += 1
        self._trial = None
        self._window.clear()
        if new is BreakerState.OPEN:
            self._opened_at_s = self._monotonic()
            # A trial that fails does not make a soft trip hard: the share that got through still does.
            self._cause = self._cause or cause
        if new is BreakerState.CLOSED:
            self._cause, self._beside_faults = None, 0
        self._closed_at_s = self._monotonic() if new is BreakerState.CLOSED else None
        if self._on_change is not None:
            self._on_change(self.name, old, new)
