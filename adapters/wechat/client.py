"""Signed calls to the service, and whether to believe what comes back (sheet sections 3, 4 and 5.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from adapters.ask_again import ask_again
from adapters.http import ChannelHttp, HttpAnswer, NoAnswer
from adapters.signer import Headers, Heading, Scheme, Signer, heading
from adapters.wechat.keys import PlatformKeys, read_certificates
from adapters.wechat.signing import (
    SIGNATURE_HEADERS,
    Merchant,
    Refusal,
    Refused,
    header_fields,
    is_public_key_id,
    is_signed,
    normal_serial,
    request_message,
    verify,
)
from gateway.clock import Clock

CERTIFICATES: Final = "/v3/certificates?algorithm_type=RSA"
_REFRESH_APART_S = 60.0
"""An unknown serial makes us look for new certificates, but no stranger makes us look more often than this."""

_log = structlog.get_logger("adapters.wechat")


@dataclass(slots=True)
class Client:
    """The service over HTTP: our signature on what leaves, its signature on what comes in."""

    http: ChannelHttp
    merchant: Merchant
    keys: PlatformKeys
    apiv3_key: bytes = field(repr=False)
    clock: Clock
    random_bytes: Callable[[int], bytes]
    base_url: str
    backup_base_url: str | None
    fetches_certificates: bool
    refresh_s: float
    signer: Signer
    _fetched_at_s: float | None = None
    _keeper: asyncio.Task[None] | None = None

    def signed(self, method: str, target: str, body: bytes, extra: Headers) -> Heading:
        """The headers of one transmission: a fresh time, nonce and signature."""
        merchant = self.merchant
        timestamp, nonce = str(int(self.clock.now().timestamp())), self.random_bytes(16).hex().upper()
        message = request_message(method, target, timestamp, nonce, body)

        def write(signature: bytes) -> Headers:
            return (("Authorization", merchant.authorization(signature, timestamp=timestamp, nonce=nonce)),)

        ready = (("Accept", "application/json"), *extra)
        return heading(ready, self.signer.begin(merchant.key, Scheme.V1_5_SHA256, message), write)

    async def get(self, base_url: str, target: str, extra: Headers = ()) -> HttpAnswer | NoAnswer:
        """A question, asked again when nothing usable comes back, at last at the second address. Signed every time."""

        async def once(address: str) -> HttpAnswer | NoAnswer:
            headers = await self.signed("GET", target, b"", extra).whole()
            return await self.http.send("GET", address + target, headers)

        got = await ask_again(lambda: once(base_url), self.clock.sleep)
        if isinstance(got, NoAnswer) and self.backup_base_url is not None:
            return await once(self.backup_base_url)
        return got

    async def doubt(self, got: HttpAnswer | NoAnswer) -> Refused | None:
        """Why an answer is not believed; None when it is verified, or a refusal that nothing claims to have signed."""
        if isinstance(got, NoAnswer):
            return None
        if got.doubled & set(SIGNATURE_HEADERS):
            return Refused(Refusal.HEADERS, "a signature header came twice")
        if not is_signed(got.headers):
            believed = got.status >= 300  # on the strength of TLS, and only if `wire` then finds a code in it
            return None if believed else Refused(Refusal.HEADERS, "the answer is not signed")
        try:
            await self.verify(tuple(got.headers.items()), got.body)
        except Refused as refused:
            return refused
        return None

    async def verify(self, headers: Headers, body: bytes) -> None:
        """Verify an answer or notification, looking once for a certificate we do not know yet. Raises `Refused`."""
        now = self.clock.now()
        fields = header_fields(headers)
        try:
            verify(fields, body, self._finder(now), now.timestamp())
        except Refused as refused:
            serial = fields.get("wechatpay-serial", "")
            if refused.code is not Refusal.UNKNOWN_KEY or is_public_key_id(serial) or not await self._look_again():
                raise
            verify(fields, body, self._finder(now), now.timestamp())

    def _finder(self, now: datetime) -> Callable[[str], RSAPublicKey | None]:
        return lambda serial: self.keys.find(serial, now)

    async def _look_again(self) -> bool:
        """Refresh the certificates unless that was tried a short while ago; whether it brought any."""
        if not self.fetches_certificates or self._fetched_lately():
            return False
        return await self.refresh()

    def _fetched_lately(self) -> bool:
        return self._fetched_at_s is not None and self.clock.monotonic() - self._fetched_at_s < _REFRESH_APART_S

    async def refresh(self) -> bool:
        """Fetch the certificate list and take it in, if it is proved; whether it was."""
        self._fetched_at_s = self.clock.monotonic()
        got = await self.get(self.base_url, CERTIFICATES)
        try:
            self._take_certificates(got)
        except Refused as refused:
            _log.warning("wechat.certificates.refused", code=str(refused.code), detail=refused.detail)
            return False
        return True

    def _take_certificates(self, got: HttpAnswer | NoAnswer) -> None:
        """The very first list is verified with what it holds (our APIv3 key opened it), later ones with what is
        trusted already. Raises `Refused`."""
        if isinstance(got, NoAnswer):
            raise Refused(Refusal.BODY, got.error)
        if got.status != 200:
            raise Refused(Refusal.BODY, f"HTTP {got.status}")
        if got.doubled & set(SIGNATURE_HEADERS):
            raise Refused(Refusal.HEADERS, "a signature header came twice")
        now = self.clock.now()
        listed = read_certificates(got.body, self.apiv3_key)
        trusted = self._finder(now)
        inside = {normal_serial(key.key_id): key.key for key in listed if key.good(now)}
        first = not self.keys.has_certificates(now)

        def find(serial: str) -> RSAPublicKey | None:
            return trusted(serial) or (inside.get(normal_serial(serial)) if first else None)

        verify(got.headers, got.body, find, now.timestamp())
        self.keys.add_certificates(listed, now)

    async def start(self) -> None:
        """Load the certificates, if they are to be fetched, and keep them fresh from then on. Never fails."""
        if not self.fetches_certificates:
            return
        loaded = await self.refresh()
        self._keeper = asyncio.get_running_loop().create_task(self._keep_fresh(loaded))

    async def _keep_fresh(self, loaded: bool) -> None:
        while True:
            await self.clock.sleep(self.refresh_s if loaded else min(self.refresh_s, _REFRESH_APART_S))
            loaded = await self.refresh()

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        self.signer.forget(self.merchant.key)
        await self.http.close()
