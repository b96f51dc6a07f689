"""camt.053.001.08: a day's statement, and whether it adds up (sheet section 14). Pure.

A statement that does not balance, or of which a page is missing, proves nothing; reconciliation asks `faults` first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from adapters.bank.camt054 import Entry, read_entry
from adapters.bank.pain002 import Unreadable, read_amount, read_time, read_whole
from adapters.bank.xml import Document, Node
from gateway.currencies import exponent
from gateway.domain.money import Money, MoneyError, parse_decimal

MESSAGE = "camt.053.001.08"


@dataclass(frozen=True, slots=True)
class Summary:
    """One line of `TxsSummry`: how many entries, and their sum in minor units."""

    count: int
    sum_minor: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One account's statement. Balances are signed: a debit balance is negative."""

    id: str
    account: str = field(repr=False)
    currency: str
    sequence: int | None
    created: datetime
    opening: Money
    closing: Money
    entries: tuple[Entry, ...]
    credits: Summary | None = None
    debits: Summary | None = None
    last_page: bool = True

    def faults(self) -> list[str]:
        """Why it does not add up; empty when opening plus credits minus debits is closing, and all sums agree."""
        booked = [entry for entry in self.entries if entry.booked]
        found = [] if self.last_page else ["pages are missing"]
        if any(entry.amount.currency != self.currency for entry in booked):
            return [*found, "an entry in another currency than the account's"]
        moved = sum(entry.amount.minor if entry.direction == "CRDT" else -entry.amount.minor for entry in booked)
        if self.opening.minor + moved != self.closing.minor:
            found.append("opening, entries and closing do not agree")
        for name, direction, summary in (("credits", "CRDT", self.credits), ("debits", "DBIT", self.debits)):
            minors = [entry.amount.minor for entry in booked if entry.direction == direction]
            if summary is not None and summary.sum_minor != sum(minors):
                found.append(f"the summary of {name} does not agree")
        return found


def read(document: Document) -> tuple[Statement, ...]:
    """All statements in the document. Raises `Unreadable`."""
    body = document.body
    if document.message != MESSAGE or body.name != "BkToCstmrStmt":
        raise Unreadable(f"not a {MESSAGE}: {document.message}")
    last = body.text("GrpHdr/MsgPgntn/LastPgInd") in (None, "true", "1")
    return tuple(_statement(node, last) for node in body.all("Stmt"))


def _statement(node: Node, last_page: bool) -> Statement:
    account = node.text("Acct/Id/IBAN") or node.text("Acct/Id/Othr/Id")
    balances = {code: _signed(node) for node in node.all("Bal") if (code := node.text("Tp/CdOrPrtry/Cd"))}
    opening, closing = balances.get("OPBD") or balances.get("PRCD"), balances.get("CLBD")
    identity = node.text("Id")
    if not account or not identity or opening is None or closing is None:
        raise Unreadable("a statement without id, account or balances")
    currency = node.text("Acct/Ccy") or opening.currency
    return Statement(
        identity,
        account,
        currency,
        read_whole(node.text("ElctrncSeqNb")),
        read_time(node.text("CreDtTm")),
        opening,
        closing,
        tuple(entry for ntry in node.all("Ntry") for entry in read_entry(ntry)),
        _summary(node.one("TxsSummry/TtlCdtNtries"), currency),
        _summary(node.one("TxsSummry/TtlDbtNtries"), currency),
        last_page,
    )


def _signed(balance: Node) -> Money:
    amount = read_amount(balance.one("Amt"))
    if amount is None:
        raise Unreadable("a balance without amount")
    debit = balance.text("CdtDbtInd") == "DBIT"
    return Money(-amount.minor, amount.currency) if debit else amount


def _summary(node: Node | None, currency: str) -> Summary | None:
    if node is None or node.text("Sum") is None:
        return None
    try:
        total = parse_decimal(node.text("Sum") or "", currency, exponent(currency) or 0)
    except MoneyError as error:
        raise Unreadable(str(error)) from error
    return Summary(read_whole(node.text("NbOfNtries")) or 0, total.minor)
