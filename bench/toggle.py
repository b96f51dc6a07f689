"""The cheapest of three channels is drained and enabled again by its line in config.toml, while orders come in.

1. written in place; 2. a file with a fault, which would also have enabled it; 3. another renamed over it; 4. a mounted
ConfigMap, whose link is swapped. What is told of each: how long the file took to be in force, when the last attempt was
opened on the channel, how many decisions there were by then, and what was under way on it.

Times are of one machine's clock: the file's write by this process, the rest by the gateway's log and its rows. The log
is written into the folder that is watched, so the debounce takes as long as it ever does.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import time
import urllib.request
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from bench.leaving import CHEAPEST, DECISIONS_MAX, Change, Opened, broken, rows
from bench.load import Load, Seen
from bench.overload import unfinished
from bench.stage import MOCK, Stage, stage
from bench.ways import Said, Way, in_place, link_swapped, mounted, renamed_over
from gateway.config.watching import DEBOUNCE_MS

FEES_MINOR = {CHEAPEST: 100, "beta": 200, "gamma": 300}
SEEN_MIN = 2 * DECISIONS_MAX
"""Decisions between two changes."""
END_S = 300.0
CROWD = 16

Result = dict[str, Any]


def measure() -> Result:
    """All of it, at half the rate that the machine works off."""
    with stage(channels="\n".join(_channel(name, fee) for name, fee in FEES_MINOR.items())) as on:
        on.start()
        return asyncio.run(_measure(on))


def table(result: Result) -> str:
    """For people."""
    lines = ["change        to       in force ms  last (first) on it ms  decisions after the debounce  under way then"]
    for row in result["changes"]:
        to, at_ms = ("drained", row["last_attempt_ms"]) if row["drained"] else ("enabled", row["first_attempt_ms"])
        lines.append(
            f"{row['way']:<12}  {to:<7}  {row['in_force_ms']:>11}  {at_ms:>21}"
            f"  {row.get('decisions_after_debounce', '-'):>28}  {row.get('under_way_then', '-'):>14}"
        )
    return "\n".join([*lines, *(f"{name} {told}" for name, told in result.items() if name != "changes")])


def _channel(name: str, fee_minor: int) -> str:
    made = MOCK.replace("channels.mock", f"channels.{name}").replace("usual_s = 0.05", "usual_s = 0.5")
    return made.replace("amount = 1\n", f"amount = {fee_minor}\n")


async def _measure(on: Stage) -> Result:
    load, over, phases = Load(on.public, 1000), asyncio.Event(), list[Seen]()
    rate = await _rate(on, load)
    offering = asyncio.create_task(_offer(load, rate, phases, over))
    play = _Play(on, Said(on.log), (on.folder / "config.toml").read_text())
    await play.seen()
    await play.change("in place", in_place, drains=True)
    refused = await play.broken()
    await play.change("renamed over", renamed_over, drains=False)
    await play.change("renamed over", renamed_over, drains=True)
    await play.change("mounted", mounted, drains=False)
    await play.change("link swapped", link_swapped, drains=True)
    await play.change("link swapped", link_swapped, drains=False)
    over.set()
    await offering
    await _ended(on)
    load.close()
    result = {
        "offered_per_s": round(rate, 1),
        "debounce_ms": DEBOUNCE_MS,
        "changes": rows(play.changes, _opened(on, 0.0)),
        "broken": refused,
        "last_reload_successful": _metrics(on)["paymux_config_last_reload_successful", ""],
        "answers": dict(sum((seen.statuses for seen in phases), Counter[str]())),
        "accepted": sum(len(seen.accepted) for seen in phases),
        "unpaid": _unpaid(on, phases),
    }
    on.stop()
    return result | {"broken_rules": broken(result)}


async def _rate(on: Stage, load: Load) -> float:
    """Half of what is accepted *and* worked off in a second."""
    began_s = time.monotonic()
    warm = await load.press(CROWD, 3.0)
    await _ended(on)
    return len(warm.accepted) / (time.monotonic() - began_s) / 2


async def _offer(load: Load, rate: float, phases: list[Seen], over: asyncio.Event) -> None:
    while not over.is_set():
        phases.append(await load.offer(rate, 1.0))


async def _ended(on: Stage) -> None:
    """Wait until every payout has."""
    until_s = time.monotonic() + END_S
    while time.monotonic() < until_s and await asyncio.to_thread(unfinished, on) > 0:
        await asyncio.sleep(0.1)


@dataclass(slots=True)
class _Play:
    """The changes, one after the other, and what came of each."""

    on: Stage
    said: Said
    text: str
    """With the channel enabled."""
    changes: list[Change] = field(default_factory=list)

    def drained(self) -> str:
        return self.text.replace(f"[channels.{CHEAPEST}]", f'[channels.{CHEAPEST}]\nstate = "draining"')

    async def change(self, name: str, way: Way, *, drains: bool) -> None:
        text, wrote_s = self.drained() if drains else self.text, time.time()
        way(self.on.folder / "config.toml", text)
        told = await asyncio.to_thread(self.said.until, "config.reloaded", sha256=_sha256(text))
        in_force_s = datetime.fromisoformat(told["timestamp"]).timestamp()
        self.changes.append(Change(name, drains, wrote_s, in_force_s, await asyncio.to_thread(_open, self.on)))
        await self.seen()

    async def broken(self) -> Result:
        """A fault in one line, and the channel enabled in another: neither may come about."""
        text = self.text.replace("[channels.beta]", "[channels.beta]\nweight = 1000")
        since_s, line = time.time(), text[: text.index("weight = 1000")].count("\n") + 1
        renamed_over(self.on.folder / "config.toml", text)
        told = await asyncio.to_thread(self.said.until, "config.refused")
        await self.seen()
        opened, metrics = _opened(self.on, since_s), await asyncio.to_thread(_metrics, self.on)
        (fault,) = told["faults"]
        return {
            "fault": fault.rpartition("/")[2],
            "names_its_line": f"config.toml:{line}: channels.beta.weight" in fault,
            "last_reload_successful": metrics["paymux_config_last_reload_successful", ""],
            "drained_is_in_force": ("paymux_config_info", _sha256(self.drained())) in metrics,
            "decisions": len(opened),
            "decisions_to_it": sum(name == CHEAPEST for _, name in opened),
        }

    async def seen(self) -> None:
        """Wait for enough decisions."""
        since_s = time.time()
        while len(await asyncio.to_thread(_opened, self.on, since_s)) < SEEN_MIN:
            await asyncio.sleep(0.1)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _metrics(on: Stage) -> dict[tuple[str, str], float]:
    """By name and, of the configuration, its hash."""
    with urllib.request.urlopen(f"http://127.0.0.1:{on.admin}/metrics", timeout=30) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return {
        (sample.name, sample.labels.get("sha256", "")): sample.value for each in families for sample in each.samples
    }


def _rows(on: Stage, query: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(f"file:{on.database}?mode=ro", uri=True, timeout=30)) as db:
        return db.execute(query, values).fetchall()


def _opened(on: Stage, since_s: float) -> Opened:
    query = "SELECT opened_at / 1e6, channel FROM attempts WHERE opened_at > ? ORDER BY opened_at"
    return [(at_s, name) for at_s, name in _rows(on, query, int(since_s * 1e6))]


def _open(on: Stage) -> int:
    return len(_rows(on, "SELECT 1 FROM attempts WHERE channel = ? AND due_at IS NOT NULL", CHEAPEST))


def _unpaid(on: Stage, phases: list[Seen]) -> int:
    """Orders that were answered 201 and are not in the database as paid."""
    paid = {reference for (reference,) in _rows(on, "SELECT reference FROM payouts WHERE status = 'paid'")}
    return sum(reference not in paid for seen in phases for reference in seen.accepted)
