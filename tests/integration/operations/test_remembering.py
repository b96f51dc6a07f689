"""Nodes on one PostgreSQL tell each other what they saw of the channels: summed, never twice, not lost with them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import URL

from gateway.operations.experience import Experience, in_one_word, parts_in
from gateway.operations.remembering import QUIET_S, recall, remember
from gateway.operations.router import Router
from gateway.operations.services import Services
from gateway.store.glance import ROUTER
from gateway.store.postgres import PostgresStore
from routing.arrival import Arrivals
from routing.feedback import FAILURE, SUCCESS
from routing.health import Health, merge
from tests.support import postgres
from tests.support.clock import FakeClock
from tests.support.scripted import scripted_gateway

CLASS = "bank_account/0"


@dataclass
class Node:
    """One of them: its services, and what it believes."""

    services: Services
    store: PostgresStore

    def sees(self, outcomes: str) -> None:
        """Outcomes of attempts on alpha."""
        at_s = self.services.clock.now().timestamp()
        for outcome in outcomes:
            self.services.router.book.observe("alpha", CLASS, SUCCESS if outcome == "+" else FAILURE, at_s)

    @property
    def own(self) -> Health:
        return {(channel, cls): kept for channel, cls, kept in self.services.router.own().health}["alpha", CLASS]

    @property
    def believes(self) -> Health:
        return self.services.router.book.posterior("alpha", CLASS)

    async def exchanges(self) -> None:
        await remember(self.services)

    async def told(self) -> set[str]:
        """Whose parts there are."""
        return set(parts_in(await self.store.read(lambda tx: tx.meta(ROUTER))))


class Nodes:
    """Opens nodes on one database, with one clock."""

    def __init__(self, url: URL, stack: AsyncExitStack) -> None:
        self._url, self._stack = url, stack
        self._base = scripted_gateway("alpha").services
        clock = self._base.clock
        assert isinstance(clock, FakeClock)
        self.clock = clock

    async def start(self, name: str) -> Node:
        store = postgres.open_store(self._url)
        self._stack.push_async_callback(store.close)
        await store.run(lambda tx: tx.join())
        node = Node(replace(self._base, store=store, node=name, router=Router()), store)
        await recall(node.services)
        return node


@pytest.fixture
def url() -> Iterator[URL]:
    with postgres.fresh_database() as fresh:
        yield fresh


@pytest.fixture
async def nodes(url: URL) -> AsyncIterator[Nodes]:
    async with AsyncExitStack() as stack:
        yield Nodes(url, stack)


def alike(one: Health, other: Health) -> None:
    assert (one.mean, one.strength) == pytest.approx((other.mean, other.strength), rel=1e-4)


async def test_what_one_node_sees_the_other_routes_by(nodes: Nodes) -> None:
    """Both believe the sum of what both saw; told again and again, it counts once."""
    one, two = await nodes.start("one"), await nodes.start("two")
    one.sees("+" * 40 + "-" * 6)
    two.sees("+" * 9)
    for _ in range(3):
        for node in (one, two):
            await node.exchanges()
    for node in (one, two):
        alike(node.believes, merge(one.own, two.own))
    assert one.own.mean < one.believes.mean < two.own.mean
    two.sees("-" * 5)
    await two.exchanges()
    await one.exchanges()
    alike(one.believes, merge(one.own, two.own))


async def test_arrival_times_are_summed_too(nodes: Nodes) -> None:
    """How late a channel is believed to be goes by what all nodes measured."""
    one, two = await nodes.start("one"), await nodes.start("two")
    own = {"one": Arrivals().after(4.0, 1.0), "two": Arrivals().after(9.0, 1.0)}
    one.services.router.take_over(Experience(arrivals={"alpha": own["one"]}))
    two.services.router.take_over(Experience(arrivals={"alpha": own["two"]}))
    for node in (one, two, one):
        await node.exchanges()
    for node in (one, two):
        assert node.services.router.arrivals["alpha"] == own["one"].merge(own["two"])


async def test_nodes_without_news_write_nothing(nodes: Nodes) -> None:
    """A node that saw nothing new leaves the word alone, and one that never saw anything has no part in it."""
    one, two = await nodes.start("one"), await nodes.start("two")
    one.sees("+")
    await one.exchanges()
    word = await one.store.read(lambda tx: tx.meta(ROUTER))
    for node in (one, two, one):
        await node.exchanges()
    assert await one.store.read(lambda tx: tx.meta(ROUTER)) == word
    assert await one.told() == {"one"}


async def test_a_dead_nodes_knowledge_is_taken_over(nodes: Nodes) -> None:
    """It is believed all the time, and after some minutes it is somebody else's own: nothing of it is counted twice."""
    one, two = await nodes.start("one"), await nodes.start("two")
    one.sees("+" * 30)
    two.sees("+" * 4)
    await one.exchanges()
    await one.store.close()
    await two.exchanges()
    both = merge(one.own, two.own)
    alike(two.believes, both)
    nodes.clock.move(QUIET_S - 1)
    two.sees("+")
    await two.exchanges()
    assert await two.told() == {"one", "two"}
    nodes.clock.move(2)
    two.sees("+")
    before = two.believes
    await two.exchanges()
    assert await two.told() == {"two"}
    alike(two.believes, before)
    three = await nodes.start("three")
    alike(three.believes, two.own)


async def test_a_node_that_was_only_quiet_begins_a_new_part(nodes: Nodes) -> None:
    """Its part was taken over: it hears of it as another's, and does not tell it a second time."""
    one, two = await nodes.start("one"), await nodes.start("two")
    one.sees("+" * 30)
    await one.exchanges()
    await two.exchanges()
    nodes.clock.move(QUIET_S + 1)
    two.sees("-")
    await two.exchanges()
    assert await two.told() == {"two"}
    whole = two.believes
    await one.exchanges()
    alike(one.believes, whole)
    assert await one.told() == {"two"}
    one.sees("+")
    await one.exchanges()
    assert await one.told() == {"one", "two"}
    assert one.own.strength < two.own.strength


async def test_who_hears_of_it_with_news_of_its_own_counts_nothing_twice(nodes: Nodes) -> None:
    """As above, where the quiet one wakes up with news and not only to listen."""
    one, two = await nodes.start("one"), await nodes.start("two")
    one.sees("+" * 30)
    for node in (one, two):
        await node.exchanges()
    nodes.clock.move(QUIET_S + 1)
    two.sees("-")
    await two.exchanges()
    one.sees("+")
    for node in (one, two, one):
        await node.exchanges()
    alike(one.believes, two.believes)
    assert 25 < sum(two.believes.counts[0]) < 33  # of 32; 60 if the part counted twice


async def test_who_starts_alone_goes_on_with_all_of_it(nodes: Nodes) -> None:
    """A restart knows what the nodes before it knew, as its own: an outage is noticed as fast as ever."""
    one = await nodes.start("one")
    one.sees("+" * 60)
    await one.exchanges()
    before = one.own
    await one.store.close()
    again = await nodes.start("another name")
    alike(again.own, before)
    assert await again.told() == {"another name"}


async def test_an_older_versions_word_is_taken_over(nodes: Nodes) -> None:
    """It was of one node, and is nobody's now."""
    one = await nodes.start("one")
    one.sees("++-+")
    old = json.dumps({"v": 1, **one.services.router.own().as_part()})
    await one.store.run(lambda tx: tx.set_meta(ROUTER, old))
    two = await nodes.start("two")
    alike(two.own, one.own)


async def test_a_part_that_cannot_be_read_is_let_go_of(nodes: Nodes) -> None:
    """And the others are heard all the same."""
    one = await nodes.start("one")
    one.sees("++-+")
    parts = {"broken": {"health": 3}, "fine": one.services.router.own().as_part()}
    await one.store.run(lambda tx: tx.set_meta(ROUTER, in_one_word(parts)))
    two = await nodes.start("two")
    alike(two.believes, one.own)
    assert await two.told() == {"fine"}
