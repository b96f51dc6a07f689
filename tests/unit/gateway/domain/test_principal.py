"""Who may act: the rules for people and their tokens, without a store."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.principal import (
    BY_FIRST_TOKEN,
    FIRST_TOKEN_LIVES,
    NAME_PATTERN,
    Bearer,
    Principal,
    Token,
    able_to_act,
    actor,
    digest,
    identified,
    is_last_admin,
    joining,
    mint_token,
)
from gateway.domain.role import MAY, Right, Role

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
ADA = Principal("ada", 1, NOW, BY_FIRST_TOKEN, confirmed_at=NOW)
BOB = Principal("bob", 1, NOW, "ada", confirmed_at=NOW)
CAROL = Principal("carol", 1, NOW, "ada")
ADAS = Token(digest("ada's"), "ada", NOW)
CAROLS = Token(digest("carol's"), "carol", NOW)
FIRST = Token(digest("first"), None, NOW, NOW + FIRST_TOKEN_LIVES)


def test_a_token_is_256_bits_of_what_the_world_draws() -> None:
    """Its form is ours, all its randomness is the world's, and its hash tells nothing else."""
    token = mint_token(lambda size: bytes(range(size)))
    assert re.fullmatch(r"pmx_[A-Za-z0-9_-]{43}", token)
    assert token != mint_token(lambda size: bytes(range(1, size + 1)))
    assert len(digest(token)) == 32


def test_nothing_shows_a_hash() -> None:
    """Neither a token's nor a bearer's repr."""
    assert "sha256" not in repr(ADAS)
    assert "sha256" not in repr(Bearer("ada", b"x"))


@pytest.mark.parametrize("name", ["ada", "a", "ada.l-2_x", "a" * 32])
def test_names(name: str) -> None:
    """What may stand in the history for ever."""
    assert re.fullmatch(NAME_PATTERN.strip("^$"), name)
    assert actor(name) == f"person:{name}"


@pytest.mark.parametrize("name", ["", "Ada", "аda", "1a", "a b", "a/b", "a" * 33, "ada\n", "-a", "person:a"])
def test_no_names(name: str) -> None:
    """Nothing that could be taken for another name, or for a path."""
    assert not re.fullmatch(NAME_PATTERN.strip("^$"), name, re.ASCII)


def test_a_person_is_identified() -> None:
    """By a valid token, while confirmed and not revoked."""
    assert identified([ADA], [ADAS], digest("ada's"), NOW) == Bearer("ada", ADAS.sha256, Role.ADMIN)


@pytest.mark.parametrize(
    ("person", "token", "shown"),
    [
        (ADA, ADAS, "bob's"),
        (ADA, replace(ADAS, revoked_at=NOW), "ada's"),
        (ADA, replace(ADAS, expires_at=NOW), "ada's"),
        (replace(ADA, revoked_at=NOW), ADAS, "ada's"),
        (replace(ADA, confirmed_at=None), ADAS, "ada's"),
        (BOB, ADAS, "ada's"),
    ],
    ids=["unknown", "revoked token", "expired this moment", "revoked person", "unconfirmed", "nobody's"],
)
def test_nobody_else_is_identified(person: Principal, token: Token, shown: str) -> None:
    """Each of these is one condition short."""
    assert identified([person], [token], digest(shown), NOW) is None


def test_a_token_lives_until_it_expires() -> None:
    """Valid up to the moment, not at it; without one for ever."""
    short = replace(ADAS, expires_at=LATER)
    assert short.valid_at(LATER - timedelta(microseconds=1))
    assert not short.valid_at(LATER)
    assert ADAS.valid_at(NOW + timedelta(days=36500))


def test_the_first_token_lets_in_only_where_nobody_can_act() -> None:
    """With somebody able to act it is worth nothing, even unused and in time."""
    first = Bearer(None, FIRST.sha256)
    assert identified([], [FIRST], digest("first"), NOW) == first
    assert identified([ADA], [FIRST, ADAS], digest("first"), NOW) is None
    assert identified([replace(ADA, revoked_at=NOW)], [FIRST, ADAS], digest("first"), NOW) == first
    assert identified([], [FIRST], digest("first"), NOW + FIRST_TOKEN_LIVES) is None
    assert identified([], [replace(FIRST, revoked_at=NOW)], digest("first"), NOW) is None


def test_able_to_act() -> None:
    """Somebody can act who is confirmed, not revoked, and holds a valid token."""
    assert able_to_act([ADA, BOB, CAROL], [ADAS, CAROLS], NOW) == {"ada"}
    assert able_to_act([ADA], [replace(ADAS, expires_at=NOW)], NOW) == frozenset()


def test_the_first_two_need_nobody_and_the_third_does() -> None:
    """One person alone cannot make a second one who can approve for her (R20)."""
    ada = joining([], "ada", None, NOW, Role.ADMIN)
    bob = joining([ada], "bob", "ada", NOW, Role.ADMIN)
    carol = joining([ada, bob], "carol", "ada", NOW, Role.ADMIN)
    assert [each.active for each in (ada, bob, carol)] == [True, True, False]
    assert (ada.created_by, carol.created_by) == (BY_FIRST_TOKEN, "ada")


def test_revoking_the_others_does_not_bring_the_trust_of_the_start_back() -> None:
    """Who drives out everybody else still cannot add an accomplice alone."""
    alone = [ADA, replace(BOB, revoked_at=NOW)]
    assert not joining(alone, "puppet", "ada", NOW, Role.ADMIN).active


def test_a_first_token_begins_a_generation() -> None:
    """When all have left, the start is as the first one was."""
    left = [replace(each, revoked_at=NOW) for each in (ADA, BOB, CAROL)]
    dave = joining(left, "dave", None, NOW, Role.ADMIN)
    eve = joining([*left, dave], "eve", "dave", NOW, Role.ADMIN)
    frank = joining([*left, dave, eve], "frank", "eve", NOW, Role.ADMIN)
    assert [each.generation for each in (dave, eve, frank)] == [2, 2, 2]
    assert [each.active for each in (dave, eve, frank)] == [True, True, False]


def test_each_role_may_what_its_row_says() -> None:
    """Everybody looks; nobody but an admin both approves and tends, or touches people; the first token only adds."""
    assert set(MAY) == set(Role)
    assert all(Right.LOOK in rights for rights in MAY.values())
    assert [role for role in Role if Right.PEOPLE in MAY[role]] == [Role.ADMIN]
    assert [role for role in Role if {Right.APPROVE, Right.TEND} <= MAY[role]] == [Role.ADMIN]
    assert {right for right in Right if Bearer(None, b"x").may(right)} == {Right.PEOPLE}


def test_the_first_is_an_admin_and_the_others_are_what_was_said() -> None:
    """Somebody must be able to add the others."""
    ada = joining([], "ada", None, NOW, Role.VIEWER)
    assert (ada.role, joining([ada], "bob", "ada", NOW, Role.SRE).role) == (Role.ADMIN, Role.SRE)


def test_the_last_admin_is_known() -> None:
    """Alone one is nobody's last; beside people who are no admins one is."""
    viewer = replace(BOB, role=Role.VIEWER)
    assert not is_last_admin([ADA], "ada")
    assert is_last_admin([ADA, viewer], "ada")
    assert not is_last_admin([ADA, viewer], "bob")
    assert not is_last_admin([ADA, BOB], "ada")
