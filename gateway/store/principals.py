"""People and their tokens as rows: what `SqlReadTx` and `SqlTx` can do about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.domain.errors import StaleWrite
from gateway.domain.principal import Principal, Token
from gateway.domain.role import Role
from gateway.store import schema
from gateway.store.quick import Quick

_P, _T = schema.principals.c, schema.principal_tokens.c


class SqlPrincipalReads:
    """Questions. A mixin: the transaction has the connection."""

    _connection: Quick

    def principals(self) -> Sequence[Principal]:
        rows = self._connection.execute(select(schema.principals).order_by(_P.created_at, _P.name))
        return [Principal(**{**row._mapping, "role": Role(row.role)}) for row in rows]

    def principal_tokens(self) -> Sequence[Token]:
        rows = self._connection.execute(select(schema.principal_tokens).order_by(_T.created_at, _T.sha256))
        return [Token(*row) for row in rows]


class SqlPrincipalWrites(SqlPrincipalReads):
    """Changes. A mixin, too."""

    def add_principal(self, principal: Principal) -> None:
        try:
            self._connection.execute(insert(schema.principals), _row(principal))
        except IntegrityError as error:
            raise StaleWrite(f"the name {principal.name} was taken meanwhile") from error

    def change_principal(self, principal: Principal) -> None:
        self._connection.execute(
            update(schema.principals)
            .where(_P.name == principal.name)
            .values(
                confirmed_at=principal.confirmed_at,
                confirmed_by=principal.confirmed_by,
                revoked_at=principal.revoked_at,
                revoked_by=principal.revoked_by,
            )
        )

    def add_token(self, token: Token) -> None:
        self._connection.execute(insert(schema.principal_tokens), _row(token))

    def revoke_tokens(self, principal: str | None, now: datetime) -> None:
        self._connection.execute(
            update(schema.principal_tokens)
            .where(_T.principal.is_not_distinct_from(principal), _T.revoked_at.is_(None))
            .values(revoked_at=now)
        )

    def touch_token(self, sha256: bytes, now: datetime) -> None:
        self._connection.execute(update(schema.principal_tokens).where(_T.sha256 == sha256).values(last_used_at=now))


def _row(value: Principal | Token) -> dict[str, Any]:
    """Columns are named, and ordered, as the fields are."""
    return {each.name: getattr(value, each.name) for each in fields(value)}
