"""What asking first rests on (R15): a channel knows an order by our own id alone, and says so when it knows none."""

from __future__ import annotations

import pytest

from adapters.magic import Fate
from gateway.domain.outcome import OutcomeKind
from gateway.operations.ask_first import KNOWN
from tests.support.channel_kit import World


@pytest.mark.parametrize("taken", [Fate.USUAL, Fate.PAID_LATER, Fate.NEVER_HEARD_OF_AGAIN])
async def test_an_order_of_a_life_we_forgot_is_found(world: World, taken: Fate) -> None:
    """Asked with freshly prepared bytes and nothing the channel ever told us: it knows it."""
    order = world.order(taken)
    await world.submit(world.sent(order))
    await world.live(30)
    anew = world.sent(order)
    assert anew.channel_payout_id is None
    answer = await world.channel.query(anew)
    assert world.channel.capabilities.can_look_up
    assert answer.kind in KNOWN


async def test_an_order_that_was_never_sent_is_absent(world: World) -> None:
    """Said in so many words: no answer, or one that is not clear, would keep every payout waiting."""
    await world.submit(world.sent())
    answer = await world.channel.query(world.sent(world.order()))
    assert answer.kind is OutcomeKind.ABSENT
