"""A store's rows with a value in every sealed column, whoever seals them; and the first layout, which nothing writes
any more."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Engine, select

from gateway.domain.batch import Batch, BatchForm, BatchPage, ItemOrder, ItemResult
from gateway.domain.beneficiary import SavedBeneficiary
from gateway.domain.endpoint import AppEndpoint, KeyKind, SigningKey
from gateway.domain.money import Money
from gateway.domain.outcome import NextAction, OutcomeKind
from gateway.domain.payer import Payer
from gateway.domain.payout import Payout
from gateway.domain.retry import Retry
from gateway.domain.review import Request, RequestKind
from gateway.domain.terms import OnExpiry
from gateway.sealing import Sealer
from gateway.store import schema
from gateway.store.engine import writer_engine
from gateway.store.lease_time import by_caller
from gateway.store.port import ReadTx, Store, Tx
from gateway.store.postgres import PostgresStore
from gateway.store.postgres_engine import writer_engine as postgres_engine
from gateway.store.records import Callback, Evidence, Reference, SeenNotification
from gateway.store.resealing import sealed_columns
from gateway.store.sqlite import SqliteStore
from tests.support import postgres
from tests.support.builders import BENEFICIARY, NOW, a_payout, an_answer, sending

Opener = Callable[[Sealer], Store]

BODY = b'{"data":{"object":{"beneficiary":{},"metadata":{}}}}'


class FirstLayoutSealer(Sealer):
    """Seals as the first releases did: under the sealing key itself."""

    def __init__(self, key: bytes) -> None:
        super().__init__([key], os.urandom)
        self._key = key

    def seal(self, plain: bytes, place: str) -> bytes:
        key_id, nonce = sha256(b"paymux key id\0" + self._key).digest()[:4], os.urandom(12)
        return b"\x01" + key_id + nonce + AESGCM(self._key).encrypt(nonce, plain, place.encode() + b"|" + key_id)


@contextmanager
def a_database(kind: str, folder: Path) -> Iterator[tuple[Opener, Callable[[], Engine]]]:
    """How to open a store on a new database of a kind, and how to look at it from outside."""
    if kind == "sqlite":
        path = folder / "paymux.db"
        yield lambda sealer: SqliteStore.open_file(path, sealer, "sandbox"), lambda: writer_engine(path)
        return
    with postgres.fresh_database() as url:
        yield (
            lambda sealer: PostgresStore.open_url(url, sealer, "sandbox", by_caller),
            lambda: postgres_engine(url),
        )


def a_full_payout(reference: str) -> Payout:
    """With everything that is sealed of a payout and its attempt."""
    payer = Payer("end-user-4711", "gold", "device-4711", "203.0.113.77")
    words = {"description": "rent of May", "purpose": "withdrawal", "metadata": {"user": "u-77"}}
    ordered = replace(a_payout(reference), payer=payer, **words)  # type: ignore[arg-type]  # fields of it
    open_one = sending(ordered)
    action = NextAction("wechat_confirm", (("package_info", "token"),), NOW)
    return replace(open_one, attempts=(replace(open_one.attempts[0], action=action),))


def fill(reference: str, *, body: bytes = BODY, account_index: bytes | None = None) -> Callable[[Tx], Payout]:
    """A unit that puts a value into every sealed column."""
    ordered = a_full_payout(reference)
    fresh = replace(ordered, attempts=())

    def unit(tx: Tx) -> Payout:
        tx.insert(fresh, Reference(fresh.id, b"mark"), None, account_index)
        saved = tx.save(fresh, ordered, NOW)
        tx.append_evidence(saved, Evidence(1, 1, NOW, an_answer(OutcomeKind.PENDING, raw=b"200 OK"), True))
        tx.enqueue_callback(a_callback(saved, body))
        tx.add_retry(saved, Retry(a_payout(f"{reference}-again").id, "again", BENEFICIARY, None, OnExpiry.FAIL, NOW))
        tx.end_retry(saved, NOW)
        tx.note_notification(SeenNotification("alpha", f"e-{reference}", saved.shard, saved.id, NOW, b"raw", b"said"))
        tx.add_request(a_request(saved), b"%PDF letter of the bank")
        return saved

    return unit


def fill_others(reference: str) -> Callable[[Tx], None]:
    """The same of what is of no payout."""

    def unit(tx: Tx) -> None:
        tx.add_beneficiary(SavedBeneficiary(f"be_{reference}", "acme", BENEFICIARY, NOW), b"12345678")
        key = SigningKey(KeyKind.HMAC_SHA256, b"whsec_one", NOW)
        batch = a_batch(reference)
        tx.add_batch(batch)
        tx.add_batch_page(batch, a_page(reference))
        tx.add_endpoint(AppEndpoint(f"ep_{reference}", "acme", "https://app.example/1", frozenset(), (key,), NOW))

    return unit


def a_batch(reference: str) -> Batch:
    return Batch(f"ba_{reference}", 1, "acme", reference, BatchForm.JSON, NOW, items=1)


def a_page(reference: str) -> BatchPage:
    order = ItemOrder(f"{reference}-1", Money(100, "CNY"), BENEFICIARY, metadata={"user": "u-77"})
    return BatchPage(0, (ItemResult(order.reference),), (order,))


def a_callback(payout: Payout, body: bytes) -> Callback:
    return Callback(f"evt_{payout.reference}", payout.shard, payout.id, payout.app, "ep_1", "payout.paid", 1, body, NOW)


def a_request(payout: Payout) -> Request:
    made = f"rq_{payout.id.removeprefix('po_')}"
    return Request(made, RequestKind.RESOLVE_PAID, payout.id, "letter", "00", "person:ada", NOW, "hash", NOW)


def all_of(reference: str) -> Callable[[ReadTx], list[Any]]:
    """Everything that `fill` wrote, read back and opened."""
    payout_id = a_payout(reference).id

    def query(tx: ReadTx) -> list[Any]:
        return [
            tx.payout(payout_id),
            list(tx.evidence(payout_id)),
            list(tx.callbacks(payout_id)),
            tx.retry(payout_id),
        ]

    return query


def all_others(reference: str) -> Callable[[ReadTx], list[Any]]:
    return lambda tx: [
        tx.beneficiary("acme", f"be_{reference}"),
        tx.endpoint("acme", f"ep_{reference}"),
        tx.batch_page(f"ba_{reference}", 0),
    ]


def sealed_values(look: Callable[[], Engine]) -> dict[tuple[str, str], list[bytes]]:
    """What stands in each sealed column, past the port."""
    engine = look()
    try:
        with engine.connect() as connection:
            return {
                (table.name, column.name): [
                    value for value in connection.execute(select(column)).scalars() if value is not None
                ]
                for table in schema.metadata.sorted_tables
                for column in sealed_columns(table)
            }
    finally:
        engine.dispose()
