"""Every call of the API as a method, drawn from its OpenAPI document by draw_api.py. Do not edit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
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
        batch_id: str | None = None,
        created_gte: datetime | None = None,
        created_lt: datetime | None = None,
        metadata: Mapping[str, str] | None = None,
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
                batch_id=batch_id,
                created_gte=created_gte,
                created_lt=created_lt,
                metadata=metadata,
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
        type: Sequence[str] | None = None,
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

    def create_callback_endpoint(
        self, body: models.CreateEndpoint, *, idempotency_key: str | None = None
    ) -> models.NewEndpoint:
        """Have callbacks sent to a URL; its secret is shown this once. Needs a key with the scope `callbacks`."""
        return self.do(calls.create_callback_endpoint(body, idempotency_key=idempotency_key))

    def list_callback_endpoints(self) -> models.EndpointList:
        """Where callbacks go: what the operator configured, then what you made. Needs a key with the scope `query`."""
        return self.do(calls.list_callback_endpoints())

    def get_callback_endpoint(self, endpoint_id: str) -> models.Endpoint:
        """Read a callback endpoint, and how it does. Needs a key with the scope `query`."""
        return self.do(calls.get_callback_endpoint(endpoint_id))

    def delete_callback_endpoint(self, endpoint_id: str) -> None:
        """Send nothing there any more; what was not delivered can be sent to another endpoint. Needs a key with the
        scope `callbacks`.
        """
        return self.do(calls.delete_callback_endpoint(endpoint_id))

    def test_callback_endpoint(self, endpoint_id: str) -> models.TriedOut:
        """Send a signed test event, and see what comes back. Needs a key with the scope `callbacks`."""
        return self.do(calls.test_callback_endpoint(endpoint_id))

    def rotate_callback_secret(
        self, endpoint_id: str, body: models.RotateSecret, *, idempotency_key: str | None = None
    ) -> models.NewEndpoint:
        """Sign with new keys, and for a while with the old ones beside; the new secret is shown this once. Needs a key
        with the scope `callbacks`.
        """
        return self.do(calls.rotate_callback_secret(endpoint_id, body, idempotency_key=idempotency_key))

    def recover_events(self, endpoint_id: str, body: models.RecoverEvents) -> models.Recovered:
        """Have a window of events sent there, also those that only went elsewhere; enables a disabled one. Needs a key
        with the scope `callbacks`.
        """
        return self.do(calls.recover_events(endpoint_id, body))

    def list_deliveries(
        self,
        endpoint_id: str,
        *,
        status: models.CallbackStand | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.EndpointDeliveryPage:
        """What was and will be sent there, word for word, with every try. Needs a key with the scope `query`."""
        return self.do(calls.list_deliveries(endpoint_id, status=status, limit=limit, cursor=cursor))

    def retry_payout(self, payout_id: str, body: models.RetryPayout) -> models.Payout:
        """Order a failed payout again, once, under a new reference and at will to a corrected beneficiary. Needs a key
        with the scope `submit`.
        """
        return self.do(calls.retry_payout(payout_id, body))

    def list_balances(self) -> models.BalanceList:
        """Whether channels have money for more payouts. Needs a key with the scope `query`."""
        return self.do(calls.list_balances())

    def create_batch(self, body: models.CreateBatch, *, reference: str | None = None) -> models.Batch:
        """Order many payouts in one call, as JSON or as CSV. Needs a key with the scope `submit`."""
        return self.do(calls.create_batch(body, reference=reference))

    def create_batch_csv(self, csv: bytes, *, reference: str | None = None) -> models.Batch:
        """Order many payouts in one call, as JSON or as CSV. Needs a key with the scope `submit`."""
        return self.do(calls.create_batch_csv(csv, reference=reference))

    def get_batch(self, batch_id: str) -> models.Batch:
        """Read a batch: how far it is. Needs a key with the scope `query`."""
        return self.do(calls.get_batch(batch_id))

    def list_batch_items(
        self,
        batch_id: str,
        *,
        status: models.ItemStatus | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.BatchItemPage:
        """What became of each item: its payout, or its faults. Needs a key with the scope `query`."""
        return self.do(calls.list_batch_items(batch_id, status=status, limit=limit, cursor=cursor))

    def create_beneficiary(
        self, body: models.CreateBeneficiary, *, idempotency_key: str | None = None
    ) -> models.Beneficiary:
        """Save a beneficiary, once, to name it by its id in orders. Needs a key with the scope `submit`."""
        return self.do(calls.create_beneficiary(body, idempotency_key=idempotency_key))

    def list_beneficiaries(self, *, limit: int | None = None, cursor: str | None = None) -> models.BeneficiaryPage:
        """List saved beneficiaries, newest first. Needs a key with the scope `query`."""
        return self.do(calls.list_beneficiaries(limit=limit, cursor=cursor))

    def get_beneficiary(self, beneficiary_id: str) -> models.Beneficiary:
        """Read a saved beneficiary. Needs a key with the scope `query`."""
        return self.do(calls.get_beneficiary(beneficiary_id))

    def delete_beneficiary(self, beneficiary_id: str) -> None:
        """Delete a saved beneficiary; payouts to it have copies of their own. Needs a key with the scope `submit`."""
        return self.do(calls.delete_beneficiary(beneficiary_id))

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
        batch_id: str | None = None,
        created_gte: datetime | None = None,
        created_lt: datetime | None = None,
        metadata: Mapping[str, str] | None = None,
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
                batch_id=batch_id,
                created_gte=created_gte,
                created_lt=created_lt,
                metadata=metadata,
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
        type: Sequence[str] | None = None,
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

    async def create_callback_endpoint(
        self, body: models.CreateEndpoint, *, idempotency_key: str | None = None
    ) -> models.NewEndpoint:
        """Have callbacks sent to a URL; its secret is shown this once. Needs a key with the scope `callbacks`."""
        return await self.do(calls.create_callback_endpoint(body, idempotency_key=idempotency_key))

    async def list_callback_endpoints(self) -> models.EndpointList:
        """Where callbacks go: what the operator configured, then what you made. Needs a key with the scope `query`."""
        return await self.do(calls.list_callback_endpoints())

    async def get_callback_endpoint(self, endpoint_id: str) -> models.Endpoint:
        """Read a callback endpoint, and how it does. Needs a key with the scope `query`."""
        return await self.do(calls.get_callback_endpoint(endpoint_id))

    async def delete_callback_endpoint(self, endpoint_id: str) -> None:
        """Send nothing there any more; what was not delivered can be sent to another endpoint. Needs a key with the
        scope `callbacks`.
        """
        return await self.do(calls.delete_callback_endpoint(endpoint_id))

    async def test_callback_endpoint(self, endpoint_id: str) -> models.TriedOut:
        """Send a signed test event, and see what comes back. Needs a key with the scope `callbacks`."""
        return await self.do(calls.test_callback_endpoint(endpoint_id))

    async def rotate_callback_secret(
        self, endpoint_id: str, body: models.RotateSecret, *, idempotency_key: str | None = None
    ) -> models.NewEndpoint:
        """Sign with new keys, and for a while with the old ones beside; the new secret is shown this once. Needs a key
        with the scope `callbacks`.
        """
        return await self.do(calls.rotate_callback_secret(endpoint_id, body, idempotency_key=idempotency_key))

    async def recover_events(self, endpoint_id: str, body: models.RecoverEvents) -> models.Recovered:
        """Have a window of events sent there, also those that only went elsewhere; enables a disabled one. Needs a key
        with the scope `callbacks`.
        """
        return await self.do(calls.recover_events(endpoint_id, body))

    async def list_deliveries(
        self,
        endpoint_id: str,
        *,
        status: models.CallbackStand | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.EndpointDeliveryPage:
        """What was and will be sent there, word for word, with every try. Needs a key with the scope `query`."""
        return await self.do(calls.list_deliveries(endpoint_id, status=status, limit=limit, cursor=cursor))

    async def retry_payout(self, payout_id: str, body: models.RetryPayout) -> models.Payout:
        """Order a failed payout again, once, under a new reference and at will to a corrected beneficiary. Needs a key
        with the scope `submit`.
        """
        return await self.do(calls.retry_payout(payout_id, body))

    async def list_balances(self) -> models.BalanceList:
        """Whether channels have money for more payouts. Needs a key with the scope `query`."""
        return await self.do(calls.list_balances())

    async def create_batch(self, body: models.CreateBatch, *, reference: str | None = None) -> models.Batch:
        """Order many payouts in one call, as JSON or as CSV. Needs a key with the scope `submit`."""
        return await self.do(calls.create_batch(body, reference=reference))

    async def create_batch_csv(self, csv: bytes, *, reference: str | None = None) -> models.Batch:
        """Order many payouts in one call, as JSON or as CSV. Needs a key with the scope `submit`."""
        return await self.do(calls.create_batch_csv(csv, reference=reference))

    async def get_batch(self, batch_id: str) -> models.Batch:
        """Read a batch: how far it is. Needs a key with the scope `query`."""
        return await self.do(calls.get_batch(batch_id))

    async def list_batch_items(
        self,
        batch_id: str,
        *,
        status: models.ItemStatus | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.BatchItemPage:
        """What became of each item: its payout, or its faults. Needs a key with the scope `query`."""
        return await self.do(calls.list_batch_items(batch_id, status=status, limit=limit, cursor=cursor))

    async def create_beneficiary(
        self, body: models.CreateBeneficiary, *, idempotency_key: str | None = None
    ) -> models.Beneficiary:
        """Save a beneficiary, once, to name it by its id in orders. Needs a key with the scope `submit`."""
        return await self.do(calls.create_beneficiary(body, idempotency_key=idempotency_key))

    async def list_beneficiaries(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> models.BeneficiaryPage:
        """List saved beneficiaries, newest first. Needs a key with the scope `query`."""
        return await self.do(calls.list_beneficiaries(limit=limit, cursor=cursor))

    async def get_beneficiary(self, beneficiary_id: str) -> models.Beneficiary:
        """Read a saved beneficiary. Needs a key with the scope `query`."""
        return await self.do(calls.get_beneficiary(beneficiary_id))

    async def delete_beneficiary(self, beneficiary_id: str) -> None:
        """Delete a saved beneficiary; payouts to it have copies of their own. Needs a key with the scope `submit`."""
        return await self.do(calls.delete_beneficiary(beneficiary_id))

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
