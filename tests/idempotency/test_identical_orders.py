"""One payout for each reference, whoever says it how often at once (a slice; `flood` runs the full size)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.idempotency.flood import COPIES, STORES, flood

REFERENCES = 6


@pytest.mark.parametrize("store", STORES)
async def test_fifty_identical_orders_at_once_are_one_payout(tmp_path: Path, store: str) -> None:
    """One is answered 201, the others 200 with the same payout, also by another node; nothing is a 5xx."""
    told = await flood(tmp_path, store, REFERENCES, COPIES)
    assert told.unlike == ()
    assert told.statuses == {201: REFERENCES, 200: REFERENCES * (COPIES - 1)}
    assert told.payouts == REFERENCES
