"""Rows 89 to 99: what a channel answers, rightly signed and hostile in its content. It is never a verdict, never "not
sent"; and where the code table does decide, what speaks against it raises an alarm.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from adapters.channel import Channel, Sent
from adapters.http import HttpAnswer, HttpxFactory, NoAnswer
from gateway.domain.outcome import Answer, OutcomeKind
from tests.support import bank, wechat, wire_tls
from tests.support.hostile import ACCOUNT, NAME, OPENID, SECRET, TAINTS, Ears

K = OutcomeKind

Peer = Callable[[httpx.Request], httpx.Response]


@dataclass
class Stand:
    """Both channels, over a network on which the test answers."""

    channels: dict[str, Channel]
    sent: dict[str, Sent]
    answers: dict[str, Peer]

    async def submit(self, name: str, peer: Peer) -> Answer:
        self.answers[name] = peer
        channel = self.channels[name]
        return await channel.submit(channel.sign(self.sent[name]))

    async def query(self, name: str, peer: Peer) -> Answer:
        self.answers[name] = peer
        return await self.channels[name].query(self.sent[name])


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    answers: dict[str, Peer] = {}

    def network(name: str) -> httpx.MockTransport:
        return httpx.MockTransport(lambda request: answers[name](request))

    wechats = wechat.make_channel(wechat.context(network("wechat"), clock=bank.EagerClock(wechat.NOW)))
    banks = bank.channel(http=lambda tls=None: HttpxFactory(5, 5, 5, transport=network("bank"))(tls))
    sent = {"wechat": wechat.sent(wechats, bill_no=wechat.BILL_NO), "bank": bank.sent(banks, payment_id="BNK1")}
    yield Stand({"wechat": wechats, "bank": banks}, sent, answers)
    await wechats.close()
    await banks.close()


def signed(name: str, body: bytes, status: int = 200, content_type: str = "application/json", **more: str) -> Peer:
    """That channel's own peer, who signs whatever it says."""
    if name == "wechat":
        return wechat.answer(body, status, **more)
    made = bank.answering(status, body, content_type, **more)

    def unread(request: httpx.Request) -> httpx.Response:
        answer = made(request)
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content))

    return unread


HTML = f"<html><body>{NAME} {ACCOUNT} {SECRET}</body></html>".encode()

CONTENTS: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "row_89_html": (200, HTML, {}),
    "row_89_html_created": (201, HTML, {}),
    "row_90_empty": (200, b"", {}),
    "row_90_empty_created": (201, b"", {}),
    "row_91_null": (200, b"null", {}),
    "row_91_list": (201, b"[]", {}),
    "row_91_text": (201, json.dumps(SECRET).encode(), {}),
    "row_92_numbers_for_texts": (201, b'{"transactionStatus":1,"paymentId":2,"state":3,"out_bill_no":4}', {}),
    "row_92_text_for_a_number": (200, wechat.body_of(wechat.members(transfer_amount="12345")), {}),
    "row_93_gzip_bomb": (200, gzip.compress(b" " * 30_000_000), {"Content_Encoding": "gzip"}),
    "row_93_too_long": (200, b" " * 2_000_000, {}),
    "row_95_huge_header": (200, b"{}", {"X_Huge": SECRET * 1000}),
    "row_96_another_order": (200, wechat.body_of(wechat.members(out_bill_no="X" * 26)), {}),
    "row_96_another_amount": (200, wechat.body_of(wechat.members(transfer_amount=12346)), {}),
    "row_96_another_payee": (200, wechat.body_of(wechat.members(openid=OPENID)), {}),
    "row_97_redirect": (302, b"", {"Location": f"http://127.0.0.1:1/{SECRET}"}),
    "row_97_redirect_that_keeps_the_method": (307, b"", {"Location": "http://127.0.0.1:1/"}),
    "row_91_a_member_twice": (
        200,
        b'{"state":"FAIL",' + wechat.body_of(wechat.members("SUCCESS"))[1:],
        {},
    ),
    "row_91_nested": (200, b"[" * 100_000, {}),
}


@pytest.mark.parametrize("channel", ["wechat", "bank"])
@pytest.mark.parametrize("name", CONTENTS)
async def test_no_verdict(stand: Stand, ears: Ears, name: str, channel: str) -> None:
    """To a submit and to a question alike; and nobody reads a name or a secret of it."""
    status, body, more = CONTENTS[name]
    for ask in (stand.submit, stand.query):
        answer = await ask(channel, signed(channel, body, status, **more))
        assert answer.kind is K.UNCLEAR, answer
        told = f"{answer.detail} {answer.channel_code}"
        assert not [taint for taint in TAINTS if taint in told], told


async def test_the_right_answers_are_believed(stand: Stand) -> None:
    """What the cases above spoil is a verdict when nothing is spoilt."""
    assert (await stand.query("wechat", signed("wechat", wechat.body_of(wechat.members())))).kind is K.SUCCEEDED
    assert (await stand.submit("bank", signed("bank", bank.created("ACSC"), 201))).kind is K.SUCCEEDED
    report = signed("bank", bank.report("ACSC"), content_type="application/xml")
    answer = await stand.query("bank", report)
    assert (answer.kind, answer.alarm) == (K.SUCCEEDED, False), answer


async def test_row_96_another_order_at_the_bank(stand: Stand) -> None:
    """A report with another id, another amount, another currency is not about our order."""
    for report in (
        bank.report("ACSC", end_to_end_id="PO" + "X" * 26),
        bank.report("ACSC", amount='<InstdAmt Ccy="CNY">123.46</InstdAmt>'),
        bank.report("ACSC", amount='<InstdAmt Ccy="EUR">123.45</InstdAmt>'),
    ):
        answer = await stand.query("bank", signed("bank", report, content_type="application/xml"))
        assert (answer.kind, answer.alarm) == (K.UNCLEAR, True)


async def test_row_98_success_that_speaks_of_failure(stand: Stand) -> None:
    """The code table decides; somebody is called."""
    members = wechat.body_of(wechat.members("SUCCESS", fail_reason="ACCOUNT_FROZEN"))
    created = json.dumps({**json.loads(bank.created("ACSC")), **json.loads(bank.error("PAYMENT_FAILED"))}).encode()
    report = bank.report("ACSC", ("AC04",))
    for answer in (
        await stand.query("wechat", signed("wechat", members)),
        await stand.submit("bank", signed("bank", created, 201)),
        await stand.query("bank", signed("bank", report, content_type="application/xml")),
    ):
        assert (answer.kind, answer.alarm) == (K.SUCCEEDED, True)


@pytest.mark.parametrize("said", ["2039-01-01T08:00:00+08:00", "2001-01-01T08:00:00+08:00"])
async def test_row_99_a_clock_that_is_years_off(stand: Stand, said: str) -> None:
    """The channel's own date is kept beside the verdict; it makes it neither better nor worse."""
    answer = await stand.query("wechat", signed("wechat", wechat.body_of(wechat.members(update_time=said))))
    assert (answer.kind, answer.as_of is not None and answer.as_of.year) == (K.SUCCEEDED, int(said[:4]))


async def test_row_100_the_right_authority_and_the_wrong_host(tmp_path: Path) -> None:
    """A certificate that was made for another host: nothing was sent, by proof, and the one it was made for is told."""
    heard: list[asyncio.StreamWriter] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    serving = wire_tls.serving(wire_tls.authority(), tmp_path)
    http = HttpxFactory(5, 5, 5)(wire_tls.trusting(wire_tls.authority()))
    for host, right in (("127.0.0.1", True), ("127.0.0.2", False)):
        server = await asyncio.start_server(hear, host, 0, ssl=serving)
        url = f"https://{host}:{server.sockets[0].getsockname()[1]}/"
        found = await http.send("POST", url, (("X-Secret", SECRET),), b"an order")
        assert isinstance(found, HttpAnswer) is right
        assert isinstance(found, NoAnswer) is not right
        assert right or (isinstance(found, NoAnswer) and not found.sent and "mismatch" in found.error)
        server.close()
        await server.wait_closed()
    assert len(heard) == 1
    await http.close()
