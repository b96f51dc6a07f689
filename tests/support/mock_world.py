"""One mock channel on a fake clock, with a gateway that notes what is delivered and answers as the test says."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace

from adapters.channel import ChannelContext, Order, RawNotification, Sent, Signed, Timeouts
from adapters.http import HttpxFactory
from adapters.mock import SPEC
from adapters.mock.channel import MockChannel
from gateway.domain.beneficiary import BankBeneficiary
from gateway.domain.money import Money
from gateway.domain.outcome import Answer
from gateway.secret import Secret
from tests.support.clock import FakeClock


def no_secret(reference: str) -> Secret:
    raise AssertionError(f"the mock has no secrets, but asked for {reference}")


def order(ending: str, number: int = 1, minor: int = 12_345) -> Order:
    """An order whose account ends in `ending`; `number` makes it another one."""
    return Order(
        payout_id=f"po_{number}",
        reference=f"ref-{number}",
        channel_reference=f"{number:026d}",
        uetr=f"00000000-0000-4000-8000-{number:012d}",
        amount=Money(minor, "CNY"),
        beneficiary=BankBeneficiary(f"62220000{ending}", "张三", "102100099996", "CN"),
    )


class MockWorld:
    """The bank's life: `send` transmits, `query` asks, `restart` kills the process and starts the next one."""

    def __init__(self, settings: dict[str, object] | None = None, statuses: Iterable[int] = ()) -> None:
        self.clock = FakeClock()
        self.delivered: list[RawNotification] = []
        self.statuses = itertools.chain(statuses, itertools.repeat(200))
        self.settings = settings or {}
        self._keys = itertools.count(1)
        self.channel = self._build()

    def _build(self) -> MockChannel:
        context = ChannelContext(
            clock=self.clock,
            random_bytes=lambda size: bytes([next(self._keys)]) * size,
            http=HttpxFactory(1, 1, 1),
            secret=no_secret,
            notify_url="",
            timeouts=Timeouts(),
            deliver=self._deliver,
        )
        channel = SPEC.build("mocky", self.settings, context)
        assert isinstance(channel, MockChannel)
        return channel

    async def _deliver(self, raw: RawNotification) -> int:
        self.delivered.append(raw)
        return next(self.statuses)

    def signed(self, order: Order) -> Signed:
        prepared = self.channel.prepare(order, self.clock.now())
        return self.channel.sign(Sent(order, self.channel.ground, prepared))

    async def send(self, order: Order) -> Answer:
        return await self.channel.submit(self.signed(order))

    async def query(self, order: Order) -> Answer:
        return await self.channel.query(self.signed(order).sent)

    async def cancel(self, order: Order) -> Answer:
        return await self.channel.cancel(self.signed(order).sent)

    async def events(self) -> list[tuple[str, str]]:
        """What the gateway was told so far: (event id, kind), each verified as the gateway would."""
        read = [await self.channel.read_notification(raw) for raw in self.delivered]
        return [(event.event_id, event.notices[0].answer.kind.value) for event in read]

    def row(self, order: Order) -> dict[str, str | int] | None:
        """The bank's book on one order."""
        rows = [row for row in self.channel.books() if row["channel_reference"] == order.channel_reference]
        assert len(rows) <= 1
        return rows[0] if rows else None

    async def restart(self) -> None:
        """End this process without a word to anyone and start the next on the same settings."""
        await self.channel.close()
        self.channel = self._build()
        await self.channel.start()


def changed(order: Order, minor: int) -> Order:
    """The same ids with another amount."""
    return replace(order, amount=Money(minor, order.amount.currency))
