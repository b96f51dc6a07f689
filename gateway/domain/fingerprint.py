"""The fingerprint of a request: a keyed, versioned HMAC over its canonical form, kept for ever with the reference.

Same reference and same fingerprint is the same order said twice; another fingerprint is a conflict. Canonical means:
strings in NFC, every field but metadata, in a fixed order, and of the terms what is not the default: an order that
says nothing of them has the fingerprint that it had before there were any. Keyed, because the content holds account
numbers, which a bare hash would let anyone guess at.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import asdict

from gateway.domain.beneficiary import Beneficiary
from gateway.domain.money import Money
from gateway.domain.terms import NO_TERMS, Terms

VERSION = b"\x01"


def fingerprint(
    key: bytes,
    app: str,
    reference: str,
    amount: Money,
    beneficiary: Beneficiary,
    purpose: str | None,
    description: str | None,
    terms: Terms = NO_TERMS,
    retry_of: str | None = None,
) -> bytes:
    """One version byte and 32 bytes of HMAC-SHA256. The strings are expected in NFC already."""
    content = {
        "app": app,
        "reference": reference,
        "amount": [amount.minor, amount.currency],
        "beneficiary": {"kind": str(beneficiary.kind), **asdict(beneficiary)},
        "purpose": purpose,
        "description": description,
        **terms.given(),
        **({} if retry_of is None else {"retry_of": retry_of}),
    }
    canonical = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return VERSION + hmac.new(key, canonical.encode(), hashlib.sha256).digest()
