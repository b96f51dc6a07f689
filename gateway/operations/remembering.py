"""What the router knows outlives a restart, and the nodes on one store tell each other: each writes its own part of one
word (`experience`), and routes by all parts together. Losing it costs a few dearer payouts.

A node that is gone wrote down what it knew until seconds before. Its part is taken over by a node that starts and finds
itself alone; else by one that has something to write, once the part has not changed for minutes. No clock of another
machine is asked. Was it only quiet, nothing is lost: it finds that its part is somebody else's by now, and begins a
new one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce

import structlog

from gateway.domain.errors import StoreError
from gateway.failpoints import Commit, Unit
from gateway.operations.experience import NOBODY, Experience, Part, in_one_word, parts_in
from gateway.operations.services import Current, Services
from gateway.store.glance import ROUTER
from gateway.store.port import Tx

log: structlog.stdlib.BoundLogger = structlog.get_logger()

EVERY_S = 5.0
"""How often it is told and heard: what a node's death may lose."""
QUIET_S = 300.0
"""What has not changed for so long may be taken over."""

Parts = Mapping[str, Part]
NOTHING = Experience().as_part()


@dataclass(frozen=True, slots=True)
class _Exchanged:
    """What a unit did to the word."""

    parts: Parts
    """As they are now."""
    word: str
    taken: Experience
    """What was taken over."""
    lost: bool
    """Somebody took over what we had written."""


async def recall(services: Services) -> None:
    """Take in what is known; what cannot be read is let go of, and said. Written anew at each start."""

    def gone(tx: Tx, parts: Parts) -> Parts:
        alone = tx.neighbours() == 0
        # A part in our name is that of an earlier life: process ids come again.
        return {node: part for node, part in parts.items() if alone or node in (services.node, NOBODY)}

    await _exchange(services, gone)


async def remember(services: Services) -> None:
    """Tell what is new here, hear what is new elsewhere."""
    exchange = services.router.exchange
    try:
        word = await services.store.read(lambda tx: tx.meta(ROUTER))
        if services.router.own().as_part() != (exchange.told or NOTHING):
            await _exchange(services, lambda _tx, parts: _quiet(services, parts))
        elif word != exchange.word:
            parts = _readable(word)
            if exchange.told is not None and services.node not in parts:
                services.router.forget_own()
                exchange.told = None
            _hear(services, parts, word)
    except StoreError as error:
        log.warning("router.memory_not_kept", error=type(error).__name__)


def _quiet(services: Services, parts: Parts) -> Parts:
    """The parts that still say what they said minutes ago."""
    heard, before_s = services.router.exchange.heard, services.clock.monotonic() - QUIET_S
    return {node: part for node, (part, since_s) in heard.items() if since_s <= before_s and parts.get(node) == part}


async def _exchange(services: Services, gone: Callable[[Tx, Parts], Parts]) -> None:
    router, me = services.router, services.node
    own, told = router.own(), router.exchange.told

    def unit(tx: Tx) -> _Exchanged:
        parts = _readable(tx.meta(ROUTER))
        lost = told is not None and me not in parts
        taken = gone(tx, parts)
        found = reduce(Experience.plus, map(Experience.from_part, taken.values()), Experience())
        mine = (Experience() if lost else own).plus(found)
        left = {node: part for node, part in parts.items() if node not in taken} | {me: mine.as_part()}
        if not mine:
            del left[me]
        word = in_one_word(left)
        tx.set_meta(ROUTER, word)
        return _Exchanged(left, word, found, lost)

    done = await services.store.run(Unit(Commit.ROUTER, unit))
    if done.lost:
        router.forget_own()
    router.take_over(done.taken)
    router.exchange.told = done.parts.get(me)
    _hear(services, done.parts, done.word)


def _hear(services: Services, parts: Parts, word: str | None) -> None:
    """What the others say by now, and since when each says so."""
    exchange, now_s = services.router.exchange, services.clock.monotonic()
    before, others = exchange.heard, {node: part for node, part in parts.items() if node != services.node}
    if others != {node: part for node, (part, _) in before.items()}:
        services.router.hear({node: Experience.from_part(part) for node, part in others.items()})
    exchange.word = word
    exchange.heard = {
        node: before[node] if node in before and before[node][0] == part else (part, now_s)
        for node, part in others.items()
    }


def _readable(word: str | None) -> dict[str, Part]:
    """The parts of the word that can be read."""
    try:
        parts = parts_in(word)
    except ValueError as error:
        log.warning("router.memory_unreadable", detail=str(error))
        return {}
    found: dict[str, Part] = {}
    for node, part in parts.items():
        try:
            Experience.from_part(part)
        except ValueError as error:
            log.warning("router.memory_unreadable", of=node, detail=str(error))
        else:
            found[node] = part
    return found


async def keep_remembering(current: Current) -> None:
    """Every few seconds, until cancelled."""
    while True:
        await current.services.clock.sleep(EVERY_S)
        await remember(current.services)
