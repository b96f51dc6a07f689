"""Payout × bank's truth × crash × late answer × duplicate × reorder: searched breadth first, and nothing pays twice."""

from __future__ import annotations

from tests.exhaustive.scopes import CONTRACTS, SMALL, WIDE
from tests.exhaustive.search import search
from tests.exhaustive.world import Model


def test_the_small_world_is_seen_whole_and_sound() -> None:
    """One thing under way at a time, two channels, every crash, loss and delay: no world breaks an invariant."""
    seen = search(Model(SMALL), 1_000_000)
    assert seen.wrong is None, seen.story
    assert seen.exhausted
    assert seen.worlds > 100_000
    for ending in ("paid", "failed", "canceled", "returned", "processing, held"):
        assert seen.endings[ending] > 100, seen.endings


def test_the_wide_world_is_sound_as_far_as_it_is_seen() -> None:
    """Two nodes without leases, people, any contract: the nearest worlds break no invariant. The command goes on."""
    seen = search(Model(WIDE), 60_000)
    assert seen.wrong is None, seen.story
    assert seen.worlds >= 60_000
    assert seen.endings["paid"] > 1_000


def test_any_contract_is_sound_as_far_as_it_is_seen() -> None:
    """Channels that refuse repeats, or take each for a new order, are paid by once or not at all."""
    seen = search(Model(CONTRACTS), 40_000)
    assert seen.wrong is None, seen.story
    assert seen.worlds >= 40_000
    assert seen.endings["paid"] > 500
