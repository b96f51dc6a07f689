"""Reads one question a line, asks the snippets, answers one line each. The same in five languages."""

import base64
import sys

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from sign_request import authorization, ed25519, hmac_sha256
from verify_callback import verify

HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


def answer(question, *parts):
    if question == "verify":
        *told, secrets, body, now = parts
        headers = {name: text.decode() for name, text in zip(HEADERS, told, strict=True) if text}
        return "accept" if verify(headers, body, secrets.decode().split(" "), int(now)) else "reject"
    key_id, algorithm, key, method, target, timestamp, nonce, body = parts
    if algorithm == b"ed25519":
        private = load_der_private_key(key, password=None)
        scheme, sign = (
            "PAYMUX-ED25519",
            ed25519(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())),
        )
    else:
        scheme, sign = "PAYMUX-HMAC-SHA256", hmac_sha256(key)
    told = (method.decode(), target.decode(), int(timestamp), nonce.decode(), body)
    return authorization(key_id.decode(), scheme, sign, *told)


for line in sys.stdin:
    question, *rest = line.rstrip("\n").split("\t")
    sys.stdout.write(answer(question, *(base64.b64decode(part) for part in rest)) + "\n")
