"""Saved beneficiaries lie sealed with their app, are found by account, and leave nothing. Keys are kept for a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.beneficiary import SavedBeneficiary, WechatBeneficiary
from gateway.domain.errors import StaleWrite
from gateway.store.idempotency import Keyed
from gateway.store.port import Store
from tests.support.builders import BENEFICIARY, NOW

INDEX, OTHER_INDEX = b"\x01" * 8, b"\x02" * 8
LATER = NOW + timedelta(days=30)


def a_saved(number: int = 1, app: str = "acme") -> SavedBeneficiary:
    return SavedBeneficiary(f"be_{number:026d}", app, BENEFICIARY, NOW)


async def test_it_comes_back_equal_for_its_app_alone(store: Store) -> None:
    """Each kind, whole; another app's is not there, and may have the same id."""
    bank, wechat = a_saved(1), replace(a_saved(2), beneficiary=WechatBeneficiary("oHUSH", "张三"))
    foreign = replace(a_saved(1, "rival"), beneficiary=WechatBeneficiary("oFOREIGN"))
    for each in (bank, wechat, foreign):
        await store.run(lambda tx, saved=each: tx.add_beneficiary(saved, INDEX))
    assert await store.read(lambda tx: tx.beneficiary("acme", bank.id)) == bank
    assert await store.read(lambda tx: tx.beneficiary("acme", wechat.id)) == wechat
    assert await store.read(lambda tx: tx.beneficiary("rival", wechat.id)) is None
    assert await store.read(lambda tx: tx.beneficiary("rival", bank.id)) == foreign


async def test_the_newest_come_first_in_pages(store: Store) -> None:
    """In the order of their ids, from the one after the last page's end."""
    saved = [a_saved(number) for number in range(5)]
    for each in saved:
        await store.run(lambda tx, one=each: tx.add_beneficiary(one, INDEX))
    first = await store.read(lambda tx: tx.beneficiaries("acme", None, 2))
    assert list(first) == [saved[4], saved[3]]
    assert list(await store.read(lambda tx: tx.beneficiaries("acme", first[-1].id, 10))) == saved[2::-1]
    assert list(await store.read(lambda tx: tx.beneficiaries("rival", None, 10))) == []


async def test_an_account_leads_to_all_of_it(store: Store) -> None:
    """By its index, within the app, the oldest first; another account's are not among them."""
    for number, app, index in ((3, "acme", INDEX), (1, "acme", INDEX), (2, "acme", OTHER_INDEX), (1, "rival", INDEX)):
        saved = a_saved(number, app)
        await store.run(lambda tx, a=saved, i=index: tx.add_beneficiary(a, i))
    found = await store.read(lambda tx: tx.beneficiaries_at("acme", INDEX, 10))
    assert list(found) == [a_saved(1), a_saved(3)]
    assert list(await store.read(lambda tx: tx.beneficiaries_at("acme", INDEX, 1))) == [a_saved(1)]


async def test_nothing_is_left_of_what_is_dropped(store: Store) -> None:
    """Once; a foreign one is left alone."""
    await store.run(lambda tx: tx.add_beneficiary(a_saved(), INDEX))
    assert not await store.run(lambda tx: tx.drop_beneficiary("rival", a_saved().id))
    assert await store.run(lambda tx: tx.drop_beneficiary("acme", a_saved().id))
    assert not await store.run(lambda tx: tx.drop_beneficiary("acme", a_saved().id))
    assert list(await store.read(lambda tx: tx.beneficiaries_at("acme", INDEX, 10))) == []


async def test_a_key_is_taken_until_its_time_is_over(store: Store) -> None:
    """Once by each app; then it is forgotten, by the next one that comes."""
    keyed = Keyed(b"content", "be_1", LATER)
    await store.run(lambda tx: tx.keep_key("acme", b"mark", keyed, NOW))
    assert await store.read(lambda tx: tx.keyed("acme", b"mark", NOW)) == keyed
    assert await store.read(lambda tx: tx.keyed("rival", b"mark", NOW)) is None
    assert await store.read(lambda tx: tx.keyed("acme", b"mark", LATER)) is None
    with pytest.raises(StaleWrite):
        await store.run(lambda tx: tx.keep_key("acme", b"mark", replace(keyed, made="be_2"), NOW))
    await store.run(lambda tx: tx.keep_key("rival", b"mark", keyed, NOW))
    anew = Keyed(b"other content", "be_3", LATER + timedelta(days=30))
    await store.run(lambda tx: tx.keep_key("acme", b"mark", anew, LATER))
    assert await store.read(lambda tx: tx.keyed("acme", b"mark", LATER)) == anew
