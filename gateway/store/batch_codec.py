"""A batch's items to text and back: what became of each in the clear, what each orders for a sealed column."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from gateway.domain.batch import ItemFault, ItemOrder, ItemResult
from gateway.domain.beneficiary import Saved
from gateway.domain.money import Money
from gateway.domain.payer import Payer
from gateway.domain.terms import ChannelChoice, OnExpiry, Terms
from gateway.store import codec


def dump_results(results: tuple[ItemResult, ...]) -> str:
    """A list for each: row, reference, payout, faults."""
    told = [[each.row, each.reference, each.payout_id, [_fault(fault) for fault in each.faults]] for each in results]
    return codec.dump(told).decode()


def _fault(fault: ItemFault) -> list[str]:
    return [fault.pointer, fault.code, fault.detail]


def load_results(text: str) -> tuple[ItemResult, ...]:
    return tuple(
        ItemResult(reference, row, payout_id, tuple(ItemFault(*fault) for fault in faults))
        for row, reference, payout_id, faults in codec.load(text.encode())
    )


def dump_orders(orders: tuple[ItemOrder | None, ...]) -> bytes:
    return codec.dump([None if order is None else _dumped(order) for order in orders])


def load_orders(data: bytes) -> tuple[ItemOrder | None, ...]:
    return tuple(None if each is None else _order(each) for each in codec.load(data))


def _dumped(order: ItemOrder) -> dict[str, object]:
    terms = order.terms
    made: dict[str, object] = {
        "reference": order.reference,
        "amount": [order.amount.minor, order.amount.currency],
        "beneficiary": codec.beneficiary_fields(order.beneficiary),
        "saved": order.saved and order.saved.id,
        "purpose": order.purpose,
        "description": order.description,
        "metadata": dict(order.metadata),
        "flags": dict(order.flags),
        "preference": terms.preference,
        "send_by": terms.send_by and terms.send_by.isoformat(),
        "send_at": terms.send_at and terms.send_at.isoformat(),
        "on_expiry": str(terms.on_expiry),
        "channels": terms.channels and terms.channels.text(),
        "payer": order.payer and asdict(order.payer),
    }
    return {name: value for name, value in made.items() if value not in (None, {})}


def _order(fields: dict[str, Any]) -> ItemOrder:
    minor, currency = fields["amount"]
    terms = Terms(
        preference=fields.get("preference"),
        send_by=_instant(fields.get("send_by")),
        on_expiry=OnExpiry(fields["on_expiry"]),
        send_at=_instant(fields.get("send_at")),
        channels=ChannelChoice.from_text(fields["channels"]) if "channels" in fields else None,
    )
    return ItemOrder(
        reference=fields["reference"],
        amount=Money(minor, currency),
        beneficiary=codec.beneficiary_of(fields["beneficiary"]),
        saved=Saved(fields["saved"]) if "saved" in fields else None,
        purpose=fields.get("purpose"),
        description=fields.get("description"),
        metadata=fields.get("metadata", {}),
        terms=terms,
        payer=Payer(**fields["payer"]) if "payer" in fields else None,
        flags=fields.get("flags", {}),
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
