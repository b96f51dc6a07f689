"""A running gateway, a reader beside it, and everything that the documents take for granted.

A channel `alpha`, an app `acme` that cannot be told anything, a held payout, a failed one, a saved payee, a request
that waits for the second person, a callback that was given up.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx

from tests.acceptance.document_blocks import Block, Place, blocks_at, words
from tests.acceptance.document_checkout import Checkout
from tests.acceptance.document_reader import ENDLESS, Reader

LOST, CLOSED, USUAL = "6222000000000005", "6222000000000003", "6222000000000199"
"""Accounts: the answer is lost and nothing was taken, refused as closed, paid."""
HELD_ID, SAVED_ID, SINCE = "po_…", "be_0cp24rmmc5qm7f6m8t3s9hk2vo", "2026-11-20T00:00:00Z"
"""What stands on the pages for a held payout, a saved payee, and the time of an outage that is over."""
RESTORE = Place("docs/operations.md", "Backup", "sh")


@dataclass(slots=True)
class Scene(Reader):
    """A reader who has the tokens, too."""

    failed: str = ""
    """The id of a payout that failed."""

    def open(self) -> None:
        """The gateway as the README starts it, the first two people, and what waits for them."""
        self.follow(first(Place("README.md", "Quickstart", "sh")))
        self.follow(first(Place("docs/operations.md", "The first people", "sh")))
        token = self.checkout.folder / "ada.token"
        self.checkout.env["PAYMUX_ADMIN_TOKEN"] = token.read_text(encoding="utf-8").strip()
        held = [self.order(f"lost-{number}", LOST) for number in range(2)]
        self.failed = self.order("closed-1", CLOSED)
        self.order("parked-1", USUAL, app="acme")
        saved = self.call("POST", "/v1/beneficiaries", {"beneficiary": bank_account(USUAL)}).json()["id"]
        self.until("two payouts are held", lambda: len(self.listed("holds")) == len(held))
        self.until("a payout failed", lambda: self.status(self.failed) == "failed")
        self.until("a callback was given up", lambda: bool(self.listed("callbacks/parked")))
        waiting = {"kind": "release", "payout_id": held[1], "reason": "the channel knows nothing of it"}
        self.admin("POST", "requests", waiting)
        an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
        self.known |= {HELD_ID: held[0], SAVED_ID: saved, SINCE: f"{an_hour_ago:%Y-%m-%dT%H:%M:%SZ}"}

    # Calls ----------------------------------------------------------------------------------------------------------

    def call(self, method: str, path: str, body: object = None, app: str = "demo", media: str = "") -> httpx.Response:
        """A call of an app with its test key; `body` is text, or JSON."""
        key = self.checkout.folder / f"state/keys/app-{app}.test_key"
        head = {"Authorization": f"Bearer {key.read_text(encoding='utf-8').strip()}"}
        url = self.checkout.url("8080", path)
        if body is None:
            return self.http.request(method, url, headers=head)
        text = body if isinstance(body, str) else json.dumps(body)
        head["Content-Type"] = media or "application/json"
        return self.http.request(method, url, content=text.encode(), headers=head)

    def status(self, payout_id: str) -> str:
        return str(self.call("GET", f"/v1/payouts/{payout_id}").json()["status"])

    def order(self, reference: str, account: str, app: str = "demo") -> str:
        """A payout's id."""
        amount = {"value": 5000, "currency": "CNY"}
        body = {"reference": reference, "amount": amount, "beneficiary": bank_account(account)}
        answer = self.call("POST", "/v1/payouts", body, app)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def admin(self, method: str, path: str, body: object = None) -> Any:
        """The answer to ada."""
        head = {"Authorization": f"Bearer {self.checkout.env['PAYMUX_ADMIN_TOKEN']}"}
        answer = self.http.request(method, self.checkout.url("9090", f"/admin/v1/{path}"), json=body, headers=head)
        assert answer.is_success, answer.text
        return answer.json()

    def listed(self, path: str) -> list[Any]:
        found: list[Any] = self.admin("GET", path)["data"]
        return found

    # What must have happened before ---------------------------------------------------------------------------------

    def sandboxes(self) -> None:
        """Both run, so that the way to each channel is open."""
        self.follow(first(Place("docs/sandbox.md", "Starting them", "sh")))

    def crashed(self) -> None:
        """There is a copy, and the gateway is gone; what it left of its log is to be moved aside."""
        (self.checkout.folder / "aside").mkdir()
        assert self.run("paymux db backup copy.db").code == 0
        self.stop(ENDLESS["-m gateway serve"], signal.SIGKILL)
        self.ran.clear()  # what was told of the gateway before says nothing of the one after

    def restored(self) -> None:
        """The copy is in its place, and every attempt that was open in it has been asked about."""
        if words("python -m gateway db restore-check copy.db") not in self.ran:
            self.crashed()
            self.follow(first(RESTORE))
        self.until("all is asked about", lambda: self.admin("GET", "quarantine")["unasked_attempts"] == 0)


def first(place: Place) -> Block:
    return blocks_at(place)[0]


def bank_account(number: str) -> dict[str, str]:
    payee = {"type": "bank_account", "account_number": number, "name": "张三"}
    return {**payee, "bank_code": "000200000002", "country": "CN"}


class _Gone(BaseHTTPRequestHandler):
    """An app that wants to be told nothing any more."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(410)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Nothing."""


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """Open, until the end."""
    with HTTPServer(("127.0.0.1", 0), _Gone) as gone:
        thread = Thread(target=gone.serve_forever)
        thread.start()
        checkout = Checkout(folder, gone.server_port)
        opened = Scene(checkout)
        try:
            checkout.settle()
            opened.open()
            yield opened
        finally:
            opened.close()
            gone.shutdown()
            thread.join()
