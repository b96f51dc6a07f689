"""What the service says, as an `Answer`. Pure (sheet sections 1, 4, 7 and 10).

The order of judging: is it proved to come from the service, is it about our order, and only then what it says. Whatever
fails on the way is *unclear*: ask again, never pay elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from adapters.channel import Notice, Sent
from adapters.http import HttpAnswer, NoAnswer
from adapters.wechat.codes import (
    ABSENT,
    CANCELLED,
    CODES,
    FAIL_REASONS,
    STATES,
    WAIT_USER_CONFIRM,
    Code,
    Pause,
)
from adapters.wechat.orders import CURRENCY
from adapters.wechat.signing import Refusal, Refused
from gateway.domain.money import Money
from gateway.domain.outcome import Answer, Finality, Heard, NextAction, OutcomeKind
from gateway.domain.reasons import RejectReason

Members = Mapping[str, object]

_RETRY_AFTER_MAX_S = 300
_CODE_MAX = 64
_REQUEST_ID_MAX = 80


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings that reading needs."""

    confirm_deadline_s: float
    pauses_s: Mapping[Pause, float]


def read_answer(heard: Heard, sent: Sent, got: HttpAnswer | NoAnswer, refused: Refused | None, terms: Terms) -> Answer:
    """What `got` says of the order in `sent`; `refused` is why it is not proved to come from the service."""
    if isinstance(got, NoAnswer):
        proved = heard is Heard.SUBMIT and not got.sent
        kind = OutcomeKind.NOT_SENT if proved else OutcomeKind.UNCLEAR
        return Answer(heard, kind, detail=got.error, channel_fault=True, raw=got.evidence())
    said = _Said(heard, sent, got, terms)
    if refused is not None:
        return said.unclear(str(refused), alarm=not refused.probe, fault=True)
    if got.status == 200:
        return said.order()
    if 400 <= got.status < 500:
        return said.refusal()
    return said.unclear("neither an order nor a refusal", fault=True)


@dataclass(frozen=True, slots=True)
class _Said:
    """One answer that is believed to be the service's."""

    heard: Heard
    sent: Sent
    got: HttpAnswer
    terms: Terms

    def order(self) -> Answer:
        """A 200: the present state of one order, if it is ours."""
        try:
            members = parse_object(self.got.body)
        except Refused as refused:
            return self.unclear(str(refused), alarm=True, fault=True)
        foreign = _foreign_member(self.sent, members)
        if foreign is not None:
            return self.unclear(f"{foreign} is not our order's", alarm=True, fault=True)
        return _state_answer(self.heard, members, self._action(members), self._line(), self.got.evidence())

    def _action(self, members: Members) -> NextAction | None:
        """What the payee has to do: confirm, on a page that the app opens with these fields."""
        package, created_at = members.get("package_info"), _time(members.get("create_time"))
        if members.get("state") != WAIT_USER_CONFIRM or not isinstance(package, str) or created_at is None:
            return None
        appid = parse_object(self.sent.prepared.body)["appid"]
        return NextAction(
            type="wechat_confirm",
            fields=(("mch_id", self.sent.ground.account_id), ("app_id", str(appid)), ("package_info", package)),
            expires_at=created_at + timedelta(seconds=self.terms.confirm_deadline_s),
        )

    def refusal(self) -> Answer:
        """A 4xx: decided by its code, never by its status alone or its message."""
        code = _error_code(self.got.body)
        if code is None:
            return self.unclear("a refusal without a code", fault=True)
        if self.heard is Heard.QUERY and code in ABSENT:
            return Answer(
                self.heard, OutcomeKind.ABSENT, channel_code=code, detail=self._line(), raw=self.got.evidence()
            )
        row = CODES.get(code)
        if row is None:
            return self.unclear("a code that is not listed", code=code, alarm=True)
        if self.heard is not Heard.SUBMIT:
            return self.unclear("the question was refused", code=code, alarm=row.stop)
        if row.finality is Finality.FINAL and self.got.status not in row.statuses:
            return self.unclear("a final code with a status it does not come with", code=code, alarm=True)
        return self._refused(code, row)

    def _refused(self, code: str, row: Code) -> Answer:
        return Answer(
            self.heard,
            row.kind,
            finality=row.finality,
            reason=row.reason,
            channel_code=code,
            resend_after_s=self._resend_after_s(row.pause),
            detail=self._line(),
            alarm=row.stop or row.finality is Finality.FINAL,
            channel_fault=row.stop,
            raw=self.got.evidence(),
        )

    def _resend_after_s(self, pause: Pause | None) -> float | None:
        if pause is None:
            return None
        wished = self.got.headers.get("retry-after", "")
        if wished.isascii() and wished.isdigit() and len(wished) < 10:
            return float(min(max(int(wished), 1), _RETRY_AFTER_MAX_S))
        return self.terms.pauses_s[pause]

    def unclear(self, detail: str, *, code: str | None = None, alarm: bool = False, fault: bool = False) -> Answer:
        """Not a no: ask."""
        return Answer(
            self.heard,
            OutcomeKind.UNCLEAR,
            channel_code=code or _error_code(self.got.body),
            detail=f"{self._line()}; {detail}",
            alarm=alarm,
            channel_fault=fault,
            raw=self.got.evidence(),
        )

    def _line(self) -> str:
        """For people: status and the id that the service's support asks for."""
        request_id = self.got.headers.get("request-id", "")[:_REQUEST_ID_MAX]
        shown = request_id if request_id.isascii() and request_id.isprintable() else ""
        return f"HTTP {self.got.status}" + (f", Request-ID {shown}" if shown else "")


def read_event(plaintext: bytes, mchid: str, raw: bytes) -> Notice:
    """What the decrypted resource of a bill event says; `raw` is the notification as it came in, for the record.

    Raises:
        Refused: `BODY` for another form, `MERCHANT` when it is about another merchant.
    """
    members = parse_object(plaintext)
    if members.get("mch_id", members.get("mchid")) != mchid:
        raise Refused(Refusal.MERCHANT, "the event is about another merchant")
    number, amount, state = (members.get(name) for name in ("out_bill_no", "transfer_amount", "state"))
    if not isinstance(number, str) or not isinstance(state, str) or type(amount) is not int:
        raise Refused(Refusal.BODY, "the event names no order, amount or state")
    answer = _state_answer(Heard.NOTIFICATION, members, None, "notification", raw)
    return Notice(
        answer,
        channel_reference=number,
        channel_payout_id=answer.channel_payout_id,
        amount=Money(amount, CURRENCY),
    )


def parse_object(body: bytes) -> Members:
    """A JSON object. Raises `Refused` for anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(Refusal.BODY, "not JSON") from error
    if not isinstance(value, dict):
        raise Refused(Refusal.BODY, "not a JSON object")
    return value


def _state_answer(heard: Heard, members: Members, action: NextAction | None, line: str, raw: bytes) -> Answer:
    state, bill_no = members.get("state"), members.get("transfer_bill_no")
    as_of, dated = _time(members.get("update_time")), "update_time" in members
    kind = STATES.get(state) if isinstance(state, str) else None
    if kind is None or not isinstance(bill_no, str) or (dated and as_of is None):
        code = state[:_CODE_MAX] if isinstance(state, str) else None
        detail = f"{line}; not an order in a state we know"
        return Answer(heard, OutcomeKind.UNCLEAR, channel_code=code, detail=detail, alarm=True, raw=raw)
    code, reason, listed = str(state), None, True
    if kind is OutcomeKind.REJECTED:
        code, reason, listed = _why(str(state), members.get("fail_reason"))
    return Answer(
        heard,
        kind,
        finality=_finality(heard, kind),
        reason=reason,
        channel_code=code,
        channel_payout_id=bill_no,
        action=action,
        as_of=as_of,
        detail=f"{line}; {state}",
        alarm=not listed,
        raw=raw,
    )


def _finality(heard: Heard, kind: OutcomeKind) -> Finality:
    """A failed order is final once a query says so: before money goes another way, it has to (sheet, rule 3)."""
    final = kind is OutcomeKind.REJECTED and heard is Heard.QUERY
    return Finality.FINAL if final else Finality.UNKNOWN


def _why(state: str, fail_reason: object) -> tuple[str, RejectReason, bool]:
    """(code to keep, our reason, whether it is listed) of an order that ended unpaid."""
    if state == CANCELLED:
        return state, RejectReason.CANCELLED, True
    if not isinstance(fail_reason, str):
        return state, RejectReason.UNKNOWN, False
    return (
        fail_reason[:_CODE_MAX],
        FAIL_REASONS.get(fail_reason, RejectReason.UNKNOWN),
        fail_reason in FAIL_REASONS,
    )


def _foreign_member(sent: Sent, members: Members) -> str | None:
    """The first member that is not our order's. Only `out_bill_no` has to be there; the rest when it is given."""
    mchid = sent.ground.account_id
    ours: dict[str, object] = {
        "out_bill_no": sent.order.channel_reference,
        "mch_id": mchid,
        "mchid": mchid,
        "appid": parse_object(sent.prepared.body).get("appid"),
        "transfer_amount": sent.order.amount.minor,
        "openid": sent.order.beneficiary.account,
    }
    if sent.channel_payout_id is not None:
        ours["transfer_bill_no"] = sent.channel_payout_id
    required = {"out_bill_no"}
    for name, value in ours.items():
        if (name in members or name in required) and not _same(members.get(name), value):
            return name
    return None


def _same(theirs: object, ours: object) -> bool:
    return type(theirs) is type(ours) and theirs == ours


def _error_code(body: bytes) -> str | None:
    try:
        code = parse_object(body).get("code")
    except Refused:
        return None
    return code[:_CODE_MAX] if isinstance(code, str) and code else None


def _time(value: object) -> datetime | None:
    """RFC 3339 with an offset, in UTC; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        return time.astimezone(UTC) if time.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def fail_body(code: str) -> bytes:
    """How a notification is refused."""
    return json.dumps({"code": "FAIL", "message": code}).encode()
