"""From what a batch brought to the pages that are stored: each item an order with its own copy of the beneficiary, or
faults. What the configuration has against an item is its fault, too, unless the order is known: then it may be on its
way, and is answered as ever.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from gateway.api.batch_csv import Row
from gateway.api.configured import faults_of, faults_of_channels, faults_of_time
from gateway.api.flags import mixes_scripts
from gateway.api.payees import UNKNOWN
from gateway.api.problems import Fault
from gateway.api.schemas import BatchOrder, CreateBatch
from gateway.api.state import PublicState
from gateway.domain.archived import PayoutArchived
from gateway.domain.batch import PAGE_ITEMS, BatchForm, BatchPage, ItemFault, ItemOrder, ItemResult
from gateway.domain.beneficiary import Beneficiary, Saved
from gateway.domain.errors import NotFound
from gateway.domain.fingerprint import VERSION
from gateway.operations import beneficiaries, read

_TWICE = Fault("/reference", "duplicate_reference", "an item before it has this reference")


@dataclass(frozen=True, slots=True)
class JsonItems:
    """The items of a body that was read."""

    body: CreateBatch
    fingerprint: bytes
    form = BatchForm.JSON

    @property
    def count(self) -> int:
        return len(self.body.items)

    def read(self) -> Iterator[Row]:
        return (Row(None, item.reference, item, ()) for item in self.body.items)


def json_items(body: CreateBatch, key: bytes, app: str) -> JsonItems:
    """`key` makes the fingerprint that it is known by: over every field but metadata, defaults filled in."""
    mac = hmac.new(key, json.dumps(["paymux batch json", app, body.reference]).encode(), hashlib.sha256)
    for item in body.items:
        said = item.model_dump(mode="json", exclude={"metadata"})
        mac.update(json.dumps(said, sort_keys=True).encode() + b"\n")
    return JsonItems(body, VERSION + mac.digest())


@dataclass(slots=True)
class Preparing:
    """Makes pages of rows, one after the other."""

    state: PublicState
    app: str
    _seen: set[str] = field(default_factory=set)

    async def page(self, number: int, rows: Sequence[Row]) -> BatchPage:
        """Page `number`. Raises `StoreError`."""
        judged = [(row, await self._judge(row)) for row in rows]
        items = [row.item for row, faults in judged if row.item is not None and _TWICE not in faults]
        named = {item.reference: item.payee() for item in items}
        saved = {reference: payee for reference, payee in named.items() if isinstance(payee, Saved)}
        known = await beneficiaries.resolve_all(self.state.services, self.app, saved)
        made = [_item(row, faults, known) for row, faults in judged]
        return BatchPage(number, tuple(result for result, _ in made), tuple(order for _, order in made))

    async def _judge(self, row: Row) -> Sequence[Fault]:
        """What is wrong with it, as far as that can be told without its beneficiary."""
        if row.item is None:
            return row.faults
        if row.item.reference in self._seen:
            return (_TWICE,)
        self._seen.add(row.item.reference)
        faults = faults_of(self.state, self.app, row.item.money(), row.item.preference)
        faults += faults_of_channels(self.state, row.item.channels)
        faults += faults_of_time(row.item.send_at, None, self.state.services.clock.now())
        return () if faults and await self._is_known(row.item.reference) else faults

    async def _is_known(self, reference: str) -> bool:
        try:
            await read.by_reference(self.state.services, self.app, reference)
        except NotFound:
            return False
        except PayoutArchived:
            return True
        return True


def _item(row: Row, faults: Sequence[Fault], known: Mapping[str, Beneficiary]) -> tuple[ItemResult, ItemOrder | None]:
    order, item = None, row.item
    if item is not None and _TWICE not in faults:
        named = item.payee()
        payee = known.get(item.reference) if isinstance(named, Saved) else named
        faults = [*faults, UNKNOWN] if payee is None else faults
        order = None if payee is None or faults else _order(item, named, payee)
    told = tuple(ItemFault(fault.pointer, fault.code, fault.detail) for fault in faults)
    return ItemResult(row.reference, row.number, None, told), order


def _order(item: BatchOrder, named: Beneficiary | Saved, payee: Beneficiary) -> ItemOrder:
    mixed = payee.name is not None and mixes_scripts(payee.name)
    return ItemOrder(
        reference=item.reference,
        amount=item.money(),
        beneficiary=payee,
        saved=named if isinstance(named, Saved) else None,
        purpose=item.purpose,
        description=item.description,
        metadata=item.metadata,
        terms=item.terms(),
        payer=None if item.payer is None else item.payer.payer(),
        flags={"mixed_scripts": True} if mixed else {},
    )


def paged(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """By as many as a page has."""
    while page := list(islice(rows, PAGE_ITEMS)):
        yield page
