"""What the service says, as an `Answer`. Pure (sheet sections 1, 4, 7 and 10).

The order of judging: is it proved to come from the service, is it about our order, and only then what it says. Whatever
fails on the way is *unclear*: ask again, never pay elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from adapters.channel import Sent
from adapters.http import HttpAnswer, NoAnswer
from adapters.wechat.codes import ABSENT, CODES, WAIT_USER_CONFIRM, Code, Pause
from adapters.wechat.reading import Members, parse_object, parse_time, plain, state_answer
from adapters.wechat.signing import Refused
from gateway.domain.outcome import Answer, Finality, Heard, NextAction, OutcomeKind

_RETRY_AFTER_MAX_S = 300
_REQUEST_ID_MAX = 80
_PACKAGE_MAX = 2048


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
        return Answer(heard, kind, detail=got.error, channel_fault=not got.local, raw=got.evidence())
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
            other = foreign in _CONTENT
            return self.unclear(f"{foreign} is not our order's", alarm=True, fault=True, other_content=other)
        return state_answer(self.heard, members, self._action(members), self._line(), self.got.evidence())

    def _action(self, members: Members) -> NextAction | None:
        """What the payee has to do: confirm, on a page that the app opens with these fields."""
        package, created_at = plain(members.get("package_info"), _PACKAGE_MAX), parse_time(members.get("create_time"))
        if members.get("state") != WAIT_USER_CONFIRM or package is None or created_at is None:
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

    def unclear(
        self,
        detail: str,
        *,
        code: str | None = None,
        alarm: bool = False,
        fault: bool = False,
        other_content: bool = False,
    ) -> Answer:
        """Not a no: ask."""
        return Answer(
            self.heard,
            OutcomeKind.UNCLEAR,
            channel_code=code or _error_code(self.got.body),
            detail=f"{self._line()}; {detail}",
            alarm=alarm,
            other_content=other_content,
            channel_fault=fault,
            raw=self.got.evidence(),
        )

    def _line(self) -> str:
        """For people: status and the id that the service's support asks for."""
        request_id = plain(self.got.headers.get("request-id"), _REQUEST_ID_MAX)
        return f"HTTP {self.got.status}" + (f", Request-ID {request_id}" if request_id else "")


_CONTENT = frozenset({"transfer_amount", "openid"})
"""Members that make an order another one under the same number."""


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
        return plain(parse_object(body).get("code"))
    except Refused:
        return None


def fail_body(code: str) -> bytes:
    """How a notification is refused."""
    return json.dumps({"code": "FAIL", "message": code}).encode()
