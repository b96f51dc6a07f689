"""Rows to frozen values and back. What is personal is sealed here, bound to its table, column and row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row

from gateway.domain.hold import Hold, HoldCode
from gateway.domain.money import Money
from gateway.domain.outcome import Absence
from gateway.domain.payer import Payer
from gateway.domain.payout import Attempt, AttemptState, Closure, DuplicateMode, Ground, Payout, Resolution
from gateway.domain.quote import Quote
from gateway.domain.reasons import RejectReason, StatusCode
from gateway.domain.status import status
from gateway.domain.terms import ChannelChoice, OnExpiry, Terms
from gateway.sealing import Sealer
from gateway.store import codec
from gateway.store.endpoints import KnownEndpoints
from gateway.store.records import Callback

Values = dict[str, Any]


class Rows:
    """The translation, with the key it seals under."""

    def __init__(self, sealer: Sealer) -> None:
        self.sealer = sealer
        self.endpoints = KnownEndpoints()
        """For the writer alone."""

    # Payouts -------------------------------------------------------------------------------------------------

    def new_payout(self, payout: Payout) -> Values:
        """The whole row: what never changes after accept, and what does."""
        place = _payout_place(payout.id)
        return {
            "shard": payout.shard,
            "id": payout.id,
            "app": payout.app,
            "reference": payout.reference,
            "amount_minor": payout.amount.minor,
            "currency": payout.amount.currency,
            "beneficiary_sealed": self.sealer.seal(codec.dump_beneficiary(payout.beneficiary), place("beneficiary")),
            "purpose_sealed": self._seal_optional(payout.purpose and payout.purpose.encode(), place("purpose")),
            "description_sealed": self._seal_optional(
                payout.description and payout.description.encode(), place("description")
            ),
            "metadata_sealed": self._seal_optional(
                codec.dump(dict(payout.metadata)) if payout.metadata else None, place("metadata")
            ),
            "created_at": payout.created_at,
            "give_up_at": payout.give_up_at,
            "preference": payout.terms.preference,
            "send_by": payout.terms.send_by,
            "on_expiry": str(payout.terms.on_expiry),
            "quote": payout.terms.quote.text() if payout.terms.quote else None,
            "send_at": payout.terms.send_at,
            "channels": None if payout.terms.channels is None else payout.terms.channels.text(),
            "payer_sealed": self._seal_optional(
                codec.dump(asdict(payout.payer)) if payout.payer else None, place("payer")
            ),
            "retry_of": payout.retry_of,
            "batch_id": payout.batch_id,
            "fence": 0,
            "crashes": 0,
            **self.changing(payout),
        }

    def changing(self, payout: Payout) -> Values:
        """The columns that a save writes."""
        closure, hold, resolution = payout.closure, payout.hold, payout.resolution
        current = payout.paying_attempt or (payout.attempts[-1] if payout.attempts else None)
        return {
            "version": payout.version,
            "last_event": payout.last_event,
            "callback_sequence": payout.callback_sequence,
            "status": str(status(payout)),
            "channel": current.channel if current else None,
            "cancel_requested_at": payout.cancel_requested_at,
            "frozen": payout.frozen,
            "hold_code": str(hold.code) if hold else None,
            "hold_at": hold.at if hold else None,
            "patient_since": payout.patient_since,
            "resolved_paid": resolution.paid if resolution else None,
            "resolved_at": resolution.at if resolution else None,
            "closed_code": str(closure.code) if closure else None,
            "closed_channel_code": closure.channel_code if closure else None,
            "closed_at": closure.at if closure else None,
            "retried_as": payout.retried_as,
            "retry_at": payout.retry_at,
            "waiting_for": str(payout.waiting_for) if payout.waiting_for else None,
        }

    def erased_payout(self, payout: Payout) -> Values:
        """What is written over a payout that was erased, beside what a save writes."""
        sealed = self.sealer.seal(codec.dump_beneficiary(payout.beneficiary), _payout_place(payout.id)("beneficiary"))
        empty = ("purpose", "purpose_sealed", "description_sealed", "metadata_sealed", "payer_sealed", "account_index")
        return {"beneficiary_sealed": sealed, "erased_at": payout.erased_at} | dict.fromkeys(empty)

    def payout(self, row: Row[Any], attempt_rows: Sequence[Row[Any]]) -> Payout:
        place = _payout_place(row.id)
        description = self._open_optional(row.description_sealed, place("description"))
        metadata = self._open_optional(row.metadata_sealed, place("metadata"))
        payer = self._open_optional(row.payer_sealed, place("payer"))
        purpose = self._open_optional(row.purpose_sealed, place("purpose"))
        closure = None
        if row.closed_code is not None:
            closure = Closure(StatusCode(row.closed_code), row.closed_at, row.closed_channel_code)
        amount = Money(row.amount_minor, row.currency)
        return Payout(
            id=row.id,
            shard=row.shard,
            app=row.app,
            reference=row.reference,
            amount=amount,
            beneficiary=codec.load_beneficiary(self.sealer.open(row.beneficiary_sealed, place("beneficiary"))),
            created_at=row.created_at,
            give_up_at=row.give_up_at,
            purpose=purpose.decode() if purpose is not None else row.purpose,
            description=description.decode() if description is not None else None,
            metadata=codec.load(metadata) if metadata is not None else {},
            terms=_terms(row),
            payer=Payer(**codec.load(payer)) if payer is not None else None,
            version=row.version,
            last_event=row.last_event,
            callback_sequence=row.callback_sequence,
            attempts=tuple(self.attempt(found, amount.currency) for found in attempt_rows),
            cancel_requested_at=row.cancel_requested_at,
            frozen=row.frozen,
            hold=Hold(HoldCode(row.hold_code), row.hold_at) if row.hold_code is not None else None,
            patient_since=row.patient_since,
            resolution=Resolution(row.resolved_paid, row.resolved_at) if row.resolved_at is not None else None,
            closure=closure,
            retry_of=row.retry_of,
            batch_id=row.batch_id,
            retried_as=row.retried_as,
            erased_at=row.erased_at,
            crashes=row.crashes,
            retry_at=row.retry_at,
            waiting_for=StatusCode(row.waiting_for) if row.waiting_for else None,
        )

    def says(self, row: Row[Any], metadata: Sequence[tuple[str, str]]) -> bool:
        """Whether the payout's metadata have all of these."""
        sealed = self._open_optional(row.metadata_sealed, _payout_place(row.id)("metadata"))
        return sealed is not None and codec.load(sealed).items() >= set(metadata)

    # Attempts ------------------------------------------------------------------------------------------------

    def new_attempt(self, payout: Payout, attempt: Attempt) -> Values:
        ground = attempt.ground
        place = _attempt_place(payout.id, attempt.number)
        return {
            "shard": payout.shard,
            "payout_id": payout.id,
            "number": attempt.number,
            "channel": attempt.channel,
            "ordinal": attempt.ordinal,
            "channel_reference": attempt.channel_reference,
            "uetr": attempt.uetr,
            "adapter": ground.adapter,
            "adapter_version": ground.adapter_version,
            "base_address": ground.base_address,
            "account_id": ground.account_id,
            "key_ids": " ".join(ground.key_ids),
            "duplicate_mode": str(ground.duplicate_mode),
            "absence": str(ground.absence),
            "repeat_window_s": ground.repeat_window_s,
            "request_sealed": self.sealer.seal(codec.dump_prepared(attempt.prepared), place("request")),
            "opened_at": attempt.opened_at,
            "decision": attempt.decision or None,
            **self.changing_attempt(payout, attempt),
        }

    def changing_attempt(self, payout: Payout, attempt: Attempt) -> Values:
        action = codec.dump_action(attempt.action) if attempt.action else None
        return {
            "state": str(attempt.state),
            "transmissions": attempt.transmissions,
            "first_sent_at": attempt.first_sent_at,
            "last_sent_at": attempt.last_sent_at,
            "channel_payout_id": attempt.channel_payout_id,
            "reason": str(attempt.reason) if attempt.reason else None,
            "channel_code": attempt.channel_code,
            "action_sealed": self._seal_optional(action, _attempt_place(payout.id, attempt.number)("action")),
            "returned_minor": attempt.returned.minor if attempt.returned else None,
            "verdict_as_of": attempt.verdict_as_of,
            "settled_at": attempt.settled_at,
            "asks": attempt.asks,
            "due_at": attempt.due_at,
            "repeat_due": attempt.repeat_due,
            "cancel_asked": attempt.cancel_asked,
            "was_unknown": attempt.was_unknown,
        }

    def attempt(self, row: Row[Any], currency: str) -> Attempt:
        place = _attempt_place(row.payout_id, row.number)
        action = self._open_optional(row.action_sealed, place("action"))
        return Attempt(
            number=row.number,
            channel=row.channel,
            ordinal=row.ordinal,
            channel_reference=row.channel_reference,
            uetr=row.uetr,
            state=AttemptState(row.state),
            ground=_ground(row),
            prepared=codec.load_prepared(self.sealer.open(row.request_sealed, place("request"))),
            opened_at=row.opened_at,
            transmissions=row.transmissions,
            first_sent_at=row.first_sent_at,
            last_sent_at=row.last_sent_at,
            channel_payout_id=row.channel_payout_id,
            reason=RejectReason(row.reason) if row.reason else None,
            channel_code=row.channel_code,
            action=codec.load_action(action) if action is not None else None,
            returned=Money(row.returned_minor, currency) if row.returned_minor is not None else None,
            verdict_as_of=row.verdict_as_of,
            settled_at=row.settled_at,
            asks=row.asks,
            due_at=row.due_at,
            repeat_due=row.repeat_due,
            cancel_asked=row.cancel_asked,
            was_unknown=row.was_unknown,
            decision=row.decision or "",
        )

    # Callbacks -----------------------------------------------------------------------------------------------

    def new_callback(self, callback: Callback) -> Values:
        return {
            "shard": callback.shard,
            "id": callback.id,
            "endpoint": callback.endpoint,
            "payout_id": callback.payout_id,
            "app": callback.app,
            "type": callback.type,
            "sequence": callback.sequence,
            "body_sealed": self.sealer.seal(callback.body, _callback_place(callback.id, callback.endpoint)),
            "created_at": callback.created_at,
            "tries": callback.tries,
            "due_at": callback.due_at,
            "delivered_at": callback.delivered_at,
            "parked_at": callback.parked_at,
        }

    def callback(self, row: Row[Any]) -> Callback:
        return Callback(
            id=row.id,
            shard=row.shard,
            payout_id=row.payout_id,
            app=row.app,
            endpoint=row.endpoint,
            type=row.type,
            sequence=row.sequence,
            body=self.sealer.open(row.body_sealed, _callback_place(row.id, row.endpoint)),
            created_at=row.created_at,
            tries=row.tries,
            due_at=row.due_at,
            delivered_at=row.delivered_at,
            parked_at=row.parked_at,
        )

    def _seal_optional(self, plain: bytes | str | None, place: str) -> bytes | None:
        return self.sealer.seal(plain, place) if isinstance(plain, bytes) else None

    def _open_optional(self, sealed: bytes | None, place: str) -> bytes | None:
        return self.sealer.open(sealed, place) if sealed is not None else None


def _terms(row: Row[Any]) -> Terms:
    return Terms(
        preference=row.preference,
        send_by=row.send_by,
        on_expiry=OnExpiry(row.on_expiry or OnExpiry.FAIL),
        quote=Quote.from_text(row.quote) if row.quote else None,
        send_at=row.send_at,
        channels=ChannelChoice.from_text(row.channels) if row.channels else None,
    )


def _ground(row: Row[Any]) -> Ground:
    return Ground(
        adapter=row.adapter,
        adapter_version=row.adapter_version,
        base_address=row.base_address,
        account_id=row.account_id,
        key_ids=tuple(row.key_ids.split()),
        duplicate_mode=DuplicateMode(row.duplicate_mode),
        absence=Absence(row.absence),
        repeat_window_s=row.repeat_window_s,
    )


def _payout_place(payout_id: str) -> Callable[[str], str]:
    return lambda column: f"payouts|{column}|{payout_id}"


def _attempt_place(payout_id: str, number: int) -> Callable[[str], str]:
    return lambda column: f"attempts|{column}|{payout_id}/{number}"


def _callback_place(callback_id: str, endpoint: str) -> str:
    return f"callbacks|body|{callback_id}/{endpoint}"
