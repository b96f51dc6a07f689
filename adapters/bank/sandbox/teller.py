"""How the sandbox bank tells its client what happened: which notices, in which form, when."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import datetime

from adapters.bank.sandbox import messages
from adapters.bank.sandbox.book import FINAL, PAID, Movement, Payment
from adapters.bank.sandbox.doors import Signer
from adapters.bank.sandbox.options import BankSandboxOptions, NotifyFormat
from adapters.bank.sandbox.plans import Tell
from adapters.sandbox.notifier import Notifier, Outgoing

_XML, _JSON = "application/xml", "application/json"


class Teller:
    """Posts to the address agreed beforehand; knows nothing of how orders fare."""

    def __init__(self, notifier: Notifier, signer: Signer, message_id: Callable[[str], str]) -> None:
        self._notifier = notifier
        self._signer = signer
        self._message_id = message_id
        self.replay_nonce = False
        """Sign once and post that again and again, nonce and all."""

    def status(self, payment: Payment, options: BankSandboxOptions, now: datetime) -> None:
        """Tell of a status: of the last ones usually; of every one, twice and late, where the plan says badly."""
        badly = payment.plan.tell is Tell.BADLY
        last = payment.status in FINAL | PAID
        if payment.plan.tell is Tell.NEVER or not (badly or last):
            return
        if options.notify_format is NotifyFormat.JSON:
            hint = {"paymentId": payment.payment_id, "transactionStatus": payment.status}
            body, content_type = json.dumps(hint).encode(), _JSON
        else:
            body, content_type = messages.report(payment, self._message_id("S"), now), _XML
        hold_s = 2 * options.usual_s if badly and not last else 0.0
        self._post(options.notify_url, content_type, body, repeat=2 if badly else None, hold_s=hold_s)

    def movement(self, movement: Movement, options: BankSandboxOptions, now: datetime) -> None:
        """Tell of a booking; a debit only where bookings are wanted."""
        payment = movement.payment
        if payment.plan.tell is Tell.NEVER or (movement.direction == "DBIT" and not options.notify_bookings):
            return
        currency = payment.instruction.amount.currency
        body = messages.booking(movement, currency, self._message_id("N"), now)
        self._post(options.notify_url, _XML, body)

    def _post(
        self, url: str, content_type: str, body: bytes, *, repeat: int | None = None, hold_s: float = 0.0
    ) -> None:
        if not url:
            return
        request_id = str(uuid.uuid4())
        first: list[Outgoing] = []

        def sign() -> Outgoing:
            if not (self.replay_nonce and first):
                headers = self._signer.notification(url, content_type, body, request_id)
                first[:] = [Outgoing(url, headers, body)]
            return first[0]

        self._notifier.post(sign, repeat=repeat, hold_s=hold_s)
