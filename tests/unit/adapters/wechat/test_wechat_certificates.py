"""Certificate mode: the first list, changes of certificates, a merchant that moves to the public key."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import httpx
import pytest

from adapters.channel import NotificationRefused, Unsendable
from adapters.wechat.cipher import seal_resource
from gateway.domain.outcome import OutcomeKind
from gateway.domain.reasons import RejectReason
from tests.support import wechat
from tests.support.clock import settle
from tests.support.wechat import Said, answer, event, members, notification

A, B = "platform_certificate_a", "platform_certificate_b"


def listing(*names: str, signed_by: str = A, apiv3_key: bytes = wechat.APIV3_KEY, **changes: str) -> Said:
    """The list with the certificates of those names."""
    data = [
        {
            "serial_no": wechat.keys()[name]["serial_no"],
            "effective_time": wechat.CREATED_AT,
            "expire_time": wechat.CREATED_AT,
            "encrypt_certificate": seal_resource(
                apiv3_key,
                wechat.keys()[name]["certificate_pem"].encode(),
                nonce="61f9c719728a",
                associated_data="certificate",
            ),
        }
        | changes
        for name in names
    ]
    body = json.dumps({"data": data}).encode()
    serial = wechat.keys()[signed_by].get("serial_no", wechat.PUBLIC_KEY_ID)
    headers = wechat.signature_headers(body, key=signed_by, serial=serial)
    return Said(200, tuple(headers.items()), body)


class Service:
    """Answers every request with `said`, and counts the certificate lists it gave."""

    def __init__(self, said: Said) -> None:
        self.said = said
        self.lists = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v3/certificates":
            assert request.url.query == b"algorithm_type=RSA"
            self.lists += 1
        return self.said(request)


class World:
    """A channel in certificate mode, its service and its clock."""

    def __init__(self, said: Said, **changes: object) -> None:
        self.service = Service(said)
        self.clock = wechat.FakeClock(wechat.NOW)
        settings = {"platform_keys": {}, "certificates": True} | changes
        context = wechat.context(httpx.MockTransport(self.service), clock=self.clock)
        self.channel = wechat.make_channel(context, **settings)

    async def hears(self, key: str, serial: str | None = None) -> bool:
        """Whether a notification signed with `key` is believed."""
        body = notification(event()).body
        headers = wechat.signature_headers(
            body, key=key, serial=serial or wechat.keys()[key].get("serial_no", wechat.PUBLIC_KEY_ID)
        )
        try:
            await self.channel.read_notification(wechat.raw(body, headers))
        except NotificationRefused:
            return False
        return True


async def test_without_a_key_that_is_good_the_channel_is_unavailable_and_the_order_not_refused() -> None:
    """Before the first list, and once its certificates have expired: a reason that passes, never one of the order's."""
    world = World(listing(A))
    for loaded in (False, True):
        if loaded:
            await world.channel.start()
            assert world.channel.prepare(wechat.order(), wechat.NOW)
        with pytest.raises(Unsendable) as refused:
            world.channel.prepare(wechat.order(), wechat.NOW + timedelta(days=36_500 * loaded))
        assert refused.value.reason is RejectReason.CHANNEL_UNAVAILABLE
    await world.channel.close()


async def test_the_first_list_is_verified_with_what_it_holds_and_then_used() -> None:
    """Before it nothing can be sent; after it names are encrypted to the certificate that expires last."""
    world = World(listing(A))
    with pytest.raises(Unsendable):
        world.channel.prepare(wechat.order(), wechat.NOW)
    await world.channel.start()
    prepared = world.channel.prepare(wechat.order(), wechat.NOW)
    assert dict(prepared.headers)["Wechatpay-Serial"] == wechat.SERIAL_A
    assert await world.hears(A)
    assert not await world.hears("wechatpay_public_key")
    await world.channel.close()


@pytest.mark.parametrize(
    "said",
    [
        listing(A, apiv3_key=b"x" * 32),
        listing(A, signed_by=B),
        listing(A, signed_by="wechatpay_public_key"),
        listing(A, serial_no="0A"),
        listing(),
        answer({}, 200),
        answer({"data": ["x"]}, 200),
        answer(b"x", 200),
        answer({"data": []}, 200, signed=False),
        Said(200, (), listing(A).body),
        Said(404, (), b'{"code": "RESOURCE_NOT_EXISTS"}'),
        Said(500),
    ],
)
async def test_a_list_that_is_not_proved_is_not_taken_and_the_start_goes_on(said: Said) -> None:
    """A failing first load must not stop the gateway: the channel has no key yet, and tries again within a minute."""
    world = World(said)
    starting = asyncio.ensure_future(world.channel.start())
    await world.clock.advance(5)
    await starting
    with pytest.raises(Unsendable):
        world.channel.prepare(wechat.order(), wechat.NOW)
    world.service.said = listing(A)
    await world.clock.advance(60)
    # The list is signed with the time of the start: a minute later it is still good.
    await settle()
    assert world.channel.prepare(wechat.order(), wechat.NOW)
    await world.channel.close()


async def test_the_list_is_fetched_again_in_time() -> None:
    """Hourly by default, for as long as the channel is open."""
    world = World(listing(A), certificate_refresh_s=100)
    await world.channel.start()
    assert world.service.lists == 1
    await world.clock.advance(101)
    assert world.service.lists == 2
    await world.channel.close()
    await world.clock.advance(1000)
    assert world.service.lists == 2


async def test_an_unknown_certificate_makes_us_look_once_a_minute() -> None:
    """A change of certificates is followed at once, and a stranger cannot make us ask more often."""
    world = World(listing(A), certificate_refresh_s=80_000)
    await world.channel.start()
    world.service.said = listing(A, B)
    assert not await world.hears(B)
    world.clock.move(61)
    assert await world.hears(B)
    assert await world.hears(A)
    assert await world.hears(B, serial=wechat.SERIAL_B.lstrip("0").lower())
    assert world.service.lists == 2
    assert not await world.hears(A, serial="ABCDEF")
    assert not await world.hears(A, serial="ABCDEF")
    assert world.service.lists == 2
    await world.channel.close()


async def test_a_later_list_needs_a_signature_that_is_trusted_already() -> None:
    """What was loaded first decides; a list that vouches for itself is not enough any more."""
    world = World(listing(A))
    await world.channel.start()
    world.clock.move(61)
    world.service.said = listing(B, signed_by=B)
    assert not await world.hears(B)
    await world.channel.close()


async def test_a_public_key_that_is_unknown_is_refused_without_looking() -> None:
    """No list names public keys."""
    world = World(listing(A))
    await world.channel.start()
    world.clock.move(61)
    assert not await world.hears("wechatpay_public_key")
    assert world.service.lists == 1
    await world.channel.close()


async def test_during_a_migration_both_kinds_are_believed() -> None:
    """And names go to the public key."""
    world = World(listing(A, signed_by="wechatpay_public_key"), platform_keys={wechat.PUBLIC_KEY_ID: "file:public_key"})
    await world.channel.start()
    assert await world.hears(A)
    assert await world.hears("wechatpay_public_key")
    prepared = world.channel.prepare(wechat.order(), wechat.NOW)
    assert dict(prepared.headers)["Wechatpay-Serial"] == wechat.PUBLIC_KEY_ID
    await world.channel.close()


async def test_an_answer_in_certificate_mode_is_believed_by_its_certificate() -> None:
    """A query signed by the certificate that was loaded."""
    world = World(listing(A))
    await world.channel.start()
    body = wechat.body_of(members())
    headers = wechat.signature_headers(body, key=A, serial=wechat.SERIAL_A)
    world.service.said = Said(200, tuple(headers.items()), body)
    found = await world.channel.query(wechat.sent(world.channel))
    assert found.kind is OutcomeKind.SUCCEEDED
    await world.channel.close()


async def test_a_certificate_that_has_expired_is_believed_no_more() -> None:
    """By the certificate's own dates."""
    world = World(listing(A), platform_keys={wechat.SERIAL_B: "file:certificate_b"}, certificates=False)
    assert await world.hears(B)
    world.clock.step_wall(timedelta(days=366 * 80).total_seconds())
    body = notification(event()).body
    at = world.clock.now()
    headers = wechat.signature_headers(body, key=B, serial=wechat.SERIAL_B, at=at)
    with pytest.raises(NotificationRefused) as refused:
        await world.channel.read_notification(wechat.raw(body, headers, at))
    assert refused.value.code == "reject_unknown_key"
    await world.channel.close()
