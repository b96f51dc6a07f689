"""The profile beyond the vectors: the order of checks, what is covered twice, keys, and a second opinion."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)
from hypothesis import given
from hypothesis import strategies as st

from adapters.bank.algorithms import (
    Algorithm,
    KeyUnusable,
    SigningKey,
    load_private,
    load_public,
    verify_bytes,
)
from adapters.bank.signature_base import (
    Refusal,
    Request,
    Response,
    SignatureRefused,
    Tag,
    content_digest,
    signature_base,
)
from adapters.bank.signing import sign_message
from adapters.bank.structured import Malformed, parse_byte_dictionary, parse_signature_input
from adapters.bank.verifying import verify_message
from tests.support.bank import NOW, private_key, public_keys, signing_key

KEYS = public_keys()
CLIENT = "throwaway-test-client-ed25519-2026"
NONCE = "Zm9vYmFyMDAwMDAwMDAwMQ"
PAIRS = [
    (CLIENT, Algorithm.ED25519),
    ("throwaway-test-client-ec-2026", Algorithm.ECDSA_P256_SHA256),
    ("throwaway-test-client-rsa-2026", Algorithm.RSA_PSS_SHA512),
    ("throwaway-test-client-rsa-2026", Algorithm.RSA_V1_5_SHA256),
]
PLAIN = Request(
    "POST",
    "https://bank.example.test/v1/payments/p?x=1",
    (("Content-Type", "application/xml"), ("X-Request-ID", "1b4e28ba-2fa1-41d2-883f-0016d3cca427")),
    b"<x/>",
)


def _signed(message: Request = PLAIN, key: SigningKey | None = None, now: datetime = NOW) -> Request:
    added = sign_message(message, Tag.REQUEST, key or signing_key(CLIENT), now, NONCE)
    return replace(message, headers=message.headers + added)


def _code(message: Request | Response, tag: Tag = Tag.REQUEST, now: datetime = NOW, keys: Any = KEYS) -> Refusal:
    with pytest.raises(SignatureRefused) as refused:
        verify_message(message, tag, keys, now)
    return refused.value.code


def _edit(message: Request, name: str, change: Callable[[str], str]) -> Request:
    assert name in dict(message.headers)
    headers = tuple((key, change(value) if key == name else value) for key, value in message.headers)
    assert headers != message.headers, "the edit must change something"
    return replace(message, headers=headers)


def test_the_untouched_message_is_believed() -> None:
    """What every refusal below starts from is a good message."""
    assert verify_message(_signed(), Tag.REQUEST, KEYS, NOW).nonce == NONCE


@pytest.mark.parametrize("header", ["Signature-Input", "Signature"])
def test_an_unsigned_message_is_missing_its_signature(header: str) -> None:
    """Both fields must be there."""
    good = _signed()
    assert _code(replace(good, headers=tuple(pair for pair in good.headers if pair[0] != header))) is Refusal.MISSING


def test_a_signature_for_another_purpose_is_none() -> None:
    """A request's signature does not pass for a notification's."""
    assert _code(_signed(), Tag.NOTIFICATION) is Refusal.MISSING


def test_two_signatures_for_one_purpose_are_refused() -> None:
    """The receiver does not choose between two."""
    good = _signed()
    doubled = _edit(good, "Signature-Input", lambda text: f"{text}, {text.replace('sig1=', 'sig2=')}")
    assert (
        _code(_edit(doubled, "Signature", lambda text: f"{text}, {text.replace('sig1=', 'sig2=')}")) is Refusal.MISSING
    )


def test_a_second_signature_for_another_purpose_is_ignored() -> None:
    """The one whose tag fits is taken; whatever else signed it along the way is not looked at."""
    good = _signed()
    proxy = 'sig0=("@method");created=1;keyid="p";alg="ed25519";expires=2;nonce="n";tag="proxy", '
    both = _edit(
        _edit(good, "Signature-Input", lambda text: proxy + text), "Signature", lambda text: f"sig0=:AA==:, {text}"
    )
    assert verify_message(both, Tag.REQUEST, KEYS, NOW).keyid == CLIENT


@pytest.mark.parametrize("parameter", ["created", "keyid", "alg", "expires", "nonce"])
def test_every_parameter_is_mandatory(parameter: str) -> None:
    """A signature without one of them is not of this profile."""
    bare = _edit(_signed(), "Signature-Input", lambda text: re.sub(rf';{parameter}=("[^"]*"|[0-9]+)', "", text))
    assert _code(bare) is Refusal.MISSING


def test_a_short_nonce_is_refused() -> None:
    """Fewer than 128 bits do not tell replays apart."""
    added = sign_message(PLAIN, Tag.REQUEST, signing_key(CLIENT), NOW, "short")
    assert _code(replace(PLAIN, headers=PLAIN.headers + added)) is Refusal.MISSING


def test_a_key_counts_only_in_its_life() -> None:
    """Before and after its dates a key is unknown."""
    day = timedelta(days=1)
    early, late = replace(KEYS[CLIENT], not_before=NOW + day), replace(KEYS[CLIENT], not_after=NOW - day)
    assert _code(_signed(), keys={CLIENT: early}) is Refusal.UNKNOWN_KEY
    assert _code(_signed(), keys={CLIENT: late}) is Refusal.UNKNOWN_KEY
    living = replace(KEYS[CLIENT], not_before=NOW - day, not_after=NOW + day)
    verify_message(_signed(), Tag.REQUEST, {CLIENT: living}, NOW)


@pytest.mark.parametrize("component", ["@method", "@target-uri", "content-digest", "content-type", "x-request-id"])
def test_every_required_component_must_be_covered(component: str) -> None:
    """Leaving one out would let it be changed on the way."""
    bare = _edit(
        _signed(), "Signature-Input", lambda text: text.replace(f'"{component}" ', "").replace(f' "{component}"', "")
    )
    assert _code(bare) is Refusal.COMPONENTS


@pytest.mark.parametrize("name", ["X-Request-ID", "Content-Type", "Content-Digest"])
def test_a_covered_field_that_occurs_twice_is_refused(name: str) -> None:
    """Which of two values was signed is not for the receiver to guess, equal ones included."""
    good = _signed()
    assert _code(replace(good, headers=(*good.headers, (name.lower(), dict(good.headers)[name])))) is Refusal.COMPONENTS


def test_a_component_listed_twice_is_refused() -> None:
    """RFC 9421 section 2.5: each component once."""
    assert _code(
        _edit(_signed(), "Signature-Input", lambda text: text.replace('"@method"', '"@method" "@method"'))
    ) is (Refusal.COMPONENTS)


@pytest.mark.parametrize(
    "extra", ['"@status"', '"@method";req', '"x-absent"', '"content-type";bs', '"@query-param";name="x"']
)
def test_a_component_that_is_not_there_or_not_understood_is_refused(extra: str) -> None:
    """More may be covered, but only what can be computed."""
    assert _code(_edit(_signed(), "Signature-Input", lambda text: text.replace('"@method"', f'"@method" {extra}'))) is (
        Refusal.COMPONENTS
    )


@pytest.mark.parametrize(
    ("now", "expected"),
    [(-5, None), (-6, Refusal.TIME), (305, None), (306, Refusal.TIME)],
    ids=["5 s early", "6 s early", "305 s late", "306 s late"],
)
def test_the_window_has_exact_edges(now: int, expected: Refusal | None) -> None:
    """Five seconds of skew on each side of 300 seconds of life."""
    at = NOW + timedelta(seconds=now)
    if expected is None:
        verify_message(_signed(), Tag.REQUEST, KEYS, at)
    else:
        assert _code(_signed(), now=at) is expected


def test_a_life_longer_than_allowed_is_refused() -> None:
    """A signature cannot give itself more than 300 seconds."""
    created = int(NOW.timestamp())
    long = _edit(_signed(), "Signature-Input", lambda text: text.replace(str(created + 300), str(created + 301)))
    assert _code(long) is Refusal.TIME


def test_the_checks_come_in_the_order_of_the_sheet() -> None:
    """With everything wrong at once, the first check names the refusal; mended one by one, the next one does."""
    wrong = _edit(_signed(replace(PLAIN, body=b"<y/>")), "Signature-Input", lambda text: text.replace(CLIENT, "nobody"))
    wrong = replace(wrong, body=b"<z/>", method="PUT")
    late = NOW + timedelta(days=1)
    bare = replace(wrong, headers=PLAIN.headers)
    known = _edit(wrong, "Signature-Input", lambda text: text.replace("nobody", "throwaway-test-client-ec-2026"))
    fitting = _edit(wrong, "Signature-Input", lambda text: text.replace("nobody", CLIENT).replace('"@method" ', ""))
    covering = _edit(wrong, "Signature-Input", lambda text: text.replace("nobody", CLIENT))
    found = [_code(bare, now=late), _code(wrong, now=late), _code(known, now=late), _code(fitting, now=late)]
    found += [_code(covering, now=late), _code(covering), _code(replace(covering, method="POST"))]
    assert found == [
        Refusal.MISSING,
        Refusal.UNKNOWN_KEY,
        Refusal.ALGORITHM,
        Refusal.COMPONENTS,
        Refusal.TIME,
        Refusal.SIGNATURE,
        Refusal.DIGEST,
    ]


def test_the_received_parameter_text_is_used() -> None:
    """Parameters in another order, with spaces: the signature is over the text as it came, and is believed."""
    created = int(NOW.timestamp())
    text = (
        '( "x-request-id"   "content-type" "content-digest" "@target-uri" "@method" ); tag="payout-request";'
        f'nonce="{NONCE}";expires={created + 60}; alg="ed25519";keyid="{CLIENT}";created={created}'
    )
    message = replace(PLAIN, headers=(*PLAIN.headers, ("content-digest", content_digest(PLAIN.body))))
    (announced,) = parse_signature_input(f"own={text}")
    signature = base64.b64encode(signing_key(CLIENT).sign(signature_base(message, announced))).decode()
    headers = (*message.headers, ("signature-input", f"own={text}"), ("signature", f"own=:{signature}:"))
    assert verify_message(replace(message, headers=headers), Tag.REQUEST, KEYS, NOW).keyid == CLIENT


def test_unknown_digests_are_skipped_and_known_ones_all_checked() -> None:
    """sha-256 or sha-512 must be there; one that is wrong spoils the rest."""
    sha512 = base64.b64encode(hashlib.sha512(PLAIN.body).digest()).decode()
    cases = {
        f"md5=:AAAA:, sha-512=:{sha512}:": None,
        "md5=:AAAA:": Refusal.DIGEST,
        f"sha-512=:{sha512}:, sha-256=:AAAA:": Refusal.DIGEST,
        "garbage": Refusal.DIGEST,
    }
    for field, expected in cases.items():
        message = replace(PLAIN, headers=(*PLAIN.headers, ("Content-Digest", field)))
        text = dict(_signed().headers)["Signature-Input"]
        (announced,) = parse_signature_input(text)
        signature = base64.b64encode(signing_key(CLIENT).sign(signature_base(message, announced))).decode()
        headers = (*message.headers, ("Signature-Input", text), ("Signature", f"sig1=:{signature}:"))
        made = replace(message, headers=headers)
        if expected is None:
            verify_message(made, Tag.REQUEST, KEYS, NOW)
        else:
            assert _code(made) is expected


def test_a_notification_address_that_is_sent_is_signed() -> None:
    """`TPP-Notification-URI`, when sent, cannot be swapped on the way (section 3)."""
    plain = replace(PLAIN, headers=(*PLAIN.headers, ("TPP-Notification-URI", "https://a.example/")))
    good = _signed(plain)
    assert '"tpp-notification-uri"' in dict(good.headers)["Signature-Input"]
    assert _code(_edit(good, "TPP-Notification-URI", lambda _: "https://b.example/")) is Refusal.SIGNATURE


def test_an_ecdsa_signature_in_der_is_not_taken() -> None:
    """On the wire it is r and s side by side, 64 bytes, never DER."""
    key = private_key("throwaway-test-client-ec-2026")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    der = key.sign(b"x", ec.ECDSA(hashes.SHA256()))
    assert not verify_bytes(key.public_key(), Algorithm.ECDSA_P256_SHA256, der, b"x")
    assert len(signing_key("throwaway-test-client-ec-2026").sign(b"x")) == 64


def test_a_key_must_fit_its_algorithm() -> None:
    """A wrong kind, another curve or a short RSA key is found when it is loaded, not when money depends on it."""

    def pems(key: Any) -> tuple[bytes, bytes]:
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return private, key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    short = pems(rsa.generate_private_key(65537, 1024))  # noqa: S505 - too short is the point
    curve = pems(ec.generate_private_key(ec.SECP384R1()))
    for (private, public), algorithm in (
        (short, Algorithm.RSA_PSS_SHA512),
        (curve, Algorithm.ECDSA_P256_SHA256),
        (curve, Algorithm.ED25519),
    ):
        with pytest.raises(KeyUnusable):
            load_private(private, algorithm)
        with pytest.raises(KeyUnusable):
            load_public(public, frozenset({algorithm}))
    with pytest.raises(KeyUnusable):
        load_private(b"no key", Algorithm.ED25519)


@pytest.mark.parametrize(
    "field",
    [
        "",
        "sig1",
        "sig1=",
        'sig1=("a"',
        'sig1=("a""b")',
        'sig1=("a"),',
        'sig1=("a"),sig1=("b")',
        'sig1=("a");x=1;x=2',
        "a" * 9000,
    ],
)
def test_a_malformed_signature_input_is_malformed(field: str) -> None:
    """Nothing half-read is used."""
    with pytest.raises(Malformed):
        parse_signature_input(field)


@pytest.mark.parametrize(
    "field", ["", "sig1=AA==", "sig1=:AA==", "sig1=:A:", "sig1=:AA==:,sig1=:AA==:", "sig1=:AA==: junk"]
)
def test_a_malformed_signature_is_malformed(field: str) -> None:
    """The same for the bytes."""
    with pytest.raises(Malformed):
        parse_byte_dictionary(field)


class _Keys(HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id: str) -> Any:
        return KEYS[key_id].public

    def resolve_private_key(self, key_id: str) -> Any:
        return private_key(key_id)


_LIBRARY = {
    Algorithm.ED25519: algorithms.ED25519,
    Algorithm.ECDSA_P256_SHA256: algorithms.ECDSA_P256_SHA256,
    Algorithm.RSA_PSS_SHA512: algorithms.RSA_PSS_SHA512,
    Algorithm.RSA_V1_5_SHA256: algorithms.RSA_V1_5_SHA256,
}


@pytest.mark.parametrize(("keyid", "algorithm"), PAIRS, ids=[algorithm for _, algorithm in PAIRS])
def test_an_independent_library_believes_us(keyid: str, algorithm: Algorithm) -> None:
    """What we sign, `http-message-signatures` verifies, with each algorithm."""
    now = datetime.now(UTC)
    made = _signed(key=signing_key(keyid, algorithm), now=now)
    request = httpx.Request(made.method, made.target_uri, headers=list(made.headers), content=made.body)
    verifier = HTTPMessageVerifier(signature_algorithm=_LIBRARY[algorithm], key_resolver=_Keys())
    (result,) = verifier.verify(request, expect_tag="payout-request", max_age=timedelta(seconds=300))
    assert set(result.covered_components) >= {'"@method"', '"@target-uri"', '"content-digest"'}


@pytest.mark.parametrize(("keyid", "algorithm"), PAIRS, ids=[algorithm for _, algorithm in PAIRS])
def test_we_believe_an_independent_library(keyid: str, algorithm: Algorithm) -> None:
    """What `http-message-signatures` signs, we verify, with each algorithm."""
    request = httpx.Request(PLAIN.method, PLAIN.target_uri, headers=list(PLAIN.headers), content=PLAIN.body)
    request.headers["Content-Digest"] = content_digest(PLAIN.body)
    signer = HTTPMessageSigner(signature_algorithm=_LIBRARY[algorithm], key_resolver=_Keys())
    signer.sign(
        request,
        key_id=keyid,
        created=NOW,
        expires=NOW + timedelta(seconds=300),
        nonce=NONCE,
        tag="payout-request",
        label="theirs",
        use_existing_digest=True,
        covered_component_ids=("@method", "@target-uri", "content-digest", "content-type", "x-request-id"),
    )
    seen = Request(PLAIN.method, PLAIN.target_uri, tuple(request.headers.multi_items()), PLAIN.body)
    assert verify_message(seen, Tag.REQUEST, KEYS, NOW).keyid == keyid


_TOKENS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~", min_size=1, max_size=40)


@given(path=_TOKENS, body=st.binary(max_size=200), request_id=_TOKENS, status=st.integers(200, 599))
def test_whatever_is_signed_verifies_and_any_change_shows(path: str, body: bytes, request_id: str, status: int) -> None:
    """Round trip for requests and for answers bound to them; one more byte, and neither verifies."""
    typed = (("Content-Type", "application/xml"),) if body else ()
    plain = Request("POST", f"https://bank.example.test/{path}", (*typed, ("X-Request-ID", request_id)), body)
    made = _signed(plain)
    verify_message(made, Tag.REQUEST, KEYS, NOW)
    assert _code(replace(made, target_uri=made.target_uri + "x")) is Refusal.SIGNATURE
    answer = Response(status, (*typed, ("X-Request-ID", request_id)), made, body)
    added = sign_message(answer, Tag.RESPONSE, signing_key(CLIENT), NOW, NONCE)
    answer = replace(answer, headers=answer.headers + added)
    verify_message(answer, Tag.RESPONSE, KEYS, NOW)
    assert _code(replace(answer, status=status + 1), Tag.RESPONSE) is Refusal.SIGNATURE
    assert _code(replace(answer, request=replace(made, method="PUT")), Tag.RESPONSE) is Refusal.SIGNATURE


@given(text=st.text(max_size=300))
def test_no_header_makes_the_parsers_fall_over(text: str) -> None:
    """Anything at all is either read or `Malformed`."""
    for parse in (parse_signature_input, parse_byte_dictionary):
        try:
            parse(text)
        except Malformed:
            continue
