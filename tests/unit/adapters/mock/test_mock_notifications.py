"""What the bank posts: signed, repeated until taken, the same event each time; and forged ones are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.channel import NotificationRefused, RawNotification
from adapters.mock import signing
from adapters.mock.bank import RETRY_AFTER_S
from tests.support.mock_world import MockWorld, order


async def posted(world: MockWorld) -> RawNotification:
    await world.send(order("0002"))
    await world.clock.advance(1.0)
    return world.delivered[0]


def with_signature(raw: RawNotification, *values: str) -> RawNotification:
    others = tuple(header for header in raw.headers if header[0] != signing.HEADER)
    return replace(raw, headers=others + tuple((signing.HEADER, value) for value in values))


async def test_a_notification_names_its_payout_with_both_ids_and_the_amount(world: MockWorld) -> None:
    """Everything the gateway checks before it believes one."""
    raw = await posted(world)
    assert (raw.method, raw.target) == ("POST", "/notify/mocky")
    event = await world.channel.read_notification(raw)
    (notice,) = event.notices
    sent = order("0002")
    assert notice.channel_reference == sent.channel_reference
    assert notice.channel_payout_id == notice.answer.channel_payout_id == f"MOCK-{sent.channel_reference}-1"
    assert notice.amount == sent.amount
    assert event.event_id == f"MOCK-{sent.channel_reference}-1-paid"


async def test_one_changed_byte_is_refused(world: MockWorld) -> None:
    """Any single byte of the body, and any of the signature."""
    raw = await posted(world)
    for at in range(len(raw.body)):
        bent = raw.body[:at] + bytes([raw.body[at] ^ 1]) + raw.body[at + 1 :]
        with pytest.raises(NotificationRefused) as refused:
            await world.channel.read_notification(replace(raw, body=bent))
        assert (refused.value.code, refused.value.status) == ("signature_wrong", 401)


@pytest.mark.parametrize(("count", "code"), [(0, "signature_missing"), (2, "signature_missing")])
async def test_there_is_exactly_one_signature(world: MockWorld, count: int, code: str) -> None:
    """None is none, and of two nobody can say which counts, even if both are right."""
    raw = await posted(world)
    right = dict(raw.headers)[signing.HEADER]
    with pytest.raises(NotificationRefused) as refused:
        await world.channel.read_notification(with_signature(raw, *[right] * count))
    assert refused.value.code == code


@pytest.mark.parametrize("value", ["", "zz", "é", "0" * 64, "0" * 10_000])
async def test_a_signature_that_is_none_is_refused_not_a_crash(world: MockWorld, value: str) -> None:
    """Whatever stands in the header."""
    raw = await posted(world)
    with pytest.raises(NotificationRefused) as refused:
        await world.channel.read_notification(with_signature(raw, value))
    assert refused.value.code == "signature_wrong"


async def test_another_banks_notification_is_refused(world: MockWorld) -> None:
    """Keys are per process: what another bank signed, or ours in an earlier life, is forged."""
    raw = await posted(world)
    await world.restart()
    with pytest.raises(NotificationRefused):
        await world.channel.read_notification(raw)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"type":"paid"}', b'{"type":"won"}'])
async def test_signed_nonsense_is_refused_as_unreadable(world: MockWorld, body: bytes) -> None:
    """Verified, but not an event: 400, and nothing else happens."""
    raw = await posted(world)
    header = signing.sign(bytes([1]) * 32, body)
    with pytest.raises(NotificationRefused) as refused:
        await world.channel.read_notification(replace(raw, body=body, headers=(header,)))
    assert (refused.value.code, refused.value.status) == ("unreadable", 400)


async def test_it_is_posted_again_until_it_is_taken() -> None:
    """After each refusal the same bytes come again at the next wait of the schedule, and after a 200 no more."""
    world = MockWorld(statuses=[500, 401, 503])
    begun = world.clock.monotonic()
    await world.send(order("0002"))
    times: list[float] = []
    while await world.clock.advance_to_next():
        if len(world.delivered) > len(times):
            times.append(round(world.clock.monotonic() - begun, 6))
    assert times == [0.3, 0.8, 1.8, 3.8]
    assert len({raw.body for raw in world.delivered}) == 1
    await world.channel.close()


async def test_after_the_last_try_it_rests_until_the_next_start(tmp_path: Path) -> None:
    """The posts are bounded; a new start begins them again, and what was taken is not posted a third time."""
    tries = len(RETRY_AFTER_S) + 1
    world = MockWorld({"book": str(tmp_path / "bank.jsonl")}, statuses=[500] * tries)
    await world.send(order("0002"))
    await world.clock.advance(86_400.0)
    assert len(world.delivered) == tries
    await world.restart()
    await world.clock.advance(86_400.0)
    assert len(world.delivered) == tries + 1
    await world.restart()
    await world.clock.advance(86_400.0)
    assert len(world.delivered) == tries + 1
    await world.channel.close()


async def test_a_reply_says_why(world: MockWorld) -> None:
    """The bank's form of an acknowledgement and of a refusal."""
    reply = world.channel.reply(401, "signature_wrong")
    assert reply.status == 401
    assert json.loads(reply.body) == {"code": "signature_wrong"}
