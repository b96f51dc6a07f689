"""Signs what schemathesis sends, as late as can be: when every byte of it stands.

Whoever is to be let in carries `SIGN_ME` in the place of a signature. A request that schemathesis sends without it, or
with credentials of its own making, stays as it is: it has to be refused.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

import requests

from gateway.api.signed_request import Algorithm, authorization

KEY_ID = "fuzz"
SECRET = b"a secret for the fuzzing of an API, 32 bytes and more"
SIGN_ME = "to be signed"

_send = requests.Session.send


def sign_everything() -> None:
    """From now on, in this process."""
    requests.Session.send = _signed_send  # type: ignore[method-assign]  # there is no hook behind the last change


def _signed_send(session: requests.Session, request: requests.PreparedRequest, **more: Any) -> requests.Response:
    if request.headers.get("Authorization") == SIGN_ME:
        request.headers["Authorization"] = _signature(request)
    return _send(session, request, **more)


def _signature(request: requests.PreparedRequest) -> str:
    body = request.body or b""
    return authorization(
        Algorithm.HMAC_SHA256,
        KEY_ID,
        SECRET,
        method=request.method or "",
        target=request.path_url,
        timestamp=int(time.time()),
        nonce=secrets.token_urlsafe(18),
        body=body.encode() if isinstance(body, str) else bytes(body),
    )
