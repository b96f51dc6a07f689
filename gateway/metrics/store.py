"""The store with its failures counted. What operations raise about a payout is no failure of the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gateway.domain.errors import CommitUnknown, StoreUnavailable
from gateway.metrics.port import Meter
from gateway.metrics.table import DATABASE_ERRORS, DatabaseError
from gateway.store.port import ReadTx, Store, Tx

T = TypeVar("T")


class CountedStore:
    """`gateway.store.port.Store`, around another one."""

    def __init__(self, store: Store, meter: Meter) -> None:
        self._store = store
        self._meter = meter

    async def run(self, unit: Callable[[Tx], T]) -> T:
        try:
            return await self._store.run(unit)
        except CommitUnknown:
            self._meter.add(DATABASE_ERRORS, DatabaseError.COMMIT_UNKNOWN)
            raise
        except StoreUnavailable:
            self._meter.add(DATABASE_ERRORS, DatabaseError.UNAVAILABLE)
            raise

    async def read(self, query: Callable[[ReadTx], T]) -> T:
        try:
            return await self._store.read(query)
        except StoreUnavailable:
            self._meter.add(DATABASE_ERRORS, DatabaseError.UNAVAILABLE)
            raise

    async def close(self) -> None:
        await self._store.close()
