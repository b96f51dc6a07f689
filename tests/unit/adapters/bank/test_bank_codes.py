"""The tables of statuses, reasons and errors against the sheet's data."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.bank.codes import (
    NEEDS_A_PERSON,
    POST_ERRORS,
    STATUSES,
    Says,
    read_json_status,
    read_post_error,
    read_status,
)
from adapters.bank.reasons import RETURN_REASONS, STATUS_REASONS, first_reason
from gateway.domain.outcome import Finality, OutcomeKind
from gateway.domain.reasons import RejectReason
from tests.support.bank import vector_files

MAPS = vector_files("reason_maps*.json")
SUCCESS = frozenset({"ACSC", "ACCC"})


@pytest.mark.parametrize("maps", MAPS)
def test_the_reason_tables_are_the_published_ones(maps: dict[str, Any]) -> None:
    """Both maps, code for code, and no code more."""
    assert {code: str(reason) for code, reason in STATUS_REASONS.items()} == maps["iso_status_reason"]
    assert {code: str(reason) for code, reason in RETURN_REASONS.items()} == maps["iso_return_reason"]
    assert maps["iso_default_reason"] == first_reason(["ZZ99"], STATUS_REASONS)[1]


@pytest.mark.parametrize("maps", MAPS)
def test_the_status_table_is_the_published_one(maps: dict[str, Any]) -> None:
    """Every status stands in the column the data says, and none is added."""
    ours: dict[str, set[str]] = {}
    for status, says in STATUSES.items():
        ours.setdefault(says, set()).add(status)
    assert ours == {column: set(statuses) for column, statuses in maps["iso_tx_status"].items()}


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_the_outcome_of_its_column(status: str) -> None:
    """Section 9, row by row: pending decides nothing, success only as agreed, a refusal only with a listed reason."""
    verdict = read_status(status, ("AC04",), SUCCESS, {})
    expected = {
        Says.PENDING: OutcomeKind.PENDING,
        Says.SUCCEEDED: OutcomeKind.SUCCEEDED if status in SUCCESS else OutcomeKind.PENDING,
        Says.REFUSED: OutcomeKind.REJECTED,
        Says.CANCELLED: OutcomeKind.REJECTED,
    }
    assert verdict.kind is expected[STATUSES[status]]
    paid_and_refused = verdict.kind is OutcomeKind.SUCCEEDED  # the reason for refusing stands beside it
    assert verdict.alarm == (status in NEEDS_A_PERSON or paid_and_refused)
    if verdict.kind is OutcomeKind.PENDING:
        assert verdict.reason is None, "a reason on a pending status decides nothing"


def test_success_is_what_was_agreed_with_the_bank() -> None:
    """With no code agreed, only a booked debit is success: ACSC is pending."""
    assert read_status("ACSC", (), frozenset({"ACCC"}), {}).kind is OutcomeKind.PENDING
    assert read_status("ACCC", (), frozenset(), {}).kind is OutcomeKind.PENDING
    assert read_status("CPUC", (), frozenset({"CPUC"}), {}).kind is OutcomeKind.SUCCEEDED


def test_an_unknown_status_is_pending_and_loud() -> None:
    """A code we do not know never fails a payout."""
    verdict = read_status("ZZZZ", ("AC04",), SUCCESS, {})
    assert (verdict.kind, verdict.alarm) == (OutcomeKind.PENDING, True)


@pytest.mark.parametrize("code", STATUS_REASONS)
def test_a_listed_reason_decides_unless_it_is_a_duplicate(code: str) -> None:
    """A refusal with a listed reason is about the order; a duplicate code only asks for the original."""
    verdict = read_status("RJCT", (code,), SUCCESS, {})
    if STATUS_REASONS[code] is RejectReason.DUPLICATE:
        assert (verdict.kind, verdict.finality) == (OutcomeKind.UNCLEAR, Finality.UNKNOWN)
    else:
        assert (verdict.kind, verdict.finality) == (OutcomeKind.REJECTED, Finality.FINAL_ON_REPEAT)
    assert (verdict.reason, verdict.code) == (STATUS_REASONS[code], code)


def test_a_duplicate_code_wins_over_every_other_reason() -> None:
    """In whatever place it stands."""
    assert read_status("RJCT", ("AC04", "DU04"), SUCCESS, {}).is_duplicate
    assert read_status("RJCT", ("DU04", "AC04"), SUCCESS, {}).is_duplicate
    assert read_status("RJCT", ("MS03", "AC04"), SUCCESS, {}).reason is RejectReason.PAYEE_ACCOUNT_CLOSED


@pytest.mark.parametrize("reasons", [(), ("ZZ99",), ("Prtry:X1",)], ids=["none", "unlisted", "proprietary"])
def test_a_refusal_without_a_listed_reason_is_not_final(reasons: tuple[str, ...]) -> None:
    """It may be the refusal of a repeat: it is kept as a refusal nobody believes, and a person looks."""
    verdict = read_status("RJCT", reasons, SUCCESS, {})
    assert (verdict.kind, verdict.finality, verdict.alarm) == (OutcomeKind.REJECTED, Finality.UNKNOWN, True)


def test_the_banks_own_reasons_count_once_configured() -> None:
    """A proprietary code decides as the configured reason says, a duplicate one included."""
    own = {"X1": RejectReason.PAYEE_ACCOUNT_BLOCKED, "DUP": RejectReason.DUPLICATE}
    assert read_status("RJCT", ("Prtry:X1",), SUCCESS, own).finality is Finality.FINAL_ON_REPEAT
    assert read_status("RJCT", ("Prtry:DUP",), SUCCESS, own).is_duplicate


def test_a_json_refusal_decides_nothing() -> None:
    """It carries no reason and may be about a repeat; the report is read before deciding."""
    assert read_json_status("RJCT", SUCCESS).kind is OutcomeKind.UNCLEAR
    assert read_json_status("CANC", SUCCESS).kind is OutcomeKind.UNCLEAR
    assert read_json_status("ACSC", SUCCESS).kind is OutcomeKind.SUCCEEDED
    assert read_json_status("RCVD", SUCCESS).kind is OutcomeKind.PENDING


@pytest.mark.parametrize("pair", POST_ERRORS, ids=str)
def test_no_error_row_claims_more_than_one_transmission(pair: tuple[int, str]) -> None:
    """An error answer speaks of its own POST: FINAL (1 of 1), the same bytes later, or nothing."""
    verdict = POST_ERRORS[pair]
    assert verdict.finality is not Finality.FINAL_ON_REPEAT
    if verdict.kind is OutcomeKind.REJECTED:
        assert verdict.finality in (Finality.FINAL, Finality.RETRY_SAME_ID)
        assert verdict.reason is not None
    else:
        assert verdict.kind is OutcomeKind.UNCLEAR


@pytest.mark.parametrize(
    ("status", "code", "alarm"),
    [(400, "NEW_CODE", True), (418, "", True), (405, "SERVICE_INVALID", True), (408, "", False), (503, "", False)],
)
def test_an_unlisted_error_is_unclear(status: int, code: str, alarm: bool) -> None:
    """HTTP status alone is never final; what is not expected is an alarm."""
    verdict = read_post_error(status, code)
    assert (verdict.kind, verdict.alarm) == (OutcomeKind.UNCLEAR, alarm)
