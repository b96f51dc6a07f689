"""Arms against worlds over seeds, on several processes. Which process plays a seed changes nothing."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway.lab.arms.table import ARMS
from gateway.lab.match import match, setting
from gateway.lab.measure import Measures, Summary, measure
from gateway.lab.trace import draw
from gateway.lab.truth import Truth
from gateway.lab.turns import Turn, turns
from gateway.lab.world import Board, World

Results = dict[str, dict[Board, dict[str, Summary]]]
"""By world, board and arm."""


@dataclass(frozen=True, slots=True)
class Task:
    """One seed of one world, for all arms: they share its luck."""

    name: str
    world: World
    seed: int
    arms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a task."""

    name: str
    seed: int
    games: Mapping[tuple[Board, str], Measures]


def run(
    worlds: Mapping[str, World],
    arms: Sequence[str],
    seeds: range,
    jobs: int,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> Results:
    """Play everything; `tell` hears of the progress."""
    tasks = [Task(name, world, seed, tuple(arms)) for name, world in worlds.items() for seed in seeds]
    tasks.sort(key=lambda task: -task.world.orders.count)
    played: list[Played] = []
    for each in _each(tasks, jobs):
        played.append(each)
        tell(len(played), len(tasks))
    played.sort(key=lambda each: each.seed)
    return {
        name: _summaries(world, arms, [each for each in played if each.name == name]) for name, world in worlds.items()
    }


def play(task: Task) -> Played:
    """One task."""
    truth, turning = _truth(task.name, task.world)
    trace = draw(truth, task.name, task.seed)
    games = {}
    for board in sorted(task.world.boards):
        known = setting(trace, task.name, board)
        for arm in task.arms:
            games[board, arm] = measure(match(trace, known, task.name, arm, ARMS[arm].make), turning)
    return Played(task.name, task.seed, games)


def _each(tasks: Sequence[Task], jobs: int) -> Iterable[Played]:
    if jobs <= 1:
        yield from map(play, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(min(jobs, max(len(tasks), 1))) as pool:
        yield from pool.imap_unordered(play, tasks, chunksize=1)


@lru_cache(maxsize=2)
def _truth(name: str, world: World) -> tuple[Truth, tuple[Turn, ...]]:
    truth = Truth(world)
    return truth, turns(truth)


def _summaries(world: World, arms: Sequence[str], played: Sequence[Played]) -> dict[Board, dict[str, Summary]]:
    return {
        board: {arm: Summary(tuple(each.games[board, arm] for each in played)) for arm in arms}
        for board in sorted(world.boards)
    }
