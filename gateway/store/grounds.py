"""What attempts that are still followed stand on (R16): counted ground by ground, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, bindparam, func, literal_column, select, tuple_

from gateway.store import schema
from gateway.store.questions import SqlQuestions
from gateway.store.records import LiveGround

_A = schema.attempts.c

_GROUND = (_A.channel, _A.adapter, _A.base_address, _A.account_id, _A.duplicate_mode, _A.key_ids)
NEXT_GROUND = (
    select(*_GROUND)
    .where(
        _A.due_at.is_not(None),
        tuple_(*_GROUND) > tuple_(*(bindparam(f"after_{c.name}", type_=c.type) for c in _GROUND)),
    )
    .order_by(*_GROUND)
    .limit(1)
)
"""From one ground to the next: a step each, however many attempts stand on it."""
GROUND_COUNT_MAX = 100_000
_ON_GROUND: Select[Any] = (
    select(literal_column("1"))
    .where(_A.due_at.is_not(None), *(c == bindparam(f"of_{c.name}") for c in _GROUND))
    .limit(GROUND_COUNT_MAX)
)
COUNT_ON_GROUND = select(func.count()).select_from(_ON_GROUND.subquery())


class SqlGroundReads(SqlQuestions):
    """A mixin."""

    def live_grounds(self) -> Sequence[LiveGround]:
        found: list[LiveGround] = []
        row: Sequence[str] = ("",) * len(_GROUND)
        while step := self._one(NEXT_GROUND, **_named("after", row)):
            row = [str(value) for value in step]
            count = self._one(COUNT_ON_GROUND, **_named("of", row))
            channel, adapter, address, account, mode, keys = row
            number = int(count[0]) if count else 0
            found.append(LiveGround(channel, adapter, address, account, mode, tuple(keys.split()), number))
        return found


def _named(prefix: str, ground: Sequence[str]) -> dict[str, str]:
    return {f"{prefix}_{column.name}": value for column, value in zip(_GROUND, ground, strict=True)}
