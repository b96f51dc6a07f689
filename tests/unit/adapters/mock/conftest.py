"""A world per test, closed at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from tests.support.mock_world import MockWorld


@pytest.fixture
async def make_world() -> AsyncIterator[Callable[..., MockWorld]]:
    made: list[MockWorld] = []

    def make(**settings: object) -> MockWorld:
        made.append(MockWorld(settings))
        return made[-1]

    yield make
    for world in made:
        await world.channel.close()


@pytest.fixture
def world(make_world: Callable[..., MockWorld]) -> MockWorld:
    """A bank with the default settings and its book in memory."""
    return make_world()
