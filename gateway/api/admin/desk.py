"""What people look at: one payout whole, lists, callbacks, the quarantine. Masked like everything that leaves us.

Built from explicit lists of fields. What a channel said is told by its code, never by its words: those may name a
payee.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from aiohttp import web

from gateway.api.admin.handlers import principal_of
from gateway.api.admin.views import Json, moment
from gateway.api.listing import one_page
from gateway.api.responses import as_json
from gateway.api.routes import Call
from gateway.domain.archived import PayoutArchived, archived_view
from gateway.domain.audit import Line
from gateway.domain.event import Event
from gateway.domain.payout import Payout
from gateway.domain.status import status
from gateway.domain.view import attempt_view, masked_view, money_view, timestamp
from gateway.operations import deliver, desk
from gateway.operations.services import Current, Services
from gateway.store.records import Delivery, Evidence, Incident

AUDIT_PAGE = 100


class Desk:
    """The handlers."""

    def __init__(self, current: Current) -> None:
        self._current = current

    @property
    def _services(self) -> Services:
        return self._current.services

    async def show(self, call: Call) -> web.StreamResponse:
        return await self._shown(desk.file_of(self._services, call.path["payout_id"]))

    async def by_reference(self, call: Call) -> web.StreamResponse:
        return await self._shown(desk.file_of_reference(self._services, call.path["app"], call.path["reference"]))

    async def _shown(self, found: Awaitable[desk.File]) -> web.StreamResponse:
        try:
            return as_json(file_view(await found))
        except PayoutArchived as gone:
            return as_json(archived_file_view(await desk.file_of_archived(self._services, gone.payout)))

    async def page(self, call: Call) -> web.StreamResponse:
        """The payouts of one app, newest first."""
        services = self._current.services
        found = await one_page(services, services.keys.fingerprint, call.path["app"], call)
        return as_json(found.view([line_view(each) for each in found.payouts]))

    async def quarantine(self, call: Call) -> web.StreamResponse:
        found = await desk.quarantine(self._current.services)
        safety, now = found.safety, self._current.services.clock.now()
        return as_json(
            {
                "object": "quarantine",
                "active": safety.quarantined,
                "since": moment(safety.quarantined_at),
                "why": safety.why or None,
                "unasked_attempts": found.unasked,
                "ask_first_until": moment(safety.ask_first_until) if safety.asks_first(now) else None,
            }
        )

    async def audit(self, call: Call) -> web.StreamResponse:
        """What people did, in its order; `since` is the last line that the caller has."""
        since = call.one("since")
        start = since if isinstance(since, int) else 0
        lines = await self._current.services.store.read(lambda tx: tx.audit(start, AUDIT_PAGE))
        return as_json({"data": [audit_view(line) for line in lines]})

    async def redeliver(self, call: Call) -> web.StreamResponse:
        """202: due now; the worker tells the app, under the event's old id."""
        payout_id, event_id = call.path["payout_id"], call.path["event_id"]
        due = await deliver.redeliver(self._current.services, payout_id, event_id, principal_of(call))
        return as_json({"data": [{"event_id": each.id, "endpoint": each.endpoint} for each in due]}, 202)


def audit_view(line: Line) -> Json:
    """One line of the audit, with the hash that binds it."""
    deed = line.deed
    return {
        "sequence": line.sequence,
        "at": timestamp(deed.at),
        "actor": deed.actor,
        "act": str(deed.act),
        "subject": deed.subject,
        "detail": _plain(deed.detail),
        "hash": line.hash.hex(),
    }


def line_view(payout: Payout) -> Json:
    """One payout in a list or an export: flat, without anything personal."""
    current = payout.current_attempt
    settled = current.settled_at if current is not None else None
    return {
        "id": payout.id,
        "app": payout.app,
        "reference": payout.reference,
        "amount": money_view(payout.amount),
        "status": str(status(payout)),
        "channel": current.channel if current else None,
        "channel_reference": current.channel_reference if current else None,
        "channel_payout_id": current.channel_payout_id if current else None,
        "attempts": len(payout.attempts),
        "created_at": timestamp(payout.created_at),
        "settled_at": moment(settled),
    }


def file_view(found: desk.File) -> Json:
    """Everything about one payout."""
    payout = found.payout
    whole = masked_view(payout)
    for own in ("metadata", "purpose"):  # the app's words, which may name anybody
        del whole[own]
    return {
        **whole,
        "app": payout.app,
        "frozen": payout.frozen,
        "hold": {"code": str(payout.hold.code), "at": timestamp(payout.hold.at)} if payout.hold else None,
        "attempts": [attempt_view(each) for each in payout.attempts],
        "timeline": [_event(each) for each in found.events],
        "evidence": [_evidence(each) for each in found.evidence],
        "incidents": [_incident(each) for each in found.incidents],
        "callbacks": [told_view(each) for each in found.callbacks],
    }


def archived_file_view(found: desk.ArchivedFile) -> Json:
    """What is left of one that was archived, in the same form."""
    kept = found.payout
    empty: Json = {name: [] for name in ("attempts", "timeline", "evidence", "callbacks")}
    whole = archived_view(kept) | {"app": kept.app, "frozen": False, "hold": None, "archive": kept.archive} | empty
    for absent in ("description", "next_action", "payer", "metadata"):
        del whole[absent]
    return whole | {"incidents": [_incident(each) for each in found.incidents]}


def _event(event: Event) -> Json:
    """With the names and the words of our people, which apps never see."""
    return {
        "sequence": event.sequence,
        "at": timestamp(event.at),
        "type": str(event.type),
        "actor": event.actor,
        "attempt": event.attempt,
        "detail": _plain(event.detail),
    }


def _plain(detail: Mapping[str, str | int | bool | None]) -> Json:
    return {name: value for name, value in detail.items() if value is not None}


def _evidence(evidence: Evidence) -> Json:
    answer = evidence.answer
    return {
        "at": timestamp(evidence.at),
        "attempt": evidence.attempt,
        "transmission": evidence.transmission_no,
        "heard": str(answer.heard),
        "said": str(answer.kind),
        "channel_code": answer.channel_code,
        "reason": str(answer.reason) if answer.reason else None,
        "as_of": moment(answer.as_of),
        "judged": evidence.judged,
        "alarm": answer.alarm,
    }


def _incident(incident: Incident) -> Json:
    return {
        "at": timestamp(incident.at),
        "kind": incident.kind,
        "attempt": incident.attempt,
        "detail": incident.detail,
    }


def told_view(told: desk.Told) -> Json:
    """One callback, and every try of it."""
    callback = told.callback
    return {
        "event_id": callback.id,
        "type": callback.type,
        "endpoint": callback.endpoint,
        "created_at": timestamp(callback.created_at),
        "tries": callback.tries,
        "due_at": moment(callback.due_at),
        "delivered_at": moment(callback.delivered_at),
        "parked_at": moment(callback.parked_at),
        "deliveries": [_delivery(each) for each in told.deliveries],
    }


def _delivery(delivery: Delivery) -> Json:
    return {
        "at": timestamp(delivery.at),
        "status": delivery.status,
        "detail": delivery.detail,
        "duration_ms": delivery.duration_ms,
    }
