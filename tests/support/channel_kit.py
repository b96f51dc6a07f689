"""The conformance kit under pytest: fixtures for the channel under test, and the spreading of tests over channels."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.conformance.world import DOCUMENTED, NAME, ChannelUnderTest, World, opened

__all__ = ["DOCUMENTED", "NAME", "ChannelUnderTest", "World", "key_room", "opened", "over_a_network", "spread", "world"]


def over_a_network(test: Any) -> Any:
    """A promise that means something only where there is a network: other channels are not asked for it."""
    test.over_a_network = True
    return test


def spread(metafunc: pytest.Metafunc, channels: Mapping[str, ChannelUnderTest]) -> None:
    """Run each test for each channel it is meant for."""
    if "subject" not in metafunc.fixturenames or "promise" in metafunc.fixturenames:
        return
    meant = getattr(metafunc.function, "over_a_network", False)
    subjects = {name: subject for name, subject in channels.items() if subject.networked or not meant}
    metafunc.parametrize("subject", subjects.values(), ids=subjects.keys())


@pytest.fixture(scope="session")
def key_room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Throw-away keys for all channels, minted once: that takes longer than most promises."""
    return tmp_path_factory.mktemp("key-room")


@pytest.fixture
async def world(subject: ChannelUnderTest, key_room: Path) -> AsyncIterator[World]:
    async with opened(subject, key_room) as made:
        yield made
