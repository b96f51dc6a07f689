"""What the members of an order say: a state, and why it ended. Pure (sheet sections 7.5, 9 and 11).

Create, query, cancel and notifications all tell the same story in the same members, and all come here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from adapters.channel import Notice
from adapters.json_text import NotJson, read_object
from adapters.wechat.codes import CANCELLED, CODE_MAX, CONFIRMED, FAIL_REASONS, STATES
from adapters.wechat.orders import CURRENCY
from adapters.wechat.signing import Refusal, Refused
from gateway.domain.money import Money
from gateway.domain.outcome import Answer, Finality, Heard, NextAction, OutcomeKind
from gateway.domain.reasons import RejectReason

Members = Mapping[str, object]


def parse_object(body: bytes) -> Members:
    """A JSON object. Raises `Refused` for anything else."""
    try:
        return read_object(body)
    except NotJson as error:
        raise Refused(Refusal.BODY, str(error)) from error


def read_event(plaintext: bytes, mchid: str, raw: bytes) -> Notice:
    """What the decrypted resource of a bill event says; `raw` is the notification as it came in, for the record.

    Raises:
        Refused: `BODY` for another form, `MERCHANT` when it is about another merchant.
    """
    members = parse_object(plaintext)
    if members.get("mch_id", members.get("mchid")) != mchid:
        raise Refused(Refusal.MERCHANT, "the event is about another merchant")
    number, amount = plain(members.get("out_bill_no")), members.get("transfer_amount")
    if number is None or type(amount) is not int:
        raise Refused(Refusal.BODY, "the event names no order or amount")
    answer = state_answer(Heard.NOTIFICATION, members, None, "notification", raw)
    return Notice(
        answer,
        channel_reference=number,
        channel_payout_id=answer.channel_payout_id,
        amount=Money(amount, CURRENCY),
        account=plain(members.get("openid")),
    )


def state_answer(heard: Heard, members: Members, action: NextAction | None, line: str, raw: bytes) -> Answer:
    """The state that `members` tell of an order that is known to be ours; `line` is for people."""
    state, bill_no = plain(members.get("state")), plain(members.get("transfer_bill_no"))
    as_of, dated = parse_time(members.get("update_time")), "update_time" in members
    kind = STATES.get(state or "")
    if state is None or kind is None or bill_no is None or (dated and as_of is None):
        detail = f"{line}; not an order in a state we know"
        return Answer(heard, OutcomeKind.UNCLEAR, channel_code=state, detail=detail, alarm=True, raw=raw)
    failed = kind is OutcomeKind.REJECTED
    code, reason, listed = _why(state, members.get("fail_reason")) if failed else (state, None, True)
    at_odds = kind is OutcomeKind.SUCCEEDED and bool(members.get("fail_reason"))
    return Answer(
        heard,
        kind,
        finality=_finality(heard, kind),
        reason=reason,
        channel_code=code,
        channel_payout_id=bill_no,
        action=action,
        action_over=state in CONFIRMED,
        as_of=as_of,
        detail=f"{line}; {state}",
        alarm=not listed or at_odds,
        raw=raw,
    )


def _finality(heard: Heard, kind: OutcomeKind) -> Finality:
    """A failed order is final once a query says so: before money goes another way, it has to (sheet, rule 3).

    However often it was sent: one `out_bill_no` is one order.
    """
    final = kind is OutcomeKind.REJECTED and heard is Heard.QUERY
    return Finality.FINAL_ON_REPEAT if final else Finality.UNKNOWN


def _why(state: str, fail_reason: object) -> tuple[str, RejectReason, bool]:
    """(code to keep, our reason, whether it is listed) of an order that ended unpaid."""
    if state == CANCELLED:
        return state, RejectReason.CANCELLED, True
    code = plain(fail_reason)
    if code is None:
        return state, RejectReason.UNKNOWN, False
    return code, FAIL_REASONS.get(code, RejectReason.UNKNOWN), code in FAIL_REASONS


def parse_time(value: object) -> datetime | None:
    """RFC 3339 with an offset, in UTC; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    # Far enough from both ends of the calendar that adding a deadline or an offset cannot fall off.
    return time.astimezone(UTC) if time.tzinfo is not None and 2000 <= time.year < 9000 else None


def plain(value: object, most: int = CODE_MAX) -> str | None:
    """A short text of plain characters, as codes and numbers are: fit to be stored, logged and shown."""
    usable = isinstance(value, str) and 0 < len(value) <= most and value.isascii() and value.isprintable()
    return str(value) if usable else None
