"""What the channel makes of a bank that misbehaves on a real wire: only proof of "not sent" is "not sent"."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.bank.sandbox import Lookup
from adapters.bank.sandbox.keys import NEXT_BANK_KEYID
from adapters.http import HttpxFactory
from adapters.sandbox.faults import Fault
from gateway.domain.outcome import Finality, Heard, OutcomeKind
from gateway.domain.reasons import RejectReason
from tests.support.bank_sandbox import bank_world

K = OutcomeKind
ACCOUNT = "6222020000000001"
"""Paid at once."""

TAKEN = {Fault.TIMEOUT_AFTER, Fault.DROP_AFTER, Fault.ERROR_500_AFTER, Fault.CUT_BODY} | {
    Fault.WRONG_KEY,
    Fault.STALE_TIMESTAMP,
    Fault.NO_SIGNATURE,
    Fault.OTHER_REQUEST,
}
"""Faults that spoil only the answer."""


@pytest.mark.parametrize("fault", sorted(set(Fault) - {Fault.SIGNATURE_PROBE}))  # a probe is another channel's
async def test_no_fault_is_taken_for_an_answer(bank_keys: Path, fault: Fault) -> None:
    """Whatever goes wrong after the head was written is unclear, and the truth is found by asking."""
    async with bank_world(bank_keys, hang_s=0.0) as world:
        sent = world.sent(ACCOUNT)
        world.sandbox.faults.add(fault, 1, "POST")
        answer = await world.submit(sent)
        if fault is Fault.TOO_MANY_429:
            assert (answer.finality, answer.resend_after_s) == (Finality.RETRY_SAME_ID, 1.0)
        else:
            assert answer.kind is K.UNCLEAR
        assert answer.channel_payout_id is None
        assert (await world.query(sent)).kind is (K.SUCCEEDED if fault in TAKEN else K.ABSENT)
        assert (await world.submit(sent)).kind is K.SUCCEEDED
        assert world.book(sent).paid_times == 1


@pytest.mark.parametrize("fault", [Fault.WRONG_KEY, Fault.STALE_TIMESTAMP, Fault.NO_SIGNATURE, Fault.OTHER_REQUEST])
async def test_an_unproved_answer_to_a_question_decides_nothing(bank_keys: Path, fault: Fault) -> None:
    """A query's answer needs the same proof as a submit's, and raises the alarm without it."""
    async with bank_world(bank_keys) as world:
        sent = world.sent(ACCOUNT)
        answer = await world.submit(sent)
        world.sandbox.faults.add(fault, 1, "GET")
        told = await world.query(sent, answer)
        assert (told.kind, told.alarm) == (K.UNCLEAR, True)
        assert (await world.query(sent, answer)).kind is K.SUCCEEDED


async def test_passing_trouble_with_a_question_is_asked_away(bank_keys: Path) -> None:
    """Two 500s to a query: the third try, signed anew, is answered."""
    async with bank_world(bank_keys) as world:
        sent = world.sent(ACCOUNT)
        answer = await world.submit(sent)
        world.sandbox.faults.add(Fault.ERROR_500_BEFORE, 2, "GET")
        assert (await world.query(sent, answer)).kind is K.SUCCEEDED


async def test_a_closed_listener_proves_that_nothing_was_sent(bank_keys: Path) -> None:
    """Connecting is refused: no byte left us; once it opens, the same order goes through."""
    async with bank_world(bank_keys) as world:
        sent = world.sent(ACCOUNT)
        await world.sandbox.set_listener(False)
        answer = await world.submit(sent)
        assert (answer.kind, answer.channel_fault) == (K.NOT_SENT, True)
        assert (await world.query(sent)).kind is K.UNCLEAR
        await world.sandbox.set_listener(True)
        assert (await world.submit(sent)).kind is K.SUCCEEDED
        assert world.book(sent).paid_times == 1


async def test_a_cancellation_before_settlement(bank_keys: Path) -> None:
    """204 is not yet a failure; the question after it is: CANC, whatever comes later."""
    async with bank_world(bank_keys) as world:
        sent = world.sent("6222020000007777")
        answer = await world.submit(sent)
        cancelled = await world.channel.cancel(replace(sent, channel_payout_id=answer.channel_payout_id))
        assert (cancelled.heard, cancelled.kind, cancelled.channel_code) == (Heard.CANCEL, K.PENDING, "204")
        await world.live()
        told = await world.query(sent, answer)
        assert (told.kind, told.reason) == (K.REJECTED, RejectReason.CANCELLED)
        assert world.book(sent).paid_times == 0


async def test_a_cancellation_that_is_too_late(bank_keys: Path) -> None:
    """405: the payment stands; found by our id, since the bank's was never learned."""
    async with bank_world(bank_keys) as world:
        sent = world.sent("6222020000000004")
        await world.submit(sent)
        assert (await world.channel.cancel(sent)).channel_code == "405"
        assert (await world.query(sent)).kind is K.SUCCEEDED


@pytest.mark.parametrize(
    ("lookup", "kind", "alarm"), [(Lookup.OFF, K.UNCLEAR, True), (Lookup.DELAYED, K.ABSENT, False)]
)
async def test_a_lookup_that_does_not_find_proves_nothing(
    bank_keys: Path, lookup: Lookup, kind: OutcomeKind, alarm: bool
) -> None:
    """Off although agreed: loud. Late: absent now, found later; nobody may take it for a no."""
    async with bank_world(bank_keys, lookup=lookup, lookup_delay_s=30.0) as world:
        sent = world.sent("6222020000000004")
        await world.submit(sent)
        told = await world.query(sent)
        assert (told.kind, told.alarm) == (kind, alarm)
        await world.live(31.0)
        if lookup is Lookup.DELAYED:
            assert (await world.query(sent)).kind is K.SUCCEEDED


async def test_a_key_the_bank_rotates_to_is_believed(bank_keys: Path) -> None:
    """Both keys are on file, side by side."""
    async with bank_world(bank_keys) as world:
        world.sandbox.scenario({"rotate_bank_key": True})
        answer = await world.submit(world.sent(ACCOUNT))
        assert answer.kind is K.SUCCEEDED
        assert NEXT_BANK_KEYID.encode() in answer.raw


async def test_an_expired_key_of_ours_stops_the_channel(bank_keys: Path) -> None:
    """401: unclear with an alarm, and the bank has taken nothing."""
    async with bank_world(bank_keys) as world:
        world.sandbox.scenario({"expire_client_key": True})
        answer = await world.submit(world.sent(ACCOUNT))
        assert (answer.kind, answer.reason, answer.alarm) == (K.UNCLEAR, RejectReason.SIGNATURE_ERROR, True)
        assert answer.channel_code == "SIGNATURE_INVALID"
        assert world.sandbox.books() == []


async def test_an_account_that_is_short_or_not_ours(bank_keys: Path) -> None:
    """Money and parties are refused with a 201 and a report: AM04, AC02."""
    async with bank_world(bank_keys) as world:
        world.sandbox.scenario({"funds": {"110000000000000001": 100}})
        sent = world.sent(ACCOUNT)
        told = await world.query(sent, await world.submit(sent))
        assert (told.kind, told.channel_code) == (K.REJECTED, "AM04")
        foreign = replace(
            sent, prepared=replace(sent.prepared, body=sent.prepared.body.replace(b"110000000000000001", b"9"))
        )
        fresh = replace(foreign, order=world.sent(ACCOUNT).order)
        body = foreign.prepared.body.replace(
            sent.order.channel_reference.encode(), fresh.order.channel_reference.encode()
        ).replace(sent.order.uetr.encode(), fresh.order.uetr.encode())
        fresh = replace(fresh, prepared=replace(fresh.prepared, body=body))
        told = await world.query(fresh, await world.submit(fresh))
        assert (told.kind, told.channel_code) == (K.REJECTED, "AC02")


async def test_mutual_tls_once(bank_keys: Path) -> None:
    """HTTPS with our client certificate, the bank's checked against its CA: the whole way works."""
    async with bank_world(bank_keys, tls=True) as world:
        assert world.sandbox.base_url.startswith("https://")
        sent = world.sent(ACCOUNT)
        answer = await world.submit(sent)
        assert answer.kind is K.SUCCEEDED
        assert (await world.query(sent, answer)).kind is K.SUCCEEDED


def _client(keys: Path, certificate: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(keys / "ca.pem"))
    if certificate is not None:
        context.load_cert_chain(keys / f"{certificate}_cert.pem", keys / f"{certificate}_key.pem")
    return context


async def test_without_a_client_certificate_nobody_comes_in(bank_keys: Path) -> None:
    """The handshake fails; how far we got with writing is not known to us, so it is never more than unclear."""
    async with bank_world(bank_keys, tls=True) as world:
        http = HttpxFactory(2.0, 2.0, 5.0)(_client(bank_keys, None))
        world.channel.exchange = replace(world.channel.exchange, http=http)
        answer = await world.submit(world.sent(ACCOUNT))
        assert answer.kind in (K.UNCLEAR, K.NOT_SENT)
        assert answer.channel_fault
        assert world.sandbox.books() == []
        await http.close()


async def test_a_certificate_of_somebody_else_is_refused(bank_keys: Path) -> None:
    """Of the right CA, but not bound to our key id: the bank refuses what our key signed."""
    async with bank_world(bank_keys, tls=True) as world:
        http = HttpxFactory(2.0, 2.0, 5.0)(_client(bank_keys, "server"))
        world.channel.exchange = replace(world.channel.exchange, http=http)
        answer = await world.submit(world.sent(ACCOUNT))
        assert (answer.kind, answer.channel_code) == (K.UNCLEAR, "CERTIFICATE_INVALID")
        assert world.sandbox.books() == []
        await http.close()


async def test_a_bank_of_another_authority_is_not_spoken_to(bank_keys: Path) -> None:
    """Its certificate does not chain to the configured CA: not sent, by proof."""
    async with bank_world(bank_keys, tls=True) as world:
        context = ssl.create_default_context()
        http = HttpxFactory(2.0, 2.0, 5.0)(context)
        world.channel.exchange = replace(world.channel.exchange, http=http)
        assert (await world.submit(world.sent(ACCOUNT))).kind is K.NOT_SENT
        await http.close()
