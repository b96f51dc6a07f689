"""The door: our clients' signatures are verified here, and the sandbox's own are made (sheet sections 3 and 4)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.faults import Fault
from adapters.wechat.sandbox.minting import MCHID, MERCHANT_SERIAL_NO, PlatformPair, SandboxKeys
from adapters.wechat.sandbox.options import KeyMode
from adapters.wechat.sandbox.refusal import Refuse
from adapters.wechat.signing import (
    PROBE,
    SCHEME,
    TOLERANCE_S,
    answer_message,
    normal_serial,
    request_message,
    sign_bytes,
    verify_bytes,
)

_PARAMETER = re.compile(r'([a-z_]+)="([^"]*)"')
_NAMES = {"mchid", "nonce_str", "signature", "timestamp", "serial_no"}
_TRUNCATED = 256


class Gate:
    """Lets verified requests in, each nonce once."""

    def __init__(self, keys: SandboxKeys, clock: SandboxClock) -> None:
        self._keys = keys
        self._clock = clock
        self._nonces: dict[str, float] = {}

    def admit(self, method: str, target: str, authorization: str, body: bytes) -> None:
        """Raises `Refuse` (SIGN_ERROR) for a request that our merchant did not sign just now."""
        given = _parameters(authorization)
        message = request_message(method, target, given.get("timestamp", ""), given.get("nonce_str", ""), body)
        issue = self._issue(given, message)
        if issue is not None:
            raise Refuse("SIGN_ERROR", "signature refused", _sign_detail(issue, method, target, message))

    def _issue(self, given: Mapping[str, str], message: bytes) -> str | None:
        if set(given) != _NAMES:
            return "malformed authorization"
        if given["mchid"] != MCHID or normal_serial(given["serial_no"]) != normal_serial(MERCHANT_SERIAL_NO):
            return "unknown merchant or certificate serial"
        now_s = self._clock.now().timestamp()
        if not given["timestamp"].isdecimal() or abs(now_s - int(given["timestamp"])) > TOLERANCE_S:
            return "timestamp expired"
        if not verify_bytes(self._keys.merchant, message, given["signature"]):
            return "sign not match"
        return self._use_up(given["nonce_str"], now_s)

    def _use_up(self, nonce: str, now_s: float) -> str | None:
        if not 1 <= len(nonce) <= 32:
            return "malformed nonce"
        self._nonces = {known: until_s for known, until_s in self._nonces.items() if until_s > now_s}
        if nonce in self._nonces:
            return "nonce used before"
        self._nonces[nonce] = now_s + 2 * TOLERANCE_S
        return None


def _parameters(authorization: str) -> dict[str, str]:
    scheme, _, rest = authorization.partition(" ")
    matches = [_PARAMETER.fullmatch(part) for part in rest.split(",")]
    found = [(match[1], match[2]) for match in matches if match is not None]
    if scheme != SCHEME or len(found) != len(matches) or len(dict(found)) != len(found):
        return {}
    return dict(found)


def _sign_detail(issue: str, method: str, target: str, message: bytes) -> dict[str, object]:
    return {
        "field": "signature",
        "location": "authorization",
        "detail": {"issue": issue},
        "sign_information": {
            "method": method,
            "url": target,
            "sign_message_length": len(message),
            "truncated_sign_message": message[:_TRUNCATED].decode(errors="replace"),
        },
    }


class Signer:
    """Signs answers and notifications with the key that the mode calls for."""

    def __init__(self, keys: SandboxKeys, clock: SandboxClock, mode: KeyMode) -> None:
        self._keys = keys
        self._clock = clock
        self.mode = mode
        self._certificate = 0
        self._notified = 0

    def rotate(self) -> None:
        """From now on the next certificate signs; both are listed."""
        self._certificate = min(self._certificate + 1, len(self._keys.certificates) - 1)

    def listed(self) -> tuple[PlatformPair, ...]:
        """The certificates that are published now."""
        return self._keys.certificates[: self._certificate + 1]

    def for_answer(self, wished: str) -> PlatformPair:
        """The key for an answer to a request with `Wechatpay-Serial: wished`."""
        match self.mode:
            case KeyMode.PUBLIC_KEY:
                return self._keys.public_key
            case KeyMode.CERTIFICATE:
                return self._keys.certificates[self._certificate]
            case KeyMode.MIXED:
                return self._keys.pair(wished) or self._keys.certificates[self._certificate]

    def for_notification(self) -> PlatformPair:
        self._notified += 1
        if self.mode is KeyMode.MIXED and self._notified % 2 == 0:
            return self._keys.public_key
        return self.for_answer("")

    def headers(self, pair: PlatformPair, body: bytes, fault: Fault | None = None) -> dict[str, str]:
        """The signature headers of `body`, spoiled by `fault`."""
        if fault is Fault.NO_SIGNATURE:
            return {}
        late_s = TOLERANCE_S + 1 if fault is Fault.STALE_TIMESTAMP else 0
        timestamp, nonce = str(int(self._clock.now().timestamp()) - late_s), secrets.token_hex(16)
        other = self._keys.certificates[-1] if pair is self._keys.public_key else self._keys.public_key
        signing = other if fault is Fault.WRONG_KEY else pair
        signature = sign_bytes(signing.key, answer_message(timestamp, nonce, body))
        if fault is Fault.SIGNATURE_PROBE:
            signature = PROBE + signature[len(PROBE) :]
        return {
            "Wechatpay-Timestamp": timestamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": signature,
            "Wechatpay-Serial": pair.key_id,
            "Wechatpay-Signature-Type": SCHEME,
        }
