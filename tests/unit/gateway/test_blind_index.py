"""The blind index: one account, one index, however it is written; and nothing that could be told from it."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.blind_index import INDEX_BYTES, BlindIndex
from gateway.domain.beneficiary import BankBeneficiary, BeneficiaryKind, WechatBeneficiary

KEY, OTHER = b"f" * 32, b"g" * 32
BANK, WECHAT = BeneficiaryKind.BANK_ACCOUNT, BeneficiaryKind.WECHAT
ACCOUNTS = st.text(alphabet="0123456789ABCDEFGHIJ", min_size=5, max_size=34)


@given(account=ACCOUNTS, at=st.integers(0, 40), between=st.sampled_from([" ", "-", "."]))
def test_however_an_account_is_written_it_is_one(account: str, at: int, between: str) -> None:
    """Grouping, small letters and wide digits make no other account."""
    index = BlindIndex(KEY)
    wide = "".join(chr(ord(each) + 0xFEE0) for each in account)
    for written in (account[:at] + between + account[at:], account.lower(), wide):
        assert index.of(BANK, written) == index.of(BANK, account)


@given(one=ACCOUNTS, other=ACCOUNTS)
def test_other_accounts_have_other_indexes(one: str, other: str) -> None:
    """As far as so few bytes can tell them apart."""
    index = BlindIndex(KEY)
    assert (index.of(BANK, one) == index.of(BANK, other)) == (one == other)
    assert len(index.of(BANK, one)) == INDEX_BYTES


def test_an_openid_is_taken_as_it_is() -> None:
    """In an openid the case, a dash and an underscore count."""
    index = BlindIndex(KEY)
    assert len({index.of(WECHAT, each) for each in ("oAb-1", "oab-1", "oAb1", "oAb_1")}) == 4


def test_the_kind_and_the_key_count() -> None:
    """The same text as another kind of account, or under another key, is something else; and the key is its own."""
    index = BlindIndex(KEY)
    assert index.of(WECHAT, "12345678") != index.of(BANK, "12345678")
    assert BlindIndex(OTHER).of(BANK, "12345678") != index.of(BANK, "12345678")
    plain = hmac.digest(KEY, b"bank_account\x0012345678", "sha256")[:INDEX_BYTES]
    assert index.of(BANK, "12345678") != plain


@pytest.mark.parametrize(
    ("beneficiary", "kind", "account"),
    [
        (BankBeneficiary("6222 0000 1111", "张三", "CNAPS", "CN"), BANK, "622200001111"),
        (WechatBeneficiary("oAb-1", "张三"), WECHAT, "oAb-1"),
    ],
)
def test_a_beneficiary_is_found_by_its_account_alone(
    beneficiary: BankBeneficiary | WechatBeneficiary, kind: BeneficiaryKind, account: str
) -> None:
    """Never by a name: there are few of them, and an index can be counted."""
    index = BlindIndex(KEY)
    assert index.of_beneficiary(beneficiary) == index.of(kind, account)
