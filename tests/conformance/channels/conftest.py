"""The channels under test, and every promise for each of them. A further one joins by describing itself."""

from __future__ import annotations

import pytest

from adapters.bank.conformance import SUBJECT as BANK
from adapters.conformance.catalogue import promises_of
from adapters.mock.conformance import SUBJECT as MOCK
from adapters.wechat.conformance import SUBJECT as WECHAT
from tests.support.channel_kit import key_room, spread, world

__all__ = ["key_room", "world"]

CHANNELS = {"mock": MOCK, "wechat": WECHAT, "bank": BANK}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    spread(metafunc, CHANNELS)
    if "promise" in metafunc.fixturenames:
        pairs = [(name, subject, promise) for name, subject in CHANNELS.items() for promise in promises_of(subject)]
        ids = [f"{name}-{promise.name}" for name, _, promise in pairs]
        metafunc.parametrize(("subject", "promise"), [pair[1:] for pair in pairs], ids=ids)
