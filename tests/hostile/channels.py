"""Two real channels behind the real door, each with one order that it has taken in and not paid yet."""

from __future__ import annotations

import base64
import itertools
import json
from dataclasses import dataclass, field, replace

from adapters.bank.signature_base import Request, Tag
from adapters.bank.signing import sign_message
from adapters.channel import Timeouts
from gateway.api.server import PUBLIC_STATE
from gateway.domain.beneficiary import BankBeneficiary, Beneficiary, WechatBeneficiary
from gateway.domain.changes import open_attempt
from gateway.domain.payout import AttemptState, Payout
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.services import ChannelHandle
from gateway.store.port import Tx
from routing.guard import Guard, Limits
from tests.hostile.support import Target
from tests.support import bank, wechat
from tests.support.api_server import Answered
from tests.support.builders import POLLS, an_opening
from tests.support.hostile import ACCOUNT, NAME, OPENID
from tests.support.scripted import a_policy

TOKENS = {"wechat": "tok_of_wechat_0815", "bank": "tok_of_the_bank_4711"}
DOOR = "https://gateway.example.test"
PAYEES: dict[str, Beneficiary] = {
    "wechat": WechatBeneficiary(OPENID, NAME),
    "bank": BankBeneficiary(ACCOUNT, NAME, "102100099996", "CN"),
}


@dataclass
class Doors:
    """The two doors, the orders behind them, and how their owners sign."""

    target: Target
    orders: dict[str, Payout] = field(default_factory=dict)
    _nonces: itertools.count[int] = field(default_factory=itertools.count)

    async def open(self) -> None:
        services = self.target.api.services
        built = {
            "wechat": wechat.make_channel(wechat.context(clock=self.target.api.clock)),
            "bank": bank.channel(clock=self.target.api.clock, notify_url=f"{DOOR}{path('bank')}"),
        }
        assert isinstance(services.channels, dict)
        for name, channel in built.items():
            channel.name = name
            guard = Guard(name, Limits(), self.target.api.clock.monotonic)
            services.channels[name] = ChannelHandle(channel, a_policy(name), guard, POLLS, Timeouts())
        in_force = self.target.api.app[PUBLIC_STATE].in_force
        in_force.snapshot = replace(in_force.snapshot, notify_tokens={**TOKENS, "ear": "tok_4f0c2a9e7b"})
        for name in built:
            self.orders[name] = await self.order(name)

    async def close(self) -> None:
        for name in TOKENS:
            await self.target.api.services.channels[name].channel.close()

    async def order(self, name: str, state: AttemptState = AttemptState.PENDING) -> Payout:
        """A payout with an attempt on that channel."""
        services, clock = self.target.api.services, self.target.api.clock
        amount = bank.order(12_345).amount
        reference = f"hostile-{name}-{next(self._nonces)}"
        made = (await accept(services, PayoutRequest("shop", reference, amount, PAYEES[name]))).payout

        def unit(tx: Tx) -> Payout:
            before = tx.payout(made.id)
            assert before is not None
            opened = open_attempt(before, an_opening(before, name), clock.now())
            attempt = replace(opened.attempt(1), state=state, transmissions=1, first_sent_at=clock.now())
            tx.save(before, opened.with_attempt(attempt), None)
            return opened

        return await services.store.run(unit)

    def reference(self, name: str) -> str:
        return self.orders[name].attempt(1).channel_reference

    async def state(self, name: str) -> AttemptState:
        payout = await self.target.api.services.store.read(lambda tx: tx.payout(self.orders[name].id))
        assert payout is not None
        return payout.attempt(1).state

    # How the owners speak ---------------------------------------------------------------------------------------------

    def event(self, state: str = "SUCCESS", **changes: object) -> dict[str, object]:
        """A bill event about the order at WeChat."""
        told = {"out_bill_no": self.reference("wechat"), "openid": OPENID, "update_time": self.target.api.clock.now()}
        return wechat.event(state, **{**told, "update_time": "2026-01-02T11:04:05+08:00", **changes})

    def report(self, status: str = "ACSC", reasons: tuple[str, ...] = (), **changes: str) -> bytes:
        """A status report about the order at the bank."""
        ours = self.orders["bank"].attempt(1)
        changes = {"uetr": ours.uetr, "reference": ours.channel_reference, **changes}
        return bank.report(status, reasons, **changes).replace(b"2026-01-01T08:00:05", b"2026-01-02T11:04:05")

    async def tell_wechat(self, plaintext: object, *, event_id: str = "", **how: str) -> Answered:
        """Sealed and signed as the service does; `key` signs in its place."""
        notice = wechat.notification(plaintext, id=event_id or f"event-{next(self._nonces)}")
        return await self.post_wechat(notice.body, **how)

    async def post_wechat(self, body: bytes, *, signed: bytes | None = None, **how: str) -> Answered:
        """`signed` is what was signed in place of `body`."""
        over = body if signed is None else signed
        headers = wechat.signature_headers(over, at=self.target.api.clock.now(), **how)
        return await self.target.api.send("POST", path("wechat"), body, headers)

    async def tell_bank(
        self, body: bytes, *, content_type: str = "application/xml", keyid: str = bank.BANK, nonce: str = ""
    ) -> Answered:
        drawn = next(self._nonces).to_bytes(16, "big")
        nonce = nonce or base64.urlsafe_b64encode(drawn).rstrip(b"=").decode()
        request_id = f"1b4e28ba-2fa1-41d2-883f-{next(self._nonces):012x}"
        plain = (("Content-Type", content_type), ("X-Request-ID", request_id))
        message = Request("POST", f"{DOOR}{path('bank')}", plain, body)
        key, now = bank.signing_key(keyid), self.target.api.clock.now()
        headers = dict((*plain, *sign_message(message, Tag.NOTIFICATION, key, now, nonce)))
        return await self.target.api.send("POST", path("bank"), body, headers)


def path(name: str) -> str:
    return f"/notify/{name}/{TOKENS[name]}"


def twice(body: object, member: str) -> bytes:
    """A JSON object in which one member stands twice, the second time as it should be."""
    text = json.dumps(body)
    assert text.startswith("{")
    return f'{{"{member}":"first",{text[1:]}'.encode()
