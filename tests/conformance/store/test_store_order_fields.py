"""What an app says of an order beside money and beneficiary comes back as it was, and is nowhere to be read."""

from __future__ import annotations

from dataclasses import replace

from gateway.domain.payer import Payer
from gateway.domain.terms import ChannelChoice, Terms
from gateway.store.port import Store
from gateway.store.records import Reference
from tests.support.builders import a_payout


async def test_payer_and_choice_of_channels_are_kept(store: Store) -> None:
    """Whole or in part, or not at all."""
    payers = (None, Payer("user-4711"), Payer("用户 4711", "gold", "device-0815", "2001:db8::1"))
    choices = (None, ChannelChoice(frozenset({"alpha", "beta"})), ChannelChoice(deny=frozenset({"gamma"})))
    for number, (payer, choice) in enumerate(zip(payers, choices, strict=True)):
        payout = replace(a_payout(f"r-{number}"), payer=payer, terms=Terms(channels=choice))
        await store.run(lambda tx, p=payout: tx.insert(p, Reference(p.id, b"\x01" + bytes(32)), None))  # type: ignore[misc]  # mypy loses the default
        assert await store.read(lambda tx, p=payout: tx.payout(p.id)) == payout  # type: ignore[misc]  # likewise
