"""From our order to a transfer the bank can carry, or a refusal before anything is stored (sheet sections 6, 7, 18)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from adapters.bank.config import BankSettings, ProductSettings
from adapters.bank.identifiers import identifiers
from adapters.bank.pain001 import REMITTANCE_MAX, Party, Terms, Transfer, document, is_iban
from adapters.bank.profile import ProfileRefused
from adapters.channel import Order, Unsendable
from gateway.currencies import exponent
from gateway.domain.beneficiary import BankBeneficiary
from gateway.domain.payout import Prepared
from gateway.domain.reasons import RejectReason

NAME_MAX = 140
_SEPA_TEXT = re.compile(r"[A-Za-z0-9 /\-?:().,'+]*", re.ASCII)
_CODE = re.compile(r"[A-Z]{4}", re.ASCII)
_BANK_CODE = re.compile(r"[0-9]{12}|[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?", re.ASCII)
_ACCOUNT = re.compile(r"[A-Za-z0-9]{1,34}", re.ASCII)
_IBAN_FORM = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)

_R = RejectReason


def prepare(order: Order, settings: BankSettings, now: datetime) -> Prepared:
    """The order's exact bytes, checked against the message profile. Raises `Unsendable`."""
    product = settings.products.get(order.amount.currency)
    if product is None or exponent(order.amount.currency) is None:
        raise Unsendable(_R.CURRENCY_NOT_SUPPORTED, f"no product for {order.amount.currency}")
    if order.amount.minor <= 0:
        raise Unsendable(_R.AMOUNT_INVALID, "nothing to pay")
    transfer = _transfer(order, _payee(order, product), product, settings, now)
    try:
        body = document(transfer)
    except (ProfileRefused, ValueError) as error:
        raise Unsendable(_R.INVALID_REQUEST, f"the message cannot carry it: {error}") from error
    return Prepared(f"/v1/payments/{product.name}", body, (("Content-Type", "application/xml"),))


def _transfer(order: Order, payee: Party, product: ProductSettings, settings: BankSettings, now: datetime) -> Transfer:
    local = now.astimezone(ZoneInfo(settings.time_zone))
    late = settings.cut_off is not None and local.time() >= settings.cut_off
    payer = settings.payer
    ids = identifiers(order.channel_reference)
    return Transfer(
        ids,
        order.uetr,
        local,
        local.date() + timedelta(days=1 if late else 0),
        order.amount,
        settings.legal_name or payer.name,
        settings.customer_number,
        Party(payer.name, payer.account, payer.bank_code),
        payer.currency,
        payee,
        Terms(
            product.service_level,
            product.charge_bearer,
            product.priority,
            product.local_instrument,
            product.category_purpose,
        ),
        order.purpose if _CODE.fullmatch(order.purpose or "") else product.purpose,
        _remittance(ids.end_to_end_id, order.description, product),
    )


def _payee(order: Order, product: ProductSettings) -> Party:
    """The payee as the bank must be told; refused rather than cut or guessed."""
    to = order.beneficiary
    if not isinstance(to, BankBeneficiary):
        raise Unsendable(_R.INVALID_REQUEST, f"a bank cannot pay a beneficiary of kind {to.kind}")
    _check_text("the payee's name", to.name, product)
    if not 1 <= len(to.name) <= NAME_MAX:
        raise Unsendable(_R.INVALID_REQUEST, f"the payee's name has {len(to.name)} characters, at most {NAME_MAX}")
    _check_account(to.account_number, product)
    if to.bank_code and not _BANK_CODE.fullmatch(to.bank_code):
        raise Unsendable(_R.PAYEE_BANK_INVALID, "neither a BIC nor a 12-digit CNAPS line number")
    if not to.bank_code and not product.is_sepa:
        raise Unsendable(_R.PAYEE_BANK_INVALID, "the payee's bank is missing")
    return Party(to.name, to.account_number, to.bank_code or None)


def _check_account(account: str, product: ProductSettings) -> None:
    looks_like_iban = _IBAN_FORM.fullmatch(account) is not None
    if looks_like_iban and not is_iban(account):
        raise Unsendable(_R.PAYEE_ACCOUNT_INVALID, "an IBAN with wrong check digits")
    if not _ACCOUNT.fullmatch(account) or (product.is_sepa and not looks_like_iban):
        raise Unsendable(_R.PAYEE_ACCOUNT_INVALID, "not an account number this product takes")


def _remittance(end_to_end_id: str, description: str | None, product: ProductSettings) -> str:
    """What the payee reads: our public reference first, then the app's words."""
    text = f"{end_to_end_id} {description}" if description else end_to_end_id
    _check_text("the description", text, product)
    if len(text) > REMITTANCE_MAX:
        most = REMITTANCE_MAX - len(end_to_end_id) - 1
        raise Unsendable(_R.INVALID_REQUEST, f"the description has more than {most} characters")
    return text


def _check_text(what: str, text: str, product: ProductSettings) -> None:
    # The ideographic space is ordinary in Chinese names; isprintable() does not count it.
    allowed = _SEPA_TEXT.fullmatch(text) if product.is_sepa else text.replace("\u3000", " ").isprintable()
    if not allowed or text.strip() != text:
        raise Unsendable(_R.INVALID_REQUEST, f"{what} has characters this product does not take")
