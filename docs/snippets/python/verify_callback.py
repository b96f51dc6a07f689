import base64
import hmac
import re
import time
from collections.abc import Mapping, Sequence


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now_s: float | None = None) -> bool:
    """Whether this callback is meant for us, now. `body` is raw; `secrets` are all in use: two during a rotation."""
    message_id, seconds = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not re.fullmatch("[0-9]{1,12}", seconds):
        return False
    if abs((time.time() if now_s is None else now_s) - int(seconds)) > 300:
        return False
    signed = f"{message_id}.{seconds}.".encode() + body
    good = False
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        if len(key) < 24:
            raise ValueError("not a callback secret")
        expected = b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256"))
        for given in headers.get("webhook-signature", "").split(" "):
            good |= hmac.compare_digest(given.encode(), expected)
    return good
