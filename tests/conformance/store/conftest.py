"""The stores under test. A further database joins by adding its opener to `OPENERS`, nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest

from gateway.sealing import Sealer
from gateway.store.port import Store
from gateway.store.sqlite import MemoryStore, SqliteStore


def a_sealer() -> Sealer:
    counter = count()
    return Sealer([bytes(32)], lambda size: sha256(str(next(counter)).encode()).digest()[:size])


OPENERS: dict[str, Callable[[Path], Store]] = {
    "sqlite-file": lambda folder: SqliteStore.open_file(folder / "paymux.db", a_sealer(), "sandbox"),
    "sqlite-memory": lambda _folder: MemoryStore(a_sealer()),
}


@pytest.fixture(params=sorted(OPENERS))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened = OPENERS[request.param](tmp_path)
    yield opened
    await opened.close()
