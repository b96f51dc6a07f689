"""The promises of the kit, kept by every channel that comes with the gateway."""

from __future__ import annotations

from adapters.conformance.catalogue import promises_of
from adapters.conformance.promise import Promise
from tests.support.channel_kit import ChannelUnderTest, World


async def test_a_channel_keeps_its_promise(world: World, promise: Promise) -> None:
    """Each promise, with a world of its own."""
    await promise.keep(world)


def test_a_promise_has_a_name_of_its_own_and_says_what_it_is(subject: ChannelUnderTest) -> None:
    """A report names it, and whoever reads the report must understand it."""
    found = promises_of(subject)
    assert len(found) > 30
    assert len({promise.name for promise in found}) == len(found)
    assert all(promise.says.endswith((".", ".)")) for promise in found)
