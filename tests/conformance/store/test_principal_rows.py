"""What every store must keep of people and their tokens."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from gateway.domain.errors import StaleWrite
from gateway.domain.principal import BY_FIRST_TOKEN, Principal, Token
from gateway.store.port import Store
from tests.support.builders import NOW

ADA = Principal("ada", 1, NOW, BY_FIRST_TOKEN, NOW, None)
BOB = Principal("bob", 1, NOW + timedelta(microseconds=1), "ada")
ADAS = Token(b"a" * 32, "ada", NOW, NOW + timedelta(days=1))
FIRST = Token(b"f" * 32, None, NOW + timedelta(seconds=1))


async def people(store: Store) -> list[Principal]:
    return list(await store.read(lambda tx: tx.principals()))


async def tokens(store: Store) -> list[Token]:
    return list(await store.read(lambda tx: tx.principal_tokens()))


async def test_people_and_tokens_come_back_equal(store: Store) -> None:
    """Every field, the oldest first."""
    await store.run(lambda tx: tx.add_principal(BOB))
    await store.run(lambda tx: tx.add_principal(ADA))
    await store.run(lambda tx: tx.add_token(FIRST))
    await store.run(lambda tx: tx.add_token(ADAS))
    assert await people(store) == [ADA, BOB]
    assert await tokens(store) == [ADAS, FIRST]


async def test_a_name_is_taken_once(store: Store) -> None:
    """Also when two units add it at once, and its neighbour stays as it was."""
    await store.run(lambda tx: tx.add_principal(ADA))
    with pytest.raises(StaleWrite):
        await store.run(lambda tx: tx.add_principal(replace(BOB, name="ada")))
    assert await people(store) == [ADA]


async def test_only_confirmation_and_revocation_change(store: Store) -> None:
    """Who added whom, and when, is history."""
    await store.run(lambda tx: tx.add_principal(BOB))
    changed = replace(BOB, confirmed_at=NOW, confirmed_by="carol", revoked_at=NOW, revoked_by="ada")
    await store.run(lambda tx: tx.change_principal(replace(changed, created_by="nobody", generation=7)))
    assert await people(store) == [changed]


async def test_revoking_tokens_ends_those_of_one_person(store: Store) -> None:
    """Not another's, not the first token; and what had ended keeps its time."""
    later = NOW + timedelta(hours=1)
    ended = Token(b"e" * 32, "ada", NOW, None, NOW)
    bobs = Token(b"b" * 32, "bob", NOW)
    for person in (ADA, BOB):
        await store.run(lambda tx, person=person: tx.add_principal(person))
    for token in (ADAS, ended, bobs, FIRST):
        await store.run(lambda tx, token=token: tx.add_token(token))
    await store.run(lambda tx: tx.revoke_tokens("ada", later))
    assert await tokens(store) == [replace(ADAS, revoked_at=later), bobs, ended, FIRST]
    await store.run(lambda tx: tx.revoke_tokens(None, later))
    assert await tokens(store) == [replace(ADAS, revoked_at=later), bobs, ended, replace(FIRST, revoked_at=later)]


async def test_the_last_use_is_noted(store: Store) -> None:
    """On that token only."""
    await store.run(lambda tx: tx.add_principal(ADA))
    await store.run(lambda tx: tx.add_token(ADAS))
    await store.run(lambda tx: tx.add_token(FIRST))
    await store.run(lambda tx: tx.touch_token(ADAS.sha256, NOW))
    assert await tokens(store) == [replace(ADAS, last_used_at=NOW), FIRST]


async def test_a_token_is_somebodys(store: Store) -> None:
    """No token for a name that is not there, and no hash twice."""
    with pytest.raises(IntegrityError):
        await store.run(lambda tx: tx.add_token(ADAS))
    await store.run(lambda tx: tx.add_token(FIRST))
    with pytest.raises(IntegrityError):
        await store.run(lambda tx: tx.add_token(FIRST))
