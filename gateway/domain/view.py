"""What an app may see of a payout: built from an explicit list of fields, so that nothing slips out."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.domain.beneficiary import Beneficiary, WechatBeneficiary, mask, mask_name
from gateway.domain.money import Money
from gateway.domain.payer import payer_view
from gateway.domain.payout import Attempt, Payout
from gateway.domain.reasons import STATUS_REASONS, public_code
from gateway.domain.status import StatusReason, is_disputed, status, status_reason, under_review
from gateway.domain.terms import ChannelChoice

Json = dict[str, "object"]


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-01-01T00:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def money_view(money: Money) -> Json:
    return {"value": money.minor, "currency": money.currency}


def payout_view(payout: Payout) -> Json:
    """The payout object of docs/api.md, for its owning app. Fields without a value are null."""
    reason = status_reason(payout)
    paying = payout.paying_attempt
    current = payout.current_attempt
    return {
        "object": "payout",
        "id": payout.id,
        "reference": payout.reference,
        "status": str(status(payout)),
        "status_reason": reason_view(reason) if reason else None,
        "amount": money_view(payout.amount),
        "beneficiary": beneficiary_view(payout.beneficiary),
        "purpose": payout.purpose,
        "description": payout.description,
        "metadata": dict(payout.metadata),
        "preference": payout.terms.preference,
        "send_at": timestamp(payout.terms.send_at) if payout.terms.send_at else None,
        "send_by": timestamp(payout.terms.send_by) if payout.terms.send_by else None,
        "on_expiry": str(payout.terms.on_expiry),
        "channels": _choice_view(payout.terms.channels),
        "payer": None if payout.payer is None else payer_view(payout.payer),
        "quote": _quote_view(payout),
        "batch_id": payout.batch_id,
        "retry_of": payout.retry_of,
        "retried_as": payout.retried_as,
        "channel": current.channel if current else None,
        "returned_amount": money_view(paying.returned) if paying and paying.returned else None,
        "next_action": _action_view(payout),
        "cancel_requested": payout.cancel_requested_at is not None,
        "under_review": under_review(payout),
        "disputed": is_disputed(payout),
        "created_at": timestamp(payout.created_at),
        "settled_at": timestamp(paying.settled_at) if paying and paying.settled_at else None,
        "erased_at": timestamp(payout.erased_at) if payout.erased_at else None,
    }


def _choice_view(choice: ChannelChoice | None) -> Json | None:
    return None if choice is None else {"allow": sorted(choice.allow), "deny": sorted(choice.deny)}


def _quote_view(payout: Payout) -> Json | None:
    """`honoured` is said of the channel it is with, or was: null while there is none."""
    quote, current = payout.terms.quote, payout.current_attempt
    if quote is None:
        return None
    fees = [
        {"channel": channel, "fee": {"value": fee, "currency": payout.amount.currency}} for channel, fee in quote.fees
    ]
    honoured = None if current is None else quote.names(current.channel) and quote.binds(current.opened_at)
    return {"expires_at": timestamp(quote.expires_at), "channels": fees, "honoured": honoured}


def masked_view(payout: Payout) -> Json:
    """The payout object as callbacks carry it: no free text, no action token, nothing of the payer; the app reads the
    rest with a GET."""
    view = payout_view(payout)
    for absent in ("description", "next_action", "payer"):
        del view[absent]
    return view


def reason_view(reason: StatusReason) -> Json:
    explained = STATUS_REASONS[reason.code]
    return {
        "code": str(reason.code),
        "source": str(explained.source),
        "retryable": explained.retryable,
        "remedy": str(explained.remedy),
        "message": {"en": explained.en, "zh": explained.zh},
        "channel_code": reason.channel_code,
    }


def beneficiary_view(beneficiary: Beneficiary) -> Json:
    """The beneficiary with account and name masked."""
    if isinstance(beneficiary, WechatBeneficiary):
        name = mask_name(beneficiary.name) if beneficiary.name else None
        return {"type": "wechat", "openid": mask(beneficiary.openid), "name": name}
    return {
        "type": "bank_account",
        "account_number": mask(beneficiary.account_number),
        "name": mask_name(beneficiary.name),
        "bank_code": beneficiary.bank_code,
        "country": beneficiary.country,
    }


def attempt_view(attempt: Attempt) -> Json:
    """One attempt as its app may see it."""
    return {
        "number": attempt.number,
        "channel": attempt.channel,
        "channel_reference": attempt.channel_reference,
        "channel_payout_id": attempt.channel_payout_id,
        "state": str(attempt.state),
        "was_unknown": attempt.was_unknown,
        "transmissions": attempt.transmissions,
        "reason": str(public_code(attempt.reason)) if attempt.reason else None,
        "channel_code": attempt.channel_code,
        "opened_at": timestamp(attempt.opened_at),
        "settled_at": timestamp(attempt.settled_at) if attempt.settled_at else None,
    }


def _action_view(payout: Payout) -> Json | None:
    live = payout.live_attempt
    if live is None or live.action is None:
        return None
    return {
        "type": live.action.type,
        **dict(live.action.fields),
        "expires_at": timestamp(live.action.expires_at),
    }
