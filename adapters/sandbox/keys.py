"""Keys to throw away, minted into a folder at first start.

The gateway and the sandbox are two processes that may start at the same moment, and both need the same keys. So the
folder is built beside its place and renamed into it: whoever comes second finds it there and drops its own.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import ssl
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import NameOID

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_YEARS = timedelta(days=3650)


def mint_folder(folder: Path, build: Callable[[Path], None]) -> None:
    """Have `folder` filled by `build`, once, however many processes ask for it at the same time."""
    if folder.is_dir() and any(folder.iterdir()):
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    workshop = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        build(workshop)
        os.rename(workshop, folder)  # noqa: PTH104 - on an empty folder it replaces, on a full one it fails: wanted
    except OSError:
        if not (folder.is_dir() and any(folder.iterdir())):
            raise
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def write_private(path: Path, content: bytes) -> None:
    """A new file that only its owner can read."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def private_pem(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key: SigningKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "paymux sandbox, throw-away"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def certificate(
    common_name: str,
    key: SigningKey,
    issuer: tuple[x509.Certificate, SigningKey] | None = None,
    *,
    serial: int | None = None,
    authority: bool = False,
    now: datetime | None = None,
) -> x509.Certificate:
    """A certificate for ten years; without an issuer it signs itself. Its host names are those of loopback."""
    start = (now or datetime.now(UTC)) - timedelta(days=1)
    signer, signing_key = (issuer[0].subject, issuer[1]) if issuer else (_name(common_name), key)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(serial if serial is not None else x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _YEARS)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key((issuer[1] if issuer else key).public_key()),
            critical=False,
        )
    )
    return builder.sign(signing_key, hashes.SHA256())


def mint_tls(folder: Path) -> None:
    """A CA of our own, a server certificate for loopback and a client certificate:
    ca.pem, server_cert.pem, server_key.pem, client_cert.pem, client_tls_key.pem."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = certificate("sandbox CA", ca_key, authority=True)
    write_private(folder / "ca.pem", ca.public_bytes(serialization.Encoding.PEM))
    for common_name, certificate_file, key_file in (
        ("sandbox server", "server_cert.pem", "server_key.pem"),
        ("sandbox client", "client_cert.pem", "client_tls_key.pem"),
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        made = certificate(common_name, key, (ca, ca_key))
        write_private(folder / certificate_file, made.public_bytes(serialization.Encoding.PEM))
        write_private(folder / key_file, private_pem(key))


def server_tls(folder: Path, *, demand_client: bool = False) -> ssl.SSLContext:
    """The sandbox's side of TLS from a folder that `mint_tls` filled."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca.pem"))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folder / "server_cert.pem", folder / "server_key.pem")
    context.verify_mode = ssl.CERT_REQUIRED if demand_client else ssl.CERT_NONE
    return context
