"""Every fate a sandbox can play ends as it is documented, by submit, query and notification alone."""

from __future__ import annotations

from adapters.conformance.drive import Drive
from adapters.conformance.promise import Promise, Promises
from adapters.conformance.world import DOCUMENTED, ChannelUnderTest, World
from adapters.magic import Fate

promises = Promises()


@promises
async def no_fate_is_forgotten(world: World) -> None:
    """The table knows every fate there is, and the channel plays most of them."""
    assert set(DOCUMENTED) == set(Fate)
    assert set(world.subject.fates) <= set(Fate)
    assert {Fate.PAID_AT_ONCE, Fate.USUAL, Fate.NEVER_HEARD_OF_AGAIN} <= set(world.subject.fates)


def fates_of(subject: ChannelUnderTest) -> list[Promise]:
    """One promise for each fate that the channel plays."""
    return [_ends(fate) for fate in subject.fates]


def _ends(fate: Fate) -> Promise:
    async def keep(world: World) -> None:
        await ends_as_documented(world, fate)

    name = f"the fate {fate.name.lower().replace('_', ' ')} ends as documented"
    says = "What we believe in the end, what the channel's books say, and how often we had to send it."
    return Promise(name, says, keep)


async def ends_as_documented(world: World, fate: Fate) -> None:
    ending = world.subject.fates[fate]
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
