"""The throw-away keys of the sandbox, made once, under identifiers that never change (so that a config can name them).

The gateway's half:  merchant_key.pem, apiv3_key, platform_public_key.pem, and for TLS ca.pem
The sandbox's half:  merchant_public_key.pem, platform_private_key.pem, platform_certificate_{a,b}.pem and their keys,
                     and for TLS server_cert.pem, server_key.pem
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, load_pem_public_key

from adapters.sandbox.keys import certificate, mint_folder, mint_tls, private_pem, public_pem, rsa_key, write_private

MCHID = "1900000001"
APPID = "wxtest0000000000a1"
MERCHANT_SERIAL_NO = "3775B6A45ACD588826D15E583A95F5DD00000001"
PUBLIC_KEY_ID = "PUB_KEY_ID_0119000000012025010100000000000001"
CERTIFICATE_SERIALS = {
    "a": "5157F09EFDC096DE15EBE81A47057A7200000001",
    "b": "0A57F09EFDC096DE15EBE81A47057A7200000002",  # begins with a zero: some software loses it
}


def mint(folder: Path) -> None:
    """Fill `folder` if it is not filled yet. The gateway and the sandbox may both call it at the same moment."""
    mint_folder(folder, _build)


def _build(folder: Path) -> None:
    merchant, platform = rsa_key(), rsa_key()
    write_private(folder / "merchant_key.pem", private_pem(merchant))
    write_private(folder / "merchant_public_key.pem", public_pem(merchant))
    write_private(folder / "platform_private_key.pem", private_pem(platform))
    write_private(folder / "platform_public_key.pem", public_pem(platform))
    write_private(folder / "apiv3_key", secrets.token_hex(16).encode())
    for letter, serial in CERTIFICATE_SERIALS.items():
        key = rsa_key()
        made = certificate(f"sandbox platform {letter}", key, serial=int(serial, 16))
        write_private(folder / f"platform_certificate_{letter}.pem", made.public_bytes(Encoding.PEM))
        write_private(folder / f"platform_certificate_{letter}_key.pem", private_pem(key))
    mint_tls(folder)


@dataclass(frozen=True, slots=True)
class PlatformPair:
    """One of the service's own keys, under the name it goes by."""

    key_id: str
    key: RSAPrivateKey
    certificate: x509.Certificate | None = None


@dataclass(frozen=True, slots=True)
class SandboxKeys:
    """The sandbox's half of a minted folder."""

    merchant: RSAPublicKey
    apiv3_key: bytes = field(repr=False)
    public_key: PlatformPair
    certificates: tuple[PlatformPair, ...]

    def pair(self, key_id: str) -> PlatformPair | None:
        """The service's key of that name."""
        pairs = (self.public_key, *self.certificates)
        return next((pair for pair in pairs if pair.key_id == key_id), None)


def load(folder: Path) -> SandboxKeys:
    """Read what `mint` made. Raises OSError or ValueError for a folder that it did not make."""
    merchant = load_pem_public_key((folder / "merchant_public_key.pem").read_bytes())
    if not isinstance(merchant, RSAPublicKey):
        raise ValueError(f"{folder}: the merchant's key is not an RSA key")
    return SandboxKeys(
        merchant=merchant,
        apiv3_key=(folder / "apiv3_key").read_bytes(),
        public_key=PlatformPair(PUBLIC_KEY_ID, _private(folder / "platform_private_key.pem")),
        certificates=tuple(
            PlatformPair(
                serial,
                _private(folder / f"platform_certificate_{letter}_key.pem"),
                x509.load_pem_x509_certificate((folder / f"platform_certificate_{letter}.pem").read_bytes()),
            )
            for letter, serial in CERTIFICATE_SERIALS.items()
        ),
    )


def _private(path: Path) -> RSAPrivateKey:
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError(f"{path}: not an RSA key")
    return key
