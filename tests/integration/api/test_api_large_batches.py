"""The largest batch there may be: one request, flat memory, a result for each row, the same batch when said again."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway.api.batch_csv import ROWS_MAX
from gateway.operations.batch_work import claim, work
from tests.support.api_server import READER, WRITER, Answered, ApiServer, http, parse_answer
from tests.support.batches import CSV, Room, a_csv, csv_row

PEAK_MAX = 16 * 2**20
"""Of a file of 1.2 MB that is read, checked, sealed and stored; held row by row as orders it would be some 60 MiB."""
UPLOADED_WITHIN_S = 300.0
BROKEN = (77, 7_777, 14_999)


def rows(count: int) -> list[str]:
    return [csv_row(f"w-{number}", f"62220000{number:08d}") for number in range(count)]


async def upload(api: ApiServer, reference: str, text: bytes) -> Answered:
    """With all the time that it takes where every allocation is written down."""
    target = f"/v1/batches?reference={reference}"
    request = http("POST", target, text, {**api.auth("POST", target, text, by=WRITER), **CSV})
    reader, writer = await api.connect()
    writer.write(request)
    async with asyncio.timeout(UPLOADED_WITHIN_S):
        answer = await reader.read()
    writer.close()
    return parse_answer(answer)


@contextmanager
def peak() -> Iterator[list[int]]:
    """The most bytes that were held at once inside, beyond those at its beginning."""
    told: list[int] = []
    gc.collect()
    tracemalloc.start()
    try:
        yield told
        told.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


@pytest.mark.timeout(400)
async def test_fifteen_thousand_rows_in_one_request(api: ApiServer) -> None:
    """Accepted at once, in the memory of a few pages beside the file; three rows are at fault, and told so."""
    lines = rows(ROWS_MAX)
    for number in BROKEN:
        lines[number] = lines[number].replace(",12345,", ",12.345,")
    text = a_csv(lines)
    with peak() as small:
        assert (await upload(api, "small", a_csv(rows(300)))).status == 202

    with peak() as large:
        made = await upload(api, "payroll", text)
    assert made.status == 202
    assert made.json()["items"]["total"] == ROWS_MAX
    assert large[0] < PEAK_MAX
    assert large[0] - small[0] < 8 * len(text)
    again = await upload(api, "payroll", text)
    assert (again.status, again.json()["id"]) == (200, made.json()["id"])
    other = await upload(api, "payroll", text[:-1])
    assert (other.status, other.json()["code"]) == (409, "reference_reused")
    page = await api.signed("GET", f"/v1/batches/{made.json()['id']}/items?status=failed", by=READER)
    assert [each["row"] for each in page.json()["data"]] == [number + 2 for number in BROKEN]


@pytest.mark.timeout(400)
async def test_its_rows_become_payouts_page_by_page(api: ApiServer) -> None:
    """In the memory of a page, however large the batch; each payout once, and the pages read to the end."""
    count = 1_000
    made = (await upload(api, "payroll", a_csv(rows(count)))).json()
    with peak() as told:
        while claimed := await claim(api.services):
            for batch in claimed:
                await work(api.services, batch, Room())
    assert told[0] < PEAK_MAX
    batch = (await api.signed("GET", f"/v1/batches/{made['id']}")).json()
    assert batch["items"] == {"total": count, "waiting": 0, "accepted": count, "failed": 0}
    found, more = [], ""
    while True:
        page = (await api.signed("GET", f"/v1/batches/{made['id']}/items?limit=100{more}", by=READER)).json()
        found += page["data"]
        if not page["has_more"]:
            break
        more = f"&cursor={page['next_cursor']}"
    assert [each["reference"] for each in found] == [f"w-{number}" for number in range(count)]
    assert len({each["payout_id"] for each in found}) == count
