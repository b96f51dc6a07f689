"""Reason codes of the bank's messages, in our vocabulary (sheet "bank-direct" section 10).

Two maps, because the code sets reuse names with other meanings: BE08 is a missing payer name in a status report and a
bank's error in a return. Use the map of the message that the code came in. A code that is not listed is `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.domain.reasons import RejectReason

_R = RejectReason


def _by_code(rows: Mapping[RejectReason, str]) -> Mapping[str, RejectReason]:
    return {code: reason for reason, codes in rows.items() for code in codes.split()}


STATUS_REASONS: Mapping[str, RejectReason] = _by_code(
    {
        _R.INSUFFICIENT_FUNDS: "AM04",
        _R.PAYER_ACCOUNT_UNUSABLE: "AC02 AC05 AC13 AG07",
        _R.PAYER_NOT_AUTHORISED: "AG03 AG08 BE05 DS0G DS0H DS14 DS19 DS27 EOL1 SL11 SL12 SL17 SL18",
        _R.AMOUNT_LIMIT: "AM02 AM06 AM13 AM14 AM15 AM21 AM23 DS0K",
        _R.CURRENCY_NOT_SUPPORTED: "AC09 AC10 AC11 AM03 AM11 CURR",
        _R.CUTOFF_MISSED: "DT05 TM01",
        _R.CHANNEL_UNAVAILABLE: (
            "AB01 AB02 AB03 AB04 AB05 AB06 AB07 AB08 AB09 AB10 AB11 AG10 AG11 DNOR ED05 ED06 FF10 TA01 DS08 DS09 DS18"
        ),
        _R.SIGNATURE_ERROR: ("DS0A DS0B DS0C DS0D DS0E DS0F DS10 DS11 DS12 DS13 DS16 DS17 DS20 DS21 DS22 DS23 DS26"),
        _R.PAYEE_ACCOUNT_INVALID: "AC01 AC03 AC12 AC14 AC15 AC16 BE06 BE23 UCRD",
        _R.PAYEE_ACCOUNT_CLOSED: "AC04 AC07",
        _R.PAYEE_ACCOUNT_BLOCKED: "AC06 AG01 MD07",
        _R.PAYEE_NAME_MISMATCH: "BE01",
        _R.PAYEE_BANK_INVALID: "AC08 AG04 AG06 AGNT CNOR ED01 RC01 RC02 RC04 RC05 RC07 RC08 RC10 RC11",
        _R.PAYEE_LIMIT: "SL15 SL16",
        _R.AMOUNT_INVALID: "AM01 AM09 AM12 AM22",
        _R.INVALID_REQUEST: (
            "AG02 AG05 AG12 AM10 AM16 AM17 AM18 AM19 AM20 BE04 BE07 BE08 BE09 BE10 BE11 BE12 "
            "BE13 BE14 BE15 BE16 BE17 BE18 BE19 BE20 BE21 BE22 CH03 CH04 CH07 CH15 CH16 CH17 "
            "CH20 CH21 CHCO CHRG DS04 DS28 DT01 DT02 DT03 DT04 ED03 EDNA FF01 FF02 FF03 FF04 "
            "FF05 FF06 FF07 FF08 INDT MINF RC03 RC06 RC09 RR01 RR02 RR03 RR05 RR06 RR07 RR09 "
            "RR10 RR11 RR12 TD02 TD03"
        ),
        _R.COMPLIANCE_REJECTED: "AM07 NOCM RR04",
        _R.FRAUD_SUSPECTED: "FR01 FRAD",
        _R.CANCELLED: "CUST DS02 FOCR",
        _R.EXPIRED: "DS24",
        _R.DUPLICATE: "AM05 DS15 DU01 DU02 DU03 DU04 DU05 DUPL RF01",
        _R.UNKNOWN: "DS25 MS02 MS03 NARR NOAS SL01 SL02 SL03 UPAY RUTA",
    }
)
"""Reasons in a pain.002, from the ISO 20022 external code set ExternalStatusReason1Code."""

RETURN_REASONS: Mapping[str, RejectReason] = _by_code(
    {
        _R.PAYEE_ACCOUNT_INVALID: "AC01 AC03 AC15 BE06",
        _R.PAYEE_ACCOUNT_CLOSED: "AC04 AC07",
        _R.PAYEE_ACCOUNT_BLOCKED: "AC06 AC16 AC17 AG01 MD07",
        _R.PAYEE_BANK_INVALID: "AC14 AGNT CNOR ED01 RC01 RC04 RC07 RC08 RC11",
        _R.PAYEE_NAME_MISMATCH: "BE01",
        _R.PAYER_ACCOUNT_UNUSABLE: "AC02 AC13 AG07",
        _R.PAYER_NOT_AUTHORISED: "BE05 SL11 SL12",
        _R.INSUFFICIENT_FUNDS: "AM04",
        _R.AMOUNT_LIMIT: "AM02 AM06 SL13 SL14",
        _R.AMOUNT_INVALID: "AM01 AM09",
        _R.CURRENCY_NOT_SUPPORTED: "AM03 CURR",
        _R.CUTOFF_MISSED: "TM01",
        _R.CHANNEL_UNAVAILABLE: "BE08 DS28 DNOR ED05",
        _R.INVALID_REQUEST: (
            "AG02 AM10 BE04 BE07 BE10 BE11 BE16 BE17 DT01 DT04 ED03 FF03 FF04 FF05 FF06 FF07 "
            "RC03 RR01 RR02 RR03 RR05 RR06 RR07 RR09 RR11 RR12"
        ),
        _R.COMPLIANCE_REJECTED: "AM07 NOCM RR04",
        _R.FRAUD_SUSPECTED: "FR01",
        _R.CANCELLED: "CUST FOCR",
        _R.EXPIRED: "CNPC DT02",
        _R.DUPLICATE: "AM05 DUPL RF01 ARDT",
        _R.UNKNOWN: "MS02 MS03 NARR NOAS RUTA SL01 SL02 UPAY NOOR SP01 SP02",
    }
)
"""Reasons in `RtrInf` of a camt message, from ExternalReturnReason1Code."""


def first_reason(codes: Iterable[str], table: Mapping[str, RejectReason]) -> tuple[str | None, RejectReason]:
    """Of several codes: a duplicate one wins, else the first that is mapped, else `unknown` with the first code."""
    listed = list(codes)
    for code in listed:
        if table.get(code) is RejectReason.DUPLICATE:
            return code, RejectReason.DUPLICATE
    for code in listed:
        if table.get(code, RejectReason.UNKNOWN) is not RejectReason.UNKNOWN:
            return code, table[code]
    return next(iter(listed), None), RejectReason.UNKNOWN
