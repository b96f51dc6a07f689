"""The room shrinks to what is served in time while people are turned away, and grows back when they are not."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.admission.room import LEAST, Room
from tests.support.clock import FakeClock

MOST = 128


def crowded(room: Room, clock: FakeClock, rate: int, seconds: int, target_s: float = 0.5) -> None:
    for _ in range(seconds):
        room.turned_away()
        for _ in range(rate):
            room.people.entered()
            room.people.left()
        clock.move(1.0)
        room.size(MOST, target_s)


@settings(max_examples=20)
@given(st.integers(1, 1000))
def test_under_a_flood_what_is_inside_stays_as_long_as_it_should(rate: int) -> None:
    """Half a second's worth of what leaves, between the least and the most: by Little's law each stays that long."""
    clock = FakeClock()
    room = Room(clock.monotonic)
    crowded(room, clock, rate, 20)
    assert abs(room.size(MOST, 0.5) - min(max(rate * 0.5, LEAST), MOST)) <= 1


def test_a_quiet_house_is_never_small() -> None:
    """Few come, few leave, and nobody is turned away: nothing speaks for a smaller room."""
    clock = FakeClock()
    room = Room(clock.monotonic)
    for _ in range(100):
        room.people.entered()
        clock.move(1.0)
        room.people.left()
        assert room.size(MOST, 0.5) == MOST


def test_who_stays_too_long_is_enough() -> None:
    """A hundred are always inside and a hundred leave in a second: each stays for one, so half of them are too many,
    though nobody was turned away."""
    clock = FakeClock()
    room = Room(clock.monotonic)
    for _ in range(100):
        room.people.entered()
    for _ in range(20):
        for _ in range(100):
            clock.move(0.01)
            room.people.left()
            room.people.entered()
        size = room.size(MOST, 0.5)
    assert size == 50


def test_a_few_who_come_together_are_no_reason() -> None:
    """Sixty-four at once, a moment without an answer, then all of them: nobody was turned away, and nobody will be."""
    clock = FakeClock()
    room = Room(clock.monotonic)
    for _ in range(64):
        room.people.entered()
    clock.move(0.3)
    assert room.size(MOST, 0.25) == MOST
    for _ in range(64):
        room.people.left()
    for _ in range(8):
        clock.move(0.25)
        assert room.size(MOST, 0.25) == MOST


def test_after_the_flood_it_grows_back() -> None:
    """Within ten seconds in which nobody is turned away it has its full size."""
    clock = FakeClock()
    room = Room(clock.monotonic)
    crowded(room, clock, 100, 20)
    assert room.size(MOST, 0.5) == 50
    sizes = []
    for _ in range(10):
        clock.move(1.0)
        sizes.append(room.size(MOST, 0.5))
    assert sizes == sorted(sizes)
    assert sizes[-1] == MOST


def test_an_idle_night_is_not_taken_for_slowness() -> None:
    """One is turned away, then nobody comes for an hour: the rate of that hour says nothing."""
    clock = FakeClock()
    room = Room(clock.monotonic)
    room.turned_away()
    room.people.entered()
    room.people.left()
    clock.move(3600.0)
    assert room.size(MOST, 0.5) == MOST


def test_a_smaller_configured_room_binds_at_once() -> None:
    """A reload sets another number: it is the most from then on."""
    room = Room(FakeClock().monotonic)
    assert (room.size(MOST, 0.5), room.size(10, 0.5)) == (MOST, 10)
