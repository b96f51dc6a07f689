"""A running API with the folder of its store, and ears on everything it logs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.hostile.support import Target
from tests.support.api_server import make_server
from tests.support.hostile import Ears, listening


@pytest.fixture(autouse=True)
def ears() -> Iterator[Ears]:
    """At the end of every test here: no taint in any line."""
    with listening() as opened:
        yield opened


@pytest_asyncio.fixture
async def target(tmp_path: Path) -> AsyncIterator[Target]:
    """One for this test alone."""
    api = make_server(tmp_path)
    await api.start()
    yield Target(api, tmp_path)
    await api.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_target(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Target]:
    """One for a module whose cases store nothing."""
    folder = tmp_path_factory.mktemp("hostile")
    api = make_server(folder)
    await api.start()
    yield Target(api, folder)
    await api.stop()
