"""What a store must offer so that nodes find each other, and so that one of them does what is done once for all."""

from __future__ import annotations

from gateway.store.port import Store
from gateway.store.records import Duty


async def test_words_are_found_by_how_they_begin(store: Store) -> None:
    """All of them and no others, whatever signs stand in the beginning."""
    for name in ("node.a", "node.b_1", "nodeXa", "other.node.a", "nod%"):
        await store.run(lambda tx, n=name: tx.set_meta(n, f"of {n}"))
    assert await store.read(lambda tx: tx.words("node.")) == {"node.a": "of node.a", "node.b_1": "of node.b_1"}
    assert await store.read(lambda tx: tx.words("nod%")) == {"nod%": "of nod%"}
    assert await store.read(lambda tx: tx.words("nobody.")) == {}


async def test_a_node_that_does_something_for_all_goes_on_doing_it(store: Store) -> None:
    """However often it asks; alone it does everything."""
    for _ in range(2):
        assert [await store.run(lambda tx, d=duty: tx.lead(d)) for duty in Duty] == [True] * len(Duty)
