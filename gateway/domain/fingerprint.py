"""The fingerprint of a request: a keyed, versioned HMAC over its canonical form, kept for ever with the reference.

Same reference and same fingerprint is the same order said twice; another fingerprint is a conflict. Canonical means:
strings in NFC, every field but metadata, in a fixed order, and of the terms and the payer what is not the default: an
order that says nothing of them has the fingerprint that it had before there were any. Keyed, because the content holds
account numbers, which a bare hash would let anyone guess at. As it was asked: of a saved beneficiary it holds the id,
so that the order said again is the same when that one is no longer saved.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict

from gateway.domain.beneficiary import Beneficiary, Saved
from gateway.domain.money import Money
from gateway.domain.payer import Payer
from gateway.domain.terms import NO_TERMS, Terms

VERSION = b"\x01"


def fingerprint(
    key: bytes,
    app: str,
    reference: str,
    amount: Money,
    beneficiary: Beneficiary | Saved,
    purpose: str | None,
    description: str | None,
    terms: Terms = NO_TERMS,
    retry_of: str | None = None,
    payer: Payer | None = None,
) -> bytes:
    """One version byte and 32 bytes of HMAC-SHA256. The strings are expected in NFC already."""
    content = {
        "app": app,
        "reference": reference,
        "amount": [amount.minor, amount.currency],
        "beneficiary": _named(beneficiary),
        "purpose": purpose,
        "description": description,
        **terms.given(),
        **({} if retry_of is None else {"retry_of": retry_of}),
        **({} if payer is None else {"payer": asdict(payer)}),
    }
    return keyed(key, content)


def keyed(key: bytes, content: Mapping[str, object]) -> bytes:
    """The same of any content: one version byte and 32 bytes."""
    canonical = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return VERSION + hmac.new(key, canonical.encode(), hashlib.sha256).digest()


def _named(beneficiary: Beneficiary | Saved) -> dict[str, object]:
    kind = "saved" if isinstance(beneficiary, Saved) else str(beneficiary.kind)
    return {"kind": kind, **asdict(beneficiary)}
