"""What a gateway does with more than it can do: at least three times its peak, for a minute, and the time after that.

1. *peak*: as many orders as it accepts, from a crowd that asks again at once; then it works off what it took.
2. *normal*: half of that, open loop: what an order takes when there is room.
3. *overload*: offered at a rate that waits for nobody. 503 and closed connections are what it may answer besides 201.
4. *after*: the normal rate again, at once.

`lost` counts orders that were answered 201 and are not in the database afterwards. The load comes from a process of its
own (this one) on the same machine, and takes its share of it: as little as it can, with what it says signed before.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from typing import Any

import uvloop

from bench.load import Load, Seen, ratio
from bench.stage import Stage, stage

CROWD = 128
TIMES = 3.2
CONNECTIONS = 3000
PEAK_MOST = 800
"""Orders a second that are prepared for the peak; what comes beyond is signed as it goes."""
DRAIN_S = 600.0


def measure(seconds: float) -> dict[str, Any]:
    """`seconds` of overload; the other phases take a sixth of it each, and two seconds at least."""
    with stage() as on:
        on.start()
        return uvloop.run(_measure(on, seconds))


async def _measure(on: Stage, seconds: float) -> dict[str, Any]:
    part_s = max(seconds / 6, 2.0)
    load, memory = Load(on.public, CONNECTIONS), [on.rss_mb()]
    load.prepare(int(PEAK_MOST * part_s))
    warm = await load.press(16, 1.0)
    peak = await load.press(CROWD, part_s)
    drain_s = await _drained(on)
    load.prepare(int(peak.accepted_per_s * (part_s + seconds * TIMES)) + 1)
    normal = await load.offer(peak.accepted_per_s / 2, part_s)
    watching = asyncio.create_task(_watch(on, memory))
    overload = await load.offer(peak.accepted_per_s * TIMES, seconds)
    after = await load.offer(peak.accepted_per_s / 2, part_s)
    watching.cancel()
    load.close()
    on.stop()
    phases = {"peak": peak, "normal": normal, "overload": overload, "after": after}
    lost = _lost(on, [warm, *phases.values()])
    return {**{name: seen.told() for name, seen in phases.items()}, **_summary(phases, memory, lost, drain_s)}


def _summary(phases: dict[str, Seen], memory: list[float], lost: int, drain_s: float) -> dict[str, Any]:
    peak, overload = phases["peak"], phases["overload"]
    normal_ms, after_ms = phases["normal"].told()["accepted_p50_ms"], phases["after"].told()["accepted_p50_ms"]
    return {
        "offered_of_peak": round(overload.sent / overload.seconds / peak.accepted_per_s, 2),
        "accepted_of_peak": round(overload.accepted_per_s / peak.accepted_per_s, 2),
        "after_of_normal": ratio(after_ms, normal_ms),
        "rss_mb": {"before": round(memory[0]), "most": round(max(memory))},
        "worked_off_peak_in_s": round(drain_s, 1),
        "lost": lost,
    }


async def _watch(on: Stage, memory: list[float]) -> None:
    while True:
        memory.append(on.rss_mb())
        await asyncio.sleep(0.5)


async def _drained(on: Stage) -> float:
    """Wait until everything accepted has ended; how long that took."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < DRAIN_S and unfinished(on):
        await asyncio.sleep(0.2)
    return time.monotonic() - began_s


def unfinished(on: Stage) -> int:
    """Payouts that have not ended."""
    with closing(sqlite3.connect(f"file:{on.database}?mode=ro", uri=True, timeout=30)) as db:
        query = "SELECT count(*) FROM payouts WHERE status NOT IN ('paid', 'failed', 'canceled', 'returned')"
        return int(db.execute(query).fetchone()[0])


def _lost(on: Stage, phases: list[Seen]) -> int:
    with closing(sqlite3.connect(f"file:{on.database}?mode=ro", uri=True)) as db:
        kept = {row[0] for row in db.execute('SELECT reference FROM "references"')}
    return sum(reference not in kept for seen in phases for reference in seen.accepted)


def table(result: dict[str, Any]) -> str:
    """For people."""
    lines = ["phase      offered/s  accepted/s  p50 ms  p99 ms  answers"]
    for name in ("peak", "normal", "overload", "after"):
        row = result[name]
        lines.append(
            f"{name:<9}  {row['offered_per_s']:>9}  {row['accepted_per_s']:>10}  {row['accepted_p50_ms'] or '-':>6}"
            f"  {row['accepted_p99_ms'] or '-':>6}  {row['answers']}"
        )
    lines += [f"{name} {result[name]}" for name in list(result)[4:]]
    return "\n".join(lines)
