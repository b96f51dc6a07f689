"""The gate against a model: whatever order calls come and go in, it does what forty plain lines say."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from routing.breaker import Breaker, RefusedBeforeSend, Token, Verdict
from routing.window import RateLimits
from tests.support.clock import FakeClock

FAIL_MAX, OPEN_S = 2, 10.0
NEVER = RateLimits(calls_min=10_000, calls_max=10_000)
"""Rates have their own tests; here only failures in a row count."""


class BreakerMachine(RuleBasedStateMachine):
    """The model: a state, a count, a due time, and which tokens may still speak."""

    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.told: list[str] = ["closed"]
        self.gate = Breaker(
            "alpha", self.clock.monotonic, FAIL_MAX, OPEN_S, lambda _name, _old, new: self.told.append(new.value), NEVER
        )
        self.state, self.faults, self.due_s = "closed", 0, 0.0
        self.speakers: set[Token] = set()

    def _go(self, state: str) -> None:
        self.state, self.faults = state, 0
        self.speakers.clear()
        if state == "open":
            self.due_s = self.clock.monotonic() + OPEN_S

    def _refuses(self) -> bool:
        due = self.clock.monotonic() >= self.due_s
        return (self.state == "open" and not due) or (self.state == "half-open" and bool(self.speakers))

    @rule(target=tokens)
    def enter(self) -> Token | None:
        """Admitted exactly when the model says so."""
        if self._refuses():
            with pytest.raises(RefusedBeforeSend):
                self.gate.enter()
            return None
        if self.state == "open":
            self._go("half-open")
        token = self.gate.enter()
        self.speakers.add(token)
        return token

    @rule(token=consumes(tokens), verdict=st.sampled_from(Verdict))
    def leave(self, token: Token | None, verdict: Verdict) -> None:
        """Only a token of this epoch speaks, and only evidence moves the state."""
        if token is None:
            return
        self.gate.leave(token, verdict)
        if token not in self.speakers:
            return
        self.speakers.discard(token)
        if verdict is Verdict.CHANNEL_FAULT:
            self.faults += 1
            if self.state == "half-open" or self.faults >= FAIL_MAX:
                self._go("open")
        elif verdict is Verdict.OK:
            self.faults = 0
            if self.state == "half-open":
                self._go("closed")

    @rule(seconds=st.sampled_from([0.5, OPEN_S / 2, OPEN_S]))
    def wait(self, seconds: float) -> None:
        """Time passes on both clocks."""
        self.clock.move(seconds)

    @rule(seconds=st.sampled_from([-3600.0, 3600.0]))
    def step(self, seconds: float) -> None:
        """The wall clock is set; nobody may notice."""
        self.clock.step_wall(seconds)

    @invariant()
    def agrees(self) -> None:
        """State, peek and what listeners were told are the model's at every moment."""
        assert self.gate.state.value == self.state == self.told[-1]
        assert self.gate.is_open is self._refuses()
        assert all(before != after for before, after in zip(self.told, self.told[1:], strict=False))


TestBreakerModel = BreakerMachine.TestCase
TestBreakerModel.settings = settings(max_examples=100, stateful_step_count=60)
