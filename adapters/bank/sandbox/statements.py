"""The sandbox bank's camt.053, and everything that may be wrong with it on request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from adapters.bank.sandbox import messages
from adapters.bank.sandbox.book import Book, Movement
from adapters.bank.sandbox.doors import Refused
from adapters.bank.sandbox.options import BankSandboxOptions, StatementFault
from adapters.bank.xml import Tree

_DAY_ONE = date(2026, 1, 1)
"""Statement number 1; one a day from then on."""


def statement(book: Book, account: str, asked: Mapping[str, str], options: BankSandboxOptions, now: datetime) -> bytes:
    """The statement from `dateFrom` to `dateTo`, both days included. Raises `Refused` for dates that are none."""
    try:
        start, end = date.fromisoformat(asked["dateFrom"]), date.fromisoformat(asked["dateTo"])
    except (KeyError, ValueError) as error:
        raise Refused(400, "PERIOD_INVALID") from error
    if start > end or asked.get("bookingStatus") != "booked":
        raise Refused(400, "PARAMETER_NOT_SUPPORTED")
    ours = [one for one in book.movements if one.payment.instruction.payer_account == account]
    shown = [one for one in ours if start <= one.booked_at.date() <= end]
    opening = book.opening[account] + sum(one.signed_minor for one in ours if one.booked_at.date() < start)
    day = messages.StatementDay(
        account,
        book.accounts[account],
        (end - _DAY_ONE).days + 1 + (options.statement_fault is StatementFault.GAP),
        datetime.combine(start, time.min, now.tzinfo),
        datetime.combine(end, time.min, now.tzinfo) + timedelta(days=1, seconds=-1),
        opening,
        opening + sum(one.signed_minor for one in shown),
    )
    return messages.statement(day, shown, _entries(shown, options.statement_fault), now)


def _entries(shown: list[Movement], fault: StatementFault | None) -> list[Tree]:
    entries = [messages.entry(movement) for movement in shown]
    if not shown:
        return entries
    match fault:
        case StatementFault.DROP:
            return entries[:-1]
        case StatementFault.DOUBLE:
            return [*entries, entries[-1]]
        case StatementFault.ALTER:
            return [*entries[:-1], messages.entry(shown[-1], shown[-1].minor + 1)]
        case StatementFault.BATCH:
            debits = [movement for movement in shown if movement.direction == "DBIT"]
            credits_ = [messages.entry(movement) for movement in shown if movement.direction == "CRDT"]
            return [*([messages.batch(debits)] if debits else []), *credits_]
        case _:
            return entries
