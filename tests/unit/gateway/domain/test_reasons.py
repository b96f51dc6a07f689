"""The two closed lists of reasons, and the one table between them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.domain.reasons import REJECT_REASONS, STATUS_REASONS, OtherChannel, RejectReason, StatusCode

MAPS = json.loads((Path(__file__).parents[3] / "vectors" / "reason_maps.json").read_text(encoding="utf-8"))


def test_every_reject_reason_is_mapped() -> None:
    """Every word of the adapters has a rule and a public code, and every public code its texts."""
    assert set(REJECT_REASONS) == set(RejectReason)
    assert set(STATUS_REASONS) == set(StatusCode)


@pytest.mark.parametrize("row", MAPS["normalized_reasons"], ids=lambda row: row["reason"])
def test_the_vocabulary_is_the_published_one(row: dict[str, str]) -> None:
    """Reason and other-channel rule agree with the protocol sheets' shared vocabulary."""
    assert REJECT_REASONS[RejectReason(row["reason"])][0] is OtherChannel(row["other_channel"])


def test_no_word_is_ours_alone() -> None:
    """There is no reject reason that the shared vocabulary does not have."""
    assert {str(reason) for reason in RejectReason} == {row["reason"] for row in MAPS["normalized_reasons"]}


@pytest.mark.parametrize("reason", [RejectReason.COMPLIANCE_REJECTED, RejectReason.FRAUD_SUSPECTED])
def test_compliance_is_never_routed_round(reason: RejectReason) -> None:
    """A refusal on regulatory grounds ends the payout, and is told as not retryable."""
    rule, code = REJECT_REASONS[reason]
    assert rule is OtherChannel.NO
    assert not STATUS_REASONS[code].retryable


def test_every_text_is_there_in_both_languages() -> None:
    """An app can show its user why, in English and in Chinese."""
    for explained in STATUS_REASONS.values():
        assert explained.en.endswith(".")
        assert explained.zh.endswith("。")
