"""The two closed lists of reasons, and the one table between them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.domain.reasons import (
    REJECT_REASONS,
    REMEDIES,
    STATUS_REASONS,
    OtherChannel,
    RejectReason,
    Remedy,
    Source,
    StatusCode,
    public_code,
)

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
    for en, zh in REMEDIES.values():
        assert en.endswith(".")
        assert zh.endswith("。")


def test_every_remedy_is_explained_and_used() -> None:
    """The list is closed, and none of it is there for show."""
    assert set(REMEDIES) == set(Remedy)
    assert {explained.remedy for explained in STATUS_REASONS.values()} == set(Remedy)


def test_a_remedy_and_its_reason_agree() -> None:
    """The same order may help later exactly where that is the remedy; what to correct is the beneficiary's doing."""
    later = {Remedy.RETRY_LATER, Remedy.BENEFICIARY_ACTS}
    for code, told in STATUS_REASONS.items():
        assert told.retryable == (told.remedy in later), code
        if told.remedy in (Remedy.CORRECT_BENEFICIARY, Remedy.BENEFICIARY_ACTS):
            assert told.source in (Source.BENEFICIARY, Source.BENEFICIARY_BANK), code


RAW = {
    **{f"wechat_api_codes:{row['code']}": row["reason"] for row in MAPS["wechat_api_codes"]},
    **{f"{kind}:{code}": reason for kind in ("wechat_fail_reason", "iso_status_reason", "iso_return_reason")
       for code, reason in MAPS[kind].items()},
}  # fmt: skip
"""Every raw code of both protocol sheets -> the reason that it is translated to."""


def test_every_raw_code_ends_in_words_for_the_app() -> None:
    """From the channel's own code to fault, remedy and both texts: none is left without; and what must never reach an
    app as its own fault does not blame the beneficiary."""
    assert len(RAW) > 340
    told = {raw: STATUS_REASONS[public_code(RejectReason(reason))] for raw, reason in RAW.items() if reason}
    assert all(each.en and each.zh and each.remedy in REMEDIES for each in told.values())
    ours = {
        "duplicate",
        "rate_limited",
        "signature_error",
        "invalid_request",
        "amount_invalid",
        "payer_account_unusable",
    }
    blamed = {raw for raw, each in told.items() if RAW[raw] in ours and each.source is Source.BENEFICIARY}
    assert blamed == set()
    payee = {raw for raw, reason in RAW.items() if reason and reason.startswith("payee_")}
    assert {told[raw].source for raw in payee} == {Source.BENEFICIARY}
