"""Rows 72 to 88: what is told at a channel's door. Verified over raw bytes, then parsed; what does not fit changes no
state, and is answered as the channel expects.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from adapters.channel import NotificationRefused, RawNotification
from gateway.api.server import PUBLIC_STATE
from gateway.api.state import Doors as Limits
from gateway.domain.payout import AttemptState
from tests.hostile.channels import Doors, path, twice
from tests.hostile.support import Target
from tests.support import bank, wechat
from tests.support.api_server import Answered, EarChannel
from tests.support.hostile import ACCOUNT, NAME, SECRET, stored, untold
from tests.support.patience import PATIENCE_S

S = AttemptState


@pytest.fixture
async def doors(target: Target) -> AsyncIterator[Doors]:
    opened = Doors(target)
    await opened.open()
    yield opened
    await opened.close()


Tell = Callable[[Doors], Awaitable[Answered]]

OTHER_ORDER = "ABC23456789DEFGHJKMNPQRSTU"
"""A reference of our form that is nobody's."""


def report_with(old: bytes, new: bytes) -> Tell:
    """The bank's right report with one thing changed, signed as it is."""

    def tell(doors: Doors) -> Awaitable[Answered]:
        body = doors.report()
        assert body.count(old) == 1, old
        return doors.tell_bank(body.replace(old, new))

    return tell


LAUGHS = b'<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Document'
OUTSIDE = b'<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]><Document'
DEEP = b"<GrpHdr>" + b"<a>" * 20_000 + b"</a>" * 20_000

REFUSED: dict[str, tuple[Tell, int]] = {
    "row_72_wechat_unsigned": (
        lambda doors: doors.target.api.send("POST", path("wechat"), wechat.body_of(doors.event())),
        401,
    ),
    "row_72_bank_unsigned": (lambda doors: doors.target.api.send("POST", path("bank"), doors.report()), 401),
    "row_72_wechat_made_up": (lambda doors: doors.tell_wechat(doors.event(), serial="PUB_KEY_ID_9"), 401),
    "row_73_a_key_that_is_not_the_banks": (
        lambda doors: doors.tell_bank(doors.report(), keyid="throwaway-test-bank-ed25519-2026"),
        401,
    ),
    "row_73_our_own_key": (lambda doors: doors.tell_bank(doors.report(), keyid=bank.CLIENT), 401),
    "row_73_wechat_by_another_key": (
        lambda doors: doors.tell_wechat(doors.event(), key="merchant"),
        401,
    ),
    "row_81_five_megabytes": (
        lambda doors: doors.target.api.send("POST", path("wechat"), ACCOUNT.encode() * 300_000),
        413,
    ),
    "row_84_signed_as_parsed": (
        lambda doors: doors.post_wechat(b'{ "id":"1" }', signed=b'{"id":"1"}'),
        401,
    ),
    "row_85_a_member_twice": (
        lambda doors: doors.post_wechat(twice({"id": "e", "event_type": "x"}, "id")),
        400,
    ),
    "row_85_a_member_twice_at_the_bank": (
        lambda doors: doors.tell_bank(
            twice({"paymentId": "p", "transactionStatus": "ACSC"}, "paymentId"), content_type="application/json"
        ),
        400,
    ),
    "row_86_gbk": (lambda doors: doors.post_wechat(f'{{"id":"{NAME}"}}'.encode("gbk")), 400),
    "row_86_gbk_at_the_bank": (report_with(b"<MsgId>S1", b"<MsgId>" + NAME.encode("gbk")), 400),
    "row_87_billion_laughs": (report_with(b"<Document", LAUGHS), 400),
    "row_87_external_entity": (report_with(b"<Document", OUTSIDE), 400),
    "row_87_bare_doctype": (report_with(b"<Document", b"<!DOCTYPE a><Document"), 400),
    "row_87_deep": (report_with(b"<GrpHdr>", DEEP), 400),
    "row_87_undeclared_entity": (report_with(b"<MsgId>S1", b"<MsgId>&x;"), 400),
    "row_88_two_statuses": (report_with(b"<TxSts>ACSC</TxSts>", b"<TxSts>RJCT</TxSts><TxSts>ACSC</TxSts>"), 400),
    "row_88_two_messages": (
        report_with(b"</CstmrPmtStsRpt>", b"</CstmrPmtStsRpt><CstmrPmtStsRpt></CstmrPmtStsRpt>"),
        400,
    ),
    "row_88_two_ids": (
        report_with(b"</OrgnlEndToEndId>", b"</OrgnlEndToEndId><OrgnlEndToEndId>x</OrgnlEndToEndId>"),
        400,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refused(doors: Doors, target: Target, name: str) -> None:
    """Answered as refused, nothing stored, no state moved, nothing of it told."""
    tell, status = REFUSED[name]
    before = stored(target.folder)
    answer = await tell(doors)
    assert answer.status == status, answer.body
    untold(answer)
    assert stored(target.folder) == before
    assert [await doors.state(name) for name in doors.orders] == [S.PENDING, S.PENDING]


KEPT: dict[str, tuple[Tell, int]] = {
    "row_73_the_bank_about_wechats_order": (
        lambda doors: doors.tell_bank(bank.report(reference=doors.reference("wechat"))),
        404,
    ),
    "row_74_an_order_of_nobody": (lambda doors: doors.tell_wechat(doors.event(out_bill_no=OTHER_ORDER)), 404),
    "row_75_a_cent_more": (lambda doors: doors.tell_wechat(doors.event(transfer_amount=12_346)), 200),
    "row_75_a_cent_less": (lambda doors: doors.tell_wechat(doors.event(transfer_amount=12_344)), 200),
    "row_75_a_cent_more_at_the_bank": (
        lambda doors: doors.tell_bank(doors.report(amount='<InstdAmt Ccy="CNY">123.46</InstdAmt>')),
        200,
    ),
    "row_76_another_currency": (
        lambda doors: doors.tell_bank(doors.report(amount='<InstdAmt Ccy="EUR">123.45</InstdAmt>')),
        200,
    ),
    "row_78_a_status_nobody_knows": (lambda doors: doors.tell_wechat(doors.event("PAID_PROBABLY")), 200),
    "row_78_a_status_nobody_knows_at_the_bank": (lambda doors: doors.tell_bank(doors.report("ZZZZ")), 200),
    "row_72_another_payee": (lambda doors: doors.tell_wechat(doors.event(openid="oSomebodyElse")), 200),
}


@pytest.mark.parametrize("name", KEPT)
async def test_kept_and_not_believed(doors: Doors, name: str) -> None:
    """Rightly signed and not right: taken as what it is, a word that moves nothing."""
    tell, status = KEPT[name]
    answer = await tell(doors)
    assert answer.status == status, answer.body
    untold(answer)
    assert [await doors.state(name) for name in doors.orders] == [S.PENDING, S.PENDING]


async def test_the_right_word_is_believed(doors: Doors) -> None:
    """What the cases above change moves the order when nothing is changed."""
    assert (await doors.tell_wechat(doors.event())).status == 200
    assert (await doors.tell_bank(doors.report())).status == 200
    assert [await doors.state(name) for name in doors.orders] == [S.SUCCEEDED, S.SUCCEEDED]


async def test_row_77_no_state_goes_back(doors: Doors) -> None:
    """After success, neither "processing" nor "failed" nor an unknown word takes it back."""
    assert (await doors.tell_wechat(doors.event())).status == 200
    for state, more in (("ACCEPTED", {}), ("FAIL", {"fail_reason": "ACCOUNT_FROZEN"}), ("WAIT_USER_CONFIRM", {})):
        assert (await doors.tell_wechat(doors.event(state, **more))).status == 200
        assert await doors.state("wechat") is S.SUCCEEDED


async def test_row_79_a_thousand_times_the_same(doors: Doors, target: Target) -> None:
    """Acknowledged each time, folded once."""
    event = doors.event()
    assert (await doors.tell_wechat(event, event_id="same")).status == 200
    after_one = stored(target.folder)
    for _ in range(20):
        answers = await asyncio.gather(*(doors.tell_wechat(event, event_id="same") for _ in range(50)))
        assert {answer.status for answer in answers} == {200}
    assert stored(target.folder) == after_one


async def test_row_79_a_captured_one_again(doors: Doors, target: Target) -> None:
    """The bank's nonce is used up: the very same post again is refused, and nothing more is stored."""
    nonce = "c2FtZS1ub25jZS1hZ2Fpbg"
    assert (await doors.tell_bank(doors.report("PDNG"), nonce=nonce)).status == 200
    before = stored(target.folder)
    assert (await doors.tell_bank(doors.report("ACSC"), nonce=nonce)).status == 401
    assert stored(target.folder) == before
    assert await doors.state("bank") is S.PENDING


async def test_row_82_before_the_answer_to_the_submit(doors: Doors) -> None:
    """The word is faster than the answer: it counts for the attempt it names."""
    doors.orders["wechat"] = await doors.order("wechat", S.SENDING)
    assert (await doors.tell_wechat(doors.event())).status == 200
    assert await doors.state("wechat") is S.SUCCEEDED


async def test_row_83_two_years_late(doors: Doors, target: Target) -> None:
    """Signed two years ago: refused. Signed today about what happened then: a success is a success."""
    body = wechat.notification(doors.event()).body
    old = wechat.signature_headers(body, at=target.api.clock.now())
    target.api.clock.move(2 * 365 * 86_400)
    assert (await target.api.send("POST", path("wechat"), body, old)).status == 401
    assert await doors.state("wechat") is S.PENDING
    assert (await doors.tell_wechat(doors.event())).status == 200
    assert await doors.state("wechat") is S.SUCCEEDED


async def test_a_stranger_learns_no_door(doors: Doors, target: Target) -> None:
    """Without the token every door is a 404, whether there is such a channel or not (S11)."""
    before = stored(target.folder)
    answers = [
        await target.api.send("POST", f"/notify/{name}/{SECRET}", doors.report(), {"X-Request-Id": "same"})
        for name in ("wechat", "bank", "nowhere")
    ]
    assert {answer.status for answer in answers} == {404}
    assert len({answer.body for answer in answers}) == 1
    assert stored(target.folder) == before


class SlowEar(EarChannel):
    """It listens until it is told to answer."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Semaphore(0)
        self.go_on = asyncio.Event()

    async def read_notification(self, raw: RawNotification) -> Any:
        self.begun.release()
        await self.go_on.wait()
        raise NotificationRefused("not_signed", "no signature", status=418)


async def test_row_80_a_flood_has_a_bound(doors: Doors, target: Target) -> None:
    """So many at once and no more: 503 with a time to come again, nothing stored; orders are served meanwhile; a place
    that is free again is given again."""
    ear = SlowEar()
    target.api.services.channels["ear"].channel.read_notification = ear.read_notification  # type: ignore[method-assign]
    in_force = target.api.app[PUBLIC_STATE].in_force
    in_force.snapshot = replace(in_force.snapshot, doors=Limits(notifications_max=3))
    door = "/notify/ear/tok_4f0c2a9e7b"
    inside = [asyncio.create_task(target.api.send("POST", door, b"{}")) for _ in range(3)]
    for _ in inside:
        async with asyncio.timeout(PATIENCE_S):
            await ear.begun.acquire()
    before = stored(target.folder)
    flood = await asyncio.gather(*(target.api.send("POST", door, ACCOUNT.encode()) for _ in range(100)))
    assert {(answer.status, answer.json()["code"]) for answer in flood} == {(503, "unavailable")}
    assert {answer.headers["retry-after"] for answer in flood} == {"1"}
    assert stored(target.folder) == before
    assert (await target.api.signed("GET", "/v1/payouts")).status == 200
    ear.go_on.set()
    assert [(await task).status for task in inside] == [418] * 3
    assert (await target.api.send("POST", door, b"{}")).status == 418
