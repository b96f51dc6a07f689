"""Nodes that keep losing their leases: two hundred payouts. `python -m tests.chaos.fight` is the long run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.chaos.fight import Report, run

PAYOUTS = 200


@pytest.mark.timeout(600)
async def test_leases_that_run_out_all_the_time_pay_nothing_twice(tmp_path: Path) -> None:
    """The bank has one order of each payout and paid it once, no payout has two live attempts, and all are paid; and
    leases really were lost."""
    told = await run(tmp_path, Report(PAYOUTS, seed=7))
    said = json.dumps(told.as_json(), ensure_ascii=False, indent=1)
    assert told.good, said
    assert told.settled == told.acknowledged == PAYOUTS, said
    assert told.stops >= 3, said
    assert told.leases_lost > 0, said
    assert told.details == [], said
