"""The sandbox only: have a payout's channel do something. It acts in the channel's books, never in ours."""

from __future__ import annotations

import structlog

from adapters.steering import NotSteered, Steerable, Transition
from gateway.domain.errors import TransitionRefused
from gateway.domain.payout import Payout
from gateway.operations import read
from gateway.operations.services import Services

log: structlog.stdlib.BoundLogger = structlog.get_logger()


async def steer(services: Services, app: str, payout_id: str, to: Transition) -> Payout:
    """The payout as it is for us, which is no other than before: what was done at the channel is told, or asked for.

    Raises:
        NotFound: not this app's.
        TransitionRefused: nothing of it is at a channel, the channel has no such power, or cannot do that now.
    """
    payout = await read.get(services, app, payout_id)
    attempt = payout.current_attempt
    if attempt is None or not attempt.transmitted:
        raise TransitionRefused("nothing of it is at a channel")
    handle = services.channels.get(attempt.channel)
    if handle is None or not isinstance(handle.channel, Steerable):
        raise TransitionRefused(f"{attempt.channel} is steered by its sandbox's own control surface")
    try:
        await handle.channel.steer(attempt.channel_reference, to)
    except NotSteered as error:
        raise TransitionRefused(str(error)) from error
    log.info("sandbox.steered", payout=payout.id, channel=attempt.channel, to=str(to))
    return payout
