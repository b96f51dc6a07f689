"""What a store that has grown costs: the same orders through gateways with more and more finished payouts, in turns.

All stand on one stage (`bench.town`), each on a store of its own. In each round the same number of orders goes the
whole way through each of them: accepted, sent, notified, told. What is told are medians, and their ratio to the gateway
whose store is empty, in the same round: processor time (which a noisy machine disturbs least), payouts a second, how
long the gateway took to accept one, how much memory it has. Ten million are what the last two sizes lead to.

What is told is a gateway that has worked for a while: `warm` payouts go before the first round. Keys begin with the
time, so that the next payouts are written where the last ones were; what others name (their references' indexes) is
scattered, and read from the disk as it comes.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.beside import beside, cpu_s
from bench.copies import Templates
from bench.e2e import AT_ONCE, Place, place
from bench.stage import Stage

SQLITE = "sqlite:state/paymux.db"
TEMPLATES = 256
WARM = 2_000
FAR = 10_000_000
ACCEPTED = re.compile(r'^paymux_http_request_duration_seconds_(sum|count)\{route="/v1/payouts"\} (\S+)$', re.MULTILINE)


@dataclass(slots=True)
class Grown:
    """A gateway whose store holds so many finished payouts."""

    size: int
    stage: Stage
    bytes_each: int | None = None
    payouts_s: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    accept_ms: list[float] = field(default_factory=list)
    rss_mb: float = 0.0

    def told(self, empty: Grown) -> dict[str, Any]:
        """Ratios to the empty one, round by round."""
        return {
            "payouts": self.size,
            "bytes_each": self.bytes_each,
            "cpu_ms": round(median(self.cpu_ms), 2),
            "payouts_s": round(median(self.payouts_s), 1),
            "accept_ms": round(median(self.accept_ms), 2),
            "rss_mb": round(self.rss_mb),
            "cpu_of_empty": _ratio(self.cpu_ms, empty.cpu_ms),
            "speed_of_empty": _ratio(self.payouts_s, empty.payouts_s),
            "accept_of_empty": _ratio(self.accept_ms, empty.accept_ms),
        }


def measure(rounds: int, payouts: int, sizes: Sequence[int], warm: int) -> dict[str, Any]:
    """`payouts` a round through a gateway for each of `sizes`, of which the first is 0, after `warm` of them."""
    with place(SQLITE) as at, ExitStack() as stack:
        grown = []
        for size in sizes:
            stage = stack.enter_context(beside(at, f"grown{size}", SQLITE))
            grown.append(_fill(at, Grown(size, stage)))
        for number in range(rounds + 1):
            for each in grown if number % 2 else reversed(grown):
                _turn(at, each, f"r{number}", payouts if number else warm, told=number > 0)
        return {**_told(at, grown, rounds), "warm": warm}


def table(result: dict[str, Any]) -> str:
    """For people."""
    head = " finished  bytes each  CPU ms  of empty  payouts/s  of empty  accept ms  of empty  memory MB"
    far = f"ten million, by the slope: {result['at_10m']}"
    return "\n".join([head, *map(_line, result["sizes"]), far])


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['payouts']:>9}  {row['bytes_each'] or '-':>10}  {row['cpu_ms']:>6}  {row['cpu_of_empty']:>8}"
        f"  {row['payouts_s']:>9}  {row['speed_of_empty']:>8}  {row['accept_ms']:>9}  {row['accept_of_empty']:>8}"
        f"  {row['rss_mb']:>9}"
    )


def _fill(at: Place, grown: Grown) -> Grown:
    """Let it work some off, copy them while it is down, and start it again."""
    stage = grown.stage
    stage.start()
    _order(
        at, stage, f"-template-of-a-finished-payout-{grown.size}", TEMPLATES
    )  # long: copies have names of its length
    stage.stop()
    if grown.size:
        before = _size(stage.database)
        Templates.of(stage.database).copy(stage.database, grown.size)
        grown.bytes_each = (_size(stage.database) - before) // grown.size
    stage.start()
    return grown


def _size(database: Path) -> int:
    return sum(each.stat().st_size for each in database.parent.glob(f"{database.name}*"))


def _order(at: Place, stage: Stage, name: str, payouts: int) -> dict[str, Any]:
    at.ask(prepare=stage.public, path=at.sides[1].notify_path, name=f"g{name}", count=payouts, derived=True)
    return at.ask(press=AT_ONCE)


def _turn(at: Place, grown: Grown, name: str, payouts: int, *, told: bool) -> None:
    stage = grown.stage
    assert stage.process is not None  # noqa: S101 - it was filled and started
    used_s, accepted = cpu_s(stage.process.pid), _accepted(stage)
    said = _order(at, stage, f"{grown.size}{name}", payouts)
    if not told:
        return
    done = max(len(said["took_ms"]), 1)
    took_s, number = (after - before for after, before in zip(_accepted(stage), accepted, strict=True))
    grown.cpu_ms.append((cpu_s(stage.process.pid) - used_s) * 1000 / done)
    grown.payouts_s.append(done / said["seconds"])
    grown.accept_ms.append(took_s * 1000 / max(number, 1))
    grown.rss_mb = max(grown.rss_mb, stage.rss_mb())


def _accepted(stage: Stage) -> tuple[float, float]:
    """By the gateway's own metrics: seconds spent on accepting, and how often."""
    with urllib.request.urlopen(f"http://127.0.0.1:{stage.admin}/metrics", timeout=30) as answer:
        found = dict(ACCEPTED.findall(answer.read().decode()))
    return float(found.get("sum", 0)), float(found.get("count", 0))


def _told(at: Place, grown: Sequence[Grown], rounds: int) -> dict[str, Any]:
    rows = [each.told(grown[0]) for each in grown]
    return {
        "sizes": rows,
        "at_10m": _far(rows) if len(rows) > 2 else {},
        "memory_grew_mb": rows[-1]["rss_mb"] - rows[0]["rss_mb"],
        "rounds": rounds,
        "sent_twice": at.sent_twice,
        "errors": sum(at.errors.values()),
        **({"which_errors": at.errors} if at.errors else {}),
        "broken_rules": at.sent_twice,
    }


def _far(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Straight on from the last two sizes."""
    less, more = rows[-2:]
    times = (FAR - more["payouts"]) / (more["payouts"] - less["payouts"])
    kept = ("cpu_of_empty", "speed_of_empty", "accept_of_empty")
    far = {name: round(more[name] + (more[name] - less[name]) * times, 2) for name in kept}
    return {"gigabytes": round(FAR * more["bytes_each"] / 1e9, 1), **far}


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return round(median(one / other for one, other in zip(ours, theirs, strict=True)), 2)
