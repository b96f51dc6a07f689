"""People and their tokens, over the wire: how the first comes in, who may add whom, how a token ends."""

from __future__ import annotations

import re
import secrets
import sqlite3
import stat
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.errors import CommitUnknown, NotFound, RequestRefused, StoreUnavailable
from gateway.domain.principal import FIRST_TOKEN_LIVES, Bearer, digest
from gateway.domain.role import Role
from gateway.domain.view import timestamp
from gateway.operations import principals
from gateway.operations.first_token import prepare_first_token
from tests.support.admin_api import PRINCIPALS, AdminServer
from tests.support.clock import START


async def names(admin: AdminServer, token: str) -> dict[str, bool]:
    answer = await admin.send("GET", PRINCIPALS, token=token)
    assert answer.status == 200
    return {each["name"]: each["active"] for each in answer.json()["data"]}


async def works(admin: AdminServer, token: str) -> bool:
    """Whether this token lets its holder in; the only other answer is 401."""
    status = (await admin.send("GET", PRINCIPALS, token=token)).status
    assert status in (200, 401)
    return status == 200


# The first token -------------------------------------------------------------------------------------------------


async def test_the_first_token_makes_the_first_person_once(admin: AdminServer) -> None:
    """It adds one person, then it is dead and its file is gone."""
    first = await admin.mint_first()
    ada = await admin.add("ada", first)
    assert await names(admin, ada) == {"ada": True}
    assert not admin.first_token.exists()
    again = await admin.send("POST", PRINCIPALS, {"name": "eve"}, token=first)
    assert again.status == 401
    assert await names(admin, ada) == {"ada": True}


async def test_the_file_is_ours_alone_and_the_store_has_a_hash(admin: AdminServer) -> None:
    """0600, one line; what is stored is not the token."""
    first = await admin.mint_first()
    assert stat.S_IMODE(admin.first_token.stat().st_mode) == 0o600
    assert admin.first_token.read_text() == first + "\n"
    (kept,) = await admin.store.read(lambda tx: tx.principal_tokens())
    assert kept.sha256 == digest(first)
    raw = b"".join(path.read_bytes() for path in admin.first_token.parent.glob("api.db*"))
    assert digest(first) in raw
    assert first.encode() not in raw


async def test_the_first_token_does_nothing_else(admin: AdminServer) -> None:
    """It lists nobody, asks for nothing, approves nothing."""
    first = await admin.mint_first()
    for method, target in (
        ("GET", PRINCIPALS),
        ("GET", "/admin/v1/holds"),
        ("POST", "/admin/v1/requests/rq_1/approve"),
    ):
        assert (await admin.send(method, target, token=first)).status == 401
    assert (await admin.send("POST", "/admin/v1/token", {}, token=first)).status == 401
    await admin.add("ada", first)


async def test_the_first_token_lives_fifteen_minutes(admin: AdminServer) -> None:
    """At the fifteenth it is dead; a new start mints another."""
    first = await admin.mint_first()
    await admin.clock.advance(FIRST_TOKEN_LIVES.total_seconds())
    assert (await admin.send("POST", PRINCIPALS, {"name": "ada"}, token=first)).status == 401
    second = await admin.mint_first()
    assert second != first
    await admin.add("ada", second)


async def test_a_start_ends_the_first_token_of_the_one_before(admin: AdminServer) -> None:
    """Only the newest file's token works."""
    old = await admin.mint_first()
    new = await admin.mint_first()
    assert (await admin.send("POST", PRINCIPALS, {"name": "ada"}, token=old)).status == 401
    await admin.add("ada", new)


async def test_no_first_token_while_there_is_an_admin(admin: AdminServer) -> None:
    """Nothing is minted, and an old file is removed; once all have left, one is minted again."""
    ada = await admin.add("ada", await admin.mint_first())
    admin.first_token.write_text("old")
    assert not await prepare_first_token(admin.services, secrets.token_bytes, admin.first_token)
    assert not admin.first_token.exists()
    assert (await admin.send("DELETE", f"{PRINCIPALS}/ada", token=ada)).status == 200
    await admin.add("bob", await admin.mint_first())


async def test_with_every_token_lost_the_documented_way_back_works(admin: AdminServer) -> None:
    """The statement in docs/operations.md ends them all, and the next start mints a first token."""
    ada, bob = await admin.two()
    page = (Path(__file__).parents[3] / "docs/operations.md").read_text(encoding="utf-8")
    (statement,) = re.findall(r'`sqlite3 state/paymux\.db "(UPDATE [^"]+)"`', page)
    with closing(sqlite3.connect(admin.first_token.with_name("api.db"))) as connection, connection:
        connection.execute(statement)
    assert not await works(admin, ada)
    carol = await admin.add("carol", await admin.mint_first())
    assert await names(admin, carol) == {"ada": True, "bob": True, "carol": True}
    assert not await works(admin, bob)


async def test_two_at_once_with_the_first_token_make_one_person(admin: AdminServer) -> None:
    """The transaction that adds decides, whatever was true when the token was looked at."""
    by = Bearer(None, digest(await admin.mint_first()))
    await principals.add(admin.services, secrets.token_bytes, by, "ada", Role.ADMIN)
    with pytest.raises(RequestRefused) as refused:
        await principals.add(admin.services, secrets.token_bytes, by, "eve", Role.ADMIN)
    assert refused.value.code == "no_longer_allowed"


# People ----------------------------------------------------------------------------------------------------------


async def test_the_first_two_act_at_once_the_third_after_a_second_persons_word(admin: AdminServer) -> None:
    """Who added somebody cannot let them in; another person can, once and for all."""
    ada, bob = await admin.two()
    carol = await admin.add("carol", ada)
    assert await names(admin, ada) == {"ada": True, "bob": True, "carol": False}
    assert not await works(admin, carol)
    own = await admin.send("POST", f"{PRINCIPALS}/carol/confirm", token=ada)
    assert (own.status, own.codes()) == (409, {"": "same_person"})
    assert not await works(admin, carol)
    told = (await admin.send("POST", f"{PRINCIPALS}/carol/confirm", token=bob)).json()
    assert (told["active"], told["confirmed_by"], told["created_by"]) == (True, "bob", "ada")
    assert await works(admin, carol)
    again = (await admin.send("POST", f"{PRINCIPALS}/carol/confirm", token=carol)).json()
    assert again["confirmed_by"] == "bob"


async def test_one_person_cannot_make_herself_a_second(admin: AdminServer) -> None:
    """R20: neither by adding, nor after revoking everybody else."""
    ada, _ = await admin.two()
    assert (await admin.send("DELETE", f"{PRINCIPALS}/bob", token=ada)).status == 200
    puppet = await admin.add("puppet", ada)
    assert not await works(admin, puppet)
    assert (await admin.send("POST", f"{PRINCIPALS}/puppet/confirm", token=ada)).status == 409
    assert (await admin.send("POST", f"{PRINCIPALS}/puppet/confirm", token=puppet)).status == 401


async def test_revoking_ends_at_once_and_names_stay_taken(admin: AdminServer) -> None:
    """The next request is a 401, a confirmation is refused, and nobody else is ever called that."""
    ada, bob = await admin.two()
    told = (await admin.send("DELETE", f"{PRINCIPALS}/bob", token=ada)).json()
    assert (told["active"], told["revoked_by"]) == (False, "ada")
    assert not await works(admin, bob)
    twice = (await admin.send("DELETE", f"{PRINCIPALS}/bob", token=ada)).json()
    assert twice == told
    again = await admin.send("POST", PRINCIPALS, {"name": "bob"}, token=ada)
    assert (again.status, again.codes()) == (409, {"": "name_taken"})
    confirmed = await admin.send("POST", f"{PRINCIPALS}/bob/confirm", token=ada)
    assert (confirmed.status, confirmed.codes()) == (409, {"": "revoked"})


async def test_nobody_of_that_name(admin: AdminServer) -> None:
    """404, and a path that can be nobody's name is not a path."""
    ada, _ = await admin.two()
    for path in (f"{PRINCIPALS}/carol", f"{PRINCIPALS}/Ada", f"{PRINCIPALS}/%61da"):
        assert (await admin.send("DELETE", path, token=ada)).status == 404
    with pytest.raises(NotFound):
        await principals.confirm(admin.services, Bearer("ada", digest(ada), Role.ADMIN), "carol")
    assert await works(admin, ada)


async def test_a_token_expires(admin: AdminServer) -> None:
    """Valid up to the moment; the list says until when, and the person stays."""
    ada, _ = await admin.two()
    short = (await admin.send("POST", "/admin/v1/token", {"expires_in_days": 1}, token=ada)).json()
    assert short["token_expires_at"] == timestamp(START + timedelta(days=1))
    await admin.clock.advance(timedelta(days=1).total_seconds() - 1)
    assert await works(admin, short["token"])
    await admin.clock.advance(1)
    assert not await works(admin, short["token"])


async def test_renewing_ends_the_old_token(admin: AdminServer) -> None:
    """Whoever handed a token over cannot use it after its owner has renewed it."""
    ada, handed = await admin.two()
    renewed = await admin.send("POST", "/admin/v1/token", {}, token=handed)
    assert (renewed.status, renewed.json()["name"]) == (201, "bob")
    assert not await works(admin, handed)
    assert await works(admin, renewed.json()["token"])
    assert await works(admin, ada)


async def test_the_last_use_is_shown(admin: AdminServer) -> None:
    """To the minute, and never as often as the token is used."""
    ada, _ = await admin.two()
    await admin.clock.advance(3600)
    await works(admin, ada)
    await admin.clock.advance(59)
    admin.store.run_errors = [AssertionError("nothing is to be written")]
    told = (await admin.send("GET", PRINCIPALS, token=ada)).json()["data"]
    assert [each["last_used_at"] for each in told] == [timestamp(START + timedelta(hours=1)), None]
    assert admin.store.run_errors
    admin.store.run_errors = []
    await admin.clock.advance(1)
    told = (await admin.send("GET", PRINCIPALS, token=ada)).json()["data"]
    assert told[0]["last_used_at"] == timestamp(START + timedelta(minutes=61))


async def test_a_list_shows_no_token_and_no_hash(admin: AdminServer) -> None:
    """Only the answer that makes a token has it."""
    ada, bob = await admin.two()
    answer = await admin.send("GET", PRINCIPALS, token=ada)
    for token in (ada, bob):
        assert token.encode() not in answer.body
        assert digest(token).hex().encode() not in answer.body


# Faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ({}, {"/name": "missing"}),
        ({"name": "Ada"}, {"/name": "bad_format"}),
        ({"name": "ada\n"}, {"/name": "forbidden_character"}),
        ({"name": 7}, {"/name": "not_a_string"}),
        ({"name": "ada", "expires_in_days": 0}, {"/expires_in_days": "out_of_range"}),
        ({"name": "ada", "expires_in_days": "1"}, {"/expires_in_days": "not_an_integer"}),
        ({"name": "ada", "role": "king"}, {"/role": "invalid"}),
        ({"name": "ada", "admin": True}, {"/admin": "unknown_field"}),
    ],
)
async def test_a_body_is_strictly_read(admin: AdminServer, body: object, codes: dict[str, str]) -> None:
    """400 with every fault, and the first token is not used up by it."""
    first = await admin.mint_first()
    answer = await admin.send("POST", PRINCIPALS, body, token=first)
    assert (answer.status, answer.codes()) == (400, codes)
    await admin.add("ada", first)


async def test_an_unknown_commit_is_repeated_with_the_same_token(admin: AdminServer) -> None:
    """R18: whether or not it had happened, there is one person, and the token that was answered is hers."""
    first = await admin.mint_first()
    run, seen = admin.store.store.run, 0

    async def happens_and_is_not_known(unit: object) -> object:
        nonlocal seen
        seen += 1
        done = await run(unit)  # type: ignore[arg-type]  # the unit as it came
        if seen == 2:  # the first is the note of the first token's use
            raise CommitUnknown("lost")
        return done

    admin.store.store.run = happens_and_is_not_known  # type: ignore[method-assign,assignment]
    ada = await admin.add("ada", first)
    admin.store.store.run = run  # type: ignore[method-assign]
    assert seen == 3
    assert await names(admin, ada) == {"ada": True}
    assert not await works(admin, first)


async def test_a_commit_that_stays_unknown_is_said(admin: AdminServer) -> None:
    """After three tries the caller hears that it is not known."""
    ada, _ = await admin.two()
    admin.store.run_errors = [CommitUnknown("lost") for _ in range(3)]
    answer = await admin.send("POST", PRINCIPALS, {"name": "carol"}, token=ada)
    assert (answer.status, answer.json()["code"]) == (500, "commit_unknown")


async def test_a_full_disk_does_not_lock_people_out(admin: AdminServer) -> None:
    """The use cannot be noted; who is calling can still be told."""
    ada, _ = await admin.two()
    await admin.clock.advance(3600)
    admin.store.run_errors = [StoreUnavailable("disk full")]
    assert await works(admin, ada)
    assert not admin.store.run_errors
