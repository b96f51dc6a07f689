"""What must not be done: each row's action replaced by failing over, or by what comes nearest to it.

Every function is a context manager that patches one decision of the gateway; its first line says in words what the
gateway then does. docs/failures.md names them beside the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from adapters.channel import Reply
from gateway import channels
from gateway.callbacks.schedule import Delivered, Parked
from gateway.domain import changes, steps
from gateway.domain.outcome import BELIEF, Answer, Finality, Heard, Outcome, OutcomeKind
from gateway.domain.payout import Attempt, AttemptState, Payout
from gateway.domain.reasons import RejectReason
from gateway.domain.states import TABLE
from gateway.domain.status import Status, closing_code, status
from gateway.domain.steps import Close, GiveUp, Plan, Step, StepPolicy, Wait
from gateway.operations import accept, advance, deliver, incoming, intent, learn, observe, plan, quarantine, record
from gateway.store.records import Novelty
from gateway.store.tx import SqlTx
from routing.breaker import Breaker, BreakerState

K, S = OutcomeKind, AttemptState


def _written_off(payout: Payout) -> Payout:
    for attempt in payout.attempts:
        settled = replace(attempt, state=S.REJECTED, settled_at=attempt.opened_at, due_at=None)
        payout = payout.with_attempt(settled)
    return replace(payout, frozen=False, hold=None)


@contextmanager
def _plans_again(when: Callable[[Payout], bool]) -> Iterator[None]:
    """Another channel as soon as `when`, whatever became of the first; the books say it was refused."""
    real_step, real_after = steps.next_step, intent._after
    planned = set[str]()  # once each, or a payout without another channel would be planned for ever

    def step(payout: Payout, now: datetime, policy: StepPolicy) -> Step:
        found = real_step(payout, now, policy)
        if payout.id in planned or len(payout.attempts) != 1 or not when(payout) or isinstance(found, Plan | GiveUp):
            return found
        planned.add(payout.id)
        return Plan()

    def after(payout: Payout, found: Any, instead_of: int | None, now: datetime) -> Payout:
        return real_after(_written_off(payout) if payout.attempts else payout, found, None, now)

    with patch.object(advance, "next_step", step), patch.object(intent, "_after", after):
        yield


@contextmanager
def fails_over() -> Iterator[None]:
    """Another channel is tried while the first may still pay."""
    with _plans_again(lambda payout: payout.live_attempt is not None and payout.live_attempt.transmitted):
        yield


@contextmanager
def pays_again() -> Iterator[None]:
    """Money that came back is sent again by another channel."""
    real = record.next_due

    def due(payout: Payout) -> datetime | None:
        back = status(payout) is Status.RETURNED and len(payout.attempts) == 1
        return payout.created_at if back else real(payout)

    with _plans_again(lambda payout: status(payout) is Status.RETURNED), patch.object(record, "next_due", due):
        yield


@contextmanager
def takes_it_for_a_no() -> Iterator[None]:
    """Whatever is heard counts as a definite refusal, so that the next channel is tried."""

    def no(answer: Answer, *_: object, **__: object) -> Outcome:
        refusal = replace(answer, reason=RejectReason.CHANNEL_UNAVAILABLE, finality=Finality.FINAL)
        return Outcome(K.REJECTED, refusal)

    with patch.object(learn, "classify", no):
        yield


@contextmanager
def never_fails_over() -> Iterator[None]:
    """What may go to another channel ends instead."""
    real = steps.next_step

    def step(payout: Payout, now: datetime, policy: StepPolicy) -> Step:
        found = real(payout, now, policy)
        return Close(closing_code(payout)) if isinstance(found, Plan) and payout.attempts else found

    with patch.object(advance, "next_step", step):
        yield


@contextmanager
def takes_only_the_first_channel() -> Iterator[None]:
    """A refusal at the door counts as an answer: no other channel is looked at."""
    with patch.object(plan, "_in_order", lambda ranked, payout, planned: list(ranked)[:1]):
        yield


@contextmanager
def takes_a_repeat_for_new_money() -> Iterator[None]:
    """A repeated request gets a reference of its own, as an app does that gives up on the first."""
    real, seen = accept._new_payout, set[str]()

    def fresh(services: Any, request: Any, now: datetime) -> Payout:
        again = request.reference in seen
        seen.add(request.reference)
        return real(services, replace(request, reference=f"{request.reference}-2") if again else request, now)

    def unit_reference(tx: SqlTx, app: str, reference: str) -> None:
        return None

    with patch.object(accept, "_new_payout", fresh), patch.object(SqlTx, "reference", unit_reference):
        yield


@contextmanager
def takes_an_unknown_commit_for_a_no() -> Iterator[None]:
    """A commit nobody knows the end of is reported as not stored, and not said again."""

    async def once(services: Any, unit: Any) -> Any:
        return await services.store.run(unit)

    with patch.object(incoming, "_settled", once):
        yield


@contextmanager
def avoids_the_channel_after_a_crash() -> Iterator[None]:
    """A payout whose worker died goes to another channel, as if the first had refused it."""
    real = plan._request

    def request(payout: Payout) -> Any:
        found = real(payout)
        return replace(found, tried=found.tried | {"alpha"}) if payout.crashes else found

    with patch.object(plan, "_request", request):
        yield


@contextmanager
def gives_up_at_once() -> Iterator[None]:
    """No usable channel ends the payout at once."""
    real = steps.next_step

    def step(payout: Payout, now: datetime, policy: StepPolicy) -> Step:
        found = real(payout, now, policy)
        waits = payout.waiting_for is not None and isinstance(found, Wait) and not payout.attempts
        return Close(closing_code(payout)) if waits else found

    with patch.object(advance, "next_step", step):
        yield


@contextmanager
def ignores_versions() -> Iterator[None]:
    """A write goes through whatever has happened to the payout since it was read."""
    real = SqlTx.save

    def save(tx: SqlTx, before: Payout, after: Payout, due_at: datetime | None, lease: Any = None) -> Payout:
        stored = tx.payout(before.id)
        assert stored is not None
        return real(tx, replace(before, version=stored.version), after, due_at, None)

    with patch.object(SqlTx, "save", save):
        yield


@contextmanager
def looks_away() -> Iterator[None]:
    """A success that contradicts a refusal is kept as if it said nothing."""
    with patch.dict(TABLE, {(S.REJECTED, K.SUCCEEDED): S.REJECTED}):
        yield


@contextmanager
def folds_every_copy() -> Iterator[None]:
    """Each copy of a notification counts anew."""
    real = SqlTx.note_notification

    def note(tx: SqlTx, seen: Any) -> Novelty:
        real(tx, seen)
        return Novelty.NEW

    with patch.object(SqlTx, "note_notification", note):
        yield


@contextmanager
def acknowledges_whatever_comes() -> Iterator[None]:
    """A notification is acknowledged whether it was kept, understood, or neither."""
    real = observe.observe

    async def acknowledged(*args: Any) -> Reply:
        return replace(await real(*args), status=200)

    with patch.object(observe, "observe", acknowledged):
        yield


@contextmanager
def believes_any_amount() -> Iterator[None]:
    """A notification counts whatever amount and account it speaks of."""
    with patch.object(observe, "_matches", lambda payout, notice: True):
        yield


@contextmanager
def folds_a_notified_failure() -> Iterator[None]:
    """A notification's failure counts without a question, and the next channel is tried."""
    as_said = BELIEF[Heard.NOTIFICATION, K.PENDING]
    with patch.dict(BELIEF, {(Heard.NOTIFICATION, K.REJECTED): as_said}):
        yield


@contextmanager
def drops_events() -> Iterator[None]:
    """A state is saved without its line of history."""
    with patch.object(record, "Event", _event_of_nothing), patch.object(SqlTx, "append_event", lambda *_: None):
        yield


def _event_of_nothing(*_: object, **__: object) -> None:
    return None


@contextmanager
def lets_everybody_through() -> Iterator[None]:
    """A half-open breaker admits every order as its trial."""

    real = Breaker.is_open.fget
    assert real is not None
    opened = property(lambda breaker: breaker.state is BreakerState.OPEN and real(breaker))
    with patch.object(Breaker, "is_open", opened):
        yield


@contextmanager
def orphans_attempts() -> Iterator[None]:
    """A start goes ahead whatever becomes of the attempts under way."""
    with patch.object(channels, "check_grounds", lambda *_: None):
        yield


@contextmanager
def repeats_foreign_bytes() -> Iterator[None]:
    """Bytes that another version of the adapter wrote are sent again by this one."""
    real = advance._repeat

    async def repeat(services: Any, payout: Payout, number: int, lease: Any, now: datetime) -> Payout:
        attempt: Attempt = payout.attempt(number)
        version = services.channels[attempt.channel].channel.ground.adapter_version
        ours = replace(attempt, ground=replace(attempt.ground, adapter_version=version))
        return await real(services, payout.with_attempt(ours), number, lease, now)

    with patch.object(advance, "_repeat", repeat):
        yield


@contextmanager
def trusts_a_restored_store() -> Iterator[None]:
    """A store that is older than what was sent from it is taken for the whole story."""
    with patch.object(quarantine, "suspicion", lambda *_: None):
        yield


@contextmanager
def gives_a_callback_up() -> Iterator[None]:
    """A callback that was not taken is not tried again."""
    with patch.object(deliver, "decide", lambda *_: Parked("not taken")):
        yield


@contextmanager
def counts_a_claim_as_delivered() -> Iterator[None]:
    """A callback that was taken in hand is never looked at again."""
    real = SqlTx.claim_callbacks

    def claim(tx: SqlTx, now: datetime, until: datetime, limit: int, busy: frozenset[str]) -> Any:
        return real(tx, now, until + timedelta(days=3650), limit, busy)

    with patch.object(SqlTx, "claim_callbacks", claim):
        yield


@contextmanager
def forgets_undelivered_callbacks() -> Iterator[None]:
    """A callback that was given up counts as delivered."""
    real = deliver.settle

    def settle(callback: Any, verdict: Any, now: datetime) -> Any:
        return real(callback, Delivered() if isinstance(verdict, Parked) else verdict, now)

    with patch.object(deliver, "settle", settle):
        yield


@contextmanager
def plans_after_a_resolution() -> Iterator[None]:
    """What people established as not paid is tried again by another channel."""
    real = changes.resolve

    def resolve(payout: Payout, paid: bool, now: datetime) -> Payout:
        resolved = real(payout, paid, now)
        return resolved if paid else replace(resolved, closure=None)

    with patch.object(changes, "resolve", resolve):
        yield
