"""Run the planted bugs: each must be caught by an invariant that it breaks. They come with a checkout, not a wheel."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from gateway.domain.errors import PaymuxError
from gateway.simulation.run import Options

SEEDS = range(50)


class NoMutants(PaymuxError):
    """This is not a checkout."""


@dataclass(frozen=True, slots=True)
class Hunt:
    """One mutant to be hunted."""

    name: str
    orders: int
    options: Options


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a mutant was caught, and where."""

    name: str
    rule: str
    seed: int | None = None
    invariant: int | None = None
    what: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "caught": self.seed is not None, "seed": self.seed, "invariant": self.invariant}


def names() -> list[str]:
    """Every mutant there is. Raises `NoMutants`."""
    return [mutant.name for mutant in _catalogue()]


def hunt(task: Hunt) -> Verdict:
    """Let the mutant live through seed after seed until it is caught."""
    mutant = next(each for each in _catalogue() if each.name == task.name)
    caught = import_module("tests.mutants.hunt").hunt(mutant, SEEDS, task.orders, task.options)
    if caught is None:
        return Verdict(task.name, mutant.rule)
    return Verdict(task.name, mutant.rule, caught.seed, caught.violation.invariant, caught.violation.what)


def _catalogue() -> tuple[Any, ...]:
    try:
        found: tuple[Any, ...] = import_module("tests.mutants.catalogue").MUTANTS
    except ModuleNotFoundError as error:
        raise NoMutants(f"the mutants are part of a checkout (tests/mutants), run this from one: {error}") from error
    return found


def table(verdicts: list[Verdict]) -> list[str]:
    """One line each."""
    caught = sum(verdict.seed is not None for verdict in verdicts)
    return [*map(line, verdicts), f"{caught} of {len(verdicts)} caught"]


def line(verdict: Verdict) -> str:
    """What is told of one, also while the others are still hunted."""
    where = f"seed {verdict.seed:>2}, invariant {verdict.invariant}" if verdict.seed is not None else "NOT CAUGHT"
    return f"{verdict.name:<44}{where:<26}{verdict.rule}"
