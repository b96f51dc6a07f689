"""The demo: a hundred payouts through three channels, one of which breaks half-way and is mended again."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aiohttp

from gateway.demo.orders import Draft, Story, draw
from gateway.demo.report import FINAL, Report, reckon
from gateway.demo.screen import Screen
from gateway.demo.stage import POLL, Stage

CHANNELS = ("wechat", "bank", "mock")
BROKEN = "bank"
BREAKER_OPEN_S = 20.0
STALLED_S = 15.0
"""A slow machine is given its time, as long as payouts go on ending."""
"""`breaker.open` of the shipped configuration: when the mended channel gets its trial."""
_AT_ONCE = 8


class Demo:
    """One run. `play` returns the reckoning."""

    end_s = 44.0
    """It ends by then, unless payouts are still ending."""

    def __init__(self, stage: Stage, story: Story, screen: Screen) -> None:
        self.stage = stage
        self.story = story
        self.screen = screen
        self.submitted: list[str] = []
        self._headers: dict[str, str] = {}
        self._began_s = time.monotonic()

    async def play(self) -> Report:
        self.screen.say("starting gateway, two sandboxes and an upstream app, each a process of its own")
        await self.stage.start_all()
        self._headers = self.stage.headers()
        self.screen.say(
            f"on the shipped config.toml; overlaid: addresses, and poll = {POLL}. No other timer is touched"
        )
        watching = asyncio.create_task(self._watch())
        try:
            await self.tell()
            await self._settled()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        return await self._reckon()

    async def tell(self) -> None:
        """The story: some payouts, the break, more payouts, the mending, the rest."""
        story = self.story
        await self.submit(story.before, 0)
        await self.stage.control(BROKEN, "/listener", {"open": False})
        broken_s = time.monotonic()
        self.screen.say(f"the {BROKEN} line breaks: connections are refused, open ones cut", style="bold red")
        await self.submit(story.during, len(story.before))
        await self.stage.control(BROKEN, "/listener", {"open": True})
        self.screen.say(f"the {BROKEN} line is mended; its breaker lets a trial through in a while", style="bold green")
        later = [draft for draft in story.after if draft.kind == "large"]
        first = len(story.before) + len(story.during)
        sooner = [draft for draft in story.after if draft.kind != "large"]
        await self.submit(sooner, first)
        await asyncio.sleep(max(0.0, broken_s + BREAKER_OPEN_S + 1.0 - time.monotonic()))
        self.screen.say("large payouts again: the breaker's trial")
        await self.submit(later, first + len(sooner), at_once=1)

    async def submit(self, drafts: Iterable[Draft], first: int, at_once: int = _AT_ONCE) -> None:
        gate = asyncio.Semaphore(at_once)

        async def one(number: int, draft: Draft) -> None:
            async with gate:
                await self._submit_one(number, draft)

        await asyncio.gather(*(one(number, draft) for number, draft in enumerate(drafts, start=first)))

    async def _submit_one(self, number: int, draft: Draft) -> None:
        body: dict[str, object] = {
            "reference": f"demo-{number:03d}",
            "amount": {"value": draft.minor, "currency": "CNY"},
            "beneficiary": draft.beneficiary,
            "description": f"demo {draft.kind} {draft.fate}",
        }
        self.submitted.append(await self._until_answered(number, body))

    async def _until_answered(self, number: int, body: dict[str, object]) -> str:
        """What every app should do: after a lost answer say the same thing again, under the same reference."""
        url = f"{self.stage.api}/payouts"
        while True:
            try:
                async with self.stage.session.post(url, json=body, headers=self._headers) as response:
                    told = await response.json()
            except aiohttp.ClientError:
                await asyncio.sleep(0.2)
                continue
            if response.status in (200, 201):
                return str(told["id"])
            raise RuntimeError(f"payout {number} was answered {response.status}: {told}")

    async def payouts(self) -> list[dict[str, Any]]:
        """Every payout with its attempts, as the API tells it."""
        found: list[dict[str, Any]] = []
        query = {"limit": "100", "expand": "attempts"}
        while True:
            async with self.stage.session.get(
                f"{self.stage.api}/payouts", params=query, headers=self._headers
            ) as response:
                page = await response.json()
            found += page["data"]
            if not page["has_more"]:
                return found
            query["cursor"] = page["next_cursor"]

    async def _settled(self) -> None:
        """Until every payout has ended and the app has heard of each end, or for long nothing more of that happens."""
        most, since_s = -1, time.monotonic()
        while time.monotonic() < max(since_s + STALLED_S, self._began_s + self.end_s - 2.0):
            payouts = await self.payouts()
            seen = (await self.stage.seen())["payouts"]
            ended = [p for p in payouts if p["status"] in FINAL and not self._return_to_come(p)]
            told = [p for p in ended if seen.get(p["id"], {}).get("status") == p["status"]]
            if len(told) == len(self.submitted) == len(self.story):
                return
            if len(told) > most:
                most, since_s = len(told), time.monotonic()
            await asyncio.sleep(0.3)

    def _return_to_come(self, payout: dict[str, Any]) -> bool:
        """A payout whose money is on its way back: paid now, returned in a moment."""
        return payout["status"] == "paid" and str(payout["description"]).endswith("0006")

    async def _watch(self) -> None:
        while True:
            try:
                self.screen.show(await self.payouts(), await self.stage.seen(), self.stage.breaker_openings())
            except aiohttp.ClientError:
                self.screen.say("the gateway does not answer")
            await asyncio.sleep(0.4)

    async def _reckon(self) -> Report:
        payouts = await self.payouts()
        seen = await self.stage.seen()
        self.screen.show(payouts, seen, self.stage.breaker_openings())
        return reckon(
            self.submitted,
            payouts,
            await self.stage.books(),
            CHANNELS,
            self.stage.breaker_openings(),
            int(seen["verified"]),
        )


async def run(seed: int, *, as_json: bool, stay: bool) -> Report:
    """Play the demo in a scratch folder; with `stay` keep everything running until interrupted."""
    with tempfile.TemporaryDirectory(prefix="paymux-demo-") as folder:
        async with Stage(Path(folder)) as stage:
            with Screen(live=not as_json) as screen:
                report = await Demo(stage, draw(seed), screen).play()
            screen.end(report)
            if stay:
                screen.stay(stage)
                await asyncio.Event().wait()
        return report
