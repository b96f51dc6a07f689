"""Every fate a sandbox can play ends as it is documented, by submit, query and notification alone."""

from __future__ import annotations

from adapters.magic import Fate
from tests.support.channel_drive import Drive
from tests.support.channel_kit import DOCUMENTED, ChannelUnderTest, World


async def test_a_fate_ends_as_documented(subject: ChannelUnderTest, fate: Fate, world: World) -> None:
    """What we believe in the end, what the channel's books say, and how often we had to send it."""
    ending = subject.fates[fate]
    drive = Drive(world, fate)
    await (drive.transmit_slowly() if fate is Fate.SLOW else drive.transmit())
    await drive.through()
    attempt, (entry,) = drive.attempt, world.entries(drive.order)
    assert (attempt.state, attempt.transmissions) == (ending.state, ending.transmissions), drive.heard
    assert attempt.reason is ending.reason or ending.returned, "a return has the channel's own reasons"
    assert entry.paid_times == ending.paid_times
    assert entry.returned == (drive.order.amount.minor if ending.returned else 0)
    assert attempt.was_unknown or not ending.unknown_first
    await drive.ask()
    assert drive.attempt.state is ending.state, "asking once more changes nothing"


def test_no_fate_is_forgotten(subject: ChannelUnderTest) -> None:
    """The table knows every fate there is, and the channel plays most of them."""
    assert set(DOCUMENTED) == set(Fate)
    assert set(subject.fates) <= set(Fate)
    assert {Fate.PAID_AT_ONCE, Fate.USUAL, Fate.NEVER_HEARD_OF_AGAIN} <= set(subject.fates)
