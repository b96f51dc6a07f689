"""A backtest as people and programs read it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.lab.backtest import Backtest, Compared
from gateway.lab.orders import LeftOut, Read
from gateway.lab.snips import Estimate

THIN = 100.0
"""Fewer effective orders than this are too few for the intervals to be believed: they are too narrow."""
ASKEW = 0.2
"""A mean weight that is farther from 1 than this is no chance."""

_WORDS = {
    LeftOut.OPEN: "not settled yet",
    LeftOut.NOT_ITS_FAULT: "failed for the beneficiary's sake or ours",
    LeftOut.NO_DECISION: "without a decision that can be read",
}


def as_json(results: Mapping[str, Backtest], read: Read) -> str:
    """One line."""
    return json.dumps(fields(results, read), allow_nan=False)


def fields(results: Mapping[str, Backtest], read: Read) -> dict[str, Any]:
    """As programs read it."""
    return {
        "currencies": {currency: _fields(result) for currency, result in results.items()},
        "left_out": {reason.value: read.left_out[reason] for reason in LeftOut},
        "guessed_kind": read.guessed,
    }


def _fields(result: Backtest) -> dict[str, Any]:
    return {
        "orders": result.orders,
        "effective_orders": round(result.effective_orders, 1),
        "mean_weight": round(result.mean_weight, 4),
        "fee_per_paid_minor": _both(result.fee_minor),
        "success_share": _both(result.success_share),
        "arrival_s": _both(result.arrival_s),
        "moved_share": round(result.moved_share, 6),
        "moves": [{"from": old, "to": new, "orders": count} for (old, new), count in sorted(result.moves.items())],
        "unsupported": dict(sorted(result.unsupported.items())),
        "refused": result.refused,
    }


def _both(compared: Compared) -> dict[str, dict[str, float] | None]:
    return {"old": _estimate(compared.old), "new": _estimate(compared.new)}


def _estimate(estimate: Estimate | None) -> dict[str, float] | None:
    return None if estimate is None else {"value": round(estimate.value, 6), "ci95": round(estimate.half_width, 6)}


def in_words(results: Mapping[str, Backtest], read: Read) -> Iterator[str]:
    """A paragraph for each currency, then what was left out."""
    for currency, result in results.items():
        yield from _paragraph(currency, result)
    if not results:
        yield "no order in the log can be weighed"
    for reason in LeftOut:
        if read.left_out[reason]:
            yield f"left out: {read.left_out[reason]} {_WORDS[reason]}"
    if read.guessed:
        yield f"kind of beneficiary guessed: {read.guessed}"


def _paragraph(currency: str, result: Backtest) -> Iterator[str]:
    yield f"{currency}: {result.orders} first attempts; {result.effective_orders:.0f} of the new policy's tell as much"
    yield _line("", "as logged", "new policy, estimated")
    yield _compared("fee per paid, minor", result.fee_minor, 1.0, 2)
    yield _compared("success, %", result.success_share, 100.0, 2)
    yield _compared("arrival, s", result.arrival_s, 1.0, 1)
    yield f"would have moved: {sum(result.moves.values())} ({100.0 * result.moved_share:.1f} %)"
    for (old, new), count in sorted(result.moves.items(), key=lambda move: (-move[1], move[0])):
        yield f"  {old} -> {new}: {count}"
    for channel, count in sorted(result.unsupported.items()):
        yield f"unsupported: {count} to {channel}, never chosen in their place; the estimates are not of them"
    if result.refused:
        yield f"no channel of the new policy would have taken {result.refused}"
    if abs(result.mean_weight - 1.0) > ASKEW:
        yield f"weights are {result.mean_weight:.2f} in the mean and should be 1: not the whole policy is estimated"
    if result.effective_orders < THIN:
        yield f"fewer than {THIN:.0f} effective orders: do not rely on the intervals"


def _compared(name: str, compared: Compared, factor: float, digits: int) -> str:
    return _line(name, _told(compared.old, factor, digits), _told(compared.new, factor, digits))


def _told(estimate: Estimate | None, factor: float, digits: int) -> str:
    if estimate is None:
        return "-"
    return f"{factor * estimate.value:,.{digits}f} ± {factor * estimate.half_width:,.{digits}f}"


def _line(name: str, old: str, new: str) -> str:
    return f"  {name:<22}{old:>22}{new:>26}"
