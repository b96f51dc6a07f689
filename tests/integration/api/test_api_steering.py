"""POST /v1/sandbox/payouts/{id}/transition: it acts at the channel, changes nothing here, and never in live mode."""

from __future__ import annotations

import json
from dataclasses import replace

from adapters.steering import Transition
from gateway.api.replies import PayoutReply
from gateway.api.server import PUBLIC_STATE
from tests.support.api_server import READER, RIVAL, WRITER, Answered, ApiServer, Signer


async def steer(api: ApiServer, payout: str, to: str = "paid", by: Signer = WRITER) -> Answered:
    body = json.dumps({"to": to}).encode()
    return await api.signed("POST", f"/v1/sandbox/payouts/{payout}/transition", body, by=by)


async def test_it_acts_at_the_channel_and_not_in_our_books(api: ApiServer) -> None:
    """The channel is told, by our id of its order; the stored payout is what it was, to the version."""
    payout = await api.sent()
    before = await api.store.read(lambda tx: tx.payout(payout))
    assert before is not None
    answer = await steer(api, payout)
    assert answer.status == 200
    PayoutReply.model_validate(answer.json())
    assert answer.json()["status"] == "processing"
    assert api.ear.steered == [(before.attempt(1).channel_reference, Transition.PAID)]
    assert await api.store.read(lambda tx: tx.payout(payout)) == before


async def test_refusals(api: ApiServer) -> None:
    """Nothing at a channel, a channel without the power, a bank that cannot; a stranger, a foreign payout, a reader."""
    payout, waiting = await api.sent(), (await api.create(api.order())).json()["id"]
    assert (await steer(api, waiting)).json()["code"] == "transition_refused"
    assert (await steer(api, payout, "lost")).codes() == {"/to": "unknown_value"}
    assert (await steer(api, payout, by=RIVAL)).json()["code"] == "not_found"
    assert (await steer(api, payout, by=READER)).json()["code"] == "scope_missing"
    assert api.ear.steered == []
    assert (await steer(api, payout)).status == 200
    again = await steer(api, payout)
    assert (again.status, again.json()["detail"]) == (409, "it is paid already")
    state = api.app[PUBLIC_STATE]
    handles = {"ear": replace(api.services.channels["ear"], channel=object())}  # type: ignore[arg-type]  # no power
    state.in_force.snapshot = replace(state.in_force.snapshot, services=replace(api.services, channels=handles))
    assert "control surface" in (await steer(api, payout)).json()["detail"]


async def test_never_in_live_mode(api: ApiServer) -> None:
    """403 before anything is looked at, whoever asks."""
    payout = await api.sent()
    api.app[PUBLIC_STATE].sandbox = False
    refused = await steer(api, payout)
    assert (refused.status, refused.json()["code"]) == (403, "forbidden")
    assert (await steer(api, payout, "lost")).status == 403
    assert api.ear.steered == []
