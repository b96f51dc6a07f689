"""The client signs as the gateway verifies, and verifies what the gateway signs: both against known answers."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_public_key
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from gateway.api import signed_request
from gateway.callbacks.signing import BadSignature
from gateway.callbacks.signing import verify as ours
from paymux_client import CallbackRefused, Ed25519Key, HmacKey, Key, TestKey, verify
from tests.support.callbacks import pem
from tests.support.paymux_vectors import CALLBACKS, NOW_S, REQUESTS, name

SECRETS: dict[str, str] = CALLBACKS["secrets"]
PUBLIC_PEM: bytes = CALLBACKS["ed25519_public_key_pem"].encode()


def key_of(case: dict[str, Any]) -> Key:
    keys = REQUESTS["keys"]
    if case["algorithm"] == "hmac-sha256":
        return HmacKey(case["key_id"], keys["hmac_secret"].encode())
    private: Any = load_der_private_key(base64.b64decode(keys["ed25519_private_key_pkcs8_der_base64"]), password=None)
    return Ed25519Key(case["key_id"], pem(private))


def parts(case: dict[str, Any]) -> tuple[str, bytes, int, str, bytes]:
    return case["method"], case["target"].encode(), case["timestamp"], case["nonce"], case["body"].encode()


@pytest.mark.parametrize("case", REQUESTS["cases"], ids=name)
def test_requests_are_signed_as_known(case: dict[str, Any]) -> None:
    """The header is the known one to the byte, and the gateway's own check holds."""
    assert key_of(case).authorization(*parts(case)) == case["authorization"]
    claimed = signed_request.parse_authorization(case["authorization"])
    assert claimed is not None
    method, target, at, nonce, body = parts(case)
    message = signed_request.signing_string(method, target, at, nonce, body)
    public: Any = load_pem_public_key(REQUESTS["keys"]["ed25519_public_key_pem"].encode())
    is_hmac = case["algorithm"] == "hmac-sha256"
    material = REQUESTS["keys"]["hmac_secret"].encode() if is_hmac else public.public_bytes_raw()
    assert signed_request.verify(claimed.algorithm, material, message, claimed.signature)
    assert not signed_request.verify(claimed.algorithm, material, message + b"\n", claimed.signature)


def test_keys_keep_their_secret_to_themselves() -> None:
    """No secret in a repr, which ends in logs."""
    keys: list[Key] = [HmacKey("k", b"hush-hush"), Ed25519Key("k", b"hush-hush"), TestKey("hush-hush")]
    assert not [key for key in keys if "hush" in repr(key)]


def test_a_test_key_is_a_bearer() -> None:
    """The sandbox's easy start."""
    assert TestKey("test_1").authorization("GET", b"/", 1, "n", b"") == "Bearer test_1"


def held(case: dict[str, Any]) -> list[str]:
    return [SECRETS[each] for each in case["secrets"]]


@pytest.mark.parametrize("case", CALLBACKS["cases"], ids=name)
def test_callbacks_are_taken_or_refused_as_known(case: dict[str, Any]) -> None:
    """By the client as by the gateway's own check; and what is taken says what it said."""
    body = case["body"].encode()
    if case["expect"] == "accept":
        event = verify(case["headers"], body, secrets=held(case), now_s=NOW_S)
        assert (event.id, event.type, event.sequence) == ("evt_00000000000000000000000001", "payout.paid", 3)
        assert (event.payout.status, event.payout.amount.value, event.payout.description) == ("paid", 12500, None)
        ours(case["headers"], body, datetime.fromtimestamp(NOW_S, UTC), held(case))
    else:
        with pytest.raises(CallbackRefused):
            verify(case["headers"], body, secrets=held(case), now_s=NOW_S)
        with pytest.raises(BadSignature):
            ours(case["headers"], body, datetime.fromtimestamp(NOW_S, UTC), held(case))


@pytest.mark.parametrize("case", CALLBACKS["ed25519_cases"], ids=name)
def test_ed25519_callbacks_are_taken_or_refused_as_known(case: dict[str, Any]) -> None:
    """With the key as PEM or raw. A good HMAC beside a bad Ed25519 signature proves nothing to who holds the key."""
    public = load_pem_public_key(PUBLIC_PEM)
    assert isinstance(public, Ed25519PublicKey)
    for key in (PUBLIC_PEM, public.public_bytes_raw()):
        if case["expect"] == "accept":
            assert verify(case["headers"], case["body"].encode(), public_keys=[key], now_s=NOW_S).sequence == 3
        else:
            with pytest.raises(CallbackRefused):
                verify(case["headers"], case["body"].encode(), public_keys=[key], now_s=NOW_S)


@pytest.mark.parametrize("case", [case for case in CALLBACKS["cases"] if "timestamp" not in case["name"]], ids=name)
def test_the_independent_verifier_agrees(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The vectors are not only our own opinion. (It has no clock of ours, so those of time are left to us.)"""
    monkeypatch.setattr(
        Webhook, "_Webhook__verify_timestamp", lambda _self, seconds: datetime.fromtimestamp(int(seconds), UTC)
    )
    accepted = []
    for secret in held(case):
        try:
            Webhook(secret).verify(case["body"], case["headers"])
        except (WebhookVerificationError, ValueError):
            continue
        accepted.append(secret)
    is_of_time = case["expect"] == "reject_timestamp"
    assert bool(accepted) == (case["expect"] == "accept" or is_of_time)


def test_a_receiver_without_any_secret_is_told() -> None:
    """A list of secrets that is empty by mistake refuses nothing silently: it is the receiver's own fault, loudly."""
    case = CALLBACKS["cases"][0]
    with pytest.raises(ValueError, match="secret or a public key"):
        verify(case["headers"], case["body"].encode(), now_s=NOW_S)
    for bad, why in (("no-prefix", "whsec_"), ("whsec_", "24 bytes"), ("whsec_c2hvcnQ=", "24 bytes")):
        with pytest.raises(ValueError, match=why):
            verify(case["headers"], case["body"].encode(), secrets=[bad], now_s=NOW_S)


def test_a_signed_body_that_is_no_event_is_refused() -> None:
    """Signed by us, read by nobody: no exception but the one a receiver expects."""
    webhook = Webhook(SECRETS["new"])
    at = datetime.fromtimestamp(NOW_S, UTC)
    for text in ("", "[]", "{}", '{"id":"evt_1"}'):
        headers = {
            "webhook-id": "evt_1",
            "webhook-timestamp": str(NOW_S),
            "webhook-signature": webhook.sign("evt_1", at, text),
        }
        with pytest.raises(CallbackRefused, match="no event"):
            verify(headers, text.encode(), secrets=[SECRETS["new"]], now_s=NOW_S)


def test_an_event_of_something_new_is_read() -> None:
    """A type and an object that this client does not know do not make it fall over."""
    text = (
        '{"id":"evt_1","type":"batch.completed","timestamp":"2026-01-01T00:00:00.000Z","sequence":1,'
        '"api_version":"2027-01-01","data":{"object":{"object":"batch","id":"ba_1"}},"news":1}'
    )
    signature = Webhook(SECRETS["new"]).sign("evt_1", datetime.fromtimestamp(NOW_S, UTC), text)
    headers = {"Webhook-Id": "evt_1", "Webhook-Timestamp": str(NOW_S), "Webhook-Signature": signature}
    event = verify(headers, text.encode(), secrets=[SECRETS["new"]], now_s=NOW_S)
    assert event.object == {"object": "batch", "id": "ba_1"}
    with pytest.raises(TypeError, match="no payout"):
        _ = event.payout
