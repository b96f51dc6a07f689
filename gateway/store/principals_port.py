"""The store's people and their tokens, as operations see them; a part of `gateway.store.port`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from gateway.domain.principal import Principal, Token


class PrincipalReads(Protocol):
    """What can be asked about people. There are few of them: all are answered."""

    def principals(self) -> Sequence[Principal]:
        """Everybody who ever was, the oldest first."""
        ...

    def principal_tokens(self) -> Sequence[Token]:
        """Every token that was ever given out, and the first tokens; the oldest first."""
        ...


class PrincipalWrites(PrincipalReads, Protocol):
    """What can be changed about people."""

    def add_principal(self, principal: Principal) -> None:
        """A new person. Raises `StaleWrite` when the name was taken meanwhile."""
        ...

    def change_principal(self, principal: Principal) -> None:
        """Store its confirmation and its revocation; the rest of a person never changes."""
        ...

    def add_token(self, token: Token) -> None: ...

    def revoke_tokens(self, principal: str | None, now: datetime) -> None:
        """End every token of this person, or (None) every first token."""
        ...

    def touch_token(self, sha256: bytes, now: datetime) -> None:
        """Note its last use."""
        ...
