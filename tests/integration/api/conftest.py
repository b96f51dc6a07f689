"""One running API per test, or per module where a file only asks and changes nothing that another test sees."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.api_server import ApiServer, make_server


@pytest_asyncio.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiServer]:
    server = make_server(tmp_path)
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApiServer]:
    server = make_server(tmp_path_factory.mktemp("api"))
    await server.start()
    yield server
    await server.stop()
