"""The two ciphers of API v3. Pure (sheet sections 6 and 8).

* AES-256-GCM under the APIv3 key: what the service encrypts to us (notifications, certificates).
* RSAES-OAEP with SHA-1: single fields that hold personal data. SHA-1 is the service's choice, and OAEP does not rest on
  its collision resistance.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1

from adapters.wechat.signing import Refusal, Refused

ALGORITHM = "AEAD_AES_256_GCM"
APIV3_KEY_BYTES = 32
_NONCE_BYTES = 12
_OAEP_OVERHEAD = 42
"""Two SHA-1 digests and two bytes: what is left of the modulus is for the plaintext."""


def open_resource(apiv3_key: bytes, resource: Mapping[str, object]) -> bytes:
    """The plaintext of `resource` or `encrypt_certificate`.

    Raises:
        Refused: `BODY` for a resource that has not its form, `DECRYPT` when the key does not open it.
    """
    nonce, sealed, bound = (resource.get(name) for name in ("nonce", "ciphertext", "associated_data"))
    if resource.get("algorithm") != ALGORITHM or not isinstance(nonce, str) or not isinstance(sealed, str):
        raise Refused(Refusal.BODY, "not an encrypted resource")
    try:
        ciphertext = base64.b64decode(sealed, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(Refusal.BODY, "the ciphertext is not base64") from error
    if len(nonce) != _NONCE_BYTES or not nonce.isascii() or not isinstance(bound, str | None):
        raise Refused(Refusal.BODY, "not an encrypted resource")
    try:
        # A lone surrogate in what it is bound to is passed on as it is: nothing that was sealed is bound to one.
        return AESGCM(apiv3_key).decrypt(nonce.encode(), ciphertext, (bound or "").encode("utf-8", "surrogatepass"))
    except InvalidTag as error:
        raise Refused(Refusal.DECRYPT, "our APIv3 key does not open it") from error


def seal_resource(apiv3_key: bytes, plaintext: bytes, *, nonce: str, associated_data: str) -> dict[str, str]:
    """The service's side of `open_resource`, for the sandbox. `nonce` is 12 ASCII characters."""
    ciphertext = AESGCM(apiv3_key).encrypt(nonce.encode(), plaintext, associated_data.encode())
    return {
        "algorithm": ALGORITHM,
        "ciphertext": base64.b64encode(ciphertext).decode(),
        "nonce": nonce,
        "associated_data": associated_data,
    }


def field_bytes_max(key: RSAPublicKey) -> int:
    """How long a field may be that is encrypted to `key`: 214 bytes for RSA 2048."""
    return key.key_size // 8 - _OAEP_OVERHEAD


def seal_field(key: RSAPublicKey, text: str) -> str:
    """`text` encrypted to `key`, base64. Another ciphertext every time.

    Raises:
        ValueError: the text is longer than `field_bytes_max`.
    """
    return base64.b64encode(key.encrypt(text.encode(), _oaep())).decode()


def open_field(key: RSAPrivateKey, ciphertext: str) -> str:
    """What was encrypted to `key`'s public half.

    Raises:
        ValueError: not base64, not for this key, or not UTF-8.
    """
    return key.decrypt(base64.b64decode(ciphertext, validate=True), _oaep()).decode()


def _oaep() -> OAEP:
    return OAEP(mgf=MGF1(algorithm=SHA1()), algorithm=SHA1(), label=None)  # noqa: S303 - fixed by the service
