"""Erased is what is personal of a payout, in every table; the books stay, and so does every other payout."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from gateway.callbacks.body import event_body, without_personal
from gateway.domain.erasure import NOTHING, erased, nobody
from gateway.domain.payout import Payout
from gateway.sealing import Sealer
from gateway.store import schema
from gateway.store.port import Store, Tx
from gateway.store.records import Callback
from tests.support.builders import BENEFICIARY, NOW
from tests.support.sealed_books import Opener, a_database, all_of, fill, sealed_values

KEY = b"k" * 32


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Opener, Callable[[], Engine]]]:
    with a_database(request.param, tmp_path) as made:
        yield made


def erase(payout: Payout) -> Callable[[Tx], Payout]:
    def unit(tx: Tx) -> Payout:
        saved = tx.save(payout, erased(payout, NOW), None)
        tx.erase(saved, without_personal)
        return saved

    return unit


def tell(payout: Payout) -> Callable[[Tx], None]:
    """Its app, of all that it is."""
    body = event_body("evt_told", "payout.paid", 2, NOW, payout, "2026-01-01")
    told = Callback("evt_told", payout.shard, payout.id, payout.app, "ep_1", "payout.paid", 2, body, NOW)
    return lambda tx: tx.enqueue_callback(told)


def opened(look: Callable[[], Engine], sealer: Sealer, payout_id: str) -> list[bytes]:
    """Everything sealed of one payout, opened past the port."""
    engine, found = look(), []
    with engine.connect() as connection:
        for table, named, row_id in (
            (schema.payouts, "id", ("id",)),
            (schema.attempts, "payout_id", ("payout_id", "number")),
            (schema.evidence, "payout_id", ("payout_id", "number")),
            (schema.callbacks, "payout_id", ("id", "endpoint")),
            (schema.retries, "payout_id", ("payout_id",)),
            (schema.notifications, "payout_id", ("channel", "event_id")),
            (schema.requests, "payout_id", ("id",)),
        ):
            for row in connection.execute(select(table).where(table.c[named] == payout_id)):
                place = "/".join(str(row._mapping[name]) for name in row_id)
                found += [
                    sealer.open(value, f"{table.name}|{column.removesuffix('_sealed')}|{place}")
                    for column, value in row._mapping.items()
                    if column.endswith("_sealed") and value is not None
                ]
    engine.dispose()
    return found


async def filled(store: Store, reference: str) -> Payout:
    payout = await store.run(fill(reference))
    await store.run(tell(payout))
    return payout


async def test_nothing_personal_is_left_in_any_table(database: tuple[Opener, Callable[[], Engine]]) -> None:
    """Not the payee, not the request to the channel, not its answers, not what people showed; the ciphertexts went."""
    opener, look = database
    sealer = Sealer([KEY], os.urandom)
    store = opener(sealer)
    payout = await filled(store, "one")
    await store.run(fill("other"))
    kept = await store.read(all_of("other"))
    before = sealed_values(look)
    assert any(BENEFICIARY.account_number.encode() in each for each in opened(look, sealer, payout.id))
    saved = await store.run(erase(payout))
    left = opened(look, sealer, payout.id)
    assert left
    words = ("rent of May", "u-77", "withdrawal", "%PDF", "200 OK", "4711", "203.0.113")
    for planted in (BENEFICIARY.account_number, BENEFICIARY.name, *words):
        assert not [each for each in left if planted.encode() in each], planted
    for masked in (BENEFICIARY.account_number[-4:], BENEFICIARY.name[:1]):
        assert not [each for each in left if masked.encode() in each], masked
    assert await store.read(lambda tx: tx.payout(payout.id)) == saved
    assert await store.read(all_of("other")) == kept
    after = {value for values in sealed_values(look).values() for value in values}
    gone = [value for values in before.values() for value in values if value not in after]
    assert len(gone) >= 9
    await store.close()


async def test_the_books_stay(database: tuple[Opener, Callable[[], Engine]]) -> None:
    """Who ordered how much, when, through which channel, under which ids, and how it stands."""
    opener, _ = database
    store = opener(Sealer([KEY], os.urandom))
    payout = await filled(store, "one")
    await store.run(erase(payout))
    left = await store.read(lambda tx: tx.payout(payout.id))
    assert left is not None
    assert left.beneficiary == nobody(BENEFICIARY)
    assert (left.amount, left.reference, left.created_at, left.erased_at) == (
        payout.amount,
        payout.reference,
        payout.created_at,
        NOW,
    )
    (attempt,) = left.attempts
    assert attempt.prepared == NOTHING
    assert attempt.channel_reference == payout.attempts[0].channel_reference
    assert await store.read(lambda tx: tx.find_attempt(attempt.channel_reference)) == (payout.id, 1)
    assert [each.answer.kind for each in await store.read(lambda tx: tx.evidence(payout.id))]
    await store.close()


async def test_it_is_not_found_by_its_account_any_more(database: tuple[Opener, Callable[[], Engine]]) -> None:
    """Found before, with whatever else goes to that account, newest first; not after."""
    opener, _ = database
    store = opener(Sealer([KEY], os.urandom))
    index = b"8 bytes!"
    one = await store.run(fill("one", account_index=index))
    two = await store.run(fill("two", account_index=index))
    await store.run(fill("three", account_index=b"another!"))
    found = await store.read(lambda tx: tx.payouts_at(index, 10))
    assert {each.id for each in found} == {one.id, two.id}
    assert len(await store.read(lambda tx: tx.payouts_at(index, 1))) == 1
    await store.run(erase(one))
    assert [each.id for each in await store.read(lambda tx: tx.payouts_at(index, 10))] == [two.id]
    await store.close()


async def test_what_was_erased_is_not_left_lying_in_the_file(tmp_path: Path) -> None:
    """The ciphertexts neither: SQLite overwrites what it frees, so that no key leads to them again."""
    with a_database("sqlite", tmp_path) as (opener, look):
        store = opener(Sealer([KEY], os.urandom))
        payout = await filled(store, "one")
        ciphertexts = [values[0] for name, values in sealed_values(look).items() if values and name[0] == "payouts"]
        await store.close()
        file = tmp_path / "paymux.db"
        assert all(each in file.read_bytes() for each in ciphertexts)
        store = opener(Sealer([KEY], os.urandom))
        await store.run(erase(payout))
        await store.close()
        assert not [each for each in ciphertexts if each in file.read_bytes()]
