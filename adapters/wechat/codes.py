"""The service's words in ours, as tables (sheet sections 7.5, 10.1 and 11).

A code that is not listed decides nothing: ask. The HTTP status alone decides nothing either (a proxy can make one up).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.outcome import Finality, OutcomeKind
from gateway.domain.reasons import RejectReason

_R, _F, _K = RejectReason, Finality, OutcomeKind


class Pause(StrEnum):
    """Why the same order has to wait before it is sent again; how long is a setting."""

    RATE_LIMITED = "rate_limited"
    NOT_ENOUGH = "not_enough"
    MENDING = "mending"
    """Our key, clock or number was refused: a person has to mend it first."""


@dataclass(frozen=True, slots=True)
class Code:
    """What one error code means after a create."""

    statuses: frozenset[int]
    """The HTTP statuses it comes with. A final code is only believed with one of them."""
    kind: OutcomeKind
    finality: Finality
    reason: RejectReason
    pause: Pause | None = None
    stop: bool = False
    """Every order will meet it: call somebody, and let the breaker keep further ones away."""


def _code(
    statuses: str, finality: Finality, reason: RejectReason, pause: Pause | None = None, *, stop: bool = False
) -> Code:
    return Code(frozenset(map(int, statuses.split())), _K.REJECTED, finality, reason, pause, stop)


def _unclear(statuses: str, reason: RejectReason) -> Code:
    return Code(frozenset(map(int, statuses.split())), _K.UNCLEAR, _F.UNKNOWN, reason)


CODES: Mapping[str, Code] = {
    # Not taken; but the order stays unknown until it was sent again, so it is that and not "final".
    "SIGN_ERROR": _code("401", _F.RETRY_SAME_ID, _R.SIGNATURE_ERROR, Pause.MENDING, stop=True),
    "PARAM_ERROR": _code("400", _F.FINAL, _R.INVALID_REQUEST),
    "NO_AUTH": _code("403", _F.FINAL, _R.PAYER_NOT_AUTHORISED, stop=True),
    "APPID_MCHID_NOT_MATCH": _code("400 401", _F.FINAL, _R.PAYER_NOT_AUTHORISED, stop=True),
    "NOT_ENOUGH": _code("403", _F.RETRY_SAME_ID, _R.INSUFFICIENT_FUNDS, Pause.NOT_ENOUGH),
    "FREQUENCY_LIMITED": _code("429", _F.RETRY_SAME_ID, _R.RATE_LIMITED, Pause.RATE_LIMITED),
    "FREQUENCY_LIMIT_EXCEED": _code("429", _F.RETRY_SAME_ID, _R.RATE_LIMITED, Pause.RATE_LIMITED),
    "RATELIMIT_EXCEEDED": _code("429", _F.RETRY_SAME_ID, _R.RATE_LIMITED, Pause.RATE_LIMITED),
    # These can mean "there is such an order already": only a query tells.
    "INVALID_REQUEST": _code("400", _F.UNKNOWN, _R.INVALID_REQUEST),
    "ALREADY_EXISTS": _code("400 403", _F.UNKNOWN, _R.DUPLICATE),
    "USER_ERROR": _code("400 403", _F.UNKNOWN, _R.PAYER_ACCOUNT_UNUSABLE),
    "ACCOUNT_ERROR": _code("403", _F.UNKNOWN, _R.PAYER_ACCOUNT_UNUSABLE),
    "ACCOUNTERROR": _code("403", _F.UNKNOWN, _R.PAYER_ACCOUNT_UNUSABLE),
    "QUOTA_EXCEED": _code("429", _F.UNKNOWN, _R.AMOUNT_LIMIT),
    # No refusal at all.
    "SYSTEM_ERROR": _unclear("500", _R.CHANNEL_UNAVAILABLE),
    "SERVICE_UNAVAILABLE": _unclear("502 503", _R.CHANNEL_UNAVAILABLE),
    # Only a query says these.
    "NOT_FOUND": _unclear("404 400", _R.UNKNOWN),
    "RESOURCE_NOT_EXISTS": _unclear("404", _R.UNKNOWN),
}
"""Error codes after a create. After a query none of them changes an order but those in `ABSENT`."""

ABSENT = frozenset({"NOT_FOUND", "RESOURCE_NOT_EXISTS"})
"""A query's "no such order": absent so far, and never proof that it will not be."""

STATES: Mapping[str, OutcomeKind] = {
    "ACCEPTED": _K.PENDING,
    "PROCESSING": _K.PENDING,
    "WAIT_USER_CONFIRM": _K.PENDING,
    "TRANSFERING": _K.PENDING,
    "CANCELING": _K.PENDING,
    "SUCCESS": _K.SUCCEEDED,
    "FAIL": _K.REJECTED,
    "CANCELLED": _K.REJECTED,
}
"""States of an order. Another one is new to us: wait, and call somebody."""

WAIT_USER_CONFIRM = "WAIT_USER_CONFIRM"
CONFIRMED = frozenset({"TRANSFERING", "CANCELING"})
"""Nothing is asked of the payee any more."""
CANCELLED = "CANCELLED"
CODE_MAX = 64
"""How much of a code of theirs is kept."""


def _by_code(rows: Mapping[RejectReason, str]) -> Mapping[str, RejectReason]:
    return {code: reason for reason, codes in rows.items() for code in codes.split()}


FAIL_REASONS: Mapping[str, RejectReason] = _by_code(
    {
        _R.INSUFFICIENT_FUNDS: "BUDGET_NOT_ENOUGH",
        _R.PAYER_ACCOUNT_UNUSABLE: "PAYER_ACCOUNT_ABNORMAL",
        _R.PAYER_NOT_AUTHORISED: (
            "PRODUCT_AUTH_CHECK_FAIL RECEIVE_ACCOUNT_NOT_CONFIGURE RECEIVE_ACCOUNT_NOT_PERMMIT "
            "TRANSFER_SCENE_INVALID TRANSFER_SCENE_UNAVAILABLE"
        ),
        _R.AMOUNT_LIMIT: (
            "EXCEEDED_ESTIMATED_AMOUNT RELATED_ORDER_TRANSFER_AMOUNT_EXCEED "
            "RELATED_ORDER_TRANSFER_COUNT_EXCEED TRANSFER_QUOTA_EXCEED"
        ),
        _R.PAYEE_ACCOUNT_INVALID: "ACCOUNT_NOT_EXIST BANK_CARD_CARD_INFO_WRONG OPENID_INVALID",
        _R.PAYEE_ACCOUNT_BLOCKED: (
            "ACCOUNT_FROZEN BANK_CARD_ACCOUNT_ABNORMAL BANK_CARD_STATUS_ABNORMAL "
            "BLOCK_B2C_USERLIMITAMOUNT_MONTH PAYEE_ACCOUNT_ABNORMAL"
        ),
        _R.PAYEE_NAME_MISMATCH: "ID_CARD_NOT_CORRECT NAME_NOT_CORRECT",
        _R.PAYEE_NOT_VERIFIED: "REAL_NAME_CHECK_FAIL",
        _R.PAYEE_BANK_INVALID: "BANK_CARD_BANK_INFO_WRONG",
        _R.PAYEE_LIMIT: (
            "BANK_CARD_COLLECTIONS_ABOVE_QUOTA BLOCK_B2C_USERLIMITAMOUNT_BSRULE_MONTH DAY_RECEIVED_COUNT_EXCEED "
            "DAY_RECEIVED_QUOTA_EXCEED MONTH_RECEIVED_QUOTA_EXCEED REALNAME_ACCOUNT_RECEIVED_QUOTA_EXCEED"
        ),
        _R.INVALID_REQUEST: (
            "BANK_CARD_PARAM_ERROR RESERVATION_INFO_NOT_MATCH RESERVATION_SCENE_NOT_MATCH "
            "RESERVATION_STATE_INVALID TRANSFER_REMARK_SET_FAIL"
        ),
        _R.FRAUD_SUSPECTED: "TRANSFER_RISK",
        _R.CANCELLED: "MCH_CANCEL MERCHANT_REJECT",
        _R.EXPIRED: "MERCHANT_NOT_CONFIRM OVERDUE_CLOSE",
        _R.UNKNOWN: "OTHER_FAIL_REASON_TYPE",
    }
)
"""`fail_reason` of a `FAIL`. An unlisted one is `unknown`; RECEIVE_ACCOUNT_NOT_PERMMIT is really spelled so."""
