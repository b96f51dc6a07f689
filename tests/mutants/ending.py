"""Mutants of how a payout ends and what its app hears (R8, R12, R19, R20, I4, I37, I40, I42)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from gateway.callbacks import body
from gateway.callbacks.schedule import Again
from gateway.domain import changes
from gateway.domain.payout import Payout
from gateway.domain.reasons import StatusCode
from gateway.domain.status import Status, StatusReason
from gateway.domain.steps import Close, Step
from gateway.operations import advance, announce, deliver, observe, record, review
from tests.mutants.mutant import Mutant, everywhere, mutant, swapped, wrapped


def _wish_is_status(status: Any) -> Any:
    """A wish is shown as a deed, whatever is under way."""
    return lambda payout: Status.CANCELED if payout.cancel_requested_at is not None else status(payout)


def _wish_is_granted(payout: Payout, now: datetime) -> Payout:
    if payout.cancel_requested_at is None or payout.closure is not None:
        return payout
    return changes.close(payout, StatusReason(StatusCode.CANCELED_BY_APP), now)


def _end_in_time(next_step: Any) -> Any:
    """The deadline ends a payout, attempt or not."""

    def planning(payout: Payout, now: datetime, policy: Any) -> Step:
        late = payout.give_up_at <= now and payout.closure is None and payout.live_attempt is not None
        return Close(StatusReason(StatusCode.CHANNEL_UNAVAILABLE)) if late else next_step(payout, now, policy)

    return planning


def _hold_is_failure(payout: Payout, _code: Any, now: datetime) -> Payout:
    return changes.close(payout, StatusReason(StatusCode.OUTCOME_UNKNOWN), now)


def _renamed(original: Any) -> Any:
    async def delivering(services: Any, sender: Any, callback: Any, jitter: Any) -> Any:
        return await original(services, _Renaming(sender, callback.tries), callback, jitter)

    return delivering


class _Renaming:
    """Every try gets an id of its own."""

    def __init__(self, sender: Any, tries: int) -> None:
        self._sender = sender
        self._tries = tries

    async def send(self, endpoint: Any, message_id: str, content: bytes) -> Any:
        named = f"{message_id}x{self._tries}" if self._tries else message_id
        return await self._sender.send(endpoint, named, content)


def _rebuilt(original: Any) -> Any:
    async def delivering(services: Any, sender: Any, callback: Any, jitter: Any) -> Any:
        return await original(services, _Rebuilding(sender, callback.tries), callback, jitter)

    return delivering


class _Rebuilding:
    """Every try gets a body of its own."""

    def __init__(self, sender: Any, tries: int) -> None:
        self._sender = sender
        self._tries = tries

    async def send(self, endpoint: Any, message_id: str, content: bytes) -> Any:
        made = content[:-1] + b" }" if self._tries else content
        return await self._sender.send(endpoint, message_id, made)


def _dropped(settle: Any) -> Any:
    """One failed try is the last, and nobody is told."""
    return lambda callback, verdict, now: (
        replace(callback, due_at=None) if isinstance(verdict, Again) else settle(callback, verdict, now)
    )


def _taken_for_delivered(settle: Any) -> Any:
    return lambda callback, verdict, now: (
        replace(callback, due_at=None, delivered_at=now)
        if isinstance(verdict, Again)
        else settle(callback, verdict, now)
    )


def _untold(announcements: Any) -> Any:
    return lambda before, after: tuple(
        each for each in announcements(before, after) if each not in ("payout.paid", "payout.failed")
    )


def _acknowledged_first(original: Any) -> Any:
    """The answer leaves first; the work is done behind it, if it is done."""

    async def answering(services: Any, channel: str, raw: Any) -> Any:
        handle = services.channels[channel]
        services.background.spawn(_quietly(original(services, channel, raw)))
        return handle.channel.reply(200, "ok")

    return answering


def _by_one(open_request: Any) -> Any:
    """Whoever asked is forgotten before it is compared with who approves."""
    return lambda tx, wanted: replace(open_request(tx, wanted), made_by="")


async def _quietly(work: Any) -> None:
    try:
        await work
    except Exception:  # noqa: BLE001 - a mutant raises nothing
        return


ENDING: tuple[Mutant, ...] = (
    mutant("wish-is-shown-as-canceled", "4 40", "R19", wrapped(body, "status", _wish_is_status)),
    mutant("wish-is-granted-at-once", "40", "R19", swapped(record, "end_canceled", _wish_is_granted)),
    mutant("deadline-ends-a-live-attempt", "40", "R8", wrapped(advance, "next_step", _end_in_time)),
    mutant("hold-is-failure", "40", "R12", swapped(changes, "hold", _hold_is_failure)),
    mutant("callback-renamed-on-retry", "37", "I37", everywhere(deliver, "deliver", _renamed)),
    mutant("callback-rebuilt-on-retry", "37", "I37", everywhere(deliver, "deliver", _rebuilt)),
    mutant("callback-given-up-silently", "42", "I42", wrapped(deliver, "settle", _dropped)),
    mutant("callback-taken-for-delivered", "37", "I37", wrapped(deliver, "settle", _taken_for_delivered)),
    mutant("end-is-not-told", "4", "I4", wrapped(announce, "announcements", _untold)),
    mutant("one-person-decides", "39", "R20", wrapped(review, "_open_request", _by_one)),
    mutant("notification-acknowledged-first", "22", "R18", everywhere(observe, "observe", _acknowledged_first)),
)
