"""Payouts are found by their metadata, which no index may know: looked through in steps, each payout on one page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gateway.store.port import Store
from gateway.store.records import PayoutFilter, Position, Reference
from tests.support.builders import NOW, a_payout


async def test_payouts_that_say_so_are_found_in_steps(store: Store) -> None:
    """All of the pairs must be there; a step that finds nothing says where to go on."""
    for number in range(9):
        metadata = {"user": str(number % 3), "shop": "one"} if number else {}
        payout = replace(a_payout(f"r-{number}"), created_at=NOW + timedelta(seconds=number), metadata=metadata)
        await store.run(lambda tx, p=payout: tx.insert(p, Reference(p.id, b"\x01" + bytes(32)), None))  # type: ignore[misc]  # mypy loses the default

    async def ask(
        pairs: dict[str, str], after: Position | None = None, limit: int = 9, look_at: int = 99
    ) -> tuple[list[str], Position | None]:
        wanted = PayoutFilter(metadata=tuple(pairs.items()))
        found, end = await store.read(lambda tx: tx.payouts_saying("acme", wanted, after, limit, look_at))
        return [each.reference for each in found], end

    assert await ask({"user": "1"}) == (["r-7", "r-4", "r-1"], None)
    assert await ask({"user": "1", "shop": "one"}) == (["r-7", "r-4", "r-1"], None)
    assert await ask({"user": "1", "shop": "two"}) == ([], None)
    assert await ask({"nothing": "1"}) == ([], None)
    first, end = await ask({"user": "1"}, limit=1)
    assert first == ["r-7"]
    assert (await ask({"user": "1"}, end))[0] == ["r-4", "r-1"]
    steps, end = [], None
    while True:
        found, end = await ask({"user": "0"}, end, look_at=2)
        steps.append(found)
        if end is None:
            break
    assert [reference for step in steps for reference in step] == ["r-6", "r-3"]
    assert [] in steps
