"""Watches what a store says to its database: every statement about a payout's rows names the payout's shard, and every
unit names one. What does not is listed here, with its reason; anything else is a breach."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from sqlalchemy.dialects import postgresql

from gateway.store import schema
from gateway.store.port import ReadTx, Store, Tx

T = TypeVar("T")

NOT_OF_A_PAYOUT: Mapping[str, str] = {
    "meta": "the store's words about itself",
    "usage": "sums of a channel, over all payouts",
    "nonces": "of a key, before anything is known of the payout",
    "principals": "people",
    "principal_tokens": "people",
    "overrides": "of a channel",
    "beneficiaries": "an app's; a payout has its own copy",
    "callback_endpoints": "an app's",
    "idempotency_keys": "an app's, of calls that make no payout",
    "data_keys": "what values are sealed under, whosever they are",
    "audit": "what people did, one chain",
}
OF_A_PAYOUT = frozenset(table.name for table in schema.metadata.sorted_tables) - NOT_OF_A_PAYOUT.keys()

SEVERAL: Mapping[str, str] = {
    "claim": "a worker asks for whatever is due: on shards, one worker for each",
    "claim_callbacks": "likewise",
    "next_due_at": "likewise",
    "next_callback_due_at": "likewise",
    "payouts": "an app's list: on shards, a page of each, merged",
    "payouts_at": "for people: merged",
    "payouts_saying": "likewise",
    "app_events": "likewise",
    "app_event": "an event's id names no shard: every shard is asked",
    "app_events_between": "an app's window, walked through: on shards, a page of each, merged",
    "endpoint_callbacks": "likewise",
    "counts": "for people: added up over shards",
    "census": "for a scrape: added up",
    "review_queue": "for people: added up",
    "under_review": "for people: merged",
    "open_requests": "for people: merged",
    "live_grounds": "a start and a reload: merged",
    "ask_live_at": "the beginning of a quarantine: each shard by itself",
    "unasked_since": "its end: added up",
    "high_water": "added up",
    "parked": "for people: merged",
    "open_retries": "a round that finishes what is half made: each shard by itself",
    "open_items": "a bound: added up",
    "next_batch_due_at": "a worker asks for whatever is due: on shards, one worker for each",
    "claim_batches": "likewise",
    "unready_batches": "a round that clears away what was left half way: each shard by itself",
    "statuses": "a batch's payouts: each shard by itself",
    "unsent": "a bound and a scrape: added up",
    "has_newest_event": "of a file, which counts events by their row numbers; what has shards adds counts up",
    "finished": "an archive looks for what may go: each shard by itself",
    "archived_channel_payout": "as `find_channel_payout`",
    "find_channel_payout": "a notification that names only the channel's own id: every shard is asked",
}
"""Methods of the port that are about many payouts, and what becomes of them on several shards."""

_TABLES = re.compile(
    r"\b(?:FROM|INTO|UPDATE)\s+(.+?)(?=\b(?:WHERE|SET|VALUES|ORDER|GROUP|LIMIT)\b|[()]|$)", re.IGNORECASE
)
_WORD = re.compile(r"\w+")
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
"""For the text alone, on whatever database it is said: all that both say is looked at in one spelling."""
_BY_SHARD = re.compile(r"\bshard\s*(?:=|<>)|\(\s*(?:\w+\.)?shard\s*,[^)]*\)\s+(?:IN|VALUES|SELECT)", re.IGNORECASE)


@dataclass(frozen=True)
class Said:
    """One statement, inside one method of one unit."""

    method: str
    text: str
    shards: frozenset[int | None]
    """None for an id that is none: it leads to no row."""

    @property
    def breach(self) -> str | None:
        """Why it could not be sent to one shard."""
        named = {word for part in _TABLES.findall(self.text) for word in _WORD.findall(part)}
        if not named & OF_A_PAYOUT:
            return None
        if not _BY_SHARD.search(self.text):
            return f"{self.method} asks without a shard: {self.text}"
        return None if len(self.shards) == 1 else f"{self.method} names the shards {set(self.shards)}: {self.text}"


@dataclass
class Watch:
    """What was said, and what must not have been."""

    said: list[Said] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)

    def unit_ended(self, said: list[Said]) -> None:
        """All that one unit said."""
        self.said += said
        own = [each for each in said if each.method not in SEVERAL]
        self.breaches += [each.breach for each in own if each.breach is not None]
        shards = {shard for each in own for shard in each.shards if shard is not None}
        if len(shards) > 1:
            self.breaches.append(f"one unit names the shards {shards}: {[each.text for each in own]}")


class _Listening:
    """A transaction's connection: what is executed is noted down first, as it will be sent."""

    def __init__(self, connection: Any, said: list[Said]) -> None:
        self._connection = connection
        self._said = said
        self.method = ""

    def execute(self, statement: Any, values: Mapping[str, Any] | None = None) -> Any:
        self._note(statement, values or {})
        return self._connection.execute(statement, values or {})

    def change(self, statement: Any, values: Mapping[str, Any] | None = None, stale: str | None = None) -> None:
        self._note(statement, values or {})
        self._connection.change(statement, values or {}, stale)

    def ask(self, *questions: tuple[Any, Mapping[str, Any]]) -> Any:
        for statement, values in questions:
            self._note(statement, values)
        return self._connection.ask(*questions)

    def _note(self, statement: Any, given: Mapping[str, Any]) -> None:
        made = statement.compile(dialect=_DIALECT, column_keys=list(given) or None)
        bound = made.construct_params(dict(given), _check=False)
        shards = frozenset(value for name, value in bound.items() if "shard" in name and isinstance(value, int | None))
        self._said.append(Said(self.method, " ".join(str(made).split()), shards))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class _Named:
    """A transaction whose methods are known by name while they run."""

    def __init__(self, tx: Any, said: list[Said]) -> None:
        self._tx = tx
        self._heard = tx._connection = _Listening(tx._connection, said)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._tx, name)

        def call(*args: object, **more: object) -> object:
            self._heard.method = name
            return method(*args, **more)

        return call


class WatchedStore:
    """A store that is listened to."""

    def __init__(self, store: Store, watch: Watch) -> None:
        self._store = store
        self._watch = watch

    async def run(self, unit: Callable[[Tx], T]) -> T:
        return await self._store.run(lambda tx: self._listened(unit, tx))

    async def read(self, query: Callable[[ReadTx], T]) -> T:
        return await self._store.read(lambda tx: self._listened(query, tx))

    async def close(self) -> None:
        await self._store.close()

    def _listened(self, unit: Callable[[Tx], T], tx: object) -> T:
        said: list[Said] = []
        try:
            return unit(cast(Tx, _Named(tx, said)))
        finally:
            self._watch.unit_ended(said)
