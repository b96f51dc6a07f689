"""Take paymux callbacks, with nothing but the standard library. Copy `verify` into your app.

python examples/verify_callback.py 8090 state/keys/app-demo.callback_secret
"""

import base64
import hashlib
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


def verify(headers, body: bytes, secret: str) -> bool:
    """Whether we were meant, now, by somebody who knows the secret. Needs the raw body, before any parsing."""
    message_id, seconds = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (seconds.isascii() and seconds.isdigit()) or len(seconds) > 12:
        return False
    if abs(time.time() - int(seconds)) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{seconds}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    given = headers.get("webhook-signature", "").encode(errors="replace").split(b" ")
    return any(hmac.compare_digest(one, expected) for one in given)


seen: set[str] = set()  # in your app: a table with a unique key
newest: dict[str, int] = {}  # in your app: the highest sequence, beside the order it belongs to


class Callbacks(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(min(int(self.headers.get("content-length", 0)), 65536))
        if not verify(self.headers, body, self.server.secret):
            return self.answer(401)
        event = json.loads(body)
        payout = event["data"]["object"]
        if event["id"] not in seen and event["sequence"] > newest.get(payout["id"], 0):
            newest[payout["id"]] = event["sequence"]
            print(event["type"], payout["reference"], payout["status"], flush=True)
        seen.add(event["id"])
        return self.answer(204)  # 2xx means: I have it. Answer soon, work later.

    def answer(self, status):
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        """Quiet: what matters is printed above."""


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Callbacks)
    server.secret = Path(sys.argv[2]).read_text().strip()
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
