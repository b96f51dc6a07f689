"""A node's store on the PostgreSQL database that a test module gives as `url`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import URL

from gateway.store.postgres import PostgresStore
from tests.support import postgres


@pytest.fixture
async def store(url: URL) -> AsyncIterator[PostgresStore]:
    opened = postgres.open_store(url)
    yield opened
    await opened.close()
