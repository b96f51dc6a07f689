"""What was seen before: nonces of signed requests, and notifications of channels. The unique key decides."""

from __future__ import annotations

from datetime import datetime

from gateway.store import schema
from gateway.store import statements as sql
from gateway.store.records import Novelty, SeenNotification
from gateway.store.writing import SqlWriting, Values


class SqlSeenWrites(SqlWriting):
    """A mixin."""

    def use_nonce(self, scope: str, key_id: str, nonce: str, now: datetime, until: datetime) -> bool:
        if self._one(sql.NONCE, of_scope=scope, of_key_id=key_id, of_nonce=nonce) is not None:
            return False
        self._connection.execute(sql.FORGET_NONCES, {"now": now})
        self._insert(schema.nonces, {"scope": scope, "key_id": key_id, "nonce": nonce, "until": until})
        return True

    def note_notification(self, seen: SeenNotification) -> Novelty:
        known = self._novelty(seen)
        if known is Novelty.NEW:
            self._insert(schema.notifications, self._notification(seen))
        return known

    def _novelty(self, seen: SeenNotification) -> Novelty:
        known = self._one(sql.SAID, **{f"of_{name}": value for name, value in _key_of(seen).items()})
        if known is None:
            return Novelty.NEW
        return Novelty.SEEN if known.said in (None, seen.said) else Novelty.CONFLICT

    def _notification(self, seen: SeenNotification) -> Values:
        place = f"notifications|raw|{seen.channel}/{seen.event_id}"
        sealed = self._rows.sealer.seal(seen.raw, place)
        return _key_of(seen) | {"at": seen.at, "raw_sealed": sealed, "said": seen.said}


def _key_of(seen: SeenNotification) -> Values:
    return {
        "shard": seen.shard,
        "channel": seen.channel,
        "event_id": seen.event_id,
        "payout_id": seen.payout_id or "",
    }
