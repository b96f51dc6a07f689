"""What tables are made of: times, conditions of indexes, the columns of whatever belongs to a payout."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Integer, MetaData, Text, TypeDecorator, text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as integer microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        return None if value is None else EPOCH + timedelta(microseconds=value)


metadata = MetaData()

UNFINISHED = "status NOT IN ('paid', 'failed', 'canceled', 'returned')"
OPEN_ATTEMPT = "state IN ('pending', 'sending', 'unknown')"
"""The conditions of indexes, to be repeated word for word by what is to go by them."""


def where(condition: str) -> dict[str, Any]:
    """The condition of a partial index, in every dialect."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def of_payout(*more: Any) -> tuple[Any, ...]:
    """The two columns every row of a payout has, and their foreign key."""
    return (
        Column("shard", Integer, nullable=False),
        Column("payout_id", Text, nullable=False),
        *more,
        ForeignKeyConstraint(["shard", "payout_id"], ["payouts.shard", "payouts.id"]),
    )
