"""The calls about batches: many orders in one body, and what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Literal, Protocol

from aiohttp import web
from pydantic import Field

from gateway.admission.limits import Load
from gateway.api import cursor
from gateway.api.batch_csv import BYTES_MAX as CSV_BYTES_MAX
from gateway.api.batch_csv import Row, scan
from gateway.api.batch_items import Preparing, json_items, paged
from gateway.api.framing import is_csv
from gateway.api.keys import Scope
from gateway.api.problems import Code, Fault, Refused
from gateway.api.query import BATCH_REFERENCE, ITEM_PARAMS, LIMIT_DEFAULT
from gateway.api.reading import read as read_body
from gateway.api.replies import FaultReply, Reply, Timestamp
from gateway.api.responses import as_json
from gateway.api.routes import Answer, Call, Route
from gateway.api.schemas import CreateBatch
from gateway.api.state import PublicState
from gateway.domain.batch import Batch, BatchForm, BatchPage, BatchStatus, ItemStatus
from gateway.domain.batch_view import batch_view
from gateway.domain.identity import BATCH_ID_PATTERN, PAYOUT_ID_PATTERN
from gateway.domain.view import Json
from gateway.operations import batches
from gateway.operations.batches import Item

JSON_BYTES_MAX = 1024 * 1024
OPEN_ITEMS_MAX = 300_000
"""Items of an app's batches that were not dealt with yet; a batch beyond that is told to come later."""
PAGES_AT_ONCE = 5
"""Stored in one transaction."""
LIST = "batch_items"


class BatchCountsReply(Reply):
    """How many items there are, and how many in each status."""

    total: int
    waiting: int
    accepted: int
    """They are payouts."""
    failed: int
    """They are none, and will be none."""


class BatchReply(Reply):
    """A batch as it is now."""

    object: Literal["batch"]
    id: Annotated[str, Field(pattern=BATCH_ID_PATTERN)]
    reference: str
    form: BatchForm
    status: BatchStatus
    items: BatchCountsReply
    ended: dict[str, int]
    """How its payouts ended, by status: as far as they were looked at, all of them once it is completed."""
    created_at: Timestamp
    completed_at: Timestamp | None


class BatchItemReply(Reply):
    """What became of one item."""

    number: int
    """From 1, as they were sent."""
    row: int | None
    """Of a CSV: as a spreadsheet counts, the header being row 1."""
    reference: str | None
    status: ItemStatus
    payout_id: Annotated[str, Field(pattern=PAYOUT_ID_PATTERN)] | None
    faults: list[FaultReply]
    """Each `pointer` leads into the item, as if it were an order by itself."""


class BatchItemPage(Reply):
    """As they were sent."""

    data: list[BatchItemReply]
    has_more: bool
    next_cursor: str | None


class Brought(Protocol):
    """What a call brought: how many items, what they are known by, and the items themselves."""

    @property
    def form(self) -> BatchForm: ...

    @property
    def count(self) -> int: ...

    @property
    def fingerprint(self) -> bytes: ...

    def read(self) -> Iterator[Row]: ...


class Batches:
    """Handlers of /v1/batches. Each passes the caller's app on: a foreign batch is not there."""

    def __init__(self, state: PublicState) -> None:
        self._state = state

    async def create(self, call: Call) -> web.StreamResponse:
        """202 once all of it is durable; 200 where the same was brought before."""
        reference, brought = await self._brought(call)
        services = self._state.services
        known = await batches.find(services, call.app, reference, brought.fingerprint)
        if known is not None:
            return _told(known, replayed=True)
        if not await batches.has_room(services, call.app, OPEN_ITEMS_MAX):
            detail = "as many items of this app's batches wait to become payouts as may"
            raise Refused(Code.QUOTA_EXCEEDED, detail, headers=(("Retry-After", "60"),))
        begun = await batches.begin(services, call.app, reference, brought.form, brought.count)
        await self._store(begun, brought)
        batch, replayed = await batches.ready(services, begun, brought.fingerprint)
        return _told(batch, replayed=replayed)

    async def _brought(self, call: Call) -> tuple[str, Brought]:
        """What came, read as far as it must be to refuse it as a whole. In a thread: it may be megabytes."""
        key, given = self._state.services.keys.fingerprint, call.one("reference")
        if is_csv(call.request):
            if not isinstance(given, str):
                raise _refused("?reference", "missing", "a CSV is given its reference in the query")
            return given, await asyncio.to_thread(scan, call.body, key, call.app, given)
        body = await asyncio.to_thread(read_body, CreateBatch, call.body)
        if given not in (None, body.reference):
            raise _refused("?reference", "not_the_same", "in JSON the reference stands in the body")
        return body.reference, await asyncio.to_thread(json_items, body, key, call.app)

    async def _store(self, batch: Batch, brought: Brought) -> None:
        """Page by page, so that a large one needs the memory of a few pages and the loop is never held for long."""
        preparing, ready = Preparing(self._state, batch.app), list[BatchPage]()
        rows = paged(brought.read())
        number = 0
        while page := await asyncio.to_thread(next, rows, None):
            ready.append(await preparing.page(number, page))
            number += 1
            if len(ready) == PAGES_AT_ONCE:
                await batches.add(self._state.services, batch, ready)
                ready = []
        if ready:
            await batches.add(self._state.services, batch, ready)

    async def get(self, call: Call) -> web.StreamResponse:
        return as_json(batch_view(await batches.get(self._state.services, call.app, call.path["batch_id"])))

    async def items(self, call: Call) -> web.StreamResponse:
        wanted, limit, status = call.path["batch_id"], call.one("limit"), call.one("status")
        key, given, bound = self._state.cursor_key, call.one("cursor"), [LIST, wanted, status and str(status)]
        after = int(cursor.open_text(key, call.app, bound, given)) if isinstance(given, str) else 0
        size = limit if isinstance(limit, int) else LIMIT_DEFAULT
        only = status if isinstance(status, ItemStatus) else None
        found, has_more = await batches.items(self._state.services, call.app, wanted, after, size, only)
        following = cursor.sign_text(key, call.app, bound, str(found[-1].number)) if has_more else None
        return as_json({"data": [*map(item_view, found)], "has_more": has_more, "next_cursor": following})


def _told(batch: Batch, *, replayed: bool) -> web.StreamResponse:
    if replayed:
        return as_json(batch_view(batch), 200, {"Idempotent-Replayed": "true"})
    return as_json(batch_view(batch), 202, {"Location": f"/v1/batches/{batch.id}"})


def _refused(pointer: str, code: str, detail: str) -> Refused:
    return Refused(Code.INVALID_REQUEST, faults=[Fault(pointer, code, detail)])


def item_view(item: Item) -> Json:
    """The item object of docs/batches.md."""
    result = item.result
    return {
        "number": item.number,
        "row": result.row,
        "reference": result.reference,
        "status": str(result.status),
        "payout_id": result.payout_id,
        "faults": [{"pointer": each.pointer, "code": each.code, "detail": each.detail} for each in result.faults],
    }


def batch_routes(handlers: Batches) -> tuple[Route, ...]:
    """Many orders at once."""
    refused = frozenset({Code.INVALID_REQUEST})
    return (
        Route(
            "POST",
            "/v1/batches",
            Scope.SUBMIT,
            "createBatch",
            "Order many payouts in one call, as JSON or as CSV",
            handlers.create,
            (
                Answer(
                    202, "All of it is stored; each item becomes a payout", BatchReply, headers={"Location": "Its path"}
                ),
                Answer(
                    200,
                    "The reference was known, with this content",
                    BatchReply,
                    headers={"Idempotent-Replayed": "true"},
                ),
            ),
            refused | {Code.INVALID_JSON, Code.REFERENCE_REUSED, Code.COMMIT_UNKNOWN},
            body=CreateBatch,
            query=(BATCH_REFERENCE,),
            body_bytes_max=JSON_BYTES_MAX,
            csv_bytes_max=CSV_BYTES_MAX,
            load=Load.BATCHES,
        ),
        Route(
            "GET",
            "/v1/batches/{batch_id}",
            Scope.QUERY,
            "getBatch",
            "Read a batch: how far it is",
            handlers.get,
            (Answer(200, "The batch", BatchReply),),
            refused | {Code.NOT_FOUND},
        ),
        Route(
            "GET",
            "/v1/batches/{batch_id}/items",
            Scope.QUERY,
            "listBatchItems",
            "What became of each item: its payout, or its faults",
            handlers.items,
            (Answer(200, "A page of items", BatchItemPage),),
            refused | {Code.NOT_FOUND},
            query=ITEM_PARAMS,
        ),
    )
