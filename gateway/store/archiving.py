"""Moving a payout out of the store with everything of its own, and what is kept of it for ever: the part of the port.

A payout is moved in one unit, which names one shard: its rows are read once more under the payout's lock, compared with
what was written to the archive (the caller's part), and deleted; its identity is put in their place. What a payout may
have rows in, is listed here, and what of that stays; a test knows a new table that is in neither list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Row, Table

from gateway.domain.archived import ArchivedPayout, Standing
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.sealing import is_first_layout
from gateway.store import schema

if TYPE_CHECKING:
    from gateway.store.records import Incident

MOVED: tuple[Table, ...] = (
    schema.payouts,
    schema.attempts,
    schema.reservations,
    schema.events,
    schema.evidence,
    schema.incidents,
    schema.freezes,
    schema.callbacks,
    schema.deliveries,
    schema.retries,
    schema.notifications,
    schema.requests,
)
"""The tables whose rows go with their payout; whatever names a row of another one comes after it."""

KEPT: Mapping[str, str] = {
    "references": "app and reference: the same order is known for ever",
    "archived_payouts": "what is known of a payout that was moved",
    "archived_attempts": "channel and reference: late evidence finds its payout",
    "archived_incidents": "what was heard of it since",
}
"""Tables that have a payout's rows for ever, and what for."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A payout's place in the order in which payouts are looked at: app by app, the oldest first."""

    app: str
    created_at: datetime
    payout_id: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything that the store has of one payout, as it lies there: what is sealed stays so."""

    payout_id: str
    rows: Mapping[str, Sequence[Row[Any]]]
    """By table, each of `MOVED`, in the order of its primary key."""
    beneficiary_kind: BeneficiaryKind | None
    """None: who it goes to does not open with our keys."""

    @property
    def payout(self) -> Row[Any]:
        return self.rows["payouts"][0]


class ArchiveReads(Protocol):
    """A part of `gateway.store.port.ReadTx`."""

    def finished(self, until: datetime, after: Mark | None, limit: int) -> Sequence[Mark]:
        """Payouts that were accepted before `until`, have ended, and that nobody works on, after that one."""
        ...

    def dossier(self, payout_id: str) -> Dossier | None:
        """Inside a unit: nobody changes anything of it until the unit has ended."""
        ...

    def has_newest_event(self, payout_id: str) -> bool:
        """Whether the store would no longer know how far it has come (`high_water`) without the payout's events. Where
        events are counted by their row numbers, those only grow while the newest row is there."""
        ...

    def archived(self, payout_id: str) -> ArchivedPayout | None: ...

    def archived_attempt(self, channel: str, channel_reference: str) -> tuple[str, int] | None:
        """(payout id, attempt number) of one of our own ids at that channel."""
        ...

    def archived_channel_payout(self, channel: str, channel_payout_id: str) -> tuple[str, int] | None: ...

    def archived_incidents(self, payout_id: str) -> Sequence[Incident]: ...


class ArchiveWrites(Protocol):
    """A part of `gateway.store.port.Tx`."""

    def archive(self, dossier: Dossier, archive: str, at: datetime) -> None:
        """Delete all that the dossier of this very unit lists, and keep the identity."""
        ...

    def append_archived_incident(self, payout_id: str, incident: Incident) -> None: ...


def standing_of(dossier: Dossier, *, newest: bool) -> Standing:
    """What decides whether it may be moved."""
    it, attempts = dossier.payout, dossier.rows["attempts"]
    return Standing(
        status=it.status,
        frozen=it.frozen,
        held=it.hold_code is not None,
        due=it.due_at is not None,
        attempt_states=tuple(each.state for each in attempts),
        attempts_due=any(each.due_at is not None for each in attempts),
        callbacks_due=any(each.due_at is not None for each in dossier.rows["callbacks"]),
        retry_half_made=any(each.ended_at is None for each in dossier.rows["retries"]),
        readable=dossier.beneficiary_kind is not None,
        whole=_is_whole(dossier),
        newest=newest,
        old_seal=any(_old_seals(table, dossier.rows[table.name]) for table in MOVED),
        touched_at=max(_moments(dossier)),
    )


def _is_whole(dossier: Dossier) -> bool:
    events = [each.sequence for each in dossier.rows["events"]]
    attempts = [each.number for each in dossier.rows["attempts"]]
    return events == _up_to(dossier.payout.last_event) and attempts == _up_to(len(attempts))


def _up_to(last: int) -> list[int]:
    return list(range(1, last + 1))


def _old_seals(table: Table, rows: Sequence[Row[Any]]) -> bool:
    sealed = [column.name for column in table.columns if column.name.endswith("_sealed")]
    values = (getattr(row, name) for row in rows for name in sealed)
    return any(value is not None and is_first_layout(value) for value in values)


_PLANS = frozenset({"give_up_at", "send_at", "send_by"})
"""Times that were named in advance, and have no meaning once it has ended."""


def _moments(dossier: Dossier) -> Iterator[datetime]:
    for rows in dossier.rows.values():
        for row in rows:
            named = zip(row._fields, row, strict=True)
            yield from (value for name, value in named if isinstance(value, datetime) and name not in _PLANS)
