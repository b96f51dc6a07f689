"""Every call of the API as a value, drawn from its OpenAPI document by draw_api.py. Do not edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from paymux_client import models
from paymux_client.call import Call, as_json, as_text, nothing, pairs, path, reads
from paymux_client.reading import body_of


def create_payout(order: models.CreatePayout) -> Call[models.Payout]:
    """Order a payout, once. Needs a key with the scope `submit`."""
    return Call("POST", "/v1/payouts", reads(models.Payout), body=body_of(order), repeatable=True)


def list_payouts(
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
) -> Call[models.PayoutPage]:
    """List payouts, newest first. Needs a key with the scope `query`."""
    return Call(
        "GET",
        "/v1/payouts",
        reads(models.PayoutPage),
        query=pairs(
            ("status", status),
            ("currency", currency),
            ("channel", channel),
            ("reference", reference),
            ("batch_id", batch_id),
            ("created_gte", created_gte),
            ("created_lt", created_lt),
            ("metadata", metadata),
            ("limit", limit),
            ("cursor", cursor),
            ("expand", expand),
            joined=frozenset({"expand"}),
        ),
        repeatable=True,
    )


def get_payout(
    payout_id: str, *, expand: Sequence[Literal["attempts", "timeline"]] | None = None
) -> Call[models.Payout]:
    """Read a payout. Needs a key with the scope `query`."""
    return Call(
        "GET",
        path("/v1/payouts/{payout_id}", payout_id=payout_id),
        reads(models.Payout),
        query=pairs(("expand", expand), joined=frozenset({"expand"})),
        repeatable=True,
    )


def get_payout_by_reference(
    reference: str, *, expand: Sequence[Literal["attempts", "timeline"]] | None = None
) -> Call[models.Payout]:
    """Find a payout by your reference; a 404 proves nothing. Needs a key with the scope `query`."""
    return Call(
        "GET",
        path("/v1/payouts/by-reference/{reference}", reference=reference),
        reads(models.Payout),
        query=pairs(("expand", expand), joined=frozenset({"expand"})),
        repeatable=True,
    )


def cancel_payout(payout_id: str) -> Call[models.Payout]:
    """Wish a payout canceled. Needs a key with the scope `cancel`."""
    return Call(
        "POST", path("/v1/payouts/{payout_id}/cancel", payout_id=payout_id), reads(models.Payout), repeatable=True
    )


def list_attempts(payout_id: str) -> Call[models.AttemptList]:
    """Every try of a payout. Needs a key with the scope `query`."""
    return Call(
        "GET", path("/v1/payouts/{payout_id}/attempts", payout_id=payout_id), reads(models.AttemptList), repeatable=True
    )


def list_timeline(payout_id: str) -> Call[models.EventList]:
    """Every change of a payout, and who or what caused it. Needs a key with the scope `query`."""
    return Call(
        "GET", path("/v1/payouts/{payout_id}/timeline", payout_id=payout_id), reads(models.EventList), repeatable=True
    )


def explain_payout(payout_id: str, *, lang: Literal["en", "zh"] | None = None) -> Call[models.DecisionList]:
    """Why this channel: what each would have cost, and what would have changed the choice. Needs a key with the scope
    `query`.
    """
    return Call(
        "GET",
        path("/v1/payouts/{payout_id}/decision", payout_id=payout_id),
        reads(models.DecisionList),
        query=pairs(("lang", lang)),
        repeatable=True,
    )


def list_channels() -> Call[models.ChannelList]:
    """The channels: fees, promised and measured arrival, health. Needs a key with the scope `query`."""
    return Call("GET", "/v1/channels", reads(models.ChannelList), repeatable=True)


def create_quote(body: models.AskQuote) -> Call[models.Quote]:
    """Eligible channels, fee and expected arrival, before any commitment. Needs a key with the scope `query`."""
    return Call("POST", "/v1/quotes", reads(models.Quote), body=body_of(body), repeatable=True)


def list_events(
    *,
    type: Sequence[str] | None = None,
    payout_id: str | None = None,
    created_gte: datetime | None = None,
    created_lt: datetime | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[models.AppEventPage]:
    """What callbacks told your addresses, or will tell them, newest first. Needs a key with the scope `query`."""
    return Call(
        "GET",
        "/v1/events",
        reads(models.AppEventPage),
        query=pairs(
            ("type", type),
            ("payout_id", payout_id),
            ("created_gte", created_gte),
            ("created_lt", created_lt),
            ("limit", limit),
            ("cursor", cursor),
        ),
        repeatable=True,
    )


def get_event(event_id: str) -> Call[models.AppEvent]:
    """Read an event, and how far it has come. Needs a key with the scope `query`."""
    return Call("GET", path("/v1/events/{event_id}", event_id=event_id), reads(models.AppEvent), repeatable=True)


def redeliver_event(event_id: str) -> Call[models.AppEvent]:
    """Have an event sent once more, to every address that it went to. Needs a key with the scope `submit`."""
    return Call("POST", path("/v1/events/{event_id}/redeliver", event_id=event_id), reads(models.AppEvent))


def create_callback_endpoint(
    body: models.CreateEndpoint, *, idempotency_key: str | None = None
) -> Call[models.NewEndpoint]:
    """Have callbacks sent to a URL; its secret is shown this once. Needs a key with the scope `callbacks`."""
    return Call(
        "POST",
        "/v1/callback_endpoints",
        reads(models.NewEndpoint),
        headers=pairs(("Idempotency-Key", idempotency_key)),
        body=body_of(body),
    )


def list_callback_endpoints() -> Call[models.EndpointList]:
    """Where callbacks go: what the operator configured, then what you made. Needs a key with the scope `query`."""
    return Call("GET", "/v1/callback_endpoints", reads(models.EndpointList), repeatable=True)


def get_callback_endpoint(endpoint_id: str) -> Call[models.Endpoint]:
    """Read a callback endpoint, and how it does. Needs a key with the scope `query`."""
    return Call(
        "GET",
        path("/v1/callback_endpoints/{endpoint_id}", endpoint_id=endpoint_id),
        reads(models.Endpoint),
        repeatable=True,
    )


def delete_callback_endpoint(endpoint_id: str) -> Call[None]:
    """Send nothing there any more; what was not delivered can be sent to another endpoint. Needs a key with the scope
    `callbacks`.
    """
    return Call("DELETE", path("/v1/callback_endpoints/{endpoint_id}", endpoint_id=endpoint_id), nothing, accept="*/*")


def test_callback_endpoint(endpoint_id: str) -> Call[models.TriedOut]:
    """Send a signed test event, and see what comes back. Needs a key with the scope `callbacks`."""
    return Call(
        "POST", path("/v1/callback_endpoints/{endpoint_id}/test", endpoint_id=endpoint_id), reads(models.TriedOut)
    )


def rotate_callback_secret(
    endpoint_id: str, body: models.RotateSecret, *, idempotency_key: str | None = None
) -> Call[models.NewEndpoint]:
    """Sign with new keys, and for a while with the old ones beside; the new secret is shown this once. Needs a key
    with the scope `callbacks`.
    """
    return Call(
        "POST",
        path("/v1/callback_endpoints/{endpoint_id}/rotate_secret", endpoint_id=endpoint_id),
        reads(models.NewEndpoint),
        headers=pairs(("Idempotency-Key", idempotency_key)),
        body=body_of(body),
    )


def recover_events(endpoint_id: str, body: models.RecoverEvents) -> Call[models.Recovered]:
    """Have a window of events sent there, also those that only went elsewhere; enables a disabled one. Needs a key
    with the scope `callbacks`.
    """
    return Call(
        "POST",
        path("/v1/callback_endpoints/{endpoint_id}/recover", endpoint_id=endpoint_id),
        reads(models.Recovered),
        body=body_of(body),
    )


def list_deliveries(
    endpoint_id: str, *, status: models.CallbackStand | None = None, limit: int | None = None, cursor: str | None = None
) -> Call[models.EndpointDeliveryPage]:
    """What was and will be sent there, word for word, with every try. Needs a key with the scope `query`."""
    return Call(
        "GET",
        path("/v1/callback_endpoints/{endpoint_id}/deliveries", endpoint_id=endpoint_id),
        reads(models.EndpointDeliveryPage),
        query=pairs(("status", status), ("limit", limit), ("cursor", cursor)),
        repeatable=True,
    )


def retry_payout(payout_id: str, body: models.RetryPayout) -> Call[models.Payout]:
    """Order a failed payout again, once, under a new reference and at will to a corrected beneficiary. Needs a key
    with the scope `submit`.
    """
    return Call(
        "POST",
        path("/v1/payouts/{payout_id}/retry", payout_id=payout_id),
        reads(models.Payout),
        body=body_of(body),
        repeatable=True,
    )


def list_balances() -> Call[models.BalanceList]:
    """Whether channels have money for more payouts. Needs a key with the scope `query`."""
    return Call("GET", "/v1/balances", reads(models.BalanceList), repeatable=True)


def create_batch(body: models.CreateBatch, *, reference: str | None = None) -> Call[models.Batch]:
    """Order many payouts in one call, as JSON or as CSV. Needs a key with the scope `submit`."""
    return Call(
        "POST",
        "/v1/batches",
        reads(models.Batch),
        query=pairs(("reference", reference)),
        body=body_of(body),
        repeatable=True,
    )


def create_batch_csv(csv: bytes, *, reference: str | None = None) -> Call[models.Batch]:
    """Order many payouts in one call, as JSON or as CSV. Needs a key with the scope `submit`."""
    return Call(
        "POST",
        "/v1/batches",
        reads(models.Batch),
        query=pairs(("reference", reference)),
        body=csv,
        content_type="text/csv",
        repeatable=True,
    )


def get_batch(batch_id: str) -> Call[models.Batch]:
    """Read a batch: how far it is. Needs a key with the scope `query`."""
    return Call("GET", path("/v1/batches/{batch_id}", batch_id=batch_id), reads(models.Batch), repeatable=True)


def list_batch_items(
    batch_id: str, *, status: models.ItemStatus | None = None, limit: int | None = None, cursor: str | None = None
) -> Call[models.BatchItemPage]:
    """What became of each item: its payout, or its faults. Needs a key with the scope `query`."""
    return Call(
        "GET",
        path("/v1/batches/{batch_id}/items", batch_id=batch_id),
        reads(models.BatchItemPage),
        query=pairs(("status", status), ("limit", limit), ("cursor", cursor)),
        repeatable=True,
    )


def create_beneficiary(
    body: models.CreateBeneficiary, *, idempotency_key: str | None = None
) -> Call[models.Beneficiary]:
    """Save a beneficiary, once, to name it by its id in orders. Needs a key with the scope `submit`."""
    return Call(
        "POST",
        "/v1/beneficiaries",
        reads(models.Beneficiary),
        headers=pairs(("Idempotency-Key", idempotency_key)),
        body=body_of(body),
        repeatable=True,
    )


def list_beneficiaries(*, limit: int | None = None, cursor: str | None = None) -> Call[models.BeneficiaryPage]:
    """List saved beneficiaries, newest first. Needs a key with the scope `query`."""
    return Call(
        "GET",
        "/v1/beneficiaries",
        reads(models.BeneficiaryPage),
        query=pairs(("limit", limit), ("cursor", cursor)),
        repeatable=True,
    )


def get_beneficiary(beneficiary_id: str) -> Call[models.Beneficiary]:
    """Read a saved beneficiary. Needs a key with the scope `query`."""
    return Call(
        "GET",
        path("/v1/beneficiaries/{beneficiary_id}", beneficiary_id=beneficiary_id),
        reads(models.Beneficiary),
        repeatable=True,
    )


def delete_beneficiary(beneficiary_id: str) -> Call[None]:
    """Delete a saved beneficiary; payouts to it have copies of their own. Needs a key with the scope `submit`."""
    return Call(
        "DELETE", path("/v1/beneficiaries/{beneficiary_id}", beneficiary_id=beneficiary_id), nothing, accept="*/*"
    )


def steer_payout(payout_id: str, body: models.Steer) -> Call[models.Payout]:
    """Sandbox only: have the channel pay, refuse or return it; we hear of that as of everything. Needs a key with the
    scope `submit`.
    """
    return Call(
        "POST",
        path("/v1/sandbox/payouts/{payout_id}/transition", payout_id=payout_id),
        reads(models.Payout),
        body=body_of(body),
    )


def openapi() -> Call[object]:
    """This document."""
    return Call("GET", "/openapi.json", as_json, repeatable=True)


def docs() -> Call[str]:
    """This document as a page."""
    return Call("GET", "/docs", as_text, accept="text/html", repeatable=True)


def get_problem(code: str) -> Call[models.ProblemPage]:
    """What a problem means and what to do about it; a page unless JSON is asked for."""
    return Call("GET", path("/problems/{code}", code=code), reads(models.ProblemPage), repeatable=True)
