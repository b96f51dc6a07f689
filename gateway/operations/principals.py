"""Who may act on the gateway: add, confirm, revoke, renew a token, and tell who holds one (R20, R21).

Tokens are shown once, by these functions' answers, and kept as hashes. A write whose commit is not known is repeated
with the same token (R18), so that nobody is on record whose token nobody was given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from gateway.domain.audit import Act, Deed, Detail
from gateway.domain.errors import CommitUnknown, NotFound, RequestRefused, StoreError
from gateway.domain.principal import (
    BY_FIRST_TOKEN,
    PEOPLE_MAX,
    TOUCH_EVERY,
    Bearer,
    Principal,
    Token,
    actor,
    digest,
    identified,
    is_last_admin,
    joining,
    mint_token,
)
from gateway.domain.role import Right, Role
from gateway.failpoints import Commit, Unit
from gateway.operations.services import Services
from gateway.store.port import ReadTx, Tx

log: structlog.stdlib.BoundLogger = structlog.get_logger()

COMMIT_TRIES = 3
"""How often a write whose commit is not known is repeated before its caller hears of it."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A person, and a token that is shown here and never again."""

    principal: Principal
    token: str = field(repr=False)
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A person with all tokens that were ever given to that person."""

    principal: Principal
    tokens: tuple[Token, ...] = field(repr=False)


async def identify(services: Services, token: str) -> Bearer | None:
    """Who holds this token and may act now; None for nobody. Notes the use of it."""
    sha256, now = digest(token), services.clock.now()

    def query(tx: ReadTx) -> tuple[Bearer | None, bool]:
        people, tokens = tx.principals(), tx.principal_tokens()
        bearer = identified(people, tokens, sha256, now)
        return bearer, bearer is not None and _is_use_to_note(tokens, sha256, now)

    bearer, to_note = await services.store.read(query)
    if to_note:
        await _touch(services, sha256, now)
    return bearer


def _is_use_to_note(tokens: Sequence[Token], sha256: bytes, now: datetime) -> bool:
    used_at = next(token.last_used_at for token in tokens if token.sha256 == sha256)
    return used_at is None or now - used_at >= TOUCH_EVERY


async def _touch(services: Services, sha256: bytes, now: datetime) -> None:
    try:
        await services.store.run(Unit(Commit.PEOPLE, lambda tx: tx.touch_token(sha256, now)))
    except StoreError as error:  # a full disk must not lock people out
        log.warning("admin.use_not_noted", error=type(error).__name__)


async def everybody(services: Services) -> tuple[Listed, ...]:
    """Everybody who ever was, the oldest first."""

    def query(tx: ReadTx) -> tuple[Listed, ...]:
        tokens = tx.principal_tokens()
        return tuple(
            Listed(person, tuple(token for token in tokens if token.principal == person.name))
            for person in tx.principals()
        )

    return await services.store.read(query)


async def add(
    services: Services,
    random_bytes: Callable[[int], bytes],
    by: Bearer,
    name: str,
    role: Role,
    expires_at: datetime | None = None,
) -> Issued:
    """A new person with a first token of their own. Using the first token ends it.

    Raises:
        RequestRefused: name_taken (revoked names stay taken), too_many, or no_longer_allowed for a bearer who lost the
            right meanwhile.
        CommitUnknown: the commit was not known, several times.
    """
    now, token = services.clock.now(), mint_token(random_bytes)
    kept = Token(digest(token), name, now, expires_at)

    def unit(tx: Tx) -> Principal:
        people = tx.principals()
        if _is_stored(tx, kept):
            return _known(people, name)
        _check_bearer(tx, by, now)
        _check_free(people, name)
        person = joining(people, name, by.name, now, role)
        tx.add_principal(person)
        tx.add_token(kept)
        if by.name is None:
            tx.revoke_tokens(None, now)
        added: Detail = {"active": person.active, "role": str(person.role)}
        tx.append_audit(Deed(now, _actor(by), Act.PERSON_ADDED, name, added))
        return person

    person = await _settled(services, unit)
    log.info("admin.added", person=name, by=by.name or BY_FIRST_TOKEN, active=person.active)
    return Issued(person, token, expires_at)


async def renew(
    services: Services, random_bytes: Callable[[int], bytes], by: Bearer, expires_at: datetime | None = None
) -> Issued:
    """A new token for the caller; the caller's others end. Whoever handed out the old one does not know the new one.

    Raises:
        RequestRefused: no_longer_allowed.
        CommitUnknown: as `add`.
    """
    name = _person(by)
    now, token = services.clock.now(), mint_token(random_bytes)
    kept = Token(digest(token), name, now, expires_at)

    def unit(tx: Tx) -> Principal:
        people = tx.principals()
        if not _is_stored(tx, kept):
            _check_bearer(tx, by, now)
            tx.revoke_tokens(name, now)
            tx.add_token(kept)
            tx.append_audit(Deed(now, _actor(by), Act.TOKEN_RENEWED, name))
        return _known(people, name)

    person = await _settled(services, unit)
    log.info("admin.token_renewed", person=name)
    return Issued(person, token, expires_at)


async def confirm(services: Services, by: Bearer, name: str) -> Principal:
    """Let somebody act whom another person has added. Confirmed already: as it is.

    Raises:
        NotFound: no such person.
        RequestRefused: same_person for whoever added it, revoked, or no_longer_allowed.
    """
    now, confirmer = services.clock.now(), _person(by)

    def unit(tx: Tx) -> Principal:
        _check_bearer(tx, by, now)
        person = _known(tx.principals(), name)
        if person.revoked_at is not None:
            raise RequestRefused("revoked", f"{name} was revoked; names are not given again")
        if person.confirmed_at is not None:
            return person
        if confirmer == person.created_by:
            raise RequestRefused("same_person", f"{name} was added by you; another person must confirm it")
        confirmed = replace(person, confirmed_at=now, confirmed_by=confirmer)
        tx.change_principal(confirmed)
        tx.append_audit(Deed(now, _actor(by), Act.PERSON_CONFIRMED, name))
        return confirmed

    person = await _settled(services, unit)
    log.info("admin.confirmed", person=name, by=confirmer)
    return person


async def revoke(services: Services, by: Bearer, name: str) -> Principal:
    """End a person's tokens, for good. It takes one person, since it gives nobody anything. Revoked already: as it is.

    Raises:
        NotFound: no such person.
        RequestRefused: no_longer_allowed.
    """
    now, revoker = services.clock.now(), _person(by)

    def unit(tx: Tx) -> Principal:
        person = _known(tx.principals(), name)
        if person.revoked_at is not None:
            return person
        _check_bearer(tx, by, now)
        if revoker != name and not by.may(Right.PEOPLE):
            raise RequestRefused("not_your_right", "your role may revoke nobody but you")
        if person.active and is_last_admin(tx.principals(), name):
            raise RequestRefused("last_admin", f"without {name} nobody could add people: add another admin first")
        revoked = replace(person, revoked_at=now, revoked_by=revoker)
        tx.change_principal(revoked)
        tx.revoke_tokens(name, now)
        tx.append_audit(Deed(now, _actor(by), Act.PERSON_REVOKED, name))
        return revoked

    person = await _settled(services, unit)
    log.info("admin.revoked", person=name, by=revoker)
    return person


# Inside the unit -------------------------------------------------------------------------------------------------


def _person(by: Bearer) -> str:
    if by.name is None:
        raise ValueError("the first token only adds the first person")
    return by.name


def _actor(by: Bearer) -> str:
    return BY_FIRST_TOKEN if by.name is None else actor(by.name)


def _known(people: Sequence[Principal], name: str) -> Principal:
    found = next((person for person in people if person.name == name), None)
    if found is None:
        raise NotFound(name)
    return found


def still_may(services: Services, by: Bearer) -> Callable[[Tx], None]:
    """For units of other operations: raises `RequestRefused` inside them when the bearer's right has ended."""
    now = services.clock.now()
    return lambda tx: _check_bearer(tx, by, now)


def _check_bearer(tx: ReadTx, by: Bearer, now: datetime) -> None:
    """Judged again in the transaction that acts on it: a first token works once, a revoked person no more."""
    if identified(tx.principals(), tx.principal_tokens(), by.sha256, now) != by:
        raise RequestRefused("no_longer_allowed", "this token has ended meanwhile")


def _check_free(people: Sequence[Principal], name: str) -> None:
    if any(person.name == name for person in people):
        raise RequestRefused("name_taken", f"there is or was a person named {name}")
    if len(people) >= PEOPLE_MAX:
        raise RequestRefused("too_many", f"there have been {PEOPLE_MAX} people")


def _is_stored(tx: ReadTx, token: Token) -> bool:
    """Whether an earlier try of the same write was committed after all."""
    return any(known.sha256 == token.sha256 for known in tx.principal_tokens())


async def _settled(services: Services, unit: Callable[[Tx], Principal]) -> Principal:
    for _ in range(COMMIT_TRIES - 1):
        try:
            return await services.store.run(Unit(Commit.PEOPLE, unit))
        except CommitUnknown:
            continue
    return await services.store.run(Unit(Commit.PEOPLE, unit))
