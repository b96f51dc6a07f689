"""One running admin listener per test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.support.admin_api import AdminServer


@pytest_asyncio.fixture
async def admin(tmp_path: Path) -> AsyncIterator[AdminServer]:
    server = AdminServer(tmp_path)
    await server.start()
    yield server
    await server.stop()
