"""The signature of a request: what is signed is verified, and nothing else is."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.signed_request import (
    Algorithm,
    authorization,
    parse_authorization,
    sign,
    signing_string,
    verify,
)

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"p" * 32)
PAIRS = {
    Algorithm.ED25519: (PRIVATE.private_bytes_raw(), PRIVATE.public_key().public_bytes_raw()),
    Algorithm.HMAC_SHA256: (b"a shared secret", b"a shared secret"),
}
METHODS = st.sampled_from(["GET", "POST", "DELETE"])
TARGETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40).map(lambda text: f"/{text}")
TIMES = st.integers(10**9, 10**10 - 1)
NONCES = st.text("abcXYZ019_-", min_size=16, max_size=64)
REQUESTS = st.tuples(METHODS, TARGETS, TIMES, NONCES, st.binary(max_size=100))
ALGORITHMS = st.sampled_from(list(PAIRS))


def string_of(request: tuple[str, str, int, str, bytes]) -> bytes:
    method, target, timestamp, nonce, body = request
    return signing_string(method, target.encode(), timestamp, nonce, body)


@given(ALGORITHMS, REQUESTS)
def test_round_trip(algorithm: Algorithm, request: tuple[str, str, int, str, bytes]) -> None:
    """A header made for a request parses to its parts, and its signature fits the request's string."""
    method, target, timestamp, nonce, body = request
    secret, material = PAIRS[algorithm]
    header = authorization(
        algorithm, "key.1", secret, method=method, target=target, timestamp=timestamp, nonce=nonce, body=body
    )
    claims = parse_authorization(header)
    assert claims is not None
    assert (claims.algorithm, claims.key_id, claims.timestamp, claims.nonce) == (algorithm, "key.1", timestamp, nonce)
    assert verify(algorithm, material, string_of(request), claims.signature)


@given(REQUESTS, REQUESTS)
def test_no_two_requests_share_a_string(
    one: tuple[str, str, int, str, bytes], other: tuple[str, str, int, str, bytes]
) -> None:
    """Another method, target, time, nonce or body is another string."""
    assert (string_of(one) == string_of(other)) == (one == other)


@given(ALGORITHMS, REQUESTS, st.data())
def test_a_changed_string_does_not_verify(
    algorithm: Algorithm, request: tuple[str, str, int, str, bytes], data: st.DataObject
) -> None:
    """One flipped bit anywhere, in string or signature, and it is refused."""
    secret, material = PAIRS[algorithm]
    message = bytearray(string_of(request))
    signature = bytearray(sign(algorithm, secret, bytes(message)))
    victim = data.draw(st.sampled_from([message, signature]))
    place = data.draw(st.integers(0, len(victim) * 8 - 1))
    victim[place // 8] ^= 1 << place % 8
    assert not verify(algorithm, material, bytes(message), bytes(signature))


def test_the_string_as_documented() -> None:
    """METHOD, raw path and query, timestamp, nonce, raw body, each with a line feed: checked by hand."""
    expected = b'POST\n/v1/payouts?a=%41\n1767225600\nnonce-of-16-chars\n{"a": 1}\n'
    made = signing_string("POST", b"/v1/payouts?a=%41", 1767225600, "nonce-of-16-chars", b'{"a": 1}')
    assert made == expected
    assert sign(Algorithm.HMAC_SHA256, b"k", expected) == hmac.new(b"k", expected, hashlib.sha256).digest()


@given(st.text(max_size=200))
def test_any_header_is_parsed_or_refused(header: str) -> None:
    """No text of a header raises, and noise is never well-formed."""
    assert parse_authorization(header) is None


def test_order_of_parameters_is_free() -> None:
    """The four parts may come in any order, with a space after the comma."""
    secret, _ = PAIRS[Algorithm.HMAC_SHA256]
    made = authorization(
        Algorithm.HMAC_SHA256, "k", secret, method="GET", target="/", timestamp=1767225600, nonce="n" * 16
    )
    scheme, _, params = made.partition(" ")
    turned = f"{scheme} {', '.join(reversed(params.split(',')))}"
    assert parse_authorization(turned) == parse_authorization(made)


def test_bearer_does_not_sign() -> None:
    """A test key is no signing key, in either direction."""
    with pytest.raises(ValueError, match="does not sign"):
        sign(Algorithm.BEARER, b"x", b"")
    assert not verify(Algorithm.BEARER, b"x", b"", b"x")


def test_a_key_of_the_wrong_size_verifies_nothing() -> None:
    """A broken key record is a refusal, not a crash."""
    assert not verify(Algorithm.ED25519, b"short", b"", b"x" * 64)
