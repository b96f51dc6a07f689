"""The bank's documents, as it writes them: pain.002, camt.054, camt.053."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from adapters.bank import camt053, camt054, pain001, pain002
from adapters.bank.sandbox.book import Movement, Payment
from adapters.bank.xml import Money as XmlMoney
from adapters.bank.xml import Tree, write
from gateway.domain.money import Money


def _time(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")


def report(payment: Payment, msg_id: str, now: datetime) -> bytes:
    """A pain.002 about one payment, as it stands now."""
    ordered = payment.instruction
    reason: tuple[Tree, ...] = (
        (("StsRsnInf", (("Rsn", (("Cd", payment.reason),)),)),) if payment.reason is not None else ()
    )
    transaction: Tree = (
        "TxInfAndSts",
        (
            ("StsId", msg_id),
            ("OrgnlInstrId", ordered.instr_id),
            ("OrgnlEndToEndId", ordered.end_to_end_id),
            ("OrgnlUETR", ordered.uetr),
            ("TxSts", payment.status),
            *reason,
            ("AccptncDtTm", _time(payment.taken_at)),
            ("AcctSvcrRef", payment.bank_reference),
        ),
    )
    original: Tree = (
        "OrgnlGrpInfAndSts",
        (("OrgnlMsgId", ordered.msg_id), ("OrgnlMsgNmId", pain001.MESSAGE)),
    )
    payment_information: Tree = (
        "OrgnlPmtInfAndSts",
        (("OrgnlPmtInfId", ordered.pmt_inf_id), transaction),
    )
    body: Tree = ("CstmrPmtStsRpt", (_header(msg_id, now), original, payment_information))
    return write(pain002.MESSAGE, body)


def _header(msg_id: str, now: datetime, *more: Tree) -> Tree:
    return ("GrpHdr", (("MsgId", msg_id), ("CreDtTm", _time(now)), *more))


def booking(movement: Movement, currency: str, msg_id: str, now: datetime) -> bytes:
    """A camt.054 about one movement."""
    notice: Tree = (
        "Ntfctn",
        (
            ("Id", msg_id),
            ("CreDtTm", _time(now)),
            account(movement.payment.instruction.payer_account, currency),
            entry(movement),
        ),
    )
    return write(camt054.MESSAGE, ("BkToCstmrDbtCdtNtfctn", (_header(msg_id, now), notice)))


def account(number: str, currency: str) -> Tree:
    identity: Tree = ("IBAN", number) if pain001.is_iban(number) else ("Othr", (("Id", number),))
    return ("Acct", (("Id", (identity,)), ("Ccy", currency)))


def _amount(minor: int, currency: str) -> Tree:
    return ("Amt", XmlMoney(pain001.amount_text(Money(minor, currency)), currency))


def entry(movement: Movement, minor: int | None = None) -> Tree:
    """One `Ntry`; `minor` overrides the amount, for a statement that is wrong."""
    amount = movement.minor if minor is None else minor
    details: Tree = ("NtryDtls", (_details(movement, amount),))
    return _entry(movement, amount, "RRTN" if movement.direction == "CRDT" else "DMCT", details)


def batch(movements: Sequence[Movement]) -> Tree:
    """Several debits booked as one."""
    total = sum(movement.minor for movement in movements)
    currency = movements[0].payment.instruction.amount.currency
    counted: Tree = (
        "Btch",
        (
            ("NbOfTxs", str(len(movements))),
            ("TtlAmt", XmlMoney(pain001.amount_text(Money(total, currency)), currency)),
            ("CdtDbtInd", "DBIT"),
        ),
    )
    details: Tree = ("NtryDtls", (counted, *(_details(movement, movement.minor) for movement in movements)))
    return _entry(movements[0], total, "DMCT", details)


def _entry(movement: Movement, minor: int, family: str, details: Tree) -> Tree:
    day: tuple[Tree, ...] = (("Dt", movement.booked_at.date().isoformat()),)
    code: Tree = ("Fmly", (("Cd", "ICDT"), ("SubFmlyCd", family)))
    return (
        "Ntry",
        (
            ("NtryRef", f"{movement.number:04d}"),
            _amount(minor, movement.payment.instruction.amount.currency),
            ("CdtDbtInd", movement.direction),
            ("Sts", (("Cd", "BOOK"),)),
            ("BookgDt", day),
            ("ValDt", day),
            ("AcctSvcrRef", movement.payment.bank_reference),
            ("BkTxCd", (("Domn", (("Cd", "PMNT"), code)),)),
            details,
        ),
    )


def _details(movement: Movement, minor: int) -> Tree:
    ordered = movement.payment.instruction
    returned: tuple[Tree, ...] = ()
    if movement.direction == "CRDT":
        returned = (("RtrInf", (("Rsn", (("Cd", movement.reason or "NARR"),)),)),)
    return (
        "TxDtls",
        (
            (
                "Refs",
                (
                    ("MsgId", ordered.msg_id),
                    ("PmtInfId", ordered.pmt_inf_id),
                    ("InstrId", ordered.instr_id),
                    ("EndToEndId", ordered.end_to_end_id),
                    ("UETR", ordered.uetr),
                ),
            ),
            _amount(minor, ordered.amount.currency),
            ("CdtDbtInd", movement.direction),
            *returned,
        ),
    )


@dataclass(frozen=True, slots=True)
class StatementDay:
    """One statement's head: which account, which days, which number, which balances."""

    account: str = field(repr=False)
    currency: str
    sequence: int
    start: datetime
    end: datetime
    opening_minor: int
    closing_minor: int


def statement(day: StatementDay, movements: Sequence[Movement], entries: Sequence[Tree], now: datetime) -> bytes:
    """A camt.053. `entries` are what it shows; `movements` are what its balances and sums are made of."""
    identity = f"ST{day.start:%Y%m%d}-{day.sequence}"
    pages: Tree = ("MsgPgntn", (("PgNb", "1"), ("LastPgInd", "true")))
    shown: Tree = (
        "Stmt",
        (
            ("Id", identity),
            ("ElctrncSeqNb", str(day.sequence)),
            ("CreDtTm", _time(now)),
            ("FrToDt", (("FrDtTm", _time(day.start)), ("ToDtTm", _time(day.end)))),
            account(day.account, day.currency),
            _balance("OPBD", day.opening_minor, day.currency, day.start),
            _balance("CLBD", day.closing_minor, day.currency, day.end),
            _sums(movements, day.currency),
            *entries,
        ),
    )
    return write(camt053.MESSAGE, ("BkToCstmrStmt", (_header(identity, now, pages), shown)))


def _balance(code: str, minor: int, currency: str, when: datetime) -> Tree:
    return (
        "Bal",
        (
            ("Tp", (("CdOrPrtry", (("Cd", code),)),)),
            _amount(abs(minor), currency),
            ("CdtDbtInd", "DBIT" if minor < 0 else "CRDT"),
            ("Dt", (("Dt", when.date().isoformat()),)),
        ),
    )


def _sums(movements: Sequence[Movement], currency: str) -> Tree:
    def total(name: str, direction: str | None) -> Tree:
        minors = [one.minor for one in movements if direction in (None, one.direction)]
        text = pain001.amount_text(Money(sum(minors), currency))
        return (name, (("NbOfNtries", str(len(minors))), ("Sum", text)))

    lines = (total("TtlNtries", None), total("TtlCdtNtries", "CRDT"), total("TtlDbtNtries", "DBIT"))
    return ("TxsSummry", lines)
