"""Asking a channel something: a call that is safe to give up, and safe to make again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from gateway.domain.outcome import Answer, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.operations.services import Services
from gateway.operations.transmit import answer_of


async def ask(services: Services, call: Coroutine[Any, Any, Answer], how: How, total_s: float) -> Answer:
    """What it gave; past the deadline it is dropped and counts as no answer."""
    asked_at = services.clock.now()
    task = services.background.spawn(call)
    done, _ = await asyncio.wait({task}, timeout=total_s)
    if not done:
        task.cancel()
        return Answer(how, OutcomeKind.UNCLEAR, detail="no answer within the deadline", channel_fault=True)
    return replace(answer_of(task), heard=how, asked_at=asked_at)
