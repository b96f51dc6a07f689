"""camt.054.001.08 and the entries of camt.053: money that moved on our account (sheet section 14). Pure.

Only a booked entry counts. What an entry means is a table over its direction and its marks; a pair that is not in it
means nothing we know, and a person looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from adapters.bank.identifiers import references
from adapters.bank.pain002 import Unreadable, read_amount, read_time
from adapters.bank.xml import Document, Node
from gateway.domain.money import Money

MESSAGE = "camt.054.001.08"
BOOKED = "BOOK"


class Meaning(StrEnum):
    """What a booked entry of ours says about its order."""

    PAID = "paid"
    RETURNED = "returned"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement of one transfer. `direction` is `DBIT` or `CRDT`."""

    amount: Money
    direction: str
    status: str
    reversal: bool = False
    family: str | None = None
    """`BkTxCd` sub-family: `RRTN` is a return."""
    entry_reference: str | None = None
    bank_reference: str | None = None
    msg_id: str | None = None
    pmt_inf_id: str | None = None
    instr_id: str | None = None
    end_to_end_id: str | None = None
    uetr: str | None = None
    return_reason: str | None = None
    has_return_information: bool = False

    @property
    def booked(self) -> bool:
        return self.status == BOOKED

    @property
    def meaning(self) -> Meaning:
        returned = self.has_return_information or self.family == "RRTN" or self.reversal
        return _MEANINGS.get((self.direction, returned), Meaning.UNKNOWN)

    @property
    def references(self) -> frozenset[str]:
        """Our channel references it names; see `identifiers.references`."""
        return references(
            end_to_end_id=self.end_to_end_id,
            instr_id=self.instr_id,
            pmt_inf_id=self.pmt_inf_id,
            msg_id=self.msg_id,
        )


_MEANINGS = {("DBIT", False): Meaning.PAID, ("CRDT", True): Meaning.RETURNED}
"""(direction, marked as a return or a reversal) -> meaning."""


@dataclass(frozen=True, slots=True)
class Movements:
    """One notice of movements."""

    msg_id: str
    created: datetime
    entries: tuple[Entry, ...]


def read(document: Document) -> Movements:
    """Raises `Unreadable`."""
    body = document.body
    if document.message != MESSAGE or body.name != "BkToCstmrDbtCdtNtfctn":
        raise Unreadable(f"not a {MESSAGE}: {document.message}")
    msg_id = body.text("GrpHdr/MsgId")
    if not msg_id:
        raise Unreadable("a notice without MsgId")
    found = [entry for node in body.all("Ntfctn/Ntry") for entry in read_entry(node)]
    return Movements(msg_id, read_time(body.text("GrpHdr/CreDtTm")), tuple(found))


def read_entry(node: Node) -> list[Entry]:
    """The movements in one `Ntry`: one per transaction detail, or the bare entry. Raises `Unreadable`."""
    details = node.all("NtryDtls/TxDtls")
    if not details:
        return [_entry(node, None)]
    if len(details) > 1 and any(detail.one("Amt") is None for detail in details):
        raise Unreadable("one booking for several transfers, without their amounts")
    return [_entry(node, detail) for detail in details]


def _entry(node: Node, detail: Node | None) -> Entry:
    inner = detail or node
    amount = read_amount(inner.one("Amt") or node.one("Amt"))
    direction = inner.text("CdtDbtInd") or node.text("CdtDbtInd")
    status = node.text("Sts/Cd")
    if amount is None or direction not in ("DBIT", "CRDT") or status is None:
        raise Unreadable("an entry without amount, direction or status")
    own = inner.text("RtrInf/Rsn/Prtry")
    return Entry(
        amount,
        direction,
        status,
        node.text("RvslInd") in ("true", "1"),
        inner.text("BkTxCd/Domn/Fmly/SubFmlyCd") or node.text("BkTxCd/Domn/Fmly/SubFmlyCd"),
        node.text("NtryRef"),
        inner.text("Refs/AcctSvcrRef") or node.text("AcctSvcrRef"),
        inner.text("Refs/MsgId"),
        inner.text("Refs/PmtInfId"),
        inner.text("Refs/InstrId"),
        inner.text("Refs/EndToEndId"),
        inner.text("Refs/UETR"),
        inner.text("RtrInf/Rsn/Cd") or (f"Prtry:{own}" if own else None),
        inner.one("RtrInf") is not None,
    )
