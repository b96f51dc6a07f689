"""SIGKILL at every failpoint, of the real gateway: the slice that is always run, on the mock channel. On a file it has
each failpoint once, on a PostgreSQL every fourth of these.

`python -m tests.chaos.failpoints --all` is the whole matrix: every channel, every deed of the bank; with
`--store postgres` there.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.failpoints import FAILPOINTS
from tests.chaos.cells import Cell, cells, report
from tests.chaos.failpoints import run
from tests.chaos.ways import ROWS, WAYS
from tests.support.chaos_stores import POSTGRES, SQLITE

SETTLED_TOGETHER = 4
EVERY = {SQLITE: 1, POSTGRES: 4}


def one_each() -> list[Cell]:
    """For each failpoint one row, and one deed in turn: the same ones every time."""
    chosen: dict[str, Cell] = {}
    for number, row in enumerate(ROWS):
        possible = cells([row], ["mock"])
        if possible and row.failpoint not in chosen:
            chosen[row.failpoint] = possible[number % len(possible)]
    return list(chosen.values())


def test_each_failpoint_is_in_the_slice() -> None:
    """None is forgotten that a payout can come to."""
    unreachable = {f"{what}." for what, way in WAYS if way is None}
    assert {cell.row.failpoint for cell in one_each()} == {
        name for name in FAILPOINTS if not name.startswith(tuple(unreachable))
    }


@pytest.mark.timeout(600)
@pytest.mark.parametrize("store", EVERY)
async def test_a_death_at_any_failpoint_loses_nothing_and_pays_nothing_twice(tmp_path: Path, store: str) -> None:
    """It really dies there; then every payout is there, ends as the bank's book says, is told, and is paid once."""
    wanted = one_each()[:: EVERY[store]]
    told = report(await run(wanted, tmp_path, jobs=3, group=SETTLED_TOGETHER, store=store), 0.0)
    assert told.faults == [], "\n".join(told.faults)
    assert told.not_reached == [], "\n".join(told.not_reached)
    assert told.reached == told.cells == len(wanted)
    assert told.deaths >= told.cells
    assert {"paid", "failed"} <= set(told.ends) <= {"paid", "failed", "canceled", "unknown", "held"}
    assert told.ends.get("held", 0) <= told.cells // 5  # three deaths in a row hold a payout: not many may die so often
