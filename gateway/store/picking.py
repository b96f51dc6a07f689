"""What a worker says of the payouts it wants."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.admission.fair import FairTurns


@dataclass(frozen=True, slots=True)
class Pick:
    """Whose turn it is, and which channels have their fill: nothing is taken up whose next step leads there."""

    turns: FairTurns = field(default_factory=FairTurns)
    full: frozenset[str] = frozenset()
