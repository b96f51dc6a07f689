"""The stores under test. A further database joins by adding its opener to `OPENERS`, nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest

from gateway.sealing import Sealer
from gateway.store.port import Store
from gateway.store.sqlite import MemoryStore, SqliteStore
from tests.support import postgres
from tests.support.sharding import Watch, WatchedStore


def a_sealer() -> Sealer:
    counter = count()
    return Sealer([bytes(32)], lambda size: sha256(str(next(counter)).encode()).digest()[:size])


@contextmanager
def on_postgres(_folder: Path) -> Iterator[Store]:
    with postgres.fresh_database() as url:
        yield postgres.open_store(url)


OPENERS: dict[str, Callable[[Path], AbstractContextManager[Store]]] = {
    "sqlite-file": lambda folder: nullcontext(SqliteStore.open_file(folder / "paymux.db", a_sealer(), "sandbox")),
    "sqlite-memory": lambda _folder: nullcontext(MemoryStore(a_sealer())),
    "postgres": on_postgres,
}


@pytest.fixture(params=sorted(OPENERS))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    watch = Watch()
    with OPENERS[request.param](tmp_path) as opened:
        yield WatchedStore(opened, watch)
        await opened.close()
    assert watch.breaches == []
