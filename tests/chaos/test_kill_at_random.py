"""kill -9 at random moments under load: ten of them, and on PostgreSQL three of the database besides.

`python -m tests.chaos.kill --n 200`, and with `--store postgres --nodes 2 --database-kills 20`, is the long run.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.chaos.kill import Report, run
from tests.support.chaos_stores import POSTGRES, SQLITE

KILLS = 10
NODES_AND_DATABASE_KILLS = {SQLITE: (1, 0), POSTGRES: (2, 3)}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("store", NODES_AND_DATABASE_KILLS)
async def test_kills_lose_nothing_and_pay_nothing_twice(tmp_path: Path, store: str) -> None:
    """Every acknowledged payout is there and ended as the books say, none is paid twice, what is stored is whole each
    time, no node ends by itself; and the kills did hit sends that were open."""
    nodes, database_kills = NODES_AND_DATABASE_KILLS[store]
    told = await run(tmp_path, Report(store, nodes, KILLS, database_kills, seed=5), per_kill=10, fork=True)
    said = json.dumps(told.as_json(), ensure_ascii=False, indent=1)
    assert told.good, said
    assert sum(told.database_deaths.values()) == told.database_kills
    assert told.acknowledged >= 5 * KILLS, said
    assert told.kills_with_sends_open >= KILLS // 2, said
    assert told.untold == 0, said
    assert told.details == [], said
