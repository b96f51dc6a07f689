"""What a verified notification says (sheet sections 13 and 14). Pure; the signature was checked before.

A pain.002 or camt.054 is read as it stands. JSON decides nothing: it only tells us to ask.
"""

from __future__ import annotations

from datetime import UTC, datetime

from adapters.bank import camt054, pain002
from adapters.bank.camt054 import Entry, Meaning
from adapters.bank.identifiers import identifiers
from adapters.bank.pain002 import Status, Unreadable
from adapters.bank.reasons import RETURN_REASONS, first_reason
from adapters.bank.wire import Reading, json_object, read_report
from adapters.bank.xml import Document, XmlRefused, parse
from adapters.channel import Notice, NotificationRefused
from gateway.domain.outcome import Answer, Heard, OutcomeKind

_K = OutcomeKind


def read(
    media_type: str, body: bytes, request_id: str, reading: Reading, accepted: frozenset[str]
) -> tuple[str, tuple[Notice, ...]]:
    """The event's id and its notices. Raises `NotificationRefused` (400) for what cannot be read."""
    match media_type:
        case "application/xml":
            return _xml(body, reading, accepted)
        case "application/json":
            return request_id, (_json(body),)
        case _:
            raise NotificationRefused("reject_content_type", f"not read here: {media_type[:60]!r}", 415)


def _xml(body: bytes, reading: Reading, accepted: frozenset[str]) -> tuple[str, tuple[Notice, ...]]:
    try:
        document = parse(body)
        if document.message not in accepted:
            raise Unreadable(f"a message we have not agreed on: {document.message[:40]}")
        return _message(document, body, reading)
    except XmlRefused as error:
        raise NotificationRefused(error.code, error.detail, 400) from error
    except Unreadable as error:
        raise NotificationRefused("reject_content", str(error), 400) from error


def _message(document: Document, raw: bytes, reading: Reading) -> tuple[str, tuple[Notice, ...]]:
    if document.message == pain002.MESSAGE:
        report = pain002.read(document)
        told = [_status(one, report.created, raw, reading) for one in report.statuses]
        return report.msg_id, tuple(notice for notices in told for notice in notices)
    moved = camt054.read(document)
    booked = [_entry(one, moved.created, raw) for one in moved.entries if one.booked]
    return moved.msg_id, tuple(notice for notices in booked for notice in notices)


def _status(said: Status, created: datetime, raw: bytes, reading: Reading) -> list[Notice]:
    """One notice when the status is about one order of ours; a doubt for each order when its ids disagree."""
    if not _agrees(said, said.msg_id):
        return _doubts(said, "its ids are not those of one order", raw)
    (reference,) = said.references
    verdict = read_report(said, reading)
    answer = Answer(
        Heard.NOTIFICATION,
        verdict.kind,
        verdict.finality,
        verdict.reason,
        verdict.code,
        as_of=created.astimezone(UTC),
        detail=verdict.detail,
        alarm=verdict.alarm,
        raw=raw,
    )
    return [Notice(answer, reference, amount=said.amount)]


def _entry(entry: Entry, created: datetime, raw: bytes) -> list[Notice]:
    if not _agrees(entry, entry.msg_id):
        return _doubts(entry, "its ids are not those of one order", raw)
    (reference,) = entry.references
    as_of = created.astimezone(UTC)
    match entry.meaning:
        case Meaning.PAID:
            answer = Answer(Heard.NOTIFICATION, _K.SUCCEEDED, channel_code="DBIT", as_of=as_of, raw=raw)
            return [Notice(answer, reference, amount=entry.amount)]
        case Meaning.RETURNED:
            code, reason = first_reason([entry.return_reason] if entry.return_reason else [], RETURN_REASONS)
            answer = Answer(
                Heard.NOTIFICATION,
                _K.RETURNED,
                reason=reason,
                channel_code=code or entry.family,
                returned=entry.amount,
                as_of=as_of,
                raw=raw,
            )
            return [Notice(answer, reference)]
        case Meaning.UNKNOWN:
            return _doubts(entry, "a movement of ours whose meaning we do not know", raw)


def _agrees(said: Status | Entry, msg_id: str | None) -> bool:
    """Whether every id given is that of one order; an `OrgnlMsgId` that is not ours speaks of another."""
    if len(said.references) != 1:
        return False
    ids = identifiers(next(iter(said.references)))
    given = (
        (msg_id, ids.msg_id),
        (said.pmt_inf_id, ids.pmt_inf_id),
        (said.instr_id, ids.instr_id),
        (said.end_to_end_id, ids.end_to_end_id),
    )
    return all(got is None or got == wanted for got, wanted in given)


def _doubts(said: Status | Entry, detail: str, raw: bytes) -> list[Notice]:
    """Nothing is folded, the order is asked about, a person looks. No order of ours named: nothing to say."""
    answer = Answer(Heard.NOTIFICATION, _K.UNCLEAR, detail=detail, alarm=True, raw=raw)
    return [Notice(answer, reference) for reference in sorted(said.references)]


def _json(body: bytes) -> Notice:
    found = json_object(body)
    payment_id, status = found.get("paymentId"), found.get("transactionStatus")
    if not isinstance(payment_id, str) or not isinstance(status, str) or not payment_id:
        raise NotificationRefused("reject_content", "no paymentId or transactionStatus", 400)
    answer = Answer(Heard.NOTIFICATION, _K.UNCLEAR, channel_code=status[:35], detail="told to ask", raw=body)
    return Notice(answer, channel_payout_id=payment_id)
