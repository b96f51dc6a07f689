"""Why a payout is not in the store: it was moved to an archive, or it never was."""

from __future__ import annotations

from gateway.domain.archived import PayoutArchived
from gateway.domain.errors import NotFound
from gateway.store.port import ReadTx


def missing(tx: ReadTx, payout_id: str, app: str | None = None) -> NotFound | PayoutArchived:
    """What to raise where the store has no such payout; with `app`, a foreign one is not there either."""
    kept = tx.archived(payout_id)
    if kept is None or app not in (None, kept.app):
        return NotFound(payout_id)
    return PayoutArchived(kept)
