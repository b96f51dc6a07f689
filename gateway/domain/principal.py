"""The people who may act on the gateway, and the tokens they prove it with (R20, R21).

Two people are two principals, so one of them must not be able to make a second one alone. The very first comes in by
the first token, and adds the second. From then on somebody who is added may do nothing until another person has
confirmed it. What only takes power away, revoking, needs one person.

A *generation* is everybody since a first token was last used: a gateway that all its people have left starts anew,
and its names are never given to others, because the history names them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.domain.role import MAY, Right, Role

NAME_PATTERN = r"^[a-z][a-z0-9._-]{0,31}$"
TOKEN_PREFIX = "pmx_"  # noqa: S105 - what every token begins with is no secret
TOKEN_BYTES = 32
FIRST_TOKEN_LIVES = timedelta(minutes=15)
PEOPLE_MAX = 1000
"""Names, revoked ones included."""
TOUCH_EVERY = timedelta(minutes=1)
"""How exactly the last use of a token is known."""
TRUSTED_AT_START = 2
"""So many people of a generation need nobody's confirmation: before there are two, nobody could give it."""
FIRST_TOKEN_FILE = "first_admin_token"  # noqa: S105 - a file's name
"""In the state folder."""
BY_FIRST_TOKEN = "first token"  # noqa: S105 - a word for the history


@dataclass(frozen=True, slots=True)
class Principal:
    """One person. `name` is what the history shows, as `person:NAME`."""

    name: str
    generation: int
    created_at: datetime
    created_by: str
    """A person's name, or `first token`."""
    confirmed_at: datetime | None = None
    confirmed_by: str | None = None
    """None for the first two, who needed nobody."""
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    role: Role = Role.ADMIN
    """For good: another role is another person, under another name."""

    @property
    def active(self) -> bool:
        """Confirmed and not revoked: may act."""
        return self.confirmed_at is not None and self.revoked_at is None


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token: never the token itself."""

    sha256: bytes = field(repr=False)
    principal: str | None
    """Whose it is; None is the first token, which is nobody's."""
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    """Taken back, replaced, or (the first token) used."""
    last_used_at: datetime | None = None

    def valid_at(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who a token proved to be: a person, or whoever holds the first token."""

    name: str | None
    """None: the first token."""
    sha256: bytes = field(repr=False)
    role: Role | None = None
    """None: the first token, which only adds the first person."""

    def may(self, right: Right) -> bool:
        return right in (MAY[self.role] if self.role is not None else {Right.PEOPLE})


def actor(name: str) -> str:
    """How the history names a person."""
    return f"person:{name}"


def mint_token(random_bytes: Callable[[int], bytes]) -> str:
    """A new token, 256 bits of it random. A hash without salt is enough to keep of that: nobody can guess it."""
    return TOKEN_PREFIX + base64.urlsafe_b64encode(random_bytes(TOKEN_BYTES)).decode().rstrip("=")


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def identified(people: Sequence[Principal], tokens: Sequence[Token], sha256: bytes, now: datetime) -> Bearer | None:
    """Who holds the token of this hash and may act now; None for nobody. Every token is compared, in constant time."""
    matching = [token for token in tokens if hmac.compare_digest(token.sha256, sha256)]
    if not matching or not matching[0].valid_at(now):
        return None
    name, able = matching[0].principal, able_to_act(people, tokens, now)
    if name is None:
        return None if able else Bearer(None, sha256)
    role = next((person.role for person in people if person.name == name and name in able), None)
    return None if role is None else Bearer(name, sha256, role)


def able_to_act(people: Sequence[Principal], tokens: Sequence[Token], now: datetime) -> frozenset[str]:
    """Who can act: confirmed, not revoked, and with a token that is valid."""
    holders = {token.principal for token in tokens if token.valid_at(now)}
    return frozenset(person.name for person in people if person.active and person.name in holders)


def is_last_admin(people: Sequence[Principal], name: str) -> bool:
    """Whether everybody else would be left with nobody to add people."""
    others = [person for person in people if person.active and person.name != name]
    return bool(others) and not any(person.role is Role.ADMIN for person in others)


def joining(people: Sequence[Principal], name: str, by: str | None, now: datetime, role: Role) -> Principal:
    """The person that `by` (None: whoever holds the first token) adds: active at once, or to be confirmed.

    The first one is an admin, whatever is asked for: somebody must be able to add the others.
    """
    newest = max((person.generation for person in people), default=0)
    if by is None:
        return Principal(name, newest + 1, now, BY_FIRST_TOKEN, confirmed_at=now, role=Role.ADMIN)
    trusted = sum(person.generation == newest for person in people) < TRUSTED_AT_START
    return Principal(name, newest, now, by, confirmed_at=now if trusted else None, role=role)
