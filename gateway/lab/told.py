"""Results as people and programs read them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from gateway.lab.arms.table import ARMS, TUNED
from gateway.lab.measure import Measures, Summary
from gateway.lab.run import Results
from gateway.lab.world import Board


def tuning_hash() -> str:
    """The fingerprint of every number of ours (`HealthTuning`): what was tuned is what was reported."""
    return sha256(json.dumps(TUNED, sort_keys=True).encode()).hexdigest()[:16]


def parameters(arms: list[str]) -> Iterator[str]:
    """A line for each arm, with all its numbers."""
    for arm in arms:
        told = ", ".join(f"{key} = {value}" for key, value in ARMS[arm].parameters.items())
        mark = f" (tuning {tuning_hash()})" if arm == "paymux" else ""
        yield f"{arm}{mark}: {told or 'no parameters'}"


def as_json(results: Results) -> str:
    """One line. The numbers of an arm are those of the choice board; those of the other are under `gateway`."""
    return json.dumps({"worlds": {name: _world(boards) for name, boards in results.items()}}, allow_nan=False)


def _world(boards: Mapping[Board, Mapping[str, Summary]]) -> dict[str, Any]:
    first, *others = sorted(boards)
    arms = {arm: {**_arm(summary)} for arm, summary in boards[first].items()}
    for board in others:
        for arm, summary in boards[board].items():
            arms[arm][board.value] = _arm(summary)
    return {"arms": arms}


def _arm(summary: Summary) -> dict[str, Any]:
    def mean(name: str, digits: int = 3) -> float:
        return round(summary.mean(lambda game: getattr(game, name)), digits)

    return {
        "regret_orders": mean("regret_orders"),
        "regret_ci95": round(summary.half_width(regret), 3),
        "money_minor": mean("money_minor", 1),
        "money_ci95": round(summary.half_width(money), 1),
        "return_orders": summary.return_orders,
        "hit_orders": summary.hit_orders,
        "regret_minor": round(summary.mean(lambda game: game.curve[-1]), 1),
        "exploration_minor": mean("exploration_minor", 1),
        "fee_per_paid_minor": mean("fee_per_paid_minor"),
        "arrival_p50_s": mean("arrival_p50_s"),
        "arrival_p99_s": mean("arrival_p99_s"),
        "unknown_share": mean("unknown_share", 5),
        "paid_share": mean("paid_share", 5),
        "attempts_per_order": mean("attempts", 4),
    }


def regret(game: Measures) -> float:
    """Orders lost against the oracle."""
    return game.regret_orders


def money(game: Measures) -> float:
    """Fees, time and failures."""
    return game.money_minor


HEAD = ("arm", "regret", "± 95 %", "money", "above", "return", "hit", "fee/paid", "p50 s", "p99 s", "unknown")


def table(results: Results) -> Iterator[str]:
    """A table for each world and board; money above the cheapest arm in percent."""
    for name, boards in results.items():
        for board, arms in boards.items():
            yield f"\n{name} ({board})"
            yield _line(HEAD)
            least = min(summary.mean(money) for summary in arms.values())
            for arm, summary in sorted(arms.items(), key=lambda item: item[1].mean(money)):
                yield _line(row(arm, summary, least))


def row(arm: str, summary: Summary, least_minor: float) -> tuple[str, ...]:
    """The cells of one arm."""
    told = summary.mean(money)
    return (
        arm,
        f"{summary.mean(regret):.1f}",
        f"{summary.half_width(regret):.1f}",
        f"{told:,.0f}",
        f"{100.0 * (told / least_minor - 1.0):.1f} %" if least_minor else "",
        _count(summary.return_orders),
        _count(summary.hit_orders),
        f"{summary.mean(lambda game: game.fee_per_paid_minor):.2f}",
        f"{summary.mean(lambda game: game.arrival_p50_s):,.1f}",
        f"{summary.mean(lambda game: game.arrival_p99_s):,.1f}",
        f"{100.0 * summary.mean(lambda game: game.unknown_share):.2f} %",
    )


def _count(orders: float | None) -> str:
    return "-" if orders is None else f"{orders:.0f}"


def _line(cells: tuple[str, ...]) -> str:
    first, *others = cells
    return f"{first:<18}" + "".join(f"{cell:>12}" for cell in others)
