"""Somebody at the mock's bank acts in its book: what the table allows is done, told and stays done."""

from __future__ import annotations

from itertools import product

import pytest

from adapters.mock.bank import BY_HAND
from adapters.mock.plays import State
from adapters.steering import NotSteered, Steerable, Transition
from gateway.domain.outcome import OutcomeKind
from gateway.domain.reasons import RejectReason
from tests.support.clock import settle
from tests.support.mock_world import MockWorld, order

SILENT = order("0012")
"""Taken in, and never heard of again."""


@pytest.mark.parametrize(
    ("to", "kind", "told"),
    [
        (Transition.PAID, OutcomeKind.SUCCEEDED, 1),
        (Transition.REJECTED, OutcomeKind.REJECTED, 0),
    ],
)
async def test_a_silent_order_is_ended(to: Transition, kind: OutcomeKind, told: int) -> None:
    """The next question hears of it, and what moved money is told at once; the book has it paid once, or not at all."""
    world = MockWorld()
    assert isinstance(world.channel, Steerable)
    assert (await world.send(SILENT)).kind is OutcomeKind.PENDING
    await world.channel.steer(SILENT.channel_reference, to)
    await settle()
    answer = await world.query(SILENT)
    assert answer.kind is kind
    assert answer.reason is (RejectReason.PAYEE_ACCOUNT_CLOSED if kind is OutcomeKind.REJECTED else None)
    assert len(world.delivered) == told
    (row,) = world.channel.books()
    assert row["paid_times"] == told
    await world.channel.close()


async def test_a_paid_one_is_returned() -> None:
    """After it was paid, and not before; and it was paid once."""
    world = MockWorld()
    paid = order("0001")
    await world.send(paid)
    await world.channel.steer(paid.channel_reference, Transition.RETURNED)
    await settle()
    assert (await world.query(paid)).kind is OutcomeKind.RETURNED
    (row,) = world.channel.books()
    assert (row["paid_times"], row["returned"]) == (1, paid.amount.minor)
    await world.channel.close()


async def test_what_the_bank_would_have_done_does_not_happen_on_top() -> None:
    """An order that is on its way to be paid and is paid by hand is paid once, and told once."""
    world = MockWorld()
    usual = order("0002")
    await world.send(usual)
    await world.channel.steer(usual.channel_reference, Transition.PAID)
    await world.clock.advance(3600)
    (row,) = world.channel.books()
    assert row["paid_times"] == 1
    assert len(world.delivered) == 1
    await world.channel.close()


@pytest.mark.parametrize(
    ("ending", "to"),
    [
        ("0012", Transition.RETURNED),
        ("0001", Transition.PAID),
        ("0001", Transition.REJECTED),
        ("0003", Transition.PAID),
    ],
)
async def test_what_cannot_be_is_refused(ending: str, to: Transition) -> None:
    """And the book stays as it was."""
    world = MockWorld()
    await world.send(order(ending))
    before = world.channel.books()
    with pytest.raises(NotSteered):
        await world.channel.steer(order(ending).channel_reference, to)
    assert world.channel.books() == before
    with pytest.raises(NotSteered, match="not at all"):
        await world.channel.steer("0" * 26, to)
    await world.channel.close()


def test_the_table_never_takes_a_payment_back() -> None:
    """Nothing by hand leads from paid to anything but returned, and nothing from an end."""
    for state, to in product(State, Transition):
        led = BY_HAND.get((state, to))
        assert led is None or state in (State.PENDING, State.PAID)
        assert state is not State.PAID or led in (None, State.RETURNED)
