"""pain.001.001.09, one transfer: from plain values to the exact bytes of the document (sheet section 7). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime

from adapters.bank import profile
from adapters.bank.identifiers import Identifiers
from adapters.bank.xml import Money as XmlMoney
from adapters.bank.xml import Tree, parse, write
from gateway.currencies import exponent
from gateway.domain.money import Money

MESSAGE = "pain.001.001.09"
REMITTANCE_MAX = 140
_ACCOUNT_NAME_MAX = 70
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)
_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?", re.ASCII)
_CNAPS = re.compile(r"[0-9]{12}", re.ASCII)


class BadParty(ValueError):
    """An account or bank number that is none."""


@dataclass(frozen=True, slots=True)
class Party:
    """Payer or payee: who, which account, at which bank. `account` is an IBAN or a plain number."""

    name: str = field(repr=False)
    account: str = field(repr=False)
    bank_code: str | None
    """A BIC or a 12-digit CNAPS line number; a SEPA payee may have none."""
    bank_name: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """How one currency is paid: codes agreed with the bank."""

    service_level: str
    charge_bearer: str
    priority: str | None = None
    local_instrument: str | None = None
    category_purpose: str | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer, complete. Times and ids are arguments: the same values give the same bytes."""

    ids: Identifiers
    uetr: str
    created: datetime
    """With the bank's offset; written to the second."""
    execution: date
    amount: Money
    initiator: str
    customer_number: str | None
    payer: Party
    payer_currency: str
    payee: Party
    terms: Terms
    purpose: str | None = None
    remittance: str | None = None


def is_iban(account: str) -> bool:
    """Form and check digits (ISO 13616, modulus 97)."""
    if not _IBAN.fullmatch(account):
        return False
    digits = "".join(str(int(character, 36)) for character in account[4:] + account[:4])
    return int(digits) % 97 == 1


def document(transfer: Transfer) -> bytes:
    """The document's bytes, checked against the profile.

    Raises:
        BadParty: an account or bank number of no known form.
        profile.ProfileRefused: anything else the message cannot carry.
    """
    written = write(MESSAGE, ("CstmrCdtTrfInitn", (_header(transfer), _payment(transfer))))
    profile.check(parse(written), writing=True)
    return written


def amount_text(amount: Money) -> str:
    """Exactly the currency's digits, no sign, no exponent. Raises `BadParty` for a currency nobody can pay in."""
    digits = exponent(amount.currency)
    if digits is None:
        raise BadParty(f"{amount.currency} has no minor units")
    return amount.decimal(digits)


def _header(transfer: Transfer) -> Tree:
    return (
        "GrpHdr",
        (
            ("MsgId", transfer.ids.msg_id),
            ("CreDtTm", transfer.created.isoformat(timespec="seconds")),
            ("NbOfTxs", "1"),
            ("CtrlSum", amount_text(transfer.amount)),
            ("InitgPty", (("Nm", transfer.initiator), *_customer(transfer.customer_number))),
        ),
    )


def _customer(number: str | None) -> tuple[Tree, ...]:
    if number is None:
        return ()
    other: Tree = ("Othr", (("Id", number), ("SchmeNm", (("Cd", "CUST"),))))
    return (("Id", (("OrgId", (other,)),)),)


def _payment(transfer: Transfer) -> Tree:
    return (
        "PmtInf",
        (
            ("PmtInfId", transfer.ids.pmt_inf_id),
            ("PmtMtd", "TRF"),
            ("BtchBookg", "false"),
            ("NbOfTxs", "1"),
            ("CtrlSum", amount_text(transfer.amount)),
            ("PmtTpInf", _type(transfer.terms)),
            ("ReqdExctnDt", (("Dt", transfer.execution.isoformat()),)),
            ("Dbtr", (("Nm", transfer.payer.name),)),
            ("DbtrAcct", (_account(transfer.payer.account), ("Ccy", transfer.payer_currency))),
            *_agent("DbtrAgt", transfer.payer),
            ("ChrgBr", transfer.terms.charge_bearer),
            ("CdtTrfTxInf", _transaction(transfer)),
        ),
    )


def _type(terms: Terms) -> tuple[Tree, ...]:
    return (
        *_optional("InstrPrty", terms.priority),
        ("SvcLvl", (("Cd", terms.service_level),)),
        *_code("LclInstrm", terms.local_instrument),
        *_code("CtgyPurp", terms.category_purpose),
    )


def _transaction(transfer: Transfer) -> tuple[Tree, ...]:
    ids, payee = transfer.ids, transfer.payee
    amount = XmlMoney(amount_text(transfer.amount), transfer.amount.currency)
    remittance: tuple[Tree, ...] = _optional("Ustrd", transfer.remittance)
    # An account's name holds half of what a party's does; it is optional, so a long one is left out, never cut.
    account_name = payee.name if len(payee.name) <= _ACCOUNT_NAME_MAX else None
    return (
        (
            "PmtId",
            (("InstrId", ids.instr_id), ("EndToEndId", ids.end_to_end_id), ("UETR", transfer.uetr)),
        ),
        ("Amt", (("InstdAmt", amount),)),
        *_agent("CdtrAgt", payee),
        ("Cdtr", (("Nm", payee.name),)),
        ("CdtrAcct", (_account(payee.account), *_optional("Nm", account_name))),
        *_code("Purp", transfer.purpose),
        *((("RmtInf", remittance),) if remittance else ()),
    )


def _account(account: str) -> Tree:
    if is_iban(account):
        return ("Id", (("IBAN", account),))
    if not re.fullmatch(r"[A-Za-z0-9]{1,34}", account, re.ASCII) or _IBAN.fullmatch(account):
        raise BadParty("neither an IBAN nor an account number")
    return ("Id", (("Othr", (("Id", account), ("SchmeNm", (("Cd", "BBAN"),)))),))


def _agent(name: str, party: Party) -> tuple[Tree, ...]:
    if party.bank_code is None:
        return ()
    if _CNAPS.fullmatch(party.bank_code):
        system: Tree = ("ClrSysId", (("Cd", "CNAPS"),))
        bank: Tree = ("ClrSysMmbId", (system, ("MmbId", party.bank_code)))
    elif _BIC.fullmatch(party.bank_code):
        bank = ("BICFI", party.bank_code)
    else:
        raise BadParty("neither a BIC nor a 12-digit CNAPS line number")
    return ((name, (("FinInstnId", (bank, *_optional("Nm", party.bank_name))),)),)


def _optional(name: str, text: str | None) -> tuple[Tree, ...]:
    return () if text is None else ((name, text),)


def _code(name: str, code: str | None) -> tuple[Tree, ...]:
    return () if code is None else ((name, (("Cd", code),)),)
