"""The sandbox bank's throw-away keys, under fixed names, so that a shipped configuration can refer to them."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.bank.algorithms import Algorithm, SigningKey, VerifyingKey, load_private, load_public
from adapters.sandbox import keys as shared

CLIENT_KEYID = "throwaway-test-client-ec-2026"
BANK_KEYID = "throwaway-test-bank-ec-2026"
NEXT_BANK_KEYID = "throwaway-test-bank-ec-2027"
"""The key the bank rotates to when it is told to."""

_ALGORITHM = Algorithm.ECDSA_P256_SHA256
_PAIRS = (("client", CLIENT_KEYID), ("bank", BANK_KEYID), ("bank_next", NEXT_BANK_KEYID))


def mint(folder: Path) -> None:
    """Fill `folder`, unless it is filled: `client_key.pem`, `bank_public_key.pem`, `bank_next_public_key.pem`, the
    other halves, and for TLS `ca.pem`, `client_cert.pem`, `client_tls_key.pem` and the server's."""
    shared.mint_folder(folder, _build)


def _build(folder: Path) -> None:
    for name, _ in _PAIRS:
        key = ec.generate_private_key(ec.SECP256R1())
        shared.write_private(folder / f"{name}_key.pem", shared.private_pem(key))
        shared.write_private(folder / f"{name}_public_key.pem", shared.public_pem(key))
    shared.mint_tls(folder)


@dataclass(frozen=True, slots=True)
class BankKeys:
    """What the bank holds: its own keys by name, and what it has on file for its one client."""

    signing: dict[str, SigningKey]
    client: VerifyingKey
    client_fingerprint: bytes
    """Of the TLS certificate that the client's key id is bound to (sheet section 4)."""


def load(folder: Path) -> BankKeys:
    """Read back what `mint` made."""
    signing = {
        keyid: SigningKey(keyid, _ALGORITHM, load_private((folder / f"{name}_key.pem").read_bytes(), _ALGORITHM))
        for name, keyid in _PAIRS
        if name != "client"
    }
    algorithms = frozenset({_ALGORITHM})
    public = load_public((folder / "client_public_key.pem").read_bytes(), algorithms)
    certificate = x509.load_pem_x509_certificate((folder / "client_cert.pem").read_bytes())
    return BankKeys(signing, VerifyingKey(CLIENT_KEYID, algorithms, public), certificate.fingerprint(hashes.SHA256()))


def server_tls(folder: Path) -> ssl.SSLContext:
    """TLS that demands a client certificate of our CA."""
    return shared.server_tls(folder, demand_client=True)


def client_settings(folder: str, base_url: str, *, tls: bool = False) -> dict[str, object]:
    """`[channels.NAME.settings]` of a gateway that talks to this sandbox; secrets are files in `folder`."""
    settings: dict[str, object] = {
        "base_url": base_url,
        "duplicate_mode": "same_resource",
        "has_lookup": True,
        "customer_number": "MCH0000001",
        "signing_key": {"keyid": CLIENT_KEYID, "key": f"file:{folder}/client_key.pem"},
        "bank_keys": {
            BANK_KEYID: {"public_key": f"file:{folder}/bank_public_key.pem"},
            NEXT_BANK_KEYID: {"public_key": f"file:{folder}/bank_next_public_key.pem"},
        },
        "products": {
            "CNY": {"name": "pain.001-domestic-credit-transfers", "category_purpose": "SUPP"},
            "EUR": {
                "name": "pain.001-sepa-credit-transfers",
                "service_level": "SEPA",
                "charge_bearer": "SLEV",
            },
        },
        "payer": {
            "name": "测试付款商户有限公司",
            "account": "110000000000000001",
            "currency": "CNY",
            "bank_code": "000100000001",
        },
    }
    if tls:
        settings["tls"] = {
            "ca": f"file:{folder}/ca.pem",
            "client_certificate": f"file:{folder}/client_cert.pem",
            "client_key": f"file:{folder}/client_tls_key.pem",
        }
    return settings
