"""Overrides only ever take away, by laws."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.override import ORDER, Held, Override, held_to, next_end, of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = st.integers(-48, 48).map(lambda hours: NOW + timedelta(hours=hours))
STATES = st.sampled_from(ORDER)
WEIGHTS = st.integers(0, 100)


@st.composite
def overrides(draw: st.DrawFn) -> Override:
    lifted = draw(st.none() | HOURS)
    return Override(
        id="ov",
        channel=draw(st.sampled_from(["alpha", "beta"])),
        state=draw(st.none() | st.sampled_from(ORDER[1:])),
        weight=draw(st.none() | st.integers(0, 99)),
        reason="why",
        created_by="person:ada",
        created_at=NOW,
        expires_at=draw(st.none() | HOURS),
        lifted_by=None if lifted is None else "person:ada",
        lifted_at=lifted,
    )


MANY = st.lists(overrides(), max_size=6)


def less(one: Held, other: Held) -> bool:
    return ORDER.index(one.state) >= ORDER.index(other.state) and one.weight <= other.weight


@given(STATES, WEIGHTS, MANY, HOURS)
def test_never_more_than_the_file(state: str, weight: int, found: list[Override], now: datetime) -> None:
    """Whatever people set."""
    assert less(held_to(state, weight, found, now), Held(state, weight))


@given(STATES, WEIGHTS, MANY, overrides(), HOURS)
def test_one_more_never_gives_back(
    state: str, weight: int, found: list[Override], more: Override, now: datetime
) -> None:
    """So nobody's override undoes another's; and the order they were set in does not matter."""
    assert less(held_to(state, weight, [*found, more], now), held_to(state, weight, found, now))
    assert held_to(state, weight, found[::-1], now) == held_to(state, weight, found, now)


@given(STATES, WEIGHTS, MANY, HOURS)
def test_what_is_over_holds_nothing_back(state: str, weight: int, found: list[Override], now: datetime) -> None:
    """Lifted, or past its time: as if it had never been."""
    active = [each for each in found if each.active(now)]
    assert held_to(state, weight, found, now) == held_to(state, weight, active, now)
    assert not active or less(held_to(state, weight, active, now), Held(state, weight))
    assert held_to(state, weight, [], now) == Held(state, weight)


@given(MANY)
def test_after_the_last_end_only_the_endless_are_left(found: list[Override]) -> None:
    """Expiry is by the clock alone: the moment itself is already outside."""
    ends = [each.expires_at for each in found if each.expires_at is not None]
    assert next_end(found) == min(ends, default=None)
    if ends:
        left = [each for name in ("alpha", "beta") for each in of(name, found, max(ends))]
        assert all(each.expires_at is None for each in left)
