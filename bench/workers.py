"""What a second worker gains: the same orders through one process and through several that share the port, in turns.

One channel and one app for both (`bench.town`), each gateway on a database of its own on the same PostgreSQL. What is
told is the ratio of payouts a second, and who used the processors meanwhile: where they are all in use, more workers
gain nothing, however well they share. `cores_used` are processor seconds in a second, `load_share` is the part of them
that made the load and played the channel.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.beside import beside, cpu_s
from bench.e2e import AT_ONCE, WARM, Place, place
from bench.postgres import Server, server


@dataclass(slots=True)
class Side:
    """One gateway, and what was measured of it."""

    name: str
    pid: int
    port: int
    payouts_s: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    """Of its processes, for each payout."""
    used: dict[str, list[float]] = field(default_factory=dict)
    """By whom: cores in use."""

    def told(self) -> dict[str, Any]:
        return {
            "payouts_s": round(median(self.payouts_s), 1),
            "cpu_ms": round(median(self.cpu_ms), 2),
            "cores_used": {who: round(median(cores), 2) for who, cores in self.used.items()},
        }


def measure(rounds: int, payouts: int, workers: int, store: str | None) -> dict[str, Any]:
    """`payouts` in each of `rounds` rounds through one process, and through `workers`; `store`: the URL of a server."""
    with server(store) as postgres, postgres.database() as alone, place(alone) as at:
        gateway = at.sides[1]
        with _crew(at, postgres, workers) as crew:
            sides = [Side("one", gateway.process.pid, gateway.port), crew]
            for side in sides:
                _turn(at, side, "warm", WARM, postgres, told=False)
            for number in range(rounds):
                for side in sides if number % 2 else reversed(sides):
                    _turn(at, side, f"r{number}", payouts, postgres)
            return _told(at, sides, workers)


def table(result: dict[str, Any]) -> str:
    """For people."""
    return "\n".join(f"{name:<16} {value}" for name, value in result.items())


@contextmanager
def _crew(at: Place, postgres: Server, workers: int) -> Iterator[Side]:
    with postgres.database() as database, beside(at, "crew", database, (f"--workers={workers}",)) as stage:
        stage.start()
        assert stage.process is not None  # noqa: S101 - just started
        yield Side("workers", stage.process.pid, stage.public)


def _turn(at: Place, side: Side, name: str, payouts: int, postgres: Server, *, told: bool = True) -> None:
    path = at.sides[1].notify_path
    at.ask(prepare=side.port, path=path, name=f"{side.name}{name}", count=payouts, derived=True)
    watched = {"gateway": side.pid, "load and channel": at.town.pid}
    watched |= {} if postgres.pid is None else {"postgres": postgres.pid}
    before = {who: cpu_s(pid) for who, pid in watched.items()}
    said = at.ask(press=AT_ONCE)
    used = {who: cpu_s(pid) - before[who] for who, pid in watched.items()}
    if not told:
        return
    done, seconds = len(said["took_ms"]), said["seconds"]
    side.payouts_s.append(done / seconds)
    side.cpu_ms.append(used["gateway"] * 1000 / max(done, 1))
    for who, spent_s in used.items():
        side.used.setdefault(who, []).append(spent_s / seconds)


def _told(at: Place, sides: list[Side], workers: int) -> dict[str, Any]:
    one, many = sides
    ratios = [more / less for more, less in zip(many.payouts_s, one.payouts_s, strict=True)]
    whole = sum(median(cores) for cores in many.used.values())
    return {
        "speed_up": round(median(ratios), 2),
        "spread": [round(min(ratios), 2), round(max(ratios), 2)],
        "workers": workers,
        "cores": os.cpu_count(),
        "one": one.told(),
        "many": many.told(),
        "load_share": round(median(many.used["load and channel"]) / whole, 2),
        "sent_twice": at.sent_twice,
        "errors": sum(at.errors.values()),
        **({"which_errors": at.errors} if at.errors else {}),
        "rounds": len(ratios),
        "broken_rules": at.sent_twice,
    }
