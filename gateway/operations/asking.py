"""Asking a channel something: a call that is safe to give up, and safe to make again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from gateway.domain.outcome import Answer, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.metrics.table import CHANNEL_DURATION, Operation
from gateway.operations.outside import Errand
from gateway.operations.services import ChannelHandle, Services
from gateway.operations.transmit import answer_of

_FOR = {How.QUERY: Operation.QUERY, How.CANCEL: Operation.CANCEL}


async def ask(services: Services, handle: ChannelHandle, call: Coroutine[Any, Any, Answer], how: How) -> Answer:
    """What it gave; past the channel's deadline it is dropped and counts as no answer."""
    asked_at, asked_at_s = services.clock.now(), services.clock.monotonic()
    task = services.background.spawn(call)
    with services.outside.wait_for(handle.channel.name, Errand.QUESTION, handle.policy.in_flight):
        done, _ = await asyncio.wait({task}, timeout=handle.timeouts.total_s)
    took_s = services.clock.monotonic() - asked_at_s
    services.meter.observe(CHANNEL_DURATION, took_s, handle.channel.name, _FOR[how])
    if not done:
        task.cancel()
        return Answer(how, OutcomeKind.UNCLEAR, detail="no answer within the deadline", channel_fault=True)
    return replace(answer_of(task), heard=how, asked_at=asked_at)
