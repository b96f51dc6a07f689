"""A payout's story told to an auditor by hand: every commit, every byte, every booking, one line each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from adapters.sandbox.books import BookEntry
from gateway.domain.changes import open_attempt
from gateway.domain.event import Event, EventType
from gateway.domain.outcome import Answer, Finality, Heard, OutcomeKind
from gateway.domain.payout import Attempt, AttemptState, Payout
from gateway.domain.reasons import RejectReason
from gateway.simulation.audit import Auditor
from gateway.simulation.audit.deeds import (
    CallbackEnqueued,
    CallbackTried,
    Claimed,
    Deed,
    EventAppended,
    EvidenceKept,
    Inserted,
    Released,
    Saved,
    Unit,
)
from gateway.simulation.audit.graph import shown
from gateway.store.records import Callback, Delivery, Evidence, Lease
from tests.support.builders import IDENTITY_KEY, NOW, a_payout, an_opening

CHANNELS = ("alpha", "beta")
LEASE = Lease("a", 1, NOW + timedelta(minutes=1))


class Story:
    """One payout of one app in one world. Every step is as a sound gateway takes it; tests do one of them wrongly."""

    def __init__(self, *, broken_contract: bool = False) -> None:
        self.auditor = Auditor(broken_contract, CHANNELS)
        self.auditor.ids_derive_from(IDENTITY_KEY)
        self.now: datetime = NOW
        self.payout: Payout = a_payout()
        self.lease = LEASE
        self.start: int | None = None
        """Which start of its node commits; None for the newest."""
        self.auditor.node_started("a", NOW)
        self.auditor.check_now(NOW)

    @property
    def found(self) -> set[int]:
        return {violation.invariant for violation in self.auditor.violations}

    @property
    def newest(self) -> Attempt:
        return self.payout.attempts[-1]

    def wait(self, **time: float) -> Story:
        self.now += timedelta(**time)
        return self

    # What the gateway commits ----------------------------------------------------------------------------------------

    def commit(self, *deeds: Deed, node: str = "a") -> Unit:
        unit = Unit(node, self.start or self.auditor.books.starts[node], list(deeds))
        self.auditor.opened(unit)
        self.auditor.committed(unit)
        return unit

    def accepted(self, payout: Payout | None = None, *, acknowledged: bool = True) -> Story:
        """Ordered, stored, told, acknowledged."""
        self.payout = replace(payout or self.payout, callback_sequence=1)
        self.wanted()
        self.commit(
            Inserted(self.payout, self.lease),
            EventAppended(self.payout.id, Event(1, self.now, EventType.ACCEPTED, "app:acme")),
            CallbackEnqueued(self.callback("payout.accepted")),
        )
        if acknowledged:
            self.acknowledged()
        return self

    def wanted(self) -> Story:
        payout = self.payout
        self.auditor.order_wanted(payout.app, payout.reference, payout.amount, payout.beneficiary.account)
        return self

    def acknowledged(self, **other: Any) -> Story:
        payout = self.payout
        said = {"amount": payout.amount, "account": payout.beneficiary.account} | other
        self.auditor.acknowledged(payout.app, payout.reference, payout.id, **said)
        return self

    def saved(
        self,
        after: Payout,
        event: EventType | None = EventType.ATTEMPT_MOVED,
        *,
        before: Payout | None = None,
        evidence: Sequence[Evidence] = (),
        told: str | None = None,
        due: bool = True,
        lease: Lease | None = None,
        node: str = "a",
        **more: Any,
    ) -> Story:
        """A save as `record` makes it: one version more, one event, and a callback where one is due."""
        before = before or self.payout
        told = told or _announced(before, after)
        after = replace(
            after,
            version=before.version + 1,
            last_event=before.last_event + (event is not None),
            callback_sequence=before.callback_sequence + (told is not None),
        )
        deeds: list[Deed] = [EvidenceKept(after.id, each) for each in evidence]
        deeds.append(Saved(before, after, self.now if due else None, lease or self.lease))
        if event is not None:
            said = more.pop("detail", {})
            actor = more.pop("actor", "gateway")
            deeds.append(EventAppended(after.id, Event(after.last_event, self.now, event, actor, detail=said)))
        self.payout = after
        if told is not None:
            deeds.append(CallbackEnqueued(self.callback(told)))
        self.commit(*deeds, *more.pop("deeds", ()), node=node)
        return self

    def opened(self, channel: str = "alpha", **more: Any) -> Story:
        """The intent."""
        after = open_attempt(self.payout, an_opening(self.payout, channel), self.now)
        return self.saved(after, EventType.ATTEMPT_OPENED, **more)

    def heard(
        self, answer: Answer, state: AttemptState, number: int = 0, transmission_no: int = 1, **fields: Any
    ) -> Story:
        """An answer, and the state it brings."""
        number = number or self.newest.number
        kept = Evidence(number, transmission_no, self.now, answer, judged=True)
        settled = self.now if state in (AttemptState.SUCCEEDED, AttemptState.REJECTED) else None
        changed = replace(self.payout.attempt(number), state=state, settled_at=settled, **fields)
        return self.saved(self.payout.with_attempt(changed), evidence=[kept])

    def rejected(self, **fields: Any) -> Story:
        said = Answer(
            Heard.SUBMIT,
            OutcomeKind.REJECTED,
            finality=Finality.FINAL,
            reason=RejectReason.CHANNEL_UNAVAILABLE,
            raw=b"HTTP 403",
        )
        return self.heard(said, AttemptState.REJECTED, reason=RejectReason.CHANNEL_UNAVAILABLE, **fields)

    def succeeded(self) -> Story:
        return self.heard(Answer(Heard.SUBMIT, OutcomeKind.SUCCEEDED), AttemptState.SUCCEEDED)

    def unknown(self) -> Story:
        return self.heard(Answer(Heard.SUBMIT, OutcomeKind.UNCLEAR), AttemptState.UNKNOWN)

    def claimed(
        self, fence: int = 2, node: str = "b", crashes: int = 0, lasts: timedelta = timedelta(minutes=1)
    ) -> Story:
        self.lease = Lease(node, fence, self.now + lasts)
        self.commit(Claimed(self.payout.id, self.lease, crashes), node=node)
        return self

    def released(self) -> Story:
        self.commit(Released(self.payout.id, self.lease))
        return self

    # What the others do ----------------------------------------------------------------------------------------------

    def sent(self, attempt: Attempt | None = None, *, body: bytes | None = None, channel: str | None = None) -> Story:
        attempt = attempt or self.newest
        content = attempt.prepared.body if body is None else body
        self.auditor.transmitted(channel or attempt.channel, attempt.channel_reference, content, self.now, True)
        return self

    def booked(self, attempt: Attempt | None = None, *, paid_times: int = 1, **other: Any) -> Story:
        """The bank's book."""
        attempt = attempt or self.newest
        amount, account = self.payout.amount, self.payout.beneficiary.account
        facts = {"amount": amount.minor, "currency": amount.currency, "account": account} | other
        entry = BookEntry(attempt.channel_reference, "1", state="done", paid_times=paid_times, **facts)
        self.auditor.bank_moved(attempt.channel, entry, self.now)
        return self

    def looked(self) -> Story:
        self.auditor.check_now(self.now)
        return self

    def paid(self) -> Story:
        """The whole of it, as it should be."""
        return self.accepted().opened().sent().booked().succeeded().looked()

    # Callbacks -------------------------------------------------------------------------------------------------------

    def callback(self, kind: str, event_id: str = "", status: str | None = None) -> Callback:
        payout = self.payout
        told = {"id": payout.id, "reference": payout.reference, "status": status or shown(payout)}
        body = json.dumps({"type": kind, "data": {"object": told}}).encode()
        sequence = max(payout.callback_sequence, 1)
        return Callback(
            id=event_id or f"evt_{sequence}",
            shard=payout.shard,
            payout_id=payout.id,
            app=payout.app,
            endpoint="ep",
            type=kind,
            sequence=sequence,
            body=body,
            created_at=self.now,
            due_at=self.now,
        )

    def got(self, callback: Callback, *, event_id: str | None = None, body: bytes | None = None) -> Story:
        """The app has it in its hands."""
        headers = {"Webhook-Id": event_id or callback.id}
        self.auditor.callback_received(callback.app, body or callback.body, headers, self.now)
        return self

    def tried(self, callback: Callback, *more: Deed) -> Story:
        self.commit(CallbackTried(callback, Delivery(self.now, 200, "HTTP 200", 1)), *more)
        return self


def _announced(before: Payout, after: Payout) -> str | None:
    """The callback that a change of status causes."""
    return f"payout.{shown(after)}" if shown(after) != shown(before) else None
