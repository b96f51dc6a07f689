"""The failure taxonomy: every row keeps its promise, and notices when its action is replaced by failing over."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.taxonomy import rows_accepting, rows_answers, rows_notices, rows_operating, rows_sending
from tests.taxonomy.register import ROWS

MODULES = (rows_accepting, rows_sending, rows_answers, rows_notices, rows_operating)
ROOT = Path(__file__).parents[2]


def test_every_row_is_there() -> None:
    """The taxonomy has 64 rows; each has a test, and each test says what it promises."""
    assert sorted(ROWS) == list(range(1, 65))
    assert {row.test.__module__ for row in ROWS.values()} == {module.__name__ for module in MODULES}
    assert all(row.promise and row.instead.__doc__ for row in ROWS.values())


@pytest.mark.parametrize("number", sorted(ROWS))
async def test_a_row_keeps_its_promise(number: int) -> None:
    """What is done when it breaks there (docs/failures.md)."""
    await ROWS[number].test()


@pytest.mark.parametrize("number", sorted(ROWS))
async def test_a_row_notices_the_wrong_action(number: int) -> None:
    """With its action replaced by failing over, or the nearest thing to it, the row's test fails."""
    row = ROWS[number]
    noticed = False
    with row.instead():
        try:
            await row.test()
        except Exception:  # noqa: BLE001 - an assertion, or whatever the wrong action ran into
            noticed = True
        except pytest.fail.Exception:  # a `pytest.raises` that saw nothing
            noticed = True
    assert noticed, f"row {number} does not notice that the gateway {row.instead.__name__}"


def test_the_page_says_what_the_rows_say() -> None:
    """docs/failures.md is drawn from the rows."""
    drawn = subprocess.run(
        [sys.executable, "docs/draw_failures.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert drawn.returncode == 0, drawn.stdout + drawn.stderr
