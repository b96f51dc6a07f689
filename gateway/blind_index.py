"""Find what is sealed without opening it: a keyed, truncated hash of an account, stored beside the ciphertext.

The same account always has the same index, so whoever reads the database sees that two rows name one account, and with
the key whoever can guess an account can check the guess. It is therefore kept for accounts only, which are many and
hard to guess without the key, and never for names or banks, which are few. The key is derived from the gateway's
fingerprint key, which lies outside the database and is never rotated: rotating sealing keys leaves indexes alone.
"""

from __future__ import annotations

import hmac
import unicodedata
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.domain.beneficiary import Beneficiary, BeneficiaryKind

INDEX_BYTES = 8
"""Truncated: two different accounts share one index once in some billions, so what is found is compared when opened."""

_INFO = b"paymux blind index 1"
_WRITTEN_BETWEEN = str.maketrans("", "", " -.\u2010\u2011")
"""How people group the digits of an account number."""


class BlindIndex:
    """Made from the fingerprint key (32 bytes), from which it derives a key of its own."""

    __slots__ = ("_key",)

    def __init__(self, fingerprint_key: bytes) -> None:
        self._key = HKDF(SHA256(), 32, salt=None, info=_INFO).derive(fingerprint_key)

    def of(self, kind: BeneficiaryKind, value: str) -> bytes:
        """The `INDEX_BYTES` bytes of an account number (`bank_account`) or an openid (`wechat`), however written."""
        said = f"{kind}\0{normalised(kind, value)}".encode()
        return hmac.digest(self._key, said, "sha256")[:INDEX_BYTES]

    def of_beneficiary(self, beneficiary: Beneficiary) -> bytes:
        return self.of(beneficiary.kind, beneficiary.account)


@lru_cache(maxsize=8)
def index_under(fingerprint_key: bytes) -> BlindIndex:
    """The one of a key, made once: deriving takes longer than looking up."""
    return BlindIndex(fingerprint_key)


def normalised(kind: BeneficiaryKind, value: str) -> str:
    """One spelling of one account: no grouping, upper case, digits in ASCII. Of an openid the case counts: as it is."""
    if kind is BeneficiaryKind.WECHAT:
        return value
    plain = value if value.isascii() else unicodedata.normalize("NFKC", value)
    return plain.translate(_WRITTEN_BETWEEN).upper()
