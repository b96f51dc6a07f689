"""Callbacks are Standard Webhooks: others' libraries verify them, and nothing can be changed on the way."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from gateway.callbacks.signing import SIGNATURE, BadKey, BadSignature, secret_key, sign, signing_key, verify
from gateway.secret import Secret
from tests.support.callbacks import NOW, ed25519, make_endpoint, pem, whsec

BODY = '{"id":"evt_1","data":"张"}'.encode()


def now() -> datetime:
    """The library reads the machine's clock."""
    return datetime.now(UTC)


def test_the_independent_library_verifies_v1() -> None:
    """An app that uses the `standardwebhooks` package takes our callbacks as they are."""
    headers = sign(make_endpoint(), "evt_1", now(), BODY)
    assert Webhook(whsec()).verify(BODY, headers) == {"id": "evt_1", "data": "张"}


@pytest.mark.parametrize("seed", [1, 2])
def test_the_independent_library_verifies_every_header_of_a_rotation(seed: int) -> None:
    """With two secrets and two keys, a receiver with either secret is served; v1a beside v1 does no harm."""
    endpoint = make_endpoint(secrets=(whsec(1), whsec(2)), keys=(ed25519(1), ed25519(2)))
    headers = sign(endpoint, "evt_1", now(), BODY)
    assert [one.split(",")[0] for one in headers[SIGNATURE].split(" ")] == ["v1", "v1", "v1a", "v1a"]
    Webhook(whsec(seed)).verify(BODY, headers)
    verify(headers, BODY, now(), public_keys=[ed25519(seed).public_key()])


def test_the_independent_library_refuses_a_foreign_secret() -> None:
    """The check above is one: another secret does not verify."""
    with pytest.raises(WebhookVerificationError):
        Webhook(whsec(9)).verify(BODY, sign(make_endpoint(), "evt_1", now(), BODY))


def test_a_time_in_another_zone_is_the_same_second() -> None:
    """The timestamp is Unix time whatever zone the clock speaks (a known fault of the library)."""
    shanghai = NOW.astimezone(timezone(timedelta(hours=8)))
    assert sign(make_endpoint(), "evt_1", shanghai, BODY) == sign(make_endpoint(), "evt_1", NOW, BODY)


def test_our_own_check_names_what_it_verified() -> None:
    """A verified callback is known by its id and time, whatever the case of the header names."""
    headers = {name.title(): value for name, value in sign(make_endpoint(), "evt_1", NOW, BODY).items()}
    verified = verify(headers, BODY, NOW, secrets=[whsec(9), whsec(1)])
    assert (verified.id, verified.at) == ("evt_1", NOW)


@pytest.mark.parametrize(("seconds", "holds"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_old_and_future_callbacks_are_refused(seconds: int, holds: bool) -> None:
    """Five minutes either way, no more: a recorded callback cannot be played back later."""
    headers = sign(make_endpoint(), "evt_1", NOW + timedelta(seconds=seconds), BODY)
    if holds:
        assert verify(headers, BODY, NOW, [whsec()]).id == "evt_1"
        return
    with pytest.raises(BadSignature, match="too far from now"):
        verify(headers, BODY, NOW, [whsec()])


@pytest.mark.parametrize("version", ["v1", "v1a"])
@given(data=st.data())
def test_any_changed_byte_fails(version: str, data: st.DataObject) -> None:
    """Body, id, time and signature: one byte changed anywhere, and nobody verifies it."""
    key = ed25519()
    endpoint = make_endpoint(secrets=(whsec(),) if version == "v1" else (), keys=(key,) if version == "v1a" else ())
    headers = sign(endpoint, "evt_1", NOW, BODY)
    parts = {**{name: value.encode() for name, value in headers.items()}, "body": BODY}
    assert verify(headers, BODY, NOW, [whsec()], [key.public_key()]).id == "evt_1"

    part = data.draw(st.sampled_from(sorted(parts)))
    place = data.draw(st.integers(0, len(parts[part]) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != parts[part][place]))
    changed = bytearray(parts[part])
    changed[place] = other
    parts[part] = bytes(changed)
    body = parts.pop("body")
    with pytest.raises(BadSignature):
        verify(
            {name: value.decode("latin-1") for name, value in parts.items()},
            body,
            NOW,
            [whsec()],
            [key.public_key()],
        )


def test_a_signature_has_one_spelling() -> None:
    """Base64 with other unused bits decodes to the same bytes, and is refused all the same."""
    headers = sign(make_endpoint(secrets=(), keys=(ed25519(),)), "evt_1", NOW, BODY)
    text = headers[SIGNATURE]
    assert text.endswith("==")
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = text[:-3] + digits[digits.index(text[-3]) + 1] + "=="
    assert base64.b64decode(other.partition(",")[2]) == base64.b64decode(text.partition(",")[2])
    with pytest.raises(BadSignature):
        verify(headers | {SIGNATURE: other}, BODY, NOW, public_keys=[ed25519().public_key()])


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_a_bad_signature(missing: str) -> None:
    """Nothing is assumed for a header that is not there."""
    headers = sign(make_endpoint(), "evt_1", NOW, BODY)
    del headers[missing]
    with pytest.raises(BadSignature):
        verify(headers, BODY, NOW, [whsec()])


@pytest.mark.parametrize(
    "signature",
    ["", "v1", "v1,", ",", "v1,é", "v1a,é", "v1a,!!", "v1a,AAAA", "v1\udcff,x", "v2,x", " ", "v1," * 5000],
)
def test_garbage_is_a_bad_signature_and_nothing_else(signature: str) -> None:
    """Whatever stands in the header, the answer is a refusal, never another error."""
    headers = sign(make_endpoint(), "evt_1", NOW, BODY) | {SIGNATURE: signature}
    with pytest.raises(BadSignature):
        verify(headers, BODY, NOW, [whsec()], [ed25519().public_key()])


@pytest.mark.parametrize("seconds", ["-1", "1.5", "1e9", "", " 1", "１", "9" * 20])
def test_a_timestamp_is_a_plain_number(seconds: str) -> None:
    """No sign, fraction, exponent, space, foreign digit or endless number."""
    headers = sign(make_endpoint(), "evt_1", NOW, BODY) | {"webhook-timestamp": seconds}
    with pytest.raises(BadSignature, match="malformed"):
        verify(headers, BODY, NOW, [whsec()])


@pytest.mark.parametrize(
    "secret",
    ["whsec_", "whsec_!!", base64.b64encode(bytes(32)).decode(), "whsec_" + base64.b64encode(bytes(23)).decode(), "é"],
)
def test_a_weak_or_malformed_secret_is_refused(secret: str) -> None:
    """A secret is `whsec_` and at least 24 bytes; the refusal does not repeat it."""
    with pytest.raises(BadKey) as refused:
        secret_key(secret)
    assert len(secret) < 8 or secret not in str(refused.value)


def test_a_signing_key_is_ed25519() -> None:
    """A PEM of our own kind loads; anything else is refused without being repeated."""
    assert signing_key(pem(ed25519())).public_key() == ed25519().public_key()
    with pytest.raises(BadKey):
        signing_key(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")


def test_a_callback_is_never_sent_unsigned() -> None:
    """An endpoint without a key cannot be called at all."""
    with pytest.raises(BadKey):
        sign(make_endpoint(secrets=()), "evt_1", NOW, BODY)


def test_an_id_has_no_dot() -> None:
    """The dot separates the signed parts: an id with one could be read as id and time."""
    with pytest.raises(ValueError, match="dot"):
        sign(make_endpoint(), "evt.1", NOW, BODY)


def test_keys_do_not_show() -> None:
    """An endpoint prints without its secrets."""
    endpoint = make_endpoint(keys=(ed25519(),))
    assert whsec() not in repr(endpoint)
    assert "PRIVATE" not in repr(endpoint)
    assert isinstance(endpoint.secrets[0], Secret)
