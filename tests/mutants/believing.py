"""Mutants of what is believed: answers, questions, notifications (R1, R3, R4, R6, R8, R11, R13, R14)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from adapters.bank.channel import BankChannel
from adapters.http import HttpAnswer, HttpxHttp, NoAnswer
from adapters.mock.channel import MockChannel
from adapters.wechat.channel import WechatChannel
from gateway.domain import outcome, states
from gateway.domain.outcome import Answer, Finality, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.domain.payout import AttemptState
from gateway.domain.reasons import RejectReason
from gateway.operations import intent, observe, transmit
from gateway.operations.learn import Heard
from gateway.store.records import Novelty
from gateway.store.tx import SqlTx
from routing.breaker import BreakerState
from routing.guard import verdict
from tests.mutants.mutant import Mutant, entry, mutant, swapped, wrapped

_S, _K, _H, _B = AttemptState, OutcomeKind, How, outcome._Believe
REFUSED = {"finality": Finality.FINAL, "reason": RejectReason.CHANNEL_UNAVAILABLE}


def _unsent_on(*errors: str) -> Callable[[Any], Any]:
    """A transport's error is taken for proof that nothing left, whatever the trace says."""

    def make(send: Callable[..., Awaitable[HttpAnswer | NoAnswer]]) -> Any:
        async def believing(self: HttpxHttp, *args: Any, **more: Any) -> HttpAnswer | NoAnswer:
            found = await send(self, *args, **more)
            trusted = isinstance(found, NoAnswer) and any(error in found.error for error in errors)
            return replace(found, sent=False) if isinstance(found, NoAnswer) and trusted else found

        return believing

    return make


def _as_refusal(*, when: Callable[[Answer], bool]) -> Callable[[Any], Any]:
    """A submit's answer that decides nothing is taken for a final refusal."""

    def make(submit: Callable[..., Awaitable[Answer]]) -> Any:
        async def deciding(self: Any, signed: Any) -> Answer:
            said = await submit(self, signed)
            return replace(said, kind=_K.REJECTED, **REFUSED) if when(said) else said

        return deciding

    return make


def _on_every_channel(make: Callable[[Any], Any]) -> tuple[Any, ...]:
    return tuple(wrapped(channel, "submit", make) for channel in (WechatChannel, BankChannel, MockChannel))


def _server_error(said: Answer) -> bool:
    return said.kind is _K.UNCLEAR and said.raw.startswith((b"HTTP 5", b"mock 5"))


def _unlisted(said: Answer) -> bool:
    return said.kind is _K.UNCLEAR and (said.alarm or said.raw.startswith(b"HTTP 2"))


def _deadline_decides(no_answer: Any) -> Any:
    def deciding(detail: str, **more: bool) -> Answer:
        said: Answer = no_answer(detail, **more)
        return replace(said, kind=_K.REJECTED, **REFUSED) if "deadline" in detail else said

    return deciding


async def _breaker_decides(
    services: Any, handle: Any, payout: Any, number: int, signed: Any, permit: Any, lease: Any
) -> Any:
    """pybreaker's own trap: the call that trips the breaker fails with the error of one that was refused."""
    transmission_no = payout.attempt(number).transmissions
    task = services.background.spawn(handle.channel.submit(signed))
    await asyncio.wait({task}, timeout=handle.timeouts.total_s)
    said = transmit.answer_of(task) if task.done() else transmit._no_answer("no answer within the deadline")
    permit.release(verdict(said))
    if handle.guard.breaker_state is BreakerState.OPEN:
        said = replace(said, kind=_K.NOT_SENT)
    return await transmit.learn(services, Heard(payout.id, number, said, transmission_no), lease)


def _stays(state: AttemptState) -> Any:
    return [entry(states.TABLE, (_S.REJECTED, kind), state) for kind in (_K.SUCCEEDED, _K.RETURNED)]


_RETURNED_IS_FAILED = entry(states.TABLE, (_S.SUCCEEDED, _K.RETURNED), _S.REJECTED)

BELIEVING: tuple[Mutant, ...] = (
    mutant(
        "read-timeout-is-not-sent",
        "2 9 11 13",
        "R3",
        wrapped(HttpxHttp, "send", _unsent_on("ReadTimeout", "Timeout")),
    ),
    mutant(
        "any-error-is-not-sent",
        "2 9 11 13",
        "R3",
        wrapped(HttpxHttp, "send", _unsent_on("Error", "Timeout", "Reset")),
    ),
    mutant("deadline-is-rejected", "2 13 16", "R1", wrapped(transmit, "_no_answer", _deadline_decides)),
    mutant("unclear-is-rejected", "2 13 16", "R1", entry(states.TABLE, (_S.SENDING, _K.UNCLEAR), _S.REJECTED)),
    mutant("server-error-is-rejected", "2 13 16", "R4", *_on_every_channel(_as_refusal(when=_server_error))),
    mutant("unlisted-answer-is-rejected", "2 13", "R4", *_on_every_channel(_as_refusal(when=_unlisted))),
    mutant("breaker-error-is-not-sent", "2 9 11", "R3", swapped(intent, "transmit", _breaker_decides)),
    mutant("not-found-fails-over", "2 13 16", "R6", entry(outcome.BELIEF, (_H.QUERY, _K.ABSENT), _B.AS_SAID)),
    mutant(
        "repeat-not-sent-is-believed",
        "2 9 11 14",
        "R13",
        entry(outcome.BELIEF, (_H.SUBMIT, _K.NOT_SENT), _B.AS_SAID),
        entry(states.TABLE, (_S.UNKNOWN, _K.NOT_SENT), _S.PLANNED),
    ),
    mutant(
        "refused-repeat-is-final",
        "2 13 16",
        "R13",
        swapped(
            outcome, "_is_final", lambda answer, _once: answer.finality in (Finality.FINAL, Finality.FINAL_ON_REPEAT)
        ),
    ),
    mutant(
        "notified-failure-is-final", "13 16 23", "R8", entry(outcome.BELIEF, (_H.NOTIFICATION, _K.REJECTED), _B.AS_SAID)
    ),
    mutant(
        "canceled-at-channel-is-final", "2 13 16", "R19", entry(outcome.BELIEF, (_H.CANCEL, _K.REJECTED), _B.AS_SAID)
    ),
    mutant("notified-amount-unchecked", "15 17", "I17", swapped(observe, "_matches", lambda _payout, _notice: True)),
    mutant(
        "notification-counts-again",
        "22",
        "I22",
        wrapped(SqlTx, "note_notification", lambda note: lambda self, seen: (note(self, seen), Novelty.NEW)[1]),
    ),
    mutant("contradiction-overwrites", "14 21", "R14", *_stays(_S.SUCCEEDED)),
    mutant("contradiction-is-ignored", "21", "R14", *_stays(_S.REJECTED)),
    mutant(
        "stale-word-is-judged", "23", "R14", swapped(states, "_is_stale", lambda _payout, _attempt, _outcome: False)
    ),
    mutant("returned-is-rejected", "2 13 14 15 24", "R11", _RETURNED_IS_FAILED),
    mutant(
        "late-success-is-not-looked-for", "21", "R17", swapped(states, "follow_up_at", lambda _attempt, _asks: None)
    ),
)
