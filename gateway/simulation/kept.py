"""Results that were written down: a long run that is cut off goes on where it was, and its seeds are lived once.

A file of lines of JSON, one a seed. Each carries a digest of the life it tells of: the code, the number of orders, the
nodes, the faults, the crypto, the rule. A line of another life is left alone and never counted; half a line, as a kill
leaves it, is no line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

import adapters
import gateway
import routing
from gateway.simulation.run import SeedResult
from gateway.simulation.work import SeedTask


@dataclass(frozen=True, slots=True)
class _Line:
    life: str
    result: SeedResult


_LINE = TypeAdapter(_Line)


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of results; None keeps nothing."""

    path: Path | None

    def of(self, tasks: Sequence[SeedTask]) -> dict[int, SeedResult]:
        """Seed -> result, of those tasks that were lived through before, by this very code."""
        if self.path is None or not self.path.exists():
            return {}
        wanted = {task.seed: life_of(task) for task in tasks}
        lines = _lines(self.path)
        return {line.result.seed: line.result for line in lines if wanted.get(line.result.seed) == line.life}

    def add(self, task: SeedTask, result: SeedResult) -> None:
        """Write it down, on a line of its own even behind half a line."""
        if self.path is not None:
            with self.path.open("ab") as file:
                file.write(b"\n" + _LINE.dump_json(_Line(life_of(task), result)) + b"\n")


def _lines(path: Path) -> Iterator[_Line]:
    for text in path.read_bytes().splitlines():
        try:
            yield _LINE.validate_json(text)
        except ValidationError:
            continue


def life_of(task: SeedTask) -> str:
    """What decides the course of a world beside its seed, as a digest."""
    options = task.options
    facts = (
        _sources(),
        task.orders,
        options.nodes,
        sorted(options.faults),
        options.real_crypto,
        task.baseline,
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:24]


@cache
def _sources() -> str:
    """A digest of the code: every module of the three packages, by its place and its text."""
    digest = hashlib.sha256()
    for package in (gateway, adapters, routing):
        for root in map(Path, package.__path__):
            for path in sorted(root.rglob("*.py")):
                digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
