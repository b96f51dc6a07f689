"""What every store must keep about reserved money, whatever database is behind it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.domain.allowance import AllowanceSpent, Reservation, Used
from gateway.domain.money import Money
from gateway.domain.payout import Payout
from gateway.store.port import Store
from gateway.store.records import Reference
from tests.support.builders import NOW, a_payout

DAY, MONTH = "day:2026-11-22", "month:2026-11"


def wanted(minor: int, day_limit: int | None = None) -> Reservation:
    limits = {} if day_limit is None else {DAY: day_limit}
    return Reservation("alpha", Money(minor, "CNY"), (DAY, MONTH), limits)


async def put(store: Store, number: int) -> Payout:
    payout = replace(a_payout(), id=f"{a_payout().id[:-2]}{number:02d}", reference=f"order-{number}")
    await store.run(lambda tx: tx.insert(payout, Reference(payout.id, b"mark"), None))
    return payout


async def used(store: Store) -> dict[str, Used]:
    found = await store.read(lambda tx: tx.usage("alpha"))
    return {window: each for (_, window), each in found.items()}


async def test_reservations_add_up_in_every_window(store: Store) -> None:
    """Sums and counts; what is told is what is used with it. Another channel's are its own."""
    first, second = await put(store, 1), await put(store, 2)
    assert await store.run(lambda tx: tx.reserve(first, 1, wanted(300))) == {DAY: Used(300, 1), MONTH: Used(300, 1)}
    told = await store.run(lambda tx: tx.reserve(second, 1, replace(wanted(50), windows=(MONTH,))))
    assert told == {MONTH: Used(350, 2)}
    assert await used(store) == {DAY: Used(300, 1), MONTH: Used(350, 2)}
    assert await store.read(lambda tx: tx.usage("beta")) == {}


async def test_a_limit_is_kept_to_the_last_minor_unit(store: Store) -> None:
    """All of it may be used; one more is refused, with what is left, and reserves nothing in any window."""
    payouts = [await put(store, number) for number in range(3)]
    await store.run(lambda tx: tx.reserve(payouts[0], 1, wanted(60, day_limit=100)))
    with pytest.raises(AllowanceSpent) as refused:
        await store.run(lambda tx: tx.reserve(payouts[1], 1, wanted(41, day_limit=100)))
    assert (refused.value.channel, refused.value.window, refused.value.left_minor) == ("alpha", DAY, 40)
    assert await used(store) == {DAY: Used(60, 1), MONTH: Used(60, 1)}
    await store.run(lambda tx: tx.reserve(payouts[2], 1, wanted(40, day_limit=100)))
    assert (await used(store))[DAY] == Used(100, 2)


async def test_what_is_given_back_is_given_back_once(store: Store) -> None:
    """A second proof of the same rejection, and one of an attempt that reserved nothing, change no sum."""
    payout = await put(store, 1)
    await store.run(lambda tx: tx.reserve(payout, 1, wanted(300)))
    assert await store.run(lambda tx: tx.release_reservation(payout, 1, NOW)) == "alpha"
    assert await store.run(lambda tx: tx.release_reservation(payout, 1, NOW)) is None
    assert await store.run(lambda tx: tx.release_reservation(payout, 2, NOW)) is None
    assert await used(store) == {DAY: Used(0, 0), MONTH: Used(0, 0)}


async def test_many_at_once_never_pass_the_limit(store: Store) -> None:
    """Units of one group see each other's reservations: of twenty thirds of the limit three get through."""
    payouts = [await put(store, number) for number in range(20)]

    async def reserve(payout: Payout) -> bool:
        try:
            await store.run(lambda tx: tx.reserve(payout, 1, wanted(33, day_limit=100)))
        except AllowanceSpent:
            return False
        return True

    assert sum(await asyncio.gather(*map(reserve, payouts))) == 3
    assert (await used(store))[DAY] == Used(99, 3)
