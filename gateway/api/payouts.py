"""The payout calls: JSON to a domain request, an operation, and its answer as the view that apps may see."""

from __future__ import annotations

from collections.abc import Awaitable, Collection

import structlog
from aiohttp import web

from gateway.api import quote_token
from gateway.api.configured import faults_of, faults_of_channels, faults_of_time
from gateway.api.decisions import decision_views
from gateway.api.flags import mixes_scripts
from gateway.api.listing import one_page
from gateway.api.payees import UNKNOWN, as_named, who
from gateway.api.problems import Code, Fault, Refused
from gateway.api.reading import read as read_body
from gateway.api.responses import as_json
from gateway.api.routes import Call
from gateway.api.schemas import CreatePayout
from gateway.api.state import PublicState
from gateway.domain.archived import PayoutArchived, archived_view
from gateway.domain.beneficiary import Beneficiary
from gateway.domain.errors import NotFound
from gateway.domain.event import Event
from gateway.domain.payout import Payout
from gateway.domain.quote import Quote
from gateway.domain.status import Status, status
from gateway.domain.view import Json, attempt_view, payout_view, timestamp
from gateway.operations import accept, cancel, read
from gateway.operations.quoting import Wish
from routing.explain import Language

_log = structlog.get_logger("api")


class Payouts:
    """Handlers of /v1/payouts. Each passes the caller's app on: a foreign payout is not there."""

    def __init__(self, state: PublicState) -> None:
        self._state = state

    async def create(self, call: Call) -> web.StreamResponse:
        try:
            return await self._create(call)
        except PayoutArchived as known:
            return as_json(archived_view(known.payout), 200, {"Idempotent-Replayed": "true"})

    async def _create(self, call: Call) -> web.StreamResponse:
        order = read_body(CreatePayout, call.body)
        amount, named = order.money(), order.payee()
        payee = await who(self._state, call.app, named, order.reference)
        if payee is None:
            raise Refused(Code.INVALID_REQUEST, faults=[UNKNOWN, *self._faults(call.app, order, None)])
        quote = self._quote(call.app, order, payee)
        await self._check(call.app, order, quote)
        mark, now_s = self._state.alikes.mark(call.app, amount, payee), self._state.services.clock.monotonic()
        flags = self._flags(payee, self._state.alikes.earlier(mark, now_s))
        accepted = await accept.accept(
            self._state.services,
            accept.PayoutRequest(
                app=call.app,
                reference=order.reference,
                amount=amount,
                beneficiary=payee,
                purpose=order.purpose,
                description=order.description,
                metadata=order.metadata,
                terms=order.terms(quote),
                payer=None if order.payer is None else order.payer.payer(),
                flags=flags,
                caller=call.request.headers.get("traceparent"),
                saved=as_named(named),
            ),
            call.first_use,
        )
        view = payout_view(accepted.payout)
        if accepted.replayed:
            return as_json(view, 200, {"Idempotent-Replayed": "true"})
        self._state.alikes.note(mark, accepted.payout.id, now_s)
        self._state.backlog.came(call.app)
        if flags:
            _log.info("payout.flagged", payout=accepted.payout.id, app=call.app, flags=sorted(flags))
        return as_json(view, 201, {"Location": f"/v1/payouts/{accepted.payout.id}"})

    def _quote(self, app: str, order: CreatePayout, payee: Beneficiary) -> Quote | None:
        """What the app was quoted, expired or not. Raises `Refused` for what is no quote of this payout."""
        if order.quote_id is None:
            return None
        wish = Wish(app, order.money(), payee.kind, order.preference)
        return quote_token.read(self._state.cursor_key, wish, order.quote_id)

    async def _check(self, app: str, order: CreatePayout, quote: Quote | None) -> None:
        """What the configuration has against it. A reference that is known is answered whatever that says now: the
        payout may be on its way. Raises `Refused`, with every fault."""
        now = self._state.services.clock.now()
        faults = self._faults(app, order, quote)
        refused = Refused(Code.INVALID_REQUEST, faults=faults) if faults else None
        if refused is None and quote is not None and quote.expires_at <= now:
            refused = Refused(Code.QUOTE_EXPIRED)
        refused = refused or await self._state.backlog.refusal(self._state.services, app, self._state.doors.backlog)
        if refused is None:
            return
        try:
            await read.by_reference(self._state.services, app, order.reference)
        except NotFound:
            raise refused from None
        except PayoutArchived:
            return  # known all the same: whether with this content, is seen when it is taken in

    def _faults(self, app: str, order: CreatePayout, quote: Quote | None) -> list[Fault]:
        faults = faults_of(self._state, app, order.money(), order.preference)
        faults += faults_of_channels(self._state, order.channels)
        return faults + faults_of_time(order.send_at, quote, self._state.services.clock.now())

    @staticmethod
    def _flags(payee: Beneficiary, alike: str | None) -> dict[str, str | bool]:
        """What is pointed out and not refused (rows 41 and 48)."""
        flags: dict[str, str | bool] = {}
        if payee.name is not None and mixes_scripts(payee.name):
            flags["mixed_scripts"] = True
        if alike is not None:
            flags["possible_duplicate_of"] = alike
        return flags

    async def get(self, call: Call) -> web.StreamResponse:
        return await self._shown(call, read.get(self._state.services, call.app, call.path["payout_id"]))

    async def by_reference(self, call: Call) -> web.StreamResponse:
        return await self._shown(call, read.by_reference(self._state.services, call.app, call.path["reference"]))

    async def _shown(self, call: Call, found: Awaitable[Payout]) -> web.StreamResponse:
        try:
            return as_json(await self._expanded(call, await found))
        except PayoutArchived as kept:
            return as_json(archived_view(kept.payout))

    async def page(self, call: Call) -> web.StreamResponse:
        found = await one_page(self._state.services, self._state.cursor_key, call.app, call)
        return as_json(found.view([await self._expanded(call, payout) for payout in found.payouts]))

    async def cancel(self, call: Call) -> web.StreamResponse:
        """200 once canceled, 202 while that is only a wish."""
        payout = await cancel.cancel(self._state.services, call.app, call.path["payout_id"])
        return as_json(payout_view(payout), 200 if status(payout) is Status.CANCELED else 202)

    async def attempts(self, call: Call) -> web.StreamResponse:
        payout = await read.get(self._state.services, call.app, call.path["payout_id"])
        return as_json({"data": _attempts(payout)})

    async def timeline(self, call: Call) -> web.StreamResponse:
        return as_json({"data": await self._timeline(call.app, call.path["payout_id"])})

    async def decision(self, call: Call) -> web.StreamResponse:
        payout = await read.get(self._state.services, call.app, call.path["payout_id"])
        language = call.one("lang")
        return as_json(
            {"data": decision_views(payout, language if isinstance(language, Language) else Language.ENGLISH)}
        )

    async def _expanded(self, call: Call, payout: Payout) -> Json:
        """The payout with the sub-lists that `expand` asks for."""
        view = payout_view(payout)
        wanted = call.one("expand")
        chosen: Collection[object] = wanted if isinstance(wanted, frozenset) else ()
        if "attempts" in chosen:
            view["attempts"] = _attempts(payout)
        if "timeline" in chosen:
            view["timeline"] = await self._timeline(call.app, payout.id)
        return view

    async def _timeline(self, app: str, payout_id: str) -> list[Json]:
        return [event_view(event) for event in await read.timeline(self._state.services, app, payout_id)]


def event_view(event: Event) -> Json:
    """One line of the timeline. Who of our people decided, and their words about it, are not for the app."""
    by_people = event.actor.startswith("person:")
    return {
        "sequence": event.sequence,
        "at": timestamp(event.at),
        "type": str(event.type),
        "actor": "person" if by_people else event.actor,
        "attempt": event.attempt,
        "detail": {"kind": event.detail.get("kind")} if by_people else dict(event.detail),
    }


def _attempts(payout: Payout) -> list[Json]:
    return [attempt_view(attempt) for attempt in payout.attempts]
