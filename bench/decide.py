"""What one decision costs, as a multiple of its dice alone: N bare draws from a beta distribution.

Both are timed in turns, in processor time, and the median of the rounds' ratios is told: a busy machine slows both. The
explanation is kept (the `Decision` with every candidate's parts), and the limit holds with writing it out as it is
stored, which is timed as well (`with_json`). That the past does not matter is shown with records of 100 and of 100,000
outcomes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from statistics import median
from time import process_time
from typing import Any

from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import Money
from routing.decide import LiveFacts, Request, decide
from routing.fees import FeeKind, FeeRule
from routing.health import FAILURE, SUCCESS
from routing.health_book import HealthBook, health_class
from routing.policy import ChannelPolicy, ChannelState

SIZES = (3, 10, 100)
LIMITS = {3: 5.0, 10: 3.0, 100: 3.0}
"""The most that a decision may cost, by number of channels."""
PAST = (100, 100_000)
_BATCH = 300
"""Draws in one timing, about."""

_AMOUNT = Money(12_345, "CNY")
_KIND = BeneficiaryKind.BANK_ACCOUNT
_CLASS = health_class(_AMOUNT.minor, _KIND)


@dataclass(frozen=True, slots=True)
class _Stage:
    policies: tuple[ChannelPolicy, ...]
    live: dict[str, LiveFacts]
    book: HealthBook


def measure(rounds: int) -> dict[str, Any]:
    """Ratios by number of channels, and the cost of the past."""
    sizes = {str(size): _of_size(size, rounds) for size in SIZES}
    few, many = (_stage(10, outcomes) for outcomes in PAST)
    times = _in_turns([_decision(few, 60), _decision(many, 60)], rounds)
    past = {"outcomes": list(PAST), "ratio": round(median(b / a for a, b in times), 3)}
    return {"decide": sizes, "past": past}


def table(result: dict[str, Any]) -> str:
    """For people."""
    lines = ["channels  decision/draws  at most  with JSON  microseconds"]
    for size, row in result["decide"].items():
        lines.append(
            f"{size:>8}  {row['ratio']:>14}  {row['limit']:>7}  {row['ratio_with_json']:>9}  {row['decide_us']:>12}"
        )
    few, many = result["past"]["outcomes"]
    lines.append(f"after {many} outcomes it costs {result['past']['ratio']} times what it does after {few}")
    return "\n".join(lines)


def _of_size(size: int, rounds: int) -> dict[str, Any]:
    stage, times = _stage(size, 1_000), max(_BATCH // size, 1)
    timed = _in_turns([_draws(stage, times), _decision(stage, times), _written(stage, times)], rounds)
    return {
        "ratio": round(median(decision / draws for draws, decision, _ in timed), 2),
        "ratio_with_json": round(median(written / draws for draws, _, written in timed), 2),
        "limit": LIMITS[size],
        "draws_us": round(median(draws for draws, _, _ in timed) / times * 1e6, 2),
        "decide_us": round(median(decision for _, decision, _ in timed) / times * 1e6, 2),
    }


def _in_turns(tasks: list[Callable[[], None]], rounds: int) -> list[tuple[float, ...]]:
    for task in tasks:
        task()
    return [tuple(_timed(task) for task in tasks) for _ in range(rounds)]


def _timed(task: Callable[[], None]) -> float:
    begun = process_time()
    task()
    return process_time() - begun


def _draws(stage: _Stage, times: int) -> Callable[[], None]:
    """As many draws as there are channels, from the same posteriors."""
    random = Random(1)
    rows = [stage.book.posterior(policy.name, _CLASS).prepared.rows[0][1:] for policy in stage.policies]

    def run() -> None:
        for _ in range(times):
            for alpha, beta in rows:
                random.betavariate(alpha, beta)

    return run


def _decision(stage: _Stage, times: int) -> Callable[[], None]:
    random, request = Random(1), Request(_AMOUNT, _KIND)

    def run() -> None:
        for _ in range(times):
            decide(request, stage.policies, stage.live, stage.book, random=random)

    return run


def _written(stage: _Stage, times: int) -> Callable[[], None]:
    random, request = Random(1), Request(_AMOUNT, _KIND)

    def run() -> None:
        for _ in range(times):
            decide(request, stage.policies, stage.live, stage.book, random=random).to_json()

    return run


def _stage(size: int, outcomes: int) -> _Stage:
    """`size` channels that are all usable, with so many outcomes behind them."""
    names = [f"channel-{number:03}" for number in range(size)]
    policies = tuple(_policy(name, fee) for fee, name in enumerate(names, start=10))
    book, random = HealthBook(), Random(size)
    for number in range(outcomes):
        book.observe(names[number % size], _CLASS, SUCCESS if random.random() < 0.95 else FAILURE, float(number))
    return _Stage(policies, {name: LiveFacts(in_flight=1) for name in names}, book)


def _policy(name: str, fee_minor: int) -> ChannelPolicy:
    return ChannelPolicy(
        name=name,
        state=ChannelState.ENABLED,
        currencies=frozenset({"CNY"}),
        kinds=frozenset({_KIND}),
        fees=(FeeRule(FeeKind.PERCENT, "CNY", bps=10, min_minor=fee_minor),),
        usual_s=2.0,
        in_flight=50,
        rps=20.0,
        min_minor=1,
        max_minor=10**9,
    )
