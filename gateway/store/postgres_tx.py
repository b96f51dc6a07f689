"""One transaction of a node's writer on PostgreSQL, beside which other nodes have theirs.

Theory
------
The port promises that units run one after the other, as far as anybody can tell. On SQLite there is one writer. Here
each node has one, and READ COMMITTED lets them see each other's commits at any statement. So whatever a unit reads and
then goes by is locked before it is read, until COMMIT:

* a payout that is moved out: its row, taken alone, and its callbacks' rows;
* a payout, its attempts, and the numbers of its evidence, incidents and freezes: the payout's row, taken by `payout`
  and by every change (`save` compares version and fence under it, `_next` counts under it);
* due payouts and callbacks: their rows, by SKIP LOCKED; a claim passes over what another node has in hand;
* a reference, a nonce, a notification: the unique key. ON CONFLICT waits for whoever is writing the same one, and then
  finds it, without an error that would end the transaction;
* reserved sums: the row, added to in place and looked at afterwards;
* a callback's tries: the callback's row, taken by `callbacks`, `event` and `record_delivery`;
* an app's endpoints: the row that counts their changes, taken before any of them is changed; one of them: its row;
* a request: the condition of the one UPDATE that closes it;
* quarantine and ask-first time: an advisory lock, shared by every transaction, and held alone by whoever changes them,
  so that nobody commits a send that was decided before (R15);
* people and their tokens, the audit's chain, overrides, the words of `meta`: an advisory lock each, held alone.

Nobody waits long for any of these (`PostgresCommitter`): who meets a lock is taken out of its group and run alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Table

from gateway.domain.audit import Deed, Line
from gateway.domain.endpoint import AppEndpoint
from gateway.domain.event import Event
from gateway.domain.identity import shard_of_channel_reference, shard_of_payout
from gateway.domain.override import Override
from gateway.domain.payout import Payout
from gateway.domain.principal import Principal, Token
from gateway.store import postgres_statements as pg
from gateway.store import schema
from gateway.store import statements as sql
from gateway.store.archiving import Dossier
from gateway.store.high_water import SAFETY
from gateway.store.lease_time import LeaseTime
from gateway.store.picking import Pick
from gateway.store.pipeline import Pipeline
from gateway.store.postgres_statements import Lock
from gateway.store.reads import SqlReadTx
from gateway.store.records import Callback, Duty, Lease, Novelty, Reference, SeenNotification
from gateway.store.rows import Rows
from gateway.store.turns import due_payouts
from gateway.store.tx import SqlTx


@dataclass(slots=True)
class Begun:
    """What a transaction knows from its first words, for all units in it."""

    time: LeaseTime
    safety: str | None
    """The word of it, read after its lock was taken."""
    safety_changed: bool = False
    """By a unit, which may yet be undone: it is asked for again."""


Question = tuple[Any, Mapping[str, Any]]


class PostgresReadTx(SqlReadTx):
    """Questions, on a snapshot of their own."""

    def high_water(self) -> int:
        return int(self._connection.execute(pg.EVENTS_COUNTED).scalar() or 0)

    def neighbours(self) -> int:
        return int(self._connection.execute(pg.NEIGHBOURS).scalar_one())

    def has_newest_event(self, payout_id: str) -> bool:
        return False  # events are counted in `meta`


class PostgresTx(PostgresReadTx, SqlTx):
    """Changes, and the locks that keep them apart."""

    _connection: Pipeline

    def __init__(self, connection: Pipeline, rows: Rows, begun: Begun, *, sweep: bool = False) -> None:
        """`sweep`: it is time to look for nonces that may be forgotten."""
        super().__init__(connection, rows)
        self._begun = begun
        self._time = begun.time
        self._sweep = sweep
        self.swept = False
        self.joined = False
        self._held: set[str] = set()
        self._newest: dict[tuple[Table, str], int] = {}
        """The highest number of what is numbered under a payout, read while its row was held."""
        self._tried: dict[tuple[str, str], int] = {}
        """Likewise, of a callback's tries, by event and endpoint."""
        self.appended = 0
        """As many were appended."""

    # A payout, and what is numbered under it ---------------------------------------------------------------------

    def payout(self, payout_id: str) -> Payout | None:
        known = self._loaded.get(payout_id)
        if known is not None:
            return known
        shard = shard_of_payout(payout_id)
        of_it = {"of_shard": shard, "of_payout_id": payout_id}
        return self._load(
            (pg.PAYOUT, {"of_shard": shard, "of_id": payout_id}),
            (sql.ATTEMPTS, of_it),
            (sql.NEWEST[schema.evidence], of_it),
        )

    def find_attempt(self, channel_reference: str) -> tuple[str, int] | None:
        # Whoever asks wants the payout next: it comes along.
        which = {
            "of_shard": shard_of_channel_reference(channel_reference),
            "of_channel_reference": channel_reference,
        }
        payout = self._load(
            (pg.PAYOUT_SPOKEN_OF, which), (pg.ATTEMPTS_SPOKEN_OF, which), (pg.NEWEST_EVIDENCE_SPOKEN_OF, which)
        )
        if payout is None:
            return None
        (number,) = (each.number for each in payout.attempts if each.channel_reference == channel_reference)
        return payout.id, number

    def _load(self, payout: Question, attempts: Question, evidence: Question) -> Payout | None:
        """In one round trip, and each answered after the one before: the row is locked, and then the rest is read."""
        of_it, of_attempts, of_evidence = self._connection.ask(payout, attempts, evidence)
        row = of_it.first()
        if row is None:
            return None
        self._held.add(row.id)
        self._newest[schema.evidence, row.id] = of_evidence.scalar() or 0
        loaded = self._loaded[row.id] = self._rows.payout(row, of_attempts.all())
        return loaded

    def insert(
        self, payout: Payout, reference: Reference, lease: Lease | None, account_index: bytes | None = None
    ) -> None:
        super().insert(payout, reference, lease, account_index)
        self._held.add(payout.id)

    def _insert_reference(self, values: dict[str, Any]) -> None:
        self._connection.change(pg.NEW_REFERENCE, values, f"reference {values['reference']} was taken meanwhile")

    def save(self, before: Payout, after: Payout, due_at: datetime | None, lease: Lease | None = None) -> Payout:
        saved = super().save(before, after, due_at, lease)
        self._held.add(saved.id)
        return saved

    def append_event(self, payout: Payout, event: Event) -> None:
        super().append_event(payout, event)
        self.appended += 1

    def _next(self, table: Table, payout: Payout) -> int:
        if payout.id not in self._held:
            self._one(pg.LOCK_PAYOUT, of_shard=payout.shard, of_id=payout.id)
            self._held.add(payout.id)
        known = self._newest.get((table, payout.id))
        number = super()._next(table, payout) if known is None else known + 1
        self._newest[table, payout.id] = number
        return number

    # A payout that is moved out ------------------------------------------------------------------------------------

    def dossier(self, payout_id: str) -> Dossier | None:
        shard = shard_of_payout(payout_id)
        self._one(pg.HOLD_PAYOUT, of_shard=shard, of_id=payout_id)
        self._held.add(payout_id)
        self._all(pg.CALLBACKS, of_shard=shard, of_payout_id=payout_id)
        return super().dossier(payout_id)

    def _hold_archived(self, payout_id: str) -> None:
        self._one(pg.HOLD_ARCHIVED, of_shard=shard_of_payout(payout_id), of_id=payout_id)

    # Claims --------------------------------------------------------------------------------------------------------

    def claim(
        self, owner: str, now: datetime, lease_s: float, limit: int, pick: Pick | None = None
    ) -> Sequence[tuple[Payout, Lease]]:
        until, at = now + timedelta(seconds=lease_s), self._time.now(now)

        def ask(statement: Any, **values: Any) -> Sequence[Row[Any]]:
            return self._claimable(statement, lease_now=at, **values)

        found = due_payouts(ask, now, limit, pick or Pick())
        if not found:
            return []
        lease = {"now": at, "new_owner": owner, "new_until": self._time.until(until)}
        questions: list[Question] = []
        for row in found:
            questions.append((sql.CLAIM, {"of_shard": row.shard, "of_id": row.id, **lease}))
            questions.append((sql.ATTEMPTS, {"of_shard": row.shard, "of_payout_id": row.id}))
        answers = self._connection.ask(*questions)
        claimed = []
        for changed, attempts in zip(answers[::2], answers[1::2], strict=True):
            for row in changed.all():
                payout = self._readable(row, attempts.all())
                if payout is not None:
                    claimed.append((payout, Lease(owner, row.fence, until)))
        return claimed

    def _held_until(self, lease: Lease) -> datetime:
        return self._time.until(lease.until)

    def _claimable(self, statement: Any, **values: Any) -> Sequence[Row[Any]]:
        return self._all(pg.CLAIMING.get(statement, statement), **values)

    def callbacks(self, payout_id: str) -> Sequence[Callback]:
        rows = self._all(pg.CALLBACKS, of_shard=shard_of_payout(payout_id), of_payout_id=payout_id)
        return [self._rows.callback(row) for row in rows]

    def event(self, shard: int, event_id: str) -> Sequence[Callback]:
        which = {"of_shard": shard, "of_id": event_id}
        # Asked twice: a row that was put in while we waited for the others is not among them.
        _, found, tried = self._connection.ask((pg.EVENT, which), (sql.EVENT, which), (pg.NEWEST_DELIVERIES, which))
        numbers = {row.endpoint: row.number for row in tried.all()}
        callbacks = self._all_opened(found.all())
        self._tried |= {(each.id, each.endpoint): numbers.get(each.endpoint, 0) for each in callbacks}
        return callbacks

    def _newest_delivery(self, callback: Callback) -> int:
        """Its row is locked by whoever writes down a try."""
        key = (callback.id, callback.endpoint)
        number = self._tried.pop(key, None)
        return super()._newest_delivery(callback) if number is None else number

    # Endpoints -----------------------------------------------------------------------------------------------------

    def endpoint(self, app: str, endpoint_id: str) -> AppEndpoint | None:
        found = self._one(pg.ENDPOINT, of_app=app, of_id=endpoint_id)
        return None if found is None else self._endpoint(found)

    def _endpoints_change(self) -> None:
        super()._endpoints_change()
        self._connection.change(pg.COUNT_ENDPOINTS, {"name": pg.ENDPOINTS, "value": "1"})

    def _insert_once(self, table: Table, values: dict[str, Any]) -> bool:
        return self._connection.execute(pg.insert_once(table), values).rowcount == 1

    # What was seen before, what is reserved ------------------------------------------------------------------------

    def use_nonce(self, scope: str, key_id: str, nonce: str, now: datetime, until: datetime) -> bool:
        at = self._time.now(now)
        if self._sweep:
            self._sweep, self.swept = False, True
            if self._connection.execute(pg.TRY_SWEEPING).scalar():
                self._connection.execute(pg.SWEEP_NONCES, {"now": at})
        values = {"scope": scope, "key_id": key_id, "nonce": nonce, "until": self._time.until(until), "now": at}
        return self._connection.execute(pg.USE_NONCE, values).rowcount == 1

    def note_notification(self, seen: SeenNotification) -> Novelty:
        if self._connection.execute(pg.NEW_NOTIFICATION, self._notification(seen)).rowcount == 1:
            return Novelty.NEW
        return self._novelty(seen)

    def _add_usage(self, which: Mapping[str, str], minor: int) -> Row[Any] | None:
        values: dict[str, Any] = {name.removeprefix("of_"): value for name, value in which.items()}
        return self._connection.execute(pg.ADD_USAGE, values | {"amount_minor": minor, "payouts": 1}).first()

    # What no row stands for ----------------------------------------------------------------------------------------

    def meta(self, name: str) -> str | None:
        if name != SAFETY:
            self._take(pg.WORDS_SPACE, _drawn_from(name))
        elif not self._begun.safety_changed:  # its lock is shared since the transaction began
            return self._begun.safety
        return super().meta(name)

    def set_meta(self, name: str, value: str | None) -> None:
        if name == SAFETY:
            self._take(pg.SPACE, Lock.SAFETY)
            self._begun.safety_changed = True
        else:
            self._take(pg.WORDS_SPACE, _drawn_from(name))
        super().set_meta(name, value)

    def join(self) -> None:
        self._connection.execute(pg.JOIN)
        self.joined = True

    def lead(self, duty: Duty) -> bool:
        return bool(self._connection.execute(pg.LEAD, {"duty": _drawn_from(duty)}).scalar())

    def ask_live_at(self, at: datetime) -> int:
        self._take(pg.SPACE, Lock.SAFETY)  # nobody commits a send that this would not see
        return super().ask_live_at(at)

    def principals(self) -> Sequence[Principal]:
        self._take(pg.SPACE, Lock.PEOPLE)
        return super().principals()

    def principal_tokens(self) -> Sequence[Token]:
        self._take(pg.SPACE, Lock.PEOPLE)
        return super().principal_tokens()

    def overrides(self, now: datetime) -> Sequence[Override]:
        self._take(pg.SPACE, Lock.OVERRIDES)
        return super().overrides(now)

    def append_audit(self, deed: Deed) -> Line:
        self._take(pg.SPACE, Lock.AUDIT)
        return super().append_audit(deed)

    def _take(self, space: int, which: int) -> None:
        self._connection.change(pg.TAKE, {"space": space, "which": which})


def _drawn_from(word: str) -> int:
    """The number of a word's lock; two words that share one wait for each other, no more."""
    return zlib.crc32(word.encode()) - 2**31
