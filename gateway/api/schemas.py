"""The bodies of this API, strictly read. All faults of a body are found at once and named by JSON pointers.

The published schema says what the models do; the four lies a generated schema tells are avoided here: closed metadata,
constraints before validators, whole numbers read by `strict_json`, honest nulls.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema

from gateway import currencies
from gateway.api.framing import USUAL_BYTES_MAX
from gateway.api.instant import instant
from gateway.api.names import NAME_PATTERN, has_hidden
from gateway.api.problems import Code, Fault, Refused
from gateway.api.strict_json import TEXT_PATTERN, BadJson, escape, parse
from gateway.domain.beneficiary import BankBeneficiary, Beneficiary, Saved, WechatBeneficiary
from gateway.domain.identity import BENEFICIARY_ID_PATTERN
from gateway.domain.money import MINOR_MAX, Money
from gateway.domain.payer import Payer
from gateway.domain.quote import Quote
from gateway.domain.terms import ChannelChoice, OnExpiry, Terms

BODY_BYTES_MAX = USUAL_BYTES_MAX
METADATA_KEYS_MAX = 20
METADATA_KEY_PATTERN = r"^[A-Za-z0-9_.-]{1,64}$"
CHANNELS_MAX = 32
BATCH_ITEMS_MAX = 1000
REFERENCE_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
QUOTE_PATTERN = r"^qt_[A-Za-z0-9_-]{20,2048}$"


def _known_currency(code: str) -> str:
    if currencies.exponent(code) is None:
        raise PydanticCustomError("unknown_currency", "not an ISO 4217 currency with minor units")
    return code


def _plain_name(name: str) -> str:
    """Row 40: nothing invisible in a name that people compare by eye."""
    if name != name.strip():
        raise PydanticCustomError("surrounding_space", "no space at either end")
    if has_hidden(name):
        raise PydanticCustomError("forbidden_character", "no invisible or private-use characters")
    return name


def _plain_account(number: str) -> str:
    """Row 43: the single spaces and hyphens that people put between letters and digits go; letters become upper."""
    return number.replace(" ", "").replace("-", "").upper()


def _instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "not a string")
    try:
        return instant(value).astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("bad_instant", "no instant", {"why": "no such date or time"}) from None
    except ValueError as error:
        raise PydanticCustomError("bad_instant", "no instant", {"why": str(error)}) from None


def _ip(text: str) -> str:
    """In its usual form, so that one address is one content."""
    try:
        return str(ip_address(text if "%" not in text else ""))
    except ValueError:
        raise PydanticCustomError("bad_ip", "no address") from None


def each_once(words: list[str]) -> list[str]:
    """Of a list that stands for a set."""
    if len(set(words)) != len(words):
        raise PydanticCustomError("doubled", "one stands there twice")
    return words


class _NotNull:
    """Of a field that may be left out: null is no value of it, neither here nor as published."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        value, _null = handler(schema)["anyOf"]
        made: JsonSchemaValue = value
        return made

    @staticmethod
    def _check(value: object) -> object:
        if value is None:
            raise PydanticCustomError("null", "null is no value here")
        return value


NOT_NULL = _NotNull()


Reference = Annotated[str, StringConstraints(pattern=REFERENCE_PATTERN)]
CurrencyCode = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{3}$"),
    Field(json_schema_extra={"enum": [*currencies.codes()]}),
    AfterValidator(_known_currency),
]
_PUBLISHED = Field(json_schema_extra={"pattern": TEXT_PATTERN})
"""What `strict_json` refuses in every string, said where a free text is published."""
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=140),
    Field(json_schema_extra={"pattern": NAME_PATTERN}),
    AfterValidator(_plain_name),
]
AccountNumber = Annotated[
    str,
    StringConstraints(pattern=r"^([A-Za-z0-9][ -]?){3,33}[A-Za-z0-9]$", max_length=67),
    AfterValidator(_plain_account),
]
Instant = Annotated[datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
PreferenceName = Annotated[str, StringConstraints(min_length=1, max_length=64), _PUBLISHED]
"""Which ones there are is the configuration's matter; `openapi.build` names them."""
MetadataKey = Annotated[str, StringConstraints(pattern=METADATA_KEY_PATTERN)]
MetadataValue = Annotated[str, StringConstraints(max_length=500), _PUBLISHED]


CHANNEL_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
ChannelName = Annotated[str, StringConstraints(pattern=CHANNEL_PATTERN)]
ChannelNames = Annotated[
    list[ChannelName],
    Field(max_length=CHANNELS_MAX, json_schema_extra={"uniqueItems": True}),
    AfterValidator(each_once),
]
"""Which ones there are is the configuration's matter."""
UserText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128),
    Field(json_schema_extra={"pattern": NAME_PATTERN}),
    AfterValidator(_plain_name),
]
IpAddress = Annotated[
    str,
    StringConstraints(max_length=45),
    Field(json_schema_extra={"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
    AfterValidator(_ip),
]


class Body(BaseModel):
    """A part of a request: strict types, and no field that is not known."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


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
    purpose: Annotated[str, StringConstraints(min_length=1, max_length=64), _PUBLISHED] | None = None
    description: Annotated[str, StringConstraints(max_length=140), _PUBLISHED] | None = None
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


B = TypeVar("B", bound=Body)


def read(model: type[B], body: bytes, context: Mapping[str, object] | None = None) -> B:
    """The body as `model`, judged in the light of `context`, where its rules ask for one.

    Raises:
        Refused: with every fault that was found.
    """
    try:
        value, faults = parse(body)
    except BadJson as error:
        raise Refused(Code.INVALID_JSON, faults=[Fault("", error.code, error.detail)]) from None
    made, faults = validated(model, value, faults, context)
    if made is None:
        raise Refused(Code.INVALID_REQUEST, faults=faults)
    return made


def validated(
    model: type[B], value: object, faults: list[Fault], context: Mapping[str, object] | None = None
) -> tuple[B | None, list[Fault]]:
    """A value as `model`, or every fault of it beside those that are known already."""
    try:
        made = model.model_validate(value, context=context)
    except ValidationError as error:
        found = [_fault(each) for each in error.errors(include_url=False, include_input=False)]
        return None, _one_each(faults + found)
    return (None, _one_each(faults)) if faults else (made, [])


_FAULTS: Mapping[str, tuple[str, str]] = {
    "missing": ("missing", "this field is required"),
    "extra_forbidden": ("unknown_field", "there is no such field"),
    "int_type": ("not_an_integer", "a whole number, as a JSON number; of money, of minor units"),
    "greater_than_equal": ("out_of_range", "at least {ge}"),
    "less_than_equal": ("out_of_range", "at most {le}"),
    "string_type": ("not_a_string", "a JSON string"),
    "string_pattern_mismatch": ("bad_format", "must match {pattern}"),
    "string_too_short": ("too_short", "at least {min_length} character(s)"),
    "string_too_long": ("too_long", "at most {max_length} characters"),
    "too_long": ("too_many", "at most {max_length} entries"),
    "list_type": ("not_an_array", "a JSON array"),
    "too_short": ("too_few", "at least {min_length} entries"),
    "bad_ip": ("bad_format", "an IPv4 or IPv6 address"),
    "doubled": ("duplicate", "each once"),
    "dict_type": ("not_an_object", "a JSON object"),
    "model_type": ("not_an_object", "a JSON object"),
    "model_attributes_type": ("not_an_object", "a JSON object"),
    "union_tag_not_found": ("missing", "this field is required"),
    "union_tag_invalid": ("unknown_type", "one of {expected_tags}"),
    "literal_error": ("unknown_value", "one of {expected}"),
    "bad_instant": ("bad_format", "{why}"),
    "unknown_currency": ("unknown_currency", "an ISO 4217 currency with minor units"),
    "unknown_event": ("unknown_value", "a type of event"),
    "refused_target": ("refused_target", "{why}"),
    "surrounding_space": ("surrounding_space", "no space at either end"),
    "null": ("null", "leave it out, or give it a value"),
    "either": ("missing", "either {one} or {other}, and not both"),
    "forbidden_character": ("forbidden_character", "no invisible, private-use or control characters"),
}
"""Pydantic's word for a fault -> ours. Its own texts are not passed on: some repeat the value."""

_TAGS = frozenset({"wechat", "bank_account", "saved"})


def _fault(found: ErrorDetails) -> Fault:
    code, detail = _FAULTS.get(found["type"], ("invalid", "not acceptable here"))
    return Fault(_pointer(found), code, detail.format(**found.get("ctx", {})))


def _pointer(found: ErrorDetails) -> str:
    """Where it is. Pydantic puts the chosen kind of beneficiary, and `[key]`, into the path; a body has neither."""
    steps = [step for step in found["loc"] if step != "[key]"]
    at = steps.index("beneficiary") + 1 if "beneficiary" in steps else len(steps)
    if at < len(steps) and steps[at] in _TAGS:
        del steps[at]
    if found["type"] in ("union_tag_not_found", "union_tag_invalid"):
        steps.append("type")
    return "".join(f"/{escape(str(step))}" for step in steps)


def _one_each(faults: list[Fault]) -> list[Fault]:
    """The first fault of each pointer: a string that was refused whole needs no second reason."""
    first: dict[str, Fault] = {}
    for fault in faults:
        first.setdefault(fault.pointer, fault)
    return list(first.values())
