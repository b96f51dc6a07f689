"""Breadth first through all worlds, until none is new, one is wrong, or there are enough."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import pairwise

from tests.exhaustive.world import Model, World


@dataclass(slots=True)
class Seen:
    """What a search saw."""

    worlds: int
    """Distinct ones."""
    changes: int
    depth: int
    """Changes from the beginning to the farthest world looked at."""
    payouts: int
    exhausted: bool
    seconds: float
    endings: dict[str, int] = field(default_factory=dict)
    """Worlds by the payout's status."""
    wrong: str | None = None
    story: list[str] = field(default_factory=list)
    """How the wrong world came about, if there is one: the shortest way."""


def search(model: Model, worlds_max: int) -> Seen:
    """Look at every world until `worlds_max` distinct ones are known."""
    began = time.perf_counter()
    before: dict[World, World | None] = {model.start: None}
    level, depth, changes, wrong = [model.start], 0, 0, None
    while level and wrong is None and len(before) < worlds_max:
        fresh: list[World] = []
        for world in level:
            for _, _, after in model.changes(world):
                changes += 1
                if after not in before:
                    before[after] = world
                    fresh.append(after)
            if len(before) >= worlds_max:
                break
        wrong = next((world for world in fresh if model.wrong(world)), None) or _breached(model, before)
        level, depth = fresh, depth + 1
    return Seen(
        worlds=len(before),
        changes=changes,
        depth=depth,
        payouts=len(model.table.payouts),
        exhausted=not level,
        seconds=time.perf_counter() - began,
        endings=_endings(model, before),
        wrong=None if wrong is None else model.wrong(wrong),
        story=[] if wrong is None else _story(model, before, wrong),
    )


def _breached(model: Model, before: dict[World, World | None]) -> World | None:
    """A change that broke a law may lead to a payout that was known, and sound, before."""
    broken = {number for number, laws in enumerate(model.table.broken) if laws}
    return next((world for world in before if world[0] in broken), None) if broken else None


def _endings(model: Model, worlds: dict[World, World | None]) -> dict[str, int]:
    by_payout: dict[int, int] = {}
    for world in worlds:
        by_payout[world[0]] = by_payout.get(world[0], 0) + 1
    endings: dict[str, int] = {}
    for payout, count in by_payout.items():
        facts = model.table.facts[payout]
        name = str(facts.status) + (", frozen" if facts.frozen else "") + (", held" if facts.held else "")
        endings[name] = endings.get(name, 0) + count
    return dict(sorted(endings.items()))


def _story(model: Model, before: dict[World, World | None], end: World) -> list[str]:
    """From the beginning to `end`, one line a change."""
    way, world = [end], before[end]
    while world is not None:
        way.append(world)
        world = before[world]
    way.reverse()
    lines = [
        next(_line(what, number) for what, number, after in model.changes(here) if after == there)
        for here, there in pairwise(way)
    ]
    return [*lines, model.describe(end)]


def _line(what: str, number: int) -> str:
    return f"attempt {number}: {what}" if number else what
