"""The calls of the app developer's API that stand beside the payout itself, each group in a module of its own."""

from __future__ import annotations

from gateway.api.balances import Balances, balance_routes
from gateway.api.batches import Batches, batch_routes
from gateway.api.beneficiaries import Beneficiaries, beneficiary_routes
from gateway.api.channels import Channels, channel_routes
from gateway.api.endpoints import Endpoints, endpoint_routes
from gateway.api.events import Events, event_routes
from gateway.api.quotes import Quotes, quote_routes
from gateway.api.retries import Retries, retry_routes
from gateway.api.routes import Route
from gateway.api.state import PublicState
from gateway.api.steering import Steering, steering_routes
from gateway.api.stream import Streams, stream_routes


def calls(state: PublicState) -> tuple[Route, ...]:
    """Their routes, served with `state`."""
    return (
        *channel_routes(Channels(state)),
        *quote_routes(Quotes(state)),
        *event_routes(Events(state)),
        *endpoint_routes(Endpoints(state)),
        *stream_routes(Streams(state)),
        *retry_routes(Retries(state)),
        *balance_routes(Balances(state)),
        *batch_routes(Batches(state)),
        *beneficiary_routes(Beneficiaries(state)),
        *steering_routes(Steering(state)),
    )
