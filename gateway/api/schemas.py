"""The bodies of this API, and what the domain takes them for.

The published schema says what the models do; the four lies a generated schema tells are avoided: closed metadata,
constraints before validators (`words`), whole numbers read by `strict_json`, honest nulls.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    Field,
    StringConstraints,
)

from gateway.api.framing import USUAL_BYTES_MAX
from gateway.api.reading import Body
from gateway.api.words import (
    METADATA_KEYS_MAX,
    PUBLISHED,
    QUOTE_PATTERN,
    AccountNumber,
    ChannelNames,
    CurrencyCode,
    Instant,
    IpAddress,
    MetadataKey,
    MetadataValue,
    Name,
    PreferenceName,
    Reference,
    UserText,
)
from gateway.domain.beneficiary import BankBeneficiary, Beneficiary, Saved, WechatBeneficiary
from gateway.domain.identity import BENEFICIARY_ID_PATTERN
from gateway.domain.money import MINOR_MAX, Money
from gateway.domain.payer import Payer
from gateway.domain.quote import Quote
from gateway.domain.terms import ChannelChoice, OnExpiry, Terms

BODY_BYTES_MAX = USUAL_BYTES_MAX
BATCH_ITEMS_MAX = 1000


class Amount(Body):
    """Money in integer minor units: 12500 CNY is 125.00 yuan. `1.0` is 1; `1.5`, `"1"` and `true` are refused."""

    value: Annotated[int, Field(ge=1, le=MINOR_MAX)]
    currency: CurrencyCode


class WechatUser(Body):
    """A WeChat user of one of our app ids. The real name is needed for large amounts."""

    type: Literal["wechat"]
    openid: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$"), Field(repr=False)]
    name: Name | None = Field(default=None, repr=False)


class BankAccount(Body):
    """A bank account: an IBAN or a plain number, with the bank's BIC or CNAPS line number."""

    type: Literal["bank_account"]
    account_number: Annotated[AccountNumber, Field(repr=False)]
    name: Annotated[Name, Field(repr=False)]
    bank_code: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{4,20}$")]
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class SavedPayee(Body):
    """A saved beneficiary, by its id. The order takes a copy of it."""

    type: Literal["saved"]
    id: Annotated[str, StringConstraints(pattern=BENEFICIARY_ID_PATTERN)]


InlinePayee = Annotated[WechatUser | BankAccount, Field(discriminator="type")]
Payee = Annotated[WechatUser | BankAccount | SavedPayee, Field(discriminator="type")]


class ChannelsWish(Body):
    """Which channels may carry it: none but those of `allow`, if it names any, and none of `deny`."""

    allow: ChannelNames = Field(default_factory=list)
    deny: ChannelNames = Field(default_factory=list)

    def choice(self) -> ChannelChoice | None:
        made = ChannelChoice(frozenset(self.allow), frozenset(self.deny))
        return made if made.allow or made.deny else None


class PayerWish(Body):
    """The end user whose money it is. Kept encrypted, and masked in answers; nothing is decided by it."""

    account_id: Annotated[UserText, Field(repr=False)]
    tier: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,32}$")] | None = None
    device_id: UserText | None = Field(default=None, repr=False)
    ip: IpAddress | None = Field(default=None, repr=False)

    def payer(self) -> Payer:
        return Payer(self.account_id, self.tier, self.device_id, self.ip)


class _Order(Body):
    """What is to be paid, to whom and on what terms."""

    reference: Reference
    amount: Amount
    beneficiary: Payee
    purpose: Annotated[str, StringConstraints(min_length=1, max_length=64), PUBLISHED] | None = None
    description: Annotated[str, StringConstraints(max_length=140), PUBLISHED] | None = None
    preference: PreferenceName | None = None
    send_at: Instant | None = None
    send_by: Instant | None = None
    on_expiry: Literal["fail", "any_channel"] = "fail"
    channels: ChannelsWish | None = None
    payer: PayerWish | None = None
    metadata: Annotated[
        dict[MetadataKey, MetadataValue],
        Field(max_length=METADATA_KEYS_MAX, json_schema_extra={"additionalProperties": False}),
    ] = Field(default_factory=dict)

    def money(self) -> Money:
        return Money(self.amount.value, self.amount.currency)

    def terms(self, quote: Quote | None = None) -> Terms:
        choice = None if self.channels is None else self.channels.choice()
        return Terms(self.preference, self.send_by, OnExpiry(self.on_expiry), quote, self.send_at, choice)

    def payee(self) -> Beneficiary | Saved:
        return payee_of(self.beneficiary)


class CreatePayout(_Order):
    """An order to pay. Sent again with the same reference and content it answers with the payout as it is now."""

    quote_id: Annotated[str, StringConstraints(pattern=QUOTE_PATTERN)] | None = None


class BatchOrder(_Order):
    """One payout of a batch: an order, but for a quote."""


class CreateBatch(Body):
    """Many orders in one call. Sent again with the same reference and content it is the batch as it is now."""

    reference: Reference
    items: Annotated[list[BatchOrder], Field(min_length=1, max_length=BATCH_ITEMS_MAX)]


class RetryPayout(Body):
    """A failed payout again, under a new reference, to the same beneficiary or a corrected one."""

    reference: Reference
    beneficiary: Payee | None = None
    send_by: Instant | None = None
    on_expiry: Literal["fail", "any_channel"] = "fail"

    def payee(self) -> Beneficiary | Saved | None:
        return None if self.beneficiary is None else payee_of(self.beneficiary)


class CreateBeneficiary(Body):
    """Somebody to keep, so that later orders name an id instead of an account."""

    beneficiary: InlinePayee

    def payee(self) -> Beneficiary:
        return inline_payee_of(self.beneficiary)


def payee_of(to: WechatUser | BankAccount | SavedPayee) -> Beneficiary | Saved:
    return Saved(to.id) if isinstance(to, SavedPayee) else inline_payee_of(to)


def inline_payee_of(to: WechatUser | BankAccount) -> Beneficiary:
    if isinstance(to, WechatUser):
        return WechatBeneficiary(to.openid, to.name)
    return BankBeneficiary(to.account_number, to.name, to.bank_code, to.country)
