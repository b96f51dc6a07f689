"""How soon decisions follow a change of the file, from when it was written, when it was in force and who was chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.config.watching import DEBOUNCE_MS

CHEAPEST = "alpha"
DECISIONS_MAX = 100
SHARE_MIN = 0.5
"""What the cheapest has of the decisions while it is enabled, at least: or its leaving would say nothing."""

Opened = Sequence[tuple[float, str]]
"""Attempts by time: when, on which channel."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the file that came into force. Times in seconds since 1970."""

    way: str
    drains: bool
    """The cheapest channel; or it is enabled again."""
    wrote_s: float
    in_force_s: float
    open_then: int
    """Attempts on the channel that had not ended when it was in force."""


def rows(changes: Sequence[Change], opened: Opened) -> list[Row]:
    """What came of each change by the time of the next one."""
    begins = [float("-inf"), *(change.in_force_s for change in changes)]
    ends = [*(change.wrote_s for change in changes[1:]), float("inf")]
    found = []
    for change, begin_s, end_s in zip(changes, begins, ends, strict=False):
        before = Counter(name for at_s, name in opened if begin_s < at_s <= change.wrote_s)
        after = [each for each in opened if change.wrote_s < each[0] <= end_s]
        row: Row = {"way": change.way, "in_force_ms": _ms(change.in_force_s - change.wrote_s)}
        found.append(row | (_left(change, before, after) if change.drains else _back(change, after)))
    return found


def _left(change: Change, before: Counter[str], after: Opened) -> Row:
    debounced_s = change.wrote_s + DEBOUNCE_MS / 1000
    last_s = max((at_s for at_s, name in after if name == CHEAPEST), default=change.wrote_s)
    return {
        "drained": True,
        "share_before": round(before[CHEAPEST] / max(before.total(), 1), 2),
        "last_attempt_ms": _ms(last_s - change.wrote_s),
        "decisions_after_debounce": sum(debounced_s < at_s <= last_s for at_s, _ in after),
        "to_it_in_force": sum(at_s > change.in_force_s and name == CHEAPEST for at_s, name in after),
        "under_way_then": change.open_then,
    }


def _back(change: Change, after: Opened) -> Row:
    first_s = min((at_s for at_s, name in after if name == CHEAPEST), default=None)
    return {"drained": False, "first_attempt_ms": None if first_s is None else _ms(first_s - change.wrote_s)}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _drains(result: Row) -> list[Row]:
    return [row for row in result["changes"] if row["drained"]]


RULES: dict[str, Callable[[Row], bool]] = {
    "traffic leaves within one debounce and 100 decisions": lambda told: all(
        row["decisions_after_debounce"] <= DECISIONS_MAX and row["to_it_in_force"] <= DECISIONS_MAX
        for row in _drains(told)
    ),
    "there was traffic to leave": lambda told: all(row["share_before"] >= SHARE_MIN for row in _drains(told)),
    "it comes back": lambda told: all(
        row["first_attempt_ms"] is not None for row in told["changes"] if not row["drained"]
    ),
    "a broken file changes nothing": lambda told: (
        told["broken"]["drained_is_in_force"] and told["broken"]["decisions"] and not told["broken"]["decisions_to_it"]
    ),
    "a broken file is told of": lambda told: (
        told["broken"]["names_its_line"] and told["broken"]["last_reload_successful"] == 0.0
    ),
    "the next one that holds ends that": lambda told: told["last_reload_successful"] == 1.0,
    "nothing fails": lambda told: set(told["answers"]) == {"201"},
    "what was under way finishes, and everything is paid": lambda told: told["accepted"] and not told["unpaid"],
}
"""What must be true of the result."""


def broken(result: Row) -> list[str]:
    """The rules that were."""
    return [rule for rule, kept in RULES.items() if not kept(result)]
