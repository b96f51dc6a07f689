"""Our tables of codes equal the shared ones."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.wechat.codes import ABSENT, CODES, FAIL_REASONS, STATES
from adapters.wechat.sandbox.plays import State
from gateway.domain.outcome import Answer, Finality, Heard, OutcomeKind, classify
from tests.support.wechat import vector_files

FILES = vector_files("reason_maps*.json")
ROWS = [row for file in FILES for row in file.get("wechat_api_codes", [])]
FAIL_ROWS = {code: reason for file in FILES for code, reason in file.get("wechat_fail_reason", {}).items()}

MEANS = {
    "not_taken": (OutcomeKind.REJECTED, Finality.RETRY_SAME_ID),
    "not_taken_on_first_send": (OutcomeKind.REJECTED, Finality.FINAL),
    "query": (OutcomeKind.REJECTED, Finality.UNKNOWN),
    "resend_same": (OutcomeKind.REJECTED, Finality.RETRY_SAME_ID),
    "query_then_resend_same": (OutcomeKind.UNCLEAR, Finality.UNKNOWN),
    "absent_so_far": (OutcomeKind.UNCLEAR, Finality.UNKNOWN),
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["code"])
def test_every_shared_error_code_has_its_class_and_reason_here(row: dict[str, Any]) -> None:
    """Status, what it means after a create, and the reason."""
    code = CODES[row["code"]]
    assert code.statuses == set(row["http"])
    assert (code.kind, code.finality) == MEANS[row["after_create"]]
    assert code.reason == row["reason"]
    assert (row["code"] in ABSENT) == (row["after_create"] == "absent_so_far")


def test_no_error_code_is_ours_alone() -> None:
    """What is not in the shared table is not listed here either."""
    assert set(CODES) == {row["code"] for row in ROWS}


def test_every_fail_reason_maps_as_shared() -> None:
    """The two tables are equal."""
    assert FAIL_ROWS
    assert dict(FAIL_REASONS) == FAIL_ROWS


def test_every_state_the_sandbox_can_be_in_is_known_to_the_adapter() -> None:
    """And no other."""
    assert set(STATES) == set(State)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["code"])
def test_a_refusal_frees_the_payout_only_after_one_transmission(row: dict[str, Any]) -> None:
    """No code ends an attempt that was sent twice; sent once, only the shared table's first-send codes do."""
    code = CODES[row["code"]]
    answer = Answer(Heard.SUBMIT, code.kind, finality=code.finality, reason=code.reason)
    assert classify(answer, 1, 2).kind is OutcomeKind.UNCLEAR
    assert classify(answer, 2, 2).kind is OutcomeKind.UNCLEAR
    ends = classify(answer, 1, 1).kind is OutcomeKind.REJECTED
    assert ends == (row["after_create"] == "not_taken_on_first_send")
