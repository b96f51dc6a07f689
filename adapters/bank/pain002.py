"""pain.002.001.10: what the bank says of an order, read by the rules of section 8 of the sheet. Pure.

The most specific level that speaks of a transaction wins; a level above that says the opposite makes the whole
report doubtful (`contradicts`), and a doubtful report decides nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from adapters.bank.identifiers import references
from adapters.bank.xml import Document, Node
from gateway.currencies import exponent
from gateway.domain.money import Money, MoneyError, parse_decimal

MESSAGE = "pain.002.001.10"


class Unreadable(Exception):
    """A document whose form is right and whose content is not what it must be."""


class Level(StrEnum):
    """How closely a status speaks of our transaction."""

    TRANSACTION = "transaction"
    PAYMENT_INFORMATION = "payment_information"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Status:
    """What one report says of one transaction, or of all of them at once."""

    msg_id: str
    level: Level
    status: str
    reasons: tuple[str, ...] = ()
    """Codes as given; a proprietary one is written `Prtry:code`."""
    information: tuple[str, ...] = ()
    pmt_inf_id: str | None = None
    instr_id: str | None = None
    end_to_end_id: str | None = None
    uetr: str | None = None
    bank_reference: str | None = None
    amount: Money | None = None
    contradicts: bool = False

    @property
    def references(self) -> frozenset[str]:
        """Our channel references it names: one when it speaks of one order of ours, more when it contradicts itself."""
        return references(
            end_to_end_id=self.end_to_end_id,
            instr_id=self.instr_id,
            pmt_inf_id=self.pmt_inf_id,
            msg_id=self.msg_id,
        )


@dataclass(frozen=True, slots=True)
class Report:
    """One status report."""

    msg_id: str
    created: datetime
    statuses: tuple[Status, ...]


@dataclass(frozen=True, slots=True)
class _Said:
    """The status of one level, with its reasons."""

    status: str | None
    reasons: tuple[str, ...]
    information: tuple[str, ...]

    @classmethod
    def of(cls, node: Node, name: str) -> _Said:
        codes = [code for info in node.all("StsRsnInf") if (code := _code(info))]
        information = [text for line in node.all("StsRsnInf/AddtlInf") if (text := line.text())]
        return cls(node.text(name), tuple(codes), tuple(information))


def _code(info: Node) -> str | None:
    code, own = info.text("Rsn/Cd"), info.text("Rsn/Prtry")
    return code or (f"Prtry:{own}" if own else None)


def read(document: Document) -> Report:
    """Raises `Unreadable` for another message, or one without the fields that identify it."""
    body = document.body
    if document.message != MESSAGE or body.name != "CstmrPmtStsRpt":
        raise Unreadable(f"not a {MESSAGE}: {document.message}")
    group = body.one("OrgnlGrpInfAndSts")
    original = group.text("OrgnlMsgId") if group else None
    msg_id = body.text("GrpHdr/MsgId")
    if group is None or not original or not msg_id:
        raise Unreadable("a report without MsgId or OrgnlMsgId")
    said = _Said.of(group, "GrpSts")
    statuses = [one for info in body.all("OrgnlPmtInfAndSts") for one in _payment(info, original, said)]
    if not statuses and said.status is not None:
        statuses = [Status(original, Level.GROUP, said.status, said.reasons, said.information)]
    return Report(msg_id, read_time(body.text("GrpHdr/CreDtTm")), tuple(statuses))


def read_time(text: str | None) -> datetime:
    """A time with its offset. Raises `Unreadable`: a time without one could be off by a day."""
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError as error:
        raise Unreadable(f"not a time: {(text or '')[:40]!r}") from error
    if time.tzinfo is None:
        raise Unreadable("a time without offset")
    if not 2000 <= time.year < 9000:  # at either end of the calendar it could not even be put into UTC
        raise Unreadable("a time in no year of ours")
    return time


def read_whole(text: str | None) -> int | None:
    """A number of things, written in at most 18 ASCII digits; None for anything else."""
    return int(text) if text and re.fullmatch("[0-9]{1,18}", text, re.ASCII) else None


def _payment(info: Node, msg_id: str, group: _Said) -> list[Status]:
    """The statuses under one payment information: each transaction's, or its own when none is listed."""
    said, pmt_inf_id = _Said.of(info, "PmtInfSts"), info.text("OrgnlPmtInfId")
    found = [_transaction(node, msg_id, pmt_inf_id, (said, group)) for node in info.all("TxInfAndSts")]
    if found:
        return [status for status in found if status is not None]
    if said.status is not None:
        return [
            Status(
                msg_id,
                Level.PAYMENT_INFORMATION,
                said.status,
                said.reasons,
                said.information,
                pmt_inf_id,
                contradicts=_contradict(group.status, said.status),
            )
        ]
    if group.status is not None:
        return [Status(msg_id, Level.GROUP, group.status, group.reasons, group.information, pmt_inf_id)]
    return []


def _transaction(node: Node, msg_id: str, pmt_inf_id: str | None, above: tuple[_Said, ...]) -> Status | None:
    own = _Said.of(node, "TxSts")
    levels = ((Level.TRANSACTION, own), (Level.PAYMENT_INFORMATION, above[0]), (Level.GROUP, above[1]))
    spoken = next(((level, said) for level, said in levels if said.status is not None), None)
    if spoken is None:
        return None
    level, said = spoken
    status = said.status or ""
    return Status(
        msg_id,
        level,
        status,
        _reasons(status, (own, *above)),
        said.information,
        pmt_inf_id,
        node.text("OrgnlInstrId"),
        node.text("OrgnlEndToEndId"),
        node.text("OrgnlUETR"),
        node.text("AcctSvcrRef"),
        read_amount(node.one("OrgnlTxRef/Amt/InstdAmt")),
        contradicts=any(_contradict(higher.status, status) for higher in above),
    )


def _reasons(status: str, levels: tuple[_Said, ...]) -> tuple[str, ...]:
    """The reasons of every level that says the same, nearest first: a duplicate code may stand at the group only."""
    return tuple(code for said in levels if said.status in (status, None) for code in said.reasons)


_FAILED = frozenset({"RJCT", "CANC"})
_SETTLED = frozenset({"ACSC", "ACCC", "CPUC"})


def _contradict(higher: str | None, lower: str) -> bool:
    """All refused, yet this one not; or all settled, yet this one refused. Anything else is only less precise."""
    refused_but = higher in _FAILED and lower not in _FAILED
    return refused_but or (higher in _SETTLED and lower in _FAILED)


def read_amount(node: Node | None) -> Money | None:
    """An amount with its currency, None when there is none. Raises `Unreadable`."""
    if node is None:
        return None
    currency = node.attribute("Ccy") or ""
    digits = exponent(currency)
    if digits is None:
        raise Unreadable(f"a currency we do not know: {currency[:8]!r}")
    try:
        return parse_decimal(node.text() or "", currency, digits)
    except MoneyError as error:
        raise Unreadable(str(error)) from error
