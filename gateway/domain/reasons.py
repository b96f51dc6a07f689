"""Why an attempt was refused, and what an app is told: two closed lists and the one table between them.

`RejectReason` is the vocabulary the adapters translate their channels' codes into (docs/reasons.md);
`StatusCode` is the public one (docs/api.md). Both texts and docs are drawn from the tables here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class OtherChannel(StrEnum):
    """May a definitely failed attempt be followed by one on another channel?"""

    YES = "yes"
    NO = "no"
    OTHER_INSTRUMENT = "other_instrument"
    SAME_ORDER = "same_order"
    OPERATOR = "operator"
    POLICY = "policy"
    NEVER = "never"


class RejectReason(StrEnum):
    """Why a channel refused for good, in one vocabulary for all channels."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    PAYER_ACCOUNT_UNUSABLE = "payer_account_unusable"
    PAYER_NOT_AUTHORISED = "payer_not_authorised"
    AMOUNT_LIMIT = "amount_limit"
    CURRENCY_NOT_SUPPORTED = "currency_not_supported"
    CUTOFF_MISSED = "cutoff_missed"
    CHANNEL_UNAVAILABLE = "channel_unavailable"
    SIGNATURE_ERROR = "signature_error"
    RATE_LIMITED = "rate_limited"
    PAYEE_ACCOUNT_INVALID = "payee_account_invalid"
    PAYEE_ACCOUNT_CLOSED = "payee_account_closed"
    PAYEE_ACCOUNT_BLOCKED = "payee_account_blocked"
    PAYEE_NAME_MISMATCH = "payee_name_mismatch"
    PAYEE_NOT_VERIFIED = "payee_not_verified"
    PAYEE_BANK_INVALID = "payee_bank_invalid"
    PAYEE_LIMIT = "payee_limit"
    AMOUNT_INVALID = "amount_invalid"
    INVALID_REQUEST = "invalid_request"
    COMPLIANCE_REJECTED = "compliance_rejected"
    FRAUD_SUSPECTED = "fraud_suspected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    DUPLICATE = "duplicate"
    UNKNOWN = "unknown"


class Source(StrEnum):
    """Whose doing a public status reason is."""

    BENEFICIARY = "beneficiary"
    BENEFICIARY_BANK = "beneficiary_bank"
    CHANNEL = "channel"
    GATEWAY = "gateway"
    RISK = "risk"
    APP = "app"


class StatusCode(StrEnum):
    """The public reasons that this version can give (docs/reasons.md lists them with their texts)."""

    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_FROZEN = "account_frozen"
    ACCOUNT_NOT_FOUND = "account_not_found"
    INVALID_ACCOUNT_NUMBER = "invalid_account_number"
    NAME_MISMATCH = "name_mismatch"
    BENEFICIARY_LIMIT = "beneficiary_limit"
    BENEFICIARY_ACTION_REQUIRED = "beneficiary_action_required"
    BANK_UNAVAILABLE = "bank_unavailable"
    DECLINED_BY_BANK = "declined_by_bank"
    CHANNEL_BALANCE_LOW = "channel_balance_low"
    AMOUNT_LIMIT = "amount_limit"
    CURRENCY_NOT_SUPPORTED = "currency_not_supported"
    NO_ROUTE = "no_route"
    CHANNEL_UNAVAILABLE = "channel_unavailable"
    EXPIRED = "expired"
    CANCELED_BY_APP = "canceled_by_app"
    RETURNED_BY_BANK = "returned_by_bank"
    REVIEW_REJECTED = "review_rejected"
    OUTCOME_UNKNOWN = "outcome_unknown"
    INTERNAL_ERROR = "internal_error"


class Remedy(StrEnum):
    """What the app can do about it."""

    CORRECT_BENEFICIARY = "correct_beneficiary"
    BENEFICIARY_ACTS = "beneficiary_acts"
    CHANGE_ORDER = "change_order"
    RETRY_LATER = "retry_later"
    CONTACT_OPERATOR = "contact_operator"
    WAIT = "wait"
    NONE = "none"


REMEDIES: dict[Remedy, tuple[str, str]] = {
    Remedy.CORRECT_BENEFICIARY: (
        "Ask the beneficiary for another or a corrected account, then order anew, with a new reference.",
        "请收款人提供其他或更正后的账户，再以新的单号重新下单。",
    ),
    Remedy.BENEFICIARY_ACTS: (
        "Tell the beneficiary what is wanted of them; once it is done, order anew, with a new reference.",
        "请告知收款人需完成的操作，完成后以新的单号重新下单。",
    ),
    Remedy.CHANGE_ORDER: (
        "Order another amount or currency, with a new reference.",
        "请更改金额或币种，以新的单号重新下单。",
    ),
    Remedy.RETRY_LATER: ("Order anew later, with a new reference.", "请稍后以新的单号重新下单。"),
    Remedy.CONTACT_OPERATOR: (
        "Contact the operator of the gateway, with the payout's id; do not order it again.",
        "请携付款单号联系网关运营方，请勿重新下单。",
    ),
    Remedy.WAIT: ("Wait: it is not over. Do not order it again.", "请等待，付款尚未结束，请勿重新下单。"),
    Remedy.NONE: ("Nothing: it is as you wished.", "无需处理。"),
}
"""In English and Chinese."""


@dataclass(frozen=True, slots=True)
class Explained:
    """What an app is told of a `StatusCode`: whose doing, whether a new payout may help, what to do, and the words."""

    source: Source
    retryable: bool
    remedy: Remedy
    en: str
    zh: str


_C, _S, _E, _M = StatusCode, Source, Explained, Remedy

STATUS_REASONS: dict[StatusCode, Explained] = {
    _C.ACCOUNT_CLOSED: _E(
        _S.BENEFICIARY, False, _M.CORRECT_BENEFICIARY, "The beneficiary's account is closed.", "收款账户已注销。"
    ),
    _C.ACCOUNT_FROZEN: _E(
        _S.BENEFICIARY,
        False,
        _M.CORRECT_BENEFICIARY,
        "The beneficiary's account is frozen or may not receive this.",
        "收款账户被冻结或受限。",
    ),
    _C.ACCOUNT_NOT_FOUND: _E(
        _S.BENEFICIARY, False, _M.CORRECT_BENEFICIARY, "There is no such account.", "收款账户不存在。"
    ),
    _C.INVALID_ACCOUNT_NUMBER: _E(
        _S.BENEFICIARY,
        False,
        _M.CORRECT_BENEFICIARY,
        "The account or bank number is not valid.",
        "收款账号或行号无效。",
    ),
    _C.NAME_MISMATCH: _E(
        _S.BENEFICIARY,
        False,
        _M.CORRECT_BENEFICIARY,
        "The name does not belong to the account.",
        "收款人姓名与账户不符。",
    ),
    _C.BENEFICIARY_LIMIT: _E(
        _S.BENEFICIARY, True, _M.RETRY_LATER, "The beneficiary has reached a receiving limit.", "收款人已达收款限额。"
    ),
    _C.BENEFICIARY_ACTION_REQUIRED: _E(
        _S.BENEFICIARY,
        True,
        _M.BENEFICIARY_ACTS,
        "The beneficiary must act first, e.g. verify or confirm.",
        "需要收款人先完成操作，如实名认证或确认收款。",
    ),
    _C.BANK_UNAVAILABLE: _E(
        _S.BENEFICIARY_BANK, True, _M.RETRY_LATER, "The beneficiary's bank could not be reached.", "收款银行暂不可用。"
    ),
    _C.DECLINED_BY_BANK: _E(
        _S.BENEFICIARY_BANK,
        False,
        _M.CONTACT_OPERATOR,
        "The bank declined without a reason we may pass on.",
        "银行拒绝了该笔付款。",
    ),
    _C.CHANNEL_BALANCE_LOW: _E(
        _S.CHANNEL,
        True,
        _M.RETRY_LATER,
        "Our account on the channel could not cover the payout.",
        "渠道备付金余额不足。",
    ),
    _C.AMOUNT_LIMIT: _E(
        _S.CHANNEL, False, _M.CHANGE_ORDER, "The amount is outside the limits of every channel.", "金额超出渠道限额。"
    ),
    _C.CURRENCY_NOT_SUPPORTED: _E(
        _S.CHANNEL, False, _M.CHANGE_ORDER, "No channel pays this currency.", "没有渠道支持该币种。"
    ),
    _C.NO_ROUTE: _E(
        _S.GATEWAY,
        False,
        _M.CONTACT_OPERATOR,
        "No configured channel can carry this payout.",
        "没有可用的渠道承接该付款。",
    ),
    _C.CHANNEL_UNAVAILABLE: _E(
        _S.CHANNEL, True, _M.RETRY_LATER, "No channel became usable in time.", "渠道在期限内均不可用。"
    ),
    _C.EXPIRED: _E(
        _S.CHANNEL,
        True,
        _M.RETRY_LATER,
        "It was not sent, confirmed or funded in time and was closed.",
        "逾期未发送、未确认或未完成，已关闭。",
    ),
    _C.CANCELED_BY_APP: _E(_S.APP, False, _M.NONE, "Canceled as the app asked.", "已按商户要求取消。"),
    _C.RETURNED_BY_BANK: _E(
        _S.BENEFICIARY_BANK,
        False,
        _M.CORRECT_BENEFICIARY,
        "It was paid, and the bank sent the money back.",
        "付款成功后被银行退回。",
    ),
    _C.REVIEW_REJECTED: _E(
        _S.RISK,
        False,
        _M.CONTACT_OPERATOR,
        "People reviewed it and ended it without payment.",
        "经人工复核，已终止且未付款。",
    ),
    _C.OUTCOME_UNKNOWN: _E(
        _S.CHANNEL,
        False,
        _M.WAIT,
        "The channel has not said yet whether it paid; we keep asking.",
        "渠道尚未确认结果，系统正在查询。",
    ),
    _C.INTERNAL_ERROR: _E(
        _S.GATEWAY,
        False,
        _M.CONTACT_OPERATOR,
        "A fault of ours; do not send it again, contact us.",
        "系统内部错误，请勿重发，请联系我们。",
    ),
}

_R, _O = RejectReason, OtherChannel

REJECT_REASONS: dict[RejectReason, tuple[OtherChannel, StatusCode]] = {
    _R.INSUFFICIENT_FUNDS: (_O.YES, _C.CHANNEL_BALANCE_LOW),
    _R.PAYER_ACCOUNT_UNUSABLE: (_O.YES, _C.CHANNEL_UNAVAILABLE),
    _R.PAYER_NOT_AUTHORISED: (_O.YES, _C.CHANNEL_UNAVAILABLE),
    _R.AMOUNT_LIMIT: (_O.YES, _C.AMOUNT_LIMIT),
    _R.CURRENCY_NOT_SUPPORTED: (_O.YES, _C.CURRENCY_NOT_SUPPORTED),
    _R.CUTOFF_MISSED: (_O.YES, _C.CHANNEL_UNAVAILABLE),
    _R.CHANNEL_UNAVAILABLE: (_O.YES, _C.CHANNEL_UNAVAILABLE),
    _R.SIGNATURE_ERROR: (_O.OPERATOR, _C.CHANNEL_UNAVAILABLE),
    _R.RATE_LIMITED: (_O.SAME_ORDER, _C.CHANNEL_UNAVAILABLE),
    _R.PAYEE_ACCOUNT_INVALID: (_O.NO, _C.ACCOUNT_NOT_FOUND),
    _R.PAYEE_ACCOUNT_CLOSED: (_O.NO, _C.ACCOUNT_CLOSED),
    _R.PAYEE_ACCOUNT_BLOCKED: (_O.NO, _C.ACCOUNT_FROZEN),
    _R.PAYEE_NAME_MISMATCH: (_O.NO, _C.NAME_MISMATCH),
    _R.PAYEE_NOT_VERIFIED: (_O.NO, _C.BENEFICIARY_ACTION_REQUIRED),
    _R.PAYEE_BANK_INVALID: (_O.NO, _C.INVALID_ACCOUNT_NUMBER),
    _R.PAYEE_LIMIT: (_O.OTHER_INSTRUMENT, _C.BENEFICIARY_LIMIT),
    _R.AMOUNT_INVALID: (_O.NO, _C.INTERNAL_ERROR),
    _R.INVALID_REQUEST: (_O.NO, _C.INTERNAL_ERROR),
    _R.COMPLIANCE_REJECTED: (_O.NO, _C.DECLINED_BY_BANK),
    _R.FRAUD_SUSPECTED: (_O.NO, _C.DECLINED_BY_BANK),
    _R.CANCELLED: (_O.NO, _C.DECLINED_BY_BANK),
    _R.EXPIRED: (_O.POLICY, _C.EXPIRED),
    _R.DUPLICATE: (_O.NEVER, _C.INTERNAL_ERROR),
    _R.UNKNOWN: (_O.POLICY, _C.DECLINED_BY_BANK),
}
"""For each reason: may another channel be tried, and what the app is told when it ends the payout."""


def other_channel(reason: RejectReason) -> OtherChannel:
    """Whether a definite failure for `reason` may go to another channel."""
    return REJECT_REASONS[reason][0]


def channels_fault(reason: RejectReason | None) -> bool:
    """What another channel may do better is this one's fault; a closed account or a wrong name is not."""
    known = reason or RejectReason.UNKNOWN
    return known is RejectReason.UNKNOWN or other_channel(known) is OtherChannel.YES


def public_code(reason: RejectReason) -> StatusCode:
    """What an app is told when `reason` ended its payout."""
    return REJECT_REASONS[reason][1]
