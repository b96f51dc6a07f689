"""Who receives the money, and what of that may be shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class BeneficiaryKind(StrEnum):
    """What kind of account the money goes to; channels declare which they can pay."""

    WECHAT = "wechat"
    BANK_ACCOUNT = "bank_account"


@dataclass(frozen=True, slots=True)
class WechatBeneficiary:
    """A WeChat user: `openid` belongs to one app id of ours; `name` is the real name, needed for large amounts."""

    openid: str = field(repr=False)
    name: str | None = field(default=None, repr=False)

    @property
    def kind(self) -> BeneficiaryKind:
        return BeneficiaryKind.WECHAT

    @property
    def account(self) -> str:
        """What identifies the receiving account; its ending is what the sandbox obeys."""
        return self.openid


@dataclass(frozen=True, slots=True)
class BankBeneficiary:
    """A bank account: `account_number` is an IBAN or a plain number, `bank_code` a BIC or a CNAPS line number."""

    account_number: str = field(repr=False)
    name: str = field(repr=False)
    bank_code: str
    country: str

    @property
    def kind(self) -> BeneficiaryKind:
        return BeneficiaryKind.BANK_ACCOUNT

    @property
    def account(self) -> str:
        return self.account_number


Beneficiary = WechatBeneficiary | BankBeneficiary


@dataclass(frozen=True, slots=True)
class SavedBeneficiary:
    """One that an app has us keep, and names by its id in an order. A payout has its own copy from its accept on."""

    id: str
    app: str
    beneficiary: Beneficiary
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved beneficiary as an order names it."""

    id: str


def personal(beneficiary: Beneficiary) -> tuple[str, ...]:
    """What of a beneficiary must not appear in any log line."""
    name = beneficiary.name
    return (beneficiary.account,) if name is None else (beneficiary.account, name)


def mask(text: str) -> str:
    """`6222000000000123` becomes `6222********0123`; of eight characters or fewer only the last two are shown."""
    if len(text) <= 8:
        return "*" * max(len(text) - 2, 0) + text[-2:]
    return text[:4] + "*" * (len(text) - 8) + text[-4:]


def mask_name(name: str) -> str:
    """The first character, then stars: a name is never shown whole. Of one that was erased nothing."""
    if not name:
        return ""
    return name[:1] + "*" * max(len(name) - 1, 1)
