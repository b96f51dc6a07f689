"""A signed request's nonce: used up once, by itself or beside the order that it came with.

An order needs two things on the disk before its app is answered: its nonce and itself. Waiting for one before saying
the other costs two commits in a row. So both are queued at once, the nonce first: the writer runs units in the order in
which they came, so the order's own unit sees what became of the nonce (`stands`) and does nothing where it was used
before. Mostly they share a commit.

Nothing is lost where they do not. An order whose nonce was not kept can be said again with it, and is the same order.
"""

from __future__ import annotations

from datetime import datetime

from gateway.domain.errors import CommitUnknown, PaymuxError, StoreUnavailable
from gateway.failpoints import Commit, Unit
from gateway.operations.services import Services
from gateway.store.port import Tx

_SCOPE = "api"


class NonceUsed(PaymuxError):
    """Somebody says a signed request again."""


class FirstUse:
    """One nonce, on its way into the store. Waited for by one task at a time."""

    def __init__(self, services: Services, key_id: str, nonce: str, until: datetime) -> None:
        """It is remembered `until` then."""
        self._services = services
        self._which = (_SCOPE, key_id, nonce, services.clock.now(), until)
        self._seen: bool | None = None
        self._ended: PaymuxError | bool | None = None

    async def settle(self) -> None:
        """Use it up, once however often it is asked.

        Raises:
            NonceUsed: it was used before.
            StoreUnavailable: it could not be kept, or nobody knows whether it was.
        """
        if self._ended is None:
            self._ended = StoreUnavailable("the nonce could not be recorded")  # until it is known, and if it never is
            self._ended = await self._kept()
        if isinstance(self._ended, PaymuxError):
            raise self._ended

    async def _kept(self) -> PaymuxError | bool:
        try:
            first = await self._services.store.run(Unit(Commit.NONCE, self._use))
        except (CommitUnknown, StoreUnavailable):
            return StoreUnavailable("the nonce could not be recorded")
        return first or NonceUsed()

    def _use(self, tx: Tx) -> bool:
        self._seen = None  # what an attempt saw that was undone says nothing
        self._seen = tx.use_nonce(*self._which)
        return self._seen

    def stands(self) -> None:
        """Within a unit that was queued after it: whether that unit may go on.

        Raises:
            NonceUsed: no, it was used before.
            StoreUnavailable: no, its own unit did not come to an answer.
        """
        if self._seen is None:
            raise StoreUnavailable("the nonce could not be recorded")
        if not self._seen:
            raise NonceUsed
