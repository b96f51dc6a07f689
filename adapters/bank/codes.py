"""What the bank's codes mean: statuses (sheet section 9), and HTTP errors after a POST (section 15). Pure.

Tables; a pair that is missing is *unclear*, never a failure (reliability R4). A refusal's finality follows the last
paragraph of section 9: a status report that gives a listed reason which is no duplicate code speaks of the *order*,
however often it was sent; an error answer speaks of that one transmission only. So does a report of a bank that gives a
repeat an id of its own (`of_one_transmission`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from adapters.bank.reasons import STATUS_REASONS, first_reason
from gateway.domain.outcome import Finality, OutcomeKind
from gateway.domain.reasons import RejectReason

_K, _R, _F = OutcomeKind, RejectReason, Finality


class Says(StrEnum):
    """The columns of section 9."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    REFUSED = "failed_unless_duplicate"
    CANCELLED = "failed"


_PENDING = """RCVD RVNC RCVC RVCM RVMC RVNA RVNM PDNG PATC PRES ACTC ACCP ACFC ACFW ACWC ACSP ACPD ACWP ACIS BLCK
PART"""

STATUSES: Mapping[str, Says] = {
    **dict.fromkeys(_PENDING.split(), Says.PENDING),
    **dict.fromkeys(("ACSC", "ACCC", "CPUC"), Says.SUCCEEDED),
    "RJCT": Says.REFUSED,
    "CANC": Says.CANCELLED,
}

NEEDS_A_PERSON: Mapping[str, str] = {
    "PATC": "the bank waits for more of our signatures",
    "ACFW": "the bank waits for our confirmation",
    "RVCM": "the payee's name does not match; the bank waits for a decision",
    "RVNM": "the payee's name does not match; the bank waits for a decision",
    "BLCK": "blocked at the payee's bank: neither credited nor returned",
    "ACIS": "a cheque was issued, which we never ask for",
    "PRES": "a status of requests to pay, not of payments",
}
"""Pending statuses that do not end by waiting."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a code amounts to: the deciding part of an `Answer`."""

    kind: OutcomeKind
    finality: Finality = Finality.UNKNOWN
    reason: RejectReason | None = None
    code: str | None = None
    detail: str = ""
    alarm: bool = False

    @property
    def is_duplicate(self) -> bool:
        """The refusal of a repeat: it says that an earlier order exists, and nothing of how that one fares."""
        return self.reason is RejectReason.DUPLICATE


def of_one_transmission(verdict: Verdict) -> Verdict:
    """The same verdict of one of several orders under our id: the first may be paid while its repeat is refused."""
    return replace(verdict, finality=_F.FINAL) if verdict.finality is _F.FINAL_ON_REPEAT else verdict


def read_json_status(status: str, success_codes: frozenset[str]) -> Verdict:
    """A status without reasons. Its `RJCT` may be that of a repeat, so no failure is read from it (section 9)."""
    if STATUSES.get(status) in (Says.REFUSED, Says.CANCELLED):
        return Verdict(_K.UNCLEAR, code=status, detail="not accepted; the status report will say why")
    return read_status(status, (), success_codes, {})


def read_status(
    status: str,
    reasons: tuple[str, ...],
    success_codes: frozenset[str],
    own_reasons: Mapping[str, RejectReason],
) -> Verdict:
    """A status from a report about our order. `own_reasons` are the bank's proprietary codes, as configured."""
    match STATUSES.get(status):
        case Says.PENDING:
            todo = NEEDS_A_PERSON.get(status, "")
            return Verdict(_K.PENDING, code=status, detail=todo, alarm=bool(todo))
        case Says.SUCCEEDED if status in success_codes:
            at_odds = any(code in STATUS_REASONS for code in reasons)
            detail = "paid, and a reason for refusing beside it" if at_odds else ""
            return Verdict(_K.SUCCEEDED, code=status, detail=detail, alarm=at_odds)
        case Says.SUCCEEDED:
            return Verdict(_K.PENDING, code=status, detail="this bank's word for success is another one")
        case Says.REFUSED:
            return _refused(reasons, own_reasons)
        case Says.CANCELLED:
            return Verdict(_K.REJECTED, _F.FINAL_ON_REPEAT, _R.CANCELLED, status)
        case None:
            return Verdict(_K.PENDING, code=status[:35], detail="a status we do not know", alarm=True)


def _refused(reasons: tuple[str, ...], own_reasons: Mapping[str, RejectReason]) -> Verdict:
    """A duplicate code asks for the original; a listed code decides; anything else leaves it to a person."""
    table = {**STATUS_REASONS, **{f"Prtry:{code}": reason for code, reason in own_reasons.items()}}
    code, reason = first_reason(reasons, table)
    if reason is RejectReason.DUPLICATE:
        return Verdict(_K.UNCLEAR, reason=reason, code=code, detail="a repeat was refused: ask for the original")
    if code in table:
        return Verdict(_K.REJECTED, _F.FINAL_ON_REPEAT, reason, code)
    detail = "refused with a reason we do not know" if code else "refused without a reason"
    return Verdict(_K.REJECTED, _F.UNKNOWN, reason, code or "RJCT", detail, alarm=True)


def _rows(status: int, codes: str, verdict: Verdict) -> dict[tuple[int, str], Verdict]:
    return {(status, code): verdict for code in codes.split()}


_BAD_FORM = """FORMAT_ERROR PARAMETER_NOT_CONSISTENT PARAMETER_NOT_SUPPORTED SERVICE_INVALID RESOURCE_UNKNOWN
RESOURCE_EXPIRED RESOURCE_BLOCKED TIMESTAMP_INVALID PERIOD_INVALID EXECUTION_DATE_INVALID"""
_BAD_IDENTITY = """CERTIFICATE_INVALID CERTIFICATE_EXPIRED CERTIFICATE_BLOCKED CERTIFICATE_REVOKE CERTIFICATE_MISSING
SIGNATURE_INVALID SIGNATURE_MISSING ROLE_INVALID TOKEN_UNKNOWN TOKEN_INVALID TOKEN_EXPIRED"""

_STOP = Verdict(_K.UNCLEAR, _F.UNKNOWN, _R.SIGNATURE_ERROR, detail="the bank does not accept who we are", alarm=True)
_NOT_OURS = Verdict(_K.REJECTED, _F.FINAL, _R.PAYER_NOT_AUTHORISED)
_SET_UP = Verdict(_K.REJECTED, _F.FINAL, _R.CHANNEL_UNAVAILABLE, detail="a format the bank does not take", alarm=True)

POST_ERRORS: Mapping[tuple[int, str], Verdict] = {
    **_rows(400, _BAD_FORM, Verdict(_K.REJECTED, _F.FINAL, _R.INVALID_REQUEST)),
    **_rows(400, "PAYMENT_FAILED", Verdict(_K.REJECTED, _F.FINAL, _R.UNKNOWN)),
    **_rows(401, _BAD_IDENTITY, _STOP),
    **_rows(403, "SERVICE_BLOCKED PRODUCT_INVALID RESOURCE_UNKNOWN", _NOT_OURS),
    **_rows(404, "RESOURCE_UNKNOWN PRODUCT_UNKNOWN", _NOT_OURS),
    **_rows(406, "REQUESTED_FORMATS_INVALID", _SET_UP),
    **_rows(415, "REQUESTED_FORMATS_INVALID", _SET_UP),
    **_rows(409, "STATUS_INVALID", Verdict(_K.UNCLEAR, detail="the bank has something under this id: ask")),
    **_rows(429, "ACCESS_EXCEEDED", Verdict(_K.REJECTED, _F.RETRY_SAME_ID, _R.RATE_LIMITED)),
}
"""(HTTP status, message code) of a *signed* answer to a POST. `FINAL` is believed for a first and only transmission."""


def read_post_error(status: int, code: str) -> Verdict:
    """A signed error answer to a POST; a pair that is not listed is unclear, and an alarm."""
    known = POST_ERRORS.get((status, code))
    if known is not None:
        return known
    expected = status == 408 or status >= 500
    return Verdict(_K.UNCLEAR, detail=f"HTTP {status} {code[:60]}", alarm=not expected)
