"""Run one seed: a world of its own, from the roll of the dice to what the auditor found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.simulation.audit import Violation
from gateway.simulation.dice import Dice, seeded_entropy
from gateway.simulation.faults import Fault
from gateway.simulation.listening import listening
from gateway.simulation.loop import VirtualLoop
from gateway.simulation.trace import Line
from gateway.simulation.world import Plan, SimulatedWorld

REAL_CRYPTO_EVERY = 10
"""Every so manieth seed runs with the real signatures, and with httpx."""
BROKEN_EVERY = 6
"""Every so manieth seed is a world whose banks break their contract."""
RESTORE_EVERY = 8
"""Every so manieth seed is a world in which old backups are restored."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is the same for all seeds of a run."""

    folder: Path
    """Prepared by `stage.prepare`."""
    nodes: tuple[int, int] = (1, 3)
    faults: frozenset[Fault] = frozenset(Fault)
    real_crypto: bool = False
    """Real signatures for every seed, not only for every tenth."""
    keep_story: bool = False


@dataclass(frozen=True, slots=True)
class SeedResult:
    """What came of one seed."""

    seed: int
    orders: int
    violations: tuple[Violation, ...]
    counts: Counter[str]
    faults: Counter[Fault]
    finished: int
    """Payouts that are final or held."""
    accepted: int
    trace_hash: str
    broken_contract: bool
    real_crypto: bool
    cpu_s: float = 0.0
    """Processor time it took."""
    story: tuple[Line, ...] = field(default=(), repr=False)
    about: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of the orders that were taken: payout id -> reference."""


def plan_of(seed: int, orders: int, options: Options) -> Plan:
    """What kind of world a seed is. A bank that forgets is enough: no restore beside it."""
    broken = seed % BROKEN_EVERY == 3
    return Plan(
        seed,
        orders,
        options.nodes,
        options.faults,
        broken_contract=broken,
        restores=seed % RESTORE_EVERY == 4 and not broken,
        real_crypto=options.real_crypto or seed % REAL_CRYPTO_EVERY == 0,
        keep_story=options.keep_story,
    )


def run_seed(seed: int, orders: int, options: Options) -> SeedResult:
    """Live through the world of `seed` with `orders` orders."""
    plan = plan_of(seed, orders, options)
    loop = VirtualLoop()
    try:
        with seeded_entropy(Dice(seed)):
            world = SimulatedWorld(plan, options.folder, loop)
            with listening(world.auditor.log_line if plan.real_crypto else None):
                loop.run_until_complete(world.live())
            return _result(world)
    finally:
        with listening(None):
            loop.end()
        loop.close()


def _result(world: SimulatedWorld) -> SeedResult:
    accepted, finished = world.database.finished()
    return SeedResult(
        seed=world.plan.seed,
        orders=world.plan.orders,
        violations=tuple(world.auditor.violations),
        counts=Counter(world.auditor.counts),
        faults=Counter(world.faults.counts),
        finished=finished,
        accepted=accepted,
        trace_hash=world.trace.digest(),
        broken_contract=world.plan.broken_contract,
        real_crypto=world.plan.real_crypto,
        story=tuple(world.trace.kept or ()),
        about={payout_id: reference for reference, payout_id in world.upstream.accepted.items()},
    )
