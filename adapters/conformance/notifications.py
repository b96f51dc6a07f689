"""Notifications: believed when the channel signed them, refused in one way only, and one event however often told."""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator
from dataclasses import replace

from adapters.channel import NotificationRefused, RawNotification
from adapters.conformance.drive import Drive
from adapters.conformance.promise import Promises
from adapters.conformance.world import World
from adapters.magic import Fate
from gateway.domain.outcome import Heard

promises = Promises()

BASE64 = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"


async def told(world: World, fate: Fate = Fate.USUAL) -> list[RawNotification]:
    """What the channel posts about one order; it posts something."""
    drive = Drive(world, fate)
    await drive.transmit()
    await world.live(30)
    assert world.received
    return world.received


async def refused(world: World, raw: RawNotification) -> NotificationRefused | None:
    """How it is refused; None when it is taken. Nothing else may be raised."""
    try:
        await world.channel.read_notification(raw)
    except NotificationRefused as error:
        return error
    return None


@promises
async def a_notification_is_verified_and_names_its_order(world: World) -> None:
    """It carries an event id, and says of our order what the books say."""
    drive = Drive(world)
    await drive.transmit()
    await world.live(30)
    found = [await world.channel.read_notification(raw) for raw in world.received]
    notices = [notice for notification in found for notice in notification.notices]
    assert all(notification.event_id for notification in found)
    assert notices
    for notice in notices:
        assert notice.answer.heard is Heard.NOTIFICATION
        assert (notice.channel_reference or notice.channel_payout_id) in (
            drive.order.channel_reference,
            drive.attempt.channel_payout_id,
        )
        assert notice.amount in (None, drive.order.amount)


@promises
async def a_flipped_byte_anywhere_in_the_body_is_refused(world: World) -> None:
    """Every byte is covered by the signature."""
    raw = (await told(world))[0]
    assert await refused(world, raw) is None
    taken = []
    for at in range(len(raw.body)):
        body = bytearray(raw.body)
        body[at] ^= 1
        if await refused(world, replace(raw, body=bytes(body))) is None:
            taken.append(at)
    assert taken == []


@promises
async def a_flipped_byte_in_any_part_of_the_signature_is_refused(world: World) -> None:
    """Time, nonce, key, algorithm, digest, value: each character of each signature header counts."""
    raw = (await told(world))[0]
    taken, tried = [], set()
    for name, at, spoiled in _spoiled_headers(raw, world.subject.signature_headers):
        tried.add(name)
        if await refused(world, spoiled) is None:
            taken.append((name, at))
    assert taken == []
    assert tried == set(world.subject.signature_headers), "each of them is there"


def _spoiled_headers(raw: RawNotification, names: tuple[str, ...]) -> Iterator[tuple[str, int, RawNotification]]:
    for index, (name, value) in enumerate(raw.headers):
        if name.lower() in names:
            for at, character in enumerate(value):
                changed = value[:at] + _other(character) + value[at + 1 :]
                headers = (*raw.headers[:index], (name, changed), *raw.headers[index + 1 :])
                yield name.lower(), at, replace(raw, headers=headers)


def _other(character: str) -> str:
    """Another character. In base64 one that differs in its highest bit: the lowest ones of a last character are
    padding, which means nothing."""
    if character in BASE64:
        return BASE64[(BASE64.index(character) + 32) % 64]
    return chr(ord(character) ^ 1)


@promises
async def a_missing_part_of_the_signature_is_refused(world: World) -> None:
    """None of the headers may be left out, and all of them together even less."""
    raw = (await told(world))[0]
    for gone in (*({name} for name in world.subject.signature_headers), set(world.subject.signature_headers)):
        headers = tuple(pair for pair in raw.headers if pair[0].lower() not in gone)
        assert len(headers) < len(raw.headers)
        assert await refused(world, replace(raw, headers=headers)) is not None


NOT_SIGNED = (b"", b"\x00", b"{}", b"<a/>", b"[" * 10_000, b"\xff\xfe")


@promises
async def what_nobody_signed_is_refused_and_nothing_else_is_raised(world: World) -> None:
    """Strangers get a status of 400 or more and the channel's own form of an answer."""
    raw = (await told(world))[0]
    strange: tuple[tuple[tuple[str, str], ...], ...] = ((), raw.headers, (("Content-Type", "application/json"),))
    for body, headers in itertools.product(NOT_SIGNED, strange):
        error = await refused(world, replace(raw, headers=headers, body=body))
        assert error is not None
        assert error.code
        assert 400 <= error.status <= 599
        assert world.channel.reply(error.status, error.code).status == error.status


@promises
async def a_replayed_notification_is_the_same_event(world: World) -> None:
    """Read again, it has the same id, and the same nonce where the scheme uses them up."""
    for raw in await told(world):
        first, second = [await world.channel.read_notification(raw) for _ in range(2)]
        assert first.event_id == second.event_id
        assert first.nonce == second.nonce


@promises
async def what_is_told_twice_has_one_event_id(world: World) -> None:
    """The channel's own retries are one event to us; different events have different ids."""
    raws = await told(world, Fate.NOTIFIED_BADLY)
    found = [await world.channel.read_notification(raw) for raw in raws]
    assert len({one.event_id for one in found}) < len(found)
    kinds = {(one.event_id, notice.answer.kind) for one in found for notice in one.notices}
    assert len(kinds) == len({event_id for event_id, _ in kinds})


@promises
async def taken_is_answered_so_that_it_is_not_told_again(world: World) -> None:
    """Two hundred means stored."""
    count = len(await told(world))
    assert 200 <= world.channel.reply(200, "ok").status < 300
    await world.live(240)
    assert len(world.received) == count
