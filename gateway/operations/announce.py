"""The callbacks one change of a payout causes: called inside the unit that saves the change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

from gateway.callbacks.body import announcements, corrects, event_body
from gateway.domain.payout import Payout
from gateway.store.records import Callback


class Recipient(Protocol):
    """An endpoint, as far as telling it of something goes."""

    @property
    def id(self) -> str: ...

    @property
    def disabled(self) -> bool:
        """What is for it is parked at once."""
        ...

    def wants(self, event_type: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Announced:
    """The rows to enqueue, and the payout's `callback_sequence` to save with them."""

    callbacks: tuple[Callback, ...]
    sequence: int


def make_callbacks(
    before: Payout | None,
    after: Payout,
    endpoints: Sequence[Recipient],
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
        event = Callback(event_id, after.shard, after.id, after.app, "", event_type, number, body, now, due_at=now)
        rows += [addressed(event, endpoint) for endpoint in wanting]
    return Announced(tuple(rows), sequence + len(told))


def addressed(event: Callback, to: Recipient) -> Callback:
    """The event for one endpoint: due when it was made, or parked."""
    at = event.created_at
    return replace(event, endpoint=to.id, due_at=None if to.disabled else at, parked_at=at if to.disabled else None)
