"""Hunt one mutant through the worlds: the first seed in which an invariant that it breaks does not hold."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from unittest import mock

from gateway.simulation.audit import Auditor, Violation
from gateway.simulation.run import Options, run_seed
from tests.mutants.mutant import Mutant


@dataclass(frozen=True, slots=True)
class Catch:
    """Where a mutant was caught."""

    seed: int
    violation: Violation


def hunt(mutant: Mutant, seeds: Iterable[int], orders: int, options: Options) -> Catch | None:
    """None: it got through all of them. A world ends as soon as the mutant is caught in it."""
    with mutant.patch(), _unheard():
        for seed in seeds:
            found = _caught_in(mutant, seed, orders, options)
            if found is not None:
                return Catch(seed, found)
    return None


def _caught_in(mutant: Mutant, seed: int, orders: int, options: Options) -> Violation | None:
    caught: list[Violation] = []

    def look(violation: Violation) -> None:
        if violation.invariant in mutant.breaks and not caught:
            caught.append(violation)
            asyncio.get_running_loop().stop()

    with mock.patch.object(Auditor, "on_violation", staticmethod(look)), _stopped_early(caught):
        run_seed(seed, orders, options)
    return caught[0] if caught else None


@contextlib.contextmanager
def _stopped_early(caught: list[Violation]) -> Iterator[None]:
    """A loop that was stopped says so with an error; that is what was asked for."""
    try:
        yield
    except RuntimeError:
        if not caught:
            raise


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Tasks that fail by the planted bug, or are left where a world ends: what asyncio says of them is no verdict."""
    said = logging.getLogger("asyncio")
    before, said.disabled = said.disabled, True
    try:
        yield
    finally:
        said.disabled = before
