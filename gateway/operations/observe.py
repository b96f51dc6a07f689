"""Fold a channel's notification in, by the same fold as any other answer.

Order of work: verify raw bytes (the adapter), use up the nonce, find the attempt, check that amount and channel are
ours, keep the evidence, fold, commit; only then acknowledge. What belongs to nobody is kept and answered as the
channel's sheet asks (404), so that it comes again: it may be faster than our own commit (row 41).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from adapters.channel import Notice, Notification, NotificationRefused, RawNotification, Reply
from gateway.domain.archived import ArchivedPayout
from gateway.domain.errors import NotFound, StoreError
from gateway.domain.identity import SHARDS, shard_of_payout
from gateway.domain.outcome import Answer, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.domain.payout import Payout
from gateway.failpoints import Commit, Unit
from gateway.metrics.table import NOTIFICATIONS, NotificationResult
from gateway.operations.learn import Heard, Learned, keep_evidence, learn_in, take_to_heart
from gateway.operations.services import ChannelHandle, Services
from gateway.operations.telling import begin
from gateway.store.port import Tx
from gateway.store.records import Incident, Novelty, SeenNotification
from gateway.tracing.spans import Stage

log: structlog.stdlib.BoundLogger = structlog.get_logger()

NONCE_KEPT_FOR = timedelta(minutes=15)
"""Longer than any channel's signature window, both ways."""


_Taken = NotificationResult

_OTHER_CONTENT = Answer(
    How.NOTIFICATION, OutcomeKind.UNCLEAR, detail="the same event id came with other content", alarm=True
)


class _Replayed(Exception):
    """The nonce was used before; the whole unit is rolled back."""


@dataclass(frozen=True, slots=True)
class _Target:
    payout: Payout
    attempt: int


@dataclass(frozen=True, slots=True)
class _Late:
    """An attempt of a payout that was archived: nothing is judged any more, people are called."""

    payout: ArchivedPayout
    attempt: int


async def observe(services: Services, channel: str, raw: RawNotification) -> Reply:
    """Take one notification in and answer it as its channel expects.

    Raises:
        NotFound: there is no such channel.
    """
    handle = services.channels.get(channel)
    if handle is None:
        raise NotFound(channel)
    try:
        notification = await handle.calls.through(handle.channel.read_notification, raw)
    except NotificationRefused as refused:
        log.warning("notification.refused", channel=channel, code=refused.code, detail=refused.detail)
        services.meter.add(NOTIFICATIONS, channel, _Taken.REFUSED)
        return handle.channel.reply(refused.status, refused.code)
    try:
        unit = Unit(Commit.NOTIFICATION, lambda tx: _take(services, tx, handle, notification, raw))
        taken, learned = await services.store.run(unit)
    except _Replayed:
        log.warning("notification.replayed", channel=channel, event_id=notification.event_id)
        services.meter.add(NOTIFICATIONS, channel, _Taken.REPLAYED)
        return handle.channel.reply(401, "replayed")
    except StoreError as error:
        services.wake_callbacks()  # it may be stored after all
        services.wake()
        log.error("notification.not_stored", channel=channel, error=type(error).__name__)
        services.meter.add(NOTIFICATIONS, channel, _Taken.NOT_STORED)
        return handle.channel.reply(503, "not_stored")
    _report(channel, notification, taken)
    for result in taken:
        services.meter.add(NOTIFICATIONS, channel, result)
    for each in learned:
        take_to_heart(services, each)
        number, ended = each.before.number, services.clock.now()
        services.spans.over(
            Stage.NOTIFICATION,
            each.after.id,
            raw.received_at,
            ended,
            channel=channel,
            attempt=number,
            change=each.change,
        )
        begin(services, each.told)
    known = _Taken.DUPLICATE in taken  # and whoever took it in may not have come to say so
    if known:
        services.wake_callbacks()
    if known or any(each.sooner for each in learned):
        services.wake()
    if _Taken.ORPHAN in taken:
        return handle.channel.reply(404, "unknown_order")  # what was known is folded; the rest comes again
    return handle.channel.reply(200, "ok")


def _take(
    services: Services, tx: Tx, handle: ChannelHandle, notification: Notification, raw: RawNotification
) -> tuple[tuple[_Taken, ...], list[Learned]]:
    if notification.nonce is not None:
        key_id, nonce = notification.nonce
        now = services.clock.now()
        if not tx.use_nonce(f"channel:{handle.channel.name}", key_id, nonce, now, now + NONCE_KEPT_FOR):
            raise _Replayed
    targets = [_find(tx, handle.channel.name, notice) for notice in notification.notices]
    # One notification may speak several times of one order (debited, then returned): it is new to it once.
    ids = dict.fromkeys(target.payout.id if target else None for target in targets)
    said = [
        (target.payout.id if target else None, notice)
        for target, notice in zip(targets, notification.notices, strict=True)
    ]
    news = {each: tx.note_notification(_seen(handle, notification, each, said, raw)) for each in ids}
    learned: list[Learned] = []
    taken = tuple(
        _take_notice(services, tx, notice, target, news[target.payout.id if target else None], learned)
        for notice, target in zip(notification.notices, targets, strict=True)
    )
    return taken, learned


def _take_notice(
    services: Services, tx: Tx, notice: Notice, target: _Target | _Late | None, news: Novelty, learned: list[Learned]
) -> _Taken:
    if target is None:
        return _Taken.ORPHAN
    if news is Novelty.SEEN:
        return _Taken.DUPLICATE
    if isinstance(target, _Late):
        return _take_late(services, tx, notice, target)
    if news is Novelty.CONFLICT:
        # The first stands; what the channel really means, only a query can say (row 39).
        answer = replace(_OTHER_CONTENT, raw=notice.answer.raw)
        learned.append(learn_in(services, tx, Heard(target.payout.id, target.attempt, answer), None))
        return _Taken.CONFLICT
    heard = Heard(target.payout.id, target.attempt, replace(notice.answer, heard=How.NOTIFICATION))
    if not _matches(target.payout, notice):
        # Not ours, or not right: kept as refused evidence, and asked about by the ordinary schedule (I17).
        keep_evidence(services, tx, replace(heard, answer=replace(heard.answer, alarm=True)))
        return _Taken.MISMATCH
    learned.append(learn_in(services, tx, heard, None))
    return _Taken.FOLDED


def _take_late(services: Services, tx: Tx, notice: Notice, late: _Late) -> _Taken:
    """It is kept, and is an incident; however many tell of it, one."""
    kept = late.payout
    what = f"the channel says {notice.answer.kind} of a payout that was archived {kept.status}"
    if all((each.attempt, each.detail) != (late.attempt, what) for each in tx.archived_incidents(kept.id)):
        incident = Incident(services.clock.now(), "late_evidence", what, late.attempt)
        tx.append_archived_incident(kept.id, incident)
    log.error("notification.of_archived", payout=kept.id, attempt=late.attempt, said=str(notice.answer.kind))
    return _Taken.ARCHIVED


def _matches(payout: Payout, notice: Notice) -> bool:
    """A payment must be of our amount and payee, where it names them; a return's amount may be less."""
    known = payout.erased_at is None  # of an erased one only amount and id are left to compare
    if known and notice.account is not None and notice.account != payout.beneficiary.account:
        return False
    if notice.answer.kind is OutcomeKind.RETURNED:
        back = notice.answer.returned
        return back is not None and back.currency == payout.amount.currency and 0 < back.minor <= payout.amount.minor
    return notice.amount is None or notice.amount == payout.amount


def _find(tx: Tx, channel: str, notice: Notice) -> _Target | _Late | None:
    """The attempt a notice speaks of, if it is this channel's."""
    return _find_stored(tx, channel, notice) or _find_archived(tx, channel, notice)


def _find_archived(tx: Tx, channel: str, notice: Notice) -> _Late | None:
    found = None
    if notice.channel_reference is not None:
        found = tx.archived_attempt(channel, notice.channel_reference)
    elif notice.channel_payout_id is not None:
        found = tx.archived_channel_payout(channel, notice.channel_payout_id)
    kept = None if found is None else tx.archived(found[0])
    return None if found is None or kept is None else _Late(kept, found[1])


def _find_stored(tx: Tx, channel: str, notice: Notice) -> _Target | None:
    found = None
    if notice.channel_reference is not None:
        found = tx.find_attempt(notice.channel_reference)
    elif notice.channel_payout_id is not None:
        found = tx.find_channel_payout(channel, notice.channel_payout_id)
    if found is None:
        return None
    payout = tx.payout(found[0])
    if payout is None or payout.attempt(found[1]).channel != channel:
        return None
    return _Target(payout, found[1])


def _seen(
    handle: ChannelHandle,
    notification: Notification,
    payout_id: str | None,
    said: Sequence[tuple[str | None, Notice]],
    raw: RawNotification,
) -> SeenNotification:
    """The record of it. An orphan is nobody's row; its shard is drawn from the event id."""
    shard = shard_of_payout(payout_id) if payout_id else None
    if shard is None:
        shard = int.from_bytes(hashlib.sha256(notification.event_id.encode()).digest()[:2], "big") % SHARDS
    return SeenNotification(
        channel=handle.channel.name,
        event_id=notification.event_id,
        shard=shard,
        payout_id=payout_id,
        at=raw.received_at,
        raw=raw.body,
        said=_digest([notice for each, notice in said if each == payout_id]),
    )


def _digest(notices: Sequence[Notice]) -> bytes:
    """What was said, apart from how: an honest retry is encrypted and signed anew, and says the same."""
    said = [
        (n.answer.kind, n.answer.channel_code, n.answer.returned, n.channel_reference, n.channel_payout_id, n.amount)
        for n in notices
    ]
    return hashlib.sha256(repr(said).encode()).digest()


def _report(channel: str, notification: Notification, taken: tuple[_Taken, ...]) -> None:
    bound = log.bind(channel=channel, event_id=notification.event_id, results=[str(result) for result in taken])
    if {_Taken.MISMATCH, _Taken.ORPHAN, _Taken.CONFLICT, _Taken.ARCHIVED} & set(taken):
        bound.warning("notification.taken")
    else:
        bound.info("notification.taken")
