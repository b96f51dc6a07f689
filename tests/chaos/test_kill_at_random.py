"""kill -9 at random moments under load: ten of them. `python -m tests.chaos.kill --n 200` is the long run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.chaos.kill import run

KILLS = 10


@pytest.mark.timeout(400)
async def test_ten_kills_lose_nothing_and_pay_nothing_twice(tmp_path: Path) -> None:
    """Every acknowledged payout is there and ended as the books say, none is paid twice, the file is whole each time;
    and the kills did hit sends that were open."""
    told = await run(tmp_path, KILLS, 5, per_kill=10, fork=True)
    said = json.dumps(told.as_json(), ensure_ascii=False, indent=1)
    assert told.good, said
    assert told.kills == KILLS
    assert told.acknowledged >= 5 * KILLS, said
    assert told.kills_with_sends_open >= KILLS // 2, said
    assert told.untold == 0, said
    assert told.details == [], said
