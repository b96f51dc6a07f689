"""kill -9 of the real gateway while it works, with sandboxes and app as processes of their own."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from gateway.demo.orders import draw
from gateway.demo.play import Demo
from gateway.demo.screen import Screen
from gateway.demo.stage import Stage

KILLS = 3


class KilledDemo(Demo):
    """The demo's orders, with the gateway killed again and again while they are submitted and worked on."""

    end_s = 120.0  # a notification that found nobody at home comes again after 10 s, then after 30 s

    async def tell(self) -> None:
        drafts = [*self.story.before, *self.story.during, *self.story.after]
        submitting = asyncio.create_task(self.submit(drafts, 0))
        for kill in range(1, KILLS + 1):
            while len(self.submitted) < kill * len(drafts) // (KILLS + 1):
                await asyncio.sleep(0.01)
            await self.stage.kill_gateway()
            await self.stage.start_gateway()
        await submitting


@pytest.mark.timeout(180)
async def test_everything_finishes_and_the_books_agree(tmp_path: Path) -> None:
    """Killed in the middle and started again on the same file: every payout ends, none twice, none lost."""
    async with Stage(tmp_path) as stage:
        with Screen(live=False) as screen:
            demo = KilledDemo(stage, draw(11), screen)
            report = await demo.play()
    states = sqlite3.connect(tmp_path / "state/paymux.db")
    assert states.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    states.close()
    starts = [line for line in (tmp_path / "gateway.log").read_text().splitlines() if '"gateway.started"' in line]
    assert len(starts) == KILLS + 1
    assert report.faults == ()
    assert (report.paid_twice, report.lost, report.books_agree) == (0, 0, True), json.dumps(report.as_json())
    assert report.paid + report.failed + report.returned == report.payouts == len(demo.story)
