"""The keys of `--crypto fast`: whatever a real signature refuses, they refuse too."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.bank.algorithms import Algorithm, SigningKey, VerifyingKey, sign_bytes, verify_bytes
from adapters.bank.signature_base import Refusal, Request, Response, SignatureRefused, Tag
from adapters.wechat import signing as wechat
from adapters.wechat.cipher import open_field, seal_field
from gateway.simulation.mac_keys import MacEc, MacRsa
from gateway.simulation.mac_profile import MacProfile

NOW = datetime(2026, 1, 5, tzinfo=UTC)
EC = Algorithm.ECDSA_P256_SHA256
KEY = SigningKey("ours", EC, MacEc("ours"))
ON_FILE = {"ours": VerifyingKey("ours", frozenset({EC}), MacEc("ours").public_key())}
REQUEST = Request("POST", "https://bank/v1/payments", (("X-Request-ID", "r1"),), b"<pain/>")


def signed(message: Request, tag: Tag = Tag.REQUEST, key: SigningKey = KEY) -> Request:
    return replace(message, headers=message.headers + MacProfile().sign(message, tag, key, NOW, "n" * 22))


def test_wechat_signatures_have_the_real_length_and_bind_every_byte() -> None:
    key = MacRsa("merchant")
    signature = wechat.sign_bytes(key, b"message")
    assert len(signature) == len("A" * 344), "as 2048 bits in base64"
    assert wechat.verify_bytes(key.public_key(), b"message", signature)
    assert not wechat.verify_bytes(key.public_key(), b"messagf", signature)
    assert not wechat.verify_bytes(MacRsa("platform").public_key(), b"message", signature)
    assert not wechat.verify_bytes(key.public_key(), b"message", "A" + signature[1:])


def test_wechat_fields_open_with_their_own_key_only() -> None:
    key = MacRsa("platform")
    sealed = seal_field(key.public_key(), "王伟")
    assert open_field(key, sealed) == "王伟"
    with pytest.raises(ValueError, match="not encrypted"):
        open_field(MacRsa("merchant"), sealed)


def test_bank_signatures_have_the_real_length_and_bind_every_byte() -> None:
    signature = sign_bytes(MacEc("bank"), EC, b"base")
    assert len(signature) == 64
    assert verify_bytes(MacEc("bank").public_key(), EC, signature, b"base")
    assert not verify_bytes(MacEc("bank").public_key(), EC, signature, b"basf")
    assert not verify_bytes(MacEc("other").public_key(), EC, signature, b"base")


def test_the_profile_accepts_what_was_signed() -> None:
    found = MacProfile().verify(signed(REQUEST), Tag.REQUEST, ON_FILE, NOW)
    assert (found.keyid, found.nonce) == ("ours", "n" * 22)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"method": "DELETE"}, Refusal.SIGNATURE),
        ({"target_uri": "https://bank/v1/other"}, Refusal.SIGNATURE),
        ({"body": b"<pain></pain>"}, Refusal.SIGNATURE),
        ({"headers": (("X-Request-ID", "r1"),)}, Refusal.MISSING),
    ],
)
def test_the_profile_refuses_a_changed_request(change: dict[str, object], refusal: Refusal) -> None:
    message = replace(signed(REQUEST), **change)
    with pytest.raises(SignatureRefused) as refused:
        MacProfile().verify(message, Tag.REQUEST, ON_FILE, NOW)
    assert refused.value.code is refusal


def test_the_profile_refuses_another_request_id_purpose_key_and_time() -> None:
    message = signed(REQUEST)
    renamed = tuple(
        ("X-Request-ID", "r2") if name == "X-Request-ID" else (name, value) for name, value in message.headers
    )
    stranger = {"ours": VerifyingKey("ours", frozenset({EC}), MacEc("stranger").public_key())}
    for code, given, tag, keys, now in (
        (Refusal.SIGNATURE, replace(message, headers=renamed), Tag.REQUEST, ON_FILE, NOW),
        (Refusal.MISSING, message, Tag.NOTIFICATION, ON_FILE, NOW),
        (Refusal.UNKNOWN_KEY, message, Tag.REQUEST, {}, NOW),
        (Refusal.SIGNATURE, message, Tag.REQUEST, stranger, NOW),
        (Refusal.TIME, message, Tag.REQUEST, ON_FILE, NOW + timedelta(seconds=306)),
        (Refusal.TIME, message, Tag.REQUEST, ON_FILE, NOW - timedelta(seconds=6)),
    ):
        with pytest.raises(SignatureRefused) as refused:
            MacProfile().verify(given, tag, keys, now)
        assert refused.value.code is code


def test_an_answer_is_bound_to_its_question() -> None:
    """A genuine answer to another request does not verify for this one."""
    answer = Response(201, (("X-Request-ID", "r1"),), REQUEST, b"{}")
    headers = answer.headers + MacProfile().sign(answer, Tag.RESPONSE, KEY, NOW, "n" * 22)
    assert MacProfile().verify(replace(answer, headers=headers), Tag.RESPONSE, ON_FILE, NOW).keyid == "ours"
    other = replace(REQUEST, headers=(("X-Request-ID", "r9"),))
    for changed in (replace(answer, headers=headers, request=other), replace(answer, headers=headers, status=200)):
        with pytest.raises(SignatureRefused):
            MacProfile().verify(changed, Tag.RESPONSE, ON_FILE, NOW)
