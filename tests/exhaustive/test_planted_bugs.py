"""The search can fail: every planted bug is found, by the law that it breaks, with the story of how."""

from __future__ import annotations

import pytest

from tests.exhaustive.planted import BUGS, WORLDS, Bug
from tests.exhaustive.search import search
from tests.exhaustive.world import Bounds, Model

WORLDS_MAX = 45_000


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_a_planted_bug_is_found(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    """One wrong decision leads to a wrong world, and the shortest way there is told."""
    bug.plant(monkeypatch)
    seen = search(Model(bug.bounds), WORLDS_MAX)
    assert seen.wrong is not None
    assert bug.breaks in seen.wrong
    assert len(seen.story) > 2


@pytest.mark.parametrize("bounds", WORLDS.values(), ids=WORLDS)
def test_without_a_bug_the_same_worlds_are_sound(bounds: Bounds) -> None:
    """What is found is the bug's doing, not the world's."""
    assert search(Model(bounds), WORLDS_MAX).wrong is None
