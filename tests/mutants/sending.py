"""Mutants of sending: when an order leaves, under which id, how often, by which channel (R2, R5, R9, R12, R16, R18)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import text

from gateway.domain import states, steps
from gateway.domain.errors import CommitUnknown
from gateway.domain.identity import AttemptIds, attempt_ids
from gateway.domain.money import Money
from gateway.domain.outcome import Answer, Finality, Heard, OutcomeKind
from gateway.domain.payout import AttemptState, DuplicateMode, Payout
from gateway.domain.reasons import RejectReason
from gateway.domain.steps import Plan, PutOnHold, Step, Wait
from gateway.operations import accept, advance, plan, record
from gateway.operations.deciding import Update
from gateway.store.tx import SqlTx
from tests.mutants.mutant import Mutant, mutant, swapped, wrapped


def _blind_to(**field: Any) -> Callable[[Any], Any]:
    """The plan is made as if a fact of the payout were another."""
    return lambda next_step: lambda payout, now, policy: next_step(replace(payout, **field), now, policy)


def _going_on_though_held(next_step: Any) -> Any:
    """A hold stops nothing but another hold."""
    blind = _blind_to(hold=None, crashes=0)(next_step)

    def planning(payout: Payout, now: datetime, policy: Any) -> Step:
        step: Step = blind(payout, now, policy)
        return Wait(None) if payout.hold is not None and isinstance(step, PutOnHold) else step

    return planning


def _due_whatever_holds(next_due: Any) -> Any:
    """A held payout is looked at as if it were not, except for what was due already when it was held: that is what
    held it, and its world would stand still."""

    def due(payout: Payout) -> datetime | None:
        found: datetime | None = next_due(replace(payout, hold=None, crashes=0))
        return found if found is None or payout.hold is None or found > payout.hold.at else None

    return due


def _beside_a_live_one(next_step: Any) -> Any:
    def planning(payout: Payout, now: datetime, policy: Any) -> Step:
        live = payout.live_attempt
        open_ = live is not None and live.state is AttemptState.UNKNOWN
        return Plan() if open_ and len(payout.attempts) < policy.max_attempts else next_step(payout, now, policy)

    return planning


def _without_index(save: Any) -> Any:
    def saving(self: SqlTx, *args: Any) -> Any:
        self._connection.execute(text("DROP INDEX IF EXISTS attempts_one_not_rejected"))
        return save(self, *args)

    return saving


def _early(original: Any) -> Any:
    """The call is begun first, and its intent committed while it is under way."""

    async def sending(services: Any, payout: Any, update: Any, outgoing: Any, *rest: Any) -> Any:
        return await original(services, payout, update, await _under_way(services, outgoing), *rest)

    return sending


def _early_with_its_order(original: Any) -> Any:
    """The same of an intent that is committed with its order."""

    async def taking(services: Any, incoming: Any, intent: Any) -> Any:
        if intent is not None:
            await _under_way(services, intent.outgoing)
        return await original(services, incoming, intent)

    return taking


async def _under_way(services: Any, outgoing: Any) -> Any:
    begun = services.background.spawn(outgoing.handle.channel.submit(outgoing.signed))
    await services.clock.sleep(0.05)
    return replace(outgoing, handle=replace(outgoing.handle, channel=_Begun(outgoing.handle.channel, begun)))


class _Begun:
    """The channel of a call that is under way already."""

    def __init__(self, channel: Any, begun: asyncio.Task[Answer]) -> None:
        self._channel = channel
        self._begun = begun

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    async def submit(self, _signed: Any) -> Answer:
        return await self._begun


def _unknown_is_done(decide: Any) -> Any:
    """A commit of which nobody knows is taken for one that happened."""

    async def deciding(services: Any, before: Payout, update: Update, *rest: Any) -> Payout:
        try:
            saved: Payout = await decide(services, before, update, *rest)
        except CommitUnknown:
            return replace(update.after, version=before.version + 1, last_event=before.last_event + 1)
        return saved

    return deciding


def _prepared_anew(sent_of: Any, handle_of: dict[str, Any], *, new_id: bool) -> Any:
    """Bytes made anew for the repeat, under the same id or under a new one."""

    def sending(payout: Payout, attempt: Any) -> Any:
        sent = sent_of(payout, attempt)
        channel = handle_of.get(attempt.channel)
        if channel is None:
            return sent
        order = sent.order
        if new_id:
            ids = AttemptIds("Z" * 3 + order.channel_reference[3:], order.uetr[:-4] + "0000")
            order = replace(order, channel_reference=ids.channel_reference, uetr=ids.uetr)
        later = channel.prepare(order, attempt.last_sent_at)
        body = later.body if later.body != sent.prepared.body else later.body + b" "
        return replace(sent, order=order, prepared=replace(later, body=body))

    return sending


def _repeating(*, new_id: bool) -> Callable[[Any], Any]:
    def make(repeat: Any) -> Any:
        async def repeating(services: Any, payout: Payout, number: int, *rest: Any) -> Any:
            attempt = payout.attempt(number)
            handle = services.channels[attempt.channel]
            made = _prepared_anew(plan.sent_of, {attempt.channel: handle.channel}, new_id=new_id)(payout, attempt)
            resigned = replace(handle, channel=_Signing(handle.channel, made))
            return await repeat(
                replace(services, channels={**services.channels, attempt.channel: resigned}), payout, number, *rest
            )

        return repeating

    return make


class _Signing:
    """A channel that signs something else than it was given."""

    def __init__(self, channel: Any, sent: Any) -> None:
        self._channel = channel
        self._sent = sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def sign(self, _sent: Any) -> Any:
        return self._channel.sign(self._sent)


def _drawn_ids() -> Callable[..., AttemptIds]:
    numbers = count(1)
    return lambda key, app, reference, channel, _ordinal: attempt_ids(
        key, app, reference, channel, 1000 + next(numbers)
    )


def _interrupted_as(kind: OutcomeKind) -> Callable[[], Answer]:
    reason = RejectReason.CHANNEL_UNAVAILABLE
    return lambda: Answer(Heard.SUBMIT, kind, finality=Finality.FINAL, reason=reason, detail="the send was interrupted")


def _any_time(attempt: Any, _now: datetime) -> bool:
    return attempt.ground.duplicate_mode is not DuplicateMode.NONE and attempt.first_sent_at is not None


def _off_by_one(order_of: Any) -> Any:
    def ordering(payout: Payout, ids: AttemptIds) -> Any:
        order = order_of(payout, ids)
        return replace(order, amount=Money(order.amount.minor + 1, order.amount.currency))

    return ordering


def _elsewhere(query: Any) -> Any:
    """What is asked goes where the configuration's first able channel is, not where the attempt was sent."""

    async def asking(services: Any, payout: Payout, number: int, lease: Any) -> Any:
        mine = payout.attempt(number).channel
        adapter = services.channels[mine].channel.ground.adapter
        alike = [name for name in services.channels if services.channels[name].channel.ground.adapter == adapter]
        other = services.channels[alike[0] if alike[0] != mine else alike[-1]]
        wrong = replace(services.channels[mine], channel=_Elsewhere(services.channels[mine].channel, other.channel))
        return await query(replace(services, channels={**services.channels, mine: wrong}), payout, number, lease)

    return asking


class _Elsewhere:
    """One channel, whose questions go to another."""

    def __init__(self, channel: Any, other: Any) -> None:
        self._channel = channel
        self._other = other

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    async def query(self, sent: Any) -> Any:
        return await self._other.query(replace(sent, ground=self._other.ground))


async def _unasked(_services: Any, _payout: Any, step: Step, _seen: Any, _now: Any) -> Step:
    return step


SENDING: tuple[Mutant, ...] = (
    mutant(
        "second-attempt-beside-a-live-one",
        "12",
        "R2",
        wrapped(advance, "next_step", _beside_a_live_one),
        wrapped(SqlTx, "save", _without_index),
    ),
    mutant("send-before-commit", "9", "R18", wrapped(advance, "_commit_and_send", _early)),
    mutant("first-send-before-commit", "9", "R18", wrapped(accept, "take_in", _early_with_its_order)),
    mutant("unknown-commit-is-sent", "9", "R18", wrapped(advance, "_decide", _unknown_is_done)),
    mutant("repeat-under-a-new-id", "9", "R5", wrapped(advance, "_repeat", _repeating(new_id=True))),
    mutant("repeat-with-new-bytes", "19", "R5", wrapped(advance, "_repeat", _repeating(new_id=False))),
    mutant("drawn-id", "19", "R5", swapped(plan, "attempt_ids", _drawn_ids())),
    mutant(
        "ordinal-counts-all-channels",
        "19",
        "R5",
        swapped(plan, "ordinal_on", lambda payout, _name: len(payout.attempts) + 1),
    ),
    mutant(
        "repeat-after-the-window",
        "19",
        "R5",
        swapped(states, "may_repeat", _any_time),
        swapped(steps, "may_repeat", _any_time),
    ),
    mutant(
        "interrupted-is-not-sent",
        "2 10 11",
        "R9",
        swapped(advance, "interrupted", _interrupted_as(OutcomeKind.NOT_SENT)),
    ),
    mutant(
        "interrupted-is-rejected",
        "2 13 16",
        "R9",
        swapped(advance, "interrupted", _interrupted_as(OutcomeKind.REJECTED)),
    ),
    mutant("amount-off-by-one", "8", "I8", wrapped(plan, "order_of", _off_by_one)),
    mutant("asked-elsewhere", "32 33", "R16", wrapped(advance, "_query", _elsewhere)),
    mutant("freeze-does-not-stop", "12", "R14", wrapped(advance, "next_step", _blind_to(frozen=False))),
    mutant(
        "hold-does-not-stop",
        "12",
        "R12",
        wrapped(advance, "next_step", _going_on_though_held),
        wrapped(record, "next_due", _due_whatever_holds),
    ),
    mutant("poison-is-not-held", "41", "R12", wrapped(advance, "next_step", _blind_to(crashes=0))),
    mutant("nobody-is-asked-first", "2", "R15", swapped(advance, "safe_step", _unasked)),
)
