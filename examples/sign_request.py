"""Order a payout with a signed request.

    python examples/sign_request.py http://127.0.0.1:8080 --key-id demo-1 --key-file demo.secret
    python examples/sign_request.py http://127.0.0.1:8080 --key-id demo-2 --key-file demo.pem --algorithm ed25519

For hmac-sha256 the file holds the secret (32 characters or more), for ed25519 the private key in PEM,
of which the gateway has the public one.
Run it again with the same --reference after a lost answer: it is the same order, never a second one.
"""

import argparse
import base64
import hashlib
import hmac
import json
import secrets
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key


def authorization(algorithm: str, key_id: str, key: bytes, method: str, target: str, body: bytes) -> str:
    """The Authorization header. `target` is path and query exactly as sent; `body` the exact bytes."""
    timestamp, nonce = str(int(time.time())), secrets.token_urlsafe(18)
    signed = "\n".join((method, target, timestamp, nonce, "")).encode() + body + b"\n"
    if algorithm == "ed25519":
        signature = load_pem_private_key(key, password=None).sign(signed)
    else:
        signature = hmac.digest(key.rstrip(b"\r\n"), signed, hashlib.sha256)
    fields = {
        "key_id": key_id,
        "timestamp": timestamp,
        "nonce": nonce,
        "signature": base64.b64encode(signature).decode(),
    }
    return f"PAYMUX-{algorithm.upper()} " + ",".join(f'{name}="{value}"' for name, value in fields.items())


def order(reference: str) -> dict:
    return {
        "reference": reference,
        "amount": {"value": 12500, "currency": "CNY"},
        "beneficiary": {
            "type": "bank_account",
            "account_number": "6222021234567890",
            "name": "Zhang San",
            "bank_code": "102100099996",
            "country": "CN",
        },
        "description": "withdrawal",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Order a payout with a signed request.")
    parser.add_argument("url", help="the gateway, e.g. http://127.0.0.1:8080")
    parser.add_argument("--key-id", required=True)
    parser.add_argument("--key-file", type=Path, required=True)
    parser.add_argument("--algorithm", choices=("hmac-sha256", "ed25519"), default="hmac-sha256")
    parser.add_argument("--reference", default=f"example-{secrets.token_hex(8)}")
    given = parser.parse_args()

    target, body = "/v1/payouts", json.dumps(order(given.reference)).encode()
    header = authorization(given.algorithm, given.key_id, given.key_file.read_bytes(), "POST", target, body)
    request = urllib.request.Request(
        given.url + target, body, {"Authorization": header, "Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            print(answer.status, answer.read().decode())
            return 0
    except urllib.error.HTTPError as problem:
        with problem:
            print(problem.code, problem.read().decode())
        return 1


if __name__ == "__main__":
    sys.exit(main())
