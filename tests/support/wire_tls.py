"""Certificates to go wrong with: a CA that the client trusts, and servers that it should not."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from adapters.sandbox.keys import certificate, private_pem, rsa_key

LONG_AGO = datetime(2010, 1, 1, tzinfo=UTC)
"""A certificate of then lasted ten years."""

Authority = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


@cache
def authority(name: str = "the trusted CA") -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    return certificate(name, key, authority=True), key


def trusting(known: Authority) -> ssl.SSLContext:
    """The client's side: this CA and no other."""
    return ssl.create_default_context(cadata=known[0].public_bytes(Encoding.PEM).decode())


def serving(
    issuer: Authority | None, folder: Path, now: datetime | None = None, *, even: bool = False
) -> ssl.SSLContext:
    """The server's side, with a certificate for loopback made at `now`; without an issuer it vouches for itself.

    `even`: every handshake is equally long. The signatures of the usual keys are now a byte longer, now shorter.
    """
    key = rsa_key() if even else ec.generate_private_key(ec.SECP256R1())
    made = certificate("peer", key, issuer, now=now)
    chain = folder / "peer.pem"
    chain.write_bytes(made.public_bytes(Encoding.PEM) + private_pem(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context
