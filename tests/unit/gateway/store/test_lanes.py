"""Whose turn it is in the writer's queue."""

from __future__ import annotations

from concurrent.futures import Future

from hypothesis import given
from hypothesis import strategies as st

from gateway.failpoints import Commit, Unit
from gateway.store.lanes import DOOR, WORK_SHARE, Lanes, Queued
from gateway.store.port import Tx

_KINDS = st.lists(st.sampled_from([Commit.ACCEPT, Commit.SUBMIT_ANSWER]), max_size=60)


def _queued(name: str) -> Queued[None]:
    def unit(_tx: Tx) -> None:
        """Nothing is asked of it here."""

    return Queued(Unit(name, unit), Future())


def _filled(names: list[Commit]) -> tuple[Lanes, list[Queued[None]]]:
    lanes, units = Lanes(), [_queued(name) for name in names]
    for unit in units:
        lanes.put(unit)
    return lanes, units


def _at_the_door(queued: Queued[None]) -> bool:
    return isinstance(queued.unit, Unit) and queued.unit.name in DOOR


@given(_KINDS, st.integers(1, 20))
def test_every_unit_has_its_turn_once_and_in_the_order_of_its_lane(names: list[Commit], room: int) -> None:
    """Groups fill up while anything waits, none is larger than its room, and nothing is lost or done twice."""
    lanes, units = _filled(names)
    taken: list[Queued[None]] = []
    while len(lanes):
        waiting = len(lanes)
        group = lanes.take(room)
        assert len(group) == min(room, waiting)
        taken += group
    for lane in (True, False):
        assert [unit for unit in taken if _at_the_door(unit) is lane] == [
            unit for unit in units if _at_the_door(unit) is lane
        ]


@given(st.integers(1, 200), st.integers(0, 500), st.integers(4, 64))
def test_who_comes_in_by_the_door_waits_for_no_more_than_was_said(door: int, work: int, room: int) -> None:
    """`before_door` is how many are taken before the next one of the door, to within one group's work."""
    lanes, _ = _filled([Commit.SUBMIT_ANSWER] * work + [Commit.ACCEPT] * door)
    said, newest = lanes.before_door(room), _queued(Commit.ACCEPT)
    lanes.put(newest)
    before = 0
    while newest not in (group := lanes.take(room)):
        before += len(group)
    before += group.index(newest)
    assert abs(before - said) <= room // WORK_SHARE


@given(st.integers(1, 500), st.integers(4, 64))
def test_the_work_has_its_share_of_every_group(work: int, room: int) -> None:
    """However many come in by the door, a quarter of a group is the work's while there is any."""
    lanes, _ = _filled([Commit.ACCEPT] * 500 + [Commit.SUBMIT_ANSWER] * work)
    group = lanes.take(room)
    assert sum(not _at_the_door(unit) for unit in group) == min(work, room // WORK_SHARE)


@given(_KINDS, st.integers(1, 20), st.sets(st.integers(0, 59)))
def test_nobody_overtakes_one_of_its_lane_that_does_not_fit(names: list[Commit], room: int, unfit: set[int]) -> None:
    """Of each lane come those before the first that does not, and none else."""
    lanes, units = _filled(names)
    barred = [units[number] for number in unfit if number < len(units)]
    taken = lanes.take(room, lambda queued: queued not in barred)
    assert len(taken) <= room
    assert len(lanes) == len(units) - len(taken)
    for lane in (True, False):
        its = [unit for unit in units if _at_the_door(unit) is lane]
        came = [unit for unit in taken if _at_the_door(unit) is lane]
        assert came == its[: len(came)]
        assert not any(unit in barred for unit in came)
