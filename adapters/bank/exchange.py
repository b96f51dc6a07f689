"""Signed HTTP with one bank: every request signed afresh, every answer proved to belong to it.

An answer that fails a check is *no answer* (sheet section 5.6); it comes back as `Unproved`, so that nothing further
in can take its status or body for a fact.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace

from adapters.ask_again import ask_again
from adapters.bank.algorithms import SigningKey, VerifyingKey
from adapters.bank.proof import Exchanged, Unproved
from adapters.bank.signature_base import Refusal, Request, Response, SignatureRefused, Tag
from adapters.bank.signing import SignatureProfile
from adapters.bank.xml import MESSAGE_MAX_BYTES
from adapters.channel import ChannelContext
from adapters.http import ChannelHttp, HttpAnswer, NoAnswer
from adapters.signer import Headers, Heading, Later


@dataclass(frozen=True, slots=True)
class SignedExchange:
    """One bank, one key of ours, the bank's keys."""

    http: ChannelHttp
    profile: SignatureProfile
    key: SigningKey
    bank_keys: Mapping[str, VerifyingKey]
    context: ChannelContext
    extra_headers: Headers

    def begin(self, method: str, url: str, headers: Headers, body: bytes = b"") -> tuple[Request, Later | None]:
        """One transmission: fresh X-Request-ID, times, nonce and signature. The signature's header may come later."""
        random_bytes = self.context.random_bytes
        request_id = str(uuid.UUID(bytes=random_bytes(16), version=4))
        unsigned = Request(method, url, (*headers, *self.extra_headers, ("X-Request-ID", request_id)), body)
        nonce = base64.urlsafe_b64encode(random_bytes(16)).rstrip(b"=").decode()
        now, signer = self.context.clock.now(), self.context.signer
        added = self.profile.begin(unsigned, Tag.REQUEST, self.key, now, nonce, signer)
        return Request(method, url, unsigned.headers + added.ready, body), added.later

    async def request(self, method: str, url: str, headers: Headers, body: bytes = b"") -> Request:
        """Likewise, with all of its headers."""
        request, later = self.begin(method, url, headers, body)
        return replace(request, headers=await Heading(request.headers, later).whole())

    async def close(self) -> None:
        """The connections, and our key wherever it signed."""
        self.key.forget(self.context.signer)
        await self.http.close()

    async def send(self, request: Request) -> Exchanged:
        """Send this very request once."""
        return self._proved(request, await self._transmit(request))

    async def ask(self, method: str, url: str, accept: str) -> Exchanged:
        """A question, which may be put up to three times: signed anew each time."""
        last: list[Request] = []

        async def once() -> HttpAnswer | NoAnswer:
            last[:] = [await self.request(method, url, (("Accept", accept),))]
            return await self._transmit(last[0])

        result = await ask_again(once, self.context.clock.sleep)
        return self._proved(last[0], result)

    async def _transmit(self, request: Request) -> HttpAnswer | NoAnswer:
        return await self.http.send(
            request.method, request.target_uri, request.headers, request.body, MESSAGE_MAX_BYTES
        )

    def _proved(self, request: Request, result: HttpAnswer | NoAnswer) -> Exchanged:
        if isinstance(result, NoAnswer):
            return result
        # A name that came twice is listed twice, so that a covered one is refused.
        headers = tuple(result.headers.items()) + tuple((name, "") for name in result.doubled)
        response = Response(result.status, headers, request, result.body)
        try:
            self.profile.verify(response, Tag.RESPONSE, self.bank_keys, self.context.clock.now())
            _check_request_id(request, result)
        except SignatureRefused as refused:
            return Unproved(result, refused)
        return result


def _check_request_id(request: Request, result: HttpAnswer) -> None:
    asked = dict(request.headers)["X-Request-ID"]
    if result.headers.get("x-request-id") != asked:
        raise SignatureRefused(Refusal.COMPONENTS, "the bank returned another X-Request-ID")
