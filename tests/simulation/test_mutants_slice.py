"""A few planted bugs, each caught within a few seeds; `simulate --mutants` hunts all of them."""

from __future__ import annotations

import pytest

from gateway.simulation import stage
from gateway.simulation.run import Options
from tests.mutants.catalogue import MUTANTS
from tests.mutants.hunt import hunt

SEEDS = range(1, 7)
ORDERS = 40
SOON_CAUGHT = (
    "timeout-is-failed",
    "any-error-is-not-sent",
    "not-found-fails-over",
    "notified-failure-is-final",
    "returned-is-rejected",
    "second-attempt-beside-a-live-one",
    "send-before-commit",
    "repeat-under-a-new-id",
    "repeat-with-new-bytes",
    "asked-elsewhere",
    "fence-does-not-rise",
    "wish-is-granted-at-once",
    "notification-acknowledged-first",
)
"""One of each kind; in a normal world each is found in the first minutes of the first seeds."""


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Options:
    folder = tmp_path_factory.mktemp("simulation")
    stage.prepare(folder)
    return Options(folder)


@pytest.mark.parametrize("name", SOON_CAUGHT)
def test_a_planted_bug_is_caught(name: str, options: Options) -> None:
    """By an invariant that it breaks, not by any other."""
    mutant = next(each for each in MUTANTS if each.name == name)
    caught = hunt(mutant, SEEDS, ORDERS, options)
    assert caught is not None, f"{name} lived through {SEEDS}"
    assert caught.violation.invariant in mutant.breaks
