"""What an app may see: masked, from a list of fields, and never another's."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.beneficiary import BankBeneficiary, WechatBeneficiary, mask, mask_name
from gateway.domain.outcome import NextAction
from gateway.domain.payout import AttemptState
from gateway.domain.view import attempt_view, masked_view, payout_view
from tests.support.builders import NOW, a_payout, sending

ACCOUNT = st.text(st.characters(min_codepoint=48, max_codepoint=57), min_size=9, max_size=34)


@given(account=ACCOUNT, name=st.text(min_size=2, max_size=40))
def test_account_and_name_are_never_shown_whole(account: str, name: str) -> None:
    """Neither a GET nor a callback carries a whole account number or name."""
    payout = replace(a_payout(), beneficiary=BankBeneficiary(account, name, "B1", "CN"))
    for view in (payout_view(payout), masked_view(payout)):
        shown = view["beneficiary"]
        assert isinstance(shown, dict)
        assert account not in str(shown["account_number"])
        assert shown["name"] != name


def test_masks() -> None:
    """Four and four of a long number, only the end of a short one, one character of a name."""
    assert mask("6222000000000123") == "6222********0123"
    assert mask("12345678") == "******78"
    assert mask("1") == "1"
    assert mask_name("张三") == "张*"
    assert mask_name("张") == "张*"


def test_an_action_is_for_the_owner_not_for_callbacks() -> None:
    """The token the payee's front end needs is in a GET, and in no callback."""
    payout = sending(replace(a_payout(), beneficiary=WechatBeneficiary("openid-0123456789")))
    action = NextAction("wechat_confirm", (("package_info", "SECRET"),), NOW + timedelta(hours=1))
    payout = payout.with_attempt(replace(payout.attempt(1), state=AttemptState.PENDING, action=action))
    assert payout_view(payout)["next_action"] == {
        "type": "wechat_confirm",
        "package_info": "SECRET",
        "expires_at": "2026-01-01T01:00:00.000Z",
    }
    assert "SECRET" not in json.dumps(masked_view(payout))


def test_an_attempt_shows_no_request() -> None:
    """The stored bytes hold the whole order and are shown to nobody."""
    assert "prepared" not in json.dumps(attempt_view(sending().attempt(1)))
