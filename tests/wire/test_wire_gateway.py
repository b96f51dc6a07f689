"""From end to end: gateway, channel, our proxy, and a bank that keeps books. The books are what counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.domain.payout import AttemptState
from gateway.domain.status import Status, status
from tests.support.channel_kit import World, key_room, opened
from tests.support.wire_gateway import wire_gateway
from tests.support.wire_origins import CHANNELS
from tests.support.wire_table import AROUND, TABLE, Verdict

pytestmark = pytest.mark.usefixtures("under")

__all__ = ["key_room"]


@pytest.fixture(params=sorted(CHANNELS))
async def world(request: pytest.FixtureRequest, key_room: Path) -> AsyncIterator[World]:
    async with opened(CHANNELS[request.param], key_room) as made:
        yield made


UNKNOWN = (
    "accepted, then closed",
    "accepted, then reset",
    "accepted, then silence",
    "cut after a byte of the request",
    "cut in the request",
    "reset before the request's last byte",
    "cut after the request",
    "reset after the request",
    "silence after the request",
    "100 Continue, then closed",
    "cut after a byte of the answer",
    "cut before the answer's last byte",
    "a trickle past the deadline",
    "garbage",
    "a length too long",
    "a length too short",
    "a byte of the body changed",
    "another answer first",
)
NOT_SENT = ("refused", "no such name", "TLS: the peer speaks plainly", "TLS: another CA", "TLS: cut in the handshake")
ANSWERED = ("the answer twice", "another answer after it", "the answer byte by byte", "100 Continue before the request")


def test_the_kinds_are_what_they_are_said_to_be() -> None:
    """The lists above agree with the table."""
    for names, verdict in ((UNKNOWN, Verdict.UNKNOWN), (NOT_SENT, Verdict.NOT_SENT), (ANSWERED, Verdict.ANSWER)):
        assert {TABLE[name].for_channels for name in names} == {verdict}


@pytest.mark.parametrize("name", UNKNOWN)
async def test_an_unknown_outcome_is_asked_about_until_it_is_known(name: str, world: World, tmp_path: Path) -> None:
    """While the line is bad the gateway stays with its one attempt and asks; mended, it is paid, once, by this bank."""
    async with wire_gateway(world, TABLE[name], tmp_path) as story:
        first = await story.gateway.payout(story.payout.id)
        assert first.attempt(1).state is AttemptState.UNKNOWN, first.attempt(1)
        before = story.reach.connections
        during = await story.pass_time()
        assert story.reach.connections > before, "it asked"
        assert status(during) is Status.PROCESSING
        assert [attempt.channel_reference for attempt in during.attempts] == [first.attempt(1).channel_reference]
        assert story.paid_by_the_bank <= 1
        story.place.mended = True
        after = await story.to_its_end()
        assert (status(after), len(after.attempts)) == (Status.PAID, 1)
        assert story.backup.sent == []
        assert story.paid_by_the_bank == 1


@pytest.mark.parametrize("name", ["cut in the request", "cut after the request", "garbage"])
async def test_a_line_that_is_never_mended_moves_nothing(name: str, world: World, tmp_path: Path) -> None:
    """After an hour of questions without an answer the payout is where it was: on its one channel, unknown."""
    async with wire_gateway(world, TABLE[name], tmp_path) as story:
        for _ in range(12):
            found = await story.pass_time()
            await story.world.live(300)
        assert (found.attempt(1).state, len(found.attempts)) == (AttemptState.UNKNOWN, 1)
        assert status(found) is Status.PROCESSING
        assert story.backup.sent == []
        assert story.paid_by_the_bank <= 1


@pytest.mark.parametrize("name", NOT_SENT)
async def test_what_never_left_goes_by_another_channel(name: str, world: World, tmp_path: Path) -> None:
    """Proved not to have left: the second channel pays, and the first bank never hears of it."""
    async with wire_gateway(world, TABLE[name], tmp_path) as story:
        found = await story.gateway.payout(story.payout.id)
        assert status(found) is Status.PAID
        assert [attempt.state for attempt in found.attempts] == [AttemptState.REJECTED, AttemptState.SUCCEEDED]
        assert len(story.backup.sent) == 1
        for _ in range(3):
            await story.pass_time()
        assert world.entries() == []


@pytest.mark.parametrize("name", ANSWERED)
async def test_an_answer_with_something_odd_around_it_is_one(
    name: str, under: str, world: World, tmp_path: Path
) -> None:
    """What the bank said is believed and nothing else; the payout ends paid, once."""
    async with wire_gateway(world, TABLE[name], tmp_path) as story:
        first = await story.gateway.payout(story.payout.id)
        unsure = {AttemptState.UNKNOWN} if name in AROUND and under == "aiohttp" else set()
        story.place.mended = bool(unsure)
        assert first.attempt(1).state in {AttemptState.PENDING, AttemptState.SUCCEEDED} | unsure
        after = await story.to_its_end()
        assert (status(after), len(after.attempts), story.backup.sent) == (Status.PAID, 1, [])
        assert story.paid_by_the_bank == 1
