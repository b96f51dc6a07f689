"""kill -9 in the middle of a batch: it goes on after the restart, pays nothing twice and loses no row."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.failpoints import Commit, Moment
from tests.support.chaos_books import paid_by_account
from tests.support.chaos_stage import ChaosStage, Died, stage

ITEMS = 250
"""Three pages."""
COMPLETED_WITHIN_S = 90.0
DEATHS = (
    f"{Commit.BATCH}.{Moment.AFTER_COMMIT}:2",  # half of it is stored, and nothing is promised
    f"{Commit.BATCH_READY}.{Moment.AFTER_COMMIT}",  # all of it is promised, and nobody was told
    f"{Commit.ACCEPT}.{Moment.AFTER_COMMIT}:40",  # in the middle of a page
    f"{Commit.BATCH_WORKED}.{Moment.BEFORE_COMMIT}:2",  # payouts of a page are there, and not known to be
)


def an_item(number: int) -> dict[str, Any]:
    account = f"6222{number:011d}0001"
    payee = {"type": "bank_account", "account_number": account, "name": "王伟", "bank_code": "000200000002"}
    amount = {"value": 5_000, "currency": "CNY"}
    return {"reference": f"row-{number}", "amount": amount, "beneficiary": {**payee, "country": "CN"}}


async def bring(on: ChaosStage, items: list[dict[str, Any]]) -> int:
    try:
        return await on.batch("payroll", items)
    except Died:
        return 0


@pytest.mark.timeout(240)
async def test_a_batch_outlives_every_death_in_it(tmp_path: Path) -> None:
    """Each life ends at another place in it; it is brought again each time, and is the same batch in the end."""
    items = [an_item(number) for number in range(ITEMS)]
    async with stage(tmp_path, sandboxes=False) as on:
        for death in DEATHS:
            assert await on.start(failpoint=death)
            await bring(on, items)
            assert await on.until_dead(30.0), death
            on.kill()
        assert await on.start()
        assert await bring(on, items) == 200
        async with asyncio.timeout(COMPLETED_WITHIN_S):
            while len(paid := await on.payouts("&status=paid")) < ITEMS:
                await asyncio.sleep(0.2)
        assert sorted(each["reference"] for each in paid) == sorted(each["reference"] for each in items)
        assert len({each["batch_id"] for each in paid}) == 1
        assert len(await on.payouts()) == ITEMS
        accounts = paid_by_account(await on.books())
        assert accounts == {each["beneficiary"]["account_number"]: 1 for each in items}
