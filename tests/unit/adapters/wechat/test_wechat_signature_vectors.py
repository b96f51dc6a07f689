"""The published known answers: request signatures, answers, notifications, certificates, encrypted fields."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from adapters.channel import NotificationRefused
from adapters.signer import Scheme, sign_rsa
from adapters.wechat.cipher import field_bytes_max, open_field, open_resource, seal_field
from adapters.wechat.keys import read_certificates
from adapters.wechat.signing import (
    Merchant,
    Refused,
    answer_message,
    normal_serial,
    request_message,
    sign_bytes,
    verify,
    verify_bytes,
)
from tests.support import wechat
from tests.support.wechat import keys, private_key, vector_files


def cases(pattern: str, part: str) -> list[Any]:
    """The cases of every file of that name pattern, each with the file's own header; at least one."""
    found = [
        pytest.param({**file, **case}, id=case.get("name", str(index)))
        for file in vector_files(pattern)
        for index, case in enumerate(file.get(part, []))
    ]
    assert found, f"no {part} in {pattern}"
    return found


REQUESTS = "wechat_request_signature*.json"
ANSWERS = "wechat_response_and_notification*.json"
FIELDS = "wechat_sensitive_field*.json"


def channel_that_knows_all_keys() -> wechat.WechatChannel:
    return wechat.make_channel(
        wechat.context(httpx.MockTransport(lambda _request: httpx.Response(500))),
        platform_keys={
            wechat.PUBLIC_KEY_ID: "file:public_key",
            wechat.SERIAL_A: "file:certificate_a",
            wechat.SERIAL_B.lstrip("0"): "file:certificate_b",
        },
    )


def key_of(serial: str) -> RSAPublicKey | None:
    names = {
        wechat.PUBLIC_KEY_ID: "wechatpay_public_key",
        normal_serial(wechat.SERIAL_A): "platform_certificate_a",
        normal_serial(wechat.SERIAL_B): "platform_certificate_b",
    }
    name = names.get(normal_serial(serial))
    return private_key(name).public_key() if name else None


@pytest.mark.parametrize("case", cases(REQUESTS, "cases"))
def test_a_request_is_signed_byte_for_byte_as_published(case: dict[str, Any]) -> None:
    """Message, signature and header equal the known answer."""
    body = case["body"].encode()
    message = request_message(case["method"], case["request_target"], case["timestamp"], case["nonce_str"], body)
    assert message == case["message"].encode()
    assert sign_bytes(private_key("merchant"), message) == case["signature_b64"]
    merchant = Merchant(case["mchid"], case["serial_no"], private_key("merchant"))
    signature = sign_rsa(private_key("merchant"), Scheme.V1_5_SHA256, message)
    header = merchant.authorization(signature, timestamp=case["timestamp"], nonce=case["nonce_str"])
    assert _parameters(header) == _parameters(case["authorization"])
    assert " " not in header.partition(" ")[2]


def _parameters(authorization: str) -> tuple[str, dict[str, str]]:
    scheme, _, rest = authorization.partition(" ")
    return scheme, dict(re.findall(r'(\w+)="([^"]*)"', rest))


@pytest.mark.parametrize("case", cases(REQUESTS, "negative_cases"))
def test_a_message_in_another_layout_does_not_verify(case: dict[str, Any]) -> None:
    """CRLF, a lost last LF, milliseconds: the signature of the right layout is not one of these."""
    assert case["verify"] is False
    assert not verify_bytes(private_key("merchant").public_key(), case["message"].encode(), case["signature_b64"])


@pytest.mark.parametrize("case", cases(ANSWERS, "responses"))
def test_a_signed_answer_verifies(case: dict[str, Any]) -> None:
    """Public-key and certificate mode, an empty 204 too; one changed byte does not verify."""
    headers = {name.lower(): value for name, value in case["headers"].items()}
    body = case["body"].encode()
    message = answer_message(headers["wechatpay-timestamp"], headers["wechatpay-nonce"], body)
    assert message == case["message"].encode()
    verify(headers, body, key_of, case["clock"])
    with pytest.raises(Refused, match="reject_signature"):
        verify(headers, body + b" ", key_of, case["clock"])


@pytest.mark.parametrize("case", cases(ANSWERS, "notifications"))
async def test_a_published_notification_is_taken(case: dict[str, Any]) -> None:
    """Verified, decrypted to the known plaintext, and read by the channel."""
    assert case["expect"] == "accept"
    envelope = json.loads(case["body"])
    plaintext = open_resource(keys()["apiv3_key"].encode(), envelope["resource"])
    assert plaintext.decode() == case["resource"]["plaintext"]
    channel = channel_that_knows_all_keys()
    found = await channel.read_notification(wechat.raw(case["body"].encode(), case["headers"]))
    await channel.close()
    assert found.event_id == envelope["id"]
    told = [(notice.channel_reference, notice.answer.channel_payout_id) for notice in found.notices]
    said = json.loads(plaintext)
    expected = [(said["out_bill_no"], said["transfer_bill_no"])] if "out_bill_no" in said else []
    assert told == expected


@pytest.mark.parametrize("case", cases(ANSWERS, "negative_notifications"))
async def test_a_published_forgery_is_refused_by_the_first_check_that_fails(case: dict[str, Any]) -> None:
    """The refusal's code is the one the vector expects, and none is answered as taken."""
    channel = channel_that_knows_all_keys()
    with pytest.raises(NotificationRefused) as refused:
        await channel.read_notification(wechat.raw(case["body"].encode(), case["headers"]))
    await channel.close()
    assert refused.value.code == case["expect"]
    assert 400 <= refused.value.status < 600


@pytest.mark.parametrize("file", vector_files("wechat_certificates*.json"))
def test_the_certificate_list_decrypts_to_the_published_certificates(file: dict[str, Any]) -> None:
    """Each certificate is the known one, and the list verifies with one of those inside it."""
    body = file["response"]["body"].encode()
    listed = read_certificates(body, file["apiv3_key"].encode())
    expected = [
        (item["serial_no"], x509.load_pem_x509_certificate(item["certificate_pem"].encode()).public_key())
        for item in file["decrypted"]
    ]
    assert [(key.key_id, key.key) for key in listed] == expected
    by_serial = {normal_serial(key.key_id): key.key for key in listed}
    headers = {name.lower(): value for name, value in file["response"]["headers"].items()}
    verify(headers, body, lambda serial: by_serial.get(normal_serial(serial)), wechat.NOW.timestamp())


@pytest.mark.parametrize("case", cases(FIELDS, "cases"))
def test_an_encrypted_field_decrypts_to_the_published_plaintext(case: dict[str, Any]) -> None:
    """In both directions; a field encrypted here decrypts too, and never gives the same ciphertext twice."""
    platform, merchant = case["to_platform"], case["to_merchant"]
    assert open_field(private_key(platform["key"]), platform["ciphertext_b64"]) == case["plaintext"]
    assert open_field(private_key(merchant["key"]), merchant["ciphertext_b64"]) == case["plaintext"]
    public = private_key("wechatpay_public_key").public_key()
    first, second = seal_field(public, case["plaintext"]), seal_field(public, case["plaintext"])
    assert first != second
    assert open_field(private_key("wechatpay_public_key"), first) == case["plaintext"]


@pytest.mark.parametrize("file", vector_files(FIELDS))
def test_the_longest_field_is_that_of_the_vectors(file: dict[str, Any]) -> None:
    """214 bytes go, 215 do not."""
    public = load_pem_public_key(keys()["wechatpay_public_key"]["public_key_pem"].encode())
    assert isinstance(public, RSAPublicKey)
    most = file["max_plaintext_bytes_rsa2048"]
    assert field_bytes_max(public) == most
    assert len(base64.b64decode(seal_field(public, "a" * most))) == 256
    with pytest.raises(ValueError):
        seal_field(public, "a" * file["over_limit"]["bytes"])
