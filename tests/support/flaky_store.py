"""A store whose first commits are unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from gateway.domain.errors import CommitUnknown
from gateway.store.port import ReadTx, Store, Tx

T = TypeVar("T")


@dataclass
class Flaky:
    """Each of them happened, or it did not."""

    inner: Store
    happened: bool
    failures: int = 1

    async def run(self, unit: Callable[[Tx], T]) -> T:
        if self.failures:
            self.failures -= 1
            if self.happened:
                await self.inner.run(unit)
            raise CommitUnknown("link lost at COMMIT")
        return await self.inner.run(unit)

    async def read(self, query: Callable[[ReadTx], T]) -> T:
        return await self.inner.read(query)

    async def close(self) -> None:
        await self.inner.close()
