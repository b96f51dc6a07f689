import base64
import hmac
from collections.abc import Callable

from cryptography.hazmat.primitives.serialization import load_pem_private_key


def authorization(
    key_id: str,
    scheme: str,
    sign: Callable[[bytes], bytes],
    method: str,
    target: str,  # path and query, exactly as sent
    timestamp: int,  # int(time.time())
    nonce: str,  # secrets.token_urlsafe(18): a new one for every try
    body: bytes = b"",  # exactly as sent
) -> str:
    """The Authorization header of a request."""
    message = f"{method}\n{target}\n{timestamp}\n{nonce}\n".encode() + body + b"\n"
    signature = base64.b64encode(sign(message)).decode()
    return f'{scheme} key_id="{key_id}",timestamp="{timestamp}",nonce="{nonce}",signature="{signature}"'


def hmac_sha256(secret: bytes) -> Callable[[bytes], bytes]:
    """For the scheme PAYMUX-HMAC-SHA256."""
    return lambda message: hmac.digest(secret, message, "sha256")


def ed25519(pem: bytes) -> Callable[[bytes], bytes]:
    """For the scheme PAYMUX-ED25519."""
    return load_pem_private_key(pem, password=None).sign
