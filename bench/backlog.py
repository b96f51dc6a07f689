"""A start with a million unfinished payouts: how long it takes, in how much memory, and whether they are worked off as
fast as by a gateway with nothing behind them.

The store is filled by SQL, outside of the gateway: a third of the payouts was never sent and is due now, the others
wait for their channel's answer, which is asked for in some hours. *Drain* is how many end in a second.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Any
from uuid import UUID

from bench.overload import unfinished
from bench.stage import APP, Stage, stage
from gateway.channels import Maker, build_channels
from gateway.config.load import load
from gateway.config.prepare import prepare_secrets
from gateway.domain.beneficiary import BankBeneficiary
from gateway.domain.changes import Opening, open_attempt
from gateway.domain.identity import attempt_ids, payout_id, shard_of
from gateway.domain.money import Money
from gateway.domain.payout import AttemptState, Ground, Payout
from gateway.operations.plan import order_of
from gateway.sealing import Sealer
from gateway.store.data_keys import unlock
from gateway.store.engine import writer_engine
from gateway.store.rows import Rows
from gateway.store.schema import EPOCH
from gateway.world import system_world

CHUNK = 5_000
WARM_S = 2.0
PAYEE = BankBeneficiary("6222000000000199", "张三", "000200000002", "CN")
_numbers = count(1)

Values = dict[str, Any]


def measure(payouts: int, seconds: float) -> dict[str, Any]:
    """Start on an almost empty store, and then on one with `payouts` unfinished ones; drain each for `seconds`."""
    due = max(int(seconds * 1000), 500)
    with stage() as on:
        on.start()  # it mints its keys, and begins the file that says how far the store has come
        on.stop()
        maker = _Maker.of(on)
        empty = _run(on, maker, due, 0, seconds)
    with stage() as on:
        on.start()
        on.stop()
        full = _run(on, _Maker.of(on), max(payouts // 3, due), payouts - max(payouts // 3, due), seconds)
    ratio = round(full["drain_per_s"] / empty["drain_per_s"], 2) if empty["drain_per_s"] else None
    return {"payouts": payouts, "empty": empty, "full": full, "drain_of_empty": ratio}


def table(result: dict[str, Any]) -> str:
    """For people."""
    lines = ["store   unfinished  file MB  start s  memory MB  drained/s  CPU ms each"]
    for name in ("empty", "full"):
        row = result[name]
        lines.append(
            f"{name:<6}  {row['unfinished']:>10}  {row['file_mb']:>7}  {row['start_s']:>7}  {row['rss_mb']:>9}"
            f"  {row['drain_per_s']:>9}  {row['cpu_ms_each'] or '-':>11}"
        )
    return "\n".join([*lines, f"drained at {result['drain_of_empty']} of the rate of an empty store"])


def _run(on: Stage, maker: _Maker, due: int, waiting: int, seconds: float) -> dict[str, Any]:
    _fill(on, maker, due, waiting)
    size_mb, start_s = os.stat(on.database).st_size / 1e6, on.start()  # noqa: PTH116 - a size, nothing else
    time.sleep(WARM_S)
    before, began_s, cpu_s = unfinished(on), time.monotonic(), on.cpu_s()
    first_mb = on.rss_mb()
    time.sleep(seconds)
    drained, passed_s, used_s = before - unfinished(on), time.monotonic() - began_s, on.cpu_s() - cpu_s
    most_mb = max(first_mb, on.rss_mb())
    stop_s = on.stop()
    return {
        "unfinished": due + waiting,
        "file_mb": round(size_mb),
        "start_s": round(start_s, 2),
        "stop_s": round(stop_s, 2),
        "rss_mb": round(most_mb),
        "drain_per_s": round(drained / passed_s, 1),
        "cpu_ms_each": round(used_s / drained * 1000, 2) if drained else None,
    }


@dataclass(slots=True)
class _Maker:
    """Makes payouts as this gateway would have them, and their rows."""

    rows: Rows
    identity: bytes
    ground: Ground
    now: datetime
    prepare: Any

    @classmethod
    def of(cls, on: Stage) -> _Maker:
        config = load(on.folder / "config.toml")
        secrets, world = prepare_secrets(config), system_world()

        async def nobody(_channel: str, _raw: object) -> int:
            return 200

        identity = secrets.identity_key.reveal()
        channel = build_channels(config, Maker(world, identity, nobody)).handles["mock"].channel
        sealer = Sealer([secrets.sealing_key.reveal()], os.urandom)
        return cls(Rows(sealer), identity, channel.ground, datetime.now(UTC), channel.prepare)

    def due(self) -> Payout:
        """Accepted, and never sent."""
        number = next(_numbers)
        reference = f"backlog-{number}"
        shard = shard_of(APP, reference)
        at = self.now - timedelta(hours=1)
        return Payout(
            id=payout_id(shard, UUID(int=(int(at.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62) | number)),
            shard=shard,
            app=APP,
            reference=reference,
            amount=Money(12345, "CNY"),
            beneficiary=PAYEE,
            created_at=at,
            give_up_at=at + timedelta(hours=72),
            last_event=1,
        )

    def waiting(self) -> Payout:
        """Sent, and its channel is still working on it."""
        payout = self.due()
        ids = attempt_ids(self.identity, payout.app, payout.reference, "mock", 1)
        prepared = self.prepare(order_of(payout, ids), payout.created_at)
        sent = open_attempt(payout, Opening("mock", 1, ids, self.ground, prepared, ""), payout.created_at)
        later = self.now + timedelta(hours=6, seconds=next(_numbers) % 3600)
        pending = replace(sent.attempts[0], state=AttemptState.PENDING, due_at=later)
        return replace(sent, attempts=(pending,))


def _fill(on: Stage, maker: _Maker, due: int, waiting: int) -> None:
    engine = writer_engine(on.database)
    unlock(engine, maker.rows.sealer)
    engine.dispose()
    payouts = ((maker.due() for _ in range(due)), (maker.waiting() for _ in range(waiting)))
    with closing(sqlite3.connect(on.database)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("PRAGMA cache_size=-200000")
        for made in payouts:
            while chunk := list(islice(made, CHUNK)):
                _insert(db, maker, chunk)
                db.commit()


def _insert(db: sqlite3.Connection, maker: _Maker, payouts: list[Payout]) -> None:
    _many(db, "references", [_reference(payout) for payout in payouts])
    _many(db, "payouts", [maker.rows.new_payout(payout) | {"due_at": _due(payout, maker.now)} for payout in payouts])
    _many(db, "attempts", [maker.rows.new_attempt(payout, each) for payout in payouts for each in payout.attempts])
    _many(db, "events", [_event(payout) for payout in payouts])


def _due(payout: Payout, now: datetime) -> datetime | None:
    return payout.attempts[0].due_at if payout.attempts else now


def _reference(payout: Payout) -> Values:
    place = {"shard": payout.shard, "app": payout.app, "reference": payout.reference}
    return place | {"payout_id": payout.id, "fingerprint": bytes(33), "final_status": None}


def _event(payout: Payout) -> Values:
    at, actor = payout.created_at, f"app:{payout.app}"
    place = {"shard": payout.shard, "payout_id": payout.id, "sequence": 1}
    return place | {"at": at, "type": "payout.accepted", "actor": actor, "attempt": None, "detail": "{}"}


def _many(db: sqlite3.Connection, name: str, rows: list[Values]) -> None:
    if not rows:
        return
    columns = list(rows[0])
    text = f'INSERT INTO "{name}" ({", ".join(columns)}) VALUES ({", ".join("?" * len(columns))})'  # noqa: S608 - ours
    db.executemany(text, [[_stored(row[column]) for column in columns] for row in rows])


def _stored(value: object) -> object:
    return (value - EPOCH) // timedelta(microseconds=1) if isinstance(value, datetime) else value
