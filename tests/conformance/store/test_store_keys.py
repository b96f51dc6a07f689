"""The sealing key can be changed: everything is brought under the new one by pages, nothing is left under the old."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from gateway.ciphers import Cipher
from gateway.domain.errors import StoreUnavailable
from gateway.sealing import DataKey, SealBroken, Sealer
from gateway.store import schema
from gateway.store.port import Store
from gateway.store.resealing import SEALED_ROWS, Bookmark, sealed_columns
from tests.support.builders import a_payout
from tests.support.sealed_books import (
    FirstLayoutSealer,
    Opener,
    a_database,
    all_of,
    all_others,
    fill,
    fill_others,
    sealed_values,
)

OLD, NEW = b"o" * 32, b"n" * 32
ORDERS = [f"order-{number}" for number in range(5)]


@dataclass
class Books:
    """A database, and whoever opens it."""

    opener: Opener
    look: Callable[[], Engine]
    opened: list[Store] = field(default_factory=list)

    def open(self, sealer: Sealer) -> Store:
        self.opened.append(self.opener(sealer))
        return self.opened[-1]


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Opener, Callable[[], Engine]]]:
    with a_database(request.param, tmp_path) as made:
        yield made


@pytest.fixture
async def books(database: tuple[Opener, Callable[[], Engine]]) -> AsyncIterator[Books]:
    made = Books(*database)
    yield made
    for store in made.opened:
        await store.close()


def sealer(*keys: bytes, cipher: Cipher = Cipher.AES_256_GCM) -> Sealer:
    return Sealer(keys, os.urandom, cipher)


async def rotate(store: Store, rows_max: int = 2, pages_max: int = 1000) -> tuple[int, int, Bookmark | None]:
    """As the command does it: data keys and values that were touched, and where it stands."""
    keys = values = 0
    after: Bookmark | None = None
    for _ in range(pages_max):
        where = after
        page = await store.run(lambda tx, where=where: tx.reseal(where, rows_max))  # type: ignore[misc]  # mypy loses the default
        keys, values, after = keys + page.data_keys, values + page.values, page.after
        if after is None:
            break
    return keys, values, after


async def written(books: Books, by: Sealer) -> list[list[object]]:
    """Some orders, and what they read as."""
    store = books.open(by)
    for order in ORDERS:
        await store.run(fill(order))
        await store.run(fill_others(order))
    found = [await store.read(all_of(order)) + await store.read(all_others(order)) for order in ORDERS]
    await store.close()
    return found


async def read_by(books: Books, by: Sealer) -> list[list[object]]:
    store = books.open(by)
    found = [await store.read(all_of(order)) + await store.read(all_others(order)) for order in ORDERS]
    await store.close()
    return found


def test_every_sealed_column_is_rotated() -> None:
    """A table with a sealed column that the rotation does not know would keep the old key for ever."""
    sealed = {table.name for table in schema.metadata.sorted_tables if sealed_columns(table)}
    assert sealed == set(SEALED_ROWS)


async def test_rotated_everything_opens_with_the_new_key_alone(books: Books) -> None:
    """Data keys are wrapped anew and the values of the first layout sealed anew: the old key is needed for nothing."""
    before = await written(books, FirstLayoutSealer(OLD))
    rows = sealed_values(books.look)
    assert [name for name, values in rows.items() if not values] == []
    assert {value[:1] for values in rows.values() for value in values} == {b"\x01"}
    store = books.open(sealer(NEW, OLD))
    await store.run(fill("modern"))
    keys, values, after = await rotate(store)
    assert (values, after) == (sum(map(len, rows.values())), None)
    assert keys >= 1
    await store.close()
    assert {value[:1] for values in sealed_values(books.look).values() for value in values} == {b"\x02"}
    assert await read_by(books, sealer(NEW)) == before
    with pytest.raises(StoreUnavailable, match="old_sealing_keys"):
        books.open(sealer(OLD))


async def test_a_rotation_that_was_stopped_is_begun_again(books: Books) -> None:
    """In the middle everything opens with both keys; the second run does what the first did not, and no more."""
    before = await written(books, FirstLayoutSealer(OLD))
    store = books.open(sealer(NEW, OLD))
    _, some, after = await rotate(store, pages_max=4)
    assert some > 0
    assert after is not None
    await store.close()
    assert await read_by(books, sealer(NEW, OLD)) == before
    store = books.open(sealer(NEW, OLD))
    _, rest, _ = await rotate(store)
    assert some + rest == sum(map(len, sealed_values(books.look).values()))
    assert await rotate(store) == (0, 0, None)
    await store.close()
    assert await read_by(books, sealer(NEW)) == before


async def test_only_data_keys_are_touched_where_there_are_data_keys(books: Books) -> None:
    """To rotate is to wrap a few keys anew: no payout's row changes."""
    before = await written(books, sealer(OLD))
    rows = sealed_values(books.look)
    store = books.open(sealer(NEW, OLD))
    assert await rotate(store, 500) == (1, 0, None)
    await store.close()
    assert sealed_values(books.look) == rows
    assert await read_by(books, sealer(NEW)) == before


async def test_ids_are_not_touched(books: Books) -> None:
    """What channels know orders by is derived from another key: the same after as before."""
    before = await written(books, FirstLayoutSealer(OLD))
    store = books.open(sealer(NEW, OLD))
    await rotate(store)
    payout = await store.read(lambda tx: tx.payout(a_payout(ORDERS[0]).id))
    assert payout is not None
    assert before[0][0] == payout
    assert await store.read(lambda tx: tx.find_attempt(payout.attempts[0].channel_reference)) == (payout.id, 1)


async def test_what_changes_meanwhile_is_kept(books: Books) -> None:
    """A gateway works on while its values are sealed anew: nothing that it writes is written over."""
    await written(books, FirstLayoutSealer(OLD))
    store = books.open(sealer(NEW, OLD))
    where: Bookmark | None = None
    for number in range(1000):
        page = await store.run(lambda tx, where=where: tx.reseal(where, 1))  # type: ignore[misc]  # mypy loses the default
        await store.run(fill(f"meanwhile-{number % 3}-{number}") if number < 3 else lambda tx: None)
        where = page.after
        if where is None:
            break
    for number in range(3):
        payout_id = a_payout(f"meanwhile-{number}-{number}").id
        assert await store.read(lambda tx, wanted=payout_id: tx.payout(wanted)) is not None  # type: ignore[misc]  # likewise
    await store.close()
    assert len(await read_by(books, sealer(NEW))) == len(ORDERS)


async def test_the_other_cipher_opens_too(books: Books) -> None:
    """SM4-GCM from now on: what AES sealed still opens, and the other way round, also when both were rotated."""
    before = await written(books, sealer(OLD))
    store = books.open(sealer(OLD, cipher=Cipher.SM4_GCM))
    await store.run(fill("sm4"))
    later = await store.read(all_of("sm4"))
    await store.close()
    assert {value[:1] for values in sealed_values(books.look).values() for value in values} == {b"\x02", b"\x03"}
    store = books.open(sealer(NEW, OLD))
    assert (await rotate(store, 500))[0] == 2
    assert await store.read(all_of("sm4")) == later
    await store.close()
    assert await read_by(books, sealer(NEW, cipher=Cipher.SM4_GCM)) == before


async def test_nothing_is_sealed_under_a_key_that_is_not_stored(books: Books) -> None:
    """Every data key that a value names is in the database, whatever was sealed and however often it was opened."""
    await written(books, sealer(OLD))
    await written_more(books)
    engine = books.look()
    with engine.connect() as connection:
        kept = {row.id for row in connection.execute(select(schema.data_keys))}
    engine.dispose()
    named = {value[1:9] for values in sealed_values(books.look).values() for value in values}
    assert named <= kept
    assert len(named) == 2


async def written_more(books: Books) -> None:
    store = books.open(sealer(OLD))
    await store.run(fill("more"))
    await store.close()


async def test_a_key_that_leads_nowhere_is_said(books: Books) -> None:
    """A data key that was tampered with stops the rotation; it is not lost silently."""
    await written(books, sealer(OLD))
    store = books.open(sealer(NEW, OLD))
    await store.run(lambda tx: tx.add_data_key(DataKey(b"12345678", sealer(OLD).new_key().wrapped)))
    with pytest.raises(SealBroken):
        await store.run(lambda tx: tx.reseal(None, 500))
    await store.close()
