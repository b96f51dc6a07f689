"""The plain channel's own: signatures of both sides. The rest of it is held to every promise by the tutorial's test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from adapters.plain import signing
from adapters.plain.config import PlainSettings, live_faults

KEY, NOW, NONCE = b"k" * 32, datetime(2026, 1, 1, tzinfo=UTC), bytes(16)
HEADERS = signing.sign(KEY, "/payouts", b"{}", NOW, NONCE)


def test_what_is_signed_is_verified() -> None:
    """In time, whatever the case of the names; its nonce is given back."""
    for off_s in (-300, 0, 300):
        shouted = tuple((name.upper(), value) for name, value in HEADERS)
        assert signing.verify(KEY, "/payouts", b"{}", shouted, NOW + timedelta(seconds=off_s)) == NONCE.hex()


@pytest.mark.parametrize(
    ("headers", "target", "body", "off_s", "code"),
    [
        (HEADERS, "/payouts", b"{ }", 0, "signature_wrong"),
        (HEADERS, "/payouts/1", b"{}", 0, "signature_wrong"),
        (HEADERS, "/payouts", b"{}", 301, "timestamp_off"),
        (HEADERS, "/payouts", b"{}", -301, "timestamp_off"),
        (HEADERS[:2], "/payouts", b"{}", 0, "signature_missing"),
        ((*HEADERS, HEADERS[2]), "/payouts", b"{}", 0, "signature_missing"),
        ((*HEADERS[:2], ("x-signature", "é" * 64)), "/payouts", b"{}", 0, "signature_malformed"),
        ((("x-timestamp", "١٧٦٧٢٢٥٦٠٠"), *HEADERS[1:]), "/payouts", b"{}", 0, "signature_malformed"),
    ],
)
def test_what_differs_is_refused(headers: signing.Headers, target: str, body: bytes, off_s: int, code: str) -> None:
    """By the first check that fails."""
    with pytest.raises(signing.BadSignature) as refused:
        signing.verify(KEY, target, body, headers, NOW + timedelta(seconds=off_s))
    assert refused.value.code == code


def test_live_mode_wants_https() -> None:
    """A key that signs is no reason to let everybody read."""
    made = {"account": "a", "key": "env:KEY"}
    assert live_faults(PlainSettings(base_url="http://127.0.0.1:9300", **made)) == ["base_url is not https"]
    assert live_faults(PlainSettings(base_url="https://bank.example", **made)) == []
