"""A bank that gives a repeat an id of its own, and refuses it while it may pay the first: nobody pays elsewhere."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
import respx

from gateway.domain.outcome import OutcomeKind
from gateway.domain.payout import AttemptState
from tests.support.bank import BASE, PRODUCT, answering, channel, created, error, lookup, report, settings
from tests.support.builders import an_answer
from tests.support.scripted import scripted_gateway

URL = f"{BASE}/v1/payments/{PRODUCT}"
LISTS = {
    "no lookup": None,
    "the list shows the repeat only": ("BNK1",),
    "the list shows nothing": (),
    "the first is listed and not found": ("BNK0", "BNK1"),
}


class Bank:
    """Takes the first POST in without a word, the second under another id."""

    def __init__(self) -> None:
        self.posts = 0

    async def __call__(self, asked: httpx.Request) -> httpx.Response:
        self.posts += 1
        if self.posts == 1:
            await asked.extensions["trace"]("http11.send_request_headers.started", {})
            raise httpx.ReadTimeout("silence")
        return answering(201, created("RCVD", "BNK1"))(asked)


@pytest.mark.parametrize("listed", LISTS.values(), ids=LISTS)
async def test_a_refused_repeat_never_fails_over_while_the_first_may_pay(listed: tuple[str, ...] | None) -> None:
    """The repeat lacks the funds that the first one took. Whatever the lookup shows, the order stays open."""
    channel_ = channel(settings(duplicate_mode="refuse", has_lookup=listed is not None))
    channel_.name = "alpha"
    gateway = scripted_gateway()
    handles = dict(gateway.services.channels)
    handles["alpha"] = replace(handles["alpha"], channel=channel_)
    gateway.services = replace(gateway.services, channels=handles)
    beta = gateway.channels["beta"]
    beta.submits.append(an_answer(OutcomeKind.SUCCEEDED))
    bank = Bank()
    with respx.mock(assert_all_called=False) as network:
        network.post(URL).mock(side_effect=bank)
        network.get(f"{URL}/BNK0/status").mock(side_effect=answering(404, error("RESOURCE_UNKNOWN")))
        found = network.get(url__startswith=f"{URL}?").mock(side_effect=answering(200, lookup()))
        payout = await gateway.accept()
        reference, uetr = payout.attempt(1).channel_reference, payout.attempt(1).uetr
        refused = report("RJCT", ("AM04",), reference=reference, uetr=uetr)
        status = network.get(f"{URL}/BNK1/status").mock(side_effect=answering(200, refused, "application/xml"))
        await gateway.pass_time(seconds=30)
        await gateway.pass_time(minutes=5)
        assert bank.posts == 2
        assert status.call_count == 0
        found.mock(side_effect=answering(200, lookup(*(listed or ()), reference=reference)))
        for _ in range(3):
            await gateway.pass_time(minutes=5)
    await channel_.close()
    attempt = (await gateway.payout(payout.id)).attempt(1)
    assert status.called, "the refusal was read"
    assert (attempt.transmissions, attempt.channel_payout_id) == (2, "BNK1")
    assert attempt.state in (AttemptState.PENDING, AttemptState.UNKNOWN)
    assert beta.sent == []
