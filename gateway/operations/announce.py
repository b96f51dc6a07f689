"""The callbacks one change of a payout causes: called inside the unit that saves the change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.callbacks.body import announcements, corrects, event_body
from gateway.callbacks.endpoint import Endpoint
from gateway.domain.payout import Payout
from gateway.store.port import Callback


@dataclass(frozen=True, slots=True)
class Announced:
    """The rows to enqueue, and the payout's `callback_sequence` to save with them."""

    callbacks: tuple[Callback, ...]
    sequence: int


def make_callbacks(
    before: Payout | None,
    after: Payout,
    endpoints: Sequence[Endpoint],
    now: datetime,
    new_uuid: Callable[[], UUID],
    api_version: str,
    sequence: int,
) -> Announced:
    """One event for each announcement, one row for each endpoint that wants it; all rows of an event are alike.

    `sequence` is the last one used (`payout.callback_sequence`). Every event takes the next, wanted or not, so that
    the numbers mean the same to every receiver.
    """
    rows: list[Callback] = []
    told = announcements(before, after)
    for number, event_type in enumerate(told, start=sequence + 1):
        wanting = [endpoint for endpoint in endpoints if endpoint.wants(event_type)]
        if not wanting:
            continue
        event_id = f"evt_{new_uuid().hex}"
        body = event_body(event_id, event_type, number, now, after, api_version, corrects(before, after))
        rows += [_row(event_id, event_type, number, body, now, after, endpoint) for endpoint in wanting]
    return Announced(tuple(rows), sequence + len(told))


def _row(
    event_id: str, event_type: str, sequence: int, body: bytes, now: datetime, payout: Payout, endpoint: Endpoint
) -> Callback:
    return Callback(
        id=event_id,
        shard=payout.shard,
        payout_id=payout.id,
        app=payout.app,
        endpoint=endpoint.id,
        type=event_type,
        sequence=sequence,
        body=body,
        created_at=now,
        due_at=now,
    )
