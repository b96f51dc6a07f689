"""What one process of a run does for one seed: plain functions and plain values, so that they can be handed over."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace

from gateway.simulation import baseline
from gateway.simulation.run import Options, SeedResult, run_seed
from gateway.simulation.story import tell


@dataclass(frozen=True, slots=True)
class SeedTask:
    """One seed to live through."""

    seed: int
    orders: int
    options: Options
    baseline: bool = False
    """Under the rule that others document (`baseline`)."""


def live(task: SeedTask) -> SeedResult:
    """Live through it."""
    began_s = time.process_time()
    with baseline.timeout_is_failed() if task.baseline else nullcontext():
        result = run_seed(task.seed, task.orders, task.options)
    return replace(result, cpu_s=time.process_time() - began_s)


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A seed's violation with the fewest orders that still show it."""

    result: SeedResult
    story: tuple[str, ...]


def shrink(task: SeedTask) -> Shrunk:
    """Halve the orders while the seed still shows a violation, and tell the story of the payout it is about."""
    orders = task.orders
    low = 1
    while low < orders:
        middle = (low + orders) // 2
        if live(replace(task, orders=middle)).violations:
            orders = middle
        else:
            low = middle + 1
    told = live(replace(task, orders=orders, options=replace(task.options, keep_story=True)))
    about = told.about.get(told.violations[0].payout_id or "") if told.violations else None
    return Shrunk(replace(told, story=()), tuple(tell(told, about)))


@dataclass(frozen=True, slots=True)
class Replay:
    """A seed to be told."""

    task: SeedTask
    payout: str | None
    """Payout id or `app/reference` to tell of; None: the violating, else the most eventful one."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What happened."""

    result: SeedResult
    story: tuple[str, ...]


def replay(order: Replay) -> Replayed:
    """Live through a seed once more and tell one payout's story."""
    options = replace(order.task.options, keep_story=True)
    result = live(replace(order.task, options=options))
    about = result.about.get(order.payout or "", order.payout)
    if about is None and result.violations:
        about = result.about.get(result.violations[0].payout_id or "")
    return Replayed(replace(result, story=()), tuple(tell(result, about)))
