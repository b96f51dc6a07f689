"""The channels under test, and every promise for each of them. A further one joins by describing itself."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    *(f"adapters.conformance.{name}" for name in ("answers", "drive", "fates", "hostile", "notifications", "orders"))
)

from adapters.bank.conformance import SUBJECT as BANK  # noqa: E402 - after the line that has their asserts rewritten
from adapters.conformance.catalogue import promises_of  # noqa: E402 - as above
from adapters.mock.conformance import SUBJECT as MOCK  # noqa: E402 - as above
from adapters.wechat.conformance import SUBJECT as WECHAT  # noqa: E402 - as above
from tests.support.channel_kit import key_room, spread, world  # noqa: E402 - as above

__all__ = ["key_room", "world"]

CHANNELS = {"mock": MOCK, "wechat": WECHAT, "bank": BANK}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    spread(metafunc, CHANNELS)
    if "promise" in metafunc.fixturenames:
        pairs = [(name, subject, promise) for name, subject in CHANNELS.items() for promise in promises_of(subject)]
        ids = [f"{name}-{promise.name}" for name, _, promise in pairs]
        metafunc.parametrize(("subject", "promise"), [pair[1:] for pair in pairs], ids=ids)
