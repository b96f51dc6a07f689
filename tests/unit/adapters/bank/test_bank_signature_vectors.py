"""Every published signature case, and every refusal, by name."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.bank.algorithms import Algorithm
from adapters.bank.signature_base import (
    Message,
    Refusal,
    Request,
    Response,
    SignatureRefused,
    Tag,
    content_digest,
    required_components,
    signature_base,
)
from adapters.bank.signing import sign_message
from adapters.bank.structured import parse_signature_input
from adapters.bank.verifying import LIFE_S, verify_message
from tests.support.bank import public_keys, signing_key, vector_files

FILES = vector_files("bank_http_message_signatures*.json")
CASES: dict[str, dict[str, Any]] = {case["name"]: case for file in FILES for case in file["cases"]}
NEGATIVES: dict[str, dict[str, Any]] = {case["name"]: case for file in FILES for case in file["negative_cases"]}
KEYS = public_keys()

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def _message(case: dict[str, Any], headers: dict[str, str] | None = None) -> Message:
    fields = tuple((case["headers"] if headers is None else headers).items())
    body = (case["body"] or "").encode()
    if case.get("kind") == "response":
        asked = _message(CASES[case["request_case"]])
        assert isinstance(asked, Request)
        return Response(case["status"], fields, asked, body)
    return Request(case["method"], case["url"], fields, body)


def _at(case: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(case["verify_at"], UTC)


@every_case
def test_the_base_is_byte_for_byte_the_published_one(case: dict[str, Any]) -> None:
    """What we sign and verify is exactly the text of RFC 9421, the received parameter text included."""
    (announced,) = parse_signature_input(case["headers"]["Signature-Input"])
    assert announced.text == case["signature_params"]
    assert signature_base(_message(case), announced).decode() == case["signature_base"]


@every_case
def test_a_published_message_is_believed(case: dict[str, Any]) -> None:
    """Every accept case verifies, under the key that signed it."""
    assert case["expect"] == "accept"
    verified = verify_message(_message(case), Tag(case["tag"]), KEYS, _at(case))
    assert verified.keyid == case["keyid"]


@every_case
def test_we_sign_the_same_message_the_same_way(case: dict[str, Any]) -> None:
    """Our own parameters equal the published ones; a deterministic signature byte for byte, others verify."""
    ours = {"Content-Digest", "Signature-Input", "Signature"}
    plain = _message(case, {name: value for name, value in case["headers"].items() if name not in ours})
    (announced,) = parse_signature_input(case["headers"]["Signature-Input"])
    key = signing_key(case["keyid"], Algorithm(case["algorithm"]))
    nonce = str(announced.parameters["nonce"])
    made = dict(sign_message(plain, Tag(case["tag"]), key, _at(case), nonce))
    assert made["Signature-Input"] == case["headers"]["Signature-Input"]
    assert made.get("Content-Digest") == case["headers"].get("Content-Digest")
    if case["deterministic"]:
        assert made["Signature"] == case["headers"]["Signature"]
    headers = dict(plain.headers) | made
    verify_message(_message(case, headers), Tag(case["tag"]), KEYS, _at(case))


@pytest.mark.parametrize("case", NEGATIVES.values(), ids=NEGATIVES)
def test_a_published_refusal_is_ours_too(case: dict[str, Any]) -> None:
    """Each negative is refused by just the check it was made for."""
    with pytest.raises(SignatureRefused) as refused:
        _judge(case)
    assert refused.value.code == case["expect"]


def _judge(case: dict[str, Any]) -> None:
    origin = CASES[case["from"]]
    if origin["kind"] == "response":
        answer = _message(origin)
        assert isinstance(answer, Response)
        other = tuple((name, "other" if name == "X-Request-ID" else value) for name, value in answer.request.headers)
        asked = Request(answer.request.method, answer.request.target_uri, other, answer.request.body)
        moved = Response(answer.status, answer.headers, asked, answer.body)
        verify_message(moved, Tag(origin["tag"]), KEYS, _at(origin))
        return
    used: set[tuple[str, str]] = set()
    if case["expect"] == Refusal.REPLAY:
        first = verify_message(_message(origin), Tag(origin["tag"]), KEYS, _at(origin))
        used.add((first.keyid, first.nonce))
    seen = verify_message(_message(case), Tag(origin["tag"]), KEYS, _at(case))
    if (seen.keyid, seen.nonce) in used:
        raise SignatureRefused(Refusal.REPLAY, "the store has it")


@pytest.mark.parametrize("file", FILES)
def test_the_published_component_lists_are_the_code(file: dict[str, Any]) -> None:
    """Which components each kind of message must cover is what the vectors say."""
    asked, bare = Request("POST", "https://x/", (), b"x"), Request("GET", "https://x/", ())
    ours = {
        "request_with_body": asked,
        "request_without_body": bare,
        "response_to_request_with_body": Response(200, (), asked, b"x"),
        "response_to_request_without_body": Response(200, (), bare, b"x"),
        "notification": asked,
    }
    assert {name: list(required_components(message)) for name, message in ours.items()} == file["components"]
    assert file["max_age_seconds"] == LIFE_S


def test_the_digest_is_the_published_one() -> None:
    """The digest of a body is over its bytes as sent."""
    case = CASES["post_pain001_ed25519"]
    raw = base64.b64encode(bytes.fromhex(case["body_sha256_hex"])).decode()
    assert content_digest(case["body"].encode()) == f"sha-256=:{raw}:"
