"""Every call of the API as a method, drawn from its OpenAPI document by draw_api.py. Do not edit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeVar

from paymux_client import calls, models
from paymux_client.call import Call

T = TypeVar("T")


class Methods(ABC):
    """What the blocking client can do."""

    @abstractmethod
    def do(self, call: Call[T]) -> T:
        """Carry out a call."""

    def create_payout(self, order: models.CreatePayout) -> models.Payout:
        """Order a payout, once. Needs a key with the scope `submit`."""
        return self.do(calls.create_payout(order))

    def list_payouts(
        self,
        *,
        status: Sequence[models.Status] | None = None,
        currency: str | None = None,
        channel: str | None = None,
        reference: str | None = None,
        created_gte: datetime | None = None,
        created_lt: datetime | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        expand: Sequence[Literal["attempts", "timeline"]] | None = None,
    ) -> models.PayoutPage:
        """List payouts, newest first. Needs a key with the scope `query`."""
        return self.do(
            calls.list_payouts(
                status=status,
                currency=currency,
                channel=channel,
                reference=reference,
                created_gte=created_gte,
                created_lt=created_lt,
                limit=limit,
                cursor=cursor,
                expand=expand,
            )
        )

    def get_payout(
        self, payout_id: str, *, expand: Sequence[Literal["attempts", "timeline"]] | None = None
    ) -> models.Payout:
        """Read a payout. Needs a key with the scope `query`."""
        return self.do(calls.get_payout(payout_id, expand=expand))

    def get_payout_by_reference(
        self, reference: str, *, expand: Sequence[Literal["attempts", "timeline"]] | None = None
    ) -> models.Payout:
        """Find a payout by your reference; a 404 proves nothing. Needs a key with the scope `query`."""
        return self.do(calls.get_payout_by_reference(reference, expand=expand))

    def cancel_payout(self, payout_id: str) -> models.Payout:
        """Wish a payout canceled. Needs a key with the scope `cancel`."""
        return self.do(calls.cancel_payout(payout_id))

    def list_attempts(self, payout_id: str) -> models.AttemptList:
        """Every try of a payout. Needs a key with the scope `query`."""
        return self.do(calls.list_attempts(payout_id))

    def list_timeline(self, payout_id: str) -> models.EventList:
        """Every change of a payout, and who or what caused it. Needs a key with the scope `query`."""
        return self.do(calls.list_timeline(payout_id))

    def explain_payout(self, payout_id: str, *, lang: Literal["en", "zh"] | None = None) -> models.DecisionList:
        """Why this channel: what each would have cost, and what would have changed the choice. Needs a key with the
        scope `query`.
        """
        return self.do(calls.explain_payout(payout_id, lang=lang))

    def list_channels(self) -> models.ChannelList:
        """The channels: fees, promised and measured arrival, health. Needs a key with the scope `query`."""
        return self.do(calls.list_channels())

    def create_quote(self, body: models.AskQuote) -> models.Quote:
        """Eligible channels, fee and expected arrival, before any commitment. Needs a key with the scope `query`."""
        return self.do(calls.create_quote(body))

    def list_events(
        self,
        *,
        type: Sequence[
            Literal[
                "payout.accepted",
                "payout.action_required",
                "payout.canceled",
                "payout.disputed",
                "payout.failed",
                "payout.held",
                "payout.paid",
                "payout.processing",
                "payout.returned",
                "payout.scheduled",
            ]
        ]
        | None = None,
        payout_id: str | None = None,
        created_gte: datetime | None = None,
        created_lt: datetime | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.AppEventPage:
        """What callbacks told your addresses, or will tell them, newest first. Needs a key with the scope `query`."""
        return self.do(
            calls.list_events(
                type=type,
                payout_id=payout_id,
                created_gte=created_gte,
                created_lt=created_lt,
                limit=limit,
                cursor=cursor,
            )
        )

    def get_event(self, event_id: str) -> models.AppEvent:
        """Read an event, and how far it has come. Needs a key with the scope `query`."""
        return self.do(calls.get_event(event_id))

    def redeliver_event(self, event_id: str) -> models.AppEvent:
        """Have an event sent once more, to every address that it went to. Needs a key with the scope `submit`."""
        return self.do(calls.redeliver_event(event_id))

    def retry_payout(self, payout_id: str, body: models.RetryPayout) -> models.Payout:
        """Order a failed payout again, once, under a new reference and at will to a corrected beneficiary. Needs a key
        with the scope `submit`.
        """
        return self.do(calls.retry_payout(payout_id, body))

    def steer_payout(self, payout_id: str, body: models.Steer) -> models.Payout:
        """Sandbox only: have the channel pay, refuse or return it; we hear of that as of everything. Needs a key with
        the scope `submit`.
        """
        return self.do(calls.steer_payout(payout_id, body))

    def openapi(self) -> object:
        """This document."""
        return self.do(calls.openapi())

    def docs(self) -> str:
        """This document as a page."""
        return self.do(calls.docs())

    def get_problem(self, code: str) -> models.ProblemPage:
        """What a problem means and what to do about it; a page unless JSON is asked for."""
        return self.do(calls.get_problem(code))


class AsyncMethods(ABC):
    """What the awaiting client can do."""

    @abstractmethod
    async def do(self, call: Call[T]) -> T:
        """Carry out a call."""

    async def create_payout(self, order: models.CreatePayout) -> models.Payout:
        """Order a payout, once. Needs a key with the scope `submit`."""
        return await self.do(calls.create_payout(order))

    async def list_payouts(
        self,
        *,
        status: Sequence[models.Status] | None = None,
        currency: str | None = None,
        channel: str | None = None,
        reference: str | None = None,
        created_gte: datetime | None = None,
        created_lt: datetime | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        expand: Sequence[Literal["attempts", "timeline"]] | None = None,
    ) -> models.PayoutPage:
        """List payouts, newest first. Needs a key with the scope `query`."""
        return await self.do(
            calls.list_payouts(
                status=status,
                currency=currency,
                channel=channel,
                reference=reference,
                created_gte=created_gte,
                created_lt=created_lt,
                limit=limit,
                cursor=cursor,
                expand=expand,
            )
        )

    async def get_payout(
        self, payout_id: str, *, expand: Sequence[Literal["attempts", "timeline"]] | None = None
    ) -> models.Payout:
        """Read a payout. Needs a key with the scope `query`."""
        return await self.do(calls.get_payout(payout_id, expand=expand))

    async def get_payout_by_reference(
        self, reference: str, *, expand: Sequence[Literal["attempts", "timeline"]] | None = None
    ) -> models.Payout:
        """Find a payout by your reference; a 404 proves nothing. Needs a key with the scope `query`."""
        return await self.do(calls.get_payout_by_reference(reference, expand=expand))

    async def cancel_payout(self, payout_id: str) -> models.Payout:
        """Wish a payout canceled. Needs a key with the scope `cancel`."""
        return await self.do(calls.cancel_payout(payout_id))

    async def list_attempts(self, payout_id: str) -> models.AttemptList:
        """Every try of a payout. Needs a key with the scope `query`."""
        return await self.do(calls.list_attempts(payout_id))

    async def list_timeline(self, payout_id: str) -> models.EventList:
        """Every change of a payout, and who or what caused it. Needs a key with the scope `query`."""
        return await self.do(calls.list_timeline(payout_id))

    async def explain_payout(self, payout_id: str, *, lang: Literal["en", "zh"] | None = None) -> models.DecisionList:
        """Why this channel: what each would have cost, and what would have changed the choice. Needs a key with the
        scope `query`.
        """
        return await self.do(calls.explain_payout(payout_id, lang=lang))

    async def list_channels(self) -> models.ChannelList:
        """The channels: fees, promised and measured arrival, health. Needs a key with the scope `query`."""
        return await self.do(calls.list_channels())

    async def create_quote(self, body: models.AskQuote) -> models.Quote:
        """Eligible channels, fee and expected arrival, before any commitment. Needs a key with the scope `query`."""
        return await self.do(calls.create_quote(body))

    async def list_events(
        self,
        *,
        type: Sequence[
            Literal[
                "payout.accepted",
                "payout.action_required",
                "payout.canceled",
                "payout.disputed",
                "payout.failed",
                "payout.held",
                "payout.paid",
                "payout.processing",
                "payout.returned",
                "payout.scheduled",
            ]
        ]
        | None = None,
        payout_id: str | None = None,
        created_gte: datetime | None = None,
        created_lt: datetime | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.AppEventPage:
        """What callbacks told your addresses, or will tell them, newest first. Needs a key with the scope `query`."""
        return await self.do(
            calls.list_events(
                type=type,
                payout_id=payout_id,
                created_gte=created_gte,
                created_lt=created_lt,
                limit=limit,
                cursor=cursor,
            )
        )

    async def get_event(self, event_id: str) -> models.AppEvent:
        """Read an event, and how far it has come. Needs a key with the scope `query`."""
        return await self.do(calls.get_event(event_id))

    async def redeliver_event(self, event_id: str) -> models.AppEvent:
        """Have an event sent once more, to every address that it went to. Needs a key with the scope `submit`."""
        return await self.do(calls.redeliver_event(event_id))

    async def retry_payout(self, payout_id: str, body: models.RetryPayout) -> models.Payout:
        """Order a failed payout again, once, under a new reference and at will to a corrected beneficiary. Needs a key
        with the scope `submit`.
        """
        return await self.do(calls.retry_payout(payout_id, body))

    async def steer_payout(self, payout_id: str, body: models.Steer) -> models.Payout:
        """Sandbox only: have the channel pay, refuse or return it; we hear of that as of everything. Needs a key with
        the scope `submit`.
        """
        return await self.do(calls.steer_payout(payout_id, body))

    async def openapi(self) -> object:
        """This document."""
        return await self.do(calls.openapi())

    async def docs(self) -> str:
        """This document as a page."""
        return await self.do(calls.docs())

    async def get_problem(self, code: str) -> models.ProblemPage:
        """What a problem means and what to do about it; a page unless JSON is asked for."""
        return await self.do(calls.get_problem(code))
