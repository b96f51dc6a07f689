"""Which nodes are at work on the store, and which configuration each of them runs.

Every node says so every few seconds, as a word of the store that it counts up. Nobody compares clocks: a node is at
work while its word goes on changing, by the clock of whoever looks; so one that was just met is believed with its
second word, and one that has died is gone a moment later. Words that nobody says any more are cleared away.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog

from gateway.domain.errors import StoreError
from gateway.failpoints import Commit, Unit
from gateway.operations.reload_state import Reloads
from gateway.operations.services import Current, Services
from gateway.store.records import Duty
from routing.breaker import BreakerState

log: structlog.stdlib.BoundLogger = structlog.get_logger()

EVERY_S = 10.0
GONE_AFTER_S = 35.0
"""A node whose word stood still for so long is not at work."""
CLEARED_AFTER_S = 600.0
PREFIX = "node."


@dataclass(frozen=True, slots=True)
class Node:
    """A node at work."""

    name: str
    sha256: str
    """Of the configuration file that it runs."""
    resting: frozenset[str] = frozenset()
    """Channels whose breaker it holds open."""


@dataclass(slots=True)
class _Heard:
    word: str
    at_s: float
    moved: bool


class Nodes:
    """What this node has heard of the others."""

    def __init__(self, own: str) -> None:
        self.own = own
        self._beats = 0
        self._heard: dict[str, _Heard] = {}

    def word(self, sha256: str, resting: Iterable[str] = ()) -> str:
        """The next of our own."""
        self._beats += 1
        return json.dumps({"sha256": sha256, "beat": self._beats, "resting": sorted(resting)})

    def heard(self, words: Mapping[str, str], now_s: float) -> None:
        """What stands in the store, by name, at a monotonic time."""
        for name in self._heard.keys() - words.keys():
            del self._heard[name]
        for name, word in words.items():
            known = self._heard.get(name)
            if known is None or known.word != word:
                self._heard[name] = _Heard(word, now_s, moved=known is not None)

    def others(self, now_s: float) -> tuple[Node, ...]:
        """Those that are at work beside us, by name."""
        return tuple(
            Node(name, _sha256(each.word), _resting(each.word))
            for name, each in sorted(self._heard.items())
            if name != self.own and each.moved and now_s - each.at_s < GONE_AFTER_S
        )

    def resting(self, now_s: float) -> frozenset[str]:
        """Channels that any of the others gives a rest."""
        return frozenset[str]().union(*(each.resting for each in self.others(now_s)))

    def silent(self, now_s: float) -> dict[str, str]:
        """Names, with their last words, that nobody has used for long."""
        return {name: each.word for name, each in self._heard.items() if now_s - each.at_s > CLEARED_AFTER_S}


def _sha256(word: str) -> str:
    """Empty where it is written otherwise than we do: another version of ours."""
    try:
        return str(json.loads(word)["sha256"])
    except (ValueError, KeyError, TypeError):
        return ""


def _resting(word: str) -> frozenset[str]:
    """None where it is written otherwise than we do."""
    try:
        return frozenset(map(str, json.loads(word)["resting"]))
    except (ValueError, KeyError, TypeError):
        return frozenset()


async def say(services: Services, nodes: Nodes, sha256: str) -> None:
    """Say that we are at work, hear of the others, clear away who is gone. Raises `StoreError`."""
    open_ones = (name for name, each in services.channels.items() if each.guard.breaker_state is BreakerState.OPEN)
    own, word = PREFIX + nodes.own, nodes.word(sha256, open_ones)
    await services.store.run(Unit(Commit.NODE, lambda tx: tx.set_meta(own, word)))
    words = await services.store.read(lambda tx: tx.words(PREFIX))
    nodes.heard({name.removeprefix(PREFIX): each for name, each in words.items()}, services.clock.monotonic())
    silent = nodes.silent(services.clock.monotonic())
    if silent and await on_duty(services, Duty.CLEARING):
        for name, last in silent.items():
            await _clear(services, PREFIX + name, last)


async def _clear(services: Services, name: str, last: str) -> None:
    await services.store.run(Unit(Commit.NODE, lambda tx: tx.set_meta(name, None) if tx.meta(name) == last else None))


async def keep_saying(current: Current, nodes: Nodes, reloads: Reloads) -> None:
    """Until cancelled. A store that does not answer must not end it: then nobody is heard of, us included."""
    while True:
        services = current.services
        try:
            await say(services, nodes, reloads.state.sha256)
        except StoreError as error:
            log.warning("nodes.not_heard", error=type(error).__name__)
        await services.clock.sleep(EVERY_S)


async def leave(services: Services, nodes: Nodes) -> None:
    """We are not at work any more. If that cannot be said, the others notice."""
    own = PREFIX + nodes.own
    try:
        await services.store.run(Unit(Commit.NODE, lambda tx: tx.set_meta(own, None)))
    except StoreError as error:
        log.warning("nodes.not_left", error=type(error).__name__)


async def on_duty(services: Services, duty: Duty) -> bool:
    """Whether this node is the one that does it for all. Raises `StoreError`."""
    return await services.store.run(Unit(Commit.NODE, lambda tx: tx.lead(duty)))
