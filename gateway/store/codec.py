"""Values that live inside one sealed column: to bytes and back. JSON, so that a person with the key can read them."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from gateway.domain.beneficiary import BankBeneficiary, Beneficiary, BeneficiaryKind, WechatBeneficiary
from gateway.domain.money import Money
from gateway.domain.outcome import Answer, Finality, Heard, NextAction, OutcomeKind
from gateway.domain.payout import Prepared
from gateway.domain.reasons import RejectReason

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
"""Made once: `json.dumps` would make one for every call."""


def dump(value: Any) -> bytes:
    return _encode(value).encode()


def load(data: bytes) -> Any:
    return json.loads(data)


def dump_beneficiary(beneficiary: Beneficiary) -> bytes:
    return dump(beneficiary_fields(beneficiary))


def load_beneficiary(data: bytes) -> Beneficiary:
    return beneficiary_of(load(data))


def beneficiary_fields(beneficiary: Beneficiary) -> dict[str, Any]:
    """As a part of something larger."""
    return {"kind": str(beneficiary.kind), **asdict(beneficiary)}


def beneficiary_of(fields: dict[str, Any]) -> Beneficiary:
    kind = BeneficiaryKind(fields.pop("kind"))
    return WechatBeneficiary(**fields) if kind is BeneficiaryKind.WECHAT else BankBeneficiary(**fields)


def dump_prepared(prepared: Prepared) -> bytes:
    body = base64.b64encode(prepared.body).decode()
    return dump({"target": prepared.target, "headers": prepared.headers, "body": body})


def load_prepared(data: bytes) -> Prepared:
    fields = load(data)
    headers = tuple((name, value) for name, value in fields["headers"])
    return Prepared(fields["target"], base64.b64decode(fields["body"]), headers)


def dump_action(action: NextAction) -> bytes:
    return dump({"type": action.type, "fields": action.fields, "expires_at": action.expires_at.isoformat()})


def load_action(data: bytes) -> NextAction:
    fields = load(data)
    pairs = tuple((name, value) for name, value in fields["fields"])
    return NextAction(fields["type"], pairs, datetime.fromisoformat(fields["expires_at"]))


def dump_answer(answer: Answer) -> bytes:
    """Everything of it; heard and kind have columns of their own too."""
    returned = [answer.returned.minor, answer.returned.currency] if answer.returned else None
    return dump(
        {
            "heard": answer.heard,
            "kind": answer.kind,
            "finality": answer.finality,
            "reason": answer.reason,
            "channel_code": answer.channel_code,
            "channel_payout_id": answer.channel_payout_id,
            "returned": returned,
            "resend_after_s": answer.resend_after_s,
            "as_of": answer.as_of.isoformat() if answer.as_of else None,
            "detail": answer.detail,
            "alarm": answer.alarm,
            "conflict": answer.conflict,
            "other_content": answer.other_content,
            "channel_fault": answer.channel_fault,
            "raw": base64.b64encode(answer.raw).decode(),
        }
    )


def load_answer(data: bytes) -> Answer:
    fields = load(data)
    returned = fields["returned"]
    return Answer(
        heard=Heard(fields["heard"]),
        kind=OutcomeKind(fields["kind"]),
        finality=Finality(fields["finality"]),
        reason=RejectReason(fields["reason"]) if fields["reason"] else None,
        channel_code=fields["channel_code"],
        channel_payout_id=fields["channel_payout_id"],
        returned=Money(returned[0], returned[1]) if returned else None,
        resend_after_s=fields["resend_after_s"],
        as_of=datetime.fromisoformat(fields["as_of"]) if fields["as_of"] else None,
        detail=fields["detail"],
        alarm=fields["alarm"],
        conflict=fields.get("conflict", False),
        other_content=fields.get("other_content", False),
        channel_fault=fields["channel_fault"],
        raw=base64.b64decode(fields["raw"]),
    )
