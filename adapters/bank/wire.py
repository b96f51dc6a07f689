"""What the bank's answers mean for one of our orders (sheet sections 3, 8, 9, 11, 12, 15). Pure.

Every function returns an `Answer`: what the *channel said*. How much of it is believed is decided elsewhere, where
the number of transmissions is known (`gateway.domain.outcome.classify`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC

from adapters.bank import pain002
from adapters.bank.codes import Verdict, of_one_transmission, read_json_status, read_post_error, read_status
from adapters.bank.identifiers import identifiers
from adapters.bank.proof import Exchanged, Unproved
from adapters.bank.xml import XmlRefused, parse
from adapters.channel import Order, Sent
from adapters.http import HttpAnswer, NoAnswer
from adapters.json_text import NotJson, read_object
from gateway.domain.outcome import Answer, Heard, OutcomeKind
from gateway.domain.payout import DuplicateMode
from gateway.domain.reasons import RejectReason

RESEND_S = (1.0, 3600.0)
"""The bank's wish for when to send again is kept within these."""
RESEND_DEFAULT_S = 30.0
LOOKUP_MAX = 5
"""More orders than this under one id is not a list we follow."""

_PAYMENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,70}", re.ASCII)
_K = OutcomeKind


@dataclass(frozen=True, slots=True)
class Reading:
    """What was agreed with this bank about its words."""

    success_codes: frozenset[str]
    own_reasons: Mapping[str, RejectReason]


def submitted(sent: Sent, result: Exchanged, reading: Reading) -> Answer:
    """The answer to a POST of our order."""
    if not isinstance(result, HttpAnswer):
        return _unproved(Heard.SUBMIT, result)
    if result.status == 201:
        return _created(sent, result, reading)
    return _post_error(result)


def _created(sent: Sent, result: HttpAnswer, reading: Reading) -> Answer:
    body = json_object(result.body)
    payment_id, status = body.get("paymentId"), body.get("transactionStatus")
    if not isinstance(payment_id, str) or not isinstance(status, str) or not _PAYMENT_ID.fullmatch(payment_id):
        return unclear(Heard.SUBMIT, result, "a 201 without paymentId or transactionStatus", alarm=True)
    verdict = read_json_status(status, reading.success_codes)
    if verdict.kind is _K.PENDING and _needs_approval(body):
        verdict = replace(verdict, detail="a person must approve it at the bank", alarm=True)
    if verdict.kind is _K.SUCCEEDED and message_code(result.body):
        verdict = replace(verdict, detail="paid, and an error message beside it", alarm=True)
    # A refused repeat may come with an id of its own: never let it take the place of the order's first id.
    known = sent.channel_payout_id if verdict.kind is _K.UNCLEAR else None
    return _answer(Heard.SUBMIT, verdict, result, channel_payout_id=known or payment_id)


def _needs_approval(body: Mapping[str, object]) -> bool:
    links = body.get("_links")
    return "scaStatus" in body or (isinstance(links, dict) and "scaRedirect" in links)


def _post_error(result: HttpAnswer) -> Answer:
    code = message_code(result.body)
    answer = _answer(Heard.SUBMIT, read_post_error(result.status, code), result, code=code)
    wish = resend_after_s(result) if result.status == 429 else None
    return replace(answer, resend_after_s=wish, channel_fault=result.status in (408, 429) or result.status >= 500)


def status(sent: Sent, payment_id: str, result: Exchanged, reading: Reading) -> Answer:
    """The answer to a status question for one payment."""
    if not isinstance(result, HttpAnswer):
        return _unproved(Heard.QUERY, result)
    if result.status == 404:
        return Answer(
            Heard.QUERY, _K.ABSENT, detail="the bank does not know its own id", alarm=True, raw=result.evidence()
        )
    if result.status != 200:
        return _question_failed(result)
    try:
        report = pain002.read(parse(result.body))
    except (XmlRefused, pain002.Unreadable) as error:
        return unclear(Heard.QUERY, result, f"unreadable report: {error}", alarm=True)
    ours = [one for one in report.statuses if echo_fault(one, sent.order) is None]
    if len(ours) != 1 or len(report.statuses) != 1:
        faults = [fault for one in report.statuses if (fault := echo_fault(one, sent.order))]
        answer = unclear(Heard.QUERY, result, f"the report is not about our order: {faults[:1]}", alarm=True)
        return replace(answer, other_content=faults == [AMOUNT] and len(report.statuses) == 1)
    verdict = read_report(ours[0], reading)
    if sent.ground.duplicate_mode is not DuplicateMode.SAME_RESOURCE:
        verdict = of_one_transmission(verdict)
    answer = _answer(Heard.QUERY, verdict, result, channel_payout_id=payment_id)
    return replace(answer, as_of=report.created.astimezone(UTC))


def read_report(said: pain002.Status, reading: Reading) -> Verdict:
    """The verdict of a status that is about our order; one that contradicts itself decides nothing (section 8)."""
    verdict = read_status(said.status, said.reasons, reading.success_codes, reading.own_reasons)
    if said.contradicts:
        return Verdict(
            _K.PENDING, code=said.status, detail="the levels of the report contradict each other", alarm=True
        )
    return verdict


AMOUNT = "InstdAmt"
"""The last of the echoes that is looked at: where it alone differs, the order has our ids and another amount."""


def echo_fault(said: pain002.Status, order: Order) -> str | None:
    """Why this status is not about our order; None when everything it repeats is ours."""
    ids = identifiers(order.channel_reference)
    transaction = said.level is pain002.Level.TRANSACTION
    echoes = (
        ("OrgnlMsgId", said.msg_id, ids.msg_id),
        ("OrgnlPmtInfId", said.pmt_inf_id or ids.pmt_inf_id, ids.pmt_inf_id),
        ("OrgnlInstrId", said.instr_id or ids.instr_id, ids.instr_id),
        ("OrgnlEndToEndId", said.end_to_end_id or (None if transaction else ids.end_to_end_id), ids.end_to_end_id),
        ("OrgnlUETR", said.uetr or order.uetr, order.uetr),
        (AMOUNT, said.amount or order.amount, order.amount),
    )
    return next((name for name, got, wanted in echoes if got != wanted), None)


def looked_up(sent: Sent, result: Exchanged) -> tuple[str, ...] | Answer:
    """The payment ids under our EndToEndId, or why there is no list."""
    if not isinstance(result, HttpAnswer):
        return _unproved(Heard.QUERY, result)
    if result.status != 200:
        return _question_failed(result)
    listed = json_object(result.body).get("payments")
    wanted = identifiers(sent.order.channel_reference).end_to_end_id
    if not isinstance(listed, list) or len(listed) > LOOKUP_MAX:
        return unclear(Heard.QUERY, result, "not a list of payments", alarm=True)
    found: dict[str, None] = {}
    for row in listed:
        match row:
            case {"paymentId": str(payment_id), "endToEndId": str(named)} if named == wanted and _PAYMENT_ID.fullmatch(
                payment_id
            ):
                found[payment_id] = None
            case _:
                return unclear(Heard.QUERY, result, "the list has an order that is not ours", alarm=True)
    return tuple(found)


def absent(detail: str, raw: bytes = b"") -> Answer:
    """Nothing of ours there. Not a no: this channel declares that absence proves nothing (R6)."""
    return Answer(Heard.QUERY, _K.ABSENT, detail=detail, raw=raw)


_RANK = (_K.SUCCEEDED, _K.PENDING, _K.REJECTED, _K.UNCLEAR, _K.ABSENT)


def strongest(answers: Sequence[Answer]) -> Answer:
    """Of several orders under one id, what they amount to: one that pays outweighs any refusal of its repeats.

    An order of which we learned nothing, be it that nobody answered or that it was not found, keeps a refusal from
    deciding: it may be the one that pays. It is unclear then, never absent: absent would ask for a repeat.
    """
    unanswered = [one for one in answers if _tells_nothing(one)]
    best = min(answers, key=lambda one: _RANK.index(one.kind))
    if best.kind is _K.REJECTED and unanswered:
        return replace(unanswered[0], kind=_K.UNCLEAR)
    if sum(one.kind is _K.SUCCEEDED for one in answers) > 1:
        return replace(best, alarm=True, detail="the bank paid this order more than once")
    return best


def _tells_nothing(one: Answer) -> bool:
    """Whether this order may still be paid; the refusal of a duplicate is an answer."""
    return one.kind is _K.ABSENT or (one.kind is _K.UNCLEAR and one.reason is not RejectReason.DUPLICATE)


def cancelled(result: Exchanged) -> Answer:
    """The answer to a DELETE. Never proof: the next question tells what became of it (section 12)."""
    if not isinstance(result, HttpAnswer):
        return replace(_unproved(Heard.CANCEL, result), kind=_K.UNCLEAR)
    words = _CANCEL_WORDS.get(result.status)
    if words is None:
        return unclear(Heard.CANCEL, result, f"HTTP {result.status} {message_code(result.body)}", alarm=True)
    return Answer(Heard.CANCEL, _K.PENDING, channel_code=str(result.status), detail=words, raw=result.evidence())


_CANCEL_WORDS = {
    202: "the cancellation waits for an approval at the bank",
    204: "the cancellation was taken",
    405: "too late to cancel",
}


def json_object(body: bytes) -> dict[str, object]:
    """A JSON object, or an empty one for anything else: what is missing then is missed by its reader."""
    try:
        return read_object(body)
    except NotJson:
        return {}


def message_code(body: bytes) -> str:
    """The first `tppMessages` code, or an empty string."""
    match json_object(body):
        case {"tppMessages": [{"code": str(code)}, *_]}:
            return code[:80]
        case _:
            return ""


def resend_after_s(result: HttpAnswer) -> float:
    """`Retry-After` in seconds, clamped: the header is not signed."""
    text = result.headers.get("retry-after", "")
    wish = float(text) if re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) else RESEND_DEFAULT_S
    return min(max(wish, RESEND_S[0]), RESEND_S[1])


def unclear(heard: Heard, result: HttpAnswer, detail: str, *, alarm: bool = False, fault: bool = False) -> Answer:
    """A verified answer that says nothing we can act on."""
    return Answer(heard, _K.UNCLEAR, detail=detail[:300], alarm=alarm, channel_fault=fault, raw=result.evidence())


def _question_failed(result: HttpAnswer) -> Answer:
    code = message_code(result.body)
    passing = result.status in (408, 429) or result.status >= 500
    answer = unclear(Heard.QUERY, result, f"HTTP {result.status} {code}", alarm=not passing, fault=passing)
    reason = RejectReason.SIGNATURE_ERROR if result.status == 401 else None
    wish = resend_after_s(result) if result.status == 429 else None
    return replace(answer, channel_code=code or None, reason=reason, resend_after_s=wish)


def _unproved(heard: Heard, result: NoAnswer | Unproved) -> Answer:
    """No answer, or one that nobody vouches for: unknown, whatever its status says (section 15)."""
    if isinstance(result, NoAnswer):
        kind = _K.UNCLEAR if result.sent or heard is not Heard.SUBMIT else _K.NOT_SENT
        return Answer(heard, kind, detail=result.error, channel_fault=not result.local, raw=result.evidence())
    http = result.answer
    bad_identity = http.status == 401
    return Answer(
        heard,
        _K.UNCLEAR,
        reason=RejectReason.SIGNATURE_ERROR if bad_identity else None,
        channel_code=message_code(http.body) or None if bad_identity else None,
        detail=f"HTTP {http.status}, not proved: {result.refused}"[:300],
        alarm=http.status < 500,
        channel_fault=True,
        raw=http.evidence(),
    )


def _answer(
    heard: Heard,
    verdict: Verdict,
    result: HttpAnswer,
    *,
    code: str | None = None,
    channel_payout_id: str | None = None,
) -> Answer:
    return Answer(
        heard,
        verdict.kind,
        verdict.finality,
        verdict.reason,
        verdict.code or code or None,
        channel_payout_id,
        detail=verdict.detail,
        alarm=verdict.alarm,
        raw=result.evidence(),
    )
